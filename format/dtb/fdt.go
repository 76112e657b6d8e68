// Package dtb reads flattened device trees (DTB, FDT): the description of a
// board that boot loaders hand to kernels, and U-Boot's FIT images, which use
// the same container for kernels, ramdisks and their hashes. All numbers are
// big-endian.
//
//	0x00  magic              d0 0d fe ed
//	0x04  totalsize
//	0x08  off_dt_struct      structure block, at a multiple of 4
//	0x0c  off_dt_strings     strings block
//	0x10  off_mem_rsvmap     memory reservation block, at a multiple of 8
//	0x14  version            17; 16 has no size_dt_struct
//	0x18  last_comp_version  16
//	0x1c  boot_cpuid_phys
//	0x20  size_dt_strings
//	0x24  size_dt_struct
//
// The structure block is a row of 32-bit tokens:
//
//	1 BEGIN_NODE  name, zero-terminated, padded to 4
//	2 END_NODE
//	3 PROP        length, offset of the name in the strings block, value, padded to 4
//	4 NOP
//	9 END
//
// The reservation block is pairs of 64-bit address and size; a pair of zeros
// ends it.
package dtb

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/wardein/wardein"
)

const (
	magic        = "\xd0\x0d\xfe\xed"
	headerSize16 = 36
	headerSize17 = 40

	tokenBegin = 1
	tokenEnd   = 2
	tokenProp  = 3
	tokenNop   = 4
	tokenStop  = 9

	maxDepth   = 64
	maxName    = 256
	maxStrings = 4 << 20
	// maxReserved bounds the reservation block, which has no length.
	maxReserved = 4096
)

// header is the header of a tree. off+size of each block lies within total.
type header struct {
	total, structs, strings, reserved int64
	structSize, stringSize            int64 // structSize ends where the strings begin or the tree ends, for version 16
	version                           uint32
	size                              int64 // of the header itself
}

// readHeader also refuses what does not begin with a root node: the magic is
// a constant in every boot loader's code.
func readHeader(r *io.SectionReader) (header, error) {
	var b [headerSize17]byte
	if n, err := r.ReadAt(b[:], 0); n < len(b) {
		if err == io.EOF {
			err = wardein.ErrNotMine
		}
		return header{}, err
	}
	u := func(i int) uint32 { return binary.BigEndian.Uint32(b[i:]) }
	h := header{total: int64(u(4)), structs: int64(u(8)), strings: int64(u(12)), reserved: int64(u(16)), version: u(20), stringSize: int64(u(32)), size: headerSize17}
	if string(b[:4]) != magic || h.version < 16 || h.version > 32 || u(24) < 16 || u(24) > 17 {
		return h, wardein.ErrNotMine
	}
	if h.version >= 17 {
		h.structSize = int64(u(36))
	} else {
		h.size = headerSize16
		h.structSize = h.total - h.structs
		if h.strings > h.structs {
			h.structSize = h.strings - h.structs
		}
	}
	if h.structs%4 != 0 || h.structs < h.size || h.reserved%8 != 0 || h.reserved < h.size || h.reserved >= h.total || h.strings < h.size ||
		h.structSize < 16 || h.structs+h.structSize > h.total || h.strings+h.stringSize > h.total {
		return h, wardein.ErrNotMine
	}
	var first [8]byte
	if n, err := r.ReadAt(first[:], h.structs); n < len(first) {
		if err == io.EOF {
			err = wardein.ErrNotMine
		}
		return h, err
	}
	if first != [8]byte{3: tokenBegin} {
		// NOP tokens may stand before the root; nothing that makes trees
		// writes them there.
		return h, wardein.ErrNotMine
	}
	return h, nil
}

// prop is a property: where its value stands.
type prop struct {
	name     string
	off, len int64
}

// visitor gets a tree's nodes and properties in order. depth of the root is 0.
type visitor interface {
	begin(depth int, name string) error
	prop(depth int, p prop) error
	end(depth int) error
}

// errEnough ends a walk early.
var errEnough = errors.New("enough")

