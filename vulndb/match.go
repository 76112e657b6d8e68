package vulndb

import (
	"bytes"
	"cmp"
	"database/sql"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/vulndb/version"
)

// The ranks of statements: the higher decides.
const (
	elsewhere    = iota // a VEX statement about it as a part of something else
	upstream            // NVD, CVE and language ecosystems: by upstream's version
	distribution        // knows what it put into its revision
	vendor              // a VEX statement about this component
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
	return fmt.Sprintf("%s %s%s: %s%s, %s: %s; %s compared as %s (%s)", by, s.Record, at, s.Product, only, s.Said, s.Status, s.Version, s.Scheme, s.WhyScheme)
}

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
var revision = regexp.MustCompile(`^(.*?)(?:[+.]dfsg[\d.~]*|[+.]ds[\d.~]*)?-\d[\w.+~]*?(?:[+~]deb(\d+)u\d+|(ubuntu)[\d.]+)?$`)

// wants are the names under which the sources may speak of a component.
func wants(c *wardein.Component) (list []want) {
	add := func(product, v string, rank int) {
		w := want{product: product, version: v, rank: rank}
		if v != "" && !slices.Contains(list, w) {
			list = append(list, w)
		}
	}
	up := c.Version
	if m := revision.FindStringSubmatch(c.Version); m != nil && m[2] != "" {
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

// Match returns the vulnerabilities of which a source says that the component
// is affected or may be, with all that the others say, sorted by name.
func (d *DB) Match(c *wardein.Component) ([]Match, error) {
	byName := map[string][]Statement{}
	spoken := false // a distribution has the package
	names := wants(c)
	more, err := d.anyVendor(c)
	if err != nil {
		return nil, err
	}
	for _, w := range append(names, more...) {
		list, err := d.statements(w, c)
		if err != nil {
			return nil, err
		}
		for _, s := range list {
			spoken = spoken || s.rank == distribution
			for _, name := range s.names {
				if len(byName[name]) < 100 {
					byName[name] = append(byName[name], s)
				}
			}
		}
	}
	var out []Match
	for name, list := range byName {
		if !slices.ContainsFunc(list, func(s Statement) bool { return s.Status == Affected || s.Status == Investigating }) {
			continue // nobody says that it is
		}
		m := Match{Name: name, Statements: list}
		best := 0
		for _, s := range list {
			if rank := 1 + rankOfScore[s.Source]; s.score > 0 && rank > best {
				best, m.Score, m.Scored = rank, s.score, s.Source
			}
		}
		if best == 0 {
			var err error
			if m.Score, m.Scored, m.Vector, err = d.score(name); err != nil {
				return nil, err
			}
		}
		var err error
		if m.EPSS, err = d.likelihood(name); err != nil {
			return nil, err
		}
		if e, ok := d.kev[name]; ok {
			m.Exploited = &e
		}
		m.decide(d.withdrawn[name], spoken)
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b Match) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

// Digested returns what VEX statements say about a release of this digest.
func (d *DB) Digested(digest wardein.Digest) ([]Statement, error) {
	return d.statements(want{product: "sha256:" + digest.String(), rank: vendor}, &wardein.Component{})
}

// statements reads what speaks about one product in one version.
func (d *DB) statements(w want, c *wardein.Component) (out []Statement, err error) {
	var body sql.RawBytes
	rows, err := d.assertions.Query(w.product)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	if !rows.Next() {
		return nil, rows.Err()
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
			s := Statement{Source: source, Product: w.product, Version: w.version, Said: h.said(), Status: h.Status, Scheme: h.scheme, Only: string(h.only),
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
	return nil
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
		m.Because = "a vendor's statement about this component goes before all others"
	case s.rank == distribution:
		m.Because = "the distribution decides: it puts fixes into its own revisions"
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
	return map[Status]int{Affected: 3, Investigating: 2, Fixed: 1, NotAffected: 0}[s]
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
	m.Because = "the vendor's statement about this release goes before all others"
}

// compares tells whether a key lies in a stored range.
func compares(key, lo, hi []byte, exact bool) bool {
	if exact {
		return bytes.Equal(key, lo)
	}
	return (len(lo) == 0 || bytes.Compare(lo, key) <= 0) && (len(hi) == 0 || bytes.Compare(key, hi) < 0)
}
