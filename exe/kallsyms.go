package exe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
)

// Kallsyms is the symbol table that a Linux kernel carries in its read-only
// data (CONFIG_KALLSYMS). It has no header: its tables follow each other, each
// aligned, in one of these orders.
//
//	to 6.3    addresses | offsets, relative_base; num_syms, names, markers,
//	          [seqs_of_names,] token_table, token_index
//	from 6.4  num_syms, names, markers, token_table, token_index, offsets,
//	          relative_base, seqs_of_names
//
// A name is a length (from 6.1 a two-byte ULEB128 from 128 on) and as many
// token numbers; expanded, its first byte is the type as nm prints it. Each
// 256th name's offset is a marker. Numbers have the kernel's byte order;
// markers and num_syms are longs up to 4.19, 32-bit from 4.20.
//
// Layout: Linux scripts/kallsyms.c and kernel/kallsyms.c.
type Kallsyms struct {
	Order binary.ByteOrder
	// Class is 32 or 64; 0 where the addresses were not found.
	Class int
	Count int
	// Relative says that addresses are stored relative to Base. In a kernel
	// that relocates itself by a table of relocations (arm64, riscv64) Base is
	// 0 in the file, and addresses count from its first byte.
	Relative bool
	Base     uint64
	// Tables are the places of the tables, by the kernel's names without
	// "kallsyms_", in the order in which they stand.
	Tables []Table

	tokens [256]string
	names  []byte
	long   bool   // lengths are ULEB128
	addrs  []byte // addresses or offsets; nil where not found
	percpu bool   // offsets ≥ 0 are absolute, below are relative
}

// Table is a named run of bytes.
type Table struct {
	Name string
	Place
}

// KernelSymbol is one symbol of a kernel. Type is the letter nm prints.
type KernelSymbol struct {
	Addr uint64
	Type byte
	Name string
}

// KernelDigits stands in the token table of every kernel: the digits are all
// used in names, so they stand for themselves.
const KernelDigits = "0\x001\x002\x003\x004\x005\x006\x007\x008\x009\x00"

const (
	// maxBefore and maxAfter bound where the tables are looked for around
	// the token table. The largest kernels of distributions have 200,000
	// symbols in 3 MB of names.
	maxBefore = 16 << 20
	maxAfter  = 4 << 20
	maxToken  = 512
	maxName   = 520 // encoded; names have at most 511 characters
	maxKernel = 1 << 30
	seqWidth  = 3 // bytes of a number in seqs_of_names
	// What hostile tables may cost.
	maxKallsyms = 1 << 20
	maxExpanded = 64 << 20
	maxMarks    = 16  // places of the markers that are tried
	maxAlign    = 256 // .align 8 on architectures where that is a power of two
)

// What ReadKallsyms says: the token table is not one; the others were not
// found around it.
var (
	errNoTokens   = errors.New("no token table")
	errNoKallsyms = errors.New("no symbol table around the token table")
)

// ReadKallsyms reads the symbol table whose token table has KernelDigits at
// digits.
func ReadKallsyms(r io.ReaderAt, size, digits int64) (*Kallsyms, error) {
	// The token table alone is read first: chance rarely gets further.
	near := max(0, digits-maxToken*48)
	head, err := readAt(r, near, min(digits+maxToken*256, size)-near)
	if err != nil {
		return nil, err
	}
	k := &Kallsyms{}
	start, end, ok := k.tokenTable(head, int(digits-near))
	if !ok {
		return nil, errNoTokens
	}
	from := max(0, near+int64(start)-maxBefore) &^ 4095
	b, err := readAt(r, from, min(near+int64(end)+maxAfter, size)-from)
	if err != nil {
		return nil, err
	}
	shift := int(near - from)
	if !k.find(b, start+shift, end+shift) {
		return nil, errNoKallsyms
	}
	for i := range k.Tables {
		k.Tables[i].Off += from
	}
	return k, nil
}

func readAt(r io.ReaderAt, off, n int64) ([]byte, error) {
	b := make([]byte, n)
	if n, err := r.ReadAt(b, off); n < len(b) {
		return nil, err
	}
	return b, nil
}

