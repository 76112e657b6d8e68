package vendor

import (
	"bytes"
	"crypto/md5"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/codec/lzma"
)

// senao is the header of EnGenius and other devices made by Senao. The payload
// is stored under a key of 8 bytes that follows from the header's magic.
var senao = layout{
	name: "senao",
	doc: wardein.Doc{
		About:      "Senao firmware header of EnGenius and D-Link access points, payload XORed with a key from the header.",
		How:        "Verifies the sum over the header, undoes the XOR and verifies the payload's MD5.",
		Limits:     []string{"only the default magic 0x12345678 is looked for"},
		References: []string{"openwrt firmware-utils src/mksenaofw.c"},
	},
	magic: []wardein.Magic{{Bytes: "\x12\x34\x56\x78", Back: 0x5c}},
	order: binary.BigEndian,
	size:  0x60,
	fields: []field{
		{0x00, 4, quiet, "head"},
		{0x04, 4, address, "vendor id"},
		{0x08, 4, address, "product id"},
		{0x0c, 16, text, "version"},
		{0x1c, 4, number, "firmware type"},
		{0x20, 4, quiet, "file size"},
		{0x24, 4, quiet, "zero"},
		{0x28, 16, quiet, "md5"},
		{0x38, 32, quiet, "pad"},
		{0x58, 4, quiet, "checksum"},
		{0x5c, 4, quiet, "magic"},
	},
	valid: func(h *header) bool { return h.u("firmware type") <= 0x0c && h.u("zero") == 0 && h.u("file size") > 0 },
	body: func(h *header) ([]part, int64, error) {
		start, parts := senaoStart(h), []part{}
		if start > h.size {
			if start > h.size+40 {
				h.note("model", cstring(h.at(h.size+40, int(start-h.size-40))))
			}
			parts = append(parts, part{name: "capwap header", off: h.size, len: start - h.size, as: metadata})
		}
		key := make([]byte, 8)
		for i := range key {
			key[i] = byte(h.u("magic") >> i)
		}
		image := part{name: "image", off: start, len: h.u("file size"), xor: key, want: h.hex("md5")}
		image.sum = func(h *header) (string, error) {
			sum := md5.New()
			_, err := io.Copy(sum, h.plain(image))
			return hex.EncodeToString(sum.Sum(nil)), err
		}
		return append(parts, image), start + h.u("file size"), nil
	},
	sums: []sum{{name: "header sum", field: "checksum", must: true, calc: func(h *header) (string, error) {
		return h.wordOf(sum32, 0, senaoStart(h), patch{0x58, make([]byte, 4)})
	}}},
}

// senaoStart is where the payload begins: type 0 has a second header of 40
// bytes and a model name.
func senaoStart(h *header) int64 {
	if h.u("firmware type") != 0 {
		return h.size
	}
	raw := h.at(h.size, 40)
	if len(raw) < 40 {
		return h.size
	}
	model := int64(binary.BigEndian.Uint32(raw[36:]))
	if model > 256 {
		return h.size
	}
	return h.size + 40 + model
}

// npk is MikroTik's package: a chain of parts {type u16, size u32, data}.
var npk = layout{
	name: "npk",
	doc: wardein.Doc{
		About:      "MikroTik RouterOS package (NPK): a chain of typed parts, among them a zlib file container or a squashfs.",
		How:        "Walks the parts, which must end where the header says, and hands each out.",
		Limits:     []string{"signatures are not verified", "only the first part's name is read, the other types are handed out as stored", "4,096 parts"},
		References: []string{"mikrotik-npk createnpk.py (create_part)", "file magic rules for NPK (john-tho/binwalk-mikrotik-data)"},
	},
	magic: []wardein.Magic{{Bytes: "\x1e\xf1\xd0\xba"}},
	order: binary.LittleEndian,
	size:  8,
	fields: []field{
		{0, 4, quiet, "magic"},
		{4, 4, quiet, "size"},
	},
	valid: func(h *header) bool { return h.u("size") >= 6 },
	body: func(h *header) ([]part, int64, error) {
		var parts []part
		end, pos := 8+h.u("size"), int64(8)
		for n := 0; pos < end && n < 4096; n++ {
			raw := h.at(pos, 22)
			if len(raw) < 6 {
				break // truncated: look reports it
			}
			kind, size := binary.LittleEndian.Uint16(raw), int64(binary.LittleEndian.Uint32(raw[2:]))
			if size > end-pos-6 {
				if n == 0 {
					return nil, 0, wardein.ErrNotMine
				}
				return parts, end, fmt.Errorf("part header at %#x: %d bytes, the package ends at %#x", pos, size, end)
			}
			if n == 0 && len(raw) == 22 && size >= 16 {
				h.note("name", cstring(raw[6:22]))
			}
			parts = append(parts,
				part{name: "part header", off: pos, len: 6, as: metadata},
				part{name: fmt.Sprintf("part %d type %d", n, kind), off: pos + 6, len: size})
			pos += 6 + size
		}
		if len(parts) == 0 {
			return nil, 0, wardein.ErrNotMine
		}
		if pos < end && pos < h.r.Size() {
			return parts, end, fmt.Errorf("part header at %#x: 4096 parts read, the package ends at %#x", pos, end)
		}
		return parts, end, nil
	},
}

