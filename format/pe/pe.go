// Package pe reads Portable Executables: Windows programs and libraries, and
// EFI applications and drivers.
//
//	0x00       DOS header "MZ", at 0x3c the offset of the next
//	           "PE\0\0", COFF header, optional header, section table
//	           sections: .text, .data, .rsrc …
//	           certificate table
//
// The headers are read by package exe; this package turns them into spans.
package pe

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/exe"
)

// Format is the PE file.
var Format = wardein.Format{
	Name:    "pe",
	Version: 1,
	Doc: wardein.Doc{
		About: "Windows or EFI program, library or driver (PE, COFF image).",
		How: "The end is where the last section, the symbol table or the certificate table ends. Sections marked as code are code of the header's architecture; " +
			"the others, resources among them, are searched for what they embed.",
		Limits: []string{
			"resources are not handed out one by one",
			"signatures are not verified",
			"data appended behind the end (installers, self-extractors) is not part of the file",
			"DOS programs without PE header are not recognised",
		},
		References: []string{"Microsoft, PE Format, https://learn.microsoft.com/windows/win32/debug/pe-format"},
	},
	Magic:   []wardein.Magic{{Bytes: "MZ"}},
	Measure: measure,
	Extract: extract,
}

func measure(r *io.SectionReader) (wardein.Claim, error) {
	f, err := exe.OpenPE(r, r.Size())
	if errors.Is(err, exe.ErrNotPE) {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	if err != nil {
		return wardein.Claim{}, err
	}
	claim := wardein.Claim{End: f.End, Confidence: wardein.Certain, Evidence: fmt.Sprintf("headers and %d sections ok", len(f.Sections))}
	if len(f.Faults) > 0 {
		claim.Confidence, claim.Evidence = wardein.Likely, "headers ok"
		return claim, errors.New(f.Faults[0].Why)
	}
	return claim, nil
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	f, err := exe.OpenPE(r, r.Size())
	if err != nil {
		return 0, err
	}
	kind := "program"
	switch {
	case f.Subsystem >= 10 && f.Subsystem <= 13:
		kind = "EFI image"
	case f.Subsystem == 1:
		kind = "driver"
	case f.DLL:
		kind = "library"
	}
	out.Note("class", fmt.Sprintf("%d bit", f.Class))
	out.Note("arch", f.Arch)
	out.Note("type", kind)
	out.Note("subsystem", fmt.Sprint(f.Subsystem))
	out.Note("timestamp", fmt.Sprintf("%#08x", f.TimeStamp))
	span := func(off, n int64, is, code string, carve bool) {
		if n = min(n, f.End-off); off < f.End && n > 0 {
			out.Span(wardein.Span{Off: off, Len: n, What: wardein.Known, Is: is, Code: code, Carve: carve})
		}
	}
	span(0, 0x40, "DOS header", "", false)
	if f.HeaderAt > 0x40 {
		span(0x40, f.HeaderAt-0x40, "DOS stub", "x86", true)
	}
	span(max(0x40, f.HeaderAt), f.HeaderSize-max(0x40, f.HeaderAt), "PE header", "", false)
	for _, s := range f.Sections {
		if !s.HasBytes {
			continue
		}
		code := ""
		if s.IsCode() {
			code = f.Arch
		}
		span(s.Off, s.Size, s.Name, code, code == "")
	}
	span(f.Symbols.Off, f.Symbols.Len, "symbol table", "", false)
	span(f.Certificates.Off, f.Certificates.Len, "certificate table", "", false)
	// Measure has told of the first.
	for _, fault := range f.Faults[min(1, len(f.Faults)):] {
		out.Gap(wardein.Gap{Kind: wardein.Damaged, Off: min(fault.Off, f.End), Why: fault.Why})
	}
	return f.End, ctx.Err()
}
