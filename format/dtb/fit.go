package dtb

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"
	"strings"

	"github.com/wardein/wardein"
)

const (
	fitTokens = 1 << 18
	maxImages = 4096
	maxNotes  = 1 << 14
	// hashTimes bounds the bytes that hashes may cover: images may share
	// their data, an honest file has each byte once.
	hashTimes = 4
)

// FormatFIT is U-Boot's flattened image tree: a device tree whose /images
// hold kernels, ramdisks, device trees and firmware.
var FormatFIT = wardein.Format{
	Name:    "fit",
	Version: 1,
	Doc: wardein.Doc{
		About: "U-Boot FIT image (.itb): kernels, ramdisks, device trees and firmware with hashes, signatures and configurations in one device tree.",
		How: "Each node under /images becomes a member of that path; its data stands in the property \"data\", or behind the tree " +
			"at data-offset or data-position. Hashes (crc32, md5, sha1, sha256, sha384, sha512) are verified. " +
			"Configurations and signatures become notes.",
		Limits: []string{
			"signatures are named, not verified: the key is not in the image",
			"data with a cipher node is encrypted and stays opaque",
			"hashes are verified over at most 4 times the image's size",
			"at most 4096 images and 262144 tokens of structure",
		},
		References: []string{
			"Flat Image Tree Specification (FITspec), https://fitspec.osfw.foundation",
			"U-Boot doc/usage/fit/source_file_format",
			"Devicetree Specification v0.4, chapter 5",
		},
	},
	Magic:   []wardein.Magic{{Bytes: magic}},
	Refines: []string{"dtb"},
	Measure: measureFIT,
	Extract: extractFIT,
}

// image is a node under /images.
type image struct {
	path                   string
	data                   prop
	hasData                bool
	size, offset, position int64 // -1 where the tree has none
	cipher                 bool
	hashes                 []*hashNode
}

type hashNode struct {
	path, algo, hint string
	value            []byte
	valueLen         int64
	ignore           bool
}

// fit collects what a FIT says. It holds the images only.
type fit struct {
	ctx    context.Context
	r      *io.SectionReader
	h      header
	path   [maxDepth]string
	images []*image
	notes  []wardein.Note
	sub    *hashNode // the open hash or signature node
	signs  []*hashNode
}

func (f *fit) begin(depth int, name string) error {
	f.path[depth] = name
	f.sub = nil
	switch {
	case depth == 2 && f.path[1] == "images":
		if len(f.images) == maxImages {
			return fmt.Errorf("node %q: more than %d images", f.full(depth), maxImages)
		}
		f.images = append(f.images, &image{path: f.full(depth), size: -1, offset: -1, position: -1})
	case depth == 3 && f.path[1] == "images" && strings.HasPrefix(name, "hash"):
		f.sub = &hashNode{path: f.full(depth)}
		img := f.images[len(f.images)-1]
		if len(img.hashes) < 64 {
			img.hashes = append(img.hashes, f.sub)
		}
	case depth == 3 && f.path[1] == "images" && name == "cipher":
		f.images[len(f.images)-1].cipher = true
	case depth == 3 && strings.HasPrefix(name, "signature"):
		f.sub = &hashNode{path: f.full(depth)}
		if len(f.signs) < maxNotes {
			f.signs = append(f.signs, f.sub)
		}
	}
	if f.ctx == nil {
		return nil
	}
	return f.ctx.Err()
}

func (f *fit) end(int) error { f.sub = nil; return nil }

func (f *fit) full(depth int) string { return strings.Join(f.path[:depth+1], "/") }

func (f *fit) note(name, value string) {
	if len(f.notes) < maxNotes {
		f.notes = append(f.notes, wardein.Note{Name: name, Value: value})
	}
}

func (f *fit) prop(depth int, p prop) error {
	short := func() string { return text(value(f.r, p, maxNote)) }
	switch {
	case depth == 0 && (p.name == "description" || p.name == "compatible"):
		f.note(p.name, short())
	case depth == 0 && p.name == "timestamp":
		f.note(p.name, cells(value(f.r, p, 8)))
	case depth == 1 && f.path[1] == "configurations" && p.name == "default":
		f.note("/configurations/default", short())
	case depth == 2 && f.path[1] == "configurations":
		if b := value(f.r, p, maxNote); isText(b) {
			f.note(f.full(2)+"/"+p.name, text(b))
		}
	case depth == 2 && f.path[1] == "images":
		f.imageProp(f.images[len(f.images)-1], p, short)
	case depth == 3 && f.sub != nil:
		switch p.name {
		case "algo":
			f.sub.algo = short()
		case "key-name-hint":
			f.sub.hint = short()
		case "value":
			f.sub.value, f.sub.valueLen = value(f.r, p, 64), p.len
		case "uboot-ignore", "ignore":
			f.sub.ignore = true
		}
	}
	return nil
}

