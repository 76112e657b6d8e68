package component

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/wardein/wardein/exe"
)

// A number's form: how many bits or which base a part has, and how many parts
// there are; 0 is as many as the number has.
type form struct {
	kind  string
	base  uint64
	parts int
}

// form reads "decimal 1000", "hex 8", "hex 8 3", "u16 3"; "" is a text.
func (g *getter) form() (f form, err error) {
	if g.Form == "" {
		return f, nil
	}
	n, _ := fmt.Sscanf(g.Form, "%s %d %d", &f.kind, &f.base, &f.parts)
	switch {
	case n >= 2 && f.kind == "decimal" && f.base >= 2 && f.base <= 1<<16:
	case n >= 2 && f.kind == "hex" && f.base >= 1 && f.base <= 16:
		f.base = 1 << f.base
	case n == 2 && f.kind == "u16" && f.base >= 2 && f.base <= 4:
		f.parts = int(f.base)
	default:
		return f, fmt.Errorf("form %q is not \"decimal N\", \"hex BITS\" or \"u16 PARTS\"", g.Form)
	}
	return f, nil
}

// decode returns the version that a number stands for.
func (f form) decode(v uint64) string {
	var parts []string
	for ; v > 0 || len(parts) < f.parts; v /= f.base {
		parts = append([]string{fmt.Sprint(v % f.base)}, parts...)
	}
	return strings.Join(parts, ".")
}

// maxGetter is how much code of a function is read.
const maxGetter = 64

// maxGetters is how many functions and objects of a file are read.
const maxGetters = 256

// getters reads the functions that return a version, where their few
// instructions do nothing else, and the objects that hold one.
func (f *file) getters() {
	tried := 0
	parts := map[string]*[3]string{}
	var order []string
	for i := range f.symbols {
		s := &f.symbols[i]
		if !s.Defined() || tried == maxGetters || !s.IsFunc() && !isObject(s) {
			continue
		}
		g, ok := known().getters[s.Name]
		whole, part := partOf(s.Name)
		if !ok && whole == "" && !versionGetter(s.Name) {
			continue
		}
		tried++
		if !ok && whole != "" {
			if v, ok := f.number(s); ok && v < 10000 {
				if parts[whole] == nil {
					parts[whole], order = new([3]string), append(order, whole)
				}
				parts[whole][part] = fmt.Sprint(v)
			}
			continue
		}
		version, off, n := f.got(s, g.getter)
		if version == "" {
			continue
		}
		name := ""
		if g.product != nil {
			name = g.product.Name
		}
		f.state("getter", off, n, note("product", name), note("version", version), note("quote", s.Name+": "+version))
	}
	for _, whole := range order {
		if p := parts[whole]; p[0] != "" && p[1] != "" {
			// Two numbers of three are said where nothing says more.
			version, only := strings.Join(p[:], "."), ""
			if p[2] == "" {
				version, only = p[0]+"."+p[1], "two"
			}
			f.state("getter", 0, f.exe.HeaderSize, note("version", version), note("parts", only), note("quote", whole+": "+version))
		}
	}
}

// got is the version that a function returns or an object holds, and where it
// stands.
func (f *file) got(s *exe.Symbol, g getter) (version string, off, n int64) {
	as, err := g.form()
	if err != nil {
		return "", 0, 0
	}
	place := func(addr uint64, n int64) (int64, int64) {
		at, _, ok := f.exe.Offset(addr)
		if !ok {
			return 0, 0
		}
		return int64(at), min(n, f.blob.Size-int64(at))
	}
	switch as.kind {
	case "decimal", "hex":
		v, ok := f.number(s)
		if !ok {
			return "", 0, 0
		}
		if version = as.decode(v); !strings.Contains(version, ".") {
			return "", 0, 0
		}
		off, n = place(s.Value&^1, 16)
		return version, off, n
	case "u16":
		v := s.Value
		if s.IsFunc() {
			var ok bool
			if v, ok = f.returned(v); !ok {
				return "", 0, 0
			}
		}
		b := f.bytes(v, 2*as.parts)
		if len(b) < 2*as.parts {
			return "", 0, 0
		}
		var parts []string
		for ; len(b) > 0; b = b[2:] {
			parts = append(parts, fmt.Sprint(f.exe.Order.Uint16(b)))
		}
		off, n = place(v, 2*int64(as.parts))
		return strings.Join(parts, "."), off, n
	}
	v := s.Value
	if s.IsFunc() {
		var ok bool
		if v, ok = f.returned(v); !ok {
			return "", 0, 0
		}
	}
	// An object is the text, or a pointer to it.
	for range 2 {
		text, _, ended := bytes.Cut(f.bytes(v, 96), []byte{0})
		if version = inText(string(text)); ended && version != "" {
			off, n = place(v, int64(len(text)))
			return version, off, n
		}
		var ok bool
		if s.IsFunc() || s.Size != 4 || f.exe.Is64() {
			break
		}
		if v, ok = f.word(v); !ok {
			break
		}
		// A number that happens to be an address is in the midst of something.
		if b := f.bytes(v-1, 1); len(b) == 0 || b[0] != 0 {
			break
		}
	}
	return "", 0, 0
}

