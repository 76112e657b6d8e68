package equiv

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/wardein/wardein/exe"
	"github.com/wardein/wardein/exe/insn"
)

// Class is what differences of a kind have in common.
type Class string

// The classes of rules, and the one of differences that none accepts.
const (
	Derived     Class = "derived"
	Time        Class = "time"
	Path        Class = "path, host, user"
	Order       Class = "order, padding"
	Compression Class = "compression"
	Signed      Class = "signature"
	Toolchain   Class = "toolchain"
)

// A Rule accepts differences of one kind, and says in Doc exactly which. A rule
// is given the place where two runs of bytes begin to differ; it answers with
// the bytes on both sides that it accounts for, or not at all.
type Rule struct {
	Name  string
	Class Class
	// Doc says what is accepted and when, complete: what it does not say is
	// not accepted. Source says where the form is specified.
	Doc, Source string
	// Never says that the rule names a difference and does not accept it.
	Never bool

	explain func(x *place) (match, bool)
}

// match is what a rule accounts for: runs of both sides.
type match struct {
	a0, a1, b0, b1 int
	why            string
}

// kind is what the bytes are in which a difference stands.
type kind uint8

const (
	data   kind = iota // anything: text, read-only data, a file of no format
	code               // instructions
	closed             // bytes in which no text is looked for: tables, own bytes of containers
	// Fields of containers, see field.
	stamp    // a time
	owner    // a user's or group's number
	label    // a name
	checksum // of other bytes
	size     // a size or an offset that other bytes tell
	number   // of an inode
	coding   // parameters of compression
	other    // any other field
	buildID  // what a linker made of its output
	debugCRC // of a file with debugging information
	debugID  // name of that file
	comment  // of the compiler
	padding
	placed // where something stands that is compared itself
)

// place is where two runs of bytes begin to differ: a[i] and b[j], or the end of
// one. All before is the same, or explained.
type place struct {
	*comparison
	what  kind
	file  string // path of the shipped file
	a, b  []byte
	i, j  int
	field [2]*field // of a container; nil elsewhere
	elf   [2]*exe.File
	addr  uint64 // of a[0] in the program, 0 where it has none
	base  int64  // offset of a[0] and b[0] in the files, with code
	// inst is the instruction of a side around an offset in the file, with
	// where it begins there; nil where none is known.
	inst func(side int, off int64) (in insn.Inst, at int64, ok bool)
}

// Rules are all rules. Of those that accept a difference the first counts.
func Rules() []Rule { return rules }

