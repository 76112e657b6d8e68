package main

import (
	"fmt"
	"os"
	"regexp"
	"sort"
	"strings"
)

// sections of the archive whose programs and libraries are met in equipment.
var sections = map[string]bool{"libs": true, "oldlibs": true, "net": true, "admin": true, "utils": true, "web": true, "httpd": true, "mail": true, "database": true,
	"comm": true, "interpreters": true, "shells": true, "kernel": true, "embedded": true, "otherosfs": true, "misc": true, "text": true, "perl": true, "python": true,
	"editors": true, "math": true, "devel": true}

// names writes check/component/data/names.txt: each source package with its
// binary packages, of the given releases. A library's package is named by its
// soname (Debian policy 8.1), a program's mostly by the program.
func names(archives []*archive) error {
	by := map[string]map[string]bool{}
	var from []string
	for _, a := range archives {
		from = append(from, a.suite+" "+a.arch)
		for p, r := range a.records {
			if r["Architecture"] == "all" || !sections[r["Section"]] || strings.HasSuffix(p, "-dev") || strings.HasSuffix(p, "-dbg") || strings.HasSuffix(p, "-doc") {
				continue
			}
			lib := r["Section"] == "libs" || r["Section"] == "oldlibs"
			if lib && (!strings.HasPrefix(p, "lib") || !strings.ContainsAny(p, "0123456789")) {
				continue
			}
			src, _ := a.source(p)
			if by[src] == nil {
				by[src] = map[string]bool{}
			}
			by[src][strings.TrimSuffix(p, "t64")] = true
		}
	}
	var lines []string
	for src, list := range by {
		delete(list, src)
		lines = append(lines, strings.Join(append([]string{src}, keys(list)...), " "))
	}
	sort.Strings(lines)
	head := "# Source packages and their binary packages in Debian " + strings.Join(from, ", ") + "; made by bench/components/run names.\n"
	out := "check/component/data/names.txt"
	fmt.Println(out, len(lines), "sources")
	if err := os.WriteFile(out, []byte(head+strings.Join(lines, "\n")+"\n"), 0o644); err != nil {
		return err
	}
	return commands(archives, by, from)
}

var (
	inBin   = regexp.MustCompile(`^(?:usr/)?(?:s?bin|libexec)/([A-Za-z0-9][A-Za-z0-9_.+-]{1,31})\s+(\S+)$`)
	program = regexp.MustCompile(`-(?:dev|dbg|tests?|examples|doc)$`)
)

// commands writes check/component/data/programs.txt: source packages with the
// programs that no other one has and that are not called as a package is.
func commands(archives []*archive, packages map[string]map[string]bool, from []string) error {
	of := map[string]map[string]bool{} // sources by program
	for _, a := range archives {
		err := a.contents(func(line string) {
			m := inBin.FindStringSubmatch(line)
			if m == nil {
				return
			}
			for _, p := range strings.Split(m[2], ",") {
				p = p[strings.LastIndexByte(p, '/')+1:]
				r := a.records[p]
				if r == nil || r["Architecture"] == "all" || !sections[r["Section"]] && r["Section"] != "sound" && r["Section"] != "video" || program.MatchString(p) {
					continue
				}
				src, _ := a.source(p)
				if of[m[1]] == nil {
					of[m[1]] = map[string]bool{}
				}
				of[m[1]][unnumbered(src)] = true
			}
		})
		if err != nil {
			return err
		}
	}
	known := map[string]bool{}
	for src, list := range packages {
		known[src] = true
		for p := range list {
			known[p] = true
		}
	}
	bySource := map[string]map[string]bool{}
	for name, sources := range of {
		if len(sources) != 1 || known[strings.ToLower(name)] {
			continue
		}
		src := keys(sources)[0]
		if bySource[src] == nil {
			bySource[src] = map[string]bool{}
		}
		bySource[src][name] = true
	}
	var lines []string
	n := 0
	for src, list := range bySource {
		n += len(list)
		lines = append(lines, strings.Join(append([]string{src}, keys(list)...), " "))
	}
	sort.Strings(lines)
	head := "# Source packages and their programs in Debian " + strings.Join(from, ", ") + ", those that one alone has and that are not called as a package; made by bench/components/run names.\n"
	out := "check/component/data/programs.txt"
	fmt.Println(out, n, "programs")
	return os.WriteFile(out, []byte(head+strings.Join(lines, "\n")+"\n"), 0o644)
}
