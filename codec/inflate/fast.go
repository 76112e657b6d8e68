package inflate

import "encoding/binary"

const (
	inSlack  = 16 // input bytes that one round of fast may read
	outSlack = 48 // bytes that it may write, but for a long match
)

func load(b []byte, i int) uint64     { return binary.LittleEndian.Uint64(b[i:]) }
func store(b []byte, i int, v uint64) { binary.LittleEndian.PutUint64(b[i:], v) }

// fast decodes symbols while input and window have room for a whole round, and
// returns more where they do not.
func (c *core) fast(src []byte) status {
	t := c.codes
	out, pos := c.out, c.pos
	bits, n, in := c.bits, uint64(c.n), c.in
	st := more
	for in >= 0 && in <= len(src)-inSlack && pos >= 0 && pos <= len(out)-outSlack {
		bits |= load(src, in) << (n & 63)
		in += 7 - int(n>>3&7)
		n |= 56
		e := t.lit[bits&litMask]
		if e&literal != 0 {
			o := out[pos:]
			o[0] = byte(e >> 16)
			o[1] = byte(e >> 24)
			k := 1 + int(e>>7&1)
			bits >>= e & 63
			n -= uint64(e)
			e = t.lit[bits&litMask]
			if e&literal != 0 {
				o[k] = byte(e >> 16)
				o[k+1] = byte(e >> 24)
				k += 1 + int(e>>7&1)
				bits >>= e & 63
				n -= uint64(e)
				e = t.lit[bits&litMask]
				if e&literal != 0 {
					o[k] = byte(e >> 16)
					o[k+1] = byte(e >> 24)
					pos += k + 1 + int(e>>7&1)
					bits >>= e & 63
					n -= uint64(e)
					continue
				}
			}
			pos += k
		}
		// At least 34 bits are left.
		if e&other != 0 {
			if e&deeper != 0 {
				e = t.lit[(e>>16+uint32(bits>>litBits)&(1<<(e>>8&15)-1))&(litSize-1)]
				if e&literal != 0 {
					out[pos] = byte(e >> 16)
					pos++
					bits >>= e & 63
					n -= uint64(e)
					continue
				}
			}
			if e&other != 0 {
				if e&ending != 0 {
					bits >>= e & 63
					n -= uint64(e)
					st = ended
				}
				break
			}
		}
		length := int(e>>16) + int(bits&(1<<(e&63)-1)>>(e>>8&15))
		bits >>= e & 63
		n -= uint64(e)
		if n&63 < 28 {
			bits |= load(src, in) << (n & 63)
			in += 7 - int(n>>3&7)
			n |= 56
		}
		d := t.dist[bits&distMask]
		if d&deeper != 0 {
			d = t.dist[(d>>16+uint32(bits>>distBits)&(1<<(d>>8&15)-1))&(distSize-1)]
		}
		back := int(d>>16) + int(bits&(1<<(d&63)-1)>>(d>>8&15))
		from, to := pos-back, pos+length
		if d&other != 0 || from < 0 || to > len(out)-outSlack {
			c.in, c.bits, c.n, c.pos = in, bits, uint(n&63), pos
			if d&other != 0 || from < 0 {
				c.n += uint(e & 63) // the place is the length's
				return c.badDistance(d, back)
			}
			c.drop(uint(d & 63))
			c.left, c.back = length, back
			return c.repeat()
		}
		bits >>= d & 63
		n -= uint64(d)
		f := out[from:][:32]
		o := out[pos:][:32]
		if back >= 8 {
			store(o, 0, load(f, 0))
			store(o, 8, load(f, 8))
			store(o, 16, load(f, 16))
			store(o, 24, load(f, 24))
			for i := 32; i < length; i += 32 {
				f, o := out[from+i:][:32], out[pos+i:][:32]
				store(o, 0, load(f, 0))
				store(o, 8, load(f, 8))
				store(o, 16, load(f, 16))
				store(o, 24, load(f, 24))
			}
		} else {
			v := load(f, 0)
			w := uint(back) * 8
			v &= 1<<w - 1
			v |= v << w
			v |= v << (2 * w)
			v |= v << (4 * w)
			skip := 8 - 8%back
			for i := 0; i < length; i += skip {
				store(out, pos+i, v)
			}
		}
		pos = to
	}
	c.in, c.bits, c.n, c.pos = in, bits, uint(n&63), pos
	return st
}