var rules = []Rule{
	{Name: "digest", Class: Derived,
		Doc: "A run of 32, 40, 64, 96 or 128 hexadecimal digits that is the MD5, SHA-1, SHA-256, SHA-384 or SHA-512 of a file of the shipped release " +
			"becomes the same digest of its counterpart in the rebuilt one; or it is a build-id of the one and becomes that of the other, also " +
			"without its first two digits. Recomputed from both files.",
		Source: "md5sums of deb(5), sha256sum(1), build-id paths of GDB, section 23.3",
		explain: func(x *place) (match, bool) {
			if !x.text() {
				return match{}, false
			}
			return x.digestAt()
		}},
	{Name: "checksum", Class: Derived,
		Doc: "A checksum in a container's header or trailer that is right on both sides: uImage header and data CRC, TRX CRC, gzip CRC-32 and header " +
			"CRC-16, checksums of tar headers and of cpio members. Recomputed from each side's own bytes; one that is wrong on a side is not accepted.",
		Source:  "u-boot include/image.h, RFC 1952, POSIX ustar, cpio(5)",
		explain: fieldRule(checksum)},
	{Name: "size", Class: Derived,
		Doc: "A size or an offset in a container's header that is the true one on both sides: the length of a member, of a decoded stream (modulo 2^32 " +
			"for gzip), of the image, the place of a part. Recomputed from each side; one that is wrong on a side is not accepted.",
		Source:  "as checksum",
		explain: fieldRule(size)},
	{Name: "inode", Class: Derived,
		Doc: "The numbers of inodes and of the device that they are on, in headers of cpio members, where they only say which names are of one file: " +
			"accepted when both sides tie the same names together.",
		Source:  "cpio(5)",
		explain: fieldRule(number)},
	{Name: "build-id", Class: Derived,
		Doc: "The bytes of a note NT_GNU_BUILD_ID, of the same length on both sides. Where on both sides it is the SHA-1 or MD5 of the whole file with " +
			"the id zeroed (gold), it is recomputed. GNU ld hashes its own tables while it writes, and all linkers before the file is stripped, " +
			"which the file no longer tells: then it is accepted only when every other differing byte of the file is explained.",
		Source:  "GNU ld and gold, --build-id; bfd/elf.c, elf_checksum_contents",
		explain: linkerRule(buildID)},
	{Name: "debuglink", Class: Derived,
		Doc: "The section .gnu_debuglink: its file name when on both sides it is made of the file's build-id (digits 3 to the last, and .debug), its CRC-32 " +
			"when on both sides the debugging file is in the release and has it. Where the debugging file is not at hand, the CRC is accepted " +
			"only when every other differing byte of the file is explained.",
		Source:  "GDB, section 23.3; debhelper dh_strip",
		explain: linkerRule(debugCRC, debugID)},
	{Name: "section offset", Class: Derived,
		Doc: "In ELF files whose loaded bytes stand where they stood: offsets and sizes of sections that are not loaded, of the section header table and of sections' names. " +
			"They are followed on both sides to read those sections, which are compared.",
		Source:  "System V ABI, chapter 4",
		explain: fieldRule(placed)},
	{Name: "stamp", Class: Time,
		Doc: "A time in a container's header or of a file in it (gzip, uImage, squashfs, tar, cpio, ar, and the times that a file system gives): " +
			"inside a declared window of its side on both sides. Zero counts as a time only when it is equal.",
		Source:  "RFC 1952, ustar, cpio(5), squashfs superblock",
		explain: stampAt},
	{Name: "time", Class: Time,
		Doc: "A time as text, not in code: both sides have the same form, and each is inside a declared window of its side. Forms: dates of mail, of date(1) " +
			"and asctime, __DATE__ and __TIME__, ISO 8601, day month year, year/month/day, compact dates, seconds since 1970, a year. Weekdays must be " +
			"right. A time without a zone is taken for UTC; one in another zone that is named by letters is refused. A clock without a day " +
			"is accepted when some day of the window has it.",
		Source: "RFC 5322, ISO 8601, C 6.10.8.1",
		explain: func(x *place) (match, bool) {
			if !x.text() {
				return match{}, false
			}
			return timeAt(x.facts, x.a, x.b, x.i, x.j)
		}},
	{Name: "number", Class: Time,
		Doc: "A declared pair of numbers (a year, mostly). In code: one instruction that loads the number into a register or memory, or pushes it, is " +
			"the same instruction with the other number. In data of a program: an aligned word of 4 or 8 bytes. Nothing without a declaration.",
		Source:  "the processors' manuals: docs/equiv.md names the instructions",
		explain: numberAt},
	{Name: "path", Class: Path,
		Doc: "A declared folder of the shipped build, in text that is not code, with the declared folder of the rebuilt one in its place. It begins where " +
			"a path begins and ends where a name ends; what follows is compared as it is.",
		Source: "DW_AT_comp_dir, __FILE__, RPATH",
		explain: func(x *place) (match, bool) {
			if !x.text() {
				return match{}, false
			}
			return x.pathAt()
		}},
	{Name: "name", Class: Path,
		Doc: "A declared name of a user, group or host of the shipped build, in text that is not code, as a whole word, with a declared one of the rebuilt " +
			"build in its place: a user's for a user's, a host's for a host's.",
		Source: "uts_version of Linux, tar uname and gname",
		explain: func(x *place) (match, bool) {
			if !x.text() {
				return match{}, false
			}
			if m, ok := x.wordAt(x.facts.Shipped.Users, x.facts.Rebuilt.Users, "user"); ok {
				return m, true
			}
			return x.wordAt(x.facts.Shipped.Hosts, x.facts.Rebuilt.Hosts, "host")
		}},
	{Name: "owner", Class: Path,
		Doc:     "The user's and group's number of a file in an archive or file system: both together are declared for each side.",
		Source:  "ustar, cpio(5), squashfs id table",
		explain: ownerAt},
	{Name: "order", Class: Order,
		Doc:     "Members of a container stand in another order; they are the same by name, each as often, and each is compared with its counterpart.",
		Source:  "readdir(3) promises no order",
		explain: func(*place) (match, bool) { return match{}, false }},
	{Name: "padding", Class: Order,
		Doc: "Bytes between or behind members of a container that nothing refers to: on both sides all of them are 0x00 or 0xFF, however many.",
		explain: func(x *place) (match, bool) {
			if x.what != padding || !fill(x.a) || !fill(x.b) {
				return match{}, false
			}
			return match{0, len(x.a), 0, len(x.b), fmt.Sprintf("%d and %d bytes of fill", len(x.a), len(x.b))}, true
		}},
	{Name: "compression", Class: Compression,
		Doc: "The bytes that contents are encoded in (deflate, xz, LZMA, bzip2, zstd, LZ4, LZO, squashfs blocks), with the parameters in their headers: " +
			"they decode to contents that are compared themselves, equal or not.",
		Source:  "the formats' specifications, docs/formats.md",
		explain: fieldRule(coding)},
	{Name: "tables", Class: Compression,
		Doc: "The tables of a squashfs volume that say where things stand (inodes, directories, fragments, ids, export, attributes), which are " +
			"compressed themselves: what they say (names, kinds, modes, owners, times, devices, targets, attributes, contents) is compared entry by entry.",
		Source:  "squashfs 4.0 format",
		explain: func(*place) (match, bool) { return match{}, false }},
	{Name: "signature", Class: Signed,
		Doc: "A declared signature that one release bears: the file without it is equal to the other file without it, to the byte, and it verifies with " +
			"the declared key. Without a key its bytes are not covered. A CMS signature has one signer, no unsigned attributes, and no content of its own; the " +
			"few bytes of its encoding that no signature covers (versions, the list of digests) are taken as a part of it.",
		Source:  "Linux module signing, RFC 5652, RFC 8017, RFC 8032",
		explain: func(*place) (match, bool) { return match{}, false }},
	{Name: "compiler", Class: Toolchain, Never: true,
		Doc:    "The section .comment, in which compilers write their names: another compiler made the file. Listed, never accepted.",
		Source: "System V ABI, special sections",
		explain: func(x *place) (match, bool) {
			if x.what != comment {
				return match{}, false
			}
			return match{0, len(x.a), 0, len(x.b), clean(x.a) + " became " + clean(x.b)}, true
		}},
}

