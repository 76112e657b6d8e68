package main

import (
	"fmt"
	"os"
	"sort"
	"strings"
)

// sections of the archive whose programs and libraries are met in equipment.
var sections = map[string]bool{"libs": true, "oldlibs": true, "net": true, "admin": true, "utils": true, "web": true, "httpd": true, "mail": true, "database": true,
	"comm": true, "interpreters": true, "shells": true, "kernel": true, "embedded": true, "otherosfs": true, "misc": true, "text": true, "perl": true, "python": true}

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
	return os.WriteFile(out, []byte(head+strings.Join(lines, "\n")+"\n"), 0o644)
}
