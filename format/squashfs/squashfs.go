// Package squashfs reads squashfs, the compressed read-only file system that
// most network equipment runs from, in all its versions (1.0 to 4.0), in both
// byte orders, and with the codings that vendors added on their own.
//
//	superblock            51, 63, 119 or 96 bytes (versions 1, 2, 3, 4)
//	compressor options    version 4, where a flag says so
//	data blocks           each file's blocks in a row, each coded on its own
//	fragment blocks       the tails of many files coded together
//	inode table           metadata blocks
//	directory table       metadata blocks
//	fragment table        metadata blocks, then their positions
//	export table          inode number → inode; metadata blocks, then their positions
//	id table              owners; version 4: metadata blocks, then their positions
//	attribute table       version 4
//
// A metadata block is a 16-bit length, whose top bit says "stored as it is",
// and the coded bytes of at most 8 KiB. A reference into the inode table or
// the directory table is the position of a metadata block relative to the
// table's beginning and an offset into what it decodes to. A data block is
// found by adding up the stored lengths in the inode's block list; a length of
// 0 is a hole.
//
// Vendor variants differ in the magic, in the order of single fields and above
// all in how a block is coded. What the superblock says about that is often
// not so, therefore the coding is chosen by trying: the one under which the
// root directory reads is the right one.
package squashfs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sort"
	"time"

	"github.com/wardein/wardein"
)

// Format is squashfs, all versions and variants.
var Format = wardein.Format{
	Name:    "squashfs",
	Version: 1,
	Doc:     doc,
	Magic:   magicList(),
	Measure: measure,
	Extract: extract,
}

func magicList() (list []wardein.Magic) {
	for _, m := range magics {
		list = append(list, wardein.Magic{Bytes: m.bytes})
	}
	return list
}

var doc = wardein.Doc{
	About: "squashfs, the compressed read-only file system of most routers, access points and base stations",
	How: "The superblock's numbers are checked against each other, then the root directory is read, which also " +
		"shows how blocks are coded. Directories are walked from the root; file contents are handed out block by block.",
	Limits: []string{
		"metadata that no directory leads to stays unreferenced; a Gap says how many inodes the export table names beyond those reached",
		"a path of more than 4096 bytes is not followed",
		"hard links are told apart by their inode; versions 1 and 2 keep no link count, and no time for links, devices and pipes: these show the volume's",
		"raw LZMA is tried with lc, lp and pb up to 4 and up to 10 bytes in front; a volume in another coding is a Gap",
		"the bytes of a metadata block between what was parsed are not told apart",
		"an image whose end is cut off has lost its tables, which stand at the end",
	},
	References: []string{
		"Linux, Documentation/filesystems/squashfs.rst and fs/squashfs/squashfs_fs.h (version 4)",
		"squashfs-tools, squashfs_compat.h (versions 1 to 3)",
	},
}

// maxPath bounds the length of a path, as PATH_MAX does; maxGaps how many
// Gaps are reported one by one.
const (
	maxPath = 4096
	maxGaps = 1000
)

// measure believes a superblock that is consistent; it is certain once the
// root directory reads.
func measure(r *io.SectionReader) (wardein.Claim, error) {
	s, err := readSuperblock(r)
	if err != nil {
		return wardein.Claim{}, err
	}
	claim := wardein.Claim{End: s.used, Confidence: wardein.Likely, Evidence: "superblock consistent"}
	if s.used > r.Size() {
		claim.End = r.Size()
		return claim, fmt.Errorf("superblock at %#x: image ends at %d, found %d bytes", s.usedAt(), s.used, r.Size())
	}
	// Guessing at parameters is left to extract: a hostile input could have
	// many superblocks.
	v := newVolume(s, r)
	if v.detect(false) != nil {
		return claim, nil
	}
	claim.Confidence, claim.Evidence = wardein.Certain, "superblock consistent, root directory read"
	return claim, nil
}

// volume is one file system that is being read.
type volume struct {
	superblock
	coding     coding
	certain    bool    // metadata was coded, so that coding was tried
	data       decoder // of data blocks, once the first was looked at
	r          *io.SectionReader
	meta       *metadata
	out        wardein.Members
	idList     []uint32
	guidList   []uint32
	xattrCache map[uint32][]wardein.Xattr
	links      map[uint64]string   // first path of inodes that can have more
	dirs       map[uint64]struct{} // directories that were listed
	reached    []uint64            // bit set of inode numbers
	said       map[string]bool
	entries    int64
	gaps       int64
	handed     int64 // bytes of shared attributes handed out
}

