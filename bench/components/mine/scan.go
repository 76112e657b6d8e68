package main

import (
	"encoding/binary"
	"strings"
)

// literals finds many texts in one pass: their first six bytes are looked up
// at each place, through a bitmap.
type literals struct {
	bits [1 << 16]uint64
	by   map[uint64][]int
	text []string
}

const first6 = 1<<48 - 1

func hash6(x uint64) uint64 { return x * 0x9e3779b97f4a7c15 >> 42 }

func key6(s string) uint64 {
	var b [8]byte
	copy(b[:6], s)
	return binary.LittleEndian.Uint64(b[:])
}

func newLiterals(text []string) *literals {
	l := &literals{by: map[uint64][]int{}, text: text}
	for i, s := range text {
		k := key6(s)
		h := hash6(k)
		l.bits[h>>6] |= 1 << (h & 63)
		l.by[k] = append(l.by[k], i)
	}
	return l
}

// find calls f for each place of each text.
func (l *literals) find(d []byte, f func(i, at int)) {
	for at := 0; at+8 <= len(d); at++ {
		k := binary.LittleEndian.Uint64(d[at:]) & first6
		h := hash6(k)
		if l.bits[h>>6]&(1<<(h&63)) == 0 {
			continue
		}
		for _, i := range l.by[k] {
			if s := l.text[i]; at+len(s) <= len(d) && string(d[at:at+len(s)]) == s {
				f(i, at)
			}
		}
	}
}

// window is what a rule's expression sees around a literal, as in
// check/component.
func window(d []byte, at int) (w []byte, off int) {
	from := max(0, at-96)
	return d[from:min(len(d), from+256)], at - from
}

// needs tells whether a file needs one of some libraries.
func needs(needed []string, libraries map[string]bool) string {
	for _, n := range needed {
		for l := range libraries {
			if rest, ok := strings.CutPrefix(n, l); ok && (rest == "" || rest[0] == '.' || rest[0] == '-') {
				return l
			}
		}
	}
	return ""
}
