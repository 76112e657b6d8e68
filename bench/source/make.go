package main

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"maps"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/wardein/wardein/check/source"
)

const (
	dataFile = "check/source/data/releases.bin"
	// mostFiles bounds the files of a product: of larger ones those whose
	// paths have the smallest hashes stand for the rest.
	mostFiles = 300
)

// besides are folders that a copy of a library seldom has or that hold other
// products, and files that many products have from a third.
var (
	besides = regexp.MustCompile(`(?i)(^|/)(tests?|unittests?|testing|demos?|examples?|[a-z]*fuzz|fuzzing|fuzzers?|docs?|contrib|bench|benchmarks?|third[-_]?party|vendor|deps|external|packages|apps?|win32|windows|vms|amiga|macos|os400|` +
		`projects|IDE|mcux|ports|unit-tests|fulltests|mrbgems|doltest|perf|tools|gnulib|compat|openbsd-compat|missing|lbl)/`)
	common = regexp.MustCompile(`(?i)(^|/)(getopt|pkcs11|strl(cpy|cat)|inet_|reg(ex|comp|exec)|v?snprintf|arc4random|chacha|md[45]|sha[0-9]|blowfish|bcrypt|queue\.h|tree\.h|utlist|uthash|fts\.|vis\.|base64|config\.h)[^/]*$`)
)

// make builds the data from all releases.
func makeData() error {
	all, err := releases()
	if err != nil {
		return err
	}
	products, err := build(all)
	if err != nil {
		return err
	}
	files, variants := 0, 0
	for _, p := range products {
		n := 0
		for _, f := range p.Files {
			n += len(f.Variants)
		}
		fmt.Printf("%-14s %2d releases, %s to %s; %d files in %d variants\n", p.Name, len(p.Versions), p.Versions[0], p.Versions[len(p.Versions)-1], len(p.Files), n)
		files += len(p.Files)
		variants += n
	}
	data := source.Encode(products)
	fmt.Printf("%d products, %d files in %d variants, %d bytes\n", len(products), files, variants, len(data))
	if err := os.MkdirAll(filepath.Dir(dataFile), 0o755); err != nil {
		return err
	}
	return os.WriteFile(dataFile, data, 0o644)
}

// build makes the data of some releases, which are in order.
func build(all []release) ([]source.Product, error) {
	var products []source.Product
	names := map[string]bool{}
	for _, r := range all {
		names[r.product] = true
	}
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n].product == all[0].product {
			n++
		}
		p, err := product(all[:n])
		if err != nil {
			return nil, err
		}
		p.Files = slices.DeleteFunc(p.Files, func(f source.SourceFile) bool {
			return slices.ContainsFunc(strings.Split(path.Dir(f.Path), "/"), func(dir string) bool { return dir != p.Name && names[dir] })
		})
		products = append(products, p)
		all = all[n:]
	}
	separate(products)
	for i := range products {
		p := &products[i]
		slices.SortFunc(p.Files, func(a, b source.SourceFile) int { return strings.Compare(order(a.Path), order(b.Path)) })
		p.Files = p.Files[:min(len(p.Files), mostFiles)]
		slices.SortFunc(p.Files, func(a, b source.SourceFile) int { return strings.Compare(a.Path, b.Path) })
	}
	return slices.DeleteFunc(products, func(p source.Product) bool { return len(p.Files) == 0 }), nil
}

// order is a text that sorts paths as by chance, the same way each time.
func order(path string) string {
	h := fnv.New64a()
	h.Write([]byte(path))
	return fmt.Sprintf("%016x", h.Sum64())
}

type sketched struct {
	path   string
	sum    uint32
	hashes []uint32
}

var sketchedDirs = map[string][]sketched{}

// sketches are the sketches of a release's files.
func sketches(dir string) ([]sketched, error) {
	if list, ok := sketchedDirs[dir]; ok {
		return list, nil
	}
	var list []sketched
	for _, path := range sources(dir) {
		rel, _ := filepath.Rel(dir, path)
		if besides.MatchString(rel) || common.MatchString(rel) {
			continue
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if hashes := source.Sketch(string(b)); hashes != nil {
			digest := sha256.Sum256(b)
			list = append(list, sketched{filepath.ToSlash(rel), binary.LittleEndian.Uint32(digest[:]), hashes})
		}
	}
	sketchedDirs[dir] = list
	return list, nil
}

func product(all []release) (source.Product, error) {
	p := source.Product{Name: all[0].product}
	files := map[string]*source.SourceFile{}
	for i, r := range all[:min(len(all), 64)] {
		p.Versions = append(p.Versions, r.version)
		list, err := sketches(r.dir)
		if err != nil {
			return p, err
		}
		for _, x := range list {
			f := files[x.path]
			if f == nil {
				f = &source.SourceFile{Path: x.path}
				files[x.path] = f
			}
			k := slices.IndexFunc(f.Variants, func(v source.Variant) bool { return v.Sum == x.sum })
			if k < 0 {
				k = len(f.Variants)
				f.Variants = append(f.Variants, source.Variant{Sum: x.sum, Hashes: x.hashes})
			}
			f.Variants[k].In |= 1 << i
		}
	}
	for _, path := range slices.Sorted(maps.Keys(files)) {
		p.Files = append(p.Files, *files[path])
	}
	return p, nil
}

// separate drops files that two products have alike: one that stands in a
// folder of the other's name from there, others from both.
func separate(products []source.Product) {
	type owner struct{ product, file int }
	by := map[uint32][]owner{}
	for i, p := range products {
		for k, f := range p.Files {
			for _, v := range f.Variants {
				for _, h := range v.Hashes {
					if o := (owner{i, k}); !slices.Contains(by[h], o) {
						by[h] = append(by[h], o)
					}
				}
			}
		}
	}
	drop := map[owner]bool{}
	for i, p := range products {
		for k, f := range p.Files {
			shared := map[owner]int{}
			for _, v := range f.Variants {
				for o := range shared {
					shared[o] = 0
				}
				for _, h := range v.Hashes {
					for _, o := range by[h] {
						if o.product != i {
							shared[o]++
						}
					}
				}
				for o, n := range shared {
					if n < 2 {
						continue
					}
					own, other := strings.Contains(f.Path, products[o.product].Name), strings.Contains(products[o.product].Files[o.file].Path, p.Name)
					if own || !other {
						drop[owner{i, k}] = true
					}
				}
			}
		}
	}
	for i := range products {
		var kept []source.SourceFile
		for k, f := range products[i].Files {
			if !drop[owner{i, k}] {
				kept = append(kept, f)
			}
		}
		if n := len(products[i].Files) - len(kept); n > 0 && *verbose {
			fmt.Fprintf(os.Stderr, "%s: %d files are another product's too\n", products[i].Name, n)
		}
		products[i].Files = kept
	}
}
