package tlog

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/wardein/wardein/internal/durable"
	"github.com/wardein/wardein/prove/policy"
)

// Ask asks the witness at a URL to cosign a checkpoint, as C2SP tlog-witness
// has it: old is the size that the witness is thought to have seen, and proof
// leads from there. It gives signature lines; or none, and the size that the
// witness has seen in truth.
type Ask func(ctx context.Context, url string, old uint64, proof [][]byte, checkpoint []byte) (lines []byte, seen uint64, err error)

// Gather collects cosignatures for a log: it asks the witnesses of the log's
// policy that have a URL, each in its own time, and takes what others bring.
// As soon as the quorum is met the checkpoint stands in the file "cosigned";
// cosignatures that come later are added to it. A witness that is down delays
// nobody.
type Gather struct {
	Ask Ask
	// Say is told what an operator should know: witnesses that do not answer
	// or refuse. It must be safe for use by several goroutines.
	Say func(string)

	dir    *Dir
	policy *policy.Policy

	mu       sync.Mutex
	recent   []*policy.Signed // checkpoints with the cosignatures so far, newest last
	cosigned uint64           // size of the checkpoint in the file
}

// recentMost bounds the checkpoints that cosignatures are collected for: an
// outbound witness may bring one for a checkpoint that is not the newest.
const recentMost = 16

// pause is how often the log is looked at for a new checkpoint, and the first
// time that a witness which failed is left alone; that doubles up to pauseMost.
const (
	pause     = 500 * time.Millisecond
	pauseMost = time.Minute
	askMost   = 20 * time.Second
)

// NewGather begins with the cosignatures that the log has. Nobody else may
// gather for the same log until done is called.
func NewGather(ctx context.Context, d *Dir) (g *Gather, done func(), err error) {
	if err := os.MkdirAll(filepath.Join(d.path, stateName), 0o755); err != nil { // not in a copy
		return nil, nil, err
	}
	done, err = lock(ctx, filepath.Join(d.path, stateName, "gather.lock"), 0)
	if err != nil {
		return nil, nil, fmt.Errorf("another process gathers cosignatures for this log: %s", d.path)
	}
	g = &Gather{dir: d, Say: func(string) {}}
	if g.policy, err = d.Policy(); err != nil {
		done()
		return nil, nil, err
	}
	if b, err := d.Cosigned(); err != nil || b != nil {
		s, oerr := g.policy.OpenCheckpoint(b)
		if err = errors.Join(err, oerr); err != nil {
			done()
			return nil, nil, fmt.Errorf("%s: %w", cosignedName, err)
		}
		g.recent, g.cosigned = []*policy.Signed{s}, s.Size
	}
	return g, done, nil
}

// Run asks the witnesses until the context ends.
func (g *Gather) Run(ctx context.Context) {
	var urls []string // a witness with two keys is asked once
	for _, w := range g.policy.Witnesses {
		if w.URL != "" && !slices.Contains(urls, w.URL) {
			urls = append(urls, w.URL)
		}
	}
	var all sync.WaitGroup
	for _, u := range urls {
		all.Go(func() { g.follow(ctx, u) })
	}
	all.Wait()
}

