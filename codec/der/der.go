// Package der finds DER structures (X.690) in bytes that are anything: from
// something that stands inside a structure back to its header.
package der

import "io"

// MaxSize is the largest structure that is read whole.
const MaxSize = 32 << 10

// At are up to n bytes from off on, fewer where the bytes end.
func At(r io.ReaderAt, off int64, n int) []byte {
	if off < 0 || n <= 0 {
		return nil
	}
	p := make([]byte, n)
	k, _ := r.ReadAt(p, off)
	return p[:k]
}

// Before finds the SEQUENCE whose content begins at c and returns all of it,
// nil for none. Its length has the shortest form, as DER demands (10.1).
func Before(r io.ReaderAt, c int64) (start int64, der []byte) {
	var buf [4]byte
	h := buf[:min(max(c, 0), 4)]
	if k, _ := r.ReadAt(h, c-int64(len(h))); k < len(h) {
		return 0, nil
	}
	k := len(h)
	for _, x := range []struct {
		head, n int
		is      bool
	}{
		{4, bits(h, k-2)<<8 | bits(h, k-1), k >= 4 && h[k-4] == 0x30 && h[k-3] == 0x82 && h[k-2] > 0},
		{3, bits(h, k-1), k >= 3 && h[k-3] == 0x30 && h[k-2] == 0x81 && h[k-1] >= 0x80},
		{2, bits(h, k-1), k >= 2 && h[k-2] == 0x30 && h[k-1] < 0x80},
	} {
		if !x.is {
			continue
		}
		start = c - int64(x.head)
		if der = At(r, start, min(x.head+x.n, MaxSize)); len(der) == x.head+x.n {
			return start, der
		}
	}
	return 0, nil
}

func bits(h []byte, i int) int {
	if i < 0 {
		return 0
	}
	return int(h[i])
}
