// Package ubootenv reads the environment that U-Boot keeps in flash: variables
// such as the kernel's command line, behind a CRC-32.
//
//	0x00  4  crc    CRC-32 of everything behind the header, in the byte
//	                order of the processor
//	0x04  1  flags  only where two copies are kept: 1 active, 0 obsolete, or
//	                a counter
//	0x05     name=value, zero-terminated, one after the other
//	         a zero ends the list, the rest is filled
//
// The size is a constant of the boot loader and stands nowhere: it is the one
// for which the checksum fits.
package ubootenv

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/wardein/wardein"
)

const (
	minSize = 0x200
	maxSize = 0x80000
	step    = 0x1000
	maxVars = 1024
	maxNote = 4096
)

// first are the names of variables that environments begin with: U-Boot sorts
// them when it saves, and compiled-in environments begin with bootargs or
// bootcmd.
var first = []string{
	"addip=", "addmisc=", "addtty=", "altbootcmd=", "arch=", "autoload=", "baudrate=", "board=", "board_name=", "boot_targets=",
	"bootargs=", "bootcmd=", "bootcount=", "bootdelay=", "bootfile=", "console=", "ethact=", "ethaddr=", "fdt_addr=", "fdtfile=",
}

// Format is the environment, single or one of two copies.
var Format = wardein.Format{
	Name:    "uboot-env",
	Version: 1,
	Doc: wardein.Doc{
		About: "U-Boot environment: the boot loader's variables (boot command, kernel command line, addresses, serial numbers).",
		How: "A list of variables that begins with one of 20 usual names is believed when the CRC-32 before it fits for some size: " +
			"a power of two from 512 bytes on, a multiple of 4 KiB up to 512 KiB, or all that is there. The variables become notes and the member \"environment\".",
		FalseNegatives: []string{
			"an environment whose first variable has another name is not seen",
			"the compiled-in environment in the boot loader's data has no checksum and is not recognised",
		},
		Limits: []string{"at most 1024 variables become notes, cut to 4096 bytes"},
		References: []string{
			"U-Boot include/env_internal.h, struct environment_s",
			"mkenvimage(1), fw_printenv(8)",
		},
	},
	Magic:   magics(),
	Measure: measure,
	Extract: extract,
}

func magics() []wardein.Magic {
	var all []wardein.Magic
	for _, name := range first {
		all = append(all, wardein.Magic{Bytes: name, Back: 4}, wardein.Magic{Bytes: name, Back: 5})
	}
	return all
}

// header is where the variables begin, 4 or 5, and the environment's size.
type header struct {
	vars, size int64
	order      string
}

func known(b []byte) bool {
	for _, name := range first {
		if bytes.HasPrefix(b, []byte(name)) {
			return true
		}
	}
	return false
}

// maxVariable is how far the first variable may reach: beyond it a text that
// happens to hold a variable's name is not read on.
const maxVariable = 4 << 10

func find(r *io.SectionReader) (header, error) {
	var head [64]byte
	n, err := r.ReadAt(head[:], 0)
	if n < len(head) {
		if err == io.EOF {
			err = wardein.ErrNotMine
		}
		return header{}, err
	}
	// A candidate begins at the checksum; which layout it is shows where a
	// name stands.
	var layouts []int64
	if known(head[4:]) {
		layouts = append(layouts, 4)
	}
	if known(head[5:]) {
		layouts = append(layouts, 5)
	}
	if len(layouts) == 0 {
		return header{}, wardein.ErrNotMine
	}
	little, big := binary.LittleEndian.Uint32(head[:]), binary.BigEndian.Uint32(head[:])
	for _, vars := range layouts {
		var sum uint32
		ended := false // a variable ended
		buf := make([]byte, minSize)
		pos := vars
		limit := min(r.Size(), maxSize)
		for pos < limit {
			next := nextSize(pos, limit)
			for pos < next {
				b := buf[:min(int64(len(buf)), next-pos)]
				if n, err := r.ReadAt(b, pos); n < len(b) {
					return header{}, err
				}
				// The list, what older boot loaders left behind it, and the
				// fill are all text, 00 or ff: anything else ends the search,
				// so that variables in a program's data cost little.
				ended = ended || bytes.IndexByte(b, 0) >= 0
				if !isText(b) || !ended && pos > maxVariable {
					next = -1
					break
				}
				sum = crc32.Update(sum, crc32.IEEETable, b)
				pos += int64(len(b))
			}
			switch {
			case next < 0:
				pos = limit
			case sum == little:
				return header{vars, pos, "little-endian"}, nil
			case sum == big:
				return header{vars, pos, "big-endian"}, nil
			}
		}
	}
	return header{}, wardein.ErrNotMine
}

// nextSize is the least size above pos that an environment may have.
func nextSize(pos, limit int64) int64 {
	size := int64(minSize)
	for size <= pos && size < step {
		size *= 2
	}
	if size <= pos {
		size = (pos/step + 1) * step
	}
	return min(size, limit)
}

var textBytes = func() (t [256]bool) {
	for c := range t {
		t[c] = c >= ' ' && c != 0x7F || c == 0 || c == '\t' || c == '\n' || c == '\r'
	}
	return t
}()

// isText accepts bytes above 0x7f, too: a value may hold UTF-8.
func isText(b []byte) bool {
	for _, c := range b {
		if !textBytes[c] {
			return false
		}
	}
	return true
}

func measure(r *io.SectionReader) (wardein.Claim, error) {
	h, err := find(r)
	if err != nil {
		return wardein.Claim{}, err
	}
	return wardein.Claim{End: h.size, Confidence: wardein.Certain, Evidence: fmt.Sprintf("crc32 over %d bytes ok", h.size-h.vars)}, nil
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	h, err := find(r)
	if err != nil {
		return 0, err
	}
	out.Span(wardein.Span{Len: h.vars, What: wardein.Known, Is: "header"})
	out.Note("byte-order", h.order)
	if h.vars == 5 {
		var b [5]byte
		r.ReadAt(b[:], 0)
		out.Note("flags", fmt.Sprint(b[4]))
	}
	b := make([]byte, h.size-h.vars)
	if n, err := r.ReadAt(b, h.vars); n < len(b) {
		return h.size, err
	}
	list := b
	if end := bytes.Index(b, []byte{0, 0}); end >= 0 {
		list = b[:end+2]
	}
	if err := out.Extents(wardein.Entry{Name: "environment"}, []wardein.Extent{{Off: h.vars, Len: int64(len(list))}}); err != nil {
		return h.size, err
	}
	for i, v := range bytes.Split(bytes.TrimRight(list, "\x00"), []byte{0}) {
		if i == maxVars {
			out.Gap(wardein.Gap{Kind: wardein.Limit, Off: h.vars, Why: fmt.Sprintf("environment at %#x: more than %d variables, noted %d", h.vars, maxVars, maxVars)})
			break
		}
		name, value, _ := bytes.Cut(v, []byte{'='})
		out.Note("env "+string(name[:min(len(name), 256)]), string(value[:min(len(value), maxNote)]))
	}
	return h.size, ctx.Err()
}
