package unpack_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"syscall"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/store"
	"golang.org/x/sys/unix"
)

// memStore is a store.Run in memory, for runs that must cost little.
type memStore struct {
	pack    *os.File
	results map[store.Name][]byte
	empty   bool
}

func newMemStore(t testing.TB) *memStore {
	t.Helper()
	fd, err := unix.MemfdCreate("pack", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	return &memStore{pack: os.NewFile(uintptr(fd), "pack"), results: map[store.Name][]byte{}, empty: true}
}

// reset empties the store for the next run.
func (m *memStore) reset() {
	m.pack.Truncate(0)
	clear(m.results)
}

func (m *memStore) Pack() (int64, *os.File) { return 1, m.pack }
func (m *memStore) OpenPack(id int64) (*os.File, error) {
	if id != 1 {
		return nil, fmt.Errorf("no pack %d", id)
	}
	fd, err := syscall.Dup(int(m.pack.Fd()))
	return os.NewFile(uintptr(fd), "pack"), err
}
func (m *memStore) Empty() bool              { return m.empty }
func (m *memStore) Has(name store.Name) bool { _, ok := m.results[name]; return ok }
func (m *memStore) Result(name store.Name) (io.Reader, error) {
	b, ok := m.results[name]
	if !ok {
		return nil, store.ErrNotFound
	}
	return bytes.NewReader(b), nil
}
func (m *memStore) Put(name store.Name, body io.Reader) error {
	b, err := io.ReadAll(body)
	if err == nil {
		m.results[name] = b
	}
	return err
}
func (m *memStore) AddContent(wardein.Digest, store.Loc)     {}
func (m *memStore) Content(wardein.Digest) (store.Loc, bool) { return nil, false }
func (m *memStore) Commit() error                            { return nil }
func (m *memStore) Close() error                             { return m.pack.Close() }
