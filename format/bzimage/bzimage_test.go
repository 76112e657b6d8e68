package bzimage

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
)

func TestGolden(t *testing.T) { testkit.Golden(t, Format) }
func TestDamage(t *testing.T) { testkit.Damage(t, Format) }
func Fuzz(f *testing.F)       { testkit.Fuzz(f, Format) }

func noted(res *testkit.Result, name string) string {
	for _, n := range res.Notes {
		if n.Name == name {
			return n.Value
		}
	}
	return ""
}

// TestCorpus opens kernels of all compressors, lets the reference tools
// decompress the payloads, and looks for the same ELF file in each.
func TestCorpus(t *testing.T) {
	for name, tool := range map[string][]string{
		"gzip": {"gzip", "-dc"}, "bzip2": {"bzip2", "-dc"}, "xz": {"xz", "-dc"}, "lzma": {"xz", "--format=lzma", "-dc"},
		"lzo": {"lzop", "-dc"}, "lz4": {"lz4", "-dc"},
	} {
		b, err := os.ReadFile(testkit.Corpus(t, "fact_extractor/linuxkernel__bzImage_"+name))
		if err != nil {
			t.Fatal(err)
		}
		res := testkit.Probe(t, Format, append(b, "behind"...))
		m := res.Find("payload")
		if res.Err != nil || len(res.Gaps) > 0 || res.End != int64(len(b)) || m == nil || res.Claim.Confidence != wardein.Certain ||
			noted(res, "crc32") != "ok" || !strings.HasPrefix(noted(res, "version"), "5.4.72 ") || len(res.Unreferenced()) > 0 {
			t.Fatalf("%s: %d bytes: %s", name, len(b), res)
		}
		file := filepath.Join(t.TempDir(), "payload")
		if err := os.WriteFile(file, m.Data, 0o644); err != nil {
			t.Fatal(err)
		}
		in, err := os.Open(file)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command(testkit.Tool(t, tool[0]), tool[1:]...)
		cmd.Stdin = in
		var msg bytes.Buffer
		cmd.Stderr = &msg
		out, err := cmd.Output()
		in.Close()
		if err != nil || msg.Len() > 0 || len(out) != 0x0f7e68 || !bytes.HasPrefix(out, []byte("\x7fELF")) {
			t.Errorf("%s: %d bytes come out of the payload: %v %s", name, len(out), err, msg.Bytes())
		}
	}
	b, err := os.ReadFile(testkit.Corpus(t, "fact_extractor/linuxkernel__bogus_image.bin"))
	if err != nil {
		t.Fatal(err)
	}
	if res := testkit.Probe(t, Format, b); res.Err != wardein.ErrNotMine {
		t.Errorf("bogus image: %s", res)
	}
}

// TestVmlinuz opens the kernel of the machine, where there is one.
func TestVmlinuz(t *testing.T) {
	files, _ := filepath.Glob("/boot/vmlinuz-*")
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			continue
		}
		res := testkit.Probe(t, Format, b)
		t.Logf("%d bytes: %s", len(b), res)
	}
}

func BenchmarkExtract(b *testing.B) {
	data, err := os.ReadFile(testkit.Corpus(b, "fact_extractor/linuxkernel__bzImage_gzip"))
	if err != nil {
		b.Fatal(err)
	}
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
