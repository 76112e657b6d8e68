package lzma

// symbols decodes symbols while the window position is below limit and the
// input position at most stop. src must hold symMax bytes beyond stop.
func (c *core) symbols(src []byte, limit, stop int) (int, status) {
	d := bitReader{src: src, rng: c.rng, code: c.code}
	defer func() { c.rng, c.code = d.rng, d.code }()
	p := &c.probs
	first := true
	for d.in <= stop && (c.pos < limit || first && limit == c.pos) {
		first = false
		at := uint32(c.pos) + c.bias
		ps := at & (1<<c.pb - 1)
		if d.bit(&p.isMatch[c.state*16+ps]) == 0 {
			if c.pos >= limit {
				return d.in, full
			}
			prev := uint32(0)
			if c.pos > c.start || c.wrapped {
				i := c.pos - 1
				if i < 0 {
					i += len(c.buf)
				}
				prev = uint32(c.buf[i])
			}
			o := 0x300 * ((at&(1<<c.lp-1))<<c.lc + prev>>(8-c.lc))
			lit := c.lit[o : o+0x300]
			sym := uint32(1)
			if c.state >= 7 {
				i := c.pos - int(c.rep0) - 1
				if i < 0 {
					i += len(c.buf)
				}
				mb := uint32(c.buf[i])
				for sym < 0x100 {
					b := mb >> 7 & 1
					mb <<= 1
					x := d.bit(&lit[(1+b)<<8+sym])
					sym = sym<<1 | x
					if x != b {
						break
					}
				}
			}
			for sym < 0x100 {
				sym = sym<<1 | d.bit(&lit[sym])
			}
			c.buf[c.pos] = byte(sym)
			c.pos++
			switch {
			case c.state < 4:
				c.state = 0
			case c.state < 10:
				c.state -= 3
			default:
				c.state -= 6
			}
			continue
		}
		var n int
		if d.bit(&p.isRep[c.state]) == 0 {
			c.rep3, c.rep2, c.rep1 = c.rep2, c.rep1, c.rep0
			n = d.length(&p.length, ps)
			c.state = pick(c.state, 7, 10)
			c.rep0 = d.distance(p, uint32(min(n, 3)))
			if c.rep0 == 0xFFFFFFFF {
				return d.in, marker
			}
			if !c.reach() {
				return d.in, damaged
			}
		} else {
			if !c.reach() {
				return d.in, damaged
			}
			if d.bit(&p.isRepG0[c.state]) == 0 {
				if d.bit(&p.isRep0Long[c.state*16+ps]) == 0 {
					c.state = pick(c.state, 9, 11)
					if c.pos >= limit {
						return d.in, full
					}
					c.copyMatch(1)
					continue
				}
			} else {
				var r uint32
				if d.bit(&p.isRepG1[c.state]) == 0 {
					r = c.rep1
				} else {
					if d.bit(&p.isRepG2[c.state]) == 0 {
						r = c.rep2
					} else {
						r = c.rep3
						c.rep3 = c.rep2
					}
					c.rep2 = c.rep1
				}
				c.rep1, c.rep0 = c.rep0, r
				if !c.reach() {
					return d.in, damaged
				}
			}
			n = d.length(&p.repLength, ps)
			c.state = pick(c.state, 8, 11)
		}
		n += matchMin
		k := min(n, limit-c.pos)
		c.pending = n - k
		c.copyMatch(k)
	}
	if c.pos >= limit {
		return d.in, full
	}
	return d.in, hungry
}

// reach says whether distance rep0+1 is inside the dictionary.
func (c *core) reach() bool {
	return c.rep0 < uint32(c.pos-c.start) || c.wrapped && int64(c.rep0) < int64(len(c.buf))
}

func pick(state, lit, match uint32) uint32 {
	if state < 7 {
		return lit
	}
	return match
}

type bitReader struct {
	src       []byte
	in        int
	rng, code uint32
}

func (d *bitReader) normalise() {
	if d.rng < 1<<24 {
		d.rng <<= 8
		d.code = d.code<<8 | uint32(d.src[d.in])
		d.in++
	}
}

func (d *bitReader) bit(p *uint16) uint32 {
	d.normalise()
	v := uint32(*p)
	bound := d.rng >> 11 * v
	if d.code < bound {
		d.rng = bound
		*p = uint16(v + (2048-v)>>5)
		return 0
	}
	d.rng -= bound
	d.code -= bound
	*p = uint16(v - v>>5)
	return 1
}

func (d *bitReader) tree(p []uint16) uint32 {
	m := uint32(1)
	for m < uint32(len(p)) {
		m = m<<1 | d.bit(&p[m])
	}
	return m - uint32(len(p))
}

func (d *bitReader) reverse(p []uint16, n uint32) uint32 {
	m, v := uint32(1), uint32(0)
	for i := range n {
		b := d.bit(&p[m])
		m = m<<1 | b
		v |= b << i
	}
	return v
}

func (d *bitReader) length(l *lenProbs, ps uint32) int {
	if d.bit(&l.choice[0]) == 0 {
		return int(d.tree(l.low[ps*8 : ps*8+8]))
	}
	if d.bit(&l.choice[1]) == 0 {
		return 8 + int(d.tree(l.mid[ps*8:ps*8+8]))
	}
	return 16 + int(d.tree(l.high[:]))
}

func (d *bitReader) distance(p *probs, lenState uint32) uint32 {
	slot := d.tree(p.slot[lenState*64 : lenState*64+64])
	if slot < 4 {
		return slot
	}
	n := slot>>1 - 1
	dist := (2 | slot&1) << n
	if slot < 14 {
		return dist + d.reverse(p.special[dist-slot:], n)
	}
	v := uint32(0)
	for range n - 4 {
		d.normalise()
		d.rng >>= 1
		v <<= 1
		if d.code >= d.rng {
			d.code -= d.rng
			v |= 1
		}
	}
	return dist + v<<4 + d.reverse(p.align[:], 4)
}
