// Package macho reads Mach-O files, the programs and libraries of Apple's
// systems, and fat files, which hold one for each of several processors.
//
//	header             magic, processor, kind, flags; 28 or 32 bytes
//	load commands      segments with their sections, libraries, tables, UUID …
//	__TEXT, __DATA …   segments
//	__LINKEDIT         symbols, their names, what the loader binds, signature
//
// The headers are read by package exe; this package turns them into spans.
package macho

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/exe"
)

var references = []string{"Apple, <mach-o/loader.h>, <mach-o/nlist.h>, <mach-o/fat.h>"}

// Format is the Mach-O file.
var Format = wardein.Format{
	Name:    "macho",
	Version: 1,
	Doc: wardein.Doc{
		About: "Mach-O program, library, object or kernel extension of macOS, iOS and their kin; 32 and 64 bit, both byte orders.",
		How: "The end is where the last segment, section or table ends that a load command names. Sections that hold instructions are code of the header's processor; " +
			"other sections are searched for what they embed. Bytes of the link-edit segment that no command names stay unreferenced.",
		Limits: []string{
			"signatures are not verified", "encrypted segments (LC_ENCRYPTION_INFO) stay as they are and are a gap",
			"data appended behind the end is not part of the file",
		},
		References: references,
	},
	Magic:   []wardein.Magic{{Bytes: "\xfe\xed\xfa\xce"}, {Bytes: "\xfe\xed\xfa\xcf"}, {Bytes: "\xce\xfa\xed\xfe"}, {Bytes: "\xcf\xfa\xed\xfe"}},
	Measure: measure,
	Extract: extract,
}

// FormatFat is the fat (universal) file.
var FormatFat = wardein.Format{
	Name:    "macho-fat",
	Version: 1,
	Doc: wardein.Doc{
		About:      "Fat (universal) file: Mach-O files or libraries of objects for several processors in one.",
		How:        "A big-endian table of processor, place and size. Each file that it names must begin as one; so Java class files, which have the same magic, are told apart.",
		Limits:     []string{"at most 32 processors"},
		References: references,
	},
	Magic:   []wardein.Magic{{Bytes: "\xca\xfe\xba\xbe\x00\x00\x00"}, {Bytes: "\xca\xfe\xba\xbf\x00\x00\x00"}},
	Measure: measureFat,
	Extract: extractFat,
}

