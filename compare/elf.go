package compare

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/exe"
)

// Bounds of what is read of one program.
const (
	maxItems   = 200      // lines of a row that are kept
	maxStrings = 32 << 20 // bytes of sections that are looked through for texts
	leastText  = 5
	mostText   = 256
)

// elf is an ELF file of one side.
type elf struct {
	*exe.File
	path    string
	content Content
	hidden  []run // places of secrets
}

func openELF(path string, content Content, hidden []run) *elf {
	f, err := exe.Open(content, content.Size())
	if err != nil {
		return nil
	}
	return &elf{f, path, content, hidden}
}

// programs compares two ELF files: their tables, their functions and data, and
// the texts in them. functions is false where these are not to be compared.
func (d *detail) programs(f, g *elf, functions, whole bool) {
	rows := tables(f, g)
	compared := false
	if functions {
		found, data, err := functionsOf(f.File, g.File, whole)
		var un *exe.Uncounted
		switch {
		case errors.As(err, &un) && !un.Limit: // a kind of file whose code is not read: its gap is the checks'
			rows = append(rows, Row{Kind: Program, Change: Changed, Old: f.path, New: g.path, What: "functions", Note: "not compared: " + un.Why})
		case err != nil:
			d.gaps = append(d.gaps, wardein.Gap{Node: g.path, Who: "compare", Kind: wardein.Unsupported, Why: "its functions were not compared: " + err.Error()})
		default:
			compared = true
			rows = append(rows, codeRow(f, g, found)...)
			rows = append(rows, dataRows(f, g, data)...)
		}
	}
	rows = append(rows, sectionBytes(f, g, !compared)...)
	list := setDiff(textsOf(f), textsOf(g))
	for i := range list {
		list[i].Text = hideForms(list[i].Text)
	}
	rows = append(rows, listRow(Strings, f.path, g.path, "texts", list)...)
	if !reads(rows) || !compared && (len(f.Sections) == 0 || len(g.Sections) == 0) {
		x, err := bytesOf(f.content, g.content)
		if err != nil {
			d.gap(g.path, err.Error())
		}
		r := Row{Kind: Binary, Change: Changed, Old: f.path, New: g.path, Was: plural(f.content.Size(), "byte"), Is: plural(g.content.Size(), "byte"), Note: x.String(), Items: x.items(), Lines: 1}
		if compared {
			r.Lines, r.Note = 0, "the same functions and data, at other places"
		}
		rows = append(rows, r)
	}
	d.rows = append(d.rows, rows...)
}

// tables compares what the headers and the dynamic section state.
func tables(f, g *elf) (rows []Row) {
	row := func(what, was, is string) {
		c := Changed
		switch {
		case was == is:
			return
		case was == "":
			c = New
		case is == "":
			c = Gone
		}
		rows = append(rows, Row{Kind: Program, Change: c, Old: f.path, New: g.path, What: what, Was: was, Is: is, Lines: 1})
	}
	list := func(what string, was, is []string) {
		rows = append(rows, listRow(Program, f.path, g.path, what, setDiff(was, is))...)
	}
	row("processor", f.Arch, g.Arch)
	row("type", exe.TypeName(f.Type), exe.TypeName(g.Type))
	row("interpreter", f.Interpreter(), g.Interpreter())
	if placed(f, g) {
		row("entry", fmt.Sprintf("%#x", f.Entry), fmt.Sprintf("%#x", g.Entry))
	}
	row("segments", segments(f), segments(g))
	// An error comes with what could be read, and the node's own gap says so.
	d, _ := f.Dynamic()
	e, _ := g.Dynamic()
	row("soname", d.Soname, e.Soname)
	row("rpath", d.Rpath, e.Rpath)
	row("runpath", d.Runpath, e.Runpath)
	list("needs", d.Needed, e.Needed)
	p, _ := f.Protection()
	q, _ := g.Protection()
	was, is := protections(&p), protections(&q)
	for i, name := range protectionNames {
		row(name, was[i], is[i])
	}
	in, out := symbolNames(f.File)
	in2, out2 := symbolNames(g.File)
	list("imports", in, in2)
	list("exports", out, out2)
	list("sections", sections(f), sections(g))
	if x, y := f.BuildID(), g.BuildID(); x != y {
		rows = append(rows, Row{Kind: Program, Change: Changed, Old: f.path, New: g.path, What: "build id", Was: x, Is: y})
	}
	if f.IsModule() || g.IsModule() {
		for _, key := range []string{"version", "srcversion", "vermagic", "depends", "license"} {
			row("module "+key, strings.Join(f.ModInfo(key), " "), strings.Join(g.ModInfo(key), " "))
		}
		list("module alias", f.ModInfo("alias"), g.ModInfo("alias"))
		list("module parameters", f.ModInfo("parm"), g.ModInfo("parm"))
	}
	return rows
}

