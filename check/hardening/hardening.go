// Package hardening tells which protections programs and the kernel are built
// with: what keeps a fault in a program from becoming control of it.
package hardening

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/exe"
	"github.com/wardein/wardein/internal/stable"
)

const (
	name  = "hardening"
	shown = 10 // quotes of one finding
	// leastCode is the code, in bytes, below which nothing is asked of a
	// file: start-up code alone has no buffers to protect.
	leastCode = 4 << 10

	overflow = "TC_PROTECTION_FROM_BUFFER_OVERFLOW"
)

// Check tells the protections of programs and kernels.
var Check = wardein.Check{
	Name:    name,
	Version: 3,
	Doc: wardein.Doc{
		About: "Protections that programs, libraries and the kernel are built with: non-executable stack, position-independent executables, read-only relocations, stack protector, fortified functions, search paths, and the kernel's own.",
		How: "From an ELF file's program headers: PT_GNU_STACK, PT_GNU_RELRO, segments that are writable and executable, PT_INTERP; from the dynamic segment: binding at start, text relocations, DT_FLAGS_1, RPATH and RUNPATH; from the property note: IBT, shadow stack, BTI, PAC; " +
			"from the dynamic symbols: __stack_chk_* (stack protector) and __*_chk (fortified functions) beside the plain functions that have a fortified form. Shares are over programs and libraries with at least 4 KiB of code that are no kernel modules and were not built by Go; each share over those files of which the question can be answered (fortified functions: what is linked with glibc, musl and uClibc have none). " +
			"Mach-O files: the header's flags (position-independent, executable stack), segments that are writable and executable, ___stack_chk_* and ___*_chk among the symbols, search paths, a code signature. " +
			"Kernel configurations (the one inside the image, or a config file) are read by name; only options that the configuration names are judged.",
		FalsePositives: []string{
			"a file without buffers on the stack has no stack protector even where the compiler was told to use it",
			"a search path below a folder that the unit creates at run time",
		},
		FalseNegatives: []string{
			"a stack protector in some functions of a file counts for the whole file",
			"programs in other forms than ELF and Mach-O",
		},
		Limits: []string{
			"a static program without symbols does not tell whether it has a stack protector: it is not in that share",
			"what the kernel or the boot loader switches on or off at run time is not seen",
			"kernel command lines are not read yet",
		},
		References: []string{
			"System V gABI, chapter 5; Linux Extensions to gABI; ELF for the Arm 64-bit Architecture",
			"3GPP TS 33.117, PROTECTION_FROM_BUFFER_OVERFLOW", "CWE-121, CWE-426, CWE-732",
			"Kernel Self-Protection Project, recommended settings",
		},
	},
	Literals: []string{banner},
	Wants: func(b wardein.Blob) (bool, string) {
		switch {
		case b.Format == "elf", b.Format == "macho":
			return true, ""
		case b.Class == "text" && len(b.Hits(0)) > 0:
			if b.Size > maxConfig {
				return false, "larger than 4 MiB"
			}
			return true, ""
		}
		return false, "no ELF or Mach-O file, no kernel configuration"
	},
	Node: func(ctx context.Context, b wardein.Blob, out func(wardein.Fact)) error {
		if b.Format == "elf" {
			return program(b, out)
		}
		if b.Format == "macho" {
			return machProgram(b, out)
		}
		return kernelConfig(ctx, b, out)
	},
	Tree: tree,
	Cases: map[string][]string{
		"hardening.shares": {overflow}, "hardening.stack": {overflow}, "hardening.code": {overflow}, "hardening.kernel": {overflow},
	},
	Messages: map[string]string{
		"hardening.shares": "Of {files} programs and libraries, {stack} have an executable stack or leave it to the kernel, {relro} have no read-only relocations and {now} have them in full, " +
			"{canary} of {asked} show no stack protector, {fortify} of {callers} that call copying functions call no fortified one, and {fixed} of {programs} programs are loaded at a fixed address.",
		"hardening.shares-uncalled": "Of {files} programs and libraries, {stack} have an executable stack or leave it to the kernel, {relro} have no read-only relocations and {now} have them in full, " +
			"{canary} of {asked} show no stack protector, and {fixed} of {programs} programs are loaded at a fixed address.",
		"hardening.shares-fix":      "Build with -fstack-protector-strong, -D_FORTIFY_SOURCE=2, -fPIE -pie, -Wl,-z,relro,-z,now, and keep the stack non-executable; programs that face the network first.",
		"hardening.shares-until":    "Nothing has to be done at once; where two products do the same work, prefer the one with more protection.",
		"hardening.stack":           "{n} of {files} programs and libraries ask for an executable stack ({which}): what is written into a buffer there can run.",
		"hardening.stack-libraries": "{n} of {files} programs and libraries ask for an executable stack ({which}), none of them a program: where the C library does as they ask (glibc), what is written into a buffer of a program that loads them can run.",
		"hardening.stack-fix":       "Find the object that asks for it (an assembler file without .note.GNU-stack) and link with -z noexecstack.",
		"hardening.code":            "{n} of {files} programs and libraries have memory that is writable and executable at once ({which}).",
		"hardening.code-fix":        "Link code and data into segments of their own.",
		"hardening.path":            "{which} looks for libraries in \"{path}\", {why}: whoever can write there has it run code of his.{more}",
		"hardening.path-fix":        "Link without -rpath, or with one below a system folder.",
		"hardening.path-until":      "Let nobody but administrators create files in that folder on the unit.",
		"hardening.until":           "Nothing has to be done at once.",
		"hardening.kernel":          "{kernel} is built without {n} of the {of} protections that its configuration names: {options}.",
		"hardening.kernel-fix":      "Switch these on in the kernel's configuration, or say for each why not.",
		"hardening.kernel-until":    "Let nobody but administrators run programs on the unit.",
	},
}

