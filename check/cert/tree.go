package cert

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/aside"
	"github.com/wardein/wardein/internal/stable"
)

const (
	shown    = 10 // quotes of one finding
	minStore = 8  // so many authorities in one file or folder are a trust store
)

// found is one distinct certificate and where it stands.
type found struct {
	wardein.Fact
	quotes []wardein.Quote
	files  int
	last   string
	store  bool // stands in trust stores alone
	key    bool // its private key is in the release
}

func (c *found) is(attr string) bool { return c.Attr(attr) == "yes" }
func (c *found) bits() int           { n, _ := strconv.Atoi(c.Attr("bits")); return n }

func judge(t wardein.Tree, asOf string, out func(wardein.Finding)) error {
	authorities := map[string]map[string]bool{} // by file and by folder
	byFile, byFolder := map[string]int{}, map[string]int{}
	count := func(place, sum string, in map[string]int) {
		if authorities[place] == nil {
			authorities[place] = map[string]bool{}
		}
		if !authorities[place][sum] {
			authorities[place][sum] = true
			in[place]++
		}
	}
	for n, f := range t.Facts("cert") {
		if f.Attr("self") == "yes" && f.Attr("ca") == "yes" {
			count(n.Path, f.Attr("sha256"), byFile)
			count(path.Dir(n.Path)+"/", f.Attr("sha256"), byFolder)
		}
	}
	keys := map[string]bool{}
	tests := map[wardein.Digest]bool{} // programs that hold a library's test keys, and certificates for them
	for n, f := range t.Facts("secret") {
		if f.Attr("test") != "" && (n.Format == "elf" || n.Format == "pe") {
			tests[n.Blob] = true
		} else if p := f.Attr("fingerprint"); p != "" && f.Kind == "private-key" && !aside.Is(n.Path) {
			keys[p] = true
		}
	}
	var order []*found
	bySum := map[string]*found{}
	stores := map[string]bool{}
	for n, f := range t.Facts("cert") {
		if aside.Is(n.Path) || tests[n.Blob] {
			continue
		}
		inStore := byFile[n.Path] >= minStore || byFolder[path.Dir(n.Path)+"/"] >= minStore
		c := bySum[f.Attr("sha256")]
		if c == nil {
			c = &found{Fact: f, store: true, key: keys[f.Attr("spki")]}
			bySum[f.Attr("sha256")] = c
			order = append(order, c)
		}
		c.store = c.store && inStore
		if n.Path != c.last || c.files == 0 {
			c.files++
			c.last = n.Path
		}
		if len(c.quotes) < shown {
			c.quotes = append(c.quotes, wardein.Quote{Node: n.Path, Off: f.Off, Len: f.Len})
		}
		if inStore {
			stores[n.Path] = true
		}
	}
	var own, trusted []*found
	for _, c := range order {
		if c.store && !c.key {
			trusted = append(trusted, c)
		} else {
			own = append(own, c)
		}
	}
	for _, r := range rules {
		var of []*found
		for _, c := range own {
			if r.holds(c, asOf) {
				of = append(of, c)
			}
		}
		if len(of) > 0 {
			out(r.finding(of, asOf))
		}
	}
	if len(trusted) > 0 {
		out(store(trusted, len(stores), asOf))
	}
	return nil
}

// rule is something that can be wrong with a certificate.
type rule struct {
	name     string
	severity func(c *found) wardein.Severity
	reach    wardein.Reach
	holds    func(c *found, asOf string) bool
	why      func(c *found) string // stands behind the name of a certificate
	sure     wardein.Confidence
}

// weak tells why a public key is weak (NIST SP 800-131A; BSI TR-02102-1), ""
// for one that is not.
func weak(c *found) string {
	bits, kind := c.bits(), c.Attr("kind")
	switch {
	case kind == "RSA" && (c.Attr("exponent") == "1" || c.Attr("exponent") == "0" || len(c.Attr("exponent")) > 0 && (c.Attr("exponent")[len(c.Attr("exponent"))-1]-'0')%2 == 0):
		return "RSA with the exponent " + c.Attr("exponent")
	case kind == "RSA" && bits < 2048, kind == "DSA" && bits > 0 && bits < 2048, kind == "EC" && bits > 0 && bits < 224:
		return fmt.Sprintf("%s %d bits", kind, bits)
	}
	return ""
}

func weakHash(c *found) bool {
	h := c.Attr("hash")
	return h == "MD2" || h == "MD5" || h == "SHA-1"
}

func fixed(s wardein.Severity) func(*found) wardein.Severity {
	return func(*found) wardein.Severity { return s }
}

// withKey is graded higher where the release also holds the private key: then
// the unit uses the certificate.
func withKey(c *found) wardein.Severity {
	if c.key {
		return wardein.Medium
	}
	return wardein.Low
}

