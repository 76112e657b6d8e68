package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

// The kinds of changes to programs.
const (
	kindOpcode   = "other operation"
	kindRegister = "other register"
	kindConstant = "other constant"
	kindJump     = "inverted jump"
	kindCall     = "other call target"
	kindTable    = "table byte"
	kindString   = "text byte"
	kindAdded    = "added function"
)

var injectionKinds = []string{kindOpcode, kindRegister, kindConstant, kindJump, kindCall, kindTable, kindString, kindAdded}

// injection is one change to a program.
type injection struct {
	kind  string
	addr  uint64 // of the changed instruction or byte
	bytes []byte // what is there instead
	what  string // before and after, for people
}

// apply writes a copy of the program at path with the changes made.
func apply(path, to string, list ...injection) error {
	e, err := openLoads(path)
	if err != nil {
		return err
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	for _, in := range list {
		off := e.offset(in.addr)
		if off < 0 || off+int64(len(in.bytes)) > int64(len(b)) {
			return fmt.Errorf("%s: nothing at %#x", path, in.addr)
		}
		copy(b[off:], in.bytes)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o755)
}

func openLoads(path string) (*elfFile, error) {
	f, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	return &elfFile{File: f}, f.Close()
}

// injections chooses up to each changes of every kind but the last for the
// program at path, which has its symbols. The same seed gives the same ones.
func injections(path string, each int, seed uint64) ([]injection, error) {
	e, err := openELF(path)
	if err != nil {
		return nil, err
	}
	defer e.Close()
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	lines, err := disassemble(path)
	if err != nil {
		return nil, err
	}
	lines = slices.DeleteFunc(lines, func(l line) bool { return l.odd() || e.function(l.addr) == nil })
	g := &chooser{e: e, raw: raw, lines: lines, random: rand.New(rand.NewPCG(seed, 5)), path: path}
	var list []injection
	for _, try := range []func() []injection{g.bits, g.jumps, g.calls} {
		found, err := g.confirmed(try())
		if err != nil {
			return nil, err
		}
		list = append(list, found...)
	}
	list = append(list, g.tables()...)
	list = append(list, g.strings()...)
	// the first ones of each kind, in the order in which they were drawn
	count := map[string]int{}
	list = slices.DeleteFunc(list, func(in injection) bool {
		count[in.kind]++
		return count[in.kind] > each
	})
	return list, nil
}

type chooser struct {
	e      *elfFile
	raw    []byte
	lines  []line
	random *rand.Rand
	path   string
}

func (g *chooser) at(addr uint64, n int) []byte {
	off := g.e.offset(addr)
	if off < 0 || off+int64(n) > int64(len(g.raw)) {
		return nil
	}
	return slices.Clone(g.raw[off:][:n])
}

// spread draws lines that are at least 64 bytes from each other.
func (g *chooser) spread(n int, fits func(line) bool) []line {
	taken := map[uint64]bool{}
	var out []line
	for range 50 * n {
		l := g.lines[g.random.IntN(len(g.lines))]
		k := l.addr / 64
		if taken[k] || taken[k-1] || taken[k+1] || !fits(l) {
			continue
		}
		taken[k] = true
		if out = append(out, l); len(out) == n {
			break
		}
	}
	return out
}

// bits flips one bit of instructions drawn at random.
func (g *chooser) bits() []injection {
	var list []injection
	for _, l := range g.spread(4000, func(line) bool { return true }) {
		b := g.at(l.addr, l.n)
		bit := g.random.IntN(8 * l.n)
		b[bit/8] ^= 1 << (bit % 8)
		list = append(list, injection{addr: l.addr, bytes: b})
	}
	return list
}

// confirmed asks objdump what the changed instructions are. Those that are
// none, or have another length, or read the same, are left out.
func (g *chooser) confirmed(list []injection) ([]injection, error) {
	tmp := filepath.Join(*work, "inject", fmt.Sprintf("all-%d", os.Getpid()))
	defer os.Remove(tmp)
	if err := apply(g.path, tmp, list...); err != nil {
		return nil, err
	}
	after, err := disassemble(tmp)
	if err != nil {
		return nil, err
	}
	was, is := map[uint64]line{}, map[uint64]line{}
	for _, l := range g.lines {
		was[l.addr] = l
	}
	for _, l := range after {
		is[l.addr] = l
	}
	var good []injection
	for _, in := range list {
		if in.confirm(was[in.addr], is[in.addr]) {
			good = append(good, in)
		}
	}
	return good, nil
}

// confirm fills in what the change is, and refuses it if it isn't what it was
// meant to be.
func (in *injection) confirm(was, is line) bool {
	in.what = fmt.Sprintf("%x: %s %s → %s %s", in.addr, was.op, was.text, is.op, is.text)
	if is.n != was.n || is.odd() || was.op == is.op && was.text == is.text {
		return false
	}
	bare := func(l line) string { return numbers.ReplaceAllString(l.text, "") }
	switch {
	case in.kind == kindJump:
		return was.op != is.op && was.text == is.text
	case in.kind == kindCall:
		return was.op == is.op && was.text != is.text
	case was.op != is.op:
		in.kind = kindOpcode
	case bare(was) == bare(is):
		in.kind = kindConstant
	default:
		in.kind = kindRegister
	}
	return true
}

// jumps inverts conditional jumps.
func (g *chooser) jumps() []injection {
	var list []injection
	for _, l := range g.spread(1500, func(l line) bool { return g.inverted(l) != nil }) {
		list = append(list, injection{kind: kindJump, addr: l.addr, bytes: g.inverted(l)})
	}
	return list
}

// inverted is a conditional jump with its condition inverted, nil if the line
// is none. Whether it is one indeed, objdump tells.
func (g *chooser) inverted(l line) []byte {
	b := g.at(l.addr, l.n)
	o := g.e.ByteOrder
	flip := func(mask uint32) []byte { o.PutUint32(b, o.Uint32(b)^mask); return b }
	switch g.e.Machine {
	case elf.EM_386, elf.EM_X86_64:
		switch {
		case l.n == 2 && b[0]&0xf0 == 0x70:
			b[0] ^= 1
			return b
		case l.n == 6 && b[0] == 0x0f && b[1]&0xf0 == 0x80:
			b[1] ^= 1
			return b
		}
	case elf.EM_AARCH64:
		switch w := o.Uint32(b); {
		case w>>24 == 0x54:
			return flip(1)
		case w>>25&0x3f == 0x1a, w>>25&0x3f == 0x1b: // cbz, cbnz, tbz, tbnz
			return flip(1 << 24)
		}
	case elf.EM_ARM:
		switch {
		case l.n == 2 && b[1]&0xf0 == 0xd0 && b[1] < 0xde: // b<cond>
			b[1] ^= 1
			return b
		case l.n == 2 && b[1]&0xf5 == 0xb1: // cbz, cbnz
			b[1] ^= 8
			return b
		case l.n == 4 && l.op[0] == 'b' && isThumb(l) && b[3]&0xd0 == 0x80 && b[1]&0xf8 == 0xf0: // b<cond>.w
			b[0] ^= 0x40
			return b
		case l.n == 4 && !isThumb(l) && b[3]&0x0f == 0x0a && b[3]>>4 < 0xe:
			b[3] ^= 0x10
			return b
		}
	case elf.EM_MIPS:
		switch w := o.Uint32(b); {
		case w>>27 == 2, w>>27 == 3: // beq, bne; blez, bgtz
			return flip(1 << 26)
		case w>>26 == 1 && w>>16&0x1e == 0: // bltz, bgez
			return flip(1 << 16)
		}
	case elf.EM_PPC:
		if w := o.Uint32(b); w>>26 == 16 && w>>21&0x14 == 4 && w&1 == 0 {
			return flip(1 << 24)
		}
	}
	return nil
}

// isThumb tells the set of a line by its mnemonic: objdump marks wide ones of
// Thumb where a narrow one exists, which holds for conditional jumps.
func isThumb(l line) bool { return bytes.HasSuffix([]byte(l.op), []byte(".w")) || l.n == 2 }

// tables changes bytes of objects in read-only memory that are no text.
func (g *chooser) tables() []injection {
	objects := slices.DeleteFunc(slices.Clone(g.e.data), func(o object) bool {
		b := g.at(o.addr, int(o.size))
		return b == nil || o.size < 16 || bytes.IndexFunc(b[:len(b)-1], func(r rune) bool { return r < ' ' || r > '~' }) < 0
	})
	var list []injection
	for range min(600, 40*len(objects)) {
		o := objects[g.random.IntN(len(objects))]
		at := o.addr + g.random.Uint64N(o.size)
		b := g.at(at, 1)
		was := b[0]
		b[0] ^= 1 << g.random.IntN(8)
		list = append(list, injection{kindTable, at, b, fmt.Sprintf("%x: %s+%d: %02x → %02x", at, o.name, at-o.addr, was, b[0])})
	}
	return list
}

// strings changes letters of texts in .rodata.
func (g *chooser) strings() []injection {
	s := g.e.Section(".rodata")
	if s == nil {
		return nil
	}
	b, err := s.Data()
	if err != nil {
		return nil
	}
	var texts [][2]int
	for i := 0; i < len(b); {
		n := 0
		for i+n < len(b) && b[i+n] >= ' ' && b[i+n] <= '~' {
			n++
		}
		if n >= 8 && i+n < len(b) && b[i+n] == 0 && bytes.IndexByte(b[i:i+n], ' ') >= 0 {
			texts = append(texts, [2]int{i, n})
		}
		i += n + 1
	}
	var list []injection
	for range min(600, 20*len(texts)) {
		t := texts[g.random.IntN(len(texts))]
		at := t[0] + g.random.IntN(t[1])
		c := b[at] ^ 1
		if c < ' ' || c > '~' {
			continue
		}
		list = append(list, injection{kindString, s.Addr + uint64(at), []byte{c}, fmt.Sprintf("%x: %q: %c → %c", s.Addr+uint64(at), b[t[0]:t[0]+t[1]], b[at], c)})
	}
	return list
}

// calls gives direct calls the target of another call, a function of another
// size.
func (g *chooser) calls() []injection {
	size := map[uint64]uint64{}
	for _, f := range g.e.functions {
		size[f.addr] = f.size
	}
	var targets []uint64
	is := func(l line) bool { return g.retarget(l, l.addr) != nil && g.target(l) != 0 }
	for _, l := range g.lines {
		if is(l) && size[g.target(l)] != 0 {
			targets = append(targets, g.target(l))
		}
	}
	var list []injection
	for _, l := range g.spread(1000, is) {
		for range 20 {
			to, was := targets[g.random.IntN(len(targets))], g.target(l)
			if b := g.retarget(l, to); to != was && size[to] != size[was] && b != nil {
				list = append(list, injection{kind: kindCall, addr: l.addr, bytes: b})
				break
			}
		}
	}
	return list
}

// target is where a line leads, as objdump says.
func (g *chooser) target(l line) (to uint64) {
	fmt.Sscanf(l.text, "%x", &to)
	return to
}

// retarget is a direct call with another target, nil where the line is none or
// can't reach it.
func (g *chooser) retarget(l line, to uint64) []byte {
	b := g.at(l.addr, l.n)
	o := g.e.ByteOrder
	fits := func(d int64, bits int) bool { return d >= -1<<(bits-1) && d < 1<<(bits-1) }
	d := int64(to - l.addr)
	switch m := g.e.Machine; {
	case (m == elf.EM_386 || m == elf.EM_X86_64) && l.op == "call" && l.n == 5 && b[0] == 0xe8:
		binary.LittleEndian.PutUint32(b[1:], uint32(d-5))
		return b
	case m == elf.EM_AARCH64 && l.op == "bl":
		o.PutUint32(b, 0x94000000|uint32(d)>>2&0x3ffffff)
		return b
	case m == elf.EM_ARM && l.op == "bl" && l.n == 4 && b[3] == 0xeb:
		d -= 8
		o.PutUint32(b, 0xeb000000|uint32(d)>>2&0xffffff)
		return b
	case m == elf.EM_ARM && l.op == "bl" && l.n == 4 && b[1]&0xf8 == 0xf0 && b[3]&0xd0 == 0xd0:
		d -= 4
		u := uint32(d)
		s := u >> 24 & 1
		high := 0xf000 | s<<10 | u>>12&0x3ff
		low := 0xd000 | (u>>23&1^s^1)<<13 | (u>>22&1^s^1)<<11 | u>>1&0x7ff
		o.PutUint16(b, uint16(high))
		o.PutUint16(b[2:], uint16(low))
		return b
	case m == elf.EM_MIPS && l.op == "bal" && fits(d-4, 18):
		o.PutUint32(b, 0x04110000|uint32(d-4)>>2&0xffff)
		return b
	case m == elf.EM_PPC && l.op == "bl":
		o.PutUint32(b, 0x48000001|uint32(d)&0x3fffffc)
		return b
	}
	return nil
}
