package equiv

import (
	"bytes"
	"crypto/md5"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"math"
	"path"
	"slices"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/exe"
)

// program is an ELF file of one side.
type program struct {
	*exe.File
	b []byte
}

// piece is a run of an ELF file's bytes, with what it is.
type piece struct {
	name     string
	section  *exe.Section // nil for headers
	off, len int64
	addr     uint64
	what     kind
}

// elf compares two programs.
func (f *fileWork) elf(a, b []byte) {
	var p [2]program
	for i, x := range [2][]byte{a, b} {
		file, err := exe.Open(bytes.NewReader(x), int64(len(x)))
		if err != nil || file.Truncated {
			f.unreadable(a, b)
			return
		}
		p[i] = program{file, x}
	}
	if !alikeLoaded(p[0].File, p[1].File) {
		f.moved(&p)
		return
	}
	x, y := p[0].pieces(), p[1].pieces()
	if !slices.EqualFunc(x, y, func(x, y piece) bool { return x.name == y.name && x.what == y.what && x.addr == y.addr }) {
		f.unreadable(a, b)
		return
	}
	look := &codeReader{p: &p, last: -1}
	for i := range x {
		f.piece(&p, &x[i], &y[i], look)
	}
	f.rest(restOf(x, a), restOf(y, b), a, b)
}

// unreadable compares programs whose headers contradict themselves: no rule
// holds in bytes of which nothing tells what they are.
func (f *fileWork) unreadable(a, b []byte) {
	f.align(&region{place: place{what: closed, a: a, b: b}, where: "program whose headers can't be followed"})
}

// alikeLoaded tells whether all that is loaded stands in the same places of
// the two files, under the same names.
func alikeLoaded(a, b *exe.File) bool {
	if a.Class != b.Class || a.Order != b.Order || a.Machine != b.Machine || a.Type != b.Type || len(a.Sections) != len(b.Sections) || len(a.Segments) != len(b.Segments) {
		return false
	}
	for i := range a.Segments {
		if a.Segments[i] != b.Segments[i] {
			return false
		}
	}
	for i := range a.Sections {
		s, t := a.Sections[i], b.Sections[i]
		if s.Name != t.Name || s.Type != t.Type || s.Flags != t.Flags || s.Addr != t.Addr || s.Link != t.Link || s.Info != t.Info || s.Aligned != t.Aligned ||
			s.EntSize != t.EntSize || s.InFile != t.InFile {
			return false
		}
		if (s.Flags&exe.SectionAlloc != 0 || a.Type == exe.TypeRel && s.Flags&exe.SectionExec != 0) && (s.Off != t.Off || s.Size != t.Size) {
			return false
		}
	}
	return true
}

