package component

import (
	"testing"

	"github.com/wardein/wardein/internal/testkit/checktest"
)

func TestGolden(t *testing.T) { checktest.Golden(t, Check()) }
func Fuzz(f *testing.F) {
	checktest.Fuzz(f, Check(), []byte("\x7fELF\x01\x01\x01libz.so.1\x00SSH-2.0-dropbear_2019.78\x00Package: a\nVersion: 1\n"))
}

// FuzzProgram damages a program that has everything the check reads.
func FuzzProgram(f *testing.F) {
	c := Check()
	f.Add(library{soname: "libsqlite3.so.0", needed: []string{"libz.so.1"}, exports: []string{"curses_version"}, data: "\x00 inflate 1.2.13 Copyright 1995-2022 Mark Adler \x00acme 1.2.3\x004.5.6\x00",
		texts: map[string]string{"sqlite3_libversion": "3.40.1"}, getters: map[string]uint32{"sqlite3_libversion_number": 3040001}}.build())
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<20 {
			return
		}
		if _, err := checktest.Node(t, c, data); err != nil {
			t.Skip(err)
		}
	})
}
