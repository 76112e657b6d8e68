// Package data recognises files that hold no further files: pictures, fonts,
// databases, certificates, byte code, captures. Each is walked to its true end,
// so that what was appended to one is seen, and a few facts become notes.
//
// All are claimed at the beginning of a node only, never carved: a picture
// inside unknown bytes says nothing that an evaluation needs.
//
// A format here is a row of the table below and one function that walks it.
package data

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/wardein/wardein"
)

// Formats lists the formats of this package, in the order in which they are
// tried.
var Formats = formats([]kind{
	{"png", "PNG picture.", "Walks the chunks to IEND and verifies each CRC-32.",
		nil, []string{"RFC 2083"}, at(0, "\x89PNG\r\n\x1a\n"), png},
	{"jpeg", "JPEG picture.", "Walks the marker segments and the entropy-coded data to EOI.",
		nil, []string{"ITU-T T.81 annex B"}, at(0, "\xff\xd8\xff"), jpeg},
	{"gif", "GIF picture.", "Walks the blocks to the trailer.",
		nil, []string{"GIF89a specification"}, at(0, "GIF87a", "GIF89a"), gif},
	{"bmp", "Windows bitmap.", "Reads the two headers; the file header tells the length.",
		nil, []string{"Windows BITMAPFILEHEADER, BITMAPINFOHEADER"}, at(0, "BM"), bmp},
	{"ico", "Windows icon or cursor.", "Reads the directory; the farthest picture tells the end.",
		nil, []string{"Windows ICONDIR"}, at(0, "\x00\x00\x01\x00", "\x00\x00\x02\x00"), ico},
	{"riff", "RIFF file: WAV, WebP, AVI.", "Walks the chunks up to the length of the outermost.",
		nil, []string{"Multimedia Programming Interface and Data Specifications 1.0"}, at(0, "RIFF", "RIFX"), riff},
	{"mp4", "ISO base media file: MP4, QuickTime, HEIF.", "Walks the boxes of the outermost level.",
		nil, []string{"ISO/IEC 14496-12 section 4"}, at(4, "ftyp"), mp4},
	{"mp3", "MPEG audio with an ID3v2 tag.", "Reads the tag's length, then walks the audio frames.",
		[]string{"files without an ID3 tag are not recognised"}, []string{"id3.org id3v2.4.0-structure", "ISO/IEC 11172-3"}, at(0, "ID3"), mp3},
	{"ogg", "Ogg stream.", "Walks the pages and verifies the CRC-32 of the first.",
		nil, []string{"RFC 3533"}, at(0, "OggS\x00"), ogg},
	{"flac", "FLAC audio.", "Walks the metadata blocks.",
		[]string{"frames have no length: the file ends with its node"}, []string{"RFC 9639"}, at(0, "fLaC"), flac},
	{"swf", "Adobe Flash file.", "Reads the header.",
		[]string{"a compressed file ends with its node"}, []string{"SWF file format specification 19"}, at(0, "FWS", "CWS", "ZWS"), swf},
	{"pdf", "PDF document.", "Finds the last end mark; streams are told from what describes them.",
		[]string{"streams are recognised and not opened"}, []string{"ISO 32000-1 section 7.5"}, at(0, "%PDF-1.", "%PDF-2."), pdf},
	{"woff", "Web font (WOFF, WOFF2).", "Reads the header, which tells the length.",
		nil, []string{"W3C WOFF 1.0 section 3", "W3C WOFF 2.0 section 4"}, at(0, "wOFF", "wOF2"), woff},
	{"sfnt", "TrueType or OpenType font.", "Reads the table directory and verifies the sum over the file.",
		[]string{"font collections are recognised by their first font"}, []string{"OpenType specification 1.9, Organization of an OpenType font"},
		at(0, "\x00\x01\x00\x00\x00", "OTTO\x00", "true\x00"), sfnt},
	{"eot", "Embedded OpenType font.", "Reads the header, which tells the length.",
		nil, []string{"W3C submission Embedded OpenType (EOT) file format"}, at(34, "LP"), eot},
	{"icc", "ICC colour profile.", "Reads header and tag table.",
		nil, []string{"ICC.1:2010 section 7"}, at(36, "acsp"), icc},
	{"sqlite", "SQLite 3 database.", "Reads page size and page count.",
		[]string{"tables are not read"}, []string{"sqlite.org/fileformat2.html section 1.3"}, at(0, "SQLite format 3\x00"), sqlite},
	{"berkeleydb", "Berkeley DB database (hash, btree).", "Reads the metadata page: page size and last page.",
		[]string{"records are not read"}, []string{"Berkeley DB dbinc/db_page.h (struct _dbmeta33)"},
		at(12, "\x61\x15\x06\x00", "\x62\x31\x05\x00", "\x00\x06\x15\x61", "\x00\x05\x31\x62"), berkeley},
	{"der", "ASN.1 DER: certificate, key, PKCS #7, PKCS #8, PKCS #12.", "Walks the whole structure; the outermost length must fit it.",
		[]string{"16 levels, 65,536 elements", "indefinite lengths (BER) are not recognised", "encrypted contents stay closed"},
		[]string{"ITU-T X.690", "RFC 5280", "RFC 5958", "RFC 7292", "RFC 2315"},
		at(0, "\x30\x82", "\x30\x81", "\x30\x77\x02\x01\x01\x04\x20"), der},
	{"class", "Java class file.", "Walks constants, fields, methods and attributes to the end.",
		nil, []string{"Java virtual machine specification chapter 4"}, at(0, "\xca\xfe\xba\xbe"), class},
	{"pyc", "Compiled Python module.", "Reads the version; the marshalled object is not walked.",
		[]string{"the file ends with its node"}, []string{"CPython Lib/importlib/_bootstrap_external.py"}, at(2, "\r\n"), pyc},
	{"lua", "Lua byte code, 5.1 to 5.4.", "Reads the header.",
		[]string{"the file ends with its node"}, []string{"Lua lundump.c (checkHeader), lundump.h"}, at(0, "\x1bLua"), lua},
	{"dex", "Dalvik executable.", "Verifies the Adler-32 over the file.",
		nil, []string{"Android Dalvik executable format"}, at(0, "dex\n03", "dex\n04"), dex},
	{"mo", "gettext message catalogue.", "Walks both string tables.",
		nil, []string{"GNU gettext manual, The format of GNU MO files"}, at(0, "\xde\x12\x04\x95", "\x95\x04\x12\xde"), mo},
	{"tzif", "Time zone data.", "Computes both blocks' lengths from their counts and reads the footer.",
		nil, []string{"RFC 8536"}, at(0, "TZif"), tzif},
	{"terminfo", "Compiled terminal description.", "Computes the sections' lengths from their counts.",
		nil, []string{"term(5)"}, at(0, "\x1a\x01", "\x1e\x02"), terminfo},
	{"kmod-index", "Index of kernel modules (modules.dep.bin and others).", "Reads magic and version.",
		[]string{"the trie is not walked: the file ends with its node"}, []string{"kmod libkmod/libkmod-index.c"}, at(0, "\xb0\x07\xf4\x57\x00\x02\x00"), kmod},
	{"pcap", "Packet capture.", "Walks the records.",
		nil, []string{"IETF draft-ietf-opsawg-pcap"},
		at(0, "\xd4\xc3\xb2\xa1", "\xa1\xb2\xc3\xd4", "\x4d\x3c\xb2\xa1", "\xa1\xb2\x3c\x4d"), pcap},
	{"pcapng", "Packet capture, next generation.", "Walks the blocks, whose two lengths must agree.",
		nil, []string{"IETF draft-ietf-opsawg-pcapng"}, at(0, "\x0a\x0d\x0d\x0a"), pcapng},
})