// matterOTA is the image of the Matter standard: a TLV header (section 11.21
// of the core specification) before the vendor's payload.
var matterOTA = layout{
	name: "matter-ota",
	doc: wardein.Doc{
		About:      "Matter over-the-air software image.",
		How:        "Reads the TLV header and verifies the payload's digest (SHA-256).",
		Limits:     []string{"digest types other than 1 (sha-256) are noted, not verified", "header of at most 64 KiB"},
		References: []string{"Matter core specification 1.0, section 11.20.2 (OTA software image file format)", "binwalk src/structures/matter_ota.rs"},
	},
	magic: []wardein.Magic{{Bytes: "\x1e\xf1\xee\x1b"}},
	order: binary.LittleEndian,
	size:  16,
	fields: []field{
		{0, 4, quiet, "file identifier"},
		{4, 8, quiet, "total size"},
		{12, 4, quiet, "header size"},
	},
	valid: func(h *header) bool {
		n := h.u("header size")
		return n >= 2 && n <= 64<<10 && h.u("total size") >= 16+n
	},
	body: func(h *header) ([]part, int64, error) {
		n, total := h.u("header size"), h.u("total size")
		tlv, err := matterHeader(h, h.at(16, int(n)))
		if err != nil {
			return nil, 0, wardein.ErrNotMine
		}
		if size, ok := tlv.numbers[4]; !ok || size != total-16-n {
			return nil, 0, wardein.ErrNotMine
		}
		payload := part{name: "payload", off: 16 + n, len: total - 16 - n}
		if tlv.numbers[8] == 1 && len(tlv.digest) == 32 {
			payload.want = hex.EncodeToString(tlv.digest)
			payload.sum = func(h *header) (string, error) { return h.digestOf(sha256.New(), payload.off, payload.len) }
		}
		return []part{{name: "tlv header", off: 16, len: n, as: metadata}, payload}, total, nil
	},
}

type matterTLV struct {
	numbers map[int]int64
	digest  []byte
}

var matterNames = []string{"vendor id", "product id", "software version", "software version string", "payload size",
	"min applicable version", "max applicable version", "release notes", "image digest type", "image digest"}

// matterHeader reads the elements of the header: a structure of context tags
// of one byte with unsigned integers, UTF-8 strings and octet strings.
func matterHeader(h *header, data []byte) (matterTLV, error) {
	t := matterTLV{numbers: map[int]int64{}}
	bad := fmt.Errorf("tlv header at 0x10: bad element")
	for len(data) > 0 {
		control := data[0]
		kind, tag := control&0x1f, -1
		data = data[1:]
		switch control >> 5 {
		case 0:
		case 1:
			if len(data) == 0 {
				return t, bad
			}
			tag, data = int(data[0]), data[1:]
		default:
			return t, bad
		}
		if kind == 0x15 || kind == 0x18 { // structure, end of container
			continue
		}
		width := 1 << (kind & 3)
		if kind < 4 || kind > 0x13 || kind >= 8 && kind < 0x0c || len(data) < width || tag < 0 || tag >= len(matterNames) {
			return t, bad
		}
		n := uint64Of(binary.LittleEndian, data[:width])
		data = data[width:]
		if kind < 8 {
			t.numbers[tag] = n
			h.note(matterNames[tag], strconv.FormatInt(n, 10))
			continue
		}
		if n > int64(len(data)) {
			return t, bad
		}
		if kind < 0x10 {
			h.note(matterNames[tag], string(data[:n]))
		} else {
			h.note(matterNames[tag], hex.EncodeToString(data[:n]))
			if tag == 9 {
				t.digest = data[:n]
			}
		}
		data = data[n:]
	}
	return t, nil
}

