package ubifs

import (
	"math/rand"
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