type kind struct {
	name, about, how string
	limits, refs     []string
	magic            []wardein.Magic
	// walk follows the structure to its end. Errors other than ErrNotMine
	// mean damage; end is then as far as the walk came.
	walk func(f *file) (end int64, err error)
}

func at(back int64, bytes ...string) []wardein.Magic {
	var ms []wardein.Magic
	for _, b := range bytes {
		ms = append(ms, wardein.Magic{Bytes: b, Back: back, Anchored: true})
	}
	return ms
}

func formats(ks []kind) []wardein.Format {
	out := make([]wardein.Format, len(ks))
	for i, k := range ks {
		out[i] = wardein.Format{
			Name: k.name, Version: 1, Magic: k.magic,
			Doc:     wardein.Doc{About: k.about, How: k.how, Limits: k.limits, References: k.refs},
			Measure: k.measure,
			Extract: k.extract,
		}
		if k.name == "pdf" {
			out[i].Version = 2
		}
	}
	return out
}

func (k kind) measure(r *io.SectionReader) (wardein.Claim, error) {
	f := newFile(r)
	end, err := k.walk(f)
	if errors.Is(err, wardein.ErrNotMine) || end <= 0 {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	claim := wardein.Claim{End: min(end, r.Size()), Confidence: f.confidence, Evidence: f.evidence}
	if end > r.Size() && err == nil {
		err = fmt.Errorf("%s: %d bytes expected, %d found", k.name, end, r.Size())
	}
	return claim, err
}

func (k kind) extract(_ context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	f := newFile(r)
	end, err := k.walk(f)
	if errors.Is(err, wardein.ErrNotMine) || end <= 0 {
		return 0, fmt.Errorf("%s: is not recognised again", k.name)
	}
	end = min(end, r.Size())
	if k.name == "pdf" {
		pdfInside(f, end, out)
	} else {
		out.Span(wardein.Span{Len: end, What: wardein.Known, Is: k.name})
	}
	for _, n := range f.notes {
		out.Note(n.Name, n.Value)
	}
	return end, nil // Measure told the damage
}

// file is what a walk reads: through one window of bytes, since the structures
// are walked forwards in small steps.
type file struct {
	r          *io.SectionReader
	size       int64
	confidence wardein.Confidence
	evidence   string
	notes      []wardein.Note

	window []byte
	start  int64
	buf    [512]byte
	big    []byte
}

func newFile(r *io.SectionReader) *file {
	return &file{r: r, size: r.Size(), confidence: wardein.Likely, evidence: "header fields fit each other"}
}

func (f *file) note(name, format string, args ...any) {
	f.notes = append(f.notes, wardein.Note{Name: name, Value: fmt.Sprintf(format, args...)})
}

func (f *file) certain(evidence string) { f.confidence, f.evidence = wardein.Certain, evidence }

// at returns n bytes at off, nil when they are not there. They stay valid until
// the next call.
func (f *file) at(off int64, n int) []byte {
	if off < 0 || n < 0 || off > f.size || int64(n) > f.size-off {
		return nil
	}
	if off >= f.start && off+int64(n) <= f.start+int64(len(f.window)) {
		return f.window[off-f.start:][:n]
	}
	buf := f.buf[:]
	if n > len(buf) || f.start > 0 || len(f.window) > 0 { // the second step: it is worth a larger window
		if f.big == nil {
			f.big = make([]byte, 32<<10)
		}
		buf = f.big
	}
	if n > len(buf) {
		buf = make([]byte, n)
	}
	got, _ := f.r.ReadAt(buf, off)
	f.window, f.start = buf[:got], off
	if got < n {
		return nil
	}
	return f.window[:n]
}

// num reads an unsigned number of 1, 2, 4 or 8 bytes, -1 when it is not there.
// Numbers of 8 bytes are cut to 1<<62.
func (f *file) num(order binary.ByteOrder, off int64, width int) int64 {
	b := f.at(off, width)
	if b == nil {
		return -1
	}
	switch width {
	case 1:
		return int64(b[0])
	case 2:
		return int64(order.Uint16(b))
	case 4:
		return int64(order.Uint32(b))
	}
	return int64(min(order.Uint64(b), 1<<62))
}

func (f *file) u8(off int64) int64  { return f.num(be, off, 1) }
func (f *file) b16(off int64) int64 { return f.num(be, off, 2) }
func (f *file) b32(off int64) int64 { return f.num(be, off, 4) }
func (f *file) l16(off int64) int64 { return f.num(le, off, 2) }
func (f *file) l32(off int64) int64 { return f.num(le, off, 4) }

var (
	be = binary.BigEndian
	le = binary.LittleEndian

	errNotMine = wardein.ErrNotMine
)

// short says that the file ends inside something.
func (f *file) short(off int64, what string) (int64, error) {
	return f.size, fmt.Errorf("%s at %#x: file ends at %d", what, off, f.size)
}
