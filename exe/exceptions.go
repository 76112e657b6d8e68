package exe

import (
	"io"
	"strings"
)

// exceptions finds the table of instructions that may fault and of where to
// go on then. Where the symbols do not name it, it is the longest list of
// pairs of addresses of which the first ascends; that is its form on arm and
// mips, others store relative references.
//
// Layout: Linux include/asm-generic/extable.h, lib/extable.c.
func (k *Kernel) exceptions(r io.ReaderAt, runs []run, width int64, word func([]byte) uint64) error {
	if from, to := k.Bound("__start___ex_table"), k.Bound("__stop___ex_table"); from >= 0 && to > from {
		k.Exceptions = Place{Off: from, Len: to - from}
		return nil
	}
	base := k.Base
	if k.Exports != nil {
		base = k.Exports.base
	}
	if base == 0 || k.Arch != "arm" && !strings.HasPrefix(k.Arch, "mips") {
		return nil
	}
	for _, x := range runs {
		if x.len < 2*leastPairs*width || x.len > maxEntries*2*width || x.len <= k.Exceptions.Len {
			continue
		}
		b, err := readAt(r, x.off, x.len)
		if err != nil {
			return err
		}
		for _, at := range []int64{0, width} {
			p := ascending(b[at:], int(width), word, base, uint64(x.off))
			place := Place{Off: x.off + at + p.Off, Len: p.Len}
			if p.Len <= k.Exceptions.Len || k.Symbols.overlaps(place) {
				continue
			}
			k.Exceptions, k.CodeTo = place, 0
			// Initial code comes behind the read-only data that the version line
			// is in.
			for e := at + p.Off; e < at+p.Off+p.Len; e += 2 * width {
				if to := int64(word(b[e:])-base) + 4; to <= min(place.Off, k.BannerAt.Off) {
					k.CodeTo = to
				}
			}
		}
	}
	return nil
}

// ascending finds the longest table of pairs of which the first ascends and
// both are in [base, base+text).
func ascending(b []byte, width int, word func([]byte) uint64, base, text uint64) (best Place) {
	size := 2 * width
	from, last := 0, uint64(0)
	between := 0 // pairs of which the second lies before the next: a list of addresses has only these
	p := 0
	end := func() {
		if n := p - from; n >= leastPairs*size && between < n/size*3/4 && int64(n) > best.Len {
			best = Place{Off: int64(from), Len: int64(n)}
		}
	}
	for ; p+size <= len(b); p += size {
		at, fix := word(b[p:]), word(b[p+width:])
		if at > last && at&3 == 0 && fix&3 == 0 && at-base < text && fix-base < text {
			if p+size+width <= len(b) && fix >= at && fix <= word(b[p+size:]) {
				between++
			}
			last = at
			continue
		}
		end()
		from, last, between = p+size, 0, 0
	}
	end()
	return best
}
