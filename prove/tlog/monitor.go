package tlog

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"slices"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/prove/policy"
	"github.com/wardein/wardein/prove/statement"
)

// Copy is a copy of a log that is to be looked at.
type Copy struct {
	Dir *Dir
	// Policy has the keys that its checkpoints must be signed with. nil: those
	// that the copy itself names, and no quorum.
	Policy *policy.Policy
}

// Finding is something that is wrong with a log, or with what a laboratory
// says in it.
type Finding struct {
	Log   string // its folder
	Index int64  // of the entry; -1: it is about the log
	Says  string
}

// Seen is what a monitor saw of a log.
type Seen struct {
	Path, Origin string
	Size         uint64
	Root         wardein.Digest
	Cosigned     uint64 // size of the newest cosigned checkpoint, 0 for none
	Witnesses    []string
}

// Monitor replays copies of logs, one after the other, and says what is wrong:
// a signature that does not hold, a tree that is not that of its checkpoint,
// two copies of one log that differ, an entry in another form than the one it
// must have, two statements of one laboratory with one type and subject
// without a withdrawal or correction of the earlier one between them.
// What cannot be read is a finding, too. The error is the context's.
func Monitor(ctx context.Context, copies []Copy) ([]Seen, []Finding, error) {
	m := &monitor{last: map[[32]byte]said{}, settled: map[[32]byte]bool{}}
	for _, c := range copies {
		m.open(c)
	}
	for _, l := range m.logs {
		if err := m.replay(ctx, l); err != nil {
			return nil, nil, err
		}
	}
	seen := make([]Seen, len(m.logs))
	for i, l := range m.logs {
		seen[i] = l.Seen
	}
	return seen, m.findings, nil
}

type monitor struct {
	logs     []*watchedLog
	findings []Finding
	// last is the last statement of a laboratory about a subject; settled are
	// the envelopes that it withdrew or corrected. Both are keyed by digests.
	last    map[[32]byte]said
	settled map[[32]byte]bool
}

type watchedLog struct {
	Seen
	dir    *Dir
	claims []claim
}

// claim is a root that somebody signed for a log.
type claim struct {
	where string
	policy.Checkpoint
}

// said is one statement.
type said struct {
	envelope wardein.Digest
	log      *watchedLog
	index    uint64
}

func (m *monitor) find(l *watchedLog, index int64, format string, args ...any) {
	m.findings = append(m.findings, Finding{l.Path, index, fmt.Sprintf(format, args...)})
}

// open reads the checkpoints of a copy.
func (m *monitor) open(c Copy) {
	l := &watchedLog{Seen: Seen{Path: c.Dir.path}, dir: c.Dir}
	m.logs = append(m.logs, l)
	p, asked := c.Policy, c.Policy != nil
	if !asked {
		var err error
		if p, err = c.Dir.Policy(); err != nil {
			m.find(l, -1, "%v", err)
			return
		}
	}
	read := func(name string, b []byte, err error) *policy.Signed {
		if err != nil || b == nil {
			if err != nil {
				m.find(l, -1, "%s: %v", name, err)
			}
			return nil
		}
		s, err := p.OpenCheckpoint(b)
		if err != nil {
			m.find(l, -1, "%s: %v", name, err)
			return nil
		}
		l.claims = append(l.claims, claim{name, s.Checkpoint})
		return s
	}
	b, err := c.Dir.Checkpoint()
	newest := read(checkpointName, b, err)
	b, err = c.Dir.Cosigned()
	cosigned := read(cosignedName, b, err)
	if newest == nil {
		return
	}
	l.Origin, l.Size, l.Root = newest.Origin, newest.Size, newest.Root
	switch {
	case cosigned != nil && (cosigned.Origin != newest.Origin || cosigned.Size > newest.Size):
		m.find(l, -1, "witnesses cosigned a tree of %d entries of %s; the newest checkpoint is of %d entries of %s", cosigned.Size, cosigned.Origin, newest.Size, newest.Origin)
	case cosigned != nil:
		l.Cosigned, l.Witnesses = cosigned.Size, cosigned.Labels()
		fallthrough
	case asked:
		if ok, why := p.Quorum(l.Witnesses); asked && !ok {
			m.find(l, -1, "the quorum is not met: %s", why)
		}
	}
}

// replay reads a log's entries, and holds its tree against all that was signed
// for it, be it in other copies.
func (m *monitor) replay(ctx context.Context, l *watchedLog) error {
	if l.Origin == "" {
		return nil
	}
	var sizes []uint64
	var claims []claim
	for _, o := range m.logs {
		for _, c := range o.claims {
			if c.Origin != l.Origin || c.Size > l.Size {
				continue
			}
			if o != l {
				c.where = c.where + " of the copy " + o.Path
			}
			claims = append(claims, c)
			sizes = append(sizes, c.Size)
		}
	}
	slices.Sort(sizes)
	roots, err := l.dir.Replay(ctx, l.Size, slices.Compact(sizes), func(index uint64, b []byte) error {
		m.entry(l, index, b)
		return nil
	})
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err != nil {
		m.find(l, -1, "%v", err)
		return nil
	}
	for _, c := range claims {
		if r := roots[c.Size]; r != c.Root {
			m.find(l, -1, "tree of %d entries: root is %s, %s has signed %s", c.Size, base64.StdEncoding.EncodeToString(r[:]), c.where, base64.StdEncoding.EncodeToString(c.Root[:]))
		}
	}
	return nil
}

// verdicts are the types of which a laboratory makes one statement for a
// subject.
var verdicts = []string{statement.Inspection, statement.Profile, statement.Claim}

func (m *monitor) entry(l *watchedLog, index uint64, b []byte) {
	e, err := statement.ParseEntry(b)
	if err != nil {
		m.find(l, int64(index), "%v", err)
		return
	}
	if e.Type == statement.Withdrawal || e.Type == statement.Correction {
		if d, err := wardein.ParseDigest(strings.TrimPrefix(e.Subject, "sha256:")); err == nil {
			m.settled[key(e.Lab, string(d[:]))] = true
		}
	}
	if !slices.Contains(verdicts, e.Type) {
		return
	}
	k := key(e.Lab, e.Type, e.Subject)
	before, there := m.last[k]
	m.last[k] = said{e.Envelope, l, index}
	if !there || before.envelope == e.Envelope || m.settled[key(e.Lab, string(before.envelope[:]))] {
		return
	}
	where := fmt.Sprintf("entry %d", before.index)
	if before.log != l {
		where += " of " + before.log.Path
	}
	_, kind := cutType(e.Type)
	m.find(l, int64(index), "%s makes a second %s statement about %s: envelope %s, before it %s in %s, which is neither withdrawn nor corrected", e.Lab, kind, e.Subject, e.Envelope, before.envelope, where)
}

// cutType takes a predicate's type apart: its base, and what it is.
func cutType(t string) (base, kind string) {
	i := strings.LastIndex(t, "predicate/")
	if i < 0 {
		return "", t
	}
	return t[:i], strings.TrimSuffix(t[i+len("predicate/"):], "/v1")
}

// key is a digest of strings.
func key(parts ...string) [32]byte {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d %s", len(p), p)
	}
	return [32]byte(h.Sum(nil))
}
