package unpack_test

import (
	"math/rand/v2"
	"testing"
)

// The spans of every node tile it, every check ends on every node, every
// node's bytes are what its digest says, and one worker or two make no
// difference, over all samples of all formats.
func TestLawsSamples(t *testing.T) {
	one, two := newLab(t, allFormats), newLab(t, allFormats)
	one.contents, two.workers = true, 2
	for _, s := range formatSamples(t) {
		t.Run(s.name, func(t *testing.T) {
			a, b := one.unpack(t, s.data), two.unpack(t, s.data)
			if a.text != b.text {
				t.Errorf("one worker and two differ: %s", firstDifference(a.text, b.text))
			}
		})
	}
}

// The same over random mutations of every sample, alone and set into others.
func TestLawsMutations(t *testing.T) {
	one, two := newLab(t, allFormats), newLab(t, allFormats)
	one.contents, two.workers = true, 2
	samples := formatSamples(t)
	rounds := 40
	if testing.Short() {
		rounds = 4
	}
	for i, s := range samples {
		t.Run(s.name, func(t *testing.T) {
			rng := rand.New(rand.NewPCG(uint64(i), 5))
			n := max(3, min(rounds, rounds*20_000/(len(s.data)+1)))
			for k := range n {
				data := mutate(rng, s.data, samples[rng.IntN(i+1)].data)
				a := one.unpack(t, data)
				if k%4 == 0 {
					if b := two.unpack(t, data); a.text != b.text {
						t.Errorf("one worker and two differ: %s", firstDifference(a.text, b.text))
					}
				}
				if t.Failed() {
					t.Fatalf("with round %d of sample %d", k, i)
				}
			}
		})
	}
}

// mutate changes bytes, cuts, repeats, and sets another sample in.
func mutate(rng *rand.Rand, in, other []byte) []byte {
	data := append([]byte(nil), in...)
	for range 1 + rng.IntN(4) {
		if len(data) == 0 {
			return other
		}
		at := rng.IntN(len(data))
		switch rng.IntN(10) {
		case 0, 1, 2:
			data[at] ^= 1 << rng.IntN(8)
		case 3:
			data[at] = byte(rng.Uint32())
		case 4:
			word := [...]byte{0, 1, 0x7F, 0x80, 0xFF}[rng.IntN(5)]
			for k := at; k < min(at+1+rng.IntN(8), len(data)); k++ {
				data[k] = word
			}
		case 5:
			data = data[:at]
		case 6:
			data = append(data, other...)
		case 7:
			n := rng.IntN(min(512, len(data)-at) + 1)
			data = append(data[:at:at], append(append([]byte(nil), data[at:at+n]...), data[at:]...)...)
		case 8:
			data = append(append(append([]byte(nil), data[:at]...), other...), data[at:]...)
		case 9:
			copy(data[at:], other)
		}
	}
	return data
}
