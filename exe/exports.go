package exe

import (
	"bytes"
	"cmp"
	"io"
	"iter"
	"slices"
)

// Exports is the table of symbols that a kernel offers to its modules, in the
// form that holds addresses: entries of an address, a name and, from 5.4 on, a
// name space, and behind them (and their checksums, if any) the names.
// Architectures that store references relative to the entry (x86-64, arm64,
// s390 and powerpc of recent kernels) have another form, which is not read.
//
// Layout: Linux include/linux/export.h, EXPORT_SYMBOL; RO_DATA of
// include/asm-generic/vmlinux.lds.h.
type Exports struct {
	Count   int
	Table   Place
	Strings Place

	base    uint64
	width   int // of an address
	stride  int // addresses an entry
	entries []byte
	order   func([]byte) uint64
	names   []byte
}

// Symbols yields the exported symbols in the table's order. Type is '?': the
// table does not tell functions from data.
func (e *Exports) Symbols() iter.Seq[KernelSymbol] { return all(e.cursor()) }

// List prints them as Kallsyms.List does.
func (e *Exports) List() io.Reader { return &listing{next: e.cursor(), digits: e.width * 2} }

func (e *Exports) cursor() func() (KernelSymbol, bool) {
	size, p := e.width*e.stride, 0
	return func() (s KernelSymbol, ok bool) {
		if p+size > len(e.entries) {
			return s, false
		}
		name := e.names[e.order(e.entries[p+e.width:])-e.base-uint64(e.Strings.Off):]
		s = KernelSymbol{Addr: e.order(e.entries[p:]), Type: '?', Name: string(name[:bytes.IndexByte(name, 0)])}
		p += size
		return s, true
	}
}

const (
	leastPairs = 16 // the smallest kernels export more
	maxRuns    = 1 << 14
	maxStrings = 4 << 20
	maxEntries = 1 << 18
	// maxNames is how many bytes may be read to look for names.
	maxNames = 64 << 20
)

// run is a run of words that all look like addresses of one kernel.
type run struct{ off, len int64 }

// pairs finds the tables that hold nothing but addresses.
func (k *Kernel) pairs(r io.ReaderAt, size int64) error {
	width := int64(k.Class / 8)
	word := func(b []byte) uint64 {
		if width == 8 {
			return k.Order.Uint64(b)
		}
		return uint64(k.Order.Uint32(b))
	}
	budget := int64(maxNames)
	runs, err := addressRuns(r, min(size, maxScan)/width*width, width, word)
	if err != nil {
		return err
	}
	slices.SortStableFunc(runs, func(a, b run) int { return cmp.Compare(b.len, a.len) })
	for _, x := range runs {
		if k.Exports != nil || x.len < 2*leastPairs*width || x.len > maxEntries*3*width {
			continue
		}
		b, err := readAt(r, x.off, x.len)
		if err != nil {
			return err
		}
		if k.Exports, err = findExports(r, size, &budget, x, b, int(width), word); err != nil {
			return err
		}
	}
	return k.exceptions(r, runs, width, word)
}

// addressRuns finds runs of addresses that lie within 64 MiB of the first. A
// zero between two is part of the run: a weak symbol that nothing defines.
func addressRuns(r io.ReaderAt, size, width int64, word func([]byte) uint64) (runs []run, err error) {
	const reach = 64 << 20
	buf := make([]byte, 64<<10)
	var first uint64
	var x run
	end := func() {
		if x.len >= 2*leastPairs*width && len(runs) < maxRuns {
			runs = append(runs, x)
		}
	}
	for off := int64(0); off < size; {
		b := buf[:min(int64(len(buf)), size-off)]
		if n, err := r.ReadAt(b, off); n < len(b) {
			return nil, err
		}
		for p := int64(0); p < int64(len(b)); p += width {
			v := word(b[p:])
			if x.len > 0 && v-first+reach < 2*reach && v >= 1<<28 {
				x.len = off + p + width - x.off
				continue
			}
			if v == 0 && x.len > 0 && x.off+x.len == off+p {
				continue
			}
			end()
			if x = (run{off + p, 0}); kernelAddress(v, int(width)*8) && v >= 1<<28 {
				first, x.len = v, width
			}
		}
		off += int64(len(b))
	}
	end()
	return runs, nil
}

