package cryptolib

import (
	"testing"

	"github.com/wardein/wardein/internal/testkit/checktest"
)

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
