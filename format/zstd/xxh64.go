package zstd

import (
	"encoding/binary"
	"math/bits"
)

// digest computes XXH64 with seed 0 (xxHash specification, section 2).
type digest struct {
	v     [4]uint64
	total uint64
	mem   [32]byte
	n     int
}

const (
	prime1 = 11400714785074694791
	prime2 = 14029467366897019727
	prime3 = 1609587929392839161
	prime4 = 9650029242287828579
	prime5 = 2870177450012600261
)

func (d *digest) reset() {
	p1, p2 := uint64(prime1), uint64(prime2)
	*d = digest{v: [4]uint64{p1 + p2, p2, 0, -p1}}
}

func lane(acc, in uint64) uint64 { return bits.RotateLeft64(acc+in*prime2, 31) * prime1 }

func (d *digest) write(p []byte) {
	d.total += uint64(len(p))
	if d.n > 0 {
		k := copy(d.mem[d.n:], p)
		d.n += k
		p = p[k:]
		if d.n < 32 {
			return
		}
		d.stripes(d.mem[:])
		d.n = 0
	}
	whole := len(p) &^ 31
	d.stripes(p[:whole])
	d.n = copy(d.mem[:], p[whole:])
}

func (d *digest) stripes(p []byte) {
	a, b, c, e := d.v[0], d.v[1], d.v[2], d.v[3]
	for ; len(p) >= 32; p = p[32:] {
		a = lane(a, binary.LittleEndian.Uint64(p))
		b = lane(b, binary.LittleEndian.Uint64(p[8:]))
		c = lane(c, binary.LittleEndian.Uint64(p[16:]))
		e = lane(e, binary.LittleEndian.Uint64(p[24:]))
	}
	d.v = [4]uint64{a, b, c, e}
}

func (d *digest) sum() uint64 {
	h := uint64(prime5)
	if d.total >= 32 {
		h = bits.RotateLeft64(d.v[0], 1) + bits.RotateLeft64(d.v[1], 7) + bits.RotateLeft64(d.v[2], 12) + bits.RotateLeft64(d.v[3], 18)
		for _, v := range d.v {
			h = (h^lane(0, v))*prime1 + prime4
		}
	}
	h += d.total
	p := d.mem[:d.n]
	for ; len(p) >= 8; p = p[8:] {
		h = bits.RotateLeft64(h^lane(0, binary.LittleEndian.Uint64(p)), 27)*prime1 + prime4
	}
	if len(p) >= 4 {
		h = bits.RotateLeft64(h^uint64(binary.LittleEndian.Uint32(p))*prime1, 23)*prime2 + prime3
		p = p[4:]
	}
	for _, c := range p {
		h = bits.RotateLeft64(h^uint64(c)*prime5, 11) * prime1
	}
	h ^= h >> 33
	h *= prime2
	h ^= h >> 29
	h *= prime3
	return h ^ h>>32
}
