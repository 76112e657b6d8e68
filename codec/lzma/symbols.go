package lzma

import "encoding/binary"

// The range decoder's state (range, code, input position) is passed by value
// through the small functions here, all of which the compiler inlines, so that
// it stays in registers from one symbol to the next.

// norm takes a byte of input when the range became too small.
func norm(rng, code uint32, in int, src []byte) (uint32, uint32, int) {
	if rng < 1<<24 {
		rng <<= 8
		code = code<<8 | uint32(src[in])
		in++
	}
	return rng, code, in
}

// step decodes one bit with the probability v/2048 of a 0, without a branch:
// the bits of literals and distances cannot be foretold, and a branch guessed
// wrong costs more than all of this. zero is all ones for a 0. v moves towards
// 2048 by (2048-v)/32 for a 0 and towards 0 by v/32 for a 1.
func step(rng, code, v uint32) (_, _ uint32, _ uint16, zero uint32) {
	bound := rng >> 11 * v
	diff := int64(uint64(code)) - int64(uint64(bound))
	zero = uint32(diff >> 63)
	rng -= bound
	rng ^= (rng ^ bound) & zero
	code = uint32(diff) + bound&zero
	v -= uint32(int32(v+zero&(1<<32-2048+31)) >> 5)
	return rng, code, uint16(v), zero
}

