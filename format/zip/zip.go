// Package zip reads zip archives by their local headers and by their central
// directory.
//
//	local header       50 4B 03 04, version (2), flags (2), method (2), time (2),
//	                   date (2), crc32 (4), compressed (4), size (4), lengths of
//	                   name and extra field (2, 2), name, extra field; data;
//	                   where flag 3 is set: crc32 and sizes, with or without
//	                   50 4B 07 08
//	central directory  50 4B 01 02, made by (2), as above, comment length, disk,
//	                   internal attributes (2 each), external attributes (4),
//	                   offset of the local header (4), name, extra field, comment
//	zip64 end          50 4B 06 06 and its locator 50 4B 06 07
//	end                50 4B 05 06, disks (2, 2), entries (2, 2), length and offset
//	                   of the directory (4, 4), comment
//
// All numbers are little-endian. What stands before the first local header (a
// self-extracting program) is not part of the claim.
package zip

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/wardein/wardein"
)

// Format is zip.
var Format = wardein.Format{
	Name:    "zip",
	Version: 1,
	Doc: wardein.Doc{
		About: "zip archive (also jar, apk, docx): releases, applications, management software.",
		How: "Central directory and local headers are both read. Members are as the directory has them; where a local header differs a gap says so, and a member " +
			"that only a local header names is handed out too. Stored members are runs of the archive's own bytes; CRC-32 is compared for all.",
		FalseNegatives: []string{"an archive whose first local header is damaged begins at the next one"},
		Limits: []string{"methods: stored, deflate, bzip2, lzma, xz, zstd; others are opaque with a gap", "encrypted members are opaque with a gap",
			"of members that share bytes only the first is opened", "multi-volume archives: a gap", "DOS times have no zone and are read as UTC"},
		References: []string{"PKWARE APPNOTE.TXT 6.3.10, sections 4.3–4.5", "Info-ZIP extrafld.txt"},
	},
	Magic:   []wardein.Magic{{Bytes: "PK\x03\x04"}, {Bytes: "PK\x05\x06", Anchored: true}},
	Measure: measure,
	Extract: extract,
}

const (
	sigLocal      = 0x04034b50
	sigCentral    = 0x02014b50
	sigEnd        = 0x06054b50
	sigEnd64      = 0x06064b50
	sigLocator    = 0x07064b50
	sigDescriptor = 0x08074b50
	sigExtra      = 0x08064b50 // archive extra data
	sigSignature  = 0x05054b50 // digital signature of the directory

	flagEncrypted  = 1 << 0
	flagDescriptor = 1 << 3

	localSize, centralSize, endSize = 30, 46, 22
)

var le = binary.LittleEndian

// archive is where the parts stand.
type archive struct {
	r    *io.SectionReader
	size int64
	buf  [4 << 10]byte
	off  int64
	n    int

	directory int64 // first central header, -1 when there is none
	dirEnd    int64 // behind the last
	end       int64 // of all
	delta     int64 // added to the directory's offsets
	entries   int64 // as the end record has it
	disks     bool  // part of a multi-volume set
	comment   []byte
}

// bytes returns n bytes at off, fewer where the archive ends.
func (z *archive) bytes(off int64, n int) []byte {
	if off < 0 || off >= z.size {
		return nil
	}
	if i := off - z.off; i < 0 || i+int64(n) > int64(z.n) {
		if n > len(z.buf) {
			p := make([]byte, n)
			k, _ := z.r.ReadAt(p, off)
			return p[:k]
		}
		k, _ := z.r.ReadAt(z.buf[:], off)
		z.off, z.n = off, k
	}
	i := int(off - z.off)
	return z.buf[i:min(i+n, z.n)]
}

func (z *archive) sig(off int64) uint32 {
	if b := z.bytes(off, 4); len(b) == 4 {
		return le.Uint32(b)
	}
	return 0
}

// plausible checks the fixed part of a local header.
func plausible(b []byte) bool {
	if len(b) < localSize || le.Uint32(b) != sigLocal {
		return false
	}
	method, name := le.Uint16(b[8:]), le.Uint16(b[26:])
	return b[4] <= 99 && (method <= 20 || method >= 93 && method <= 99) && name > 0 && name <= 4096 && le.Uint16(b[6:])&0xd000 == 0
}

