package function

// Matching is which function of one program is which of the other.
type Matching struct {
	Old, New *Program
	// Pairs are sorted by the address of the new function.
	Pairs []Pair
	// Gone and Came are the functions without partner, as indices of
	// Old.Functions and New.Functions.
	Gone, Came []int
}

// Pair is a function that both programs have.
type Pair struct {
	Old, New int // indices of Functions
	Key      Key
}

// Match finds out which function of one program is which of the other.
func Match(old, new *Program) *Matching {
	m := newMatcher(old, new)
	m.run()
	out := &Matching{Old: old, New: new}
	for i, j := range m.pair[1] {
		if j < 0 {
			out.Came = append(out.Came, i)
		} else {
			out.Pairs = append(out.Pairs, Pair{Old: int(j), New: i, Key: m.key[j]})
		}
	}
	for i, j := range m.pair[0] {
		if j < 0 {
			out.Gone = append(out.Gone, i)
		}
	}
	return out
}
