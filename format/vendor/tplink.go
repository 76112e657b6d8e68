package vendor

import (
	"crypto/md5"
	"encoding/binary"

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
	sums: []sum{{name: "salted md5", field: "md5", calc: tplinkMD5}},
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

func tplinkMD5(h *header) (string, error) {
	salt := tplinkSalt
	if h.u("boot length") != 0 {
		salt = tplinkSaltBoot
	}
	f, _ := h.field("md5")
	return h.digestOf(md5.New(), 0, h.u("image length"), patch{f.off, []byte(salt)})
}
