package equiv

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/wardein/wardein/compare/function"
	"github.com/wardein/wardein/exe"
	"github.com/wardein/wardein/exe/insn"
	"github.com/wardein/wardein/internal/canon"
)

// codeReader finds functions and instructions of a pair of programs whose code
// stands in the same places.
type codeReader struct {
	p     *[2]program
	ready bool
	list  []exe.Function
	image [2]*exe.Image
	last  int // index of the function that insts are of, -1: none
	insts [2][]insn.Inst
}

// function is the function that the byte at an offset is in, -1 for none. Its
// instructions are in insts afterwards.
func (l *codeReader) function(off int64) int {
	if !l.ready {
		l.ready = true
		l.list, _ = l.p[0].Functions(exe.Sources{}) // what can't be read has none
		slices.SortFunc(l.list, func(a, b exe.Function) int { return cmp.Compare(a.Off, b.Off) })
		for s := range l.image {
			l.image[s], _ = l.p[s].Image()
		}
	}
	i, ok := slices.BinarySearchFunc(l.list, off, func(f exe.Function, at int64) int { return cmp.Compare(f.Off, at) })
	if !ok {
		i--
	}
	if i < 0 || off >= l.list[i].Off+int64(l.list[i].Size) {
		return -1
	}
	if i != l.last {
		l.last = i
		f := &l.list[i]
		for s := range l.insts {
			l.insts[s] = l.insts[s][:0]
			to := f.Off + int64(f.Size)
			if l.image[s] == nil || to > int64(len(l.p[s].b)) {
				continue
			}
			c := l.image[s].Code(f.Set)
			l.insts[s] = c.Decode(l.p[s].b[f.Off:to], f.Addr, l.insts[s])
		}
	}
	return i
}

// inst is the instruction of a side at an offset; ok is false where there is
// no function.
func (l *codeReader) inst(side int, off int64) (in insn.Inst, at int64, ok bool) {
	i := l.function(off)
	if i < 0 {
		return in, 0, false
	}
	f := &l.list[i]
	addr := f.Addr + uint64(off-f.Off)
	k, found := slices.BinarySearchFunc(l.insts[side], addr, func(in insn.Inst, a uint64) int { return cmp.Compare(in.Addr, a) })
	if !found {
		k--
	}
	if k < 0 || k >= len(l.insts[side]) {
		return in, 0, false
	}
	in = l.insts[side][k]
	return in, f.Off + int64(in.Addr-f.Addr), addr < in.Addr+uint64(in.Len)
}

// describe says in which function and instruction a difference is.
func (l *codeReader) describe(d *Difference, x *piece, i int) {
	off := x.off + int64(i)
	n := l.function(off)
	if n < 0 {
		return
	}
	f := &l.list[n]
	d.Function = canon.Escape(f.Name)
	if f.Name == "" {
		d.Function = "function at " + hexAddr(f.Addr)
	}
	for s, text := range [2]*string{&d.Before, &d.After} {
		in, at, ok := l.inst(s, off)
		if !ok || in.Len > maxQuote {
			continue
		}
		c := l.image[s].Code(f.Set)
		*text = strings.TrimSpace(hexBytes(l.p[s].b[at:at+int64(in.Len)]) + " " + c.Name(in.Op))
		if p := cmp.Or(in.To, in.Ref); p != 0 {
			*text += " " + hexAddr(p)
		}
		if s == 0 {
			d.Addr = hexAddr(in.Addr)
		}
	}
}

// immediateAt tells whether the instruction around x.i loads a declared number
// and is the same with the other number.
func (x *place) immediateAt(n Number) (match, bool) {
	if n.Shipped > 0xffffffff || n.Rebuilt > 0xffffffff || x.elf[0].Machine != x.elf[1].Machine {
		return match{}, false
	}
	why := fmt.Sprintf("%d became %d", n.Shipped, n.Rebuilt)
	order := x.elf[0].Order
	step, load := 4, loaders[x.elf[0].Arch]
	switch x.elf[0].Arch {
	case "x86", "x86-64":
		return x.immediateX86(n, why)
	case "arm":
		if m, ok := x.literal(n, why); ok {
			return m, true
		}
		if x.elf[0].Flags&0x00800000 != 0 { // EF_ARM_BE8: instructions are little-endian
			order = binary.LittleEndian
		}
		if m, ok := x.thumb(n, order, why); ok {
			return m, true
		}
	}
	if load == nil {
		return match{}, false
	}
	at := x.i &^ (step - 1)
	if at+4 > len(x.a) || at+4 > len(x.b) {
		return match{}, false
	}
	if x.elf[0].Arch == "aarch64" {
		order = binary.LittleEndian
	}
	was, is := order.Uint32(x.a[at:]), order.Uint32(x.b[at:])
	if v, mask, ok := load(was); !ok || uint64(v) != n.Shipped || was&^mask != is&^mask {
		return match{}, false
	}
	if v, _, ok := load(is); !ok || uint64(v) != n.Rebuilt {
		return match{}, false
	}
	return match{at, at + 4, at, at + 4, why}, true
}

