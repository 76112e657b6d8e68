package feed

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
	"github.com/wardein/wardein/vulndb"
)

// load imports files into a new database and opens it.
func load(t testing.TB, names ...string) *vulndb.DB {
	t.Helper()
	path := filepath.Join(t.TempDir(), "test.db")
	if err := into(path, names...); err != nil {
		t.Fatal(err)
	}
	db, err := vulndb.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if err := db.Check(); err != nil {
		t.Fatal(err)
	}
	return db
}

func into(path string, names ...string) error {
	w, err := vulndb.Create(path, false)
	if err != nil {
		return err
	}
	defer w.Abort()
	im := New(w)
	im.Day = "2026-11-20"
	for _, n := range names {
		if err = im.Add(context.Background(), n); err != nil {
			break
		}
	}
	if cerr := im.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	return w.Commit()
}

// write makes files of a test.
func write(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "feeds")
	for name, s := range files {
		p := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(p, []byte(s), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func match(t testing.TB, db *vulndb.DB, c wardein.Component) string {
	t.Helper()
	list, err := db.Match(&c)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for i := range list {
		m := &list[i]
		if err := db.Explain(m); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "%s %s: %s", m.Name, m.Status, m.Because)
		for _, d := range m.Doubts {
			fmt.Fprintf(&b, "; %s", d)
		}
		fmt.Fprintf(&b, "\n  score %d %s kev %v\n", m.Score, m.Scored, m.Exploited != nil)
		for _, s := range m.Statements {
			fmt.Fprintf(&b, "  %s\n", s)
		}
	}
	return b.String()
}

// Real records of four feeds are read without one that is malformed.
func TestCorpus(t *testing.T) {
	db := load(t, testkit.Corpus(t, "feeds/nvd-2.0"), testkit.Corpus(t, "feeds/cve-5"), testkit.Corpus(t, "feeds/osv"), testkit.Corpus(t, "feeds/kev/known_exploited_vulnerabilities.json"))
	for _, s := range db.Sources() {
		t.Logf("%+v", s)
		if want := map[string]int64{"nvd": 23, "cve": 12, "kev": 1404}[s.Name]; s.Malformed > 0 || want > 0 && s.Records != want {
			bad, _ := db.Malformed(10)
			t.Errorf("%s: %d records, want %d, malformed %d: %v", s.Name, s.Records, want, s.Malformed, bad)
		}
	}
	for _, c := range []struct {
		c    wardein.Component
		want []string
	}{
		{wardein.Component{Name: "curl", Version: "7.61.1", Vendor: "haxx", Product: "curl"}, []string{"CVE-2018-14618 affected", "cve (redhat) CVE-2018-14618", "CVE-2024-7264 affected"}},
		{wardein.Component{Name: "gitlab", Version: "14.5.1", Vendor: "gitlab", Product: "gitlab"}, []string{"CVE-2022-0090 affected", ">= 14.5.0, < 14.5.3"}},
		{wardein.Component{Name: "xz", Version: "5.6.0", Vendor: "tukaani", Product: "xz"}, []string{"CVE-2024-3094 affected"}},
	} {
		got := match(t, db, c.c)
		for _, w := range c.want {
			if !strings.Contains(got, w) {
				t.Errorf("%s %s: no %q in\n%s", c.c.Name, c.c.Version, w, got)
			}
		}
	}
	if got := match(t, db, wardein.Component{Name: "gitlab", Version: "14.5.3", Vendor: "gitlab", Product: "gitlab"}); strings.Contains(got, "CVE-2022-0090") {
		t.Error(got)
	}
}
