// Package disk keeps results in a folder of the local file system: one pack
// of decoded bytes and one file of records for each run, and an SQLite index
// over all finished runs.
//
//	index.db           result → run, offset; content → run, location
//	run-00000001.pack  decoded bytes, append-only
//	run-00000001.rec   records and facts, append-only
//
// Runs may work side by side. Each holds a lock on its own files, so that a
// run that was killed is told from one at work; its files are removed by the
// next one.
package disk

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/flat"
	"github.com/wardein/wardein/store"
	"golang.org/x/sys/unix"
	_ "modernc.org/sqlite" // the driver
)

// Store is an open store folder.
type Store struct {
	dir             string
	db              *sql.DB
	result, content *sql.Stmt // one row each
}

const schema = `
CREATE TABLE IF NOT EXISTS run (id INTEGER PRIMARY KEY AUTOINCREMENT, root BLOB, done INTEGER NOT NULL DEFAULT 0, bytes INTEGER NOT NULL DEFAULT 0);
CREATE TABLE IF NOT EXISTS needs (run INTEGER, other INTEGER, PRIMARY KEY (run, other)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS result (name BLOB PRIMARY KEY, run INTEGER, off INTEGER) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS content (digest BLOB PRIMARY KEY, run INTEGER, loc BLOB, verified INTEGER NOT NULL DEFAULT 0) WITHOUT ROWID;
`

// Open opens the store in a folder, which is made when it is not there.
func Open(dir string) (*Store, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "index.db")+"?_pragma=busy_timeout(20000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)&_txlock=immediate")
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	s := &Store{dir: dir, db: db}
	_, err = db.Exec(schema)
	if err == nil {
		s.result, err = db.Prepare(`SELECT run, off FROM result WHERE name = ?`)
	}
	if err == nil {
		s.content, err = db.Prepare(`SELECT run, loc, verified FROM content WHERE digest = ?`)
	}
	if err != nil {
		db.Close()
		return nil, fmt.Errorf("store %s: %w", dir, err)
	}
	return s, nil
}

// Close closes the store.
func (s *Store) Close() error { return s.db.Close() }

func (s *Store) path(id int64, kind string) string {
	return filepath.Join(s.dir, fmt.Sprintf("run-%08d.%s", id, kind))
}

// run is one run on a Store.
type run struct {
	s         *Store
	id        int64
	empty     bool
	pack, rec *os.File
	out       *bufio.Writer
	buf       []byte                      // for copying into out
	end       int64                       // of rec
	results   flat.Map[store.Name, int64] // → offset in rec; results tell their own end
	contents  *store.Places
	verified  flat.Map[wardein.Digest, struct{}]
	needs     map[int64]bool
	reached   int64       // the pack's end, as far as the child told
	asked     int64       // up to where the system was asked to write it out
	asking    atomic.Bool // it is being asked
	others    map[int64]*os.File
	committed bool
}

// Begin starts a run over the input of that digest. Files of runs that were
// killed are removed.
func (s *Store) Begin(root wardein.Digest) (store.Run, error) {
	// A run is visible before it holds the lock on its files: no other run may
	// sweep in between.
	gate, err := s.gate()
	if err != nil {
		return nil, err
	}
	defer gate.Close()
	if _, err := s.sweep(); err != nil {
		return nil, err
	}
	res, err := s.db.Exec(`INSERT INTO run (root) VALUES (?)`, root[:])
	if err != nil {
		return nil, err
	}
	r := &run{s: s, needs: map[int64]bool{}, others: map[int64]*os.File{}}
	if r.id, err = res.LastInsertId(); err != nil {
		return nil, err
	}
	r.contents = store.NewPlaces(r.id)
	var n int
	if err := s.db.QueryRow(`SELECT count(*) FROM (SELECT 1 FROM result LIMIT 1)`).Scan(&n); err != nil {
		return nil, err
	}
	r.empty = n == 0
	if r.rec, err = os.OpenFile(s.path(r.id, "rec"), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600); err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(r.rec.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, fmt.Errorf("lock %s: %w", r.rec.Name(), err)
	}
	if r.pack, err = os.OpenFile(s.path(r.id, "pack"), os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600); err != nil {
		r.rec.Close()
		return nil, err
	}
	r.out = bufio.NewWriterSize(r.rec, 256<<10)
	return r, nil
}

