package hardening

import (
	"strconv"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/exe"
)

// machProgram states a Mach-O program's or library's protections as one fact.
// What the form does not have (read-only relocations) is "not told".
func machProgram(b wardein.Blob, out func(wardein.Fact)) error {
	f, err := exe.OpenMachO(b, b.Size)
	if err != nil {
		return err
	}
	kind := ""
	switch {
	case f.Type == exe.MachDylib || f.Type == exe.MachBundle:
		kind = "library"
	case f.Type == exe.MachExecute && f.Flags&exe.MachPIE != 0:
		kind = "position-independent program"
	case f.Type == exe.MachExecute:
		kind = "program"
	default:
		return nil
	}
	symbols, err := f.SymbolTable()
	if err != nil {
		return err
	}
	canary, plain, checked, named := "no", 0, 0, false
	for _, s := range symbols {
		if !s.Undefined() {
			named = named || s.Type&0xE0 == 0 && s.Type&1 == 0 // of this file alone
			continue
		}
		name := strings.TrimPrefix(s.Name, "_")
		base, chk := strings.CutSuffix(name, "_chk")
		switch {
		case strings.HasPrefix(name, "__stack_chk_"):
			canary = "yes"
		case chk && fortified[strings.TrimPrefix(base, "__")]:
			checked++
		case fortified[name]:
			plain++
		}
	}
	if len(symbols) == 0 {
		canary = "not told"
	}
	var code uint64
	language := "C"
	for _, s := range f.Sections {
		if s.IsCode() && s.InFile {
			code += s.Size
		}
		if s.Name == "__gopclntab" {
			language = "Go"
		}
	}
	writable := 0
	for _, s := range f.Segments {
		if s.Protect&6 == 6 {
			writable++
		}
	}
	stack := "not executable"
	if f.Flags&exe.MachAllowStackExecution != 0 {
		stack = "executable"
	}
	var marks, paths []string
	if f.Flags&exe.MachNoHeapExecution != 0 {
		marks = append(marks, "no heap execution")
	}
	if f.Signature.Len > 0 {
		marks = append(marks, "code signature")
	}
	for _, p := range f.Paths {
		if !strings.HasPrefix(p, "@") { // beside the program
			paths = append(paths, p)
		}
	}
	out(wardein.Fact{Kind: "program", Len: f.HeaderSize, Attrs: []wardein.Note{
		{Name: "arch", Value: f.Arch}, {Name: "kind", Value: kind}, {Name: "language", Value: language}, {Name: "code", Value: strconv.FormatUint(code, 10)},
		{Name: "stack", Value: stack}, {Name: "relro", Value: "not told"}, {Name: "canary", Value: canary},
		{Name: "checked", Value: strconv.Itoa(checked)}, {Name: "plain", Value: strconv.Itoa(plain)},
		{Name: "writable code", Value: strconv.Itoa(writable)}, {Name: "text relocations", Value: "no"},
		{Name: "marks", Value: strings.Join(marks, ", ")}, {Name: "symbols", Value: yes(named)},
		{Name: "path", Value: strings.Join(paths, ":")},
	}})
	return nil
}
