package prove

import (
	"crypto/sha256"
	"encoding/binary"

	"github.com/wardein/wardein"
)

// Labels of what a seed makes salts for.
const (
	treeLabel       = 't' // the lines of tree.jsonl
	findingLabel    = 'f' // the findings
	evidenceLabel   = 'e' // the files of evidence/
	restrictedLabel = 'r' // those of restricted/
)

// Salt is the salt of leaf i in the tree of a label:
// SHA-256(seed ‖ label ‖ i as 8 bytes, big endian).
func salt(seed *[32]byte, label byte, i uint64) [32]byte {
	var b [41]byte
	copy(b[:], seed[:])
	b[32] = label
	binary.BigEndian.PutUint64(b[33:], i)
	return sha256.Sum256(b[:])
}

// leafHash is the leaf hash of RFC 6962, section 2.1, of salt ‖ line. buf is
// room to work in.
func leafHash(buf []byte, salt *[32]byte, line []byte) (h [32]byte, _ []byte) {
	buf = append(append(append(buf[:0], 0), salt[:]...), line...)
	return sha256.Sum256(buf), buf
}

func nodeHash(left, right *[32]byte) [32]byte {
	var b [65]byte
	b[0] = 1
	copy(b[1:], left[:])
	copy(b[33:], right[:])
	return sha256.Sum256(b[:])
}

// summit is the right edge of a Merkle tree that grows: the roots of its
// complete subtrees, the largest first.
type summit struct {
	roots [][32]byte
	size  uint64
}

// add appends a complete subtree of 1<<level leaves. The size so far must be
// a multiple of that.
func (s *summit) add(root [32]byte, level int) {
	for n := s.size >> level; n&1 == 1; n >>= 1 {
		last := len(s.roots) - 1
		root = nodeHash(&s.roots[last], &root)
		s.roots = s.roots[:last]
	}
	s.roots = append(s.roots, root)
	s.size += 1 << level
}

// root is the tree's root; that of an empty tree is SHA-256 of nothing.
func (s *summit) root() wardein.Digest {
	if len(s.roots) == 0 {
		return sha256.Sum256(nil)
	}
	h := s.roots[len(s.roots)-1]
	for i := len(s.roots) - 2; i >= 0; i-- {
		h = nodeHash(&s.roots[i], &h)
	}
	return h
}

// treeHash is the root over leaves (RFC 6962, section 2.1).
func treeHash(leaves [][32]byte) [32]byte {
	var s summit
	for _, l := range leaves {
		s.add(l, 0)
	}
	return s.root()
}

// levels are all nodes of the tree over leaves: the leaves, the nodes above
// them, …, the root. A last node without a sibling goes up as it is.
func levels(leaves [][32]byte) [][][32]byte {
	all := [][][32]byte{leaves}
	for below := leaves; len(below) > 1; below = all[len(all)-1] {
		above := make([][32]byte, 0, (len(below)+1)/2)
		for i := 0; i+1 < len(below); i += 2 {
			above = append(above, nodeHash(&below[i], &below[i+1]))
		}
		if len(below)%2 == 1 {
			above = append(above, below[len(below)-1])
		}
		all = append(all, above)
	}
	return all
}

// path is the inclusion path of leaf i (RFC 6962, section 2.1.1).
func path(levels [][][32]byte, i int) (hashes [][32]byte) {
	for _, l := range levels {
		if k := i ^ 1; k < len(l) {
			hashes = append(hashes, l[k])
		}
		i /= 2
	}
	return hashes
}
