package main

import (
	"bufio"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// The image, erase blocks of 128 KiB filled up with 0xFF:
//
//	uImage (lzma)  squashfs (xz, gzip or zstd)  jffs2  lzma  gzip(xz(cpio))  random bytes
//
// The squashfs root holds 6 deb, 2 zip, 2 tar.gz and 2 cpio.xz packages. The
// parts are kept in work/parts: the C reference tools read those.

const (
	epoch = "1700000000"
	block = 128 << 10
)

func imagePath(variant string) string { return filepath.Join(work, "image-"+variant+".bin") }
func part(name string) string         { return filepath.Join(work, "parts", name) }

// sh runs a shell line with the same environment everywhere.
func sh(dir, format string, args ...any) error {
	cmd := exec.Command("bash", "-euo", "pipefail", "-c", fmt.Sprintf(format, args...))
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC", "SOURCE_DATE_EPOCH="+epoch, "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", cmd.Args[len(cmd.Args)-1], err, out)
	}
	return nil
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }

// buildImages makes what is missing. Delete work/parts to build anew.
func buildImages(variants []string) error {
	if !exists(part("done")) {
		if err := buildParts(); err != nil {
			return err
		}
	}
	for _, v := range variants {
		if exists(imagePath(v)) {
			continue
		}
		fmt.Fprintln(os.Stderr, "bench: squashfs", v)
		sq := part("root-" + v + ".sqfs")
		if err := sh(work, "rm -f %[1]s; env -u SOURCE_DATE_EPOCH mksquashfs root %[1]s -comp %[2]s -b 131072 -all-root -all-time %[3]s -mkfs-time %[3]s -no-xattrs -noappend -no-progress -quiet", sq, v, epoch); err != nil {
			return err
		}
		if err := assemble(v); err != nil {
			return err
		}
	}
	return nil
}

// truth collects what a perfect unpacker finds: one line per file with the
// package it is in ("" for files that stand in no nested package).
type truth struct {
	w *bufio.Writer
}

// dir adds every regular file below dir.
func (t truth) dir(pkg, dir string) error {
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		sum, size, err := hashFile(path)
		if err == nil && size > 0 {
			rel, _ := filepath.Rel(dir, path)
			fmt.Fprintf(t.w, "%s\t%s\t%d\t%s\n", pkg, rel, size, sum)
		}
		return err
	})
}

func hashFile(path string) (string, int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", 0, err
	}
	defer f.Close()
	h := sha256.New()
	n, err := io.Copy(h, f)
	return hex.EncodeToString(h.Sum(nil)), n, err
}

