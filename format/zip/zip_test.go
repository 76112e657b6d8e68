package zip

import (
	stdzip "archive/zip"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
)

func TestGolden(t *testing.T) { testkit.Golden(t, Format) }
func TestDamage(t *testing.T) { testkit.Damage(t, Format) }
func Fuzz(f *testing.F)       { testkit.Fuzz(f, Format) }

func tree(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	p := func(name string) string { return filepath.Join(dir, name) }
	os.MkdirAll(p("etc/init.d"), 0o750)
	os.WriteFile(p("etc/hostname"), []byte("access-node-7\n"), 0o640)
	os.WriteFile(p("etc/empty"), nil, 0o600)
	os.WriteFile(p("etc/big"), bytes.Repeat([]byte("0123456789abcdef\n"), 200000), 0o755)
	os.WriteFile(p("etc/mid"), bytes.Repeat([]byte("0123456789abcdef\n"), 2000), 0o644)
	os.Symlink("../nowhere/at all", p("etc/link"))
	return dir
}

func tool(t testing.TB, dir string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(testkit.Tool(t, args[0]), args[1:]...)
	cmd.Dir = dir
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %v\n%s", args, err, stderr.Bytes())
	}
	return out
}

// compare holds the members against the folder they were made from; unzip
// gives the same folder back.
func compare(t *testing.T, dir string, res *testkit.Result, unix bool) {
	t.Helper()
	if len(res.Members) != 7 {
		t.Errorf("%d members", len(res.Members))
	}
	for _, m := range res.Members {
		fi, err := os.Lstat(filepath.Join(dir, m.Name))
		if err != nil {
			t.Errorf("%q: %v", m.Name, err)
			continue
		}
		st := fi.Sys().(*syscall.Stat_t)
		kind := map[uint32]wardein.Kind{syscall.S_IFREG: wardein.File, syscall.S_IFDIR: wardein.Directory, syscall.S_IFLNK: wardein.Symlink}[st.Mode&syscall.S_IFMT]
		if m.Kind != kind || m.Mode != st.Mode&0o7777 {
			t.Errorf("%q: %v %o, want %v %o", m.Name, m.Kind, m.Mode, kind, st.Mode&0o7777)
		}
		if unix && (m.MTime != st.Mtim.Sec || m.UID != st.Uid || m.GID != st.Gid) {
			t.Errorf("%q: %d:%d %d", m.Name, m.UID, m.GID, m.MTime)
		}
		switch kind {
		case wardein.File:
			if want, _ := os.ReadFile(filepath.Join(dir, m.Name)); !bytes.Equal(want, m.Data) || m.Err != nil {
				t.Errorf("%q: content differs, %v", m.Name, m.Err)
			}
		case wardein.Symlink:
			if want, _ := os.Readlink(filepath.Join(dir, m.Name)); want != m.Target {
				t.Errorf("%q: target %q", m.Name, m.Target)
			}
		}
	}
}

func TestTool(t *testing.T) {
	for _, args := range []string{
		"zip -q -r -y -0 A etc", "zip -q -r -y -9 A etc", "zip -q -r -y -Z bzip2 A etc", "zip -q -r -y -fz A etc",
		"sh zip -q -r -y - etc | cat > A", "7z a -snl -mm=LZMA A etc", "7z a -snl -mm=Deflate A etc", "7z a -snl -mm=BZip2 A etc", "sh zip -q -r -y -z A etc < /etc/hostname",
	} {
		t.Run(args, func(t *testing.T) {
			dir := tree(t)
			testkit.Tool(t, "zip")
			a := filepath.Join(t.TempDir(), "a.zip")
			words := strings.Fields(strings.ReplaceAll(args, " A", " "+a))
			if words[0] == "sh" {
				words = []string{"sh", "-c", strings.Join(words[1:], " ")}
			}
			tool(t, dir, words...)
			data, _ := os.ReadFile(a)
			for _, tail := range []string{"", "behind the archive, of no use to it"} {
				res := testkit.Run(Format, append(append([]byte(nil), data...), tail...), 64<<20)
				if res.Err != nil || res.End != int64(len(data)) || res.Claim.End != res.End || len(res.Gaps) != 0 || len(res.Unreferenced()) != 0 || res.Claim.Confidence != wardein.Certain {
					t.Fatalf("+%d: end %d of %d: %v", len(tail), res.End, len(data), res)
				}
				compare(t, dir, res, words[0] != "7z")
			}
			if tool(t, dir, "unzip", "-l", a) == nil {
				t.Error("unzip lists nothing")
			}
		})
	}
}

func TestEncrypted(t *testing.T) {
	dir := tree(t)
	for _, args := range [][]string{{"zip", "-q", "-P", "x", "a.zip", "etc/hostname"}, {"7z", "a", "-tzip", "-px", "-mem=AES256", "b.zip", "etc/hostname"}} {
		tool(t, dir, args...)
	}
	for _, name := range []string{"a.zip", "b.zip"} {
		data, _ := os.ReadFile(filepath.Join(dir, name))
		res := testkit.Run(Format, data, 64<<20)
		if res.Err != nil || len(res.Gaps) != 1 || res.Gaps[0].Kind != wardein.Encrypted || res.Find("etc/hostname") == nil {
			t.Fatalf("%s: %v", name, res)
		}
	}
}

// build makes an archive with the standard library.
func build(t testing.TB, names ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := stdzip.NewWriter(&b)
	for _, name := range names {
		f, err := w.CreateHeader(&stdzip.FileHeader{Name: name, Method: stdzip.Deflate})
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(f, "content of %s", name)
	}
	w.Close()
	return b.Bytes()
}