// tokenTable reads the tokens and their index, of which one proves the other,
// and returns where the first begins and the other ends.
func (k *Kallsyms) tokenTable(b []byte, digits int) (start, end int, ok bool) {
	var at [256]int // where token i begins, relative to token '0'
	pos := digits
	for i := '0'; i < 256; i++ {
		at[i] = pos - digits
		n := bytes.IndexByte(b[pos:min(len(b), pos+maxToken)], 0)
		if n < 0 {
			return 0, 0, false
		}
		pos += n + 1
	}
	table := pos
	for ; pos < table+maxAlign && pos+512 <= len(b) && (pos == table || b[pos-1] == 0); pos++ {
		if b[pos] != 0 || b[pos+1] != 0 {
			continue
		}
	orders:
		for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
			index := func(i int) int { return int(order.Uint16(b[pos+2*i:])) }
			start := digits - index('0')
			if start < 0 {
				continue
			}
			for i := 1; i < 256; i++ {
				if i >= '0' && index(i)-index('0') != at[i] || i < '0' && index(i) >= index('0') || index(i) <= index(i-1) || b[start+index(i)-1] != 0 {
					continue orders
				}
			}
			for i := range 256 {
				p := start + index(i)
				k.tokens[i] = string(b[p : p+bytes.IndexByte(b[p:], 0)])
			}
			k.Order = order
			k.table("token_table", start, table)
			k.table("token_index", pos, pos+512)
			return start, pos + 512, true
		}
	}
	return 0, 0, false
}

func (k *Kallsyms) table(name string, from, to int) {
	k.Tables = append(k.Tables, Table{name, Place{Off: int64(from), Len: int64(to - from)}})
}

// find finds the tables before and behind the token table and its index. b
// begins at a page.
func (k *Kallsyms) find(b []byte, start, end int) bool {
	tokens := k.Tables
	for i := range tokens {
		tokens[i].Off += int64(start) - tokens[0].Off
	}
	index := int64(end - 512)
	tokens[1].Off = index
	tries := 0
	for m := range k.markers(b, start) {
		if tries++; tries > maxMarks {
			break
		}
		k.Tables = nil
		if !k.findNames(b, &m) || k.expanded() > maxExpanded {
			continue
		}
		k.table("num_syms", m.num, m.num+m.numSize)
		k.table("names", m.names, m.namesEnd)
		k.table("markers", m.from, m.to)
		k.Tables = append(k.Tables, tokens...)
		if !k.before(b, m.num) {
			k.behind(b, end)
		}
		if m.seqs {
			align := max(4, k.Class/8)
			at := (m.to + align - 1) &^ (align - 1)
			k.table("seqs_of_names", at, min(at+seqWidth*k.Count, start))
		}
		slices.SortFunc(k.Tables, func(a, b Table) int { return int(a.Off - b.Off) })
		return true
	}
	return false
}

// overlaps tells whether one of the tables has bytes of p. The addresses
// ascend as other tables do.
func (k *Kallsyms) overlaps(p Place) bool {
	if k == nil {
		return false
	}
	return slices.ContainsFunc(k.Tables, func(t Table) bool { return t.Off < p.Off+p.Len && p.Off < t.Off+t.Len })
}

// marks is where the markers stand, and what was found from there.
type marks struct {
	from, to, size  int  // size of one
	seqs            bool // seqs_of_names stands behind the markers
	names, namesEnd int
	num, numSize    int
}

func (m *marks) count() int { return (m.to - m.from) / m.size }

func (k *Kallsyms) number(b []byte, at, size int) uint64 {
	if size == 8 {
		return k.Order.Uint64(b[at:])
	}
	return uint64(k.Order.Uint32(b[at:]))
}

// back passes over the zeros that align what stands at end.
func back(b []byte, end int) int {
	from := max(0, end-maxAlign)
	for end > from && b[end-1] == 0 {
		end--
	}
	return end
}

// markers yields the places where markers may stand before the token table:
// numbers that begin with 0 and grow by the length of 256 names.
func (k *Kallsyms) markers(b []byte, end int) iter.Seq[marks] {
	ascend := func(from, to, size int) bool {
		last := uint64(0)
		for p := from; p < to; p += size {
			v := k.number(b, p, size)
			if p == from && v != 0 || p > from && (v < last+512 || v > last+256*maxName) {
				return false
			}
			last = v
		}
		return true
	}
	return func(yield func(marks) bool) {
		for _, size := range []int{8, 4} {
			to := (back(b, end) + size - 1) &^ (size - 1)
			from := to
			for from-size >= 0 && to <= end {
				from -= size
				v := k.number(b, from, size)
				if v == 0 {
					if to-from > size && ascend(from, to, size) && !yield(marks{from: from, to: to, size: size}) {
						return
					}
					break
				}
				if v > uint64(end) {
					break
				}
			}
		}
		// 6.2 and 6.3 put the order of the names by the alphabet in between.
		const size = 4
		for at := end &^ 3; at > 0 && end-at < maxAfter; at -= 4 {
			n := (end - at) / seqWidth
			for _, c := range []int{(n + 255) / 256, (n + 253) / 256} {
				for to := at; to >= max(4*c, at-4); to -= 4 {
					if from := to - 4*c; c > 1 && k.number(b, from, size) == 0 && ascend(from, to, size) &&
						!yield(marks{from: from, to: to, size: size, seqs: true}) {
						return
					}
				}
			}
		}
	}
}

