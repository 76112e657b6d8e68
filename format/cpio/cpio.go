// Package cpio reads cpio archives: the two binary forms, odc, newc and crc.
//
//	form   magic                header  numbers                  name, data padded to
//	bin    71C7 as uint16       26      uint16 in either order   2, 2
//	odc    "070707"             76      octal                    1, 1
//	newc   "070701"             110     hexadecimal              4, 4
//	crc    "070702"             110     hexadecimal, check = sum of the data bytes
//
// Each member is header, name with its NUL, data; a member called TRAILER!!!
// ends the archive. A Linux initramfs may be several archives in a row with
// zeros between them: each is a claim of its own, the zeros are nobody's.
package cpio

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"

	"github.com/wardein/wardein"
)

// Format is cpio.
var Format = wardein.Format{
	Name:    "cpio",
	Version: 1,
	Doc: wardein.Doc{
		About: "cpio archive (binary in both byte orders, odc, newc, crc): Linux initramfs, payload of rpm packages.",
		How: "Headers are walked to the trailer; contents are runs of the archive's own bytes. The sums of the crc form are compared. " +
			"In newc, where the content stands with the last name of a file only, the other names become hard links to that name.",
		FalsePositives: []string{"a binary header (2-byte magic) alone is believed only when a second member or the trailer follows"},
		Limits:         []string{"names: 64 KiB", "link targets: 64 KiB", "search behind a damaged header: 1 MiB"},
		References: []string{"cpio(5)", "Linux Documentation/driver-api/early-userspace/buffer-format.rst",
			"POSIX.1-1988 cpio interchange format (odc)"},
	},
	Magic: []wardein.Magic{
		{Bytes: "070701"}, {Bytes: "070702"}, {Bytes: "070707"},
		{Bytes: "\xc7\x71"}, {Bytes: "\x71\xc7"},
	},
	Measure: measure,
	Extract: extract,
}

// FormatStripped is the form that rpm writes when a file is larger than 4 GiB:
// members name a file of the package's header by number and say no size.
var FormatStripped = wardein.Format{
	Name:    "cpio-stripped",
	Version: 1,
	Doc: wardein.Doc{
		About:      "payload of an rpm package with files of more than 4 GiB: cpio members without names and sizes.",
		How:        "The magic 07070X and a number in hexadecimal are recognised at the first byte of a node.",
		Limits:     []string{"not opened: names and sizes stand in the package's header, outside of the payload"},
		References: []string{"rpm lib/cpio.c: struct cpioStrippedPhysicalHeader"},
	},
	Magic: []wardein.Magic{{Bytes: "07070X", Anchored: true}},
	Measure: func(r *io.SectionReader) (wardein.Claim, error) {
		var b [14]byte
		if n, _ := r.ReadAt(b[:], 0); n < len(b) || string(b[:6]) != "07070X" {
			return wardein.Claim{}, wardein.ErrNotMine
		}
		if _, ok := text(b[6:], 16); !ok {
			return wardein.Claim{}, wardein.ErrNotMine
		}
		return wardein.Claim{End: r.Size(), Confidence: wardein.Likely, Evidence: "magic and file number"}, nil
	},
}

const (
	maxName    = 64 << 10
	maxResync  = 1 << 20
	windowSize = 8 << 10
	trailer    = "TRAILER!!!"
)

// form is one of the five spellings of a header.
type form uint8

const (
	none form = iota
	binLE
	binBE
	odc
	newc
	crc
)

func (f form) String() string {
	return [...]string{"no", "binary little-endian", "binary big-endian", "odc", "newc", "crc"}[f]
}

var headerSize = [...]int64{0, 26, 26, 76, 110, 110}
var alignment = [...]int64{1, 2, 2, 1, 4, 4}

// header is a member's header in numbers.
type header struct {
	form                       form
	ino, mode, uid, gid, nlink uint32
	mtime, devMajor, devMinor  uint32
	major, minor, check        uint32
	size                       int64
	nameSize                   int64 // with the NUL
	at, nameAt, dataAt, next   int64
}

func formOf(b []byte) form {
	switch {
	case len(b) < 6:
	case b[0] == 0xc7 && b[1] == 0x71:
		return binLE
	case b[0] == 0x71 && b[1] == 0xc7:
		return binBE
	case string(b[:6]) == "070707":
		return odc
	case string(b[:6]) == "070701":
		return newc
	case string(b[:6]) == "070702":
		return crc
	}
	return none
}

