package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/check/cryptolib"
)

// truth is what a file is known to hold, by a way that is not the check's.
type truth struct {
	library, version, completeness, how string
	used                                bool
}

const heldOut, inSetsGroup = "held out: releases that no set was made of", "releases that sets were made of"

// tally is the result of one library.
type tally struct {
	files, found, missed int
	asked, version, none int // versions that are known; right, and not shown of them
	whole, full          int // whole libraries, and those said to be full
	wrong                int // copies where there are none
}

// measure looks at all programs below from and compares with the truths of a
// list. Releases that the sets were made of are counted apart.
func measure(from, list, heldout string) error {
	data, err := os.ReadFile(list)
	if err != nil {
		return err
	}
	inSets := map[string]bool{}
	for line := range strings.Lines(string(data)) {
		if p := strings.Split(line, "\t"); len(p) == 4 {
			inSets[p[0]+" "+p[1]] = true
		}
	}
	truths, err := readTruths(heldout)
	if err != nil {
		return err
	}
	c := cryptolib.Check("2026-11-22")
	tables := map[string]map[string]*tally{}
	of := func(group, library string) *tally {
		if tables[group] == nil {
			tables[group] = map[string]*tally{}
		}
		if tables[group][library] == nil {
			tables[group][library] = &tally{}
		}
		return tables[group][library]
	}
	programs := 0
	seen := map[[32]byte]bool{}
	err = filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		if err != nil || !bytes.HasPrefix(data, []byte("\x7fELF")) {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		sum := sha256.Sum256(data)
		want := truths[rel]
		if want != nil {
			want.used = true
		}
		if seen[sum] {
			return nil
		}
		seen[sum] = true
		programs++
		group := heldOut
		if want == nil {
			want = &truth{}
		} else if inSets[want.library+" "+want.version] {
			group = inSetsGroup
		}
		var hit bool
		for _, f := range facts(c, data) {
			if f.Kind != "copy" {
				continue
			}
			lib, version, grade := f.Attr("library"), f.Attr("version"), f.Attr("completeness")
			if lib != want.library {
				if want.library == "?" {
					fmt.Printf("%-10s %s: %s %s %s, %s %% by %s, nearest %s (truth not known)\n", lib, rel, grade, lib, version, f.Attr("share"), f.Attr("by"), f.Attr("nearest"))
					continue
				}
				of(heldOut, lib).wrong++
				fmt.Printf("WRONG      %s: said to hold %s of %s %s, %s %% by %s, %q\n", rel, grade, lib, version, f.Attr("share"), f.Attr("by"), f.Attr("quote"))
				continue
			}
			hit = true
			t := of(group, lib)
			t.found++
			if want.version != "" {
				t.asked++
				switch version {
				case want.version:
					t.version++
				case "":
					t.none++
				}
			}
			if want.completeness == "full" {
				t.whole++
				if grade == "full" {
					t.full++
				}
			}
			fmt.Printf("%-10s %s: %s %s, %s %% by %s, nearest %s; truth %s %s (%s)\n", lib, rel, grade, cmp.Or(version, "no version"), f.Attr("share"), f.Attr("by"), f.Attr("nearest"),
				want.version, want.completeness, want.how)
		}
		if want.library != "" && want.library != "?" {
			of(group, want.library).files++
			if !hit {
				of(group, want.library).missed++
				fmt.Printf("MISSED     %s: %s %s (%s)\n", rel, want.library, want.version, want.how)
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for path, t := range truths {
		if !t.used {
			return fmt.Errorf("%s is not below %s", path, from)
		}
	}
	fmt.Printf("\n%d different programs\n", programs)
	for _, group := range []string{heldOut, inSetsGroup} {
		fmt.Printf("\n%s\n%-12s %6s %6s %7s %6s  %14s %11s %14s\n", group, "library", "files", "found", "missed", "wrong", "version known", "right, none", "whole and full")
		var names []string
		for l := range tables[group] {
			names = append(names, l)
		}
		slices.Sort(names)
		for _, l := range names {
			t := tables[group][l]
			fmt.Printf("%-12s %6d %6d %7d %6d  %14d %7d, %2d %8d of %2d\n", l, t.files, t.found, t.missed, t.wrong, t.asked, t.version, t.none, t.full, t.whole)
		}
	}
	return nil
}

func readTruths(name string) (map[string]*truth, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	out := map[string]*truth{}
	s := bufio.NewScanner(f)
	for s.Scan() {
		line, _, _ := strings.Cut(s.Text(), "#")
		if strings.TrimSpace(line) == "" {
			continue
		}
		p := strings.Split(line, "\t")
		if len(p) != 5 {
			return nil, fmt.Errorf("%s: %q: want path, library, version, completeness and how it is known", name, line)
		}
		out[p[0]] = &truth{library: p[1], version: p[2], completeness: p[3], how: p[4]}
	}
	return out, s.Err()
}

// facts runs the check over one program.
func facts(c wardein.Check, data []byte) (out []wardein.Fact) {
	b := wardein.Blob{ReaderAt: bytes.NewReader(data), Size: int64(len(data)), Digest: sha256.Sum256(data), Format: "elf", Class: "mixed"}
	hits := map[int][]int64{}
	b.Hits = func(i int) []int64 {
		at, ok := hits[i]
		if !ok {
			for from := 0; len(at) < 4096; {
				k := bytes.Index(data[from:], []byte(c.Literals[i]))
				if k < 0 {
					break
				}
				at = append(at, int64(from+k))
				from += k + 1
			}
			hits[i] = at
		}
		return at
	}
	if ok, _ := c.Wants(b); !ok {
		return nil
	}
	if err := c.Node(context.Background(), b, func(f wardein.Fact) { out = append(out, f) }); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	return out
}
