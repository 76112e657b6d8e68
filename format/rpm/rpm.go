// Package rpm reads RPM packages, versions 3 and 4.
//
//	lead        ED AB EE DB, version (1, 1), type (2), architecture (2),
//	            name (66), system (2), signature type (2), reserved (16)
//	signature   header structure, padded to 8 bytes: length, digests, signatures
//	header      header structure: name, version, files, dependencies
//	payload     compressed cpio archive
//
//	header structure   8E AD E8 01, reserved (4), entries (4), length of the
//	                   store (4); entries of tag, type, offset, count (4 each);
//	                   store
//
// All numbers are big-endian. The package ends where the signature's length
// of header and payload says.
package rpm

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"strconv"

	"github.com/wardein/wardein"
)

// Format is an RPM package.
var Format = wardein.Format{
	Name:    "rpm",
	Version: 1,
	Doc: wardein.Doc{
		About: "RPM package: releases of network functions and of Linux distributions.",
		How: "Lead, signature and header are parsed; the header's SHA-256 or SHA-1 is compared, then the payload's SHA-256, or the MD5 over " +
			"header and payload in older packages. The payload is handed out as it stands.",
		Limits: []string{"lists of files and scripts of the header are not handed out", "signatures are not verified", "headers of more than 256 MiB (rpm's own bound)",
			"a package without a length in its signature reaches to the end of what it stands in"},
		References: []string{"RPM 4.18 file format, docs/manual/format.md", "LSB 5.0 Core, chapter 22: Package File Format"},
	},
	Magic:   []wardein.Magic{{Bytes: "\xed\xab\xee\xdb"}},
	Measure: measure,
	Extract: extract,
}

const (
	leadSize   = 96
	maxStore   = 256 << 20
	maxEntries = 1 << 20
	maxText    = 4 << 10 // of a note

	sigLongSize, sigSHA1, sigSHA256 = 270, 269, 273
	sigSize, sigMD5                 = 1000, 1004

	tagName, tagVersion, tagRelease, tagEpoch = 1000, 1001, 1002, 1003
	tagBuildTime, tagVendor, tagLicense       = 1006, 1011, 1014
	tagOS, tagArch, tagSource                 = 1021, 1022, 1044
	tagFormat, tagCompressor, tagFlags        = 1124, 1125, 1126
	tagDigest, tagDigestAlgo                  = 5092, 5093
)

var be = binary.BigEndian

// table is a header structure.
type table struct {
	at, size int64
	entries  int
	index    []byte
	store    []byte
}

// readTable reads the header structure at off.
func readTable(r *io.SectionReader, off int64) (table, error) {
	t := table{at: off}
	var b [16]byte
	if n, _ := r.ReadAt(b[:], off); n < len(b) {
		return t, fmt.Errorf("header structure at %#x: want 16 bytes, found %d: %w", off, n, io.ErrUnexpectedEOF)
	}
	if string(b[:4]) != "\x8e\xad\xe8\x01" {
		return t, fmt.Errorf("header structure at %#x: want 8eade801, found %x", off, b[:4])
	}
	entries, store := int64(be.Uint32(b[8:])), int64(be.Uint32(b[12:]))
	if entries > maxEntries || store > maxStore {
		return t, fmt.Errorf("header structure at %#x: %d entries and %d bytes, at most %d and %d", off, entries, store, maxEntries, maxStore)
	}
	t.size = 16 + 16*entries + store
	if have := r.Size() - off; t.size > have {
		return t, fmt.Errorf("header structure at %#x: want %d bytes, found %d: %w", off, t.size, have, io.ErrUnexpectedEOF)
	}
	t.entries = int(entries)
	p := make([]byte, 16*entries+store)
	if _, err := r.ReadAt(p, off+16); err != nil && err != io.EOF {
		return t, err
	}
	t.index, t.store = p[:16*entries], p[16*entries:]
	return t, nil
}

