package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Documentation, translations and most kernel modules are left out: they are
// not in such equipment.
const leftOut = `--exclude './usr/share/doc/*' --exclude './usr/share/man/*' --exclude './usr/share/locale/*' --exclude './usr/share/info/*' --exclude './usr/share/i18n/*' --exclude './usr/share/perl*' --exclude './usr/share/zoneinfo/*'`

// build makes the root file system: root.tar with what the packages hold but
// no package database, root-unnamed.tar without os-release, root-db.tar with a package database, root-stripped.tar without section
// headers and package database, and root.list with package, version, source,
// its version, and the number of ELF files.
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
	var list, status strings.Builder
	for _, p := range names {
		r := a.records[p]
		script := `dpkg-deb --fsys-tarfile "$1" | tar -xv -C "$2" --keep-directory-symlink ` + leftOut
		if strings.HasPrefix(p, "linux-image-") {
			script += ` --exclude './lib/modules/*/kernel/[a-mo-z]*' --exclude './usr/lib/modules/*/kernel/[a-mo-z]*'`
		}
		out, err := run(a.dir, nil, "sh", "-c", script, "sh", debs[p], root)
		if err != nil {
			return err
		}
		elf := 0
		for _, line := range strings.Split(out, "\n") {
			path := filepath.Join(root, line)
			if s, err := os.Lstat(path); err == nil && s.Mode().IsRegular() {
				if isELF(path) && !strings.HasSuffix(line, ".ko") || strings.Contains(line, "/boot/vmlinu") {
					elf++
				}
			}
		}
		src, version := a.source(p)
		fmt.Fprintf(&list, "%s\t%s\t%s\t%s\t%d\n", p, r["Version"], src, version, elf)
		fmt.Fprintf(&status, "Package: %s\nStatus: install ok installed\nPriority: optional\nSection: %s\nInstalled-Size: %s\nMaintainer: %s\nArchitecture: %s\n", p, r["Section"], r["Installed-Size"], r["Maintainer"], r["Architecture"])
		if r["Source"] != "" {
			fmt.Fprintf(&status, "Source: %s\n", r["Source"])
		}
		fmt.Fprintf(&status, "Version: %s\nDescription: %s\n\n", r["Version"], r["Description"])
	}
	if err := os.WriteFile(filepath.Join(a.dir, "root.list"), []byte(list.String()), 0o644); err != nil {
		return err
	}
	if err := os.RemoveAll(filepath.Join(root, "var/lib/dpkg")); err != nil {
		return err
	}
	if err := a.tar("root.tar"); err != nil {
		return err
	}
	if err := a.tar("root-unnamed.tar", "--exclude=./usr/lib/os-release", "--exclude=./etc/os-release"); err != nil {
		return err
	}
	db := filepath.Join(root, "var/lib/dpkg")
	if err := os.MkdirAll(db, 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(db, "status"), []byte(status.String()), 0o644); err != nil {
		return err
	}
	if err := a.tar("root-db.tar"); err != nil {
		return err
	}
	if err := os.RemoveAll(db); err != nil {
		return err
	}
	if err := cutSections(root); err != nil {
		return err
	}
	if err := a.tar("root-stripped.tar"); err != nil {
		return err
	}
	return os.RemoveAll(root)
}

func (a *archive) tar(name string, flags ...string) error {
	args := append([]string{"--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0", "-cf", name}, flags...)
	_, err := run(a.dir, nil, "tar", append(args, "-C", "root", ".")...)
	return err
}

func isELF(path string) bool {
	f, err := os.Open(path)
	if err != nil {
		return false
	}
	defer f.Close()
	var b [4]byte
	n, _ := f.Read(b[:])
	return n == 4 && bytes.Equal(b[:], []byte("\x7fELF"))
}

// cutSections takes the section headers from every ELF program, as sstrip
// does for small equipment: the header's fields are zeroed.
func cutSections(root string) error {
	return filepath.WalkDir(root, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || !isELF(path) || strings.HasSuffix(path, ".ko") {
			return err
		}
		f, err := os.OpenFile(path, os.O_RDWR, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		var h [64]byte
		if _, err := f.ReadAt(h[:], 0); err != nil {
			return nil
		}
		shoff, size, count := int64(0x20), int64(4), int64(0x30)
		if h[4] == 2 {
			shoff, size, count = 0x28, 8, 0x3c
		}
		if _, err := f.WriteAt(make([]byte, size), shoff); err != nil {
			return err
		}
		_, err = f.WriteAt(make([]byte, 4), count)
		return err
	})
}