// pieces are the parts of a program in the order of their headers: two
// programs that are alikeLoaded have the same ones. Sections that overlap
// others are taken as they are.
func (p *program) pieces() (list []piece) {
	word := int64(p.Class / 8)
	at := 24 + word // e_phoff; e_shoff is behind it
	list = append(list,
		piece{name: "ELF header", len: at + word, what: closed},
		piece{name: "place of the section table", off: at + word, len: word, what: placed},
		piece{name: "ELF header", off: at + 2*word, len: p.HeaderSize - at - 2*word, what: closed},
		piece{name: "program header table", off: p.SegmentTable.Off, len: p.SegmentTable.Len, what: closed})
	for i := range p.Sections {
		if s := &p.Sections[i]; s.InFile {
			list = append(list, p.section(s)...)
		}
	}
	// What is loaded and stands in no section: all of it, in a file without
	// section headers.
	for i := range p.Segments {
		s := &p.Segments[i]
		if s.Type != exe.SegmentLoad || !s.InFile {
			continue
		}
		what := data
		if s.Flags&exe.FlagX != 0 {
			what = code
		}
		from, to := int64(s.Off), int64(s.Off+s.FileSize)
		loaded := append([]run{{0, from}, {to, math.MaxInt64}, {0, p.HeaderSize}, {p.SegmentTable.Off, p.SegmentTable.Off + p.SegmentTable.Len}}, allocated(p.Sections)...)
		for _, r := range invert(loaded, to) {
			list = append(list, piece{name: "loaded, in no section", off: r.from, len: r.to - r.from, addr: s.VAddr + uint64(r.from-from), what: what})
		}
	}
	// The entries of the section table one by one.
	entry := int64(40)
	if p.Is64() {
		entry = 64
	}
	for i := range p.Sections {
		off := p.SectionTable.Off + int64(i)*entry
		if off+entry > p.SectionTable.Off+p.SectionTable.Len {
			break
		}
		s := &p.Sections[i]
		name := "section header of " + cut40(s.Name)
		// sh_name, then up to sh_offset, sh_offset and sh_size, the rest.
		free := 8 + 2*word
		named, stands := closed, closed
		if s.Name != "" {
			named = placed
		}
		if s.InFile && s.Flags&exe.SectionAlloc == 0 {
			stands = placed
		}
		list = append(list, piece{name: name, off: off, len: 4, what: named}, piece{name: name, off: off + 4, len: free - 4, what: closed},
			piece{name: name, off: off + free, len: 2 * word, what: stands}, piece{name: name, off: off + free + 2*word, len: entry - free - 2*word, what: closed})
	}
	return list
}

func allocated(sections []exe.Section) (out []run) {
	for i := range sections {
		if s := &sections[i]; s.InFile && s.Flags&exe.SectionAlloc != 0 {
			out = append(out, run{int64(s.Off), int64(s.Off + s.Size)})
		}
	}
	return out
}

func cut40(s string) string { return s[:min(len(s), 40)] }

// section is a section's parts.
func (p *program) section(s *exe.Section) []piece {
	one := piece{name: cut40(s.Name), section: s, off: int64(s.Off), len: int64(s.Size), addr: s.Addr, what: closed}
	b := p.b[one.off : one.off+one.len]
	part := func(name string, off, n int64, what kind) piece {
		addr := one.addr
		if addr != 0 {
			addr += uint64(off)
		}
		return piece{name, s, one.off + off, n, addr, what}
	}
	const compressed = 1 << 11
	switch {
	case s.Flags&compressed != 0:
	case s.Name == ".comment":
		one.what = comment
	case s.Type == exe.SectionNote && s.Name == ".note.gnu.build-id" && len(b) >= 16 && p.Order.Uint32(b) == 4 && int64(p.Order.Uint32(b[4:])) == one.len-16 && p.Order.Uint32(b[8:]) == 3:
		return []piece{part(one.name, 0, 16, closed), part(one.name, 16, one.len-16, buildID)}
	case s.Name == ".gnu_debuglink" && s.Flags&exe.SectionAlloc == 0 && len(b) >= 8:
		name := int64(max(0, bytes.IndexByte(b[:len(b)-4], 0)))
		return []piece{part(one.name, 0, name, debugID), part(one.name, name, one.len-4-name, closed), part(one.name, one.len-4, 4, debugCRC)}
	case s.Flags&exe.SectionExec != 0:
		one.what = code
	case s.Type == exe.SectionProgbits, s.Type == exe.SectionStrtab:
		one.what = data
	}
	return []piece{one}
}

// piece compares a part of one program with that of the other.
func (f *fileWork) piece(p *[2]program, x, y *piece, look *codeReader) {
	a, b := p[0].b[x.off:x.off+x.len], p[1].b[y.off:y.off+y.len]
	if bytes.Equal(a, b) {
		return
	}
	r := &region{place: place{what: x.what, a: a, b: b, elf: [2]*exe.File{p[0].File, p[1].File}, addr: x.addr}, where: x.name, offA: x.off, offB: y.off}
	r.fixed = x.section == nil || x.section.Flags&exe.SectionAlloc != 0
	if x.what == code {
		r.base, r.inst = x.off, look.inst
		r.describe = func(d *Difference, i, _ int) { look.describe(d, x, i) }
	}
	switch x.what {
	case buildID:
		f.linked("build-id", r, p[0].hashed(x) && p[1].hashed(y))
	case debugID:
		f.linked("debuglink", r, string(a) == debugName(p[0].BuildID()) && string(b) == debugName(p[1].BuildID()))
	case debugCRC:
		f.linked("debuglink", r, f.c.debugging(0, p[0].b[x.section.Off:x.off], a, p[0].File) && f.c.debugging(1, p[1].b[y.section.Off:y.off], b, p[1].File))
	case placed:
		r.field = [2]*field{{right: true}, {right: true}}
		f.align(r)
	default:
		f.align(r)
	}
}