// segments are the rights of what is loaded: "r-x rw-".
func segments(f *elf) string {
	var list []string
	for _, s := range f.Segments {
		if s.Type != exe.SegmentLoad {
			continue
		}
		b := []byte("---")
		for i, flag := range []uint32{exe.FlagR, exe.FlagW, exe.FlagX} {
			if s.Flags&flag != 0 {
				b[i] = "rwx"[i]
			}
		}
		list = append(list, string(b))
	}
	return cut(strings.Join(list, " "), mostText)
}

// codeRow is the row of functions that differ.
func codeRow(f, g *elf, x *Functions) []Row {
	if len(x.List) == 0 && len(x.Limits) == 0 {
		return nil
	}
	r := Row{Kind: Code, Change: Changed, Old: f.path, New: g.path, Functions: x}
	r.What = fmt.Sprintf("%s of %s", grouped(int64(len(x.List)+x.Left)), plural(int64(x.Same+len(x.List)+x.Left), "function"))
	r.Lines = int64(len(x.List)) + int64(x.Left)
	near := 0
	for i := range x.List {
		if x.List[i].Network {
			near++
		}
	}
	if near > 0 {
		r.Note = fmt.Sprintf("%d read from the network", near)
	}
	return []Row{r}
}

var protectionNames = []string{"executable stack", "writable code", "relro", "immediate binding", "position-independent", "text relocations",
	"control-flow protection", "shadow stack", "BTI", "PAC"}

func protections(p *exe.Protection) []string {
	var out []string
	for _, b := range []bool{p.ExecutableStack, len(p.WritableCode) > 0, p.Relro, p.Now, p.PIE, p.TextRelocations, p.IBT, p.ShadowStack, p.BTI, p.PAC} {
		s := "no"
		if b {
			s = "yes"
		}
		out = append(out, s)
	}
	return out
}

// symbolNames are the names that a program takes from others, and offers.
func symbolNames(f *exe.File) (in, out []string) {
	list, _ := f.DynamicSymbols() // an error comes with what could be read
	for i := range list {
		s := &list[i]
		switch {
		case s.Name == "":
		case s.Defined():
			out = append(out, strings.Clone(s.Name))
		case s.Section == 0:
			in = append(in, strings.Clone(s.Name))
		}
	}
	return in, out
}

func sections(f *elf) (list []string) {
	for i := range f.Sections {
		if n := f.Sections[i].Name; n != "" {
			list = append(list, n)
		}
	}
	return list
}

// setDiff are the texts that one list has alone, or more often, sorted.
func setDiff(a, b []string) (list []Line) {
	a, b = slices.Clone(a), slices.Clone(b)
	sort.Strings(a)
	sort.Strings(b)
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case j == len(b) || i < len(a) && a[i] < b[j]:
			list = append(list, Line{'-', a[i]})
			i++
		case i == len(a) || a[i] > b[j]:
			list = append(list, Line{'+', b[j]})
			j++
		default:
			i, j = i+1, j+1
		}
	}
	return list
}

// listRow is one row for a list of differences, none where it is empty.
func listRow(k Kind, old, new, what string, list []Line) []Row {
	if len(list) == 0 {
		return nil
	}
	came := 0
	for _, l := range list {
		if l.Sign == '+' {
			came++
		}
	}
	r := Row{Kind: k, Change: Changed, Old: old, New: new, What: what, Lines: int64(len(list))}
	r.Is, r.Was = counted(came, "new"), counted(len(list)-came, "gone")
	r.Left = max(len(list)-maxItems, 0)
	r.Items = list[:len(list)-r.Left]
	return []Row{r}
}

func counted(n int, what string) string {
	if n == 0 {
		return ""
	}
	return grouped(int64(n)) + " " + what
}

