// Package lzo decodes LZO1X, the fast byte-oriented code that squashfs, ubifs,
// jffs2 and lzop store their blocks in.
//
// A block is a row of instructions. What an instruction below 16 means depends
// on how many literals the one before it copied ("state"):
//
//	first byte 18..255        literals: byte − 17
//	0000LLLL  state 0         literals: 3 + L (L = 0: 18 + 255 per zero byte + next byte)
//	0000DDSS H  state 1..3    match 2 bytes, distance 1 + D + 4·H
//	0000DDSS H  state 4       match 3 bytes, distance 2049 + D + 4·H
//	0001HLLL D D              match 2 + L (7), distance 16384 + (H<<14) + D>>2; distance 16384 ends the block
//	001LLLLL D D              match 2 + L (31), distance 1 + D>>2
//	01LDDDSS H                match 3 + L, distance 1 + D + 8·H
//	1LLDDDSS H                match 5 + L, distance 1 + D + 8·H
//
// SS, the two lowest bits of the last operand, is the number of literals that
// follow the match. Source: Linux, Documentation/staging/lzo.rst.
//
// The decoder is safe on hostile input: it reads only src, writes only dst and
// takes time linear in their lengths. It does not read the versioned stream of
// zram (lzo-rle), which is never stored on a medium.
package lzo

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The reasons for which Decode stops early. The error that it returns names
// the offsets and wraps one of these.
var (
	ErrInput    = errors.New("lzo: input ends inside an instruction")
	ErrOutput   = errors.New("lzo: output is longer than expected")
	ErrDistance = errors.New("lzo: match begins before the output")
	ErrEnd      = errors.New("lzo: bad end marker")
	ErrTrailing = errors.New("lzo: input goes on after the end marker")
)

// Decode decodes the block src into dst and returns how many bytes it wrote,
// also when it fails: dst[:n] is then what could be read.
func Decode(dst, src []byte) (n int, err error) {
	var ip, op, state int
	if len(src) > 0 && src[0] > 17 {
		lits := int(src[0]) - 17
		if ip, op, err = literals(dst, src, 1, 0, lits); err != nil {
			return op, err
		}
		state = min(lits, 4)
	}
	for {
		if ip >= len(src) {
			return op, failed(ErrInput, ip, op)
		}
		inst := int(src[ip])
		ip++
		var length, dist, lits int
		switch {
		case inst >= 64:
			if ip >= len(src) {
				return op, failed(ErrInput, ip, op)
			}
			dist = 1 + inst>>2&7 + int(src[ip])<<3
			ip++
			length = inst>>5 + 1
			lits = inst & 3
		case inst >= 16:
			var far, mask int
			if inst >= 32 {
				far, mask = 1, 31
			} else {
				far, mask = 1<<14+inst&8<<11, 7
			}
			length = inst&mask + 2
			if length == 2 {
				if length, ip, err = long(src, ip, mask+2, len(dst)); err != nil {
					return op, err
				}
			}
			if len(src)-ip < 2 {
				return op, failed(ErrInput, ip, op)
			}
			d := int(src[ip]) | int(src[ip+1])<<8
			ip += 2
			dist = far + d>>2
			lits = d & 3
			if mask == 7 && dist == 1<<14 {
				switch {
				case length != 3:
					return op, failed(ErrEnd, ip, op)
				case ip < len(src):
					return op, failed(ErrTrailing, ip, op)
				}
				return op, nil
			}
		case state == 0:
			n := inst + 3
			if inst == 0 {
				if n, ip, err = long(src, ip, 18, len(dst)); err != nil {
					return op, err
				}
			}
			if ip, op, err = literals(dst, src, ip, op, n); err != nil {
				return op, err
			}
			state = 4
			continue
		default:
			if ip >= len(src) {
				return op, failed(ErrInput, ip, op)
			}
			dist = 1 + inst>>2 + int(src[ip])<<2
			length = 2
			if state == 4 {
				dist += 2048
				length = 3
			}
			ip++
			lits = inst & 3
		}

		if dist > op {
			return op, failed(ErrDistance, ip, op)
		}
		if length > len(dst)-op {
			op += match(dst, op, dist, len(dst)-op)
			return op, failed(ErrOutput, ip, op)
		}
		if dist >= 8 && length <= 16 && op+16 <= len(dst) {
			// Both halves may write past the match; what follows overwrites.
			from := dst[op-dist:]
			binary.LittleEndian.PutUint64(dst[op:], binary.LittleEndian.Uint64(from))
			binary.LittleEndian.PutUint64(dst[op+8:], binary.LittleEndian.Uint64(from[8:]))
			op += length
		} else {
			op += match(dst, op, dist, length)
		}
		state = lits
		if lits == 0 {
			continue
		}
		if ip+4 <= len(src) && op+4 <= len(dst) {
			binary.LittleEndian.PutUint32(dst[op:], binary.LittleEndian.Uint32(src[ip:]))
			ip, op = ip+lits, op+lits
		} else if ip, op, err = literals(dst, src, ip, op, lits); err != nil {
			return op, err
		}
	}
}

// long reads a length that did not fit its instruction: base plus 255 for each
// zero byte plus the first other byte. It stops at limit, so that a length
// cannot overflow; the caller then fails on it.
func long(src []byte, ip, base, limit int) (n, next int, err error) {
	n = base
	for ; ip < len(src); ip++ {
		if src[ip] != 0 {
			return n + int(src[ip]), ip + 1, nil
		}
		if n += 255; n > limit+255 {
			return n, ip + 1, nil
		}
	}
	return 0, ip, fmt.Errorf("%w: offset %d of %d, in a length", ErrInput, ip, len(src))
}

// literals copies n bytes, or as many as there are.
func literals(dst, src []byte, ip, op, n int) (int, int, error) {
	if n <= len(src)-ip && n <= len(dst)-op {
		copy(dst[op:op+n], src[ip:])
		return ip + n, op + n, nil
	}
	why := ErrInput
	if n > len(dst)-op {
		why = ErrOutput
	}
	c := copy(dst[op:], src[ip:min(len(src), ip+n)])
	return ip + c, op + c, failed(why, ip+c, op+c)
}

// match copies length bytes from dist before op. Source and destination may
// overlap: the copied part then repeats, in runs that double.
func match(dst []byte, op, dist, length int) int {
	from, end := op-dist, op+length
	for op < end {
		op += copy(dst[op:end], dst[from:op])
	}
	return length
}

func failed(why error, ip, op int) error {
	return fmt.Errorf("%w: input offset %d, output offset %d", why, ip, op)
}
