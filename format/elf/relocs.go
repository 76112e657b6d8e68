package elf

import (
	"encoding/binary"
	"io"

	"github.com/wardein/wardein/exe"
)

// maxRelocs bounds the relocations behind an x86 kernel, some 1 MB in those
// of distributions.
const maxRelocs = 16 << 20

// kernelRelocs is the length of the relocation list that the build of a
// relocatable x86 kernel appends to vmlinux before it compresses both: runs of
// rising 32-bit addresses within the kernel, each run behind a zero, up to the
// end of the data (Linux arch/x86/tools/relocs.c, emit_relocs, and
// arch/x86/boot/compressed/misc.c, handle_relocations). 0 when what stands
// behind the file is anything else.
func kernelRelocs(f *exe.File, r io.ReaderAt, size int64) int64 {
	n := size - f.End
	if f.Type != exe.TypeExec || f.Arch != "x86" && f.Arch != "x86-64" || f.Truncated || n < 8 || n%4 != 0 || n > maxRelocs || f.HasDynamic() || f.Interpreter() != "" {
		return 0
	}
	low, high := ^uint64(0), uint64(0)
	for _, s := range f.Segments {
		// The addresses are 32 bits, sign-extended; the per-processor data at
		// address 0 is not relocated this way.
		if s.Type == exe.SegmentLoad && s.VAddr != 0 {
			low, high = min(low, s.VAddr), max(high, s.VAddr+s.MemSize)
		}
	}
	buf := make([]byte, min(n, 64<<10))
	last, stops := uint64(0), 0
	for off := f.End; off < size; {
		b := buf[:min(int64(len(buf)), size-off)]
		if k, _ := r.ReadAt(b, off); k < len(b) {
			return 0
		}
		if off == f.End && binary.LittleEndian.Uint32(b) != 0 {
			return 0
		}
		off += int64(len(b))
		for ; len(b) > 0; b = b[4:] {
			v := uint64(binary.LittleEndian.Uint32(b))
			if v == 0 {
				if stops++; stops > 3 {
					return 0
				}
				last = 0
				continue
			}
			if f.Is64() {
				v |= 0xFFFFFFFF << 32
			}
			if v < low || v >= high || v < last {
				return 0
			}
			last = v
		}
	}
	if last == 0 {
		return 0 // zeros only: padding
	}
	return n
}
