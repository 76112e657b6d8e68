#!/usr/bin/env bash
# Builds the samples: small programs of own making that hold texts of the
# sets, tables of algorithms and version texts as data, and no code of any
# library. Debian 12 packages: gcc-arm-linux-gnueabi gcc-mips-linux-gnu.
# Afterwards: go test -run TestGolden -update
set -euo pipefail
export LC_ALL=C
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# texts LIBRARY RELEASE COUNT: the first texts of a release, as C strings
texts() { awk -v r="$2" -v n="$3" '$1=="text" && index($2,r) && k<n {k++; sub(/^text [a-z]+ /,""); print}' "../data/sets/$1.txt" | sed 's/[\\"]/\\&/g; s/.*/"&",/'; }

sbox='0x63,0x7c,0x77,0x7b,0xf2,0x6b,0x6f,0xc5,0x30,0x01,0x67,0x2b,0xfe,0xd7,0xab,0x76'

# program NAME COMPILER TABLES TEXTS [FLAGS]
program() {
	local name=$1 cc=$2 tables=$3 texts=$4
	shift 4
	{
		echo "$tables"
		echo "const char *const texts[] __attribute__((used)) = { $texts };"
		echo "__attribute__((used)) void _start(void) {}"
		echo "__attribute__((used)) void __start(void) {}"
	} >"$work/$name.c"
	"$cc" -Os -w -s -fPIC -nostdlib -ffreestanding -Wl,--build-id=none -Wl,-z,max-page-size=4096 -Wl,-z,noseparate-code -o "$work/$name" "$work/$name.c" "$@"
	"${cc%gcc}objcopy" -R .comment -R .ARM.attributes -R .MIPS.abiflags -R .gnu.attributes "$work/$name" 2>/dev/null
}

# member PATH NAME: a program as a hexadecimal member
member() { echo "-- $1.hex --"; od -An -v -tx1 -w48 "$work/$2" | tr -d ' '; }

arm=arm-linux-gnueabi-gcc mips=mips-linux-gnu-gcc
aes="const unsigned char table[] __attribute__((used)) = { $sbox };"
k="const unsigned table[] __attribute__((used)) = { 0x428a2f98,0x71374491,0xb5c0fbcf,0xe9b5dba5 };"
des="const unsigned table[] __attribute__((used)) = { 0x02080800,0x00080000,0x02000002,0x02080802 };"
crc="const unsigned table[] __attribute__((used)) = { 0,0x77073096,0xee0e612c,0x990951ba,0x076dc419 };"

program libbearssl.so.0 $arm "$aes" "$(texts bearssl a 99)" -shared -Wl,-soname,libbearssl.so.0
program mgmtd $arm "$aes" "$(texts openssl a 40) \"OpenSSL 1.0.2k  26 Jan 2017\"," -static
program cwmpd $mips "$k" "$(texts openssl e 5) \"OpenSSL 1.1.1g  21 Apr 2020\"," -static
program cryptd $arm "$des" "\"no text of any library\"," -static
: >"$work/empty.c"
$arm -shared -nostdlib -Wl,-soname,libcrypto.so.1.1 -o "$work/libcrypto.so" "$work/empty.c"
program tool $arm "$aes" "$(texts openssl e 40) \"OpenSSL 1.1.1g  21 Apr 2020\"," -Wl,--no-as-needed "$work/libcrypto.so"
program zipper $arm "$crc" "\"inflate 1.2.13\"," -static
program named $arm "$aes" "\"OpenSSL 1.0.2k  26 Jan 2017\",\"wrong final block length of the test\"," -static
program fork $arm "$aes" "$(texts openssl b 40) \"LibreSSL 2.9.1\"," -static
program modern $arm "$aes" "$(texts openssl g 40) \"OpenSSL 3.5.7 9 Jun 2026\"," -static
{
	echo "const char info[] __attribute__((section(\".modinfo\"),used)) = \"license=GPL\\0name=aes_example\";"
	echo "$aes"
	echo 'const char this[256] __attribute__((section(".gnu.linkonce.this_module"),used));'
} >"$work/module.c"
$arm -Os -w -c -ffreestanding -o "$work/module" "$work/module.c"

{
	echo "A full BearSSL by its texts, a part of OpenSSL 1.0.2k in one program, a fragment of 1.1.1g in another, and DES tables of no library. Made by build.sh."
	member fw/lib/libbearssl.so.0 libbearssl.so.0
	member fw/sbin/mgmtd mgmtd
	member fw/bank2/mgmtd mgmtd
	member fw/sbin/cwmpd cwmpd
	member fw/sbin/cryptd cryptd
} >copies.txt
{
	echo "LibreSSL holds texts of OpenSSL: its version text tells them apart. A supported branch is no finding of its own. Made by build.sh."
	member fw/sbin/fork fork
	member fw/sbin/modern modern
} >fork.txt
{
	echo "What is no copy: a kernel module's own AES, a CRC table, a version text alone without a table of texts. Made by build.sh."
	member fw/lib/modules/aes_example.ko module
	member fw/bin/zipper zipper
	echo "-- fw/etc/about --"
	echo "Built with OpenSSL 1.0.2k  26 Jan 2017"
} >none.txt
{
	echo "Files that use a library, or only name its version, hold no copy; their own tables are told as such. Made by build.sh."
	member fw/bin/tool tool
	member fw/bin/named named
} >uses.txt
