package testkit

import (
	"bytes"
	"testing"
)

// What the fuzzer gets packed expands to what it was.
func TestRuns(t *testing.T) {
	for _, s := range []string{"", "a", "aab", "aaa", "aaab", "aaaaaaa"} {
		check(t, []byte(s))
	}
	for n := range 70_000 {
		if n%997 == 0 || n < 600 || n%256 < 5 {
			check(t, append(bytes.Repeat([]byte{0xFF}, n), "\xFF\x00\x00\x00\x00\x01"...))
		}
	}
	check(t, Text(1000))
}

func check(t *testing.T, data []byte) {
	t.Helper()
	packed := packRuns(data)
	if got := expandRuns(nil, packed, len(data)); !bytes.Equal(got, data) {
		t.Fatalf("%d bytes become %d, packed %d", len(data), len(got), len(packed))
	}
	if got := expandRuns(nil, packed, len(data)/2); len(got) > len(data)/2 {
		t.Fatalf("%d bytes where %d are allowed", len(got), len(data)/2)
	}
}
