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
	Version: 3,
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
		"complexity.code":      "{size} of machine code in {files} ({archs}), with {functions} functions counted in {counted} of them; {bare} % of the code has no symbols.",
		"complexity.code-few":  "{size} of machine code in {files} ({archs}): for {uncounted} % of it no table tells where functions begin (counted in the rest: {functions}, in {counted} of the files). {bare} % of the code has no symbols.",
		"complexity.code-none": "{size} of machine code in {files} ({archs}), and no table that tells where functions begin: none were counted. {bare} % of the code has no symbols.",
		"complexity.code-fix":  "Hand an evaluator the files with symbols, apart from the release.",
		"complexity.until":     "Nothing has to be done at once.",
	},
}

// code is the machine code of one file and where its first part stands.
type code struct {
	arch  string
	bytes uint64
	at    exe.Place
}

func (c *code) add(at exe.Place) {
	if c.bytes == 0 {
		c.at = at
	}
	c.bytes += uint64(at.Len)
}

// state states a file's code, if it has any, and the functions that count
// counts.
func (c *code) state(count func() (int64, string, error), out func(wardein.Fact)) error {
	if c.bytes == 0 {
		return nil
	}
	n, by, err := count()
	out(wardein.Fact{Kind: "code", Off: c.at.Off, Len: c.at.Len, Attrs: []wardein.Note{
		{Name: "arch", Value: c.arch}, {Name: "bytes", Value: strconv.FormatUint(c.bytes, 10)}, {Name: "functions", Value: strconv.FormatInt(n, 10)}, {Name: "by", Value: by},
	}})
	return err
}

func node(_ context.Context, b wardein.Blob, out func(wardein.Fact)) error {
	if b.Format == "macho" {
		return machNode(b, out)
	}
	f, err := exe.Open(b, b.Size)
	if err != nil || f.Type != exe.TypeExec && f.Type != exe.TypeDyn {
		return err
	}
	c := code{arch: f.Arch}
	for _, s := range f.Segments {
		if s.Type == exe.SegmentLoad && s.Flags&exe.FlagX != 0 && s.InFile && s.FileSize > 0 {
			c.add(exe.Place{Off: int64(s.Off), Len: int64(s.FileSize)})
		}
	}
	return c.state(f.CountFunctions, out)
}

// machNode counts the sections of code of a Mach-O program or library.
func machNode(b wardein.Blob, out func(wardein.Fact)) error {
	f, err := exe.OpenMachO(b, b.Size)
	if err != nil || f.Type == exe.MachObject || f.Type == exe.MachCore {
		return err
	}
	c := code{arch: f.Arch}
	for _, s := range f.Sections {
		if s.IsCode() && s.InFile {
			c.add(exe.Place{Off: s.Off, Len: int64(s.Size)})
		}
	}
	return c.state(f.CountFunctions, out)
}

func tree(_ context.Context, t wardein.Tree, out func(wardein.Finding)) error {
	seen := map[wardein.Digest]bool{}
	archs := map[string]int64{}
	var files, counted int
	var code, bare, uncounted, functions int64
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
		if x.Attr("by") == "" {
			uncounted += bytes
		} else {
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
	id := "complexity.code"
	switch {
	case counted == 0:
		id += "-none"
	case 2*uncounted > code: // what could not be counted comes first
		id += "-few"
	}
	f.Says = wardein.Text{ID: id, Args: []wardein.Note{
		{Name: "files", Value: plural(files)}, {Name: "size", Value: size(code)}, {Name: "archs", Value: strings.Join(list, ", ")},
		{Name: "functions", Value: strconv.FormatInt(functions, 10)}, {Name: "counted", Value: strconv.Itoa(counted)},
		{Name: "bare", Value: share(bare, code)}, {Name: "uncounted", Value: share(uncounted, code)},
	}}
	out(f)
	return nil
}

func plural(n int) string {
	if n == 1 {
		return "1 program or library"
	}
	return strconv.Itoa(n) + " programs and libraries"
}

func share(n, of int64) string { return strconv.FormatInt((n*200+of)/(2*of), 10) }

func size(n int64) string {
	if n < 1e6 {
		return fmt.Sprintf("%d.%d kB", n/1000, n/100%10)
	}
	return fmt.Sprintf("%d.%d MB", n/1e6, n/1e5%10)
}
