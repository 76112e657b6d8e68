// Package tlog keeps a transparency log in a folder: an append-only Merkle tree
// of entries (statement.Entry) in the form of C2SP tlog-tiles
// (https://c2sp.org/tlog-tiles), which any web server could serve, with
// checkpoints as C2SP tlog-checkpoint has them. Entries are added by
// github.com/transparency-dev/tessera's POSIX driver; it needs a local file
// system that keeps what was synced and locks files.
//
//	checkpoint         the newest tree: size and root, signed by the log
//	cosigned           the newest checkpoint that witnesses cosigned as the policy's quorum asks
//	policy             the log's own keys, whose statements it takes, its witnesses
//	tile/L/N[.p/W]     hashes of the tree
//	tile/entries/N     256 entries each, or the W first of them (.p/W)
//	.state/            tessera's own, and locks: not served
//
// Add adds, Gather collects cosignatures, Server serves what is public, Monitor
// replays logs and says what is wrong with them.
package tlog

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera/api/layout"
	"github.com/transparency-dev/tessera/client"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/prove/policy"
)

// Names of files in a log's folder.
const (
	checkpointName = layout.CheckpointPath
	cosignedName   = "cosigned"
	policyName     = "policy"
	stateName      = ".state"
)

// Bounds on what is read: of a checkpoint with some hundred ML-DSA-44
// cosignatures, of a full tile, of a bundle with 256 entries of 65,535 bytes.
const (
	maxNote   = 512 << 10
	maxTile   = layout.TileWidth * 32
	maxBundle = layout.EntryBundleWidth * (2 + 1<<16)
)

// Tiles reads a tile of hashes: level, index, and its width or 0 for a full
// one, which may also be given for a partial one.
type Tiles = client.TileFetcherFunc

// Dir is a log in a folder, or somebody's copy of one. Nothing outside of the
// folder is read, whatever links are in it.
type Dir struct {
	path string
	root *os.Root
}

// Open opens a folder that holds a log.
func Open(path string) (*Dir, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, err
	}
	d := &Dir{path, root}
	if _, err := root.Stat(checkpointName); err != nil {
		root.Close()
		return nil, fmt.Errorf("not a log, it has no file %s: %s", checkpointName, path)
	}
	return d, nil
}

// Close releases the folder.
func (d *Dir) Close() error { return d.root.Close() }

// Path is the folder as it was named.
func (d *Dir) Path() string { return d.path }

func (d *Dir) read(name string, most int64) ([]byte, error) {
	// a FIFO is no reason to wait
	f, err := d.root.OpenFile(filepath.FromSlash(name), os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if st, err := f.Stat(); err != nil || !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", name)
	}
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(b)) > most {
		err = fmt.Errorf("%s is larger than %d bytes", name, most)
	}
	return b, err
}

// Checkpoint is the newest checkpoint.
func (d *Dir) Checkpoint() ([]byte, error) { return d.read(checkpointName, maxNote) }

// Cosigned is the newest checkpoint that was cosigned as the log's policy
// asks, nil where there is none.
func (d *Dir) Cosigned() ([]byte, error) {
	b, err := d.read(cosignedName, maxNote)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return b, err
}

// Policy is the log's own: its keys, the laboratories and vendors whose
// statements it takes, its witnesses and the quorum of them.
func (d *Dir) Policy() (*policy.Policy, error) {
	b, err := d.read(policyName, policy.MaxSize)
	if err != nil {
		return nil, err
	}
	p, err := policy.Parse(b)
	if err == nil && len(p.Logs) == 0 {
		err = fmt.Errorf("no line \"log\" with the log's own key")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", filepath.Join(d.path, policyName), err)
	}
	return p, nil
}

// Tile reads a tile of hashes; it is one of Tiles.
func (d *Dir) Tile(_ context.Context, level, index uint64, width uint8) ([]byte, error) {
	b, err := d.tile(layout.TilePath(level, index, width), maxTile)
	if width > 0 && errors.Is(err, fs.ErrNotExist) {
		width = 0
		b, err = d.tile(layout.TilePath(level, index, 0), maxTile)
	}
	if err == nil {
		err = checkTile(b, layout.TilePath(level, index, width), width)
	}
	return b, err
}

func (d *Dir) tile(path string, most int64) ([]byte, error) { return d.read(path, most) }

// checkTile refuses a tile that is not as wide as its name says.
func checkTile(b []byte, name string, width uint8) error {
	want := int(width) * 32
	if width == 0 {
		want = maxTile
	}
	if len(b) != want {
		return fmt.Errorf("%s has %d bytes, expected %d", name, len(b), want)
	}
	return nil
}

