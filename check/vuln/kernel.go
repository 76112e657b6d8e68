package vuln

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/wardein/wardein"
)

// maxBuiltin bounds a modules.builtin file; that of a full kernel has 20 kB.
const maxBuiltin = 4 << 20

// isBuiltin tells text that begins like a modules.builtin file.
func isBuiltin(b wardein.Blob) bool {
	if b.Class != "text" || b.Size > maxBuiltin {
		return false
	}
	var head [7]byte
	n, _ := b.ReadAt(head[:], 0)
	return string(head[:n]) == "kernel/"
}

// node states the folders of a modules.builtin file, or those of which a list
// of symbols has functions.
func node(_ context.Context, b wardein.Blob, out func(wardein.Fact)) error {
	if isSymbols(b) {
		return functions(b, out)
	}
	data := make([]byte, b.Size)
	if n, err := b.ReadAt(data, 0); int64(n) < b.Size && err != io.EOF {
		return err
	}
	seen := map[string]bool{}
	off := int64(0)
	for line := range bytes.Lines(data) {
		name := strings.TrimSpace(string(line))
		dir, ok := strings.CutPrefix(path.Dir(name), "kernel/")
		if !ok || !strings.HasSuffix(name, ".ko") || len(dir) > 256 {
			if name != "" && off == 0 {
				return nil // something else
			}
		} else if !seen[dir] && len(seen) < 5000 {
			seen[dir] = true
			out(wardein.Fact{Kind: "built-in", Off: off, Len: int64(len(line)), Attrs: []wardein.Note{{Name: "folder", Value: dir}}})
		}
		off += int64(len(line))
	}
	return nil
}

// maxSymbols bounds a list of a kernel's symbols; that of a full kernel has
// 12 MB.
const maxSymbols = 64 << 20

// isSymbols tells a list of a kernel's symbols, as the format of kernels writes
// it and System.map has it: address, type, name.
func isSymbols(b wardein.Blob) bool {
	if b.Class != "text" || b.Size > maxSymbols {
		return false
	}
	var head [80]byte
	n, _ := b.ReadAt(head[:], 0)
	line, _, ok := bytes.Cut(head[:n], []byte("\n"))
	f := bytes.Split(line, []byte(" "))
	return ok && len(f) == 3 && (len(f[0]) == 8 || len(f[0]) == 16) && len(f[1]) == 1 && len(bytes.Trim(f[0], "0123456789abcdef")) == 0
}

// functions states the folders of the kernel's source of which a list of
// symbols has functions, by what their names begin with.
func functions(b wardein.Blob, out func(wardein.Fact)) error {
	seen := map[string]bool{}
	in := bufio.NewReaderSize(io.NewSectionReader(b, 0, b.Size), 64<<10)
	count := 0
	for off := int64(0); ; {
		line, err := in.ReadSlice('\n')
		if err == io.EOF {
			break
		}
		if err != nil && err != bufio.ErrBufferFull {
			return err
		}
		f := bytes.SplitN(bytes.TrimSuffix(line, []byte("\n")), []byte(" "), 3)
		if len(f) == 3 && (string(f[1]) == "t" || string(f[1]) == "T") {
			count++
			if i := bytes.IndexByte(f[2], '_'); i > 0 {
				for _, dir := range known().begins[string(f[2][:i+1])] {
					if !seen[dir] {
						seen[dir] = true
						out(wardein.Fact{Kind: "functions", Off: off, Len: int64(len(line)), Attrs: []wardein.Note{{Name: "folder", Value: dir}}})
					}
				}
			}
		}
		off += int64(len(line))
	}
	if count >= leastSymbols {
		out(wardein.Fact{Kind: "symbols", Len: min(b.Size, 8), Attrs: []wardein.Note{{Name: "functions", Value: fmt.Sprint(count)}}})
	}
	return nil
}

// leastSymbols is how many functions a kernel's list has at least: a small one
// of Linux 2.6 has more than 5,000.
const leastSymbols = 5000

// built is what one kernel was built from.
type built struct {
	folders map[string]bool // of its source, and all above them
	listed  bool            // a modules.builtin was there
	arch    map[string]bool // folders below arch
	options map[string]bool // that its configuration sets; nil where it was not seen
	begun   map[string]bool // folders of which there are functions; nil where no list was seen
}

func newBuilt() *built { return &built{folders: map[string]bool{}, arch: map[string]bool{}} }

