package jffs2

import (
	"math/rand"
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

func FuzzSealed(f *testing.F) {
	for _, s := range testkit.Samples(f) {
		f.Add(s.Data)
	}
	f.Fuzz(func(t *testing.T, d []byte) { testkit.Probe(t, Format, seal(append([]byte(nil), d...))) })
}

func TestSealedDamage(t *testing.T) {
	r := rand.New(rand.NewSource(1))
	for _, s := range testkit.Samples(t) {
		for range 500 {
			d := append([]byte(nil), s.Data...)
			for range 1 + r.Intn(6) {
				i := r.Intn(len(d))
				switch r.Intn(5) {
				case 0:
					d[i] ^= 1 << r.Intn(8)
				case 1:
					d[i] = byte(r.Intn(256))
				case 2:
					d[i] = 0xFF
				case 3:
					copy(d[i:], d[r.Intn(len(d)):][:1])
				case 4:
					from := r.Intn(len(d))
					copy(d[i:], append([]byte(nil), d[from:min(len(d), from+r.Intn(600))]...))
				}
			}
			testkit.Probe(t, Format, seal(d))
		}
	}
}
