package equiv

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"hash/crc32"
	"io"
	"slices"

	"github.com/wardein/wardein"
)

// fielder collects the fields of one container.
type fielder struct {
	b    []byte
	list []field
}

// put adds a field that lies within the bytes.
func (f *fielder) put(name string, off, n int64, what kind) *field {
	if off < 0 || n < 0 || off > int64(len(f.b)) || n > int64(len(f.b))-off {
		return &field{}
	}
	f.list = append(f.list, field{name: name, what: what, off: off, len: n, right: true})
	return &f.list[len(f.list)-1]
}

// gzipFields reads the first member's header and the trailer (RFC 1952). The
// whole is decoded to learn whether the trailer is right.
func gzipFields(m *member, b []byte) []field {
	f := &fielder{b: b}
	end := int64(0)
	for _, s := range m.Spans {
		if s.What == wardein.Known {
			end = s.Off + s.Len
		}
	}
	if len(b) < 18 || end < 18 || end > int64(len(b)) {
		return nil
	}
	flags := b[3]
	f.put("magic and method", 0, 3, other)
	f.put("flags", 3, 1, other)
	f.put("time", 4, 4, stamp).value = int64(binary.LittleEndian.Uint32(b[4:]))
	f.put("level", 8, 1, coding)
	f.put("system", 9, 1, other)
	at := int64(10)
	if flags&4 != 0 && at+2 <= end {
		n := int64(binary.LittleEndian.Uint16(b[at:])) + 2
		f.put("extra", at, n, other)
		at += n
	}
	for _, t := range []struct {
		bit  byte
		name string
	}{{8, "name"}, {16, "comment"}} {
		if flags&t.bit == 0 || at >= end {
			continue
		}
		n := int64(bytes.IndexByte(b[at:], 0))
		if n < 0 {
			return f.list
		}
		f.put(t.name, at, n+1, label)
		at += n + 1
	}
	if flags&2 != 0 && at+2 <= end {
		f.put("header checksum", at, 2, checksum).right = uint16(crc32.ChecksumIEEE(b[:at])) == binary.LittleEndian.Uint16(b[at:])
		at += 2
	}
	if end-8 < at {
		return f.list
	}
	right := false
	if k := m.only(); k != nil {
		if z, err := gzip.NewReader(bytes.NewReader(b[:end])); err == nil {
			n, err := io.Copy(io.Discard, io.LimitReader(z, k.Size+1))
			right = err == nil && n == k.Size
		}
	}
	f.put("checksum", end-8, 4, checksum).right = right
	f.put("size", end-4, 4, size).right = right
	return f.list
}

// uimageFields reads a header of U-Boot (include/image.h).
func uimageFields(m *member, b []byte) []field {
	if len(b) < 64 {
		return nil
	}
	f, be := &fielder{b: b}, binary.BigEndian
	n := int64(be.Uint32(b[12:]))
	head := bytes.Clone(b[:64])
	clear(head[4:8])
	f.put("magic", 0, 4, other)
	f.put("header checksum", 4, 4, checksum).right = crc32.ChecksumIEEE(head) == be.Uint32(b[4:])
	f.put("time", 8, 4, stamp).value = int64(be.Uint32(b[8:]))
	whole := n <= int64(len(b))-64
	f.put("size", 12, 4, size).right = whole
	f.put("load address", 16, 4, other)
	f.put("entry address", 20, 4, other)
	f.put("data checksum", 24, 4, checksum).right = whole && crc32.ChecksumIEEE(b[64:64+min(n, int64(len(b))-64)]) == be.Uint32(b[24:])
	f.put("system, processor and type", 28, 3, other)
	f.put("compression", 31, 1, other)
	f.put("name", 32, 32, label)
	return f.list
}

// trxFields reads a TRX header (OpenWrt, tools/firmware-utils/src/trx.c).
func trxFields(m *member, b []byte) []field {
	if len(b) < 28 {
		return nil
	}
	f, le := &fielder{b: b}, binary.LittleEndian
	n := int64(le.Uint32(b[4:]))
	whole := n >= 28 && n <= int64(len(b))
	f.put("magic", 0, 4, other)
	f.put("size", 4, 4, size).right = whole
	f.put("checksum", 8, 4, checksum).right = whole && ^crc32.ChecksumIEEE(b[12:max(12, min(n, int64(len(b))))]) == le.Uint32(b[8:])
	f.put("flags and version", 12, 4, other)
	head := int64(28)
	if le.Uint16(b[14:]) == 2 {
		head = 32
	}
	for at := int64(16); at < head && at+4 <= int64(len(b)); at += 4 {
		off := int64(le.Uint32(b[at:]))
		f.put("offset "+string(rune('0'+(at-16)/4)), at, 4, size).right = slices.ContainsFunc(m.members, func(k *member) bool {
			return len(k.Extents) > 0 && k.Extents[0].Off == off
		})
	}
	return f.list
}

