// Package unsafecall counts in programs which functions of C that write into a
// buffer are called: those that are given the buffer's size, and those that
// are not.
//
//	call site   bl stub      found by its target, in stripped code
//	stub        jump *slot   found by its bytes
//	slot        strcpy       named by its relocation
//
// The counting is exe's; this package knows the functions, and adds up.
package unsafecall

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/exe"
	"github.com/wardein/wardein/internal/cfuncs"
)

// Check counts calls in ELF files.
var Check = wardein.Check{
	Name:    "unsafecall",
	Version: 3,
	Doc: wardein.Doc{
		About: "Direct calls of functions that copy or format into a buffer, by family and by whether they are given the buffer's size; functions with a safe name that pass the size to nobody.",
		How: "In each ELF program, library and kernel module, stripped or not, the slots of imported functions are read from the relocations, the stubs that jump through them are recognised by their bytes, and a branch whose target is a stub is a call of that function (a branch that does not come back is a tail call). " +
			"MIPS loads the slot itself: there registers are followed through the blocks of a function until the jump. Kernel modules and objects are counted by their relocations. Calls of the functions of a table (families memcpy, strcpy, sprintf, gets; safe, bounded, unsafe; vendors' names in the manner of Annex K by their end) are added up for the release, each content once: in programs and libraries, in those of them that face the network (they import accept, listen, socket, or a function that receives from one), and, apart, in kernel modules. " +
			"The share is unsafe ÷ (unsafe + safe); bounded functions (strncpy, scanf) are in neither. An exported function whose name ends in _s and that is no more than a jump to an unsafe function of its family is a finding. " +
			"Measured against relocations kept in the unstripped twin: bench/unsafecall.",
		FalsePositives: []string{
			"a call whose sizes were checked before is a call all the same: the count shows how much depends on such checks, not an error",
			"memcpy that the compiler put in for an assignment of a structure is counted as a call",
			"a program whose sockets are all local (AF_UNIX) counts as facing the network",
			"four bytes of data between code that look like a branch to a stub: about one in 2^24 for each stub",
		},
		FalseNegatives: []string{
			"calls through pointers; in files without PLT (-fno-plt), on x86 calls through a register that the slot was loaded into, on AArch64 those whose load stands before a branch or another function's call",
			"what the compiler put in place of a call (a copy of a few bytes, strcpy of a constant)",
			"functions linked in, not imported: busybox and others that are linked statically are gaps",
			"wrappers with a name of their own: only the one call in the wrapper is seen",
			"a program that is handed its connection by another (inetd), or receives through a library, does not count as facing the network",
		},
		Limits: []string{
			"x86, x86-64, ARM and Thumb-2, AArch64, PowerPC of 32 and 64 bits, MIPS (o32, n64) are read, MIPS16 in programs at fixed addresses; files with other MIPS16 or microMIPS code, MIPS release 6, n32 and other processors are gaps",
			"PE and Mach-O files, and kernels that are not ELF, are not read",
		},
		References: []string{
			"HCSEC Oversight Board annual report 2019, 3.36 (the way of counting)", "ISO/IEC 9899:2011, Annex K", "System V Application Binary Interface and its processor supplements",
			"CWE-120, CWE-242, CWE-676", "3GPP TS 33.117, PROTECTION_FROM_BUFFER_OVERFLOW",
		},
	},
	Code: true,
	Wants: func(b wardein.Blob) (bool, string) {
		return b.Format == "elf", "no ELF file"
	},
	Node: node,
	Tree: tree,
	Cases: map[string][]string{
		"unsafecall.calls": {"TC_PROTECTION_FROM_BUFFER_OVERFLOW"}, "unsafecall.gets": {"TC_PROTECTION_FROM_BUFFER_OVERFLOW"}, "unsafecall.wrapper": {"TC_PROTECTION_FROM_BUFFER_OVERFLOW"},
	},
	Messages: map[string]string{
		"unsafecall.calls":         calls + most,
		"unsafecall.calls-n":       calls + near + most,
		"unsafecall.calls-m":       calls + modules + most,
		"unsafecall.calls-nm":      calls + near + modules + most,
		"unsafecall.calls-modules": "Of the direct calls in {of-modules}, {modules} go to functions that do not know the size of what they write to." + most,
		"unsafecall.calls-fix":     "Build with _FORTIFY_SOURCE, and replace the calls by functions that are given the size of the destination, in programs that read what comes from outside first.",
		"unsafecall.gets":          "{functions} is called, which writes as much as comes in, whatever the size of the buffer: in {files} of {of} ({list}).",
		"unsafecall.gets-fix":      "Call fgets or getcwd with the size of the buffer: no caution makes these functions safe.",
		"unsafecall.wrapper":       "{name} in {file} takes the size of its destination by its name, and is no more than a jump to {callee}: the size is passed to nobody.",
		"unsafecall.wrapper-fix":   "Let the function compare the size and refuse what does not fit, or call {callee} by its name.",
		"unsafecall.wrapper-until": "Count calls of {name} as calls of {callee}.",
		"unsafecall.until":         "Nothing has to be done at once.",
	},
}

