package ident

import (
	"encoding/binary"
	"hash/crc32"
)

// udf takes the volume structures from the anchor at sector 256.
func udf(f *file) (int64, error) {
	if f.u8(0x8000) != 0 {
		return 0, errNotMine
	}
	nsr := false
	for i := int64(1); i < 16 && !nsr; i++ {
		id := f.at(0x8000+2048*i, 6)
		nsr = id != nil && string(id[1:5]) == "NSR0"
	}
	if !nsr {
		return 0, errNotMine
	}
	end := int64(0)
	for _, block := range []int64{2048, 512, 4096} {
		anchor := 256 * block
		if !f.udfTag(anchor, 2, 256) {
			continue
		}
		for _, extent := range []int64{16, 24} { // main and reserve volume descriptor sequence
			n, start := f.l32(anchor+extent), f.l32(anchor+extent+4)
			end = max(end, start*block+n)
			for i := int64(0); i < min(n/block, 32); i++ {
				if at := (start + i) * block; f.udfTag(at, 5, start+i) { // partition descriptor
					end = max(end, (f.l32(at+188)+f.l32(at+192))*block)
				}
			}
		}
		end = max(end, anchor+block)
		// A further anchor may stand in the last block or 256 before it.
		for _, at := range []int64{f.size - block, f.size - 257*block} {
			if at >= end && f.udfTag(at, 2, at/block) {
				end = f.size
			}
		}
		f.certain("anchor volume descriptor ok")
		return end, nil
	}
	return 0, errNotMine
}

// udfTag reports whether a descriptor of that kind stands at off.
func (f *file) udfTag(off, kind, location int64) bool {
	t := f.at(off, 16)
	if t == nil || int64(le.Uint16(t)) != kind || int64(le.Uint32(t[12:])) != location {
		return false
	}
	var sum byte
	for i, b := range t {
		if i != 4 {
			sum += b
		}
	}
	return sum == t[4]
}

func xfs(f *file) (int64, error) {
	block, sector, inode := f.b32(4), f.b16(102), f.b16(104)
	if !power(block, 512, 65536) || !power(sector, 512, 32768) || !power(inode, 256, 2048) || f.u8(120) < 9 || 1<<f.u8(120) != block {
		return 0, errNotMine
	}
	return product(f.b64(8), block)
}

func jfs(f *file) (int64, error) {
	const sb = 0x8000
	version, block, sector := f.l32(sb+4), f.l32(sb+16), f.l32(sb+24)
	if version < 1 || version > 2 || !power(block, 512, 4096) || !power(sector, 512, 4096) {
		return 0, errNotMine
	}
	end, err := product(f.l64(sb+8), sector)
	for _, extent := range []int64{sb + 72, sb + 80} { // journal and fsck's work space stand behind the aggregate
		n, addr := f.l32(extent)&0xFFFFFF, f.l32(extent)>>24<<32|f.l32(extent+4)
		if end > 0 && addr < 1<<40 {
			end = max(end, (addr+n)*block)
		}
	}
	return end, err
}

func reiserfs(f *file) (int64, error) {
	const sb = 0x10000
	block := f.l16(sb + 44)
	if !power(block, 512, 8192) {
		return 0, errNotMine
	}
	return product(f.l32(sb), block)
}

func btrfs(f *file) (int64, error) {
	const sb = 0x10000
	raw := f.at(sb, 4096)
	if raw == nil || le.Uint64(raw[0x30:]) != sb {
		return 0, errNotMine
	}
	sector := int64(le.Uint32(raw[0x90:]))
	if !power(sector, 512, 65536) {
		return 0, errNotMine
	}
	if le.Uint16(raw[0xc4:]) == 0 { // crc32c
		if crc32.Checksum(raw[32:], crc32.MakeTable(crc32.Castagnoli)) != le.Uint32(raw) {
			return 0, errNotMine
		}
		f.certain("superblock crc32c ok")
	}
	return f.l64(sb + 0xc9 + 8), nil // the device item's total_bytes
}

func f2fs(f *file) (int64, error) {
	const sb = 0x400
	log := f.l32(sb + 16)
	if log < 12 || log > 16 || f.l32(sb+20) != 9 || f.l32(sb+8)+f.l32(sb+12) != log {
		return 0, errNotMine
	}
	return product(f.l64(sb+36), 1<<log)
}

func ntfs(f *file) (int64, error) {
	sector, cluster := f.l16(11), f.u8(13)
	if !power(sector, 256, 4096) || cluster == 0 || f.l16(14) != 0 || f.l16(510) != 0xAA55 {
		return 0, errNotMine
	}
	return product(f.l64(40)+1, sector) // a copy of the boot sector follows the last one
}

