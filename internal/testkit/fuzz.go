package testkit

import (
	"testing"

	"github.com/wardein/wardein"
)

// What one execution of a fuzz target may cost: 64 kB or twice the largest
// seed, and what is decoded. Larger inputs reach nothing, so the fuzzer keeps
// none of them and seldom makes one.
const (
	fuzzInput  = 64 << 10
	fuzzSeed   = 256 << 10
	fuzzOutput = 1 << 20
)

// Fuzz is the whole body of a format's fuzz target, seeded from its samples.
func Fuzz(f *testing.F, format wardein.Format) { FuzzSealed(f, format, nil) }

// FuzzSealed is Fuzz with the checksums of what the fuzzer made put right.
func FuzzSealed(f *testing.F, format wardein.Format, seal func([]byte) []byte) {
	bound := fuzzInput
	for _, s := range Samples(f) {
		if len(s.Data) <= fuzzSeed {
			f.Add(s.Data)
			bound = max(bound, 2*len(s.Data))
		}
	}
	var scratch, sealed []byte
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > bound {
			return
		}
		if seal != nil {
			sealed = append(sealed[:0], data...)
			data = seal(sealed)
		}
		res := Result{data: data, left: fuzzOutput, scratch: &scratch}
		res.run(format)
		if broken := res.breach(len(data)); broken != "" {
			t.Fatal(broken)
		}
	})
}
