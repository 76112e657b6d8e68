package unpack

import (
	"encoding/binary"
	"unicode/utf8"

	"github.com/wardein/wardein"
)

// Classes of bytes that no format opened.
const (
	classText     = "text"
	classCode     = "code-like"
	classHigh     = "high entropy"
	classLow      = "low entropy"
	classRepeated = "repeated"
	classMixed    = "mixed"
)

// leastTile is the size of the piece that is classified on its own.
const leastTile = 4 << 10

// log2table[n] is log2(n) in 1/1000 bit for n ≤ leastTile, by integer
// arithmetic only, so that it is the same on every processor.
var log2table = func() (t [leastTile + 1]uint32) {
	for n := 1; n <= leastTile; n++ {
		var whole uint32
		for v := n; v > 1; v >>= 1 {
			whole++
		}
		// x in [1,2) as 32.32 fixed point; squaring yields one bit a step.
		x := uint64(n) << 32 >> whole
		frac := uint32(0)
		for range 16 {
			x = mulFixed(x, x)
			frac <<= 1
			if x >= 2<<32 {
				x >>= 1
				frac |= 1
			}
		}
		t[n] = whole*1000 + frac*1000>>16
	}
	return t
}()

// mulFixed multiplies 32.32 fixed-point numbers below 2.
func mulFixed(a, b uint64) uint64 {
	ah, al := a>>32, a&(1<<32-1)
	bh, bl := b>>32, b&(1<<32-1)
	return ah*bh<<32 + ah*bl + al*bh + al*bl>>32
}

// entropy returns the Shannon entropy of at most leastTile bytes in millibits
// per byte.
func entropy(p []byte) uint32 {
	var count [256]uint32
	for _, b := range p {
		count[b]++
	}
	var sum uint64 // Σ c·log2(c), millibits
	for _, c := range count {
		sum += uint64(c) * uint64(log2table[c])
	}
	return log2table[len(p)] - uint32(sum/uint64(len(p)))
}

// class classifies at most leastTile bytes.
func class(p []byte) string {
	if isFill(p, p[0]) {
		return classRepeated
	}
	if isText(p) {
		return classText
	}
	e := entropy(p)
	full := min(log2table[len(p)], 8000) // what so few bytes can reach
	switch {
	case codeLike(p):
		return classCode
	case e > full*93/100:
		return classHigh
	case e < 2500:
		return classLow
	}
	return classMixed
}

func isFill(p []byte, v byte) bool {
	for len(p) >= 8 {
		if binary.LittleEndian.Uint64(p) != uint64(v)*0x0101010101010101 {
			return false
		}
		p = p[8:]
	}
	for _, b := range p {
		if b != v {
			return false
		}
	}
	return true
}

// isText tells whether bytes are plain text: UTF-8 without control characters
// other than white space and escape. A character cut at either end is fine.
func isText(p []byte) bool {
	ascii := true
	for _, c := range p {
		if c < 0x20 && c != '\n' && c != '\t' && c != '\r' && c != '\f' && c != 0x1b || c == 0x7f {
			return false
		}
		ascii = ascii && c < 0x80
	}
	if ascii {
		return true
	}
	for i := 0; i < 3 && len(p) > 0 && !utf8.RuneStart(p[0]); i++ {
		p = p[1:]
	}
	for i := 0; i < 4 && len(p) > 0; i++ {
		if utf8.Valid(p) {
			return true
		}
		p = p[:len(p)-1]
	}
	return false
}

// codeLike tells whether bytes look like 32-bit machine code: most words of
// ARM code carry the condition "always", and most of MIPS or PowerPC code are
// of a handful of major opcodes that data seldom shows together.
func codeLike(p []byte) bool {
	words := len(p) / 4
	if words < 32 {
		return false
	}
	var armLE, armBE, mipsLE, mipsBE, ppc, zero int
	for i := 0; i+4 <= len(p); i += 4 {
		be := binary.BigEndian.Uint32(p[i:])
		le := binary.LittleEndian.Uint32(p[i:])
		if be == 0 {
			zero++
			continue
		}
		if le>>28 == 0xE {
			armLE++
		}
		if be>>28 == 0xE {
			armBE++
		}
		if mipsWord(le) {
			mipsLE++
		}
		if mipsWord(be) {
			mipsBE++
		}
		switch be >> 26 { // addi, addis, bc, b, 19, rlwinm, 31, lwz, stw
		case 14, 15, 16, 18, 19, 21, 31, 32, 36:
			ppc++
		}
	}
	best := max(armLE, armBE, mipsLE, mipsBE, ppc)
	return zero < words/4 && best*100 > (words-zero)*75
}

