package main

import (
	"bytes"
	"debug/elf"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/wardein/wardein/compare/function"
	"github.com/wardein/wardein/exe"
)

// score is how far a matching agrees with the names of functions.
//
// A function has the names that symbols give its address; parts that the
// optimiser split off or copied (foo.isra.0, foo.constprop.1, foo.part.2) have
// the name of what they were made of, but what it put aside for being run
// rarely (foo.cold) is only the same as another such part. Of C++ names the
// types of arguments and results are left out: a function that takes one more
// is the same function. Functions of one program that are equal in all
// instructions and in what those point at have each other's names, since nothing
// but their place tells them apart; so do those that a linker folded into one. A pair is right if the two have a name in common:
// where a name stands for several functions (static ones of different files,
// copies), any of them will do.
//
// Present counts what could be found: for each name the functions of the side
// that has fewer of them. A function that has several names counts for the
// first one that the other side has. Claimed are the pairs of which at least
// one function has a name, since recovered bounds are also of pieces that have
// none. Of a pair of a name that only the old program has with one that only
// the new program has, names can't say whether the function was renamed; such
// pairs are Undecided, and precision is of the others. Strict counts them as
// wrong.
type score struct {
	Present, Claimed, Right int
	Undecided               int
	Old, New                int // functions
	Bounds                  [2]int
	Named                   [2]int
	Time, Reading           time.Duration
	Wrong                   []wrong
	Missed                  []string
	Keys                    map[function.Key][2]int // claimed, right
	Same                    map[function.Sameness]int
}

type wrong struct{ old, new string }

func (s *score) recall() float64 { return 100 * float64(s.Right) / float64(max(s.Present, 1)) }
func (s *score) precision() float64 {
	return 100 * float64(s.Right) / float64(max(s.Claimed-s.Undecided, 1))
}
func (s *score) strict() float64 { return 100 * float64(s.Right) / float64(max(s.Claimed, 1)) }

var splitOff = regexp.MustCompile(`(\.(isra|constprop|part|lto_priv|llvm|localalias|clone)(\.[0-9]+)?)+`)

// truth are the names of functions by address.
func truth(path string) (map[uint64][]string, error) {
	f, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	symbols, err := f.Symbols()
	if err != nil {
		return nil, err
	}
	names := map[uint64][]string{}
	for _, s := range symbols {
		if t := elf.ST_TYPE(s.Info); t != elf.STT_FUNC && t != elf.STT_GNU_IFUNC || s.Section == elf.SHN_UNDEF || s.Size == 0 {
			continue
		}
		at := s.Value
		if f.Machine == elf.EM_ARM || f.Machine == elf.EM_MIPS {
			at &^= 1
		}
		if f.Machine == elf.EM_PPC64 {
			if sec := f.Sections[min(int(s.Section), len(f.Sections)-1)]; sec.Name == ".opd" {
				b := make([]byte, 8)
				if _, err := sec.ReadAt(b, int64(at-sec.Addr)); err != nil {
					continue
				}
				at = f.ByteOrder.Uint64(b)
			}
		}
		name := splitOff.ReplaceAllString(s.Name, "")
		if i := strings.Index(s.Name, ".cold"); i >= 0 {
			name = splitOff.ReplaceAllString(s.Name[:i], "") + ".cold"
		}
		if !slices.Contains(names[at], name) {
			names[at] = append(names[at], name)
		}
	}
	if err := demangle(names); err != nil {
		return nil, err
	}
	return names, nil
}

// demangle makes names of C++ readable, without the types of arguments and
// results.
func demangle(names map[uint64][]string) error {
	var in bytes.Buffer
	at := slices.Sorted(maps.Keys(names))
	for _, a := range at {
		for _, n := range names[a] {
			fmt.Fprintln(&in, n)
		}
	}
	filter := exec.Command("c++filt", "-p")
	filter.Stdin = &in
	out, err := filter.Output()
	if err != nil {
		return fmt.Errorf("c++filt: %w", err)
	}
	lines := strings.Split(string(out), "\n")
	for _, a := range at {
		for i := range names[a] {
			names[a][i] = lines[0]
			lines = lines[1:]
		}
		slices.Sort(names[a])
		names[a] = slices.Compact(names[a])
	}
	return nil
}

