package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"debug/elf"
	"encoding/gob"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"sort"
	"strconv"
	"strings"
)

// Bounds: a package or a product larger than this is not looked at.
const (
	maxPackage  = 6 << 20
	maxProduct  = 8 << 20
	maxPackages = 5
	maxFiles    = 200
	atOnce      = 30 // products
)

// kept is one package's programs and libraries.
type kept struct {
	Suite, Package, Version, Source, About string
	Files                                  []program
}

// program is one ELF file, with its constants only.
type program struct {
	Path, Soname string
	Needed       []string
	Exports      []string
	Data         []byte
}

// record is a package of the release's list.
type record struct{ name, version, source, sourceVersion, about, arch, size string }

var notCode = regexp.MustCompile(`-(?:dev|dbg|dbgsym|doc|docs|tests?|examples|source|headers|data)$|-dev-|-doc-|^linux-(?:image|headers)|-cross|^python3?-|^libghc|-lto$|-mips|-alpha|-gcj|^golang-`)

// fetch goes through the products in steps, so that what is kept is complete
// for the first products while the rest is still to come.
func fetch(o options) error {
	list, err := o.list()
	if err != nil {
		return err
	}
	var releases []*apt
	for _, suite := range o.suites {
		a := &apt{dir: filepath.Join(o.work, suite), suite: suite, arch: o.arch, bySource: map[string][]record{}}
		if err := a.open(); err != nil {
			return err
		}
		releases = append(releases, a)
	}
	for len(list) > 0 {
		n := min(len(list), atOnce)
		done := make(chan error)
		for _, a := range releases {
			go func() { done <- a.keep(a.choose(list[:n])) }()
		}
		for range releases {
			if e := <-done; e != nil {
				err = e
			}
		}
		if err != nil {
			return err
		}
		list = list[n:]
		fmt.Printf("%d products left\n", len(list))
	}
	return nil
}

// choose gives the packages of some products that are not kept yet: those
// with the shortest names, as many as there is room for.
func (a *apt) choose(list []wanted) (get []record) {
	for _, w := range list {
		room := maxProduct
		var of []record
		for _, s := range w.sources {
			of = append(of, a.bySource[s]...)
		}
		sort.SliceStable(of, func(i, j int) bool { return len(of[i].name) < len(of[j].name) })
		count := 0
		for _, r := range of {
			n, _ := strconv.Atoi(r.size)
			if n > maxPackage || n > room || count == maxPackages {
				continue
			}
			room -= n
			count++
			if _, err := os.Stat(a.kept(r.name)); err != nil {
				get = append(get, r)
			}
		}
	}
	return get
}

// apt is one release, read with a configuration of its own.
type apt struct {
	dir, suite, arch string
	bySource         map[string][]record
}

func (a *apt) kept(name string) string { return filepath.Join(a.dir, "kept", name+".gob") }

func (a *apt) run(args ...string) error {
	cmd := exec.Command("apt-get", append([]string{"-q"}, args...)...)
	cmd.Dir = filepath.Join(a.dir, "debs")
	cmd.Env = append(os.Environ(), "APT_CONFIG="+filepath.Join(a.dir, "apt.conf"))
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("apt-get %s: %w\n%s", args[0], err, out)
	}
	return nil
}

