package main

import (
	"archive/tar"
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"sort"
	"strings"
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
