// Package source counts what C and C++ sources say of themselves: calls of
// functions that write into buffers without knowing their size, macros that
// take a safe function's name for an unsafe one, words that keep analysers
// silent, and how large and branched the functions are.
package source

import (
	"context"
	"encoding/hex"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/cfuncs"
)

const (
	maxSource = 8 << 20
	shown     = 10
	// branched is McCabe's bound above which the public lab's source, and
	// most style guides after it, ask for a function to be taken apart.
	branched = 50
)

// Check counts C and C++ sources.
var Check = With(nil)

// With is the check with other releases than those that are built in, as
// Encode wrote them.
func With(releases []byte) wardein.Check {
	known := knownReleases
	if releases != nil {
		known = sync.OnceValue(func() *index {
			x, err := newIndex(releases)
			if err != nil {
				panic(err)
			}
			return x
		})
	}
	c := check
	c.Tree = func(_ context.Context, t wardein.Tree, out func(wardein.Finding)) error { return tree(t, known, out) }
	return c
}

var check = wardein.Check{
	Name:    "source",
	Version: 3,
	Doc: wardein.Doc{
		About: "C and C++ sources: calls that write into buffers of unknown size, safe names defined as unsafe functions, suppressed warnings, size and branching, files that stand there twice, files of known open-source releases, files that no list of the build names.",
		How: "A text with #include or #define, under a name that C and C++ use, is taken apart as the C preprocessor does (comments, strings, continued lines, #if 0; each group of an #if begins with the braces that the first one had). A word before a bracket inside a function's body is a call; calls of the functions of a table (families memcpy, strcpy, sprintf, gets; safe, bounded, unsafe) are counted by name, each with its first place; a family is a finding from the number of calls on that data/least.toml gives, with the reason. " +
			"A #define of a safe function's name whose body calls an unsafe one, and a function of such a name that calls an unsafe one and compares nothing, are findings with the arguments that are left; so are calls of safe functions that pass the size of the source for that of the destination. Words for analysers (NOLINT, coverity[, lint -e, #pragma … ignored, …) are counted by kind, and flags in build files that switch off warnings (-w, -Wno-*) or protections (-fno-stack-protector, -U_FORTIFY_SOURCE, execstack). " +
			"A function's complexity is one more than its if, while, for, case, catch, ?, && and ||; a lambda inside a function is part of it. From the words and marks of each file (comments, strings and numbers left out) the 64 smallest hashes of runs of 12 are kept; two files that share more than half of them are copies. The 8 smallest of the files of known releases are built in (bench/source makes them from what Debian and crates.io carry): a file that shares 6 of the 8 smallest of both, 5 under the same name, is one of theirs; " +
			"files below one folder are a copy, full from 90 % of the product's known files on, a fragment below 10 %, of the releases that most of its files are most like. Where a compile_commands.json, dependency files or lists of objects in Makefiles are in the tree, the .c and .cpp files below them that no list names are told, folders apart that a list names only a part of, and nothing where more than a third would be told. A file is network-facing where it includes sockets. " +
			"Measured beside universal-ctags, cscope and releases that are left out: bench/source.",
		FalsePositives: []string{
			"code that the preprocessor leaves out on some processors (#ifdef) is counted; #if 0 is not",
			"a call whose sizes were checked before is a call all the same: each count comes with places to look at",
			"a file that another product took over from a known one before, or both from a third, is told as the known one's",
			"a file that another one includes (#include \"part.c\"), or that only a list made during the build names, counts as not named",
		},
		FalseNegatives: []string{
			"calls through pointers and through macros whose definition calls the function",
			"sources without a single #include or #define, and other languages; Objective-C",
			"known files of fewer than 200 words, and such as were changed in more than about a third of their text or renamed and changed",
			"products and releases that are not among the known ones; of large products the 300 files whose paths have the smallest hashes are known",
		},
		Limits:     []string{"files larger than 8 MiB are not read", "a release between two known ones is told as one of them or as the range"},
		References: []string{"HCSEC Oversight Board annual report 2019, 3.36 to 3.39 (the way of counting)", "ISO/IEC 9899:2011, 5.1.1.2, 6.4, 6.10.1, Annex K", "T. J. McCabe, A Complexity Measure, 1976", "A. Z. Broder, On the resemblance and containment of documents, 1997", "S. Schleimer and others, Winnowing, 2003", "JSON Compilation Database Format, clang.llvm.org", "CWE-120, CWE-242, CWE-676"},
	},
	Literals: slices.Concat([]string{"#include", "#define "}, flagWords, listWords),
	Wants: func(b wardein.Blob) (bool, string) {
		switch {
		case b.Class != "text":
			return false, "not text"
		case !anyHit(b):
			return false, "no literal found"
		case b.Size > maxSource:
			return false, "larger than 8 MiB"
		}
		return true, ""
	},
	Node: node,
	Cases: map[string][]string{
		"source.calls": {"TC_PROTECTION_FROM_BUFFER_OVERFLOW"}, "source.same-size": {"TC_PROTECTION_FROM_BUFFER_OVERFLOW"}, "source.flags": {"TC_PROTECTION_FROM_BUFFER_OVERFLOW"}, "source.macro": {"TC_PROTECTION_FROM_BUFFER_OVERFLOW"},
	},
	Covers: func(n *wardein.Node, facts []wardein.Fact) []string {
		if len(facts) > 0 && (isSource(n.Path) || isBuildFile(n.Path)) {
			return []string{"TC_PROTECTION_FROM_BUFFER_OVERFLOW"}
		}
		return nil
	},
	Messages: map[string]string{
		"source.calls":          "{percent} % of the calls of functions like {family} go to ones that do not know the size of what they write to ({unsafe} of {all} calls; {kinds} unsafe and {safe} safe functions in use), in {files} of {of} source files, {network} of which face the network, with {near} of the unsafe calls. Most are in {dirs}.",
		"source.calls-fix":      "Replace them by functions that are given the size of the destination, network-facing files first; keep to one such function a family.",
		"source.calls-until":    "Nothing has to be done at once.",
		"source.macro":          "{name} is defined as {callee}({args}): who reads the code takes it for a function that checks the size of the destination.",
		"source.macro-fix":      "Use a function that checks, or call the function by its own name.",
		"source.same-size":      "{n} of {of} calls of safe functions like memcpy pass one size for the destination's and for what is copied: the check in them lets everything pass.",
		"source.same-size-fix":  "Pass the size that the destination has.",
		"source.flags":          "{n} places in {files} build files switch off what the compiler would say or do ({kinds}); {protections} of them take away a protection.",
		"source.flags-fix":      "Build with the warnings, and with the protections that the compiler has by default; state beside each exception why.",
		"source.clone":          "{files} files are ones of {product} {range}, {changed} of them changed: {full} full, {partial} partial copies, {fragment} fragments. {copies}.",
		"source.clone-fix":      "Keep one copy of it as it was released, with changes as patches beside it, and name it and its version in the list of components.",
		"source.untraced":       "{n} of {of} C and C++ files are named by none of the {lists} lists of the build above them: {dirs}.",
		"source.untraced-fix":   "Take files that no build uses out of the tree, or say what builds them.",
		"source.macro-until":    "Count its calls as calls of {callee}.",
		"source.suppressed":     "{n} places in {files} of {of} source files tell an analyser or compiler to keep silent ({kinds}).",
		"source.suppressed-fix": "State beside each why the warning does not apply, and keep none in network-facing files.",
		"source.branched":       "{n} of {functions} functions have a complexity above 50, {worst} the highest ({complexity}): paths through them cannot all be tested.",
		"source.branched-fix":   "Take the functions apart, those that read what comes from outside first.",
		"source.copies":         "{n} of {of} source files have a twin that shares more than half of its text: a correction must reach each copy.",
		"source.copies-fix":     "Keep one copy, or a list of the copies beside the code.",
		"source.until-none":     "Nothing has to be done at once.",
		"source.summary":        "{files} source files, {lines} lines of code, {functions} functions with a mean complexity of {mean}; {network} of the files are network-facing.",
		"source.summary-fix":    "Nothing has to be changed.",
	},
}

