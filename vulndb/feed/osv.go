package feed

import (
	"fmt"
	"math"
	"strings"

	gocvss20 "github.com/pandatix/go-cvss/20"
	gocvss30 "github.com/pandatix/go-cvss/30"
	gocvss31 "github.com/pandatix/go-cvss/31"
	gocvss40 "github.com/pandatix/go-cvss/40"

	"github.com/wardein/wardein/vulndb"
	"github.com/wardein/wardein/vulndb/version"
)

// osv reads one record of the OSV schema (https://ossf.github.io/osv-schema/,
// 1.7).
func osv(it item, out func(any)) error {
	r := &vulndb.Record{}
	c := cursor{b: it.raw}
	group := 0
	var names []string
	c.object(func(name string) {
		switch name {
		case "id":
			r.Name = c.text()
		case "modified":
			r.Date = c.text()
		case "withdrawn":
			r.Withdrawn = c.text() != ""
		case "aliases", "upstream":
			names = append(names, c.texts()...)
		case "severity":
			c.array(func() { osvSeverity(&c, r) })
		case "affected":
			c.array(func() {
				osvAffected(&c, r, group)
				group++
			})
		default:
			c.skip()
		}
	})
	if err := c.finish(r.Name); err != nil {
		return named(r.Name, err)
	}
	if !isCVE(r.Name) {
		for _, n := range names {
			if isCVE(n) && !contains(r.About, n) && len(r.About) < 1000 {
				r.About = append(r.About, n)
			}
		}
	}
	out(r)
	return nil
}

func osvSeverity(c *cursor, r *vulndb.Record) {
	vector := ""
	c.object(func(name string) {
		if name == "score" {
			vector = c.text()
		} else {
			c.skip()
		}
	})
	if s := score(vector); s > 0 && (r.Score == 0 || strings.HasPrefix(vector, "CVSS:3")) {
		r.Score, r.Vector = s, vector
	}
}

// score is the base score of a CVSS vector, times ten; 0 when it is none.
func score(vector string) int {
	var f float64
	switch {
	case len(vector) > 300:
	case strings.HasPrefix(vector, "CVSS:3.1/"):
		if v, err := gocvss31.ParseVector(vector); err == nil {
			f = v.BaseScore()
		}
	case strings.HasPrefix(vector, "CVSS:3.0/"):
		if v, err := gocvss30.ParseVector(vector); err == nil {
			f = v.BaseScore()
		}
	case strings.HasPrefix(vector, "CVSS:4.0/"):
		if v, err := gocvss40.ParseVector(vector); err == nil {
			f = v.Score()
		}
	case strings.HasPrefix(vector, "AV:"):
		if v, err := gocvss20.ParseVector(vector); err == nil {
			f = v.BaseScore()
		}
	}
	return int(math.Round(f * 10))
}

type osvRange struct {
	kind   string
	events [][2]string // introduced, fixed, last_affected, limit; version
}

// osvAffected reads an element of "affected". The list of versions counts only
// where no range has an order.
func osvAffected(c *cursor, r *vulndb.Record, group int) {
	eco, pkg := "", ""
	var ranges []osvRange
	var versions []string
	c.object(func(name string) {
		switch name {
		case "package":
			c.object(func(name string) {
				switch name {
				case "ecosystem":
					eco = c.text()
				case "name":
					pkg = c.text()
				default:
					c.skip()
				}
			})
		case "ranges":
			c.array(func() {
				var g osvRange
				c.object(func(name string) {
					switch name {
					case "type":
						g.kind = c.text()
					case "events":
						c.array(func() {
							c.object(func(name string) { g.events = append(g.events, [2]string{name, c.scalar()}) })
						})
					default:
						c.skip()
					}
				})
				ranges = append(ranges, g)
			})
		case "versions":
			versions = c.texts()
		default:
			c.skip()
		}
	})
	if c.err != nil || pkg == "" {
		return
	}
	product, scheme, known := vulndb.Package(eco, pkg)
	add := func(status vulndb.Status, rg vulndb.Range, err error) {
		if err != nil || len(r.Says) >= maxSays {
			r.Unordered++
			return
		}
		r.Says = append(r.Says, vulndb.Assertion{Product: product, Status: status, Range: rg, Group: group})
	}
	ordered := false
	for _, g := range ranges {
		sch := scheme
		switch {
		case g.kind == "SEMVER" && !known:
			sch = version.Semver
		case g.kind == "GIT" || !known:
			r.Unordered++
			continue
		}
		ordered = true
		var from, fixed string
		open := false
		for _, e := range g.events {
			switch {
			case e[0] == "introduced" && !open:
				from, open = e[1], true
			case e[0] == "fixed" && open:
				rg, err := vulndb.Between(sch, vulndb.Bound{Version: from}, vulndb.Bound{Version: e[1]})
				add(vulndb.Affected, rg, err)
				open, fixed = false, e[1]
			case e[0] == "last_affected" && open:
				rg, err := vulndb.Between(sch, vulndb.Bound{Version: from}, vulndb.Bound{Version: e[1], Beyond: true})
				add(vulndb.Affected, rg, err)
				open = false
			}
		}
		if open {
			rg, err := vulndb.Between(sch, vulndb.Bound{Version: from}, vulndb.Bound{})
			add(vulndb.Affected, rg, err)
		} else if fixed != "" && vulndb.BackPorts(product) {
			rg, err := vulndb.Between(sch, vulndb.Bound{Version: fixed}, vulndb.Bound{})
			add(vulndb.Fixed, rg, err)
		}
	}
	if ordered {
		return
	}
	for _, v := range versions {
		rg, err := vulndb.Exactly(scheme, v)
		add(vulndb.Affected, rg, err)
	}
}

// isCVE tells a CVE name, CVE-YEAR-NUMBER.
func isCVE(s string) bool {
	if len(s) < 10 || len(s) > 24 || s[:4] != "CVE-" || s[8] != '-' {
		return false
	}
	for i := 4; i < len(s); i++ {
		if (s[i] < '0' || s[i] > '9') && i != 8 {
			return false
		}
	}
	return true
}

// named is an error that knows which record it is about.
func named(name string, err error) error {
	if name == "" || len(name) > 100 {
		return err
	}
	return &recordError{name, err}
}

type recordError struct {
	name string
	err  error
}

func (e *recordError) Error() string { return e.err.Error() }
func (e *recordError) Unwrap() error { return e.err }

// finish checks that a record was read to its end and has a name.
func (c *cursor) finish(name string) error {
	switch {
	case c.err != nil:
		return c.err
	case name == "":
		return fmt.Errorf("no name in it")
	case len(name) > 200 || strings.ContainsAny(name, " =\t\n\x00"):
		return fmt.Errorf("bad name: %.60q", name)
	}
	if c.space(); c.i < len(c.b) {
		return fmt.Errorf("at byte %d: more behind the record", c.i)
	}
	return nil
}
