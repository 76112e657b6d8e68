package main

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"

	"github.com/wardein/wardein/check/component"
	"github.com/wardein/wardein/vulndb/version"
)

// compilers link the programs, by Debian's name of the processor.
var compilers = map[string]string{"amd64": "gcc", "armhf": "arm-linux-gnueabihf-gcc", "arm64": "aarch64-linux-gnu-gcc", "mipsel": "mipsel-linux-gnu-gcc"}

const (
	librariesPer = 3 // of a program
	callsPer     = 3 // functions of each library that a program calls
)

// linkedProgram is a static program, with the releases that it holds.
type linkedProgram struct {
	path  string
	whole bool              // all of a library, not what few calls need
	holds map[string]string // version by product
}

// static links programs against static libraries of some releases and
// compares what is found in them with what was linked: with the committed
// sets, by wardein, and with sets that were made without these releases.
func static(suites, archs, rest []string, wardein string, verbose bool) error {
	var all []*linkedProgram
	dir, err := filepath.Abs(filepath.Join(work, "static"))
	if err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	list, _, err := staticArchives(suites, archs)
	if err != nil {
		return err
	}
	for i, a := range list {
		made, err := a.link(filepath.Join(dir, a.suite+"-"+a.arch), i == 0)
		if err != nil {
			return err
		}
		all = append(all, made...)
	}
	sets, err := os.ReadFile("check/component/data/strings.txt")
	if err != nil {
		return err
	}
	if err := judgeSets("sets of all releases", string(sets), all, verbose); err != nil {
		return err
	}
	if err := inspectStatic(dir, wardein, all); err != nil {
		return err
	}
	others, background, err := staticArchives(rest, []string{"armhf", "arm64"})
	if err != nil {
		return err
	}
	without, err := stringSets(others, background)
	if err != nil {
		return err
	}
	return judgeSets("sets of "+strings.Join(rest, ", ")+" alone", without, all, verbose)
}

// staticLibrary is a package with static libraries.
type staticLibrary struct {
	product, version string
	files            []string
	functions        []string
}

// link makes two kinds of programs: some that call a few functions of three
// libraries each, and, where asked for, one of each whole library.
func (a *archive) link(dir string, whole bool) (made []*linkedProgram, err error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	libs, err := a.staticLibraries(filepath.Join(a.dir, "a"))
	if err != nil {
		return nil, err
	}
	source := filepath.Join(dir, "main.c")
	err = os.WriteFile(source, []byte(`#include <stdio.h>
int main(int n, char **v) { return printf("exampletel agent, %d interfaces of %s are up\n", n, v[0]) < 0; }
`), 0o644)
	if err != nil {
		return nil, err
	}
	defer os.Remove(source)
	failed := 0
	build := func(name string, whole bool, libs []*staticLibrary) {
		p := &linkedProgram{path: filepath.Join(dir, name), whole: whole, holds: map[string]string{}}
		args := []string{"-O1", "-static", "-s", "-o", p.path, source, "-Wl,-Map=" + p.path + ".map", "-Wl,-z,muldefs", "-Wl,--unresolved-symbols=ignore-all", "-Wl,--no-warnings"}
		if whole {
			args = append(args, "-Wl,--whole-archive")
		}
		for _, l := range libs {
			for _, f := range l.functions {
				args = append(args, "-Wl,-u,"+f)
			}
		}
		args = append(args, "-Wl,--start-group")
		for _, l := range libs {
			args = append(args, l.files...)
		}
		args = append(args, "-Wl,--end-group", "-Wl,--no-whole-archive")
		if _, err := run(dir, nil, compilers[a.arch], args...); err != nil {
			failed++
			os.Remove(p.path + ".map")
			os.Remove(p.path)
			return
		}
		text, _ := os.ReadFile(p.path + ".map")
		os.Remove(p.path + ".map")
		for _, l := range libs {
			for _, f := range l.files {
				if bytes.Contains(text, []byte(f+"(")) {
					p.holds[l.product] = l.version
				}
			}
		}
		made = append(made, p)
	}
	build("none", false, nil)
	for i := 0; i < len(libs); i += librariesPer {
		build(fmt.Sprintf("part%02d", i/librariesPer), false, libs[i:min(len(libs), i+librariesPer)])
	}
	for _, l := range libs {
		if !whole {
			break
		}
		build("whole-"+l.product, true, []*staticLibrary{l})
	}
	fmt.Printf("%s %s: %d programs linked, %d could not be\n", a.suite, a.arch, len(made), failed)
	return made, nil
}

