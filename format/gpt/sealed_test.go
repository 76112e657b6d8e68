package gpt

import (
	"hash/crc32"
	"testing"

	"github.com/wardein/wardein/internal/testkit"
)

// seal puts the checksums of headers and of their entries right, so that
// damage gets past them.
func seal(d []byte) []byte {
	for at := 0; at+512 <= len(d); at += 512 {
		h := d[at : at+512]
		n := le.Uint32(h[0xC:])
		if string(h[:8]) != magic || n < 92 || n > 512 {
			continue
		}
		size := uint64(len(d))
		from, count, each := le.Uint64(h[0x48:]), uint64(le.Uint32(h[0x50:])), uint64(le.Uint32(h[0x54:]))
		for _, sector := range []uint64{4096, 512} {
			if from < size/sector && count*each <= size-from*sector {
				le.PutUint32(h[0x58:], crc32.ChecksumIEEE(d[from*sector:][:count*each]))
			}
		}
		le.PutUint32(h[0x10:], 0)
		le.PutUint32(h[0x10:], crc32.ChecksumIEEE(h[:n]))
	}
	return d
}

func FuzzSealed(f *testing.F)       { testkit.FuzzSealed(f, Format, seal) }
func TestSealedDamage(t *testing.T) { testkit.Sealed(t, Format, seal) }