// symbols decodes symbols while the window position is below limit and the
// input position at most stop. src must hold symMax bytes beyond stop.
func (c *core) symbols(src []byte, limit, stop int) (int, status) {
	rng, code, in := c.rng, c.code, 0
	buf, pos := c.buf, c.pos
	state := c.state
	p := &c.probs
	lit := c.lit
	rep0 := c.rep0
	lcShift, lc := (8-c.lc)&31, c.lc&31
	lpMask, pbMask := uint32(1)<<c.lp-1, uint32(1)<<c.pb-1
	bias := c.bias
	prev := c.prev()
	st := hungry
	for in <= stop && pos < limit {
		at := uint32(pos) + bias
		ps := at & pbMask

		rng, code, in = norm(rng, code, in, src)
		pm := &p.isMatch[(state<<4+ps)&0xFF]
		v := uint32(*pm)
		bound := rng >> 11 * v
		if code < bound {
			rng = bound
			*pm = uint16(v + (2048-v)>>5)

			t := (*[0x300]uint16)(lit[0x300*((at&lpMask)<<lc+prev>>lcShift):])
			m := uint32(1)
			if state < 7 {
				// Both probabilities that may come next are read while the
				// bit before them is decoded. Eight times by hand: a loop
				// costs a tenth of the speed.
				var zero uint32
				var w uint16
				v := uint32(t[1])
				x, y := uint32(t[uint8(m<<1)]), uint32(t[uint8(m<<1+1)])
				rng, code, in = norm(rng, code, in, src)
				rng, code, w, zero = step(rng, code, v)
				t[uint8(m)] = w
				m = m<<1 + 1 + zero
				v = y ^ (x^y)&zero
				x, y = uint32(t[uint8(m<<1)]), uint32(t[uint8(m<<1+1)])
				rng, code, in = norm(rng, code, in, src)
				rng, code, w, zero = step(rng, code, v)
				t[uint8(m)] = w
				m = m<<1 + 1 + zero
				v = y ^ (x^y)&zero
				x, y = uint32(t[uint8(m<<1)]), uint32(t[uint8(m<<1+1)])
				rng, code, in = norm(rng, code, in, src)
				rng, code, w, zero = step(rng, code, v)
				t[uint8(m)] = w
				m = m<<1 + 1 + zero
				v = y ^ (x^y)&zero
				x, y = uint32(t[uint8(m<<1)]), uint32(t[uint8(m<<1+1)])
				rng, code, in = norm(rng, code, in, src)
				rng, code, w, zero = step(rng, code, v)
				t[uint8(m)] = w
				m = m<<1 + 1 + zero
				v = y ^ (x^y)&zero
				x, y = uint32(t[uint8(m<<1)]), uint32(t[uint8(m<<1+1)])
				rng, code, in = norm(rng, code, in, src)
				rng, code, w, zero = step(rng, code, v)
				t[uint8(m)] = w
				m = m<<1 + 1 + zero
				v = y ^ (x^y)&zero
				x, y = uint32(t[uint8(m<<1)]), uint32(t[uint8(m<<1+1)])
				rng, code, in = norm(rng, code, in, src)
				rng, code, w, zero = step(rng, code, v)
				t[uint8(m)] = w
				m = m<<1 + 1 + zero
				v = y ^ (x^y)&zero
				x, y = uint32(t[uint8(m<<1)]), uint32(t[uint8(m<<1+1)])
				rng, code, in = norm(rng, code, in, src)
				rng, code, w, zero = step(rng, code, v)
				t[uint8(m)] = w
				m = m<<1 + 1 + zero
				v = y ^ (x^y)&zero
				rng, code, in = norm(rng, code, in, src)
				rng, code, w, zero = step(rng, code, v)
				t[uint8(m)] = w
				m = m<<1 + 1 + zero
			} else {
				from := pos - int(rep0) - 1
				if from < 0 {
					from += len(buf)
				}
				match := uint32(buf[from])
				// As long as the bits are those of the byte at distance
				// rep0+1, which stands there for not having been a match,
				// they have probabilities of their own.
				half := uint32(0x100)
				var zero, b, i uint32
				match <<= 1
				b = match & half
				i = half + b + m
				rng, code, in = norm(rng, code, in, src)
				rng, code, t[i], zero = step(rng, code, uint32(t[i]))
				m = m<<1 + 1 + zero
				half &= b ^ zero
				match <<= 1
				b = match & half
				i = half + b + m
				rng, code, in = norm(rng, code, in, src)
				rng, code, t[i], zero = step(rng, code, uint32(t[i]))
				m = m<<1 + 1 + zero
				half &= b ^ zero
				match <<= 1
				b = match & half
				i = half + b + m
				rng, code, in = norm(rng, code, in, src)
				rng, code, t[i], zero = step(rng, code, uint32(t[i]))
				m = m<<1 + 1 + zero
				half &= b ^ zero
				match <<= 1
				b = match & half
				i = half + b + m
				rng, code, in = norm(rng, code, in, src)
				rng, code, t[i], zero = step(rng, code, uint32(t[i]))
				m = m<<1 + 1 + zero
				half &= b ^ zero
				match <<= 1
				b = match & half
				i = half + b + m
				rng, code, in = norm(rng, code, in, src)
				rng, code, t[i], zero = step(rng, code, uint32(t[i]))
				m = m<<1 + 1 + zero
				half &= b ^ zero
				match <<= 1
				b = match & half
				i = half + b + m
				rng, code, in = norm(rng, code, in, src)
				rng, code, t[i], zero = step(rng, code, uint32(t[i]))
				m = m<<1 + 1 + zero
				half &= b ^ zero
				match <<= 1
				b = match & half
				i = half + b + m
				rng, code, in = norm(rng, code, in, src)
				rng, code, t[i], zero = step(rng, code, uint32(t[i]))
				m = m<<1 + 1 + zero
				half &= b ^ zero
				match <<= 1
				b = match & half
				i = half + b + m
				rng, code, in = norm(rng, code, in, src)
				rng, code, t[i], zero = step(rng, code, uint32(t[i]))
				m = m<<1 + 1 + zero
			}
			buf[pos] = byte(m)
			prev = m & 0xFF
			pos++
			state = uint32(afterLiteral[state&15])
			continue
		}
		rng -= bound
		code -= bound
		*pm = uint16(v - v>>5)

		var zero uint32
		var n uint32
		var lp *lenProbs
		rng, code, in = norm(rng, code, in, src)
		pm = &p.isRep[state&15]
		v = uint32(*pm)
		bound = rng >> 11 * v
		rep := code >= bound
		if !rep {
			rng = bound
			*pm = uint16(v + (2048-v)>>5)
			lp = &p.length
			state = afterMatch(state)
		} else {
			rng -= bound
			code -= bound
			*pm = uint16(v - v>>5)

			rng, code, in = norm(rng, code, in, src)
			pm = &p.isRepG0[state&15]
			v = uint32(*pm)
			bound = rng >> 11 * v
			if code < bound {
				rng = bound
				*pm = uint16(v + (2048-v)>>5)

				rng, code, in = norm(rng, code, in, src)
				pm = &p.isRep0Long[(state<<4+ps)&0xFF]
				v = uint32(*pm)
				bound = rng >> 11 * v
				if code < bound {
					rng = bound
					*pm = uint16(v + (2048-v)>>5)
					if uint64(rep0) >= uint64(c.reach(pos)) {
						st = damaged
						break
					}
					from := pos - int(rep0) - 1
					if from < 0 {
						from += len(buf)
					}
					prev = uint32(buf[from])
					buf[pos] = byte(prev)
					pos++
					state = 9 + (6-state)>>31<<1
					continue
				}
				rng -= bound
				code -= bound
				*pm = uint16(v - v>>5)
			} else {
				rng -= bound
				code -= bound
				*pm = uint16(v - v>>5)

				rng, code, in = norm(rng, code, in, src)
				pm = &p.isRepG1[state&15]
				v = uint32(*pm)
				bound = rng >> 11 * v
				if code < bound {
					rng = bound
					*pm = uint16(v + (2048-v)>>5)
					rep0, c.rep1 = c.rep1, rep0
				} else {
					rng -= bound
					code -= bound
					*pm = uint16(v - v>>5)

					rng, code, in = norm(rng, code, in, src)
					pm = &p.isRepG2[state&15]
					v = uint32(*pm)
					bound = rng >> 11 * v
					if code < bound {
						rng = bound
						*pm = uint16(v + (2048-v)>>5)
						rep0, c.rep1, c.rep2 = c.rep2, rep0, c.rep1
					} else {
						rng -= bound
						code -= bound
						*pm = uint16(v - v>>5)
						rep0, c.rep1, c.rep2, c.rep3 = c.rep3, rep0, c.rep1, c.rep2
					}
				}
			}
			lp = &p.repLength
			state = 8 + (6-state)>>31*3
		}

		// The length.
		rng, code, in = norm(rng, code, in, src)
		v = uint32(lp.choice[0])
		bound = rng >> 11 * v
		if code < bound {
			rng = bound
			lp.choice[0] = uint16(v + (2048-v)>>5)
			t := (*[8]uint16)(lp.low[ps<<3&0x7F:])
			n = 1
			for range 3 {
				rng, code, in = norm(rng, code, in, src)
				rng, code, t[n&7], zero = step(rng, code, uint32(t[n&7]))
				n = n<<1 + 1 + zero
			}
			n -= 8 - matchMin
		} else {
			rng -= bound
			code -= bound
			lp.choice[0] = uint16(v - v>>5)
			rng, code, in = norm(rng, code, in, src)
			v = uint32(lp.choice[1])
			bound = rng >> 11 * v
			if code < bound {
				rng = bound
				lp.choice[1] = uint16(v + (2048-v)>>5)
				t := (*[8]uint16)(lp.mid[ps<<3&0x7F:])
				n = 1
				for range 3 {
					rng, code, in = norm(rng, code, in, src)
					rng, code, t[n&7], zero = step(rng, code, uint32(t[n&7]))
					n = n<<1 + 1 + zero
				}
				n += matchMin
			} else {
				rng -= bound
				code -= bound
				lp.choice[1] = uint16(v - v>>5)
				n = 1
				for range 8 {
					rng, code, in = norm(rng, code, in, src)
					rng, code, lp.high[n&0xFF], zero = step(rng, code, uint32(lp.high[n&0xFF]))
					n = n<<1 + 1 + zero
				}
				n -= 256 - 16 - matchMin
			}
		}

		if !rep {
			c.rep3, c.rep2, c.rep1 = c.rep2, c.rep1, rep0
			t := (*[64]uint16)(p.slot[min(n-matchMin, 3)<<6&0xFF:])
			m := uint32(1)
			var w uint16
			v = uint32(t[1])
			x, y := uint32(t[m<<1&63]), uint32(t[(m<<1+1)&63])
			rng, code, in = norm(rng, code, in, src)
			rng, code, w, zero = step(rng, code, v)
			t[m&63] = w
			m = m<<1 + 1 + zero
			v = y ^ (x^y)&zero
			x, y = uint32(t[m<<1&63]), uint32(t[(m<<1+1)&63])
			rng, code, in = norm(rng, code, in, src)
			rng, code, w, zero = step(rng, code, v)
			t[m&63] = w
			m = m<<1 + 1 + zero
			v = y ^ (x^y)&zero
			x, y = uint32(t[m<<1&63]), uint32(t[(m<<1+1)&63])
			rng, code, in = norm(rng, code, in, src)
			rng, code, w, zero = step(rng, code, v)
			t[m&63] = w
			m = m<<1 + 1 + zero
			v = y ^ (x^y)&zero
			x, y = uint32(t[m<<1&63]), uint32(t[(m<<1+1)&63])
			rng, code, in = norm(rng, code, in, src)
			rng, code, w, zero = step(rng, code, v)
			t[m&63] = w
			m = m<<1 + 1 + zero
			v = y ^ (x^y)&zero
			x, y = uint32(t[m<<1&63]), uint32(t[(m<<1+1)&63])
			rng, code, in = norm(rng, code, in, src)
			rng, code, w, zero = step(rng, code, v)
			t[m&63] = w
			m = m<<1 + 1 + zero
			v = y ^ (x^y)&zero
			rng, code, in = norm(rng, code, in, src)
			rng, code, w, zero = step(rng, code, v)
			t[m&63] = w
			m = m<<1 + 1 + zero
			slot := m - 64
			rep0 = slot
			if slot >= 4 {
				k := slot>>1 - 1
				rep0 = 2 | slot&1
				if slot < 14 {
					rep0 <<= k & 31
					t := (*[32]uint16)(p.special[(rep0-slot)&127:])
					m := uint32(1)
					bit := uint32(1)
					for range k {
						rng, code, in = norm(rng, code, in, src)
						rng, code, t[m&31], zero = step(rng, code, uint32(t[m&31]))
						m = m<<1 + 1 + zero
						rep0 += bit &^ zero
						bit <<= 1
					}
				} else {
					for range k - 4 {
						rng, code, in = norm(rng, code, in, src)
						rng >>= 1
						diff := int64(uint64(code)) - int64(uint64(rng))
						zero = uint32(diff >> 63)
						code = uint32(diff) + rng&zero
						rep0 = rep0<<1 + 1 + zero
					}
					m := uint32(1)
					rep0 <<= 4
					for bit := uint32(1); bit < 16; bit <<= 1 {
						rng, code, in = norm(rng, code, in, src)
						rng, code, p.align[m&15], zero = step(rng, code, uint32(p.align[m&15]))
						m = m<<1 + 1 + zero
						rep0 += bit &^ zero
					}
					if rep0 == 0xFFFFFFFF {
						st = marker
						break
					}
				}
			}
		}
		if uint64(rep0) >= uint64(c.reach(pos)) {
			st = damaged
			break
		}

		// The copy.
		from := pos - int(rep0) - 1
		end := pos + int(n)
		switch {
		case from >= 0 && rep0 >= 7 && end <= limit && end+16 <= len(buf):
			// At least 8 bytes apart: whole words, some bytes too many.
			d, s := buf[pos:], buf[from:]
			x := binary.LittleEndian.Uint64(s)
			binary.LittleEndian.PutUint64(d, x)
			x = binary.LittleEndian.Uint64(s[8:])
			binary.LittleEndian.PutUint64(d[8:], x)
			for k := 16; k < int(n); k += 8 {
				x := binary.LittleEndian.Uint64(s[k:])
				binary.LittleEndian.PutUint64(d[k:], x)
			}
			pos = end
		case from >= 0 && end <= limit:
			d, s := buf[pos:end], buf[from:]
			s = s[:len(d)]
			for i := range d {
				d[i] = s[i]
			}
			pos = end
		default:
			c.pos, c.rep0, c.pending = pos, rep0, int(n)
			c.flush(limit)
			pos = c.pos
		}
		prev = uint32(buf[pos-1])
	}
	if st == hungry && pos >= limit {
		st = full
	}
	c.rng, c.code, c.state, c.pos, c.rep0 = rng, code, state, pos, rep0
	return in, st
}

var afterLiteral = [16]uint8{0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 4, 5}

// afterMatch is 7 after a literal, 10 after a match.
func afterMatch(state uint32) uint32 { return 7 + (6-state)>>31*3 }

// prev is the byte before the window position.
func (c *core) prev() uint32 {
	switch {
	case c.pos > c.start:
		return uint32(c.buf[c.pos-1])
	case c.wrapped:
		return uint32(c.buf[len(c.buf)-1])
	}
	return 0
}

// reach is the length of the dictionary before the window position pos.
func (c *core) reach(pos int) int {
	if c.wrapped {
		return c.dict
	}
	return pos - c.start
}
