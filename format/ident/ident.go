// Package ident recognises formats that nothing here opens yet: archives, file
// systems, disk images and encrypted files. A claim ends where the header says
// that the format ends, so that what follows is looked at; its bytes are Opaque
// and a Gap tells why.
//
// A format here is a row of the table below and one function that validates
// the header and finds the end.
package ident

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/wardein/wardein"
)

// Formats lists the formats of this package, in the order in which they are
// tried.
var Formats = formats([]kind{
	{"rar", "RAR archive, version 1.5 to 4.", "", "unrar technote.txt", at(0, "Rar!\x1a\x07\x00"), rar4, packed},
	{"rar5", "RAR archive, version 5.", "an archive with encrypted headers ends with its node", "rarlab.com technote, RAR 5.0 archive format", at(0, "Rar!\x1a\x07\x01\x00"), rar5, packed},
	{"arj", "ARJ archive.", "", "arj technote.txt", masked("\x60\xea\x00\x00\x1e", "\x60\xea\x00\x00\x22"), arj, packed},
	{"arc", "ARC archive.", "at the beginning of a node only", "arc.doc (archive entry)", anchored(0, "\x1a\x01", "\x1a\x02", "\x1a\x03", "\x1a\x04", "\x1a\x05", "\x1a\x06", "\x1a\x07", "\x1a\x08", "\x1a\x09"), arc, packed},
	{"zoo", "Zoo archive.", "", "zoo zoo.h (struct zoo_header, struct direntry)", at(20, "\xdc\xa7\xc4\xfd"), zoo, packed},
	{"lha", "LHA/LZH archive.", "", "lha header.doc", at(2, "-lh0-", "-lh1-", "-lh4-", "-lh5-", "-lh6-", "-lh7-", "-lhd-", "-lz4-", "-lz5-", "-lzs-", "-pm0-", "-pm2-"), lha, packed},
	{"lrzip", "lrzip file.", "ends with its node", "lrzip doc/magic.header.txt", anchored(0, "LRZI\x00"), lrzip, packed},
	{"rzip", "rzip file.", "ends with its node", "rzip main.c (write_magic)", anchored(0, "RZIP\x02"), toEnd, packed},
	{"zpaq", "zpaq archive.", "ends with its node", "zpaq specification 2.06 (locator tag)", anchored(0, "7kSt\xa01\x83\xd3\x8c\xb2(\xb0\xd3zPQ"), toEnd, packed},
	{"xar", "xar archive: macOS packages.", "", "xar xar.h (struct xar_header)", at(0, "xar!\x00\x1c\x00\x01"), xar, packed},
	{"wim", "Windows image.", "", "Windows Imaging File Format (WIM) white paper", at(0, "MSWIM\x00\x00\x00\xd0\x00\x00\x00"), wim, packed},
	{"ole2", "OLE 2 compound file: MSI, old Office documents.", "", "MS-CFB section 2", at(0, "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), ole2, plain},
	{"android-payload", "Android OTA payload.bin.", "ends with its node", "update_engine update_metadata.proto", anchored(0, "CrAU\x00\x00\x00\x00\x00\x00\x00"), toEnd, packed},

	{"udf", "UDF file system.", "only volumes that begin with BEA01", "ECMA-167 parts 2 and 3", at(0x8001, "BEA01\x01"), udf, plain},
	{"xfs", "XFS file system.", "", "XFS Algorithms & Data Structures, superblocks", at(0, "XFSB\x00\x00"), xfs, plain},
	{"jfs", "JFS2 file system.", "", "linux fs/jfs/jfs_superblock.h", at(0x8000, "JFS1"), jfs, plain},
	{"reiserfs", "ReiserFS file system.", "", "linux fs/reiserfs/reiserfs.h (struct reiserfs_super_block)", at(0x10034, "ReIsErFs\x00", "ReIsEr2Fs\x00", "ReIsEr3Fs\x00"), reiserfs, plain},
	{"btrfs", "Btrfs file system.", "the first device only", "btrfs on-disk format, superblock", at(0x10040, "_BHRfS_M"), btrfs, plain},
	{"f2fs", "F2FS file system.", "", "linux include/linux/f2fs_fs.h", at(0x400, "\x10\x20\xf5\xf2\x01\x00"), f2fs, plain},
	{"ntfs", "NTFS file system.", "", "linux fs/ntfs3/ntfs.h (struct NTFS_BOOT)", at(3, "NTFS    "), ntfs, plain},
	{"hfs+", "HFS+ or HFSX file system.", "", "Apple technical note TN1150", at(0x400, "H+\x00\x04", "HX\x00\x05"), hfsPlus, plain},
	{"hfs", "HFS file system.", "at the beginning of a node only", "Inside Macintosh: Files, chapter 2", anchored(0x400, "BD"), hfs, plain},
	{"apfs", "APFS container.", "the checksum is not verified", "Apple File System Reference, nx_superblock_t", at(32, "NXSB"), apfs, plain},
	{"ufs", "UFS file system.", "", "FreeBSD sys/ufs/ffs/fs.h", append(at(8192+1372, "\x54\x19\x01\x00"), at(8192+1373, "\x01\x19\x54")...), ufs1, plain},
	{"ufs2", "UFS2 file system.", "", "FreeBSD sys/ufs/ffs/fs.h", at(65536+1372, "\x19\x01\x54\x19", "\x19\x54\x01\x19"), ufs2, plain},
	{"minifs", "TP-Link MINIFS.", "ends with its node", "unblob handlers/filesystem (minifs)", anchored(0, "MINIFS\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"), toEnd, packed},
	{"lvm2", "LVM2 physical volume.", "", "lvm2 lib/format_text/layout.h", at(512, "LABELONE"), lvm2, plain},

	{"qcow", "QEMU disk image.", "ends with its node", "QEMU docs/interop/qcow2.txt", anchored(0, "QFI\xfb\x00\x00\x00"), qcow, plain},
	{"vmdk", "VMware disk image.", "ends with its node", "VMware Virtual Disk Format 5.0", anchored(0, "KDMV"), vmdk, plain},
	{"vhd", "Virtual PC disk image, or its footer.", "a dynamic image ends with its node; of a fixed one only the footer is claimed", "Virtual Hard Disk Image Format Specification", at(0, "conectix"), vhd, plain},
	{"vhdx", "Hyper-V disk image.", "ends with its node", "MS-VHDX section 2", anchored(0, "vhdxfile"), toEnd, plain},
	{"vdi", "VirtualBox disk image.", "", "VirtualBox VDICore.h", at(0x40, "\x7f\x10\xda\xbe\x01\x00\x01\x00"), vdi, plain},
	{"dmg", "Trailer of an Apple disk image.", "the 512 bytes of the trailer only: the image stands before it", "libdmg-hfsplus dmg.h (UDIFResourceFile)", at(0, "koly\x00\x00\x00\x04\x00\x00\x02\x00"), dmg, packed},
	{"uefi-capsule", "UEFI capsule.", "three kinds of capsule", "UEFI specification 2.9 section 8.5.3", at(0,
		"\xbd\x86\x66\x3b\x76\x0d\x30\x40\xb7\x0e\xb5\x51\x9e\x2f\xc5\xa0", // EFI_CAPSULE_GUID
		"\xed\xd5\xcb\x6d\x2d\xe8\x44\x4c\xbd\xa1\x71\x94\x19\x9a\xd9\x2a", // EFI_FIRMWARE_MANAGEMENT_CAPSULE_ID_GUID
		"\xb9\x82\x91\x53\xb5\xab\x91\x43\xb6\x9a\xe3\xa9\x43\xf7\x2f\xcc", // EFI_CAPSULE2_GUID
	), capsule, plain},
	{"qnx-ifs", "QNX boot image.", "", "QNX sys/startup.h (struct startup_header)", at(0, "\xeb\x7e\xff\x00\x01\x00"), qnx, plain},

	{"luks", "LUKS encrypted volume.", "ends with its node", "LUKS1 and LUKS2 on-disk format specifications", anchored(0, "LUKS\xba\xbe\x00\x01", "LUKS\xba\xbe\x00\x02"), toEnd, encrypted},
	{"openssl-enc", "Output of openssl enc.", "ends with its node", "openssl apps/enc.c", anchored(0, "Salted__"), salted, encrypted},
	{"pgp-armor", "OpenPGP encrypted message in text form.", "", "RFC 4880 section 6.2", at(0, "-----BEGIN PGP MESSAGE-----"), armor("-----END PGP MESSAGE-----"), encrypted},
	{"pgp", "OpenPGP encrypted message.", "at the beginning of a node only", "RFC 4880 sections 4.2, 5.1, 5.3", anchored(0, "\x8c\x0d\x04", "\x84\x5e\x03", "\x85\x01\x0c\x03", "\x85\x02\x0c\x03", "\x85\x04\x0c\x03"), pgp, encrypted},
	{"age", "age encrypted file.", "ends with its node", "age-encryption.org/v1", anchored(0, "age-encryption.org/v1\n-> "), toEnd, encrypted},
	{"age-armor", "age encrypted file in text form.", "", "age-encryption.org/v1", at(0, "-----BEGIN AGE ENCRYPTED FILE-----"), armor("-----END AGE ENCRYPTED FILE-----"), encrypted},
})

// content says what a format's payload is like.
type content uint8

const (
	packed    content = iota // compressed or unknown: the engine's own Opaque and Gap
	plain                    // files are stored as they are: other formats may be looked for inside
	encrypted                // a Gap of that kind
)

type kind struct {
	name, about, limit, ref string
	magic                   []wardein.Magic
	// walk validates the header and finds the end. Errors other than
	// ErrNotMine mean damage.
	walk func(f *file) (end int64, err error)
	content
}

func at(back int64, bytes ...string) []wardein.Magic {
	var ms []wardein.Magic
	for _, b := range bytes {
		ms = append(ms, wardein.Magic{Bytes: b, Back: back})
	}
	return ms
}

func anchored(back int64, bytes ...string) []wardein.Magic {
	ms := at(back, bytes...)
	for i := range ms {
		ms[i].Anchored = true
	}
	return ms
}

// masked leaves the third and fourth byte open.
func masked(bytes ...string) []wardein.Magic {
	ms := at(0, bytes...)
	for i := range ms {
		ms[i].Mask = "\xff\xff\x00\x00\xff"
	}
	return ms
}

func formats(ks []kind) []wardein.Format {
	out := make([]wardein.Format, len(ks))
	for i, k := range ks {
		f := wardein.Format{
			Name: k.name, Version: 1, Magic: k.magic,
			Doc: wardein.Doc{About: k.about, How: "Recognised by its header, which also tells the end; not opened.",
				Limits: []string{"not opened"}, References: []string{k.ref}},
			Measure: k.measure,
		}
		if k.limit != "" {
			f.Doc.Limits = append(f.Doc.Limits, k.limit)
		}
		if k.content != packed {
			f.Extract = k.extract
		}
		out[i] = f
	}
	return out
}

func (k kind) measure(r *io.SectionReader) (wardein.Claim, error) {
	f := &file{r: r, size: r.Size(), confidence: wardein.Likely, evidence: "header fields fit each other"}
	end, err := k.walk(f)
	if errors.Is(err, wardein.ErrNotMine) || end <= 0 {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	if end > r.Size() && err == nil {
		err = fmt.Errorf("%s: %d bytes expected, %d found", k.name, end, r.Size())
	}
	return wardein.Claim{End: min(end, r.Size()), Confidence: f.confidence, Evidence: f.evidence}, err
}

// extract says what a nil Extract would, and more: that the bytes are
// encrypted, or that formats may be looked for inside.
func (k kind) extract(_ context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	f := &file{r: r, size: r.Size()}
	end, err := k.walk(f)
	if errors.Is(err, wardein.ErrNotMine) || end <= 0 {
		return 0, fmt.Errorf("%s: is not recognised again", k.name)
	}
	end = min(end, r.Size())
	out.Span(wardein.Span{Len: end, What: wardein.Opaque, Is: k.name, Carve: k.content == plain})
	if k.content == encrypted {
		out.Gap(wardein.Gap{Kind: wardein.Encrypted, Len: end, Why: k.name + ": no key"})
	} else {
		out.Gap(wardein.Gap{Kind: wardein.Unsupported, Len: end, Why: k.name + ": no reader for it"})
	}
	return end, nil
}

// file is what a walk reads.
type file struct {
	r          *io.SectionReader
	size       int64
	confidence wardein.Confidence
	evidence   string
}

func (f *file) certain(evidence string) { f.confidence, f.evidence = wardein.Certain, evidence }

// at returns n bytes at off, nil when they are not there.
func (f *file) at(off int64, n int) []byte {
	if off < 0 || n < 0 || off > f.size || int64(n) > f.size-off {
		return nil
	}
	b := make([]byte, n)
	if got, _ := f.r.ReadAt(b, off); got < n {
		return nil
	}
	return b
}

// num reads an unsigned number, -1 when it is not there. Numbers of 8 bytes
// are cut to 1<<62.
func (f *file) num(order binary.ByteOrder, off int64, width int) int64 {
	b := f.at(off, width)
	if b == nil {
		return -1
	}
	switch width {
	case 1:
		return int64(b[0])
	case 2:
		return int64(order.Uint16(b))
	case 4:
		return int64(order.Uint32(b))
	}
	return int64(min(order.Uint64(b), 1<<62))
}

func (f *file) u8(off int64) int64  { return f.num(le, off, 1) }
func (f *file) l16(off int64) int64 { return f.num(le, off, 2) }
func (f *file) l32(off int64) int64 { return f.num(le, off, 4) }
func (f *file) l64(off int64) int64 { return f.num(le, off, 8) }
func (f *file) b16(off int64) int64 { return f.num(be, off, 2) }
func (f *file) b32(off int64) int64 { return f.num(be, off, 4) }
func (f *file) b64(off int64) int64 { return f.num(be, off, 8) }

var (
	be = binary.BigEndian
	le = binary.LittleEndian

	errNotMine = wardein.ErrNotMine
)

// product is a length in bytes, or ErrNotMine where the two cannot be one.
func product(count, unit int64) (int64, error) {
	if count <= 0 || unit <= 0 || count > 1<<62/unit {
		return 0, errNotMine
	}
	return count * unit, nil
}

func power(n, lo, hi int64) bool { return n >= lo && n <= hi && n&(n-1) == 0 }

func toEnd(f *file) (int64, error) { return f.size, nil }
