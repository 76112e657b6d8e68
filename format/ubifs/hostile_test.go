package ubifs

import (
	"bytes"
	"testing"

	"github.com/wardein/wardein/internal/testkit"
)

// seal puts the checksums of damaged bytes right, so that the damage gets past
// them.
func seal(d []byte) []byte {
	magic := le.AppendUint32(nil, nodeMagic)
	for i := 0; ; i += 8 {
		k := bytes.Index(d[min(i, len(d)):], magic)
		if i = (i + k) &^ 7; k < 0 || i+headerSize > len(d) {
			return d
		}
		if n := int(le.Uint32(d[i+16:])); le.Uint32(d[i:]) == nodeMagic && n >= headerSize && n <= len(d)-i {
			le.PutUint32(d[i+4:], crc(d[i:i+n]))
		}
	}
}

func FuzzSealed(f *testing.F)       { testkit.FuzzSealed(f, Format, seal) }
func TestSealedDamage(t *testing.T) { testkit.Sealed(t, Format, seal) }
