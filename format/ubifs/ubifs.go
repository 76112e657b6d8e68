// Package ubifs reads UBIFS, the Linux file system for UBI volumes, from a
// volume or from an image made by mkfs.ubifs.
//
// The volume is a row of logical erase blocks (LEBs): superblock (0), master
// (1 and 2), log, LEB properties, orphans, then the main area. Everything but
// the properties is nodes at 8-byte boundaries, little-endian, behind a common
// header:
//
//	0  magic 0x06101831    8  sqnum u8     20  node type
//	4  crc u4 (from 8 on)  16  len u4      21  group type
//
// The master node points to the root of a B+ tree of index nodes, whose leaves
// point to inode, directory entry, extended attribute and data nodes. Their
// keys are 8 bytes: inode number u4, then type (3 bits) and name hash or block
// number (29 bits). A data node holds one block of up to 4096 bytes. What was
// written after the last commit stands in buds, which the log names, and is
// replayed over the index in the order of sqnum.
//
// Source: Linux, fs/ubifs/ubifs-media.h, replay.c, recovery.c.
package ubifs

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/wardein/wardein"
)

// Format is UBIFS.
var Format = wardein.Format{
	Name:    "ubifs",
	Version: 1,
	Doc: wardein.Doc{
		About: "UBIFS, the read-write file system of Linux on UBI volumes (NAND flash of routers, base stations, set-top boxes).",
		How: "The newest master node leads to the index, whose leaves are inodes, names, attributes and data blocks; buds that the log names are " +
			"replayed over it in order of their sequence numbers, as a mount would. Each node's CRC-32 is verified, that of a data node when it is " +
			"decoded. Where an index node is damaged, the main area is searched for nodes whose keys the lost branch would hold; the newest of each " +
			"key wins and a gap says so. Old versions of nodes that no index names stay unreferenced, so that they are scanned. Inodes without a name " +
			"are handed out under \"<orphan>/\".",
		Limits: []string{
			"Encrypted files (fscrypt) are opaque; encrypted names are given in hexadecimal.",
			"Hashes and HMACs of authenticated images are noted, not verified: the key is not in the image.",
			"The LEB properties tree is not read and stays unreferenced.",
			"A search for lost nodes may bring back what was deleted, if the deletion's own node is gone.",
			"Paths longer than 4096 bytes are not followed.",
		},
		References: []string{
			"Linux kernel, fs/ubifs/ubifs-media.h (layout), replay.c, recovery.c, log.c, GPL-2.0",
			"http://www.linux-mtd.infradead.org/doc/ubifs.html",
		},
	},
	// A superblock node: magic, any crc and sqnum, length 4096, type 6.
	Magic: []wardein.Magic{{
		Bytes: "\x31\x18\x10\x06\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x10\x00\x00\x06",
		Mask:  "\xFF\xFF\xFF\xFF\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xFF\xFF\xFF\xFF\xFF",
	}},
	Measure: measure,
	Extract: extract,
}

const (
	nodeMagic  = 0x06101831
	headerSize = 24
	blockSize  = 4096

	superSize  = 4096
	masterSize = 512
	refSize    = 64
	inoSize    = 160
	dentSize   = 56
	dataSize   = 48
	trunSize   = 56
	padSize    = 28

	maxSize = blockSize << 29 // block numbers have 29 bits
	maxPath = 4096
)

// Node types.
const (
	inoNode = iota
	dataNode
	dentNode
	xentNode
	trunNode
	padNode
	superNode
	masterNode
	refNode
	indexNode
	commitNode
	orphanNode
	authNode
)

// Superblock flags.
const (
	flagFixup         = 0x04
	flagEncryption    = 0x10
	flagAuthenticated = 0x20
)

var le = binary.LittleEndian

// crc is the CRC-32 of a node from its sqnum on: initial value all ones, no
// inversion at the end.
func crc(node []byte) uint32 { return ^crc32.ChecksumIEEE(node[8:]) }