// fortified are functions that glibc has a checking form of.
//
// Source: glibc manual, "Source Fortification", and debug/ in its sources.
var fortified = map[string]bool{"memcpy": true, "memmove": true, "memset": true, "mempcpy": true, "strcpy": true, "stpcpy": true, "strncpy": true, "strcat": true, "strncat": true,
	"sprintf": true, "snprintf": true, "vsprintf": true, "vsnprintf": true, "fgets": true, "gets": true, "read": true, "recv": true, "recvfrom": true, "realpath": true, "getcwd": true}

// program states a program's or library's protections as one fact.
func program(b wardein.Blob, out func(wardein.Fact)) error {
	f, err := exe.Open(b, b.Size)
	if err != nil {
		return err
	}
	if f.Type != exe.TypeExec && f.Type != exe.TypeDyn {
		return nil
	}
	p, err := f.Protection()
	if err != nil {
		return err
	}
	dyn, err := f.Dynamic()
	if err != nil {
		return err
	}
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return err
	}
	canary, plain, checked := "no", 0, 0
	for _, s := range symbols {
		base, chk := strings.CutSuffix(s.Name, "_chk")
		switch {
		case strings.HasPrefix(s.Name, "__stack_chk_"):
			canary = "yes"
		case s.Section != 0:
		case chk && fortified[strings.TrimPrefix(base, "__")]:
			checked++
		case fortified[s.Name]:
			plain++
		}
	}
	if !slices.Contains(dyn.Needed, "libc.so.6") {
		plain = 0 // no fortified form to call: musl, uClibc
	}
	if len(symbols) == 0 {
		canary = "not told"
	}
	var code uint64
	for _, s := range f.Segments {
		if s.Type == exe.SegmentLoad && s.Flags&exe.FlagX != 0 && s.InFile {
			code += s.FileSize
		}
	}
	kind := "program"
	switch {
	case f.Type == exe.TypeDyn && !p.PIE:
		kind = "library"
	case p.PIE:
		kind = "position-independent program"
	}
	stack := "not executable"
	if p.Stack.Len == 0 {
		stack = "not told"
	} else if p.ExecutableStack {
		stack = "executable"
	}
	relro := "no"
	switch {
	case !f.HasDynamic() && !p.Relro:
		relro = "static"
	case p.Relro && p.Now:
		relro = "full"
	case p.Relro:
		relro = "partial"
	}
	language := "C"
	if f.Section(".gopclntab") != nil || f.Section(".go.buildinfo") != nil {
		language = "Go"
	}
	var marks []string
	for _, m := range []struct {
		set  bool
		name string
	}{{p.IBT, "IBT"}, {p.ShadowStack, "shadow stack"}, {p.BTI, "BTI"}, {p.PAC, "PAC"}} {
		if m.set {
			marks = append(marks, m.name)
		}
	}
	at := f.SegmentTable
	switch {
	case p.ExecutableStack:
		at = p.Stack
	case len(p.WritableCode) > 0:
		at = p.WritableCode[0]
	}
	out(wardein.Fact{Kind: "program", Off: at.Off, Len: at.Len, Attrs: []wardein.Note{
		{Name: "arch", Value: f.Arch}, {Name: "kind", Value: kind}, {Name: "language", Value: language}, {Name: "code", Value: strconv.FormatUint(code, 10)},
		{Name: "stack", Value: stack}, {Name: "relro", Value: relro}, {Name: "canary", Value: canary},
		{Name: "checked", Value: strconv.Itoa(checked)}, {Name: "plain", Value: strconv.Itoa(plain)},
		{Name: "writable code", Value: strconv.Itoa(len(p.WritableCode))}, {Name: "text relocations", Value: yes(p.TextRelocations)},
		{Name: "marks", Value: strings.Join(marks, ", ")}, {Name: "symbols", Value: yes(f.Section(".symtab") != nil)},
		{Name: "path", Value: cmp.Or(dyn.Runpath, dyn.Rpath)},
	}})
	return nil
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}

