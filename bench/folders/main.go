// Command folders holds check/vuln/data/folders.txt against kernels as Debian
// packages them, and finds for each folder what its functions' names begin
// with.
//
//	apt-get download linux-image-…; dpkg-deb -x linux-image-….deb TREE
//	wardein export TREE/boot/vmlinuz-… TREE/opened     (for its kallsyms)
//	go run ./bench/folders TREE… > folders.txt
//
// A beginning (up to the first "_") counts for a folder where every module
// below it, in two kernels or more, has at least five functions of such names,
// no kernel has one in which the folder is not built in, and every kernel has
// one in which it is. Below drivers, whose folders are collections, it must also
// begin like the folder's own name. A folder that holds modules although the configuration
// leaves it out is an error of the list, and said on standard error.
package main

import (
	"bufio"
	"bytes"
	"debug/elf"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/wardein/wardein/codec/xz"
)

const list = "check/vuln/data/folders.txt"

// least is how many functions of a module must begin alike.
const least = 5

type kernel struct {
	options map[string]string         // y or m
	own     map[string]bool           // beginnings of the image's functions
	modules map[string]map[string]int // file below kernel/ → beginnings, how often
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "folders:", err)
		os.Exit(1)
	}
}

func run(trees []string) error {
	text, err := os.ReadFile(list)
	if err != nil {
		return err
	}
	var kernels []*kernel
	for _, t := range trees {
		k, err := read(t)
		if err != nil {
			return fmt.Errorf("%s: %w", t, err)
		}
		kernels = append(kernels, k)
	}
	wrong := 0
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] == "#" {
			fmt.Print(line)
			continue
		}
		if i := slices.IndexFunc(f, func(s string) bool { return strings.HasSuffix(s, "_") }); i > 0 {
			f = f[:i]
		}
		for i, k := range kernels {
			if k.state(f[1:]) == "" && len(k.below(f[0])) > 0 {
				wrong++
				fmt.Fprintf(os.Stderr, "%s: none of %v is set in %s, but %d modules lie there\n", f[0], f[1:], trees[i], len(k.below(f[0])))
			}
		}
		if b := beginning(kernels, f[0], f[1:]); b != "" {
			f = append(f, b)
		}
		fmt.Println(strings.Join(f, " "))
	}
	if wrong > 0 {
		return fmt.Errorf("%d entries are wrong", wrong)
	}
	return nil
}

func (k *kernel) state(options []string) (s string) {
	for _, o := range options {
		s = max(s, k.options[o])
	}
	return s
}

func (k *kernel) below(folder string) (list []map[string]int) {
	for f, m := range k.modules {
		if strings.HasPrefix(f, folder+"/") {
			list = append(list, m)
		}
	}
	return list
}

// beginning is what all functions' names of a folder begin with, "" for none.
func beginning(kernels []*kernel, folder string, options []string) string {
	var common map[string]int
	seen := 0
	for _, k := range kernels {
		modules := k.below(folder)
		if len(modules) > 0 {
			seen++
		}
		for _, m := range modules {
			if common == nil {
				common = map[string]int{}
				for b, n := range m {
					common[b] = n
				}
			}
			for b, n := range common {
				if m[b] < least {
					delete(common, b)
				} else {
					common[b] = n + m[b]
				}
			}
		}
	}
	best := ""
	for b, n := range common {
		fits := seen >= 2 && (!strings.HasPrefix(folder, "drivers/") || b[:2] == path.Base(folder)[:2])
		for _, k := range kernels {
			fits = fits && k.own[b] == (k.state(options) == "y")
		}
		if fits && (best == "" || n > common[best] || n == common[best] && b < best) {
			best = b
		}
	}
	return best
}

// start is a name up to its first "_", "" where there is none or it is short.
func start(name string) string {
	i := strings.IndexByte(name, '_')
	if i < 3 {
		return ""
	}
	return name[:i+1]
}

func read(tree string) (*kernel, error) {
	k := &kernel{options: map[string]string{}, own: map[string]bool{}, modules: map[string]map[string]int{}}
	err := filepath.WalkDir(tree, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		base := filepath.Base(p)
		switch {
		case strings.HasPrefix(base, "config-"):
			return lines(p, func(s string) {
				if name, v, ok := strings.Cut(strings.TrimPrefix(s, "CONFIG_"), "="); ok && (v == "y" || v == "m") {
					k.options[name] = v
				}
			})
		case base == "kallsyms":
			return lines(p, func(s string) {
				if f := strings.Fields(s); len(f) == 3 && strings.ContainsAny(f[1], "tT") {
					k.own[start(f[2])] = true
				}
			})
		case strings.HasSuffix(base, ".ko"), strings.HasSuffix(base, ".ko.xz"):
			_, rel, ok := strings.Cut(p, "/kernel/")
			if !ok {
				return nil
			}
			m, err := functions(p)
			k.modules[rel] = m
			return err
		}
		return nil
	})
	if err == nil && (len(k.options) == 0 || len(k.own) == 0 || len(k.modules) == 0) {
		err = fmt.Errorf("%d options, %d beginnings, %d modules", len(k.options), len(k.own), len(k.modules))
	}
	return k, err
}

func lines(p string, do func(string)) error {
	f, err := os.Open(p)
	if err != nil {
		return err
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	for s.Scan() {
		do(s.Text())
	}
	return s.Err()
}

func functions(p string) (map[string]int, error) {
	b, err := os.ReadFile(p)
	if err == nil && strings.HasSuffix(p, ".xz") {
		b, err = io.ReadAll(xz.NewReader(bytes.NewReader(b)))
	}
	if err != nil {
		return nil, err
	}
	f, err := elf.NewFile(bytes.NewReader(b))
	if err != nil {
		return nil, err
	}
	symbols, err := f.Symbols()
	m := map[string]int{}
	for _, s := range symbols {
		if elf.ST_TYPE(s.Info) == elf.STT_FUNC {
			if b := start(s.Name); b != "" {
				m[b]++
			}
		}
	}
	return m, err
}
