// Package iso9660 reads ISO 9660 volumes (ECMA-119) with the Rock Ridge and
// Joliet extensions, El Torito boot images and zisofs compressed files.
//
// Sectors are 2048 bytes. Numbers stand in both byte orders, little-endian
// first, where the table says "both":
//
//	sector 0    system area, 16 sectors, not the file system's
//	sector 16   volume descriptors, one a sector:
//	            0x00  type: 0 boot record, 1 primary, 2 supplementary, 3 partition, 255 end
//	            0x01  "CD001", version 1
//	            0x28  volume identifier, 32 bytes
//	            0x50  size in blocks, both    0x80  block size, both
//	            0x84  size of path table, both; then its places, two LE, two BE
//	            0x9C  directory record of the root, 34 bytes
//	            …     identifiers and dates
//	anywhere    path tables, directories, content
//
// A directory is a row of records that do not cross a sector:
//
//	0x00  length   0x01  blocks of extended attributes in front of the content
//	0x02  first block, both       0x0A  length of the content, both
//	0x12  date, 7 bytes           0x19  flags: 2 directory, 0x80 more extents follow
//	0x1A  unit size, gap size (interleaved files)
//	0x20  length of the name, name, a byte to make it even
//	      system use: entries of two letters, length, version (Rock Ridge)
//
// A supplementary descriptor with a Joliet escape sequence leads to a second
// tree of directories over the same content, with names in UCS-2.
package iso9660

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/marks"
)

// Format is an ISO 9660 volume.
var Format = wardein.Format{
	Name:    "iso9660",
	Version: 1,
	Doc: wardein.Doc{
		About: "An ISO 9660 volume: installation media and update discs of servers, routers and base stations.",
		How: "The two byte orders of the primary descriptor's fields are compared and the root directory must name itself. Names, modes, owners, links and devices come " +
			"from Rock Ridge where the volume has it, names otherwise from Joliet, otherwise from the primary tree. The other tree is read too: content that only it leads to is a member " +
			"under \"[joliet]\" or \"[primary]\". El Torito boot images are members under \"[boot]\", hard links where a file of the tree is the same bytes.",
		Limits: []string{
			"Of a plain name the version (\";1\") and a final dot are left out, as all readers do.",
			"Interleaved files are opaque. Extended attribute records and the attributes of libisofs (AL) are not read.",
			"UDF structures of a bridge volume are not read, and a gap says so. Of a disc with several sessions the first is read.",
			"A path of more than 4096 bytes is not followed.",
		},
		References: []string{
			"ECMA-119, volume and file structure of CDROM (ISO 9660)",
			"IEEE P1281 (SUSP 1.12) and P1282 (RRIP 1.12)",
			"Joliet specification, Microsoft, 1995; El Torito bootable CD-ROM format specification 1.0",
			"zisofs format, libisofs doc/zisofs_format.txt",
		},
	},
	Magic:   []wardein.Magic{{Bytes: "\x01CD001\x01", Back: descriptors}},
	Measure: measure,
	Extract: extract,
}

const (
	sector         = 2048
	descriptors    = 16 * sector
	maxDescriptors = 64
	maxPath        = 4096
	maxGaps        = 256
)

var (
	le       = binary.LittleEndian
	be       = binary.BigEndian
	errLimit = errors.New("limit reached")
)

// both reads a 32-bit number that stands in both byte orders; agree is whether
// they say the same.
func both(b []byte) (n int64, agree bool) {
	l := le.Uint32(b)
	return int64(l), l == be.Uint32(b[4:])
}

// record is one directory record.
type record struct {
	at          int64 // of the record
	block, size int64
	agree       bool
	date        []byte
	flags       byte
	interleaved bool
	name        []byte
	use         []byte // system use
	ext         int64  // blocks of extended attributes
}

// parseRecord reads the record that b begins with.
func parseRecord(b []byte, at int64) (rec record, n int, err error) {
	if n = int(b[0]); n < 34 || n > len(b) || 33+int(b[32]) > n {
		return rec, n, fmt.Errorf("directory record at %#x: length %d", at, n)
	}
	b = b[:n]
	name := 33 + int(b[32])
	rec = record{at: at, ext: int64(b[1]), date: b[18:25], flags: b[25], interleaved: b[26] != 0 || b[27] != 0, name: b[33:name]}
	var ok [2]bool
	rec.block, ok[0] = both(b[2:])
	rec.size, ok[1] = both(b[10:])
	rec.agree = ok[0] && ok[1]
	if use := name + 1 - int(b[32])&1; use < n {
		rec.use = b[use:]
	}
	return rec, n, nil
}

