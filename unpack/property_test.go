package unpack_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sort"
	"testing"
	"time"

	"github.com/wardein/wardein"
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

var mutations = flag.String("mutations", "0:6000", "numbers `FROM:TO` of the mutated images that TestMutations unpacks")

// TestMutations holds the same promises over mutated samples, alone and set
// into others. Image number k is a function of k and the samples alone, so
// that bench/fuzz can go on where it stopped; what fails becomes a seed of
// FuzzEngine.
func TestMutations(t *testing.T) {
	var from, to uint64
	if _, err := fmt.Sscanf(*mutations, "%d:%d", &from, &to); err != nil {
		t.Fatalf("-mutations %q: %v", *mutations, err)
	}
	if testing.Short() {
		to = min(to, from+300)
	}
	one, two := newLab(t, allFormats), newLab(t, allFormats)
	one.contents, two.workers = true, 2
	samples := formatSamples(t)
	last := time.Now()
	for k := from; k < to; k++ {
		data := mutation(k, samples)
		t.Run("", func(t *testing.T) {
			a := one.unpack(t, data)
			if g, n := a.gap(wardein.Crashed); g != nil {
				t.Errorf("%q: %s crashed: %s", n.Path, g.Who, g.Why)
			}
			if k%8 == 0 {
				if b := two.unpack(t, data); a.text != b.text {
					t.Errorf("one worker and two differ: %s", firstDifference(a.text, b.text))
				}
			}
		})
		if t.Failed() {
			seed := fmt.Sprintf("testdata/fuzz/FuzzEngine/mutation-%d", k)
			os.MkdirAll(filepath.Dir(seed), 0o755)
			os.WriteFile(seed, fmt.Appendf(nil, "go test fuzz v1\n[]byte(%q)\n", data), 0o644)
			t.Fatalf("mutated image %d, kept as %s", k, seed)
		}
		if now := time.Now(); now.Sub(last) > time.Second || k+1 == to {
			fmt.Printf("execs: %d\n", k+1-from)
			last = now
		}
	}
}

// mutation is mutated image number k. Each sample has its turn, a large one
// less often.
func mutation(k uint64, samples []formatSample) []byte {
	const small = 8 << 10
	n := uint64(len(samples))
	rng := rand.New(rand.NewPCG(k, 5))
	i := int(k % n)
	if k/n%(1+uint64(len(samples[i].data))/small) != 0 {
		i = rng.IntN(sort.Search(len(samples), func(i int) bool { return len(samples[i].data) > small }))
	}
	return mutate(rng, samples[i].data, samples[rng.IntN(i+1)].data)
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
