package testkit

import (
	"bytes"
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
	// Seeds this large are mostly erased flash: the fuzzer gets them packed,
	// else it would change little but blank space.
	fuzzPacked = 128 << 10
)

// Fuzz is the whole body of a format's fuzz target, seeded from its samples.
func Fuzz(f *testing.F, format wardein.Format) { FuzzSealed(f, format, nil) }

// FuzzSealed is Fuzz with the checksums of what the fuzzer made put right.
func FuzzSealed(f *testing.F, format wardein.Format, seal func([]byte) []byte) {
	bound := fuzzInput
	var seeds [][]byte
	for _, s := range Samples(f) {
		if len(s.Data) <= fuzzSeed {
			seeds = append(seeds, s.Data)
			bound = max(bound, 2*len(s.Data))
		}
	}
	packed := bound >= 2*fuzzPacked
	for _, s := range seeds {
		if packed {
			s = packRuns(s)
		}
		f.Add(s)
	}
	var scratch, input []byte
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > bound {
			return
		}
		if packed {
			input = expandRuns(input[:0], data, bound)
		} else if seal != nil {
			input = append(input[:0], data...)
		}
		if packed || seal != nil {
			data = input
		}
		if seal != nil {
			data = seal(data)
		}
		res := Result{data: data, left: fuzzOutput, scratch: &scratch}
		res.run(format)
		if broken := res.breach(len(data)); broken != "" {
			t.Fatal(broken)
		}
	})
}

// packRuns shortens runs: three equal bytes are followed by a count of further
// ones, n below 0x80, else (n-0x7F) times 256.
func packRuns(data []byte) (out []byte) {
	for len(data) > 0 {
		n := 1
		for n < len(data) && data[n] == data[0] {
			n++
		}
		if n < 3 {
			out = append(out, data[:n]...)
			data = data[n:]
			continue
		}
		more := min(n-3, 0x7F)
		count := byte(more)
		if big := min((n-3)>>8, 0x80); big > 0 {
			more, count = big<<8, byte(0x7F+big)
		}
		out = append(out, data[0], data[0], data[0], count)
		data = data[3+more:]
	}
	return out
}

// expandRuns undoes packRuns; whatever comes, it gives at most the bound.
func expandRuns(out, packed []byte, bound int) []byte {
	run := 0
	for i, b := range packed {
		if run == 3 {
			n, value := int(b), packed[i-1]
			if n >= 0x80 {
				n = (n - 0x7F) << 8
			}
			out = append(out, bytes.Repeat([]byte{value}, min(n, bound-len(out)))...)
			run = 0
			continue
		}
		if len(out) == bound {
			break
		}
		if run == 0 || b != packed[i-1] {
			run = 0
		}
		run++
		out = append(out, b)
	}
	return out
}