// primary is what the primary volume descriptor says.
type primary struct {
	raw    [sector]byte
	blocks int64
	block  int64
	root   record
	agree  bool
}

func (p *primary) end() int64 { return p.blocks * p.block }

func readPrimary(r *io.SectionReader) (p primary, err error) {
	if n, _ := r.ReadAt(p.raw[:], descriptors); n < sector || string(p.raw[:7]) != "\x01CD001\x01" {
		return p, wardein.ErrNotMine
	}
	p.block = int64(le.Uint16(p.raw[128:]))
	p.blocks, p.agree = both(p.raw[80:])
	p.agree = p.agree && int64(be.Uint16(p.raw[130:])) == p.block
	if p.block != 512 && p.block != 1024 && p.block != 2048 || p.raw[156] != 34 {
		return p, wardein.ErrNotMine
	}
	p.root, _, err = parseRecord(p.raw[156:190], descriptors+156)
	if err != nil || p.end() < descriptors+sector || p.root.block >= p.blocks || p.root.flags&flagDirectory == 0 {
		return p, wardein.ErrNotMine
	}
	return p, nil
}

func measure(r *io.SectionReader) (wardein.Claim, error) {
	p, err := readPrimary(r)
	if err != nil {
		return wardein.Claim{}, err
	}
	var b [255]byte
	n, _ := r.ReadAt(b[:], p.root.block*p.block)
	dot, _, err := parseRecord(b[:], 0)
	self := n >= 34 && err == nil && dot.block == p.root.block && len(dot.name) == 1 && dot.name[0] == 0
	c := wardein.Claim{End: min(p.end(), r.Size()), Confidence: wardein.Certain, Evidence: "byte orders agree, root directory names itself"}
	switch {
	case !self && !p.agree:
		return wardein.Claim{}, wardein.ErrNotMine
	case !self:
		c.Confidence, c.Evidence = wardein.Likely, "byte orders agree"
	case !p.agree:
		c.Confidence, c.Evidence = wardein.Likely, "root directory names itself"
	}
	if p.end() > r.Size() {
		return c, fmt.Errorf("primary volume descriptor at %#x: %d blocks of %d bytes, image ends at %d", descriptors+80, p.blocks, p.block, r.Size())
	}
	if !self {
		return c, fmt.Errorf("root directory at %#x does not begin with a record of itself", p.root.block*p.block)
	}
	return c, nil
}

// volume is one image that is being read.
type volume struct {
	primary
	ctx   context.Context
	r     *io.SectionReader
	out   wardein.Members
	left  int64 // bytes of directories that may still be read
	gaps  int
	skip  int // bytes of system use before Rock Ridge
	rock  bool
	files map[int64]bool // first blocks of content that was handed out, where two trees lead to it
	boot  map[int64]string
	links map[[2]uint32]string // Rock Ridge file serial number and block → first path
	marks marks.List
	// catalog is the length of the boot catalog; starts are where files
	// begin, collected for boot images that do not tell their length.
	catalog int64
	starts  []int64
}

func (v *volume) charge(n int64) error {
	if v.left -= n; v.left < 0 {
		return fmt.Errorf("%w: more than %d bytes of directories read in a volume of %d", errLimit, 4*v.r.Size()+1<<16, v.r.Size())
	}
	return nil
}

func (v *volume) mark(off, n int64, is string) { v.marks.Add(off, n, v.r.Size(), is) }

// flush hands out the marks.
func (v *volume) flush() {
	for m := range v.marks.Sorted() {
		v.out.Span(wardein.Span{Off: m.Off, Len: m.Len, What: wardein.Known, Is: m.Is})
	}
}

