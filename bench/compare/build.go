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

// variant is a processor that programs are built for.
type variant struct {
	name, target, flags string
	bits                int
}

var variants = []variant{
	{"x86-64", "x86_64-linux-gnu", "", 64},
	{"aarch64", "aarch64-linux-gnu", "", 64},
	{"arm", "arm-linux-gnueabi", "-marm -march=armv7-a", 32},
	{"thumb2", "arm-linux-gnueabi", "-mthumb -march=armv7-a", 32},
	{"mips", "mips-linux-gnu", "", 32},
	{"ppc", "powerpc-linux-gnu", "", 32},
	{"i386", "i686-linux-gnu", "", 32},
	{"mipsel", "mipsel-linux-gnu", "", 32},
}

// A program and how it is built: the script runs in an empty folder; $SRC is
// the source, $T the target, $CC and $CXX the compilers, $F the flags, $BITS
// the size of a word, $SITE a file that holds what configure found for that
// size, shared among targets. It leaves ./full.
type program struct {
	name, source, script string
	skip                 string // processors it is not built for
	twice                string // processors it is built for in two places
	third                bool   // built of the third release, too
}

var programs = []program{
	{name: "dropbear", source: "dropbear", twice: "x86-64 aarch64 mips", script: `
# the cross libc has no crypt()
printf '#define DROPBEAR_SVR_PASSWORD_AUTH 0\n' > localoptions.h
$SRC/configure --host=$T --disable-zlib --disable-lastlog --disable-harden --enable-bundled-libtom CC="$CC" CFLAGS="-w $F -fPIE" LDFLAGS="-pie" >/dev/null
make -s dropbear AR="$T-ar" RANLIB="$T-ranlib" STRIP=true
mv dropbear full`},
	{name: "dnsmasq", source: "dnsmasq", skip: "mipsel", script: `
cp -r $SRC/. .
make -s CC="$CC" CFLAGS="-w $F -fPIE" LDFLAGS="-pie" PKG_CONFIG=true
mv src/dnsmasq full`},
	{name: "ninja", source: "ninja-build", skip: "mipsel", twice: "x86-64 aarch64", script: `
for f in "$SRC"/src/*.cc; do
	case $f in *_test.cc|*perftest.cc|*win32.cc|*.in.cc|*_bench.cc|*/test.cc|*/browse.cc|*/hash_collision*) continue;; esac
	o=$(basename $f).o
	echo "$o: $f; $CXX -w $F -DNDEBUG -c -o $o $f"
	objects="$objects $o"
done > rules
{ echo "full: $objects"; printf '\t$CXX -o full $^\n'; cat rules; } | sed "s|\$CXX|$CXX|" > Makefile
make -s`},
	{name: "curl", source: "curl", skip: "mipsel", third: true, script: `
[ ! -e $SITE ] || export CONFIG_SITE=$SITE
$SRC/configure -C --host=$T --without-ssl --without-zlib --without-libpsl --without-nghttp2 --without-brotli --without-zstd --without-libidn2 --without-librtmp \
	--without-libssh2 --without-libgsasl --disable-ldap --disable-manual --disable-docs --disable-shared --enable-static CC="$CC" CFLAGS="-w $F" >/dev/null
[ -e $SITE ] || { grep -E '^(ac_cv_(func|header|sizeof|type|have|member|working|search|lib)|curl_cv)' config.cache > $SITE.new && mv $SITE.new $SITE; }
make -s -C lib
make -s -C src curl
mv src/curl full`},
	{name: "busybox", source: "busybox", skip: "mipsel", twice: "x86-64 arm", script: `
make -s -C "$SRC" O="$PWD" defconfig >/dev/null
sed -i -e 's|^CONFIG_EXTRA_CFLAGS=.*|CONFIG_EXTRA_CFLAGS="-w '"$F"'"|' \
	-e 's@^CONFIG_\(TC\|SHA1_HWACCEL\|SHA256_HWACCEL\)=y@# CONFIG_\1 is not set@' .config
make -s CC="$CC" AR="$T-ar" NM="$T-nm" OBJCOPY="$T-objcopy" SKIP_STRIP=y busybox_unstripped
mv busybox_unstripped full`},
	{name: "openssl", source: "openssl", skip: "mipsel", script: `
case $T in
x86_64*) os=linux-x86_64;; aarch64*) os=linux-aarch64;; arm*) os=linux-armv4;; mips*) os=linux-mips32;; powerpc*) os=linux-ppc;; i686*) os=linux-x86;;
esac
case $SRC in
*openssl-3.0*) more= ;;
*) more="no-quic no-http no-ml-kem no-ml-dsa no-slh-dsa no-argon2 no-hqinterop no-ecx no-sslkeylog no-integrity-only-ciphers no-tls-deprecated-ec no-jitter no-fips-jitter" ;;
esac
CC="$CC" CFLAGS="-w $F" perl $SRC/Configure $os no-asm no-tests shared no-module no-engine no-dso no-legacy no-deprecated no-async no-comp no-cmp no-cms no-ct no-ts no-srp no-ocsp \
	no-aria no-bf no-blake2 no-camellia no-cast no-idea no-md4 no-mdc2 no-ocb no-rc2 no-rc4 no-rmd160 no-seed no-siphash no-siv no-sm2 no-sm3 no-sm4 no-whirlpool no-ec2m no-gost \
	no-dtls no-des no-dsa no-scrypt no-rfc3779 no-ui-console $more >/dev/null
make -s build_generated >/dev/null
make -s AR="$T-ar" RANLIB="$T-ranlib" libcrypto.so
mv libcrypto.so.3 full`},
}

