package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

const release = "bookworm"

// packages are the Debian source packages, by program.
var packages = map[string]string{"dropbear": "dropbear", "busybox": "busybox", "ninja": "ninja-build"}

// fetch gets the sources and unpacks them.
func fetch() error {
	src := filepath.Join(*work, "src")
	if got, _ := filepath.Glob(filepath.Join(src, "*.orig.tar.*")); len(got) > 0 {
		return unpack(src)
	}
	if err := os.MkdirAll(filepath.Join(src, "lists", "partial"), 0o755); err != nil {
		return err
	}
	list, err := filepath.Abs(filepath.Join(src, "src.list"))
	if err != nil {
		return err
	}
	if err := os.WriteFile(list, []byte("deb-src http://deb.debian.org/debian "+release+" main\n"), 0o644); err != nil {
		return err
	}
	at := []string{"-q", "-o", "Dir::Etc::SourceList=" + list, "-o", "Dir::Etc::SourceParts=/dev/null", "-o", "Dir::State::Lists=" + filepath.Join(filepath.Dir(list), "lists")}
	get := append(at, "source", "--download-only")
	for _, p := range packages {
		get = append(get, p)
	}
	for _, args := range [][]string{append(at, "update"), get} {
		cmd := exec.Command("apt-get", args...)
		cmd.Dir = src
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("apt-get %q: %v\n%s", args, err, out)
		}
	}
	return unpack(src)
}

func unpack(src string) error {
	for program := range packages {
		if dirs, _ := filepath.Glob(filepath.Join(src, program+"-[0-9]*")); len(dirs) > 0 {
			continue
		}
		tars, _ := filepath.Glob(filepath.Join(src, program+"*.orig.tar.*"))
		for _, t := range tars {
			if strings.HasSuffix(t, ".asc") {
				continue
			}
			if out, err := exec.Command("tar", "xf", t, "-C", src).CombinedOutput(); err != nil {
				return fmt.Errorf("tar: %v: %s", err, out)
			}
		}
	}
	return nil
}

// scripts build a program in an empty folder: $SRC is the source, $T the
// target, $CC and $CXX the compilers with the target, $F the flags. The
// result is ./full.
var scripts = map[string]string{
	"ninja": `
for f in "$SRC"/src/*.cc; do
	case $f in *_test.cc|*perftest.cc|*win32.cc|*.in.cc|*_bench.cc|*/test.cc|*/browse.cc|*/hash_collision*) continue;; esac
	echo "$f"
done > list
$CXX -w $F -DNDEBUG -Wl,--emit-relocs -o full $(cat list)`,
	"libstdc++": `
# built already: the compiler's own library, whole
echo 'int main(void) { return 0; }' > main.c
$CXX -w $F -Wl,--emit-relocs -o full main.c -Wl,--whole-archive $($T-g++ -print-file-name=libstdc++.a) -Wl,--no-whole-archive`,
	"dropbear": `
# the cross libc has no crypt()
printf '#define DROPBEAR_SVR_PASSWORD_AUTH 0\n' > localoptions.h
$SRC/configure --host=$T --disable-zlib --disable-lastlog --disable-harden --enable-bundled-libtom CC="$CC" CFLAGS="-w $F -fPIE" LDFLAGS="-Wl,--emit-relocs -pie" >/dev/null
make -s dropbear AR="$T-ar" RANLIB="$T-ranlib" STRIP=true
mv dropbear full`,
	"busybox": `
make -s -C "$SRC" O="$PWD" defconfig >/dev/null
sed -i -e 's|^CONFIG_EXTRA_CFLAGS=.*|CONFIG_EXTRA_CFLAGS="-w '"$F"'"|' -e 's|^CONFIG_EXTRA_LDFLAGS=.*|CONFIG_EXTRA_LDFLAGS="-Wl,--emit-relocs"|' \
	-e 's@^CONFIG_\(TC\|SHA1_HWACCEL\|SHA256_HWACCEL\)=y@# CONFIG_\1 is not set@' .config
# clang 14 ends with a segmentation fault on the i386 assembler of pstm
case $CC$T in
*clang*i686*) sed -i -e 's@^CONFIG_\(TLS\|SSL_CLIENT\|FEATURE_WGET_HTTPS\)=y@# CONFIG_\1 is not set@' .config ;;
esac
make -s CC="$CC" AR="$T-ar" NM="$T-nm" OBJCOPY="$T-objcopy" SKIP_STRIP=y busybox_unstripped
mv busybox_unstripped full`,
}

// build makes one program and returns where it is.
func build(program, name, target, cc, flags string) (string, error) {
	dir, err := filepath.Abs(filepath.Join(*work, "build", program, name))
	if err != nil {
		return "", err
	}
	full := filepath.Join(dir, "full")
	if _, err := os.Stat(full); err == nil && !*fresh {
		return full, nil
	}
	tree := ""
	if packages[program] != "" {
		src, err := filepath.Glob(filepath.Join(*work, "src", program+"-[0-9]*"))
		if err != nil || len(src) != 1 {
			return "", fmt.Errorf("%d folders of sources", len(src))
		}
		if tree, err = filepath.Abs(src[0]); err != nil {
			return "", err
		}
	}
	tmp := dir + ".tmp"
	os.RemoveAll(tmp)
	if err := os.MkdirAll(tmp, 0o755); err != nil {
		return "", err
	}
	defer os.RemoveAll(tmp)
	c, cxx := target+"-gcc", target+"-g++"
	if cc == "clang" {
		c, cxx = "clang --target="+target, "clang++ --target="+target
	}
	cmd := exec.Command("nice", "-n", "10", "bash", "-e", "-c", scripts[program])
	cmd.Dir = tmp
	cmd.Env = append(os.Environ(), "SRC="+tree, "T="+target, "CC="+c, "CXX="+cxx, "F="+flags, "MAKEFLAGS=-j3")
	out, err := cmd.CombinedOutput()
	if werr := os.WriteFile(dir+".log", out, 0o644); werr != nil {
		return "", werr
	}
	if err != nil {
		return "", fmt.Errorf("%v, see %s.log", err, filepath.Base(dir))
	}
	os.RemoveAll(dir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", err
	}
	return full, os.Rename(filepath.Join(tmp, "full"), full)
}