// find returns type, count and the store from a tag's value on.
func (t *table) find(tag uint32) (kind, count uint32, value []byte) {
	for e := t.index; len(e) >= 16; e = e[16:] {
		if be.Uint32(e) == tag {
			if at := be.Uint32(e[8:]); uint64(at) < uint64(len(t.store)) {
				return be.Uint32(e[4:]), be.Uint32(e[12:]), t.store[at:]
			}
		}
	}
	return 0, 0, nil
}

// text returns a string's value (types 6, 8, 9: its first).
func (t *table) text(tag uint32) string {
	kind, _, v := t.find(tag)
	if kind != 6 && kind != 8 && kind != 9 {
		return ""
	}
	i := bytes.IndexByte(v, 0)
	if i < 0 || i > maxText {
		i = min(len(v), maxText)
	}
	return string(v[:i])
}

// number returns an integer's value (types 4, 5), -1 for none.
func (t *table) number(tag uint32) int64 {
	kind, _, v := t.find(tag)
	switch {
	case kind == 4 && len(v) >= 4:
		return int64(be.Uint32(v))
	case kind == 5 && len(v) >= 8 && v[0] < 0x80:
		return int64(be.Uint64(v))
	}
	return -1
}

// binary returns n bytes of a value of type 7.
func (t *table) binary(tag uint32, n int) []byte {
	kind, count, v := t.find(tag)
	if kind != 7 || int(count) != n || len(v) < n {
		return nil
	}
	return v[:n]
}

// pkg is a package's parts.
type pkg struct {
	r                *io.SectionReader
	signature        table
	header           table
	payload, end     int64
	source           bool
	evidence         string
	confidence       wardein.Confidence
	badHeader, short error
}

// parse reads everything before the payload. hard means: not a package.
func parse(r *io.SectionReader) (p pkg, hard error) {
	p.r = r
	var lead [leadSize + 8]byte
	n, _ := r.ReadAt(lead[:], 0)
	if n < leadSize+4 || string(lead[:4]) != "\xed\xab\xee\xdb" || lead[4] < 3 || lead[4] > 4 || lead[6] != 0 || lead[7] > 1 ||
		be.Uint16(lead[78:]) != 5 || string(lead[leadSize:leadSize+4]) != "\x8e\xad\xe8\x01" {
		return p, wardein.ErrNotMine
	}
	p.source = lead[7] == 1
	p.end, p.evidence, p.confidence = r.Size(), "lead", wardein.Likely
	if p.signature, p.short = readTable(r, leadSize); p.short != nil {
		return p, nil
	}
	at := p.signature.at + p.signature.size
	at = (at + 7) &^ 7
	if p.header, p.short = readTable(r, at); p.short != nil {
		return p, nil
	}
	p.payload = at + p.header.size
	size := p.signature.number(sigLongSize)
	if size < 0 {
		size = p.signature.number(sigSize)
	}
	p.evidence = "lead, signature and header"
	switch {
	case size < p.header.size && size >= 0:
		p.short = fmt.Errorf("length of header and payload at %#x: %d, the header alone has %d", p.signature.at, size, p.header.size)
	case size > r.Size()-at:
		p.short = fmt.Errorf("header and payload at %#x: want %d bytes, found %d", at, size, r.Size()-at)
	case size >= 0:
		p.end = at + size
	}
	p.verify(at)
	return p, nil
}

// verify compares the header's own digest.
func (p *pkg) verify(at int64) {
	sum := func(h hash.Hash) string {
		io.Copy(h, io.NewSectionReader(p.r, at, p.header.size))
		return hex.EncodeToString(h.Sum(nil))
	}
	for _, d := range []struct {
		tag  uint32
		name string
		hash func() hash.Hash
	}{{sigSHA256, "sha256", sha256.New}, {sigSHA1, "sha1", sha1.New}} {
		want := p.signature.text(d.tag)
		if want == "" {
			continue
		}
		if got := sum(d.hash()); got != want {
			p.badHeader = fmt.Errorf("%s of the header: stored %q, computed %s", d.name, want, got)
		} else if p.badHeader == nil {
			p.confidence, p.evidence = wardein.Certain, d.name+" of the header ok"
		}
		return
	}
}