var rules = []rule{
	{"ca-key", fixed(wardein.High), wardein.NoneShown, func(c *found, _ string) bool { return c.key && c.is("ca") && !c.is("serves") }, nil, wardein.Certain},
	{"identity", fixed(wardein.Medium), wardein.NoneShown, func(c *found, _ string) bool { return c.key && (!c.is("ca") || c.is("serves")) }, nil, wardein.Certain},
	{"weak-key", func(c *found) wardein.Severity {
		if c.bits() < 1024 && c.Attr("kind") != "EC" || strings.Contains(weak(c), "exponent") {
			return wardein.High
		}
		return wardein.Medium
	}, wardein.NoneShown, func(c *found, _ string) bool { return weak(c) != "" }, weak, wardein.Certain},
	{"weak-hash", fixed(wardein.Medium), wardein.NoneShown, func(c *found, _ string) bool { return weakHash(c) && !c.is("self") }, func(c *found) string { return c.Attr("hash") }, wardein.Certain},
	{"expired", withKey, wardein.NoneShown, func(c *found, asOf string) bool { return c.Attr("until") < asOf }, func(c *found) string { return c.Attr("until") }, wardein.Certain},
	{"not-yet-valid", withKey, wardein.NoneShown, func(c *found, asOf string) bool { return c.Attr("from") > asOf }, func(c *found) string { return c.Attr("from") }, wardein.Certain},
	{"leaf-ca", fixed(wardein.Low), wardein.NoneShown, func(c *found, _ string) bool { return c.is("ca") && c.is("serves") && c.is("self") && c.key }, nil, wardein.Certain},
}

// finding is one for all certificates that a rule holds for.
func (r *rule) finding(of []*found, asOf string) wardein.Finding {
	slices.SortStableFunc(of, func(a, b *found) int {
		return cmp.Or(cmp.Compare(r.severity(b), r.severity(a)), strings.Compare(a.Attr("subject"), b.Attr("subject")))
	})
	f := wardein.Finding{Rule: "cert." + r.name, Node: of[0].quotes[0].Node, Severity: r.severity(of[0]), Confidence: r.sure, Reach: r.reach,
		Fix: wardein.Text{ID: "cert.fix-" + r.name}, Meanwhile: wardein.Text{ID: "cert.until-" + r.name}}
	var names, sums []string
	for _, c := range of {
		n := c.Attr("subject")
		if r.why != nil {
			n += ": " + r.why(c)
		}
		if len(names) < 5 && !slices.Contains(names, n) {
			names = append(names, n)
		}
		sums = append(sums, c.Attr("sha256"))
		f.Quotes = append(f.Quotes, c.quotes[:min(len(c.quotes), shown-len(f.Quotes))]...)
	}
	slices.Sort(sums)
	f.ID = stable.ID(f.Rule, sums...)
	id := "cert." + r.name
	if len(of) > 1 {
		id += "-many"
	}
	list := strings.Join(names, "; ")
	if len(of) > len(names) {
		list += "; …"
	}
	f.Says = wardein.Text{ID: id, Args: []wardein.Note{{Name: "count", Value: strconv.Itoa(len(of))}, {Name: "names", Value: list}, {Name: "date", Value: asOf}}}
	return f
}

// store is the finding of all that trust stores hold.
func store(of []*found, files int, asOf string) wardein.Finding {
	f := wardein.Finding{Rule: "cert.trust-store", Node: of[0].quotes[0].Node, Confidence: wardein.Certain,
		Fix: wardein.Text{ID: "cert.fix-trust-store"}, Meanwhile: wardein.Text{ID: "cert.until-trust-store"}}
	var bad []*found
	expired, small := 0, 0
	var sums []string
	for _, c := range of {
		sums = append(sums, c.Attr("sha256"))
		gone := c.Attr("until") < asOf
		if gone {
			expired++
		}
		if weak(c) != "" {
			small++
		}
		if gone || weak(c) != "" {
			bad = append(bad, c)
		}
	}
	if len(bad) > 0 {
		f.Severity = wardein.Low
	}
	for _, c := range append(bad, of...) {
		if len(f.Quotes) < shown && !slices.ContainsFunc(f.Quotes, func(q wardein.Quote) bool { return q == c.quotes[0] }) {
			f.Quotes = append(f.Quotes, c.quotes[0])
		}
	}
	slices.Sort(sums)
	f.ID = stable.ID(f.Rule, sums...)
	names := ""
	for i, c := range bad[:min(len(bad), 5)] {
		if i > 0 {
			names += "; "
		}
		names += c.Attr("subject")
	}
	if len(bad) > 5 {
		names += "; …"
	}
	id := "cert.trust-store"
	if len(bad) > 0 {
		id = "cert.trust-store-bad"
	}
	f.Says = wardein.Text{ID: id, Args: []wardein.Note{{Name: "count", Value: strconv.Itoa(len(of))}, {Name: "files", Value: plural(files)},
		{Name: "expired", Value: strconv.Itoa(expired)}, {Name: "weak", Value: strconv.Itoa(small)}, {Name: "names", Value: names}, {Name: "date", Value: asOf}}}
	return f
}

func plural(n int) string {
	if n == 1 {
		return "1 file"
	}
	return strconv.Itoa(n) + " files"
}
