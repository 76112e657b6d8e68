package schema

import (
	"bytes"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/report"
)

// Hostile is a name that would do harm if a reader took it as it is.
const Hostile = "a\x1b[2J</title><script>x()</script>\u202egpj.exe\xff\"'`\\;}%41#?//../\x00é"

// Specimen is a report with its tree and the checks that it comes from.
type Specimen struct {
	*wardein.Report
	Tree   *report.File
	Checks []wardein.Check
}

var checks = []wardein.Check{
	{Name: "secret", Doc: wardein.Doc{About: "Private keys.", How: "By structure.", FalsePositives: []string{"test keys"}, Limits: []string{"PEM only"}, References: []string{"RFC 7468"}},
		Messages: map[string]string{"key": "A private key ({kind}) stands in {files}.", "fix": "Ship none.", "until": "Replace it."}},
	{Name: "component", Doc: wardein.Doc{About: "Products."}},
	{Name: "vuln", Doc: wardein.Doc{About: "Known vulnerabilities."},
		Messages: map[string]string{"known": "{component} {version} has {id}: {why}"}},
	{Name: "odd", Messages: map[string]string{"odd": "{what}"}},
}

func notes(kv ...string) (out []wardein.Note) {
	for i := 0; i+1 < len(kv); i += 2 {
		out = append(out, wardein.Note{Name: kv[i], Value: kv[i+1]})
	}
	return out
}

