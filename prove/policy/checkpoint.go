package policy

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/wardein/wardein"
)

// Checkpoint is what a log says of itself (https://c2sp.org/tlog-checkpoint).
type Checkpoint struct {
	Origin string // the log's name
	Size   uint64
	Root   wardein.Digest
	// Extension lines: the use of them is not recommended, and ML-DSA-44
	// signatures do not cover them.
	Extension []string
}

// ParseCheckpoint reads the text of a checkpoint, without signatures. Numbers
// and digests have one form each.
func ParseCheckpoint(text string) (c Checkpoint, err error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 4 || lines[len(lines)-1] != "" {
		return c, fmt.Errorf("checkpoint of %d lines, at least 3 are expected", len(lines)-1)
	}
	lines = lines[:len(lines)-1]
	for i, l := range lines {
		if l == "" {
			return c, fmt.Errorf("line %d of the checkpoint is empty", i+1)
		}
	}
	c.Origin, c.Extension = lines[0], lines[3:]
	if c.Size, err = strconv.ParseUint(lines[1], 10, 63); err != nil || strconv.FormatUint(c.Size, 10) != lines[1] {
		return c, fmt.Errorf("size of the checkpoint is %.30q", lines[1])
	}
	root, err := unbase64(lines[2])
	if err != nil || len(root) != len(c.Root) {
		return c, fmt.Errorf("root of the checkpoint is %.60q", lines[2])
	}
	copy(c.Root[:], root)
	return c, nil
}

// Text is the checkpoint as it is signed.
func (c *Checkpoint) Text() string {
	s := fmt.Sprintf("%s\n%d\n%s\n", c.Origin, c.Size, base64.StdEncoding.EncodeToString(c.Root[:]))
	for _, l := range c.Extension {
		s += l + "\n"
	}
	return s
}

// Cosignature says that a witness saw the log grow consistently up to a
// checkpoint.
type Cosignature struct {
	Witness *Key
	Time    time.Time // as the witness says
	line    string
}

// Signed is a checkpoint with what signatures it bears.
type Signed struct {
	Checkpoint
	Log      []*Key // that signed it: one, or several keys of one log
	Cosigned []Cosignature
	// Unknown are the name+hash of signatures by keys that the policy does
	// not know. They say nothing and nobody checked them: signed-note lets
	// them be ignored, a bundle must not have any.
	Unknown []string

	lines string // signatures of the log
}

// Bytes are the checkpoint with its log's signatures and its cosignatures.
func (s *Signed) Bytes() []byte {
	b := s.Text() + "\n" + s.lines
	for _, c := range s.Cosigned {
		b += c.line
	}
	return []byte(b)
}

// UnsignedError is that no log of a policy signed a checkpoint.
type UnsignedError struct{ Origin string }

func (e *UnsignedError) Error() string {
	return fmt.Sprintf("checkpoint of %q: no log of the policy signed it", e.Origin)
}

// Labels are those of the witnesses that cosigned, for Quorum.
func (s *Signed) Labels() []string {
	var l []string
	for _, c := range s.Cosigned {
		l = append(l, c.Witness.Label)
	}
	return l
}

// OpenCheckpoint reads a signed checkpoint and checks the signatures of all
// keys that the policy knows; one that does not fit is an error. So is a
// checkpoint that no log of the policy signed. It does not ask for the quorum.
func (p *Policy) OpenCheckpoint(b []byte) (*Signed, error) {
	n, err := note.Open(b, Verifiers(p.Logs, p.Witnesses))
	var unverified *note.UnverifiedNoteError
	if errors.As(err, &unverified) {
		n, err = unverified.Note, nil
	}
	if err != nil {
		return nil, err
	}
	s := &Signed{}
	if s.Checkpoint, err = ParseCheckpoint(n.Text); err != nil {
		return nil, err
	}
	for _, sig := range n.Sigs {
		if _, err := unbase64(sig.Base64); err != nil {
			return nil, fmt.Errorf("signature by %s+%08x: %w", sig.Name, sig.Hash, err)
		}
		// note.Open passes over a second signature by one key
		if first := bytes.Index(b, []byte("\n"+line(sig))); twice(b[first+len(line(sig)):], sig) {
			return nil, fmt.Errorf("two signatures by %s+%08x", sig.Name, sig.Hash)
		}
	}
	covered := len(s.Extension) == 0
	for i := range p.Logs {
		for _, sig := range n.Sigs {
			if k := &p.Logs[i]; is(k, sig) {
				if k.Name() != s.Origin { // tlog-policy, section "Defining a log"
					return nil, fmt.Errorf("checkpoint of %q is signed by log %q", s.Origin, k.Name())
				}
				s.Log = append(s.Log, k)
				s.lines += line(sig)
				covered = covered || k.Algorithm == Ed25519
			}
		}
	}
	if len(s.Log) == 0 {
		return nil, &UnsignedError{s.Origin}
	}
	if !covered {
		return nil, fmt.Errorf("checkpoint of %q has extension lines that no signature covers", s.Origin)
	}
	for i := range p.Witnesses {
		for _, sig := range n.Sigs {
			if k := &p.Witnesses[i]; is(k, sig) {
				t, err := timestamp(sig)
				if err != nil {
					return nil, err
				}
				s.Cosigned = append(s.Cosigned, Cosignature{k, t, line(sig)})
			}
		}
	}
	for _, sig := range n.UnverifiedSigs {
		s.Unknown = append(s.Unknown, fmt.Sprintf("%s+%08x", sig.Name, sig.Hash))
	}
	return s, nil
}

// twice tells whether among signature lines is one more by the key of sig.
func twice(lines []byte, sig note.Signature) bool {
	for l := range bytes.Lines(lines) {
		name, b64, _ := strings.Cut(strings.TrimPrefix(string(l), "— "), " ")
		raw, err := base64.StdEncoding.DecodeString(b64)
		if name == sig.Name && (err != nil || len(raw) < 4 || binary.BigEndian.Uint32(raw) == sig.Hash) {
			return true
		}
	}
	return false
}

// line is a signature as it stands in a note.
func line(sig note.Signature) string { return "— " + sig.Name + " " + sig.Base64 + "\n" }

func is(k *Key, sig note.Signature) bool { return k.Name() == sig.Name && k.KeyHash() == sig.Hash }

// timestamp is that of a cosignature: after the key's hash, 8 bytes
// (tlog-cosignature, section "Format").
func timestamp(sig note.Signature) (time.Time, error) {
	b, err := base64.StdEncoding.DecodeString(sig.Base64)
	if err != nil || len(b) < 12 || b[4] >= 0x80 {
		return time.Time{}, fmt.Errorf("cosignature by %s bears no timestamp", sig.Name)
	}
	return time.Unix(int64(binary.BigEndian.Uint64(b[4:])), 0).UTC(), nil
}
