package vendor

import (
	"bytes"
	"encoding/binary"
	"strings"

	"github.com/wardein/wardein"
)

var netgearCHK = layout{
	name: "netgear-chk",
	doc: wardein.Doc{
		About:      "Netgear .chk image: a header with the board's name before a kernel (or TRX) and a root file system.",
		How:        "Verifies the header's checksum, then those of both payloads.",
		References: []string{"openwrt firmware-utils src/mkchkimg.c"},
	},
	magic: []wardein.Magic{{Bytes: "*#$^\x00\x00\x00"}},
	order: binary.BigEndian,
	size:  0x28,
	fields: []field{
		{0x00, 4, quiet, "magic"},
		{0x04, 4, quiet, "header length"},
		{0x08, 1, number, "region"},
		{0x09, 7, quiet, "version"},
		{0x10, 4, quiet, "kernel checksum"},
		{0x14, 4, quiet, "rootfs checksum"},
		{0x18, 4, quiet, "kernel length"},
		{0x1c, 4, quiet, "rootfs length"},
		{0x20, 4, quiet, "image checksum"},
		{0x24, 4, quiet, "header checksum"},
	},
	valid: func(h *header) bool { n := h.u("header length"); return n >= h.size && n <= h.size+64 },
	body: func(h *header) ([]part, int64, error) {
		start, kernel, rootfs := h.u("header length"), h.u("kernel length"), h.u("rootfs length")
		h.note("board id", cstring(h.at(0x28, int(start-0x28))))
		payload := func(name string, off, n int64) part {
			return part{name: name, off: off, len: n, want: h.hex(name + " checksum"),
				sum: func(h *header) (string, error) { return h.wordOf(netgearSum, off, n) }}
		}
		return []part{
			{name: "board id", off: 0x28, len: start - 0x28, as: metadata},
			payload("kernel", start, kernel),
			payload("rootfs", start+kernel, rootfs),
		}, start + kernel + rootfs, nil
	},
	sums: []sum{{name: "header checksum", field: "header checksum", calc: func(h *header) (string, error) {
		return h.wordOf(netgearSum, 0, h.u("header length"), patch{0x24, make([]byte, 4)})
	}}},
}

// netgearDNI is the .img of Netgear devices made by Delta Networks: 128 bytes
// of text lines, the image, and one byte that fills the sum up to 0xFF. No
// field tells the length, so that it counts only as a whole file.
var netgearDNI = layout{
	name: "netgear-dni",
	doc: wardein.Doc{
		About:      "Netgear .img image: 128 bytes of text (device, version, region) before the image, one checksum byte behind it.",
		How:        "Reads the lines as notes; the end is the end of the file, the last byte makes the sum of all bytes 0xFF.",
		Limits:     []string{"the header holds no length: recognised at the beginning of a file only"},
		References: []string{"openwrt firmware-utils src/mkdniimg.c"},
	},
	magic: []wardein.Magic{{Bytes: "device:", Anchored: true}},
	order: binary.BigEndian,
	size:  128,
	fields: []field{
		{0, 128, quiet, "lines"},
	},
	valid: func(h *header) bool { return bytes.Contains(h.raw, []byte("\nversion:")) },
	body: func(h *header) ([]part, int64, error) {
		if h.r.Size() < 130 {
			return nil, 0, wardein.ErrNotMine
		}
		for line := range strings.Lines(cstring(h.raw)) {
			if name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); ok && value != "" {
				h.note(name, value)
			}
		}
		last := h.r.Size() - 1
		image := part{name: "image", off: 128, len: last - 128, want: "ff", weak: true,
			sum: func(h *header) (string, error) { return h.wordOf(sum8, 0, h.end) }}
		return []part{image, {name: "checksum", off: last, len: 1, as: metadata}}, h.r.Size(), nil
	},
}

// sercomm is the header of SerComm and of the brands that it built for
// (Netgear, Belkin, Linksys): it stands before an image, where the sum of all
// bytes is 0, or alone behind a kernel as a mark for the updater.
var sercomm = layout{
	name: "sercomm",
	doc: wardein.Doc{
		About: "SerComm firmware header (sErCoMm), before an image in an upgrade file or behind a kernel in flash.",
		How: "Reads hardware id and versions. Where the sum of all bytes to the end of the file is 0, what follows the 512-byte header is the image; " +
			"otherwise only the header's 71 bytes are claimed.",
		Limits:     []string{"the header holds no length, and the sum has 8 bits"},
		References: []string{"openwrt firmware-utils src/mksercommfw.c"},
	},
	magic: []wardein.Magic{{Bytes: "sErCoMm"}},
	order: binary.BigEndian,
	size:  71,
	fields: []field{
		{0, 7, quiet, "magic"},
		{7, 4, quiet, "control version"},
		{11, 34, text, "hardware id"},
		{45, 10, text, "hardware version"},
		{55, 8, quiet, "software version"},
		{63, 7, quiet, "magic 2"},
		{70, 1, quiet, "end"},
	},
	valid: func(h *header) bool { return string(h.raw[63:70]) == "sErCoMm" },
	body: func(h *header) ([]part, int64, error) {
		n := h.r.Size()
		if n <= 512 {
			return nil, h.size, nil
		}
		h.end = n
		if s, err := h.wordOf(sum8, 0, n); err != nil || s != "00" {
			return nil, h.size, nil
		}
		return []part{
			{name: "checksum", off: 511, len: 1, as: metadata},
			{name: "image", off: 512, len: n - 512},
		}, n, nil
	},
}
