package flat

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// A table of any size holds what a map holds, and gives it in order.
func TestMap(t *testing.T) {
	for _, n := range []int{0, 1, 7, 8, small - 1, small, small + 1, 100_000} {
		rng := rand.New(rand.NewPCG(uint64(n), 1))
		var m Map[[16]byte, int]
		want := map[[16]byte]int{}
		for i := range n {
			var k [16]byte
			binary.BigEndian.PutUint64(k[:], rng.Uint64())
			if i%3 == 0 { // and some that occur twice, and share all but little
				k = [16]byte{7, 15: byte(i), 14: byte(i >> 8)}
			}
			_, old := want[k]
			if got := m.Put(k, i); got == old {
				t.Fatalf("%d: %x is new: %v", n, k, got)
			}
			want[k] = i
		}
		if m.Len() != len(want) {
			t.Errorf("%d: %d entries, want %d", n, m.Len(), len(want))
		}
		for k, v := range want {
			if got, ok := m.Get(k); !ok || got != v {
				t.Fatalf("%d: %x → %d, %v, want %d", n, k, got, ok, v)
			}
		}
		if _, ok := m.Get([16]byte{1, 2, 3}); ok {
			t.Errorf("%d: found what is not there", n)
		}
		last, seen := [16]byte{}, 0
		for k, v := range m.Sorted() {
			if string(k[:]) <= string(last[:]) && seen > 0 || want[k] != v {
				t.Fatalf("%d: %x → %d after %x", n, k, v, last)
			}
			last = k
			seen++
		}
		if seen != len(want) {
			t.Errorf("%d: %d entries in order, want %d", n, seen, len(want))
		}
	}
}

// The key of zeros, which marks free places, is a key like others but for the
// one that it is the same as.
func TestZero(t *testing.T) {
	var m Map[[8]byte, struct{}]
	if _, ok := m.Get([8]byte{}); ok {
		t.Error("found in an empty table")
	}
	if !m.Put([8]byte{}, struct{}{}) || m.Put([8]byte{}, struct{}{}) {
		t.Error("not new, or new twice")
	}
	if _, ok := m.Get([8]byte{}); !ok || m.Len() != 1 {
		t.Error("not found")
	}
}

func BenchmarkPut(b *testing.B) {
	var m Map[[16]byte, int64]
	var k [16]byte
	rng := rand.New(rand.NewPCG(1, 1))
	for b.Loop() {
		binary.BigEndian.PutUint64(k[:], rng.Uint64())
		m.Put(k, 1)
	}
}

func BenchmarkGet(b *testing.B) {
	var m Map[[16]byte, int64]
	var k [16]byte
	for i := range 1 << 20 {
		binary.BigEndian.PutUint64(k[:], uint64(i)*0x9E3779B97F4A7C15)
		m.Put(k, 1)
	}
	i := 0
	for b.Loop() {
		binary.BigEndian.PutUint64(k[:], uint64(i)*0x9E3779B97F4A7C15)
		m.Get(k)
		i++
	}
}
