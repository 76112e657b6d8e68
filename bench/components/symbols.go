package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/wardein/wardein/check/component"
	"github.com/wardein/wardein/exe"
)

// numberOf are the numbers that os-release says.
var numberOf = map[string]string{"buster": "10", "bullseye": "11", "bookworm": "12", "trixie": "13", "forky": "14"}

// symbols writes check/component/data/symbols.txt: for each library in the
// packages that were downloaded the fingerprint of the names it exports.
func symbols(archives []*archive) error {
	in := map[string][]string{} // releases of Debian by line
	var from, lines []string
	for _, a := range archives {
		from = append(from, a.suite+" "+a.arch)
		debs, err := filepath.Glob(filepath.Join(a.dir, "debs", "lib*.deb"))
		if err != nil {
			return err
		}
		for _, deb := range debs {
			p, _, _ := strings.Cut(filepath.Base(deb), "_")
			if a.records[p] == nil {
				continue
			}
			src, version := a.source(p)
			if v := a.records[p]["Version"]; upstream(v) != upstream(version) {
				src, version = strings.TrimRight(p, "0123456789"), v
			}
			err := libraries(deb, func(f *exe.File, soname, base string) {
				list, _ := f.DynamicSymbols()
				print := component.Fingerprint(list)
				number := "-" // of the file, behind ".so."
				if _, n, ok := strings.Cut(base, ".so."); ok {
					number = n
				}
				line := fmt.Sprintf("%s %s %s %016x %s", soname, unnumbered(src), upstream(version), print, number)
				if n := numberOf[a.suite]; print != 0 && !slices.Contains(in[line], n) {
					in[line] = append(in[line], n)
				}
			})
			if err != nil {
				return err
			}
		}
	}
	for line, of := range in {
		sort.Strings(of)
		lines = append(lines, line+" "+strings.Join(of, ","))
	}
	sort.Strings(lines)
	head := "# Fingerprints of the names that libraries export: soname, source package, version, sum over the names, number of the file, releases of Debian. Debian " + strings.Join(from, ", ") +
		"; made by bench/components/run symbols.\n"
	out := "check/component/data/symbols.txt"
	fmt.Println(out, len(lines), "fingerprints")
	return os.WriteFile(out, []byte(head+strings.Join(lines, "\n")+"\n"), 0o644)
}

// libraries calls each for every shared library of a package.
func libraries(deb string, each func(f *exe.File, soname, base string)) error {
	dir, err := os.MkdirTemp("", "symbols")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	cmd := exec.Command("sh", "-c", `dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" --wildcards '*.so*' 2>/dev/null; true`, "sh", deb, dir)
	if err := cmd.Run(); err != nil {
		return err
	}
	return filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		r, err := os.Open(path)
		if err != nil {
			return err
		}
		defer r.Close()
		info, err := r.Stat()
		if err != nil {
			return err
		}
		f, err := exe.Open(r, info.Size())
		if err != nil {
			return nil
		}
		if d, _ := f.Dynamic(); strings.HasPrefix(d.Soname, "lib") {
			each(f, d.Soname, filepath.Base(path))
		}
		return nil
	})
}
