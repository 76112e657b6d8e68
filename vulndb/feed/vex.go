package feed

import (
	"strings"

	"github.com/wardein/wardein/vulndb"
	"github.com/wardein/wardein/vulndb/version"
)

// thing is a product as a VEX document identifies it.
type thing struct {
	purls, cpes, digests []string
	span, why            string   // version range of the branch; justification
	in                   string   // the statement is about it as a part of this
	whole                []string // digests of that
}

// says makes the statements of one status about a thing; 0 when nothing
// identifies it.
func (t *thing) says(r *vulndb.Record, status vulndb.Status, group int) (n int) {
	add := func(product string, rg vulndb.Range, err error) {
		if err != nil || len(r.Says) >= maxSays {
			r.Unordered++
			return
		}
		n++
		only := ""
		if t.in != "" {
			only = "as a part of " + cutText(t.in, 160)
		}
		r.Says = append(r.Says, vulndb.Assertion{Product: product, Status: status, Range: rg, Group: group, Only: only, Why: t.why})
		for _, d := range t.whole { // of a whole that is known by its digest
			r.Says = append(r.Says, vulndb.Assertion{Product: "sha256:" + d, Status: status, Range: vulndb.All(version.Generic), Group: group, Only: product, Why: t.why})
		}
	}
	for _, s := range t.purls {
		product, v, scheme, ok := vulndb.PURL(s)
		switch {
		case !ok:
		case v != "":
			rg, err := vulndb.Exactly(scheme, v)
			add(product, rg, err)
		default:
			rg, err := t.between(scheme)
			add(product, rg, err)
		}
	}
	for _, s := range t.cpes {
		product, attr, ok := vulndb.CPE(s)
		if !ok {
			continue
		}
		scheme, _, _ := vulndb.SchemeOf(product)
		if v := attr[3]; v != "*" && v != "-" && v != "" {
			rg, err := vulndb.Exactly(scheme, v)
			add(product, rg, err)
		} else {
			rg, err := t.between(scheme)
			add(product, rg, err)
		}
	}
	for _, s := range valid(t.digests) {
		add("sha256:"+s, vulndb.All(version.Generic), nil)
	}
	return n
}

// valid are those of the digests that are of SHA-256, in lower case.
func valid(digests []string) (list []string) {
	for _, s := range digests {
		if len(s) == 64 {
			list = append(list, strings.ToLower(s))
		}
	}
	return list
}

// between reads a branch's range: vers:rpm/>=1|<2, or <2 alone.
func (t *thing) between(scheme version.Scheme) (vulndb.Range, error) {
	s := t.span
	if s == "" {
		return vulndb.All(scheme), nil
	}
	if rest, ok := strings.CutPrefix(s, "vers:"); ok {
		_, s, _ = strings.Cut(rest, "/")
	}
	if s == "*" {
		return vulndb.All(scheme), nil
	}
	return constraints(scheme, strings.FieldsFunc(s, func(r rune) bool { return r == '|' || r == ',' }))
}

var csafStatus = map[string]vulndb.Status{
	"known_affected": vulndb.Affected, "first_affected": vulndb.Affected, "last_affected": vulndb.Affected,
	"known_not_affected": vulndb.NotAffected, "fixed": vulndb.Fixed, "first_fixed": vulndb.Fixed, "under_investigation": vulndb.Investigating,
}

