// Package kernelimage builds small Linux kernels without a header, for tests:
// the tables are laid out as the kernel's build does, the code is made of
// instructions without sense.
package kernelimage

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
)

// Order is binary.LittleEndian or binary.BigEndian.
type Order interface {
	binary.ByteOrder
	binary.AppendByteOrder
}

// Image says what to build.
type Image struct {
	Arch      string // arm, mips, mips64, ppc, ppc64
	Order     Order
	Class     int
	Base      uint64 // of the first byte
	Functions int

	// Symbols is "" for a kernel without CONFIG_KALLSYMS, "absolute",
	// "relative", "percpu" (relative, with absolute symbols among them) or
	// "unrelocated" (relative to a base that is 0 in the file).
	Symbols string
	All     bool // CONFIG_KALLSYMS_ALL
	Longs   bool // num_syms and markers are longs, up to 4.19
	Seqs    bool // seqs_of_names behind the markers, 6.2 and 6.3
	Behind  bool // offsets stand behind the token index, from 6.4
	Align   int  // of the tables; 0: Class/8
	Long    bool // one name is longer than 127 tokens, from 6.1

	Exports int  // addresses an entry: 0 (no table), 2, 3
	Sums    bool // CONFIG_MODVERSIONS

	Banner string
	Data   []byte // stands in the data
}

// Symbol is one that was put in.
type Symbol struct {
	Addr uint64
	Type byte
	Name string
}

// Truth says what was built.
type Truth struct {
	Symbols, Exports []Symbol
	Places           map[string]int // by the kernel's names
}

type builder struct {
	Image
	b     []byte
	truth Truth
}

func (k *builder) mark(name string) { k.truth.Places[name] = len(k.b) }

func (k *builder) align(n int) {
	for len(k.b)%n != 0 {
		k.b = append(k.b, 0)
	}
}

func (k *builder) u32(v uint32) { k.b = k.Order.AppendUint32(k.b, v) }

func (k *builder) long(v uint64) {
	if k.Class == 64 {
		k.b = k.Order.AppendUint64(k.b, v)
		return
	}
	k.u32(uint32(v))
}

func (k *builder) addr(at int) uint64 { return k.Base + uint64(at) }

// code are first instructions, others, and the last of a function.
var code = map[string][3][]uint32{
	"arm":    {{0xe92d4010, 0xe1a0c00d}, {0xe59f0010, 0xe3500000, 0x0a000002, 0xe5901004, 0xe2811001, 0xe5801004}, {0xe8bd8010}},
	"mips":   {{0x27bdffe0, 0x27bdffd8}, {0xafbf001c, 0x8c820004, 0x24420001, 0xac820004, 0x8fbf001c, 0x3c028001}, {0x03e00008, 0x27bd0020}},
	"mips64": {{0x67bdffe0, 0x67bdffd0}, {0xffbf0018, 0xdc820008, 0x64420001, 0xfc820008, 0xdfbf0018, 0x3c028001}, {0x03e00008, 0x67bd0020}},
	"ppc":    {{0x9421ffe0, 0x7c0802a6}, {0x90010024, 0x81230004, 0x39290001, 0x91230004, 0x80010024, 0x7c0803a6}, {0x38210020, 0x4e800020}},
	"ppc64":  {{0xf821ffe1, 0x7c0802a6}, {0xf8010030, 0xe9230008, 0x39290001, 0xf9230008, 0xe8010030, 0x7c0803a6}, {0x38210020, 0x4e800020}},
}

