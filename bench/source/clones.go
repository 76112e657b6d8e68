package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/check/source"
)

// tree is one release's sources below a folder of another name, as the check
// sees them.
type tree struct {
	nodes []*wardein.Node
	facts []wardein.Fact
	of    []*wardein.Node
}

func (t *tree) Nodes() iter.Seq[*wardein.Node]  { return slices.Values(t.nodes) }
func (t *tree) Lookup(string) *wardein.Node     { return nil }
func (t *tree) Components() []wardein.Component { return nil }
func (t *tree) Facts(string) iter.Seq2[*wardein.Node, wardein.Fact] {
	return func(yield func(*wardein.Node, wardein.Fact) bool) {
		for i, f := range t.facts {
			if !yield(t.of[i], f) {
				return
			}
		}
	}
}

// read reads the sources below a folder, as they are or changed as a vendor
// does.
func read(dir string, change func(string, []byte) []byte) (*tree, error) {
	t := &tree{}
	for _, path := range sources(dir) {
		b, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		rel, _ := filepath.Rel(dir, path)
		if b = change(rel, b); b == nil {
			continue
		}
		n := &wardein.Node{Path: "release/import/" + rel, Size: int64(len(b)), Blob: sha256.Sum256(b)}
		blob := wardein.Blob{ReaderAt: bytes.NewReader(b), Size: n.Size, Class: "text", Format: "text"}
		blob.Hits = hits(b)
		if ok, _ := source.Check.Wants(blob); !ok {
			continue
		}
		t.nodes = append(t.nodes, n)
		err = source.Check.Node(context.Background(), blob, func(f wardein.Fact) {
			t.facts = append(t.facts, f)
			t.of = append(t.of, n)
		})
		if err != nil {
			return nil, err
		}
	}
	return t, nil
}

// told is what the check says of a product in a tree.
type told struct {
	first, last, span     string
	files, changed        int
	full, parts, fragment int
}

func judge(c wardein.Check, t *tree) (map[string]told, error) {
	all := map[string]told{}
	err := c.Tree(context.Background(), t, func(f wardein.Finding) {
		if f.Rule != "source.clone" {
			return
		}
		arg := map[string]string{}
		for _, a := range f.Says.Args {
			arg[a.Name] = a.Value
		}
		number := func(s string) int { n, _ := strconv.Atoi(arg[s]); return n }
		x := told{span: arg["range"], files: number("files"), changed: number("changed"), full: number("full"), parts: number("partial"), fragment: number("fragment")}
		var ok bool
		if x.first, x.last, ok = strings.Cut(x.span, " to "); !ok {
			x.last = x.first
		}
		all[arg["product"]] = x
	})
	return all, err
}

// clones measures with a third of the releases left out of the data in turn: what is said
// of its sources as they are, with every third file changed by a line and a
// notice, and with one file of ten alone; and what is said besides of other
// products. Then trees of products that the data does not have.
func clones() error {
	all, err := releases()
	if err != nil {
		return err
	}
	versions := map[string][]string{}
	for _, r := range all {
		versions[r.product] = append(versions[r.product], r.version)
	}
	asIs := func(_ string, b []byte) []byte { return b }
	changed := func(path string, b []byte) []byte {
		if order(path)[0] < '5' {
			return append(append([]byte("/* Imported. */\n#include \"port.h\"\n"), b...), "\nint port_probe(int a)\n{\n\treturn a ? port_value(a) : 0;\n}\n"...)
		}
		return b
	}
	few := func(path string, b []byte) []byte {
		if order(path)[0] == '7' {
			return b
		}
		return nil
	}
	var n [3]struct{ trees, found, full, part, near, wide int }
	others := map[string]int{}
	// Every third release of each product is left out at a time: those beside
	// it stay.
	fold := func(r release) int { return slices.Index(versions[r.product], r.version) % 3 }
	var checks [3]wardein.Check
	for k := range checks {
		data, err := build(slices.DeleteFunc(slices.Clone(all), func(x release) bool { return fold(x) == k && len(versions[x.product]) > 1 }))
		if err != nil {
			return err
		}
		checks[k] = source.With(source.Encode(data))
	}
	for _, r := range all {
		list := versions[r.product]
		if len(list) < 2 || *only != "" && r.product != *only {
			continue
		}
		c := checks[fold(r)]
		for i, change := range []func(string, []byte) []byte{asIs, changed, few} {
			t, err := read(r.dir, change)
			if err != nil {
				return err
			}
			said, err := judge(c, t)
			if err != nil {
				return err
			}
			n[i].trees++
			if *verbose {
				fmt.Printf("%s (%d): %+v\n", r, i, said)
			}
			x, ok := said[r.product]
			if !ok {
				if i < 2 {
					fmt.Printf("%s: not found (%d)\n", r, i)
				}
				continue
			}
			n[i].found++
			if x.full > 0 {
				n[i].full++
			} else if x.parts > 0 {
				n[i].part++
			}
			// The releases beside the one that was left out.
			k := slices.Index(list, r.version)
			near := slices.Contains(list[max(0, k-1):min(len(list), k+2)], x.first) || slices.Contains(list[max(0, k-1):min(len(list), k+2)], x.last)
			if near {
				n[i].near++
			} else {
				fmt.Printf("%s: told as %s (%d)\n", r, x.span, i)
			}
			if i > 0 {
				continue
			}
			delete(said, r.product)
			for p, x := range said {
				others[fmt.Sprintf("%s in %s: %d files of %s", p, r, x.files, x.span)]++
			}
		}
	}
	dirs, _ := filepath.Glob(filepath.Join(*work, "others", "*", "*"))
	for _, dir := range dirs {
		t, err := read(dir, asIs)
		if err != nil {
			return err
		}
		said, err := judge(source.Check, t)
		if err != nil {
			return err
		}
		fmt.Printf("%s: %d files", strings.TrimPrefix(dir, filepath.Join(*work, "others")+"/"), len(t.nodes))
		for _, p := range slices.Sorted(maps.Keys(said)) {
			x := said[p]
			fmt.Printf("; %d of %s %s, %d full, %d partial, %d fragments", x.files, p, x.span, x.full, x.parts, x.fragment)
		}
		fmt.Println()
	}
	for i, name := range []string{"as released", "every third file changed", "one file of sixteen alone"} {
		x := n[i]
		fmt.Printf("%s: %d trees, found %d, full %d, partial %d; told as a release beside it %d\n", name, x.trees, x.found, x.full, x.part, x.near)
	}
	for _, s := range slices.Sorted(maps.Keys(others)) {
		fmt.Println("besides:", s)
	}
	return nil
}
