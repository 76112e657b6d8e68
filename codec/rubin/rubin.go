// Package rubin decodes the two Rubin codes of JFFS2: binary arithmetic coding
// with eight fixed probabilities, one for each bit of a byte, lowest bit first.
//
//	rubinmips   the probabilities are constants (of MIPS code), of 1043
//	dynrubin    the block begins with them: 8 bytes, each of 256
//
// Source: Linux, fs/jffs2/compr_rubin.c.
package rubin

import "errors"

// ErrInput says that a block needs more bits than it has.
var ErrInput = errors.New("rubin: input ends early")

var mips = [8]uint32{277, 249, 290, 267, 229, 341, 212, 241}

// Mips decodes a rubinmips block. It fills dst and returns how many bytes it
// wrote and how many of src it used.
func Mips(dst, src []byte) (n, used int, err error) {
	return decode(dst, src, 1043, &mips)
}

// Dynamic decodes a dynrubin block. It fills dst and returns how many bytes it
// wrote and how many of src it used.
func Dynamic(dst, src []byte) (n, used int, err error) {
	if len(src) < 8 {
		return 0, 0, ErrInput
	}
	var ones [8]uint32
	for i := range ones {
		ones[i] = uint32(src[i])
	}
	n, used, err = decode(dst, src[8:], 256, &ones)
	return n, used + 8, err
}

const (
	upper = 1 << 15 // the register's highest bit
	lower = upper - 1
)

// decode keeps the interval [q, q+p) and the code word rec, all of 16 bits. The
// register is as wide as it is in Linux on 32 bits; p and q stay below 2^17.
func decode(dst, src []byte, whole uint32, ones *[8]uint32) (n, used int, err error) {
	var p, q, rec uint32 = 2 * upper, 0, 0
	bit := 0
	pull := func() uint32 {
		var b uint32
		if bit>>3 < len(src) {
			b = uint32(src[bit>>3]) >> (7 - bit&7) & 1
		}
		bit++
		return b
	}
	for range 16 {
		rec = rec<<1 | pull()
	}
	for n = range dst {
		var out byte
		for i, one := range ones {
			for q >= upper || p+q <= upper {
				q = (q & lower) << 1
				p <<= 1
				rec = (rec&lower)<<1 + pull()
			}
			// The encoder writes all bits that it is asked for: a decoder that
			// runs far past the end reads damage.
			if bit > 8*len(src) {
				return n, len(src), ErrInput
			}
			zero := uint32(0)
			if one < whole {
				zero = (whole - one) * p / whole
			}
			zero = max(zero, 1)
			if zero >= p {
				zero = p - 1
			}
			if rec >= q+zero {
				q += zero
				p -= zero
				out |= 1 << i
			} else {
				p = zero
			}
		}
		dst[n] = out
	}
	return len(dst), (bit + 7) / 8, nil
}
