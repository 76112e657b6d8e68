// Package lzma decodes LZMA1 and LZMA2, the coder of xz, lzip, 7z, .lzma
// files, squashfs, jffs2 and UEFI volumes.
//
// It has two forms. Decode and DecodeLZMA2 decode a whole block straight into
// the caller's slice, which is the dictionary at the same time: nothing is
// copied twice. Reader decodes a stream of any length through a window that
// grows with the output and never beyond the dictionary size.
//
//	LZMA1 stream:  00 | code u32 BE | range coded symbols … [end marker]
//	LZMA2 stream:  chunk … | 00
//	  01 size-1 u16 BE | bytes          stored, dictionary reset
//	  02 size-1 u16 BE | bytes          stored
//	  1rruuuuu unpacked-1 u16 BE | packed-1 u16 BE | [props] | LZMA1 symbols
//	     rr: 0 nothing, 1 state reset, 2 state reset and new props,
//	     3 the same and dictionary reset; uuuuu: bits 16–20 of unpacked-1
//
// Sources: LZMA specification (lzma-specification.txt, Igor Pavlov, 2015,
// public domain) and the .xz file format, section 5.3.1.
package lzma

import (
	"errors"
	"fmt"
	"io"
	"sync"
)

// Errors that a caller tells apart. ErrDamaged is wrapped with the place.
// Input that ends early is io.ErrUnexpectedEOF.
var (
	ErrDamaged = errors.New("damaged lzma data")
	ErrWindow  = errors.New("dictionary larger than the window limit")
)

// MaxWindow is the largest window that a Reader holds: 128 MiB. The presets of
// XZ Utils need at most 64.
const MaxWindow = 128 << 20

// Props are the three parameters of LZMA: how many high bits of the previous
// byte (LC, 0–8) and low bits of the position (LP, 0–4) choose the literal
// coder, and how many low bits of the position choose the match coders (PB,
// 0–4).
type Props struct{ LC, LP, PB int }

// ParseProps reads the properties byte, (PB*5 + LP)*9 + LC.
func ParseProps(b byte) (Props, error) {
	if b >= 9*5*5 {
		return Props{}, fmt.Errorf("%w: properties byte %#x, at most 0xe0 allowed", ErrDamaged, b)
	}
	return Props{LC: int(b % 9), LP: int(b / 9 % 5), PB: int(b / 45)}, nil
}

func (p Props) check() error {
	if p.LC < 0 || p.LC > 8 || p.LP < 0 || p.LP > 4 || p.PB < 0 || p.PB > 4 {
		return fmt.Errorf("%w: properties lc=%d lp=%d pb=%d", ErrDamaged, p.LC, p.LP, p.PB)
	}
	return nil
}

// cores keeps decoder states for block decoding: a state is 28 kB and more,
// and a file system has many small blocks.
var cores = sync.Pool{New: func() any { return new(core) }}

// Decode decodes raw LZMA1 (no header) from src into dst and returns how many
// bytes it wrote to dst and used of src. It stops when dst is full, and takes
// an end marker along that follows right then, or at an end marker, in which
// case n may be less than len(dst). The error is io.ErrUnexpectedEOF where src
// ends first; what was decoded until then is in dst.
func Decode(dst, src []byte, p Props) (n, used int, err error) {
	n, used, _, err = decode(dst, src, p)
	return n, used, err
}

func decode(dst, src []byte, p Props) (n, used int, clean bool, err error) {
	if err := p.check(); err != nil {
		return 0, 0, false, err
	}
	c := cores.Get().(*core)
	defer func() { c.buf = nil; cores.Put(c) }()
	c.setProps(p)
	c.resetState()
	c.setWindow(dst)
	if len(src) < initLen {
		return 0, len(src), false, io.ErrUnexpectedEOF
	}
	if err := c.initRange(src); err != nil {
		return 0, 0, false, err
	}
	used = initLen
	k, st := c.run(src[used:], len(dst), true)
	used += k
	clean = st == marker
	if st == full {
		k, st = c.finish(src[used:])
		used += k
		clean = st == marker || c.code == 0 && c.pending == 0
	}
	return c.pos, used, clean, st.err(int64(c.pos))
}

