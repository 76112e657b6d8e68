// Package elf reads ELF files: programs, libraries, objects, kernel modules
// and kernels. It finds the file's true end, says which bytes are code of
// which architecture, and lets the engine look for archives and compressed
// data in the data sections.
//
//	e_ident, header            52 or 64 bytes
//	program header table       segments: what the kernel or loader maps
//	sections                   .text, .rodata, .data, .symtab …
//	section header table       often last
//
// The headers are read by package exe; this package turns them into spans.
package elf

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/exe"
)

const (
	// maxSpans bounds the sections that are reported one by one.
	maxSpans = 1 << 16
)

// Format is the ELF file, by the System V Application Binary Interface.
var Format = wardein.Format{
	Name:    "elf",
	Version: 2,
	Doc: wardein.Doc{
		About: "ELF program, shared library, object, kernel module or kernel, 32 and 64 bit, both byte orders.",
		How: "The end is where the last table, segment or section ends; the relocation list behind an x86 kernel and the signature behind a signed kernel module are part of it. Executable sections are code of the header's architecture; " +
			"without section headers, executable segments are. Sections of other program data are searched for what they embed " +
			"(initramfs, kernel configuration, firmware). Bytes between sections belong to none and stay unreferenced.",
		FalseNegatives: []string{"code in a section that is not marked executable is not called code"},
		Limits: []string{
			"Thumb and ARM code are both \"arm\"",
			"at most 65536 sections are reported one by one",
			"data appended behind the end (self-extractors, module signatures) is not part of the file",
		},
		References: []string{
			"System V Application Binary Interface, chapters 4 and 5",
			"elf(5)",
		},
	},
	Magic:   []wardein.Magic{{Bytes: exe.Magic}},
	Measure: measure,
	Extract: extract,
}

