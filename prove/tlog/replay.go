package tlog

import (
	"bytes"
	"context"
	"fmt"

	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api"
	"github.com/transparency-dev/tessera/api/layout"

	"github.com/wardein/wardein"
)

// Replay reads the first size entries of a log and hands them out in order. It
// builds their tree anew, holds every tile against it, and gives the root of
// the tree, and those of the trees of sizes, which are sorted.
func (d *Dir) Replay(ctx context.Context, size uint64, sizes []uint64, entry func(index uint64, entry []byte) error) (map[uint64]wardein.Digest, error) {
	r := &replay{dir: d, tree: ranges.NewEmptyRange(0), roots: map[uint64]wardein.Digest{}}
	for len(sizes) > 0 && sizes[0] == 0 {
		sizes = sizes[1:]
	}
	r.roots[0] = wardein.Digest(rfc6962.DefaultHasher.EmptyRoot())
	for index := uint64(0); index*layout.EntryBundleWidth < size; index++ {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		width := layout.PartialTileSize(0, index, size)
		list, err := d.entries(index, width)
		if err != nil {
			return nil, err
		}
		for i, e := range list {
			at := index*layout.EntryBundleWidth + uint64(i)
			if err := r.append(rfc6962.DefaultHasher.HashLeaf(e)); err != nil {
				return nil, err
			}
			if err := entry(at, e); err != nil {
				return nil, err
			}
			for len(sizes) > 0 && sizes[0] == at+1 {
				if err := r.root(at + 1); err != nil {
					return nil, err
				}
				sizes = sizes[1:]
			}
		}
	}
	if err := r.end(); err != nil {
		return nil, err
	}
	return r.roots, r.root(size)
}

// entries are those of a bundle, of which the first width are asked for.
func (d *Dir) entries(index uint64, width uint8) ([][]byte, error) {
	raw, err := d.bundle(index, width)
	if err != nil {
		return nil, err
	}
	var b api.EntryBundle
	if err := b.UnmarshalText(raw); err != nil {
		return nil, fmt.Errorf("%s: %w", layout.EntriesPath(index, width), err)
	}
	want := int(width)
	if width == 0 {
		want = layout.EntryBundleWidth
	}
	if have := len(b.Entries); have != want && have != layout.EntryBundleWidth {
		return nil, fmt.Errorf("%s has %d entries, expected %d", layout.EntriesPath(index, width), have, want)
	}
	return b.Entries[:want], nil
}

// replay is a tree that is built again.
type replay struct {
	dir   *Dir
	tree  *compact.Range
	roots map[uint64]wardein.Digest
	// rows are the hashes of each level's last tile, and its index
	rows []row
}

type row struct {
	hashes []byte
	index  uint64
}

func (r *replay) append(hash []byte) error {
	var failed error
	r.put(0, hash, &failed)
	err := r.tree.Append(hash, func(id compact.NodeID, hash []byte) {
		if id.Level > 0 && id.Level%layout.TileHeight == 0 {
			r.put(int(id.Level/layout.TileHeight), hash, &failed)
		}
	})
	if failed != nil {
		return failed
	}
	return err
}

// put adds a hash to its tile. A tile that is full is compared.
func (r *replay) put(level int, hash []byte, failed *error) {
	if level == len(r.rows) {
		r.rows = append(r.rows, row{})
	}
	t := &r.rows[level]
	t.hashes = append(t.hashes, hash...)
	if len(t.hashes) < maxTile || *failed != nil {
		return
	}
	*failed = r.compare(level, 0)
	t.hashes, t.index = t.hashes[:0], t.index+1
}

// end compares the partial tiles.
func (r *replay) end() error {
	for level := range r.rows {
		if n := len(r.rows[level].hashes) / 32; n > 0 {
			if err := r.compare(level, uint8(n)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *replay) compare(level int, width uint8) error {
	t := &r.rows[level]
	stored, err := r.dir.Tile(context.Background(), uint64(level), t.index, width)
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(stored, t.hashes) {
		return fmt.Errorf("%s does not hold the hashes of the entries", layout.TilePath(uint64(level), t.index, width))
	}
	return nil
}

func (r *replay) root(size uint64) error {
	if size == 0 {
		return nil
	}
	b, err := r.tree.GetRootHash(nil)
	if err != nil {
		return err
	}
	r.roots[size] = wardein.Digest(b)
	return nil
}
