// Package updateapp reads UPDATE.APP, Huawei's package of partition images: 92
// zero bytes, then entries one after the other, each begun on a multiple of 4.
//
//	entry header, 98 bytes, little-endian
//	 0  magic 55 AA 5A A5
//	 4  length of this header and the checksum table
//	 8  unknown, 1
//	12  hardware id, 8 bytes
//	20  sequence
//	24  length of the data
//	28  date, 16 bytes ("2013.09.17")
//	44  time, 16 bytes ("16.12.41")
//	60  type, 16 bytes ("SYSTEM"): the member's name
//	76  blank, 16 bytes
//	92  CRC-16 of the header with this field 0
//	94  block size, 4096
//	96  unknown
//	98  CRC-16 of each block of the data, u16 each
//
// The CRC is CRC-16/X-25: polynomial 0x1021 reflected, all ones before and
// inverted after.
package updateapp

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/wardein/wardein"
)

// Format is the UPDATE.APP package.
var Format = wardein.Format{
	Name:    "updateapp",
	Version: 1,
	Doc: wardein.Doc{
		About: "Huawei UPDATE.APP package of partition images.",
		How:   "Walks the entries, verifies each header's CRC-16 and each block's, hands out every image under its type name.",
		Limits: []string{
			"1,024 entries",
			"signatures are members, they are not verified",
			"no delivered package was at hand: the entry header and the checksum of blocks follow three descriptions that agree; the header's checksum follows one, and two say that they do not know it; unverified: the fields at 8 and 96",
			"packages of recent years use a header checksum that no source describes: a Gap says so, the blocks are verified all the same",
		},
		References: []string{
			"HuaweiUpdateLibrary Core/FileHeader.cs, Core/UpdateEntry.cs, Algorithms/UpdateCrc16.cs",
			"github.com/YKG/huawei_UPDATE.APP_unpacktool",
			"github.com/echo-devim/huextract src/img_header.rs, src/crc.rs",
		},
	},
	Magic:   []wardein.Magic{{Bytes: magic, Back: lead}},
	Measure: measure,
	Extract: extract,
}

const (
	magic      = "\x55\xaa\x5a\xa5"
	lead       = 92 // zero bytes before the first entry
	headerLen  = 98
	maxEntries = 1024
)

type entry struct {
	at, headerLen, size int64
	block               int64
	date, time, kind    string
	hardware            string
	sequence            uint32
	crc, found          uint16 // of the header: as recorded, as computed
}

func (e entry) data() int64 { return e.at + e.headerLen }
func (e entry) end() int64  { return e.data() + e.size }

// readEntry reads the entry at off, errNone where none begins.
func readEntry(r io.ReaderAt, off int64) (entry, error) {
	var b [headerLen]byte
	if n, err := r.ReadAt(b[:], off); n < len(b) {
		if err == nil || errors.Is(err, io.EOF) {
			err = errNone
		}
		return entry{}, err
	}
	le := binary.LittleEndian
	e := entry{
		at: off, headerLen: int64(le.Uint32(b[4:])), size: int64(le.Uint32(b[24:])), block: int64(le.Uint16(b[94:])),
		hardware: text(b[12:20]), sequence: le.Uint32(b[20:]), date: text(b[28:44]), time: text(b[44:60]), kind: text(b[60:76]),
		crc: le.Uint16(b[92:]),
	}
	if string(b[:4]) != magic || e.headerLen < headerLen || e.headerLen > headerLen+2*e.size+2 {
		return entry{}, errNone
	}
	b[92], b[93] = 0, 0
	e.found = crc16(b[:])
	return e, nil
}

var errNone = errors.New("no entry here")

func text(b []byte) string {
	s, _, _ := strings.Cut(string(b), "\x00")
	return s
}

// align is where the entry behind off begins.
func align(off int64) int64 { return (off + 3) &^ 3 }

// walk calls f for the entries in turn and returns where the last one ends.
func walk(r *io.SectionReader, f func(entry) error) (int64, error) {
	end := int64(lead)
	for n, off := 0, int64(lead); ; n++ {
		if n == maxEntries {
			return end, fmt.Errorf("entry at %#x: %d entries read, there are more", off, n)
		}
		e, err := readEntry(r, off)
		if err == errNone {
			return end, nil
		}
		if err != nil {
			return end, fmt.Errorf("entry at %#x: %w", off, err)
		}
		if err := f(e); err != nil {
			return end, err
		}
		end = e.end()
		if end >= r.Size() {
			return end, nil
		}
		off = align(end)
	}
}