func isObject(s *exe.Symbol) bool { return s.Info&15 == 1 } // STT_OBJECT

// number is what a function returns, or an object of 32 bits holds.
func (f *file) number(s *exe.Symbol) (uint64, bool) {
	switch {
	case s.IsFunc():
		return f.returned(s.Value)
	case s.Size == 4:
		return f.word(s.Value)
	}
	return 0, false
}

// bytes are at most n of the loaded file's.
func (f *file) bytes(addr uint64, n int) []byte {
	at, room, ok := f.exe.Offset(addr)
	if !ok {
		return nil
	}
	b := make([]byte, min(room, uint64(n)))
	k, _ := f.blob.ReadAt(b, int64(at))
	return b[:k]
}

// versionGetter tells names of functions and objects that are the version of
// the library they are in, whatever library that is.
func versionGetter(name string) bool {
	s := strings.ToLower(name)
	if foreign(s) {
		return false
	}
	for _, end := range []string{"version", "version_string", "get_version", "lib_version", "libversion", "version_str", "versionstring"} {
		if strings.HasSuffix(s, end) {
			return true
		}
	}
	return false
}

// foreign tells names of versions that are not the library's release.
func foreign(name string) bool {
	for _, of := range []string{"protocol", "interface", "format", "schema", "api_version", "abi_version", "so_version", "version_so", "library_version", "unicode"} {
		if strings.Contains(name, of) {
			return true
		}
	}
	return false
}

// partOf splits names of functions and objects that are one part of a version:
// io_uring_major_version is part 0 of io_uring_version.
func partOf(name string) (whole string, part int) {
	if !strings.Contains(name, "version") || foreign(name) {
		return "", 0
	}
	for _, x := range []struct {
		word string
		part int
	}{{"_major", 0}, {"_minor", 1}, {"_micro", 2}, {"_patch", 2}} {
		if before, after, ok := strings.Cut(name, x.word); ok && (after == "" || after[0] == '_') {
			return before + after, x.part
		}
	}
	return "", 0
}

// inText is the version in a getter's text: alone or behind a name.
func inText(s string) string {
	if v := lone(strings.TrimSpace(s)); v != "" {
		return v
	}
	if m := namedVersion().FindStringSubmatch(s); m != nil && !plain(m[2]) {
		return m[2]
	}
	return ""
}

// returned is what a function returns, if its first instructions make one
// constant or address of registers alone and return.
func (f *file) returned(addr uint64) (uint64, bool) {
	thumb := f.exe.Arch == "arm" && addr&1 == 1
	if thumb {
		addr &^= 1
	}
	off, room, ok := f.exe.Offset(addr)
	if !ok {
		return 0, false
	}
	b := make([]byte, min(room, maxGetter))
	if n, _ := f.blob.ReadAt(b, int64(off)); n < len(b) {
		b = b[:n]
	}
	m := machine{file: f, addr: addr}
	switch f.exe.Arch {
	case "x86-64", "x86":
		return m.x86(b)
	case "arm":
		if thumb {
			return m.thumb(b)
		}
		return m.arm(b)
	case "aarch64":
		return m.aarch64(b)
	case "mips":
		return m.mips(b)
	case "ppc":
		return m.ppc(b)
	}
	return 0, false
}

// word reads a 32-bit word of the loaded file.
func (f *file) word(addr uint64) (uint64, bool) {
	off, room, ok := f.exe.Offset(addr)
	var b [4]byte
	if !ok || room < 4 {
		return 0, false
	}
	if n, _ := f.blob.ReadAt(b[:], int64(off)); n < 4 {
		return 0, false
	}
	return uint64(f.exe.Order.Uint32(b[:])), true
}