// superblock is what the reader needs of the superblock node.
type superblock struct {
	flags, minIO               int64
	lebSize, lebCount          int64
	maxLEBs, logLEBs, lptLEBs  int64
	orphLEBs, heads, fanout    int64
	version, compression, algo int64
	hashLen                    int64
	uuid                       string
	keyHash, keyFormat         byte
	mainFirst                  int64
}

// Lengths of the hashes of linux/hash_info.h, by number.
var hashLengths = [...]int64{16, 16, 20, 20, 32, 48, 64, 28, 16, 32, 40, 32, 48, 64, 16, 20, 24, 32, 32, 64}
var hashNames = [...]string{"md4", "md5", "sha1", "rmd160", "sha256", "sha384", "sha512", "sha224", "rmd128", "rmd256", "rmd320", "wp256", "wp384", "wp512", "tgr128", "tgr160", "tgr192", "sm3", "streebog256", "streebog512"}

func readSuperblock(r *io.SectionReader) (*superblock, error) {
	var b [superSize]byte
	if n, _ := r.ReadAt(b[:128], 0); n < 128 {
		return nil, wardein.ErrNotMine
	}
	u := func(off int) int64 { return int64(le.Uint32(b[off:])) }
	if u(0) != nodeMagic || u(16) != superSize || b[20] != superNode {
		return nil, wardein.ErrNotMine
	}
	s := &superblock{
		keyHash: b[26], keyFormat: b[27], flags: u(28), minIO: u(32), lebSize: u(36), lebCount: u(40), maxLEBs: u(44),
		logLEBs: u(56), lptLEBs: u(60), orphLEBs: u(64), heads: u(68), fanout: u(72), version: u(80), compression: int64(le.Uint16(b[84:])),
		uuid: hex.EncodeToString(b[108:124]),
	}
	s.mainFirst = 3 + s.logLEBs + s.lptLEBs + s.orphLEBs
	// The least geometry that Linux accepts, and sizes that fit the volume numbers.
	if s.lebSize < superSize || s.lebSize%8 != 0 || s.lebSize > 64<<20 || s.lebCount < 4 || s.minIO < 8 || s.minIO > s.lebSize || s.logLEBs < 1 || s.mainFirst >= s.lebCount {
		return nil, wardein.ErrNotMine
	}
	if n, _ := r.ReadAt(b[:], 0); n < superSize {
		return nil, wardein.ErrNotMine
	}
	if have := crc(b[:]); have != le.Uint32(b[4:]) {
		return nil, wardein.ErrNotMine
	}
	if s.flags&flagAuthenticated != 0 {
		s.algo = int64(le.Uint16(b[256:]))
		if s.algo >= int64(len(hashLengths)) {
			return s, fmt.Errorf("superblock: hash algorithm %d is not known", s.algo)
		}
		s.hashLen = hashLengths[s.algo]
	}
	return s, nil
}

// measure accepts a superblock node whose checksum fits. A volume need not
// reach to the last block: the blocks behind the last mapped one do not exist.
func measure(r *io.SectionReader) (wardein.Claim, error) {
	s, err := readSuperblock(r)
	if s == nil {
		return wardein.Claim{}, err
	}
	c := wardein.Claim{End: s.lebSize * s.lebCount, Confidence: wardein.Certain, Evidence: "superblock crc32 ok"}
	if c.End > r.Size() {
		c.End = r.Size()
		if c.End%s.lebSize != 0 && err == nil {
			err = fmt.Errorf("truncated: %d blocks of %d bytes expected, block %d ends at %d", s.lebCount, s.lebSize, r.Size()/s.lebSize, r.Size())
		}
	}
	return c, err
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	c, err := measure(r)
	if c.End == 0 {
		return 0, err
	}
	s, _ := readSuperblock(r)
	fs := &fileSystem{ctx: ctx, superblock: s, out: out, r: r, end: min(c.End, r.Size())}
	if xerr := fs.extract(); xerr != nil {
		return c.End, xerr
	}
	return c.End, err
}
