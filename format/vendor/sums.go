package vendor

import (
	"encoding/binary"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
)

// crcOf returns a calc or part sum: the CRC-32 (IEEE) of a run.
func crcOf(off, n int64, patches ...patch) func(h *header) (string, error) {
	return func(h *header) (string, error) { return h.digestOf(crc32.NewIEEE(), off, n, patches...) }
}

// jamCRC is CRC-32 without the final inversion, as boot loaders with a table
// and a start of 0xFFFFFFFF compute it.
type jamCRC struct{ hash.Hash32 }

func newJamCRC() hash.Hash { return jamCRC{crc32.NewIEEE()} }

func (j jamCRC) Sum(b []byte) []byte { return binary.BigEndian.AppendUint32(b, ^j.Sum32()) }

// A word is a checksum of a few bits over a reader, in hexadecimal.
type word func(r io.Reader) (string, error)

// wordOf runs a word over a part of the container.
func (h *header) wordOf(w word, off, n int64, patches ...patch) (string, error) {
	if off < 0 || n < 0 || off > h.end || n > h.end-off {
		return "", fmt.Errorf("%d bytes at %#x are to be summed, the container ends at %#x", n, off, h.end)
	}
	return w(h.patched(off, n, patches...))
}

// each calls f for the bytes of r, in pieces of an even length but the last.
func each(r io.Reader, f func(p []byte)) error {
	buf := make([]byte, 32<<10)
	for {
		n, err := io.ReadFull(r, buf)
		f(buf[:n])
		switch err {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			return nil
		default:
			return err
		}
	}
}

// sum8 adds up bytes.
func sum8(r io.Reader) (string, error) {
	var s uint8
	err := each(r, func(p []byte) {
		for _, b := range p {
			s += b
		}
	})
	return fmt.Sprintf("%02x", s), err
}

// sum32 adds up bytes into 32 bits.
func sum32(r io.Reader) (string, error) {
	var s uint32
	err := each(r, func(p []byte) {
		for _, b := range p {
			s += uint32(b)
		}
	})
	return fmt.Sprintf("%08x", s), err
}

// netgearSum is the pair of sums of mkchkimg: bytes, and sums of bytes, each
// folded into 16 bits.
func netgearSum(r io.Reader) (string, error) {
	var c0, c1 uint32
	err := each(r, func(p []byte) {
		for _, b := range p {
			c0 += uint32(b)
			c1 += c0
		}
	})
	fold := func(c uint32) uint32 {
		b := c&0xFFFF + c>>16
		return (b>>16 + b) & 0xFFFF
	}
	return fmt.Sprintf("%08x", fold(c1)<<16|fold(c0)), err
}
