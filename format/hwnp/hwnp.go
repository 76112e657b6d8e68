// Package hwnp reads HWNP, the firmware package of Huawei's optical network
// terminals: a header, a list of products, a table of items and their data.
//
//	header, 36 bytes, little-endian but for the first length
//	 0  magic "HWNP"
//	 4  length of the file less 0x4C, big-endian (one description says little)
//	 8  CRC-32 of everything from 0x0C to the end
//	12  length of header, product list and item table (older packages: less 36)
//	16  CRC-32 of everything from 0x14 to the end of the item table
//	20  number of items
//	24  two unknown bytes
//	26  length of the product list, u16
//	28  length of one item, 360
//	32  reserved
//
//	item, 360 bytes
//	 0  number, CRC-32 of the data, offset from the file's beginning, size
//	16  path, 256 bytes, with a scheme: "file:/var/UpgradeCheck.xml", "flash:rootfs"
//	272 section, 16 bytes
//	288 version, 64 bytes
//	352 policy, reserved
package hwnp

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"strings"

	"github.com/wardein/wardein"
)

// Format is the HWNP package.
var Format = wardein.Format{
	Name:    "hwnp",
	Version: 1,
	Doc: wardein.Doc{
		About: "Huawei HWNP firmware package of optical network terminals (ONT).",
		How: "Verifies the CRC-32 of header and item table and that of the whole package, which also decides the byte order of the length; " +
			"hands out each item under its path, scheme included, and verifies its CRC-32.",
		Limits: []string{
			"items that are encrypted (configuration files) are handed out as they are",
			"the signature item is not verified",
			"no delivered package was at hand: magic, lengths, both package checksums, the item table and its checksums follow two descriptions that agree, " +
				"and the figures published for one package (13 items, 4972 = 36 + 256 + 13 × 360); unverified: the byte order of the length where the checksum fits neither, the two bytes at 24, what a policy means",
		},
		References: []string{
			"github.com/0xuserpag3/HuaweiFirmwareTool huawei_header.h, util_hw.cpp",
			"github.com/Uaemextop/HuaweiFirmwareTool EG8145V5_ANALYSIS.md, FIRMWARE_PACKAGES.md (figures of a package)",
			"BANG src/parsers/firmware/hwnp/hwnp.ksy",
		},
	},
	Magic:   []wardein.Magic{{Bytes: "HWNP"}},
	Measure: measure,
	Extract: extract,
}

const (
	headerLen = 36
	itemLen   = 360
	lenBias   = 0x4C // what the length field leaves out
)

type header struct {
	lenData            [4]byte // of either byte order
	crc                uint32  // from 0x0C to the end
	lenHeader          uint32
	headerCRC          uint32 // from 0x14 to the end of the item table
	items              uint32
	products, itemSize int64
}

func (h header) table() int64 { return headerLen + h.products }
func (h header) end() int64   { return h.table() + int64(h.items)*h.itemSize }

// An item is one entry of the table.
type item struct {
	number, crc            uint32
	off, size              int64
	path, section, version string
	policy                 uint32
}

func read(r *io.SectionReader) (header, error) {
	var b [headerLen]byte
	if n, err := r.ReadAt(b[:], 0); n < len(b) {
		if err == nil || errors.Is(err, io.EOF) {
			err = wardein.ErrNotMine
		}
		return header{}, err
	}
	le := binary.LittleEndian
	h := header{
		crc: le.Uint32(b[8:]), lenHeader: le.Uint32(b[12:]), headerCRC: le.Uint32(b[16:]), items: le.Uint32(b[20:]),
		products: int64(le.Uint16(b[26:])), itemSize: int64(le.Uint32(b[28:])),
	}
	copy(h.lenData[:], b[4:])
	if string(b[:4]) != "HWNP" || h.itemSize < itemLen || h.itemSize > 4096 || h.items == 0 || h.table() > r.Size() {
		return header{}, wardein.ErrNotMine
	}
	if n := int64(h.lenHeader); n != h.end() && n != h.end()-headerLen {
		return header{}, wardein.ErrNotMine
	}
	return h, nil
}