func (v *volume) gap(node string, kind wardein.GapKind, off, n int64, format string, args ...any) {
	if v.gaps++; v.gaps <= maxGaps {
		off = max(0, min(off, v.r.Size()))
		v.out.Gap(wardein.Gap{Node: node, Kind: kind, Off: off, Len: max(0, min(n, v.r.Size()-off)), Why: fmt.Sprintf(format, args...)})
	}
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	p, err := readPrimary(r)
	if err != nil {
		return 0, err
	}
	end := min(p.end(), r.Size())
	v := &volume{primary: p, ctx: ctx, r: io.NewSectionReader(r, 0, end), out: out, left: 4*end + 1<<16,
		links: map[[2]uint32]string{}, boot: map[int64]string{}}
	defer v.flush()
	if !p.agree {
		v.gap("", wardein.Damaged, descriptors+80, 8, "primary volume descriptor: the two byte orders of size or block size differ")
	}
	v.notes()
	joliet, catalog := v.volumeDescriptors()
	v.susp()
	first, second := tree{root: p.root, is: "directory"}, tree{}
	if joliet != nil {
		v.files = map[int64]bool{}
		second = tree{root: *joliet, is: "joliet directory", joliet: true, only: "[joliet]"}
		if !v.rock {
			first, second = second, first
			first.only, second.only = "", "[primary]"
		}
	}
	images := v.bootCatalog(catalog)
	err = v.walk(&first)
	if err == nil && joliet != nil {
		err = v.walk(&second)
	}
	if err == nil {
		err = v.bootImages(images, catalog)
	}
	if errors.Is(err, errLimit) {
		v.gap("", wardein.Limit, 0, 0, "%v", err)
		err = nil
	}
	if err != nil {
		return end, err
	}
	if v.gaps > maxGaps {
		out.Gap(wardein.Gap{Kind: wardein.Limit, Why: fmt.Sprintf("%d gaps, %d are told", v.gaps, maxGaps)})
	}
	return end, nil
}

// notes tells the identifiers of the primary descriptor.
func (v *volume) notes() {
	for _, f := range []struct {
		name    string
		at, len int
	}{{"system", 8, 32}, {"volume", 40, 32}, {"volume set", 190, 128}, {"publisher", 318, 128}, {"preparer", 446, 128}, {"application", 574, 128}} {
		if s := strings.TrimRight(string(v.raw[f.at:f.at+f.len]), " \x00"); s != "" {
			v.out.Note(f.name, s)
		}
	}
	if t, ok := longDate(v.raw[813:830]); ok {
		v.out.Note("created", time.Unix(t, 0).UTC().Format(time.RFC3339))
	}
}

// volumeDescriptors reads the row of descriptors; it returns the root of the
// Joliet tree and the place of the boot catalog (0 for none).
func (v *volume) volumeDescriptors() (joliet *record, catalog int64) {
	for i := range int64(maxDescriptors) {
		var b [sector]byte
		at := descriptors + i*sector
		if n, _ := v.r.ReadAt(b[:], at); n < sector || string(b[1:6]) != "CD001" {
			v.gap("", wardein.Damaged, at, sector, "volume descriptor at %#x: no \"CD001\", and no terminator before", at)
			return
		}
		v.mark(at, sector, "volume descriptor")
		switch b[0] {
		case 0:
			if strings.HasPrefix(string(b[7:39]), "EL TORITO SPECIFICATION") {
				catalog = int64(le.Uint32(b[71:])) * sector
			} else {
				v.out.Note("boot record", strings.TrimRight(string(b[7:39]), " \x00"))
			}
		case 1, 2:
			v.pathTables(b[:])
			if b[0] == 1 {
				continue
			}
			esc := string(b[88:91])
			if b[6] != 1 || esc != "%/@" && esc != "%/C" && esc != "%/E" {
				v.out.Note("supplementary volume", strings.TrimRight(string(b[40:72]), " \x00"))
				continue
			}
			rec, _, err := parseRecord(b[156:190], at+156)
			if err != nil {
				v.gap("", wardein.Damaged, at+156, 34, "joliet volume descriptor: %v", err)
				continue
			}
			v.out.Note("joliet", ucs2(b[40:72]))
			rec.date = nil
			joliet = &rec
		case 255:
			v.bridge(at + sector)
			return
		}
	}
	return
}

// pathTables tells where the tables of directories stand.
func (v *volume) pathTables(b []byte) {
	n, _ := both(b[132:])
	for i := range 4 {
		block := int64(le.Uint32(b[140+4*i:]))
		if i >= 2 {
			block = int64(be.Uint32(b[140+4*i:]))
		}
		if at := block * v.block; block > 0 && at < v.r.Size() {
			v.mark(at, n, "path table")
		}
	}
}

// bridge looks for the descriptors of UDF, which follow those of ISO 9660.
func (v *volume) bridge(at int64) {
	for range 8 {
		var b [6]byte
		if n, _ := v.r.ReadAt(b[:], at); n < len(b) {
			return
		}
		switch string(b[1:]) {
		case "NSR02", "NSR03":
			v.gap("", wardein.Unsupported, at, sector, "the volume is UDF as well, whose structures are not read")
			return
		case "BEA01", "BOOT2":
		default:
			return
		}
		at += sector
	}
}
