package exe

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
)

const (
	maxDynamic  = 1 << 16
	maxNeeded   = 1 << 9
	maxString   = 4096
	maxNotes    = 1 << 16
	maxNoteRuns = 64 // linkers write a few

	dynNeeded  = 1
	dynStrtab  = 5
	dynStrsz   = 10
	dynSoname  = 14
	dynRpath   = 15
	dynRunpath = 29

	noteBuildID = 3
)

// Dynamic is what the dynamic section tells the dynamic linker.
type Dynamic struct {
	Soname         string
	Needed         []string
	Rpath, Runpath string
}

// Interpreter is the program that PT_INTERP names, "" where there is none.
func (f *File) Interpreter() string {
	for _, s := range f.Segments {
		if s.Type == SegmentInterp && s.InFile {
			b, _ := f.read(s.Off, min(s.FileSize, maxString))
			b, _, _ = bytes.Cut(b, []byte{0})
			return string(b)
		}
	}
	return ""
}

// IsModule says whether the file is a Linux kernel module.
func (f *File) IsModule() bool {
	return f.Type == TypeRel && (f.Section(".gnu.linkonce.this_module") != nil || f.Section(".modinfo") != nil)
}

// HasDynamic says whether a dynamic segment exists: the file is linked
// dynamically, or is a position-independent executable.
func (f *File) HasDynamic() bool {
	for _, s := range f.Segments {
		if s.Type == SegmentDynamic {
			return true
		}
	}
	return false
}

// Dynamic reads the dynamic segment. It is empty where there is none; an
// error comes with what could be read.
func (f *File) Dynamic() (Dynamic, error) {
	var d Dynamic
	seg := -1
	for i, s := range f.Segments {
		if s.Type == SegmentDynamic && s.InFile {
			seg = i
			break
		}
	}
	if seg < 0 {
		return d, nil
	}
	place := f.Segments[seg]
	word := uint64(f.Class / 8)
	entries := min(place.FileSize/(2*word), maxDynamic)
	b, err := f.read(place.Off, entries*2*word)
	if err != nil {
		return d, err
	}
	type entry struct{ tag, val uint64 }
	var strings []entry
	var strtab, strsz uint64
scan:
	for ; uint64(len(b)) >= 2*word; b = b[2*word:] {
		var e entry
		if f.Is64() {
			e = entry{f.Order.Uint64(b), f.Order.Uint64(b[8:])}
		} else {
			e = entry{uint64(f.Order.Uint32(b)), uint64(f.Order.Uint32(b[4:]))}
		}
		switch e.tag {
		case 0:
			break scan
		case dynStrtab:
			strtab = e.val
		case dynStrsz:
			strsz = e.val
		case dynNeeded, dynSoname, dynRpath, dynRunpath:
			if len(strings) < maxNeeded {
				strings = append(strings, e)
			}
		}
	}
	if len(strings) == 0 {
		return d, nil
	}
	off, have, ok := f.Offset(strtab)
	if !ok {
		return d, fmt.Errorf("dynamic string table at address %#x: no segment loads it", strtab)
	}
	have = min(have, strsz)
	for _, e := range strings {
		if e.val >= have {
			err = fmt.Errorf("dynamic string at %d: table at %#x has %d bytes", e.val, off, have)
			continue
		}
		s, rerr := f.read(off+e.val, min(have-e.val, maxString))
		if rerr != nil {
			return d, rerr
		}
		s, _, _ = bytes.Cut(s, []byte{0})
		switch e.tag {
		case dynNeeded:
			d.Needed = append(d.Needed, string(s))
		case dynSoname:
			d.Soname = string(s)
		case dynRpath:
			d.Rpath = string(s)
		case dynRunpath:
			d.Runpath = string(s)
		}
	}
	return d, err
}

// BuildID is the GNU build id in hexadecimal, "" where there is none.
func (f *File) BuildID() string {
	runs := 0
	for _, s := range f.Segments {
		if s.Type == SegmentNote && s.InFile && runs < maxNoteRuns {
			runs++
			if id := f.buildID(s.Off, s.FileSize, s.Aligned); id != "" {
				return id
			}
		}
	}
	for _, s := range f.Sections {
		if s.Type == SectionNote && s.InFile && runs < maxNoteRuns {
			runs++
			if id := f.buildID(s.Off, s.Size, s.Aligned); id != "" {
				return id
			}
		}
	}
	return ""
}

// buildID is the build id among the notes of a run.
func (f *File) buildID(off, n, align uint64) (id string) {
	// Notes that cannot be read have none.
	_ = f.notes(off, n, align, func(typ uint32, name string, desc []byte) {
		if id == "" && typ == noteBuildID && name == "GNU\x00" && len(desc) > 0 && len(desc) <= 64 {
			id = hex.EncodeToString(desc)
		}
	})
	return id
}

// ModInfo returns the values of a key in a kernel module's .modinfo section,
// which holds zero-terminated "key=value" strings.
func (f *File) ModInfo(key string) []string {
	s := f.Section(".modinfo")
	if s == nil || !s.InFile {
		return nil
	}
	b, err := f.read(s.Off, min(s.Size, 256<<10))
	if err != nil {
		return nil
	}
	var values []string
	for _, line := range strings.Split(string(b), "\x00") {
		if v, ok := strings.CutPrefix(line, key+"="); ok && len(values) < 64 {
			values = append(values, v)
		}
	}
	return values
}