// bundle reads a bundle of entries, the full one where the partial one is gone.
func (d *Dir) bundle(index uint64, width uint8) ([]byte, error) {
	b, err := d.tile(layout.EntriesPath(index, width), maxBundle)
	if width > 0 && errors.Is(err, fs.ErrNotExist) {
		b, err = d.tile(layout.EntriesPath(index, 0), maxBundle)
	}
	return b, err
}

// Root is the root of the tree of the first size entries, from tiles.
func Root(ctx context.Context, tiles Tiles, size uint64) (root wardein.Digest, err error) {
	if size == 0 {
		return wardein.Digest(rfc6962.DefaultHasher.EmptyRoot()), nil
	}
	hashes, err := client.FetchRangeNodes(ctx, size, tiles)
	if err != nil {
		return root, err
	}
	r, err := ranges.NewRange(0, size, hashes)
	if err != nil {
		return root, err
	}
	b, err := r.GetRootHash(nil)
	if err != nil {
		return root, err
	}
	return wardein.Digest(b), nil
}

var ranges = &compact.RangeFactory{Hash: rfc6962.DefaultHasher.HashChildren}

// Consistency is the proof that the tree of the first old entries is the
// beginning of that of the first size (RFC 6962, section 2.1.2).
func Consistency(ctx context.Context, tiles Tiles, old, size uint64) ([][]byte, error) {
	if old == 0 || old == size {
		return nil, nil
	}
	b, err := client.NewProofBuilder(ctx, size, tiles)
	if err != nil {
		return nil, err
	}
	return b.ConsistencyProof(ctx, old, size)
}

// Proof is a C2SP tlog-proof (https://c2sp.org/tlog-proof) of an entry, in the
// tree of a signed checkpoint, which is taken over as it is.
func (d *Dir) Proof(ctx context.Context, index uint64, checkpoint []byte, size uint64) ([]byte, error) {
	b, err := client.NewProofBuilder(ctx, size, d.Tile)
	if err != nil {
		return nil, err
	}
	hashes, err := b.InclusionProof(ctx, index)
	if err != nil {
		return nil, fmt.Errorf("entry %d in the tree of %d: %w", index, size, err)
	}
	p := proof.TLogProof{Index: index, Checkpoint: checkpoint}
	for _, h := range hashes {
		p.Hashes = append(p.Hashes, [32]byte(h))
	}
	return p.Marshal(), nil
}

// Covering is a checkpoint of a tree that has the entry at index: the newest
// cosigned one, or where it is not large enough, the newest of all.
func (d *Dir) Covering(index uint64) ([]byte, *policy.Signed, error) {
	p, err := d.Policy()
	if err != nil {
		return nil, nil, err
	}
	b, err := d.Cosigned()
	if err != nil {
		return nil, nil, err
	}
	if b != nil {
		if s, err := p.OpenCheckpoint(b); err != nil || s.Size > index {
			return b, s, err
		}
	}
	if b, err = d.Checkpoint(); err != nil {
		return nil, nil, err
	}
	s, err := p.OpenCheckpoint(b)
	if err == nil && s.Size <= index {
		err = fmt.Errorf("the log has no entry %d", index)
	}
	return b, s, err
}

// Newest is the newest checkpoint, or the newest cosigned one. It is verified:
// its signatures, and that it is of the folder's tree.
func (d *Dir) Newest(ctx context.Context, cosigned bool) ([]byte, *policy.Signed, error) {
	read := d.Checkpoint
	if cosigned {
		read = d.Cosigned
	}
	b, err := read()
	if err != nil || b == nil {
		return nil, nil, err
	}
	p, err := d.Policy()
	if err != nil {
		return nil, nil, err
	}
	s, err := p.OpenCheckpoint(b)
	if err != nil {
		return nil, nil, err
	}
	return b, s, d.checkTree(ctx, &s.Checkpoint)
}

// checkTree holds a checkpoint against the tiles.
func (d *Dir) checkTree(ctx context.Context, c *policy.Checkpoint) error {
	root, err := Root(ctx, d.Tile, c.Size)
	if err != nil {
		return fmt.Errorf("tree of %d entries: %w", c.Size, err)
	}
	if root != c.Root {
		return fmt.Errorf("tree of %d entries: root of the tiles is %s, the checkpoint says %s", c.Size, base64.StdEncoding.EncodeToString(root[:]), base64.StdEncoding.EncodeToString(c.Root[:]))
	}
	return nil
}
