package ext

import (
	"fmt"

	"github.com/wardein/wardein"
)

const (
	xattrMagic = 0xEA020000
	maxValue   = 64 << 10 // the kernel's bound of one attribute
	indexSys   = 7
)

// xattrPrefix is e_name_index in words.
var xattrPrefix = [...]string{0: "", 1: "user.", 2: "system.posix_acl_access", 3: "system.posix_acl_default", 4: "trusted.", 5: "lustre.",
	6: "security.", 7: "system.", 8: "system.richacl", 9: "encryption."}

// xattrs reads the attributes in the inode and in its attribute block. inline
// is where the value of system.data stands, which is content.
func (w *walker) xattrs(in *inode, who string) (list []wardein.Xattr, inline wardein.Extent) {
	fs := w.fs
	if in.extra > 0 {
		if body := in.raw[128+in.extra:]; len(body) >= 8 && le.Uint32(body) == xattrMagic {
			list, inline = w.xattrEntries(nil, in, who, body[4:], 0, in.off+128+in.extra+4)
		}
	}
	if in.acl == 0 {
		return list, inline
	}
	if in.acl == w.aclBlock { // files of one label share a block
		return append(list, w.aclList...), inline
	}
	off := in.acl * fs.blockSize
	if w.acl == nil {
		w.acl = make([]byte, fs.blockSize)
	}
	if w.spend(fs.blockSize) != nil {
		return list, inline
	}
	if in.acl >= fs.blocks {
		w.gap(wardein.Gap{Node: who, Kind: wardein.Damaged, Off: in.off, Len: fs.inodeSize, Why: fmt.Sprintf("inode %d: attribute block %d of %d", in.num, in.acl, fs.blocks)})
		return list, inline
	}
	w.aclBlock = 0
	if err := fs.readBlock(w.acl, in.acl); err != nil {
		w.gap(wardein.Gap{Node: who, Kind: wardein.Damaged, Why: fmt.Sprintf("inode %d: attribute %v", in.num, err)})
		return list, inline
	}
	if magic, blocks := le.Uint32(w.acl), le.Uint32(w.acl[8:]); magic != xattrMagic || blocks != 1 {
		w.gap(wardein.Gap{Node: who, Kind: wardein.Damaged, Off: off, Len: fs.blockSize,
			Why: fmt.Sprintf("inode %d: attribute block at %#x: magic %#x, expected %#x", in.num, off, magic, uint32(xattrMagic))})
		return list, inline
	}
	if fs.roCompat&roMetadataCsum != 0 {
		var n [8]byte
		le.PutUint64(n[:], uint64(in.acl))
		sum := crc32c(crc32c(fs.seed, n[:]), w.acl[:0x10])
		sum = crc32c(crc32c(sum, []byte{0, 0, 0, 0}), w.acl[0x14:])
		if found := le.Uint32(w.acl[0x10:]); found != sum {
			w.gap(wardein.Gap{Node: who, Kind: wardein.Damaged, Off: off, Len: fs.blockSize,
				Why: fmt.Sprintf("attribute block at %#x: crc32c %#08x, computed %#08x", off, found, sum)})
		}
	}
	shared, _ := w.xattrEntries(nil, in, who, w.acl, 32, off)
	w.known(off, 32, "attribute block")
	w.aclBlock, w.aclList = in.acl, shared
	return append(list, shared...), inline
}

// xattrEntries reads entries from body[start:]; value offsets count from the
// first byte of body, which stands at off.
func (w *walker) xattrEntries(list []wardein.Xattr, in *inode, who string, body []byte, start int, off int64) ([]wardein.Xattr, wardein.Extent) {
	var inline wardein.Extent
	inBlock := start > 0
	bad := func(at int, format string, args ...any) {
		w.gap(wardein.Gap{Node: who, Kind: wardein.Damaged, Off: off + int64(at),
			Why: fmt.Sprintf("inode %d: attribute at %#x: ", in.num, off+int64(at)) + fmt.Sprintf(format, args...)})
	}
	pos := start
	for pos+4 <= len(body) && le.Uint32(body[pos:]) != 0 {
		if pos+16 > len(body) {
			bad(pos, "cut off")
			break
		}
		nameLen, index := int(body[pos]), int(body[pos+1])
		valueOff, valueIno, size := int(le.Uint16(body[pos+2:])), le.Uint32(body[pos+4:]), int64(le.Uint32(body[pos+8:]))
		next := pos + (16+nameLen+3)&^3
		if next > len(body) {
			bad(pos, "name of %d bytes, %d left", nameLen, len(body)-pos-16)
			break
		}
		name := string(body[pos+16 : pos+16+nameLen])
		if index < len(xattrPrefix) {
			name = xattrPrefix[index] + name
		} else {
			name = fmt.Sprintf("index-%d.%s", index, name)
		}
		at := pos
		pos = next
		if size > maxValue || valueIno == 0 && (int64(valueOff)+size > int64(len(body))) {
			bad(at, "%q: value at %d, %d bytes, found %d", name, valueOff, size, len(body))
			continue
		}
		if w.spend(size+int64(nameLen)) != nil {
			return list, inline
		}
		switch {
		case valueIno != 0:
			value, err := w.valueInode(valueIno, size, who)
			if err != nil {
				bad(at, "%q: %v", name, err)
				continue
			}
			list = append(list, wardein.Xattr{Name: name, Value: value})
		case index == indexSys && name == "system.data" && in.flags&flagInlineData != 0:
			inline = wardein.Extent{Off: off + int64(valueOff), Len: size}
		default:
			if inBlock && size > 0 {
				w.known(off+int64(valueOff), size, "attribute block")
			}
			list = append(list, wardein.Xattr{Name: name, Value: string(body[valueOff : int64(valueOff)+size])})
		}
	}
	if inBlock {
		w.known(off+int64(start), int64(min(pos+4, len(body))-start), "attribute block")
	}
	return list, inline
}

// valueInode reads an attribute's value that has an inode of its own.
func (w *walker) valueInode(num uint32, size int64, who string) (string, error) {
	var in inode
	if err := w.fs.inode(num, &in); err != nil {
		return "", err
	}
	if in.flags&flagEAInode == 0 || in.size < size {
		return "", fmt.Errorf("inode %d: flags %#x, size %d: no attribute value of %d bytes", num, in.flags, in.size, size)
	}
	first := w.reach(num)
	m := mapper{w: w}
	runs, err := m.mapInode(&in, who)
	if err != nil {
		return "", err
	}
	value := make([]byte, 0, size)
	for _, x := range runs {
		n := min(x.Len, size-int64(len(value)))
		value = value[:int64(len(value))+n]
		if x.Off < 0 || n == 0 {
			continue
		}
		if err := w.spend(n); err != nil {
			return "", err
		}
		if _, err := w.fs.r.ReadAt(value[int64(len(value))-n:], x.Off); err != nil {
			return "", err
		}
		if first {
			w.known(x.Off, n, "attribute value")
		}
	}
	return string(value), nil
}
