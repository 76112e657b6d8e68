package exe

import (
	"encoding/binary"
	"math/bits"

	"github.com/wardein/wardein/exe/insn"
)

// bigCode says whether instructions are in big-endian order.
func (b *finder) bigCode() bool {
	return b.f.Order.Uint16([]byte{0, 1}) == 1 && b.set != insn.AArch64 && (b.set != insn.ARM || b.f.Flags&flagBE8 == 0)
}

// readers returns the reader of a set.
func (b *finder) readers(set insn.Set) reader {
	w := words{b: b, big: b.bigCode()}
	switch set {
	case insn.ARM:
		return &armReader{words: w}
	case insn.Thumb:
		return &thumbReader{words: w}
	case insn.AArch64:
		return &aarch64Reader{words: w}
	case insn.MIPS, insn.MIPS64:
		return &mipsReader{words: w}
	case insn.X86, insn.X8664:
		return &x86Reader{code: b.image.Code(set)}
	case insn.PPC, insn.PPC64:
		return &ppcReader{words: w}
	}
	return &w
}

// words is what readers of instructions of four bytes share.
type words struct {
	b    *finder
	big  bool // instructions
	regs loads
}

func (r *words) reset() { r.regs.clear() }

// word is the instruction at t.b[at:], 0 behind the end.
func (r *words) word(t *text, at int) uint32 {
	if at < 0 || at+4 > len(t.b) {
		return 0
	}
	x := binary.LittleEndian.Uint32(t.b[at:])
	if r.big {
		x = bits.ReverseBytes32(x)
	}
	return x
}

func (r *words) step(*text, int) step        { return step{n: 4} }
func (r *words) enters(*text, int) bool      { return false }
func (r *words) tail(*text, int) int         { return 0 }
func (r *words) stub(*text, int) bool        { return false }
func (r *words) padding(t *text, at int) int { return r.filled(t, at, 0) }
func (r *words) filled(t *text, at int, nop uint32) int {
	if at+4 > len(t.b) {
		return len(t.b) - at
	}
	if x := r.word(t, at); x == 0 || x == nop {
		return 4
	}
	return 0
}

// aarch64Reader reads A64 code (Arm Architecture Reference Manual, C4).
type aarch64Reader struct{ words }

func (r *aarch64Reader) padding(t *text, at int) int { return r.filled(t, at, 0xd503201f) }

func (r *aarch64Reader) enters(t *text, at int) bool {
	x := r.word(t, at)
	return x == 0xd503233f || x == 0xd503245f || x&0xffc07fff == 0xa9807bfd || x&0xff0003ff == 0xd10003ff || x&0xffe00fff == 0xf8000ffe
}

func (r *aarch64Reader) step(t *text, at int) step {
	x, addr := r.word(t, at), t.addr+uint64(at)
	switch {
	case x>>26 == 0x05:
		return step{n: 4, flow: insn.Jump, to: addr + uint64(int64(int32(x<<6))>>4)}
	case x>>26 == 0x25:
		r.regs.called()
		return step{n: 4, flow: insn.Call, to: addr + uint64(int64(int32(x<<6))>>4)}
	case x&0xff000010 == 0x54000000, x&0x7e000000 == 0x34000000:
		return step{n: 4, flow: insn.Branch, to: addr + uint64(int64(int32(x<<8)>>13)*4)}
	case x&0x7e000000 == 0x36000000:
		return step{n: 4, flow: insn.Branch, to: addr + uint64(int64(int32(x<<13)>>18)*4)}
	case x&0xfffff01f == 0xd65f0000 || x&0xfffffbff == 0xd65f0bff:
		return step{n: 4, flow: insn.Return}
	case x&0xfffffc1f == 0xd63f0000:
		r.regs.called()
		return step{n: 4, flow: insn.IndirectCall}
	case x&0xfffffc1f == 0xd61f0000:
		// A table's jump adds what it loaded to where it is.
		reg := x >> 5 & 31
		for back := 4; back <= 16; back += 4 {
			if y := r.word(t, at-back); y&31 == reg {
				return step{n: 4, flow: insn.IndirectJump, table: y&0x7f200000 == 0x0b200000 || y&0x7f200000 == 0x0b000000}
			}
		}
		return step{n: 4, flow: insn.IndirectJump}
	case x&0xffe0001f == 0xd4200000 || x>>16 == 0:
		return step{n: 4, flow: insn.Stop}
	case x&0x9f000000 == 0x90000000:
		r.regs.set(x&31, page(x, addr), false)
		return step{n: 4}
	case x&0xffc00000 == 0x91000000: // add, immediate
		base, _, ok := r.regs.get(x >> 5 & 31)
		r.regs.kill(x & 31)
		if ok {
			return step{n: 4, forms: base + uint64(x>>10&0xfff)}
		}
		return step{n: 4}
	}
	if r.regs.known != 0 {
		r.regs.kill(x & 31)
	}
	return step{n: 4}
}