func measure(r *io.SectionReader) (wardein.Claim, error) {
	p, err := parse(r)
	if err != nil {
		return wardein.Claim{}, err
	}
	return wardein.Claim{End: p.end, Confidence: p.confidence, Evidence: p.evidence}, p.short
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	p, err := parse(r)
	if err != nil {
		return 0, err
	}
	out.Span(wardein.Span{Len: leadSize, What: wardein.Known, Is: "lead"})
	if p.signature.store != nil {
		out.Span(wardein.Span{Off: p.signature.at, Len: p.signature.size, What: wardein.Known, Is: "signature"})
	}
	if p.payload == 0 {
		return p.end, p.short
	}
	out.Span(wardein.Span{Off: p.header.at, Len: p.header.size, What: wardein.Known, Is: "header"})
	if p.badHeader != nil {
		out.Gap(wardein.Gap{Kind: wardein.Damaged, Off: p.header.at, Len: p.header.size, Why: p.badHeader.Error()})
	}
	h := &p.header
	for _, n := range []struct {
		name string
		tag  uint32
	}{{"name", tagName}, {"epoch", tagEpoch}, {"version", tagVersion}, {"release", tagRelease}, {"arch", tagArch}, {"os", tagOS}, {"vendor", tagVendor}, {"license", tagLicense},
		{"build time", tagBuildTime}, {"source package", tagSource}, {"payload format", tagFormat}, {"payload compressor", tagCompressor}, {"payload flags", tagFlags}, {"payload digest", tagDigest}} {
		value := h.text(n.tag)
		if i := h.number(n.tag); value == "" && i >= 0 {
			value = strconv.FormatInt(i, 10)
		}
		if value != "" {
			out.Note(n.name, value)
		}
	}
	if p.source {
		out.Note("type", "source")
	}
	size := p.end - p.payload
	if why, err := p.checkPayload(ctx, size); err != nil {
		return p.end, err
	} else if why != "" {
		out.Gap(wardein.Gap{Kind: wardein.Damaged, Off: p.payload, Len: size, Why: why})
	}
	format := h.text(tagFormat)
	if format != "drpm" {
		format = "cpio"
	}
	e := wardein.Entry{Name: "payload." + format, MTime: max(0, h.number(tagBuildTime))}
	compressor := h.text(tagCompressor)
	if compressor == "" {
		compressor = "gzip" // before the tag existed
	}
	switch compressor {
	case "gzip":
		e.Name += ".gz"
	case "bzip2":
		e.Name += ".bz2"
	case "xz", "lzma":
		e.Name += "." + compressor
	case "zstd":
		e.Name += ".zst"
	}
	var ext []wardein.Extent
	if size > 0 {
		ext = []wardein.Extent{{Off: p.payload, Len: size}}
	}
	if err := out.Extents(e, ext); err != nil {
		return p.end, err
	}
	return p.end, p.short
}

// checkPayload compares the payload's digest, or the one over header and
// payload; it returns what differs.
func (p *pkg) checkPayload(ctx context.Context, size int64) (string, error) {
	var h hash.Hash
	from, want, name := p.payload, p.header.text(tagDigest), "sha256 of the payload"
	if algo := p.header.number(tagDigestAlgo); want != "" && algo == 8 {
		h = sha256.New()
	} else if sum := p.signature.binary(sigMD5, md5.Size); sum != nil {
		h, from, want, name = md5.New(), p.header.at, hex.EncodeToString(sum), "md5 of header and payload"
	} else {
		return "", nil
	}
	buf := make([]byte, 64<<10)
	for at := from; at < p.payload+size; {
		if err := ctx.Err(); err != nil {
			return "", err
		}
		b := buf[:min(int64(len(buf)), p.payload+size-at)]
		if n, err := p.r.ReadAt(b, at); n < len(b) {
			return "", fmt.Errorf("payload at %#x: %w", at, err)
		}
		h.Write(b)
		at += int64(len(b))
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != want {
		return fmt.Sprintf("%s: stored %q, computed %s", name, want, got), nil
	}
	return "", nil
}
