package component

import (
	"encoding/binary"
	"fmt"
)

// sqlite reads the column blob of the table Packages.
func (d *rpmDatabase) sqlite() error {
	var head [100]byte
	if err := d.at(head[:], 0); err != nil {
		return err
	}
	size := int64(binary.BigEndian.Uint16(head[16:]))
	if size == 1 {
		size = 64 << 10
	}
	usable := size - int64(head[20])
	if size < 512 || size&(size-1) != 0 || usable < 480 {
		return fmt.Errorf("rpm database: page size %d less %d, want a power of two from 512 to 65536, and 480 left", size, head[20])
	}
	t := &table{rpmDatabase: d, size: size, usable: usable, seen: map[uint32]bool{}}
	root := uint32(0)
	err := t.walk(1, 0, func(record []column, _ int64, _ int) {
		if len(record) >= 4 && string(record[0].bytes) == "table" && string(record[1].bytes) == "Packages" && root == 0 {
			root = uint32(record[3].number)
		}
	})
	if root == 0 {
		return err // another program's
	}
	clear(t.seen)
	return t.walk(root, 0, func(record []column, off int64, whole int) {
		if len(record) >= 2 {
			v := record[1]
			d.each(v.bytes, off+int64(v.at), max(0, min(len(v.bytes), whole-v.at)))
		}
	})
}

// table is a b-tree of rows.
type table struct {
	*rpmDatabase
	size, usable int64
	seen         map[uint32]bool
}

// column is one value of a row.
type column struct {
	bytes  []byte
	number int64
	at     int // in the record
}

const maxTreeDepth = 20 // SQLite's own bound on a cursor

// walk hands out the rows below a page; off is where a row's record stands,
// and whole how much of it in one piece. A damaged row costs itself.
func (t *table) walk(number uint32, depth int, row func(record []column, off int64, whole int)) error {
	if number == 0 || t.seen[number] || depth > maxTreeDepth {
		return fmt.Errorf("rpm database: page %d is named twice, or %d levels deep", number, depth)
	}
	t.seen[number] = true
	page, from := make([]byte, t.size), int64(number-1)*t.size
	if err := t.at(page, from); err != nil {
		return err
	}
	b := page
	if number == 1 {
		b = page[100:]
	}
	be := binary.BigEndian
	cells := int(be.Uint16(b[3:]))
	const interior, leaf = 5, 13
	head := 8
	switch b[0] {
	case interior:
		head = 12
	case leaf:
	default:
		return fmt.Errorf("rpm database: page %d is of type %d, want a table's", number, b[0])
	}
	var first error
	note := func(err error) {
		if first == nil {
			first = err
		}
	}
	for i := range min(cells, (len(b)-head)/2) {
		at := int64(be.Uint16(b[head+2*i:]))
		if at+4 > t.usable {
			note(fmt.Errorf("rpm database: row %d of page %d begins at %d of %d", i, number, at, t.usable))
			continue
		}
		if b[0] == interior {
			note(t.walk(be.Uint32(page[at:]), depth+1, row))
		} else {
			note(t.row(page[:t.usable], at, from, row))
		}
		if t.budget < 0 {
			return first
		}
	}
	if b[0] == interior {
		note(t.walk(be.Uint32(b[8:]), depth+1, row))
	}
	return first
}

// row reads a row at a place of a leaf, and what of it stands in other pages.
func (t *table) row(page []byte, at, from int64, row func(record []column, off int64, whole int)) error {
	size, n := varint(page[at:])
	_, m := varint(page[at+int64(n):])
	at += int64(n + m)
	if n == 0 || m == 0 || size < 0 {
		return fmt.Errorf("rpm database: row at %#x is cut off", from+at)
	}
	local := size
	if most := t.usable - 35; size > most {
		least := (t.usable-12)*32/255 - 23
		if local = least + (size-least)%(t.usable-4); local > most {
			local = least
		}
	}
	t.value = t.value[:0]
	if local > int64(len(page))-at || local < size && local+4 > int64(len(page))-at {
		return fmt.Errorf("rpm database: row at %#x of %d bytes, the page ends before", from+at, local)
	}
	t.value = append(t.value, page[at:at+local]...)
	if local < size {
		next := int64(binary.BigEndian.Uint32(page[at+local:]))
		for left := size - local; left > 0 && int64(len(t.value)) < maxHeader; {
			var link [4]byte
			off := (next - 1) * t.size
			if next == 0 {
				return fmt.Errorf("rpm database: row at %#x ends %d bytes early", from+at, left)
			}
			if err := t.at(link[:], off); err != nil {
				return err
			}
			here := min(left, t.usable-4)
			if err := t.take(off+4, here); err != nil {
				return err
			}
			left -= here
			next = int64(binary.BigEndian.Uint32(link[:]))
		}
	}
	if r := record(t.value); r != nil {
		row(r, from+at, int(local))
	}
	return nil
}

// record reads the columns of a row; nil where it is damaged. A column that
// is cut off is as long as what there is.
func record(b []byte) (out []column) {
	head, n := varint(b)
	if n == 0 || head < int64(n) || head > int64(len(b)) {
		return nil
	}
	at := int(head)
	for k := n; k < int(head) && len(out) < 16; {
		kind, n := varint(b[k:head])
		if n == 0 {
			return nil
		}
		k += n
		size := int64(0)
		switch {
		case kind >= 12:
			size = (kind - 12) / 2
		case kind == 7:
			size = 8
		case kind >= 1 && kind <= 6:
			size = []int64{0, 1, 2, 3, 4, 6, 8}[kind]
		}
		c := column{at: at, bytes: b[at:min(int64(len(b)), int64(at)+size)]}
		switch {
		case kind >= 1 && kind <= 6:
			for _, x := range c.bytes {
				c.number = c.number<<8 | int64(x)
			}
		case kind == 8 || kind == 9:
			c.number = kind - 8
		}
		at += len(c.bytes)
		out = append(out, c)
	}
	return out
}

// varint is SQLite's number of one to nine bytes; n is 0 where it is cut off.
func varint(b []byte) (v int64, n int) {
	for i, c := range b[:min(len(b), 9)] {
		if i == 8 {
			return v<<8 | int64(c), 9
		}
		v = v<<7 | int64(c&0x7f)
		if c < 0x80 {
			return v, i + 1
		}
	}
	return 0, 0
}
