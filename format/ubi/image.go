package ubi

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"slices"

	"github.com/wardein/wardein"
)

// A leb is one erase block that says it holds block lnum of a volume.
type leb struct {
	vidHeader
	peb int64
}

// image extracts one claim, which may hold several interleaved images.
type image struct {
	r    *io.SectionReader
	grid *grid
	out  wardein.Members
	seqs []uint32 // image_seq of each image, in order of appearance
	lebs [][]leb  // per image
}

func (im *image) extract(ctx context.Context) error {
	if err := im.scan(ctx); err != nil {
		return err
	}
	g := im.grid
	im.out.Note("erase block size", fmt.Sprint(g.size()))
	if g.oob != 0 {
		im.out.Note("page", fmt.Sprintf("%d + %d out-of-band bytes", g.page, g.oob))
	}
	im.out.Note("erase blocks", fmt.Sprintf("%d, %d with a header", g.count, g.headers))
	for i, seq := range im.seqs {
		prefix := ""
		if len(im.seqs) > 1 {
			prefix = fmt.Sprintf("image-%08x/", seq)
		}
		im.out.Note("image sequence", fmt.Sprintf("%#08x", seq))
		if err := im.volumes(ctx, prefix, im.lebs[i]); err != nil {
			return err
		}
	}
	return nil
}

// scan reads both headers of every erase block.
func (im *image) scan(ctx context.Context) error {
	var b [headerSize]byte
	g := im.grid
	bad := damage{out: im.out}
	defer bad.flush()
	for n := range g.count {
		if n%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		off := n * g.stride
		if !g.read(im.r, b[:], n, 0) {
			bad.add(off, im.r.Size()-off, "erase block is cut off")
			break
		}
		ec, ok := parseEC(b[:])
		if !ok || ec.vidAt != g.vidAt || ec.dataAt != g.dataAt {
			if !blank(b[:]) {
				bad.add(off, min(g.stride, im.r.Size()-off), fmt.Sprintf("erase block without a header: expected \"UBI#\" with crc32 %08x, found % x with %08x",
					crc(b[:crcAt]), b[:4], binary.BigEndian.Uint32(b[crcAt:])))
			}
			continue
		}
		im.out.Span(wardein.Span{Off: off, Len: headerSize, What: wardein.Known, Is: "erase counter header"})
		at := g.at(n, g.vidAt)
		if !g.read(im.r, b[:], n, g.vidAt) {
			bad.add(off, im.r.Size()-off, "erase block is cut off")
			continue
		}
		v, ok := parseVID(b[:])
		if !ok {
			if !blank(b[:]) {
				bad.add(at, headerSize, fmt.Sprintf("volume identifier header: expected \"UBI!\" with crc32 %08x, found % x with %08x", v.haveHeader, b[:4], v.wantHeader))
			}
			continue
		}
		im.out.Span(wardein.Span{Off: at, Len: headerSize, What: wardein.Known, Is: "volume identifier header"})
		i := slices.Index(im.seqs, ec.seq)
		if i < 0 && ec.seq == 0 && len(im.seqs) > 0 {
			i = 0 // written before the image had a number
		}
		if i < 0 && len(im.seqs) >= 64 {
			bad.add(off, g.stride, fmt.Sprintf("more than 64 images in one row of erase blocks: %#08x", ec.seq))
			continue
		}
		if i < 0 {
			i = len(im.seqs)
			im.seqs, im.lebs = append(im.seqs, ec.seq), append(im.lebs, nil)
		}
		im.lebs[i] = append(im.lebs[i], leb{v, n})
	}
	return nil
}

