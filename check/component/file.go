package component

import (
	"io"
	"slices"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/exe"
)

// Bounds on what is stated about one file.
const (
	maxQuote   = 160
	maxVersion = 48
	maxPerRule = 64 // hits of one literal that are looked at
	maxFacts   = 400
	maxNeeded  = 2048 // bytes of names
)

// file is one binary that is looked at.
type file struct {
	blob   wardein.Blob
	out    func(wardein.Fact)
	seen   map[string]bool
	stated int
	exe    *exe.File
	soname string
	module bool // a Linux kernel module: its versions are the kernel's
	needed []string
	// libraries are those of needed that are stated
	libraries []string
	symbols   []exe.Symbol
}

func note(name, value string) wardein.Note { return wardein.Note{Name: name, Value: value} }

// state states a fact once; what is empty is left out.
func (f *file) state(kind string, off, n int64, attrs ...wardein.Note) {
	key := kind
	kept := attrs[:0]
	for _, a := range attrs {
		if a.Value != "" {
			kept = append(kept, a)
			if a.Name != "quote" {
				key += "\x00" + a.Name + "=" + a.Value
			}
		}
	}
	if f.seen[key] || f.stated == maxFacts {
		return
	}
	f.seen[key] = true
	f.stated++
	f.out(wardein.Fact{Kind: kind, Off: off, Len: n, Attrs: kept})
}

// open reads what an ELF file says of itself.
func (f *file) open() (err error) {
	if f.exe, err = exe.Open(f.blob, f.blob.Size); err != nil {
		return err
	}
	if f.module = f.exe.IsModule(); f.module {
		return nil
	}
	d, _ := f.exe.Dynamic() // a damaged table: what could be read counts
	f.needed, f.soname = d.Needed, d.Soname
	f.symbols, _ = f.exe.DynamicSymbols()
	var nodes, products []string
	needed := 0
	for _, n := range d.Needed {
		if needed += len(n) + 1; needed < maxNeeded {
			f.libraries = append(f.libraries, n)
		}
	}
	for i := range f.symbols {
		s := &f.symbols[i]
		if s.Section == 0xfff1 && len(nodes) < 64 && len(s.Name) < maxVersion {
			if at := strings.LastIndexByte(s.Name, '_'); at > 0 && lone(s.Name[at+1:]) != "" {
				nodes = append(nodes, s.Name[at+1:])
			}
		}
		if !s.Defined() {
			continue
		}
		if p := known().byExport[s.Name]; p != nil && !slices.Contains(products, p.Name) {
			products = append(products, p.Name)
		}
	}
	f.state("elf", 0, f.exe.HeaderSize, note("soname", clean(d.Soname)), note("exports", strings.Join(products, " ")),
		note("nodes", strings.Join(nodes, " ")), note("needed", strings.Join(f.libraries, " ")))
	f.fingerprint(d.Soname)
	return nil
}

// clean is a name as found in a file, bounded.
func clean(s string) string { return s[:min(len(s), 128)] }

// needs tells whether the file needs one of some libraries, which stand there
// without a version.
func (f *file) needs(libraries []string) bool {
	return slices.ContainsFunc(f.needed, func(n string) bool { return among(n, libraries) })
}

// among tells whether a soname is of one of some libraries, which stand there
// without a version.
func among(soname string, libraries []string) bool {
	for _, l := range libraries {
		if rest, ok := strings.CutPrefix(soname, l); ok && (rest == "" || rest[0] == '.' || rest[0] == '-') {
			return true
		}
	}
	return false
}

type place struct {
	product *product
	off     int64
}

// rules tries each rule where its literal stands.
func (f *file) rules() error {
	buf := make([]byte, windowSize)
	taken := map[place]bool{}
	for i, r := range known().rules {
		hits := f.blob.Hits(markFirstRule + i)
		for _, off := range hits[:min(len(hits), maxPerRule)] {
			from := max(0, off-windowBefore)
			n, err := f.blob.ReadAt(buf[:min(windowSize, f.blob.Size-from)], from)
			if int64(n) < off-from+int64(len(r.Literal)) {
				if err == nil || err == io.EOF {
					continue
				}
				return err
			}
			version, a, z, ok := r.find(buf[:n], int(off-from))
			if !ok || len(version) > maxVersion {
				continue
			}
			// Of a product's rules about one place the first that matches counts.
			if at := (place{r.product, off}); version != "" && taken[at] {
				continue
			} else if version != "" {
				taken[at] = true
			}
			built := ""
			if f.needs(r.NeedsNot) {
				built = "against"
			}
			own := ""
			if r.Own {
				own = "only"
			}
			for a < z && !printable(buf[a]) {
				a++
			}
			for z > a && !printable(buf[z-1]) {
				z--
			}
			if r.product.Name == "linux" && (f.module || len(f.needed) > 0) {
				continue // a module, or a program that speaks of kernels
			}
			f.state("rule", from+int64(a), min(int64(z-a), 256), note("product", r.product.Name), note("version", version),
				note("built", built), note("own", own), note("quote", quote(buf[a:z])))
		}
	}
	return nil
}

// quote is the text of a place: what is not printable becomes a space, ends
// are cut.
func quote(b []byte) string {
	b = slices.Clone(b[:min(len(b), maxQuote)])
	for i, c := range b {
		if c < 0x20 || c > 0x7e {
			b[i] = ' '
		}
	}
	return strings.TrimSpace(string(b))
}

// readOnly gives the file's parts in which constants stand: not its code, not
// its tables.
func (f *file) readOnly(look func(off, n int64) error) error {
	any := false
	// Tables that name the same bytes again and again are not followed.
	budget := 2 * f.blob.Size
	each := func(off, n int64) error {
		if budget -= n; n <= 0 || budget < 0 {
			return nil
		}
		return look(off, n)
	}
	for i := range f.exe.Sections {
		s := &f.exe.Sections[i]
		if s.Type != exe.SectionProgbits || s.Flags&exe.SectionAlloc == 0 || s.Flags&exe.SectionExec != 0 || !s.InFile {
			continue
		}
		any = true
		switch {
		case strings.HasPrefix(s.Name, ".rodata"), strings.HasPrefix(s.Name, ".data"), s.Name == ".sdata", s.Name == ".rdata":
			if err := each(int64(s.Off), int64(s.Size)); err != nil {
				return err
			}
		}
	}
	if any {
		return nil
	}
	// Without section headers all that is loaded is looked at but the names
	// of symbols and versions, which end alike (GLIBC_2.4).
	_, names := f.exe.DynamicTables()
	for _, s := range f.exe.Segments {
		if s.Type != exe.SegmentLoad || !s.InFile {
			continue
		}
		from, to := int64(s.Off), int64(s.Off+s.FileSize)
		if names.Len > 0 && names.Off >= from && names.Off < to {
			if err := each(from, names.Off-from); err != nil {
				return err
			}
			from = min(to, names.Off+names.Len)
		}
		if err := each(from, to-from); err != nil {
			return err
		}
	}
	return nil
}
