package prove

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"time"

	formats "github.com/transparency-dev/formats/proof"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/prove/policy"
	"github.com/wardein/wardein/prove/statement"
)

// Logged is where a log has a statement's entry.
type Logged struct {
	Origin    string // of the log
	Index     uint64 // of the entry
	Size      uint64 // of the log
	Root      wardein.Digest
	Witnesses []string
	// Time is the earliest that a cosigner gives, zero without any: the log
	// had this size by then.
	Time   time.Time
	Quorum string // how the policy is met
}

// logged verifies the member that proves that a log has an envelope's entry.
// A policy that names no log asks for none, and then there must be none.
func logged(b *Bundle, name string, envelope []byte, p *policy.Policy) (*Logged, error) {
	if len(p.Logs) == 0 {
		if b.Find(name) != nil {
			return nil, refuseMember(name, "the policy names no log")
		}
		return nil, nil
	}
	content, err := b.Read(name, maxProof)
	if err != nil {
		return nil, err
	}
	l, err := VerifyLogged(content, envelope, p)
	var r *Refused
	if err != nil && !errors.As(err, &r) {
		return nil, refuseMember(name, "%w", err)
	}
	return l, err
}

// VerifyLogged verifies a C2SP tlog-proof of an envelope's entry.
func VerifyLogged(content, envelope []byte, p *policy.Policy) (*Logged, error) {
	var t formats.TLogProof
	if err := t.Unmarshal(content); err != nil {
		return nil, err
	}
	if t.ExtraData != nil || len(t.Hashes) > 64 || !bytes.Equal(t.Marshal(), content) {
		return nil, fmt.Errorf("not in the one form of a tlog-proof without extra data")
	}
	entry, err := statement.EntryFor(envelope)
	if err != nil {
		return nil, err
	}
	leaf, err := entry.Bytes()
	if err != nil {
		return nil, err
	}
	c, err := p.OpenCheckpoint(t.Checkpoint)
	if err != nil {
		return nil, fmt.Errorf("checkpoint: %w", err)
	}
	if len(c.Unknown) > 0 {
		return nil, fmt.Errorf("checkpoint: signature by %s: the policy names no such key", c.Unknown[0])
	}
	if len(c.Extension) > 0 {
		return nil, fmt.Errorf("checkpoint: %d lines too many", len(c.Extension))
	}
	hashes := make([][]byte, len(t.Hashes))
	for i := range hashes {
		hashes[i] = t.Hashes[i][:]
	}
	if err := proof.VerifyInclusion(rfc6962.DefaultHasher, t.Index, c.Size, rfc6962.DefaultHasher.HashLeaf(leaf), hashes, c.Root[:]); err != nil {
		var not proof.RootMismatchError
		if errors.As(err, &not) {
			err = fmt.Errorf("the entry is not at index %d: root %s, the checkpoint says %s", t.Index, base64.StdEncoding.EncodeToString(not.CalculatedRoot), base64.StdEncoding.EncodeToString(not.ExpectedRoot))
		}
		return nil, err
	}
	l := &Logged{Origin: c.Origin, Index: t.Index, Size: c.Size, Root: c.Root}
	for _, s := range c.Cosigned {
		l.Witnesses = append(l.Witnesses, s.Witness.Label)
		if l.Time.IsZero() || s.Time.Before(l.Time) {
			l.Time = s.Time
		}
	}
	ok, why := p.Quorum(c.Labels())
	if !ok {
		return nil, refuse("policy", "%s", why)
	}
	l.Quorum = why
	return l, nil
}
