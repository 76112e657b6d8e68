package feed

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/vulndb"
)

// Small feeds of each form, made up.
var small = map[string]string{
	"nvd.json": `{"resultsPerPage":2,"format":"NVD_CVE","version":"2.0","timestamp":"2026-11-20T00:00:00.000","vulnerabilities":[
{"cve":{"id":"CVE-1901-0001","sourceIdentifier":"a@b","lastModified":"2026-11-10T00:00:00.000","vulnStatus":"Analyzed","metrics":{"cvssMetricV2":[{"type":"Primary","cvssData":{"baseScore":5.0}}],"cvssMetricV31":[{"type":"Secondary","cvssData":{"baseScore":9.9}},{"type":"Primary","cvssData":{"baseScore":9.8,"vectorString":"CVSS:3.1\/AV:N"}}]},"configurations":[{"operator":"AND","nodes":[{"cpeMatch":[{"vulnerable":true,"criteria":"cpe:2.3:o:example:os\\:x:*:*:*:*:*:*:*:*","versionStartExcluding":"1","versionEndIncluding":"2.0"}]},{"cpeMatch":[{"vulnerable":false,"criteria":"cpe:2.3:h:example:box:-:*:*:*:*:*:*:*"}]}]}]}},
{"cve":{"id":"CVE-1901-0002","vulnStatus":"Rejected","descriptions":[{"lang":"en","value":"\"quoted\" \\ \u00e9 \ud83d\ude00 ]}"}]}}]}`,
	"CVE-1902-0001.json": `{"dataType":"CVE_RECORD","cveMetadata":{"cveId":"CVE-1902-0001","state":"PUBLISHED","dateUpdated":"2026-11-01T00:00:00Z"},"containers":{"cna":{"providerMetadata":{"shortName":"ex"},"metrics":[{"cvssV3_1":{"baseScore":7.5,"vectorString":"CVSS:3.1/AV:N"}}],"affected":[
 {"vendor":"example","product":"exd","defaultStatus":"unaffected","programFiles":["src/a.c"],"versions":[{"version":"1.0","lessThan":"3.0","status":"affected","versionType":"semver","changes":[{"at":"1.5.9","status":"unaffected"},{"at":"2.0.0","status":"affected"}]},{"version":"deadbeef","status":"affected","versionType":"git"}]},
 {"vendor":"example","product":"exlib","versions":[{"version":">= 2.0, < 2.4","status":"affected"},{"version":"5.*","status":"affected"}]}]}}}`,
	"osv.json":     `{"id":"GHSA-aaaa-bbbb-cccc","modified":"2026-11-02T00:00:00Z","aliases":["CVE-1903-0001"],"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"}],"affected":[{"package":{"ecosystem":"npm","name":"@ex/lib"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1.2.0"},{"introduced":"2.0.0-0"},{"last_affected":"2.1.0"}]},{"type":"GIT","events":[{"introduced":"0"}]}]},{"package":{"ecosystem":"Debian:12","name":"exssl"},"ranges":[{"type":"ECOSYSTEM","events":[{"introduced":"0"},{"fixed":"1.1-2"}]}],"versions":["1.0-1"]}]}`,
	"main.json":    `{"apkurl":"x","archs":["aarch64"],"reponame":"main","urlprefix":"https://x","distroversion":"v3.19","packages":[{"pkg":{"name":"exssl","secfixes":{"1.2.3-r1":["CVE-1904-0001 (+)","CVE-1904-0002 XSA-1"],"0":["CVE-1904-0003"]}}},{"pkg":{"name":"none","secfixes":null}}]}`,
	"tracker.json": `{"exssl":{"CVE-1905-0001":{"description":"x","scope":"remote","releases":{"bookworm":{"status":"resolved","fixed_version":"1.1-2","urgency":"low","repositories":{"bookworm":"1.1-1"}},"bullseye":{"status":"open","urgency":"unimportant"},"sid":{"status":"undetermined"}}},"TEMP-0000000-AAAAAA":{"releases":{}}}}`,
	"kev.json":     `{"title":"x","catalogVersion":"2026.11.19","dateReleased":"2026-11-19T00:00:00Z","count":1,"vulnerabilities":[{"cveID":"CVE-1901-0001","vulnerabilityName":"ex","dateAdded":"2026-01-02","dueDate":"2026-01-23","knownRansomwareCampaignUse":"Known"}]}`,
	"epss.csv":     "#model_version:v2025.03.14,score_date:2026-11-21T12:00:00Z\ncve,epss,percentile\nCVE-1901-0001,0.94321,0.99901\nCVE-1902-0001,1.00000,1\nCVE-1900-00001,0.1,0.1\n",
	"openvex.json": `{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://x.example/vex/9","author":"ExampleTel","timestamp":"2026-11-10T00:00:00Z","statements":[{"vulnerability":{"name":"CVE-1901-0001"},"products":[{"@id":"pkg:deb/debian/exssl@1.1-1?arch=arm64"}],"status":"fixed"},{"vulnerability":"CVE-1901-0001","products":["pkg:npm/%40ex/lib@1.0.0"],"status":"not_affected"},{"vulnerability":{"name":"not a cve"},"status":"affected","products":[]}]}`,
	"csaf.json":    `{"document":{"category":"csaf_vex","publisher":{"name":"Ex"},"tracking":{"id":"EX 1","current_release_date":"2026-11-11T00:00:00Z"}},"product_tree":{"branches":[{"category":"vendor","name":"ex","branches":[{"category":"product_version_range","name":"vers:generic/>=1.0|<2.0","product":{"product_id":"P1","name":"a","product_identification_helper":{"purl":"pkg:generic/a"}}},{"category":"product_version","name":"9","product":{"product_id":"OS","name":"os 9"}}]}],"relationships":[{"category":"default_component_of","product_reference":"P1","relates_to_product_reference":"OS","full_product_name":{"product_id":"OS:P1","name":"a in os"}}]},"vulnerabilities":[{"cve":"CVE-1906-0001","scores":[{"cvss_v3":{"baseScore":5.5,"vectorString":"CVSS:3.1/AV:L"}}],"product_status":{"known_affected":["P1"],"known_not_affected":["OS:P1","unheard"]}}]}`,
}

