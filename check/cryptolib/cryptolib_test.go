package cryptolib

import (
	"context"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit/checktest"
)

func look(t testing.TB, c wardein.Check, b wardein.Blob) (facts []wardein.Fact) {
	t.Helper()
	if ok, _ := c.Wants(b); !ok {
		return nil
	}
	if err := c.Node(context.Background(), b, func(f wardein.Fact) { facts = append(facts, f) }); err != nil {
		t.Log(err)
	}
	return facts
}

func TestGolden(t *testing.T) { checktest.Golden(t, Check("2026-11-22")) }

func Fuzz(f *testing.F) {
	checktest.Fuzz(f, Check("2026-11-22"), []byte("\x7fELF"), []byte("OpenSSL 1.0.2k  26 Jan 2017\x00"))
}

func BenchmarkNode(b *testing.B) {
	data := make([]byte, 8<<20)
	for i := range data {
		data[i] = byte(i * 7 >> 3)
	}
	at := 0
	for text := range known().texts {
		at += copy(data[at:], text+"\x00") + 4000
		if at > len(data)-maxText {
			break
		}
	}
	copy(data[1<<20:], known().constants[0].literal)
	copy(data[2<<20:], "\x00OpenSSL 1.0.2k  26 Jan 2017\x00")
	checktest.Benchmark(b, Check("2026-11-22"), data)
}

// The data is read whenever the program starts.
func BenchmarkLoad(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := load(embedded); err != nil {
			b.Fatal(err)
		}
	}
}
