package vendor

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"fmt"

	"github.com/wardein/wardein"
)

// The salts stand in the place of the MD5 field while the MD5 is computed;
// images that carry a boot loader use another one.
const (
	tplinkSalt     = "\xdc\xd7\x3a\xa5\xc3\x95\x98\xfb\xdd\xf9\xe7\xf4\x0e\xae\x47\x38"
	tplinkSaltBoot = "\x8c\xef\x33\x5b\xd5\xc5\xce\xfa\xa7\x9c\x28\xda\xb2\xe9\x0f\x42"
)

// tplinkV1 is the header of TP-Link routers of 2008 to 2016, 0x200 bytes,
// big-endian. All offsets count from the header's beginning.
var tplinkV1 = layout{
	name: "tplink-v1",
	doc: wardein.Doc{
		About: "TP-Link firmware image with a version 1 header, as routers of 2008 to 2016 take it.",
		How:   "Reads the 0x200-byte header, verifies the salted MD5 over the whole image and hands out kernel and root file system.",
		Limits: []string{
			"the RSA signature of later images is not verified",
			"an image with a boot loader holds a second header: what follows the first is left to be scanned",
		},
		References: []string{"openwrt firmware-utils src/mktplinkfw.c", "barebox include/boot-tplinkfw.h"},
	},
	magic: []wardein.Magic{
		{Bytes: "\x01\x00\x00\x00TP-LINK Technologies"},
		{Bytes: "\x01\x00\x00\x00OpenWrt\x00"},
	},
	order: binary.BigEndian,
	size:  0x200,
	fields: []field{
		{0x00, 4, quiet, "version"},
		{0x04, 24, text, "vendor"},
		{0x1c, 36, text, "firmware version"},
		{0x40, 4, address, "hardware id"},
		{0x44, 4, address, "hardware revision"},
		{0x48, 4, number, "region code"},
		{0x4c, 16, quiet, "md5"},
		{0x60, 16, quiet, "md5 2"},
		{0x74, 4, address, "kernel load address"},
		{0x78, 4, address, "kernel entry point"},
		{0x7c, 4, number, "image length"},
		{0x80, 4, quiet, "kernel offset"},
		{0x84, 4, quiet, "kernel length"},
		{0x88, 4, quiet, "rootfs offset"},
		{0x8c, 4, quiet, "rootfs length"},
		{0x90, 4, quiet, "boot offset"},
		{0x94, 4, quiet, "boot length"},
		{0x98, 6, quiet, "version numbers"},
	},
	valid: func(h *header) bool {
		n := h.u("image length")
		return n >= h.size && h.u("kernel offset") <= n
	},
	body: func(h *header) ([]part, int64, error) {
		return tplinkParts(h), h.u("image length"), nil
	},
	sums:     []sum{{name: "salted md5", field: "md5", calc: tplinkMD5(tplinkSalt, tplinkSaltBoot)}},
	stripped: true,
}

// tplinkParts lists the payloads of both header versions. In an image with a
// boot loader the offsets count from a second header behind it, so that the
// rest is left for the engine to scan, which finds that header.
func tplinkParts(h *header) []part {
	if h.u("boot length") != 0 {
		return nil
	}
	return []part{
		{name: "kernel", off: h.u("kernel offset"), len: h.u("kernel length")},
		{name: "rootfs", off: h.u("rootfs offset"), len: h.u("rootfs length")},
	}
}

func tplinkMD5(plain, boot string) func(h *header) (string, error) {
	return func(h *header) (string, error) {
		salt := plain
		if h.u("boot length") != 0 {
			salt = boot
		}
		f, _ := h.field("md5")
		return h.digestOf(md5.New(), 0, h.end, patch{f.off, []byte(salt)})
	}
}