// findNames finds the names that the markers point into, and the count of
// symbols before them; each proves the others.
func (k *Kallsyms) findNames(b []byte, m *marks) bool {
	groups := m.count()
	last := int(k.number(b, m.to-m.size, m.size))
	first := int(k.number(b, m.from+m.size, m.size))
	for at := (m.from - last - 2) &^ 3; at >= 4 && at >= m.from-last-maxAlign-256*maxName; at -= 4 {
		// A long of 64 bits may begin with its zeros.
		num := (back(b, at) - 1) &^ 3
		if num < 0 {
			continue
		}
		n := int(k.Order.Uint32(b[num:]))
		if (n+255)/256 != groups || n > maxKallsyms {
			continue
		}
		for _, k.long = range []bool{true, false} {
			if k.walk(b, at, 256, m.from) != at+first {
				continue
			}
			ok := true
			for g := 1; g < groups && ok; g++ {
				ok = k.walk(b, at+int(k.number(b, m.from+(g-1)*m.size, m.size)), 256, m.from) == at+int(k.number(b, m.from+g*m.size, m.size))
			}
			end := k.walk(b, at+last, n-256*(groups-1), m.from)
			if !ok || end < 0 || back(b, m.from) > end {
				continue
			}
			m.names, m.namesEnd, m.num, m.numSize = at, end, num, m.size
			if m.size == 8 {
				m.num &^= 7
			}
			k.Count, k.names = n, bytes.Clone(b[at:end])
			return true
		}
	}
	return false
}

// length reads the length of the name at p, and where its tokens begin.
func (k *Kallsyms) length(b []byte, p int) (n, from int) {
	n = int(b[p])
	if p++; k.long && n >= 0x80 && p < len(b) {
		n = n&0x7f | int(b[p])<<7
		p++
	}
	return n, p
}

// walk passes over n names and returns where the next begins, -1 where one is
// empty or does not end before end.
func (k *Kallsyms) walk(b []byte, p, n, end int) int {
	for ; n > 0; n-- {
		if p < 0 || p >= end {
			return -1
		}
		size, from := k.length(b, p)
		if size == 0 || size > maxName {
			return -1
		}
		p = from + size
	}
	if p > end {
		return -1
	}
	return p
}

// before reads the addresses that end before num_syms.
func (k *Kallsyms) before(b []byte, num int) bool {
	end := back(b, num)
	for _, size := range []int{8, 4} {
		to := (end + size - 1) &^ (size - 1)
		if from := to - size*k.Count; from >= 0 && to <= num && k.try(b[from:to], size/4*32, 0, false) {
			k.table("addresses", from, to)
			return true
		}
	}
	for _, size := range []int{8, 4} {
		base := (end - 1) &^ (size - 1)
		if base < 4 || base+size > num || !kernelAddress(k.number(b, base, size), size*8) {
			continue
		}
		to := (back(b, base) + 3) &^ 3
		if from := to - 4*k.Count; from >= 0 && k.try(b[from:to], size*8, k.number(b, base, size), true) {
			k.table("offsets", from, to)
			k.table("relative_base", base, base+size)
			return true
		}
	}
	to := (end + 3) &^ 3
	if from := to - 4*k.Count; from >= 0 && to+8 <= num && k.try(b[from:to], 64, 0, true) {
		k.table("offsets", from, to)
		k.table("relative_base", (to+7)&^7, (to+7)&^7+8)
		return true
	}
	return false
}

// behind reads the offsets that stand behind the token index from 6.4 on.
func (k *Kallsyms) behind(b []byte, end int) bool {
	for from := (end + 3) &^ 3; from < end+maxAlign && from+4*k.Count+8 <= len(b); from += 4 {
		to := from + 4*k.Count
		for _, size := range []int{8, 4} {
			base := (to + size - 1) &^ (size - 1)
			v := k.number(b, min(base, len(b)-size), size)
			if base+size > len(b) || !kernelAddress(v, size*8) && (v != 0 || size == 4) || !k.try(b[from:to], size*8, v, true) {
				continue
			}
			k.table("offsets", from, to)
			k.table("relative_base", base, base+size)
			if seqs := base + size; seqs+seqWidth*k.Count <= len(b) {
				k.table("seqs_of_names", seqs, seqs+seqWidth*k.Count)
			}
			return true
		}
		if k.Order.Uint32(b[from:]) != 0 {
			break
		}
	}
	return false
}