// follow keeps one witness up to date.
func (g *Gather) follow(ctx context.Context, url string) {
	var old uint64
	wait, said := pause, ""
	for {
		next, err := g.once(ctx, url, old)
		old = next
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			wait, said = pause, ""
		default:
			if said != err.Error() { // once, not each minute
				said = err.Error()
				g.Say(fmt.Sprintf("witness %s: %v", url, err))
			}
			wait = min(2*wait, pauseMost)
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// once brings the newest checkpoint to a witness that has not cosigned it yet.
// It returns the size that the witness has seen.
func (g *Gather) once(ctx context.Context, url string, old uint64) (uint64, error) {
	b, s, err := g.newest()
	if err != nil {
		return old, err
	}
	if s.Size == 0 || g.has(s, url) {
		return old, nil
	}
	ctx, cancel := context.WithTimeout(ctx, askMost)
	defer cancel()
	for try := 0; ; try++ {
		if old > s.Size {
			return old, fmt.Errorf("has seen a tree of %d entries, this log has %d: is this an old copy of the log?", old, s.Size)
		}
		proof, err := Consistency(ctx, g.dir.Tile, old, s.Size)
		if err != nil {
			return old, err
		}
		lines, seen, err := g.Ask(ctx, url, old, proof, b)
		switch {
		case err != nil:
			return old, err
		case lines != nil:
			return s.Size, g.Take(ctx, append(slices.Clip(b), lines...))
		case seen == old:
			return old, fmt.Errorf("has seen another tree of %d entries: the log was forked", old)
		case try == 2:
			return seen, fmt.Errorf("says that it has seen %d entries, then %d", old, seen)
		}
		old = seen
	}
}

// newest is the newest checkpoint, as it stands in the file.
func (g *Gather) newest() ([]byte, *policy.Signed, error) {
	b, err := g.dir.Checkpoint()
	if err != nil {
		return nil, nil, err
	}
	s, err := g.policy.OpenCheckpoint(b)
	return b, s, err
}

// has tells whether all keys of the witness at a URL have cosigned.
func (g *Gather) has(s *policy.Signed, url string) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := g.find(s)
	for k := range g.policy.Witnesses {
		w := &g.policy.Witnesses[k]
		if w.URL == url && (i < 0 || !slices.ContainsFunc(g.recent[i].Cosigned, func(c policy.Cosignature) bool { return c.Witness == w })) {
			return false
		}
	}
	return true
}

// find is the place of a checkpoint in recent.
func (g *Gather) find(s *policy.Signed) int {
	return slices.IndexFunc(g.recent, func(r *policy.Signed) bool { return r.Text() == s.Text() })
}

// Errors of Take.
var (
	ErrOrigin  = errors.New("checkpoint of another log")
	ErrNobody  = errors.New("no witness of the log's policy cosigned it")
	ErrForeign = errors.New("not a checkpoint of this log's tree")
)

// Take takes a checkpoint of the log with cosignatures. Those of witnesses
// that the log's policy does not name are left out.
func (g *Gather) Take(ctx context.Context, checkpoint []byte) error {
	s, err := g.policy.OpenCheckpoint(checkpoint)
	if err != nil {
		text, _, _ := bytes.Cut(checkpoint, []byte("\n\n"))
		if c, cerr := policy.ParseCheckpoint(string(text) + "\n"); cerr == nil && c.Origin != g.policy.Logs[0].Name() {
			return ErrOrigin
		}
		return err
	}
	if len(s.Cosigned) == 0 {
		return ErrNobody
	}
	if _, newest, err := g.newest(); err != nil {
		return err
	} else if s.Size > newest.Size {
		return fmt.Errorf("%w: it has %d entries, the log %d", ErrForeign, s.Size, newest.Size)
	}
	if err := g.dir.checkTree(ctx, &s.Checkpoint); err != nil {
		return fmt.Errorf("%w: %v", ErrForeign, err)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := g.find(s); i < 0 {
		g.recent = append(g.recent, s)
		slices.SortStableFunc(g.recent, func(a, b *policy.Signed) int { return cmp.Compare(a.Size, b.Size) })
		if len(g.recent) > recentMost {
			g.recent = g.recent[1:]
		}
	} else {
		merged := *g.recent[i] // others may read it
		merged.Cosigned = slices.Clone(merged.Cosigned)
		for _, c := range s.Cosigned {
			if !slices.ContainsFunc(merged.Cosigned, func(m policy.Cosignature) bool { return m.Witness == c.Witness }) {
				merged.Cosigned = append(merged.Cosigned, c)
			}
		}
		if len(merged.Cosigned) == len(g.recent[i].Cosigned) {
			return nil
		}
		g.recent[i], s = &merged, &merged
	}
	if ok, _ := g.policy.Quorum(s.Labels()); !ok || s.Size < g.cosigned {
		return nil
	}
	if err := durable.Write(filepath.Join(g.dir.path, cosignedName), 0o644, durable.Bytes(s.Bytes())); err != nil {
		return err
	}
	g.cosigned = s.Size
	return nil
}

// Checkpoint is the newest checkpoint with the cosignatures so far.
func (g *Gather) Checkpoint() ([]byte, error) {
	b, s, err := g.newest()
	if err != nil {
		return nil, err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := g.find(s); i >= 0 {
		s.Cosigned = g.recent[i].Cosigned
		b = s.Bytes()
	}
	return b, nil
}