// sao is Broadcom's image of cable modems: objects of a 64-byte header and
// data, one after the other. The two CRCs are not in the source's description;
// they were recognised in its sample, where they fit.
var sao = layout{
	name: "broadcom-sao",
	doc: wardein.Doc{
		About:      "Broadcom SAO image of cable modems: a chain of SOBJ objects (kernel, device tree, root file system).",
		How:        "Walks the chain and verifies each object's CRC-32.",
		Limits:     []string{"addresses in the object header are not read", "1,024 objects"},
		References: []string{"fact_extractor plugins/unpacking/broadcom/code/broadcom_sao.py"},
	},
	magic: []wardein.Magic{{Bytes: "SOBJ"}},
	order: binary.BigEndian,
	size:  64,
	fields: []field{
		{0, 4, quiet, "magic"},
		{4, 4, quiet, "header crc"},
		{8, 4, quiet, "name"},
		{16, 4, quiet, "size"},
		{20, 4, quiet, "size 2"},
		{52, 4, quiet, "data crc"},
	},
	valid: func(h *header) bool { return h.u("size") == h.u("size 2") && h.raw[8] > ' ' && h.raw[8] <= '~' },
	body: func(h *header) ([]part, int64, error) {
		var parts []part
		pos := int64(0)
		for range 1024 {
			raw := h.at(pos, 64)
			if len(raw) < 64 || string(raw[:4]) != "SOBJ" {
				break
			}
			n, start := int64(binary.BigEndian.Uint32(raw[16:])), pos+64
			if pos > 0 {
				parts = append(parts, part{name: "object header", off: pos, len: 24, as: metadata},
					part{name: "object header", off: pos + 52, len: 4, as: metadata})
			}
			parts = append(parts, part{name: cstring(raw[8:12]), off: start, len: n, want: hex.EncodeToString(raw[52:56]), sum: crcOf(start, n)})
			pos = start + n
		}
		return parts, pos, nil
	},
}

// maxlinear is the unified image of Intel (later MaxLinear) Puma cable modems.
// Versions 2 and 3 differ in how many components the tables have room for.
func maxlinear(version string, table int64) layout {
	return layout{
		name: "maxlinear-uimage-" + version,
		doc: wardein.Doc{
			About:      "Intel / MaxLinear Puma unified image: kernels and root file systems of the cable modem's processors.",
			How:        "Reads the table of sizes and types and hands out the components.",
			Limits:     []string{"digests and versions in the header are not read: no source describes them"},
			References: []string{"fact_extractor plugins/unpacking/maxlinear/code/maxlinear_uimage.py"},
		},
		magic: []wardein.Magic{{Bytes: "VER" + version + "Intel_Unified_Image"}},
		order: binary.BigEndian,
		size:  52 + 2*4*table + 2*table + map[string]int64{"2": 8, "3": 0}[version],
		fields: []field{
			{0, 4, quiet, "magic"},
			{4, 20, text, "name"},
			{52 + 4*table, 4 * table, quiet, "sizes"},
			{52 + 8*table, table, quiet, "types"},
		},
		body: func(h *header) ([]part, int64, error) {
			var parts []part
			names := map[byte]string{2: "atomkernel", 3: "atomrootfs", 8: "armkernel", 9: "armrootfs", 10: "gwrootfs"}
			_, sizes := h.field("sizes")
			_, types := h.field("types")
			pos := h.size
			for i := range table {
				n := int64(binary.BigEndian.Uint32(sizes[4*i:]))
				name := names[types[i]]
				if name == "" {
					name = fmt.Sprintf("component %d type %d", i, types[i])
				}
				if n > 0 {
					parts = append(parts, part{name: name, off: pos, len: n})
					pos += n
				}
			}
			if len(parts) == 0 {
				return nil, 0, wardein.ErrNotMine
			}
			return parts, pos, nil
		},
	}
}