// findExports looks for the table at the end of a run. The names follow it,
// behind the checksums if there are any. A kernel begins a page, so that few
// of them can be the name of the last entries; the one that makes all other
// entries name names is.
func findExports(r io.ReaderAt, size int64, budget *int64, x run, b []byte, width int, word func([]byte) uint64) (*Exports, error) {
	for _, stride := range []int{2, 3} {
		step := stride * width
		// Checksums behind the table may look like one address more.
		for cut := 0; cut < 4*width; cut += width {
			end := len(b) - cut
			e := &Exports{width: width, stride: stride, order: word, entries: b[max(0, end)%step : max(0, end)]}
			n := len(e.entries) / step
			if n < leastPairs || !e.near() || *budget < 0 {
				continue
			}
			from, err := seekNames(r, size, budget, x.off+int64(end), int64(8*n+1024))
			if err != nil {
				return nil, err
			}
			if from < 0 {
				continue
			}
			most := min(size-from, int64(n)*64+4096, maxStrings)
			*budget -= most
			if e.names, err = readAt(r, from, most); err != nil {
				return nil, err
			}
			e.Strings = Place{Off: from, Len: most}
			if e.match() {
				e.Table.Off = x.off + int64(end) - e.Table.Len
				return e, nil
			}
		}
	}
	return nil, nil
}

// name is the address of the name of entry i, counted from the end.
func (e *Exports) name(i int) uint64 {
	return e.order(e.entries[len(e.entries)-(i+1)*e.width*e.stride+e.width:])
}

// near tells whether the last entries have names of their own in one place.
func (e *Exports) near() bool {
	low, high, own := e.name(0), e.name(0), 0
	for i := 1; i < leastPairs; i++ {
		a := e.name(i)
		if low, high = min(low, a), max(high, a); high-low > maxStrings {
			return false
		}
		if a != e.name(i-1) {
			own++
		}
	}
	return own > leastPairs*3/4
}

// match finds the base, and cuts entries and names to what they are.
func (e *Exports) match() bool {
	size := e.width * e.stride
	for i := range 4 {
		last := e.name(i)
		at := (last - uint64(e.Strings.Off)) & 0xfff
		for ; at < uint64(len(e.names)); at += 0x1000 {
			e.base = last - uint64(e.Strings.Off) - at
			if e.named(last) != exactly || last < uint64(e.Strings.Off)+at {
				continue
			}
			n, good := 0, 0
			for ; (n+1)*size <= len(e.entries); n++ {
				how := e.named(e.name(n))
				if how == not {
					break
				}
				if how == exactly {
					good++
				}
			}
			if n >= leastPairs && good > n*3/4 && e.cut(n) {
				return true
			}
		}
	}
	return false
}

// cut takes the last n entries and the names that they name, which must be
// most of what stands there, each its own.
func (e *Exports) cut(n int) bool {
	from, to, sum := uint64(len(e.names)), uint64(0), uint64(0)
	seen := map[uint64]bool{}
	for i := range n {
		a := e.name(i)
		at := a - e.base - uint64(e.Strings.Off)
		size := uint64(bytes.IndexByte(e.names[at:], 0) + 1)
		if !seen[at] && e.named(a) == exactly {
			sum += size
		}
		seen[at] = true
		from, to = min(from, at), max(to, at+size)
	}
	if len(seen) < n*3/4 || sum < (to-from)/2 {
		return false
	}
	e.Count = n
	e.entries = bytes.Clone(e.entries[len(e.entries)-n*e.width*e.stride:])
	e.names = bytes.Clone(e.names[from:to])
	e.Table.Len = int64(len(e.entries))
	e.Strings = Place{Off: e.Strings.Off + int64(from), Len: int64(to - from)}
	return true
}

// How an address is that of a name: the linker merges a name into another
// that ends the same.
const (
	not = iota
	merged
	exactly
)

func (e *Exports) named(addr uint64) int {
	at := addr - e.base - uint64(e.Strings.Off)
	if at >= uint64(len(e.names)) {
		return not
	}
	n := bytes.IndexByte(e.names[at:min(len(e.names), int(at)+maxToken)], 0)
	switch {
	case n < 1 || !isIdentifier(e.names[at:int(at)+n]):
		return not
	case at > 0 && e.names[at-1] != 0:
		return merged
	}
	return exactly
}

// seekNames finds where four names follow each other, −1 for nowhere.
func seekNames(r io.ReaderAt, size int64, budget *int64, from, n int64) (int64, error) {
	if n = min(n, size-from); n <= 0 {
		return -1, nil
	}
	*budget -= n
	b, err := readAt(r, from, n)
	if err != nil {
		return -1, err
	}
	for i := range b {
		if isNames(b[i:]) {
			return from + int64(i), nil
		}
	}
	return -1, nil
}

// isNames tells whether b begins with four names.
func isNames(b []byte) bool {
	for range 4 {
		n := bytes.IndexByte(b[:min(len(b), maxToken)], 0)
		if n < 3 || !isIdentifier(b[:n]) {
			return false
		}
		for b = b[n+1:]; len(b) > 0 && b[0] == 0; { // the empty name space
			b = b[1:]
		}
	}
	return true
}

func identifier(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '.'
}

func isIdentifier(b []byte) bool {
	for _, c := range b {
		if !identifier(c) {
			return false
		}
	}
	return len(b) > 0
}
