package source

import (
	"path"
	"strconv"
	"strings"

	"github.com/wardein/wardein"
)

// flagWords are flags in build files that switch something off, and a word
// beside which -w is looked for.
//
// Source: GCC manual, "Warning Options", "Instrumentation Options", "Link
// Options"; glibc manual, "Source Fortification"; ld(1), -z.
var flagWords = []string{"-Wno-", "-fno-stack-protector", "-U_FORTIFY_SOURCE", "_FORTIFY_SOURCE=0", "execstack", "norelro", "no_sanitize", "FLAGS"}

const allFlags = 7 // the index of FLAGS

// protects tells flags that take a protection away; the others silence
// warnings.
func protects(kind string) bool { return kind != "-Wno-*" && kind != "-w" }

// listWords are words of files that list what is built.
var listWords = []string{"\"file\":", ".o:", "obj-", "lib-", "OBJ", "SOURCES", "SRCS", "add_library", "add_executable"}

const mostNames = 1 << 20 // bytes

// buildFile states the flags and the names of sources and objects that a file
// holds. Whether it is a build file, its name tells (Tree).
func buildFile(b wardein.Blob, src string, out func(wardein.Fact)) {
	state := func(kind string, count int, at int64) {
		off, n, text := lineAt(src, int(at))
		out(wardein.Fact{Kind: "flag", Off: off, Len: n, Attrs: []wardein.Note{note("kind", kind), note("count", strconv.Itoa(count)), note("line", text)}})
	}
	for i, w := range flagWords[:allFlags] {
		if hits := b.Hits(2 + i); len(hits) > 0 {
			kind := w
			if w == "-Wno-" {
				kind = "-Wno-*"
			}
			state(kind, len(hits), hits[0])
		}
	}
	if len(b.Hits(2+allFlags)) > 0 {
		n, first := 0, 0
		for from := 0; ; {
			k := strings.Index(src[from:], "-w")
			if k < 0 {
				break
			}
			k += from
			from = k + 2
			if k > 0 && strings.IndexByte(" \t=\"'", src[k-1]) >= 0 && (from == len(src) || strings.IndexByte(" \t\r\n\"'", src[from]) >= 0) {
				if n++; n == 1 {
					first = k
				}
			}
		}
		if n > 0 {
			state("-w", n, int64(first))
		}
	}
	for i := range listWords {
		if len(b.Hits(2+len(flagWords)+i)) > 0 {
			list(src, out)
			return
		}
	}
}

// list states the names in a file that may be those of sources, objects or
// programs.
func list(src string, out func(wardein.Fact)) {
	var names strings.Builder
	seen, found := map[string]bool{}, false
	for w := range strings.FieldsFuncSeq(src, func(c rune) bool {
		return c <= ' ' || c == '"' || c == '\'' || c == '(' || c == ')' || c == '=' || c == ',' || c == ':' || c == ';' || c == '\\' || c == '$'
	}) {
		s, ok := stem(w)
		if found = found || ok; !ok && strings.ContainsAny(w, "./{}<>|&*@#") {
			continue
		}
		if !ok {
			s = w // a program, which one source of that name makes
		}
		if !seen[s] && names.Len()+len(s) < mostNames {
			seen[s] = true
			names.WriteString(s)
			names.WriteByte('\n')
		}
	}
	if !found {
		return
	}
	open := strings.Contains(src, "wildcard") || strings.Contains(src, "GLOB") || strings.Contains(src, "*.c") || strings.Contains(src, "glob(")
	out(wardein.Fact{Kind: "list", Len: int64(len(src)), Attrs: []wardein.Note{note("names", names.String()), note("open", yes(open))}})
}

// stem is the last component of the name of a source or an object, without its
// end.
func stem(name string) (string, bool) {
	name = path.Base(strings.ReplaceAll(name, "\\", "/"))
	switch ext := path.Ext(name); ext {
	case ".o", ".lo", ".obj", ".c", ".cc", ".cpp", ".cxx":
		s := strings.TrimSuffix(name, ext)
		return s, s != ""
	}
	return "", false
}

// isBuildFile tells names of files that say how something is built.
func isBuildFile(p string) bool {
	name := path.Base(p)
	switch {
	case strings.HasPrefix(name, "Makefile"), strings.HasPrefix(name, "makefile"), strings.HasPrefix(name, "Kbuild"):
		return true
	}
	switch name {
	case "GNUmakefile", "CMakeLists.txt", "meson.build", "BUILD", "SConscript", "SConstruct", "configure.ac", "configure.in", "compile_commands.json", "Jamfile", "wscript":
		return true
	}
	switch path.Ext(name) {
	case ".mk", ".mak", ".cmake", ".bazel", ".bzl", ".bazelrc", ".gn", ".gni", ".pro", ".pri", ".am", ".d", ".vcxproj", ".gyp", ".gypi":
		return true
	}
	return false
}

// isSource tells names of C and C++ sources and headers.
func isSource(p string) bool {
	switch strings.ToLower(path.Ext(p)) {
	case ".c", ".h", ".cc", ".hh", ".cpp", ".hpp", ".cxx", ".hxx", ".c++", ".h++", ".inc", ".inl", ".ipp", ".tcc", ".tpp", ".ixx", ".cppm", ".y", ".yy", ".l", ".ll", ".ino", ".cu", ".cuh":
		return true
	}
	return false
}
