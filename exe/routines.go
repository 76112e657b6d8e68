package exe

import (
	"cmp"
	"slices"
)

const segmentExidx = 0x70000001 // PT_ARM_EXIDX

// enters tells the instructions by which a function that calls others makes
// room on the stack or saves where it was called from. One that tests something
// first does so behind the test, but before its first call.
var enters = map[string]func(uint32) bool{
	"arm": func(x uint32) bool { return x>>16 == 0xe92d && x>>14&1 != 0 || x&0xfffff000 == 0xe52de000 },
	"aarch64": func(x uint32) bool {
		return x&0xffc07fff == 0xa9807bfd || x&0xff0003ff == 0xd10003ff || x&0xffe00fff == 0xf8000ffe
	},
	"mips":   takesRoom,
	"mips64": takesRoom,
	"ppc":    func(x uint32) bool { return x>>16 == 0x9421 && int16(x) < 0 },
	"ppc64":  func(x uint32) bool { return x>>16 == 0xf821 && int16(x) < 0 },
}

// findStarts finds where functions begin by tables: symbols, the one for
// unwinding (LSB 5.0 Core, "Exception Frames"), that of ARM (ELF for the Arm
// Architecture, exception handling ABI, 5). x86 code that has none tells it by
// the calls within the file.
func (a *Arguments) findStarts() error {
	f := a.f
	add := func(at uint64) {
		if len(a.starts) < maxStarts && at != 0 {
			if f.Arch == "arm" {
				at &^= 1
			}
			a.starts = append(a.starts, at)
		}
	}
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return err
	}
	if all, err := f.objectSymbols(); err == nil {
		symbols = append(symbols, all...)
	}
	for i := range symbols {
		if s := &symbols[i]; s.Section != 0 && s.IsFunc() {
			add(s.Value)
		}
	}
	for _, s := range f.Segments {
		if !s.InFile || s.FileSize < 12 || s.Type != segmentEhFrame && !(s.Type == segmentExidx && f.Arch == "arm") {
			continue
		}
		b, err := f.read(s.Off, min(s.FileSize, 8*maxStarts))
		if err != nil {
			return err
		}
		if s.Type == segmentExidx {
			for i := 0; i+8 <= len(b); i += 8 { // prel31
				add(f.addr(s.VAddr + uint64(i) + uint64(int64(int32(f.Order.Uint32(b[i:])<<1)>>1))))
			}
			continue
		}
		if b[0] != 1 || b[1]&0x0f != 0x0b || b[2] != 0x03 || b[3] != 0x3b { // relative to the table, four bytes
			continue
		}
		n := int(min(uint64(f.Order.Uint32(b[8:])), uint64(len(b)-12)/8))
		for i := range n {
			add(f.addr(s.VAddr + uint64(int64(int32(f.Order.Uint32(b[12+8*i:]))))))
		}
	}
	c := &counter{f: f}
	if err := c.ranges(); err != nil {
		return err
	}
	switch {
	case f.Arch == "ppc64":
		err = a.findTOC(c)
	case (f.Arch == "x86" || f.Arch == "x86-64") && len(a.starts) <= int(c.size()>>12):
		err = a.called(c, add)
	}
	if err == nil && f.Arch != "x86" && f.Arch != "x86-64" {
		err = a.targets(c, add)
	}
	slices.Sort(a.starts)
	a.starts = slices.Compact(a.starts)
	return err
}

// addr cuts an address to the file's class.
func (f *File) addr(n uint64) uint64 {
	if f.Class == 32 {
		return uint64(uint32(n))
	}
	return n
}

