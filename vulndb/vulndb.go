// Package vulndb is the database of statements about vulnerabilities: who
// says which versions of which product are affected, fixed or not affected,
// and when. It keeps assertions, never a verdict: Match brings what the
// sources say together and explains which of them decides.
//
// A database is one SQLite file that never changes. A new one is written
// aside and takes the old one's place at once (Writer).
//
//	feed       what was imported: source, date, digest, how many records
//	malformed  records that could not be read, by name
//	record     what one source says about one vulnerability: score, date
//	word       publishers and CVSS vectors, which many records have
//	gone       records whose place a newer one took
//	product    names: cpe:VENDOR:PRODUCT, name:PRODUCT, debian:12/SOURCE,
//	           alpine:v3.19/PACKAGE, npm/NAME, purl:TYPE/NAME, sha256:DIGEST
//	assertion  by product, packed: status, and versions between lo and hi
//	scope      source files that a record says hold the mistake
//	kev, epss  known exploited, and how likely it is to be
//
// lo and hi are keys of package version: lo <= key < hi, compared as bytes.
package vulndb

import (
	"fmt"
	"strings"

	"github.com/wardein/wardein/vulndb/version"
)

// Status is what a source says about versions of a product.
type Status uint8

// The statuses. The numbers stand in databases.
const (
	Affected Status = iota
	Fixed
	NotAffected
	Investigating
)

var statusNames = [...]string{"affected", "fixed", "not affected", "under investigation"}

func (s Status) String() string { return statusNames[min(int(s), len(statusNames)-1)] }

// The sources, by the form of what was imported.
const (
	NVD     = "nvd"
	CVE     = "cve"
	OSV     = "osv"
	CSAF    = "csaf"
	OpenVEX = "openvex"
	Alpine  = "alpine"
	Debian  = "debian"
	KEV     = "kev"
	EPSS    = "epss"
)

// Feed is one thing that was imported.
type Feed struct {
	Source string
	// Name is the feed's own name where it has one ("v3.19 main"), or that of
	// the file or folder without its path.
	Name string
	// Date is the day that the feed says it was made, else that of its newest
	// record (YYYY-MM-DD).
	Date   string
	Digest string // sha256 of the file
	// Snapshot tells that the feed is all that its source says under this
	// name: an older one goes.
	Snapshot bool
	// Records were read and kept; Older are those whose newer version was
	// there already; Malformed could not be read.
	Records, Assertions, Older, Malformed int64
	// Unordered counts ranges whose versions have no order here (git hashes).
	Unordered int64
}

// Record is what one source says about one vulnerability.
type Record struct {
	Name      string   // CVE-2022-0090, DSA-5173-1
	About     []string // vulnerabilities that it is about; none: Name
	Publisher string   // who wrote it
	Date      string   // of the last change, YYYY-MM-DD
	Score     int      // CVSS base score times ten; 0 none
	Vector    string   // CVSS vector
	Withdrawn bool     // rejected: it says nothing any more
	Says      []Assertion
	Scopes    []Scope
	Unordered int64 // ranges that were left out: no order is known for them
}

// Scope narrows a group of assertions to source files.
type Scope struct {
	Group int
	Files []string
}

// Assertion is one statement.
type Assertion struct {
	Product string
	Status  Status
	Range
	// Group binds assertions of one record that speak together: in each, what
	// names versions goes before what holds for all others.
	Group int
	// Default holds for the versions that no other of the group names.
	Default bool
	// Only narrows the statement ("with cpe:…", "edition community", "vendor
	// …"), "" does not.
	Only string
	// Why is the justification that a VEX statement gives.
	Why string
}

// Range is a run of versions of one scheme. The zero value is all versions.
type Range struct {
	Scheme version.Scheme
	// Said is the range in words: ">= 1.2, < 1.4".
	Said   string
	lo, hi []byte
	exact  bool
}

// All is a Range of all versions.
func All(s version.Scheme) Range { return Range{Scheme: s, Said: "all versions"} }

// Exactly is a Range of one version.
func Exactly(s version.Scheme, v string) (Range, error) {
	k, err := version.Key(s, v)
	return Range{Scheme: s, Said: "= " + v, lo: k, exact: true}, err
}

// Bound is an end of a Range; the zero value is none.
type Bound struct {
	Version string
	// Beyond moves the bound behind the version: a lower one excludes it, an
	// upper one includes it. "6.1.*" as an upper one includes all of 6.1.
	Beyond bool
}

// Between is a Range between two bounds, both of which may be none.
func Between(s version.Scheme, from, to Bound) (Range, error) {
	r := Range{Scheme: s}
	var said []string
	var err error
	if from.Version != "" && from.Version != "*" {
		// 0 as a lower bound is what feeds write for "from the beginning"
		if from.Version != "0" || from.Beyond {
			if r.lo, err = version.Key(s, from.Version); err != nil {
				return r, err
			}
			op := ">= "
			if from.Beyond {
				r.lo, op = append(r.lo, 0), "> "
			}
			said = append(said, op+from.Version)
		}
	}
	if prefix, all := strings.CutSuffix(to.Version, "*"); all && prefix != "" {
		prefix = strings.TrimSuffix(prefix, ".")
		if r.hi, err = version.Above(s, prefix); err != nil {
			return r, err
		}
		said = append(said, "<= "+to.Version)
	} else if to.Version != "" && to.Version != "*" {
		if r.hi, err = version.Key(s, to.Version); err != nil {
			return r, err
		}
		op := "< "
		if to.Beyond {
			// No key begins another: this stands right behind it.
			r.hi, op = append(r.hi, 0), "<= "
		}
		said = append(said, op+to.Version)
	}
	r.Said = strings.Join(said, ", ")
	if r.Said == "" {
		r.Said = "all versions"
	}
	if r.hi != nil && string(r.lo) >= string(r.hi) {
		return r, fmt.Errorf("%s range ends before it begins: %s", s, r.Said)
	}
	return r, nil
}

// Exploited is an entry of a list of known exploited vulnerabilities.
type Exploited struct {
	Name, Title, Added, Due string
	Ransomware              bool
}

// Likelihood is an EPSS score: probability and percentile, times 100,000.
type Likelihood struct {
	Name              string
	Score, Percentile int
}
