package feed

import (
	"slices"
	"strings"

	"github.com/wardein/wardein/vulndb"
	"github.com/wardein/wardein/vulndb/version"
)

// nvd reads one element of "vulnerabilities" of the NVD API 2.0
// (https://csrc.nist.gov/schema/nvd/api/2.0/cve_api_json_2.0.schema).
func nvd(it item, out func(any)) error {
	r := &vulndb.Record{}
	c := cursor{b: it.raw}
	best := 0
	c.object(func(name string) {
		if name != "cve" {
			c.skip()
			return
		}
		c.object(func(name string) {
			switch name {
			case "id":
				r.Name = c.text()
			case "sourceIdentifier":
				r.Publisher = c.text()
			case "lastModified":
				r.Date = c.text()
			case "vulnStatus":
				r.Withdrawn = c.text() == "Rejected"
			case "metrics":
				c.object(func(kind string) {
					rank := map[string]int{"cvssMetricV31": 8, "cvssMetricV30": 6, "cvssMetricV40": 4, "cvssMetricV2": 2}[kind]
					if rank == 0 {
						c.skip()
						return
					}
					c.array(func() { nvdMetric(&c, r, rank, &best) })
				})
			case "configurations":
				c.array(func() { nvdConfiguration(&c, r) })
			default:
				c.skip()
			}
		})
	})
	if err := c.finish(r.Name); err != nil {
		return named(r.Name, err)
	}
	out(r)
	return nil
}

func nvdMetric(c *cursor, r *vulndb.Record, rank int, best *int) {
	score, vector := 0, ""
	c.object(func(name string) {
		switch name {
		case "type":
			if c.text() == "Primary" {
				rank++
			}
		case "cvssData":
			score, vector = c.cvss()
		default:
			c.skip()
		}
	})
	if rank > *best {
		*best, r.Score, r.Vector = rank, score, vector
	}
}

// cpeMatch is one line of a node.
type cpeMatch struct {
	criteria             string
	vulnerable           bool
	from, after, to, end string
}

// nvdConfiguration reads one configuration: the vulnerable lines are
// statements; the others say beside what.
func nvdConfiguration(c *cursor, r *vulndb.Record) {
	and := false
	var lines []cpeMatch
	c.object(func(name string) {
		switch name {
		case "operator":
			and = c.text() == "AND"
		case "nodes":
			c.array(func() {
				c.object(func(name string) {
					if name != "cpeMatch" {
						c.skip()
						return
					}
					c.array(func() {
						var m cpeMatch
						c.object(func(name string) {
							switch name {
							case "vulnerable":
								m.vulnerable = c.scalar() == "true"
							case "criteria":
								m.criteria = c.text()
							case "versionStartIncluding":
								m.from = c.text()
							case "versionStartExcluding":
								m.after = c.text()
							case "versionEndIncluding":
								m.to = c.text()
							case "versionEndExcluding":
								m.end = c.text()
							default:
								c.skip()
							}
						})
						if len(lines) < maxSays {
							lines = append(lines, m)
						}
					})
				})
			})
		default:
			c.skip()
		}
	})
	beside := ""
	if and {
		var with []string
		for _, m := range lines {
			if p, _, ok := vulndb.CPE(m.criteria); ok && !m.vulnerable && !slices.Contains(with, p) && len(with) < 3 {
				with = append(with, p)
			}
		}
		if len(with) > 0 {
			beside = "with " + strings.Join(with, " or ")
		}
	}
	for _, m := range lines {
		if !m.vulnerable {
			continue
		}
		product, attr, ok := vulndb.CPE(m.criteria)
		if !ok {
			r.Unordered++
			continue
		}
		a, err := cpeRange(product, attr, m)
		if err != nil {
			r.Unordered++
			continue
		}
		only := []string{}
		if beside != "" {
			only = append(only, beside)
		}
		for i, what := range map[int]string{7: "edition", 8: "for", 9: "on"} {
			if attr[i] != "*" && attr[i] != "-" && attr[i] != "" {
				only = append(only, what+" "+attr[i])
			}
		}
		if attr[3] == "-" {
			only = append(only, "of versions that are not stated")
		}
		slices.Sort(only)
		a.Only = strings.Join(only, ", ")
		r.Says = append(r.Says, a)
	}
}

func cpeRange(product string, attr [11]string, m cpeMatch) (a vulndb.Assertion, err error) {
	a = vulndb.Assertion{Product: product}
	scheme, _, _ := vulndb.SchemeOf(product)
	if v := attr[3]; v != "*" && v != "-" && v != "" {
		if u := attr[4]; u != "*" && u != "-" && u != "" {
			if scheme == version.OpenSSL && len(u) == 1 {
				v += u
			} else {
				v += "-" + u
			}
		}
		a.Range, err = vulndb.Exactly(scheme, v)
		return a, err
	}
	from, to := vulndb.Bound{Version: m.from}, vulndb.Bound{Version: m.end}
	if m.after != "" {
		from = vulndb.Bound{Version: m.after, Beyond: true}
	}
	if m.to != "" {
		to = vulndb.Bound{Version: m.to, Beyond: true}
	}
	a.Range, err = vulndb.Between(scheme, from, to)
	return a, err
}