// tplinkV2 is the header of later devices; version 3 adds a boot loader and an
// RSA signature in the pad.
var tplinkV2 = layout{
	name: "tplink-v2",
	doc: wardein.Doc{
		About: "TP-Link firmware image with a version 2 or 3 header, as DSL and MediaTek routers take it.",
		How:   "Reads the 0x200-byte header, verifies the salted MD5 over the whole image and hands out kernel and root file system.",
		Limits: []string{
			"the RSA signature of version 3 is not verified",
			"an image with a boot loader holds a second header: what follows the first is left to be scanned",
		},
		References: []string{"openwrt firmware-utils src/mktplinkfw2.c"},
	},
	magic: []wardein.Magic{{Bytes: "\x02\x00\x00\x00ver. "}, {Bytes: "\x03\x00\x00\x00ver. "}},
	order: binary.BigEndian,
	size:  0x200,
	fields: []field{
		{0x00, 4, quiet, "version"},
		{0x04, 48, text, "firmware version"},
		{0x34, 4, address, "hardware id"},
		{0x38, 4, address, "hardware revision"},
		{0x3c, 4, address, "additional hardware version"},
		{0x40, 16, quiet, "md5"},
		{0x54, 16, quiet, "md5 2"},
		{0x68, 4, address, "kernel load address"},
		{0x6c, 4, address, "kernel entry point"},
		{0x70, 4, number, "image length"},
		{0x74, 4, quiet, "kernel offset"},
		{0x78, 4, quiet, "kernel length"},
		{0x7c, 4, quiet, "rootfs offset"},
		{0x80, 4, quiet, "rootfs length"},
		{0x84, 4, quiet, "boot offset"},
		{0x88, 4, quiet, "boot length"},
		{0x8c, 8, quiet, "version numbers"},
	},
	valid: func(h *header) bool {
		n := h.u("image length")
		return n >= h.size && h.u("kernel offset") <= n
	},
	body: func(h *header) ([]part, int64, error) {
		return tplinkParts(h), h.u("image length"), nil
	},
	sums: []sum{{name: "salted md5", field: "md5", calc: tplinkMD5(
		"\xdc\xd7\x3a\xa5\xc3\x95\x98\xfb\xdc\xf9\xe7\xf4\x0e\xae\x47\x37",
		"\x8c\xef\x33\x5f\xd5\xc5\xce\xfa\xac\x9c\x28\xda\xb2\xe9\x0f\x42")}},
	stripped: true,
}

// The safeloader's image: the vendor block is 4 KiB long and followed by the
// image partition table, 2 KiB of text lines
//
//	fwup-ptn os-image base 0x01000 size 0x113b45\t\r\n
//
// whose bases count from the table's beginning.
const safeTable = 0x1014

var tplinkSafe = layout{
	name: "tplink-safeloader",
	doc: wardein.Doc{
		About:      "TP-Link SafeLoader factory image of access points and routers since 2014.",
		How:        "Reads the partition table in text form, verifies the salted MD5 and hands out each partition.",
		Limits:     []string{"the newer header with ?NEW at 0x14 has no described layout and is not claimed"},
		References: []string{"openwrt firmware-utils src/tplink-safeloader.c (put_partitions, generate_factory_image)"},
	},
	magic: []wardein.Magic{{Bytes: "fwup-ptn ", Back: safeTable}},
	order: binary.BigEndian,
	size:  safeTable,
	fields: []field{
		{0x00, 4, number, "image length"},
		{0x04, 16, quiet, "md5"},
		{0x14, 4, quiet, "vendor length"},
	},
	valid: func(h *header) bool {
		return h.u("image length") >= safeTable+0x800 && h.u("vendor length") <= safeTable-0x18
	},
	body: func(h *header) ([]part, int64, error) {
		vendor := h.u("vendor length")
		h.note("vendor information", cstring(h.raw[0x18:0x18+vendor]))
		parts := []part{{name: "vendor information", off: 0x18, len: vendor, as: metadata}}
		table, pos := h.at(safeTable, 0x800), 0
		for pos < len(table) {
			line, rest, ok := bytes.Cut(table[pos:], []byte("\t\r\n"))
			var name string
			var base, size int64
			if !ok || len(rest) == 0 {
				break
			}
			if n, _ := fmt.Sscanf(string(line), "fwup-ptn %s base %v size %v", &name, &base, &size); n != 3 {
				break
			}
			parts = append(parts, part{name: name, off: safeTable + base, len: size})
			pos += len(line) + 3
		}
		if pos == 0 {
			return nil, 0, wardein.ErrNotMine
		}
		parts = append(parts, part{name: "image partition table", off: safeTable, len: int64(pos), as: metadata})
		return parts, h.u("image length"), nil
	},
	sums: []sum{{name: "salted md5", field: "md5", calc: func(h *header) (string, error) {
		sum := md5.New()
		sum.Write([]byte("\x7a\x2b\x15\xed\x9b\x98\x59\x6d\xe5\x04\xab\x44\xac\x2a\x9f\x4e"))
		return h.digestOf(sum, 0x14, h.end-0x14)
	}}},
}