// squashfsFields reads the superblock of version 4 (Linux,
// fs/squashfs/squashfs_fs.h).
func squashfsFields(m *member, b []byte) []field {
	if len(b) < 96 || string(b[:4]) != "hsqs" || len(m.Gaps) > 0 {
		return nil
	}
	f, le := &fielder{b: b}, binary.LittleEndian
	if le.Uint16(b[28:]) != 4 {
		return nil
	}
	used := int64(le.Uint64(b[40:]))
	f.put("magic", 0, 4, other)
	f.put("inodes", 4, 4, other)
	f.put("time", 8, 4, stamp).value = int64(le.Uint32(b[8:]))
	f.put("block size", 12, 4, coding)
	f.put("fragments", 16, 4, coding)
	f.put("compressor", 20, 2, coding)
	f.put("block log", 22, 2, coding)
	f.put("flags", 24, 2, coding)
	f.put("ids", 26, 2, coding)
	f.put("version", 28, 4, other)
	f.put("root inode", 32, 8, size)
	f.put("bytes used", 40, 8, size).right = used > 96 && used <= int64(len(b))
	for i, name := range []string{"ids at", "attributes at", "inodes at", "directories at", "fragments at", "export table at"} {
		at := int64(48 + 8*i)
		v := int64(le.Uint64(b[at:]))
		f.put(name, at, 8, size).right = v == -1 || v >= 96 && v < used
	}
	return f.list
}

// tarFields reads the headers of a tar archive (POSIX ustar, GNU and pax).
func tarFields(m *member, b []byte) []field {
	f := &fielder{b: b}
	names := map[string]int{}
	type header struct {
		off  int64
		kind byte
		data int64 // length
	}
	var before []header // extended headers of the next member
	long := ""
	for at := int64(0); at+512 <= int64(len(b)); {
		h := b[at : at+512]
		if fill(h) {
			break
		}
		sum, ok := tarNumber(h[148:156])
		if !ok || !tarSum(h, sum) {
			break
		}
		n, ok := tarNumber(h[124:136])
		kind := h[156]
		if !ok || n < 0 || n > int64(len(b)) {
			break
		}
		if slices.Contains([]byte("123456"), kind) && !slices.ContainsFunc(m.members, func(k *member) bool {
			return len(k.Extents) > 0 && k.Extents[0].Off == at+512
		}) {
			n = 0 // links and devices have no content, whatever they say
		}
		next := at + 512 + (n+511)&^511
		if slices.Contains([]byte("xXgLK"), kind) && at+512+n <= int64(len(b)) {
			before = append(before, header{at, kind, n})
			if kind == 'L' {
				long = cstring(b[at+512 : at+512+n])
			}
			at = next
			continue
		}
		name := cstring(h[:100])
		if string(h[257:263]) == "ustar\x00" && h[345] != 0 {
			name = cstring(h[345:500]) + "/" + name
		}
		if long != "" {
			name, long = long, ""
		}
		key := numbered(names, name)
		for _, x := range before {
			ext := numbered(names, key+"\x00extended "+string(x.kind))
			f.tarHeader(ext, x.off, b[x.off:x.off+512], true)
			f.put("records", x.off+512, x.data, label).member = ext
		}
		before = before[:0]
		f.tarHeader(key, at, h, false)
		at = next
	}
	return f.list
}

func (f *fielder) tarHeader(member string, at int64, h []byte, extended bool) {
	put := func(name string, off, end int64, what kind) *field {
		g := f.put(name, at+off, end-off, what)
		g.member = member
		return g
	}
	uid, _ := tarNumber(h[108:116])
	gid, _ := tarNumber(h[116:124])
	who := Owner{uint32(uid), uint32(gid)}
	if extended {
		put("name", 0, 100, label)
	} else {
		put("name", 0, 100, other)
	}
	put("mode", 100, 108, other)
	put("owner", 108, 116, owner).owner = who
	put("group", 116, 124, owner).owner = who
	put("size", 124, 136, size)
	put("time", 136, 148, stamp).value, _ = tarNumber(h[136:148])
	put("checksum", 148, 156, checksum) // tarFields goes no further where it is wrong
	put("type", 156, 157, other)
	put("target", 157, 257, label)
	put("magic", 257, 265, other)
	put("owner's name", 265, 297, label)
	put("group's name", 297, 329, label)
	put("device", 329, 345, other)
	put("prefix", 345, 512, other)
}

// numbered makes a name that occurs again another one.
func numbered(names map[string]int, name string) string {
	names[name]++
	if n := names[name]; n > 1 {
		return name + "\x00#" + string(rune('0'+min(n, 9))) + string(binary.BigEndian.AppendUint32(nil, uint32(n)))
	}
	return name
}

