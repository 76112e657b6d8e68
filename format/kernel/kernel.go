// Package kernel reads Linux kernels that have no header: what a uImage, a
// zImage or a vendor's container holds once it is decompressed ("vmlinux.bin",
// ARM "Image"). It is the memory of the kernel from _text to the end of its
// data, as objcopy -O binary writes it; nothing says so at the beginning.
//
//	_text           head, code; _etext
//	                exception table (mips: here)
//	__start_rodata  version line, kallsyms, exported symbols; __end_rodata
//	                (arm: exception table)
//	__init_begin    initial code and data, initramfs; __init_end
//	_sdata          data; _edata
//	__bss_start     is not in the file
//
// The order of the last three depends on the architecture. Package exe finds
// the tables; this package turns them into spans.
package kernel

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/exe"
)

// Format is the kernel without a header.
var Format = wardein.Format{
	Name:    "linux-kernel",
	Version: 1,
	Doc: wardein.Doc{
		About: "Linux kernel without a header: the decompressed payload of a uImage, a zImage or a vendor's container.",
		How: "The symbol table (CONFIG_KALLSYMS) and the table of exported symbols prove themselves: each name's place is said twice. The address " +
			"of the first byte is proved by the exported names, by the version line at its symbol, or by functions that begin at their symbols. " +
			"What lies between the symbols of the linker script is a span; data is searched for what kernels embed (initramfs, " +
			"configuration, device trees, vdso). The symbols become the members \"kallsyms\" and \"exports\".",
		FalseNegatives: []string{
			"a kernel with neither table is claimed only where nothing surer lies inside it, and all but its version line stays unknown",
		},
		Limits: []string{
			"without CONFIG_KALLSYMS_ALL the symbols of data are missing: data stays unknown, and read-only data is known from the first to the last table in it",
			"without any symbol table, code is known as far as the exception table tells",
			"where no symbol tells the end, what stands behind the kernel counts as part of it, and is searched",
			"the kernel begins at the first byte of a node: one that follows other bytes is not found",
			"kernels older than 2.6.10 and symbol tables of fewer than 257 names are not read",
			"exported symbols are read where they are stored as addresses (mips, arm, powerpc), not as relative references",
			"processors told: arm, aarch64, mips, mips64, ppc, ppc64; Thumb-2 and x86 are not",
			"64-bit ARM and RISC-V kernels with their header are linuximage, kernels in ELF are elf",
		},
		References: []string{
			"Linux scripts/kallsyms.c, kernel/kallsyms.c (2.6.10 to 6.12)",
			"Linux include/asm-generic/vmlinux.lds.h, include/asm-generic/sections.h, arch/*/kernel/vmlinux.lds.S",
			"Linux include/linux/export.h",
		},
	},
	Magic:   []wardein.Magic{{Bytes: exe.KernelDigits, Inside: true}, {Bytes: exe.KernelBanner, Inside: true}},
	Measure: measure,
	Extract: extract,
}

// least is less than any kernel, and holds the samples.
const least = 4 << 10

// read reads the kernel. Those with a header have formats of their own.
func read(r *io.SectionReader) (*exe.Kernel, error) {
	var head [0x40]byte
	if r.Size() < least {
		return nil, wardein.ErrNotMine
	}
	if n, err := r.ReadAt(head[:], 0); n < len(head) {
		return nil, err
	}
	magic := string(head[0x38:0x3c])
	if string(head[:4]) == exe.Magic || string(head[:2]) == "MZ" || magic == "ARM\x64" || magic == "RSC\x05" {
		return nil, wardein.ErrNotMine
	}
	k, err := exe.ReadKernel(r, r.Size())
	if errors.Is(err, exe.ErrNotKernel) {
		err = wardein.ErrNotMine
	}
	return k, err
}

