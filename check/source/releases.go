package source

import (
	"bytes"
	"compress/flate"
	_ "embed"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
)

// Product is the sources of one open-source product in several releases.
type Product struct {
	Name     string
	Versions []string // in order, at most 64
	Files    []SourceFile
}

// SourceFile is one file of a product, in all its variants.
type SourceFile struct {
	Path     string
	Variants []Variant
}

// Variant is one content of a file.
type Variant struct {
	In     uint64   // bit n: the file is so in release n
	Sum    uint32   // the first four bytes of its SHA-256
	Hashes []uint32 // the smallest ones of its sketch
}

// knownHashes is how many hashes of a sketch the data holds.
const knownHashes = 8

// Sketch is the smallest hashes of the runs of a source's words, in order; nil
// for one that is too small to be told from others.
func Sketch(src string) []uint32 {
	b := parse(src, known).runs.sketch()
	var h []uint32
	for i := 0; i+4 <= len(b); i += 4 {
		h = append(h, binary.BigEndian.Uint32(b[i:]))
	}
	return h[:min(len(h), knownHashes)]
}

// The data is a deflate stream: numbers as uvarints, texts behind their length.
//
//	products
//	  name, versions, each version, files
//	    path, hashes of all variants, each as the distance from the one before, variants
//	      releases (8 bytes), sum (4 bytes), a bit for each hash
const magic = "wardein releases 1\n"

// Encode writes products as the check reads them.
func Encode(products []Product) []byte {
	var raw []byte
	number := func(n int) { raw = binary.AppendUvarint(raw, uint64(n)) }
	text := func(s string) {
		number(len(s))
		raw = append(raw, s...)
	}
	number(len(products))
	for _, p := range products {
		text(p.Name)
		number(len(p.Versions))
		for _, v := range p.Versions {
			text(v)
		}
		number(len(p.Files))
		for _, f := range p.Files {
			text(f.Path)
			var all []uint32
			for _, v := range f.Variants {
				all = append(all, v.Hashes...)
			}
			slices.Sort(all)
			all = slices.Compact(all)
			number(len(all))
			last := uint32(0)
			for _, h := range all {
				number(int(h - last))
				last = h
			}
			number(len(f.Variants))
			for _, v := range f.Variants {
				raw = binary.LittleEndian.AppendUint64(raw, v.In)
				raw = binary.LittleEndian.AppendUint32(raw, v.Sum)
				bits := make([]byte, (len(all)+7)/8)
				for _, h := range v.Hashes {
					k, _ := slices.BinarySearch(all, h)
					bits[k/8] |= 1 << (k % 8)
				}
				raw = append(raw, bits...)
			}
		}
	}
	var out bytes.Buffer
	out.WriteString(magic)
	w, _ := flate.NewWriter(&out, flate.BestCompression) // the level is a known one
	w.Write(raw)
	w.Close()
	return out.Bytes()
}

// maxReleases bounds the data, decoded.
const maxReleases = 64 << 20

// decode reads what Encode wrote.
func decode(data []byte) (products []Product, err error) {
	packed, ok := bytes.CutPrefix(data, []byte(magic))
	if !ok {
		return nil, fmt.Errorf("releases: begins with %.20q", data)
	}
	raw, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(packed)), maxReleases))
	if err != nil {
		return nil, fmt.Errorf("releases: %w", err)
	}
	r := &reader{b: raw}
	for range r.number() {
		p := Product{Name: r.text()}
		for range r.number() {
			p.Versions = append(p.Versions, r.text())
		}
		for range r.number() {
			f := SourceFile{Path: r.text()}
			var all []uint32
			last := uint32(0)
			for range r.number() {
				last += uint32(r.value())
				all = append(all, last)
			}
			for range r.number() {
				fixed := r.take(12)
				bits := r.take((len(all) + 7) / 8)
				if r.cut {
					break
				}
				v := Variant{In: binary.LittleEndian.Uint64(fixed), Sum: binary.LittleEndian.Uint32(fixed[8:])}
				for k, h := range all {
					if bits[k/8]>>(k%8)&1 == 1 {
						v.Hashes = append(v.Hashes, h)
					}
				}
				f.Variants = append(f.Variants, v)
			}
			p.Files = append(p.Files, f)
		}
		products = append(products, p)
		if r.cut {
			break
		}
	}
	if r.cut || len(r.b) > 0 {
		return nil, fmt.Errorf("releases: %d bytes decoded are not what the counts say", len(raw))
	}
	return products, nil
}

type reader struct {
	b   []byte
	cut bool
}

func (r *reader) value() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.cut, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

// number is a count of things of at least a byte each.
func (r *reader) number() int {
	v := r.value()
	if v > uint64(len(r.b)) {
		r.cut, r.b = true, nil
		return 0
	}
	return int(v)
}

func (r *reader) take(n int) []byte {
	if n > len(r.b) {
		r.cut, r.b = true, nil
		return nil
	}
	b := r.b[:n]
	r.b = r.b[n:]
	return b
}

func (r *reader) text() string { return string(r.take(r.number())) }
