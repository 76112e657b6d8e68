// Package witness cosigns the checkpoints of logs, as C2SP tlog-witness
// (https://c2sp.org/tlog-witness) has it. For each log that it knows a witness
// keeps the last tree that it saw, and cosigns only what that tree is the
// beginning of: so all who trust its cosignatures see one history. It says
// nothing about the entries, and holds none.
//
// Witness is the witness itself, Handler its HTTP interface, Ask the client of
// that interface, Follow the outbound way: a witness that opens no port fetches
// checkpoints itself and brings the cosignatures back.
package witness

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"
	_ "modernc.org/sqlite" // the driver

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/prove/policy"
)

// Witness cosigns for some logs.
type Witness struct {
	logs    []policy.Key
	signers []note.Signer
	db      *sql.DB
	mu      sync.Mutex // one check at a time: checks are short
}

// Seen is the last tree that a witness saw of a log.
type Seen struct {
	Origin string
	Size   uint64
	Root   wardein.Digest
}

// Refusal is why a checkpoint is not cosigned, and the status that the
// protocol has for it.
type Refusal struct {
	Status int
	Size   uint64 // that was seen, for http.StatusConflict
	why    string
}

func (r *Refusal) Error() string { return r.why }

func refuse(status int, format string, args ...any) error {
	return &Refusal{Status: status, why: fmt.Sprintf(format, args...)}
}

// The statuses of section "add-checkpoint".
const (
	badRequest    = 400 // the body has another form, or the old size is above the checkpoint's
	forbidden     = 403 // no signature by a key of the log
	notFound      = 404 // no log that is known
	conflict      = 409 // another tree was seen than the old one
	tooLarge      = 413 // ours, RFC 9110
	unprocessable = 422 // the trees are not consistent
)

