package lzma

// markerAt decodes an end marker from the beginning of src, which holds symMax
// bytes, and returns its length, 0 where there is something else.
func (c *core) markerAt(src []byte) int {
	d := bitReader{src: src, rng: c.rng, code: c.code}
	p := &c.probs
	ps := (uint32(c.pos) + c.bias) & (1<<c.pb - 1)
	if d.bit(&p.isMatch[c.state<<4+ps]) == 0 || d.bit(&p.isRep[c.state]) == 1 {
		return 0
	}
	n := d.length(&p.length, ps)
	if d.distance(p, uint32(min(n, 3))) != 0xFFFFFFFF {
		return 0
	}
	c.rng, c.code = d.rng, d.code
	return d.in
}

// bitReader is the range decoder in its plain form.
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