// derived tells sections that linkers make of the others: that they differ
// says nothing that is not said elsewhere.
func derived(name string) bool {
	for _, p := range []string{".dyn", ".gnu.", ".hash", ".rel", ".got", ".plt", ".eh_frame", ".note", ".debug", ".symtab", ".strtab", ".shstrtab",
		".comment", ".gnu_debug", ".gcc_except_table", ".ARM.ex", ".interp", "__versions", ".MIPS", ".reginfo", ".pdr", ".opd", ".toc", ".orc", ".zdebug", ".modinfo"} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// placed tells whether the sections of two programs stand at the same addresses.
func placed(f, g *elf) bool {
	return slices.EqualFunc(f.Sections, g.Sections, func(s, t exe.Section) bool { return s.Addr == t.Addr && s.Size == t.Size })
}

// pointers tells sections of addresses, which differ when code moves.
func pointers(name string) bool {
	for _, p := range []string{".init_array", ".fini_array", ".ctors", ".dtors", ".data.rel.ro"} {
		if strings.HasPrefix(name, p) {
			return true
		}
	}
	return false
}

// maxSection bounds a section that is compared byte by byte.
const maxSection = 64 << 20

// sectionBytes says which sections differ in their bytes, data only where it was
// not compared by what it is. Those that linkers derive are in one row, which
// nobody has to read where the program was laid out anew.
func sectionBytes(f, g *elf, data bool) (rows []Row) {
	var others []string
	moved, linked := !placed(f, g), false
	for i := range f.Sections {
		s := &f.Sections[i]
		t := g.Section(s.Name)
		if t == nil || s.Name == "" || !s.InFile || !t.InFile || f.Section(s.Name) != s || !data && s.Flags&exe.SectionExec != 0 {
			continue
		}
		if s.Size > maxSection || t.Size > maxSection {
			others = append(others, s.Name+" (not read: more than 64 MiB)")
			continue
		}
		linker := derived(s.Name) || s.Flags&exe.SectionAlloc == 0
		if !linker && !data {
			continue
		}
		x, y := sectionContent{f.Reader(s)}, sectionContent{g.Reader(t)}
		switch ok, err := same(x, y); {
		case err != nil:
			others = append(others, s.Name+" (not read)")
		case ok:
		case linker:
			others = append(others, s.Name)
			linked = linked || s.Flags&exe.SectionAlloc != 0 && s.Type != exe.SectionNote
		default:
			d, _ := bytesOf(x, y) // both were read just now
			what := "data in "
			if s.Flags&exe.SectionExec != 0 {
				what = "code in "
			}
			r := Row{Kind: Program, Change: Changed, Old: f.path, New: g.path, What: what + s.Name, Note: d.String(), Lines: 1, Items: d.items()}
			r.Was, r.Is = plural(int64(s.Size), "byte"), plural(int64(t.Size), "byte")
			if pointers(s.Name) && moved {
				r.Lines = 0
			}
			rows = append(rows, r)
		}
	}
	if len(others) > 0 {
		r := Row{Kind: Program, Change: Changed, Old: f.path, New: g.path, What: "tables of the linker", Note: strings.Join(others, " ")}
		if !moved && linked {
			r.Lines = 1
		}
		rows = append(rows, r)
	}
	return rows
}

type sectionContent struct{ *io.SectionReader }

func (sectionContent) Close() error { return nil }

// textsOf are the texts in the read-only and the written data of a program: runs
// of printable bytes up to a zero byte. Secrets are left out by their places.
func textsOf(f *elf) (list []string) {
	room := int64(maxStrings)
	take := func(r *io.SectionReader, at int64) {
		n := min(r.Size(), room)
		room -= n
		b := make([]byte, n)
		if k, err := io.ReadFull(r, b); err != nil {
			b = b[:k]
		}
		for off := 0; off < len(b); {
			end := bytes.IndexByte(b[off:], 0)
			if end < 0 {
				end = len(b) - off
			}
			if end >= leastText && printable(b[off:off+end]) {
				list = append(list, cut(hidePlaces(f.hidden, string(b[off:off+min(end, 4*mostText)]), at+int64(off)), mostText))
			}
			off += end + 1
		}
	}
	for i := range f.Sections {
		s := &f.Sections[i]
		if s.Type == exe.SectionProgbits && s.Flags&exe.SectionAlloc != 0 && s.Flags&exe.SectionExec == 0 && s.InFile && !derived(s.Name) {
			take(f.Reader(s), int64(s.Off))
		}
	}
	return list
}

func printable(b []byte) bool {
	for _, c := range b {
		if (c < 0x20 || c > 0x7e) && c != '\n' && c != '\t' && c != '\r' {
			return false
		}
	}
	return true
}

func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return s[:most] + "…"
}
