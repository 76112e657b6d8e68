package vuln

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/wardein/wardein"
)

// maxBuiltin bounds a modules.builtin file; that of a full kernel has 20 kB.
const maxBuiltin = 4 << 20

// wants takes text that begins like a modules.builtin file.
func wants(b wardein.Blob) (bool, string) {
	if b.Class != "text" || b.Size > maxBuiltin {
		return false, "no list of built-in modules"
	}
	var head [7]byte
	if n, _ := b.ReadAt(head[:], 0); string(head[:n]) != "kernel/" {
		return false, "no list of built-in modules"
	}
	return true, ""
}

// node states the folders of a modules.builtin file.
func node(_ context.Context, b wardein.Blob, out func(wardein.Fact)) error {
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

// built are the folders of the kernel's source that something was built from.
type built struct {
	folders map[string]bool // and all above them, of three parts or more
	listed  bool            // a modules.builtin was there
	arch    map[string]bool // folders below arch
}

// builtOf collects folders from modules.builtin and from where modules lie:
// lib/modules/VERSION/kernel/FOLDER/NAME.ko.
func builtOf(t wardein.Tree) *built {
	k := &built{folders: map[string]bool{}, arch: map[string]bool{}}
	for n, f := range t.Facts("vuln") {
		if f.Kind == "built-in" && path.Base(n.Path) == "modules.builtin" {
			k.listed = true
			k.add(f.Attr("folder"))
		}
	}
	for n := range t.Nodes() {
		if _, rest, ok := strings.Cut(n.Path, "/lib/modules/"); ok && strings.Contains(path.Base(rest), ".ko") {
			if _, dir, ok := strings.Cut(path.Dir(rest), "/kernel/"); ok {
				k.add(dir)
			}
		}
	}
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

// without says why source files seem not to be in this kernel; "" where they
// are, or where nothing tells. Only drivers, sound, protocols and file systems
// are built as modules or listed as built in; core code is in every kernel.
func (k *built) without(files []string) string {
	if len(files) == 0 || !k.listed && len(k.folders) == 0 {
		return ""
	}
	for _, f := range files {
		f = strings.TrimPrefix(path.Clean(f), "/")
		if arch, ok := strings.CutPrefix(f, "arch/"); ok && len(k.arch) > 0 {
			if name, _, _ := strings.Cut(arch, "/"); !k.arch[name] {
				continue
			}
			return ""
		}
		if slices.ContainsFunc(core, func(dir string) bool { return strings.HasPrefix(f, dir) }) {
			return ""
		}
		top, _, _ := strings.Cut(f, "/")
		dir := path.Dir(f)
		parts := strings.Count(dir, "/") + 1
		if least := map[string]int{"drivers": 3, "sound": 2, "net": 2, "fs": 2}[top]; least == 0 || parts < least {
			return "" // core code
		}
		// Modules are made of files below and above their own folder.
		for d := dir; strings.Count(d, "/") >= 1; d = path.Dir(d) {
			if k.folders[d] && (d == dir || strings.Count(d, "/") >= 2 || top != "drivers") {
				return ""
			}
		}
	}
	what := "no module lies"
	if k.listed {
		what = "no module and no entry of modules.builtin lies"
	}
	return fmt.Sprintf("%s beside its source files (%s)", what, strings.Join(files[:min(len(files), 3)], ", "))
}
