package main

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/wardein/wardein/internal/testkit"
	"github.com/wardein/wardein/internal/testkit/kernelimage"
)

// variables is a boot loader's environment of two copies' form: CRC-32, flag,
// variables, zeros.
func variables(size int, flag byte, list ...string) []byte {
	b := make([]byte, size)
	copy(b[5:], strings.Join(list, "\x00")+"\x00\x00")
	b[4] = flag
	binary.LittleEndian.PutUint32(b, crc32.ChecksumIEEE(b[5:]))
	return b
}

// loader is a program of a boot loader without a format: code, its banner, code.
func loader(seed uint64, size int, banner string) []byte {
	r, b := rand.New(rand.NewPCG(seed, 0)), make([]byte, 0, size)
	for len(b) < size {
		if len(b) == size/2/4*4 {
			b = append(b, banner+"\x00"...)
			for len(b)%4 != 0 {
				b = append(b, 0)
			}
		}
		// instructions of ARM that move data about: few values, many times
		b = binary.LittleEndian.AppendUint32(b, 0xe5900000|r.Uint32N(16)<<12|r.Uint32N(64)<<2)
	}
	return b[:size]
}

// A flash with boot loader, two copies of its environment and a kernel in a
// uImage, gzip-compressed, goes through the whole way: what is named is the
// version of the banners, the kernel's decompressed one among them.
func TestBoot(t *testing.T) {
	mkimage := testkit.Tool(t, "mkimage")
	work := t.TempDir()
	config := "#\n# Automatically generated file; DO NOT EDIT.\n# Linux/arm 6.1.176 Kernel Configuration\n#\nCONFIG_NET=y\nCONFIG_USB=m\n# CONFIG_SMP is not set\n" + strings.Repeat("CONFIG_PADDING=n\n", 100)
	zip := func(s []byte) []byte {
		var b bytes.Buffer
		w, err := gzip.NewWriterLevel(&b, 9)
		if err != nil {
			t.Fatal(err)
		}
		w.Write(s)
		w.Close()
		return b.Bytes()
	}
	const banner = "Linux version 6.1.0-50-armmp (debian-kernel@lists.debian.org) (arm-linux-gnueabihf-gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0, GNU ld (GNU Binutils for Debian) 2.40) #1 SMP Debian 6.1.176-1 (2026-06-19)"
	kernel, _ := kernelimage.Build(kernelimage.Image{Arch: "arm", Order: binary.LittleEndian, Class: 32, Base: 0xc0008000, Functions: 700, Symbols: "relative", All: true, Exports: 3,
		Banner: banner, Data: []byte("IKCFG_ST" + string(zip([]byte(config))) + "IKCFG_ED")})
	raw, image := filepath.Join(work, "raw"), filepath.Join(work, "uImage")
	if err := os.WriteFile(raw, zip(kernel), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(mkimage, "-A", "arm", "-O", "linux", "-T", "kernel", "-C", "gzip", "-a", "0xc0008000", "-e", "0xc0008000", "-n", "Box kernel", "-d", raw, image).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	uimage, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	flash := bytes.Repeat([]byte{0xff}, 2<<20)
	put := func(at int, b []byte) { copy(flash[at:], b) }
	put(0, loader(1, 64<<10, "\nU-Boot SPL 2021.01 (Jan 12 2021 - 10:00:00 +0000)\n"))
	put(0x20000, loader(2, 300<<10, "U-Boot 2021.01 (Jan 12 2021 - 10:00:00 +0000)"))
	// The environment was saved by the loader before this one.
	list := []string{"baudrate=115200", "bootargs=console=ttyS0,115200 root=/dev/mtdblock5", "bootcmd=bootm 0x9f0a0000", "bootdelay=3", "ver=U-Boot 2017.09 (Sep 30 2017 - 07:16:03 +0000)"}
	put(0x80000, variables(0x10000, 0, list...))
	put(0x90000, variables(0x10000, 1, list...))
	put(0xa0000, uimage)
	rtos := loader(3, 128<<10, "VxWorks\x005.5.1\x00\x00\x00Sep 25 2009, 08:56:03")
	files := map[string][]byte{"flash.bin": flash, "mips.bin": loader(4, 128<<10, "cfe-v\x01\x00\x26\x70\x46"), "vx.bin": rtos,
		"env/only.bin": variables(0x4000, 1, append(list[:4:4], "ver=U-Boot 2013.07 (Jul 28 2017 - 17:10:01)")...)}
	for name, want := range map[string]struct {
		names []string
		notes []string
	}{
		"flash.bin":    {[]string{"linux 6.1.176 kernel", "u-boot 2021.01 boot loader"}, []string{"root=/dev/mtdblock5", "2017.09"}},
		"mips.bin":     {[]string{"cfe 1.0.38-112.70 boot loader"}, nil},
		"vx.bin":       {[]string{"vxworks 5.5.1 kernel"}, nil},
		"env/only.bin": {[]string{"u-boot 2013.07 boot loader"}, []string{"root=/dev/mtdblock5"}},
	} {
		path := filepath.Join(work, filepath.Base(name))
		if err := os.WriteFile(path, files[name], 0o644); err != nil {
			t.Fatal(err)
		}
		report, tree := inspected(t, path)
		var doc struct {
			Components []struct {
				Name, Version string
				Seen          []struct{ By, Version string }
			}
		}
		if err := json.Unmarshal(report, &doc); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, c := range doc.Components {
			by := ""
			for _, s := range c.Seen {
				if s.Version == c.Version {
					by = s.By
				}
			}
			got = append(got, fmt.Sprintf("%s %s %s", c.Name, c.Version, by))
		}
		if !slices.Equal(got, want.names) {
			t.Errorf("%s: %q, want %q", name, got, want.names)
		}
		for _, s := range want.notes {
			if !bytes.Contains(tree, []byte(s)) && !bytes.Contains(report, []byte(s)) {
				t.Errorf("%s: no %s", name, s)
			}
		}
	}
}

// inspected runs wardein and returns the report and the tree file.
func inspected(t *testing.T, path string) (report, tree []byte) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	work := t.TempDir()
	cmd := exec.Command(exe, "inspect", "-q", "-o", "json=r.json", path)
	cmd.Dir = work
	cmd.Env = append(os.Environ(), "WARDEIN_TEST_RUN=1", "WARDEIN_STORE="+filepath.Join(work, "store"), "XDG_CONFIG_HOME="+work)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	report, err = os.ReadFile(filepath.Join(work, "r.json"))
	if err != nil {
		t.Fatal(err)
	}
	names, _ := filepath.Glob(filepath.Join(work, "*"))
	for _, n := range names {
		if strings.Contains(n, "tree") {
			if tree, err = os.ReadFile(n); err != nil {
				t.Fatal(err)
			}
		}
	}
	return report, tree
}
