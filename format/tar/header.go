package tar

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/wardein/wardein"
)

func zeros(b []byte) bool {
	for len(b) >= 8 {
		if binary.LittleEndian.Uint64(b) != 0 {
			return false
		}
		b = b[8:]
	}
	return true
}

// marked reports whether the header has the magic of ustar or GNU.
func marked(b []byte) bool { return string(b[257:262]) == "ustar" && (b[262] == 0 || b[262] == ' ') }

// valid compares the checksum: the sum of all bytes with the field itself as
// spaces. Old writers summed signed bytes.
func valid(b []byte) bool {
	want, ok := number(b[148:156])
	if !ok || want < 8*' ' || want > 512*255 {
		return false
	}
	sum, high := int64(8*' '), int64(0)
	for _, c := range b[:148] {
		sum += int64(c)
		high += int64(c >> 7)
	}
	for _, c := range b[156:block] {
		sum += int64(c)
		high += int64(c >> 7)
	}
	return sum == want || sum-high*256 == want
}

// plausibleV7 checks what a header without magic must fulfil beside its sum.
func plausibleV7(b []byte) bool {
	for _, f := range [][]byte{b[100:108], b[108:116], b[116:124], b[124:136], b[136:148]} {
		if _, ok := number(f); !ok {
			return false
		}
	}
	t := b[156]
	return b[0] != 0 && bytes.IndexByte(b[:100], 0) != 0 && (t == 0 || t >= '0' && t <= '7')
}

// number reads octal text, or binary where the top bit of the first byte is
// set. An empty field is 0.
func number(f []byte) (int64, bool) {
	if f[0]&0x80 != 0 {
		// GNU: two's complement of the remaining bits
		inv := byte(0)
		if f[0]&0x40 != 0 {
			inv = 0xff
		}
		var x uint64
		for i, c := range f {
			c ^= inv
			if i == 0 {
				c &= 0x7f
			}
			if x>>56 > 0 {
				return 0, false
			}
			x = x<<8 | uint64(c)
		}
		if x>>63 > 0 {
			return 0, false
		}
		if inv == 0xff {
			return ^int64(x), true
		}
		return int64(x), true
	}
	i := 0
	for i < len(f) && (f[i] == ' ') {
		i++
	}
	var x int64
	for ; i < len(f) && f[i] >= '0' && f[i] <= '7'; i++ {
		if x > math.MaxInt64>>3 {
			return 0, false
		}
		x = x<<3 | int64(f[i]-'0')
	}
	return x, i == len(f) || f[i] == 0 || f[i] == ' '
}

// cstring is the text before the first NUL.
func cstring(b []byte) string {
	if i := bytes.IndexByte(b, 0); i >= 0 {
		b = b[:i]
	}
	return string(b)
}

// headerOnly are the types that have no content of their own.
func headerOnly(typ byte) bool { return typ >= '1' && typ <= '6' }

// entry is what the header and the extended headers before it say.
func (w *walker) entry(b []byte, typ byte) wardein.Entry {
	var e wardein.Entry
	num := func(f []byte) int64 { n, _ := number(f); return n }
	gnu := string(b[257:265]) == "ustar  \x00"
	switch p := &w.local; {
	case p.path != "":
		e.Name = p.path
	case w.haveName:
		e.Name = w.longName
	default:
		e.Name = cstring(b[:100])
		if marked(b) && !gnu && b[345] != 0 {
			prefix := b[345:500]
			if string(b[508:512]) == "tar\x00" { // star keeps times behind a shorter prefix
				prefix = b[345:476]
			}
			e.Name = cstring(prefix) + "/" + e.Name
		}
	}
	switch p := &w.local; {
	case p.link != "":
		e.Target = p.link
	case w.haveLink:
		e.Target = w.longLink
	default:
		e.Target = cstring(b[157:257])
	}
	mode := num(b[100:108])
	e.Mode = uint32(mode) & 0o7777
	e.UID, e.GID, e.MTime = uint32(num(b[108:116])), uint32(num(b[116:124])), num(b[136:148])
	p := &w.local
	if p.hasUID {
		e.UID = uint32(p.uid)
	}
	if p.hasGID {
		e.GID = uint32(p.gid)
	}
	if p.hasTime {
		e.MTime = p.mtime
	}
	e.Xattrs = p.xattrs
	switch typ {
	case '1':
		e.Kind = wardein.HardLink
	case '2':
		e.Kind = wardein.Symlink
	case '3', '4':
		e.Kind = wardein.CharDevice
		if typ == '4' {
			e.Kind = wardein.BlockDevice
		}
		e.Major, e.Minor = uint32(num(b[329:337])), uint32(num(b[337:345]))
	case '5', 'D':
		e.Kind = wardein.Directory
	case '6':
		e.Kind = wardein.FIFO
	case 0, '0':
		// Before type 5 existed a directory was a name with a slash.
		if strings.HasSuffix(e.Name, "/") {
			e.Kind = wardein.Directory
		}
	}
	if e.Kind != wardein.HardLink && e.Kind != wardein.Symlink {
		e.Target = ""
	}
	return e
}