// volumes hands out the volumes of one image.
func (im *image) volumes(ctx context.Context, prefix string, lebs []leb) error {
	slices.SortStableFunc(lebs, func(a, b leb) int {
		return cmp.Or(cmp.Compare(a.volume, b.volume), cmp.Compare(a.lnum, b.lnum), cmp.Compare(b.sqnum, a.sqnum))
	})
	var table map[uint32]record
	layout, lebs := cut(lebs, layoutVolume)
	if len(layout) > 0 {
		table = im.readTable(im.choose("layout volume", layout))
	}
	if table == nil {
		im.out.Gap(wardein.Gap{Kind: wardein.Damaged, Why: "no volume table: neither copy is there with a good crc32; volumes are named by their number"})
	}
	super, lebs := cut(lebs, fastmapSuper)
	more, lebs := cut(lebs, fastmapData)
	if len(super) > 0 {
		im.fastmap(super, more)
	}
	for len(lebs) > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		id := lebs[0].volume
		var mine []leb
		mine, lebs = cut(lebs, id)
		if err := im.volume(prefix, id, table, mine); err != nil {
			return err
		}
	}
	for id := range uint32(maxVolumes) {
		if rec, ok := table[id]; ok && !rec.seen {
			im.out.Note(fmt.Sprintf("volume %d", id), rec.describe(0, 0))
		}
	}
	return nil
}

// cut takes the blocks of one volume out of the sorted list.
func cut(lebs []leb, id uint32) (mine, rest []leb) {
	from, _ := slices.BinarySearchFunc(lebs, id, func(l leb, id uint32) int { return cmp.Compare(l.volume, id) })
	to := from
	for to < len(lebs) && lebs[to].volume == id {
		to++
	}
	if from == 0 {
		return lebs[:to], lebs[to:]
	}
	return slices.Clone(lebs[from:to]), append(lebs[:from:from], lebs[to:]...)
}

// choose leaves one erase block for each lnum: the newest, or the one before it
// when the newest is a copy that was not finished (attach.c, ubi_compare_lebs).
func (im *image) choose(name string, lebs []leb) []leb {
	var kept []leb
	old := 0
	for i := 0; i < len(lebs); {
		j := i + 1
		for j < len(lebs) && lebs[j].lnum == lebs[i].lnum {
			j++
		}
		best := i
		for best+1 < j && lebs[best].copied != 0 {
			if have, ok := im.dataCRC(lebs[best]); !ok || have != lebs[best].dataCRC {
				best++
				continue
			}
			break
		}
		if j-i > 1 && lebs[i].sqnum == lebs[i+1].sqnum {
			g := im.grid
			im.out.Gap(wardein.Gap{Node: name, Kind: wardein.Damaged, Off: lebs[i+1].peb * g.stride, Len: min(g.stride, im.r.Size()-lebs[i+1].peb*g.stride),
				Why: fmt.Sprintf("logical block %d stands in erase blocks %d and %d, both with sequence number %d: the first is used", lebs[i].lnum, lebs[i].peb, lebs[i+1].peb, lebs[i].sqnum)})
		}
		old += j - i - 1
		kept = append(kept, lebs[best])
		i = j
	}
	if old > 0 {
		im.out.Note(name, fmt.Sprintf("%d older copies of logical blocks are left unreferenced", old))
	}
	return kept
}

// dataCRC is the CRC of a block's data_size bytes.
func (im *image) dataCRC(l leb) (uint32, bool) {
	g := im.grid
	if int64(l.dataSize) > g.size()-g.dataAt {
		return 0, false
	}
	h := crc32.NewIEEE()
	for _, x := range g.extents(nil, l.peb, g.dataAt, int64(l.dataSize)) {
		if n, err := io.Copy(h, io.NewSectionReader(im.r, x.Off, x.Len)); err != nil || n != x.Len {
			return 0, false
		}
	}
	return ^h.Sum32(), true
}

// A record of the volume table.
type record struct {
	reserved, alignment, pad uint32
	kind, updating, flags    byte
	name                     string
	seen                     bool
}

func (rec record) describe(id uint32, mapped int) string {
	kind := "dynamic"
	if rec.kind == static {
		kind = "static"
	}
	s := fmt.Sprintf("%s, %d of %d reserved blocks mapped, alignment %d", kind, mapped, rec.reserved, rec.alignment)
	if rec.flags&1 != 0 {
		s += ", autoresize"
	}
	if rec.updating != 0 {
		s += ", update not finished"
	}
	if mapped == 0 {
		return fmt.Sprintf("%q, %s", rec.name, s)
	}
	return fmt.Sprintf("id %d, %s", id, s)
}

