// Package ext reads the ext2, ext3 and ext4 filesystems, which are one layout
// with feature flags.
//
// All numbers are little-endian. The volume is cut into block groups:
//
//	0x000  boot block, 1024 bytes, not the filesystem's
//	0x400  superblock, 1024 bytes, magic 0xEF53 at 0x438
//	       per group, each in blocks:
//	       superblock copy, group descriptors    in the groups that sparse_super names
//	       reserved descriptor blocks            when resize_inode is set
//	       block bitmap, inode bitmap, inode table   anywhere, the descriptor says where
//	       data
//
// An inode (128 bytes and more) maps a member's blocks: twelve direct
// pointers and three levels of indirect blocks, or a tree of extents, or the
// content stands in the inode itself. Members are handed out as runs of the
// volume's bytes. Blocks that no inode maps, and the end of a last block
// beyond the member's size, are claimed by nobody, so that the engine scans
// them.
package ext

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/wardein/wardein"
)

// Format is ext2, ext3 and ext4.
var Format = wardein.Format{
	Name:    "ext",
	Version: 1,
	Doc: wardein.Doc{
		About: "The ext2, ext3 and ext4 filesystems: root and data partitions of Linux equipment.",
		How: "The superblock gives the volume's length (blocks × block size). Directories are walked from inode 2, linear, hashed " +
			"and inline; content is handed out as runs of blocks from indirect blocks or extent trees, unwritten extents and holes as zeros. " +
			"Checksums (metadata_csum, gdt_csum) are verified where the volume has them. Inodes that are allocated and in no directory " +
			"are members named \"<orphan>/N\"; reserved inodes with content are members named \"<boot loader>\", \"<user quota>\" and so on. " +
			"Names that reach one inode again are hard links to the first. " +
			"Of the journal, its superblock, descriptor, revoke and commit blocks are known, and so are the logged copies of blocks, " +
			"inside which other formats are looked for; the rest of the journal is claimed by nobody.",
		Limits: []string{
			"The journal is not replayed: a volume that was not cleanly unmounted is read as it stands, and a gap says so.",
			"fscrypt: encrypted content is opaque, encrypted names are handed out as the bytes found.",
			"Compressed files (e2compr) are opaque. The hash tree of verity files is opaque and not verified.",
			"Deleted inodes are not restored; their blocks are free and therefore scanned.",
			"POSIX ACLs are handed out in the encoding of the disk. Times are in whole seconds.",
			"A volume whose primary superblock is lost is not found by a backup superblock.",
			"Bytes between the end of an inode's attributes and the end of its slot count as the inode's.",
		},
		References: []string{
			"Linux Documentation/filesystems/ext4 (Data Structures and Algorithms)",
			"Linux Documentation/filesystems/journalling and include/linux/jbd2.h (journal block headers and tags)",
			"The Second Extended File System, Dave Poirier, https://www.nongnu.org/ext2-doc/ext2.html",
		},
	},
	Magic: []wardein.Magic{{
		// s_magic, s_state (three bits are defined), s_errors (1..3).
		Bytes: "\x53\xEF\x00\x00\x00\x00",
		Mask:  "\xFF\xFF\xF8\xFF\xF8\xFF",
		Back:  superOff + 0x38,
	}},
	Measure: measure,
	Extract: extract,
}

var le = binary.LittleEndian

func measure(r *io.SectionReader) (wardein.Claim, error) {
	var none wardein.Claim
	var head [0x68]byte
	if n, _ := r.ReadAt(head[:], superOff); n < len(head) || !plausible(head[:]) {
		return none, wardein.ErrNotMine
	}
	fs, err := open(r)
	if err != nil {
		return none, wardein.ErrNotMine
	}
	c := wardein.Claim{End: fs.length, Confidence: wardein.Likely, Evidence: "superblock fields agree"}
	if fs.superSum {
		c.Confidence, c.Evidence = wardein.Certain, "superblock crc32c ok"
	}
	var truncated error
	if fs.length > r.Size() {
		c.End = r.Size()
		truncated = fmt.Errorf("superblock at %#x: volume is %d bytes, image ends at %d", superOff, fs.length, r.Size())
	}
	if fs.incompat&incompatJournalDev != 0 {
		return c, truncated
	}
	switch root := fs.rootState(); root {
	case rootOK:
		c.Confidence = wardein.Certain
		c.Evidence += ", root inode ok"
	case rootBeyond:
		if truncated == nil {
			return none, wardein.ErrNotMine
		}
		c.Evidence += ", root inode beyond the end"
	case rootBad:
		c.Confidence = wardein.Possible
		c.Evidence += ", root inode is no directory"
		if truncated == nil {
			truncated = fmt.Errorf("inode %d: is no directory", rootIno)
		}
	default: // a copy of a superblock that stands alone, as in a journal
		return none, wardein.ErrNotMine
	}
	return c, truncated
}
