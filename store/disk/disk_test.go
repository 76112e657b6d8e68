package disk

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/store"
	"github.com/wardein/wardein/store/storetest"
)

type place struct {
	t   *testing.T
	dir string
}

func (p place) Open() (storetest.Store, error) { return Open(p.dir) }

// Kill closes the files, as the kernel does for a killed process.
func (p place) Kill(r store.Run) {
	k := r.(*run)
	k.rec.Close()
	k.pack.Close()
}

func (p place) Files() int {
	all, err := filepath.Glob(filepath.Join(p.dir, "run-*"))
	if err != nil {
		p.t.Fatal(err)
	}
	return len(all)
}

func TestContract(t *testing.T) {
	storetest.Suite(t, func(t *testing.T) storetest.Place { return place{t, t.TempDir()} })
}

// What is no store is refused with its folder named.
func TestNotAStore(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "index.db"), []byte(strings.Repeat("not a database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	if s, err := Open(dir); err == nil {
		s.Close()
		t.Error("opened")
	} else if !strings.Contains(err.Error(), dir) {
		t.Errorf("%v does not name %s", err, dir)
	}
}

// Status counts runs, results and bytes.
func TestStatus(t *testing.T) {
	s, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r, err := s.Begin(wardein.Digest{})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Put(store.Name{1}, strings.NewReader(strings.Repeat("x", 1000))); err != nil {
		t.Fatal(err)
	}
	if err := r.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	st, err := s.Status()
	if err != nil || st.Runs != 1 || st.Results != 1 || st.Contents != 0 || st.Bytes < 1000 {
		t.Errorf("%+v, %v", st, err)
	}
}