func TestShapes(t *testing.T) {
	plain := build(t, "a", "b", "c")
	// No central directory: what the local headers name is handed out.
	cut := bytes.Index(plain, []byte("PK\x01\x02"))
	for _, n := range []int{cut, cut + 20, len(plain) - 4} {
		res := testkit.Run(Format, plain[:n], 1<<20)
		if m := res.Find("c"); res.Err == nil || m == nil || string(m.Data) != "content of c" || len(res.Members) != 3 {
			t.Fatalf("cut at %d: %v", n, res)
		}
	}
	// A member that the directory does not name.
	hidden := append([]byte(nil), plain...)
	at := bytes.Index(hidden[cut+1:], []byte("PK\x01\x02")) + cut + 1
	end := bytes.Index(hidden[at+1:], []byte("PK\x01\x02")) + at + 1
	hidden = append(hidden[:at], hidden[end:]...)
	eocd := bytes.LastIndex(hidden, []byte("PK\x05\x06"))
	hidden[eocd+8], hidden[eocd+10] = 2, 2
	le.PutUint32(hidden[eocd+12:], uint32(eocd-cut))
	res := testkit.Run(Format, hidden, 1<<20)
	if m := res.Find("b"); res.Err != nil || m == nil || string(m.Data) != "content of b" || len(res.Gaps) != 1 || !strings.Contains(res.Gaps[0].Why, "in local headers only") {
		t.Fatalf("hidden: %v", res)
	}
	// Two members of the directory with the same bytes.
	bomb := append([]byte(nil), plain...)
	le.PutUint32(bomb[at+42:], 0)
	res = testkit.Run(Format, bomb, 1<<20)
	found := false
	for _, g := range res.Gaps {
		found = found || g.Kind == wardein.Limit && g.Node == "b" && strings.Contains(g.Why, `"a"`)
	}
	if !found || res.Find("c") == nil {
		t.Fatalf("shared: %v", res)
	}
	// A prefix that the offsets count.
	res = testkit.Run(Format, build(t, "a"), 1<<20)
	if res.Err != nil || len(res.Members) != 1 {
		t.Fatalf("%v", res)
	}
	sfx := append([]byte(nil), plain...)
	le.PutUint32(sfx[len(sfx)-6:], uint32(cut+1000))
	for _, a := range []int{cut, at, end} {
		le.PutUint32(sfx[a+42:], le.Uint32(sfx[a+42:])+1000)
	}
	if res = testkit.Run(Format, sfx, 1<<20); res.Err != nil || len(res.Gaps) != 0 || len(res.Members) != 3 {
		t.Fatalf("prefix: %v", res)
	}
	// A bad CRC-32 costs nothing but a word.
	bad := append([]byte(nil), plain...)
	bad[cut+16] ^= 1
	if res = testkit.Run(Format, bad, 1<<20); res.Find("a") == nil || string(res.Find("a").Data) != "content of a" || res.Find("a").Err == nil {
		t.Fatalf("crc: %v", res)
	}
}

func TestCorpus(t *testing.T) {
	for name, want := range map[string]int{"binwalk-v3-inputs/zip.bin": 0, "binwalk-v3-inputs/zip_truncated.bin": 0, "fact_extractor/patool__test.jar": 0, "fact_extractor/sevenz__test_password.zip": 1} {
		data, err := os.ReadFile(testkit.Corpus(t, name))
		if err != nil {
			t.Fatal(err)
		}
		res := testkit.Run(Format, data[bytes.Index(data, []byte("PK\x03\x04")):], 64<<20)
		t.Logf("%s: %d members, end %d of %d, %d gaps, %v %v", name, len(res.Members), res.End, len(data), len(res.Gaps), res.Claim, res.Err)
		encrypted := 0
		for _, g := range res.Gaps {
			if g.Kind == wardein.Encrypted {
				encrypted++
			}
		}
		if len(res.Members) == 0 || encrypted < want {
			t.Errorf("%s: %v", name, res)
		}
	}
}

func BenchmarkWalk100k(b *testing.B) {
	var buf bytes.Buffer
	w := stdzip.NewWriter(&buf)
	for i := range 100000 {
		f, _ := w.CreateHeader(&stdzip.FileHeader{Name: fmt.Sprintf("usr/share/doc/package/file-%07d.txt", i), Method: stdzip.Deflate})
		io.WriteString(f, "small content")
	}
	w.Close()
	r := io.NewSectionReader(bytes.NewReader(buf.Bytes()), 0, int64(buf.Len()))
	b.Run("measure", func(b *testing.B) {
		b.SetBytes(int64(buf.Len()))
		b.ReportAllocs()
		for b.Loop() {
			if c, err := Format.Measure(r); err != nil || c.End != int64(buf.Len()) {
				b.Fatal(c, err)
			}
		}
	})
	b.Run("extract", func(b *testing.B) {
		b.SetBytes(int64(buf.Len()))
		b.ReportAllocs()
		for b.Loop() {
			d := testkit.Discard{R: r}
			if end, err := Format.Extract(context.Background(), r, &d); err != nil || end != int64(buf.Len()) || d.Members != 100000 {
				b.Fatal(end, err, d)
			}
		}
	})
}

func BenchmarkInflate(b *testing.B) {
	var buf bytes.Buffer
	w := stdzip.NewWriter(&buf)
	f, _ := w.Create("x")
	for i := range 100000 {
		fmt.Fprintf(f, "line %d of a configuration, value %x\n", i, i*7919)
	}
	w.Close()
	r := io.NewSectionReader(bytes.NewReader(buf.Bytes()), 0, int64(buf.Len()))
	b.ReportAllocs()
	for b.Loop() {
		d := testkit.Discard{R: r}
		Format.Extract(context.Background(), r, &d)
		b.SetBytes(d.Bytes)
	}
}
