package ubi

import (
	"encoding/binary"
	"testing"

	"github.com/wardein/wardein/internal/testkit"
)

// seal puts the checksums of damaged bytes right, so that the damage gets past
// them.
func seal(d []byte) []byte {
	for i := 0; i+headerSize <= len(d); i += headerSize {
		if h := d[i:][:headerSize]; string(h[:3]) == "UBI" {
			binary.BigEndian.PutUint32(h[crcAt:], crc(h[:crcAt]))
		}
	}
	return d
}

func FuzzSealed(f *testing.F)       { testkit.FuzzSealed(f, Format, seal) }
func TestSealedDamage(t *testing.T) { testkit.Sealed(t, Format, seal) }