// kernels are what is known of the kernels of a tree.
type kernels struct {
	by      map[string]*built          // by version, "" for what names none
	symbols map[string]map[string]bool // by the list's node: folders of which it has functions
}

func newKernels() *kernels {
	return &kernels{map[string]*built{}, map[string]map[string]bool{}}
}

func (k *kernels) at(version string) *built {
	version = numbers(version)
	if k.by[version] == nil {
		k.by[version] = newBuilt()
	}
	return k.by[version]
}

// numbers are the dotted numbers at the beginning of a kernel's version.
func numbers(v string) string {
	end := strings.IndexFunc(v, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
	if end >= 0 {
		v = v[:end]
	}
	return strings.TrimRight(v, ".")
}

// of is what is known of a kernel.
func (k *kernels) of(c *wardein.Component) *built {
	b := newBuilt()
	for list, folders := range k.symbols { // which stands in what shows the kernel
		if slices.ContainsFunc(c.Seen, func(o wardein.Occurrence) bool { return strings.HasPrefix(list, o.Quote.Node+"/") }) {
			if b.begun == nil {
				b.begun = map[string]bool{}
			}
			for d := range folders {
				b.begun[d] = true
			}
		}
	}
	for _, v := range []string{numbers(c.Version), ""} {
		if x := k.by[v]; x != nil {
			for d := range x.folders {
				b.folders[d] = true
			}
			for a := range x.arch {
				b.arch[a] = true
			}
			b.listed = b.listed || x.listed
			if x.options != nil && b.options == nil {
				b.options = x.options
			}
		}
	}
	return b
}

// kernelsOf collects folders from modules.builtin and from where modules lie,
// lib/modules/VERSION/kernel/FOLDER/NAME.ko, and options from configurations
// that the check component read (IKCONFIG, /boot/config-VERSION), and the
// lists of symbols that stand in kernels.
func kernelsOf(t wardein.Tree) *kernels {
	k := newKernels()
	release := func(p string) (version, rest string) {
		_, rest, ok := strings.Cut("/"+p, "/lib/modules/")
		if !ok {
			return "", ""
		}
		version, rest, _ = strings.Cut(rest, "/")
		return version, rest
	}
	for n, f := range t.Facts("vuln") {
		if f.Kind == "built-in" && path.Base(n.Path) == "modules.builtin" {
			v, _ := release(n.Path)
			k.at(v).listed = true
			k.at(v).add(f.Attr("folder"))
		}
		if path.Base(n.Path) == "kallsyms" && (f.Kind == "symbols" || f.Kind == "functions") { // "exports" is no whole list
			if k.symbols[n.Path] == nil {
				k.symbols[n.Path] = map[string]bool{}
			}
			k.symbols[n.Path][f.Attr("folder")] = true // "" tells that the list is whole
		}
	}
	for p, folders := range k.symbols {
		if !folders[""] {
			delete(k.symbols, p)
		}
	}
	for n := range t.Nodes() {
		if v, rest := release(n.Path); strings.Contains(path.Base(rest), ".ko") {
			if dir, ok := strings.CutPrefix(path.Dir(rest), "kernel/"); ok {
				k.at(v).add(dir)
			}
		}
	}
	at, options := "", map[string]bool{} // the facts of a file follow each other
	version := ""
	done := func() {
		if version != "" && len(options) > 0 {
			b := k.at(version)
			if b.options == nil {
				b.options = map[string]bool{}
			}
			for o := range options {
				b.options[o] = true
			}
		}
		options, version = map[string]bool{}, ""
	}
	for n, f := range t.Facts("component") {
		if f.Kind != "option" && f.Kind != "configuration" {
			continue
		}
		if n.Path != at {
			done()
			at = n.Path
		}
		if f.Kind == "option" {
			options[f.Attr("name")] = true
		} else {
			version = f.Attr("version")
		}
	}
	done()
	return k
}

// core are folders of protocols and file systems that are no modules.
var core = []string{"net/core/", "net/ipv4/", "net/netlink/", "net/ethernet/", "net/sched/", "net/unix/", "net/packet/",
	"fs/proc/", "fs/sysfs/", "fs/kernfs/", "fs/notify/", "fs/debugfs/", "fs/crypto/", "fs/iomap/", "fs/devpts/", "fs/ramfs/", "fs/quota/"}

func (k *built) add(dir string) {
	if arch, ok := strings.CutPrefix(dir, "arch/"); ok {
		name, _, _ := strings.Cut(arch, "/")
		k.arch[name] = true
	}
	for ; strings.Count(dir, "/") >= 1; dir = path.Dir(dir) {
		k.folders[dir] = true
	}
}

//go:embed data/folders.txt
var folderText string

// known is what folders.txt says of folders of Linux' source.
var known = sync.OnceValue(func() (k struct {
	options map[string][]string // of which one must be set for a folder to be built
	begin   map[string]string   // what names of its functions begin with
	begins  map[string][]string // folders by that
}) {
	k.options, k.begin, k.begins = map[string][]string{}, map[string]string{}, map[string][]string{}
	for line := range strings.Lines(folderText) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] == "#" {
			continue
		}
		if last := f[len(f)-1]; strings.HasSuffix(last, "_") {
			k.begin[f[0]], k.begins[last] = last, append(k.begins[last], f[0])
			f = f[:len(f)-1]
		}
		k.options[f[0]] = f[1:]
	}
	return k
})

