package kernel

import (
	"bytes"
	"encoding/binary"
	"flag"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/exe"
	"github.com/wardein/wardein/internal/testkit"
	"github.com/wardein/wardein/internal/testkit/kernelimage"
)

func TestGolden(t *testing.T) { testkit.Golden(t, Format) }
func TestDamage(t *testing.T) { testkit.Damage(t, Format) }
func Fuzz(f *testing.F)       { testkit.Fuzz(f, Format) }

const banner = "Linux version 4.9.0-box (maker@box.example) (gcc version 7.3.0) #1 Thu Jan 1 00:00:00 UTC 1970"

// samples are the kernels in testdata/*.bin.
var samples = map[string]kernelimage.Image{
	"mips-exports": {Arch: "mips", Order: binary.BigEndian, Class: 32, Base: 0x80060000, Functions: 200, Exports: 2, Banner: banner},
	"arm-all":      {Arch: "arm", Order: binary.LittleEndian, Class: 32, Base: 0xc0008000, Functions: 280, Symbols: "absolute", Longs: true, Align: 16, All: true, Banner: banner},
	"mips-6.3":     {Arch: "mips", Order: binary.LittleEndian, Class: 32, Base: 0x80100000, Functions: 280, Symbols: "relative", Seqs: true, Long: true, Banner: banner},
	"ppc64-6.6":    {Arch: "ppc64", Order: binary.BigEndian, Class: 64, Base: 0xc000000000000000, Functions: 280, Symbols: "relative", Behind: true, Exports: 3, Sums: true, All: true, Banner: banner},
	"arm-neither":  {Arch: "arm", Order: binary.LittleEndian, Class: 32, Base: 0xc0008000, Functions: 220, Banner: banner},
}

// TestSamples holds the samples to their builder; -update writes them.
func TestSamples(t *testing.T) {
	update := flag.Lookup("update").Value.String() == "true"
	for name, i := range samples {
		data, _ := kernelimage.Build(i)
		path := filepath.Join("testdata", name+".bin")
		if update {
			if err := os.WriteFile(path, data, 0o644); err != nil {
				t.Fatal(err)
			}
		}
		old, err := os.ReadFile(path)
		if diff := kernelimage.Equal(old, data); err != nil || diff != "" {
			t.Errorf("%s: %v, differs at %s; -update writes it", path, err, diff)
		}
	}
}

// TestHeaders: what has a header, or begins elsewhere, is not claimed.
func TestHeaders(t *testing.T) {
	data, _ := kernelimage.Build(samples["arm-all"])
	for name, head := range map[string]string{"elf": "\x7fELF", "pe": "MZ"} {
		d := append([]byte(head), data[len(head):]...)
		if claim, err := Format.Measure(testkit.Section(d)); err != wardein.ErrNotMine {
			t.Errorf("%s: %+v, %v", name, claim, err)
		}
	}
	for _, name := range []string{"arm-all", "mips-exports", "mips-6.3", "ppc64-6.6"} {
		data, _ := kernelimage.Build(samples[name])
		d := append(make([]byte, 64), data...)
		copy(d, "\x27\x05\x19\x56 some header before the kernel")
		if claim, err := Format.Measure(testkit.Section(d)); err == nil && claim.Confidence == wardein.Certain {
			t.Errorf("%s behind 64 bytes: %+v", name, claim)
		}
	}
}

// TestSections compares spans with the places where sections were put.
func TestSections(t *testing.T) {
	data, truth := kernelimage.Build(samples["ppc64-6.6"])
	res := testkit.Run(Format, append(data, make([]byte, 4096)...), 1<<20)
	if want := int64(len(data)+255) &^ 255; res.Claim.End != want {
		t.Errorf("end %#x, want %#x", res.Claim.End, want)
	}
	for _, s := range []struct{ is, from, to string }{
		{"text", "_stext", "_etext"}, {"initial text", "_sinittext", "_einittext"}, {"data", "_sdata", "_edata"},
	} {
		from, to := int64(truth.Places[s.from]), int64(truth.Places[s.to])
		found := false
		for _, x := range res.Spans {
			// Zeros at the ends of a section count as padding.
			found = found || x.Is == s.is && x.Off >= from && x.Off < from+8 && x.Off+x.Len <= to && x.Off+x.Len > to-8
		}
		if !found {
			t.Errorf("no span %s [%#x, %#x) in %v", s.is, from, to, res.Spans)
		}
	}
}

// TestCut: a kernel whose symbols name data that is not there is damaged, and
// what is there is handed out.
func TestCut(t *testing.T) {
	data, truth := kernelimage.Build(samples["arm-all"])
	n := truth.Places["__init_begin"] + 8
	res := testkit.Run(Format, data[:n], 1<<20)
	if res.Err == nil || res.Claim.End != int64(n) || res.Find("kallsyms") == nil {
		t.Errorf("%+v %v", res.Claim, res.Err)
	}
}

// TestCorpus reads the kernel of the corpus' images.
func TestCorpus(t *testing.T) {
	path := testkit.Corpus(t, "openwrt/openwrt-18.06.9-ar71xx-tiny-tl-wr740n-v5-squashfs-factory.bin")
	xz := testkit.Tool(t, "xz")
	image, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(xz, "-dc", "--format=lzma", "--single-stream")
	cmd.Stdin = bytes.NewReader(image[0x200:][:1367120])
	data, _ := cmd.Output() // says no when padding follows
	res := testkit.Run(Format, data, 1<<20)
	if res.Err != nil || res.Claim.Confidence != wardein.Certain || res.Claim.End != int64(len(data)) {
		t.Errorf("%+v, %v", res.Claim, res.Err)
	}
	if e := res.Find("exports"); e == nil || bytes.Count(e.Data, []byte("\n")) != 5132 || !bytes.Contains(e.Data, []byte("8014e3e0 ? I_BDEV\n")) {
		t.Errorf("exports: %.300s", e.Data)
	}
	var known int64
	for _, s := range res.Spans {
		known += s.Len
	}
	t.Logf("%d of %d bytes known", known, len(data))
}

func BenchmarkExtract(b *testing.B) {
	i := samples["mips-6.3"]
	i.Functions = 30000
	data, _ := kernelimage.Build(i)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		k, err := exe.ReadKernel(testkit.Section(data), int64(len(data)))
		if err != nil {
			b.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, k.Symbols.List()); err != nil {
			b.Fatal(err)
		}
	}
}

// TestArchived: a kernel at a page of its own inside something else is not
// taken for the whole.
func TestArchived(t *testing.T) {
	for name, i := range samples {
		data, _ := kernelimage.Build(i)
		d := append(bytes.Repeat([]byte("some archive's own bytes\n"), 4096/25+1)[:4096], data...)
		if claim, err := Format.Measure(testkit.Section(d)); err == nil && claim.Confidence == wardein.Certain {
			t.Errorf("%s behind 4096 bytes: %+v", name, claim)
		}
	}
}