// Build makes the image.
func Build(i Image) ([]byte, Truth) {
	k := &builder{Image: i, truth: Truth{Places: map[string]int{}}}
	if k.Align == 0 {
		k.Align = k.Class / 8
	}
	var symbols []Symbol
	add := func(at int, typ byte, name string) { symbols = append(symbols, Symbol{k.addr(at), typ, name}) }
	words := code[k.Arch]
	k.mark("_text")
	add(0, 'T', "_text")
	for range 4 {
		k.u32(words[1][0])
	}
	k.b = append(k.b, make([]byte, 48)...)
	k.mark("_stext")
	add(len(k.b), 'T', "_stext")
	var starts []int
	for f := range k.Functions {
		name := fmt.Sprintf("%s_%s%d", [...]string{"net", "usb", "ext4", "tty", "vfs"}[f%5], [...]string{"init", "open", "write", "release"}[f%4], f)
		if k.Long && f == 7 {
			name += strings.Repeat("QZ", 100)
		}
		starts = append(starts, len(k.b))
		add(len(k.b), "Tt"[f%2], name)
		k.u32(words[0][f%2])
		for n := range 3 + f%4 {
			k.u32(words[1][(f+n)%6])
		}
		for _, w := range words[2] {
			k.u32(w)
		}
	}
	k.mark("_etext")
	add(len(k.b), 'T', "_etext")
	k.align(16)
	k.mark("__start___ex_table")
	for n := range 20 {
		k.long(k.addr(starts[3*n] + 4))
		k.long(k.addr(starts[len(starts)-1-n%7]))
	}
	k.mark("__stop___ex_table")
	k.align(64)
	k.mark("__start_rodata")
	k.b = append(k.b, "%s version %s (maker@box.example)\n\x00"...)
	k.align(4)
	k.mark("linux_banner")
	k.b = append(k.b, k.Banner+"\n\x00"...)
	if k.All {
		add(k.truth.Places["__start_rodata"], 'D', "__start_rodata")
		add(k.truth.Places["linux_banner"], 'D', "linux_banner")
	}
	// What follows has known lengths only once the tables are written: they
	// are written twice, as the kernel's build links twice.
	body := len(k.b)
	later := map[string]int{}
	for range 2 {
		k.b = k.b[:body]
		list := slices.Clone(symbols)
		if k.All {
			for _, name := range []string{"__end_rodata", "__init_begin", "_sinittext", "_einittext", "__init_end", "_sdata", "_edata", "__bss_start", "_end"} {
				list = append(list, Symbol{k.addr(later[name]), 'D', name})
			}
		}
		if k.Symbols == "percpu" {
			list = append([]Symbol{{0, 'A', "fixed_percpu_data"}, {0x40, 'A', "cpu_number"}}, list...)
		}
		slices.SortStableFunc(list, func(a, b Symbol) int { return int(int64(a.Addr/2) - int64(b.Addr/2)) })
		if k.Symbols != "" {
			k.kallsyms(list)
			k.truth.Symbols = list
		}
		if k.Exports > 0 {
			k.exports(starts)
		}
		k.mark("__end_rodata")
		k.align(256)
		k.mark("__init_begin")
		k.mark("_sinittext")
		for n := range 16 {
			k.u32(words[1][n%6])
		}
		k.mark("_einittext")
		k.align(256)
		k.mark("__init_end")
		k.mark("_sdata")
		k.b = append(k.b, k.Data...)
		k.u32(0x2a)
		k.mark("_edata")
		later["__bss_start"] = (len(k.b) + 255) &^ 255
		later["_end"] = later["__bss_start"] + 0x400
		for name, at := range k.truth.Places {
			later[name] = at
		}
	}
	return k.b, k.truth
}

func (k *builder) table(name string) {
	k.align(k.Align)
	k.mark(name)
}

