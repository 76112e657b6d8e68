package inflate

import (
	"math/bits"
	"slices"
	"sync"
)

// A table is indexed with the next bits of input. An entry is
//
//	bits 0–5    input bits that it takes, extra bits included
//	bit 6       a literal, or two
//	bit 7       two literals
//	bits 8–11   length of the code, of two literals the first one's
//	bit 13      end of block
//	bit 14      the code is longer: a table follows for its rest
//	bit 15      no length or distance: one of the two before, or no code at all
//	bits 16–31  literals, the first in the low byte; base of a length or
//	            distance; place of the table that follows
//
// In an entry that leads to another table bits 0–5 are the bits that index the
// first one and bits 8–11 how many index the second.
const (
	literal = 1 << 6
	double  = 1 << 7
	ending  = 1 << 13
	deeper  = 1 << 14
	other   = 1 << 15

	maxBits  = 15
	litBits  = 11
	distBits = 9
	preBits  = 7

	maxLit  = 286 // codes that mean something
	maxDist = 30

	// There are at most 144 and 16 second tables, since each holds two codes
	// or more, of 16 and 64 entries. Powers of two spare bounds checks.
	litSize  = 8192
	distSize = 2048

	litMask  = 1<<litBits - 1
	distMask = 1<<distBits - 1
)

// tables decode one block's symbols.
type tables struct {
	lit  [litSize]uint32
	dist [distSize]uint32
}

// Symbols without the length of their codes. Symbols of preEntries are passed
// for literals, with their own number.
var (
	preEntries  = numbers(19)
	litEntries  = append(numbers(256), append([]uint32{other | ending}, bases(3, 4, 29, 2)...)...)
	distEntries = bases(1, 2, maxDist, 2)
)

func numbers(n int) []uint32 {
	list := make([]uint32, n)
	for i := range list {
		list[i] = literal | uint32(i)<<16
	}
	return list
}

// bases makes the entries of sections 3.2.5 (lengths from 3) and 3.2.7
// (distances from 1): after the first 2*group of n symbols come groups of so
// many, each with one extra bit more. Two symbols more mean nothing.
func bases(base, group, n, two int) []uint32 {
	list := make([]uint32, n+two)
	for i := range list {
		extra := max(0, i/group-1)
		list[i] = uint32(base)<<16 | uint32(extra)
		base += 1 << extra
		if i >= n {
			list[i] = other
		}
	}
	if group == 4 { // the greatest length has a symbol without extra bits
		list[n-1] = 258 << 16
	}
	return list
}

// fixed are the tables of the fixed code.
var fixed = sync.OnceValue(func() *tables {
	var lens [288 + 32]uint8
	for i := range lens {
		switch {
		case i < 144:
			lens[i] = 8
		case i < 256:
			lens[i] = 9
		case i < 280:
			lens[i] = 7
		case i < 288:
			lens[i] = 8
		default:
			lens[i] = 5
		}
	}
	t := new(tables)
	build(t.lit[:], litBits, lens[:288], litEntries)
	build(t.dist[:], distBits, lens[288:], distEntries)
	return t
})

// What build says of a set of code lengths.
const (
	complete = iota
	single   // one code of one bit
	empty
	incomplete
	overfull
)

// build makes the table of the code with these lengths, whose first level has
// 1<<width entries (section 3.2.2). Anything but complete, single and empty
// makes no table.
func build(table []uint32, width int, lens []uint8, symbols []uint32) int {
	var count, at [maxBits + 2]uint16
	for _, n := range lens {
		count[n&15]++
	}
	unused := count[0]
	count[0] = 0
	left, longest := 1, 0
	for n := 1; n <= maxBits; n++ {
		left = left<<1 - int(count[n])
		if left < 0 {
			return overfull
		}
		if count[n] > 0 {
			longest = n
		}
		at[n+1] = at[n] + count[n]
	}
	if left > 0 {
		if longest > 1 {
			return incomplete
		}
		table = table[:1<<width]
		for i := range table {
			table[i] = other | 0x101
		}
		if longest == 0 {
			return empty
		}
		for i, e := 0, symbols[slices.Index(lens, 1)]+0x101; i < len(table); i += 2 {
			table[i] = e
		}
		return single
	}

	// Symbols by length of code, then by number: the order of the codes.
	var sorted [288]uint16
	for sym, n := range lens {
		if n > 0 {
			i := &at[n&15]
			sorted[*i] = uint16(sym)
			*i++
		}
	}
	todo := sorted[:len(lens)-int(unused)]
	code := uint(0) // a code's first bit is its highest; in input it is the lowest
	var short, index [256]uint16
	shorts := 0
	for n := 1; n <= min(width, longest); n++ {
		// What the shorter codes filled holds for both values of one bit more.
		half := 1 << (n - 1)
		copy(table[half:2*half], table[:half])
		code <<= 1
		for _, sym := range todo[:count[n]] {
			x := bits.Reverse16(uint16(code)) >> (16 - n)
			table[x] = symbols[sym] + uint32(n)*0x101
			code++
			if width == litBits && sym < 256 {
				short[shorts], index[shorts] = sym, x
				shorts++
			}
		}
		todo = todo[count[n]:]
	}
	for n := longest; n < width; n++ {
		copy(table[1<<n:2<<n], table[:1<<n])
	}

	if width == litBits {
		pair(table, short[:shorts], index[:], lens)
	}
	// Codes that begin with the same width bits stand in a row.
	rest := longest - width
	next, prefix, second := 1<<width, -1, []uint32(nil)
	for n := width + 1; n <= longest; n++ {
		code <<= 1
		for _, sym := range todo[:count[n]] {
			back := int(bits.Reverse16(uint16(code)) >> (16 - n))
			if p := back & (1<<width - 1); p != prefix {
				prefix = p
				second = table[next : next+1<<rest]
				table[p] = uint32(next)<<16 | other | deeper | uint32(rest)<<8 | uint32(width)
				next += 1 << rest
			}
			e := symbols[sym] + uint32(n)*0x101
			for i := back >> width; i < len(second); i += 1 << (n - width) {
				second[i] = e
			}
			code++
		}
		todo = todo[count[n]:]
	}
	return complete
}

// pair joins two literals whose codes fit the index together: most of what text
// is made of is then looked up in twos. list holds the literals that fit it at
// all, the shortest codes first, and index where they stand.
func pair(table []uint32, list, index []uint16, lens []uint8) {
	if len(list) == 0 {
		return
	}
	shortest := lens[list[0]]
	for i, a := range list {
		la := lens[a]
		if la+shortest > litBits {
			break
		}
		for j, b := range list {
			n := la + lens[b]
			if n > litBits {
				break
			}
			e := literal | double | uint32(b)<<24 | uint32(a)<<16 | uint32(la)<<8 | uint32(n)
			for x := uint(index[i]) | uint(index[j])<<la; x <= litMask; x += 1 << n {
				table[x] = e
			}
		}
	}
}