// gate waits until no other process begins a run or prunes; closing the file
// lets the next one in.
func (s *Store) gate() (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(s.dir, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// sweep removes runs that ended without Commit and counts those at work. The
// caller holds the gate.
func (s *Store) sweep() (atWork int, err error) {
	rows, err := s.db.Query(`SELECT id FROM run WHERE done = 0`)
	if err != nil {
		return 0, err
	}
	ids, err := scanIDs(rows)
	if err != nil {
		return 0, err
	}
	for _, id := range ids {
		f, err := os.Open(s.path(id, "rec"))
		if err == nil {
			err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
			f.Close()
			if err != nil {
				atWork++
				continue
			}
		}
		if err := s.remove(id); err != nil {
			return 0, err
		}
	}
	return atWork, nil
}

func scanIDs(rows *sql.Rows) (ids []int64, err error) {
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		ids = append(ids, id)
	}
	return ids, rows.Err()
}

// remove forgets a run and deletes its files. The index goes first, so that
// it never names bytes that are gone.
func (s *Store) remove(id int64) error {
	tx, err := s.db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	for _, q := range []string{`DELETE FROM result WHERE run = ?`, `DELETE FROM content WHERE run = ?`, `DELETE FROM needs WHERE run = ?`, `DELETE FROM run WHERE id = ?`} {
		if _, err := tx.Exec(q, id); err != nil {
			return err
		}
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	for _, kind := range []string{"pack", "rec"} {
		if err := os.Remove(s.path(id, kind)); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (r *run) Pack() (int64, *os.File) { return r.id, r.pack }
func (r *run) Empty() bool             { return r.empty }

func (r *run) OpenPack(id int64) (*os.File, error) {
	return os.Open(r.s.path(id, "pack"))
}

func (r *run) find(name store.Name) (id, off int64, ok bool) {
	if off, ok := r.results.Get(name); ok {
		return r.id, off, true
	}
	if r.empty {
		return 0, 0, false
	}
	err := r.s.result.QueryRow(name[:]).Scan(&id, &off)
	return id, off, err == nil
}

func (r *run) Has(name store.Name) bool {
	_, _, ok := r.find(name)
	return ok
}

func (r *run) Result(name store.Name) (io.Reader, error) {
	id, off, ok := r.find(name)
	if !ok {
		return nil, store.ErrNotFound
	}
	f := r.rec
	if id == r.id {
		if err := r.out.Flush(); err != nil {
			return nil, err
		}
	} else if f = r.others[id]; f == nil {
		var err error
		if f, err = os.Open(r.s.path(id, "rec")); err != nil {
			return nil, err
		}
		r.others[id] = f
	}
	return io.NewSectionReader(f, off, math.MaxInt64-off), nil
}

func (r *run) Put(name store.Name, body io.Reader) error {
	// Given the chance, bufio.Writer would keep the body's error as its own.
	if r.buf == nil {
		r.buf = make([]byte, 32<<10)
	}
	n, err := io.CopyBuffer(struct{ io.Writer }{r.out}, struct{ io.Reader }{body}, r.buf)
	off := r.end
	r.end += n
	if err != nil {
		return err // the bytes stay, nothing names them
	}
	r.results.Put(name, off)
	return nil
}

func (r *run) AddContent(d wardein.Digest, l store.Loc) {
	r.contents.Put(d, l)
	for _, s := range l {
		if s.Source == r.id {
			r.reached = max(r.reached, s.Off+s.Len)
		}
	}
	if r.reached-r.asked >= writeOut && r.asking.CompareAndSwap(false, true) {
		off, n := r.asked, r.reached-r.asked
		r.asked = r.reached
		go func() {
			defer r.asking.Store(false)
			if c, err := r.pack.SyscallConn(); err == nil {
				c.Control(func(fd uintptr) { unix.SyncFileRange(int(fd), off, n, unix.SYNC_FILE_RANGE_WRITE) })
			}
		}()
	}
}

// writeOut is how much of the pack the system is asked to write at once, so
// that Commit does not wait for all of it.
const writeOut = 32 << 20

func (r *run) Content(d wardein.Digest) (store.Loc, bool) {
	if r.empty {
		return nil, false
	}
	var id int64
	var raw []byte
	var verified bool
	if err := r.s.content.QueryRow(d[:]).Scan(&id, &raw, &verified); err != nil {
		return nil, false
	}
	l := decodeLoc(raw)
	if _, ok := r.verified.Get(d); !verified && !ok {
		if !r.verify(d, l) {
			return nil, false
		}
		r.verified.Put(d, struct{}{})
	}
	r.needs[id] = true
	return l, true
}

// verify hashes content that a child process of an earlier run wrote.
func (r *run) verify(d wardein.Digest, l store.Loc) bool {
	h := sha256.New()
	for _, s := range l {
		f := r.others[-s.Source]
		if f == nil {
			var err error
			if f, err = r.OpenPack(s.Source); err != nil {
				return false
			}
			r.others[-s.Source] = f
		}
		if _, err := io.Copy(h, io.NewSectionReader(f, s.Off, s.Len)); err != nil {
			return false
		}
	}
	return bytes.Equal(h.Sum(nil), d[:])
}

func encodeLoc(l store.Loc) []byte {
	var b []byte
	for _, s := range l {
		b = binary.AppendVarint(b, s.Source)
		b = binary.AppendVarint(b, s.Off)
		b = binary.AppendVarint(b, s.Len)
	}
	return b
}

func decodeLoc(b []byte) (l store.Loc) {
	next := func() int64 {
		v, n := binary.Varint(b)
		b = b[max(n, 0):]
		return v
	}
	for len(b) >= 3 {
		l = append(l, store.Seg{Source: next(), Off: next(), Len: next()})
	}
	return l
}

func (r *run) Commit() error {
	if r.committed {
		return nil
	}
	if err := r.out.Flush(); err != nil {
		return err
	}
	synced := make(chan error, 1) // beside the index, which names nothing before it is done
	go func() { synced <- errors.Join(r.rec.Sync(), r.pack.Sync()) }()
	wait := sync.OnceValue(func() error { return <-synced })
	defer wait()
	st, err := r.pack.Stat()
	if err != nil {
		return err
	}
	tx, err := r.s.db.Begin()
	if err != nil {
		return err
	}
	defer tx.Rollback()
	// Rows go in by the order of the index: in any other, each would touch a
	// page of its own, and a million rows would write gigabytes.
	for d := range r.verified.Sorted() {
		if _, err := tx.Exec(`UPDATE content SET verified = 1 WHERE digest = ?`, d[:]); err != nil {
			return err
		}
	}
	if r.results.Len()+r.contents.Len() == 0 {
		return tx.Commit() // nothing new: Close removes the files
	}
	put, err := tx.Prepare(`INSERT OR IGNORE INTO result (name, run, off) VALUES (?, ?, ?)`)
	if err != nil {
		return err
	}
	for name, off := range r.results.Sorted() {
		if _, err := put.Exec(name[:], r.id, off); err != nil {
			return err
		}
	}
	if put, err = tx.Prepare(`INSERT OR IGNORE INTO content (digest, run, loc) VALUES (?, ?, ?)`); err != nil {
		return err
	}
	for d, l := range r.contents.Sorted() {
		if _, err := put.Exec(d[:], r.id, encodeLoc(l)); err != nil {
			return err
		}
	}
	for id := range r.needs {
		if _, err := tx.Exec(`INSERT OR IGNORE INTO needs (run, other) VALUES (?, ?)`, r.id, id); err != nil {
			return err
		}
	}
	if _, err := tx.Exec(`UPDATE run SET done = 1, bytes = ? WHERE id = ?`, st.Size()+r.end, r.id); err != nil {
		return err
	}
	if err := wait(); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return err
	}
	r.committed = true
	return nil
}

func (r *run) Close() error {
	for _, f := range r.others {
		f.Close()
	}
	err := errors.Join(r.pack.Close(), r.rec.Close())
	if !r.committed {
		err = errors.Join(err, r.s.remove(r.id))
	}
	return err
}