// try takes the addresses if they ascend.
func (k *Kallsyms) try(b []byte, class int, base uint64, relative bool) bool {
	old := *k
	k.Class, k.Base, k.Relative, k.addrs, k.percpu = class, base, relative, b, false
	if relative {
		for p := 0; p < len(b) && !k.percpu; p += 4 {
			k.percpu = int32(k.Order.Uint32(b[p:])) < 0
		}
	}
	last := uint64(0)
	for i := range k.Count {
		a := k.addr(i)
		if a < last {
			*k = old
			return false
		}
		last = a
	}
	// Offsets ascend, too; with the base behind them they are no addresses.
	if half := k.addr(k.Count / 2); !kernelAddress(half, class) && (base != 0 || !relative) || last-half > maxKernel {
		*k = old
		return false
	}
	k.addrs = bytes.Clone(b)
	return true
}

func (k *Kallsyms) addr(i int) uint64 {
	switch {
	case k.addrs == nil:
		return 0
	case !k.Relative:
		return k.number(k.addrs, i*k.Class/8, k.Class/8)
	}
	off := k.Order.Uint32(k.addrs[4*i:])
	switch {
	case !k.percpu:
		return k.Base + uint64(off)
	case int32(off) >= 0:
		return uint64(off)
	}
	return k.Base - 1 - uint64(int64(int32(off)))
}

// kernelAddress tells whether an address may be a kernel's: in the upper
// part of the address space, where all architectures but s390 put it.
func kernelAddress(a uint64, class int) bool {
	if class == 32 {
		return a >= 1<<28 && a < 1<<32
	}
	switch top := a >> 56; {
	case a>>47 == 1<<17-1, a>>48 == 0xffff: // sign-extended: x86-64, arm64, riscv64, mips64
		return true
	case top == 0xc0, top == 0x90, top == 0x98, top == 0xa8: // ppc64, loongarch64, mips64
		return a<<8>>40 == 0
	}
	return a >= 0x10000 && a < 1<<42 // s390
}

// Symbols yields all symbols, by address. Where addresses were not found they
// are 0.
func (k *Kallsyms) Symbols() iter.Seq[KernelSymbol] { return all(k.cursor()) }

// List reads as /proc/kallsyms does: address, type and name a line.
func (k *Kallsyms) List() io.Reader { return &listing{next: k.cursor(), digits: k.Class / 4} }

func (k *Kallsyms) cursor() func() (KernelSymbol, bool) {
	var buf []byte
	i, p := 0, 0
	return func() (s KernelSymbol, ok bool) {
		if i == k.Count {
			return s, false
		}
		n, from := k.length(k.names, p)
		p = from + n
		buf = buf[:0]
		for _, t := range k.names[from:p] {
			buf = append(buf, k.tokens[t]...)
		}
		s.Addr = k.addr(i)
		if i++; len(buf) > 0 {
			s.Type, s.Name = buf[0], string(buf[1:])
		}
		return s, true
	}
}

// expanded is the length of all names.
func (k *Kallsyms) expanded() (sum int) {
	for i, p := 0, 0; i < k.Count; i++ {
		n, from := k.length(k.names, p)
		p = from + n
		for _, t := range k.names[from:p] {
			sum += len(k.tokens[t])
		}
	}
	return sum
}

func all(next func() (KernelSymbol, bool)) iter.Seq[KernelSymbol] {
	return func(yield func(KernelSymbol) bool) {
		for s, ok := next(); ok && yield(s); s, ok = next() {
		}
	}
}

// listing prints symbols a line each.
type listing struct {
	next   func() (KernelSymbol, bool)
	digits int
	buf    []byte
	at     int
	done   bool
}

func (l *listing) Read(p []byte) (int, error) {
	if l.at == len(l.buf) {
		l.buf, l.at = l.buf[:0], 0
		for len(l.buf) < 32<<10 && !l.done {
			s, ok := l.next()
			if l.done = !ok; ok {
				l.buf = fmt.Appendf(l.buf, "%0*x %c %s\n", l.digits, s.Addr, s.Type, s.Name)
			}
		}
		if len(l.buf) == 0 {
			return 0, io.EOF
		}
	}
	n := copy(p, l.buf[l.at:])
	l.at += n
	return n, nil
}