// shares are counts over the release, each distinct content once.
type shares struct {
	files, programs, fixed, stack, relro, now, canary, asked, fortify, callers int
	executable, writable, least                                                []place
	asking                                                                     int // programs among executable
	seen                                                                       map[wardein.Digest]bool
}

// place is a file with the bytes that say something of it.
type place struct {
	node     string
	off, len int64
	lacks    int
}

func (s *shares) add(n *wardein.Node, f wardein.Fact) {
	code, _ := strconv.Atoi(f.Attr("code"))
	if s.seen[n.Blob] || code < leastCode || f.Attr("language") != "C" {
		return
	}
	s.seen[n.Blob] = true
	s.files++
	p := place{n.Path, f.Off, f.Len, 0}
	lacks := func(count *int, lacking bool) {
		if lacking {
			*count++
			p.lacks++
		}
	}
	lacks(&s.stack, f.Attr("stack") != "not executable")
	if f.Attr("stack") == "executable" {
		s.executable = append(s.executable, p)
		if f.Attr("kind") != "library" {
			s.asking++
		}
	}
	if f.Attr("writable code") != "0" {
		s.writable = append(s.writable, p)
	}
	lacks(&s.relro, f.Attr("relro") == "no")
	if f.Attr("relro") == "full" {
		s.now++
	}
	if f.Attr("canary") != "not told" {
		s.asked++
		lacks(&s.canary, f.Attr("canary") == "no")
	}
	if f.Attr("checked") != "0" || f.Attr("plain") != "0" {
		s.callers++
		lacks(&s.fortify, f.Attr("checked") == "0")
	}
	if f.Attr("kind") != "library" {
		s.programs++
		lacks(&s.fixed, f.Attr("kind") == "program")
	}
	if p.lacks > 0 {
		s.least = append(s.least, p)
	}
}