func note(name, value string) wardein.Note { return wardein.Note{Name: name, Value: value} }

// anyHit tells whether one of the literals stands in a text.
func anyHit(b wardein.Blob) bool {
	for i := range 2 + len(flagWords) + len(listWords) {
		if len(b.Hits(i)) > 0 {
			return true
		}
	}
	return false
}

func known(name string) bool { return cfuncs.Lookup(name) != nil }

func node(_ context.Context, b wardein.Blob, out func(wardein.Fact)) error {
	data := make([]byte, b.Size)
	if n, err := b.ReadAt(data, 0); int64(n) < b.Size {
		return fmt.Errorf("text cut at %#x of %d bytes: %w", n, b.Size, err)
	}
	src := string(data)
	code := len(b.Hits(0)) > 0 || len(b.Hits(1)) > 0
	if !code || strings.Contains(src, "$(CC)") || strings.Contains(src, "$(MAKE)") { // a Makefile may write headers
		buildFile(b, src, out)
	}
	if !code {
		return nil
	}
	f := parse(src, known)
	out(wardein.Fact{Kind: "file", Len: b.Size, Attrs: []wardein.Note{
		note("lines", strconv.Itoa(f.lines)), note("functions", strconv.Itoa(f.functions)), note("complexity", strconv.Itoa(f.complexity)),
		note("branched", strconv.Itoa(f.branched)), note("worst", f.worst.name), note("worst complexity", strconv.Itoa(f.worst.complexity)),
		note("worst at", strconv.Itoa(f.worst.off)), note("network", yes(f.network)), note("sketch", hex.EncodeToString(f.runs.sketch())),
	}})
	for _, c := range f.calls {
		off, n, text := lineAt(src, c.off)
		out(wardein.Fact{Kind: "call", Off: off, Len: n, Attrs: []wardein.Note{note("name", c.name), note("count", strconv.Itoa(c.count)), note("same", strconv.Itoa(c.same)), note("line", text)}})
	}
	for _, m := range f.macros {
		name, callee := cfuncs.Lookup(m.name), cfuncs.Lookup(m.callee)
		if name == nil || callee == nil || name.Class != cfuncs.Safe || callee.Class == cfuncs.Safe {
			continue
		}
		out(wardein.Fact{Kind: "macro", Off: int64(m.off), Len: int64(m.size), Attrs: []wardein.Note{
			note("name", m.name), note("callee", m.callee), note("args", clean(m.args)), note("line", src[m.off:min(m.off+m.size, m.off+256)]),
		}})
	}
	for _, s := range f.suppressed {
		off, n, text := lineAt(src, s.off)
		out(wardein.Fact{Kind: "suppressed", Off: off, Len: n, Attrs: []wardein.Note{note("kind", s.kind), note("count", strconv.Itoa(s.count)), note("line", text)}})
	}
	return nil
}

// lineAt is the line that a byte stands in, without the blanks before it, at
// most 256 bytes from there on.
func lineAt(src string, at int) (off, n int64, text string) {
	begin := strings.LastIndexByte(src[:at], '\n') + 1
	for begin < at && (src[begin] == ' ' || src[begin] == '\t') {
		begin++
	}
	if at-begin > 128 {
		begin = at
	}
	text, _, _ = strings.Cut(src[begin:min(len(src), begin+256)], "\n")
	text = strings.TrimRight(text, " \t\r")
	return int64(begin), int64(len(text)), text
}

// clean is text on one line, at most 120 bytes of it.
func clean(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	return s[:min(len(s), 120)]
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
