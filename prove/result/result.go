// Package result reads what wardein compare and wardein equiv wrote, as far as
// claims and profiles ask for it.
package result

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/tomlfile"
)

// The verbs whose results are read.
const (
	Compare = "compare"
	Equiv   = "equiv"
)

// The verdicts of equiv.
const (
	Identical     = "identical"
	Equivalent    = "equivalent"
	NotComparable = "not comparable"
	Different     = "different"
)

// Kinds are the kinds of rows that compare has, and Changes how a row stands to
// the older release.
var (
	Kinds = []string{"finding", "component", "listener", "account", "key", "setuid", "init", "remote", "code", "mode", "owner", "device", "xattr", "link", "type",
		"setting", "program", "text", "strings", "header", "binary", "file", "moved", "packing", "time", "gap", "coverage"}
	Changes = []string{"new", "gone", "changed"}
)

// Result is what one comparison gave.
type Result struct {
	Digest wardein.Digest // of the file
	Verb   string
	// Release is the digest of the release that it is about: the newer of two,
	// the shipped one. Other is the older, or the rebuilt one.
	Release, Other string
	// Verdict and Unexplained, in bytes, are of equiv.
	Verdict     string
	Unexplained int64
	// Covered of All bytes could be compared.
	Covered, All int64
	// Alike tells of a comparison of two releases that both were judged by the
	// same rules, data and date.
	Alike bool
	// Gaps is how many parts compare did not look into by itself.
	Gaps int
	// Rows are those of a comparison. Left is how many its file leaves out.
	Rows []Row
	Left int64
	// Unknown is by kind how many rows are of what one side was not looked at for.
	Unknown map[string]int64
}

// Row is one difference between two releases.
type Row struct {
	Kind, Change, What, Path, Was, Is string
}

// String says what a row is.
func (r *Row) String() string {
	s := r.Change + " " + r.Kind
	if r.What != "" {
		s += " " + r.What
	}
	if r.Was != "" && r.Is != "" {
		return s + ": " + r.Was + " → " + r.Is
	}
	if r.Was+r.Is != "" {
		s += ": " + r.Was + r.Is
	}
	return s
}

// MaxSize is the length of the longest file that Parse takes, in bytes.
const MaxSize = 64 << 20

// Parse reads a file that wardein compare --json or wardein equiv --json wrote.
// Texts stay escaped, as in a report file.
func Parse(b []byte) (*Result, error) {
	if len(b) > MaxSize {
		return nil, fmt.Errorf("%d bytes, at most %d are read", len(b), MaxSize)
	}
	var f file
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, fmt.Errorf("not a result: %w", err)
	}
	r := &Result{Digest: sha256.Sum256(b)}
	var err error
	switch {
	case f.Version == "":
		return nil, errors.New("not a result: no version")
	case !strings.HasPrefix(f.Version, "1."):
		return nil, fmt.Errorf("version %.20q, expected 1", f.Version)
	case f.Shipped != nil && f.Rebuilt != nil && f.Bytes != nil:
		err = r.equiv(&f)
	case f.Old != nil && f.New != nil && f.NotComparable != nil:
		err = r.compare(&f)
	default:
		return nil, errors.New("neither a result of compare, of two releases, nor one of equiv")
	}
	if err != nil {
		return nil, err
	}
	for _, d := range []string{r.Release, r.Other} {
		if p, err := wardein.ParseDigest(d); err != nil || p.String() != d {
			return nil, fmt.Errorf("%.80q is not a SHA-256 in small letters", d)
		}
	}
	if r.Covered < 0 || r.Covered > r.All || r.All > 1<<60 || r.Unexplained < 0 || r.Left < 0 {
		return nil, fmt.Errorf("%d of %d bytes were compared", r.Covered, r.All)
	}
	return r, nil
}

// file has the fields of both forms that are read.
type file struct {
	Version          string
	Shipped, Rebuilt *struct{ Digest string }
	Verdict          string
	Bytes            *struct {
		Identical   int64 `json:",string"`
		Explained   int64 `json:",string"`
		Unexplained int64 `json:",string"`
		NotCovered  int64 `json:"not_covered,string"`
	}

	Alike         bool
	Old, New      *struct{ Digest string }
	NotComparable *struct {
		All   int64 `json:"all_bytes,string"`
		Bytes int64 `json:",string"`
	} `json:"not_comparable"`
	Gaps   []struct{}
	Counts []struct {
		Kind                        string
		New, Gone, Changed, Unknown int64
	}
	Rows []struct{ Kind, Change, What, Old, New, Was, Is string }
}

func (r *Result) equiv(f *file) error {
	b := f.Bytes
	for _, n := range []int64{b.Identical, b.Explained, b.Unexplained, b.NotCovered} {
		if n < 0 || n > 1<<58 {
			return fmt.Errorf("a size of %d", n)
		}
	}
	r.Verb, r.Release, r.Other, r.Verdict = Equiv, f.Shipped.Digest, f.Rebuilt.Digest, f.Verdict
	r.Unexplained, r.Covered = b.Unexplained, b.Identical+b.Explained+b.Unexplained
	r.All = r.Covered + b.NotCovered
	if !slices.Contains([]string{Identical, Equivalent, NotComparable, Different}, r.Verdict) {
		return fmt.Errorf("verdict %.40q", r.Verdict)
	}
	return nil
}

