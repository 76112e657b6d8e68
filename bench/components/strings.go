package main

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/wardein/wardein/check/component"
	"github.com/wardein/wardein/vulndb/version"
)

const staticPackages = "packages-static.txt"

// Bounds of a library's set. More texts find no more copies; they show bounds
// of the version in smaller parts.
const (
	mostCore  = 48 // texts that all releases have
	mostBound = 14 // that begin with, and that end before, one release
	leastSet  = 6

	holds = 0.6 // a file that has this part of a library's texts holds the library
)

// copied is a product whose static libraries were read.
type copied struct {
	name     string
	sources  map[string]bool
	sonames  map[string]bool
	symbols  map[string]bool // names are in tables of programs that only call them
	releases map[string]*copiedRelease
	versions []string
	texts    map[string]*copiedText
	kin      map[string]bool // sources of forks, which are no holders
}

// copiedRelease has a unit, which is an object file's name, for each text that
// all builds of a release have, and the texts that only some have: they say
// nothing about releases.
type copiedRelease struct {
	texts map[string]string
	some  map[string]bool
}

type copiedText struct {
	unit        string
	first, last int
}

// strings writes check/component/data/strings.txt: for each library that is
// linked statically, texts that are in its object files on all processors and
// in no other product's files.
func stringSets(archives []*archive, background []string) (string, error) {
	list, err := readCopied(archives)
	if err != nil {
		return "", err
	}
	for _, c := range list {
		c.intervals()
	}
	if err := distinct(list, background); err != nil {
		return "", err
	}
	var from []string
	for _, a := range archives {
		from = append(from, a.suite+" "+a.arch)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Texts of static libraries in Debian %s; made by bench/components/run strings.\n", strings.Join(from, ", "))
	for _, c := range list {
		c.write(&b)
	}
	return b.String(), nil
}

// readCopied reads the static libraries of some archives, by product.
func readCopied(archives []*archive) ([]*copied, error) {
	by := map[string]*copied{}
	alias, err := aliases()
	if err != nil {
		return nil, err
	}
	for _, a := range archives {
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
		read := map[string]*copiedRelease{}
		for _, p := range have {
			src, v := a.source(p)
			if own := a.records[p]["Version"]; upstream(own) != upstream(v) {
				v = own
			}
			name := productOf(alias, src)
			c := by[name]
			if c == nil {
				c = &copied{name: name, sources: map[string]bool{}, sonames: map[string]bool{}, symbols: map[string]bool{}, releases: map[string]*copiedRelease{}}
				by[name] = c
			}
			key := name + " " + upstream(v)
			r := read[key]
			if r == nil {
				r = &copiedRelease{texts: map[string]string{}, some: map[string]bool{}}
				read[key] = r
			}
			if err := c.read(debs[p], r); err != nil {
				return nil, fmt.Errorf("%s: %w", debs[p], err)
			}
			c.sources[src] = true
		}
		for key, r := range read {
			name, v, _ := strings.Cut(key, " ")
			if len(r.texts) > 0 {
				by[name].add(v, r)
			}
		}
	}
	var list []*copied
	for _, c := range by {
		if len(c.releases) > 0 {
			list = append(list, c)
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].name < list[j].name })
	return list, nil
}

func productOf(alias map[string]string, src string) string {
	name := unnumbered(src)
	for _, s := range []string{src, name} {
		if a := alias[s]; a != "" {
			return a
		}
	}
	return name
}

// add keeps what all builds of a release have.
func (c *copied) add(v string, r *copiedRelease) {
	old := c.releases[v]
	if old == nil {
		c.releases[v] = r
		return
	}
	for s := range r.texts {
		if _, ok := old.texts[s]; !ok {
			old.some[s] = true
		}
	}
	for s := range old.texts {
		if _, ok := r.texts[s]; !ok {
			old.some[s] = true
			delete(old.texts, s)
		}
	}
}

// members calls each for the object files of a package's static libraries,
// whole with each of these, and names with each file of the package.
func members(deb string, names func(h *tar.Header), whole func(h *tar.Header, data []byte), each func(library, member string, data []byte)) error {
	cmd := exec.Command("dpkg-deb", "--fsys-tarfile", deb)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	t := tar.NewReader(out)
	for {
		h, err := t.Next()
		if err == io.EOF {
			break
		} else if err != nil {
			return errors.Join(err, cmd.Wait())
		}
		names(h)
		if !strings.HasSuffix(h.Name, ".a") || h.Typeflag != tar.TypeReg {
			continue
		}
		data, err := io.ReadAll(t)
		if err != nil {
			return errors.Join(err, cmd.Wait())
		}
		whole(h, data)
		unar(data, func(member string, data []byte) { each(path.Base(h.Name), member, data) })
	}
	io.Copy(io.Discard, out)
	return cmd.Wait()
}