// each reads the item table in steps and calls f for every item.
func (h header) each(r io.ReaderAt, f func(item) error) error {
	buf := make([]byte, h.itemSize)
	le := binary.LittleEndian
	for i := range int64(h.items) {
		at := h.table() + i*h.itemSize
		if _, err := r.ReadAt(buf, at); err != nil {
			return fmt.Errorf("item %d at %#x: %w", i, at, err)
		}
		err := f(item{
			number: le.Uint32(buf), crc: le.Uint32(buf[4:]), off: int64(le.Uint32(buf[8:])), size: int64(le.Uint32(buf[12:])),
			path: text(buf[16:272]), section: text(buf[272:288]), version: text(buf[288:352]), policy: le.Uint32(buf[352:]),
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func text(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	return s
}

func crc(r io.ReaderAt, off, n int64) (uint32, error) {
	sum := crc32.NewIEEE()
	got, err := io.Copy(sum, io.NewSectionReader(r, off, n))
	if err == nil && got < n {
		err = io.ErrUnexpectedEOF
	}
	return sum.Sum32(), err
}

func measure(r *io.SectionReader) (wardein.Claim, error) {
	h, err := read(r)
	if err != nil {
		return wardein.Claim{}, err
	}
	if h.end() > r.Size() {
		claim := wardein.Claim{End: r.Size(), Confidence: wardein.Likely, Evidence: "header fields fit each other"}
		return claim, fmt.Errorf("item table at %#x: %d items up to %#x expected, the package ends at %#x", h.table(), h.items, h.end(), r.Size())
	}
	last := h.end()
	if err := h.each(r, func(it item) error { last = max(last, it.off+it.size); return nil }); err != nil {
		return wardein.Claim{}, err
	}
	claim := wardein.Claim{Confidence: wardein.Likely, Evidence: "header fields fit each other"}
	sum, err := crc(r, 0x14, h.end()-0x14)
	if err != nil {
		return wardein.Claim{}, err
	}
	if sum == h.headerCRC {
		claim.Confidence, claim.Evidence = wardein.Certain, "header crc32 ok"
	} else {
		err = fmt.Errorf("header crc32 at 0x10: expected %08x, found %08x", h.headerCRC, sum)
	}
	// The length's byte order is decided by the CRC over the whole package;
	// where neither fits, the items say where it ends.
	end := last
	for _, order := range []binary.ByteOrder{binary.BigEndian, binary.LittleEndian} {
		n := int64(order.Uint32(h.lenData[:])) + lenBias
		if n < last || n > r.Size() {
			if n == last { // truncated
				end = n
			}
			continue
		}
		if sum, sumErr := crc(r, 0x0C, n-0x0C); sumErr == nil && sum == h.crc {
			claim.End = n
			return claim, err
		}
	}
	claim.End = min(end, r.Size())
	if end > r.Size() {
		return claim, errors.Join(err, fmt.Errorf("item table at %#x: a package of %d bytes expected, %d found", h.table(), end, r.Size()))
	}
	return claim, errors.Join(err, fmt.Errorf("package crc32 at 0x8: %08x fits neither byte order of the length %x", h.crc, h.lenData))
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	h, err := read(r)
	if err != nil {
		return 0, err
	}
	end := r.Size()
	out.Span(wardein.Span{Len: headerLen, What: wardein.Known, Is: "header"})
	out.Span(wardein.Span{Off: headerLen, Len: h.products, What: wardein.Known, Is: "product list"})
	table := min(h.end(), end) - h.table()
	out.Span(wardein.Span{Off: h.table(), Len: table - table%h.itemSize, What: wardein.Known, Is: "item table"})
	products := make([]byte, h.products)
	if _, err := r.ReadAt(products, headerLen); err != nil && h.products > 0 {
		return end, fmt.Errorf("product list at %#x: %w", headerLen, err)
	}
	out.Note("products", text(products))
	budget := 4*end + 1<<20 // bytes that may be summed: items that overlap are not summed without end
	return end, h.each(r, func(it item) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return it.hand(r, end, out, &budget)
	})
}

// hand gives one item to the engine, cut to what is there.
func (it item) hand(r io.ReaderAt, end int64, out wardein.Members, budget *int64) error {
	gap := func(kind wardein.GapKind, format string, args ...any) {
		off := min(it.off, end)
		out.Gap(wardein.Gap{Node: it.path, Kind: kind, Off: off, Len: min(it.size, end-off), Why: fmt.Sprintf(format, args...)})
	}
	facts := []string{"section " + it.section}
	if it.version != "" {
		facts = append(facts, "version "+it.version)
	}
	if it.policy != 0 {
		facts = append(facts, fmt.Sprintf("policy %d", it.policy))
	}
	out.Note(it.path, strings.Join(facts, ", "))
	if it.off > end || it.size > end-it.off {
		gap(wardein.Damaged, "item %d: %d bytes at %#x expected, the package ends at %#x", it.number, it.size, it.off, end)
		if it.off >= end {
			return nil
		}
		it.size = end - it.off
		return out.Extents(wardein.Entry{Name: it.path}, []wardein.Extent{{Off: it.off, Len: it.size}})
	}
	if err := out.Extents(wardein.Entry{Name: it.path}, []wardein.Extent{{Off: it.off, Len: it.size}}); err != nil {
		return err
	}
	if *budget -= it.size; *budget < 0 {
		gap(wardein.Limit, "crc32 of item %d: items overlap, %d bytes more than the %d allowed", it.number, -*budget, 4*end+1<<20)
		return nil
	}
	switch sum, err := crc(r, it.off, it.size); {
	case err != nil:
		return fmt.Errorf("item %d at %#x: %w", it.number, it.off, err)
	case sum != it.crc:
		gap(wardein.Damaged, "crc32 of item %d: expected %08x, found %08x", it.number, it.crc, sum)
	}
	return nil
}