func measure(r *io.SectionReader) (wardein.Claim, error) {
	k, err := read(r)
	if err != nil {
		return wardein.Claim{}, err
	}
	end, whole := end(k, r.Size())
	claim := wardein.Claim{End: end, Confidence: wardein.Possible, Evidence: "version line and code"}
	if k.Symbols != nil {
		claim.Confidence, claim.Evidence = wardein.Likely, fmt.Sprintf("%d symbols", k.Symbols.Count)
	}
	switch k.Confirmed {
	case "":
	case exe.ByExports:
		claim.Confidence, claim.Evidence = wardein.Certain, fmt.Sprintf("%d exported symbols", k.Exports.Count)
	default:
		claim.Confidence, claim.Evidence = wardein.Certain, fmt.Sprintf("%d symbols, %s", k.Symbols.Count, k.Confirmed)
	}
	if whole > r.Size() {
		return claim, fmt.Errorf("symbols at %#x name data up to %#x, %d bytes are there", k.Symbols.Tables[0].Off, whole, r.Size())
	}
	return claim, nil
}

// end says where the kernel ends, and how far it must reach to be whole.
func end(k *exe.Kernel, size int64) (end, whole int64) {
	if k.Confirmed == "" || k.Symbols == nil {
		return size, 0
	}
	data, bss := k.Bound("_edata"), k.Bound("__bss_start")
	whole = max(data, k.Bound("_einittext"), k.Bound("_etext"))
	if data < 0 || bss < 0 {
		return size, whole
	}
	// What is in the file ends with the data or, behind it, the initial code
	// and data; up to the page that __bss_start begins it may be padded.
	return min(size, max(data, bss, k.Bound("__init_end"))), whole
}

func extract(_ context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	k, err := read(r)
	if err != nil {
		return 0, err
	}
	end, _ := end(k, r.Size())
	if k.Banner != "" {
		out.Note("linux", k.Banner)
	}
	if k.Arch != "" {
		out.Note("arch", k.Arch)
	}
	if k.Order != nil {
		out.Note("byte-order", map[bool]string{true: "big-endian", false: "little-endian"}[k.Order.String() == "BigEndian"])
	}
	if k.Class != 0 {
		out.Note("bits", fmt.Sprint(k.Class))
	}
	if k.Confirmed != "" {
		out.Note("base", fmt.Sprintf("%#x", k.Base))
	}
	spans, err := areas(k, r, end)
	if err != nil {
		return end, err
	}
	for _, s := range spans {
		out.Span(s)
	}
	if s := k.Symbols; s != nil {
		out.Note("symbols", fmt.Sprint(s.Count))
		if s.Class == 0 {
			out.Gap(wardein.Gap{Kind: wardein.Unsupported, Off: s.Tables[0].Off, Why: fmt.Sprintf("%d symbols: the table of their addresses was not found", s.Count)})
		}
		if err := out.Stream(wardein.Entry{Name: "kallsyms"}, s.List()); err != nil {
			return end, err
		}
	}
	if e := k.Exports; e != nil {
		out.Note("exports", fmt.Sprint(e.Count))
		if err := out.Stream(wardein.Entry{Name: "exports"}, e.List()); err != nil {
			return end, err
		}
	}
	return end, nil
}