// loaders tell of an instruction word whether it loads a number into a
// register, and which bits hold that.
var loaders = map[string]func(w uint32) (v, mask uint32, ok bool){
	// MOVW (Arm ARM, A2 encoding of MOV immediate)
	"arm": func(w uint32) (uint32, uint32, bool) {
		return w>>4&0xf000 | w&0xfff, 0x000f0fff, w&0x0ff00000 == 0x03000000 && w>>28 != 15
	},
	// MOVZ without shift, of 32 and 64 bits
	"aarch64": func(w uint32) (uint32, uint32, bool) {
		return w >> 5 & 0xffff, 0xffff << 5, w&0x7fe00000 == 0x52800000
	},
	"mips": mipsLoader, "mips64": mipsLoader,
	"ppc": ppcLoader, "ppc64": ppcLoader,
}

// addiu, daddiu and ori with $zero
func mipsLoader(w uint32) (uint32, uint32, bool) {
	op := w >> 26
	return w & 0xffff, 0xffff, (op == 9 || op == 13 || op == 25) && w>>21&31 == 0 && (op == 13 || w&0x8000 == 0)
}

// li, which is addi with 0
func ppcLoader(w uint32) (uint32, uint32, bool) {
	return w & 0xffff, 0xffff, w>>26 == 14 && w>>16&31 == 0 && w&0x8000 == 0
}

// thumb is MOVW in Thumb-2 (Arm ARM, T3 encoding of MOV immediate).
func (x *place) thumb(n Number, order binary.ByteOrder, why string) (match, bool) {
	read := func(b []byte, at int) (v uint64, rest uint32, ok bool) {
		if at < 0 || at+4 > len(b) {
			return 0, 0, false
		}
		h, l := uint32(order.Uint16(b[at:])), uint32(order.Uint16(b[at+2:]))
		v = uint64(h&15)<<12 | uint64(h>>10&1)<<11 | uint64(l>>12&7)<<8 | uint64(l&0xff)
		return v, h>>11<<27 | (h&0x3f0)<<12 | l>>15<<15 | l&0x0f00, h&0xfbf0 == 0xf240 && l&0x8000 == 0
	}
	for _, at := range []int{x.i &^ 1, x.i&^1 - 2} {
		v, rest, ok := read(x.a, at)
		w, rest2, ok2 := read(x.b, at)
		if ok && ok2 && v == n.Shipped && w == n.Rebuilt && rest == rest2 {
			return match{at, at + 4, at, at + 4, why}, true
		}
	}
	return match{}, false
}

// literal is a word of a literal pool: data that a decoder told from code.
func (x *place) literal(n Number, why string) (match, bool) {
	at := x.i &^ 3
	if at+4 > len(x.a) || at+4 > len(x.b) || x.inst == nil {
		return match{}, false
	}
	for s, want := range [2]uint64{n.Shipped, n.Rebuilt} {
		in, _, ok := x.inst(s, x.base+int64(at))
		if !ok || in.Flow != insn.Data || word(x.elf[s].Order, [2][]byte{x.a, x.b}[s][at:at+4]) != want {
			return match{}, false
		}
	}
	return match{at, at + 4, at, at + 4, why}, true
}

// immediateX86 is MOV with an immediate number, or PUSH (Intel SDM, volume 2):
// the number is the instruction's last four bytes, or two behind prefix 66.
func (x *place) immediateX86(n Number, why string) (match, bool) {
	if x.inst == nil {
		return match{}, false
	}
	in, off, ok := x.inst(0, x.base+int64(x.i))
	to, off2, ok2 := x.inst(1, x.base+int64(x.i))
	at := int(off - x.base)
	if !ok || !ok2 || off != off2 || in.Len != to.Len || in.Op != to.Op || in.Flow != insn.Next || to.Flow != insn.Next || at < 0 || at+int(in.Len) > len(x.a) || at+int(in.Len) > len(x.b) {
		return match{}, false
	}
	a, b := x.a[at:at+int(in.Len)], x.b[at:at+int(in.Len)]
	k, wide := 0, 4
	for ; k < len(a); k++ {
		if a[k] == 0x66 {
			wide = 2
		} else if a[k] != 0xf2 && a[k] != 0xf3 && a[k] != 0x2e && a[k] != 0x64 && a[k] != 0x65 {
			break
		}
	}
	if x.elf[0].Is64() && k < len(a) && a[k]&0xf0 == 0x40 {
		if a[k]&8 != 0 && k+1 < len(a) && a[k+1]&0xf8 == 0xb8 {
			wide = 8
		}
		k++
	}
	if k >= len(a) || a[k]&0xf8 != 0xb8 && a[k] != 0xc7 && a[k] != 0x68 || len(a)-wide <= k {
		return match{}, false
	}
	v := len(a) - wide
	number := func(b []byte) (n uint64) {
		for i := len(b) - 1; i >= 0; i-- {
			n = n<<8 | uint64(b[i])
		}
		return n
	}
	if string(a[:v]) != string(b[:v]) || number(a[v:]) != n.Shipped || number(b[v:]) != n.Rebuilt {
		return match{}, false
	}
	return match{at, at + len(a), at, at + len(a), why}, true
}

