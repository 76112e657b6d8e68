package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wardein/wardein/compare/function"
)

var (
	each   = flag.Int("k", 30, "inject: changes of each kind for a processor")
	detail = flag.Bool("v", false, "print each miss")
)

// injected is what came of the changes of one kind to a program.
type injected struct {
	Variant, Program, Bounds, Kind string
	N, Listed                      int
	// More are rows that are listed without need, all changes together: other
	// functions and other data.
	More   int
	Missed []string
}

// inject changes a program of each processor, one change at a time, and
// counts which the comparison of functions and data lists.
func inject() error {
	if err := os.MkdirAll(filepath.Join(*work, "inject"), 0o755); err != nil {
		return err
	}
	var failed error
	for _, v := range variants {
		if !wanted(v.name) {
			continue
		}
		b := built{program: programs[0], release: releases[0], variant: v, opt: "-O2"}
		dir, err := b.dir()
		if err != nil {
			return err
		}
		full := filepath.Join(dir, "full")
		if _, err := os.Stat(full); err != nil {
			continue
		}
		list, err := injections(full, *each, 1)
		if err != nil {
			return err
		}
		var all []injected
		for _, stripped := range []bool{false, true} {
			got, err := check(full, list, stripped)
			if err != nil {
				return err
			}
			more, err := b.added(stripped)
			if err != nil {
				return fmt.Errorf("%s: %w", v.name, err)
			}
			for _, r := range append(got, more) {
				r.Variant, r.Program, r.Bounds = v.name, b.program.name, boundsName(stripped)
				all = append(all, r)
				r.print()
				if r.N != r.Listed {
					failed = errors.New("changes are missed")
				}
			}
		}
		if err := keep("inject-"+v.name, all); err != nil {
			return err
		}
	}
	return failed
}

func (r *injected) print() {
	fmt.Printf("%-8s %-15s %-18s %4d changes, %4d listed, %3d missed, %5.2f rows more for each\n", r.Variant, r.Bounds, r.Kind, r.N, r.Listed, r.N-r.Listed, float64(r.More)/float64(max(r.N, 1)))
	if *detail {
		for _, m := range r.Missed {
			fmt.Println("        ", m)
		}
	}
}

func boundsName(stripped bool) string {
	if stripped {
		return "recovered"
	}
	return "symbols"
}

// keep stores results for the tables.
func keep(name string, v any) error {
	dir := filepath.Join(*work, "results")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(dir, name+".json"), append(b, '\n'), 0o644)
}

// check makes the changes one by one and looks whether each is listed.
func check(path string, list []injection, stripped bool) ([]injected, error) {
	old, err := readProgram(path, stripped)
	if err != nil {
		return nil, err
	}
	tmp := filepath.Join(*work, "inject", fmt.Sprintf("one-%d", os.Getpid()))
	defer os.Remove(tmp)
	by := map[string]*injected{}
	for _, in := range list {
		if err := apply(path, tmp, in); err != nil {
			return nil, err
		}
		new, err := readProgram(tmp, stripped)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", in.what, err)
		}
		r := by[in.kind]
		if r == nil {
			r = &injected{Kind: in.kind}
			by[in.kind] = r
		}
		r.N++
		found, rows := listed(old, new, in.addr, uint64(len(in.bytes)))
		if found {
			r.Listed++
			r.More += rows - 1
		} else {
			r.More += rows
			r.Missed = append(r.Missed, in.what)
		}
	}
	var out []injected
	for _, k := range injectionKinds {
		if by[k] != nil {
			out = append(out, *by[k])
		}
	}
	return out, nil
}

// listed tells whether a comparison lists what is at an address of the new
// program, and how many rows it has in all.
func listed(old, new *function.Program, addr, n uint64) (found bool, rows int) {
	in := func(from, size uint64) bool { return addr < from+size && from < addr+n }
	m := function.Match(old, new)
	for _, p := range m.Pairs {
		if p.Same != function.Changed {
			continue
		}
		rows++
		f := &new.Functions[p.New]
		found = found || in(f.Addr, f.Size)
		for _, d := range p.Change.Data {
			found = found || in(d.New, d.NewSize)
		}
	}
	for _, i := range m.Came {
		rows++
		found = found || in(new.Functions[i].Addr, new.Functions[i].Size)
	}
	rows += len(m.Gone)
	for _, d := range m.Data() {
		rows++
		found = found || in(d.New, d.NewSize)
	}
	return found, rows
}

// addition is a source that is linked into the program in addition: a function
// that is called at its start, and one that is called by that one.
const addition = `
#include <unistd.h>
static int pieces[8];
__attribute__((noinline)) int added_inner(int a) {
	int i;
	for (i = 0; i < 8; i++) pieces[i] = a ^ i * 37;
	return pieces[a & 7] + getpid();
}
__attribute__((constructor)) void added_outer(void) {
	if (added_inner(getuid()) == 0x4711) _exit(3);
}
`

// added builds the program with two functions more and looks whether they
// are listed.
func (b built) added(stripped bool) (injected, error) {
	r := injected{Kind: kindAdded}
	dir, err := filepath.Abs(filepath.Join(*work, "inject", "added", b.program.name+"-"+b.variant.name))
	if err != nil {
		return r, err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return r, err
	}
	if err := os.WriteFile(filepath.Join(filepath.Dir(dir), "added.c"), []byte(addition), 0o644); err != nil {
		return r, err
	}
	// linked twice in one folder, which assertions name
	more := b
	more.anew = true
	more.program.script = strings.Replace(b.program.script, "mv dropbear full", `mv dropbear $OUT/base
$CC -w $F -fPIE -c -o added.o `+filepath.Dir(dir)+`/added.c
make -s dropbear AR="$T-ar" RANLIB="$T-ranlib" STRIP=true LDFLAGS="-pie $PWD/added.o"
mv dropbear full`, 1)
	if _, err := more.make(dir); err != nil {
		return r, err
	}
	old, err := readProgram(filepath.Join(dir, "base"), stripped)
	if err != nil {
		return r, err
	}
	new, err := readProgram(filepath.Join(dir, "full"), stripped)
	if err != nil {
		return r, err
	}
	e, err := openELF(filepath.Join(dir, "full"))
	if err != nil {
		return r, err
	}
	defer e.Close()
	rows := 0
	for _, f := range e.functions {
		if !slices.Contains([]string{"added_inner", "added_outer"}, f.name) {
			continue
		}
		r.N++
		found, n := listed(old, new, f.addr, f.size)
		rows = n
		if found {
			r.Listed++
		} else {
			r.Missed = append(r.Missed, f.name)
		}
	}
	r.More = rows - r.Listed
	return r, nil
}
