package vulndb

import (
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/lazy"
)

// The ranks of statements: the higher decides.
const (
	elsewhere    = iota // a VEX statement about it as a part of something else
	upstream            // NVD, CVE and language ecosystems: by upstream's version
	distribution        // knows what it put into its revision
	vendor              // a VEX statement about this component
)

// Match is a vulnerability that the sources speak about for a component.
type Match struct {
	Name   string // CVE-…, or the source's own name
	Status Status // of the statement that decides
	// Decides is that statement; Because says why it does.
	Decides    int
	Because    string
	Statements []Statement // the deciding rank first
	// Doubts are reasons why the statement may not hold for this component.
	Doubts    []string
	Score     int    // CVSS base score times ten, 0 none
	Scored    string // source of the score
	Vector    string
	Exploited *Exploited
	EPSS      *Likelihood
}

// want is a product name to look for, and the version to compare.
type want struct {
	product, version string
	rank             int
	byName           bool // its vendor is not known
}

// revision is a distribution's revision in a version string: of Debian and
// its update, or of Ubuntu.
var revision = lazy.Regexp(`^(.*?)(?:[+.]dfsg[\d.~]*|[+.]ds[\d.~]*)?-\d[\w.+~]*?(?:[+~]deb(\d+)u\d+|(ubuntu)[\d.]+)?$`)

// wants are the names under which the sources may speak of a component.
func wants(c *wardein.Component) (list []want) {
	add := func(product, v string, rank int) {
		w := want{product: product, version: v, rank: rank}
		if v != "" && !slices.Contains(list, w) {
			list = append(list, w)
		}
	}
	up := c.Version
	if m := revision().FindStringSubmatch(c.Version); m != nil && m[2] != "" {
		// a banner that carries the distribution's revision
		up = m[1]
		p, _, _ := Package("Debian:"+m[2], c.Name)
		add(p, c.Version, distribution)
	}
	if c.Vendor != "" && c.Product != "" {
		add("cpe:"+strings.ToLower(c.Vendor)+":"+strings.ToLower(c.Product), up, upstream)
		add(Named(c.Product), up, upstream)
	}
	add(Named(c.Name), up, upstream)
	if p, v, _, ok := PURL(c.PURL); ok {
		add(p, cmp.Or(v, c.Version), vendor)
	}
	for i := range c.Declared {
		d := &c.Declared[i]
		if eco, ok := systems[d.System]; ok {
			p, _, _ := Package(eco, d.Package)
			add(p, d.Version, upstream)
		}
		if family, release, ok := strings.Cut(d.Distribution, " "); ok {
			source, _, _ := strings.Cut(cmp.Or(d.Source, d.Package), " ") // "glibc (2.36-9)"
			p, _, known := Package(family+":"+release, source)
			if known {
				add(p, d.Version, distribution)
			}
		}
		if kind := map[string]string{"dpkg": "deb", "rpm": "rpm", "apk": "apk", "npm": "npm", "pypi": "pypi", "go": "golang", "cargo": "cargo", "maven": "maven"}[d.System]; kind != "" {
			name := d.Package
			if family, _, ok := strings.Cut(d.Distribution, " "); ok {
				name = family + "/" + name
			}
			add("purl:"+kind+"/"+name, d.Version, vendor)
		}
	}
	return list
}

// maxVendors is how many vendors may have a product of a name for it to be
// looked up under the name alone.
const maxVendors = 3

// anyVendor names the CPE products that a component without a vendor may be.
func (d *DB) anyVendor(c *wardein.Component) (list []want, err error) {
	if c.Vendor != "" || c.Version == "" {
		return nil, nil
	}
	rows, err := d.products.Query(strings.ToLower(c.Name), maxVendors+1)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		w := want{version: c.Version, rank: upstream, byName: true}
		if err := rows.Scan(&w.product); err != nil {
			return nil, err
		}
		list = append(list, w)
	}
	if len(list) > maxVendors {
		list = nil
	}
	return list, rows.Err()
}