// pax holds the records that matter of an extended header.
type pax struct {
	path, link                       string
	size, uid, gid, mtime            int64
	hasSize, hasUID, hasGID, hasTime bool
	xattrs                           []wardein.Xattr
	sparse                           bool // any GNU.sparse record
	sparseMajor                      int64
	realSize                         int64
	sparseMap                        []run
	halfRun                          bool // GNU.sparse.offset without its numbytes
}

// parse reads records "LENGTH KEY=VALUE\n". What stands before a bad record counts.
func (p *pax) parse(b []byte, global bool) error {
	for at := 0; at < len(b); {
		rest := b[at:]
		sp := bytes.IndexByte(rest[:min(len(rest), 20)], ' ')
		if sp <= 0 {
			if zeros8(rest) {
				return nil // some writers pad with zeros
			}
			return fmt.Errorf("record at %#x has no length", at)
		}
		n, err := strconv.Atoi(string(rest[:sp]))
		if err != nil || n <= sp+1 || n > len(rest) || rest[n-1] != '\n' {
			return fmt.Errorf("record at %#x: bad length %q", at, rest[:sp])
		}
		key, value, found := strings.Cut(string(rest[sp+1:n-1]), "=")
		if !found {
			return fmt.Errorf("record at %#x: %q has no value", at, key)
		}
		if err := p.record(key, value, global); err != nil {
			return fmt.Errorf("record at %#x: %s: %w", at, key, err)
		}
		at += n
	}
	return nil
}

func zeros8(b []byte) bool {
	for _, c := range b {
		if c != 0 {
			return false
		}
	}
	return true
}

func (p *pax) record(key, value string, global bool) (err error) {
	natural := func(dst *int64) error {
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil || n < 0 {
			return fmt.Errorf("bad number %q", value)
		}
		*dst = n
		return nil
	}
	switch key {
	case "path":
		p.path = value
	case "linkpath":
		p.link = value
	case "size":
		err = natural(&p.size)
		p.hasSize = err == nil
	case "uid":
		err = natural(&p.uid)
		p.hasUID = err == nil
	case "gid":
		err = natural(&p.gid)
		p.hasGID = err == nil
	case "mtime":
		whole, frac, _ := strings.Cut(value, ".")
		p.mtime, err = strconv.ParseInt(whole, 10, 64)
		if strings.HasPrefix(whole, "-") && strings.Trim(frac, "0") != "" {
			p.mtime-- // towards the past, as a floor
		}
		p.hasTime = err == nil
	case "GNU.sparse.major":
		p.sparse, err = true, natural(&p.sparseMajor)
	case "GNU.sparse.minor", "GNU.sparse.numblocks":
		p.sparse = true
	case "GNU.sparse.name":
		p.sparse, p.path = true, value
	case "GNU.sparse.size", "GNU.sparse.realsize":
		p.sparse, err = true, natural(&p.realSize)
	case "GNU.sparse.offset":
		var n int64
		if err = natural(&n); err == nil {
			p.sparseMap, p.halfRun = append(p.sparseMap, run{off: n}), true
		}
	case "GNU.sparse.numbytes":
		var n int64
		if err = natural(&n); err == nil && p.halfRun {
			p.sparseMap[len(p.sparseMap)-1].n, p.halfRun = n, false
		}
	case "GNU.sparse.map":
		p.sparse = true
		p.sparseMap, err = parseMap(value)
	case "RHT.security.selinux":
		p.xattr("security.selinux", value, global)
	default:
		if name, ok := strings.CutPrefix(key, "SCHILY.xattr."); ok {
			p.xattr(name, value, global)
		}
	}
	return err
}

// xattr adds one attribute. A global one would be repeated for every member,
// which no writer does.
func (p *pax) xattr(name, value string, global bool) {
	for _, x := range p.xattrs {
		if x.Name == name && x.Value == value {
			return
		}
	}
	if !global && len(p.xattrs) < 256 {
		p.xattrs = append(p.xattrs[:len(p.xattrs):len(p.xattrs)], wardein.Xattr{Name: name, Value: value})
	}
}
