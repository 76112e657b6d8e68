package feed

import (
	"slices"
	"strings"

	"github.com/wardein/wardein/vulndb"
)

var vexStatus = map[string]vulndb.Status{"affected": vulndb.Affected, "not_affected": vulndb.NotAffected, "fixed": vulndb.Fixed, "under_investigation": vulndb.Investigating}

// openVEX reads an OpenVEX document
// (https://github.com/openvex/spec, v0.2.0, and v0.0.1's plain names).
func openVEX(it item, out func(any)) error {
	c := cursor{b: it.raw}
	id, author, date := "", "", ""
	type statement struct {
		names  []string
		status string
		why    [2]string
		date   string
		things []thing
	}
	var list []statement
	c.object(func(name string) {
		switch name {
		case "@id":
			id = c.text()
		case "author":
			author = c.text()
		case "timestamp", "last_updated":
			date = max(date, c.text())
		case "statements":
			c.array(func() {
				var s statement
				c.object(func(name string) {
					switch name {
					case "vulnerability":
						if c.peek() == '"' {
							s.names = append(s.names, c.text())
							return
						}
						c.object(func(name string) {
							switch name {
							case "name":
								s.names = append(s.names, c.text())
							case "aliases":
								s.names = append(s.names, c.texts()...)
							default:
								c.skip()
							}
						})
					case "status":
						s.status = c.text()
					case "justification":
						s.why[0] = c.text()
					case "impact_statement":
						s.why[1] = c.text()
					case "timestamp", "last_updated":
						s.date = max(s.date, c.text())
					case "products":
						c.array(func() { s.things = append(s.things, vexProduct(&c)...) })
					default:
						c.skip()
					}
				})
				list = append(list, s)
			})
		default:
			c.skip()
		}
	})
	if i := strings.LastIndexByte(id, '/'); i >= 0 {
		id = id[i+1:]
	}
	if err := c.finish(strings.ReplaceAll(id, " ", "_")); err != nil {
		return named(id, err)
	}
	// The newest statement about a vulnerability is the record's.
	by := map[string]*vulndb.Record{}
	var order []string
	for i, s := range list {
		status, ok := vexStatus[s.status]
		k := slices.IndexFunc(s.names, isCVE)
		if !ok || k < 0 {
			out(unordered(1))
			continue
		}
		name := s.names[k]
		r := by[name]
		if r == nil {
			r = &vulndb.Record{Name: name + "@" + strings.ReplaceAll(id, " ", "_"), About: []string{name}, Publisher: author, Date: date}
			by[name], order = r, append(order, name)
		}
		for j := range s.things {
			s.things[j].why = justified(s.why[:]...)
			if s.things[j].says(r, status, i) == 0 {
				r.Unordered++
			}
		}
	}
	for _, name := range order {
		out(by[name])
	}
	return nil
}

// vexProduct reads a product; where it has parts, the statement is about
// those.
func vexProduct(c *cursor) (list []thing) {
	if c.peek() == '"' {
		return []thing{{purls: []string{c.text()}}}
	}
	var own thing
	c.object(func(name string) {
		switch name {
		case "@id":
			own.purls = append(own.purls, c.text())
		case "identifiers":
			c.object(func(kind string) {
				switch kind {
				case "purl":
					own.purls = append(own.purls, c.text())
				case "cpe23", "cpe22":
					own.cpes = append(own.cpes, c.text())
				default:
					c.skip()
				}
			})
		case "hashes":
			c.object(func(kind string) {
				if kind == "sha-256" {
					own.digests = append(own.digests, c.text())
				} else {
					c.skip()
				}
			})
		case "subcomponents":
			c.array(func() {
				if c.depth > 8 {
					c.skip()
					return
				}
				list = append(list, vexProduct(c)...)
			})
		default:
			c.skip()
		}
	})
	slices.Sort(own.purls)
	own.purls = slices.Compact(own.purls)
	if len(list) == 0 {
		return []thing{own}
	}
	for i := range list {
		if list[i].in == "" && len(own.purls) > 0 {
			list[i].in, list[i].whole = own.purls[0], valid(own.digests)
		}
	}
	return list
}