// called finds functions of x86 code as what direct calls lead to, where the
// code before does not go on there: it ends in a return, a jump, or padding.
func (a *Arguments) called(c *counter, add func(uint64)) error {
	targets := map[uint64]bool{}
	err := c.each(func(w *window) (int, error) {
		for p := 0; p < w.n && p+5 <= len(w.b); p++ {
			if w.b[p] == 0xe8 && len(targets) < maxStarts {
				d := uint32(w.b[p+1]) | uint32(w.b[p+2])<<8 | uint32(w.b[p+3])<<16 | uint32(w.b[p+4])<<24
				targets[a.f.addr(w.addr+uint64(p)+5+uint64(int64(int32(d))))] = true
			}
		}
		return 0, nil
	})
	if err != nil {
		return err
	}
	return c.each(func(w *window) (int, error) {
		for p := 5; p < w.n; p++ {
			if !targets[w.addr+uint64(p)] {
				continue
			}
			if x := w.b[p-1]; x == 0xc3 || x == 0x90 || x == 0xcc || x == 0 || w.b[p-5] == 0xe9 || w.b[p-2] == 0xeb || (w.addr+uint64(p))%16 == 0 {
				add(w.addr + uint64(p))
			}
		}
		return 0, nil
	})
}

// targets adds what direct calls lead to.
func (a *Arguments) targets(c *counter, add func(uint64)) error {
	low, high := ^uint64(0), uint64(0)
	for _, p := range c.code {
		low, high = min(low, p.addr), max(high, p.addr+uint64(p.n))
	}
	seen := map[uint64]bool{}
	see := func(at uint64) {
		if at = a.f.addr(at) &^ 1; at >= low && at < high && !seen[at] && len(seen) < maxStarts {
			seen[at] = true
			add(at)
		}
	}
	if a.f.Arch == "arm" {
		return c.eachHalf(func(w *window, k *halves) error {
			for i, n := 0, w.number(2); i < n && i+1 < len(k.h); i++ {
				addr := k.addr + uint64(i)*2
				if h := k.h[i+1]; k.h[i]>>11 == 0x1e && (h&0xd000 == 0xd000 || h&0xd001 == 0xc000) {
					at, _ := thumbTarget(k.h[i], h, addr)
					see(at)
				}
				if addr&3 == 0 && k.word(i)>>24 == 0xeb {
					see(armTarget(k.word(i), addr))
				}
			}
			return nil
		})
	}
	return c.eachWord(a.f.Arch != "aarch64" && a.f.Order.Uint16([]byte{0, 1}) == 1, func(w *window, words []uint32) (int, error) {
		for i, x := range words[:w.number(4)] {
			addr := w.addr + uint64(i)*4
			switch a.f.Arch {
			case "aarch64":
				if x>>26 == 0x25 {
					see(addr + uint64(int64(int32(x<<6))>>4))
				}
			case "ppc", "ppc64":
				if x>>26 == 18 && x&3 == 1 && x != ppcBlNext {
					see(addr + uint64(int64(int32(x<<6)>>6))&^3)
				}
			default:
				if x>>26 == 3 {
					see((addr+4)&^0x0fffffff | uint64(x&0x03ffffff)<<2)
				} else if x>>16 == 0x0411 && int16(x) != 1 {
					see(addr + 4 + uint64(int64(int16(x))*4))
				}
			}
		}
		return 0, nil
	})
}

// findTOC finds what r2 holds: functions compute it from where they begin (64-bit
// ELF V2 ABI, 2.3.2), descriptors hold it (PowerPC ELF V1).
func (a *Arguments) findTOC(c *counter) error {
	err := c.eachWord(a.f.Order.Uint16([]byte{0, 1}) == 1, func(w *window, words []uint32) (int, error) {
		for i, x := range words[:w.number(4)] {
			if a.toc == 0 && x>>16 == 0x3c4c && i+1 < len(words) && words[i+1]>>16 == 0x3842 { // addis r2,r12; addi r2,r2
				a.toc = w.addr + uint64(i)*4 + uint64(int64(int32(x<<16))) + uint64(int64(int16(words[i+1])))
			}
		}
		return 0, nil
	})
	if err == nil && a.toc == 0 {
		dyn, _ := a.f.dynamicTags() // Calls read them
		if a.toc = c.value(a.f.Entry+8, 64); a.toc == 0 {
			a.toc = c.value(dyn[dynInit]+8, 64)
		}
	}
	a.got = a.toc
	return err
}