func hfsPlus(f *file) (int64, error) {
	block := f.b32(0x400 + 40)
	if !power(block, 512, 1<<20) {
		return 0, errNotMine
	}
	return product(f.b32(0x400+44), block)
}

func hfs(f *file) (int64, error) {
	const mdb = 0x400
	block, first, name := f.b32(mdb+20), f.b16(mdb+28), f.u8(mdb+36)
	if block < 512 || block%512 != 0 || first < 3 || name < 1 || name > 27 || f.b16(mdb+14) < 3 {
		return 0, errNotMine
	}
	end, err := product(f.b16(mdb+18), block)
	return end + 512*first + 1024, err // the copy of the master directory block and an unused one
}

func apfs(f *file) (int64, error) {
	block := f.l32(36)
	if !power(block, 4096, 65536) || f.l32(24)&0xFFFF != 1 { // object type: container superblock
		return 0, errNotMine
	}
	return product(f.l64(40), block)
}

func ufs1(f *file) (int64, error) {
	const sb = 8192
	order := ufsOrder(f.u8(sb+1372) == 0)
	if f.num(order, sb+1372, 4) != 0x011954 {
		return 0, errNotMine
	}
	fragment, block := f.num(order, sb+52, 4), f.num(order, sb+48, 4)
	if !power(fragment, 512, 65536) || !power(block, fragment, 8*fragment) {
		return 0, errNotMine
	}
	return product(f.num(order, sb+36, 4), fragment)
}

func ufs2(f *file) (int64, error) {
	const sb = 65536
	order := ufsOrder(f.u8(sb+1373) == 0x54)
	fragment, block := f.num(order, sb+52, 4), f.num(order, sb+48, 4)
	if !power(fragment, 512, 65536) || !power(block, fragment, 8*fragment) {
		return 0, errNotMine
	}
	return product(f.num(order, sb+1080, 8), fragment)
}

func ufsOrder(big bool) binary.ByteOrder {
	if big {
		return be
	}
	return le
}

// lvm2: the label names where the header of the physical volume stands.
func lvm2(f *file) (int64, error) {
	label := f.at(512, 512)
	if label == nil || string(label[24:32]) != "LVM2 001" || le.Uint64(label[8:]) != 1 {
		return 0, errNotMine
	}
	return f.l64(512 + int64(le.Uint32(label[20:])) + 32), nil
}

func qcow(f *file) (int64, error) {
	switch version, bits := f.b32(4), f.b32(20); {
	case version == 1, (version == 2 || version == 3) && bits >= 9 && bits <= 21:
		return f.size, nil
	}
	return 0, errNotMine
}

func vmdk(f *file) (int64, error) {
	if v := f.l32(4); v < 1 || v > 3 || f.l64(12) <= 0 || !power(f.l64(20), 1, 1<<20) {
		return 0, errNotMine
	}
	return f.size, nil
}

func vhd(f *file) (int64, error) {
	foot := f.at(0, 512)
	if foot == nil {
		return 0, errNotMine
	}
	var sum uint32
	for i, b := range foot {
		if i < 64 || i >= 68 {
			sum += uint32(b)
		}
	}
	if ^sum != be.Uint32(foot[64:]) {
		return 0, errNotMine
	}
	f.certain("footer checksum ok")
	if kind := be.Uint32(foot[60:]); (kind == 3 || kind == 4) && string(f.at(be64(foot[16:]), 8)) == "cxsparse" {
		return f.size, nil
	}
	return 512, nil
}

func be64(b []byte) int64 { return int64(min(be.Uint64(b), 1<<62)) }

func vdi(f *file) (int64, error) {
	data, block, extra, count := f.l32(0x158), f.l32(0x178), f.l32(0x17c), f.l32(0x184)
	if data < 512 || !power(block, 4096, 1<<30) || extra < 0 || count < 0 {
		return 0, errNotMine
	}
	return data + count*(block+extra), nil
}

func dmg(f *file) (int64, error) {
	if f.b64(24) < 0 || f.b64(24) > 1<<50 || f.b64(32) <= 0 {
		return 0, errNotMine
	}
	return 512, nil
}

func capsule(f *file) (int64, error) {
	header, image := f.l32(16), f.l32(24)
	if header < 28 || header > 4096 || image < header || image > f.size || f.l32(20)>>20 != 0 {
		return 0, errNotMine // the identifier alone, as in a program
	}
	return image, nil
}

func qnx(f *file) (int64, error) {
	header, startup, stored := f.l16(8), f.l32(32), f.l32(36)
	if header < 64 || header > 4096 || startup < header || stored < startup {
		return 0, errNotMine
	}
	return stored, nil
}
