package component

import (
	"bytes"
	"fmt"
	"strings"
)

// decode returns the version that a getter's number stands for.
func (g *getter) decode(v uint64) (string, error) {
	if g.Form == "" {
		return "", nil
	}
	var kind string
	var base uint64
	if n, err := fmt.Sscanf(g.Form, "%s %d", &kind, &base); n != 2 || err != nil || base < 2 || base > 1<<16 || kind != "decimal" && kind != "hex" || kind == "hex" && base > 16 {
		return "", fmt.Errorf("form %q is not \"decimal N\" or \"hex BITS\"", g.Form)
	}
	if kind == "hex" {
		base = 1 << base
	}
	var parts []string
	for ; v > 0; v /= base {
		parts = append([]string{fmt.Sprint(v % base)}, parts...)
	}
	return strings.Join(parts, "."), nil
}

// maxGetter is how much code of a function is read.
const maxGetter = 64

// maxGetters is how many functions of a file are read.
const maxGetters = 256

// getters reads the functions that return a version, where their few
// instructions do nothing else.
func (f *file) getters() {
	tried := 0
	for i := range f.symbols {
		s := &f.symbols[i]
		if !s.Defined() || tried == maxGetters {
			continue
		}
		g, ok := known().getters[s.Name]
		if !ok && !versionGetter(s.Name) {
			continue
		}
		value := s.Value
		if !s.IsFunc() {
			continue
		}
		tried++
		v, ok := f.returned(value)
		if !ok {
			continue
		}
		version, off, n := "", int64(0), int64(0)
		if g.Form != "" {
			var err error
			if version, err = g.decode(v); err != nil || strings.Count(version, ".") < 1 {
				continue
			}
			if at, _, ok := f.exe.Offset(value &^ 1); ok {
				off, n = int64(at), min(16, f.blob.Size-int64(at))
			}
		} else {
			at, room, ok := f.exe.Offset(v)
			if !ok {
				continue
			}
			b := make([]byte, min(room, 96))
			k, _ := f.blob.ReadAt(b, int64(at))
			b, _, found := bytes.Cut(b[:k], []byte{0})
			if !found {
				continue
			}
			off, n = int64(at), int64(len(b))
			if version = inText(string(b)); version == "" {
				continue
			}
		}
		name := ""
		if g.product != nil {
			name = g.product.Name
		}
		f.state("getter", off, n, note("product", name), note("version", version), note("quote", s.Name+": "+version))
	}
}

// versionGetter tells names of functions that return the version of the
// library they are in, whatever library that is.
func versionGetter(name string) bool {
	s := strings.ToLower(name)
	for _, end := range []string{"version", "version_string", "get_version", "lib_version", "libversion", "version_str", "versionstring"} {
		if strings.HasSuffix(s, end) {
			return true
		}
	}
	return false
}

// inText is the version in a getter's text: alone or behind a name.
func inText(s string) string {
	if v := lone(strings.TrimSpace(s)); v != "" {
		return v
	}
	if m := namedVersion.FindStringSubmatch(s); m != nil && !plain(m[2]) {
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
