package feed

import (
	"errors"
	"strings"

	"github.com/wardein/wardein/vulndb"
	"github.com/wardein/wardein/vulndb/version"
)

// cve5 reads one record of the CVE list
// (https://github.com/CVEProject/cve-schema, version 5).
func cve5(it item, out func(any)) error {
	r := &vulndb.Record{}
	c := cursor{b: it.raw}
	best, group := 0, 0
	container := func(publisher bool) {
		c.object(func(name string) {
			switch name {
			case "providerMetadata":
				c.object(func(name string) {
					if name == "shortName" && publisher {
						r.Publisher = c.text()
					} else {
						c.skip()
					}
				})
			case "metrics":
				c.array(func() {
					c.object(func(kind string) {
						rank := map[string]int{"cvssV3_1": 8, "cvssV3_0": 6, "cvssV4_0": 4, "cvssV2_0": 2}[kind]
						if rank == 0 {
							c.skip()
							return
						}
						if publisher {
							rank++
						}
						cvss(&c, r, rank, &best)
					})
				})
			case "affected":
				c.array(func() {
					var p cveProduct
					p.read(&c)
					if c.err == nil {
						p.say(r, group)
						group++
					}
				})
			default:
				c.skip()
			}
		})
	}
	c.object(func(name string) {
		switch name {
		case "cveMetadata":
			c.object(func(name string) {
				switch name {
				case "cveId":
					r.Name = c.text()
				case "dateUpdated":
					r.Date = c.text()
				case "datePublished":
					if s := c.text(); r.Date == "" {
						r.Date = s
					}
				case "state":
					r.Withdrawn = c.text() == "REJECTED"
				default:
					c.skip()
				}
			})
		case "containers":
			c.object(func(name string) {
				switch name {
				case "cna":
					container(true)
				case "adp":
					c.array(func() { container(false) })
				default:
					c.skip()
				}
			})
		default:
			c.skip()
		}
	})
	if err := c.finish(r.Name); err != nil {
		return named(r.Name, err)
	}
	out(r)
	return nil
}

// cvss takes the score of an object, if none of a better rank is there.
func cvss(c *cursor, r *vulndb.Record, rank int, best *int) {
	if score, vector := c.cvss(); rank > *best && score > 0 {
		*best, r.Score, r.Vector = rank, score, vector
	}
}

// cvss reads an object with baseScore and vectorString.
func (c *cursor) cvss() (score int, vector string) {
	c.object(func(name string) {
		switch name {
		case "baseScore":
			score = c.tenths()
		case "vectorString":
			vector = c.text()
		default:
			c.skip()
		}
	})
	return score, vector
}

// cveProduct is an element of "affected".
type cveProduct struct {
	vendor, product, pkg, initial string
	cpes, files                   []string
	versions                      []cveVersion
}

type cveVersion struct {
	version, status, kind, less, upto string
	changes                           [][2]string // at, status
}

func (p *cveProduct) read(c *cursor) {
	c.object(func(name string) {
		switch name {
		case "vendor":
			p.vendor = c.text()
		case "product":
			p.product = c.text()
		case "packageName":
			p.pkg = c.text()
		case "defaultStatus":
			p.initial = c.text()
		case "cpes":
			p.cpes = c.texts()
		case "programFiles":
			p.files = c.texts()
		case "versions":
			c.array(func() {
				var v cveVersion
				c.object(func(name string) {
					switch name {
					case "version":
						v.version = c.scalar()
					case "status":
						v.status = c.text()
					case "versionType":
						v.kind = c.text()
					case "lessThan":
						v.less = c.scalar()
					case "lessThanOrEqual":
						v.upto = c.scalar()
					case "changes":
						c.array(func() {
							var ch [2]string
							c.object(func(name string) {
								switch name {
								case "at":
									ch[0] = c.scalar()
								case "status":
									ch[1] = c.text()
								default:
									c.skip()
								}
							})
							v.changes = append(v.changes, ch)
						})
					default:
						c.skip()
					}
				})
				p.versions = append(p.versions, v)
			})
		default:
			c.skip()
		}
	})
}

var cveStatus = map[string]vulndb.Status{"affected": vulndb.Affected, "unaffected": vulndb.NotAffected}

var cveSchemes = map[string]version.Scheme{"semver": version.Semver, "rpm": version.RPM, "deb": version.Dpkg, "maven": version.Maven, "python": version.PyPI, "npm": version.NPM}