// unset finds the folder above a file that the configuration leaves out, and
// the options that would build it.
func (k *built) unset(file string) (dir string, options []string) {
	if k.options == nil {
		return "", nil
	}
	for d := path.Dir(file); d != "." && d != "/"; d = path.Dir(d) {
		list := known().options[d]
		if len(list) > 0 && !slices.ContainsFunc(list, func(o string) bool { return k.options[o] }) {
			dir, options = d, list
		}
	}
	return dir, options
}

// nameless finds the folder above a file of which the kernel has no functions,
// and what their names would begin with.
func (k *built) nameless(file string) (dir, begin string) {
	if k.begun == nil || k.options != nil {
		return "", ""
	}
	for d := path.Dir(file); d != "." && d != "/"; d = path.Dir(d) {
		if b := known().begin[d]; b != "" && !k.begun[d] && !k.folders[d] {
			return d, b
		}
	}
	return "", ""
}

// missing tells that neither a module nor a list shows a file to be built.
// Only drivers, sound, protocols and file systems are built as modules or
// listed as built in; core code is in every kernel.
func (k *built) missing(f string) bool {
	if !k.listed && len(k.folders) == 0 {
		return false
	}
	if arch, ok := strings.CutPrefix(f, "arch/"); ok && len(k.arch) > 0 {
		name, _, _ := strings.Cut(arch, "/")
		return !k.arch[name]
	}
	if slices.ContainsFunc(core, func(dir string) bool { return strings.HasPrefix(f, dir) }) {
		return false
	}
	top, _, _ := strings.Cut(f, "/")
	dir := path.Dir(f)
	parts := strings.Count(dir, "/") + 1
	if least := map[string]int{"drivers": 3, "sound": 2, "net": 2, "fs": 2}[top]; least == 0 || parts < least {
		return false // core code
	}
	// Modules are made of files below and above their own folder.
	for d := dir; strings.Count(d, "/") >= 1; d = path.Dir(d) {
		if k.folders[d] && (d == dir || strings.Count(d, "/") >= 2 || top != "drivers") {
			return false
		}
	}
	return true
}

// without says why source files seem not to be in this kernel; "" where one
// may be, or where nothing tells.
func (k *built) without(files []string) string {
	var why []string
	lists := 0
	for _, f := range files {
		f = strings.TrimPrefix(path.Clean(f), "/")
		if dir, options := k.unset(f); dir != "" {
			if s := fmt.Sprintf("the kernel's configuration leaves %s out (%s is not set)", dir, strings.Join(options, ", ")); !slices.Contains(why, s) {
				why = append(why, s)
			}
		} else if k.missing(f) {
			lists++
		} else if dir, begin := k.nameless(f); dir != "" {
			if s := fmt.Sprintf("no function of the kernel has a name that begins with %s, as those of %s do, and no module lies there", begin, dir); !slices.Contains(why, s) {
				why = append(why, s)
			}
		} else {
			return ""
		}
	}
	if lists > 0 {
		what := "no module lies"
		if k.listed {
			what = "no module and no entry of modules.builtin lies"
		}
		why = append(why, fmt.Sprintf("%s beside its source files (%s)", what, strings.Join(files[:min(len(files), 3)], ", ")))
	}
	return strings.Join(why[:min(len(why), 3)], "; ")
}
