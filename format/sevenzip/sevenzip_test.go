package sevenzip

import (
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand"
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

// tree makes a folder with an x86 program, text, noise, nothing and links.
func tree(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	p := func(name string) string { return filepath.Join(dir, name) }
	os.MkdirAll(p("etc/init.d/none"), 0o750)
	os.WriteFile(p("etc/hostname"), []byte("access-node-7\n"), 0o640)
	os.WriteFile(p("etc/\u00e4\U0001F4E1"), []byte("name beyond 16 bits"), 0o640)
	os.WriteFile(p("etc/empty"), nil, 0o600)
	os.WriteFile(p("etc/text"), bytes.Repeat([]byte("0123456789abcdef\n"), 20000), 0o755)
	noise := make([]byte, 100000)
	rand.New(rand.NewSource(1)).Read(noise)
	os.WriteFile(p("etc/noise"), noise, 0o644)
	code, err := os.ReadFile(testkit.Tool(t, "7z"))
	if self, e := os.Executable(); e == nil {
		code, err = os.ReadFile(self)
	}
	if err != nil {
		t.Fatal(err)
	}
	os.WriteFile(p("etc/program.exe"), code[:min(len(code), 512<<10)], 0o755)
	os.Symlink("../nowhere/at all", p("etc/link"))
	return dir
}

func tool(t testing.TB, dir string, args ...string) {
	t.Helper()
	cmd := exec.Command(testkit.Tool(t, args[0]), args[1:]...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
}

func pack(t testing.TB, dir string, args ...string) []byte {
	t.Helper()
	a := filepath.Join(t.TempDir(), "a.7z")
	tool(t, dir, append([]string{"7z", "a", "-t7z", "-snl", a, "etc"}, args...)...)
	data, err := os.ReadFile(a)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// compare holds the members against the folder they were made from.
func compare(t *testing.T, dir string, res *testkit.Result) {
	t.Helper()
	count := 0
	filepath.Walk(filepath.Join(dir, "etc"), func(string, os.FileInfo, error) error { count++; return nil })
	if len(res.Members) != count {
		t.Errorf("%d members, want %d", len(res.Members), count)
	}
	for _, m := range res.Members {
		fi, err := os.Lstat(filepath.Join(dir, m.Name))
		if err != nil {
			t.Errorf("%q: %v", m.Name, err)
			continue
		}
		st := fi.Sys().(*syscall.Stat_t)
		kind := map[uint32]wardein.Kind{syscall.S_IFREG: wardein.File, syscall.S_IFDIR: wardein.Directory, syscall.S_IFLNK: wardein.Symlink}[st.Mode&syscall.S_IFMT]
		if m.Kind != kind || m.Mode != st.Mode&0o7777 || kind != wardein.Symlink && m.MTime != st.Mtim.Sec {
			t.Errorf("%q: %v %o %d, want %v %o %d", m.Name, m.Kind, m.Mode, m.MTime, kind, st.Mode&0o7777, st.Mtim.Sec)
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

// TestTool reads what 7z packed, with every method that it has.
func TestTool(t *testing.T) {
	dir := tree(t)
	for _, args := range []string{
		"", "-mx=0", "-mx=0 -mhc=off", "-m0=LZMA", "-m0=LZMA -ms=off", "-m0=LZMA -mhc=off -ms=off", "-m0=LZMA:eos", "-m0=LZMA:lc=0:lp=2:pb=0",
		"-m0=LZMA2:d=64k", "-m0=LZMA2 -mmt=2", "-m0=Deflate", "-m0=BZip2", "-m0=BZip2 -mmt=2", "-m0=BCJ -m1=LZMA", "-m0=BCJ -m1=LZMA2", "-m0=BCJ -m1=Copy",
		"-m0=BCJ2 -m1=LZMA:d=4m -m2=LZMA:d=19 -m3=LZMA:d=19 -mb0:1 -mb0s1:2 -mb0s2:3", "-m0=Delta:4 -m1=LZMA", "-m0=PPC -m1=LZMA", "-m0=ARM -m1=LZMA",
		"-m0=ARMT -m1=LZMA", "-m0=IA64 -m1=LZMA", "-m0=SPARC -m1=LZMA", "-m0=Delta -m1=BCJ -m2=Deflate", "-mf=off", "-mtc=on -mta=on", "-ms=2f",
	} {
		t.Run(args, func(t *testing.T) {
			data := pack(t, dir, strings.Fields(args)...)
			for _, tail := range []string{"", "behind the archive, of no use to it"} {
				res := testkit.Run(Format, append(append([]byte(nil), data...), tail...), 64<<20)
				if res.Err != nil || res.End != int64(len(data)) || res.Claim.End != res.End || len(res.Gaps) != 0 || len(res.Unreferenced()) != 0 || res.Claim.Confidence != wardein.Certain {
					t.Fatalf("+%d: end %d of %d: %v", len(tail), res.End, len(data), res)
				}
				compare(t, dir, res)
			}
		})
	}
}

// TestUnopened holds what is not decoded to a gap, with all names where the
// header is readable.
func TestUnopened(t *testing.T) {
	dir := tree(t)
	for args, kind := range map[string]wardein.GapKind{
		"-m0=PPMd": wardein.Unsupported, "-m0=Deflate64": wardein.Unsupported, "-px": wardein.Encrypted, "-px -mhe=on": wardein.Encrypted,
	} {
		res := testkit.Run(Format, pack(t, dir, strings.Fields(args)...), 64<<20)
		if res.Err != nil || len(res.Gaps) == 0 || res.Gaps[0].Kind != kind || len(res.Unreferenced()) != 0 {
			t.Errorf("%s: %v", args, res)
		}
		if m := res.Find("etc/hostname"); (m == nil) != strings.Contains(args, "mhe") {
			t.Errorf("%s: %v", args, res)
		}
	}
	tool(t, dir, "7z", "a", "-v50k", "v.7z", "etc")
	data, _ := os.ReadFile(filepath.Join(dir, "v.7z.001"))
	if res := testkit.Run(Format, data, 64<<20); res.Err == nil || res.Claim.End != 50<<10 || res.End != 50<<10 {
		t.Errorf("first volume: %v", res)
	}
}

// TestBroken changes a byte in the middle: the members before are there, the
// others by name, and the gaps tell.
func TestBroken(t *testing.T) {
	dir := tree(t)
	for _, args := range []string{"-m0=LZMA2", "-m0=LZMA", "-mx=0", "-ms=off", "-m0=BZip2"} {
		data := pack(t, dir, strings.Fields(args)...)
		whole := testkit.Run(Format, data, 64<<20)
		data[len(data)/2] ^= 0x10
		res := testkit.Run(Format, data, 64<<20)
		if res.Err != nil || len(res.Members) != len(whole.Members) {
			t.Errorf("%s: %v", args, res)
		}
		failed := len(res.Gaps)
		for _, m := range res.Members {
			if m.Err != nil {
				failed++
			}
		}
		if failed == 0 {
			t.Errorf("%s: damage goes unseen: %v", args, res)
		}
	}
}

func TestCorpus(t *testing.T) {
	for _, name := range []string{"fact_extractor/sevenz__test.7z", "fact_extractor/sevenz__test_password.7z", "binwalk-v3-inputs/7z.bin"} {
		t.Run(name, func(t *testing.T) {
			data, err := os.ReadFile(testkit.Corpus(t, name))
			if err != nil {
				t.Fatal(err)
			}
			i := bytes.Index(data, []byte("7z\xbc\xaf\x27\x1c\x00"))
			res := testkit.Run(Format, data[max(i, 0):], 64<<20)
			if res.Err != nil || len(res.Unreferenced()) != 0 {
				t.Fatal(res)
			}
			t.Log(res)
		})
	}
}

func Benchmark(b *testing.B) {
	dir := tree(b)
	for i := range 300 {
		os.WriteFile(filepath.Join(dir, fmt.Sprintf("etc/part%d", i)), []byte(fmt.Sprint("small ", i)), 0o644)
	}
	for _, args := range []string{"-m0=LZMA2", "-m0=LZMA -ms=off", "-m0=BCJ2 -m1=LZMA:d=4m -m2=LZMA:d=19 -m3=LZMA:d=19 -mb0:1 -mb0s1:2 -mb0s2:3", "-m0=Deflate", "-m0=BZip2"} {
		b.Run(args, func(b *testing.B) {
			data := pack(b, dir, strings.Fields(args)...)
			b.ReportAllocs()
			for b.Loop() {
				d := &testkit.Discard{R: bytes.NewReader(data)}
				if _, err := extract(b.Context(), io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data))), d); err != nil {
					b.Fatal(err)
				}
				b.SetBytes(d.Bytes)
			}
		})
	}
}

// build puts a signature header before packed streams and a header.
func build(packed, header []byte) []byte {
	b := make([]byte, signatureLen, signatureLen+len(packed)+len(header))
	copy(b, "7z\xbc\xaf\x27\x1c\x00\x04")
	le.PutUint64(b[12:], uint64(len(packed)))
	le.PutUint64(b[20:], uint64(len(header)))
	le.PutUint32(b[28:], crc32.ChecksumIEEE(header))
	le.PutUint32(b[8:], crc32.ChecksumIEEE(b[12:]))
	return append(append(b, packed...), header...)
}

// FuzzHeader changes what stands behind checksums.
func FuzzHeader(f *testing.F) {
	for _, s := range testkit.Samples(f) {
		n := signatureLen + le.Uint64(s.Data[12:])
		f.Add(s.Data[signatureLen:n], s.Data[n:])
	}
	dir := f.TempDir()
	os.Mkdir(filepath.Join(dir, "etc"), 0o755)
	os.WriteFile(filepath.Join(dir, "etc/a"), []byte("\x0f\x80abcd\xe8abcd"), 0o644)
	os.WriteFile(filepath.Join(dir, "etc/b"), []byte("b"), 0o644)
	if _, err := exec.LookPath("7z"); err == nil {
		for _, args := range []string{"-m0=BCJ2 -m1=LZMA -m2=LZMA -m3=LZMA -mb0:1 -mb0s1:2 -mb0s2:3", "-m0=Delta:2 -m1=Copy", "-m0=LZMA", "-m0=BCJ -m1=LZMA2", "-m0=Deflate", "-m0=BZip2"} {
			data := pack(f, dir, append(strings.Fields(args), "-mhc=off")...)
			n := signatureLen + le.Uint64(data[12:])
			f.Add(data[signatureLen:n], data[n:])
		}
	}
	f.Fuzz(func(t *testing.T, packed, header []byte) { testkit.Probe(t, Format, build(packed, header)) })
}

// TestHostile holds headers that promise what they cannot hold to little work.
func TestHostile(t *testing.T) {
	huge := []byte{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x3F}
	for name, h := range map[string][]byte{
		"files":        append([]byte{idHeader, idFiles}, huge...),
		"folders":      append([]byte{idHeader, idMainStreams, idUnpackInfo, idFolder}, huge...),
		"packs":        append(append([]byte{idHeader, idMainStreams, idPackInfo, 0}, huge...), idSize, 1),
		"digests":      append(append([]byte{idHeader, idMainStreams, idPackInfo, 0}, huge...), idCRC, 0, 1),
		"member sizes": append(append([]byte{idHeader, idMainStreams, idPackInfo, 0, 1, idSize, 1, 0, idUnpackInfo, idFolder, 1, 0, 1, 1, 0, idCodersUnpackSize, 1, 0, idSubStreams, idNumUnpackStream}, huge...), idSize, 0),
		"nothing":      {},
	} {
		res := testkit.Run(Format, build(nil, h), 1<<20)
		if len(res.Members) != 0 || name != "nothing" && res.Err == nil && len(res.Gaps) == 0 {
			t.Errorf("%s: %v", name, res)
		}
	}
	// A dictionary of 4 GiB for a few bytes of content, and ten of them.
	h := []byte{idHeader, idMainStreams, idPackInfo, 0, 1, idSize, 6, 0, idUnpackInfo, idFolder, 1, 0, 1, 0x21, methodLZMA2, 1, 40, idCodersUnpackSize}
	h = append(append(h, huge...), 0, 0, idFiles, 1, 0, 0)
	res := testkit.Run(Format, build([]byte{1, 0, 1, 'h', 'i', 0}, h), 1<<20)
	if m := res.Find("data"); m == nil || string(m.Data) != "hi" || m.Err == nil {
		t.Errorf("dictionary: %v", res)
	}
	h = []byte{idHeader, idMainStreams, idPackInfo, 0, 1, idSize, 6, 0, idUnpackInfo, idFolder, 1, 0, 10}
	for range 10 {
		h = append(h, 0x21, methodLZMA2, 1, 40)
	}
	for i := range 9 {
		h = append(h, byte(i), byte(i+1))
	}
	h = append(h, idCodersUnpackSize)
	for range 10 {
		h = append(h, huge...)
	}
	h = append(h, 0, 0, idFiles, 1, 0, 0)
	res = testkit.Run(Format, build([]byte{1, 0, 1, 'h', 'i', 0}, h), 1<<20)
	if len(res.Gaps) != 1 || res.Gaps[0].Kind != wardein.Limit {
		t.Errorf("dictionaries: %v", res)
	}
}
