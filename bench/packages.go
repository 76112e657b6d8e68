package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
)

// What the image is made of, by package name. Versions are those that the
// machine's Debian 12 archive has; work/packages.txt records them.
var (
	rootPackages = strings.Fields(`
		libc6 libstdc++6 libssl3 openssl busybox perl-base perl-modules-5.36 libperl5.36
		python3.11-minimal libpython3.11-minimal libpython3.11-stdlib libpython3.11
		openssh-server openssh-client nginx samba-libs samba bind9 bind9-libs frr
		libsnmp40 snmpd tzdata libglib2.0-0 grub-common
		libwireshark-data linux-image-cloud`)
	debPackages  = strings.Fields(`gdb php8.2-cli mariadb-server-core vim openvpn tcpdump`)
	zipPackages  = [][]string{{"vim-runtime"}, {"locales"}}
	tarPackages  = [][]string{{"git"}, {"u-boot-tools", "lua5.4"}}
	cpioPackages = [][]string{{"iproute2", "libstrongswan", "strongswan-libcharon"}, {"gawk"}}
	jffs2Package = []string{"libxml2", "libqt5core5a"}
	initramfs    = []string{"erlang-base"}
	lzmaPackage  = "libnode108"
	kernelFrom   = "qemu-system-arm"
)

func allPackages() []string {
	seen := map[string]bool{lzmaPackage: true, kernelFrom: true}
	for _, list := range append(append(append([][]string{rootPackages, debPackages, jffs2Package, initramfs}, zipPackages...), tarPackages...), cpioPackages...) {
		for _, p := range list {
			seen[p] = true
		}
	}
	var names []string
	for p := range seen {
		names = append(names, p)
	}
	sort.Strings(names)
	return names
}

// fetch downloads the packages that are not there yet and returns the path of
// each one's .deb. apt-get verifies what it downloads against the archive's
// signed lists.
func fetch() (map[string]string, error) {
	dir := filepath.Join(work, "debs")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	debs := map[string]string{}
	var missing []string
	for _, p := range allPackages() {
		if path := downloaded(dir, p); path != "" {
			debs[p] = path
			continue
		}
		missing = append(missing, p)
	}
	for _, p := range missing {
		name := p
		if p == "linux-image-cloud" {
			// the newest cloud kernel, whose name carries its version
			out, err := exec.Command("sh", "-c", `apt-cache pkgnames linux-image-6.1.0- | grep -- '-cloud-amd64$' | sort -V | tail -1`).Output()
			if err != nil || len(out) == 0 {
				return nil, fmt.Errorf("apt-cache knows no cloud kernel: run apt-get update")
			}
			name = strings.TrimSpace(string(out))
		}
		cmd := exec.Command("apt-get", "-q", "download", name)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("apt-get download %s: %w\n%s", name, err, out)
		}
		if debs[p] = downloaded(dir, p); debs[p] == "" {
			return nil, fmt.Errorf("apt-get download %s: no file in %s", name, dir)
		}
	}
	var list strings.Builder
	for _, p := range allPackages() {
		fmt.Fprintln(&list, filepath.Base(debs[p]))
	}
	return debs, os.WriteFile(filepath.Join(work, "packages.txt"), []byte(list.String()), 0o644)
}

func downloaded(dir, p string) string {
	pattern := p + "_*.deb"
	if p == "linux-image-cloud" {
		pattern = "linux-image-*-cloud-amd64_*.deb"
	}
	found, _ := filepath.Glob(filepath.Join(dir, pattern))
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1]
}
