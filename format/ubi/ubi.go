// Package ubi reads UBI, the volume manager of Linux for raw flash: images made
// by ubinize and dumps of chips that a device has written.
//
// The chip is a row of physical erase blocks (PEBs) of one size. Each begins
// with two headers, all numbers big-endian, each with a CRC-32 over its first
// 60 bytes:
//
//	erase counter header, at 0             volume identifier header, at vid_hdr_offset
//	 0  magic "UBI#"                        0  magic "UBI!"
//	 4  version 1                           4  version 1
//	 8  erase counter u8                    5  volume type: 1 dynamic, 2 static
//	16  vid_hdr_offset u4                   6  copy flag   7  compat
//	20  data_offset u4                      8  vol_id u4  12  lnum u4
//	24  image_seq u4                       20  data_size u4  24  used_ebs u4
//	60  crc u4                             28  data_pad u4   32  data_crc u4
//	                                       40  sqnum u8      60  crc u4
//
// From data_offset on stands the logical erase block (LEB) lnum of the volume
// vol_id. Where two PEBs hold the same LEB the higher sqnum counts, unless it
// is a copy whose data CRC fails. Volume 0x7FFFEFFF is the layout volume: two
// copies of the volume table, 172 bytes a record, which names the volumes.
//
// Source: Linux, drivers/mtd/ubi/ubi-media.h and attach.c.
package ubi

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/wardein/wardein"
)

// Format is UBI.
var Format = wardein.Format{
	Name:    "ubi",
	Version: 1,
	Doc: wardein.Doc{
		About: "UBI, the Linux volume manager for raw NAND and NOR flash; holds ubifs, squashfs or raw images as volumes.",
		How: "The erase block size is the distance of checksummed erase counter headers, not a field. Every volume becomes one member made of " +
			"extents: its logical erase blocks in order, unmapped ones read as 0xFF. A static volume ends where data_size and used_ebs say and its " +
			"CRC-32 is verified. Older copies of a logical erase block, what erased blocks still hold and blocks of no volume stay unreferenced, so " +
			"that they are scanned. Chip dumps with the out-of-band bytes of each page in line are recognised by where the headers stand.",
		Limits: []string{
			"A dynamic volume ends after its last mapped block; the blocks reserved behind it are in a note.",
			"An image of a single erase block is taken to be as long as its container, at most 8 MiB.",
			"Fastmap volumes are noted and not read: they repeat what the headers say.",
			"Error correction codes in out-of-band bytes are neither known nor applied.",
		},
		References: []string{
			"Linux kernel, drivers/mtd/ubi/ubi-media.h (layout), drivers/mtd/ubi/attach.c (choice between copies), GPL-2.0",
			"http://www.linux-mtd.infradead.org/doc/ubi.html",
		},
	},
	Magic:   []wardein.Magic{{Bytes: "UBI#\x01\x00\x00\x00"}},
	Measure: measure,
	Extract: extract,
}

const (
	headerSize = 64
	crcAt      = 60

	static = 2 // volume type; 1 is dynamic

	internalStart  = 0x7FFFEFFF // first id of internal volumes
	layoutVolume   = internalStart
	fastmapSuper   = internalStart + 1
	fastmapData    = internalStart + 2
	maxVolumes     = 128
	recordSize     = 172
	maxHeaderPlace = 1 << 20 // data_offset beyond it is not believed
)

// ecHeader is the erase counter header at the beginning of every PEB.
type ecHeader struct {
	vidAt, dataAt int64
	seq           uint32
}

// crc is the CRC-32 of UBI: initial value all ones, no inversion at the end.
func crc(b []byte) uint32 { return ^crc32.ChecksumIEEE(b) }

func parseEC(b []byte) (h ecHeader, ok bool) {
	if string(b[:4]) != "UBI#" || b[4] != 1 {
		return h, false
	}
	h = ecHeader{
		vidAt:  int64(binary.BigEndian.Uint32(b[16:])),
		dataAt: int64(binary.BigEndian.Uint32(b[20:])),
		seq:    binary.BigEndian.Uint32(b[24:]),
	}
	if h.vidAt < headerSize || h.dataAt < h.vidAt+headerSize || h.dataAt > maxHeaderPlace {
		return h, false
	}
	return h, crc(b[:crcAt]) == binary.BigEndian.Uint32(b[crcAt:])
}

// vidHeader is the volume identifier header: which LEB this PEB holds.
type vidHeader struct {
	kind, copied           byte
	volume, lnum           uint32
	dataSize, used, pad    uint32
	dataCRC                uint32
	sqnum                  uint64
	wantHeader, haveHeader uint32 // CRC
}

func parseVID(b []byte) (h vidHeader, ok bool) {
	be := binary.BigEndian
	h = vidHeader{
		kind: b[5], copied: b[6],
		volume: be.Uint32(b[8:]), lnum: be.Uint32(b[12:]),
		dataSize: be.Uint32(b[20:]), used: be.Uint32(b[24:]), pad: be.Uint32(b[28:]),
		dataCRC: be.Uint32(b[32:]), sqnum: be.Uint64(b[40:]),
		wantHeader: be.Uint32(b[crcAt:]), haveHeader: crc(b[:crcAt]),
	}
	return h, string(b[:4]) == "UBI!" && b[4] == 1 && h.wantHeader == h.haveHeader
}

// measure accepts a checksummed erase counter header that is followed by others
// of its kind at equal distances.
func measure(r *io.SectionReader) (wardein.Claim, error) {
	g, err := survey(r)
	if g == nil {
		return wardein.Claim{}, err
	}
	return wardein.Claim{
		End:        min(g.end, r.Size()),
		Confidence: wardein.Certain,
		Evidence:   fmt.Sprintf("%d erase block headers %d bytes apart, crc32 ok", g.headers, g.stride),
	}, err
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	g, err := survey(r)
	if g == nil {
		return 0, err
	}
	end := min(g.end, r.Size())
	im := image{r: r, grid: g, out: out}
	if xerr := im.extract(ctx); xerr != nil {
		return end, xerr
	}
	return end, err
}

// readAt reads len(b) bytes at off and says whether all were there.
func readAt(r io.ReaderAt, b []byte, off int64) bool {
	n, err := r.ReadAt(b, off)
	return n == len(b) && (err == nil || errors.Is(err, io.EOF))
}