// ppcReader reads PowerPC code of both widths (Power ISA, book I, 2.4 and 3.3).
type ppcReader struct{ words }

// padding takes what is no instruction, too: compilers put the distance of the
// GOT before a function that counts from it.
func (r *ppcReader) padding(t *text, at int) int {
	if x := r.word(t, at); x>>26 == 0 {
		return min(4, len(t.b)-at)
	}
	if r.word(t, at) == 0x60420000 { // nop that ends a group
		return 4
	}
	return r.filled(t, at, 0x60000000)
}

// tail is the length of a traceback table, without what debuggers ask for
// (64-bit ELF V1 ABI, 3.3): a zero word, and eight bytes of which the first two
// are the version, 0, and the language. In little-endian code an instruction may
// look like that, unless the flags behind are few. Clang leaves all of it zero,
// with one more word behind a call that does not come back.
func (r *ppcReader) tail(t *text, at int) int {
	if r.b.set == insn.PPC64 && at+18 <= len(t.b) && r.word(t, at) == 0 && r.word(t, at+4) == 0x000c2040 { // of assembly, with its name
		return min((18+int(r.b.f.Order.Uint16(t.b[at+16:]))+3)&^3, len(t.b)-at)
	}
	if r.b.set != insn.PPC64 || at+12 > len(t.b) || r.word(t, at) != 0 || t.b[at+4] != 0 || t.b[at+5] > 14 ||
		!r.big && (t.b[at+6] != 0 || t.b[at+7]&^0x63 != 0) {
		return 0
	}
	if at+16 <= len(t.b) && at >= 4 && r.word(t, at-4)>>26 == 18 && r.word(t, at+4)|r.word(t, at+8) == 0 && r.word(t, at+12) == 0 {
		return 16
	}
	return 12
}

func (r *ppcReader) enters(t *text, at int) bool {
	x := r.word(t, at)
	switch {
	case r.b.set == insn.PPC64 && x>>16 == 0x3c4c: // addis r2,r12
		return true
	case x == 0x7c0802a6: // mflr r0
		return true
	}
	return r.b.set == insn.PPC && x>>16 == 0x9421 && int16(x) < 0
}

