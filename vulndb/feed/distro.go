package feed

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/wardein/wardein/vulndb"
	"github.com/wardein/wardein/vulndb/version"
)

// codenames are Debian's releases (https://www.debian.org/releases/, read
// 2026-11-22).
var codenames = map[string]string{"wheezy": "7", "jessie": "8", "stretch": "9", "buster": "10", "bullseye": "11", "bookworm": "12", "trixie": "13", "forky": "14", "sid": "sid"}

// tracker reads one vulnerability of one source package of Debian's security
// tracker (https://security-tracker.debian.org/tracker/data/json). The item's
// name is PACKAGE CVE.
func tracker(it item, out func(any)) error {
	pkg, name, _ := strings.Cut(it.name, " ")
	if strings.HasPrefix(name, "TEMP-") {
		return nil // has no name that anybody else uses
	}
	r := &vulndb.Record{Name: name, Date: it.date}
	c := cursor{b: it.raw}
	c.object(func(field string) {
		if field != "releases" {
			c.skip()
			return
		}
		c.object(func(release string) {
			status, fixed, urgency := "", "", ""
			c.object(func(name string) {
				switch name {
				case "status":
					status = c.text()
				case "fixed_version":
					fixed = c.text()
				case "urgency":
					urgency = c.text()
				default:
					c.skip()
				}
			})
			n, ok := codenames[release]
			if !ok {
				return
			}
			product, scheme, _ := vulndb.Package("Debian:"+n, pkg)
			only := ""
			if urgency == "unimportant" {
				only = "in a way that Debian calls unimportant"
			}
			say := func(s vulndb.Status, rg vulndb.Range, err error) {
				if err != nil {
					r.Unordered++
					return
				}
				r.Says = append(r.Says, vulndb.Assertion{Product: product, Status: s, Range: rg, Only: only})
			}
			switch {
			case status == "open":
				say(vulndb.Affected, vulndb.All(scheme), nil)
			case status == "undetermined":
				say(vulndb.Investigating, vulndb.All(scheme), nil)
			case status == "resolved" && fixed == "0":
				only = ""
				say(vulndb.NotAffected, vulndb.All(scheme), nil)
			case status == "resolved" && fixed != "":
				fixedAt(scheme, fixed, say)
			default:
				r.Unordered++
			}
		})
	})
	if err := c.finish(r.Name); err != nil {
		return named(name+" of "+pkg, err)
	}
	slices.SortStableFunc(r.Says, func(a, b vulndb.Assertion) int { return strings.Compare(a.Product, b.Product) })
	out(r)
	return nil
}

// fixedAt says affected before a version and fixed from it on.
func fixedAt(scheme version.Scheme, v string, say func(vulndb.Status, vulndb.Range, error)) {
	rg, err := vulndb.Between(scheme, vulndb.Bound{}, vulndb.Bound{Version: v})
	if say(vulndb.Affected, rg, err); err != nil {
		return
	}
	rg, err = vulndb.Between(scheme, vulndb.Bound{Version: v}, vulndb.Bound{})
	say(vulndb.Fixed, rg, err)
}

// secdb reads one package of an Alpine secdb file
// (https://secdb.alpinelinux.org). The item's kind is the branch.
func secdb(it item, out func(any)) error {
	pkg := ""
	type fix struct {
		version string
		names   []string
	}
	var fixes []fix
	c := cursor{b: it.raw}
	c.object(func(name string) {
		if name != "pkg" {
			c.skip()
			return
		}
		c.object(func(name string) {
			switch name {
			case "name":
				pkg = c.text()
			case "secfixes":
				c.object(func(v string) { fixes = append(fixes, fix{v, c.texts()}) })
			default:
				c.skip()
			}
		})
	})
	if err := c.finish(pkg); err != nil {
		return named(pkg, err)
	}
	product, scheme, _ := vulndb.Package("Alpine:"+it.kind, pkg)
	bad := 0
	for _, f := range fixes {
		for _, s := range f.names {
			ids := strings.Fields(s) // "CVE-2019-14697 (+)", "CVE-… XSA-…"
			if len(ids) == 0 || !isCVE(ids[0]) {
				bad++
				continue
			}
			r := &vulndb.Record{Name: ids[0], Date: it.date}
			say := func(st vulndb.Status, rg vulndb.Range, err error) {
				if err != nil {
					r.Unordered++
					return
				}
				r.Says = append(r.Says, vulndb.Assertion{Product: product, Status: st, Range: rg})
			}
			if f.version == "0" {
				say(vulndb.NotAffected, vulndb.All(scheme), nil)
			} else {
				fixedAt(scheme, f.version, say)
			}
			out(r)
		}
	}
	if bad > 0 {
		out(unordered(bad))
	}
	return nil
}

// unordered counts statements that no vulnerability of a known name is behind.
type unordered int64

// exploited reads an entry of CISA's list
// (https://www.cisa.gov/known-exploited-vulnerabilities-catalog).
func exploited(it item, out func(any)) error {
	var e vulndb.Exploited
	c := cursor{b: it.raw}
	c.object(func(name string) {
		switch name {
		case "cveID":
			e.Name = c.text()
		case "vulnerabilityName":
			e.Title = cutText(c.text(), 200)
		case "dateAdded":
			e.Added = c.text()
		case "dueDate":
			e.Due = c.text()
		case "knownRansomwareCampaignUse":
			e.Ransomware = c.text() == "Known"
		default:
			c.skip()
		}
	})
	if err := c.finish(e.Name); err != nil {
		return named(e.Name, err)
	}
	if !isCVE(e.Name) {
		return fmt.Errorf("no CVE name: %.60q", e.Name)
	}
	out(e)
	return nil
}

// likelihood reads a line of EPSS's table: cve,epss,percentile
// (https://www.first.org/epss/data_stats).
func likelihood(it item, out func(any)) error {
	f := strings.Split(strings.TrimSpace(string(it.raw)), ",")
	if len(f) < 3 || !isCVE(f[0]) {
		return errors.New("want CVE,score,percentile")
	}
	s, ok := hundredThousandths(f[1])
	p, fine := hundredThousandths(f[2])
	if !ok || !fine {
		return named(f[0], fmt.Errorf("want shares between 0 and 1, found %.20q and %.20q", f[1], f[2]))
	}
	out(vulndb.Likelihood{Name: f[0], Score: s, Percentile: p})
	return nil
}

// hundredThousandths reads a share such as 0.97432.
func hundredThousandths(s string) (int, bool) {
	whole, part, _ := strings.Cut(s, ".")
	if whole != "0" && whole != "1" {
		return 0, false
	}
	n := 0
	for i := range 5 {
		n *= 10
		if i < len(part) {
			if part[i] < '0' || part[i] > '9' {
				return 0, false
			}
			n += int(part[i] - '0')
		}
	}
	if whole == "1" {
		n += 100_000
	}
	return n, n <= 100_000
}