// say makes the statements of one product.
func (p *cveProduct) say(r *vulndb.Record, group int) {
	var products []string
	only := ""
	for _, s := range p.cpes {
		if product, _, ok := vulndb.CPE(s); ok && !contains(products, product) {
			products = append(products, product)
		}
	}
	if len(products) == 0 {
		name := p.product
		if name == "" {
			name = p.pkg
		}
		switch strings.ToLower(name) {
		case "", "n/a", "unknown", "unspecified", "-":
			return
		}
		products, only = []string{vulndb.Named(name)}, "vendor "+cutText(strings.ReplaceAll(p.vendor, ";", ","), 80)
	}
	for _, product := range products {
		p.sayOf(r, product, only, group)
	}
	if len(p.files) > 0 {
		s := vulndb.Scope{Group: group}
		for _, f := range p.files[:min(len(p.files), 64)] {
			s.Files = append(s.Files, cutText(f, 200))
		}
		r.Scopes = append(r.Scopes, s)
	}
}

func (p *cveProduct) sayOf(r *vulndb.Record, product, only string, group int) {
	fixed, _, decided := vulndb.SchemeOf(product)
	ordered := len(p.versions) == 0
	add := func(status string, rg vulndb.Range, err error) {
		st, ok := cveStatus[status]
		if err != nil || len(r.Says) >= maxSays {
			r.Unordered++
			return
		}
		ordered = true
		if ok {
			r.Says = append(r.Says, vulndb.Assertion{Product: product, Status: st, Range: rg, Group: group, Only: only})
		}
	}
	for i := range p.versions {
		v := &p.versions[i]
		if v.kind == "git" || v.kind == "original_commit_for_fix" {
			r.Unordered++
			continue
		}
		scheme := cveSchemes[v.kind]
		if decided {
			scheme = fixed
		}
		from := v.version
		switch strings.ToLower(from) {
		case "n/a", "unspecified", "unknown", "*", "-", "any", "all", "all versions":
			from = ""
		}
		switch to := (vulndb.Bound{Version: v.less}); {
		case v.less != "" || v.upto != "":
			if v.upto != "" {
				to = vulndb.Bound{Version: v.upto, Beyond: true}
			}
			status, lower := v.status, vulndb.Bound{Version: from}
			for _, ch := range v.changes {
				rg, err := vulndb.Between(scheme, lower, vulndb.Bound{Version: ch[0]})
				add(status, rg, err)
				status, lower = ch[1], vulndb.Bound{Version: ch[0]}
			}
			rg, err := vulndb.Between(scheme, lower, to)
			add(status, rg, err)
		case from == "":
			if v.version == "*" || strings.HasPrefix(strings.ToLower(v.version), "a") { // any, all
				add(v.status, vulndb.All(scheme), nil)
			} else {
				r.Unordered++
			}
		case strings.ContainsAny(from, "<>="):
			rg, err := constraints(scheme, strings.FieldsFunc(from, func(r rune) bool { return r == ',' }))
			add(v.status, rg, err)
		case strings.HasSuffix(from, ".*"), strings.HasSuffix(from, ".x"):
			rg, err := vulndb.Between(scheme, vulndb.Bound{Version: from[:len(from)-2]}, vulndb.Bound{Version: from[:len(from)-1] + "*"})
			add(v.status, rg, err)
		default:
			rg, err := vulndb.Exactly(scheme, from)
			add(v.status, rg, err)
		}
	}
	if st, ok := cveStatus[p.initial]; ok && ordered {
		scheme := fixed
		rg := vulndb.All(scheme)
		rg.Said = "all versions that it does not name"
		if len(p.versions) == 0 {
			rg.Said = "all versions"
		}
		r.Says = append(r.Says, vulndb.Assertion{Product: product, Status: st, Range: rg, Group: group, Default: true, Only: only})
	}
}

var errNoRange = errors.New("not a range of versions")

// constraints reads ">= 1.0", "< 2.0" and the like, all of which must hold.
func constraints(scheme version.Scheme, list []string) (vulndb.Range, error) {
	var from, to vulndb.Bound
	for _, s := range list {
		s = strings.TrimSpace(s)
		op := s[:len(s)-len(strings.TrimLeft(s, "<>=!"))]
		v := strings.TrimSpace(s[len(op):])
		switch op {
		case "<":
			to = vulndb.Bound{Version: v}
		case "<=":
			to = vulndb.Bound{Version: v, Beyond: true}
		case ">":
			from = vulndb.Bound{Version: v, Beyond: true}
		case ">=":
			from = vulndb.Bound{Version: v}
		case "", "=", "==":
			if len(list) == 1 {
				return vulndb.Exactly(scheme, v)
			}
			return vulndb.Range{}, errNoRange
		default:
			return vulndb.Range{}, errNoRange
		}
	}
	if from == to {
		return vulndb.Range{}, errNoRange
	}
	return vulndb.Between(scheme, from, to)
}