// Open opens a witness with its state in a file, which it makes where there is
// none. Losing that file, or taking an old copy of it, makes a witness cosign
// what contradicts what it cosigned before.
func Open(ctx context.Context, file string, logs []policy.Key, signers ...note.Signer) (*Witness, error) {
	if len(logs) == 0 || len(signers) == 0 {
		return nil, errors.New("a witness needs a key and the key of a log")
	}
	if f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, err
	} else if err := f.Close(); err != nil {
		return nil, err
	}
	// What was cosigned must be on disk before the cosignature is out.
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: file}).EscapedPath()+"?_pragma=busy_timeout(20000)&_pragma=journal_mode(WAL)&_pragma=synchronous(FULL)&_pragma=trusted_schema(0)&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	w := &Witness{logs: logs, signers: signers, db: db}
	if _, err := db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS log (origin TEXT PRIMARY KEY, size INTEGER NOT NULL, root BLOB NOT NULL, checkpoint BLOB NOT NULL) STRICT`); err != nil {
		db.Close()
		return nil, fmt.Errorf("not the state of a witness: %w: %s", err, file)
	}
	return w, nil
}

// Close closes the state.
func (w *Witness) Close() error { return w.db.Close() }

// Seen is the last tree that was cosigned for a log, of no entries where none
// was.
func (w *Witness) Seen(ctx context.Context, origin string) (Seen, error) {
	s := Seen{Origin: origin, Root: wardein.Digest(rfc6962.DefaultHasher.EmptyRoot())}
	var size int64
	var root []byte
	err := w.db.QueryRowContext(ctx, "SELECT size, root FROM log WHERE origin = ?", origin).Scan(&size, &root)
	if errors.Is(err, sql.ErrNoRows) {
		return s, nil
	}
	if err == nil && (size < 0 || copy(s.Root[:], root) != len(root) || len(root) != len(s.Root)) {
		err = fmt.Errorf("state of log %q is damaged", origin)
	}
	s.Size = uint64(size)
	return s, err
}

// Cosign checks that a checkpoint continues the tree of old entries that was
// seen last, keeps it, and gives the signature lines of all the witness's keys.
// Errors are a *Refusal, or failures of the witness itself.
func (w *Witness) Cosign(ctx context.Context, old uint64, consistency [][]byte, checkpoint []byte) ([]byte, error) {
	s, err := w.open(checkpoint)
	if err != nil {
		return nil, err
	}
	if old > s.Size {
		return nil, refuse(badRequest, "old size %d is above the checkpoint's %d", old, s.Size)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	seen, err := w.Seen(ctx, s.Origin)
	if err != nil {
		return nil, err
	}
	if old != seen.Size {
		return nil, conflictAt(seen.Size, "old size is %d, seen was %d", old, seen.Size)
	}
	if old == s.Size && seen.Root != s.Root {
		return nil, conflictAt(seen.Size, "another tree of %d entries was seen: the log was forked", old)
	}
	// The root of no entries is given (RFC 6962, section 2.1).
	if err := proof.VerifyConsistency(rfc6962.DefaultHasher, old, s.Size, consistency, seen.Root[:], s.Root[:]); err != nil {
		return nil, refuse(unprocessable, "the tree of %d entries is not shown to be the beginning of that of %d: %v", old, s.Size, err)
	}
	lines, err := w.sign(s)
	if err != nil {
		return nil, err
	}
	if err := w.keep(ctx, seen, s); err != nil {
		return nil, err
	}
	return lines, nil
}

// open reads a checkpoint and tells whose fault it is when that fails.
func (w *Witness) open(b []byte) (*policy.Signed, error) {
	text, _, ok := bytes.Cut(b, []byte("\n\n"))
	if !ok {
		return nil, refuse(badRequest, "not a signed note")
	}
	c, err := policy.ParseCheckpoint(string(text) + "\n")
	if err != nil {
		return nil, refuse(badRequest, "%v", err)
	}
	// other logs' keys are as good as unknown here
	var trusted policy.Policy
	for _, k := range w.logs {
		if k.Name() == c.Origin {
			trusted.Logs = append(trusted.Logs, k)
		}
	}
	if len(trusted.Logs) == 0 {
		return nil, refuse(notFound, "no log %q is known here", c.Origin)
	}
	s, err := trusted.OpenCheckpoint(b)
	var unsigned *policy.UnsignedError
	var unfit *note.InvalidSignatureError
	switch {
	case errors.As(err, &unsigned), errors.As(err, &unfit):
		return nil, refuse(forbidden, "%v", err)
	case err != nil:
		return nil, refuse(badRequest, "%v", err)
	}
	return s, nil
}

// conflictAt is a refusal that tells the size that was seen.
func conflictAt(size uint64, format string, args ...any) error {
	return &Refusal{Status: conflict, Size: size, why: fmt.Sprintf(format, args...)}
}

// sign makes the cosignatures.
func (w *Witness) sign(s *policy.Signed) ([]byte, error) {
	text := s.Text()
	b, err := note.Sign(&note.Note{Text: text}, w.signers...)
	if err != nil {
		return nil, fmt.Errorf("cosign: %w", err)
	}
	return b[len(text)+1:], nil
}

// keep makes the checkpoint the last that was seen, if the one before still is
// what it was: another process may use the same state.
func (w *Witness) keep(ctx context.Context, seen Seen, s *policy.Signed) error {
	tx, err := w.db.BeginTx(ctx, nil) // immediate: it has the write lock
	if err != nil {
		return err
	}
	defer tx.Rollback()
	var size int64
	err = tx.QueryRowContext(ctx, "SELECT size FROM log WHERE origin = ?", s.Origin).Scan(&size)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if uint64(size) != seen.Size {
		return conflictAt(uint64(size), "old size is %d, seen was %d", seen.Size, size)
	}
	if seen.Size == s.Size && s.Size > 0 {
		return nil
	}
	if _, err := tx.ExecContext(ctx, "INSERT INTO log (origin, size, root, checkpoint) VALUES (?, ?, ?, ?) ON CONFLICT (origin) DO UPDATE SET size = excluded.size, root = excluded.root, checkpoint = excluded.checkpoint", s.Origin, int64(s.Size), s.Root[:], s.Bytes()); err != nil {
		return err
	}
	return tx.Commit()
}

// Log is a log that an outbound witness follows: what it can be asked for.
type Log interface {
	Checkpoint(context.Context) ([]byte, error)
	// Consistency is the proof that the tree of old entries is the beginning
	// of that of size entries.
	Consistency(ctx context.Context, old, size uint64) ([][]byte, error)
	// Bring hands a checkpoint with cosignatures over.
	Bring(context.Context, []byte) error
}

// Once fetches a log's checkpoint, cosigns it and brings the cosignatures
// back. It returns the size of the tree.
func (w *Witness) Once(ctx context.Context, l Log) (uint64, error) {
	b, err := l.Checkpoint(ctx)
	if err != nil {
		return 0, err
	}
	s, err := w.open(b)
	if err != nil {
		return 0, err
	}
	seen, err := w.Seen(ctx, s.Origin)
	if err != nil {
		return 0, err
	}
	if seen.Size > s.Size {
		return 0, conflictAt(seen.Size, "the log shows a tree of %d entries, seen was one of %d: an old copy, or a fork", s.Size, seen.Size)
	}
	var consistency [][]byte
	if seen.Size > 0 && seen.Size < s.Size {
		if consistency, err = l.Consistency(ctx, seen.Size, s.Size); err != nil {
			return 0, err
		}
	}
	lines, err := w.Cosign(ctx, seen.Size, consistency, b)
	if err != nil {
		return 0, err
	}
	// without what others signed: the log knows that
	s.Cosigned = nil
	return s.Size, l.Bring(ctx, append(s.Bytes(), lines...))
}

// Follow does Once for a log again and again until the context ends. say is
// told of what is new: sizes, and errors once each.
func (w *Witness) Follow(ctx context.Context, l Log, every time.Duration, say func(size uint64, err error)) {
	last, lastErr := uint64(0), ""
	for {
		round, cancel := context.WithTimeout(ctx, time.Minute)
		size, err := w.Once(round, l)
		cancel()
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && err.Error() != lastErr:
			lastErr = err.Error()
			say(0, err)
		case err == nil:
			if lastErr = ""; size != last {
				say(size, nil)
			}
			last = size
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(every):
		}
	}
}

// Names are those of the witness's keys.
func (w *Witness) Names() string {
	var names []string
	for _, s := range w.signers {
		names = append(names, fmt.Sprintf("%s+%08x", s.Name(), s.KeyHash()))
	}
	return strings.Join(names, ", ")
}
