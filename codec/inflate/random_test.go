package inflate_test

import (
	"bytes"
	"flag"
	"math/bits"
	"math/rand"
	"testing"
)

var executions = flag.Int("executions", 20_000, "streams that TestRandom makes")

// writer writes bits as section 3.1.1 packs them.
type writer struct {
	bytes.Buffer
	acc uint64
	n   uint
}

func (w *writer) bits(v uint64, n uint) {
	w.acc |= v << w.n
	for w.n += n; w.n >= 8; w.n -= 8 {
		w.WriteByte(byte(w.acc))
		w.acc >>= 8
	}
}

// random are lengths of a whole code for used of n symbols, also the longest
// there may be.
func random(rnd *rand.Rand, n, used int, always int) []uint8 {
	leaves := []uint8{0}
	deep := rnd.Intn(2) == 0
	for tries := 0; len(leaves) < used && tries < 10*used; tries++ {
		i := rnd.Intn(len(leaves))
		if deep && rnd.Intn(4) > 0 {
			i = len(leaves) - 1
		}
		if leaves[i] < 15 {
			leaves[i]++
			leaves = append(leaves, leaves[i])
		}
	}
	lens := make([]uint8, n)
	order := rnd.Perm(n)
	for i, s := range order {
		if s == always {
			order[0], order[i] = order[i], order[0]
		}
	}
	rnd.Shuffle(len(leaves), func(i, j int) { leaves[i], leaves[j] = leaves[j], leaves[i] })
	for i, l := range leaves {
		lens[order[i]] = l
	}
	return lens
}

// starts are the codes of these lengths (section 3.2.2), lowest bit first.
func starts(lens []uint8) []uint64 {
	codes := make([]uint64, len(lens))
	code := uint64(0)
	for l := uint8(1); l <= 15; l++ {
		code <<= 1
		for s, n := range lens {
			if n == l {
				codes[s] = uint64(bits.Reverse16(uint16(code)) >> (16 - l))
				code++
			}
		}
	}
	return codes
}

// block writes a dynamic block in a random code, with random symbols.
func (w *writer) block(rnd *rand.Rand, final uint64, symbols int) {
	nlit, ndist := 257+rnd.Intn(30), 1+rnd.Intn(30)
	lit := random(rnd, nlit, 2+rnd.Intn(nlit-1), 256)
	dist := random(rnd, ndist, 1+rnd.Intn(ndist), 0)
	w.bits(final, 1)
	w.bits(2, 2)
	w.bits(uint64(nlit-257), 5)
	w.bits(uint64(ndist-1), 5)
	w.bits(15, 4)
	// The lengths 0 to 15 have codes of four bits, the repeats none.
	for i := range 19 {
		w.bits([]uint64{0, 4}[min(1, i/3)], 3)
	}
	for _, l := range append(lit[:nlit:nlit], dist...) {
		w.bits(uint64(bits.Reverse8(l)>>4), 4)
	}
	lc, dc := starts(lit), starts(dist)
	far := rnd.Intn(8) // how often a distance is chosen without care
	for range symbols {
		s := rnd.Intn(nlit)
		if s == 256 || lit[s] == 0 {
			continue
		}
		d := rnd.Intn(ndist)
		if s > 256 && (dist[d] == 0 || d > 4+rnd.Intn(20) && rnd.Intn(100) >= far) {
			continue
		}
		w.bits(lc[s], uint(lit[s]))
		if s < 256 {
			continue
		}
		if s >= 265 && s < 285 {
			w.bits(rnd.Uint64()&(1<<((s-261)/4)-1), uint(s-261)/4)
		}
		w.bits(dc[d], uint(dist[d]))
		if d >= 4 {
			w.bits(rnd.Uint64()&(1<<(d/2-1)-1), uint(d/2-1))
		}
	}
	if rnd.Intn(20) > 0 {
		w.bits(lc[256], uint(lit[256]))
	}
}

// Streams in random codes, and streams of encoders with bits turned, bytes
// taken out, and two of them joined.
func TestRandom(t *testing.T) {
	rnd := rand.New(rand.NewSource(4))
	base := packed(t, 1500)
	for _, v := range vectors {
		base = append(base, unhex(v.hex))
	}
	for i := range *executions {
		var src []byte
		if i%2 == 0 {
			var w writer
			for range rnd.Intn(3) {
				w.block(rnd, 0, rnd.Intn(300))
			}
			w.block(rnd, 1, rnd.Intn(1000))
			w.bits(0, 7)
			w.bits(rnd.Uint64(), uint(rnd.Intn(3))*8)
			src = w.Bytes()
		} else {
			src = bytes.Clone(base[rnd.Intn(len(base))])
			if other := base[rnd.Intn(len(base))]; rnd.Intn(4) == 0 && len(src) > 0 {
				src = append(src[:rnd.Intn(len(src))], other[rnd.Intn(len(other)+1):]...)
			}
		}
		for range rnd.Intn(4) * rnd.Intn(2) {
			if len(src) > 0 {
				src[rnd.Intn(min(len(src), 1<<(3+rnd.Intn(10))))] ^= 1 << rnd.Intn(8)
			}
		}
		if rnd.Intn(8) == 0 {
			src = src[:rnd.Intn(len(src)+1)]
		}
		compare(t, src, rnd.Intn(1<<(6+rnd.Intn(9))))
		if t.Failed() {
			t.Fatalf("execution %d: %x", i, src)
		}
	}
}
