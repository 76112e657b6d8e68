package lz4

import (
	"encoding/binary"
	"math/bits"
)

// digest computes XXH32 with seed 0 (xxHash specification, section 1).
type digest struct {
	v     [4]uint32
	total uint64
	mem   [16]byte
	n     int
}

const (
	prime1 = 2654435761
	prime2 = 2246822519
	prime3 = 3266489917
	prime4 = 668265263
	prime5 = 374761393
)

func (d *digest) reset() {
	p1, p2 := uint32(prime1), uint32(prime2)
	*d = digest{v: [4]uint32{p1 + p2, p2, 0, -p1}}
}

func lane(acc, in uint32) uint32 { return bits.RotateLeft32(acc+in*prime2, 13) * prime1 }

func (d *digest) write(p []byte) {
	d.total += uint64(len(p))
	if d.n > 0 {
		k := copy(d.mem[d.n:], p)
		d.n += k
		p = p[k:]
		if d.n < 16 {
			return
		}
		d.stripes(d.mem[:])
		d.n = 0
	}
	whole := len(p) &^ 15
	d.stripes(p[:whole])
	d.n = copy(d.mem[:], p[whole:])
}

func (d *digest) stripes(p []byte) {
	a, b, c, e := d.v[0], d.v[1], d.v[2], d.v[3]
	for ; len(p) >= 16; p = p[16:] {
		a = lane(a, binary.LittleEndian.Uint32(p))
		b = lane(b, binary.LittleEndian.Uint32(p[4:]))
		c = lane(c, binary.LittleEndian.Uint32(p[8:]))
		e = lane(e, binary.LittleEndian.Uint32(p[12:]))
	}
	d.v = [4]uint32{a, b, c, e}
}

func (d *digest) sum() uint32 {
	h := uint32(prime5)
	if d.total >= 16 {
		h = bits.RotateLeft32(d.v[0], 1) + bits.RotateLeft32(d.v[1], 7) + bits.RotateLeft32(d.v[2], 12) + bits.RotateLeft32(d.v[3], 18)
	}
	h += uint32(d.total)
	p := d.mem[:d.n]
	for ; len(p) >= 4; p = p[4:] {
		h = bits.RotateLeft32(h+binary.LittleEndian.Uint32(p)*prime3, 17) * prime4
	}
	for _, c := range p {
		h = bits.RotateLeft32(h+uint32(c)*prime5, 11) * prime1
	}
	h ^= h >> 15
	h *= prime2
	h ^= h >> 13
	h *= prime3
	return h ^ h>>16
}

func xxh32(p []byte) uint32 {
	var d digest
	d.reset()
	d.write(p)
	return d.sum()
}