// Specimens are reports that a form must be able to show: full, empty,
// interrupted, and one made of hostile names and numbers.
func Specimens(t testing.TB) map[string]Specimen {
	t.Helper()
	recipe := wardein.Recipe{Module: "v0.1.0", Go: "go1.26", AsOf: "2026-11-22", Checks: []wardein.Ingredient{{Name: "secret", Version: 1}, {Name: "component", Version: 1}, {Name: "vuln", Version: 1}},
		Data: []wardein.Source{{Name: "nvd", Date: "2026-11-20", Digest: wardein.Digest{1}}}}
	release := wardein.Release{Digest: wardein.Digest{0x9c, 0x1e}, Size: 4096}
	quote := func(node string, off int64, text string) wardein.Quote {
		return wardein.Quote{Node: node, Off: off, Len: int64(len(text)), Bytes: text}
	}
	ssl := "root.squashfs/usr/lib/libssl.so.3"
	full := &wardein.Report{
		Release: release, Recipe: recipe, Nodes: 5,
		Coverage: wardein.Coverage{Known: 2000, Opaque: 700, Padding: 1000, Unknown: 396, UnknownBy: []wardein.ClassCount{{Class: "high entropy", Bytes: 396}}, Code: []wardein.CodeCount{{Arch: "arm", Bytes: 900, Read: 700}}},
		Components: []wardein.Component{
			{Name: "busybox", Version: "1.36.1", Vendor: "busybox", Product: "busybox", PURL: "pkg:generic/busybox@1.36.1", Confidence: wardein.Certain,
				Needs:    []wardein.ComponentRef{{Name: "openssl", Version: "3.0.9"}, {Name: "not there"}},
				Declared: []wardein.Declaration{{System: "opkg", Package: "busybox", Version: "1.36.1-r1", License: "GPL-2.0 with exceptions"}},
				Seen: []wardein.Occurrence{{By: "rule", Version: "1.36.1", Confidence: wardein.Likely, Quote: quote("root.squashfs/bin/busybox", 4711, "BusyBox v1.36.1 (")},
					{By: "identity", Confidence: wardein.Possible, Quote: wardein.Quote{Node: "root.squashfs/bin/busybox"}}}},
			{Name: "linux", Version: "5.10.0", Vendor: "linux", Product: "linux_kernel", Confidence: wardein.Certain,
				Seen: []wardein.Occurrence{{By: "kernel", Version: "5.10.0", Confidence: wardein.Certain, Quote: quote("kernel", 16, "Linux version 5.10.0")}}},
			{Name: "openssl", Version: "3.0.9", Scheme: "openssl", Vendor: "openssl", Product: "openssl", PURL: "pkg:generic/openssl@3.0.9", Confidence: wardein.Likely,
				Declared: []wardein.Declaration{{System: "dpkg", Package: "libssl3", Source: "openssl", Version: "3.0.15-1~deb12u1", Distribution: "debian 12", License: "Apache-2.0 AND BSD-3-Clause", Quote: quote("root.squashfs/var/lib/dpkg/status", 100, "Package: libssl3")}},
				Seen: []wardein.Occurrence{{By: "getter", Version: "3.0.9", Confidence: wardein.Likely, Quote: quote(ssl, 9000, "OpenSSL_version: 3.0.9")},
					{By: "package", Version: "3.0.15", Confidence: wardein.Likely, Quote: quote("root.squashfs/var/lib/dpkg/status", 100, "Package: libssl3")}}},
		},
		Findings: []wardein.Finding{
			{ID: "F-00000001", Check: "vuln", Rule: "vuln.known", Node: ssl, Severity: wardein.Critical, Confidence: wardein.Likely, Reach: wardein.NetworkSide, Exploited: true,
				Says: wardein.Text{ID: "known", Args: notes("component", "openssl", "version", "3.0.9",
					"CVE-2023-00001", "status=affected; score=9.8; scored=nvd; vector=CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H; exploited=2023-06-01; epss=0.94321; fixed=3.0.14; source=nvd; record=CVE-2023-00001; date=2023-05-30; product=cpe:openssl:openssl; range=>= 3.0.0, < 3.0.14; why=by version only")},
				Quotes: []wardein.Quote{quote(ssl, 9000, "3.0.9")}},
			{ID: "F-00000002", Check: "vuln", Rule: "vuln.known", Node: ssl, Severity: wardein.Low, Confidence: wardein.Likely,
				Says: wardein.Text{ID: "known", Args: notes("ids", "CVE-2023-00002, CVE-2023-00003", "component", "openssl", "version", "3.0.9", "status", "not affected", "why", "code not built")}},
			{ID: "F-00000003", Check: "vuln", Rule: "vuln.known", Node: "kernel", Severity: wardein.Medium, Confidence: wardein.Possible,
				Says: wardein.Text{ID: "known", Args: notes("id", "CVE-2023-00003", "component", "linux", "version", "5.10.0")}},
			{ID: "F-00000004", Check: "secret", Rule: "secret.private-key", Node: "root.squashfs/etc/key.pem", Severity: wardein.High, Confidence: wardein.Certain, Reach: wardein.Local,
				Says: wardein.Text{ID: "key", Args: notes("kind", "RSA 2048 bits", "files", "1 file", "fingerprint", "00ff00ff")}, Fix: wardein.Text{ID: "fix"}, Meanwhile: wardein.Text{ID: "until"},
				Quotes: []wardein.Quote{{Node: "root.squashfs/etc/key.pem", Off: 0, Len: 1704}}},
			{ID: "F-00000005", Check: "component", Rule: "component.differs", Node: ssl, Severity: wardein.Info, Confidence: wardein.Likely, Says: wardein.Text{ID: "unknown"}},
		},
		Gaps: []wardein.Gap{{Node: "root.squashfs/etc/licence.enc", Who: "openssl-enc", Kind: wardein.Encrypted, Len: 2064, Why: "no key"},
			{Node: "root.squashfs/manual.tar.gz", Who: "gzip", Kind: wardein.Damaged, Off: 2500, Why: "ends at 2500"}, {Who: "vuln", Kind: wardein.Limit, Why: "feed of 2026-10-01 is 52 days old, the limit is 30"}},
		Counts: []wardein.CheckCount{{Check: "secret", Done: 4, Failed: 1}, {Check: "component", Done: 5}},
	}
	fullTree := []*wardein.Node{{}, {Path: "root.squashfs/bin/busybox", Entry: wardein.Entry{Name: "busybox"}, Size: 1 << 20, Blob: wardein.Digest{0xb0}},
		{Path: ssl, Entry: wardein.Entry{Name: "libssl.so.3"}, Size: 600_000, Blob: wardein.Digest{0x55}}, {Path: "root.squashfs/etc/key.pem", Size: 1704, Blob: wardein.Digest{0x4e}}}

	empty := &wardein.Report{Release: wardein.Release{Kind: wardein.Directory}, Recipe: wardein.Recipe{AsOf: "2026-11-22"}, Nodes: 1}

	partial := *full
	partial.Partial, partial.Findings, partial.Release.Parts = true, full.Findings[3:], []wardein.Part{
		{Path: "main.bin", Digest: wardein.Digest{2}, Size: 9, Role: "main card", Delivered: wardein.Matches}, {Path: "ems.zip", Delivered: wardein.Missing}}
	partial.Gaps = append([]wardein.Gap{{Who: "vuln", Kind: wardein.NoData, Why: "no database imported: known vulnerabilities were not examined"}}, full.Gaps...)

	bad := &wardein.Report{
		Release: release, Recipe: recipe, Nodes: 2,
		Coverage: wardein.Coverage{Known: 1<<63 - 1, Unknown: 1},
		Findings: []wardein.Finding{
			{ID: "F-0000000a", Check: "odd", Rule: "odd." + Hostile, Node: Hostile, Severity: wardein.High, Says: wardein.Text{ID: "odd", Args: notes("what", Hostile)},
				Quotes: []wardein.Quote{{Node: Hostile, Off: 1<<63 - 1, Len: 1<<63 - 1, Bytes: Hostile}, {Node: "", Off: -1, Len: -1, Bytes: "\xff\xfe"}, {Node: "//host/x:y", Len: 1, Bytes: "\x00"}}},
			{ID: "F-0000000b", Check: "secret", Rule: "secret.private-key-encrypted", Node: Hostile, Says: wardein.Text{ID: "key", Args: notes("kind", Hostile, "fingerprint", "")}, Quotes: []wardein.Quote{{Node: Hostile, Off: 1 << 60}}},
			{ID: "F-0000000c", Check: "vuln", Rule: "vuln.known", Severity: wardein.Info, Says: wardein.Text{ID: "known", Args: notes("ids", "CVE-2023-00001 "+Hostile+" GHSA-xxxx-yyyy-zzzz", "component", Hostile, "version", Hostile, "why", Hostile, "source", Hostile, "vector", Hostile)}},
			{ID: "F-0000000d", Check: "vuln", Rule: "vuln.known", Severity: wardein.Info, Says: wardein.Text{ID: "known", Args: notes("id", "CVE-2023-00001", "component", "not there")}},
		},
		Gaps: []wardein.Gap{{Node: Hostile, Who: "zip", Kind: wardein.Crashed, Off: 1<<63 - 1, Len: -5, Why: Hostile}},
	}
	long := string(bytes.Repeat([]byte("9.\\"), 1000))
	for _, c := range []wardein.Component{
		{Name: "", Version: "-", Vendor: "v", Product: "p", PURL: "pkg:x"},
		{Name: "*", Version: long, Vendor: Hostile, Product: Hostile, PURL: "pkg:generic/" + Hostile},
		{Name: Hostile, Version: Hostile, Vendor: "a:b", Product: "*?", PURL: "pkg:generic/a%4"},
		{Name: Hostile, Version: Hostile, Vendor: "a b", Product: "p", PURL: "pkg:generic/a%40@1#x#y"},
		{Name: "x", Version: "1:2.0+b~c all versions < 3", Vendor: "v", Product: "p"},
	} {
		c.Seen = []wardein.Occurrence{{By: Hostile, Version: c.Version, Quote: wardein.Quote{Node: Hostile, Off: -7, Len: 3, Bytes: Hostile}}, {By: "getter", Quote: wardein.Quote{Off: 1 << 62, Len: 1, Bytes: "f: x"}}}
		c.Declared = []wardein.Declaration{{System: "dpkg", Package: Hostile, Source: Hostile, Version: Hostile, Distribution: Hostile, License: Hostile, Quote: wardein.Quote{Node: Hostile, Bytes: Hostile}}}
		c.Needs = []wardein.ComponentRef{{Name: c.Name, Version: c.Version}, {Name: Hostile, Version: Hostile}, {Name: Hostile, Version: Hostile}, {Name: "x", Version: "none"}}
		bad.Components = append(bad.Components, c)
	}
	tree := func(nodes ...*wardein.Node) *report.File {
		var b bytes.Buffer
		w := report.NewTreeWriter(&b)
		facts := report.Facts{}
		for _, n := range nodes {
			line, err := w.Write(n)
			if err != nil {
				t.Fatal(err)
			}
			add := func(off int64, kv ...string) {
				facts["cert"] = append(facts["cert"], report.NodeFact{Line: line, Fact: wardein.Fact{Kind: "cert", Off: off, Len: 1200, Attrs: notes(kv...)}})
			}
			switch n.Path {
			case "root.squashfs/etc/key.pem": // twice, and the key's own
				for off := range int64(2) {
					add(1704+1300*off, "sha256", "c0ffee", "spki", "00ff00ff", "subject", "CN=box.example", "from", "2020-01-01", "until", "2030-01-01", "kind", "RSA", "bits", "2048", "hash", "SHA256", "self", "yes")
				}
			case Hostile:
				add(-1, "sha256", Hostile, "spki", Hostile, "subject", Hostile, "from", Hostile, "until", "2030-13-01")
				add(0, "sha256", "")
			}
		}
		if _, err := w.Close(); err != nil {
			t.Fatal(err)
		}
		return report.OpenTree(bytes.NewReader(b.Bytes()), int64(b.Len()), nil, facts)
	}
	return map[string]Specimen{
		"full":    {full, tree(fullTree...), checks},
		"empty":   {empty, tree(&wardein.Node{}), checks},
		"partial": {&partial, tree(fullTree...), checks},
		"hostile": {bad, tree(&wardein.Node{}, &wardein.Node{Path: Hostile, Entry: wardein.Entry{Name: Hostile}, Blob: wardein.Digest{7}}), checks},
		"nothing": {&wardein.Report{}, tree(), nil},
	}
}
