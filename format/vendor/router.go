package vendor

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/wardein/wardein"
)

// bcmTag is the image tag that CFE, the boot loader of Broadcom's BCM63xx,
// reads. Lengths and addresses are decimal text. The image begins with the
// boot loader, if there is one; then come root file system and kernel in the
// order of their addresses.
var bcmTag = layout{
	name: "bcm63xx-tag",
	doc: wardein.Doc{
		About:      "Broadcom BCM63xx image tag, before the images of DSL routers with the CFE boot loader.",
		How:        "Verifies the tag's CRC-32 and the image's, hands out boot loader, root file system and kernel.",
		Limits:     []string{"an RSA signature in the tag is not verified"},
		References: []string{"openwrt firmware-utils src/bcm_tag.h, src/imagetag.c", "linux drivers/mtd/parsers/parser_imagetag.c"},
	},
	magic: []wardein.Magic{{Bytes: "Broadcom Corporatio", Back: 4}},
	order: binary.BigEndian,
	size:  256,
	fields: []field{
		{0, 4, text, "tag version"},
		{4, 20, text, "signature 1"},
		{24, 14, text, "signature 2"},
		{38, 6, text, "chip"},
		{44, 16, text, "board"},
		{60, 2, text, "big-endian"},
		{62, 10, text, "total length"},
		{72, 12, quiet, "cfe address"},
		{84, 10, quiet, "cfe length"},
		{94, 12, text, "image start"},
		{106, 10, quiet, "rootfs length"},
		{116, 12, text, "kernel address"},
		{128, 10, quiet, "kernel length"},
		{138, 4, quiet, "dual image"},
		{142, 20, quiet, "rsa signature"},
		{162, 30, text, "information 1"},
		{192, 4, text, "flash layout version"},
		{196, 4, quiet, "rootfs and kernel crc"},
		{200, 16, text, "information 2"},
		{216, 4, quiet, "image crc"},
		{220, 4, quiet, "rootfs crc"},
		{224, 4, quiet, "kernel crc"},
		{228, 4, quiet, "image sequence"},
		{232, 4, quiet, "real rootfs length"},
		{236, 4, quiet, "header crc"},
	},
	valid: func(h *header) bool { return h.decimal("total length") > 0 && h.decimal("kernel length") >= 0 },
	body: func(h *header) ([]part, int64, error) {
		total, cfe := h.decimal("total length"), max(0, h.decimal("cfe length"))
		kernel, rootfs := h.decimal("kernel length"), max(0, h.decimal("rootfs length"))
		parts := []part{{name: "cfe", off: 256, len: cfe}}
		first, second := part{name: "kernel", len: kernel}, part{name: "rootfs", len: rootfs}
		if h.decimal("image start") < h.decimal("kernel address") {
			first, second = second, first
		}
		first.off = 256 + cfe
		second.off = first.off + first.len
		return append(parts, first, second), 256 + total, nil
	},
	sums: []sum{
		{name: "tag crc32", field: "header crc", calc: func(h *header) (string, error) {
			return h.digestOf(newJamCRC(), 0, 236)
		}},
		{name: "image crc32", field: "image crc", late: true, calc: func(h *header) (string, error) {
			return h.digestOf(newJamCRC(), 256, h.decimal("total length"))
		}},
	},
}

// zynos is the ROMBIN object header of ZyXEL's operating system and boot
// loader. An object that holds others is found again inside by the scan.
var zynos = layout{
	name: "zynos-rombin",
	doc: wardein.Doc{
		About:      "ZyXEL ZyNOS object (ROMBIN): a 48-byte header before a boot loader, a kernel or a memory map.",
		How:        "Checks type, sizes and version text, hands out the object's data as stored.",
		Limits:     []string{"the 16-bit checksums are not verified", "type names follow the source, not all are met"},
		References: []string{"openwrt firmware-utils src/zynos.h, src/mkzynfw.c"},
	},
	magic: []wardein.Magic{
		{Bytes: "SIG\x03", Back: 6}, {Bytes: "SIG\x04", Back: 6}, {Bytes: "SIG\x05", Back: 6}, {Bytes: "SIG\x07", Back: 6},
	},
	order: binary.BigEndian,
	fits:  true,
	size:  48,
	fields: []field{
		{0, 4, address, "load address"},
		{4, 2, quiet, "reserved 0"},
		{6, 3, quiet, "signature"},
		{9, 1, number, "type"},
		{10, 4, number, "original size"},
		{14, 4, number, "compressed size"},
		{18, 1, address, "flags"},
		{19, 1, quiet, "reserved 1"},
		{20, 2, quiet, "original checksum"},
		{22, 2, quiet, "compressed checksum"},
		{24, 15, text, "version"},
		{39, 4, address, "memory map address"},
		{43, 5, quiet, "reserved 2"},
	},
	valid: func(h *header) bool {
		for _, c := range []byte(h.s("version")) {
			if c < ' ' || c > '~' {
				return false
			}
		}
		return h.u("reserved 0") == 0 && len(h.s("version")) > 1 && h.u("original size") > 0 && (h.u("flags")&0x80 == 0 || h.u("compressed size") > 0 && h.u("compressed size") <= 2*h.u("original size"))
	},
	body: func(h *header) ([]part, int64, error) {
		n := h.u("original size")
		if h.u("flags")&0x80 != 0 {
			n = h.u("compressed size")
		}
		return []part{{name: "object", off: 48, len: n}}, 48 + n, nil
	},
}