func measure(r *io.SectionReader) (wardein.Claim, error) {
	var zeros [lead]byte
	if n, _ := r.ReadAt(zeros[:], 0); n < lead || len(bytes.Trim(zeros[:], "\x00")) != 0 {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	claim := wardein.Claim{Confidence: wardein.Likely, Evidence: "chain of entries"}
	end, err := walk(r, func(e entry) error {
		if e.at == lead && e.crc == e.found {
			claim.Confidence, claim.Evidence = wardein.Certain, "header crc16 ok"
		}
		return nil
	})
	if end == lead {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	claim.End = min(end, r.Size())
	if end > r.Size() {
		err = errors.Join(err, fmt.Errorf("last entry: a package of %d bytes expected, %d found", end, r.Size()))
	}
	return claim, err
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	out.Span(wardein.Span{Len: lead, What: wardein.Known, Is: "lead"})
	end, err := walk(r, func(e entry) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		return e.hand(r, out)
	})
	return min(end, r.Size()), err
}

// hand gives one entry to the engine, cut to what is there.
func (e entry) hand(r *io.SectionReader, out wardein.Members) error {
	size := r.Size()
	gap := func(off, n int64, format string, args ...any) {
		out.Gap(wardein.Gap{Node: e.kind, Kind: wardein.Damaged, Off: off, Len: n, Why: fmt.Sprintf(format, args...)})
	}
	out.Span(wardein.Span{Off: e.at, Len: min(e.headerLen, size-e.at), What: wardein.Known, Is: "entry header"})
	out.Note(e.kind, fmt.Sprintf("%s %s, hardware %s, sequence %#x", e.date, e.time, e.hardware, e.sequence))
	if e.crc != e.found {
		gap(e.at+92, 2, "crc16 of the entry header: expected %04x, found %04x", e.crc, e.found)
	}
	if e.data() > size {
		gap(e.at, size-e.at, "%d bytes at %#x expected, the package ends at %#x", e.size, e.data(), size)
		return nil
	}
	have := min(e.size, size-e.data())
	if have < e.size {
		gap(e.data(), have, "%d bytes at %#x expected, %d found", e.size, e.data(), have)
	}
	if err := out.Extents(wardein.Entry{Name: e.kind, Kind: wardein.Region}, []wardein.Extent{{Off: e.data(), Len: have}}); err != nil {
		return err
	}
	bad, first, err := e.blocks(r, have)
	if err != nil {
		return err
	}
	if bad > 0 {
		gap(first, min(e.block, size-first), "%d blocks differ from the table of crc16s, the first at %#x", bad, first)
	}
	return nil
}

// blocks verifies the blocks of the first n bytes of the data against the
// table and returns how many differ and where the first one stands.
func (e entry) blocks(r io.ReaderAt, n int64) (bad int, first int64, err error) {
	if e.block == 0 {
		return 0, 0, nil
	}
	table := io.NewSectionReader(r, e.at+headerLen, e.headerLen-headerLen)
	data := io.NewSectionReader(r, e.data(), n)
	buf := make([]byte, e.block)
	sums := make([]byte, 4096)
	for i := int64(0); i*e.block < n; i++ {
		at := 2 * i % int64(len(sums))
		if at == 0 {
			if _, err := table.ReadAt(sums, 2*i); err != nil && err != io.EOF {
				return bad, first, err
			}
		}
		if 2*i+2 > table.Size() {
			return bad, first, nil // a table that ends early says nothing of the rest
		}
		got, err := io.ReadFull(data, buf[:min(e.block, n-i*e.block)])
		if err != nil {
			return bad, first, fmt.Errorf("block at %#x: %w", e.data()+i*e.block, err)
		}
		if int64(got) < e.block && i*e.block+int64(got) < e.size {
			break // the rest of a cut block is missing
		}
		if crc16(buf[:got]) != binary.LittleEndian.Uint16(sums[at:]) {
			if bad++; bad == 1 {
				first = e.data() + i*e.block
			}
		}
	}
	return bad, first, nil
}

// crcTable is slicing-by-8: table k advances a byte by k more zero bytes.
var crcTable = func() (t [8][256]uint16) {
	for i := range 256 {
		c := uint16(i)
		for range 8 {
			if c&1 != 0 {
				c = c>>1 ^ 0x8408
			} else {
				c >>= 1
			}
		}
		t[0][i] = c
	}
	for i := range 256 {
		c := t[0][i]
		for k := 1; k < 8; k++ {
			c = c>>8 ^ t[0][byte(c)]
			t[k][i] = c
		}
	}
	return
}()

func crc16(p []byte) uint16 {
	c := uint16(0xFFFF)
	for ; len(p) >= 8; p = p[8:] {
		c = crcTable[7][p[0]^byte(c)] ^ crcTable[6][p[1]^byte(c>>8)] ^ crcTable[5][p[2]] ^ crcTable[4][p[3]] ^
			crcTable[3][p[4]] ^ crcTable[2][p[5]] ^ crcTable[1][p[6]] ^ crcTable[0][p[7]]
	}
	for _, b := range p {
		c = c>>8 ^ crcTable[0][byte(c)^b]
	}
	return ^c
}
