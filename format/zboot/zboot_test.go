package zboot

import (
	"bytes"
	"os/exec"
	"testing"

	"github.com/wardein/wardein/internal/testkit"
)

func TestGolden(t *testing.T) { testkit.Golden(t, Format) }
func TestDamage(t *testing.T) { testkit.Damage(t, Format) }
func Fuzz(f *testing.F)       { testkit.Fuzz(f, Format) }

// TestGzip lets gzip decompress the payload: it must be neither longer nor
// shorter than the stream. No Debian tool makes or reads these images.
func TestGzip(t *testing.T) {
	gzip := testkit.Tool(t, "gzip")
	for _, s := range testkit.Samples(t) {
		if s.Name == "truncated" {
			continue
		}
		m := testkit.Run(Format, s.Data, 1<<20).Find("payload")
		if m == nil {
			t.Fatal("no payload")
		}
		cmd := exec.Command(gzip, "-dc")
		cmd.Stdin = bytes.NewReader(m.Data)
		out, err := cmd.CombinedOutput()
		if err != nil || string(out) != "What stands for the kernel in this example.\n" {
			t.Errorf("%s: %v %q", s.Name, err, out)
		}
	}
}

func BenchmarkExtract(b *testing.B) {
	s := testkit.Samples(b)[0]
	b.SetBytes(int64(len(s.Data)))
	b.ReportAllocs()
	for b.Loop() {
		testkit.Run(Format, s.Data, 1<<20)
	}
}
