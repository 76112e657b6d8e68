package iso9660

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/wardein/wardein"
)

// Flags of a directory record.
const (
	flagDirectory = 0x02
	flagAssoc     = 0x04
	flagMore      = 0x80 // the next record goes on with the same file
)

// tree is one of the trees of directories that a volume has.
type tree struct {
	root   record
	is     string
	joliet bool
	only   string // not the first: tell only content that was not told, under this name
	dirs   map[int64]bool
}

func (t *tree) rock(v *volume) bool { return v.rock && !t.joliet }

func (v *volume) walk(t *tree) error {
	t.dirs = map[int64]bool{}
	return v.list(t, t.root, "")
}

// list hands out what a directory holds, and what its directories hold.
func (v *volume) list(t *tree, dir record, path string) error {
	if err := v.ctx.Err(); err != nil {
		return err
	}
	at := (dir.block + dir.ext) * v.block
	if t.dirs[at] {
		v.gap(path, wardein.Damaged, at, 0, "directory at %#x is reached again", at)
		return nil
	}
	t.dirs[at] = true
	if !dir.agree {
		v.gap(path, wardein.Damaged, dir.at, 0, "directory record at %#x: the two byte orders differ", dir.at)
	}
	size := min(dir.size, max(0, v.r.Size()-at))
	if size < dir.size {
		v.gap(path, wardein.Damaged, at, 0, "directory at %#x: %d bytes, image ends at %#x", at, dir.size, v.r.Size())
	}
	if err := v.charge(size); err != nil {
		return err
	}
	v.mark(at, size, t.is)
	var parts []record // of a file in several extents
	for off := int64(0); off < size; off += sector {
		b := make([]byte, min(sector, size-off)) // records keep parts of it
		if _, err := v.r.ReadAt(b, at+off); err != nil && err != io.EOF {
			return err
		}
		for pos := 0; pos < len(b) && b[pos] != 0; {
			rec, n, err := parseRecord(b[pos:], at+off+int64(pos))
			if err != nil {
				v.gap(path, wardein.Damaged, at+off+int64(pos), 0, "%v", err)
				break
			}
			pos += n
			if len(rec.name) == 1 && rec.name[0] <= 1 { // itself and its parent
				continue
			}
			if len(parts) > 0 && string(parts[0].name) != string(rec.name) {
				if err := v.member(t, parts, path); err != nil {
					return err
				}
				parts = parts[:0]
			}
			parts = append(parts, rec)
			if rec.flags&flagMore != 0 && rec.flags&flagDirectory == 0 {
				continue
			}
			if err := v.member(t, parts, path); err != nil {
				return err
			}
			parts = parts[:0]
		}
	}
	if len(parts) > 0 {
		v.gap(path, wardein.Damaged, parts[0].at, 0, "directory record at %#x: more extents are announced, none follows", parts[0].at)
		return v.member(t, parts, path)
	}
	return nil
}

// member hands out one name; parts are its records, one for each extent.
func (v *volume) member(t *tree, parts []record, dir string) error {
	rec := parts[0]
	e := wardein.Entry{Name: v.plainName(t, rec), MTime: date(rec.date), Kind: wardein.File}
	if rec.flags&flagDirectory != 0 {
		e.Kind = wardein.Directory
	}
	var rr rock
	if t.rock(v) {
		rr = v.rockRidge(rec, v.skip)
		rr.apply(&e)
	}
	if rr.relocated {
		return nil // is told where it was before it was moved
	}
	if e.Name == "" {
		v.gap(dir, wardein.Damaged, rec.at, 0, "directory record at %#x: no name", rec.at)
	}
	if dir != "" {
		e.Name = dir + "/" + e.Name
	}
	if rec.flags&flagAssoc != 0 {
		e.Name += "#associated"
	}
	if len(e.Name) > maxPath {
		v.gap(dir, wardein.Limit, rec.at, 0, "path of %d bytes, at most %d are followed", len(e.Name), maxPath)
		return nil
	}
	if rr.child > 0 {
		moved, err := v.relocated(rr.child)
		if err != nil {
			v.gap(e.Name, wardein.Damaged, rec.at, 0, "%v", err)
			return v.entry(t, e)
		}
		rec = moved
		rr = v.rockRidge(rec, v.skip)
		name := e.Name
		rr.apply(&e)
		e.Name, e.Kind = name, wardein.Directory
	}
	switch e.Kind {
	case wardein.Directory:
		if err := v.entry(t, e); err != nil {
			return err
		}
		return v.list(t, rec, e.Name)
	case wardein.File:
		return v.file(t, parts, e, rr)
	}
	return v.entry(t, e)
}

// entry hands out a member without content, of the first tree only.
func (v *volume) entry(t *tree, e wardein.Entry) error {
	if t.only != "" {
		return nil
	}
	return v.out.Entry(e)
}