// linked takes what a linker or packager derived: right says that it was
// recomputed on both sides.
func (f *fileWork) linked(name string, r *region, right bool) {
	rule := ruleNamed(name)
	r.field = [2]*field{{right: right, name: "recomputed"}, {right: right}}
	if right {
		f.align(r)
		return
	}
	m := match{0, len(r.a), 0, len(r.b), ""}
	d := r.difference(m, 0, 0)
	if len(r.a) != len(r.b) {
		f.add(nil, d, differing(r.a, r.b))
		return
	}
	d.Why = "can't be recomputed from the file"
	if r.what == debugID {
		f.add(nil, d, differing(r.a, r.b)) // a name is no digest: nothing makes it right
		return
	}
	f.waiting = append(f.waiting, waiting{rule, d, differing(r.a, r.b)})
}

// hashed tells whether a build-id is the digest of the whole file with the id
// zeroed.
func (p *program) hashed(x *piece) bool {
	b := bytes.Clone(p.b)
	id := p.b[x.off : x.off+x.len]
	clear(b[x.off : x.off+x.len])
	switch len(id) {
	case sha1.Size:
		sum := sha1.Sum(b)
		return bytes.Equal(id, sum[:])
	case md5.Size:
		sum := md5.Sum(b)
		return bytes.Equal(id, sum[:])
	}
	return false
}

// debugName is the name of the debugging file of a build-id, as packagers
// make it.
func debugName(id string) string {
	if len(id) < 4 {
		return "\x00" // no section has it
	}
	return id[2:] + ".debug"
}

// debugging tells whether a side has the debugging file that a link names, by
// its name or by the build-id, with that CRC-32.
func (c *comparison) debugging(side int, name, sum []byte, file *exe.File) bool {
	want := path.Base(cstring(name))
	id := file.BuildID()
	for _, n := range c.pairs.trees[side].Nodes {
		if n.Kind != wardein.File || !strings.HasSuffix(n.Path, ".debug") {
			continue
		}
		if path.Base(n.Path) != want && (len(id) < 4 || !strings.HasSuffix(n.Path, ".build-id/"+id[:2]+"/"+id[2:]+".debug")) {
			continue
		}
		if b := c.read[side](n.Blob); int64(len(b)) == n.Size && crc32.ChecksumIEEE(b) == file.Order.Uint32(sum) {
			return true
		}
	}
	return false
}

// restOf are the runs of a program that no piece covers.
func restOf(list []piece, b []byte) (out []wardein.Span) {
	var taken []run
	for _, x := range list {
		taken = append(taken, run{x.off, x.off + x.len})
	}
	for _, r := range invert(taken, int64(len(b))) {
		out = append(out, wardein.Span{Off: r.from, Len: r.to - r.from})
	}
	return out
}

// buildIDs of a pair of programs, "" where they are none.
func buildIDOf(b []byte) string {
	if !begins(b, exe.Magic) {
		return ""
	}
	file, err := exe.Open(bytes.NewReader(b), int64(len(b)))
	if err != nil {
		return ""
	}
	return file.BuildID()
}

// hexAddr is an address as it is printed.
func hexAddr(v uint64) string { return fmt.Sprintf("%#x", v) }

// hexBytes are bytes as they are printed.
func hexBytes(b []byte) string { return hex.EncodeToString(b) }
