// Package storetest is the contract of store.Run as tests. Every
// implementation of a store runs Suite.
package storetest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/store"
)

// A Store is an implementation under test.
type Store interface {
	Begin(root wardein.Digest) (store.Run, error)
	Prune(limit int64) (removed int, err error)
	Close() error
}

// A Place is a new and empty place for a store. It may be opened several
// times, also while it is open.
type Place interface {
	Open() (Store, error)
	// Kill ends a run the way a killed process would: without Commit or Close,
	// its locks gone.
	Kill(r store.Run)
	// Files counts the files that runs left, not the index.
	Files() int
}

// Suite runs the contract; place makes an empty place.
func Suite(t *testing.T, place func(t *testing.T) Place) {
	for name, f := range map[string]func(*testing.T, *bench){
		"Commit": testCommit, "NotCommitted": testNotCommitted, "HalfPut": testHalfPut,
		"SideBySide": testSideBySide, "Killed": testKilled, "Changed": testChanged,
		"Prune": testPrune, "PruneBusy": testPruneBusy, "Empty": testEmpty,
	} {
		t.Run(name, func(t *testing.T) { f(t, &bench{t, place(t)}) })
	}
}

// bench is a place with helpers that fail the test.
type bench struct {
	*testing.T
	Place
}

func (b *bench) open() Store {
	b.Helper()
	s, err := b.Place.Open()
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s
}

func (b *bench) begin(s Store) store.Run {
	b.Helper()
	r, err := s.Begin(wardein.Digest{1})
	if err != nil {
		b.Fatal(err)
	}
	return r
}

func (b *bench) end(r store.Run, commit bool) {
	b.Helper()
	if commit {
		if err := r.Commit(); err != nil {
			b.Fatal(err)
		}
	}
	if err := r.Close(); err != nil {
		b.Fatal(err)
	}
}

func name(s string) (n store.Name) {
	sum := sha256.Sum256([]byte(s))
	copy(n[:], sum[:])
	return n
}

func (b *bench) put(r store.Run, key, body string) {
	b.Helper()
	if err := r.Put(name(key), strings.NewReader(body)); err != nil {
		b.Fatal(err)
	}
}

// want checks that a result begins with body: results tell their own end.
func (b *bench) want(r store.Run, key, body string) {
	b.Helper()
	if !r.Has(name(key)) {
		b.Errorf("%s: Has says no", key)
	}
	in, err := r.Result(name(key))
	if err != nil {
		b.Errorf("%s: %v", key, err)
		return
	}
	got := make([]byte, len(body))
	if _, err := io.ReadFull(in, got); err != nil || string(got) != body {
		b.Errorf("%s: result %q, %v, want %q", key, got, err, body)
	}
}

func (b *bench) wantNone(r store.Run, key string) {
	b.Helper()
	if r.Has(name(key)) {
		b.Errorf("%s: Has says yes", key)
	}
	if _, err := r.Result(name(key)); !errors.Is(err, store.ErrNotFound) {
		b.Errorf("%s: Result gives %v, want ErrNotFound", key, err)
	}
}

// write puts content into the run's pack, in two segments around a fill.
func (b *bench) write(r store.Run, data []byte) (wardein.Digest, store.Loc) {
	b.Helper()
	id, f := r.Pack()
	if id <= 0 {
		b.Fatalf("pack id %d", id)
	}
	at, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		b.Fatal(err)
	}
	if _, err := f.WriteAt(append(append([]byte(nil), data...), "behind"...), at); err != nil {
		b.Fatal(err)
	}
	half := int64(len(data) / 2)
	loc := store.Loc{{Source: id, Off: at, Len: half}, {Source: id, Off: at + half, Len: int64(len(data)) - half}}
	d := wardein.Digest(sha256.Sum256(data))
	r.AddContent(d, loc)
	return d, loc
}

func (b *bench) wantContent(r store.Run, d wardein.Digest, data []byte) {
	b.Helper()
	l, ok := r.Content(d)
	if !ok {
		b.Errorf("content %.8s is not there", d)
		return
	}
	var got []byte
	for _, s := range l {
		f, err := r.OpenPack(s.Source)
		if err != nil {
			b.Error(err)
			return
		}
		part := make([]byte, s.Len)
		_, err = f.ReadAt(part, s.Off)
		f.Close()
		if err != nil {
			b.Error(err)
		}
		got = append(got, part...)
	}
	if !bytes.Equal(got, data) {
		b.Errorf("content %.8s reads %q, want %q", d, got, data)
	}
}