func measure(r *io.SectionReader) (wardein.Claim, error) {
	f, err := exe.Open(r, r.Size())
	if errors.Is(err, exe.ErrNotELF) {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	if err != nil {
		return wardein.Claim{}, err
	}
	claim := wardein.Claim{End: f.End + kernelRelocs(f, r, r.Size())}
	claim.End += moduleSignature(r, claim.End)
	claim.Confidence, claim.Evidence = judge(f)
	if claim.Confidence == wardein.Possible && !plausible(f) {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	if len(f.Faults) > 0 {
		return claim, errors.New(f.Faults[0].Why)
	}
	return claim, nil
}

// judge asks whether the tables fit each other, which chance does not do.
func judge(f *exe.File) (wardein.Confidence, string) {
	if f.Truncated {
		if loads(f) > 0 {
			return wardein.Likely, "header and segments ok, file cut"
		}
		return wardein.Possible, "header ok, file cut"
	}
	if n := len(f.Sections); n > 1 && f.Sections[0].Type == exe.SectionNull && len(f.Faults) == 0 {
		named := 0
		for _, s := range f.Sections {
			if s.Name != "" {
				named++
			}
		}
		if named > 0 {
			return wardein.Certain, fmt.Sprintf("%d sections and their names ok", n)
		}
	}
	if n := loads(f); n > 0 {
		if len(f.Faults) == 0 {
			return wardein.Certain, fmt.Sprintf("%d loaded segments ok", n)
		}
		return wardein.Likely, fmt.Sprintf("%d loaded segments ok", n)
	}
	return wardein.Possible, "header ok"
}

// loads counts loaded segments whose offset and address agree modulo their
// alignment, as the specification demands.
func loads(f *exe.File) int {
	n := 0
	for _, s := range f.Segments {
		if s.Type == exe.SegmentLoad && s.InFile && (s.Aligned <= 1 || s.Aligned&(s.Aligned-1) == 0 && (s.Off^s.VAddr)&(s.Aligned-1) == 0) {
			n++
		}
	}
	return n
}

// plausible is the last test for a header that nothing else supports.
func plausible(f *exe.File) bool {
	return f.Type >= exe.TypeRel && f.Type <= exe.TypeCore && !strings.HasPrefix(f.Arch, "machine-") && (len(f.Segments) > 0 || len(f.Sections) > 1)
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	f, err := exe.Open(r, r.Size())
	if err != nil {
		return 0, err
	}
	notes(f, out)
	out.Span(wardein.Span{Len: f.HeaderSize, What: wardein.Known, Is: "header"})
	if p := f.SegmentTable; p.Len > 0 {
		out.Span(wardein.Span{Off: p.Off, Len: p.Len, What: wardein.Known, Is: "program header table"})
	}
	if p := f.SectionTable; p.Len > 0 {
		out.Span(wardein.Span{Off: p.Off, Len: p.Len, What: wardein.Known, Is: "section header table"})
	}
	spans(f, out)
	end := f.End
	if n := kernelRelocs(f, r, r.Size()); n > 0 {
		out.Span(wardein.Span{Off: end, Len: n, What: wardein.Known, Is: "kernel relocations"})
		end += n
	}
	if n := moduleSignature(r, end); n > 0 {
		out.Span(wardein.Span{Off: end, Len: n, What: wardein.Known, Is: "module signature"})
		out.Note("module-signature", fmt.Sprintf("%d bytes, not verified", n))
		end += n
	}
	// Measure has told of the first fault.
	for _, fault := range f.Faults[min(1, len(f.Faults)):] {
		out.Gap(wardein.Gap{Kind: wardein.Damaged, Off: min(fault.Off, f.End), Why: fault.Why})
	}
	if standalone(f) {
		if err := banner(ctx, f, r, out); err != nil {
			return end, err
		}
	}
	return end, nil
}

func notes(f *exe.File, out wardein.Members) {
	order := "little-endian"
	if f.Order.Uint16([]byte{0, 1}) == 1 {
		order = "big-endian"
	}
	kind := exe.TypeName(f.Type)
	if f.IsModule() {
		kind = "kernel module"
	}
	out.Note("class", fmt.Sprintf("%d bit %s", f.Class, order))
	out.Note("arch", f.Arch)
	out.Note("type", kind)
	out.Note("entry", fmt.Sprintf("%#x", f.Entry))
	optional := func(name, value string) {
		if value != "" {
			out.Note(name, value)
		}
	}
	optional("interpreter", f.Interpreter())
	d, err := f.Dynamic()
	if err != nil {
		out.Gap(wardein.Gap{Kind: wardein.Damaged, Why: err.Error()})
	}
	optional("soname", d.Soname)
	optional("needed", strings.Join(d.Needed, " "))
	optional("rpath", d.Rpath)
	optional("runpath", d.Runpath)
	optional("build-id", f.BuildID())
	for _, key := range []string{"name", "version", "license", "vermagic"} {
		optional("module-"+key, strings.Join(f.ModInfo(key), " "))
	}
}

// spans reports the sections and, where no section is executable, the
// executable segments.
func spans(f *exe.File, out wardein.Members) {
	code, n := false, 0
	for _, s := range f.Sections {
		if !s.InFile {
			continue
		}
		if n++; n > maxSpans {
			out.Gap(wardein.Gap{Kind: wardein.Limit, Off: int64(s.Off), Why: fmt.Sprintf("section header table at %#x: %d sections, limit is %d", f.SectionTable.Off, len(f.Sections), maxSpans)})
			break
		}
		span := sectionSpan(&s, f.Arch)
		code = code || span.Code != ""
		out.Span(span)
	}
	if code || f.Type == exe.TypeRel {
		return
	}
	for i, s := range f.Segments {
		if s.Type == exe.SegmentLoad && s.FileSize > 0 && s.Off < uint64(f.End) {
			// A segment holds code, constants and often the headers in one.
			// Of a file that was cut, the part that is there counts.
			span := wardein.Span{Off: int64(s.Off), Len: int64(min(s.FileSize, uint64(f.End)-s.Off)), What: wardein.Known, Is: fmt.Sprintf("segment %d", i), Carve: true}
			if s.Flags&exe.FlagX != 0 {
				span.Code = f.Arch
			}
			for _, known := range []exe.Place{{Len: f.HeaderSize}, f.SegmentTable} {
				if known.Off <= span.Off && known.Off+known.Len > span.Off {
					cut := min(known.Off+known.Len-span.Off, span.Len)
					span.Off, span.Len = span.Off+cut, span.Len-cut
				}
			}
			if span.Len > 0 {
				out.Span(span)
			}
		}
	}
}

// sectionSpan says what a section's bytes are. Tables that the specification
// lays out hold nothing else; program data may hold anything.
func sectionSpan(s *exe.Section, arch string) wardein.Span {
	span := wardein.Span{Off: int64(s.Off), Len: int64(s.Size), What: wardein.Known, Is: s.Name}
	if span.Is == "" {
		span.Is = "section"
	}
	switch {
	case s.Flags&exe.SectionExec != 0:
		span.Code = arch
	case s.Type == exe.SectionProgbits || s.Type > 18 && s.Type < 0x60000000 || s.Type >= 0x80000000:
		span.Carve = true
	case (s.Type == exe.SectionSymtab || s.Type == exe.SectionDynsym) && (s.EntSize == 0 || s.Size%s.EntSize != 0):
		span.Carve = true // not the table that the type promises
	}
	return span
}

// standalone says whether the file runs without a loader, as kernels do.
func standalone(f *exe.File) bool {
	return (f.Type == exe.TypeExec || f.Type == exe.TypeDyn) && f.Interpreter() == "" && !hasSoname(f)
}

func hasSoname(f *exe.File) bool {
	d, _ := f.Dynamic()
	return d.Soname != "" || len(d.Needed) > 0
}

var linuxVersion = []byte("Linux version ")

// banner looks for the banner of a Linux kernel in the loaded bytes that are
// not code.
func banner(ctx context.Context, f *exe.File, r io.ReaderAt, out wardein.Members) error {
	var places []exe.Place
	for _, s := range f.Sections {
		if s.InFile && s.Flags&exe.SectionAlloc != 0 && s.Flags&exe.SectionExec == 0 && s.Type == exe.SectionProgbits {
			places = append(places, exe.Place{Off: int64(s.Off), Len: int64(s.Size)})
		}
	}
	if len(places) == 0 {
		for _, s := range f.Segments {
			if s.Type == exe.SegmentLoad && s.InFile {
				places = append(places, exe.Place{Off: int64(s.Off), Len: int64(s.FileSize)})
			}
		}
	}
	sort.Slice(places, func(i, j int) bool { return places[i].Off < places[j].Off })
	buf := make([]byte, 256<<10)
	done := int64(0) // overlapping sections are read once
	for _, p := range places {
		end := p.Off + p.Len
		for off := max(p.Off, done); off < end; {
			if err := ctx.Err(); err != nil {
				return err
			}
			b := buf[:min(int64(len(buf)), end-off)]
			if n, err := r.ReadAt(b, off); n < len(b) {
				return err
			}
			if text := kernelBanner(b); text != "" {
				out.Note("linux", text)
				return nil
			}
			if off += int64(len(b)); off < end {
				off -= 512 // the banner may straddle two pieces
			}
		}
		done = max(done, end)
	}
	return nil
}

// kernelBanner returns the line "Linux version N…" in b, "" when there is none.
// A format string with the same beginning has no digit there.
func kernelBanner(b []byte) string {
	for {
		i := bytes.Index(b, linuxVersion)
		if i < 0 {
			return ""
		}
		b = b[i:]
		line := b[:min(len(b), 512)]
		if end := bytes.IndexAny(line, "\n\x00"); end > len(linuxVersion) && line[len(linuxVersion)] >= '0' && line[len(linuxVersion)] <= '9' {
			return string(line[:end])
		}
		b = b[len(linuxVersion):]
	}
}
