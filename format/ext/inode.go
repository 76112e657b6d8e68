package ext

import (
	"fmt"

	"github.com/wardein/wardein"
)

// Inode flags.
const (
	flagCompressed = 0x4
	flagEncrypted  = 0x800
	flagIndex      = 0x1000
	flagExtents    = 0x80000
	flagVerity     = 0x100000
	flagEAInode    = 0x200000
	flagInlineData = 0x10000000
)

// inode is one slot of an inode table.
type inode struct {
	num   uint32
	off   int64 // of the slot in the volume
	raw   []byte
	mode  uint16
	flags uint32
	size  int64
	links uint16
	acl   int64 // block of extended attributes, 0 none
	seed  uint32
	extra int64 // bytes of fields beyond the first 128
}

// block is i_block: pointers, an extent tree's root, or content.
func (in *inode) block() []byte { return in.raw[0x28 : 0x28+60] }

func (in *inode) kind() (wardein.Kind, bool) {
	switch in.mode >> 12 {
	case 1:
		return wardein.FIFO, true
	case 2:
		return wardein.CharDevice, true
	case 4:
		return wardein.Directory, true
	case 6:
		return wardein.BlockDevice, true
	case 8:
		return wardein.File, true
	case 10:
		return wardein.Symlink, true
	case 12:
		return wardein.Socket, true
	}
	return wardein.File, false
}

// inodeOff is where an inode's slot stands.
func (fs *volume) inodeOff(num uint32) (int64, error) {
	if num == 0 || num > fs.inodes {
		return 0, fmt.Errorf("inode %d of %d", num, fs.inodes)
	}
	d, err := fs.group(int64((num - 1) / fs.inodesPerGroup))
	if err != nil {
		return 0, fmt.Errorf("inode %d: group %d: %w", num, (num-1)/fs.inodesPerGroup, err)
	}
	return d.inodeTable*fs.blockSize + int64((num-1)%fs.inodesPerGroup)*fs.inodeSize, nil
}

// inode reads a slot into in, whose buffer is used again.
func (fs *volume) inode(num uint32, in *inode) error {
	off, err := fs.inodeOff(num)
	if err != nil {
		return err
	}
	raw, err := fs.at(off, fs.inodeSize)
	if err != nil {
		return fmt.Errorf("inode %d: %w", num, err)
	}
	in.parse(fs, num, off, raw)
	return nil
}

func (in *inode) parse(fs *volume, num uint32, off int64, raw []byte) {
	in.num, in.off = num, off
	in.raw = append(in.raw[:0], raw...)
	raw = in.raw
	in.mode = le.Uint16(raw)
	in.flags = le.Uint32(raw[0x20:])
	in.links = le.Uint16(raw[0x1A:])
	in.size = int64(le.Uint32(raw[4:]))
	// In a directory the upper half was once i_dir_acl.
	if kind := in.mode >> 12; kind == 8 || kind == 4 && fs.incompat&incompatLargedir != 0 {
		in.size |= int64(le.Uint32(raw[0x6C:])) << 32
	}
	in.acl = int64(le.Uint32(raw[0x68:]))
	if fs.incompat&incompat64bit != 0 {
		in.acl |= int64(le.Uint16(raw[0x76:])) << 32
	}
	in.extra = 0
	if fs.inodeSize > 128 {
		if n := int64(le.Uint16(raw[0x80:])); n >= 4 && n <= fs.inodeSize-128 {
			in.extra = n
		}
	}
	if fs.roCompat&roMetadataCsum != 0 {
		var n [4]byte
		le.PutUint32(n[:], num)
		in.seed = crc32c(crc32c(fs.seed, n[:]), raw[0x64:0x68])
	}
}

// sum checks the inode's checksum: found and computed agree, or there is none.
func (in *inode) sum(fs *volume) (found, computed uint32) {
	if fs.roCompat&roMetadataCsum == 0 {
		return 0, 0
	}
	raw, zero := in.raw, [2]byte{}
	found = uint32(le.Uint16(raw[0x7C:]))
	crc := crc32c(in.seed, raw[:0x7C])
	crc = crc32c(crc, zero[:])
	crc = crc32c(crc, raw[0x7E:0x80])
	if fs.inodeSize == 128 {
		return found, crc & 0xFFFF
	}
	if in.extra >= 4 { // i_checksum_hi is there
		found |= uint32(le.Uint16(raw[0x82:])) << 16
		crc = crc32c(crc, raw[0x80:0x82])
		crc = crc32c(crc, zero[:])
		crc = crc32c(crc, raw[0x84:])
		return found, crc
	}
	return found, crc32c(crc, raw[0x80:]) & 0xFFFF
}

// entry fills what the inode says about a member.
func (in *inode) entry(name string) wardein.Entry {
	raw := in.raw
	kind, _ := in.kind()
	e := wardein.Entry{
		Name:  name,
		Kind:  kind,
		Mode:  uint32(in.mode & 0o7777),
		UID:   uint32(le.Uint16(raw[2:])) | uint32(le.Uint16(raw[0x78:]))<<16,
		GID:   uint32(le.Uint16(raw[0x18:])) | uint32(le.Uint16(raw[0x7A:]))<<16,
		MTime: int64(int32(le.Uint32(raw[0x10:]))),
	}
	if in.extra >= 0x8C-0x80 { // the lower bits of i_mtime_extra continue the epoch
		e.MTime += int64(le.Uint32(raw[0x88:])&3) << 32
	}
	if kind == wardein.CharDevice || kind == wardein.BlockDevice {
		if old := le.Uint32(raw[0x28:]); old != 0 {
			e.Major, e.Minor = old>>8&0xFF, old&0xFF
		} else {
			dev := le.Uint32(raw[0x2C:])
			e.Major, e.Minor = dev>>8&0xFFF, dev&0xFF|dev>>12&0xFFF00
		}
	}
	return e
}