// staticLibraries unpacks the static libraries of all packages.
func (a *archive) staticLibraries(dir string) ([]*staticLibrary, error) {
	alias, err := aliases()
	if err != nil {
		return nil, err
	}
	var have []string
	for _, p := range a.asked {
		if a.records[p] != nil {
			have = append(have, p)
		}
	}
	debs, err := a.fetch(have)
	if err != nil {
		return nil, err
	}
	if err := os.RemoveAll(dir); err != nil {
		return nil, err
	}
	by := map[string]*staticLibrary{}
	for _, p := range have {
		src, v := a.source(p)
		if own := a.records[p]["Version"]; upstream(own) != upstream(v) {
			v = own
		}
		name := productOf(alias, src)
		l := by[name]
		if l == nil {
			l = &staticLibrary{product: name, version: upstream(v)}
			by[name] = l
		} else if l.version != upstream(v) {
			continue // a second series: lua5.4
		}
		if err := os.MkdirAll(filepath.Join(dir, p), 0o755); err != nil {
			return nil, err
		}
		functions := map[string]bool{}
		err := members(debs[p], func(h *tar.Header) {}, func(h *tar.Header, data []byte) {
			if h.Typeflag == tar.TypeReg && !strings.HasSuffix(h.Name, "_p.a") {
				file := filepath.Join(dir, p, filepath.Base(h.Name))
				if os.WriteFile(file, data, 0o644) == nil && !slices.Contains(l.files, file) {
					l.files = append(l.files, file)
				}
			}
		}, func(_, _ string, data []byte) {
			f, err := elf.NewFile(bytes.NewReader(data))
			if err != nil {
				return
			}
			symbols, _ := f.Symbols()
			for _, s := range symbols {
				if elf.ST_TYPE(s.Info) == elf.STT_FUNC && elf.ST_BIND(s.Info) == elf.STB_GLOBAL && s.Section != elf.SHN_UNDEF && elf.ST_VISIBILITY(s.Other) == elf.STV_DEFAULT {
					functions[s.Name] = true
				}
			}
		})
		if err != nil {
			return nil, err
		}
		names := keys(functions)
		sort.SliceStable(names, func(i, j int) bool { return hash(names[i]) < hash(names[j]) })
		l.functions = append(l.functions, names[:min(len(names), callsPer)]...)
	}
	var list []*staticLibrary
	for _, l := range by {
		if len(l.files) > 0 && len(l.functions) > 0 {
			list = append(list, l)
		}
	}
	sort.Slice(list, func(i, j int) bool { return hash(list[i].product) < hash(list[j].product) })
	return list, nil
}

// hash mixes names in an order that is the same in each run.
func hash(s string) uint64 {
	h := fnv.New64a()
	h.Write([]byte(s))
	return h.Sum64()
}

// score counts what was found in programs of one kind.
type score struct {
	linked, known, found   int
	inside, outside        int // of the bounds
	both, one, none, exact int
	wrong                  []string
}