// relocated reads the first record of a directory that was moved because it
// stood too deep; it speaks of the directory itself.
func (v *volume) relocated(block int64) (rec record, err error) {
	if err := v.charge(sector); err != nil {
		return rec, err
	}
	b := make([]byte, 255)
	n, _ := v.r.ReadAt(b, block*v.block)
	if n < 34 {
		return rec, fmt.Errorf("moved directory at %#x: image ends at %#x", block*v.block, v.r.Size())
	}
	rec, _, err = parseRecord(b[:n], block*v.block)
	if err == nil && rec.block != block {
		err = fmt.Errorf("moved directory at %#x: its first record speaks of block %d", block*v.block, rec.block)
	}
	return rec, err
}

func (v *volume) file(t *tree, parts []record, e wardein.Entry, rr rock) error {
	if t.only != "" {
		if parts[0].size == 0 || v.files[parts[0].block] {
			return nil
		}
		e.Name = t.only + "/" + e.Name
	} else if v.files != nil {
		v.files[parts[0].block] = true
	}
	ext := make([]wardein.Extent, 0, len(parts))
	var size int64
	for _, rec := range parts {
		if !rec.agree {
			v.gap(e.Name, wardein.Damaged, rec.at, 0, "directory record at %#x: the two byte orders differ", rec.at)
		}
		at := (rec.block + rec.ext) * v.block
		have := min(rec.size, max(0, v.r.Size()-at))
		if rec.interleaved {
			v.gap(e.Name, wardein.Unsupported, at, have, "interleaved file")
			if have > 0 {
				v.out.Span(wardein.Span{Off: at, Len: have, What: wardein.Opaque, Is: "interleaved file"})
			}
			return v.out.Entry(e)
		}
		if have < rec.size {
			v.gap(e.Name, wardein.Damaged, at, 0, "content at %#x: %d bytes, image ends at %#x", at, rec.size, v.r.Size())
		}
		if have > 0 {
			ext = append(ext, wardein.Extent{Off: at, Len: have})
		}
		size += have
	}
	if first := parts[0].block * v.block; size > 0 && len(v.boot) > 0 {
		v.starts = append(v.starts, first)
		if name, ok := v.boot[first]; ok && name == "" {
			v.boot[first] = e.Name
		}
	}
	if key := [2]uint32{rr.serial, uint32(parts[0].block)}; rr.serial != 0 && rr.links > 1 && size > 0 {
		if path, ok := v.links[key]; ok {
			return v.out.Entry(wardein.Entry{Name: e.Name, Kind: wardein.HardLink, Target: path})
		}
		v.links[key] = e.Name
	}
	if rr.packed && len(ext) == 1 {
		blocks, table, err := zisofs(v.r, ext[0].Off, ext[0].Len, v.charge)
		if err == nil {
			v.mark(ext[0].Off, table, "zisofs header")
			return v.out.Blocks(e, blocks)
		}
		v.gap(e.Name, wardein.Damaged, ext[0].Off, ext[0].Len, "%v; the file is told as it is stored", err)
	}
	return v.out.Extents(e, ext)
}

// plainName is the name without Rock Ridge.
func (v *volume) plainName(t *tree, rec record) string {
	name := string(rec.name)
	if t.joliet {
		name = ucs2(rec.name)
	}
	if rec.flags&flagDirectory == 0 {
		if i := strings.LastIndexByte(name, ';'); i >= 0 && strings.Trim(name[i+1:], "0123456789") == "" {
			name = name[:i]
		}
		if !t.joliet && len(name) > 1 {
			name = strings.TrimSuffix(name, ".")
		}
	}
	return name
}

// ucs2 decodes big-endian UCS-2, the names of Joliet.
func ucs2(b []byte) string {
	u := make([]uint16, len(b)/2)
	for i := range u {
		u[i] = be.Uint16(b[2*i:])
	}
	return strings.TrimRight(string(utf16.Decode(u)), " \x00")
}

// date reads the 7-byte date of a record (ECMA-119 9.1.5), 0 for none.
func date(b []byte) int64 {
	if len(b) < 7 || b[1] == 0 || b[1] > 12 || b[2] == 0 || b[2] > 31 {
		return 0
	}
	t := time.Date(1900+int(b[0]), time.Month(b[1]), int(b[2]), int(b[3]), int(b[4]), int(b[5]), 0, time.UTC)
	return t.Unix() - int64(int8(b[6]))*15*60
}

// longDate reads the 17-byte date of a descriptor (ECMA-119 8.4.26.1).
func longDate(b []byte) (int64, bool) {
	if len(b) < 17 {
		return 0, false
	}
	t, err := time.Parse("20060102150405", string(b[:14]))
	if err != nil {
		return 0, false
	}
	return t.Unix() - int64(int8(b[16]))*15*60, true
}