// states tells which calls of ARM code are in Thumb state: by the forms of the
// instruction there, and where it has the looks of both, as the call before.
func (a *Arguments) states() error {
	a.thumbs = make([]bool, len(a.calls.List))
	k := halves{big: a.f.Order.Uint16([]byte{0, 1}) == 1 && a.f.Flags&flagBE8 == 0, h: make([]uint16, 2)}
	state, open := false, 0
	for i, c := range a.calls.List {
		b, err := a.f.read(uint64(c.Off), 4)
		if err != nil || len(b) < 4 {
			return err
		}
		for j := range k.h {
			if k.h[j] = uint16(b[2*j]) | uint16(b[2*j+1])<<8; k.big {
				k.h[j] = uint16(b[2*j])<<8 | uint16(b[2*j+1])
			}
		}
		thumb := k.h[0]>>11 == 0x1e && k.h[1]&0x8000 != 0
		arm := c.Addr&3 == 0 && k.word(0)>>25&7 == 5
		switch {
		case thumb != arm:
			if state = thumb; open == i {
				for j := range i {
					a.thumbs[j] = state
				}
			}
		case open == i:
			open++
		}
		a.thumbs[i] = state
	}
	return nil
}

// thumb says whether the call at an address is in Thumb state.
func (a *Arguments) thumb(addr uint64) bool {
	i, ok := slices.BinarySearchFunc(a.calls.List, addr, func(c Call, at uint64) int { return cmp.Compare(c.Addr, at) })
	return ok && i < len(a.thumbs) && a.thumbs[i]
}

// within returns where the function begins that an address is in, and where
// the next one does; 0, 0 where that can't be told.
func (a *Arguments) within(addr uint64, thumb bool) (from, to uint64) {
	var load *Segment
	for i := range a.f.Segments {
		if s := &a.f.Segments[i]; s.Type == SegmentLoad && s.InFile && addr >= s.VAddr && addr-s.VAddr < s.FileSize {
			load = s
			break
		}
	}
	if load == nil {
		return 0, 0
	}
	low := max(load.VAddr, addr-min(addr, maxRoutine/2)) &^ 3
	high := min(load.VAddr+load.FileSize, addr+maxRoutine/2)
	i, _ := slices.BinarySearch(a.starts, addr+1)
	if i > 0 && a.starts[i-1] >= low {
		from = a.starts[i-1]
	}
	to = high
	if i < len(a.starts) {
		to = min(to, a.starts[i])
	}
	is := enters[a.f.Arch]
	if is == nil || low < load.VAddr {
		return from, to
	}
	b, err := a.f.read(load.Off+low-load.VAddr, high-low)
	if err != nil {
		return 0, 0
	}
	see := func(at uint64) {
		if at <= addr {
			from = max(from, at)
		} else {
			to = min(to, at)
		}
	}
	t := &tracer{Arguments: a, code: b}
	if thumb {
		for i := range len(b) / 2 {
			if t.thumbEnters(i) {
				see(low + uint64(i)*2)
			}
		}
		return from, to
	}
	words := t.words()
	for i, x := range words {
		if !is(x) {
			continue
		}
		if a.f.Arch == "mips" && x>>16 != 0x3c1c { // o32 sets gp first
			for k := max(0, i-4); k < i; k++ {
				if words[k]>>16 == 0x3c1c {
					i = k
				}
			}
		}
		if a.f.Arch == "ppc64" { // r2, the link register and others first
			for k := i - 1; k >= max(0, i-40) && words[k] != 0x4e800020 && words[k]>>26 != 18; k-- {
				if words[k]>>16 == 0x3c4c || words[k] == 0x7c0802a6 {
					i = k
				}
			}
		}
		see(low + uint64(i)*4)
	}
	return from, to
}

// thumbEnters tells PUSH with lr at half i; what has its looks may be the
// second half of another instruction.
func (t *tracer) thumbEnters(i int) bool {
	h := func(i int) uint16 {
		if i < 0 || 2*i+2 > len(t.code) {
			return 0
		}
		if t.f.Flags&flagBE8 != 0 {
			return uint16(t.code[2*i]) | uint16(t.code[2*i+1])<<8
		}
		return t.f.Order.Uint16(t.code[2*i:])
	}
	if x := h(i); x>>8 != 0xb5 && !(x == 0xe92d && h(i+1)&0xc000 == 0x4000) {
		return false
	}
	return h(i-1) < 0xe800 || h(i-2) >= 0xe800
}
