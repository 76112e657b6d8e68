package data

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"
)

func binaryOrder(big bool) binary.ByteOrder {
	if big {
		return be
	}
	return le
}

func mp3(f *file) (int64, error) {
	h := f.at(3, 7)
	if h == nil || h[0] < 2 || h[0] > 4 || h[1] == 0xFF || (h[3]|h[4]|h[5]|h[6])&0x80 != 0 {
		return 0, errNotMine
	}
	off := 10 + int64(h[3])<<21 + int64(h[4])<<14 + int64(h[5])<<7 + int64(h[6])
	if h[2]&0x10 != 0 {
		off += 10 // footer
	}
	f.note("tag", "ID3v2.%d", h[0])
	for off < f.size && f.u8(off) == 0 { // padding that the tag's length leaves out
		off++
	}
	for {
		n := mpegFrame(f.at(off, 4))
		if n == 0 {
			break
		}
		off += n
	}
	if string(f.at(off, 3)) == "TAG" { // ID3v1
		off += 128
	}
	return off, nil
}

// mpegFrame is the length of an MPEG audio frame, 0 when none begins here.
func mpegFrame(h []byte) int64 {
	if h == nil || h[0] != 0xFF || h[1]&0xE0 != 0xE0 {
		return 0
	}
	version, layer, rate, freq, pad := h[1]>>3&3, h[1]>>1&3, int(h[2]>>4), int(h[2]>>2&3), int64(h[2]>>1&1)
	if version == 1 || layer == 0 || rate == 0 || rate == 15 || freq == 3 {
		return 0
	}
	rates := [5]string{ // kbit/s divided by 8: MPEG 1 layers I to III, MPEG 2 layer I, layers II and III
		"\x00\x04\x08\x0c\x10\x14\x18\x1c\x20\x24\x28\x2c\x30\x34\x38",
		"\x00\x04\x06\x07\x08\x0a\x0c\x0e\x10\x14\x18\x1c\x20\x28\x30",
		"\x00\x04\x05\x06\x07\x08\x0a\x0c\x0e\x10\x14\x18\x1c\x20\x28",
		"\x00\x04\x06\x07\x08\x0a\x0c\x0e\x10\x12\x14\x16\x18\x1c\x20",
		"\x00\x01\x02\x03\x04\x05\x06\x07\x08\x0a\x0c\x0e\x10\x12\x14",
	}
	row := 3 - int(layer)
	if version != 3 {
		row = min(row, 1) + 3
	}
	bitrate := int64(rates[row][rate]) * 8000
	hz := []int64{44100, 48000, 32000}[freq]
	switch version {
	case 2:
		hz /= 2
	case 0:
		hz /= 4
	}
	switch {
	case layer == 3:
		return (12*bitrate/hz + pad) * 4
	case layer == 1 && version != 3:
		return 72*bitrate/hz + pad
	}
	return 144*bitrate/hz + pad
}

func ogg(f *file) (int64, error) {
	for off := int64(0); ; {
		h := f.at(off, 27)
		if h == nil || string(h[:5]) != "OggS\x00" {
			if off == 0 {
				return 0, errNotMine
			}
			return off, nil
		}
		want, segments := le.Uint32(h[22:]), int(h[26])
		lacing := f.at(off+27, segments)
		if lacing == nil {
			return f.short(off, "page")
		}
		n := int64(27 + segments)
		for _, l := range lacing {
			n += int64(l)
		}
		if n > f.size-off {
			return f.short(off, "page")
		}
		if off == 0 {
			page := make([]byte, n) // at most 27 + 255 + 255*255
			if _, err := f.r.ReadAt(page, 0); err != nil && err != io.EOF {
				return 0, err
			}
			copy(page[22:26], "\x00\x00\x00\x00")
			if oggCRC(page) != want {
				return 0, errNotMine
			}
			f.certain("crc32 of the first page ok")
		}
		off += n
	}
}

// oggCRC is CRC-32 with polynomial 0x04C11DB7, not reflected, start 0.
func oggCRC(p []byte) (c uint32) {
	for _, b := range p {
		c ^= uint32(b) << 24
		for range 8 {
			if c>>31 != 0 {
				c = c<<1 ^ 0x04C11DB7
			} else {
				c <<= 1
			}
		}
	}
	return c
}