// Results and content last after Commit, in this store and in one that is
// opened anew.
func testCommit(t *testing.T, b *bench) {
	s := b.open()
	r := b.begin(s)
	b.put(r, "a", "body of a")
	b.want(r, "a", "body of a")
	b.put(r, "b", "")
	b.put(r, "c", strings.Repeat("long ", 200_000))
	b.want(r, "c", strings.Repeat("long ", 200_000))
	d, _ := b.write(r, []byte("some content"))
	b.end(r, true)
	for _, s := range []Store{s, b.open()} {
		r := b.begin(s)
		b.want(r, "a", "body of a")
		b.want(r, "b", "")
		b.want(r, "c", strings.Repeat("long ", 200_000))
		b.wantContent(r, d, []byte("some content"))
		b.wantNone(r, "d")
		if _, ok := r.Content(wardein.Digest{7}); ok {
			t.Error("content that nobody wrote is there")
		}
		b.end(r, false)
	}
}

// Nothing is seen before Commit, and nothing is left without it.
func testNotCommitted(t *testing.T, b *bench) {
	s := b.open()
	r := b.begin(s)
	b.put(r, "a", "body")
	d, _ := b.write(r, []byte("content"))
	other := b.begin(s)
	b.wantNone(other, "a")
	if _, ok := other.Content(d); ok {
		t.Error("content of a run at work is seen by another")
	}
	b.end(other, false)
	b.end(r, false)
	if n := b.Files(); n != 0 {
		t.Errorf("%d files are left", n)
	}
	again := b.begin(s)
	b.wantNone(again, "a")
	if !again.Empty() {
		t.Error("the store is not empty")
	}
	b.end(again, false)
}