// maxStatements bounds what of one vulnerability is kept.
const maxStatements = 1000

// Match returns the vulnerabilities of which a source says that the component
// is affected or may be, with all that the others say, sorted by name.
func (d *DB) Match(c *wardein.Component) ([]Match, error) {
	names := wants(c)
	more, err := d.anyVendor(c)
	if err != nil {
		return nil, err
	}
	all := d.all[:0]
	for _, w := range append(names, more...) {
		if all, err = d.statements(all, w, c); err != nil {
			return nil, err
		}
	}
	d.all = all[:0]
	spoken := false // a distribution has the package
	d.refs = d.refs[:0]
	for i := range all {
		spoken = spoken || all[i].rank == distribution
		for _, name := range all[i].names {
			d.refs = append(d.refs, ref{name, int32(i)})
		}
	}
	slices.SortStableFunc(d.refs, func(a, b ref) int { return strings.Compare(a.name, b.name) })
	var out []Match
	for from, to := 0, 0; from < len(d.refs); from = to {
		name, open := d.refs[from].name, false
		for ; to < len(d.refs) && d.refs[to].name == name; to++ {
			s := all[d.refs[to].at].Status
			open = open || s == Affected || s == Investigating
		}
		if !open {
			continue // nobody says that it is
		}
		m := Match{Name: name, Statements: make([]Statement, 0, min(to-from, maxStatements))}
		best := 0
		for _, r := range d.refs[from:min(to, from+maxStatements)] {
			s := &all[r.at]
			m.Statements = append(m.Statements, *s)
			if rank := rankOfScore(s.Source); s.score > 0 && rank > best {
				best, m.Score, m.Scored = rank, s.score, s.Source
			}
		}
		if best == 0 {
			if m.Score, m.Scored, err = d.score(name); err != nil {
				return nil, err
			}
		}
		if m.EPSS, err = d.likelihood(name); err != nil {
			return nil, err
		}
		if e, ok := d.kev[name]; ok {
			m.Exploited = &e
		}
		m.decide(d.withdrawn[name], spoken)
		out = append(out, m)
	}
	clear(all)
	return out, nil
}

// ref is a statement about a vulnerability.
type ref struct {
	name string
	at   int32
}

// Digested returns what VEX statements say about a release of this digest.
func (d *DB) Digested(digest wardein.Digest) ([]Statement, error) {
	return d.statements(nil, want{product: "sha256:" + digest.String(), rank: vendor}, &wardein.Component{})
}

