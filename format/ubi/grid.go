package ubi

import (
	"bytes"
	"fmt"
	"io"
	"math/bits"
	"slices"

	"github.com/wardein/wardein"
)

const (
	minPEB = 512
	maxPEB = 16 << 20
	// A run of more erase blocks without a header than this, which hold
	// something, ends the image: a chip has at most 20 bad blocks in 1024.
	maxForeign = 40
)

// A grid is the row of erase blocks an image consists of. A chip dump may hold
// each page followed by its out-of-band bytes; offsets inside a block are
// logical, without them, and at() finds the place.
type grid struct {
	ecHeader
	stride    int64 // distance of erase blocks in the container
	page, oob int64 // oob 0: none in the dump
	end       int64 // by the headers; beyond the container when truncated
	count     int64 // erase blocks begun before end
	headers   int64 // those with a good erase counter header
}

// size is the erase block's size without out-of-band bytes.
func (g *grid) size() int64 {
	if g.oob == 0 {
		return g.stride
	}
	return g.stride / (g.page + g.oob) * g.page
}

// at is where the byte off of erase block n stands in the container.
func (g *grid) at(n, off int64) int64 {
	if g.oob != 0 {
		off += off / g.page * g.oob
	}
	return n*g.stride + off
}

// extents appends the container's runs that hold len bytes from off of erase
// block n.
func (g *grid) extents(ext []wardein.Extent, n, off, length int64) []wardein.Extent {
	for length > 0 {
		run := length
		if g.oob != 0 {
			run = min(run, g.page-off%g.page)
		}
		x := wardein.Extent{Off: g.at(n, off), Len: run}
		if k := len(ext) - 1; k >= 0 && ext[k].Off >= 0 && ext[k].Off+ext[k].Len == x.Off {
			ext[k].Len += run
		} else {
			ext = append(ext, x)
		}
		off, length = off+run, length-run
	}
	return ext
}

// read fills b from off of erase block n.
func (g *grid) read(r io.ReaderAt, b []byte, n, off int64) bool {
	for len(b) > 0 {
		run := int64(len(b))
		if g.oob != 0 {
			run = min(run, g.page-off%g.page)
		}
		if !readAt(r, b[:run], g.at(n, off)) {
			return false
		}
		b, off = b[run:], off+run
	}
	return true
}

// survey reads the first header, finds the distance of erase blocks and where
// the image ends. A grid with an error is an image that is cut off.
func survey(r *io.SectionReader) (*grid, error) {
	var b [headerSize]byte
	if !readAt(r, b[:], 0) {
		return nil, wardein.ErrNotMine
	}
	ec, ok := parseEC(b[:])
	if !ok {
		return nil, wardein.ErrNotMine
	}
	g := &grid{ecHeader: ec}
	g.stride = g.findStride(r)
	if g.stride == 0 {
		// A single erase block: nothing says how long it is.
		if r.Size() > 8<<20 || r.Size() < ec.dataAt {
			return nil, wardein.ErrNotMine
		}
		g.stride, g.end, g.count, g.headers = r.Size(), r.Size(), 1, 1
		return g, fmt.Errorf("one erase block only: no second header in %d bytes", r.Size())
	}
	g.findOOB(r)
	g.walk(r)
	if g.end > r.Size() {
		return g, fmt.Errorf("truncated: erase block %d ends at %d, container at %d", g.count-1, g.end, r.Size())
	}
	return g, nil
}

// same tells whether an erase block of this image's geometry begins at off.
func (g *grid) same(r io.ReaderAt, off int64) bool {
	var b [headerSize]byte
	if !readAt(r, b[:], off) {
		return false
	}
	ec, ok := parseEC(b[:])
	return ok && ec.vidAt == g.vidAt && ec.dataAt == g.dataAt
}

// fits scores a distance: of the erase blocks 1 to 8, how many have a header
// and how many could.
func (g *grid) fits(r *io.SectionReader, d int64) (hits, of int) {
	for i := int64(1); i <= 8 && i*d+headerSize <= r.Size(); i++ {
		of++
		if g.same(r, i*d) {
			hits++
		}
	}
	return hits, of
}