// csaf reads a CSAF 2.0 document (OASIS Standard, 18 November 2022), of any
// profile that has vulnerabilities.
func csaf(it item, out func(any)) error {
	c := cursor{b: it.raw}
	id, date, publisher := "", "", ""
	things := map[string]*thing{}
	var related [][3]string // new, of which, as part of which
	var found []csafFinding
	c.object(func(name string) {
		switch name {
		case "document":
			c.object(func(name string) {
				switch name {
				case "tracking":
					c.object(func(name string) {
						switch name {
						case "id":
							id = c.text()
						case "current_release_date":
							date = c.text()
						default:
							c.skip()
						}
					})
				case "publisher":
					c.object(func(name string) {
						if name == "name" {
							publisher = c.text()
						} else {
							c.skip()
						}
					})
				default:
					c.skip()
				}
			})
		case "product_tree":
			c.object(func(name string) {
				switch name {
				case "branches":
					csafBranches(&c, things)
				case "full_product_names":
					c.array(func() { csafProduct(&c, things) })
				case "relationships":
					c.array(func() {
						var pair [3]string
						c.object(func(name string) {
							switch name {
							case "product_reference":
								pair[1] = c.text()
							case "relates_to_product_reference":
								pair[2] = c.text()
							case "full_product_name":
								pair[0] = csafProduct(&c, things)
							default:
								c.skip()
							}
						})
						related = append(related, pair)
					})
				default:
					c.skip()
				}
			})
		case "vulnerabilities":
			c.array(func() {
				var f csafFinding
				c.object(func(name string) {
					switch name {
					case "cve":
						f.cve = c.text()
					case "scores":
						c.array(func() {
							c.object(func(kind string) {
								if kind != "cvss_v3" && kind != "cvss_v2" {
									c.skip()
									return
								}
								var r vulndb.Record
								best := 0
								cvss(&c, &r, 1, &best)
								if r.Score > f.score {
									f.score, f.vector = r.Score, r.Vector
								}
							})
						})
					case "flags":
						c.array(func() { f.why = append(f.why, csafWhy(&c, "label")...) })
					case "threats":
						c.array(func() { f.why = append(f.why, csafWhy(&c, "details")...) })
					case "product_status":
						c.object(func(status string) {
							if _, ok := csafStatus[status]; !ok {
								c.skip()
								return
							}
							c.array(func() { f.status = append(f.status, [2]string{status, c.text()}) })
						})
					default:
						c.skip()
					}
				})
				found = append(found, f)
			})
		default:
			c.skip()
		}
	})
	if err := c.finish(strings.ReplaceAll(id, " ", "_")); err != nil {
		return named(id, err)
	}
	for _, pair := range related {
		t := things[pair[1]]
		if own := things[pair[0]]; t == nil || pair[0] == "" || own != nil && len(own.purls)+len(own.cpes)+len(own.digests) > 0 {
			continue
		}
		part := *t
		if part.in = pair[2]; things[pair[2]] != nil {
			part.whole = valid(things[pair[2]].digests)
		}
		things[pair[0]] = &part
	}
	for _, f := range found {
		if !isCVE(f.cve) {
			out(unordered(1))
			continue
		}
		r := &vulndb.Record{Name: f.cve + "@" + strings.ReplaceAll(id, " ", "_"), About: []string{f.cve}, Publisher: publisher, Date: date, Score: f.score, Vector: f.vector}
		for _, s := range f.status {
			t := things[s[1]]
			if t == nil {
				r.Unordered++
				continue
			}
			own := *t
			if csafStatus[s[0]] == vulndb.NotAffected {
				own.why = f.because(s[1])
			}
			if own.says(r, csafStatus[s[0]], 0) == 0 {
				r.Unordered++
			}
		}
		out(r)
	}
	return nil
}

// csafFinding is an element of a document's vulnerabilities.
type csafFinding struct {
	cve    string
	score  int
	vector string
	status [][2]string // status, product
	why    [][2]string // label of a flag or impact, product; "" for all
}

// because joins what the document says why a product is not affected.
func (f *csafFinding) because(product string) string {
	var list []string
	for _, w := range f.why {
		if (w[1] == product || w[1] == "") && !contains(list, w[0]) {
			list = append(list, w[0])
		}
	}
	return justified(list...)
}

// maxWhy bounds a justification.
const maxWhy = 300

// justified joins a justification's label and its words.
func justified(parts ...string) string {
	var list []string
	for _, s := range parts {
		if s = strings.Join(strings.Fields(s), " "); s != "" {
			list = append(list, s)
		}
	}
	return cutText(strings.Join(list, ": "), maxWhy)
}

// csafWhy reads a flag, or a threat of the category impact: its text, for each
// of its products.
func csafWhy(c *cursor, field string) (list [][2]string) {
	text, category := "", ""
	var products []string
	c.object(func(name string) {
		switch name {
		case field:
			text = c.text()
		case "category":
			category = c.text()
		case "product_ids":
			products = c.texts()
		default:
			c.skip()
		}
	})
	if text == "" || field == "details" && category != "impact" {
		return nil
	}
	if len(products) == 0 {
		return [][2]string{{text, ""}}
	}
	for _, p := range products {
		list = append(list, [2]string{text, p})
	}
	return list
}

func csafBranches(c *cursor, things map[string]*thing) {
	c.array(func() {
		kind, span := "", ""
		var products []string
		c.object(func(name string) {
			switch name {
			case "category":
				kind = c.text()
			case "name":
				span = c.text()
			case "branches":
				csafBranches(c, things)
			case "product":
				products = append(products, csafProduct(c, things))
			default:
				c.skip()
			}
		})
		if kind == "product_version_range" {
			for _, p := range products {
				if t := things[p]; t != nil {
					t.span = span
				}
			}
		}
	})
}

// maxThings bounds the products of a document.
const maxThings = 200_000

func csafProduct(c *cursor, things map[string]*thing) (id string) {
	t := &thing{}
	c.object(func(name string) {
		switch name {
		case "product_id":
			id = c.text()
		case "product_identification_helper":
			c.object(func(name string) {
				switch name {
				case "cpe":
					t.cpes = append(t.cpes, c.text())
				case "purl":
					t.purls = append(t.purls, c.text())
				case "hashes":
					c.array(func() {
						c.object(func(name string) {
							if name != "file_hashes" {
								c.skip()
								return
							}
							c.array(func() {
								kind, value := "", ""
								c.object(func(name string) {
									switch name {
									case "algorithm":
										kind = c.text()
									case "value":
										value = c.text()
									default:
										c.skip()
									}
								})
								if strings.EqualFold(kind, "sha256") {
									t.digests = append(t.digests, value)
								}
							})
						})
					})
				default:
					c.skip()
				}
			})
		default:
			c.skip()
		}
	})
	if id != "" && len(things) < maxThings {
		things[id] = t
	}
	return id
}
