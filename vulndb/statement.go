package vulndb

import (
	"bytes"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/vulndb/version"
)

// Statement is one assertion that speaks about a component's version.
type Statement struct {
	Source, Publisher, Record, Date string
	Product, Version, Said          string
	Status                          Status
	Scheme                          version.Scheme
	WhyScheme                       string
	Only                            string   // the statement holds only so
	Files                           []string // source files that hold the mistake
	ByName                          bool     // the product was found by its name alone
	Why                             string   // the justification of a VEX statement, as it stands there
	Unordered                       bool     // the record also names ranges that have no order here (git commits)
	Below                           string   // the first version that the range does not have, "" where none is said
	rank                            int
	record                          uint32
	group                           int
	scoped                          bool
	score                           int
	names                           []string
}

// String explains the statement.
func (s Statement) String() string {
	by := s.Source
	if s.Publisher != "" {
		by += " (" + s.Publisher + ")"
	}
	at := ""
	if s.Date != "" {
		at = " of " + s.Date
	}
	only := ""
	if s.Only != "" {
		only = " " + s.Only
	}
	why := ""
	if s.Why != "" {
		why = fmt.Sprintf(" (%q)", s.Why)
	}
	text := fmt.Sprintf("%s %s%s: %s%s, %s: %s%s; %s compared as %s (%s)", by, s.Record, at, s.Product, only, s.Said, s.Status, why, s.Version, s.Scheme, s.WhyScheme)
	if s.Unordered {
		text += "; its ranges of commits were not ordered"
	}
	return text
}

// statements appends what speaks about one product in one version.
func (d *DB) statements(out []Statement, w want, c *wardein.Component) ([]Statement, error) {
	var body sql.RawBytes
	rows, err := d.assertions.Query(w.product)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	if !rows.Next() {
		return out, rows.Err()
	}
	if err := rows.Scan(&body); err != nil {
		return nil, err
	}
	byName := strings.HasPrefix(w.product, "name:")
	keys := map[version.Scheme][]byte{}
	all := packed{b: body}
	var ch chunk
	var hits []stored
	for all.next(&ch) {
		if d.gone[ch.record] {
			continue
		}
		hits = hits[:0]
		one := packed{b: ch.body}
		var s stored
		for one.statement(&s) {
			key, ok := keys[s.scheme]
			if !ok {
				key, _ = version.Key(s.scheme, w.version) // nil: not of this scheme
				keys[s.scheme] = key
			}
			if len(s.lo)+len(s.hi) == 0 || key != nil && compares(key, s.lo, s.hi, s.one) {
				hits = append(hits, s)
			}
		}
		if one.bad {
			return nil, errPacked
		}
		if len(hits) == 0 {
			continue
		}
		source, names := d.source(int(ch.feed)), ch.names()
		for i := range hits {
			h := &hits[i]
			// In each group, what names the version goes before the default.
			if h.def && slices.ContainsFunc(hits, func(o stored) bool { return o.group == h.group && !o.def }) {
				continue
			}
			words := h.said()
			s := Statement{Source: source, Product: w.product, Version: w.version, Said: words, Status: h.Status, Scheme: h.scheme, Only: string(h.only), Why: string(h.why), Unordered: h.unordered, Below: below(h, words),
				rank: w.rank, record: ch.record, group: h.group, scoped: h.flags&hasScope != 0, score: ch.score, names: names}
			s.ByName = w.byName
			if byName {
				if s.ByName, err = vendorOf(&s, c); err != nil {
					continue // another vendor's product of that name
				}
			}
			if source == CSAF || source == OpenVEX {
				s.rank = vendor
				if s.Only != "" {
					s.rank = elsewhere
				}
			} else if s.rank == vendor {
				s.rank = upstream
			}
			out = append(out, s)
		}
	}
	if all.bad {
		return nil, errPacked
	}
	return out, nil
}

// below is the version at which a statement's range ends, itself not in it.
func below(s *stored, said string) string {
	if s.one || len(s.hi) == 0 || s.hi[len(s.hi)-1] == 0 || s.Status != Affected {
		return ""
	}
	if i := strings.LastIndex(said, "< "); i >= 0 {
		return said[i+2:]
	}
	return ""
}

var errOther = errors.New("another vendor's")

// vendorOf tells whether a statement about a product's name alone can be about
// the component, from the vendor that it names.
func vendorOf(s *Statement, c *wardein.Component) (byName bool, err error) {
	v, _, _ := strings.Cut(strings.TrimPrefix(s.Only, "vendor "), "; ")
	if !strings.HasPrefix(s.Only, "vendor ") {
		return true, nil
	}
	norm := func(s string) string { return strings.TrimPrefix(Named(s), "name:") }
	v = norm(v)
	_, s.Only, _ = strings.Cut(s.Only, "; ")
	switch v {
	case "", "n/a", "unknown", "[unknown]", "unspecified", "-":
		return true, nil
	case norm(c.Vendor), norm(c.Product), norm(c.Name):
		return v != norm(c.Vendor), nil
	}
	if c.Vendor != "" && strings.HasPrefix(v, norm(c.Vendor)) || strings.HasPrefix(v, norm(c.Name)) || c.Name == "linux" && v == "kernel" {
		return true, nil
	}
	return false, errOther
}

func whyScheme(s *Statement) string {
	if _, why, ok := SchemeOf(s.Product); ok {
		return why
	}
	switch family, _, ok := strings.Cut(s.Product, "/"); {
	case strings.HasPrefix(s.Product, "purl:"):
		return "the package URL's type"
	case ok && !strings.HasPrefix(s.Product, "cpe:") && !strings.HasPrefix(s.Product, "name:"):
		return "packages of " + family
	case s.Scheme != version.Generic:
		return "the record says so"
	}
	return "the record names no scheme"
}

// compares tells whether a key lies in a stored range.
func compares(key, lo, hi []byte, exact bool) bool {
	if exact {
		return bytes.Equal(key, lo)
	}
	return (len(lo) == 0 || bytes.Compare(lo, key) <= 0) && (len(hi) == 0 || bytes.Compare(key, hi) < 0)
}