// findStride returns the distance of erase blocks, 0 when no second header is
// found. Powers of two, which nearly every chip has, are tried first; then the
// container is searched. A block without a header (bad, erased) must not
// double the distance, nor an image inside a volume shorten it: the smallest
// distance at which most of the next eight blocks have a header wins. Half of it
// finds headers at every other place at best, which is not most.
func (g *grid) findStride(r *io.SectionReader) int64 {
	for d := int64(minPEB); d <= maxPEB && d < r.Size(); d *= 2 {
		if d < g.dataAt+recordSize {
			continue
		}
		if hits, of := g.fits(r, d); hits*2 > of {
			return d
		}
	}
	var found []int64
	buf := make([]byte, 64<<10+headerSize)
	limit := min(r.Size(), maxPEB*2)
	for off := int64(headerSize); off < limit && len(found) < 16; off += int64(len(buf) - headerSize) {
		n, _ := r.ReadAt(buf[:min(int64(len(buf)), r.Size()-off)], off)
		for p := 0; ; p++ {
			i := bytes.Index(buf[p:max(n, p)], []byte("UBI#\x01"))
			if i < 0 || p+i >= len(buf)-headerSize {
				break
			}
			p += i
			if d := off + int64(p); d >= minPEB && d >= g.dataAt+recordSize && g.same(r, d) {
				found = append(found, d)
			}
		}
	}
	var dists []int64
	for i, d := range found {
		dists = append(dists, d)
		if i > 0 {
			dists = append(dists, d-found[i-1])
		}
	}
	slices.Sort(dists)
	var best int64
	var bestShare float64
	for _, d := range slices.Compact(dists) {
		if d < minPEB || d < g.dataAt+recordSize || d > maxPEB {
			continue
		}
		hits, of := g.fits(r, d)
		if share := float64(hits) / float64(max(of, 1)); hits > 0 && share > bestShare {
			if best, bestShare = d, share; share > 0.5 {
				break
			}
		}
	}
	return best
}

// findOOB decides whether the container holds out-of-band bytes after each
// page: the distance of blocks is then a power of two of (page + spare), and
// volume identifier headers are displaced accordingly.
func (g *grid) findOOB(r *io.SectionReader) {
	if bits.OnesCount64(uint64(g.stride)) == 1 {
		return
	}
	var b [4]byte
	for n := int64(0); n < 8; n++ {
		if readAt(r, b[:], n*g.stride+g.vidAt) && string(b[:]) == "UBI!" && g.vidAt >= 2048 {
			return // where a dump without out-of-band bytes has it
		}
	}
	for page := int64(16 << 10); page >= 512; page /= 2 {
		for pages := int64(16); pages <= 1024; pages *= 2 {
			oob := g.stride/pages - page
			if g.stride%pages != 0 || oob < 16 || oob > page/4 || g.dataAt%page != 0 {
				continue
			}
			try := *g
			try.page, try.oob = page, oob
			for n := int64(0); n < 8; n++ {
				if readAt(r, b[:], try.at(n, g.vidAt)) && string(b[:]) == "UBI!" {
					g.page, g.oob = page, oob
					return
				}
			}
		}
	}
}

// walk follows the grid to the image's last erase block. Images are told apart
// by image_seq; blocks of another image belong to this claim only while blocks
// of this one follow (the two are then interleaved). Where the first block's
// identity comes again, a second copy of the image begins.
func (g *grid) walk(r *io.SectionReader) {
	var first, b [headerSize]byte
	g.read(r, first[:], 0, g.vidAt)
	v, ok := parseVID(first[:])
	ordered := ok && v.volume == layoutVolume

	seqs := map[uint32]bool{g.seq: true}
	var pending []uint32 // images begun after the last block of a known one
	var headers, foreign int64
	for n := int64(0); n*g.stride < r.Size(); n++ {
		if !readAt(r, b[:], n*g.stride) {
			break
		}
		ec, ok := parseEC(b[:])
		if !ok || ec.vidAt != g.vidAt || ec.dataAt != g.dataAt {
			if !blank(b[:]) {
				if foreign++; foreign > maxForeign {
					break
				}
			}
			continue
		}
		foreign = 0
		if n > 0 && ordered && g.read(r, b[:], n, g.vidAt) && b == first && (ec.seq == g.seq) {
			break
		}
		headers++
		if !seqs[ec.seq] && ec.seq != 0 && g.seq != 0 {
			if len(pending) < 64 {
				pending = append(pending, ec.seq)
			}
			continue
		}
		for _, s := range pending {
			seqs[s] = true
		}
		pending = pending[:0]
		g.count, g.headers = n+1, headers
	}
	g.end = g.count * g.stride
}

func blank(b []byte) bool {
	for _, c := range b {
		if c != 0xFF {
			return false
		}
	}
	return true
}
