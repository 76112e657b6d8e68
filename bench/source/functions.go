package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/check/source"
	"github.com/wardein/wardein/internal/cfuncs"
)

// sources are the files of C and C++ below a folder.
func sources(dir string) (files []string) {
	filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() && slices.Contains([]string{".c", ".h", ".cc", ".cpp", ".hpp", ".cxx", ".hh", ".inc"}, filepath.Ext(path)) {
			files = append(files, path)
		}
		return nil
	})
	return files
}

// facts are what the check states of one file.
func facts(path string) ([]wardein.Fact, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var all []wardein.Fact
	blob := wardein.Blob{ReaderAt: bytes.NewReader(b), Size: int64(len(b)), Class: "text", Format: "text"}
	blob.Hits = hits(b)
	err = source.Check.Node(context.Background(), blob, func(f wardein.Fact) { all = append(all, f) })
	return all, err
}

// hits finds the check's literals, as the engine does.
func hits(b []byte) func(int) []int64 {
	return func(i int) (at []int64) {
		for from := 0; len(at) < 4096; {
			k := bytes.Index(b[from:], []byte(source.Check.Literals[i]))
			if k < 0 {
				break
			}
			at = append(at, int64(from+k))
			from += k + 1
		}
		return at
	}
}

// functions counts definitions beside universal-ctags, and calls of the
// functions of the table beside cscope.
func functions() error {
	all, err := releases()
	if err != nil {
		return err
	}
	newest := map[string]release{}
	for _, r := range all {
		newest[r.product] = r
	}
	fmt.Println("source | files | functions, ctags | ours | files that differ | calls, cscope | ours | functions that differ")
	fmt.Println("--- | --- | --- | --- | --- | --- | --- | ---")
	var sum [6]int
	for _, r := range all {
		if newest[r.product] != r {
			continue
		}
		files := sources(r.dir)
		tags, err := ctags(r.dir)
		if err != nil {
			return err
		}
		calls, err := cscope(r.dir, files)
		if err != nil {
			return err
		}
		ours, theirs, differ, callsOurs, callsTheirs := 0, 0, 0, 0, 0
		counted := map[string]int{}
		for _, path := range files {
			list, err := facts(path)
			if err != nil {
				return err
			}
			n := 0
			for _, f := range list {
				switch f.Kind {
				case "file":
					n, _ = strconv.Atoi(f.Attr("functions"))
				case "call":
					k, _ := strconv.Atoi(f.Attr("count"))
					counted[f.Attr("name")] += k
					callsOurs += k
				}
			}
			ours += n
			theirs += tags[path]
			if n != tags[path] {
				differ++
				if *verbose {
					fmt.Fprintf(os.Stderr, "%s: %d, ctags %d\n", path, n, tags[path])
				}
			}
		}
		names := 0
		for name, n := range calls {
			callsTheirs += n
			if counted[name] != n {
				names++
				if *verbose {
					fmt.Fprintf(os.Stderr, "%s: %s %d, cscope %d\n", r, name, counted[name], n)
				}
			}
		}
		fmt.Printf("%s | %d | %d | %d | %d | %d | %d | %d\n", r, len(files), theirs, ours, differ, callsTheirs, callsOurs, names)
		for i, n := range []int{len(files), theirs, ours, differ, callsTheirs, callsOurs} {
			sum[i] += n
		}
	}
	fmt.Printf("all | %d | %d | %d | %d | %d | %d |\n", sum[0], sum[1], sum[2], sum[3], sum[4], sum[5])
	return nil
}

// ctags counts function definitions by file; lambdas inside functions, which
// it gives names of its own, are left out.
func ctags(dir string) (map[string]int, error) {
	out, err := command(".", "ctags", "--options=NONE", "-R", "--languages=C,C++", "--langmap=C:+.inc", "--kinds-C=f", "--kinds-C++=f", "--fields=-P+n", "-f", "-", dir)
	if err != nil {
		return nil, err
	}
	n := map[string]int{}
	s := bufio.NewScanner(bytes.NewReader(out))
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		f := strings.SplitN(s.Text(), "\t", 3)
		if len(f) == 3 && !strings.HasPrefix(f[0], "!") && !strings.HasPrefix(f[0], "__anon") {
			n[f[1]]++
		}
	}
	return n, s.Err()
}

// cscope counts the calls of each function of the table.
func cscope(dir string, files []string) (map[string]int, error) {
	temp, err := temporary()
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(temp)
	var list strings.Builder
	for _, f := range files {
		p, err := filepath.Abs(f)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&list, "%q\n", p)
	}
	if err := os.WriteFile(filepath.Join(temp, "cscope.files"), []byte(list.String()), 0o644); err != nil {
		return nil, err
	}
	if _, err := command(temp, "cscope", "-b", "-k", "-c"); err != nil {
		return nil, err
	}
	n := map[string]int{}
	for _, f := range cfuncs.Table() {
		if strings.HasPrefix(f.Name, "*") {
			continue
		}
		out, err := command(temp, "cscope", "-d", "-L", "-3", f.Name)
		if err != nil {
			return nil, err
		}
		for l := range strings.Lines(string(out)) {
			// A macro's body is no function's.
			if part := strings.SplitN(l, " ", 4); len(part) == 4 && !strings.HasPrefix(strings.TrimSpace(part[3]), "#") {
				n[f.Name]++
			}
		}
	}
	return n, nil
}
