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
			note("component", "openssl"), note("version", "3.0.9"), note("count", "3 known vulnerabilities"),
			note("list", "CVE-2024-0001 (CVSS 9.8), known exploited since 2024-02-01 — NVD CVE-2024-0001 of 2024-01-02: openssl 3.0.0 to 3.0.13 is affected; by version only. CVE-2024-0002 (no score), under investigation — said so."),
			note("more", " Further 1: CVE-2024-0003 4.0. Possible only 2: CVE-2024-0004 7.5, GHSA-aaaa-bbbb-cccc."),
			note("cves", "CVE-2024-0001 CVE-2024-0002 CVE-2024-0003 CVE-2024-0004 GHSA-aaaa-bbbb-cccc"),
		}}}},
	}
	got := Vulnerabilities(r, nil)
	for i, want := range []Vulnerability{
		{ID: "CVE-2024-0001", Standing: Affected, Score: 98, Exploited: true, Says: "CVE-2024-0001 (CVSS 9.8), known exploited since 2024-02-01 — NVD CVE-2024-0001 of 2024-01-02: openssl 3.0.0 to 3.0.13 is affected; by version only"},
		{ID: "CVE-2024-0002", Standing: Investigating, Says: "CVE-2024-0002 (no score), under investigation — said so"},
		{ID: "CVE-2024-0003", Standing: Affected, Score: 40, Says: "CVE-2024-0003: openssl 3.0.9"},
		{ID: "CVE-2024-0004", Standing: Investigating, Score: 75, Says: "CVE-2024-0004: openssl 3.0.9"},
		{ID: "GHSA-aaaa-bbbb-cccc", Standing: Investigating, Says: "GHSA-aaaa-bbbb-cccc: openssl 3.0.9"},
	} {
		if i >= len(got) {
			t.Fatalf("%d of them", len(got))
		}
		g := got[i]
		if g.ID != want.ID || g.Standing != want.Standing || g.Score != want.Score || g.Exploited != want.Exploited || g.Says != want.Says || g.Component != 1 {
			t.Errorf("got  %+v\nwant %+v", g, want)
		}
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
