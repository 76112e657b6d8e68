package ikconfig

import (
	"bytes"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/wardein/wardein/internal/testkit"
)

func TestGolden(t *testing.T) { testkit.Golden(t, Format) }
func TestDamage(t *testing.T) { testkit.Damage(t, Format) }
func Fuzz(f *testing.F)       { testkit.Fuzz(f, Format) }

// TestGzip compares with what gzip compresses, sizes around the pieces in
// which the end mark is looked for.
func TestGzip(t *testing.T) {
	gzip := testkit.Tool(t, "gzip")
	for _, n := range []int{1, 100, 5000, 50000} {
		var text strings.Builder
		for i := range n {
			fmt.Fprintf(&text, "CONFIG_OPTION_%x=%x\n", i*i*i, i*2654435761%4294967291)
		}
		cmd := exec.Command(gzip, "-nc")
		cmd.Stdin = strings.NewReader(text.String())
		z, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		b := append([]byte(begin), z...)
		b = append(b, stop...)
		res := testkit.Probe(t, Format, append(b, "behind"...))
		m := res.Find(".config")
		if res.Err != nil || res.End != int64(len(b)) || m == nil || !bytes.Equal(m.Data, []byte(text.String())) || len(res.Unreferenced()) > 0 {
			t.Errorf("%d lines: %v, end %d of %d, unreferenced %v", n, res.Err, res.End, len(b), res.Unreferenced())
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
