package jffs2

import (
	"testing"

	"github.com/wardein/wardein/internal/testkit"
)

// seal puts the checksums of damaged bytes right, so that the damage gets past
// them.
func seal(d []byte) []byte {
	for i := 0; i+headerSize <= len(d); i += 4 {
		bo := order(d[i:])
		if bo == nil {
			continue
		}
		bo.PutUint32(d[i+8:], crc(d[i:i+8]))
		n := int(bo.Uint32(d[i+4:]))
		if n > len(d)-i || n < headerSize {
			continue
		}
		b := d[i : i+n]
		switch bo.Uint16(b[2:]) {
		case inodeType:
			if n >= inodeSize {
				if s := int(bo.Uint32(b[48:])); s <= n-inodeSize {
					bo.PutUint32(b[60:], crc(b[inodeSize:][:s]))
				}
				bo.PutUint32(b[64:], crc(b[:60]))
			}
		case direntType:
			if n >= direntSize {
				if s := int(b[28]); s <= n-direntSize {
					bo.PutUint32(b[36:], crc(b[direntSize:][:s]))
				}
				bo.PutUint32(b[32:], crc(b[:32]))
			}
		}
	}
	return d
}

func FuzzSealed(f *testing.F)       { testkit.FuzzSealed(f, Format, seal) }
func TestSealedDamage(t *testing.T) { testkit.Sealed(t, Format, seal) }
