#!/bin/sh
# kernels.sh FOLDER makes a folder for TestKernels (-tags measure) out of Debian's kernels. It
# needs apt-get, wardein on the path, and vmlinux-to-elf (pip) for the truth.
# Nothing of it is part of make test.
set -eu
mkdir -p "$1" && cd "$1"

fetch() { # architecture, package, node of the decompressed kernel
	apt=$PWD/apt/$1
	mkdir -p "$apt/lists/partial" "$apt/cache/archives/partial" && : >"$apt/status"
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian bookworm main" >"$apt/sources.list"
	cat >"$apt/apt.conf" <<-END
		APT::Architecture "$1"; APT::Architectures { "$1"; };
		Dir::State "$apt"; Dir::State::lists "$apt/lists"; Dir::State::status "$apt/status"; Dir::Cache "$apt/cache";
		Dir::Etc::sourcelist "$apt/sources.list"; Dir::Etc::sourceparts "/nonexistent"; Dir::Etc::parts "/nonexistent";
	END
	export APT_CONFIG="$apt/apt.conf"
	apt-get -qq update
	name=$(apt-cache depends "$2" | sed -n 's/.*Depends: \(linux-image-[0-9].*\)/\1/p' | head -1)
	apt-get -qq download "$name"
	dpkg-deb --fsys-tarfile "$name"_*.deb | tar -xO --wildcards './boot/vmlinu*' >"$1.boot"
	rm -f "$name"_*.deb
	if [ "$3" = elf ]; then
		objcopy -O binary "$1.boot" "$1.img"
	else
		wardein inspect -q -o json=/dev/null "$1.boot" >/dev/null
		wardein cat "$1.boot" "$(wardein find "$1.boot" | grep "$3" | head -1 | cut -d' ' -f1)" >"$1.img"
	fi
	vmlinux-to-elf "$1.img" "$1.elf" && nm "$1.elf" >"$1.nm"
}

fetch mipsel linux-image-mips32r2el data
fetch mips64el linux-image-mips64r2el data
fetch armhf linux-image-armmp data
fetch armel linux-image-marvell data
# vmlinux-to-elf cuts the addresses of 64-bit PowerPC to 32 bits: that kernel is
# good for the claim alone.
fetch ppc64el linux-image-powerpc64le elf