// walk reads the structure block up to maxTokens tokens; maxTokens 0 is all.
// It returns where the block ended.
func walk(r *io.SectionReader, h header, maxTokens int, v visitor) (int64, error) {
	strings := make([]byte, max(0, min(h.stringSize, maxStrings, r.Size()-h.strings)))
	if n, err := r.ReadAt(strings, h.strings); n < len(strings) {
		return h.structs, err
	}
	c := cursor{r: r, pos: h.structs, end: h.structs + h.structSize}
	depth := -1
	for n := 0; maxTokens == 0 || n < maxTokens; n++ {
		at := c.pos
		token, err := c.uint32()
		if err != nil {
			return at, err
		}
		switch token {
		case tokenBegin:
			name, err := c.name()
			if err != nil {
				return at, err
			}
			if depth++; depth >= maxDepth {
				return at, fmt.Errorf("node at %#x: depth %d, limit is %d", at, depth, maxDepth)
			}
			if err := v.begin(depth, name); err != nil {
				return at, err
			}
		case tokenEnd:
			if depth < 0 {
				return at, fmt.Errorf("token at %#x: end of a node, none is open", at)
			}
			if err := v.end(depth); err != nil {
				return at, err
			}
			depth--
		case tokenProp:
			size, err := c.uint32()
			if err != nil {
				return at, err
			}
			nameOff, err := c.uint32()
			if err != nil {
				return at, err
			}
			if depth < 0 {
				return at, fmt.Errorf("token at %#x: property outside of a node", at)
			}
			if int64(nameOff) >= h.stringSize {
				return at, fmt.Errorf("property at %#x: name at %d, strings block at %#x has %d bytes", at, nameOff, h.strings, h.stringSize)
			}
			// The strings often stand last: a tree that was cut has nameless
			// properties.
			from := min(len(strings), int(nameOff))
			name, _, _ := bytes.Cut(strings[from:min(len(strings), from+maxName)], []byte{0})
			p := prop{name: string(name), off: c.pos, len: int64(size)}
			if p.len > c.end-c.pos {
				return at, fmt.Errorf("property %q at %#x: %d bytes, structure block has %d left", p.name, at, p.len, c.end-c.pos)
			}
			if err := v.prop(depth, p); err != nil {
				return at, err
			}
			c.pos += (p.len + 3) &^ 3
		case tokenNop:
		case tokenStop:
			if depth >= 0 {
				return at, fmt.Errorf("token at %#x: end of the structure block, %d nodes are open", at, depth+1)
			}
			return c.pos, nil
		default:
			return at, fmt.Errorf("token at %#x: bad token %#x", at, token)
		}
	}
	return c.pos, errEnough
}

// cursor reads tokens through a small window, so that a tree costs one read a
// page and a large property none.
type cursor struct {
	r        *io.SectionReader
	pos, end int64
	at       int64 // where buf begins
	n        int
	buf      [4096]byte
}

// window returns what stands at pos, at least want bytes of it unless the
// block or the file ends.
func (c *cursor) window(want int) []byte {
	if c.pos < c.at || c.pos+int64(want) > c.at+int64(c.n) {
		c.at = c.pos
		c.n, _ = c.r.ReadAt(c.buf[:max(0, min(int64(len(c.buf)), c.end-c.pos))], c.pos)
	}
	return c.buf[c.pos-c.at : c.n]
}

func (c *cursor) uint32() (uint32, error) {
	b := c.window(4)
	if len(b) < 4 {
		return 0, fmt.Errorf("structure block at %#x: ends without an end token", c.pos)
	}
	c.pos += 4
	return binary.BigEndian.Uint32(b), nil
}

func (c *cursor) name() (string, error) {
	b := c.window(maxName)
	i := bytes.IndexByte(b[:min(len(b), maxName)], 0)
	if i < 0 {
		return "", fmt.Errorf("node name at %#x: no end within %d bytes", c.pos, min(len(b), maxName))
	}
	name := string(b[:i])
	c.pos += int64(i+4) &^ 3
	return name, nil
}

// value reads at most limit bytes of a property's value.
func value(r io.ReaderAt, p prop, limit int64) []byte {
	b := make([]byte, min(p.len, limit))
	n, _ := r.ReadAt(b, p.off)
	return b[:n]
}

// isText says whether a value is a list of zero-terminated strings.
func isText(b []byte) bool {
	if len(b) < 2 || b[len(b)-1] != 0 || b[0] == 0 {
		return false
	}
	for _, c := range b {
		if c != 0 && c != '\t' && c != '\n' && c != '\r' && (c < ' ' || c == 0x7F) {
			return false
		}
	}
	return true
}

// text is a value as a string; the strings of a list are separated by commas.
func text(b []byte) string {
	return string(bytes.ReplaceAll(bytes.TrimRight(b, "\x00"), []byte{0}, []byte(", ")))
}

// layout reports the blocks of a tree. holes are the values inside the
// structure block that other spans or members speak of, in order.
func layout(r *io.SectionReader, h header, structEnd int64, holes []prop, out wardein.Members) {
	known := func(off, end int64, is string) {
		if end = min(end, r.Size()); off < end {
			out.Span(wardein.Span{Off: off, Len: end - off, What: wardein.Known, Is: is})
		}
	}
	known(0, h.size, "header")
	known(h.reserved, reservedEnd(r, h), "memory reservation block")
	pos := h.structs
	for _, p := range holes {
		known(pos, p.off, "structure block")
		pos = p.off + p.len
	}
	known(pos, structEnd, "structure block")
	known(h.strings, h.strings+h.stringSize, "strings block")
}

func reservedEnd(r *io.SectionReader, h header) int64 {
	var b [16]byte
	pos := h.reserved
	for range maxReserved {
		if n, _ := r.ReadAt(b[:], pos); n < len(b) || pos+16 > h.total {
			return pos
		}
		pos += 16
		if b == [16]byte{} {
			break
		}
	}
	return pos
}