func measure(r *io.SectionReader) (wardein.Claim, error) {
	f, err := exe.OpenMachO(r, r.Size())
	if errors.Is(err, exe.ErrNotMachO) {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	if err != nil {
		return wardein.Claim{}, err
	}
	claim := wardein.Claim{End: f.End, Confidence: wardein.Certain, Evidence: fmt.Sprintf("header, %d segments and %d sections ok", len(f.Segments), len(f.Sections))}
	if len(f.Segments) == 0 {
		claim.Confidence, claim.Evidence = wardein.Likely, "header and load commands ok"
	}
	if len(f.Faults) > 0 {
		claim.Confidence, claim.Evidence = wardein.Likely, "header ok"
		return claim, errors.New(f.Faults[0].Why)
	}
	return claim, nil
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	f, err := exe.OpenMachO(r, r.Size())
	if err != nil {
		return 0, err
	}
	notes(f, out)
	span := func(p exe.Place, is, code string, carve bool) {
		off := max(p.Off, f.HeaderSize) // __TEXT begins with the header
		if n := min(p.Off+p.Len, f.End) - off; n > 0 {
			out.Span(wardein.Span{Off: off, Len: n, What: wardein.Known, Is: is, Code: code, Carve: carve})
		}
	}
	out.Span(wardein.Span{Len: f.HeaderSize, What: wardein.Known, Is: "header and load commands"})
	encrypted := f.Encrypted
	for _, s := range f.Sections {
		if !s.HasBytes || s.Off >= f.End {
			continue
		}
		switch p := (exe.Place{Off: s.Off, Len: int64(min(s.Size, uint64(f.End-s.Off)))}); {
		case p.Off < encrypted.Off+encrypted.Len && encrypted.Off < p.Off+p.Len:
		case s.IsCode():
			span(p, s.Segment+","+s.Name, f.Arch, false)
		default:
			span(p, s.Segment+","+s.Name, "", true)
		}
	}
	if len(f.Sections) == 0 {
		for _, s := range f.Segments {
			if s.InFile && s.Name != "__LINKEDIT" {
				code := ""
				if s.Protect&4 != 0 {
					code = f.Arch
				}
				span(exe.Place{Off: int64(s.Off), Len: int64(s.Size)}, s.Name, code, true)
			}
		}
	}
	span(f.Symbols, "symbol table", "", false)
	span(f.Strings, "string table", "", false)
	span(f.Signature, "code signature", "", false)
	for _, t := range f.Tables {
		span(t.Place, t.Name, "", false)
	}
	if p := encrypted; p.Len > 0 && p.Off < f.End {
		n := min(p.Len, f.End-p.Off)
		out.Span(wardein.Span{Off: p.Off, Len: n, What: wardein.Opaque, Is: "encrypted"})
		out.Gap(wardein.Gap{Kind: wardein.Encrypted, Off: p.Off, Len: n, Why: "LC_ENCRYPTION_INFO: encrypted by its publisher, no key"})
	}
	// Measure has told of the first.
	for _, fault := range f.Faults[min(1, len(f.Faults)):] {
		out.Gap(wardein.Gap{Kind: wardein.Damaged, Off: min(fault.Off, f.End), Why: fault.Why})
	}
	return f.End, ctx.Err()
}

func notes(f *exe.MachO, out wardein.Members) {
	order := "little-endian"
	if f.Order.Uint16([]byte{0, 1}) == 1 {
		order = "big-endian"
	}
	out.Note("class", fmt.Sprintf("%d bit %s", f.Class, order))
	out.Note("arch", f.Arch)
	out.Note("type", exe.MachTypeName(f.Type))
	if f.HasEntry {
		out.Note("entry", fmt.Sprintf("%#x", f.Entry))
	}
	for _, n := range []wardein.Note{{Name: "platform", Value: f.Platform}, {Name: "oldest-system", Value: f.MinOS}, {Name: "sdk", Value: f.SDK}, {Name: "uuid", Value: f.UUID},
		{Name: "install-name", Value: f.ID}, {Name: "loader", Value: f.Loader}, {Name: "needed", Value: strings.Join(f.Libraries, " ")}, {Name: "rpath", Value: strings.Join(f.Paths, " ")}} {
		if n.Value != "" {
			out.Note(n.Name, n.Value)
		}
	}
	if f.Signature.Len > 0 {
		out.Note("code-signature", fmt.Sprintf("%d bytes, not verified", f.Signature.Len))
	}
}

func measureFat(r *io.SectionReader) (wardein.Claim, error) {
	f, err := exe.OpenFat(r, r.Size())
	if errors.Is(err, exe.ErrNotMachO) {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	if err != nil {
		return wardein.Claim{}, err
	}
	claim := wardein.Claim{End: f.End, Confidence: wardein.Certain, Evidence: fmt.Sprintf("header ok, %d files begin where it says", len(f.Slices))}
	if len(f.Faults) > 0 {
		claim.Confidence = wardein.Likely
		return claim, errors.New(f.Faults[0].Why)
	}
	return claim, nil
}

func extractFat(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	f, err := exe.OpenFat(r, r.Size())
	if err != nil {
		return 0, err
	}
	out.Span(wardein.Span{Len: f.HeaderSize, What: wardein.Known, Is: "header"})
	for _, s := range f.Slices {
		n := min(s.Len, f.End-s.Off)
		if n <= 0 {
			continue
		}
		if err := out.Extents(wardein.Entry{Name: s.Arch}, []wardein.Extent{{Off: s.Off, Len: n}}); err != nil {
			return f.End, err
		}
	}
	for _, fault := range f.Faults[min(1, len(f.Faults)):] {
		out.Gap(wardein.Gap{Kind: wardein.Damaged, Off: min(fault.Off, f.End), Why: fault.Why})
	}
	return f.End, ctx.Err()
}
