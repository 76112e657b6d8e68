package exe

import (
	"cmp"
	"slices"

	"github.com/wardein/wardein/exe/insn"
)

// Routine returns the function that an address is in. Of one that is longer
// than can be followed it is the part around the address.
func (a *Arguments) Routine(addr uint64) (Routine, bool) {
	i, ok := slices.BinarySearchFunc(a.functions, addr, func(f Function, at uint64) int { return cmp.Compare(f.Addr, at) })
	if !ok {
		i--
	}
	if i < 0 || addr-a.functions[i].Addr >= a.functions[i].Size {
		return Routine{}, false
	}
	f := &a.functions[i]
	from, to := f.Addr, f.Addr+f.Size
	if f.Size > maxRoutine {
		from, to = max(from, addr-min(addr, maxRoutine/2)&^3), min(to, addr+maxRoutine/2)
	}
	return Routine{Addr: from, Size: to - from, thumb: f.Set == insn.Thumb}, true
}

// addr cuts an address to the file's class.
func (f *File) addr(n uint64) uint64 {
	if f.Class == 32 {
		return uint64(uint32(n))
	}
	return n
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