// The parts of what is said of the calls: all of them, those in what faces the
// network (n), and those in kernel modules (m).
const (
	calls   = "Of the direct calls in {of}, {shares} go to functions that do not know the size of what they write to."
	near    = " In the {of-near} of them facing the network it is {near}."
	modules = " Counted apart, in {of-modules}: {modules}."
	most    = " Most in {worst}."
)

// sockets are the functions that a program imports which waits for callers or
// receives what others send.
var sockets = []string{"accept", "accept4", "listen", "recv", "recvfrom", "recvmmsg", "recvmsg", "socket"}

// mostNames bounds the facts of one file: a program may import any number of
// functions with a vendor's name.
const mostNames = 2000

func note(name, value string) wardein.Note { return wardein.Note{Name: name, Value: value} }

func node(_ context.Context, b wardein.Blob, out func(wardein.Fact)) error {
	f, err := exe.Open(b, b.Size)
	if err != nil {
		return err
	}
	calls, err := f.Calls()
	var un *exe.Uncounted
	if errors.As(err, &un) {
		g := wardein.Gap{Kind: wardein.Unsupported, Why: un.Why}
		if un.Limit {
			g.Kind = wardein.Limit
		}
		out(wardein.Fact{Kind: "uncounted", Attrs: []wardein.Note{note("why", g.Why), note("gap", string(g.Kind))}})
		return &g
	}
	if err != nil {
		return err
	}
	out(wardein.Fact{Kind: "code", Attrs: []wardein.Note{note("arch", f.Arch), note("bytes", strconv.FormatInt(calls.Code, 10)),
		note("imports", strconv.Itoa(len(calls.Imports))), note("calls", strconv.Itoa(len(calls.List))), note("is", is(f, calls))}})
	first := map[int]int64{}
	for _, c := range calls.List {
		if _, ok := first[c.Import]; !ok {
			first[c.Import] = c.Off
		}
	}
	stated := 0
	for i, im := range calls.Imports {
		if im.Calls+im.Tails == 0 || lookup(im.Name) == nil || stated == mostNames {
			continue
		}
		stated++
		out(wardein.Fact{Kind: "calls", Off: first[i], Len: width(f.Arch), Attrs: []wardein.Note{
			note("function", im.Name), note("calls", strconv.Itoa(im.Calls)), note("tails", strconv.Itoa(im.Tails))}})
	}
	wrappers(f, calls, out)
	return nil
}

// is tells what kind of file counts: "module", "network" or "".
func is(f *exe.File, calls *exe.Calls) string {
	switch {
	case f.IsModule():
		return "module"
	case slices.ContainsFunc(calls.Imports, func(im exe.Import) bool { return !im.Defined && slices.Contains(sockets, im.Name) }):
		return "network"
	}
	return ""
}

// width is how many bytes of a call are quoted.
func width(arch string) int64 {
	if strings.HasPrefix(arch, "x86") {
		return 5
	}
	return 4
}

// lookup knows a function by its name in C or, without parameters, in C++.
func lookup(name string) *cfuncs.Function {
	if rest, ok := strings.CutPrefix(name, "_Z"); ok {
		digits := 0
		for digits < len(rest) && digits < 4 && rest[digits] >= '0' && rest[digits] <= '9' {
			digits++
		}
		n, _ := strconv.Atoi(rest[:digits])
		if n == 0 || digits+n > len(rest) {
			return nil
		}
		name = rest[digits : digits+n]
	}
	return cfuncs.Lookup(name)
}

// smallest is the size in bytes that a function can have and still be only
// moves of arguments and a jump: one that compares a size, and returns an error
// if it is wrong, needs more.
var smallest = map[string]uint64{"x86": 20, "x86-64": 20, "arm": 16, "aarch64": 16, "ppc": 16, "ppc64": 20, "mips": 32, "mips64": 36}

// wrappers states exported functions with a safe name that only jump to an
// unsafe one.
func wrappers(f *exe.File, calls *exe.Calls, out func(wardein.Fact)) {
	symbols, err := f.DynamicSymbols()
	if err != nil {
		return
	}
	for i := range symbols {
		s := &symbols[i]
		if n := len(s.Name); n < 3 || s.Name[n-2] != '_' || s.Name[n-1]|0x20 != 's' || !s.Defined() || !s.IsFunc() || s.Size == 0 {
			continue
		}
		own := lookup(s.Name)
		least, from := smallest[f.Arch], s.Value
		if f.Arch == "arm" && from&1 == 1 {
			least, from = 12, from-1
		}
		if own == nil || own.Class != cfuncs.Safe || s.Size > least {
			continue
		}
		off, n, ok := f.Offset(from)
		if !ok || n < s.Size {
			continue
		}
		at, _ := slices.BinarySearchFunc(calls.List, from, func(c exe.Call, from uint64) int { return cmp.Compare(c.Addr, from) })
		inside := calls.List[at:]
		for k := range inside {
			if inside[k].Addr-from >= s.Size {
				inside = inside[:k]
				break
			}
		}
		if len(inside) != 1 || !inside[0].Tail {
			continue
		}
		if callee := lookup(calls.Imports[inside[0].Import].Name); callee != nil && callee.Family == own.Family && callee.Class != cfuncs.Safe {
			out(wardein.Fact{Kind: "wrapper", Off: int64(off), Len: int64(s.Size), Attrs: []wardein.Note{note("name", s.Name), note("callee", calls.Imports[inside[0].Import].Name)}})
		}
	}
}
