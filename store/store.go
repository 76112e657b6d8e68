// Package store is the contract between the engine and the place where a run
// keeps its results: records and facts by name, and decoded bytes in packs.
// Package store/disk is the default; storetest is the suite that every
// implementation passes.
package store

import (
	"errors"
	"io"
	"os"

	"github.com/wardein/wardein"
)

// A Seg is a run of bytes in a source that a run can read: a pack of the
// store (Source > 0) or an input file (Source < 0). Source 0 is a fill, and
// Off is then wardein.Zeros or wardein.Ones.
type Seg struct {
	Source   int64
	Off, Len int64
}

// A Loc says where a blob's bytes stand: its segments in order.
type Loc []Seg

// Size is the number of bytes that the location spans.
func (l Loc) Size() int64 {
	var n int64
	for _, s := range l {
		n += s.Len
	}
	return n
}

// A Name is what a result is kept under: a digest of everything that the
// result depends on, cut short. Two results of one name do no harm: a result
// says itself what it is of.
type Name [16]byte

// ErrNotFound is the answer to a name that nothing is kept under.
var ErrNotFound = errors.New("not in the store")

// Run is one run's view of a store: it reads what all finished runs left and
// what this one wrote so far. One goroutine at a time calls it, except for
// the readers that it returns.
//
// What a run writes is seen by other runs after Commit and not before; a run
// that ends without it, in whatever way, leaves nothing that is ever used.
type Run interface {
	// Pack returns the run's own file for decoded content, its id > 0.
	Pack() (id int64, f *os.File)
	// OpenPack opens a pack for reading; the caller closes it.
	OpenPack(id int64) (*os.File, error)
	// Empty tells that no earlier run left anything.
	Empty() bool
	// Has tells whether a result is kept, Result reads it (ErrNotFound when
	// not), and Put keeps one; a body that fails half-way leaves nothing.
	// The reader may go on beyond the result: results tell their own end.
	Has(name Name) bool
	Result(name Name) (io.Reader, error)
	Put(name Name, body io.Reader) error
	// AddContent records that content stands in this run's pack, and Content
	// tells where content stands. Content that an earlier run wrote is given
	// only after its bytes were read and hashed again.
	AddContent(d wardein.Digest, l Loc)
	Content(d wardein.Digest) (Loc, bool)
	// Commit makes the run's results last. Close ends the run; without a
	// Commit its files are removed.
	Commit() error
	Close() error
}
