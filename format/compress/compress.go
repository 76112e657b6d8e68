// Package compress reads files of the Unix program compress (.Z).
//
//	offset  size  field
//	0       2     1F 9D
//	2       1     bits 0–4: longest code, 9–16 bits; bit 7: code 256 clears
//	3             codes, lowest bit first, from 9 bits on growing
//
// Codes stand in groups of eight of one length: where the length grows or the
// table is cleared, the rest of the group is passed over. Nothing marks the
// end: a file reaches to the end of what it stands in.
package compress

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/wardein/wardein"
)

// Format is compress.
var Format = wardein.Format{
	Name:    "compress",
	Version: 1,
	Doc: wardein.Doc{
		About: "file of the Unix program compress (.Z): old releases and manual pages.",
		How:   "A trial decode of at most 4 KiB must find codes that are all in the table; the codes are then decoded to the end of the node.",
		FalseNegatives: []string{"recognised at the first byte of a node only: the format has neither a length, nor an end, nor a sum",
			"codes of 9 bits throughout (compress -b 9): ncompress writes files then that it cannot read itself"},
		Limits:     []string{"no checksum: damage is seen only where a code is impossible"},
		References: []string{"ncompress 5.0, compress(1)", "T. Welch, A Technique for High-Performance Data Compression, 1984"},
	},
	Magic:   []wardein.Magic{{Bytes: "\x1f\x9d", Anchored: true}},
	Measure: measure,
	Extract: extract,
}

const (
	trialSize = 4 << 10
	clear     = 256
)

func measure(r *io.SectionReader) (wardein.Claim, error) {
	no := wardein.Claim{}
	var head [5]byte
	if n, _ := r.ReadAt(head[:], 0); n < 3 || head[0] != 0x1f || head[1] != 0x9d || head[2]&0x60 != 0 || head[2]&31 < 9 || head[2]&31 > 16 || n >= 5 && head[4]&1 != 0 {
		return no, wardein.ErrNotMine
	}
	in := make([]byte, min(trialSize, r.Size()))
	if _, err := io.ReadFull(io.NewSectionReader(r, 0, r.Size()), in); err != nil {
		return no, err
	}
	whole := int64(len(in)) == r.Size()
	d := newDecoder(bufio.NewReader(bytes.NewReader(in)))
	n, err := io.Copy(io.Discard, io.LimitReader(d, 64<<10))
	if err != nil || n == 0 && len(in) > 3 {
		return no, wardein.ErrNotMine
	}
	c := wardein.Claim{End: wardein.EndUnknown, Confidence: wardein.Possible, Evidence: fmt.Sprintf("trial decode gave %d bytes", n)}
	if len(in) >= 32 {
		c.Confidence = wardein.Likely
	}
	if !whole && n < 1024 {
		return no, wardein.ErrNotMine
	}
	return c, nil
}

// decoder turns codes into bytes.
type decoder struct {
	br            *bufio.Reader
	pos           int64 // bytes taken from br
	bits, maxBits uint
	block         bool
	free          int // next entry of the table
	old           int // code before, -1 none
	first         byte
	group         [16]byte // the codes of one length
	have, at      uint     // bits of group
	prefix        [1 << 16]uint16
	suffix        [1 << 16]byte
	out           []byte // decoded, in reverse
	err           error
}

func newDecoder(br *bufio.Reader) *decoder {
	d := &decoder{br: br, bits: 9, old: -1}
	var head [3]byte
	n, err := io.ReadFull(br, head[:])
	d.pos = int64(n)
	if err != nil {
		d.err = io.ErrUnexpectedEOF
		return d
	}
	d.maxBits, d.block = uint(head[2]&31), head[2]&0x80 != 0
	if d.maxBits < 9 || d.maxBits > 16 {
		d.err = fmt.Errorf("codes of %d bits", d.maxBits)
	}
	d.free = 256
	if d.block {
		d.free = clear + 1
	}
	for i := range 256 {
		d.suffix[i] = byte(i)
	}
	return d
}

// code takes the next code; io.EOF where there is none.
func (d *decoder) code() (int, error) {
	if d.at+d.bits > d.have {
		n, err := io.ReadFull(d.br, d.group[:d.bits])
		d.pos += int64(n)
		d.have, d.at = uint(n)*8, 0
		if err != nil && err != io.EOF && err != io.ErrUnexpectedEOF {
			return 0, err
		}
		if d.have < d.bits {
			return 0, io.EOF
		}
	}
	i, s := d.at/8, d.at%8
	x := uint(d.group[i]) | uint(d.group[i+1])<<8 | uint(d.group[min(i+2, 15)])<<16
	d.at += d.bits
	return int(x >> s & (1<<d.bits - 1)), nil
}

func (d *decoder) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		for len(d.out) > 0 && n < len(p) {
			p[n] = d.out[len(d.out)-1]
			d.out = d.out[:len(d.out)-1]
			n++
		}
		if n == len(p) {
			break
		}
		if d.err != nil {
			return n, d.err
		}
		d.err = d.step()
	}
	return n, nil
}

// step decodes one code into out.
func (d *decoder) step() error {
	if d.free >= 1<<d.bits && d.bits < d.maxBits {
		d.bits++
		d.have, d.at = 0, 0
	}
	c, err := d.code()
	if err != nil {
		return err
	}
	if c == clear && d.block {
		d.free, d.old, d.bits = clear+1, -1, 9
		d.have, d.at = 0, 0
		return nil
	}
	if d.old < 0 {
		if c > 255 {
			return fmt.Errorf("code at %#x: first code is %d, want a byte", d.pos, c)
		}
		d.old, d.first = c, byte(c)
		d.out = append(d.out, byte(c))
		return nil
	}
	in := c
	if c >= d.free {
		if c > d.free || d.free >= 1<<d.maxBits {
			return fmt.Errorf("code at %#x: %d, table ends at %d", d.pos, c, d.free)
		}
		d.out = append(d.out, d.first)
		c = d.old
	}
	for c > 255 {
		d.out = append(d.out, d.suffix[c])
		c = int(d.prefix[c])
	}
	d.first = byte(c)
	d.out = append(d.out, d.first)
	if d.free < 1<<d.maxBits {
		d.prefix[d.free], d.suffix[d.free] = uint16(d.old), d.first
		d.free++
	}
	d.old = in
	return nil
}

type stream struct {
	ctx context.Context
	d   *decoder
}

func (s stream) Read(p []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.d.Read(p)
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	d := newDecoder(bufio.NewReaderSize(io.NewSectionReader(r, 0, r.Size()), 64<<10))
	if d.err != nil {
		return d.pos, d.err
	}
	err := out.Stream(wardein.Entry{Name: "data"}, stream{ctx, d})
	out.Span(wardein.Span{Len: 3, What: wardein.Known, Is: "header"})
	if d.pos > 3 {
		out.Span(wardein.Span{Off: 3, Len: d.pos - 3, What: wardein.Known, Is: "codes"})
	}
	return d.pos, err
}