// areas are the spans of a kernel that ends at end.
func areas(k *exe.Kernel, r io.ReaderAt, end int64) ([]wardein.Span, error) {
	var list []wardein.Span
	var failed error
	add := func(from, to int64, is, code string, carve bool) {
		// A section may be padded to the page of the next.
		to = min(to, end)
		if from < 0 || from >= to {
			return
		}
		from, to, err := trim(r, from, to)
		if failed = cmp.Or(failed, err); from < to {
			list = append(list, wardein.Span{Off: from, Len: to - from, What: wardein.Known, Is: is, Code: code, Carve: carve})
		}
	}
	table := func(p exe.Place, is string) {
		if p.Len > 0 && p.Off < end {
			list = append(list, wardein.Span{Off: p.Off, Len: min(p.Len, end-p.Off), What: wardein.Known, Is: is})
		}
	}
	// Tables of the read-only data, between which nothing else stands.
	var first, last int64 = -1, -1
	readonly := func(p exe.Place) {
		if p.Len > 0 && (first < 0 || p.Off < first) {
			first = p.Off
		}
		last = max(last, p.Off+p.Len)
	}
	table(k.BannerAt, "version line")
	readonly(k.BannerAt)
	if s := k.Symbols; s != nil {
		for _, t := range s.Tables {
			table(t.Place, "kallsyms "+t.Name)
			readonly(t.Place)
		}
	}
	if e := k.Exports; e != nil {
		table(e.Table, "exported symbols")
		table(e.Strings, "exported names")
		readonly(e.Table)
		readonly(e.Strings)
	}
	if k.Confirmed == "" {
		return cut(list), failed
	}
	table(k.Exceptions, "exception table")
	text, etext := k.Bound("_stext"), k.Bound("_etext")
	switch {
	case text >= 0 && etext >= 0:
		add(0, text, "head", k.Arch, false)
		add(text, etext, "text", k.Arch, false)
	case k.Exceptions.Len == 0:
	case strings.HasPrefix(k.Arch, "mips"):
		// Its linker script has the table right behind the text.
		add(0, k.Exceptions.Off, "text", k.Arch, false)
	default:
		add(0, k.CodeTo, "text", k.Arch, false)
	}
	if from, to := k.Bound("__start_rodata"), k.Bound("__end_rodata"); from >= 0 && to >= 0 {
		first, last = from, to
	}
	add(first, last, "read-only data", "", true)
	add(k.Bound("_sdata"), k.Bound("_edata"), "data", "", true)
	add(k.Bound("_sinittext"), k.Bound("_einittext"), "initial text", k.Arch, false)
	add(k.Bound("__init_begin"), k.Bound("__init_end"), "initial data", "", true)
	return cut(list), failed
}

// trim takes the zeros at both ends off [from, to).
func trim(r io.ReaderAt, from, to int64) (int64, int64, error) {
	var buf [4 << 10]byte
	for from < to {
		b := buf[:min(int64(len(buf)), to-from)]
		if n, err := r.ReadAt(b, from); n < len(b) {
			return 0, 0, err
		}
		i := slices.IndexFunc(b, func(c byte) bool { return c != 0 })
		if i >= 0 {
			from += int64(i) &^ 3
			break
		}
		from += int64(len(b))
	}
	for from < to {
		b := buf[:min(int64(len(buf)), to-from)]
		if n, err := r.ReadAt(b, to-int64(len(b))); n < len(b) {
			return 0, 0, err
		}
		n := len(b)
		for n > 0 && b[n-1] == 0 {
			n--
		}
		if n > 0 {
			to -= int64(len(b)-n) &^ 3
			break
		}
		to -= int64(len(b))
	}
	return from, to, nil
}

// cut makes spans of which some lie in others tile: the shortest counts, and
// of equals the first.
func cut(list []wardein.Span) (out []wardein.Span) {
	var at []int64
	for _, s := range list {
		at = append(at, s.Off, s.Off+s.Len)
	}
	slices.Sort(at)
	at = slices.Compact(at)
	slices.SortStableFunc(list, func(a, b wardein.Span) int { return cmp.Compare(a.Len, b.Len) })
	owner := -1
	for i := 0; i+1 < len(at); i++ {
		j := slices.IndexFunc(list, func(s wardein.Span) bool { return s.Off <= at[i] && s.Off+s.Len >= at[i+1] })
		if j < 0 {
			owner = -1
			continue
		}
		if j == owner {
			out[len(out)-1].Len += at[i+1] - at[i]
			continue
		}
		s := list[j]
		s.Off, s.Len = at[i], at[i+1]-at[i]
		out, owner = append(out, s), j
	}
	return out
}
