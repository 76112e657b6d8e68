package equiv

import (
	"fmt"

	"github.com/wardein/wardein/internal/canon"
)

// Verdict is what the comparison of a file, or of a release, ended with.
type Verdict string

// The verdicts, from the one that says most for the release to the one that
// says most against it.
const (
	Identical     Verdict = "identical"
	Equivalent    Verdict = "equivalent"
	NotComparable Verdict = "not comparable"
	Different     Verdict = "different"
)

// Sentences say what each verdict means, and no more.
var Sentences = map[Verdict]string{
	Identical:     "Every byte that was compared is the same.",
	Equivalent:    "Every byte that differs is explained by a named rule and the declared facts. Whether the facts are true, and what the source does, this does not say.",
	NotComparable: "Nothing that was compared differs beyond the rules, but part of the release could not be compared; of that part nothing is said.",
	Different:     "Bytes differ that no rule explains. Why they do is not said: a difference is no accusation.",
}

// worse is the verdict that counts of two.
func worse(a, b Verdict) Verdict {
	rank := func(v Verdict) int {
		for i, w := range []Verdict{"", Identical, Equivalent, NotComparable, Different} {
			if v == w {
				return i
			}
		}
		return 0
	}
	if rank(b) > rank(a) {
		return b
	}
	return a
}

// Version is the version of the result's JSON.
const Version = "1.0"

// Bounds on what a result lists; all of it is counted.
const (
	MaxDifferences = 200     // of a file
	MaxFiles       = 20_000  // that are not identical
	maxListed      = 100_000 // differences of all files
)

// Result is what a comparison gave: the predicate of an equivalence statement
// about the shipped release. Paths and quoted bytes stand in it escaped.
type Result struct {
	Version  string  `json:"version"`
	Module   string  `json:"module"` // version of wardein
	Shipped  Release `json:"shipped"`
	Rebuilt  Release `json:"rebuilt"`
	Rebuilt2 *Second `json:"rebuilt2"` // null where there was no second rebuild
	Facts    string  `json:"facts"`    // digest of the file, "" for none
	Verdict  Verdict `json:"verdict"`
	Sentence string  `json:"sentence"`

	Bytes Bytes       `json:"bytes"`
	Files Counts      `json:"files"`
	Rules []RuleCount `json:"rules"` // that explained something, or named it
	// List has the files that are not identical: in tree order, those that
	// stand nowhere in the shipped release last.
	List     []File `json:"list"`
	Unlisted int64  `json:"unlisted"` // files that are not identical and not in List
}

// Release names one side.
type Release struct {
	Digest string `json:"digest"`
	Nodes  int64  `json:"nodes"`
	Gaps   int64  `json:"gaps"`
	// Compiler is the one that is declared.
	Compiler string `json:"compiler"`
}

// Second is the second rebuild: where it differs from the first is the noise
// of the build itself.
type Second struct {
	Release Release `json:"release"`
	Files   int64   `json:"files"`                // that differ between the rebuilds
	Bytes   int64   `json:"bytes,string"`         // that do
	Outside int64   `json:"outside,string"`       // bytes of the shipped release that differ and are not among them
	OutFile int64   `json:"outside_files"`        // files with such bytes
	Unseen  int64   `json:"not_comparable_files"` // files that only one rebuild has, or that could not be compared
}

// Bytes are those of the shipped release, each counted once: those of a
// container that members have, with the members.
type Bytes struct {
	Identical   int64 `json:"identical,string"`
	Explained   int64 `json:"explained,string"`
	Unexplained int64 `json:"unexplained,string"`
	NotCovered  int64 `json:"not_covered,string"`
}

// Total is their sum.
func (b *Bytes) Total() int64 { return b.Identical + b.Explained + b.Unexplained + b.NotCovered }

func (b *Bytes) add(o Bytes) {
	b.Identical += o.Identical
	b.Explained += o.Explained
	b.Unexplained += o.Unexplained
	b.NotCovered += o.NotCovered
}

// Counts are files by verdict.
type Counts struct {
	Identical     int64 `json:"identical"`
	Equivalent    int64 `json:"equivalent"`
	Different     int64 `json:"different"`
	NotComparable int64 `json:"not_comparable"`
}

func (c *Counts) add(v Verdict) {
	switch v {
	case Identical:
		c.Identical++
	case Equivalent:
		c.Equivalent++
	case Different:
		c.Different++
	case NotComparable:
		c.NotComparable++
	}
}

// RuleCount is what a rule accounted for.
type RuleCount struct {
	Rule        string `json:"rule"`
	Class       Class  `json:"class"`
	Accepted    bool   `json:"accepted"`
	Bytes       int64  `json:"bytes,string"`
	Differences int64  `json:"differences"`
	Files       int64  `json:"files"`
}

// File is a file, or what a container says of it, that is not identical.
type File struct {
	Path string `json:"path"` // in the shipped release; where it has none, in the rebuilt
	// Counterpart is its path in the rebuilt release where it is another, and
	// "" where there is none.
	Counterpart string  `json:"counterpart"`
	Only        string  `json:"only"` // "shipped", "rebuilt": it is in one release only
	Format      string  `json:"format"`
	Size        int64   `json:"size,string"`
	Verdict     Verdict `json:"verdict"`
	Why         string  `json:"why"`
	Bytes       Bytes   `json:"bytes"`
	// Differences are in order, those that no rule explains before others.
	Differences []Difference `json:"differences"`
	Left        int64        `json:"left"` // that are not listed

	seq int // place in the tree
}

// Difference is one run that differs.
type Difference struct {
	Where    string `json:"where"`    // section, field or table
	Function string `json:"function"` // in code
	Addr     string `json:"addr"`     // in code and data of a program, hexadecimal
	Shipped  Run    `json:"shipped"`
	Rebuilt  Run    `json:"rebuilt"`
	Before   string `json:"before"` // the bytes, or the instruction, shipped
	After    string `json:"after"`
	Rule     string `json:"rule"` // "" where none explains it
	Accepted bool   `json:"accepted"`
	Why      string `json:"why"`
	Bytes    int64  `json:"bytes,string"`
	// Noise says whether the two rebuilds differ there, too: "inside",
	// "outside", or "" where there was one rebuild.
	Noise string `json:"noise"`
}

// Run is where bytes stand in the file.
type Run struct {
	Off int64 `json:"off,string"`
	Len int64 `json:"len,string"`
}

// JSON is the result as canonical JSON.
func (r *Result) JSON() ([]byte, error) { return canon.Of(r) }

// Read reads what JSON wrote, and no other form of it.
func Read(b []byte) (*Result, error) {
	r := new(Result)
	if err := canon.Into(b, r); err != nil {
		return nil, err
	}
	if r.Version != Version {
		return nil, fmt.Errorf("version %q, expected %q", r.Version, Version)
	}
	if s, ok := Sentences[r.Verdict]; !ok || s != r.Sentence {
		return nil, fmt.Errorf("verdict %q with the sentence %.80q", r.Verdict, r.Sentence)
	}
	return r, nil
}