func says(t *testing.T, db *vulndb.DB, c wardein.Component) []string {
	t.Helper()
	list, err := db.Match(&c)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, m := range list {
		out = append(out, fmt.Sprintf("%s %s by %s", m.Name, m.Status, m.Statements[0].Said))
	}
	return out
}

// Each form gives what it says, and nothing more.
func TestForms(t *testing.T) {
	db := load(t, write(t, small))
	if bad, err := db.Malformed(10); err != nil || len(bad) != 1 || bad[0].Name != "CVE-1900-00001" {
		t.Errorf("malformed: %v, %v", bad, err)
	}
	deb := func(v string) []wardein.Declaration {
		return []wardein.Declaration{{System: "dpkg", Package: "libexssl1", Source: "exssl (1.1)", Version: v, Distribution: "debian 12"}}
	}
	for _, c := range []struct {
		what string
		c    wardein.Component
		want string
	}{
		{"nvd, above the lower bound", wardein.Component{Name: "os", Version: "2.0", Vendor: "example", Product: "os:x"}, "CVE-1901-0001 affected by > 1, <= 2.0"},
		{"nvd, on the lower bound", wardein.Component{Name: "os", Version: "1", Vendor: "example", Product: "os:x"}, ""},
		{"nvd, beyond", wardein.Component{Name: "os", Version: "2.0.1", Vendor: "example", Product: "os:x"}, ""},
		{"cve, before a change", wardein.Component{Name: "exd", Version: "1.5.8", Vendor: "example", Product: "exd"}, "CVE-1902-0001 affected by >= 1.0, < 1.5.9"},
		{"cve, changed", wardein.Component{Name: "exd", Version: "1.9.0", Vendor: "example", Product: "exd"}, ""},
		{"cve, changed back", wardein.Component{Name: "exd", Version: "2.0.1", Vendor: "example", Product: "exd"}, "CVE-1902-0001 affected by >= 2.0.0, < 3.0"},
		{"cve, range in the version", wardein.Component{Name: "exlib", Version: "2.3", Vendor: "example", Product: "exlib"}, "CVE-1902-0001 affected by >= 2.0, < 2.4"},
		{"cve, wildcard", wardein.Component{Name: "exlib", Version: "5.9", Vendor: "example", Product: "exlib"}, "CVE-1902-0001 affected by >= 5, <= 5.*"},
		{"cve, beyond the wildcard", wardein.Component{Name: "exlib", Version: "6.0", Vendor: "example", Product: "exlib"}, ""},
		{"osv, npm", wardein.Component{Name: "@ex/lib", Version: "1.1.9", Declared: []wardein.Declaration{{System: "npm", Package: "@ex/lib", Version: "1.1.9"}}}, "CVE-1903-0001 affected by < 1.2.0"},
		{"osv, last affected", wardein.Component{Name: "@ex/lib", Version: "2.1.0", Declared: []wardein.Declaration{{System: "npm", Package: "@ex/lib", Version: "2.1.0"}}}, "CVE-1903-0001 affected by >= 2.0.0-0, <= 2.1.0"},
		{"osv, between", wardein.Component{Name: "@ex/lib", Version: "1.2.0", Declared: []wardein.Declaration{{System: "npm", Package: "@ex/lib", Version: "1.2.0"}}}, ""},
		{"debian and osv, before the fix", wardein.Component{Name: "exssl", Version: "1.1", Declared: deb("1.1-1")}, "CVE-1903-0001 affected by < 1.1-2; CVE-1905-0001 affected by < 1.1-2"},
		{"debian, fixed", wardein.Component{Name: "exssl", Version: "1.1", Declared: deb("1.1-2")}, ""},
		{"alpine", wardein.Component{Name: "exssl", Version: "1.2.3", Declared: []wardein.Declaration{{System: "apk", Package: "libexssl", Source: "exssl", Version: "1.2.3-r0", Distribution: "alpine 3.19"}}}, "CVE-1904-0001 affected by < 1.2.3-r1; CVE-1904-0002 affected by < 1.2.3-r1"},
		{"alpine, fixed", wardein.Component{Name: "exssl", Version: "1.2.3", Declared: []wardein.Declaration{{System: "apk", Package: "libexssl", Source: "exssl", Version: "1.2.3-r1", Distribution: "alpine 3.19"}}}, ""},
		{"csaf, range of a branch", wardein.Component{Name: "a", Version: "1.5", PURL: "pkg:generic/a@1.5"}, "CVE-1906-0001 affected by >= 1.0, < 2.0"},
		{"csaf, beyond", wardein.Component{Name: "a", Version: "2.0", PURL: "pkg:generic/a@2.0"}, ""},
	} {
		if got := strings.Join(says(t, db, c.c), "; "); got != c.want {
			t.Errorf("%s: %q, want %q", c.what, got, c.want)
		}
	}
	list, err := db.Match(&wardein.Component{Name: "os", Version: "2.0", Vendor: "example", Product: "os:x"})
	if err != nil || len(list) != 1 {
		t.Fatal(list, err)
	}
	m := list[0]
	if m.Score != 98 || m.Exploited == nil || !m.Exploited.Ransomware || m.EPSS == nil || m.EPSS.Score != 94321 || m.EPSS.Percentile != 99901 || len(m.Doubts) != 1 || !strings.Contains(m.Doubts[0], "with cpe:example:box") {
		t.Errorf("%+v %+v %+v", m, m.Exploited, m.EPSS)
	}
	for _, s := range db.Sources() {
		if want := map[string]string{"nvd": "2026-11-20", "cve": "2026-11-01", "osv": "2026-11-02", "alpine": "2026-11-20", "debian": "2026-11-20", "kev": "2026-11-19", "epss": "2026-11-21", "openvex": "2026-11-10", "csaf": "2026-11-11"}[s.Name]; s.Newest != want {
			t.Errorf("%s is of %s, want %s", s.Name, s.Newest, want)
		}
	}
}

