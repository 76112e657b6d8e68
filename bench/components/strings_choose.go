package main

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/wardein/wardein/check/component"
	"github.com/wardein/wardein/vulndb/version"
)

// intervals orders the releases and tells for each text from which to which
// it is there; texts that came back are left out.
func (c *copied) intervals() {
	c.versions = nil
	for v := range c.releases {
		c.versions = append(c.versions, v)
	}
	scheme := version.Generic
	if c.name == "openssl" {
		scheme = version.OpenSSL
	}
	slices.SortFunc(c.versions, func(a, b string) int {
		n, _ := version.Compare(scheme, a, b)
		return n
	})
	c.texts = map[string]*copiedText{}
	broken := map[string]bool{}
	for i, v := range c.versions {
		for s := range c.releases[v].some {
			broken[s] = true
		}
		for s, unit := range c.releases[v].texts {
			t := c.texts[s]
			switch {
			case c.symbols[s]:
			case t == nil:
				c.texts[s] = &copiedText{unit: unit, first: i, last: i}
			case t.last == i-1:
				t.last = i
			default:
				broken[s] = true
			}
		}
	}
	for s := range broken {
		delete(c.texts, s)
	}
}

// distinct takes out the texts that other libraries of the list, or other
// products' files in the packages of the background, have. A file that has
// most of a library's texts holds the library and says nothing about them,
// unless a second product does, too: a standard's names.
func distinct(list []*copied, background []string) error {
	owners := map[string][]*copied{}
	for _, c := range list {
		for s := range c.texts {
			owners[s] = append(owners[s], c)
		}
	}
	for _, c := range list {
		shared := map[*copied]int{}
		for s := range c.texts {
			for _, o := range owners[s] {
				shared[o]++
			}
		}
		c.kin = map[string]bool{}
		for o, n := range shared {
			if o != c && n >= leastSet {
				maps.Copy(c.kin, o.sources)
			}
		}
		for s := range c.texts {
			if len(owners[s]) > 1 {
				delete(c.texts, s)
			}
		}
	}
	var all []string
	for s := range owners {
		all = append(all, s)
	}
	sort.Strings(all)
	find := component.NewTexts(all)
	drop := map[*copied]map[string]bool{}
	holders := map[*copied]map[string]string{} // a source that holds the library by text
	for _, deb := range background {
		err := programs(deb, func(file, src string, data []byte) {
			hits := map[*copied]map[string]bool{}
			find.Find(bytes.NewReader(data), 0, int64(len(data)), make([]byte, 0, 1<<18), func(i int, _ int64) {
				for _, c := range owners[all[i]] {
					if c.texts[all[i]] == nil || c.sources[src] {
						continue
					}
					if hits[c] == nil {
						hits[c] = map[string]bool{}
					}
					hits[c][all[i]] = true
				}
			})
			for c, texts := range hits {
				if n, of := c.release(texts); n >= leastSet && float64(n) >= holds*float64(of) && !c.kin[src] {
					fmt.Printf("%s holds %s: %d of %d texts\n", file, c.name, n, of)
					if holders[c] == nil {
						holders[c] = map[string]string{}
					}
					for s := range texts {
						if by := holders[c][s]; by == "" || by == unnumbered(src) {
							holders[c][s] = unnumbered(src)
							delete(texts, s)
						}
					}
				}
				if drop[c] == nil {
					drop[c] = map[string]bool{}
				}
				for s := range texts {
					drop[c][s] = true
				}
			}
		})
		if err != nil {
			return err
		}
	}
	for c, texts := range drop {
		for s := range texts {
			delete(c.texts, s)
		}
	}
	return nil
}

// release tells how many of some texts the release has that has most of its
// own among them, and how many that are.
func (c *copied) release(texts map[string]bool) (n, of int) {
	for v := range c.versions {
		has, all := 0, 0
		for s, t := range c.texts {
			if t.first <= v && v <= t.last {
				all++
				if texts[s] {
					has++
				}
			}
		}
		if all > 0 && (of == 0 || has*of > n*all) {
			n, of = has, all
		}
	}
	return n, of
}