func cstring(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// tarNumber reads an octal number, or one in base 256.
func tarNumber(b []byte) (n int64, ok bool) {
	if b[0]&0x80 != 0 {
		for _, c := range b[max(1, len(b)-7):] {
			n = n<<8 | int64(c)
		}
		return n, b[0] == 0x80
	}
	s := bytes.Trim(b, " \x00")
	if i := bytes.IndexByte(s, 0); i >= 0 {
		s = s[:i]
	}
	for _, c := range s {
		if c < '0' || c > '7' {
			return 0, false
		}
		n = n<<3 | int64(c-'0')
	}
	return n, true
}

func tarSum(h []byte, want int64) bool {
	sum := int64(0)
	for i, c := range h {
		if i >= 148 && i < 156 {
			c = ' '
		}
		sum += int64(c)
	}
	return sum == want
}

// cpioFields reads the headers of a newc archive (cpio(5)).
func cpioFields(m *member, b []byte) []field {
	f := &fielder{b: b}
	names := map[string]int{}
	type inode struct{ ino, major, minor int64 }
	groups := map[inode][]string{}
	type tied struct {
		at int // index in list
		k  inode
	}
	var ties []tied
	for at := int64(0); at+110 <= int64(len(b)); {
		h := b[at : at+110]
		if string(h[:5]) != "07070" || h[5] != '1' && h[5] != '2' {
			break
		}
		var v [13]int64
		good := true
		for i := range v {
			var ok bool
			v[i], ok = hexNumber(h[6+8*i : 14+8*i])
			good = good && ok
		}
		nameEnd := at + 110 + v[11]
		if !good || v[11] < 1 || nameEnd > int64(len(b)) {
			break
		}
		name := cstring(b[at+110 : nameEnd])
		dataAt := (nameEnd + 3) &^ 3
		next := (dataAt + v[6] + 3) &^ 3
		if dataAt+v[6] > int64(len(b)) {
			break
		}
		key := numbered(names, name)
		put := func(name string, i int64, what kind) *field {
			g := f.put(name, at+6+8*i, 8, what)
			g.member = key
			return g
		}
		who := Owner{uint32(v[2]), uint32(v[3])}
		k := inode{v[0], v[7], v[8]}
		groups[k] = append(groups[k], key)
		f.put("magic", at, 6, other).member = key
		f.put("name", at+110, min(dataAt, int64(len(b)))-at-110, other).member = key
		for i, name := range []string{"inode", "", "", "", "", "", "", "device major", "device minor"} {
			if name != "" {
				put(name, int64(i), number)
				ties = append(ties, tied{len(f.list) - 1, k})
			}
		}
		put("mode", 1, other)
		put("owner", 2, owner).owner = who
		put("group", 3, owner).owner = who
		put("links", 4, other)
		put("time", 5, stamp).value = v[5]
		put("size", 6, size)
		put("device", 9, other)
		put("device, minor", 10, other)
		put("length of name", 11, other)
		sum := int64(0)
		if h[5] == '2' {
			for _, c := range b[dataAt : dataAt+v[6]] {
				sum += int64(c)
			}
		}
		put("checksum", 12, checksum).right = sum&0xffffffff == v[12]
		if v[1]>>12 == 10 {
			f.put("target", dataAt, v[6], label).member = key
		}
		at = next
		if name == "TRAILER!!!" {
			break
		}
	}
	for _, t := range ties {
		slices.Sort(groups[t.k])
		h := crc32.NewIEEE()
		for _, n := range groups[t.k] {
			io.WriteString(h, n+"\x00")
		}
		f.list[t.at].value = int64(h.Sum32())<<20 | int64(len(groups[t.k])&0xfffff)
	}
	return f.list
}

func hexNumber(b []byte) (n int64, ok bool) {
	for _, c := range b {
		switch {
		case isDigit(c):
			n = n<<4 | int64(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			n = n<<4 | int64(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	return n, true
}

// arFields reads the headers of an ar archive, a Debian package among them
// (ar(5), deb(5)).
func arFields(m *member, b []byte) []field {
	f := &fielder{b: b}
	names := map[string]int{}
	for at := int64(8); at+60 <= int64(len(b)); {
		h := b[at : at+60]
		n, ok := decimal(h[48:58])
		if string(h[58:60]) != "`\n" || !ok || n > int64(len(b))-at-60 {
			break
		}
		key := numbered(names, string(bytes.TrimRight(h[:16], " ")))
		put := func(name string, off, end int64, what kind) *field {
			g := f.put(name, at+off, end-off, what)
			g.member = key
			return g
		}
		uid, _ := decimal(h[28:34])
		gid, _ := decimal(h[34:40])
		who := Owner{uint32(uid), uint32(gid)}
		put("name", 0, 16, other)
		put("time", 16, 28, stamp).value, _ = decimal(h[16:28])
		put("owner", 28, 34, owner).owner = who
		put("group", 34, 40, owner).owner = who
		put("mode", 40, 48, other)
		put("size", 48, 58, size)
		put("magic", 58, 60, other)
		at += 60 + n + n&1
	}
	return f.list
}

func decimal(b []byte) (n int64, ok bool) {
	b = bytes.TrimRight(b, " ")
	for _, c := range b {
		if !isDigit(c) || n > 1<<40 {
			return 0, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}
