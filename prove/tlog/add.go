package tlog

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/transparency-dev/merkle/rfc6962"
	"github.com/transparency-dev/tessera"
	"github.com/transparency-dev/tessera/api/layout"
	"github.com/transparency-dev/tessera/storage/posix"
	"golang.org/x/mod/sumdb/note"

	"github.com/wardein/wardein/internal/durable"
	"github.com/wardein/wardein/prove/policy"
)

// batch is how many entries are written at once, eight bundles full: each
// batch is synced to disk, and small ones write the same tiles again and again.
const batch = 8 * layout.EntryBundleWidth

// patience is how long a lock or a checkpoint is waited for. A person may have
// to touch the token that signs.
const patience = time.Minute

// Create makes an empty log in a folder that is not there yet, or is empty. The
// signers are keys of the log, of one name; the policy must list all of them.
func Create(ctx context.Context, path string, rules []byte, signers ...note.Signer) error {
	p, err := policy.Parse(rules)
	if err != nil {
		return err
	}
	if err := owns(p, signers); err != nil {
		return err
	}
	if all, err := os.ReadDir(path); err == nil && len(all) > 0 {
		return fmt.Errorf("folder is not empty: %s", path)
	}
	path = filepath.Clean(path)
	temp, err := os.MkdirTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp) // gone when it was renamed
	if err := os.Chmod(temp, 0o755); err != nil {
		return err
	}
	if err := durable.Write(filepath.Join(temp, policyName), 0o644, durable.Bytes(rules)); err != nil {
		return err
	}
	w, err := start(ctx, temp, signers, batch)
	if err != nil {
		return err
	}
	w.cancel()
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(path))
}

// owns tells whether a policy lists the keys of a log.
func owns(p *policy.Policy, signers []note.Signer) error {
	if len(signers) == 0 {
		return errors.New("a log needs a key")
	}
	keys := policy.Verifiers(p.Logs)
	for _, s := range signers {
		if _, err := keys.Verifier(s.Name(), s.KeyHash()); err != nil {
			return fmt.Errorf("key %s+%08x is not a key of this log", s.Name(), s.KeyHash())
		}
	}
	return nil
}

// Add adds entries to the log in a folder and gives their places. An entry that
// the log has keeps its place. When Add returns, all of them are on disk and
// in the tree of a checkpoint that the log has signed. Of two processes that
// add to one log, one waits.
func Add(ctx context.Context, path string, entries [][]byte, signers ...note.Signer) ([]uint64, error) {
	return add(ctx, path, entries, batch, signers...)
}

func add(ctx context.Context, path string, entries [][]byte, size uint, signers ...note.Signer) ([]uint64, error) {
	d, err := Open(path)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	unlock, err := lock(ctx, filepath.Join(path, stateName, "wardein.lock"), patience)
	if err != nil {
		return nil, fmt.Errorf("another process adds to this log: %w: %s", err, path)
	}
	defer unlock()
	// tessera would begin a new log where its state is missing, over this one
	if _, err := d.root.Stat(stateName + "/treeState"); err != nil {
		return nil, fmt.Errorf("a copy of a log without its state, which cannot be added to: %w", err)
	}
	before, err := d.sound(ctx, signers)
	if err != nil {
		return nil, err
	}
	w, err := start(ctx, path, signers, size)
	if err != nil {
		return nil, err
	}
	defer w.cancel()
	integrated, err := w.reader.IntegratedSize(ctx)
	if err != nil {
		return nil, err
	}
	if integrated < before.Size {
		return nil, fmt.Errorf("the log has signed a tree of %d entries and has %d: is this an old copy?", before.Size, integrated)
	}
	places, err := w.add(ctx, integrated, entries)
	if err != nil {
		return nil, err
	}
	end := integrated
	for _, p := range places {
		end = max(end, p+1)
	}
	if err := w.published(ctx, d, end); err != nil {
		return nil, err
	}
	d.tidy(before.Size, end)
	return places, nil
}

// sound checks what must hold before a log may grow: that its newest
// checkpoint is its own, is that of its tree, and not older than one that
// witnesses have cosigned.
func (d *Dir) sound(ctx context.Context, signers []note.Signer) (*policy.Signed, error) {
	p, err := d.Policy()
	if err != nil {
		return nil, err
	}
	if err := owns(p, signers); err != nil {
		return nil, err
	}
	b, err := d.Checkpoint()
	if err != nil {
		return nil, err
	}
	s, err := p.OpenCheckpoint(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", checkpointName, err)
	}
	if err := d.checkTree(ctx, &s.Checkpoint); err != nil {
		return nil, err
	}
	if b, err = d.Cosigned(); err != nil || b == nil {
		return s, err
	}
	c, err := p.OpenCheckpoint(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", cosignedName, err)
	}
	if c.Size > s.Size {
		return nil, fmt.Errorf("witnesses have cosigned a tree of %d entries, this one has %d: is this an old copy?", c.Size, s.Size)
	}
	return s, d.checkTree(ctx, &c.Checkpoint)
}

// writer is tessera at work on one folder. Its own way to end, which waits for
// checkpoints, is not needed: add and published have waited.
type writer struct {
	appender *tessera.Appender
	reader   tessera.LogReader
	cancel   context.CancelFunc
	signed   *watched
}

