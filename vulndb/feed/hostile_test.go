package feed

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
	"github.com/wardein/wardein/vulndb"
)

// corpus reads all real feed files.
func corpus(t *testing.T) map[string][]byte {
	t.Helper()
	files := map[string][]byte{}
	root := testkit.Corpus(t, "feeds")
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.Contains(p, "_schema") {
			return err
		}
		rel, _ := filepath.Rel(root, p)
		files[rel], err = os.ReadFile(p)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// spoil replaces some of a JSON text's values by others of any kind, below
// the depth at which a file says what it is.
func spoil(r *rand.Rand, v any, depth int) any {
	if depth > 4 && r.IntN(12) == 0 {
		switch r.IntN(8) {
		case 0:
			return nil
		case 1:
			return r.IntN(1000)
		case 2:
			return "\x00"
		case 3:
			return strings.Repeat("9", 400)
		case 4:
			return []any{map[string]any{"version": []any{}}}
		case 5:
			return map[string]any{"": -1e300}
		case 6:
			return true
		default:
			return strings.Repeat("<>=*", 100)
		}
	}
	switch v := v.(type) {
	case map[string]any:
		for _, k := range slices.Sorted(maps.Keys(v)) {
			v[k] = spoil(r, v[k], depth+1)
		}
	case []any:
		for i := range v {
			v[i] = spoil(r, v[i], depth+1)
		}
	}
	return v
}

// Records that say what no record should are counted and named, whatever they
// say: none is lost, and none ends the import.
func TestSpoiled(t *testing.T) {
	files := corpus(t)
	r := rand.New(rand.NewPCG(3, 5))
	malformed := int64(0)
	for round := range 20 {
		dir := filepath.Join(t.TempDir(), "feeds")
		want := map[string]int64{}
		for _, name := range slices.Sorted(maps.Keys(files)) {
			source, _, _ := strings.Cut(name, string(filepath.Separator))
			if source == "kev" && round > 1 { // large
				continue
			}
			var v any
			if err := json.Unmarshal(files[name], &v); err != nil {
				t.Fatal(name, err)
			}
			b, err := json.Marshal(spoil(r, v, map[string]int{"nvd-2.0": 1, "kev": 2}[source]))
			if err != nil {
				t.Fatal(err)
			}
			source = map[string]string{"nvd-2.0": "nvd", "cve-5": "cve", "osv": "osv", "kev": "kev"}[source]
			want[source]++
			if source == "kev" {
				want[source] = 1404
			}
			p := filepath.Join(dir, name)
			if err := errors.Join(os.MkdirAll(filepath.Dir(p), 0o755), os.WriteFile(p, b, 0o644)); err != nil {
				t.Fatal(err)
			}
		}
		db := load(t, dir)
		bad, err := db.Malformed(1 << 20)
		if err != nil {
			t.Fatal(err)
		}
		named := map[string]int64{}
		for _, b := range bad {
			source, _, _ := strings.Cut(b.Feed, " ")
			named[source]++
			if b.Name == "" || b.Why == "" {
				t.Errorf("round %d: malformed without a name: %+v", round, b)
			}
		}
		for _, s := range db.Sources() {
			malformed += s.Malformed
			if s.Records+s.Malformed < want[s.Name] || named[s.Name] != min(s.Malformed, named[s.Name]) || s.Malformed > 0 && named[s.Name] == 0 {
				t.Errorf("round %d: %s: %d records and %d malformed of %d, %d named", round, s.Name, s.Records, s.Malformed, want[s.Name], named[s.Name])
			}
		}
		for _, c := range []wardein.Component{{Name: "curl", Version: "7.61.1", Vendor: "haxx", Product: "curl"}, {Name: "xz", Version: "5.6.0"}} {
			list, err := db.Match(&c)
			if err != nil {
				t.Fatal(err)
			}
			for i := range list {
				if err := db.Explain(&list[i]); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	t.Logf("%d malformed records", malformed)
	if malformed == 0 {
		t.Error("nothing was malformed: the test tests nothing")
	}
}

// Real feeds with changed bytes are read, or refused as a whole.
func TestChangedBytes(t *testing.T) {
	files := corpus(t)
	r := rand.New(rand.NewPCG(9, 1))
	dir := t.TempDir()
	db := filepath.Join(dir, "test.db")
	if err := into(db, filepath.Join(write(t, small), "nvd.json")); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(db)
	if err != nil {
		t.Fatal(err)
	}
	refused := 0
	for _, name := range slices.Sorted(maps.Keys(files)) {
		for range 3 {
			b := bytes.Clone(files[name])
			for range 1 + r.IntN(6) {
				b[r.IntN(len(b))] = "{}[]\",:\\0a\x00\xff"[r.IntN(12)]
			}
			if r.IntN(4) == 0 {
				b = b[:r.IntN(len(b))]
			}
			p, own := filepath.Join(dir, filepath.Base(name)), filepath.Join(dir, "own.db")
			if err := errors.Join(os.WriteFile(p, b, 0o644), os.WriteFile(own, before, 0o644)); err != nil {
				t.Fatal(err)
			}
			if err := into(own, p); err != nil {
				refused++
				if after, _ := os.ReadFile(own); !bytes.Equal(before, after) {
					t.Fatalf("%s was refused (%v), and the database is another", name, err)
				}
				continue
			}
			d, err := vulndb.Open(own)
			if err != nil {
				t.Fatal(name, err)
			}
			if err := d.Check(); err != nil {
				t.Fatal(name, err)
			}
			d.Close()
		}
	}
	t.Logf("%d of %d refused", refused, 3*len(files))
}

// manyRecords is a feed that takes some time.
func manyRecords(n int) string {
	var b strings.Builder
	b.WriteString(`{"format":"NVD_CVE","timestamp":"2026-11-20T00:00:00.000","vulnerabilities":[`)
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"cve":{"id":"CVE-1901-%04d","lastModified":"2026-11-10T00:00:00.000","configurations":[{"nodes":[{"cpeMatch":[{"vulnerable":true,"criteria":"cpe:2.3:a:ex:p%d:*:*:*:*:*:*:*:*","versionEndExcluding":"2.0"}]}]}]}}`, i, i%997)
	}
	return b.String() + "]}"
}

// An import that is killed at any moment leaves the database as it was, or
// whole; the next one sweeps what it left.
func TestNoHalfImport(t *testing.T) {
	if p := os.Getenv("WARDEIN_IMPORT_INTO"); p != "" { // the one that is killed
		into(p, os.Getenv("WARDEIN_IMPORT"))
		os.Exit(0)
	}
	const n = 40_000
	dir := t.TempDir()
	db, big := filepath.Join(dir, "data", "test.db"), filepath.Join(dir, "big.json")
	if err := os.WriteFile(big, []byte(manyRecords(n)), 0o644); err != nil {
		t.Fatal(err)
	}
	kev := filepath.Join(write(t, small), "kev.json")
	if err := into(db, kev); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(db)
	if err != nil {
		t.Fatal(err)
	}
	unfinished := func() []string {
		left, _ := filepath.Glob(filepath.Join(dir, "data", ".*"))
		return left
	}
	for i := range 12 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestNoHalfImport$")
		cmd.Env = append(os.Environ(), "WARDEIN_IMPORT_INTO="+db, "WARDEIN_IMPORT="+big)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for range 5000 {
			if len(unfinished()) > 0 {
				break
			}
			time.Sleep(time.Millisecond)
		}
		if i == 6 { // beside one that runs, no other begins
			if err := into(db, kev); err == nil {
				t.Log("the first import had ended")
			} else if !strings.Contains(err.Error(), "another import into") {
				t.Error(err)
			}
		}
		time.Sleep(time.Duration(i*i) * 4 * time.Millisecond)
		cmd.Process.Kill()
		cmd.Wait()
		after, err := os.ReadFile(db)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(before, after) { // it was done before it was killed
			d, err := vulndb.Open(db)
			if err != nil {
				t.Fatal(err)
			}
			if err := d.Check(); err != nil || d.Feeds()[len(d.Feeds())-1].Records < 1 {
				t.Errorf("after %d: %v, %+v", i, err, d.Feeds())
			}
			for _, f := range d.Feeds() {
				if f.Source == vulndb.NVD && f.Records != n {
					t.Errorf("half a feed is there: %+v", f)
				}
			}
			d.Close()
			if err := os.WriteFile(db, before, 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := into(db, kev); err != nil {
		t.Fatal(err)
	}
	if left := unfinished(); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// A packed file that is cut or changed is refused: its checksum is read.
func TestPackedDamage(t *testing.T) {
	var gz, zs, tr bytes.Buffer
	g := gzip.NewWriter(&gz)
	g.Write([]byte(small["nvd.json"]))
	g.Close()
	z, err := zstd.NewWriter(&zs)
	if err != nil {
		t.Fatal(err)
	}
	z.Write([]byte(small["nvd.json"]))
	z.Close()
	tw := tar.NewWriter(&tr)
	tw.WriteHeader(&tar.Header{Name: "a/nvd.json", Typeflag: tar.TypeReg, Size: int64(len(small["nvd.json"])), Mode: 0o644})
	tw.Write([]byte(small["nvd.json"]))
	tw.Close()
	dir := t.TempDir()
	try := func(name string, b []byte) error {
		p, db := filepath.Join(dir, name), filepath.Join(dir, "test.db")
		os.Remove(db)
		if err := os.WriteFile(p, b, 0o644); err != nil {
			t.Fatal(err)
		}
		err := into(db, p)
		if _, serr := os.Stat(db); (err == nil) != (serr == nil) {
			t.Errorf("%s: %v, but the database: %v", name, err, serr)
		}
		return err
	}
	for name, b := range map[string][]byte{"a.json.gz": gz.Bytes(), "a.json.zst": zs.Bytes(), "a.tar": tr.Bytes()} {
		if err := try(name, b); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		for _, cut := range []int{1, len(b) / 3, len(b) / 2, len(b) - 1} {
			if strings.HasSuffix(name, "tar") && cut == len(b)-1 {
				continue // zeros behind the last member
			}
			if err := try(name, b[:cut]); err == nil {
				t.Errorf("%s cut at %d of %d was taken", name, cut, len(b))
			}
		}
	}
	b := bytes.Clone(gz.Bytes())
	b[len(b)-6] ^= 1 // CRC-32
	if err := try("a.json.gz", b); err == nil || !strings.Contains(err.Error(), "gzip: ") {
		t.Errorf("a gzip file with another checksum: %v", err)
	}
}

// A file of which the database holds all is passed over; one that states no
// date is not, for it may have been fetched anew.
func TestUnchanged(t *testing.T) {
	dir := write(t, map[string]string{"nvd.json": manyRecords(2000), "tracker.json": strings.Replace(small["tracker.json"], `"x"`, `"`+strings.Repeat("x", headSize)+`"`, 1)})
	path := filepath.Join(t.TempDir(), "test.db")
	for i, want := range []string{"nvd debian", "debian"} {
		w, err := vulndb.Create(path, false)
		if err != nil {
			t.Fatal(err)
		}
		im := New(w)
		if err := im.Add(context.Background(), dir); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(im.Close(), w.Commit()); err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, f := range im.Feeds() {
			got = strings.TrimSpace(got + " " + f.Source)
		}
		if got != want || len(im.Unchanged) != i {
			t.Errorf("import %d read %s, want %s; unchanged %q", i, got, want, im.Unchanged)
		}
	}
}