// unar gives the members of an archive as GNU ar writes them (ar(5)).
func unar(b []byte, each func(name string, data []byte)) {
	if !bytes.HasPrefix(b, []byte("!<arch>\n")) {
		return
	}
	var long string
	for at := 8; at+60 <= len(b); {
		name, n := strings.TrimSpace(string(b[at:at+16])), 0
		fmt.Sscan(string(b[at+48:at+58]), &n)
		at += 60
		if n < 0 || n > len(b)-at {
			return
		}
		data := b[at : at+n]
		at += n + n&1
		switch {
		case name == "//":
			long = string(data)
			continue
		case name == "/" || name == "/SYM64/":
			continue
		case strings.HasPrefix(name, "/"):
			k := 0
			fmt.Sscan(name[1:], &k)
			if k < len(long) {
				name, _, _ = strings.Cut(long[k:], "/\n")
			}
		}
		each(strings.TrimSuffix(name, "/"), data)
	}
}

// read adds the texts of a package's static libraries to a release.
func (c *copied) read(deb string, r *copiedRelease) error {
	return members(deb, func(h *tar.Header) {
		for _, name := range []string{h.Name, h.Linkname} {
			name = path.Base(name)
			if at := strings.Index(name, ".so"); at > 0 && strings.HasPrefix(name, "lib") && !strings.Contains(h.Name, "/share/") {
				c.sonames[name[:at+3]] = true
			}
		}
	}, func(*tar.Header, []byte) {}, func(library, member string, data []byte) {
		c.sonames[strings.TrimSuffix(library, ".a")+".so"] = true
		f, err := elf.NewFile(bytes.NewReader(data))
		if err != nil {
			return
		}
		symbols, _ := f.Symbols()
		for _, s := range symbols {
			c.symbols[s.Name] = true
		}
		for _, s := range f.Sections {
			if s.Type != elf.SHT_PROGBITS || s.Flags&elf.SHF_ALLOC == 0 || s.Flags&elf.SHF_EXECINSTR != 0 || !strings.HasPrefix(s.Name, ".rodata") && !strings.HasPrefix(s.Name, ".data") {
				continue
			}
			data, err := s.Data()
			if err != nil {
				continue
			}
			for _, t := range bytes.Split(data, []byte{0}) {
				if text := string(t); telling(text) {
					if _, ok := r.texts[text]; !ok {
						r.texts[text] = unitName(member)
					}
				}
			}
		}
	})
}

// unitName is an object file's name as most build systems have it: those that
// put the library before it, or the language behind it, are cut.
func unitName(s string) string {
	for _, end := range []string{".o", ".lo", ".c", ".cc", ".cpp", ".cxx"} {
		s = strings.TrimSuffix(s, end)
	}
	for _, sep := range []string{"_la-", "-lib-"} {
		if at := strings.Index(s, sep); at >= 0 {
			s = s[at+len(sep):]
		}
	}
	return s
}

// telling tells whether a text may be a library's own: printable, of words,
// and not where it was built. Single words are names of what many list.
func telling(s string) bool {
	if len(s) < 10 || len(s) > 90 || strings.Contains(s, "/build/") || strings.Contains(s, "../") || s[0] == ' ' && s[len(s)-1] == ' ' {
		return false
	}
	letters := 0
	for i := range len(s) {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			letters++
		case c < ' ' && c != '\n' && c != '\t' && c != '\r' || c > '~':
			return false
		}
	}
	return letters >= 8 && 2*letters >= len(s) && strings.Contains(s, " ")
}

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

// writeSets makes the sets of some archives; what the roots' packages hold is
// the background.
func writeSets(suites, archs []string) error {
	archives, background, err := staticArchives(suites, archs)
	if err != nil {
		return err
	}
	text, err := stringSets(archives, background)
	if err != nil {
		return err
	}
	out := "check/component/data/strings.txt"
	fmt.Println(out, strings.Count(text, "\n@ "), "libraries", len(text), "bytes")
	return os.WriteFile(out, []byte(text), 0o644)
}

func staticArchives(suites, archs []string) (list []*archive, background []string, err error) {
	for _, s := range suites {
		for _, arch := range archs {
			a, err := openArchive(s, arch, staticPackages)
			if err != nil {
				return nil, nil, err
			}
			list = append(list, a)
			if arch == archs[0] { // constants are the same on other processors
				debs, _ := filepath.Glob(filepath.Join(work, s+"-"+arch, "debs", "*.deb"))
				background = append(background, debs...)
			}
		}
	}
	return list, background, nil
}
