package insn

// row is one line of a table of instructions: mnemonic, what the decoder does
// with it, and its bits from the highest on, as manuals print them. A dot is any
// bit, blanks are for the eye, bits left out at the end are dots. The first row
// that fits stands.
type row struct {
	name string
	kind uint8
	bits string
}

// table finds the row of an instruction. Rows are sorted into lists by a key,
// which is two groups of the instruction's bits.
type table struct {
	names          []string
	shift1, shift2 uint8
	mask1, mask2   uint32
	start          []uint32
	lists          []pattern
}

// pattern is a row as lists hold it.
type pattern struct {
	mask, value uint32
	op          uint16
	kind        uint8
}

// group is a group of bits of an instruction, which stand at place in a key.
type group struct{ high, low, place uint8 }

// newTable makes a table of instructions that are width bits long. Operations
// are numbered from 1 on; what no row fits is of kind 0 and has the number 0.
func newTable(rows []row, width int, a, b group) *table {
	t := &table{names: make([]string, len(rows))}
	patterns := make([]pattern, len(rows), len(rows)+1)
	for i, r := range rows {
		p := pattern{op: uint16(i) + 1, kind: r.kind}
		bit := uint32(1) << (width - 1)
		for _, c := range r.bits {
			switch c {
			case '1':
				p.mask, p.value = p.mask|bit, p.value|bit
			case '0':
				p.mask |= bit
			}
			if c != ' ' {
				bit >>= 1
			}
		}
		t.names[i], patterns[i] = r.name, p
	}
	patterns = append(patterns, pattern{})
	part := func(g group) (shift uint8, mask uint32) {
		return g.low - g.place, (1<<(g.high-g.low+1) - 1) << g.place
	}
	t.shift1, t.mask1 = part(a)
	t.shift2, t.mask2 = part(b)
	keys := (t.mask1 | t.mask2) + 1
	fixed := t.mask1<<t.shift1 | t.mask2<<t.shift2
	t.start = make([]uint32, keys)
	for key := range keys {
		t.start[key] = uint32(len(t.lists))
		is := key&t.mask1<<t.shift1 | key&t.mask2<<t.shift2
		for _, p := range patterns {
			if (p.value^is)&p.mask&fixed == 0 {
				t.lists = append(t.lists, p)
				if p.mask&^fixed == 0 {
					break
				}
			}
		}
	}
	return t
}

// find returns the pattern of an instruction.
func (t *table) find(x uint32) *pattern {
	for i := t.start[x>>t.shift1&t.mask1|x>>t.shift2&t.mask2]; ; i++ {
		if p := &t.lists[i]; x&p.mask == p.value {
			return p
		}
	}
}

// name is the mnemonic of an operation.
func (t *table) name(op uint16) string {
	if op == 0 || int(op) > len(t.names) {
		return ""
	}
	return t.names[op-1]
}
