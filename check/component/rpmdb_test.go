package component

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
	"github.com/wardein/wardein/internal/testkit/checktest"
)

// rpmRoot builds packages with rpmbuild, installs them into a database of
// rpm's own, and returns its folder and what rpm says of it. One header is
// larger than a page can hold, one package has an epoch, and there are enough
// of them that the tree has several levels.
func rpmRoot(t *testing.T) (db string, want []string) {
	build, rpm := testkit.Tool(t, "rpmbuild"), testkit.Tool(t, "rpm")
	dir := t.TempDir()
	db = filepath.Join(dir, "db")
	var spec strings.Builder
	spec.WriteString("Name: acme-base\nVersion: 1.2.3\nRelease: 4.example\nEpoch: 2\nSummary: base\nLicense: GPLv2+ and MIT\n%description\n" + strings.Repeat("A long text about Acme. ", 2000) + "\n%files\n")
	for i := range 60 {
		fmt.Fprintf(&spec, "%%package -n acme-part%d\nSummary: part\nVersion: 0.%d\n%%description -n acme-part%d\npart %d\n%%files -n acme-part%d\n", i, i, i, i, i)
	}
	if err := os.WriteFile(filepath.Join(dir, "acme.spec"), []byte(spec.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(name string, args ...string) []byte {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Env = append(os.Environ(), "HOME="+dir, "SOURCE_DATE_EPOCH=1700000000")
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s %q: %v", name, args, err)
		}
		return out
	}
	run(build, "-bb", "--quiet", "--target", "noarch", "--define", "_topdir "+dir, "--define", "_build_id_links none", filepath.Join(dir, "acme.spec"))
	packages, _ := filepath.Glob(filepath.Join(dir, "RPMS", "noarch", "*.rpm"))
	run(rpm, append([]string{"--dbpath", db, "-i", "--justdb", "--nodeps", "--noscripts", "--nosignature"}, packages...)...)
	all := run(rpm, "--dbpath", db, "-qa", "--qf", "%{NAME} %|EPOCH?{%{EPOCH}:}|%{VERSION}-%{RELEASE} %{ARCH} %{SOURCERPM} %{LICENSE}\n")
	for line := range strings.Lines(string(all)) {
		want = append(want, strings.TrimSpace(line))
	}
	slices.Sort(want)
	if len(want) != 61 {
		t.Fatalf("%d packages were installed", len(want))
	}
	return db, want
}

// packagesOf is what the check reads from a database, as rpmRoot lists it.
func packagesOf(t *testing.T, data []byte) (got []string) {
	t.Helper()
	facts, err := checktest.Node(t, Check(), data)
	if err != nil {
		t.Error(err)
	}
	for _, f := range facts {
		// A name that is not in the value's first piece is quoted by the
		// header's first numbers.
		if name := string(data[f.Off : f.Off+f.Len]); name != f.Attr("package") && (f.Len != 8 || name[0] != 0) {
			t.Errorf("%q stands where the name of %q should", name, f.Attr("package"))
		}
		source := cmp.Or(f.Attr("source"), f.Attr("package"))
		got = append(got, fmt.Sprintf("%s %s %s %s-1.2.3-4.example.src.rpm %s", f.Attr("package"), f.Attr("version"), f.Attr("architecture"), source, f.Attr("license")))
	}
	slices.Sort(got)
	return got
}

// Packages of databases of all kinds are those that rpm lists.
func TestRPM(t *testing.T) {
	db, want := rpmRoot(t)
	// SQLite keeps new rows beside the file until somebody folds them in.
	file := filepath.Join(db, "rpmdb.sqlite")
	out, err := exec.Command(testkit.Tool(t, "sqlite3"), file, "pragma wal_checkpoint(truncate)", "pragma journal_mode=delete", "select hnum, hex(blob) from Packages").Output()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var headers [][]byte
	for line := range strings.Lines(string(out)) {
		if _, text, ok := strings.Cut(strings.TrimSpace(line), "|"); ok && !strings.Contains(text, "|") {
			h, err := hex.DecodeString(text)
			if err != nil {
				t.Fatal(err)
			}
			headers = append(headers, h)
		}
	}
	same := func(kind string, data []byte) {
		t.Helper()
		if got := packagesOf(t, data); !slices.Equal(got, want) {
			t.Errorf("%s: %d packages, rpm lists %d:\n%s", kind, len(got), len(want), strings.Join(got, "\n"))
		}
	}
	same("sqlite", data)
	same("ndb", native(headers))
	for _, order := range []binary.AppendByteOrder{binary.LittleEndian, binary.BigEndian} {
		same("bdb "+order.String(), berkeley(t, headers, order))
	}
}

// Small databases of each kind, made as TestRPM makes them with one package of
// three tags and pages of 512 bytes; cut and damaged everywhere they give an
// error or fewer packages, soon.
func TestRPMDamage(t *testing.T) {
	for _, name := range rpmSamples {
		data := rpmSample(t, name)
		if facts, err := checktest.Node(t, Check(), data); err != nil || len(facts) != 1 || facts[0].Attr("version") != "1:0.9-2" {
			t.Errorf("%s: %v, %v", name, facts, err)
		}
		for at := range data {
			checktest.Node(t, Check(), data[:at])
			for _, v := range []byte{0xff, data[at] ^ 0x10} {
				bad := bytes.Clone(data)
				bad[at] = v
				checktest.Node(t, Check(), bad)
			}
		}
	}
}

var rpmSamples = []string{"bdb", "ndb", "sqlite"}

func rpmSample(t testing.TB, kind string) []byte {
	data, err := os.ReadFile("testdata/rpm/" + kind + ".bin")
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// FuzzRPM damages the small databases.
func FuzzRPM(f *testing.F) {
	for _, name := range rpmSamples {
		f.Add(rpmSample(f, name))
	}
	b := wardein.Blob{Hits: func(int) []int64 { return []int64{0} }}
	f.Fuzz(func(t *testing.T, data []byte) {
		b.ReaderAt, b.Size = bytes.NewReader(data), int64(len(data))
		kind := rpmDatabaseOf(b)
		if kind == "" || len(data) > 1<<20 {
			return
		}
		rpmPackages(b, kind, func(x wardein.Fact) {
			if x.Off < 0 || x.Len < 0 || x.Off > b.Size-x.Len {
				t.Errorf("a package at %d, %d bytes, of %d", x.Off, x.Len, b.Size)
			}
		})
	})
}

// native writes rpm's ndb: a page of slots, then blobs of 16-byte blocks.
func native(headers [][]byte) []byte {
	le := binary.LittleEndian
	b := append([]byte("RpmP"), make([]byte, 4096-4)...)
	le.PutUint32(b[12:], 1)
	for i, h := range headers {
		slot := b[32+16*i:]
		blob := append([]byte("BlbS"), make([]byte, 12)...)
		le.PutUint32(blob[4:], uint32(i+1))
		le.PutUint32(blob[12:], uint32(len(h)))
		blob = append(blob, h...)
		for (len(blob)+12)%16 != 0 {
			blob = append(blob, 0)
		}
		blob = append(blob, "sum.len.BlbE"...)
		copy(slot, "Slot")
		le.PutUint32(slot[4:], uint32(i+1))
		le.PutUint32(slot[8:], uint32(len(b)/16))
		le.PutUint32(slot[12:], uint32(len(blob)/16))
		b = append(b, blob...)
	}
	return b
}

// berkeley has Berkeley DB write the hash table that rpm kept in Packages.
func berkeley(t *testing.T, headers [][]byte, order binary.AppendByteOrder) []byte {
	t.Helper()
	load := testkit.Tool(t, "db5.3_load")
	lorder := 1234
	if order.String() == "BigEndian" {
		lorder = 4321
	}
	var in bytes.Buffer
	fmt.Fprintf(&in, "VERSION=3\nformat=bytevalue\ntype=hash\ndb_lorder=%d\ndb_pagesize=4096\nHEADER=END\n 00000000\n %x\n", lorder, order.AppendUint32(nil, uint32(len(headers))))
	for i, h := range headers {
		fmt.Fprintf(&in, " %x\n %x\n", order.AppendUint32(nil, uint32(i+1)), h)
	}
	in.WriteString("DATA=END\n")
	file := filepath.Join(t.TempDir(), "Packages")
	cmd := exec.Command(load, file)
	cmd.Stdin = &in
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
