package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// contents are the packages of the releases that are compared, with their
// other name in the newer Debian, if any. Those of the first list are renewed
// by the update, all by the upgrade.
var (
	renewed = []string{"openssl", "libssl3=libssl3t64", "openssh-server", "openssh-client", "busybox", "dnsmasq-base", "dropbear-bin", "curl", "libcurl4=libcurl4t64", "tcpdump",
		"libpcap0.8=libpcap0.8t64", "snmpd", "libsnmp40=libsnmp40t64", "nginx", "tzdata"}
	contents = []string{"base-files", "base-passwd", "bash", "coreutils", "libc6", "libc-bin", "libgcc-s1", "libstdc++6", "libpam0g", "libpam-modules", "libpam-runtime", "login", "passwd",
		"mount", "procps", "iproute2", "nftables", "strongswan-charon", "libstrongswan", "strongswan-libcharon", "chrony", "rsyslog", "logrotate", "cron", "gdbserver", "lua5.4",
		"libsqlite3-0", "libxml2", "libcap2", "libzstd1", "zlib1g", "libsystemd0", "sysvinit-core", "initscripts", "sudo", "vim-tiny"}
)

// took is what comparing two releases took after both were inspected.
type took struct {
	Pair         string
	Bytes, Files [2]int64
	Review, Rows int
	Wall, CPU    float64
	InspectWall  float64 // of the first run, which inspects both
	MaxResident  int64   // kB
}

// releasesRun makes roots of about 100 MB from Debian packages for ARM64 as
// archives: the older Debian, the same with some packages of the newer one,
// and the newer Debian; and compares them with `wardein compare`.
func releasesRun() error {
	dir, err := filepath.Abs(filepath.Join(*work, "releases"))
	if err != nil {
		return err
	}
	other := func(p string, i int) string {
		a, b, ok := strings.Cut(p, "=")
		if i == 0 || !ok {
			return a
		}
		return b
	}
	roots := []struct {
		name     string
		packages func(release int) []string
	}{
		{"old", func(i int) []string {
			if i == 1 {
				return nil
			}
			return slices.Concat(renewed, contents)
		}},
		{"update", func(i int) []string { return [][]string{contents, renewed}[i] }},
		{"upgrade", func(i int) []string {
			if i == 0 {
				return nil
			}
			return slices.Concat(renewed, contents)
		}},
	}
	for _, r := range roots {
		if _, err := os.Stat(filepath.Join(dir, r.name+".tar")); err == nil {
			continue
		}
		root := filepath.Join(dir, r.name)
		os.RemoveAll(root)
		for i, release := range releases[:2] {
			var names []string
			for _, p := range r.packages(i) {
				names = append(names, other(p, i))
			}
			if err := unpackPackages(filepath.Join(dir, "debs", release), release, names, root); err != nil {
				return err
			}
		}
		for _, d := range []string{"doc", "man", "locale", "info", "lintian", "bug"} {
			os.RemoveAll(filepath.Join(root, "usr/share", d))
		}
		cmd := exec.Command("tar", "--sort=name", "--numeric-owner", "--format=pax", "--pax-option=delete=atime,delete=ctime", "-cf", root+".tar", "-C", root, ".")
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("tar: %v: %s", err, out)
		}
	}
	bin, err := wardein()
	if err != nil {
		return err
	}
	var all []took
	for _, pair := range [][2]string{{"old", "update"}, {"old", "upgrade"}} {
		t := took{Pair: pair[0] + " → " + pair[1]}
		var files [2]string
		for i, n := range pair {
			files[i] = filepath.Join(dir, n+".tar")
			st, err := os.Stat(files[i])
			if err != nil {
				return err
			}
			t.Bytes[i] = st.Size()
			if t.Files[i], err = countFiles(filepath.Join(dir, n)); err != nil {
				return err
			}
		}
		begin := time.Now()
		if _, _, _, err := compareVerb(bin, files[0], files[1]); err != nil {
			return err
		}
		t.InspectWall = time.Since(begin).Seconds()
		begin = time.Now()
		c, _, state, err := compareVerb(bin, files[0], files[1])
		if err != nil {
			return err
		}
		t.Wall = time.Since(begin).Seconds()
		t.CPU = (state.UserTime() + state.SystemTime()).Seconds()
		t.MaxResident = maxResident(state)
		t.Review, t.Rows = c.Review, len(c.Rows)
		fmt.Printf("%s: %d and %d MB, %d rows, %d lines, %.1f s (CPU %.1f s), %d MB; the first time %.0f s\n", t.Pair, t.Bytes[0]/1e6, t.Bytes[1]/1e6, t.Rows, t.Review, t.Wall, t.CPU, t.MaxResident/1000, t.InspectWall)
		all = append(all, t)
	}
	return keep("releases", all)
}

// unpackPackages gets packages of a release for ARM64 and unpacks them into
// root.
func unpackPackages(dir, release string, names []string, root string) error {
	if len(names) == 0 {
		return nil
	}
	if err := os.MkdirAll(root, 0o755); err != nil {
		return err
	}
	at, err := aptSources(dir, "deb [arch=arm64] http://deb.debian.org/debian "+release+" main\n")
	if err != nil {
		return err
	}
	at = append(at, "-o", "APT::Architecture=arm64", "-o", "APT::Architectures::=arm64")
	if err := apt(dir, append(at, "update")...); err != nil {
		return err
	}
	var missing error
	for _, n := range names {
		got, err := filepath.Glob(filepath.Join(dir, n+"_*.deb"))
		if err != nil {
			return err
		}
		if len(got) == 0 {
			if err := apt(dir, append(append([]string{}, at...), "download", n)...); err != nil {
				missing = errors.Join(missing, err)
				continue
			}
			if got, err = filepath.Glob(filepath.Join(dir, n+"_*.deb")); err != nil {
				return err
			}
		}
		for _, f := range got {
			if out, err := exec.Command("dpkg-deb", "-x", f, root).CombinedOutput(); err != nil {
				return fmt.Errorf("dpkg-deb: %v: %s", err, out)
			}
		}
	}
	return missing
}

func countFiles(dir string) (n int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d os.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			n++
		}
		return err
	})
	return n, err
}