func (f *fit) imageProp(img *image, p prop, short func() string) {
	number := func() int64 {
		if b := value(f.r, p, 4); p.len == 4 && len(b) == 4 {
			return int64(binary.BigEndian.Uint32(b))
		}
		return -1
	}
	switch p.name {
	case "data":
		img.data, img.hasData = p, true
	case "data-size":
		img.size = number()
	case "data-offset":
		img.offset = number()
	case "data-position":
		img.position = number()
	case "description", "type", "arch", "os", "compression", "project", "version":
		f.note(img.path+"/"+p.name, short())
	case "load", "entry":
		f.note(img.path+"/"+p.name, cells(value(f.r, p, 8)))
	}
}

// cells is a number of one or two 32-bit cells.
func cells(b []byte) string {
	switch len(b) {
	case 4:
		return fmt.Sprintf("%#08x", binary.BigEndian.Uint32(b))
	case 8:
		return fmt.Sprintf("%#016x", binary.BigEndian.Uint64(b))
	}
	return fmt.Sprintf("%x", b)
}

// place is where an image's data stands. External data is counted from the
// tree's end, rounded up to 4, or from its beginning.
func (f *fit) place(img *image) (off, n int64, ok bool) {
	switch {
	case img.hasData:
		return img.data.off, img.data.len, true
	case img.size < 0:
		return 0, 0, false
	case img.position >= 0:
		return img.position, img.size, true
	case img.offset >= 0:
		return (f.h.total+3)&^3 + img.offset, img.size, true
	}
	return 0, 0, false
}

func (f *fit) claimEnd() int64 {
	end := f.h.total
	for _, img := range f.images {
		if off, n, ok := f.place(img); ok {
			end = max(end, off+n)
		}
	}
	return end
}