func flac(f *file) (int64, error) {
	if f.b32(4)&0x7FFFFFFF != 34 { // STREAMINFO comes first and has 34 bytes
		return 0, errNotMine
	}
	for off := int64(4); off < f.size; {
		h := f.b32(off)
		if h < 0 {
			return f.short(off, "metadata block")
		}
		off += 4 + h&0xFFFFFF
		if h>>31 != 0 {
			if s := f.b16(off); s&^3 != 0xFFF8 {
				return f.size, fmt.Errorf("frame at %#x: sync code expected, found %04x", off, s)
			}
			break
		}
	}
	return f.size, nil
}

func swf(f *file) (int64, error) {
	h := f.at(0, 8)
	if h == nil || h[3] == 0 || h[3] > 60 || le.Uint32(h[4:]) < 21 {
		return 0, errNotMine
	}
	f.note("version", "%d", h[3])
	if h[0] == 'F' {
		return int64(le.Uint32(h[4:])), nil
	}
	if h[0] == 'C' && f.u8(8)&0x0F != 8 { // zlib
		return 0, errNotMine
	}
	return f.size, nil
}

// pdf ends behind the last end mark: an incremental update appends a further one.
func pdf(f *file) (int64, error) {
	const mark, step = "%%EOF", 64 << 10
	f.note("version", "%s", f.at(5, 3))
	buf := make([]byte, step+len(mark))
	for hi := f.size; hi > 0; hi -= min(step, hi) {
		lo := max(0, hi-step)
		n, _ := f.r.ReadAt(buf[:min(int64(len(buf)), f.size-lo)], lo)
		i := bytes.LastIndex(buf[:n], []byte(mark))
		if i < 0 {
			continue
		}
		end := lo + int64(i) + int64(len(mark))
		if f.u8(end) == '\r' {
			end++
		}
		if f.u8(end) == '\n' {
			end++
		}
		return end, nil
	}
	return f.short(0, "end mark")
}

func woff(f *file) (int64, error) {
	n, tables := f.b32(8), f.b16(12)
	if n < 44 || tables < 1 || f.b16(14) != 0 {
		return 0, errNotMine
	}
	return n, nil
}

func sfnt(f *file) (int64, error) {
	n := f.b16(4)
	if n < 4 || n > 256 {
		return 0, errNotMine
	}
	log := int64(bits.Len(uint(n)) - 1)
	if f.b16(6) != 16<<log || f.b16(8) != log || f.b16(10) != 16*n-16<<log {
		return 0, errNotMine
	}
	end := 12 + 16*n
	for i := range n {
		e := f.at(12+16*i, 16)
		if e == nil || !printable(e[:4]) {
			return f.short(12+16*i, "table record")
		}
		end = max(end, int64(be.Uint32(e[8:]))+int64(be.Uint32(e[12:])))
	}
	f.note("tables", "%d", n)
	if end > f.size {
		return end, nil
	}
	var sum uint32
	buf := make([]byte, 32<<10)
	for off := int64(0); off < end; off += int64(len(buf)) {
		p := buf[:min(int64(len(buf)), end-off)]
		f.r.ReadAt(p, off)
		for ; len(p) >= 4; p = p[4:] {
			sum += be.Uint32(p)
		}
		var last [4]byte
		copy(last[:], p)
		sum += be.Uint32(last[:])
	}
	if sum == 0xB1B0AFBA {
		f.certain("sum over the file ok")
	}
	return min((end+3)&^3, f.size), nil
}

func eot(f *file) (int64, error) {
	n, font := f.l32(0), f.l32(4)
	switch f.l32(8) {
	case 0x00010000, 0x00020001, 0x00020002:
	default:
		return 0, errNotMine
	}
	if font <= 0 || n < 82 || font > n-82 {
		return 0, errNotMine
	}
	return n, nil
}

func icc(f *file) (int64, error) {
	n, tags := f.b32(0), f.b32(128)
	if n < 132 || tags < 0 || tags > 256 || f.u8(8) == 0 || f.u8(8) > 5 || 132+12*tags > n {
		return 0, errNotMine
	}
	f.note("class", "%s", f.at(12, 4))
	return n, nil
}