// moved compares programs whose parts stand in other places: by functions and
// by data. Whatever is not the same there is a difference.
func (f *fileWork) moved(p *[2]program) {
	f.add(nil, Difference{Where: "layout", Why: canon.Escape(layoutWhy(p[0].File, p[1].File))}, 0)
	var side [2]*function.Program
	for s := range side {
		list, err := p[s].Functions(exe.Sources{})
		if err == nil {
			side[s], err = function.Read(p[s].File, list)
		}
		if err != nil {
			f.hidden(int64(len(p[0].b)), "functions could not be read: "+canon.Escape(err.Error()))
			return
		}
	}
	m := function.Match(side[0], side[1])
	for _, pair := range m.Pairs {
		if pair.Same != function.Changed {
			continue
		}
		x, y := &side[0].Functions[pair.Old], &side[1].Functions[pair.New]
		d := Difference{Where: "function", Function: canon.Escape(side[0].Label(pair.Old)), Addr: hexAddr(x.Addr), Shipped: Run{Off: x.Off, Len: int64(x.Size)}, Rebuilt: Run{Off: y.Off, Len: int64(y.Size)}}
		if hunks, _ := m.Diff(pair); len(hunks) > 0 {
			h := &hunks[0]
			d.Before, d.After = lines(h.Old), lines(h.New)
			d.Addr = hexAddr(h.OldAddr)
			d.Why = fmt.Sprintf("%d places in the function", len(hunks))
		}
		d.Bytes = int64(x.Size)
		f.add(nil, d, int64(x.Size))
	}
	for _, i := range m.Gone {
		x := &side[0].Functions[i]
		f.add(nil, Difference{Where: "function", Function: canon.Escape(side[0].Label(i)), Addr: hexAddr(x.Addr), Shipped: Run{Off: x.Off, Len: int64(x.Size)}, Bytes: int64(x.Size), Why: "in the shipped release only"}, int64(x.Size))
	}
	for _, i := range m.Came {
		x := &side[1].Functions[i]
		f.add(nil, Difference{Where: "function", Function: canon.Escape(side[1].Label(i)), Addr: hexAddr(x.Addr), Rebuilt: Run{Off: x.Off, Len: int64(x.Size)}, Bytes: int64(x.Size), Why: "in the rebuilt release only"}, 0)
	}
	for _, c := range m.Data() {
		d := Difference{Where: canon.Escape(c.Section), Addr: hexAddr(c.Old), Bytes: int64(max(c.OldSize, c.NewSize))}
		for s, v := range [2]struct {
			addr, size uint64
			run        *Run
			text       *string
		}{{c.Old, c.OldSize, &d.Shipped, &d.Before}, {c.New, c.NewSize, &d.Rebuilt, &d.After}} {
			if off, n, ok := p[s].Offset(v.addr); ok && v.size > 0 {
				*v.run = Run{Off: int64(off), Len: int64(v.size)}
				if n = min(n, v.size, uint64(len(p[s].b))-min(off, uint64(len(p[s].b)))); n > 0 {
					*v.text = quote(p[s].b[off : off+n])
				}
			}
		}
		f.add(nil, d, int64(c.OldSize))
	}
}

// lines prints the first instructions of a side of a difference.
func lines(list []function.Line) string {
	var out []string
	for i, l := range list {
		if i == 3 {
			out = append(out, "…")
			break
		}
		out = append(out, strings.TrimSpace(hexBytes(l.Code[:min(len(l.Code), 16)])+" "+l.Op+" "+l.Points))
	}
	return canon.Escape(strings.Join(out, "; "))
}

// layoutWhy says where two programs first stand apart.
func layoutWhy(a, b *exe.File) string {
	switch {
	case a.Machine != b.Machine || a.Class != b.Class || a.Order != b.Order:
		return "programs of different processors: " + a.Arch + " and " + b.Arch
	case a.Type != b.Type:
		return "programs of different types: " + exe.TypeName(a.Type) + " and " + exe.TypeName(b.Type)
	case len(a.Sections) != len(b.Sections):
		return fmt.Sprintf("%d and %d sections", len(a.Sections), len(b.Sections))
	}
	for i := range a.Sections {
		s, t := a.Sections[i], b.Sections[i]
		switch {
		case s.Name != t.Name:
			return fmt.Sprintf("section %d is %.40q and %.40q", i, s.Name, t.Name)
		case s.Size != t.Size:
			return fmt.Sprintf("%.40s has %d and %d bytes: what is behind it stands elsewhere, and programs are compared by functions and data", s.Name, s.Size, t.Size)
		case s.Addr != t.Addr || s.Off != t.Off:
			return fmt.Sprintf("%.40s stands elsewhere: programs are compared by functions and data", s.Name)
		}
	}
	return "headers differ: programs are compared by functions and data"
}