// readTable reads the copies of the volume table. The first with only good
// records counts; of two damaged ones, each good record.
func (im *image) readTable(lebs []leb) map[uint32]record {
	g := im.grid
	slots := min(int64(maxVolumes), (g.size()-g.dataAt)/recordSize)
	var table map[uint32]record
	var first []byte
	for _, l := range lebs {
		if l.lnum > 1 {
			continue
		}
		b := make([]byte, slots*recordSize)
		if !g.read(im.r, b, l.peb, g.dataAt) {
			continue
		}
		for id := range slots {
			raw := b[id*recordSize:][:recordSize]
			at := g.at(l.peb, g.dataAt+id*recordSize)
			want, have := binary.BigEndian.Uint32(raw[recordSize-4:]), crc(raw[:recordSize-4])
			if want != have {
				if !blank(raw) {
					im.out.Gap(wardein.Gap{Kind: wardein.Damaged, Off: at, Len: recordSize,
						Why: fmt.Sprintf("volume table copy %d record %d: expected crc32 %08x, found %08x", l.lnum, id, want, have)})
				}
				continue
			}
			for _, x := range g.extents(nil, l.peb, g.dataAt+id*recordSize, recordSize) {
				im.out.Span(wardein.Span{Off: x.Off, Len: x.Len, What: wardein.Known, Is: "volume table"})
			}
			if table == nil {
				table = map[uint32]record{}
			}
			be := binary.BigEndian
			rec := record{reserved: be.Uint32(raw), alignment: be.Uint32(raw[4:]), pad: be.Uint32(raw[8:]), kind: raw[12], updating: raw[13], flags: raw[144]}
			if rec.reserved == 0 {
				continue
			}
			n := min(int(be.Uint16(raw[14:])), 127)
			rec.name = string(raw[16 : 16+n])
			if _, ok := table[uint32(id)]; !ok {
				table[uint32(id)] = rec
			}
		}
		if first == nil {
			first = b
		} else if !bytes.Equal(first, b) {
			im.out.Note("volume table", "the two copies differ; the first good record of each volume is used")
		}
	}
	return table
}

// volume hands out one volume.
func (im *image) volume(prefix string, id uint32, table map[uint32]record, lebs []leb) error {
	g := im.grid
	rec, listed := table[id]
	name := rec.name
	if name == "" {
		name = fmt.Sprintf("volume-%d", id)
	}
	name = prefix + name
	lebs = im.choose(name, lebs)
	if listed {
		rec.seen = true
		table[id] = rec
	} else {
		rec = record{kind: lebs[0].kind, pad: lebs[0].pad, alignment: 1}
		if table != nil {
			im.out.Note(name, "not in the volume table")
		}
	}
	size := g.size() - g.dataAt - int64(rec.pad)
	if size <= 0 {
		im.out.Gap(wardein.Gap{Node: name, Kind: wardein.Damaged, Off: lebs[0].peb * g.stride, Why: fmt.Sprintf("data_pad %d leaves nothing of %d bytes a block", rec.pad, g.size()-g.dataAt)})
		return nil
	}
	var used int64 = -1
	if rec.kind == static {
		used = int64(lebs[0].used)
	}
	// The bound keeps a damaged lnum from making a volume of unmapped blocks.
	limit := 64*g.count + 1024
	if rec.reserved != 0 {
		limit = min(limit, int64(rec.reserved))
	}
	var ext []wardein.Extent
	var next, missing int64
	firstMissing := int64(-1)
	skip := func(to int64) {
		if to > next && firstMissing < 0 {
			firstMissing = next
		}
		missing += to - next
	}
	mapped := 0
	for _, l := range lebs {
		lnum := int64(l.lnum)
		if lnum >= limit || used >= 0 && lnum >= used {
			im.out.Gap(wardein.Gap{Node: name, Kind: wardein.Damaged, Off: l.peb * g.stride, Len: min(g.stride, im.r.Size()-l.peb*g.stride),
				Why: fmt.Sprintf("erase block %d: logical block %d, the volume has %d", l.peb, lnum, max(used, limit))})
			continue
		}
		if lnum > next {
			ext = append(ext, wardein.Extent{Off: wardein.Ones, Len: (lnum - next) * size})
			skip(lnum)
		}
		n := size
		if used >= 0 {
			n = min(n, int64(l.dataSize))
			if lnum < used-1 {
				n = size
			}
			im.checkStatic(name, l)
		}
		ext = im.within(name, ext, l.peb, n)
		next = lnum + 1
		mapped++
	}
	if used >= 0 {
		if skip(max(used, next)); missing > 0 {
			im.out.Gap(wardein.Gap{Node: name, Kind: wardein.Damaged, Why: fmt.Sprintf("static volume: %d of %d logical blocks are missing, the first is %d", missing, used, firstMissing)})
		}
	}
	if rec.updating != 0 {
		im.out.Gap(wardein.Gap{Node: name, Kind: wardein.Damaged, Why: "update marker is set: the volume was being replaced"})
	}
	note := rec.describe(id, mapped) + fmt.Sprintf(", %d bytes a block", size)
	im.out.Note(name, note)
	return im.out.Extents(wardein.Entry{Name: name, Kind: wardein.File}, ext)
}