func buildParts() error {
	debs, err := fetch()
	if err != nil {
		return err
	}
	if err := sh(work, "rm -rf parts root nested; rm -f image-*.bin; mkdir -p parts root/opt/packages nested"); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(work, "truth.tsv"))
	if err != nil {
		return err
	}
	defer f.Close()
	t := truth{bufio.NewWriter(f)}

	unpack := func(dir string, packages ...string) error {
		for _, p := range packages {
			if err := sh(work, "mkdir -p %[1]s; dpkg-deb --fsys-tarfile %[2]s | tar -xf - -C %[1]s --no-same-owner", dir, debs[p]); err != nil {
				return err
			}
		}
		// a device's root carries no manuals, and no set-uid file is needed
		return sh(work, "cd %s; rm -rf usr/share/doc usr/share/man usr/share/info usr/share/lintian usr/share/bug; chmod -R u+rwX,u-s,g-s .; find . -depth -print0 | xargs -0 touch -h -d @%s", dir, epoch)
	}
	fmt.Fprintln(os.Stderr, "bench: root")
	if err := unpack("root", rootPackages...); err != nil {
		return err
	}
	for _, p := range debPackages {
		if err := sh(work, "cp %s root/opt/packages/%s.deb; dpkg-deb -x %[1]s nested/%[2]s.deb", debs[p], p); err != nil {
			return err
		}
	}
	pack := func(kind, ext, line string, groups [][]string) error {
		for i, g := range groups {
			name := fmt.Sprintf("%s%d.%s", kind, i+1, ext)
			fmt.Fprintln(os.Stderr, "bench:", name)
			if err := unpack("nested/"+name, g...); err != nil {
				return err
			}
			if err := sh(filepath.Join(work, "nested", name), line, filepath.Join(work, "root/opt/packages", name)); err != nil {
				return err
			}
		}
		return nil
	}
	if err := pack("runtime", "zip", "find . -type f | sort | zip -q -X -@ %s", zipPackages); err != nil {
		return err
	}
	if err := pack("bundle", "tar.gz", "tar --sort=name --owner=0 --group=0 --numeric-owner -cf - . | gzip -n > %s", tarPackages); err != nil {
		return err
	}
	if err := pack("ramdisk", "cpio.xz", "find . | sort | cpio --quiet --reproducible -R 0:0 -H newc -o | xz -T1 > %s", cpioPackages); err != nil {
		return err
	}
	if err := sh(work, "find root -depth -print0 | xargs -0 touch -h -d @%s", epoch); err != nil {
		return err
	}
	if err := t.dir("", filepath.Join(work, "root")); err != nil {
		return err
	}
	nested, err := os.ReadDir(filepath.Join(work, "nested"))
	if err != nil {
		return err
	}
	for _, d := range nested {
		if err := t.dir(d.Name(), filepath.Join(work, "nested", d.Name())); err != nil {
			return err
		}
	}

	fmt.Fprintln(os.Stderr, "bench: kernel, jffs2, lzma, initramfs")
	if err := unpack("outside/jffs2", jffs2Package...); err != nil {
		return err
	}
	if err := unpack("outside/initramfs", initramfs...); err != nil {
		return err
	}
	for _, line := range []string{
		// the kernel's place is taken by a large program
		"mkdir -p outside/kernel; dpkg-deb --fsys-tarfile " + debs[kernelFrom] + " | tar -xOf - ./usr/bin/qemu-system-arm > outside/kernel/kernel",
		"xz --format=lzma -T1 -c outside/kernel/kernel > parts/kernel.lzma",
		"mkimage -A arm -O linux -T kernel -C lzma -a 0x8000 -e 0x8000 -n bench -d parts/kernel.lzma parts/uimage",
		"mkfs.jffs2 -l -q -e 131072 -r outside/jffs2 -o parts/jffs2",
		"mkdir -p outside/lzma; dpkg-deb --fsys-tarfile " + debs[lzmaPackage] + " | tar -xOf - --wildcards './usr/lib/*/libnode.so.108' > outside/lzma/data",
		"xz --format=lzma -T1 -c outside/lzma/data > parts/data.lzma",
		"cd outside/initramfs; find . | sort | cpio --quiet --reproducible -R 0:0 -H newc -o | xz -T1 --check=crc32 | gzip -n > ../../parts/initramfs.cpio.xz.gz",
		"rm -rf nested",
	} {
		if err := sh(work, "%s", line); err != nil {
			return err
		}
	}
	for _, d := range []string{"kernel", "jffs2", "lzma", "initramfs"} {
		if err := t.dir("", filepath.Join(work, "outside", d)); err != nil {
			return err
		}
	}
	if err := t.w.Flush(); err != nil {
		return err
	}
	// the same 8 MB of noise each time
	noise := make([]byte, 8<<20)
	c, _ := aes.NewCipher([]byte("wardein bench 01"))
	cipher.NewCTR(c, make([]byte, 16)).XORKeyStream(noise, noise)
	if err := os.WriteFile(part("random"), noise, 0o644); err != nil {
		return err
	}
	return os.WriteFile(part("done"), nil, 0o644)
}

func assemble(variant string) error {
	f, err := os.Create(imagePath(variant) + ".part")
	if err != nil {
		return err
	}
	defer f.Close()
	for _, name := range []string{"uimage", "root-" + variant + ".sqfs", "jffs2", "data.lzma", "initramfs.cpio.xz.gz", "random"} {
		src, err := os.Open(part(name))
		if err != nil {
			return err
		}
		n, err := io.Copy(f, src)
		src.Close()
		if err != nil {
			return err
		}
		if rest := n % block; rest != 0 {
			if _, err := io.WriteString(f, strings.Repeat("\xff", int(block-rest))); err != nil {
				return err
			}
		}
	}
	return os.Rename(imagePath(variant)+".part", imagePath(variant))
}
