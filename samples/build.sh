#!/usr/bin/env bash
# Builds the two releases of the fictitious AN-2400 from src/, byte for byte
# the same each time. Usage: samples/build.sh [OUTPUT-DIRECTORY]
# Debian 12 packages: squashfs-tools mtd-utils u-boot-tools xz-utils zip cpio
# dpkg python3-minimal openssl gcc-arm-linux-gnueabi gcc-mips-linux-gnu
# libc6-dev-armel-cross libc6-dev-mips-cross
# What is planted, and why, stands in README.md.
set -euo pipefail
export LC_ALL=C TZ=UTC
unset SOURCE_DATE_EPOCH
umask 022
src=$(cd "$(dirname "$0")/src" && pwd)
out=$(mkdir -p "${1:-$(dirname "$src")}" && cd "${1:-$(dirname "$src")}" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
PATH=$PATH:/usr/sbin:/sbin
block=65536

arm=arm-linux-gnueabi mips=mips-linux-gnu
soft="-fno-pie -no-pie -fno-stack-protector -z execstack -z norelro"
hard="-fPIE -pie -fstack-protector-strong -D_FORTIFY_SOURCE=2 -z relro -z now"
common="-Os -s -w -Wl,--build-id=sha1 -Wl,--hash-style=gnu"

# pack DIR: a tar of DIR, sorted, one time, one owner
pack() { tar -C "$1" --sort=name --mtime="@$when" --owner=0 --group=0 --numeric-owner --format=gnu -cf - .; }

# put FILE: append FILE to the image and fill the erase block with 0xFF
put() {
	cat "$1" >>"$image"
	local n=$(( (block - $(stat -c %s "$image") % block) % block ))
	head -c "$n" /dev/zero | tr '\0' '\377' >>"$image"
}

# noise KEY LENGTH: the same pseudo-random bytes each time
noise() { head -c "$2" /dev/zero | openssl enc -aes-128-ctr -K "$1" -iv 0 2>/dev/null; }

# stamp DIR: every file and link of DIR gets the release's time
stamp() { find "$1" -depth -print0 | xargs -0 touch -h -d "@$when"; }

compile() { # release
	local v=$1 bin=$2 cc="$arm-gcc" def
	def="-DRELEASE=\"$v\" $3"
	cd "$src/c"
	{
		echo 'static const char identity[] ='
		sed 's/.*/"&\\n"/' "$src/keys/mgmt.key"
		echo ';'
	} >"$bin/identity.h"
	$cc $common $def -fPIC -shared -Wl,-soname,libexcfg.so.2 -o "$bin/libexcfg.so.2.3.1" excfg.c
	$cc $common $def $soft -I"$bin" -o "$bin/mgmtd" mgmtd.c "$bin/libexcfg.so.2.3.1"
	$cc $common $def $hard -o "$bin/omcid" omcid.c
	$cc $common $def $hard -o "$bin/diagtool" diagtool.c
	$cc $common $def $hard -o "$bin/exbox" exbox.c
	$cc $common $def $hard -o "$bin/cwmpd" cwmpd.c "$bin/libexcfg.so.2.3.1"
	$mips-gcc $common $def -fno-pie -no-pie -o "$bin/lcmgr" lcmgr.c
	$cc -Os -w $def -ffreestanding -nostdlib -static -Wl,-Ttext=0x8000 -Wl,--build-id=none -o "$bin/boot.elf" boot.c
	$arm-objcopy -O binary "$bin/boot.elf" "$bin/boot.bin"
}

linecard() { # release, bin, target: tar.gz > deb > data.tar.xz > MIPS ELF
	local v=$1 d=$work/lc-$1
	mkdir -p "$d/pkg/DEBIAN" "$d/pkg/usr/bin" "$d/pkg/etc" "$d/tar"
	sed "s/@RELEASE@/$v/" "$src/linecard/control" >"$d/pkg/DEBIAN/control"
	install -m 755 "$src/linecard/postinst" "$d/pkg/DEBIAN/postinst"
	install -m 755 "$2/lcmgr" "$d/pkg/usr/bin/lcmgr"
	echo "slots=16" >"$d/pkg/etc/linecard.conf"
	stamp "$d/pkg"
	SOURCE_DATE_EPOCH=$when dpkg-deb --root-owner-group --uniform-compression -Zxz -z6 --threads-max=1 \
		-b "$d/pkg" "$d/tar/exampletel-linecard_${v}_mips.deb" >/dev/null
	echo "line card firmware for AN-2400 $v" >"$d/tar/README"
	pack "$d/tar" | gzip -n9 >"$3"
}

root() { # release, bin, target directory
	local v=$1 bin=$2 r=$3 f
	mkdir -p "$r"/{bin,sbin,dev,proc,tmp,config,lib/firmware,usr/bin,usr/sbin,usr/lib,usr/share/mgmtd,etc/ssl/private,etc/rc.d,var/run,var/lib}
	cp -r "$src/root/." "$src/rel/$v/." "$r/"
	mv "$r/RELEASE-NOTES.txt" "$r/etc/"
	install -m 755 "$bin/exbox" "$r/bin/exbox"
	install -m 755 "$bin/mgmtd" "$bin/omcid" "$bin/diagtool" "$r/usr/sbin/"
	install -m 755 "$bin/libexcfg.so.2.3.1" "$r/usr/lib/"
	if [ "$v" = 1.1.0 ]; then install -m 755 "$bin/cwmpd" "$r/usr/sbin/"; fi
	# links: relative, absolute, dangling, climbing out, in a circle, hard
	for f in bin/sh bin/login; do ln -s exbox "$r/$f"; done
	ln -s ../bin/exbox "$r/sbin/init"
	ln -s ../../bin/exbox "$r/usr/sbin/telnetd"
	ln -s libexcfg.so.2.3.1 "$r/usr/lib/libexcfg.so.2"
	ln -s /proc/mounts "$r/etc/mtab"
	ln -s /config/missing.conf "$r/etc/dangling.conf"
	ln -s ../../../../../../etc/shadow "$r/tmp/climb"
	ln -s loop-b "$r/tmp/loop-a"
	ln -s loop-a "$r/tmp/loop-b"
	ln "$r/etc/init.d/network" "$r/etc/rc.d/S10network"
	ln -s ../init.d/mgmt "$r/etc/rc.d/S40mgmt"
	if [ "$v" = 1.1.0 ]; then
		ln -s ../init.d/console "$r/etc/rc.d/S45console"
		ln -s ../init.d/cwmp "$r/etc/rc.d/S50cwmp"
	fi
	# duplicates, a set-uid copy, a sparse file, names with odd bytes
	cp "$r/etc/banner" "$r/etc/issue"
	cp "$bin/exbox" "$r/usr/bin/su"
	truncate -s 65536 "$r/var/lib/counters.db"
	echo "not UTF-8, and an escape sequence" >"$r/etc/$(printf 'odd-\377\033[31mname')"
	echo "a name that a terminal shows backwards" >"$r/etc/$(printf 'odd-\342\200\256gnp.txt')"
	# keys and certificates
	cp "$src/keys/mgmt.key" "$r/etc/ssl/private/mgmt.key"
	cat "$src/keys/mgmt.crt" "$src/keys/mgmt.key" >"$r/usr/share/mgmtd/default.pem"
	cp "$src/keys/mgmt.crt" "$src/keys/device-ca.crt" "$src/keys/mgmt.pub" "$r/etc/ssl/"
	cp "$src/keys/backup-encrypted.key" "$r/etc/ssl/private/backup.key"
	# archives inside: tar.gz > deb, zip, one cut short, one behind a script
	linecard "$v" "$bin" "$r/lib/firmware/linecard.tar.gz"
	mkdir -p "$work/www-$v" "$work/doc-$v" "$work/upd-$v"
	cp "$src"/www/* "$work/www-$v/"
	stamp "$work/www-$v"
	(cd "$work/www-$v" && find . -type f | sort | zip -q -X -9 -@ "$r/usr/share/mgmtd/www.zip")
	cp "$src"/c/*.c "$work/doc-$v/"
	pack "$work/doc-$v" | gzip -n9 | head -c 2500 >"$r/usr/share/doc/manual.tar.gz"
	echo "url=http://update.exampletel.example/an2400" >"$work/upd-$v/site.conf"
	printf '#!/bin/sh\ntail -n +4 "$0" | tar -xz -C /config\nexit 0\n' >"$r/usr/sbin/siteinstall"
	pack "$work/upd-$v" | gzip -n9 >>"$r/usr/sbin/siteinstall"
	{
		printf 'Salted__AN2400ex'
		printf 'licence of the fictitious AN-2400 %s\n' "$v" |
			openssl enc -aes-128-cbc -K 414e3234303041 -iv 0 2>/dev/null
		noise 11 2000
	} >"$r/etc/licence.enc"
	stamp "$r"
}

config() { # release, target image
	local v=$1 img=$2 d=$work/cfg-$1
	mkdir -p "$d/keys"
	cp "$src/config/config-first.xml" "$d/config.xml"
	cp "$src/config/chap-secrets" "$src/config/provision.bak" "$d/"
	cp "$src/keys/acs-client.key" "$d/keys/"
	if [ "$v" = 1.1.0 ]; then cp "$src/config/cwmp.conf" "$d/"; fi
	stamp "$d"
	mkfs.jffs2 -l -e $block -q -r "$d" -o "$img"
	# config.xml (inode 3) gets a second version; provision.bak is deleted
	python3 "$src/jffs2log.py" "$img" $block write config.xml 3 2 "$src/config/config.xml"
	python3 "$src/jffs2log.py" "$img" $block delete provision.bak 99
}

release() { # release, time, defines
	local v=$1 bin=$work/bin-$1 r=$work/root-$1
	when=$2
	image=$out/an2400-$v.bin
	mkdir -p "$bin"
	compile "$v" "$bin" "$3"
	root "$v" "$bin" "$r"

	: >"$image"
	if [ "$v" = 1.0.0 ]; then
		xz --format=lzma -9 -c "$bin/boot.bin" >"$work/boot.z"
	else
		gzip -n9c "$bin/boot.bin" >"$work/boot.z"
	fi
	SOURCE_DATE_EPOCH=$when mkimage -A arm -O linux -T kernel -C "$([ "$v" = 1.0.0 ] && echo lzma || echo gzip)" \
		-a 0x8000 -e 0x8000 -n "AN-2400 boot $v" -d "$work/boot.z" "$work/boot.uimg" >/dev/null
	put "$work/boot.uimg"

	local diag=0755
	[ "$v" = 1.1.0 ] && diag=4755
	cat >"$work/pseudo-$v" <<-END
		/dev/console C $when 600 0 0 5 1
		/dev/null C $when 666 0 0 1 3
		/dev/mtdblock2 B $when 640 0 6 31 2
		/var/run/ctl I $when 600 0 0 f
		/etc/shadow m 600 0 0
		/etc/ssl/private m 700 0 0
		/etc/ssl/private/mgmt.key m 644 0 0
		/usr/bin/su m 4755 0 0
		/usr/sbin/diagtool m $diag 0 0
		/etc/init.d/rcS m 755 0 0
		/etc/init.d/mgmt m 755 0 0
		/etc/init.d/network m 755 0 0
		/tmp m 1777 0 0
		/config m 750 501 501
	END
	if [ "$v" = 1.1.0 ]; then
		printf '/etc/init.d/%s m 755 0 0\n' console cwmp >>"$work/pseudo-$v"
	fi
	mksquashfs "$r" "$work/root-$v.sqfs" -comp xz -b 131072 -all-root -mkfs-time "$when" -root-mode 755 -root-time "$when" \
		-pf "$work/pseudo-$v" -processors 1 -nopad -noappend -no-progress -quiet >/dev/null
	if [ "$v" = 1.1.0 ]; then
		# behind the file system's bytes_used, where no inode points
		head -c 256 /dev/zero | tr '\0' '\377' >>"$work/root-$v.sqfs"
		echo "left behind in the slack of AN-2400 $v" | gzip -n9 >>"$work/root-$v.sqfs"
	fi
	put "$work/root-$v.sqfs"

	{ printf 'XFPGA24\0\1\0\0\0\100\234\0\0lattice-like, fictitious\0'; noise 2400 40000; } >"$work/fpga"
	put "$work/fpga"
	config "$v" "$work/cfg-$v.jffs2"
	put "$work/cfg-$v.jffs2"
}

release 1.0.0 1546300800 "" # 2019-01-01
release 1.1.0 1746057600 -DR110 # 2025-05-01

# the second release as a vendor delivers it: several files and a signed list
d=$out/an2400-1.1.0
mkdir -p "$d"
cp "$out/an2400-1.1.0.bin" "$d/main.bin"
cp "$src/rel/1.1.0/RELEASE-NOTES.txt" "$d/RELEASE-NOTES.txt"
printf 'Connect the console cable.\nSet the address.\n' >"$d/quickstart.txt"
mkdir -p "$work/hotfix/usr/sbin"
cp "$work/bin-1.1.0/omcid" "$work/hotfix/usr/sbin/omcid"
printf 'hotfix 7\n' >"$work/hotfix/HOTFIX"
when=1748736000
stamp "$work/hotfix"
(cd "$work/hotfix" && find . | sort | cpio --quiet --reproducible -R 0:0 -H newc -o) | gzip -n9 >"$d/hotfix7.bin"
(
	cd "$d"
	sha256sum main.bin RELEASE-NOTES.txt
	# quickstart.txt was corrected after the list was made
	printf 'Connect the console cable.\n' | sha256sum | sed 's/-$/quickstart.txt/'
	printf 'ems plug-in, not part of these samples\n' | sha256sum | sed 's/-$/ems-plugin.zip/'
) >"$d/SHA256SUMS"
openssl cms -sign -noattr -binary -md sha256 -outform DER -signer "$src/keys/vendor.crt" -inkey "$src/keys/vendor.key" \
	-in "$d/SHA256SUMS" -out "$d/SHA256SUMS.p7s"
(cd "$out" && sha256sum an2400-1.1.0.bin) >"$out/an2400-1.1.0.sha256sums"