func measureFIT(r *io.SectionReader) (wardein.Claim, error) {
	h, err := readHeader(r)
	if err != nil {
		return wardein.Claim{}, err
	}
	f := &fit{r: r, h: h}
	_, err = walk(r, h, fitTokens, f)
	if errors.Is(err, errEnough) {
		err = fmt.Errorf("structure block at %#x: more than %d tokens", h.structs, fitTokens)
	}
	some := false
	for _, img := range f.images {
		_, _, ok := f.place(img)
		some = some || ok
	}
	if !some {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	end := f.claimEnd()
	claim := wardein.Claim{End: min(end, r.Size()), Confidence: wardein.Certain, Evidence: fmt.Sprintf("structure block ok, %d images", len(f.images))}
	if end > r.Size() {
		claim.Confidence = wardein.Likely
		claim.Evidence = fmt.Sprintf("header ok, %d images", len(f.images))
		return claim, fmt.Errorf("image at 0x0: %d bytes, tree and external data have %d", r.Size(), end)
	}
	if err != nil {
		claim.Confidence = wardein.Likely
		claim.Evidence = fmt.Sprintf("header ok, %d images", len(f.images))
		return claim, err
	}
	return claim, nil
}

func extractFIT(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	h, err := readHeader(r)
	if err != nil {
		return 0, err
	}
	f := &fit{ctx: ctx, r: r, h: h}
	// An error of the walk is Measure's to tell; what was read is handed out.
	stop, _ := walk(r, h, fitTokens, f)
	if ctx.Err() != nil {
		return 0, ctx.Err()
	}
	end := min(f.claimEnd(), r.Size())
	for _, n := range f.notes {
		out.Note(n.Name, n.Value)
	}
	for _, s := range f.signs {
		v := "no value"
		if s.valueLen > 0 {
			v = fmt.Sprintf("%d bytes, not verified", s.valueLen)
		}
		out.Note(s.path, fmt.Sprintf("%s, key %q, %s", s.algo, s.hint, v))
	}
	var holes []prop
	for _, img := range f.images {
		if img.hasData {
			holes = append(holes, img.data)
		}
	}
	layout(r, h, stop, holes, out)

	budget := hashTimes * end
	for _, img := range f.images {
		if err := f.imageOut(img, end, &budget, out); err != nil {
			return end, err
		}
	}
	return end, nil
}

// imageOut hands out one image and verifies its hashes.
func (f *fit) imageOut(img *image, end int64, budget *int64, out wardein.Members) error {
	off, n, ok := f.place(img)
	if !ok {
		out.Gap(wardein.Gap{Node: img.path, Kind: wardein.Damaged, Why: fmt.Sprintf("image %s: no data, data-offset or data-position with data-size", img.path)})
		return nil
	}
	have := max(0, min(n, end-off))
	off = min(off, end)
	if img.cipher {
		out.Span(wardein.Span{Off: off, Len: have, What: wardein.Opaque, Is: img.path})
		out.Gap(wardein.Gap{Node: img.path, Kind: wardein.Encrypted, Off: off, Len: have, Why: fmt.Sprintf("image %s: has a cipher node", img.path)})
	} else if err := out.Extents(wardein.Entry{Name: img.path}, []wardein.Extent{{Off: off, Len: have}}); err != nil {
		return err
	}
	if have < n {
		out.Gap(wardein.Gap{Node: img.path, Kind: wardein.Damaged, Off: off, Len: have, Why: fmt.Sprintf("image %s at %#x: %d bytes left, tree says %d", img.path, off, have, n)})
		return nil
	}
	return f.verify(img, off, n, budget, out)
}

// verify computes all of an image's hashes in one pass over its data.
func (f *fit) verify(img *image, off, n int64, budget *int64, out wardein.Members) error {
	sums := map[string]hash.Hash{}
	var writers []io.Writer
	for _, h := range img.hashes {
		if sums[h.algo] == nil {
			if s := newHash(h.algo); s != nil {
				sums[h.algo] = s
				writers = append(writers, s)
			}
		}
	}
	if len(writers) == 0 && len(img.hashes) == 0 {
		return nil
	}
	if n > *budget {
		out.Gap(wardein.Gap{Node: img.path, Kind: wardein.Limit, Off: off, Len: n,
			Why: fmt.Sprintf("image %s: hashes over %d bytes not verified, %d bytes are left of %d times the image's size", img.path, n, *budget, hashTimes)})
		return nil
	}
	if len(writers) > 0 {
		*budget -= n
		all := io.MultiWriter(writers...)
		buf := make([]byte, min(n, 128<<10))
		for at := off; at < off+n; {
			if err := f.ctx.Err(); err != nil {
				return err
			}
			b := buf[:min(int64(len(buf)), off+n-at)]
			if k, err := f.r.ReadAt(b, at); k < len(b) {
				return fmt.Errorf("image %s at %#x: %w", img.path, at+int64(k), err)
			}
			all.Write(b)
			at += int64(len(b))
		}
	}
	for _, h := range img.hashes {
		switch s := sums[h.algo]; {
		case h.valueLen == 0:
			out.Note(h.path, h.algo+", no value")
		case s == nil:
			out.Note(h.path, h.algo+", not verified")
			out.Gap(wardein.Gap{Node: img.path, Kind: wardein.Unsupported, Off: off, Len: n, Why: fmt.Sprintf("%s: no hash %q here", h.path, h.algo)})
		case bytes.Equal(h.value, s.Sum(nil)) && h.valueLen == int64(s.Size()):
			out.Note(h.path, h.algo+" ok")
		case h.ignore:
			out.Note(h.path, h.algo+" differs, marked to be ignored")
		default:
			out.Note(h.path, h.algo+" differs")
			out.Gap(wardein.Gap{Node: img.path, Kind: wardein.Damaged, Off: off, Len: n,
				Why: fmt.Sprintf("%s: %s of the data is %x, tree says %x", h.path, h.algo, s.Sum(nil), h.value)})
		}
	}
	return nil
}

func newHash(algo string) hash.Hash {
	switch algo {
	case "crc32":
		return crc32.NewIEEE()
	case "md5":
		return md5.New()
	case "sha1":
		return sha1.New()
	case "sha256":
		return sha256.New()
	case "sha384":
		return sha512.New384()
	case "sha512":
		return sha512.New()
	}
	return nil
}