func (r *Result) compare(f *file) error {
	if n := f.NotComparable; n.All < 0 || n.All > 1<<60 || n.Bytes < 0 || n.Bytes > n.All {
		return fmt.Errorf("%d of %d bytes were not compared", n.Bytes, n.All)
	}
	r.Verb, r.Release, r.Other, r.Alike, r.Gaps = Compare, f.New.Digest, f.Old.Digest, f.Alike, len(f.Gaps)
	r.All = f.NotComparable.All
	r.Covered = r.All - f.NotComparable.Bytes
	r.Unknown = map[string]int64{}
	counted := int64(0)
	for _, c := range f.Counts {
		for _, n := range []int64{c.New, c.Gone, c.Changed, c.Unknown} {
			if n < 0 || n > 1<<40 {
				return fmt.Errorf("a count of %d", n)
			}
			counted += n
		}
		r.Unknown[c.Kind] += c.Unknown
	}
	for _, x := range f.Rows {
		path := x.New
		if path == "" {
			path = x.Old
		}
		r.Rows = append(r.Rows, Row{Kind: x.Kind, Change: x.Change, What: x.What, Path: path, Was: x.Was, Is: x.Is})
	}
	if r.Left = counted - int64(len(r.Rows)); r.Left < 0 {
		return fmt.Errorf("%d rows are counted, and there are %d", counted, len(r.Rows))
	}
	return nil
}

// Ask chooses rows of a comparison of two releases.
type Ask struct {
	Kinds   []string `toml:"kinds"`   // none: all
	Changes []string `toml:"changes"` // none: new
	Most    int64    `toml:"most"`    // so many are no reason
}

// Check says what is wrong with the values of its keys.
func (a *Ask) Check(k *tomlfile.Keys, at func(key string) string) {
	words := func(key string, list, of []string) {
		for i, w := range list {
			tomlfile.OneOf(k, fmt.Sprintf("%s[%d]", at(key), i+1), w, of...)
			if slices.Contains(list[:i], w) {
				k.Bad(fmt.Sprintf("%s[%d]", at(key), i+1), "%.40q stands there twice", w)
			}
		}
	}
	words("kinds", a.Kinds, Kinds)
	words("changes", a.Changes, Changes)
	if a.Most < 0 || a.Most > 1<<40 {
		k.Bad(at("most"), "%d, expected 0 or more", a.Most)
	}
}

// String says what is asked.
func (a *Ask) String() string {
	s := "new"
	if len(a.Changes) > 0 {
		s = strings.Join(a.Changes, " or ")
	}
	if len(a.Kinds) > 0 {
		s += " " + strings.Join(a.Kinds, ", ")
	} else {
		s += " rows of any kind"
	}
	return s
}

func (a *Ask) wants(kind string) bool { return len(a.Kinds) == 0 || slices.Contains(a.Kinds, kind) }

// Rows are the rows that are asked for.
func (a *Ask) Rows(r *Result) (rows []Row) {
	for _, x := range r.Rows {
		if a.wants(x.Kind) && (slices.Contains(a.Changes, x.Change) || len(a.Changes) == 0 && x.Change == "new") {
			rows = append(rows, x)
		}
	}
	return rows
}

// Blind says why nothing follows from a comparison that has no such row; "" where
// it was looked for in full. nothing tells that not even rows that are there mean
// anything.
func (a *Ask) Blind(r *Result) (why string, nothing bool) {
	unknown := int64(0)
	for kind, n := range r.Unknown {
		if a.wants(kind) {
			unknown += n
		}
	}
	switch {
	case !r.Alike:
		return "the two releases were judged by different rules, data or dates", true
	case r.Left > 0:
		return fmt.Sprintf("its file leaves %d rows out", r.Left), false
	case unknown > 0:
		return fmt.Sprintf("one side was not looked at for %d rows of these kinds", unknown), false
	case r.Gaps > 0:
		return fmt.Sprintf("it has %d gaps of its own", r.Gaps), false
	case r.Covered < r.All:
		return uncovered(r), false
	}
	return "", false
}

// uncovered says how much could not be compared.
func uncovered(r *Result) string {
	ppm := wardein.Share(r.All-r.Covered, r.All)
	if ppm < 1000 {
		return "less than 0.1 % of bytes could not be compared"
	}
	return fmt.Sprintf("%d.%d %% of bytes could not be compared", ppm/10_000, ppm%10_000/1000)
}

// Equals is what a result of equiv says of the question whether the shipped
// release is the rebuilt one: yes where nothing differs beyond the rules, no
// where something does, and neither where a part could not be compared.
func (r *Result) Equals() (yes, no bool, because string) {
	switch r.Verdict {
	case Different:
		return false, true, fmt.Sprintf("different from sha256:%.12s…: %d bytes that no rule explains", r.Other, r.Unexplained)
	case NotComparable:
		return false, false, fmt.Sprintf("not comparable with sha256:%.12s…: %s", r.Other, uncovered(r))
	}
	return true, false, fmt.Sprintf("%s to sha256:%.12s…", r.Verdict, r.Other)
}