// ruleNamed is the rule of a name; it must exist.
func ruleNamed(name string) *Rule {
	for i := range rules {
		if rules[i].Name == name {
			return &rules[i]
		}
	}
	panic("no rule " + name)
}

// text tells whether text is looked for in the bytes.
func (x *place) text() bool { return x.what == data || x.what == label }

// fieldRule accepts a field of that kind that is right on both sides.
func fieldRule(of kind) func(*place) (match, bool) {
	return func(x *place) (match, bool) {
		if x.what != of || x.field[0] == nil || !x.field[0].right || !x.field[1].right || of == number && x.field[0].value != x.field[1].value {
			return match{}, false
		}
		return match{0, len(x.a), 0, len(x.b), ""}, true
	}
}

// linkerRule accepts what a linker derived; the comparison decides afterwards
// where it can't be recomputed.
func linkerRule(of ...kind) func(*place) (match, bool) {
	return func(x *place) (match, bool) {
		for _, k := range of {
			if x.what == k && x.field[0] != nil && x.field[0].right && x.field[1].right && len(x.a) == len(x.b) {
				return match{0, len(x.a), 0, len(x.b), x.field[0].name}, true
			}
		}
		return match{}, false
	}
}

func stampAt(x *place) (match, bool) {
	if x.what != stamp || x.field[0].value == 0 || x.field[1].value == 0 {
		return match{}, false
	}
	was, is := x.field[0].value, x.field[1].value
	if !x.facts.Shipped.in(Window{was, was}) || !x.facts.Rebuilt.in(Window{is, is}) {
		return match{}, false
	}
	return match{0, len(x.a), 0, len(x.b), utc(was) + " became " + utc(is)}, true
}

func ownerAt(x *place) (match, bool) {
	if x.what != owner {
		return match{}, false
	}
	if !x.facts.Shipped.owns(x.field[0].owner) || !x.facts.Rebuilt.owns(x.field[1].owner) {
		return match{}, false
	}
	return match{0, len(x.a), 0, len(x.b), ""}, true
}

func (b *Build) owns(o Owner) bool {
	for _, d := range b.Owners {
		if d == o {
			return true
		}
	}
	return false
}

// fill tells whether bytes are all 0x00 or 0xFF.
func fill(b []byte) bool {
	return len(bytes.Trim(b, "\x00")) == 0 || len(bytes.Trim(b, "\xff")) == 0
}