// Explain reads what a match's explanation needs beyond the decision: who
// wrote the statements and when, the files that they name, the CVSS vector.
func (d *DB) Explain(m *Match) error {
	for i := range m.Statements {
		s := &m.Statements[i]
		s.WhyScheme = whyScheme(s)
		var date int
		var publisher, vector sql.NullString
		if err := d.records.QueryRow(s.record).Scan(&s.Record, &publisher, &date, &vector); err != nil {
			return fmt.Errorf("record %d of %s: %w", s.record, m.Name, err)
		}
		s.Publisher = publisher.String
		if date > 0 {
			s.Date = fmt.Sprintf("%04d-%02d-%02d", date/10000, date/100%100, date%100)
		}
		if s.Source == m.Scored && m.Vector == "" {
			m.Vector = vector.String
		}
		if !s.scoped {
			continue
		}
		var files string
		if err := d.scopes.QueryRow(s.record, s.group).Scan(&files); err == nil && files != "" {
			s.Files = strings.Split(files, "\n")
		} else if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	if m.Vector == "" && m.Scored != "" {
		var vector sql.NullString
		if err := d.vectors.QueryRow(m.Name, m.Scored).Scan(&vector); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		m.Vector = vector.String
	}
	return nil
}

// decide picks the statement that decides.
func (m *Match) decide(withdrawn string, spoken bool) {
	slices.SortStableFunc(m.Statements, func(a, b Statement) int {
		return cmp.Or(cmp.Compare(b.rank, a.rank), cmp.Compare(weight(b.Status), weight(a.Status)), cmp.Compare(len(a.Only), len(b.Only)),
			strings.Compare(a.Source, b.Source), cmp.Compare(a.record, b.record), strings.Compare(a.Product, b.Product), strings.Compare(a.Said, b.Said))
	})
	m.Statements = slices.CompactFunc(m.Statements, func(a, b Statement) bool {
		return a.record == b.record && a.Product == b.Product && a.Said == b.Said && a.Status == b.Status && a.Only == b.Only
	})
	s := &m.Statements[0]
	m.Status = s.Status
	var others []string
	for _, o := range m.Statements[1:] {
		if o.rank == s.rank && o.Status != s.Status && !slices.Contains(others, o.Source+" says "+o.Status.String()) {
			others = append(others, o.Source+" says "+o.Status.String())
		}
	}
	switch {
	case withdrawn != "":
		m.Status, m.Because = NotAffected, withdrawn+" has withdrawn it"
		return
	case s.rank == vendor:
		m.Because = "a vendor's statement about this component goes before all others" + s.justified() + m.outvoted()
	case s.rank == distribution:
		m.Because = "the distribution decides: it puts fixes into its own revisions" + m.outvoted()
	case spoken:
		m.Because = "by upstream's version only: the distribution of this package says nothing about it"
		m.Doubts = append(m.Doubts, "the distribution says nothing about it")
	case s.rank == elsewhere:
		m.Because = "only what a vendor says about another product that holds it"
	default:
		m.Because = "by version only: nothing tells whether a fix was put into this build"
	}
	if len(others) > 0 {
		m.Doubts = append(m.Doubts, "sources do not agree: "+s.Source+" says "+s.Status.String()+", "+strings.Join(others, ", "))
	}
	if s.Only != "" {
		m.Doubts = append(m.Doubts, "it is said of the product "+s.Only)
	}
	if s.ByName {
		m.Doubts = append(m.Doubts, "the product was found by its name alone")
	}
}

// weight orders statuses within a rank: what somebody calls affected is, until
// a higher rank says otherwise.
func weight(s Status) int {
	return [...]int{Affected: 3, Fixed: 1, NotAffected: 0, Investigating: 2}[s&3]
}

// ByVersion tells that only upstream's version was compared.
func (m *Match) ByVersion() bool { return m.Statements[m.Decides].rank == upstream }

// About tells whether a statement about a release by its digest is about one
// vulnerability of one of its components.
func (s *Statement) About(name string, c *wardein.Component) bool {
	if !slices.Contains(s.names, name) {
		return false
	}
	return s.Only == "" || slices.ContainsFunc(wants(c), func(w want) bool { return w.product == s.Only })
}

// Overrule makes a vendor's statement about the release the one that decides.
func (m *Match) Overrule(s *Statement) {
	m.Statements = append([]Statement{*s}, m.Statements...)
	m.Status, m.Decides, m.Doubts = s.Status, 0, nil
	m.Because = "the vendor's statement about this release goes before all others" + s.justified() + m.outvoted()
}

// outvoted names the sources of lower ranks that say otherwise.
func (m *Match) outvoted() string {
	var others []string
	for _, o := range m.Statements[1:] {
		if says := o.Source + " says " + o.Status.String(); o.Status != m.Status && !slices.Contains(others, says) && (m.Statements[0].rank > o.rank || m.Statements[0].rank == vendor) {
			others = append(others, says)
		}
	}
	if others == nil {
		return ""
	}
	slices.Sort(others)
	return " (" + strings.Join(others, ", ") + ")"
}

// justified quotes the justification of a VEX statement.
func (s *Statement) justified() string {
	if s.Why == "" {
		return ""
	}
	return fmt.Sprintf(", which says why: %q", s.Why)
}
