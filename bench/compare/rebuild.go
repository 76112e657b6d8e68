package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// rebuilt are Debian packages that rebuild makes again, with the binary
// packages that are compared.
var rebuilt = []struct{ source, binaries string }{
	{"hello", "hello"},
	{"dropbear", "dropbear-bin"},
}

// site is where and when a package is built.
type site struct {
	name, dir, user, host string
	uid                   int
	date                  string // of faketime
}

// Two builders who share nothing but source and compiler. Both build at
// another date than the shipped package was built, the second in another year.
var sites = []site{
	{"rebuilt1", "/srv/lab-one/build", "anna", "lab-one", 20001, "2026-03-05 06:07:08"},
	{"rebuilt2", "/opt/second/place/b", "boris", "second", 20002, "2027-10-11 21:22:23"},
}

// rebuildAll makes WORK/rebuild: packages as Debian ships them beside the
// same source built twice more, and a busybox built vendor-style.
func rebuildAll() error {
	root, err := filepath.Abs(filepath.Join(*work, "rebuild"))
	if err != nil {
		return err
	}
	src := filepath.Join(root, "src")
	at, err := aptSources(src, "deb-src http://deb.debian.org/debian bookworm main\ndeb-src http://deb.debian.org/debian-security bookworm-security main\n")
	if err != nil {
		return err
	}
	for _, p := range rebuilt {
		dir := filepath.Join(root, p.source)
		if _, err := os.Stat(filepath.Join(dir, "rebuilt2")); err == nil && !*fresh || !wanted(p.source) {
			continue
		}
		if err := shipped(filepath.Join(dir, "shipped"), p.binaries); err != nil {
			return err
		}
		if err := apt(src, append(at, "source", "--download-only", p.source+"/bookworm")...); err != nil {
			return err
		}
		// the packages that building needs are those of the running system
		list := filepath.Join(src, "system.list")
		both := "deb http://deb.debian.org/debian bookworm main\ndeb http://deb.debian.org/debian-security bookworm-security main\ndeb-src http://deb.debian.org/debian bookworm main\n"
		if err := os.WriteFile(list, []byte(both), 0o644); err != nil {
			return err
		}
		sys := []string{"-q", "-y", "-o", "Dir::Etc::SourceList=" + list, "-o", "Dir::Etc::SourceParts=/dev/null", "-o", "Dir::State::Lists=" + filepath.Join(src, "lists")}
		if err := apt(src, append(sys, "update")...); err != nil {
			return err
		}
		if err := apt(src, append(sys, "--no-install-recommends", "build-dep", p.source)...); err != nil {
			return err
		}
		dsc, err := filepath.Glob(filepath.Join(src, p.source+"_*.dsc"))
		if err != nil || len(dsc) != 1 {
			return fmt.Errorf("%d .dsc of %s", len(dsc), p.source)
		}
		for _, s := range sites {
			if err := s.build(dsc[0], filepath.Join(dir, s.name), p.binaries); err != nil {
				return fmt.Errorf("%s %s: %w", p.source, s.name, err)
			}
		}
	}
	if wanted("busybox-vendor") {
		if err := vendorBusybox(filepath.Join(root, "busybox-vendor")); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(root, "README"), []byte(rebuildReadme), 0o644)
}

// shipped gets the binary packages that Debian has.
func shipped(dir, binaries string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	return apt(dir, append([]string{"-q", "download"}, strings.Fields(binaries)...)...)
}

// build makes the packages of dsc as the site's user at its date, in its
// folder, and leaves the .deb files and build-facts.txt in out.
func (s site) build(dsc, out, binaries string) error {
	os.RemoveAll(s.dir)
	os.RemoveAll(out)
	defer os.RemoveAll(s.dir)
	for _, d := range []string{s.dir, out} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	script := `set -e
hostname "$HOST"
dpkg-source -x "$DSC" src
chown -R $ID:$ID .
cd src
export HOME=/nonexistent USER=$WHO LOGNAME=$WHO DEB_BUILD_OPTIONS="nocheck parallel=2" LC_ALL=C.UTF-8 TZ=UTC
setpriv --reuid=$ID --regid=$ID --clear-groups faketime -f "@$DATE" nice -n 15 dpkg-buildpackage -b -uc -us -d -rfakeroot
cd ..
for b in $BINARIES; do cp -p "$b"_*.deb "$OUT"; done
{
	echo "source    $(basename "$DSC")"
	echo "folder    $PWD/src"
	echo "user      $WHO ($ID)"
	echo "host      $(hostname)"
	echo "date      $DATE (clock of the build)"
	echo "compiler  $(gcc --version | head -1)"
	echo "linker    $(ld --version | head -1)"
	cat *.buildinfo
} > "$OUT/build-facts.txt"
`
	cmd := exec.Command("unshare", "--uts", "bash", "-c", script)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "DSC="+dsc, "OUT="+out, "WHO="+s.user, "HOST="+s.host, fmt.Sprint("ID=", s.uid), "DATE="+s.date, "BINARIES="+binaries)
	log, err := cmd.CombinedOutput()
	if werr := os.WriteFile(out+".log", log, 0o644); werr != nil {
		return werr
	}
	if err != nil {
		os.RemoveAll(out)
		return fmt.Errorf("%v, see %s.log", err, out)
	}
	return nil
}

