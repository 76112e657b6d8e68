package erofs

import (
	"fmt"

	"github.com/wardein/wardein"
)

// prefixes are the beginnings of attribute names by index
// (erofs_fs.h, EROFS_XATTR_INDEX_*).
var prefixes = [...]string{1: "user.", 2: "system.posix_acl_access", 3: "system.posix_acl_default", 4: "trusted.", 5: "lustre.", 6: "security."}

// maxHanded bounds the bytes of attributes that are handed out, because many
// inodes may share one.
func (v *volume) maxHanded() int64 { return 8*v.r.Size() + 16<<20 }

// attributes reads the attributes behind an inode: a 12-byte header with the
// count of shared ones, their ids, then entries of its own.
func (v *volume) attributes(in inode) ([]wardein.Xattr, error) {
	if in.xattr == 0 {
		return nil, nil
	}
	at := in.at + in.size32()
	page, err := v.read(at, in.xattr)
	if err != nil {
		return nil, fmt.Errorf("attributes: %w", err)
	}
	v.mark(at, in.xattr, "attributes")
	b := append([]byte(nil), page...)
	shared := int64(b[4])
	if 12+4*shared > in.xattr {
		return nil, fmt.Errorf("attributes at %#x: %d shared ones in %d bytes", at, shared, in.xattr)
	}
	var list []wardein.Xattr
	give := func(x wardein.Xattr) error {
		if v.handed += int64(len(x.Name) + len(x.Value)); v.handed > v.maxHanded() {
			return fmt.Errorf("%w: attributes of more than %d bytes in a volume of %d", errLimit, v.maxHanded(), v.r.Size())
		}
		list = append(list, x)
		return nil
	}
	for i := range shared {
		x, err := v.sharedAttribute(le.Uint32(b[12+4*i:]))
		if err == nil {
			err = give(x)
		}
		if err != nil {
			return list, err
		}
	}
	for b = b[12+4*shared:]; len(b) >= 4; {
		if b[0] == 0 && b[1] == 0 { // no entry: names have an index
			break
		}
		n := 4 + int(b[0]) + int(le.Uint16(b[2:]))
		if n > len(b) {
			return list, fmt.Errorf("attributes at %#x: entry of %d bytes, %d are left", at, n, len(b))
		}
		if err := give(v.attribute(b[:n])); err != nil {
			return list, err
		}
		b = b[min(len(b), (n+3)&^3):]
	}
	return list, nil
}

func (v *volume) attribute(b []byte) wardein.Xattr {
	name := ""
	if i := int(b[1]); i&0x80 != 0 && i&0x7F < len(v.infixes) {
		name = v.infixes[i&0x7F]
	} else if i < len(prefixes) {
		name = prefixes[i]
	} else {
		name = fmt.Sprintf("prefix-%d.", i)
	}
	return wardein.Xattr{Name: name + string(b[4:4+int(b[0])]), Value: string(b[4+int(b[0]):])}
}

func (v *volume) sharedAttribute(id uint32) (wardein.Xattr, error) {
	if x, ok := v.xattrs[id]; ok {
		return x, nil
	}
	at := v.shared + int64(id)*4
	b, err := v.read(at, 4)
	if err != nil {
		return wardein.Xattr{}, fmt.Errorf("shared attribute: %w", err)
	}
	n := 4 + int64(b[0]) + int64(le.Uint16(b[2:]))
	if b, err = v.read(at, n); err != nil {
		return wardein.Xattr{}, fmt.Errorf("shared attribute: %w", err)
	}
	x := v.attribute(b)
	v.xattrs[id] = x
	v.mark(at, n, "shared attributes")
	return x, nil
}

// longPrefixes reads the table of longer beginnings of names: length, index
// of a short one, the rest. It stands in the packed inode where there is one.
func (v *volume) longPrefixes() {
	if v.incompat&featurePrefixes == 0 {
		return
	}
	at := v.prefixAt
	get := func(off, n int64) ([]byte, error) {
		if v.packedIn != nil {
			return v.bytes(v.packedIn, off, n)
		}
		b, err := v.read(off, n)
		v.mark(off, n, "attribute prefixes")
		return b, err
	}
	for range v.prefixes {
		at = (at + 3) &^ 3
		b, err := get(at, 2)
		if err != nil {
			v.gap("", at, fmt.Errorf("attribute prefixes: %w", err))
			return
		}
		n := int64(le.Uint16(b))
		if b, err = get(at+2, n); err != nil || n < 1 || int(b[0]) >= len(prefixes) {
			v.gap("", at, fmt.Errorf("attribute prefix at %#x: length %d: %v", at, n, err))
			return
		}
		v.infixes = append(v.infixes, prefixes[b[0]]+string(b[1:]))
		at += 2 + n
	}
}
