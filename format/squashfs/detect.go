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
// v.meta needs.
func (v *volume) detect() error {
	orders := []binary.ByteOrder{binary.LittleEndian, binary.BigEndian}
	if v.be {
		orders[0], orders[1] = orders[1], orders[0]
	}
	var first error
	for _, order := range orders {
		for _, c := range v.candidates() {
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

// candidates lists the codings to try, what the superblock says first.
func (v *volume) candidates() []coding {
	if v.major == 4 && v.compressor > 0 && int(v.compressor) < len(codings) {
		return codings[v.compressor : v.compressor+1]
	}
	return nil
}

// try reads the root directory under one coding.
func (v *volume) try(order binary.ByteOrder, c coding) error {
	v.coding = c
	v.meta = newMetadata(v.r)
	v.meta.order, v.meta.decode = order, c.decode
	v.meta.check = v.major < 4 && v.flags&flagCheck != 0
	root, err := v.inode(v.root)
	if err != nil {
		return fmt.Errorf("root directory: %w", err)
	}
	if root.kind != wardein.Directory {
		return fmt.Errorf("root directory: inode %#x is a %s", v.root, root.kind)
	}
	if _, err = v.listing(&root); err != nil {
		return fmt.Errorf("root directory: %w", err)
	}
	return nil
}