func (r *ppcReader) step(t *text, at int) step {
	x, addr := r.word(t, at), t.addr+uint64(at)
	switch x >> 26 {
	case 18: // b
		to := uint64(int64(int32(x<<6)>>6)) &^ 3
		if x&2 == 0 {
			to += addr
		}
		switch {
		case x == ppcBlNext:
			return step{n: 4}
		case x&1 == 0:
			return step{n: 4, flow: insn.Jump, to: r.local(r.b.f.addr(to))}
		}
		n := 4
		if y := r.word(t, at+4); r.b.set == insn.PPC64 && (y == 0x60000000 || y == 0xe8410018 || y == 0xe8410028) { // restores r2, or may
			n = 8
		}
		return step{n: n, flow: insn.Call, to: r.local(r.b.f.addr(to))}
	case 16: // bc
		if x&1 != 0 { // bcl: where am I
			return step{n: 4}
		}
		flow := insn.Branch
		if x>>21&20 == 20 {
			flow = insn.Jump
		}
		return step{n: 4, flow: flow, to: r.b.f.addr(addr + uint64(int64(int16(x&0xfffc))))}
	case 19:
		always := x>>21&20 == 20
		switch x >> 1 & 0x3ff {
		case 16: // bclr
			if always && x&1 == 0 {
				return step{n: 4, flow: insn.Return}
			}
		case 528: // bcctr
			if x&1 != 0 {
				return step{n: 4, flow: insn.IndirectCall}
			}
			if always {
				return step{n: 4, flow: insn.IndirectJump, table: r.chooses(t, at)}
			}
		}
	case 31:
		if x == 0x7fe00008 { // trap
			return step{n: 4, flow: insn.Stop}
		}
	case 0:
		if n := r.tail(t, at); n > 0 {
			return step{n: n, flow: insn.Stop, ends: true}
		}
		return step{n: 4, flow: insn.Data}
	case 15: // addis
		if x>>16&31 == 0 {
			r.regs.set(x>>21&31, uint64(x<<16), false)
			return step{n: 4}
		}
	case 14: // addi
		base, _, ok := r.regs.get(x >> 16 & 31)
		r.regs.kill(x >> 21 & 31)
		if ok {
			return step{n: 4, forms: r.b.f.addr(base + uint64(int64(int16(x))))}
		}
		return step{n: 4}
	}
	return step{n: 4}
}

// local is the function that a call of its second entry point, behind what sets
// r2, goes to (64-bit ELF V2 ABI, 2.3.2.1).
func (r *ppcReader) local(to uint64) uint64 {
	if r.b.set != insn.PPC64 || to < 8 {
		return to
	}
	if t, at := r.b.at(to - 8); t != nil && r.word(t, at+4)>>16 == 0x3842 && (r.word(t, at)>>16 == 0x3c4c || r.word(t, at)>>16 == 0x3c40) {
		return to - 8
	}
	return to
}

// chooses says whether what the jump at t.b[at:] takes from ctr was added up
// or loaded by an index.
func (r *ppcReader) chooses(t *text, at int) bool {
	reg := uint32(32)
	for back := 4; back <= 64; back += 4 {
		x := r.word(t, at-back)
		if reg == 32 {
			if x&0xfc1fffff == 0x7c0903a6 { // mtctr
				reg = x >> 21 & 31
			}
			continue
		}
		if x>>26 == 31 && x>>21&31 == reg {
			xo := x >> 1 & 0x3ff
			return xo == 266 || xo == 23 || xo == 21 || xo == 341 // add, lwzx, ldx, lwax
		}
		if op := x >> 26; (op == 14 || op == 15 || op == 32 || op == 58) && x>>21&31 == reg {
			return false
		}
	}
	return false
}

func (r *ppcReader) stub(t *text, at int) bool {
	var x [9]uint32
	for i := range x {
		x[i] = r.word(t, at+4*i)
	}
	if r.b.set == insn.PPC64 {
		list := x[:]
		if x[0] == 0xf8410018 || x[0] == 0xf8410028 {
			list = x[1:]
		}
		_, ok := ppcStub(list)
		return ok && (list[0]>>16 == 0x3d82 || list[0]>>16 == 0x3d62 || list[0]>>16 == 0xe982)
	}
	return x[0]>>16 == 0x817e && x[1] == ppcMtctrR11 && x[2] == ppcBctr ||
		(x[0]>>16 == 0x3d60 || x[0]>>16 == 0x3d7e) && x[1]>>16 == 0x816b && x[2] == ppcMtctrR11 && x[3] == ppcBctr
}
