package exe

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
)

// Kernel is what a Linux kernel without any header ("vmlinux.bin", ARM
// "Image") tells about itself. All places are relative to the first byte that
// was read, which is where the linker put _text.
type Kernel struct {
	// Banner is the line "Linux version N…", "" where none was found.
	Banner   string
	BannerAt Place
	// Arch is by the instructions met in the first third, "" where they are
	// of no set that is known here.
	Arch  string
	Class int
	Order binary.ByteOrder
	// Base is the address of the first byte. Confirmed says by what it was
	// proved; "" where it is a guess.
	Base      uint64
	Confirmed string
	// Symbols is nil for a kernel without CONFIG_KALLSYMS.
	Symbols *Kallsyms
	// Exports is nil where the table was not found: without CONFIG_MODULES,
	// and where it holds relative references.
	Exports *Exports
	// Exceptions is the table of instructions that may fault; Len 0 where it
	// was not found.
	Exceptions Place
	// CodeTo is the end of the last instruction before the version line that
	// Exceptions names.
	CodeTo int64
	// Bounds are the addresses of the symbols that the linker script puts
	// between sections, "_etext" and the like, as far as Symbols has them.
	Bounds map[string]uint64

	functions []uint64 // some of them
	head      bool     // the first page is code of Arch
}

// ErrNotKernel is ReadKernel's answer to bytes that are no kernel.
var ErrNotKernel = errors.New("not a Linux kernel")

const (
	// KernelBanner begins the kernel's version line.
	KernelBanner = "Linux version "
	// maxScan bounds how far the banner and the symbols are looked for.
	maxScan = 128 << 20
	// maxTries bounds the token tables that are looked at.
	maxTries  = 1 << 10
	maxProven = 4 // of them, those that are token tables
)

// Values of Kernel.Confirmed.
const (
	ByExports   = "base by their names"
	ByBanner    = "version line at its symbol"
	ByFunctions = "functions at their symbols"
)

// bounds are the names of Kernel.Bounds: include/asm-generic/sections.h.
var bounds = []string{
	"_text", "_stext", "_etext", "__start_rodata", "__end_rodata", "_sdata", "_edata", "__init_begin", "__init_end",
	"_sinittext", "_einittext", "__start___ex_table", "__stop___ex_table", "__bss_start", "__bss_stop", "_end", "linux_banner",
}

// ReadKernel looks for the version line and the tables of a kernel that
// begins at r's first byte. It fails where there is neither a symbol table
// nor a version line in a place that begins with code.
func ReadKernel(r io.ReaderAt, size int64) (*Kernel, error) {
	k := &Kernel{}
	tries, proven := 0, 0
	err := scan(r, min(size, maxScan), func(b []byte, off int64) (bool, error) {
		if k.Banner == "" {
			k.banner(b, off)
		}
		for i := 0; k.Symbols == nil && tries < maxTries && proven < maxProven; i++ {
			j := bytes.Index(b[i:], []byte(KernelDigits))
			if j < 0 {
				break
			}
			i += j
			tries++
			s, err := ReadKallsyms(r, size, off+int64(i))
			switch err {
			case nil:
				k.Symbols = s
			case errNoKallsyms:
				proven++
			case errNoTokens:
			default:
				return false, err
			}
		}
		return k.Banner != "" && k.Symbols != nil, nil
	})
	if err != nil {
		return nil, err
	}
	if k.Banner == "" && k.Symbols == nil {
		return nil, ErrNotKernel
	}
	if err := k.code(r, size); err != nil {
		return nil, err
	}
	if s := k.Symbols; s != nil {
		k.Order = s.Order
		if s.Class != 0 {
			k.Class = s.Class
			k.bounds()
		}
	}
	if k.Arch == "" && k.Symbols == nil {
		return nil, ErrNotKernel
	}
	if k.Order != nil && k.Class != 0 {
		if err := k.pairs(r, size); err != nil {
			return nil, err
		}
	}
	return k, k.confirm(r, size)
}

// scan calls f with overlapping pieces of r until it says that it has enough.
func scan(r io.ReaderAt, size int64, f func(b []byte, off int64) (enough bool, err error)) error {
	const overlap = 1 << 10
	buf := make([]byte, min(size, 256<<10))
	for off := int64(0); off < size; {
		b := buf[:min(int64(len(buf)), size-off)]
		if n, err := r.ReadAt(b, off); n < len(b) {
			return err
		}
		if enough, err := f(b, off); enough || err != nil {
			return err
		}
		if off += int64(len(b)); off < size {
			off -= overlap
		}
	}
	return nil
}

// banner looks for the line "Linux version 5.4.0 (user@host) (gcc …) #1 …".
// The same bytes stand in programs that print such a line; there a format
// follows.
func (k *Kernel) banner(b []byte, off int64) {
	for i := 0; ; {
		j := bytes.Index(b[i:], []byte(KernelBanner))
		if j < 0 {
			return
		}
		i += j
		line := b[i:min(len(b), i+512)]
		n := bytes.IndexByte(line, 0)
		i += len(KernelBanner)
		if n < 0 || line[n-1] != '\n' {
			continue
		}
		text := string(line[:n-1])
		version := text[len(KernelBanner):]
		if version == "" || version[0] < '1' || version[0] > '9' || !strings.Contains(text, " (") || !strings.Contains(text, "@") || !strings.Contains(text, " #") || strings.ContainsAny(text, "%\n") {
			continue
		}
		k.Banner, k.BannerAt = text, Place{Off: off + int64(i-len(KernelBanner)), Len: int64(n + 1)}
		return
	}
}