// edimax is the CSYS image whose last 16-bit word makes the sum of all words
// behind the header 0.
func edimax(name string, order binary.ByteOrder) layout {
	return layout{
		name: name,
		doc: wardein.Doc{
			About:      "Edimax CSYS image: a 20-byte header with flash address and model before a kernel or root file system.",
			How:        "Verifies the 16-bit sum over the payload.",
			Limits:     []string{"the older 12-byte CSYS header has no described checksum and is not claimed"},
			References: []string{"openwrt firmware-utils src/mkedimaximg.c"},
		},
		magic: []wardein.Magic{{Bytes: "CSYS"}},
		order: order,
		size:  20,
		fields: []field{
			{0, 4, quiet, "signature"},
			{4, 4, address, "start"},
			{8, 4, address, "flash"},
			{12, 4, text, "model"},
			{16, 4, quiet, "size"},
		},
		valid: func(h *header) bool {
			n := h.u("size")
			for _, c := range h.raw[12:16] {
				if c < ' ' || c > '~' {
					return false
				}
			}
			return n > 2 && n%2 == 0 && h.u("start") != 0 && h.u("flash") != 0
		},
		body: func(h *header) ([]part, int64, error) {
			n := h.u("size")
			if n > h.r.Size()-20 {
				return nil, 0, wardein.ErrNotMine
			}
			h.end = 20 + n
			got, err := h.wordOf(sum16(order), 20, n)
			if err != nil || got != "0000" {
				return nil, 0, wardein.ErrNotMine
			}
			return []part{
				{name: "image", off: 20, len: n - 2},
				{name: "checksum", off: 18 + n, len: 2, as: metadata},
			}, 20 + n, nil
		},
	}
}

func sum16(order binary.ByteOrder) word {
	return func(r io.Reader) (string, error) {
		var s uint16
		err := each(r, func(p []byte) {
			for ; len(p) >= 2; p = p[2:] {
				s += order.Uint16(p)
			}
		})
		return fmt.Sprintf("%04x", s), err
	}
}

// cybertan is the 32 bytes that Linksys devices want before a TRX image.
var cybertan = layout{
	name: "cybertan-bin",
	doc: wardein.Doc{
		About:      "CyberTAN header of Linksys .bin images, before a TRX.",
		How:        "Reads pattern, date and version; the image behind it is claimed by its own format.",
		Limits:     []string{"the header has neither length nor checksum"},
		References: []string{"openwrt firmware-utils src/addpattern.c (struct code_header)"},
	},
	magic: []wardein.Magic{{Bytes: "U2ND", Back: 14}},
	order: binary.BigEndian,
	size:  32,
	fields: []field{
		{0, 8, text, "pattern"},
		{8, 3, digest, "date"},
		{11, 3, digest, "version"},
		{14, 4, quiet, "id"},
		{18, 1, number, "hardware version"},
		{19, 1, number, "serial"},
		{20, 2, digest, "flags"},
		{22, 8, quiet, "boot marks"},
		{30, 2, quiet, "reserved"},
	},
	valid: func(h *header) bool {
		month, day := h.raw[9], h.raw[10]
		for _, c := range h.raw[:4] {
			if c < '0' || c > 'z' {
				return false
			}
		}
		return month >= 1 && month <= 12 && day >= 1 && day <= 31
	},
	body: func(h *header) ([]part, int64, error) { return nil, 32, nil },
}