func measure(r *io.SectionReader) (wardein.Claim, error) {
	var b [localSize]byte
	n, _ := r.ReadAt(b[:], 0)
	empty := n >= endSize && le.Uint32(b[:]) == sigEnd && bytes.Count(b[4:20], []byte{0}) == 16
	if empty {
		end := int64(endSize) + int64(le.Uint16(b[20:]))
		if end > r.Size() {
			return wardein.Claim{}, wardein.ErrNotMine
		}
		return wardein.Claim{End: end, Confidence: wardein.Likely, Evidence: "end record of an archive without members"}, nil
	}
	if !plausible(b[:n]) {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	z := archive{r: r, size: r.Size()}
	count, err := z.locate(context.Background())
	if z.end == 0 {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	c := wardein.Claim{End: z.end, Confidence: wardein.Certain, Evidence: "central directory and end record fit"}
	switch {
	case z.directory < 0:
		c.Confidence, c.Evidence = wardein.Likely, fmt.Sprintf("%d local headers, no central directory", count)
		if count < 2 {
			c.Confidence = wardein.Possible
		}
	case z.first() < 0:
		c.Confidence, c.Evidence = wardein.Possible, "local headers; the central directory names members before them"
	}
	return c, err
}

// first is where the first entry of the directory has its local header.
func (z *archive) first() int64 {
	if e, ok := z.central(z.directory); ok {
		return e.offset + z.delta
	}
	return 0
}

// locate finds directory and end: where the archive is the rest of the file
// from its end, else by walking the local headers.
func (z *archive) locate(ctx context.Context) (count int, err error) {
	z.directory = -1
	if z.endRecord(z.size-endSize) && z.mine(ctx) {
		return 0, nil
	}
	z.directory, z.end = -1, 0
	count, pos, err := z.walkLocal(ctx)
	if z.directory >= 0 {
		return count, err
	}
	if z.tail() && z.mine(ctx) {
		return count, nil
	}
	z.directory, z.end = -1, pos
	if err == nil {
		err = fmt.Errorf("no central directory behind %d members at %#x", count, pos)
	}
	return count, err
}

// mine tells whether the directory found belongs to the local header at 0.
func (z *archive) mine(ctx context.Context) bool {
	first := z.first()
	if first <= 0 {
		return true
	}
	for pos := z.directory; pos < z.dirEnd && ctx.Err() == nil; {
		e, ok := z.central(pos)
		if !ok {
			return false
		}
		if e.offset+z.delta == 0 {
			return true
		}
		pos = e.next
	}
	return false
}

// tail looks for an end record with a comment.
func (z *archive) tail() bool {
	n := min(z.size, endSize+1<<16-1)
	b := make([]byte, n)
	k, _ := z.r.ReadAt(b, z.size-n)
	b = b[:k]
	for i := len(b); ; {
		if i = bytes.LastIndex(b[:i], []byte("PK\x05\x06")); i < 0 {
			return false
		}
		if i+endSize <= len(b) && i+endSize+int(le.Uint16(b[i+20:])) == len(b) && z.endRecord(z.size-n+int64(i)) {
			return true
		}
	}
}

// endRecord reads the end record at off and finds the directory before it.
func (z *archive) endRecord(off int64) bool {
	b := z.bytes(off, endSize)
	if len(b) < endSize || le.Uint32(b) != sigEnd {
		return false
	}
	z.disks = le.Uint16(b[4:]) != 0 || le.Uint16(b[6:]) != 0
	z.entries = int64(le.Uint16(b[10:]))
	length, offset := int64(le.Uint32(b[12:])), int64(le.Uint32(b[16:]))
	comment := int64(le.Uint16(b[20:]))
	before := off
	if l := z.bytes(off-20, 20); len(l) == 20 && le.Uint32(l) == sigLocator {
		// The record stands right before its locator; its own offset may
		// count from a prefix that is not here.
		if e := z.bytes(off-76, 56); len(e) == 56 && le.Uint32(e) == sigEnd64 {
			z.entries = int64(le.Uint64(e[32:]))
			length, offset = int64(le.Uint64(e[40:])), int64(le.Uint64(e[48:]))
			before = off - 76
		}
	}
	if length < 0 || offset < 0 || length > before || z.entries < 0 {
		return false
	}
	z.directory = before - length
	if length > 0 && z.sig(z.directory) != sigCentral {
		z.directory = -1
		return false
	}
	z.dirEnd, z.delta = before, before-length-offset
	z.end = min(off+endSize+comment, z.size)
	z.comment = append([]byte(nil), z.bytes(off+endSize, int(z.end-off-endSize))...)
	return true
}

// walkLocal goes from local header to local header. It returns where it ends
// and sets the directory when it meets one.
func (z *archive) walkLocal(ctx context.Context) (count int, pos int64, err error) {
	for ctx.Err() == nil {
		switch z.sig(pos) {
		case sigLocal:
		case sigExtra:
			b := z.bytes(pos, 8)
			if len(b) < 8 {
				return count, z.size, fmt.Errorf("extra data at %#x is cut off", pos)
			}
			pos = min(pos+8+int64(le.Uint32(b[4:])), z.size)
			continue
		case sigCentral:
			return count, pos, z.walkCentral(pos)
		default:
			return count, pos, nil
		}
		e, ok := z.local(pos)
		if !ok {
			return count, pos, fmt.Errorf("local header at %#x is damaged", pos)
		}
		count++
		if e.unknown {
			if e.packed, ok = z.findDescriptor(ctx, &e, z.size); !ok {
				return count, z.size, fmt.Errorf("member %q at %#x: its length stands behind it, and no such record is found", e.name, pos)
			}
		}
		if e.packed < 0 || e.packed > z.size-e.data {
			return count, z.size, fmt.Errorf("member %q at %#x: want %d bytes, archive ends after %d", e.name, e.data, e.packed, max(0, z.size-e.data))
		}
		pos = e.data + e.packed
		pos += z.descriptor(&e)
	}
	return count, pos, ctx.Err()
}

// walkCentral goes through a directory to the end record.
func (z *archive) walkCentral(start int64) error {
	pos := start
	for z.sig(pos) == sigCentral {
		e, ok := z.central(pos)
		if !ok {
			z.directory, z.dirEnd, z.delta, z.end, z.entries = start, pos, 0, z.size, 0xffff
			return fmt.Errorf("central directory at %#x is cut off", pos)
		}
		pos = e.next
	}
	if z.sig(pos) == sigSignature {
		if b := z.bytes(pos, 6); len(b) == 6 {
			pos += 6 + int64(le.Uint16(b[4:]))
		}
	}
	dirEnd := min(pos, z.size)
	if z.sig(pos) == sigEnd64 {
		if b := z.bytes(pos, 12); len(b) == 12 {
			if n := int64(le.Uint64(b[4:])); n >= 44 && n < z.size-pos {
				pos += 12 + n
			}
		}
		if z.sig(pos) == sigLocator {
			pos += 20
		}
	}
	if !z.endRecord(pos) || z.directory != start {
		// Keep what the directory says; offsets count from here.
		z.directory, z.dirEnd, z.delta, z.end, z.entries = start, dirEnd, 0, min(dirEnd, z.size), 0xffff
		return fmt.Errorf("end record at %#x: missing, or it names another directory than the one at %#x", pos, start)
	}
	return nil
}

// findDescriptor finds the length of a member that only the record behind its
// data states; the record begins before limit.
func (z *archive) findDescriptor(ctx context.Context, e *entry, limit int64) (int64, bool) {
	chunk := make([]byte, 64<<10)
	for off := e.data; off < limit && ctx.Err() == nil; off += int64(len(chunk)) - 3 {
		n, _ := z.r.ReadAt(chunk[:min(int64(len(chunk)), limit-off)], off)
		for i := 0; i < n; i++ {
			k := bytes.Index(chunk[i:n], []byte("PK"))
			if k < 0 {
				break
			}
			i += k
			at := off + int64(i)
			if at < e.data || i+4 > n {
				continue
			}
			length := at - e.data
			switch le.Uint32(chunk[i:]) {
			case sigDescriptor:
				b := z.bytes(at, 24)
				if len(b) >= 16 && int64(le.Uint32(b[8:])) == length || len(b) >= 24 && int64(le.Uint64(b[8:])) == length {
					return length, true
				}
			case sigLocal, sigCentral: // a record without its mark
				if b := z.bytes(at-12, 12); len(b) == 12 && int64(le.Uint32(b[4:])) == length-12 && length >= 12 {
					return length - 12, true
				}
			}
		}
	}
	return 0, false
}