// share gives functions that do the same each other's names.
func share(p *function.Program, names map[uint64][]string) {
	by := map[uint64][]string{}
	for i := range p.Functions {
		if n := names[p.Functions[i].Addr]; n != nil {
			by[p.Body(i)] = append(by[p.Body(i)], n...)
		}
	}
	for i := range p.Functions {
		if a := p.Functions[i].Addr; names[a] != nil {
			list := slices.Clone(by[p.Body(i)])
			slices.Sort(list)
			names[a] = slices.Compact(list)
		}
	}
}

// readProgram reads a program for matching, without names.
func readProgram(path string, stripped bool) (*function.Program, error) {
	r, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	st, err := r.Stat()
	if err != nil {
		return nil, err
	}
	f, err := exe.Open(r, st.Size())
	if err != nil {
		return nil, err
	}
	list, err := f.Functions(exe.Sources{Stripped: stripped})
	if err != nil {
		return nil, err
	}
	for i := range list {
		list[i].Name = ""
	}
	return function.Read(f, list)
}

// scorePair matches two programs that have symbols, by the symbols' bounds or,
// stripped, by those that are recovered.
func scorePair(oldPath, newPath string, stripped bool) (*score, error) {
	var names [2]map[uint64][]string
	var p [2]*function.Program
	s := &score{Keys: map[function.Key][2]int{}, Same: map[function.Sameness]int{}}
	for i, path := range []string{oldPath, newPath} {
		var err error
		if names[i], err = truth(path); err != nil {
			return nil, err
		}
		begin := time.Now()
		if p[i], err = readProgram(path, stripped); err != nil {
			return nil, err
		}
		s.Reading += time.Since(begin)
		s.Named[i] = len(names[i])
		for k := range p[i].Functions {
			if names[i][p[i].Functions[k].Addr] != nil {
				s.Bounds[i]++
			}
		}
	}
	for i := range p {
		share(p[i], names[i])
	}
	begin := time.Now()
	m := function.Match(p[0], p[1])
	s.Time = time.Since(begin)
	s.Old, s.New = len(p[0].Functions), len(p[1].Functions)

	count := [2]map[string]int{{}, {}}
	all := [2]map[string]bool{{}, {}}
	for i := range names {
		for _, list := range names[i] {
			for _, n := range list {
				all[i][n] = true
			}
		}
	}
	group := func(i int, list []string) string {
		for _, n := range list {
			if all[1-i][n] {
				return n
			}
		}
		return ""
	}
	for i := range names {
		for _, list := range names[i] {
			if g := group(i, list); g != "" {
				count[i][g]++
			}
		}
	}
	left := map[string]int{}
	for g, n := range count[0] {
		left[g] = min(n, count[1][g])
		s.Present += left[g]
	}
	for _, pair := range m.Pairs {
		s.Same[pair.Same]++
		a, b := names[0][m.Old.Functions[pair.Old].Addr], names[1][m.New.Functions[pair.New].Addr]
		if a == nil && b == nil {
			continue
		}
		s.Claimed++
		k := s.Keys[pair.Key]
		k[0]++
		if slices.ContainsFunc(a, func(n string) bool { return slices.Contains(b, n) }) {
			s.Right++
			k[1]++
			left[group(0, a)]--
		} else {
			if group(0, a) == "" && group(1, b) == "" && a != nil && b != nil {
				s.Undecided++
			}
			s.Wrong = append(s.Wrong, wrong{fmt.Sprintf("%x %s", m.Old.Functions[pair.Old].Addr, strings.Join(a, " ")), fmt.Sprintf("%x %s by %v", m.New.Functions[pair.New].Addr, strings.Join(b, " "), pair.Key)})
		}
		s.Keys[pair.Key] = k
	}
	for g, n := range left {
		if n > 0 {
			s.Missed = append(s.Missed, g)
		}
	}
	slices.Sort(s.Missed)
	return s, nil
}