// Every form may be packed, and stand in archives in archives; the database
// is the same, but for where things were.
func TestPacked(t *testing.T) {
	dir := write(t, small)
	var inner, outer bytes.Buffer
	z := zip.NewWriter(&inner)
	for _, n := range []string{"CVE-1902-0001.json", "osv.json"} {
		w, err := z.Create("cves/" + n)
		if err != nil {
			t.Fatal(err)
		}
		w.Write([]byte(small[n]))
	}
	z.Close()
	z = zip.NewWriter(&outer)
	w, _ := z.Create("cves.zip")
	w.Write(inner.Bytes())
	w, _ = z.Create("nvd.json.gz")
	g := gzip.NewWriter(w)
	g.Write([]byte(small["nvd.json"]))
	g.Close()
	z.Close()
	packed := filepath.Join(dir, "all.zip")
	if err := os.WriteFile(packed, outer.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	db := load(t, packed)
	got := map[string]int64{}
	for _, s := range db.Sources() {
		got[s.Name] = s.Records
	}
	if got["nvd"] != 2 || got["cve"] != 1 || got["osv"] != 1 {
		t.Errorf("%v", got)
	}
	if out := says(t, db, wardein.Component{Name: "exd", Version: "1.5.8", Vendor: "example", Product: "exd"}); len(out) != 1 {
		t.Error(out)
	}
}

// A feed that is cut anywhere is refused as a whole, or was whole already:
// the database that was there stays, to the byte.
func TestCut(t *testing.T) {
	dir := t.TempDir()
	db := filepath.Join(dir, "test.db")
	if err := into(db, filepath.Join(write(t, small), "kev.json")); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(db)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"nvd.json", "main.json", "tracker.json", "kev.json"} {
		s := small[name]
		for n := 1; n < len(s); n += 1 + len(s)/40 {
			p := filepath.Join(dir, name)
			if err := os.WriteFile(p, []byte(s[:n]), 0o644); err != nil {
				t.Fatal(err)
			}
			err := into(db, p)
			after, rerr := os.ReadFile(db)
			if err == nil || rerr != nil || !bytes.Equal(before, after) {
				t.Fatalf("%s cut at %d of %d: %v, %v; the database is another: %v", name, n, len(s), err, rerr, !bytes.Equal(before, after))
			}
		}
	}
	left, _ := filepath.Glob(filepath.Join(dir, ".*"))
	if len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// An interrupted import leaves the database as it was.
func TestInterrupted(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test.db")
	w, err := vulndb.Create(path, false)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	im := New(w)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	// enough for a batch to be handed on
	many := strings.Repeat("CVE-1901-0001,0.1,0.1\n", 30_000)
	err = im.Add(ctx, filepath.Join(write(t, map[string]string{"epss.csv": "cve,epss,percentile\n" + many}), "epss.csv"))
	if im.Close(); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	w.Abort()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a database is there: %v", err)
	}
}

