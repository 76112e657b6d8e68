package report

import (
	"testing"

	"github.com/wardein/wardein"
)

// A finding that names many gives each its own words, score and standing.
func TestVulnerabilities(t *testing.T) {
	note := func(name, value string) wardein.Note { return wardein.Note{Name: name, Value: value} }
	r := &wardein.Report{
		Components: []wardein.Component{{Name: "busybox", Version: "1.20.0"}, {Name: "openssl", Version: "3.0.9"}},
		Findings: []wardein.Finding{{Check: "vuln", Severity: wardein.Critical, Confidence: wardein.Likely, Exploited: true, Says: wardein.Text{ID: "k", Args: []wardein.Note{
			note("component", "openssl"), note("version", "3.0.9"), note("count", "2 known vulnerabilities"),
			note("CVE-2024-0001", "status=affected; score=9.8; scored=nvd; vector=CVSS:3.1/AV:N; exploited=2024-02-01; epss=0.94321; fixed=3.0.14; source=nvd; record=CVE-2024-0001; date=2024-01-02; product=cpe:openssl:openssl; range=>= 3.0.0, < 3.0.14; why=by version only"),
			note("CVE-2024-0002", "status=under investigation; source=csaf"),
			note("CVE-2024-0003", "status=affected; score=4.0; source=cve"),
			note("CVE-2024-0004", "status=affected; sure=no; score=10.0; source=cve"),
			note("GHSA-aaaa-bbbb-cccc", "status=not affected; source=openvex; justification=component_not_present"),
		}}}},
	}
	got := Vulnerabilities(r, nil)
	for i, want := range []Vulnerability{
		{ID: "CVE-2024-0001", Standing: Affected, Score: 98, Exploited: true, Says: "CVE-2024-0001: cpe:openssl:openssl >= 3.0.0, < 3.0.14, as nvd says in CVE-2024-0001 of 2024-01-02; by version only."},
		{ID: "CVE-2024-0002", Standing: Investigating, Says: "CVE-2024-0002: openssl."},
		{ID: "CVE-2024-0003", Standing: Affected, Score: 40, Says: "CVE-2024-0003: openssl."},
		{ID: "CVE-2024-0004", Standing: Investigating, Score: 100, Says: "CVE-2024-0004: openssl."},
		{ID: "GHSA-aaaa-bbbb-cccc", Standing: NotAffected, Says: "GHSA-aaaa-bbbb-cccc: openssl."},
	} {
		if i >= len(got) {
			t.Fatalf("%d of them", len(got))
		}
		g := got[i]
		if g.ID != want.ID || g.Standing != want.Standing || g.Score != want.Score || g.Exploited != want.Exploited || g.Says != want.Says || g.Component != 1 {
			t.Errorf("got  %+v\nwant %+v", g, want)
		}
	}
	if g := got[0]; g.Vector != "CVSS:3.1/AV:N" || g.Scored != "nvd" || g.Added != "2024-02-01" || g.EPSS != "0.94321" || g.FixedIn != "3.0.14" || g.Source != "nvd" || got[4].Why != "component_not_present" {
		t.Errorf("%+v", g)
	}
}

func TestCPE(t *testing.T) {
	for _, c := range []struct {
		c    wardein.Component
		want string
	}{
		{wardein.Component{Vendor: "GNU", Product: "glibc", Version: "2.36"}, "cpe:2.3:a:gnu:glibc:2.36:*:*:*:*:*:*:*"},
		{wardein.Component{Vendor: "v", Product: "p", Version: "1:2+b~c"}, `cpe:2.3:a:v:p:1\:2\+b\~c:*:*:*:*:*:*:*`},
		{wardein.Component{Vendor: "v", Product: "p"}, "cpe:2.3:a:v:p:*:*:*:*:*:*:*:*"},
		{wardein.Component{Vendor: "v", Product: "p", Version: "1 2"}, ""},
		{wardein.Component{Vendor: "v", Product: "p", Version: "-"}, ""},
		{wardein.Component{Product: "p", Version: "1"}, ""},
	} {
		if got := CPE(&c.c); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

func TestUUID(t *testing.T) {
	a, b := UUID(wardein.Digest{1}, "x"), UUID(wardein.Digest{1}, "y")
	if a == b || len(a) != 36 || a[14] != '5' || a != UUID(wardein.Digest{1}, "x") {
		t.Error(a, b)
	}
}