func start(ctx context.Context, path string, signers []note.Signer, size uint) (*writer, error) {
	quiet()
	driver, err := posix.New(ctx, posix.Config{Path: path})
	if err != nil {
		return nil, err
	}
	w := &writer{signed: &watched{Signer: signers[0]}}
	// what is begun is finished: an interrupt between two files of one batch
	// would be as good as a crash
	ctx, w.cancel = context.WithCancel(context.WithoutCancel(ctx))
	options := tessera.NewAppendOptions().
		WithCheckpointSigner(w.signed, signers[1:]...).
		WithBatching(size, 5*time.Millisecond).
		WithCheckpointInterval(100 * time.Millisecond). // the least that it takes
		WithCheckpointRepublishInterval(0).
		WithGarbageCollectionInterval(0) // tidy does it
	if w.appender, _, w.reader, err = tessera.NewAppender(ctx, driver, options); err != nil {
		w.cancel()
		return nil, err
	}
	return w, nil
}

// add puts the entries that the tree of size entries has not got into it.
func (w *writer) add(ctx context.Context, size uint64, entries [][]byte) ([]uint64, error) {
	known := map[[32]byte]uint64{}
	for _, e := range entries {
		known[leaf(e)] = absent
	}
	if err := w.find(ctx, size, known); err != nil {
		return nil, err
	}
	type pending struct {
		at    [32]byte
		index tessera.IndexFuture
	}
	var queue []pending
	for _, e := range entries {
		h := leaf(e)
		if known[h] != absent {
			continue
		}
		known[h] = 0 // once, if it comes twice
		queue = append(queue, pending{h, w.appender.Add(ctx, tessera.NewEntry(e))})
	}
	var failed error
	for _, q := range queue { // all of them: then nothing is written any longer
		i, err := q.index()
		if err != nil && failed == nil {
			failed = fmt.Errorf("%w%s", err, lastSaid())
		}
		known[q.at] = i.Index
	}
	if failed != nil {
		return nil, failed
	}
	places := make([]uint64, len(entries))
	for i, e := range entries {
		places[i] = known[leaf(e)]
	}
	return places, nil
}

const absent = ^uint64(0)

func leaf(entry []byte) [32]byte { return [32]byte(rfc6962.DefaultHasher.HashLeaf(entry)) }

// find looks entries up by their leaf hashes. The tiles of level 0 are the
// index: 32 bytes an entry, some 50 ms for a million.
func (w *writer) find(ctx context.Context, size uint64, known map[[32]byte]uint64) error {
	missing := len(known)
	for index := uint64(0); index*layout.TileWidth < size && missing > 0; index++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		b, err := w.reader.ReadTile(ctx, 0, index, layout.PartialTileSize(0, index, size))
		if err != nil {
			return err
		}
		for i := uint64(0); len(b) >= 32 && index*layout.TileWidth+i < size; i, b = i+1, b[32:] {
			if at, asked := known[[32]byte(b)]; asked && at == absent {
				known[[32]byte(b)] = index*layout.TileWidth + i
				missing--
			}
		}
	}
	return nil
}

// published waits until the log has signed a checkpoint of a tree so large.
func (w *writer) published(ctx context.Context, d *Dir, size uint64) error {
	for begin := time.Now(); ; {
		b, err := d.Checkpoint()
		if err != nil {
			return err
		}
		text, _, _ := bytes.Cut(b, []byte("\n\n"))
		c, err := policy.ParseCheckpoint(string(text) + "\n")
		if err != nil {
			return err
		}
		if c.Size >= size {
			return nil
		}
		if err := w.signed.err(); err != nil {
			return fmt.Errorf("entries are in the log, its checkpoint could not be signed: %w", err)
		}
		if time.Since(begin) > patience {
			return fmt.Errorf("entries are in the log, no checkpoint of them after %v%s", patience, lastSaid())
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("entries are in the log, its checkpoint was not waited for: %w", ctx.Err())
		case <-time.After(2 * time.Millisecond):
		}
	}
}

func lastSaid() string {
	if s := heard.String(); s != "" {
		return " (" + s + ")"
	}
	return ""
}

// watched is a signer whose failure is seen: tessera only logs it.
type watched struct {
	note.Signer
	mu     sync.Mutex
	failed error
}

func (w *watched) Sign(msg []byte) ([]byte, error) {
	b, err := w.Signer.Sign(msg)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failed = err
	return b, err
}

func (w *watched) err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.failed
}

// tidy removes partial tiles and bundles that a full one has taken the place
// of since the tree had from entries: tlog-tiles, section "Partial Tiles",
// allows it. What a crash leaves behind is removed the next time, but for files
// of at most one batch.
func (d *Dir) tidy(from, to uint64) {
	for level, width := uint64(0), uint64(layout.TileWidth); level < 8 && to/width > 0; level, width = level+1, width*layout.TileWidth {
		first := from / width
		if first > 0 {
			first--
		}
		for index := first; index < to/width; index++ {
			d.root.RemoveAll(layout.TilePath(level, index, 0) + ".p")
			if level == 0 {
				d.root.RemoveAll(layout.EntriesPath(index, 0) + ".p")
			}
		}
	}
}

// lock takes a lock file, and waits so long for who has it.
func lock(ctx context.Context, name string, wait time.Duration) (unlock func(), err error) {
	f, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|syscall.O_CLOEXEC, 0o644)
	if err != nil {
		return nil, err
	}
	for end := time.Now().Add(wait); ; {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return func() { f.Close() }, nil
		case !errors.Is(err, syscall.EWOULDBLOCK) && !errors.Is(err, syscall.EINTR):
			f.Close()
			return nil, err
		case time.Now().After(end):
			f.Close()
			return nil, fmt.Errorf("it has held the lock for more than %v", wait)
		}
		select {
		case <-ctx.Done():
			f.Close()
			return nil, ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}
