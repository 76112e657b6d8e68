package vendor

import (
	"bytes"
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/wardein/wardein"
)

// seama is the chained container of Alpha Networks, whom D-Link and others
// had build for them: entities of a 12-byte header, an MD5 when there is an
// image, metadata strings and the image.
//
//	0  magic 5EA3A417
//	4  reserved u16, metadata size u16
//	8  image size u32, 0 for the sealing header
//	12 md5 of the image, only where there is one
//
// D-Link's DLOB is the same chain with one sealing header before one entity.
func seama(name string, order binary.ByteOrder, magic string) layout {
	return layout{
		name: name,
		doc: wardein.Doc{
			About:      "SEAMA container of devices made by Alpha Networks (D-Link, Belkin, Cisco and others); DLOB is the same.",
			How:        "Walks the chain of entities, reads their metadata strings as notes and verifies each image's MD5.",
			Limits:     []string{"1,024 entities"},
			References: []string{"openwrt firmware-utils src/seama.h, src/oseama.c", "binwalk src/structures/dlob.rs"},
		},
		magic: []wardein.Magic{{Bytes: magic}},
		order: order,
		size:  12,
		fields: []field{
			{0, 4, quiet, "magic"},
			{4, 2, quiet, "reserved"},
			{6, 2, quiet, "metadata size"},
			{8, 4, quiet, "image size"},
		},
		valid: func(h *header) bool { return h.u("reserved") == 0 && h.u("metadata size") <= 4096 },
		body:  seamaBody,
	}
}

func seamaBody(h *header) ([]part, int64, error) {
	var parts []part
	pos := int64(0)
	for n := 0; n < 1024; n++ {
		raw := h.at(pos, 28)
		if len(raw) < 12 || !bytes.Equal(raw[:4], h.raw[:4]) || raw[4] != 0 || raw[5] != 0 {
			break
		}
		meta, size := int64(h.order.Uint16(raw[6:])), int64(h.order.Uint32(raw[8:]))
		head, want := int64(12), ""
		if size > 0 {
			if len(raw) < 28 {
				break
			}
			head, want = 28, hex.EncodeToString(raw[12:28])
		}
		for s := range strings.SplitSeq(string(h.at(pos+head, int(meta))), "\x00") {
			if key, value, ok := strings.Cut(s, "="); ok {
				h.note(key, value)
			}
		}
		start := pos + head + meta
		parts = append(parts, part{name: "entity header", off: max(12, pos), len: start - max(12, pos), as: metadata})
		if size > 0 {
			parts = append(parts, part{name: fmt.Sprintf("image %d", len(parts)/2), off: start, len: size, want: want,
				sum: func(h *header) (string, error) { return h.digestOf(md5.New(), start, size) }})
		}
		pos = start + size
		if pos >= h.r.Size() {
			break
		}
	}
	if len(parts) < 2 || pos <= 12+h.u("metadata size") && h.u("image size") == 0 {
		return nil, 0, wardein.ErrNotMine // a sealing header alone, or nothing
	}
	return parts, pos, nil
}

// wrgg is the header that replaced WRGN in later boards of Alpha Networks. The
// order of the two lengths depends on the board: the one that fits is taken.
var wrgg = layout{
	name: "wrgg",
	doc: wardein.Doc{
		About:      "WRGG03 image of D-Link access points made by Alpha Networks.",
		How:        "Verifies the MD5 over offset, device name and payload.",
		References: []string{"openwrt firmware-utils src/mkwrggimg.c"},
	},
	magic: []wardein.Magic{{Bytes: "\x21\x03\x08\x20\x21\x03\x08\x20", Back: 32}},
	order: binary.LittleEndian,
	size:  160,
	fields: []field{
		{0, 32, text, "signature"},
		{32, 8, quiet, "magic"},
		{40, 16, text, "version"},
		{56, 16, text, "model"},
		{72, 16, quiet, "flags"},
		{88, 16, text, "build"},
		{104, 4, quiet, "size"},
		{108, 4, quiet, "offset"},
		{112, 32, text, "device"},
		{144, 16, digest, "md5"},
	},
	valid: func(h *header) bool { return h.raw[0] >= ' ' && h.raw[0] < 0x7F },
	body: func(h *header) ([]part, int64, error) {
		n := min(h.u("size"), int64(binary.BigEndian.Uint32(h.raw[104:])))
		return []part{{name: "image", off: 160, len: n}}, 160 + n, nil
	},
	sums: []sum{{name: "md5", field: "md5", calc: func(h *header) (string, error) {
		sum := md5.New()
		if _, err := h.digestOf(sum, 108, 36); err != nil {
			return "", err
		}
		return h.digestOf(sum, 160, h.end-160)
	}}},
}

