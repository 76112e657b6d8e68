package iso9660

import (
	"strings"

	"github.com/wardein/wardein"
)

// rock is what the Rock Ridge entries of one record say.
type rock struct {
	mode, uid, gid uint32
	links, serial  uint32
	hasMode        bool
	name, target   string
	major, minor   uint32
	mtime          int64
	hasTime        bool
	child          int64 // CL: where the directory was moved to
	relocated      bool  // RE: was moved here from elsewhere
	packed         bool  // ZF: content is zisofs
}

// maxContinued bounds the continuation areas of one record.
const maxContinued = 64

// susp finds out whether the volume has system use entries: the first record
// of the root then has an SP entry, which says how many bytes to skip.
func (v *volume) susp() {
	b := make([]byte, 255)
	n, _ := v.r.ReadAt(b, v.root.block*v.block)
	if n < 34 {
		return
	}
	rec, _, err := parseRecord(b[:n], v.root.block*v.block)
	if err != nil {
		return
	}
	for _, skip := range []int{0, 15} { // CD-ROM XA puts 14 bytes (and one) in front
		if u := rec.use; len(u) >= skip+7 && string(u[skip:skip+2]) == "SP" && u[skip+4] == 0xBE && u[skip+5] == 0xEF {
			v.rock, v.skip = true, int(u[skip+6])
			v.out.Note("rock ridge", "yes")
			v.rockRidge(rec, 0) // tells the areas that it goes on in
			return
		}
	}
}

// rockRidge reads a record's system use entries and where they go on.
func (v *volume) rockRidge(rec record, skip int) (rr rock) {
	area := rec.use
	if skip > len(area) {
		return rr
	}
	area = area[skip:]
	var link, name strings.Builder
	more := false // the last component of the link goes on
	for range maxContinued {
		next, off, n := int64(0), int64(0), int64(0)
		for len(area) >= 4 {
			l := int(area[2])
			if l < 4 || l > len(area) {
				break // the rest is padding
			}
			u := area[:l]
			area = area[l:]
			switch sig := string(u[:2]); {
			case sig == "CE" && l >= 28:
				next, _ = both(u[4:])
				off, _ = both(u[12:])
				n, _ = both(u[20:])
			case sig == "PX" && l >= 36:
				rr.hasMode = true
				rr.mode, rr.links, rr.uid, rr.gid = le.Uint32(u[4:]), le.Uint32(u[12:]), le.Uint32(u[20:]), le.Uint32(u[28:])
				if l >= 44 {
					rr.serial = le.Uint32(u[36:])
				}
			case sig == "PN" && l >= 20:
				rr.major, rr.minor = le.Uint32(u[4:]), le.Uint32(u[12:])
				if d := rr.minor; rr.major == 0 && d > 0xFF {
					// A whole device number: as Linux puts it together.
					rr.major, rr.minor = d>>8&0xFFF, d&0xFF|d>>12&0xFFF00
				}
			case sig == "SL" && l >= 5:
				more = linkParts(&link, u[5:], more)
			case sig == "NM" && l >= 5:
				switch {
				case u[4]&2 != 0:
					name.WriteString(".")
				case u[4]&4 != 0:
					name.WriteString("..")
				default:
					name.Write(u[5:])
				}
			case sig == "TF" && l >= 5:
				rr.mtime, rr.hasTime = modified(u[4], u[5:])
			case sig == "CL" && l >= 12:
				rr.child, _ = both(u[4:])
			case sig == "RE":
				rr.relocated = true
			case sig == "ZF" && l >= 16 && string(u[4:6]) == "pz":
				rr.packed = true
			case sig == "ST":
				area = nil
			}
		}
		if n == 0 {
			break
		}
		at := next*v.block + off
		if n > 1<<16 || v.charge(n) != nil {
			v.gap("", wardein.Limit, at, n, "continuation area of %d bytes at %#x, at most %d are read", n, at, 1<<16)
			break
		}
		b := make([]byte, n)
		if k, _ := v.r.ReadAt(b, at); int64(k) < n {
			v.gap("", wardein.Damaged, at, 0, "continuation area of %d bytes at %#x: image ends at %#x", n, at, v.r.Size())
			break
		}
		v.mark(at, n, "continuation area")
		area = b
	}
	rr.name, rr.target = name.String(), link.String()
	return rr
}

// linkParts adds the components of one SL entry to a link's target; more is
// whether the last component before goes on.
func linkParts(to *strings.Builder, b []byte, more bool) bool {
	for len(b) >= 2 {
		flags, n := b[0], min(int(b[1]), len(b)-2)
		s := string(b[2 : 2+n])
		b = b[2+n:]
		switch {
		case flags&2 != 0:
			s = "."
		case flags&4 != 0:
			s = ".."
		case flags&8 != 0:
			s = ""
		}
		if have := to.String(); flags&8 != 0 {
			to.WriteString("/")
		} else {
			if !more && have != "" && have != "/" {
				to.WriteString("/")
			}
			to.WriteString(s)
		}
		more = flags&1 != 0
	}
	return more
}

// modified finds the time of modification among those of a TF entry.
func modified(flags byte, b []byte) (int64, bool) {
	size := 7
	if flags&0x80 != 0 {
		size = 17
	}
	at := size * int(flags&1) // creation comes first
	if flags&2 == 0 || at+size > len(b) {
		return 0, false
	}
	if size == 17 {
		return longDate(b[at:])
	}
	return date(b[at : at+size]), true
}

// apply puts what Rock Ridge says into the entry.
func (rr *rock) apply(e *wardein.Entry) {
	if rr.name != "" {
		e.Name = rr.name
	}
	if rr.hasTime {
		e.MTime = rr.mtime
	}
	if !rr.hasMode {
		return
	}
	e.Mode, e.UID, e.GID = rr.mode&0o7777, rr.uid, rr.gid
	if e.Kind == wardein.Directory {
		return
	}
	switch rr.mode & 0o170000 {
	case 0o120000:
		e.Kind, e.Target = wardein.Symlink, rr.target
	case 0o020000, 0o060000:
		e.Kind = wardein.CharDevice
		if rr.mode&0o170000 == 0o060000 {
			e.Kind = wardein.BlockDevice
		}
		e.Major, e.Minor = rr.major, rr.minor
	case 0o010000:
		e.Kind = wardein.FIFO
	case 0o140000:
		e.Kind = wardein.Socket
	}
}
