package cpio

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
	"github.com/wardein/wardein/internal/testkit/srctree"
)

func TestGolden(t *testing.T) { testkit.Golden(t, Format) }
func TestDamage(t *testing.T) { testkit.Damage(t, Format) }
func Fuzz(f *testing.F)       { testkit.Fuzz(f, Format) }

func tree(t testing.TB) string {
	t.Helper()
	dir := srctree.Small(t)
	if err := os.WriteFile(filepath.Join(dir, "etc", strings.Repeat("long-", 40)), []byte("long name"), 0o644); err != nil {
		t.Fatal(err)
	}
	return dir
}

func pack(t testing.TB, dir, format string) []byte {
	t.Helper()
	testkit.Tool(t, "cpio")
	cmd := exec.Command("sh", "-c", "find etc | sort | cpio -o --quiet -H "+format)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// TestTool compares with the folder that cpio packed, in every form.
// The old ones store each name of a file as a file of its own.
func TestTool(t *testing.T) {
	dir := tree(t)
	for _, format := range []string{"bin", "odc", "newc", "crc", "swapped"} {
		t.Run(format, func(t *testing.T) {
			var out []byte
			if format == "swapped" {
				out = swap(pack(t, dir, "bin"))
			} else {
				out = pack(t, dir, format)
			}
			res := testkit.Run(Format, append(out, "behind"...), 64<<20)
			if res.Err != nil || len(res.Gaps) != 0 || res.Claim.Confidence != wardein.Certain || res.Claim.End != res.End {
				t.Fatalf("%v", res)
			}
			if len(bytes.Trim(out[res.End:], "\x00")) != 0 {
				t.Fatalf("end %d is before the archive's", res.End)
			}
			for _, x := range res.Unreferenced() {
				if x.Len > 3 || len(bytes.Trim(out[x.Off:x.Off+x.Len], "\x00")) > 0 {
					t.Errorf("unreferenced %v", x)
				}
			}
			srctree.Compare(t, res, dir, srctree.Options{NoHard: format != "newc" && format != "crc"})
		})
	}
}

// swap makes a big-endian binary archive of a little-endian one.
func swap(a []byte) []byte {
	out := append([]byte(nil), a...)
	for pos := 0; pos+26 <= len(a) && a[pos] == 0xc7; {
		for i := 0; i < 26; i += 2 {
			out[pos+i], out[pos+i+1] = a[pos+i+1], a[pos+i]
		}
		h, _ := parse(a[pos:])
		if h.mode == 0 {
			break
		}
		pos = int(align(align(int64(pos)+26+h.nameSize, 2)+h.size, 2))
	}
	return out
}

func TestDamaged(t *testing.T) {
	dir := tree(t)
	out := pack(t, dir, "crc")
	at := bytes.Index(out, []byte("access-node-7\n"))
	out[at] ^= 1
	res := testkit.Run(Format, out, 64<<20)
	if len(res.Gaps) != 1 || res.Gaps[0].Kind != wardein.Damaged || res.Gaps[0].Off != int64(at) || res.Err != nil {
		t.Fatalf("%v", res)
	}
	out[at] ^= 1
	copy(out[bytes.Index(out, []byte("etc/empty\x00"))-110:], "XXXX")
	if res = testkit.Run(Format, out, 64<<20); len(res.Gaps) != 1 || res.Find("etc/empty") != nil || res.Find("etc/odd") == nil || res.Err != nil {
		t.Fatalf("%v", res)
	}
	if res = testkit.Run(Format, out[:10000], 64<<20); res.Err == nil || res.Find("etc/big") == nil || res.End != 10000 {
		t.Fatalf("%v", res)
	}
}

func TestRandomIsNotCpio(t *testing.T) {
	buf := make([]byte, 1<<20)
	hits := 0
	for range 16 {
		rand.Read(buf)
		for i := 0; i+2 < len(buf); i++ {
			if buf[i] == 0xc7 && buf[i+1] == 0x71 || buf[i] == 0x71 && buf[i+1] == 0xc7 {
				if _, err := Format.Measure(io.NewSectionReader(bytes.NewReader(buf), int64(i), int64(len(buf)-i))); err == nil {
					hits++
				}
			}
		}
	}
	if hits > 0 {
		t.Fatalf("%d false hits in 16 MiB of noise", hits)
	}
}

func TestCorpus(t *testing.T) {
	data, err := os.ReadFile(testkit.Corpus(t, "fact_extractor/patool__test.cpio"))
	if err != nil {
		t.Fatal(err)
	}
	res := testkit.Probe(t, Format, data)
	if res.Err != nil || len(res.Members) == 0 || len(res.Gaps) != 0 {
		t.Fatalf("%v", res)
	}
}

func many(n int) []byte {
	var b bytes.Buffer
	put := func(name, data string, mode, ino int) {
		fmt.Fprintf(&b, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%s\x00", ino, mode, 0, 0, 1, 1700000000, len(data), 0, 0, 0, 0, len(name)+1, 0, name)
		b.Write(make([]byte, -b.Len()&3))
		b.WriteString(data)
		b.Write(make([]byte, -b.Len()&3))
	}
	for i := range n {
		put(fmt.Sprintf("usr/share/doc/package/file-%07d.txt", i), strings.Repeat("x", 100), 0o100644, i)
	}
	put(trailer, "", 0, 0)
	return b.Bytes()
}

func BenchmarkWalk100k(b *testing.B) {
	data := many(100000)
	b.Run("measure", func(b *testing.B) { testkit.BenchMeasure(b, Format, data) })
	b.Run("extract", func(b *testing.B) { testkit.BenchExtract(b, Format, data, int64(len(data)), 100000) })
}

func BenchmarkMeasureChance(b *testing.B) { testkit.BenchReject(b, Format, "\xc7\x71") }
