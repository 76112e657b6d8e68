package tar

import (
	"fmt"
	"testing"

	"github.com/wardein/wardein/internal/testkit"
)

// seal puts the sum of every block right that has the magic of a header, so
// that damage gets past it.
func seal(d []byte) []byte {
	for b := d; len(b) >= 512; b = b[512:] {
		if string(b[257:262]) != "ustar" {
			continue
		}
		copy(b[148:], "        ")
		sum := 0
		for _, c := range b[:512] {
			sum += int(c)
		}
		copy(b[148:], fmt.Sprintf("%06o\x00 ", sum))
	}
	return d
}

func FuzzSealed(f *testing.F)       { testkit.FuzzSealed(f, Format, seal) }
func TestSealedDamage(t *testing.T) { testkit.Sealed(t, Format, seal) }