// A body that fails half-way leaves nothing, and harms neither what was put
// before nor what comes after.
func testHalfPut(t *testing.T, b *bench) {
	s := b.open()
	r := b.begin(s)
	b.put(r, "before", "one")
	broken := errors.New("broken")
	for _, n := range []int{0, 1, 1 << 20} {
		body := io.MultiReader(bytes.NewReader(make([]byte, n)), failing{broken})
		if err := r.Put(name("half"), body); !errors.Is(err, broken) {
			t.Errorf("Put gives %v, want the body's error", err)
		}
	}
	b.put(r, "after", "two")
	for range 2 {
		b.want(r, "before", "one")
		b.want(r, "after", "two")
		b.wantNone(r, "half")
		b.end(r, true)
		r = b.begin(s)
	}
	b.end(r, false)
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// Two runs side by side keep apart, and both last; the same name and the same
// content twice do no harm.
func testSideBySide(t *testing.T, b *bench) {
	s, s2 := b.open(), b.open()
	r1, r2 := b.begin(s), b.begin(s2)
	if a, _ := r1.Pack(); a == func() int64 { id, _ := r2.Pack(); return id }() {
		t.Error("two runs have one pack")
	}
	b.put(r1, "one", "1")
	b.put(r2, "two", "2")
	b.put(r1, "both", "same")
	b.put(r2, "both", "same")
	d, _ := b.write(r1, []byte("shared content"))
	b.write(r2, []byte("shared content"))
	b.end(r1, true)
	b.want(r2, "both", "same")
	b.want(r2, "two", "2")
	b.end(r2, true)
	r := b.begin(b.open())
	b.want(r, "one", "1")
	b.want(r, "two", "2")
	b.want(r, "both", "same")
	b.wantContent(r, d, []byte("shared content"))
	b.end(r, false)
}

// A killed run's files are removed by the next run, those of a run at work
// are not.
func testKilled(t *testing.T, b *bench) {
	s := b.open()
	kept := b.begin(s)
	b.put(kept, "kept", "yes")
	b.end(kept, true)
	files := b.Files()
	dead := b.begin(s)
	b.put(dead, "dead", strings.Repeat("x", 1<<20))
	b.write(dead, make([]byte, 1<<20))
	live := b.begin(s)
	b.put(live, "live", "yes")
	b.Kill(dead)
	next := b.begin(s)
	b.wantNone(next, "dead")
	b.end(next, false)
	b.want(live, "live", "yes")
	b.end(live, true)
	r := b.begin(s)
	b.want(r, "live", "yes")
	b.want(r, "kept", "yes")
	b.end(r, false)
	if n := b.Files(); n > 2*files {
		t.Errorf("%d files are left of two runs, %d of one", n, files)
	}
}

// Content of an earlier run is hashed again and refused when its bytes were
// changed, cut off or never fitted.
func testChanged(t *testing.T, b *bench) {
	s := b.open()
	r := b.begin(s)
	b.put(r, "a", "body")
	good, _ := b.write(r, []byte("good content"))
	changed, at := b.write(r, []byte("content that will change"))
	_, f := r.Pack()
	if _, err := f.WriteAt([]byte{'C'}, at[0].Off); err != nil {
		t.Fatal(err)
	}
	id, _ := r.Pack()
	lies := map[string]store.Loc{
		"beyond":   {{Source: id, Off: 1 << 40, Len: 12}},
		"negative": {{Source: id, Off: -12, Len: 12}},
		"missing":  {{Source: id + 1000, Off: 0, Len: 12}},
		"huge":     {{Source: id, Off: 0, Len: 1<<63 - 1}},
	}
	for k, l := range lies {
		r.AddContent(sha256.Sum256([]byte(k)), l)
	}
	b.end(r, true)
	for range 2 { // the second time without a second look at what was good
		r = b.begin(s)
		b.wantContent(r, good, []byte("good content"))
		if _, ok := r.Content(changed); ok {
			t.Error("content that was changed is given")
		}
		for k := range lies {
			if _, ok := r.Content(sha256.Sum256([]byte(k))); ok {
				t.Errorf("content at a wrong place (%s) is given", k)
			}
		}
		b.put(r, "b", "body")
		b.end(r, true)
	}
}

// Prune removes old runs first, and never one that a kept run needs.
func testPrune(t *testing.T, b *bench) {
	s := b.open()
	big := bytes.Repeat([]byte("0123456789abcdef"), 4096)
	var digests []wardein.Digest
	for i := range 4 {
		r := b.begin(s)
		b.put(r, fmt.Sprint("result ", i), "body")
		d, _ := b.write(r, append([]byte{byte(i)}, big...))
		if i == 2 { // run 2 stands on run 0
			b.wantContent(r, digests[0], append([]byte{0}, big...))
		}
		digests = append(digests, d)
		b.end(r, true)
	}
	if n, err := s.Prune(1 << 30); n != 0 || err != nil {
		t.Errorf("pruning to 1 GB removed %d runs, %v", n, err)
	}
	n, err := s.Prune(int64(3*len(big) + 2048))
	if err != nil {
		t.Fatal(err)
	}
	r := b.begin(s)
	zero, two := r.Has(name("result 0")), r.Has(name("result 2"))
	if two && !zero {
		t.Error("a run is kept whose bytes are gone")
	}
	if n == 0 || zero {
		t.Errorf("%d runs removed, the oldest is there: %v", n, zero)
	}
	b.want(r, "result 3", "body")
	b.wantContent(r, digests[3], append([]byte{3}, big...))
	if two {
		b.wantContent(r, digests[2], append([]byte{2}, big...))
	}
	b.end(r, false)
	if _, err := s.Prune(0); err != nil {
		t.Fatal(err)
	}
	if n := b.Files(); n != 0 {
		t.Errorf("%d files are left after pruning all", n)
	}
	r = b.begin(s)
	b.wantNone(r, "result 3")
	b.end(r, false)
}

// Prune takes nothing from under a run at work: what that run was given is
// there when it commits, and after.
func testPruneBusy(t *testing.T, b *bench) {
	s := b.open()
	old := b.begin(s)
	b.put(old, "old", "body")
	d, _ := b.write(old, []byte("content of the old run"))
	b.end(old, true)
	r := b.begin(s)
	b.want(r, "old", "body")
	b.wantContent(r, d, []byte("content of the old run"))
	b.put(r, "new", "stands on the old content")
	_, pruneErr := b.open().Prune(0) // may refuse, may do nothing
	commitErr := r.Commit()
	if commitErr == nil {
		b.want(r, "old", "body")
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
	next := b.begin(s)
	if next.Has(name("new")) {
		b.wantContent(next, d, []byte("content of the old run"))
	} else if commitErr == nil {
		t.Errorf("committed, and gone (Prune: %v)", pruneErr)
	}
	b.end(next, false)
}

// Empty tells of results that earlier runs left, not of this run's own.
func testEmpty(t *testing.T, b *bench) {
	s := b.open()
	r := b.begin(s)
	if !r.Empty() {
		t.Error("a new store is not empty")
	}
	b.put(r, "a", "body")
	b.want(r, "a", "body")
	if !r.Empty() {
		t.Error("a run's own result makes the store not empty")
	}
	b.end(r, true)
	r = b.begin(s)
	if r.Empty() {
		t.Error("a store with a result is empty")
	}
	b.end(r, true) // adds nothing
	if n := b.Files(); n == 0 {
		t.Error("a run that added nothing took the others' files along")
	}
}