func (im *image) checkStatic(name string, l leb) {
	if have, ok := im.dataCRC(l); !ok || have != l.dataCRC {
		im.out.Gap(wardein.Gap{Node: name, Kind: wardein.Damaged, Off: im.grid.at(l.peb, im.grid.dataAt),
			Why: fmt.Sprintf("logical block %d in erase block %d, %d bytes: expected crc32 %08x, found %08x", l.lnum, l.peb, l.dataSize, l.dataCRC, have)})
	}
}

// within appends a block's data, cut where the container ends. What is cut off
// reads as erased, so that later blocks keep their place.
func (im *image) within(name string, ext []wardein.Extent, peb, n int64) []wardein.Extent {
	g := im.grid
	from := len(ext)
	ext = g.extents(ext, peb, g.dataAt, n)
	last := max(from-1, 0)
	if len(ext) == 0 || g.at(peb+1, 0) <= im.r.Size() {
		return ext
	}
	var lost int64
	for i := last; i < len(ext); i++ {
		x := &ext[i]
		if x.Off < 0 {
			continue
		}
		if over := min(x.Off+x.Len-im.r.Size(), x.Len); over > 0 {
			x.Len -= over
			lost += over
		}
	}
	ext = slices.DeleteFunc(ext, func(x wardein.Extent) bool { return x.Len == 0 })
	if lost > 0 {
		im.out.Gap(wardein.Gap{Node: name, Kind: wardein.Damaged, Off: im.r.Size(), Why: fmt.Sprintf("erase block %d: %d bytes lie behind the end of the container", peb, lost)})
		ext = append(ext, wardein.Extent{Off: wardein.Ones, Len: lost})
	}
	return ext
}

// damage joins gaps that follow each other, so that a destroyed run of blocks
// is one gap.
type damage struct {
	out wardein.Members
	gap wardein.Gap
	n   int
}

func (d *damage) add(off, length int64, why string) {
	if d.n > 0 && d.gap.Off+d.gap.Len == off {
		d.gap.Len += length
		d.n++
		return
	}
	d.flush()
	d.gap, d.n = wardein.Gap{Kind: wardein.Damaged, Off: off, Len: length, Why: why}, 1
}

func (d *damage) flush() {
	if d.n > 1 {
		d.gap.Why += fmt.Sprintf(", and so on in %d erase blocks", d.n)
	}
	if d.n > 0 {
		d.out.Gap(d.gap)
	}
	d.n = 0
}