func (a *apt) open() (err error) {
	if a.dir, err = filepath.Abs(a.dir); err != nil {
		return err
	}
	for _, d := range []string{"lists/partial", "cache/archives/partial", "etc", "debs", "kept"} {
		if err := os.MkdirAll(filepath.Join(a.dir, d), 0o755); err != nil {
			return err
		}
	}
	conf := fmt.Sprintf(`Dir::State "%[1]s"; Dir::State::Lists "%[1]s/lists"; Dir::State::status "%[1]s/status"; Dir::Cache "%[1]s/cache"; Dir::Etc "%[1]s/etc";
Dir::Etc::parts "%[1]s/etc"; Dir::Etc::sourcelist "%[1]s/sources.list"; Dir::Etc::sourceparts "%[1]s/etc";
APT::Architecture "%[2]s"; APT::Architectures { "%[2]s"; }; Acquire::Languages "none"; APT::Sandbox::User "root";
`, a.dir, a.arch)
	source := fmt.Sprintf("deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian %s main\n", a.suite)
	for name, text := range map[string]string{"apt.conf": conf, "status": "", "sources.list": source} {
		if err := os.WriteFile(filepath.Join(a.dir, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	lists, _ := filepath.Glob(filepath.Join(a.dir, "lists/*_Packages"))
	if len(lists) == 0 {
		if err := a.run("update"); err != nil {
			return err
		}
		lists, _ = filepath.Glob(filepath.Join(a.dir, "lists/*_Packages"))
	}
	for _, name := range lists {
		if err := a.read(name); err != nil {
			return err
		}
	}
	return nil
}

func (a *apt) read(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	s.Buffer(nil, 4<<20)
	m := map[string]string{}
	for more := true; more; {
		more = s.Scan()
		line := s.Text()
		if more && line != "" {
			if k, v, ok := strings.Cut(line, ": "); ok && k[0] != ' ' {
				m[k] = v
			}
			continue
		}
		if m["Package"] != "" {
			r := record{name: m["Package"], version: m["Version"], source: m["Package"], about: m["Description"], arch: m["Architecture"], size: m["Size"]}
			if m["Source"] != "" {
				r.source = m["Source"]
			}
			r.sourceVersion = r.version
			if n, v, ok := strings.Cut(r.source, " ("); ok {
				r.source, r.sourceVersion = n, strings.TrimSuffix(v, ")")
			}
			if r.arch != "all" && !notCode.MatchString(r.name) {
				a.bySource[r.source] = append(a.bySource[r.source], r)
			}
		}
		m = map[string]string{}
	}
	return s.Err()
}

// keep downloads packages, keeps what is asked of them and deletes them.
func (a *apt) keep(list []record) error {
	if len(list) == 0 {
		return nil
	}
	names := []string{"download"}
	for _, r := range list {
		names = append(names, r.name)
	}
	if err := a.run(names...); err != nil {
		return err
	}
	for _, r := range list {
		found, _ := filepath.Glob(filepath.Join(a.dir, "debs", r.name+"_*.deb"))
		if len(found) == 0 {
			return fmt.Errorf("apt-get download %s: no file", r.name)
		}
		k := kept{Suite: a.suite, Package: r.name, Version: r.sourceVersion, Source: r.source, About: r.about}
		if err := k.unpack(found[0]); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		var b bytes.Buffer
		if err := gob.NewEncoder(&b).Encode(k); err != nil {
			return err
		}
		if err := os.WriteFile(a.kept(r.name), b.Bytes(), 0o644); err != nil {
			return err
		}
		for _, f := range found {
			os.Remove(f)
		}
	}
	return nil
}

func (k *kept) unpack(deb string) error {
	cmd := exec.Command("dpkg-deb", "--fsys-tarfile", deb)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	r := tar.NewReader(bufio.NewReaderSize(out, 1<<20))
	for {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			return err
		}
		if h.Typeflag != tar.TypeReg || h.Size < 64 || h.Size > 200<<20 || len(k.Files) == maxFiles {
			continue
		}
		magic := make([]byte, 4)
		if _, err := io.ReadFull(r, magic); err != nil || string(magic) != elf.ELFMAG {
			continue
		}
		rest, err := io.ReadAll(r)
		if err != nil {
			return err
		}
		if p, ok := constants(append(magic, rest...)); ok {
			p.Path = path.Clean("/" + h.Name)
			k.Files = append(k.Files, p)
		}
	}
	io.Copy(io.Discard, out)
	return cmd.Wait()
}

// constants reads the parts of an ELF file in which constants stand.
func constants(b []byte) (p program, ok bool) {
	f, err := elf.NewFile(bytes.NewReader(b))
	if err != nil || f.Type != elf.ET_DYN && f.Type != elf.ET_EXEC {
		return p, false
	}
	if s, _ := f.DynString(elf.DT_SONAME); len(s) > 0 {
		p.Soname = s[0]
	}
	p.Needed, _ = f.ImportedLibraries()
	symbols, _ := f.DynamicSymbols()
	for _, s := range symbols {
		if s.Section != elf.SHN_UNDEF && strings.Contains(strings.ToLower(s.Name), "version") && len(s.Name) < 60 {
			p.Exports = append(p.Exports, s.Name)
		}
	}
	for _, s := range f.Sections {
		if s.Type != elf.SHT_PROGBITS && s.Name != ".dynstr" || s.Flags&elf.SHF_ALLOC == 0 || s.Flags&elf.SHF_EXECINSTR != 0 {
			continue
		}
		if strings.HasPrefix(s.Name, ".rodata") || strings.HasPrefix(s.Name, ".data") || s.Name == ".dynstr" {
			if data, err := s.Data(); err == nil {
				p.Data = append(append(p.Data, data...), make([]byte, 16)...)
			}
		}
	}
	return p, true
}
