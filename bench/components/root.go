package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// build makes the root file system: root/ with what the packages hold, and
// beside it root.list with package, source and version of each.
func (a *archive) build() error {
	names, missing := a.choose()
	fmt.Printf("%s %s: %d packages; this release has no %s\n", a.suite, a.arch, len(names), strings.Join(missing, " "))
	debs, err := a.fetch(names)
	if err != nil {
		return err
	}
	root := filepath.Join(a.dir, "root")
	if err := os.RemoveAll(root); err != nil {
		return err
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	var list strings.Builder
	for _, p := range names {
		src, version := a.source(p)
		fmt.Fprintf(&list, "%s\t%s\t%s\t%s\n", p, a.records[p]["Version"], src, version)
		// tar keeps what stands there: links of a merged /usr stay links.
		script := `dpkg-deb --fsys-tarfile "$1" | tar -x -C "$2" --keep-directory-symlink --exclude './usr/share/doc/*' --exclude './usr/share/man/*' --exclude './usr/share/locale/*' --exclude './usr/share/info/*'`
		if strings.HasPrefix(p, "linux-image-") {
			script += ` --exclude './lib/modules/*/kernel/[a-mo-z]*' --exclude './usr/lib/modules/*/kernel/[a-mo-z]*'`
		}
		if _, err := run(a.dir, nil, "sh", "-c", script, "sh", debs[p], root); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(a.dir, "root.list"), []byte(list.String()), 0o644)
}