// programs calls each for the ELF files of a package, with its source.
func programs(deb string, each func(file, src string, data []byte)) error {
	out, err := exec.Command("dpkg-deb", "-f", deb, "Source", "Package").Output()
	if err != nil {
		return err
	}
	field := map[string]string{}
	for line := range strings.Lines(string(out)) {
		k, v, _ := strings.Cut(strings.TrimSpace(line), ": ")
		field[k], _, _ = strings.Cut(v, " ")
	}
	src := field["Source"]
	if src == "" {
		src = field["Package"]
	}
	cmd := exec.Command("dpkg-deb", "--fsys-tarfile", deb)
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	t := tar.NewReader(pipe)
	for {
		h, err := t.Next()
		if err == io.EOF {
			break
		} else if err != nil {
			return errors.Join(err, cmd.Wait())
		}
		if h.Typeflag != tar.TypeReg || h.Size < 64 || strings.HasSuffix(h.Name, ".ko") {
			continue
		}
		var magic [4]byte
		if _, err := io.ReadFull(t, magic[:]); err != nil || string(magic[:]) != elf.ELFMAG {
			continue
		}
		data, err := io.ReadAll(io.MultiReader(bytes.NewReader(magic[:]), t))
		if err != nil {
			return errors.Join(err, cmd.Wait())
		}
		each(filepath.Base(deb)+" "+h.Name, src, data)
	}
	io.Copy(io.Discard, pipe)
	return cmd.Wait()
}

// write writes a library's set: texts that bound the version, and texts that
// all releases have, of as many object files as possible.
func (c *copied) write(b *strings.Builder) {
	last := len(c.versions) - 1
	units := map[string]int{} // texts that all releases have
	for _, t := range c.texts {
		if t.first == 0 && t.last == last {
			units[t.unit]++
		}
	}
	chosen := map[string]bool{}
	perUnit := map[string]int{}
	pick := func(most int, fits func(t *copiedText) bool) {
		by := map[string][]string{}
		for s, t := range c.texts {
			if fits(t) {
				by[t.unit] = append(by[t.unit], s)
			}
		}
		var order []string
		for u, list := range by {
			order = append(order, u)
			sort.Slice(list, func(i, j int) bool {
				a, b := list[i], list[j]
				if x, y := handy(a), handy(b); x != y {
					return x
				}
				return a < b
			})
		}
		sort.Slice(order, func(i, j int) bool {
			a, b := order[i], order[j]
			if x, y := min(perUnit[a], 1), min(perUnit[b], 1); x != y {
				return x > y
			}
			if units[a] != units[b] {
				return units[a] > units[b]
			}
			return a < b
		})
		for round, n := 0, 0; n < most; round++ {
			more := false
			for _, u := range order {
				if round < len(by[u]) && n < most {
					more = true
					if s := by[u][round]; !chosen[s] {
						chosen[s] = true
						perUnit[u]++
						n++
					}
				}
			}
			if !more {
				break
			}
		}
	}
	for i := 1; i <= last; i++ {
		pick(mostBound, func(t *copiedText) bool { return t.first == i })
		pick(mostBound, func(t *copiedText) bool { return t.last == i-1 })
	}
	pick(mostCore, func(t *copiedText) bool { return t.first == 0 && t.last == last })
	if len(chosen) < leastSet {
		fmt.Printf("%s: %d texts are too few\n", c.name, len(chosen))
		return
	}
	fmt.Fprintf(b, "@ %s %s\n= %s\n", c.name, strings.Join(keys(c.sonames), " "), strings.Join(c.versions, " "))
	by := map[string][]string{}
	for s := range chosen {
		by[c.texts[s].unit] = append(by[c.texts[s].unit], s)
	}
	for n, u := range slices.Sorted(maps.Keys(by)) {
		if n > 0 {
			b.WriteByte('\n')
		}
		sort.Strings(by[u])
		for _, s := range by[u] {
			t := c.texts[s]
			fmt.Fprintf(b, "%c%c %s\n", digits36[t.first], digits36[t.last], component.Escape(s))
		}
	}
}

const digits36 = "0123456789abcdefghijklmnopqrstuvwxyz"

// handy texts are long enough to be telling and short enough to be kept.
func handy(s string) bool { return len(s) >= 16 && len(s) <= 48 && strings.Contains(s, " ") }
