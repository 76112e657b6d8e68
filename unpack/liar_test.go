package unpack_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math"
	"math/rand"
	"slices"
	"testing"
	"time"

	"github.com/wardein/wardein/store"
	"github.com/wardein/wardein/unpack"
)

// liar is a store whose records were written by a child that hostile input took
// over: they are damaged when they are read.
type liar struct {
	*memStore
	rnd *rand.Rand
}

func (l *liar) Result(name store.Name) (io.Reader, error) {
	r, err := l.memStore.Result(name)
	if err != nil {
		return nil, err
	}
	b, _ := io.ReadAll(r)
	if l.rnd.Intn(8) > 0 {
		return bytes.NewReader(b), nil
	}
	b = bytes.Clone(b)
	for range 1 + l.rnd.Intn(2) {
		at := l.rnd.Intn(len(b))
		switch l.rnd.Intn(5) {
		case 0:
			b[at] ^= 1 << l.rnd.Intn(8)
		case 1:
			b[at] = byte(l.rnd.Intn(256))
		case 2: // a number that is as large as can be
			b = slices.Replace(b, at, at+1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01)
		case 3: // 2^63 − 1
			b = slices.Replace(b, at, at+1, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F)
		case 4:
			b = b[:at+1]
		}
	}
	return bytes.NewReader(b), nil
}

// The parent believes nothing: whatever records say, the walk ends, with an
// error or without, within its limits, and content is read only where it is.
func TestLyingRecords(t *testing.T) {
	rounds := 1000
	if testing.Short() {
		rounds = 200
	}
	inner := zipOf(t, 8, "a", "some text in a zip", "b/c", string(noise(5000)))
	data := tarOf(t, "one.zip", string(inner), "two.gz", string(gzipOf(t, tarOf(t, "x", "needle-in-the-haystack", "y", string(noise(300))))), "three", "text")
	l := newLab(t, allFormats)
	l.cfg.Limits.Entries = 2000
	bounded(t, 5*time.Minute, 512<<20, func() {
		failed := 0
		for seed := range rounds {
			l.store.reset()
			f := memFile(t, data)
			e := &unpack.Engine{Config: l.cfg, Store: &liar{l.store, rand.New(rand.NewSource(int64(seed)))}, NoCage: true, Workers: 1}
			in := &unpack.Input{File: f, Size: int64(len(data)), Digest: sha256.Sum256(data)}
			nodes := 0
			var cover unpack.Cover
			err := e.Run(context.Background(), in, func(v *unpack.Visit) error {
				if nodes++; nodes > 3000 {
					return errors.New("too many nodes")
				}
				cover.Add(v, false)
				if v.Opened && hasContent(v.Node) {
					if r, err := e.Content(v); err == nil {
						if n, _ := io.Copy(io.Discard, io.LimitReader(r, 1<<20)); n > v.Node.Size {
							t.Errorf("seed %d: %q gives %d bytes of %d", seed, v.Node.Path, n, v.Node.Size)
						}
					}
				}
				return nil
			})
			if err != nil {
				failed++
			}
			if nodes > 2100 {
				t.Errorf("seed %d: %d nodes, %v", seed, nodes, err)
			}
			if s := cover.Sum(); s.Known > math.MaxInt64/4 || s.Unknown < 0 || s.Opaque < 0 || s.Padding < 0 {
				t.Errorf("seed %d: %+v", seed, s)
			}
			e.Close()
			f.Close()
		}
		t.Logf("%d of %d runs ended with an error", failed, rounds)
	})
}