// fwtoolInfo is what OpenWrt appends to an image: 8 bytes of header, JSON and
// a trailer that holds their length. The trailer's CRC covers the whole file
// up to it and cannot be verified from here.
var fwtoolInfo = layout{
	name: "fwtool-info",
	doc: wardein.Doc{
		About:      "OpenWrt image metadata (supported devices, version) that fwtool appends to sysupgrade images.",
		How:        "Finds the FWx0 trailer behind the JSON text; its length leads back to the beginning.",
		Limits:     []string{"the trailer's CRC-32 covers the file before it and is not verified"},
		References: []string{"openwrt package/system/fwtool/src/fwimage.h"},
	},
	magic: []wardein.Magic{{Bytes: "{  \"metadata_version\"", Back: 8}, {Bytes: "{ \"metadata_version\"", Back: 8}},
	order: binary.BigEndian,
	size:  8,
	fields: []field{
		{0, 4, quiet, "version"},
		{4, 4, quiet, "flags"},
	},
	valid: func(h *header) bool { return zeros(h.raw) },
	body: func(h *header) ([]part, int64, error) {
		const window = 64 << 10
		buf := h.at(0, window)
		for i := 8; i+16 <= len(buf); i++ {
			if string(buf[i:i+4]) == "FWx0" && int(binary.BigEndian.Uint32(buf[i+12:])) == i+16 {
				return []part{
					{name: "metadata.json", off: 8, len: int64(i - 8)},
					{name: "trailer", off: int64(i), len: 16, as: metadata},
				}, int64(i + 16), nil
			}
		}
		return nil, 0, wardein.ErrNotMine
	},
}

// fwtoolTrailer is a trailer alone, as behind a signature. What it speaks of
// stands before it.
var fwtoolTrailer = layout{
	name: "fwtool-trailer",
	doc: wardein.Doc{
		About:      "OpenWrt fwtool trailer (FWx0) behind a signature or metadata at the end of an image.",
		How:        "Recognises the 16 bytes and notes what they say.",
		Limits:     []string{"the data before the trailer is not claimed", "the CRC-32 covers the file before it and is not verified"},
		References: []string{"openwrt package/system/fwtool/src/fwimage.h"},
	},
	magic: []wardein.Magic{{Bytes: "FWx0"}},
	order: binary.BigEndian,
	size:  16,
	fields: []field{
		{0, 4, quiet, "magic"},
		{4, 4, digest, "crc32"},
		{8, 1, number, "type"},
		{9, 3, quiet, "pad"},
		{12, 4, number, "size"},
	},
	valid: func(h *header) bool {
		n := h.u("size")
		return h.u("type") <= 1 && zeros(h.raw[9:12]) && n > 16 && n < 1<<20
	},
	body: func(h *header) ([]part, int64, error) { return nil, 16, nil },
}

// avmEVA is what lzma2eva writes: an LZMA stream whose header was taken apart.
// The member is put together again as an .lzma file, without a copy.
var avmEVA = layout{
	name: "avm-eva",
	doc: wardein.Doc{
		About:      "AVM / Texas Instruments AR7 kernel record (magic 0xFEED1281) for the ADAM2 and EVA boot loaders.",
		How:        "Verifies the record's sum and hands out an .lzma file put together from properties, sizes and data.",
		Limits:     []string{"type 0x075a0201 (LZMA) only", "the CRC-32 of the data is not verified"},
		References: []string{"openwrt firmware-utils src/lzma2eva.c"},
	},
	magic: []wardein.Magic{{Bytes: "\x81\x12\xed\xfe"}},
	order: binary.LittleEndian,
	size:  36,
	fields: []field{
		{0, 4, quiet, "magic"},
		{4, 4, quiet, "record length"},
		{8, 4, address, "load address"},
		{12, 4, address, "type"},
		{16, 4, quiet, "compressed size"},
		{20, 4, quiet, "size"},
		{24, 4, quiet, "crc32"},
		{28, 5, quiet, "lzma properties"},
		{33, 3, quiet, "pad"},
	},
	valid: func(h *header) bool {
		return h.u("type") == 0x075a0201 && h.u("record length") == h.u("compressed size")+24 && zeros(h.raw[33:36])
	},
	body: func(h *header) ([]part, int64, error) {
		n := h.u("compressed size")
		kernel := part{name: "kernel.lzma", extents: []wardein.Extent{{Off: 28, Len: 5}, {Off: 20, Len: 4}, {Off: wardein.Zeros, Len: 4}, {Off: 36, Len: n}}}
		if over := 36 + n - h.r.Size(); over > 0 {
			kernel.extents[3].Len -= min(over, n)
		}
		record := part{name: "record sum", off: 36 + n, len: 4, as: metadata}
		if tail := h.at(36+n, 12); len(tail) == 12 && zeros(tail[4:8]) {
			h.note("entry point", fmt.Sprintf("%#x", binary.LittleEndian.Uint32(tail[8:])))
			return []part{kernel, record, {name: "entry record", off: 40 + n, len: 8, as: metadata}}, 48 + n, nil
		}
		return []part{kernel, record}, 40 + n, nil
	},
	sums: []sum{{name: "record sum", field: "record length", want: "00000000", calc: func(h *header) (string, error) {
		n := h.u("compressed size")
		s, err := h.wordOf(sum32, 12, n+24)
		if err != nil {
			return "", err
		}
		tail := h.at(36+n, 4)
		if len(tail) < 4 {
			return "", io.ErrUnexpectedEOF
		}
		raw, _ := hex.DecodeString(s)
		total := binary.BigEndian.Uint32(raw) + uint32(h.u("record length")) + uint32(h.u("load address"))
		return fmt.Sprintf("%08x", total+binary.LittleEndian.Uint32(tail)), nil
	}}},
}

