// Package complexity says how much machine code a release holds and how much
// of it could be reviewed at all: code without symbols can be read, but nothing
// names its functions.
package complexity

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/exe"
	"github.com/wardein/wardein/internal/stable"
)

const (
	name  = "complexity"
	shown = 10
)

// Check tells size, number of functions and share of code without symbols.
var Check = wardein.Check{
	Name:    name,
	Version: 2,
	Doc: wardein.Doc{
		About: "How much machine code a release holds, by processor, in how many functions, and how much of it has no symbols.",
		How: "Code is what a program's or library's segments load as executable; the same content counts once. Functions are counted from the first table that a file has: " +
			"the symbol table, the unwinding table (.eh_frame_hdr), the procedure table of mips (.pdr); in Mach-O files the symbols of sections of code, or the starts of functions (LC_FUNCTION_STARTS). Code counts as named where the file has a symbol table with functions.",
		FalsePositives: []string{"read-only data that a linker put into an executable segment counts as code"},
		FalseNegatives: []string{"functions of a file that has none of the tables are not counted; the share of such code is stated"},
		Limits:         []string{"ELF and Mach-O only; kernels without a header are not counted", "branching inside functions is measured in sources alone (check source)"},
		References:     []string{"System V gABI, chapters 4 and 5", "LSB 5.0 Core, Exception Frames", "HCSEC Oversight Board annual report 2019, 3.25 to 3.42 (why it matters)"},
	},
	Wants: func(b wardein.Blob) (bool, string) {
		if b.Format == "elf" || b.Format == "macho" {
			return true, ""
		}
		return false, "no ELF or Mach-O file"
	},
	Node: node,
	Tree: tree,
	Messages: map[string]string{
		"complexity.code":     "{files} programs and libraries hold {size} of machine code ({archs}), with {functions} functions counted in {counted} of them; {bare} % of the code has no symbols.",
		"complexity.code-fix": "Hand an evaluator the files with symbols, apart from the release.",
		"complexity.until":    "Nothing has to be done at once.",
	},
}

func node(_ context.Context, b wardein.Blob, out func(wardein.Fact)) error {
	if b.Format == "macho" {
		return machNode(b, out)
	}
	f, err := exe.Open(b, b.Size)
	if err != nil {
		return err
	}
	if f.Type != exe.TypeExec && f.Type != exe.TypeDyn {
		return nil
	}
	var code uint64
	at := f.SegmentTable
	for _, s := range f.Segments {
		if s.Type == exe.SegmentLoad && s.Flags&exe.FlagX != 0 && s.InFile && s.FileSize > 0 {
			if code == 0 {
				at = exe.Place{Off: int64(s.Off), Len: int64(s.FileSize)}
			}
			code += s.FileSize
		}
	}
	if code == 0 {
		return nil
	}
	n, table, err := f.CountFunctions()
	out(wardein.Fact{Kind: "code", Off: at.Off, Len: at.Len, Attrs: []wardein.Note{
		{Name: "arch", Value: f.Arch}, {Name: "bytes", Value: strconv.FormatUint(code, 10)}, {Name: "functions", Value: strconv.FormatInt(n, 10)}, {Name: "by", Value: table},
	}})
	return err
}

// machNode counts the sections of code of a Mach-O program or library.
func machNode(b wardein.Blob, out func(wardein.Fact)) error {
	f, err := exe.OpenMachO(b, b.Size)
	if err != nil || f.Type == exe.MachObject || f.Type == exe.MachCore {
		return err
	}
	var code uint64
	var at exe.Place
	for _, s := range f.Sections {
		if s.IsCode() && s.InFile {
			if code == 0 {
				at = exe.Place{Off: s.Off, Len: int64(s.Size)}
			}
			code += s.Size
		}
	}
	if code == 0 {
		return nil
	}
	n, table, err := f.CountFunctions()
	out(wardein.Fact{Kind: "code", Off: at.Off, Len: at.Len, Attrs: []wardein.Note{
		{Name: "arch", Value: f.Arch}, {Name: "bytes", Value: strconv.FormatUint(code, 10)}, {Name: "functions", Value: strconv.FormatInt(n, 10)}, {Name: "by", Value: table},
	}})
	return err
}

func tree(_ context.Context, t wardein.Tree, out func(wardein.Finding)) error {
	seen := map[wardein.Digest]bool{}
	archs := map[string]int64{}
	var files, counted int
	var code, bare, functions int64
	f := wardein.Finding{Rule: "complexity.code", Severity: wardein.Info, Confidence: wardein.Certain, Reach: wardein.NoneShown, ID: stable.ID("complexity.code"),
		Fix: wardein.Text{ID: "complexity.code-fix"}, Meanwhile: wardein.Text{ID: "complexity.until"}}
	for n, x := range t.Facts(name) {
		if seen[n.Blob] {
			continue
		}
		seen[n.Blob] = true
		bytes, _ := strconv.ParseInt(x.Attr("bytes"), 10, 64)
		k, _ := strconv.ParseInt(x.Attr("functions"), 10, 64)
		files++
		code += bytes
		functions += k
		archs[x.Attr("arch")] += bytes
		if x.Attr("by") != "symbols" {
			bare += bytes
		}
		if x.Attr("by") != "" {
			counted++
		}
		if f.Node == "" {
			f.Node = n.Path
		}
		if len(f.Quotes) < shown {
			f.Quotes = append(f.Quotes, wardein.Quote{Node: n.Path, Off: x.Off, Len: x.Len})
		}
	}
	if files == 0 || code == 0 {
		return nil
	}
	var list []string
	for a, n := range archs {
		list = append(list, a+" "+size(n))
	}
	slices.Sort(list)
	f.Says = wardein.Text{ID: "complexity.code", Args: []wardein.Note{
		{Name: "files", Value: strconv.Itoa(files)}, {Name: "size", Value: size(code)}, {Name: "archs", Value: strings.Join(list, ", ")},
		{Name: "functions", Value: strconv.FormatInt(functions, 10)}, {Name: "counted", Value: strconv.Itoa(counted)},
		{Name: "bare", Value: strconv.FormatInt((bare*200+code)/(2*code), 10)},
	}}
	out(f)
	return nil
}

func size(n int64) string {
	if n < 1e6 {
		return fmt.Sprintf("%d.%d kB", n/1000, n/100%10)
	}
	return fmt.Sprintf("%d.%d MB", n/1e6, n/1e5%10)
}