func (k *builder) kallsyms(list []Symbol) {
	tokens := [256]string{}
	for i := range tokens {
		if i == '_' || i == '.' || i == '$' || i >= '0' && i <= '9' || i >= 'a' && i <= 'z' || i >= 'A' && i <= 'Z' {
			tokens[i] = string(rune(i))
		}
	}
	for i, s := range []string{"_init", "_open", "_write", "_release", "tnet", "Tusb", "text4", "Ttty", "tvfs", "__start_", "__end_"} {
		tokens[1+i] = s
	}
	encode := func(s string) (out []byte) {
		for len(s) > 0 {
			best := s[0]
			for i, t := range tokens {
				if len(t) > len(tokens[best]) && strings.HasPrefix(s, t) {
					best = byte(i)
				}
			}
			out = append(out, best)
			s = s[len(tokens[best]):]
		}
		return out
	}
	base := list[0].Addr
	if k.Symbols == "percpu" {
		base = list[2].Addr
	}
	addresses := func() {
		if k.Symbols == "absolute" {
			k.table("kallsyms_addresses")
			for _, s := range list {
				k.long(s.Addr)
			}
			return
		}
		k.table("kallsyms_offsets")
		for _, s := range list {
			switch {
			case k.Symbols != "percpu":
				k.u32(uint32(s.Addr - base))
			case s.Type == 'A':
				k.u32(uint32(s.Addr))
			default:
				k.u32(uint32(base - s.Addr - 1))
			}
		}
		k.table("kallsyms_relative_base")
		if k.Symbols == "unrelocated" {
			k.long(0)
		} else {
			k.long(base)
		}
	}
	count := func(v int) {
		if k.Longs {
			k.long(uint64(v))
		} else {
			k.u32(uint32(v))
		}
	}
	seqs := func() {
		k.table("kallsyms_seqs_of_names")
		for i := range list {
			n := (i*7 + 3) % len(list)
			k.b = append(k.b, byte(n>>16), byte(n>>8), byte(n))
		}
	}
	if !k.Behind {
		addresses()
	}
	k.table("kallsyms_num_syms")
	count(len(list))
	k.table("kallsyms_names")
	names := len(k.b)
	var markers []int
	for i, s := range list {
		if i&0xff == 0 {
			markers = append(markers, len(k.b)-names)
		}
		e := encode(string(s.Type) + s.Name)
		if len(e) > 0x7f {
			k.b = append(k.b, byte(len(e))|0x80, byte(len(e)>>7))
		} else {
			k.b = append(k.b, byte(len(e)))
		}
		k.b = append(k.b, e...)
	}
	k.table("kallsyms_markers")
	for _, m := range markers {
		count(m)
	}
	if k.Seqs {
		seqs()
	}
	k.table("kallsyms_token_table")
	var index []int
	start := len(k.b)
	for _, t := range tokens {
		index = append(index, len(k.b)-start)
		k.b = append(append(k.b, t...), 0)
	}
	k.table("kallsyms_token_index")
	for _, i := range index {
		k.b = k.Order.AppendUint16(k.b, uint16(i))
	}
	if k.Behind {
		addresses()
		seqs()
	}
}

func (k *builder) exports(starts []int) {
	k.align(k.Class / 8)
	n := min(40, len(starts))
	var names []byte
	var at []int
	k.truth.Exports = nil
	for i := range n {
		name := fmt.Sprintf("exported_%c%d", 'a'+i%26, i)
		at = append(at, len(names))
		names = append(append(names, name...), 0)
		k.truth.Exports = append(k.truth.Exports, Symbol{k.addr(starts[i]), '?', name})
	}
	// The table is sorted by name.
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return strings.Compare(k.truth.Exports[a].Name, k.truth.Exports[b].Name)
	})
	slices.SortFunc(k.truth.Exports, func(a, b Symbol) int { return strings.Compare(a.Name, b.Name) })
	k.mark("__start___ksymtab")
	strings := len(k.b) + n*k.Exports*k.Class/8
	if k.Sums {
		strings += 4 * n
	}
	for _, i := range order {
		k.long(k.addr(starts[i]))
		k.long(k.addr(strings + at[i]))
		if k.Exports == 3 {
			k.long(k.addr(strings + len(names) - 1)) // the empty name space
		}
	}
	if k.Sums {
		for i := range n {
			k.u32(uint32(i+1) * 0x9e3779b1)
		}
	}
	k.mark("__ksymtab_strings")
	k.b = append(k.b, names...)
}

// Equal says how b differs from a, "" for not at all.
func Equal(a, b []byte) string {
	if bytes.Equal(a, b) {
		return ""
	}
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return fmt.Sprintf("byte %#x", i)
		}
	}
	return fmt.Sprintf("%d bytes, %d", len(a), len(b))
}
