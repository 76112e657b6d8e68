package zip

import (
	"strings"
	"time"

	"github.com/wardein/wardein"
)

// entry is what one local or central header says.
type entry struct {
	at, data, next int64 // header, data (local), next header (central)
	name           string
	method, flags  uint16
	crc            uint32
	packed, size   int64
	unknown        bool // lengths stand behind the data
	offset         int64
	disk           uint16
	madeBy         uint16
	external       uint32
	mtime          int64
	uid, gid       uint32
	aes            bool
	zip64          bool
}

// local reads the local header at off.
func (z *archive) local(off int64) (entry, bool) {
	b := z.bytes(off, localSize)
	if !plausible(b) {
		return entry{}, false
	}
	e := entry{at: off, flags: le.Uint16(b[6:]), method: le.Uint16(b[8:]), crc: le.Uint32(b[14:]),
		packed: int64(le.Uint32(b[18:])), size: int64(le.Uint32(b[22:])), mtime: dosTime(le.Uint16(b[12:]), le.Uint16(b[10:]))}
	name, extra := int(le.Uint16(b[26:])), int(le.Uint16(b[28:]))
	e.data = off + localSize + int64(name+extra)
	b = z.bytes(off+localSize, name+extra)
	if len(b) < name+extra {
		return e, false
	}
	e.name = string(b[:name])
	e.extra(b[name:], false)
	e.unknown = e.flags&flagDescriptor != 0 && e.packed == 0
	return e, true
}

// central reads the central header at off.
func (z *archive) central(off int64) (entry, bool) {
	b := z.bytes(off, centralSize)
	if len(b) < centralSize || le.Uint32(b) != sigCentral {
		return entry{}, false
	}
	e := entry{at: off, madeBy: le.Uint16(b[4:]), flags: le.Uint16(b[8:]), method: le.Uint16(b[10:]), crc: le.Uint32(b[16:]),
		packed: int64(le.Uint32(b[20:])), size: int64(le.Uint32(b[24:])), mtime: dosTime(le.Uint16(b[14:]), le.Uint16(b[12:])),
		disk: le.Uint16(b[34:]), external: le.Uint32(b[38:]), offset: int64(le.Uint32(b[42:]))}
	name, extra, comment := int(le.Uint16(b[28:])), int(le.Uint16(b[30:])), int(le.Uint16(b[32:]))
	e.next = off + centralSize + int64(name+extra+comment)
	b = z.bytes(off+centralSize, name+extra)
	if len(b) < name+extra || e.next > z.size {
		return e, false
	}
	e.name = string(b[:name])
	e.extra(b[name:], true)
	return e, true
}

// extra applies the fields that matter: zip64, times, owner, AES.
func (e *entry) extra(b []byte, central bool) {
	for len(b) >= 4 {
		id, n := le.Uint16(b), int(le.Uint16(b[2:]))
		b = b[4:]
		if n > len(b) {
			return
		}
		f := b[:n]
		b = b[n:]
		switch id {
		case 0x0001:
			e.zip64 = true
			wide := func(v *int64) {
				if *v == 0xffffffff && len(f) >= 8 {
					*v = int64(le.Uint64(f))
					f = f[8:]
				}
			}
			wide(&e.size)
			wide(&e.packed)
			if central {
				wide(&e.offset)
			}
		case 0x5455: // UT
			if len(f) >= 5 && f[0]&1 != 0 {
				e.mtime = int64(int32(le.Uint32(f[1:])))
			}
		case 0x5855: // UX: atime, mtime, uid, gid
			if len(f) >= 8 {
				e.mtime = int64(int32(le.Uint32(f[4:])))
			}
			if len(f) >= 12 {
				e.uid, e.gid = uint32(le.Uint16(f[8:])), uint32(le.Uint16(f[10:]))
			}
		case 0x7855: // Ux
			if len(f) >= 4 {
				e.uid, e.gid = uint32(le.Uint16(f)), uint32(le.Uint16(f[2:]))
			}
		case 0x7875: // ux: version 1, length and uid, length and gid
			if len(f) >= 2 && f[0] == 1 {
				id := func(f []byte) (v uint32, rest []byte) {
					if len(f) < 1 || int(f[0]) > len(f)-1 {
						return 0, nil
					}
					for i, c := range f[1 : 1+f[0]] {
						if i < 4 {
							v |= uint32(c) << (8 * i)
						}
					}
					return v, f[1+f[0]:]
				}
				rest := f[1:]
				e.uid, rest = id(rest)
				e.gid, _ = id(rest)
			}
		case 0x9901:
			e.aes = true
		}
	}
}

// dosTime has no zone; it is read as UTC.
func dosTime(date, clock uint16) int64 {
	if date == 0 {
		return 0
	}
	return time.Date(1980+int(date>>9), time.Month(date>>5&15), int(date&31), int(clock>>11), int(clock>>5&63), int(clock&31)*2, 0, time.UTC).Unix()
}

// member is the entry in the vocabulary's words.
func (e *entry) member() wardein.Entry {
	m := wardein.Entry{Name: e.name, UID: e.uid, GID: e.gid, MTime: e.mtime}
	if system := e.madeBy >> 8; system == 3 || system == 19 { // Unix, macOS
		mode := e.external >> 16
		m.Mode = mode & 0o7777
		switch mode >> 12 {
		case 1:
			m.Kind = wardein.FIFO
		case 2:
			m.Kind = wardein.CharDevice
		case 4:
			m.Kind = wardein.Directory
		case 6:
			m.Kind = wardein.BlockDevice
		case 10:
			m.Kind = wardein.Symlink
		case 12:
			m.Kind = wardein.Socket
		}
	}
	if m.Kind == wardein.File && strings.HasSuffix(e.name, "/") && e.size == 0 {
		m.Kind = wardein.Directory
	}
	return m
}

// descriptor returns the length of the record behind the member's data.
func (z *archive) descriptor(e *entry) int64 {
	if e.flags&flagDescriptor == 0 {
		return 0
	}
	off := e.data + e.packed
	b := z.bytes(off, 24)
	mark := int64(0)
	if len(b) >= 16 && le.Uint32(b) == sigDescriptor {
		mark, b = 4, b[4:]
	}
	switch {
	case len(b) >= 20 && int64(le.Uint64(b[4:])) == e.packed && (e.zip64 || le.Uint32(b[8:]) == 0 && e.packed > 0 && int64(le.Uint32(b[8:])) != e.size):
		return mark + 20
	case len(b) >= 12 && int64(le.Uint32(b[4:])) == e.packed:
		return mark + 12
	}
	return 0
}
