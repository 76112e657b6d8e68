package function

import "hash/maphash"

// Resalt does what another process does: hashes become others.
func Resalt() {
	seed = maphash.MakeSeed()
	salt, salt2 = maphash.Comparable(seed, 1)|1, maphash.Comparable(seed, 2)|1
}