func newVolume(s superblock, r *io.SectionReader) *volume {
	v := &volume{superblock: s, r: r, xattrCache: map[uint32][]wardein.Xattr{}, links: map[uint64]string{}, dirs: map[uint64]struct{}{}, said: map[string]bool{}}
	v.meta = newMetadata(r)
	return v
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	s, err := readSuperblock(r)
	if err != nil {
		return 0, err
	}
	end := min(s.used, r.Size())
	v := newVolume(s, io.NewSectionReader(r, 0, end))
	detected := v.detect(true)
	v.out = out
	out.Span(wardein.Span{Len: min(int64(s.size), end), What: wardein.Known, Is: "superblock"})
	v.notes()
	if errors.Is(detected, errCompressor) {
		out.Span(wardein.Span{Off: int64(s.size), Len: end - int64(s.size), What: wardein.Opaque, Is: "volume"})
		out.Gap(wardein.Gap{Kind: wardein.Unsupported, Off: int64(s.size), Len: end - int64(s.size), Why: detected.Error()})
		return end, nil
	}
	if detected != nil {
		return end, detected
	}
	defer v.spans()
	if err := v.options(); err != nil {
		v.gap("", err)
	}
	if err := v.readIDs(); err != nil {
		v.gap("", err)
	}
	// A decoded inode has 16 bytes and more, and zlib makes at most a
	// thousand bytes of one: more inodes than this are not there.
	if int64(v.inodes) <= 64*end && v.major >= 3 {
		v.reached = make([]uint64, v.inodes/64+1)
	}
	if err := v.walk(ctx); err != nil {
		return end, err
	}
	v.export()
	if over := v.gaps - maxGaps; over > 0 {
		out.Gap(wardein.Gap{Kind: wardein.Limit, Why: fmt.Sprintf("%d gaps, at most %d are reported one by one", v.gaps, maxGaps)})
	}
	return end, nil
}

func (v *volume) notes() {
	order := "little endian"
	if v.be {
		order = "big endian"
	}
	v.out.Note("version", fmt.Sprintf("%d.%d", v.major, v.minor))
	v.out.Note("byte order", order)
	if v.magic != "hsqs" && v.magic != "sqsh" {
		v.out.Note("magic", v.magic)
	}
	if v.coding.name != "" {
		v.out.Note("compressor", v.coding.name)
	}
	v.out.Note("block size", fmt.Sprint(v.blockSize))
	v.out.Note("created", time.Unix(int64(v.mtime), 0).UTC().Format(time.RFC3339))
	v.out.Note("inodes", fmt.Sprint(v.inodes))
}

// spans tells which runs of the image were read as metadata, neighbours of
// one table as one run.
func (v *volume) spans() {
	at := make([]int64, 0, len(v.meta.marks))
	for off := range v.meta.marks {
		at = append(at, off)
	}
	sort.Slice(at, func(i, j int) bool { return at[i] < at[j] })
	var run wardein.Span
	var of table
	for _, off := range at {
		m := v.meta.marks[off]
		if run.Len > 0 && off <= run.Off+run.Len && m.of == of {
			run.Len = max(run.Len, off+m.len-run.Off)
			continue
		}
		if run.Len > 0 {
			v.out.Span(run)
		}
		run, of = wardein.Span{Off: off, Len: m.len, What: wardein.Known, Is: m.of.String()}, m.of
	}
	if run.Len > 0 {
		v.out.Span(run)
	}
}

// gap reports what an error about a member says.
func (v *volume) gap(node string, err error) { v.gapAt(node, 0, 0, err) }

func (v *volume) gapAt(node string, off, n int64, err error) {
	if v.gaps++; v.gaps > maxGaps || v.out == nil {
		return
	}
	kind := wardein.Damaged
	if errors.Is(err, errLimit) {
		kind = wardein.Limit
	}
	v.out.Gap(wardein.Gap{Node: node, Kind: kind, Off: off, Len: n, Why: err.Error()})
}

// once reports a Gap that many members would repeat.
func (v *volume) once(key string, g wardein.Gap) {
	if v.out != nil && !v.said[key] {
		v.said[key] = true
		v.out.Gap(g)
	}
}
