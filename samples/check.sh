#!/usr/bin/env bash
# Rebuilds the samples and compares them with what is committed. Exit 0: equal
# (or not comparable here, which is said); 1: different.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
PATH=$PATH:/usr/sbin:/sbin
for t in mksquashfs mkfs.jffs2 mkimage xz zip cpio dpkg-deb python3 openssl arm-linux-gnueabi-gcc mips-linux-gnu-gcc; do
	if ! command -v $t >/dev/null; then
		echo "samples: skipped: $t is not installed"
		exit 0
	fi
done
differ=
version() { # package, wanted beginning
	local v
	v=$(dpkg-query -W -f '${Version}' "$1" 2>/dev/null) || v=none
	case $v in "$2"*) ;; *) differ="$differ $1=$v(want $2)" ;; esac
}
version gcc-12-arm-linux-gnueabi 12.2.0-14
version gcc-12-mips-linux-gnu 12.2.0-14
version squashfs-tools 1:4.5.1
version mtd-utils 1:2.1.5
version u-boot-tools 2023.01
version xz-utils 5.4.1
version dpkg 1.21.22
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
"$here/build.sh" "$tmp"
bad=0
while IFS= read -r -d '' f; do
	f=${f#./}
	if ! cmp -s "$tmp/$f" "$here/$f"; then
		echo "samples: $f differs from its rebuild"
		bad=1
	fi
done < <(cd "$tmp" && find . -type f -print0 | sort -z)
if [ $bad = 0 ]; then
	echo "samples: rebuilt, equal to the byte"
elif [ -n "$differ" ]; then
	echo "samples: skipped: not comparable with other tool versions:$differ"
else
	exit 1
fi