// judgeSets looks for the copies that some sets show.
func judgeSets(title, text string, programs []*linkedProgram, verbose bool) error {
	sets, err := component.ParseSets(text)
	if err != nil {
		return err
	}
	has := map[string]bool{}
	for line := range strings.Lines(text) {
		if rest, ok := strings.CutPrefix(line, "@ "); ok {
			has[strings.Fields(rest)[0]] = true
		}
	}
	scores := map[bool]*score{false: {}, true: {}}
	missing := map[string]int{}
	for _, p := range programs {
		s := scores[p.whole]
		s.linked += len(p.holds)
		for name := range p.holds {
			if has[name] {
				s.known++
				missing[name]++
			}
		}
		data, err := os.ReadFile(p.path)
		if err != nil {
			return err
		}
		copies, err := sets.Copies(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			return err
		}
		for _, c := range copies {
			v, ok := p.holds[c.Library]
			if !ok {
				s.wrong = append(s.wrong, fmt.Sprintf("%s: %s (%d of %d texts)", filepath.Base(p.path), c.Library, c.Found, c.Of))
				continue
			}
			s.found++
			missing[c.Library]--
			switch {
			case c.After != "" && c.Before != "":
				s.both++
			case c.After != "" || c.Before != "":
				s.one++
			default:
				s.none++
			}
			if c.Like == v {
				s.exact++
			}
			if between(c.Library, v, c.After, c.Before) {
				s.inside++
			} else {
				s.outside++
				if verbose {
					fmt.Printf("  %s holds %s %s, said %s\n", filepath.Base(p.path), c.Library, v, c.String())
				}
			}
		}
	}
	fmt.Printf("\n%s:\n", title)
	for _, whole := range []bool{false, true} {
		s := scores[whole]
		kind := "parts (three functions of each library)"
		if whole {
			kind = "whole libraries"
		}
		fmt.Printf("%-40s found %d of %d copies, of libraries with a set %d; wrong %d; version between the bounds %d, outside %d (two bounds %d, one %d, none %d); most like its own release %d\n",
			kind, s.found, s.linked, s.known, len(s.wrong), s.inside, s.outside, s.both, s.one, s.none, s.exact)
		for _, w := range s.wrong {
			fmt.Println("  wrong:", w)
		}
	}
	if verbose {
		fmt.Println("  missed:")
		for _, name := range keys(positive(missing)) {
			fmt.Printf("    %s %d\n", name, missing[name])
		}
	}
	return nil
}

func positive(m map[string]int) map[string]bool {
	out := map[string]bool{}
	for k, n := range m {
		if n > 0 {
			out[k] = true
		}
	}
	return out
}

// between tells whether a version stands between two others.
func between(name, v, after, before string) bool {
	scheme := version.Generic
	if name == "openssl" {
		scheme = version.OpenSSL
	}
	below, _ := version.Compare(scheme, after, v)
	above, _ := version.Compare(scheme, v, before)
	return (after == "" || below < 0) && (before == "" || above < 0)
}

// inspectStatic inspects the programs as one release and counts what the
// report says about copies.
func inspectStatic(dir, wardein string, programs []*linkedProgram) error {
	report := filepath.Join(filepath.Dir(dir), "static.json")
	store := filepath.Join(filepath.Dir(dir), "static-store")
	defer os.RemoveAll(store)
	_, failed := run("", nil, wardein, "inspect", "-q", "--store", store, "-o", "json="+report, dir)
	data, err := os.ReadFile(report)
	if err != nil {
		return errors.Join(failed, err)
	}
	var r struct {
		Components []struct {
			product
			Seen []struct {
				By    string
				Quote struct{ Node string }
			}
		}
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return err
	}
	right, wrong := 0, 0
	of := map[string]*linkedProgram{}
	for _, p := range programs {
		rel, _ := filepath.Rel(dir, p.path)
		of[rel] = p
	}
	for _, c := range r.Components {
		for _, s := range c.Seen {
			if s.By != "strings" {
				continue
			}
			node := rootless.ReplaceAllString(s.Quote.Node, "")
			if p := of[node]; p != nil && p.holds[c.Name] != "" {
				right++
			} else {
				wrong++
				fmt.Println("  wrong:", s.Quote.Node, c.Name)
			}
		}
	}
	fmt.Printf("\nwardein inspect over the programs: %d copies right, %d wrong (at most 64 places of a component are listed)\n", right, wrong)
	return nil
}

var rootless = regexp.MustCompile(`^\./`)