// mipsWord tells addiu, lui, lw, sw, jal, beq, bne, lbu and SPECIAL forms.
func mipsWord(w uint32) bool {
	switch w >> 26 {
	case 9, 15, 35, 43, 3, 4, 5, 36:
		return true
	case 0:
		return w&0x3F >= 0x20 && w&0x3F <= 0x2B || w&0x3F == 8 || w&0x3F == 9
	}
	return false
}

// fill tells which single byte, 0x00 or 0xFF, fills [from, to), or −1.
func (o *opening) fill(from, to int64) int {
	v := -1
	for off := from; off < to; {
		p := o.r.peek(off, to)
		if len(p) == 0 {
			return -1
		}
		if v < 0 {
			v = int(p[0])
		}
		if v != 0 && v != 0xFF || !isFill(p, byte(v)) {
			return -1
		}
		off += int64(len(p))
	}
	return v
}

// classify tiles [from, to): runs of padding at both ends and runs of whole
// tiles are padding, the rest is unknown, by class.
func (o *opening) classify(from, to int64) []wardein.Span {
	var out []wardein.Span
	push := func(s wardein.Span) {
		if k := len(out) - 1; k >= 0 && out[k].What == s.What && out[k].Is == s.Is {
			out[k].Len += s.Len
			return
		}
		out = append(out, s)
	}
	tail := wardein.Span{Off: to, What: wardein.Padding}
	var buf [leastTile]byte
	first := true
	for off := from; off < to; {
		n := int(min(to-off, leastTile-off%leastTile))
		p := buf[:n]
		if k, _ := o.r.ReadAt(p, off); k < n {
			push(wardein.Span{Off: off, Len: to - off, What: wardein.Unknown, Is: classMixed})
			break
		}
		if p[0] == 0 || p[0] == 0xFF {
			if isFill(p, p[0]) {
				push(wardein.Span{Off: off, Len: int64(n), What: wardein.Padding})
				off += int64(n)
				continue
			}
			if k := runLen(p); first && k >= leastUnknown {
				push(wardein.Span{Off: off, Len: int64(k), What: wardein.Padding})
				off += int64(k)
				p = p[k:]
			}
		}
		first = false
		if off+int64(len(p)) == to {
			if k := tailLen(p); k >= leastUnknown {
				tail.Off, tail.Len = to-int64(k), int64(k)
				p = p[:len(p)-k]
			}
		}
		push(wardein.Span{Off: off, Len: int64(len(p)), What: wardein.Unknown, Is: class(p)})
		off += int64(len(p)) + tail.Len
	}
	if tail.Len > 0 {
		push(tail)
	}
	return out
}

func runLen(p []byte) int {
	n := 1
	for n < len(p) && p[n] == p[0] {
		n++
	}
	return n
}

// tailLen is the length of a run of 0x00 or 0xFF at the end of p, less than
// all of it.
func tailLen(p []byte) int {
	v := p[len(p)-1]
	if v != 0 && v != 0xFF {
		return 0
	}
	n := 1
	for n < len(p)-1 && p[len(p)-1-n] == v {
		n++
	}
	return n
}

// classifyWhole classifies a blob that nobody claimed. Plain text is known:
// it is its own format.
func (o *opening) classifyWhole() {
	o.rec.Spans = o.classify(0, o.b.size)
	text := true
	byClass := map[string]int64{}
	for _, s := range o.rec.Spans {
		if s.What == wardein.Unknown {
			text = text && s.Is == classText
			byClass[s.Is] += s.Len
		} else {
			text = false
			byClass["padding"] += s.Len
		}
	}
	if text {
		o.rec.Format, o.rec.Class = classText, classText
		o.rec.Spans = []wardein.Span{{Len: o.b.size, What: wardein.Known, Format: classText, Is: classText}}
		return
	}
	for _, k := range []string{classHigh, classCode, classMixed, classText, classLow, classRepeated, "padding"} {
		if byClass[k] > byClass[o.rec.Class] {
			o.rec.Class = k
		}
	}
}
