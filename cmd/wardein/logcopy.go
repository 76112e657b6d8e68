package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/prove"
	"github.com/wardein/wardein/prove/policy"
	"github.com/wardein/wardein/prove/statement"
	"github.com/wardein/wardein/prove/tlog"
)

// logCopy is what a copy of a log says of statements, up to its size: which it
// has, and what their labs corrected or withdrew.
type logCopy struct {
	*policy.Signed
	has     map[wardein.Digest]string    // envelope to lab
	answers map[string][]statement.Entry // by subject
}

// readLogCopy replays a copy of a log whose checkpoint a log of the policy
// signed and whose witnesses are a quorum. What does not hold is refused, and so
// is a copy without what a proof says that the log had.
func readLogCopy(ctx context.Context, dir string, p *policy.Policy, proved *prove.Logged) (*logCopy, error) {
	d, err := tlog.Open(dir)
	if err != nil {
		return nil, err
	}
	defer d.Close()
	c := &logCopy{has: map[wardein.Digest]string{}, answers: map[string][]statement.Entry{}}
	no := func(err error) error { return &refused{fmt.Errorf("log: %w: %s", err, term.Clean(dir))} }
	why := ""
	for _, read := range []func() ([]byte, error){d.Checkpoint, d.Cosigned} { // the second may be smaller, and cosigned
		b, err := read()
		if err != nil {
			if why != "" {
				break
			}
			return nil, err
		}
		if len(b) == 0 {
			break
		}
		s, err := p.OpenCheckpoint(b)
		if err != nil {
			return nil, no(err)
		}
		ok := false
		if ok, why = p.Quorum(s.Labels()); ok {
			c.Signed = s
			break
		}
	}
	if c.Signed == nil {
		return nil, no(fmt.Errorf("checkpoint: %s", why))
	}
	sizes := []uint64{c.Size}
	if proved != nil && proved.Origin == c.Origin && proved.Size < c.Size {
		sizes = []uint64{proved.Size, c.Size}
	}
	roots, err := d.Replay(ctx, c.Size, sizes, func(index uint64, b []byte) error {
		e, err := statement.ParseEntry(b)
		if err != nil {
			return fmt.Errorf("entry %d: %w", index, err)
		}
		c.has[e.Envelope] = e.Lab
		if e.Type == statement.Withdrawal || e.Type == statement.Correction {
			c.answers[e.Subject] = append(c.answers[e.Subject], e)
		}
		return nil
	})
	if err != nil {
		return nil, no(err)
	}
	if roots[c.Size] != c.Root {
		return nil, no(fmt.Errorf("its entries have root %s, its checkpoint says %s", roots[c.Size], c.Root))
	}
	if root, ok := roots[sizes[0]]; ok && len(sizes) > 1 && root != proved.Root {
		return nil, no(fmt.Errorf("at size %d its root is %s, the bundle's proof says %s", proved.Size, root, proved.Root))
	}
	return c, nil
}

// String says how far the copy goes.
func (c *logCopy) String() string {
	s := fmt.Sprintf("as of log %s at size %d", term.Clean(c.Origin), c.Size)
	var first time.Time
	for _, w := range c.Cosigned {
		if first.IsZero() || w.Time.Before(first) {
			first = w.Time
		}
	}
	if !first.IsZero() {
		s += " (" + first.UTC().Format(time.DateOnly) + ")"
	}
	return s
}

// about are the entries in which a lab that signed a statement corrects or
// withdraws it.
func (c *logCopy) about(envelope wardein.Digest, labs []string) (all []statement.Entry) {
	for _, e := range c.answers["sha256:"+envelope.String()] {
		if slices.Contains(labs, e.Lab) {
			all = append(all, e)
		}
	}
	return all
}

// of counts them.
func (c *logCopy) of(envelope wardein.Digest, labs []string) (withdrawn, corrected int) {
	for _, e := range c.about(envelope, labs) {
		if e.Type == statement.Withdrawal {
			withdrawn++
		} else {
			corrected++
		}
	}
	return withdrawn, corrected
}
