package testkit

import (
	"math/rand"
	"testing"

	"github.com/wardein/wardein"
)

// Sealed damages the samples at several places at once and has seal put the
// checksums right again, so that the damage gets past them. It fails on a
// panic or on a result that breaks the contract.
func Sealed(t *testing.T, f wardein.Format, seal func([]byte) []byte) {
	t.Helper()
	rnd := rand.New(rand.NewSource(1))
	for _, s := range Samples(t) {
		for range 500 {
			d := append([]byte(nil), s.Data...)
			for range 1 + rnd.Intn(6) {
				at := rnd.Intn(len(d))
				switch rnd.Intn(5) {
				case 0:
					d[at] ^= 1 << rnd.Intn(8)
				case 1:
					d[at] = byte(rnd.Intn(256))
				case 2:
					d[at] = 0xFF
				case 3:
					d[at] = d[rnd.Intn(len(d))]
				case 4:
					from := rnd.Intn(len(d))
					copy(d[at:], append([]byte(nil), d[from:min(len(d), from+rnd.Intn(600))]...))
				}
			}
			Probe(t, f, seal(d))
		}
	}
}
