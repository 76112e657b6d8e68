package androidboot

import (
	"bytes"
	"encoding/binary"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
)

func TestGolden(t *testing.T) { testkit.Golden(t, Format) }
func TestDamage(t *testing.T) { testkit.Damage(t, Format) }
func Fuzz(f *testing.F)       { testkit.Fuzz(f, Format) }

// TestUnpack compares with AOSP's unpack_bootimg over what mkbootimg makes,
// sizes around the page size. Debian's mkbootimg fails to write a
// recovery_dtbo, the samples boot1 and boot2 are written by hand; its unpacker
// places the parts of vendor_boot wrongly where the header has two pages.
func TestUnpack(t *testing.T) {
	mkbootimg, unpack := testkit.Tool(t, "mkbootimg"), testkit.Tool(t, "unpack_bootimg")
	dir := t.TempDir()
	rnd := rand.New(rand.NewPCG(5, 6))
	for name, n := range map[string]int{"kernel": 70000, "ramdisk": 4096, "second": 4097, "dtb": 1} {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		{"--header_version", "0", "--kernel", "kernel", "--ramdisk", "ramdisk"},
		{"--header_version", "0", "--kernel", "kernel", "--ramdisk", "ramdisk", "--second", "second", "--pagesize", "4096"},
		{"--header_version", "1", "--kernel", "kernel", "--ramdisk", "ramdisk"},
		{"--header_version", "2", "--kernel", "kernel", "--ramdisk", "ramdisk", "--second", "second", "--dtb", "dtb", "--pagesize", "16384"},
		{"--header_version", "3", "--kernel", "kernel", "--ramdisk", "ramdisk"},
		{"--header_version", "3", "--vendor_boot", "image", "--vendor_ramdisk", "ramdisk", "--dtb", "dtb", "--pagesize", "4096"},
	} {
		if args[2] != "--vendor_boot" {
			args = append(args, "--output", "image")
		}
		cmd := exec.Command(mkbootimg, append(args, "--cmdline", "console=ttyS0", "--vendor_cmdline", "quiet")...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
		out := filepath.Join(dir, "out")
		if err := os.RemoveAll(out); err != nil {
			t.Fatal(err)
		}
		if text, err := exec.Command(unpack, "--boot_img", filepath.Join(dir, "image"), "--out", out).CombinedOutput(); err != nil {
			t.Fatalf("%q: %v\n%s", args, err, text)
		}
		b, err := os.ReadFile(filepath.Join(dir, "image"))
		if err != nil {
			t.Fatal(err)
		}
		res := testkit.Probe(t, Format, append(b, "behind the image"...))
		if res.Err != nil || len(res.Gaps) > 0 || res.End != int64(len(b)) || res.Claim.Confidence != wardein.Certain {
			t.Errorf("%q: %d bytes: %s", args, len(b), res)
		}
		files, err := os.ReadDir(out)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		for _, f := range files {
			want, err := os.ReadFile(filepath.Join(out, f.Name()))
			if err != nil {
				t.Fatal(err)
			}
			if len(want) == 0 {
				continue
			}
			n++
			if m := res.Find(f.Name()); m == nil || !bytes.Equal(m.Data, want) {
				t.Errorf("%q: %s differs from unpack_bootimg's", args, f.Name())
			}
		}
		if n != len(res.Members) {
			t.Errorf("%q: %d members, unpack_bootimg has %d", args, len(res.Members), n)
		}
		for _, note := range res.Notes {
			if note.Name == "id" && !bytes.HasSuffix([]byte(note.Value), []byte(", sha1 of the parts")) {
				t.Errorf("%q: id %q", args, note.Value)
			}
		}
		for _, x := range res.Unreferenced() {
			if len(bytes.Trim(b[x.Off:x.Off+x.Len], "\x00")) > 0 {
				t.Errorf("%q: unreferenced %#x+%#x is not zeros", args, x.Off, x.Len)
			}
		}
	}
}

func BenchmarkExtract(b *testing.B) {
	data := make([]byte, 2048+16<<20)
	copy(data, magicBoot)
	binary.LittleEndian.PutUint32(data[8:], 16<<20)
	binary.LittleEndian.PutUint32(data[36:], 2048)
	data[576] = 1
	r := io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data)))
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := extract(b.Context(), r, discard{}); err != nil {
			b.Fatal(err)
		}
	}
}

type discard struct{ wardein.Members }

func (discard) Extents(wardein.Entry, []wardein.Extent) error { return nil }
func (discard) Span(wardein.Span)                             {}
func (discard) Note(string, string)                           {}