// ambarella is the read-only file system of Ambarella's camera processors:
// 128-byte entries from 0x800, contents at offsets of their own.
var ambarella = layout{
	name: "ambarella-romfs",
	doc: wardein.Doc{
		About:      "Ambarella ROMFS of camera processors.",
		How:        "Reads the entries, each of which has a magic of its own, and hands out the files.",
		Limits:     []string{"65,536 entries", "the file system ends with its last file: padding behind it is not claimed"},
		References: []string{"BANG src/parsers/filesystem/romfs_ambarella/romfs_ambarella.ksy (CC0)", "dji-firmware-tools amba_romfs.py"},
	},
	magic: []wardein.Magic{{Bytes: "\x8a\x32\xfc\x66\xff\xff\xff\xff", Back: 4}},
	order: binary.LittleEndian,
	size:  0x800,
	fields: []field{
		{0, 4, number, "files"},
		{4, 4, quiet, "magic"},
	},
	valid: func(h *header) bool { n := h.u("files"); return n > 0 && n <= 65536 },
	body: func(h *header) ([]part, int64, error) {
		var parts []part
		count := h.u("files")
		table := h.at(0x800, int(128*count))
		end := 0x800 + 128*count
		for i := int64(0); i < int64(len(table))/128; i++ {
			e := table[128*i : 128*i+128]
			off, n := int64(binary.LittleEndian.Uint32(e[116:])), int64(binary.LittleEndian.Uint32(e[120:]))
			if !bytes.Equal(e[124:], []byte("\x76\xab\x87\x23")) {
				if i == 0 {
					return nil, 0, wardein.ErrNotMine
				}
				return parts, end, fmt.Errorf("entry %d at %#x: magic 76ab8723 expected, found %x", i, 0x800+128*i, e[124:])
			}
			parts = append(parts, part{name: cstring(e[:116]), off: off, len: n})
			end = max(end, off+n)
		}
		return append(parts, part{name: "entries", off: 0x800, len: 128 * count, as: metadata}), end, nil
	},
}

// arcadyan is an .lzma file of which two 32-byte blocks changed places; the
// one that holds the LZMA header also had nibbles and neighbouring bytes
// swapped. What is handed out is the file put in order again.
var arcadyan = layout{
	name: "arcadyan",
	doc: wardein.Doc{
		About: "Arcadyan obfuscated LZMA, the boot and application images of Speedport and other DSL routers.",
		How:   "Puts the two moved blocks back, swaps nibbles and bytes and decodes the first 4 KiB for a trial; the member is an .lzma file.",
		Limits: []string{
			"no field tells the length: the container reaches to the end of the node, up to 0x1b0000 bytes",
			"padding behind the stream becomes part of the member",
		},
		References: []string{"binwalk src/extractors/arcadyan.rs"},
	},
	magic: []wardein.Magic{{Bytes: "\x00\xd5\x08\x00", Back: 0x68}},
	order: binary.LittleEndian,
	size:  0x88,
	fields: []field{
		{0, 4, digest, "prefix"},
	},
	valid: func(h *header) bool {
		var head [32]byte
		unswap(head[:], h.raw[0x68:0x88])
		// Properties and dictionary of .lzma, the upper half of the length and
		// the first byte of the stream.
		return head[0] == 0x5d && binary.LittleEndian.Uint32(head[1:]) == 0x00800000 && zeros(head[9:14]) &&
			binary.LittleEndian.Uint32(head[5:]) > 0x80
	},
	body: func(h *header) ([]part, int64, error) {
		const limit = 0x1b0000
		end := min(h.r.Size(), limit)
		if end <= 0x100 || !arcadyanDecodes(h) {
			return nil, 0, wardein.ErrNotMine
		}
		stored := func(off, n int64) wardein.Block {
			return wardein.Block{Src: wardein.Extent{Off: off, Len: n}, Size: n}
		}
		first := stored(0x68, 32)
		first.Decode = func(dst, src []byte) (int, error) { return unswap(dst, src), nil }
		return []part{{name: "image.lzma", blocks: []wardein.Block{
			first, stored(0x24, 0x44), stored(0x04, 32), stored(0x88, end-0x88),
		}}}, end, nil
	},
}

// arcadyanDecodes puts the first 4 KiB in order and decodes them.
func arcadyanDecodes(h *header) bool {
	raw := h.at(0, 4096)
	if len(raw) < 0x100 {
		return false
	}
	src := append(make([]byte, 0, len(raw)), raw[0x68:0x88]...)
	unswap(src, raw[0x68:0x88])
	src = append(append(append(src, raw[0x24:0x68]...), raw[0x04:0x24]...), raw[0x88:]...)
	props, err := lzma.ParseProps(src[0])
	if err != nil {
		return false
	}
	dst := make([]byte, min(4096, int64(binary.LittleEndian.Uint32(src[5:]))))
	_, _, _, err = lzma.Try(dst, src[13:], props)
	return err == nil || errors.Is(err, io.ErrUnexpectedEOF)
}

// unswap undoes the swaps of nibbles and of neighbouring bytes.
func unswap(dst, src []byte) int {
	n := min(len(dst), len(src)) &^ 1
	for i := 0; i < n; i += 2 {
		dst[i], dst[i+1] = src[i+1]<<4|src[i+1]>>4, src[i]<<4|src[i]>>4
	}
	return n
}