// DecodeLZMA2 decodes a whole LZMA2 stream from src into dst and returns how
// many bytes it wrote to dst and used of src. It stops at the end of the
// stream, which is an error unless it is there when dst is full.
func DecodeLZMA2(dst, src []byte) (n, used int, err error) {
	c := cores.Get().(*core)
	defer func() { c.buf = nil; cores.Put(c) }()
	c.setWindow(dst)
	need := needDict
	for {
		h, err := parseChunk(src[used:], need)
		if err != nil {
			return c.pos, used, fmt.Errorf("chunk at %#x: %w", used, err)
		}
		used += h.head
		if h.end {
			return c.pos, used, nil
		}
		c.begin(h)
		need = h.next(need)
		limit := c.pos + h.unpacked
		if limit > len(dst) {
			err = fmt.Errorf("chunk at %#x: %w: %d bytes of output, room for %d", used-h.head, ErrDamaged, h.unpacked, len(dst)-c.pos)
			limit = len(dst)
		}
		if h.stored {
			k := copy(dst[c.pos:limit], src[used:])
			c.pos += k
			used += k
			if c.pos < limit {
				return c.pos, used, io.ErrUnexpectedEOF
			}
		} else {
			packed := src[used:]
			if len(packed) > h.packed {
				packed = packed[:h.packed]
			}
			if len(packed) < initLen {
				return c.pos, used, io.ErrUnexpectedEOF
			}
			if e := c.initRange(packed); e != nil {
				return c.pos, used, fmt.Errorf("chunk at %#x: %w", used-h.head, e)
			}
			k, st := c.run(packed[initLen:], limit, true)
			used += initLen + k
			if st == truncated && len(packed) == h.packed {
				st = damaged // the chunk ends, not the input
			}
			if st == full && err == nil {
				st = c.chunkEnd(packed[initLen+k:])
				used += len(packed) - initLen - k
			}
			if st == marker {
				st = damaged
			}
			if e := st.err(int64(c.pos)); e != nil && err == nil {
				err = fmt.Errorf("chunk at %#x: %w", used, e)
			}
		}
		if err != nil {
			return c.pos, used, err
		}
	}
}

// What the next chunk must bring: LZMA2 may only be entered at a dictionary
// reset, and LZMA data only after properties were set.
const (
	needNothing = iota
	needState
	needProps
	needDict
)

// chunk is one LZMA2 chunk header.
type chunk struct {
	head             int // length of the header
	end, stored      bool
	reset            int // needNothing … needDict: what it resets
	unpacked, packed int
	props            Props
}

// next is what the chunk after this one must reset at least.
func (h chunk) next(need int) int {
	switch {
	case !h.stored:
		return needNothing
	case h.reset == needDict:
		return needProps
	}
	return need
}

// maxChunkHead is the length of the longest chunk header.
const maxChunkHead = 6

// parseChunk reads a chunk header; need is what the chunk must reset at least.
func parseChunk(b []byte, need int) (chunk, error) {
	var h chunk
	if len(b) == 0 {
		return h, io.ErrUnexpectedEOF
	}
	ctl := b[0]
	switch {
	case ctl == 0:
		return chunk{head: 1, end: true}, nil
	case ctl > 2 && ctl < 0x80:
		return h, fmt.Errorf("%w: control byte %#x", ErrDamaged, ctl)
	case ctl <= 2:
		h = chunk{head: 3, stored: true}
		if ctl == 1 {
			h.reset = needDict
		}
		if need == needDict && ctl != 1 {
			return h, fmt.Errorf("%w: control byte %#x, want a dictionary reset", ErrDamaged, ctl)
		}
	default:
		h = chunk{head: 5, reset: int(ctl >> 5 & 3)}
		if h.reset >= needProps {
			h.head = 6
		}
		if h.reset < need {
			return h, fmt.Errorf("%w: control byte %#x resets too little", ErrDamaged, ctl)
		}
	}
	if len(b) < h.head {
		return h, io.ErrUnexpectedEOF
	}
	h.unpacked = int(b[1])<<8 | int(b[2])
	if h.stored {
		h.unpacked++
		h.packed = h.unpacked
		return h, nil
	}
	h.unpacked += int(ctl&0x1F)<<16 + 1
	h.packed = int(b[3])<<8 + int(b[4]) + 1
	if h.packed < initLen {
		return h, fmt.Errorf("%w: chunk of %d bytes, want at least %d", ErrDamaged, h.packed, initLen)
	}
	if h.head == 6 {
		p, err := ParseProps(b[5])
		if err != nil {
			return h, err
		}
		if p.LC+p.LP > 4 {
			return h, fmt.Errorf("%w: lc=%d lp=%d, LZMA2 allows lc+lp ≤ 4", ErrDamaged, p.LC, p.LP)
		}
		h.props = p
	}
	return h, nil
}

// Try is Decode for guessing whether src is LZMA1 data at all: clean says that
// the data ended as an encoder ends it (see Reader.Clean).
func Try(dst, src []byte, p Props) (n, used int, clean bool, err error) {
	return decode(dst, src, p)
}