var dlinkSHRS = layout{
	name: "dlink-shrs",
	doc: wardein.Doc{
		About:      "D-Link SHRS image: an encrypted payload behind a header of hashes and signatures.",
		How:        "The payload is AES-encrypted and stays closed.",
		Limits:     []string{"no key: the payload is not opened", "the signatures between 0x1c and 0x6dc are not verified"},
		References: []string{"binwalk src/structures/shrs.rs"},
	},
	magic: []wardein.Magic{{Bytes: "SHRS"}},
	order: binary.BigEndian,
	fits:  true,
	size:  0x6dc,
	fields: []field{
		{0, 4, quiet, "magic"},
		{4, 4, number, "length 1"},
		{8, 4, number, "encrypted length"},
		{12, 16, digest, "initialisation vector"},
	},
	valid: func(h *header) bool {
		n, u := h.u("encrypted length"), h.u("length 1")
		return n > 0 && n%16 == 0 && u > 0 && u <= n
	},
	body: func(h *header) ([]part, int64, error) {
		n := h.u("encrypted length")
		return []part{{name: "payload", off: h.size, len: n, as: encrypted, why: "aes-128 payload, no key"}}, h.size + n, nil
	},
}

var dlinkEncrypted = layout{
	name: "dlink-encrpted-img",
	doc: wardein.Doc{
		About:      "D-Link encrpted_img: a UBI image, each erase block encrypted.",
		How:        "The payload is AES-encrypted and stays closed.",
		Limits:     []string{"no key: the payload is not opened"},
		References: []string{"unblob handlers/archive/dlink/encrpted_img.py"},
	},
	magic:  []wardein.Magic{{Bytes: "encrpted_img"}},
	order:  binary.BigEndian,
	size:   16,
	fields: []field{{0, 12, quiet, "magic"}, {12, 4, number, "size"}},
	valid:  func(h *header) bool { return h.u("size") >= 16 },
	body: func(h *header) ([]part, int64, error) {
		n := h.u("size")
		return []part{{name: "payload", off: 16, len: n, as: encrypted, why: "aes-256 payload, no key"}}, 16 + n, nil
	},
}

// jbootSCH2 is the kernel header of boards with the JBOOT loader.
var jbootSCH2 = layout{
	name: "jboot-sch2",
	doc: wardein.Doc{
		About:      "JBOOT SCH2 kernel header of D-Link devices made by Amit.",
		How:        "Verifies the header's CRC-32, then the kernel's.",
		Limits:     []string{"the root file system that the header names by flash address is left to be scanned"},
		References: []string{"binwalk src/structures/jboot.rs (parse_jboot_sch2_header)"},
	},
	magic: []wardein.Magic{{Bytes: "\x24\x21\x00\x02"}, {Bytes: "\x24\x21\x01\x02"}, {Bytes: "\x24\x21\x02\x02"}, {Bytes: "\x24\x21\x03\x02"}},
	order: binary.LittleEndian,
	size:  40,
	fields: []field{
		{0, 2, quiet, "magic"},
		{2, 1, number, "compression"},
		{3, 1, quiet, "version"},
		{4, 4, address, "entry address"},
		{8, 4, quiet, "kernel size"},
		{12, 4, quiet, "kernel crc"},
		{16, 4, address, "start address"},
		{20, 4, address, "rootfs flash address"},
		{24, 4, number, "rootfs size"},
		{28, 4, quiet, "rootfs crc"},
		{32, 4, quiet, "header crc"},
		{36, 2, quiet, "header size"},
		{38, 2, quiet, "command line size"},
	},
	valid: func(h *header) bool { return h.u("header size") == 40 },
	body: func(h *header) ([]part, int64, error) {
		n := h.u("kernel size")
		return []part{{name: "kernel", off: 40, len: n, want: h.hex("kernel crc"), sum: crcOf(40, n)}}, 40 + n, nil
	},
	sums: []sum{{name: "header crc32", field: "header crc", must: true, calc: crcOf(0, 40, patch{32, make([]byte, 4)})}},
}

var jbootARM = layout{
	name: "jboot-arm",
	doc: wardein.Doc{
		About:      "JBOOT ARM image header (BH) of D-Link devices made by Amit.",
		How:        "Checks the fields that are constant and hands out the image.",
		Limits:     []string{"the 16-bit checksums have no described algorithm and are not verified"},
		References: []string{"binwalk src/structures/jboot.rs (parse_jboot_arm_header)"},
	},
	magic: []wardein.Magic{{Bytes: "\x42\x48\x02\x00\x00\x00", Back: 64}},
	order: binary.LittleEndian,
	fits:  true,
	size:  80,
	fields: []field{
		{0, 12, text, "rom id"},
		{12, 2, quiet, "data range"},
		{14, 2, quiet, "image checksum"},
		{16, 10, quiet, "reserved 1"},
		{26, 2, quiet, "lpvs"},
		{28, 4, number, "timestamp"},
		{32, 4, address, "erase start"},
		{36, 4, number, "erase size"},
		{40, 4, address, "data start"},
		{44, 4, quiet, "data size"},
		{48, 16, quiet, "reserved 2"},
		{64, 6, quiet, "header id"},
		{70, 2, quiet, "section"},
		{72, 4, quiet, "image information offset"},
		{76, 2, number, "family"},
		{78, 2, quiet, "header checksum"},
	},
	valid: func(h *header) bool {
		return h.u("lpvs") == 1 && zeros(h.raw[16:26]) && zeros(h.raw[48:64]) && h.u("data size") > 0
	},
	body: func(h *header) ([]part, int64, error) {
		n := h.u("data size")
		return []part{{name: "image", off: 80, len: n}}, 80 + n, nil
	},
}

func zeros(b []byte) bool { return len(bytes.Trim(b, "\x00")) == 0 }