// The same files give the same bytes, whatever the number of processors.
func TestSame(t *testing.T) {
	dir := write(t, small)
	var first []byte
	for i := range 4 {
		p := filepath.Join(t.TempDir(), "test.db")
		if err := into(p, dir); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		if i == 0 {
			first = b
		} else if !bytes.Equal(first, b) {
			t.Fatal("another database")
		}
	}
}

// A newer record takes an older one's place; when many were replaced the
// file is written anew, and is no larger for it.
func TestReplace(t *testing.T) {
	feedOf := func(day, below string, n int) string {
		var b strings.Builder
		fmt.Fprintf(&b, `{"format":"NVD_CVE","timestamp":"%sT00:00:00.000","vulnerabilities":[`, day)
		for i := range n {
			if i > 0 {
				b.WriteByte(',')
			}
			fmt.Fprintf(&b, `{"cve":{"id":"CVE-1901-%04d","lastModified":"%sT00:00:00.000","configurations":[{"nodes":[{"cpeMatch":[{"vulnerable":true,"criteria":"cpe:2.3:a:ex:p%d:*:*:*:*:*:*:*:*","versionEndExcluding":"%s"}]}]}]}}`, i, day, i%7, below)
		}
		return b.String() + "]}"
	}
	dir := write(t, map[string]string{"1.json": feedOf("2026-11-01", "2.0", 5000), "2.json": feedOf("2026-11-02", "1.0", 10), "3.json": feedOf("2026-11-03", "3.0", 5000), "4.json": feedOf("2026-10-01", "9.0", 5000)})
	path := filepath.Join(t.TempDir(), "test.db")
	size := int64(0)
	for i, want := range []struct{ at15, at25 int }{{715, 0}, {713, 0}, {715, 715}, {715, 715}} {
		if err := into(path, filepath.Join(dir, fmt.Sprintf("%d.json", i+1))); err != nil {
			t.Fatal(err)
		}
		db, err := vulndb.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		at15 := len(says(t, db, wardein.Component{Name: "p0", Version: "1.5", Vendor: "ex", Product: "p0"}))
		at25 := len(says(t, db, wardein.Component{Name: "p0", Version: "2.5", Vendor: "ex", Product: "p0"}))
		if at15 != want.at15 || at25 != want.at25 {
			t.Errorf("after import %d: %d and %d matches, want %d and %d", i+1, at15, at25, want.at15, want.at25)
		}
		for _, s := range db.Sources() {
			if s.Records != 5000 || s.Assertions != 5000 {
				t.Errorf("after import %d: %d records, %d statements in %d feeds", i+1, s.Records, s.Assertions, s.Feeds)
			}
		}
		if i == 0 {
			size = db.Size()
		} else if db.Size() > size+size/4 {
			t.Errorf("after import %d: %d bytes, %d at first", i+1, db.Size(), size)
		}
		db.Close()
	}
}

