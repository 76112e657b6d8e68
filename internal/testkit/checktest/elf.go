package checktest

import (
	"bytes"
	"encoding/binary"
)

// Program describes an ELF file that was made to cost much.
type Program struct {
	Machine  uint16 // 62 x86-64, 183 aarch64, 40 arm, 8 mips, 20 ppc
	Big      bool   // big endian
	Loads    int    // segments that load the whole file, at other addresses
	Notes    int    // sections that name one run of notes
	Names    int    // sections with long names
	Needed   int    // DT_NEEDED entries, all of one long string
	Symbols  int    // of one name, imported
	Relocs   int    // of these symbols
	Code     []byte // one piece
	CodeSize int    // of pieces over and over
}

// Bytes is the file. Machines of 32 bits get a file of that class.
func (p Program) Bytes() []byte {
	var order binary.AppendByteOrder = binary.LittleEndian
	if p.Big {
		order = binary.BigEndian
	}
	wide := p.Machine == 62 || p.Machine == 183
	word := func(b []byte, v uint64) []byte {
		if wide {
			return order.AppendUint64(b, v)
		}
		return order.AppendUint32(b, uint32(v))
	}
	head, ph, sh, size := 52, 32, 40, 4
	if wide {
		head, ph, sh, size = 64, 56, 64, 8
	}
	loads := max(1, p.Loads)
	at := head + (loads+2)*ph
	place := map[string]int{}
	var body []byte
	add := func(name string, b []byte) {
		for len(body)%16 != 0 {
			body = append(body, 0)
		}
		place[name] = at + len(body)
		body = append(body, b...)
	}
	at = (at + 15) &^ 15
	add("interp", []byte("/lib/ld.so.1\x00"))
	names := append([]byte("\x00listen\x00accept\x00memcpy\x00"), bytes.Repeat([]byte("n"), 4095)...)
	add("names", append(names, 0))
	notes := order.AppendUint32(order.AppendUint32(order.AppendUint32(nil, 4), 0), 1)
	add("notes", bytes.Repeat(append(notes, "GNU\x00"...), 4096))
	types := map[uint16]uint64{62: 7, 183: 1026, 40: 22, 8: 127, 20: 21}
	var symbols, relocs []byte
	symbols = append(symbols, make([]byte, map[bool]int{true: 24, false: 16}[wide])...)
	for i := range p.Symbols {
		name := uint32([]int{1, 8, 15}[i%3])
		if wide {
			symbols = append(order.AppendUint32(symbols, name), 0x12, 0, 0, 0)
			symbols = order.AppendUint64(order.AppendUint64(symbols, 0), 0)
		} else {
			symbols = order.AppendUint32(order.AppendUint32(order.AppendUint32(symbols, name), 0), 0)
			symbols = append(symbols, 0x12, 0, 0, 0)
		}
	}
	add("symbols", symbols)
	for i := range p.Relocs {
		relocs = word(relocs, uint64(0x100000+size*i))
		if wide {
			relocs = order.AppendUint64(relocs, uint64(1+i%max(1, p.Symbols))<<32|types[p.Machine])
			relocs = order.AppendUint64(relocs, 0)
		} else {
			relocs = order.AppendUint32(relocs, uint32(1+i%max(1, p.Symbols))<<8|uint32(types[p.Machine]))
		}
	}
	add("relocs", relocs)
	add("hash", order.AppendUint32(order.AppendUint32(nil, 1), uint32(p.Symbols+1)))
	if len(p.Code) > 0 {
		add("code", bytes.Repeat(p.Code, p.CodeSize/len(p.Code)))
	}
	tag := func(b []byte, t, v uint64) []byte { return word(word(b, t), v) }
	var dyn []byte
	for range p.Needed {
		dyn = tag(dyn, 1, 22)
	}
	dyn = tag(dyn, 5, uint64(place["names"]))
	dyn = tag(dyn, 10, uint64(len(names)+1))
	dyn = tag(dyn, 6, uint64(place["symbols"]))
	dyn = tag(dyn, 4, uint64(place["hash"]))
	dyn = tag(dyn, 3, 0x100000) // DT_PLTGOT
	if p.Machine == 8 {
		dyn = tag(dyn, 0x7000000a, 2)
		dyn = tag(dyn, 0x70000011, uint64(p.Symbols+1))
		dyn = tag(dyn, 0x70000013, 1)
	}
	kind := uint64(17)
	if wide {
		kind = 7
	}
	dyn = tag(tag(tag(dyn, 20, kind), 23, uint64(place["relocs"])), 2, uint64(len(relocs)))
	dyn = tag(dyn, 0, 0)
	add("dynamic", dyn)
	sections := 1 + p.Notes + p.Names
	for len(body)%16 != 0 {
		body = append(body, 0)
	}
	shoff := at + len(body)
	end := shoff + sections*sh

	out := append([]byte("\x7fELF"), map[bool]byte{true: 2, false: 1}[wide], map[bool]byte{true: 2, false: 1}[p.Big], 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)
	half := func(v int) { out = order.AppendUint16(out, uint16(v)) }
	half(3)
	half(int(p.Machine))
	out = order.AppendUint32(out, 1)
	out = word(word(word(out, 0), uint64(head)), uint64(shoff))
	out = order.AppendUint32(out, 0)
	for _, v := range []int{head, ph, loads + 2, sh, min(sections, 0xfeff), 1} {
		half(v)
	}
	segment := func(typ uint32, off, vaddr, n int) {
		out = order.AppendUint32(out, typ)
		if wide {
			out = order.AppendUint32(out, 5)
		}
		for _, v := range []int{off, vaddr, vaddr, n, n} {
			out = word(out, uint64(v))
		}
		if !wide {
			out = order.AppendUint32(out, 5)
		}
		out = word(out, 4)
	}
	for i := range loads {
		segment(1, 0, (loads-1-i)*end, end)
	}
	segment(2, place["dynamic"], place["dynamic"], len(dyn))
	segment(3, place["interp"], place["interp"], 13)
	out = append(out, make([]byte, at-len(out))...)
	out = append(out, body...)
	section := func(typ uint32, off, n int) {
		out = order.AppendUint32(order.AppendUint32(out, 22), typ)
		out = word(word(word(word(out, 2), 0), uint64(off)), uint64(n))
		out = order.AppendUint32(order.AppendUint32(out, 0), 0)
		out = word(word(out, 4), 0)
	}
	section(0, 0, 0)
	for i := range p.Names {
		if i == 0 {
			section(3, place["names"], len(names)+1)
		} else {
			section(1, place["names"], 16)
		}
	}
	for range p.Notes {
		section(7, place["notes"], 64<<10)
	}
	return out
}
