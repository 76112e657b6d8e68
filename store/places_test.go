package store

import (
	"crypto/sha256"
	"fmt"
	"reflect"
	"testing"

	"github.com/wardein/wardein"
)

// Every kind of location is given back as it was put.
func TestPlaces(t *testing.T) {
	p := NewPlaces(7)
	want := map[wardein.Digest]Loc{}
	for i, l := range []Loc{
		nil,
		{},
		{{Source: 7, Off: 0, Len: 1}},
		{{Source: 7, Off: 1<<42 - 1, Len: 1<<21 - 1}},
		{{Source: 7, Off: 1 << 42, Len: 1}},
		{{Source: 7, Off: 5, Len: 1 << 21}},
		{{Source: 6, Off: 5, Len: 5}},
		{{Source: 7, Off: -1, Len: 5}},
		{{Source: 7, Off: 0, Len: 5}, {Source: 7, Off: 9, Len: 5}},
	} {
		d := wardein.Digest(sha256.Sum256(fmt.Append(nil, i)))
		p.Put(d, Loc{{Source: 1}})
		p.Put(d, l)
		want[d] = l
		if got, ok := p.Get(d); !ok || !reflect.DeepEqual(got, l) {
			t.Errorf("%v was put, got %v, %v", l, got, ok)
		}
	}
	if _, ok := p.Get(wardein.Digest{1}); ok {
		t.Error("found what is not there")
	}
	n := 0
	for d, l := range p.Sorted() {
		if n++; !reflect.DeepEqual(l, want[d]) {
			t.Errorf("%v, want %v", l, want[d])
		}
	}
	if n != len(want) || p.Len() != n {
		t.Errorf("%d of %d", n, p.Len())
	}
}