// vendorBusybox builds busybox as a vendor's build system would: in a folder
// of its own, with debug information split off, build id, debuglink and the
// build's date in the banner; then twice again elsewhere and at another time.
func vendorBusybox(dir string) error {
	for _, p := range programs {
		if p.name != "busybox" {
			continue
		}
		src, err := source(p, releases[0])
		if err != nil {
			return err
		}
		all := append([]site{{"shipped", "/home/release/vendor-7.2", "jenkins", "build7.vendor.example", 20003, "2025-11-30 04:05:06"}}, sites...)
		for _, s := range all {
			out := filepath.Join(dir, s.name)
			if _, err := os.Stat(out); err == nil && !*fresh {
				continue
			}
			if err := s.busybox(src, out); err != nil {
				return fmt.Errorf("busybox-vendor %s: %w", s.name, err)
			}
		}
	}
	return nil
}

func (s site) busybox(src, out string) error {
	os.RemoveAll(s.dir)
	defer os.RemoveAll(s.dir)
	for _, d := range []string{s.dir, filepath.Join(out, "bin"), filepath.Join(out, "etc")} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return err
		}
	}
	script := `set -e
hostname "$HOST"
cp -r "$SRC" busybox
chown -R $ID:$ID .
cd busybox
cat > ../run <<'END'
set -e
make -s defconfig >/dev/null
sed -i -e 's|^CONFIG_EXTRA_CFLAGS=.*|CONFIG_EXTRA_CFLAGS="-w -g -Os"|' -e 's|^CONFIG_EXTRA_LDFLAGS=.*|CONFIG_EXTRA_LDFLAGS="-Wl,--build-id"|' -e 's@^CONFIG_TC=y@# CONFIG_TC is not set@' .config
make -s -j2 SKIP_STRIP=y busybox_unstripped
objcopy --only-keep-debug busybox_unstripped busybox.debug
strip -o busybox busybox_unstripped
objcopy --add-gnu-debuglink=busybox.debug busybox
echo "Vendor OS 7.2 built by $USER on $(hostname) $(date -u '+%F %T')" > banner
END
export HOME=/nonexistent USER=$WHO LOGNAME=$WHO LC_ALL=C.UTF-8 TZ=UTC
setpriv --reuid=$ID --regid=$ID --clear-groups faketime -f "@$DATE" nice -n 15 bash ../run
cp -p busybox "$OUT/bin/busybox"
cp -p banner "$OUT/etc/banner"
chown -R 0:0 "$OUT"
mkdir -p "$OUT-debug"; cp busybox.debug "$OUT-debug/"
{
	echo "folder    $PWD"
	echo "user      $WHO ($ID)"
	echo "host      $(hostname)"
	echo "date      $DATE (clock of the build)"
	echo "compiler  $(gcc --version | head -1)"
} > "$OUT-facts.txt"
`
	cmd := exec.Command("unshare", "--uts", "bash", "-c", script)
	cmd.Dir = s.dir
	cmd.Env = append(os.Environ(), "SRC="+src, "OUT="+out, "WHO="+s.user, "HOST="+s.host, fmt.Sprint("ID=", s.uid), "DATE="+s.date)
	log, err := cmd.CombinedOutput()
	if werr := os.WriteFile(out+".log", log, 0o644); werr != nil {
		return werr
	}
	if err != nil {
		os.RemoveAll(out)
		return fmt.Errorf("%v, see %s.log", err, out)
	}
	return nil
}

const rebuildReadme = `Made by: go run ./bench/compare rebuild

PACKAGE/shipped/            what Debian ships (bookworm, amd64), as apt-get downloads it
PACKAGE/rebuilt1/, rebuilt2/ the same source package built here twice: other folders, users and dates
PACKAGE/*/build-facts.txt   folder, user, host, date, compiler and linker of a build, then dpkg's .buildinfo

hello          2.10-3: one binary package
dropbear       dropbear-bin of 2022.83
busybox-vendor one source built three times vendor-style, as small root trees (bin/busybox, etc/banner): stripped, with build id,
               debuglink and the build's time in its banner; NAME-facts.txt beside them
`
