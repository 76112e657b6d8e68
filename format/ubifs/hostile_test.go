package ubifs

import (
	"testing"

	"github.com/wardein/wardein/internal/testkit"
)

// seal puts the checksums of damaged bytes right, so that the damage gets past
// them.
func seal(d []byte) []byte {
	for i := 0; i+headerSize <= len(d); i += 8 {
		if n := int(le.Uint32(d[i+16:])); le.Uint32(d[i:]) == nodeMagic && n >= headerSize && n <= len(d)-i {
			le.PutUint32(d[i+4:], crc(d[i:i+n]))
		}
	}
	return d
}

func FuzzSealed(f *testing.F)       { testkit.FuzzSealed(f, Format, seal) }
func TestSealedDamage(t *testing.T) { testkit.Sealed(t, Format, seal) }