// bounds takes the addresses that the linker script names.
func (k *Kernel) bounds() {
	want := make(map[string]bool, len(bounds))
	for _, name := range bounds {
		want[name] = true
	}
	k.Bounds = map[string]uint64{}
	first := uint64(0)
	for s := range k.Symbols.Symbols() {
		if want[s.Name] {
			k.Bounds[s.Name] = s.Addr
		}
		if first == 0 && kernelAddress(s.Addr, k.Class) {
			first = s.Addr
		}
	}
	switch text, ok := k.Bounds["_text"]; {
	case ok:
		k.Base = text
	default:
		// Without CONFIG_KALLSYMS_ALL only what lies in [_stext, _etext] and in
		// [_sinittext, _einittext] is listed. _text begins a page.
		if stext, ok := k.Bounds["_stext"]; ok {
			first = stext
		}
		k.Base = first &^ 0xfff
	}
}

// Offset maps an address to the place of its byte.
func (k *Kernel) Offset(addr uint64) int64 { return int64(addr - k.Base) }

// Bound is the place that a symbol of Bounds names, which may lie behind the
// bytes that are there, or −1 where it is not listed.
func (k *Kernel) Bound(name string) int64 {
	if addr, ok := k.Bounds[name]; ok && addr >= k.Base && addr-k.Base < maxKernel {
		return k.Offset(addr)
	}
	return -1
}

// confirm proves the base, and with it that _text is r's first byte: a kernel
// that stands in an archive begins elsewhere.
func (k *Kernel) confirm(r io.ReaderAt, size int64) error {
	_, exact := k.Bounds["_text"]
	if k.Exports != nil {
		switch base := k.Exports.base; {
		case base&0xfff != 0, k.Symbols != nil && (base > k.Base || k.Base-base > k.gap()):
			return ErrNotKernel
		case exact || k.head:
			k.Base, k.Confirmed = base, ByExports
		}
		return nil
	}
	if k.Symbols == nil || k.Symbols.Class == 0 {
		return nil
	}
	if at := k.Bound("linux_banner"); at >= 0 && exact && k.Banner != "" {
		// Some kernels hold the line twice.
		n := int64(len(k.Banner))
		if at+n > size {
			return nil
		}
		b, err := readAt(r, at, n)
		if err != nil {
			return err
		}
		if string(b) != k.Banner {
			return ErrNotKernel
		}
		k.Confirmed, k.BannerAt.Off = ByBanner, at
		return nil
	}
	if !exact && !k.head {
		return nil
	}
	return k.slide(r, size)
}

// gap is how far before its guess the base may be. The guess is the page of
// _stext; where _stext begins a section of the processor's page table, what
// stands before it begins an earlier one.
func (k *Kernel) gap() uint64 {
	stext := k.Bounds["_stext"]
	if _, exact := k.Bounds["_text"]; exact || stext == 0 || stext&0xffff != 0 {
		return 0
	}
	return min(stext&-stext, 2<<20)
}

// slide looks for the base at which most functions begin where their symbols
// say.
func (k *Kernel) slide(r io.ReaderAt, size int64) error {
	const step, enough = 0x1000, 25
	guess := k.Base
	for d := uint64(0); d <= k.gap() && d < guess; d += step {
		k.Base = guess - d
		for _, n := range []int{32, 1024} {
			share, err := k.prologues(r, size, n)
			if err != nil {
				return err
			}
			if share < enough {
				break
			}
			if n == 1024 {
				k.Confirmed = ByFunctions
				return nil
			}
		}
	}
	k.Base = guess
	return nil
}

// prologues returns which share of n functions begins as functions do, in
// percent. Elsewhere such words are a few percent of code.
func (k *Kernel) prologues(r io.ReaderAt, size int64, n int) (int, error) {
	begins := prologue[k.Arch]
	if begins == nil {
		return 0, nil
	}
	if k.functions == nil {
		k.functions = []uint64{}
		step, i := max(1, k.Symbols.Count/1024), 0
		for s := range k.Symbols.Symbols() {
			if i++; i%step == 0 && (s.Type == 'T' || s.Type == 't') {
				k.functions = append(k.functions, s.Addr)
			}
		}
	}
	var b [4]byte
	met, looked := 0, 0
	for i := 0; i < len(k.functions); i += max(1, len(k.functions)/n) {
		off := k.Offset(k.functions[i])
		if off < 0 || off+4 > size {
			continue
		}
		if m, err := r.ReadAt(b[:], off); m < len(b) {
			return 0, err
		}
		looked++
		if begins(k.Order.Uint32(b[:])) {
			met++
		}
	}
	if looked < 16 {
		return 0, nil
	}
	return met * 100 / looked, nil
}
