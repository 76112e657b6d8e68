package component

import (
	"bytes"
	"encoding/binary"
)

// library describes a little ELF file: 32-bit, little-endian, one segment,
// without section headers.
type library struct {
	soname  string
	needed  []string
	exports []string          // at an address without meaning
	getters map[string]uint32 // ARM functions that return a number
	texts   map[string]string // ARM functions that return the address of a text
	data    string            // constants
}

const loadedAt = 0x10000

// build lays the file out: headers, dynamic segment, symbols, hash table,
// names, code, constants.
func (l library) build() []byte {
	le := binary.LittleEndian
	names := []byte{0}
	name := func(s string) uint32 {
		at := uint32(len(names))
		names = append(append(names, s...), 0)
		return at
	}
	type entry struct{ tag, val uint32 }
	var dyn []entry
	if l.soname != "" {
		dyn = append(dyn, entry{14, name(l.soname)})
	}
	for _, n := range l.needed {
		dyn = append(dyn, entry{1, name(n)})
	}
	type symbol struct {
		name uint32
		code []byte
	}
	symbols := []symbol{{}}
	word := func(v ...uint32) (b []byte) {
		for _, x := range v {
			b = le.AppendUint32(b, x)
		}
		return b
	}
	const ret = 0xe12fff1e
	for _, n := range l.exports {
		symbols = append(symbols, symbol{name(n), word(0xe92d4010, ret)})
	}
	for n, v := range l.getters {
		symbols = append(symbols, symbol{name(n), word(0xe59f0000, ret, v)})
	}
	for n, s := range l.texts { // ldr r0, [pc, #4]; add r0, pc, r0; bx lr; the distance
		code := word(0xe59f0004, 0xe08f0000, ret, 16-12)
		symbols = append(symbols, symbol{name(n), append(append(code, s...), 0, 0, 0, 0)})
	}
	dynAt := uint32(52 + 2*32)
	count := uint32(len(dyn) + 5)
	symAt := dynAt + 8*count
	hashAt := symAt + 16*uint32(len(symbols))
	strAt := hashAt + 8
	codeAt := (strAt + uint32(len(names)) + 3) &^ 3
	var code []byte
	table := make([]byte, 16)
	for _, s := range symbols[1:] {
		table = append(table, word(s.name, loadedAt+codeAt+uint32(len(code)), uint32(len(s.code)))...)
		table = append(table, 0x12, 0, 1, 0)
		code = append(code, s.code...)
		for len(code)%4 != 0 {
			code = append(code, 0)
		}
	}
	dyn = append(dyn, entry{5, loadedAt + strAt}, entry{10, uint32(len(names))}, entry{6, loadedAt + symAt}, entry{4, loadedAt + hashAt}, entry{})
	size := codeAt + uint32(len(code)+len(l.data)+2)
	var b bytes.Buffer
	b.WriteString("\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	binary.Write(&b, le, []uint16{3, 40})
	b.Write(word(1, 0, 52, 0, 0x5000400))
	binary.Write(&b, le, []uint16{52, 32, 2, 40, 0, 0})
	b.Write(word(1, 0, loadedAt, loadedAt, size, size, 5, 4))
	b.Write(word(2, dynAt, loadedAt+dynAt, loadedAt+dynAt, 8*count, 8*count, 4, 4))
	for _, e := range dyn {
		b.Write(word(e.tag, e.val))
	}
	b.Write(table)
	b.Write(word(0, uint32(len(symbols))))
	b.Write(names)
	for b.Len() < int(codeAt) {
		b.WriteByte(0)
	}
	b.Write(code)
	b.WriteByte(0)
	b.WriteString(l.data)
	b.WriteByte(0)
	return b.Bytes()
}
