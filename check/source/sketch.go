package source

import (
	"encoding/binary"
	"encoding/hex"
	"slices"

	"github.com/wardein/wardein"
)

const (
	runLength  = 12 // tokens
	sketchSize = 64 // hashes
	leastRuns  = 200

	base     = 16777619
	outgoing = 0xd38c7031 // base to the power of runLength, modulo 2^32
)

// runs keeps the bottom-64 sketch of a file: of the hashes of all runs of 12
// words and marks the 64 smallest. Two files' sketches estimate how much of
// their text they share (Broder 1997), whatever their comments, layout, strings
// and numbers.
type runs struct {
	last     [runLength]uint32
	n, next  int
	sum      uint32
	smallest []uint32 // in order; a heap would do, but the list is short
}

func (r *runs) add(h uint32) {
	// A polynomial over the run, of which the oldest word goes as the newest
	// comes.
	r.sum = r.sum*base + h - r.last[r.next]*outgoing
	r.last[r.next] = h
	if r.next++; r.next == runLength {
		r.next = 0
	}
	if r.n++; r.n < runLength {
		return
	}
	sum := r.sum ^ r.sum>>15
	sum *= 0x2c1b3c6d // spreads the bits: the smallest are a fair sample
	sum ^= sum >> 12
	if len(r.smallest) == sketchSize && sum >= r.smallest[sketchSize-1] {
		return
	}
	k, have := slices.BinarySearch(r.smallest, sum)
	if have {
		return
	}
	if len(r.smallest) == sketchSize {
		r.smallest = r.smallest[:sketchSize-1]
	}
	r.smallest = slices.Insert(r.smallest, k, sum)
}

// sketch is the hashes in order, four bytes each, nil for a file too small to
// say so of.
func (r *runs) sketch() []byte {
	if r.n < leastRuns || len(r.smallest) < sketchSize {
		return nil
	}
	b := make([]byte, 0, 4*sketchSize)
	for _, h := range r.smallest {
		b = binary.BigEndian.AppendUint32(b, h)
	}
	return b
}

// hash is FNV-1a.
func hash(s string) uint32 {
	h := uint32(fnvBasis)
	for i := range len(s) {
		h = (h ^ uint32(s[i])) * fnvPrime
	}
	return h
}

// copies are the files that share more than half of their text with another
// one. Candidates are files with one of the eight smallest hashes in common;
// copies share half of them at least.
func copies(files []wardein.Place) (twins []wardein.Place) {
	sketches := make([][]string, len(files))
	by := map[string][]int{}
	for i, f := range files {
		b, err := hex.DecodeString(f.Attr("sketch"))
		if err != nil || len(b) != 4*sketchSize {
			continue
		}
		for k := 0; k < len(b); k += 4 {
			sketches[i] = append(sketches[i], string(b[k:k+4]))
		}
		for _, h := range sketches[i][:8] {
			by[h] = append(by[h], i)
		}
	}
	for i, own := range sketches {
		found := false
		for _, h := range own[:min(8, len(own))] {
			others := by[h]
			for _, k := range others[:min(len(others), 100)] {
				found = found || k != i && shared(own, sketches[k]) > sketchSize/2
			}
		}
		if found {
			twins = append(twins, files[i])
		}
	}
	return twins
}

// shared counts the smallest 64 hashes of both files together that are in both.
func shared(a, b []string) (n int) {
	for i, j, taken := 0, 0, 0; taken < sketchSize && i < len(a) && j < len(b); taken++ {
		switch {
		case a[i] == b[j]:
			n++
			i++
			j++
		case a[i] < b[j]:
			i++
		default:
			j++
		}
	}
	return n
}