func tree(_ context.Context, t wardein.Tree, out func(wardein.Finding)) error {
	s := &shares{seen: map[wardein.Digest]bool{}}
	for n, f := range t.Facts(name) {
		if f.Kind == "program" {
			s.add(n, f)
		}
	}
	number := func(what string, v int) wardein.Note { return wardein.Note{Name: what, Value: strconv.Itoa(v)} }
	if len(s.least) > 0 {
		slices.SortStableFunc(s.least, func(a, b place) int { return cmp.Or(b.lacks-a.lacks, strings.Compare(a.node, b.node)) })
		f := finding("hardening.shares", wardein.Low, s.least)
		f.Reach = wardein.NoneShown
		f.Says.Args = []wardein.Note{number("files", s.files), number("stack", s.stack), number("relro", s.relro), number("now", s.now), number("canary", s.canary),
			number("asked", s.asked), number("fortify", s.fortify), number("callers", s.callers), number("fixed", s.fixed), number("programs", s.programs)}
		f.Meanwhile.ID = "hardening.shares-until"
		if s.callers == 0 {
			f.Says.ID = "hardening.shares-uncalled"
		}
		out(f)
	}
	for _, g := range []struct {
		rule  string
		files []place
	}{{"hardening.stack", s.executable}, {"hardening.code", s.writable}} {
		if len(g.files) > 0 {
			f := finding(g.rule, wardein.Medium, g.files)
			f.Says.Args = []wardein.Note{number("n", len(g.files)), number("files", s.files), {Name: "which", Value: names(g.files)}}
			if g.rule == "hardening.stack" && s.asking == 0 {
				f.Severity, f.Says.ID = wardein.Low, "hardening.stack-libraries"
			}
			out(f)
		}
	}
	paths(t, out)
	kernels(t, out)
	return nil
}

// names are the first files' names.
func names(files []place) string {
	var list []string
	for _, p := range files[:min(3, len(files))] {
		list = append(list, path.Base(p.node))
	}
	if len(files) > 3 {
		list = append(list, "…")
	}
	return strings.Join(list, ", ")
}

// finding is a finding about several files, whose ID is the rule's alone: it
// speaks of the release.
func finding(rule string, severity wardein.Severity, files []place) wardein.Finding {
	f := wardein.Finding{Rule: rule, Node: files[0].node, Severity: severity, Confidence: wardein.Certain, Reach: wardein.Local, ID: stable.ID(rule),
		Says: wardein.Text{ID: rule}, Fix: wardein.Text{ID: rule + "-fix"}, Meanwhile: wardein.Text{ID: "hardening.until"}}
	for _, p := range files[:min(shown, len(files))] {
		f.Quotes = append(f.Quotes, wardein.Quote{Node: p.node, Off: p.off, Len: p.len})
	}
	return f
}

// paths finds search paths that somebody else may write to.
func paths(t wardein.Tree, out func(wardein.Finding)) {
	type hit struct {
		why   string
		files []place
	}
	hits := map[string]*hit{}
	for n, f := range t.Facts(name) {
		if f.Kind != "program" || f.Attr("path") == "" {
			continue
		}
		for dir := range strings.SplitSeq(f.Attr("path"), ":") {
			why := unsafe(dir)
			if why == "" {
				continue
			}
			if hits[dir] == nil {
				hits[dir] = &hit{why: why}
			}
			hits[dir].files = append(hits[dir].files, place{n.Path, f.Off, f.Len, 0})
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(hits)) {
		h := hits[dir]
		f := finding("hardening.path", wardein.Medium, h.files)
		f.ID, f.Confidence, f.Meanwhile.ID = stable.ID("hardening.path", dir), wardein.Likely, "hardening.path-until"
		more := ""
		if n := len(h.files) - 1; n > 0 {
			more = fmt.Sprintf(" So do %d more.", n)
		}
		f.Says.Args = []wardein.Note{{Name: "which", Value: path.Base(h.files[0].node)}, {Name: "path", Value: dir}, {Name: "why", Value: h.why}, {Name: "more", Value: more}}
		out(f)
	}
}

// unsafe says why a search path is one that others may write to, "" where it
// is none.
func unsafe(dir string) string {
	clean := path.Clean("/" + dir)
	switch {
	case strings.HasPrefix(dir, "$ORIGIN"), strings.HasPrefix(dir, "${ORIGIN}"):
		return ""
	case dir == "":
		return "which is the folder that it is started in"
	case !strings.HasPrefix(dir, "/"):
		return "which is relative to the folder that it is started in"
	case clean == "/tmp", strings.HasPrefix(clean, "/tmp/"), strings.HasPrefix(clean, "/var/tmp"), strings.HasPrefix(clean, "/dev/shm"):
		return "where everybody may write"
	}
	return ""
}