// text reads a number in digits of a base, 8 or 16.
func text(b []byte, base uint64) (uint64, bool) {
	var x uint64
	for _, c := range b {
		d := uint64(c) - '0'
		if d > 9 {
			if d = uint64(c|0x20) - 'a' + 10; d < 10 || d > 15 {
				return 0, false
			}
		}
		if d >= base {
			return 0, false
		}
		x = x*base + d
	}
	return x, true
}

// parse reads the header at the beginning of b and checks what is fixed in it.
func parse(b []byte) (h header, ok bool) {
	h.form = formOf(b)
	if h.form == none || int64(len(b)) < headerSize[h.form] {
		return h, false
	}
	switch h.form {
	case binLE, binBE:
		var o binary.ByteOrder = binary.LittleEndian
		if h.form == binBE {
			o = binary.BigEndian
		}
		u := func(i int) uint32 { return uint32(o.Uint16(b[2*i:])) }
		dev, rdev := u(1), u(7)
		h.devMajor, h.devMinor, h.major, h.minor = dev>>8, dev&0xff, rdev>>8, rdev&0xff
		h.ino, h.mode, h.uid, h.gid, h.nlink = u(2), u(3), u(4), u(5), u(6)
		h.mtime, h.nameSize, h.size = u(8)<<16|u(9), int64(u(10)), int64(u(11)<<16|u(12))
	case odc:
		ok := true
		o := func(at, n int) uint64 {
			x, good := text(b[at:at+n], 8)
			ok = ok && good
			return x
		}
		dev, rdev := uint32(o(6, 6)), uint32(o(42, 6))
		h.ino, h.mode, h.uid, h.gid, h.nlink = uint32(o(12, 6)), uint32(o(18, 6)), uint32(o(24, 6)), uint32(o(30, 6)), uint32(o(36, 6))
		h.mtime, h.nameSize, h.size = uint32(o(48, 11)), int64(o(59, 6)), int64(o(65, 11))
		// 18 bits, as the C library's major and minor take them apart
		h.devMajor, h.devMinor = dev>>8&0xfff, dev&0xff|dev>>12&^0xff
		h.major, h.minor = rdev>>8&0xfff, rdev&0xff|rdev>>12&^0xff
		if !ok {
			return h, false
		}
	default:
		var f [13]uint32
		for i := range f {
			x, ok := text(b[6+8*i:14+8*i], 16)
			if !ok {
				return h, false
			}
			f[i] = uint32(x)
		}
		h.ino, h.mode, h.uid, h.gid, h.nlink, h.mtime, h.size = f[0], f[1], f[2], f[3], f[4], f[5], int64(f[6])
		h.devMajor, h.devMinor, h.major, h.minor, h.nameSize, h.check = f[7], f[8], f[9], f[10], int64(f[11]), f[12]
	}
	if h.nameSize < 1 || h.nameSize > maxName {
		return h, false
	}
	switch h.mode >> 12 {
	case 0, 1, 2, 4, 6, 8, 10, 12: // 0: the trailer
	default:
		return h, false
	}
	return h, h.mode>>16 == 0
}

func align(n, to int64) int64 { return (n + to - 1) &^ (to - 1) }

func measure(r *io.SectionReader) (wardein.Claim, error) {
	var b [110]byte
	n, _ := r.ReadAt(b[:], 0)
	h, ok := parse(b[:n])
	if !ok {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	if h.form <= binBE { // two bytes of magic: the name must fit too
		if h.mode == 0 || h.nameSize < 2 || h.nameSize > 4096 || h.nlink == 0 || n < 28 || b[26] == 0 || b[26] < 0x20 {
			return wardein.Claim{}, wardein.ErrNotMine
		}
		if int(h.nameSize) <= n-26 && b[25+h.nameSize] != 0 {
			return wardein.Claim{}, wardein.ErrNotMine
		}
	}
	w := walker{r: r, size: r.Size()}
	end, err := w.walk(context.Background())
	if w.members == 0 && !w.trailer || h.form <= binBE && w.members < 2 && !w.trailer {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	c := wardein.Claim{End: end, Confidence: wardein.Likely, Evidence: fmt.Sprintf("%v, %d headers, no trailer", h.form, w.members)}
	if w.trailer {
		c.Confidence, c.Evidence = wardein.Certain, fmt.Sprintf("%v, %d headers and trailer", h.form, w.members)
	}
	return c, err
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	w := walker{r: r, size: r.Size(), out: out}
	end, err := w.walk(ctx)
	if w.short && w.stop == nil {
		err = nil // said by a gap with the member's name
	}
	return end, err
}
