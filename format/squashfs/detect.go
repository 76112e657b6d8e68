package squashfs

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/wardein/wardein"
)

// errCompressor is wrapped when the superblock names a compressor that no
// reader is here for.
var errCompressor = errors.New("unknown compressor")

// detect finds out how metadata and data are coded: it sets v.coding and what
// v.meta needs. With guess, parameters that stand nowhere are tried out.
func (v *volume) detect(guess bool) error {
	orders := []binary.ByteOrder{binary.LittleEndian}
	if v.be {
		// One vendor writes all of a volume big endian but these lengths.
		orders = []binary.ByteOrder{binary.BigEndian, binary.LittleEndian}
	}
	var first error
	dst := make([]byte, metaSize)
	for _, order := range orders {
		src, err := v.rootBlock(order)
		if err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		for _, c := range v.candidates(src, guess) {
			if src != nil {
				// Most codings fail here already, which costs little.
				n, err := c.decode(dst, src)
				if err == nil && n <= int(v.root&0xFFFF) {
					err = fmt.Errorf("root directory: block decodes to %d bytes, inode at %d", n, v.root&0xFFFF)
				}
				if err != nil {
					if first == nil {
						first = fmt.Errorf("root directory: metadata block at %#x: %w", v.inodeTable+int64(v.root>>16), err)
					}
					continue
				}
			}
			err := v.try(order, c)
			if err == nil {
				return nil
			}
			if first == nil {
				first = err
			}
		}
	}
	v.coding = coding{}
	if first == nil {
		first = fmt.Errorf("superblock at 0x14: %w %d", errCompressor, v.compressor)
	}
	return first
}

// rootBlock returns the stored bytes of the metadata block that the root
// directory's inode stands in.
func (v *volume) rootBlock(order binary.ByteOrder) ([]byte, error) {
	v.newMetadata(order, nil)
	at := v.inodeTable + int64(v.root>>16)
	begin, n, encoded, err := v.meta.header(at)
	if err != nil {
		return nil, fmt.Errorf("root directory: %w", err)
	}
	if v.certain = encoded; !encoded {
		return nil, nil
	}
	b := make([]byte, n)
	if _, err := v.r.ReadAt(b, begin); err != nil {
		return nil, fmt.Errorf("root directory: %w", err)
	}
	return b, nil
}

func (v *volume) newMetadata(order binary.ByteOrder, decode decoder) {
	v.meta = newMetadata(v.r)
	v.meta.order, v.meta.decode = order, decode
	v.meta.check = v.major < 4 && v.flags&flagCheck != 0
}

// candidates lists the codings to try, what the superblock says first. src is
// a stored metadata block, nil when it is not encoded.
func (v *volume) candidates(src []byte, guess bool) []coding {
	var list []coding
	if v.major < 4 {
		list = append(list, codings[1])
	} else if v.compressor > 0 && int(v.compressor) < len(codings) {
		list = append(list, codings[v.compressor])
		// Vendors' LZMA came before the mainline's other compressors.
		guess = guess && v.compressor < 3
	}
	if src == nil {
		return list
	}
	return append(list, vendorCodings(src, guess)...)
}

// try reads the root directory under one coding.
func (v *volume) try(order binary.ByteOrder, c coding) error {
	v.coding = c
	v.newMetadata(order, c.decode)
	root, err := v.inode(v.root)
	if err != nil {
		return fmt.Errorf("root directory: %w", err)
	}
	if root.kind != wardein.Directory {
		return fmt.Errorf("root directory: inode %#x is a %s", v.root, root.kind)
	}
	list, err := v.listing(&root)
	if err != nil {
		return fmt.Errorf("root directory: %w", err)
	}
	// What was decoded the wrong way can still look like a directory, but
	// then its entries lead nowhere.
	if len(list) > 0 {
		if _, err := v.inode(list[0].ref); err != nil {
			return fmt.Errorf("root directory: %w", err)
		}
	}
	return nil
}

// dataDecoder returns the decoder of data blocks. Some vendors coded only
// data their own way, so the first coded block of n bytes at b decides.
func (v *volume) dataDecoder(b wardein.Extent, n int64) decoder {
	if v.data != nil {
		return v.data
	}
	v.data = v.coding.decode
	if v.major == 4 && v.certain && v.coding.name == codings[v.compressor%uint16(len(codings))].name && v.compressor != 2 {
		return v.data
	}
	src, dst := make([]byte, b.Len), make([]byte, n)
	if _, err := v.r.ReadAt(src, b.Off); err != nil {
		return v.data
	}
	for _, c := range append([]coding{v.coding}, vendorCodings(src, false)...) {
		if got, err := c.decode(dst, src); err != nil || int64(got) < n && n < int64(v.blockSize) || got == 0 {
			continue
		}
		v.data = c.decode
		if c.name != v.coding.name {
			v.out.Note("data compressor", c.name)
		}
		break
	}
	return v.data
}
