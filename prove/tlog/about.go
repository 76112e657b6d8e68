package tlog

import (
	"context"
	"fmt"
	"time"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/prove/policy"
	"github.com/wardein/wardein/prove/statement"
)

// About is what a log holds about one signed statement: what answers it,
// corrects it or withdraws it.
type About struct {
	Origin string
	Size   uint64 // of the log: what came later is not seen
	// Time is the earliest that a cosigner gives for this size, zero without
	// any.
	Time    time.Time
	Entries []Place
}

// Place is an entry and where it is.
type Place struct {
	Index uint64
	statement.Entry
}

// About reads all of a copy of a log, under a verifier's policy, and finds what
// is said of an envelope. Of two checkpoints it takes the cosigned one, if the
// policy asks for cosignatures. The tree is built anew, so that no entry can
// have been left out or put in.
func (d *Dir) About(ctx context.Context, p *policy.Policy, envelope wardein.Digest) (*About, error) {
	s, err := d.trusted(p)
	if err != nil {
		return nil, err
	}
	a := &About{Origin: s.Origin, Size: s.Size}
	for _, c := range s.Cosigned {
		if a.Time.IsZero() || c.Time.Before(a.Time) {
			a.Time = c.Time
		}
	}
	subject := "sha256:" + envelope.String()
	roots, err := d.Replay(ctx, s.Size, nil, func(i uint64, b []byte) error {
		e, err := statement.ParseEntry(b)
		if err != nil {
			return fmt.Errorf("entry %d: %w", i, err)
		}
		if e.Subject == subject && e.Envelope != envelope {
			a.Entries = append(a.Entries, Place{i, e})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if roots[s.Size] != s.Root {
		return nil, fmt.Errorf("the tree of its %d entries is not the one that the log has signed", s.Size)
	}
	return a, nil
}

// trusted is the newest checkpoint that a policy accepts.
func (d *Dir) trusted(p *policy.Policy) (*policy.Signed, error) {
	b, err := d.Checkpoint()
	if err != nil {
		return nil, err
	}
	newest, err := p.OpenCheckpoint(b)
	if err != nil {
		return nil, err
	}
	ok, why := p.Quorum(newest.Labels())
	if ok {
		return newest, nil
	}
	if b, err = d.Cosigned(); err != nil {
		return nil, err
	}
	if b == nil {
		return nil, fmt.Errorf("its checkpoint is not cosigned: %s", why)
	}
	s, err := p.OpenCheckpoint(b)
	if err != nil {
		return nil, err
	}
	if ok, why = p.Quorum(s.Labels()); !ok {
		return nil, fmt.Errorf("its checkpoint is not cosigned as the policy asks: %s", why)
	}
	return s, nil
}