// buffaloENC is Buffalo's encrypted image.
var buffaloENC = layout{
	name: "buffalo-enc",
	doc: wardein.Doc{
		About:      "Buffalo encrypted firmware: product and version, then the payload, each under a keyed stream cipher.",
		How:        "Walks the lengths in the clear; the payload stays closed.",
		Limits:     []string{"no key: the payload is not opened", "at the beginning of a node only: the magic is a common word"},
		References: []string{"openwrt firmware-utils src/buffalo-lib.c (encrypt_buf)"},
	},
	magic: []wardein.Magic{{Bytes: "start\x00", Anchored: true}, {Bytes: "asar1\x00", Anchored: true}},
	order: binary.BigEndian,
	size:  11,
	fields: []field{
		{0, 6, quiet, "magic"},
		{6, 1, number, "seed"},
		{7, 4, quiet, "product length"},
	},
	valid: func(h *header) bool { n := h.u("product length"); return n >= 2 && n <= 32 },
	body: func(h *header) ([]part, int64, error) {
		pos := 11 + h.u("product length")
		raw := h.at(pos, 4)
		if len(raw) < 4 {
			return nil, 0, wardein.ErrNotMine
		}
		version := int64(binary.BigEndian.Uint32(raw))
		if version < 2 || version > 8 {
			return nil, 0, wardein.ErrNotMine
		}
		if raw = h.at(pos+4+version, 4); len(raw) < 4 {
			return nil, 0, wardein.ErrNotMine
		}
		n, start := int64(binary.BigEndian.Uint32(raw)), pos+8+version
		return []part{
			{name: "names", off: 11, len: start - 11, as: metadata},
			{name: "payload", off: start, len: n, as: encrypted, why: "buffalo stream cipher, no key"},
			{name: "checksum", off: start + n, len: 4, as: metadata},
		}, start + n + 4, nil
	},
}

// ubnt is the image of Ubiquiti's airOS devices: a header, parts with a CRC
// each, and an end mark with a CRC or an RSA signature.
var ubnt = layout{
	name: "ubnt",
	doc: wardein.Doc{
		About:      "Ubiquiti airOS image (UBNT, OPEN, GEOS): parts for flash partitions, each with a CRC-32.",
		How:        "Verifies the header's CRC-32 and walks the parts to the end mark.",
		Limits:     []string{"parts other than PART end the walk", "an RSA signature (ENDS) is not verified", "64 parts"},
		References: []string{"openwrt firmware-utils src/mkfwimage.c, src/fw.h"},
	},
	magic: []wardein.Magic{{Bytes: "UBNT"}, {Bytes: "OPEN"}, {Bytes: "GEOS"}},
	order: binary.BigEndian,
	size:  268,
	fields: []field{
		{0, 4, text, "magic"},
		{4, 256, text, "version"},
		{260, 4, quiet, "crc"},
		{264, 4, quiet, "pad"},
	},
	valid: func(h *header) bool { return h.raw[4] >= ' ' && h.raw[4] <= '~' && zeros(h.raw[264:268]) },
	body: func(h *header) ([]part, int64, error) {
		var parts []part
		pos := h.size
		for range 64 {
			raw := h.at(pos, 56)
			switch {
			case len(raw) >= 12 && string(raw[:4]) == "END.":
				return append(parts, part{name: "end mark", off: pos, len: 12, as: metadata}), pos + 12, nil
			case len(raw) >= 4 && string(raw[:4]) == "ENDS":
				return append(parts, part{name: "rsa signature", off: pos, len: 264, as: metadata}), pos + 264, nil
			case len(raw) < 56 || string(raw[:4]) != "PART":
				if len(parts) == 0 {
					return nil, 0, wardein.ErrNotMine
				}
				return parts, pos, fmt.Errorf("part header at %#x: PART or END expected, found %q", pos, raw[:min(4, len(raw))])
			}
			start, n, name := pos, int64(binary.BigEndian.Uint32(raw[48:])), cstring(raw[4:20])
			crc := h.at(pos+56+n, 4)
			parts = append(parts,
				part{name: "part header", off: pos, len: 56, as: metadata},
				part{name: name, off: pos + 56, len: n, want: hex.EncodeToString(crc), sum: func(h *header) (string, error) {
					return h.digestOf(crc32.NewIEEE(), start, 56+n)
				}},
				part{name: "part crc", off: pos + 56 + n, len: 8, as: metadata})
			pos += 56 + n + 8
		}
		return parts, pos, fmt.Errorf("part header at %#x: more than 64 parts", pos)
	},
	sums: []sum{{name: "header crc32", field: "crc", calc: crcOf(0, 260), must: true}},
}