// pathAt looks for a declared folder that begins at or before i.
func (x *place) pathAt() (match, bool) {
	for _, p := range x.facts.Paths {
		for s := min(x.i, x.j, len(p.Shipped), len(p.Rebuilt)); s >= 0; s-- {
			a, b := x.i-s, x.j-s
			if !begins(x.a[a:], p.Shipped) || !begins(x.b[b:], p.Rebuilt) {
				continue
			}
			m := match{a, a + len(p.Shipped), b, b + len(p.Rebuilt), p.Shipped + " became " + p.Rebuilt}
			if m.a1 <= x.i && m.b1 <= x.j || pathByte(x.a, a-1) || pathByte(x.b, b-1) || nameByte(x.a, m.a1) || nameByte(x.b, m.b1) {
				continue
			}
			return m, true
		}
	}
	return match{}, false
}

func begins(b []byte, s string) bool { return len(b) >= len(s) && string(b[:len(s)]) == s }

// pathByte tells whether the byte there would make a path begin earlier.
func pathByte(b []byte, i int) bool { return nameByte(b, i) || i >= 0 && i < len(b) && b[i] == '/' }

// nameByte tells whether the byte there would make a name of a path longer.
func nameByte(b []byte, i int) bool {
	return i >= 0 && i < len(b) && (isWordByte(b[i]) || b[i] == '~' || b[i] >= 0x80)
}

// wordAt looks for a declared word around i.
func (x *place) wordAt(was, is []string, what string) (match, bool) {
	for _, p := range was {
		for _, r := range is {
			if p == r {
				continue
			}
			for s := min(x.i, x.j, len(p), len(r)); s >= 0; s-- {
				a, b := x.i-s, x.j-s
				if !begins(x.a[a:], p) || !begins(x.b[b:], r) {
					continue
				}
				m := match{a, a + len(p), b, b + len(r), what + " " + p + " became " + r}
				if m.a1 <= x.i && m.b1 <= x.j || !wordEnds(x.a, a, m.a1) || !wordEnds(x.b, b, m.b1) {
					continue
				}
				return m, true
			}
		}
	}
	return match{}, false
}

// wordEnds tells whether a run is a whole word: a full stop may follow one, a
// name of more parts is another word.
func wordEnds(b []byte, from, to int) bool {
	if from > 0 && isWordByte(b[from-1]) {
		return false
	}
	if to >= len(b) || !isWordByte(b[to]) {
		return true
	}
	return b[to] == '.' && (to+1 >= len(b) || !isWordByte(b[to+1]))
}

// digestAt looks for a run of hexadecimal digits around i that is a digest of a
// shipped file.
func (x *place) digestAt() (match, bool) {
	a0, a1 := hexRun(x.a, x.i)
	b0, b1 := hexRun(x.b, x.j)
	if a1-a0 != b1-b0 || a1-a0 < 16 || x.i-a0 != x.j-b0 {
		return match{}, false
	}
	was, is := x.a[a0:a1], x.b[b0:b1]
	if !x.derivedDigest(string(bytes.ToLower(was)), string(bytes.ToLower(is))) {
		return match{}, false
	}
	return match{a0, a1, b0, b1, "digest of what became of the file"}, true
}

// hexRun is the run of hexadecimal digits around i, at most 128.
func hexRun(b []byte, i int) (from, to int) {
	hex := func(k int) bool {
		return k >= 0 && k < len(b) && (isDigit(b[k]) || b[k]|0x20 >= 'a' && b[k]|0x20 <= 'f')
	}
	for from = i; hex(from-1) && i-from < 128; from-- {
	}
	for to = i; hex(to) && to-from <= 128; to++ {
	}
	return from, to
}

// numberAt looks for a declared number in code or in an aligned word of data.
func numberAt(x *place) (match, bool) {
	if x.elf[0] == nil || x.elf[1] == nil || len(x.facts.Numbers) == 0 || x.i != x.j {
		return match{}, false
	}
	for _, n := range x.facts.Numbers {
		if len(n.Files) > 0 && !matches(n.Files, x.file) {
			continue
		}
		if x.what == code {
			if m, ok := x.immediateAt(n); ok {
				return m, true
			}
			continue
		}
		if x.what != data {
			continue
		}
		for _, w := range []int{4, 8} {
			at := x.i &^ (w - 1)
			if at+w > len(x.a) || at+w > len(x.b) || int(x.addr)&(w-1) != 0 {
				continue
			}
			if word(x.elf[0].Order, x.a[at:at+w]) == n.Shipped && word(x.elf[1].Order, x.b[at:at+w]) == n.Rebuilt {
				return match{at, at + w, at, at + w, fmt.Sprintf("%d became %d", n.Shipped, n.Rebuilt)}, true
			}
		}
	}
	return match{}, false
}

func word(o binary.ByteOrder, b []byte) uint64 {
	if len(b) == 4 {
		return uint64(o.Uint32(b))
	}
	return o.Uint64(b)
}