// Feeds with changed bytes go through the whole import, or are refused.
func TestAltered(t *testing.T) {
	dir := t.TempDir()
	r := rand.New(rand.NewPCG(1, 2))
	names := slices.Sorted(maps.Keys(small))
	refused := 0
	for range 300 {
		b := []byte(small[names[r.IntN(len(names))]])
		for range 1 + r.IntN(4) {
			switch k := r.IntN(len(b)); r.IntN(4) {
			case 0:
				b[k] = byte(r.IntN(256))
			case 1:
				b = b[:1+k]
			default:
				b = slices.Insert(b, k, `{"[:,]}\`[r.IntN(8)])
			}
		}
		p, db := filepath.Join(dir, "feed.json"), filepath.Join(dir, "test.db")
		os.Remove(db)
		if err := os.WriteFile(p, b, 0o644); err != nil {
			t.Fatal(err)
		}
		if err := into(db, p); err != nil {
			if refused++; strings.Contains(err.Error(), "SQL") {
				t.Fatalf("%v: %q", err, b)
			}
			continue
		}
		d, err := vulndb.Open(db)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Match(&wardein.Component{Name: "exssl", Version: "1.1", Vendor: "example", Product: "exd"}); err != nil {
			t.Fatalf("%v: %q", err, b)
		}
		d.Close()
	}
	t.Logf("%d of 300 refused", refused)
}

// FuzzStream splits bytes of any kind; what it hands out is of them.
func FuzzStream(f *testing.F) {
	for _, s := range small {
		f.Add([]byte(s))
	}
	f.Add([]byte(strings.Repeat(`{"vulnerabilities":[`, 100)))
	f.Fuzz(func(t *testing.T, data []byte) {
		detect(data)
		s := newStream(iotest.OneByteReader(bytes.NewReader(data)))
		total := 0
		err := s.walk(func(string) error {
			if b, err := s.next(); err == nil && (b == '[' || b == '{') && total%2 == 0 {
				return s.walk(func(string) error {
					raw, _, err := s.value(1 << 10)
					total += len(raw) + 1
					return err
				})
			}
			raw, _, err := s.value(1 << 10)
			total += len(raw) + 1
			return err
		})
		if total > 2*len(data)+2 {
			t.Errorf("%d bytes of %d, %v", total, len(data), err)
		}
	})
}

// FuzzReaders calls every reader with bytes of any kind.
func FuzzReaders(f *testing.F) {
	for _, s := range small {
		f.Add([]byte(s))
	}
	readers := []reader{nvd, cve5, osv, csaf, openVEX, secdb, tracker, exploited, likelihood}
	f.Fuzz(func(t *testing.T, data []byte) {
		for _, r := range readers {
			n := 0
			r(item{name: "ex CVE-1901-0001", kind: "v3.19", raw: data}, func(any) { n++ })
			if n > len(data)+1 {
				t.Errorf("%d records of %d bytes", n, len(data))
			}
		}
	})
}

func BenchmarkReaders(b *testing.B) {
	for name, r := range map[string]reader{"CVE-1902-0001.json": cve5, "osv.json": osv, "csaf.json": csaf} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(small[name])))
			b.ReportAllocs()
			for b.Loop() {
				if err := r(item{raw: []byte(small[name])}, func(any) {}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
