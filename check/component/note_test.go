package component

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"
)

// A program says in a note which package it was built as; of many programs one
// declaration is made.
func TestPackageNote(t *testing.T) {
	const text = `{"type":"deb","os":"debian","name":"exampled","version":"1:4.17.4-2"}`
	program := func(text string) []byte {
		var b bytes.Buffer
		le := binary.LittleEndian
		b.WriteString("\x7fELF\x01\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00")
		binary.Write(&b, le, []uint16{3, 40})
		binary.Write(&b, le, []uint32{1, 0, 52, 0, 0x5000400})
		binary.Write(&b, le, []uint16{52, 32, 1, 40, 0, 0})
		n := uint32(16 + len(text) + 1)
		binary.Write(&b, le, []uint32{4, 84, 84, 84, n, n, 4, 4})
		binary.Write(&b, le, []uint32{4, uint32(len(text) + 1), packageNote})
		b.WriteString("FDO\x00" + text + "\x00")
		return b.Bytes()
	}
	files := map[string][]byte{"fw/usr/bin/a": program(text), "fw/usr/bin/b": program(text)}
	got, list := named(t, files)
	if s := strings.Join(got, "; "); s != "exampled 4.17.4 likely" || len(list) == 1 && len(list[0].Declared) != 1 {
		t.Errorf("%s: %+v", s, list)
	}
	for _, bad := range []string{`{"type":"deb"`, `{"type":"zip","name":"x","version":"1"}`, `{"type":"rpm","name":"","version":"1"}`} {
		if got, _ := named(t, map[string][]byte{"fw/usr/bin/a": program(bad)}); len(got) != 0 {
			t.Errorf("%s: %q", bad, got)
		}
	}
	cut := program(text)[:100]
	if got, _ := named(t, map[string][]byte{"fw/usr/bin/a": cut}); len(got) != 0 {
		t.Errorf("a cut note: %q", got)
	}
}
