package trx

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"io"
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

// TestCorpus opens FACT's sample, whose only partition is a zip archive: no
// tool for TRX is in Debian, unzip stands in as the judge of the offsets.
func TestCorpus(t *testing.T) {
	b, err := os.ReadFile(testkit.Corpus(t, "fact_extractor/trx__trx.img"))
	if err != nil {
		t.Fatal(err)
	}
	res := testkit.Probe(t, Format, b)
	m := res.Find("partition-0")
	if res.Err != nil || res.End != int64(len(b)) || len(res.Gaps) != 0 || m == nil {
		t.Fatalf("%s", res)
	}
	unzip := testkit.Tool(t, "unzip")
	file := filepath.Join(t.TempDir(), "part.zip")
	if err := os.WriteFile(file, m.Data, 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(unzip, "-t", file).CombinedOutput(); err != nil && !bytes.Contains(out, []byte("No errors detected")) {
		t.Errorf("unzip -t: %v\n%s", err, out)
	}
}

func image(n int) []byte {
	b := make([]byte, n)
	copy(b, magic)
	binary.LittleEndian.PutUint32(b[4:], uint32(n))
	b[14], b[16] = 1, size1
	binary.LittleEndian.PutUint32(b[8:], ^crc32.ChecksumIEEE(b[crcFrom:]))
	return b
}

type discard struct{ wardein.Members }

func (discard) Extents(wardein.Entry, []wardein.Extent) error { return nil }
func (discard) Span(wardein.Span)                             {}
func (discard) Note(string, string)                           {}

func BenchmarkExtract(b *testing.B) {
	data := image(16 << 20)
	r := io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data)))
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := extract(b.Context(), r, discard{}); err != nil {
			b.Fatal(err)
		}
	}
}