// built is one build of a program, which may not have been made yet.
type built struct {
	program program
	release string
	variant variant
	opt     string // -O2, -Os
	again   *place // where it is built instead, from a copy of its source
	anew    bool   // with no use of what bench/unsafecall has built
}

// place is a folder, below / , and a date of which a program is built.
type place struct{ name, dir, date string }

// places are where the same source is built twice. The names of the folders
// differ in length, so that everything behind them moves.
var places = []*place{
	{"one", "/srv/lab", "2026-03-05 06:07:08"},
	{"two", "/opt/somewhere/else/entirely", "2027-10-11 21:22:23"},
}

// version is that of the program, which its source states.
func (b built) version() (string, error) {
	src, err := source(b.program, b.release)
	return strings.TrimPrefix(filepath.Base(src), b.program.name+"-"), err
}

// dir is where the build's files are: full, with its symbols, and stripped.
func (b built) dir() (string, error) {
	v, err := b.version()
	if err != nil {
		return "", err
	}
	name := b.variant.name + b.opt
	if b.again != nil {
		name += "-" + b.again.name
	}
	return filepath.Abs(filepath.Join(*work, "build", b.program.name+"-"+v, name))
}

// builds are all that are made: both versions for speed, the older one for
// size, too, and some of one version in two places.
func builds() []built {
	var list []built
	for _, p := range programs {
		for _, v := range variants {
			if slices.Contains(strings.Fields(p.skip), v.name) {
				continue
			}
			list = append(list, built{program: p, release: releases[0], variant: v, opt: "-O2"}, built{program: p, release: releases[1], variant: v, opt: "-O2"})
		}
	}
	for _, p := range programs {
		for _, v := range variants[:6] {
			if p.third {
				list = append(list, built{program: p, release: releases[2], variant: v, opt: "-O2"})
			}
			if p.name != "openssl" && p.name != "curl" {
				list = append(list, built{program: p, release: releases[0], variant: v, opt: "-Os"})
			}
			if slices.Contains(strings.Fields(p.twice), v.name) {
				list = append(list, built{program: p, release: releases[0], variant: v, opt: "-O2", again: places[0]}, built{program: p, release: releases[0], variant: v, opt: "-O2", again: places[1]})
			}
		}
	}
	return list
}

func buildAll() error {
	var failed error
	for _, b := range builds() {
		dir, err := b.dir()
		if err != nil {
			return err
		}
		name := strings.Join(strings.Split(dir, "/")[strings.Count(dir, "/")-1:], "/")
		if !wanted(name) {
			continue
		}
		start := time.Now()
		if made, err := b.make(dir); err != nil {
			fmt.Printf("%-40s %v\n", name, err)
			failed = errors.New("some builds failed")
		} else if made {
			fmt.Printf("%-40s %.0f s\n", name, time.Since(start).Seconds())
		}
	}
	return failed
}

// make builds into dir and tells whether that was necessary. bench/unsafecall
// has built some of it already; its programs keep relocations, which changes
// no code.
func (b built) make(dir string) (bool, error) {
	if _, err := os.Stat(filepath.Join(dir, "stripped")); err == nil && !*fresh {
		return false, nil
	}
	tmp := dir + ".tmp"
	os.RemoveAll(tmp)
	defer os.RemoveAll(tmp)
	if err := os.MkdirAll(tmp, 0o755); err != nil {
		return false, err
	}
	src, err := source(b.program, b.release)
	if err != nil {
		return false, err
	}
	site, err := filepath.Abs(filepath.Join(*work, "build", filepath.Base(src), fmt.Sprintf("site-%d", b.variant.bits)))
	if err != nil {
		return false, err
	}
	other, err := filepath.Abs(filepath.Join(*work, "..", "unsafecall", "build", b.program.name, b.variant.name+b.opt+"-gcc", "full"))
	if err != nil {
		return false, err
	}
	script := b.program.script
	if _, err := os.Stat(other); err == nil && b.release == releases[0] && b.again == nil && !b.anew && !*fresh {
		script = "cp -p '" + other + "' full"
	}
	out := filepath.Join(tmp, "out")
	in, date := filepath.Join(tmp, "work"), []string{}
	if p := b.again; p != nil {
		// dates are those of the build, and asserts state the file they are in
		in, date = filepath.Join(p.dir, "build"), []string{"faketime", "-f", "@" + p.date}
		script = "cp -r \"$SRC\" " + p.dir + "/src; SRC=" + p.dir + "/src\n" + strings.ReplaceAll(script, " -DNDEBUG", "")
		os.RemoveAll(p.dir)
		defer os.RemoveAll(p.dir)
	}
	script = "set -e\nmkdir -p '" + out + "' '" + in + "'; cd '" + in + "'\n" + script + "\n$T-strip -o '" + out + "/stripped' full; mv full '" + out + "/full'\n"
	t := b.variant.target
	cmd := exec.Command("nice", append(append([]string{"-n", "10"}, date...), "bash", "-c", script)...)
	cmd.Dir = tmp
	cmd.Env = append(os.Environ(), "LC_ALL=C", "SRC="+src, "OUT="+out, "T="+t, "CC="+t+"-gcc", "CXX="+t+"-g++", "F="+b.opt+" "+b.variant.flags,
		fmt.Sprint("BITS=", b.variant.bits), "SITE="+site, "MAKEFLAGS=-j2")
	log, err := cmd.CombinedOutput()
	if werr := os.WriteFile(dir+".log", log, 0o644); werr != nil {
		return false, werr
	}
	if err != nil {
		return false, fmt.Errorf("%v, see %s.log", err, dir)
	}
	os.RemoveAll(dir)
	return true, os.Rename(out, dir)
}
