package function

// Matching is which function of one program is which of the other, and which
// of their data.
type Matching struct {
	Old, New *Program
	// Pairs are sorted by the address of the new function.
	Pairs []Pair
	// Gone and Came are the functions without partner, as indices of
	// Old.Functions and New.Functions.
	Gone, Came []int

	pair   [2][]int32
	places [2]map[int32]int32 // objects that are written, or code, by object
	equal  map[[2]int32]bool  // data that was compared
	left   int64              // of the budget for alignments
}

// Sameness is how much two functions of a pair are the same.
type Sameness uint8

// The ways to be the same, or not.
const (
	Identical Sameness = iota + 1 // byte by byte, and in what they point at
	Moved                         // but for addresses, all of which point at the same
	Changed
)

var sameNames = [...]string{Identical: "identical", Moved: "identical after normalisation", Changed: "changed"}

func (s Sameness) String() string { return sameNames[s] }

// Pair is a function that both programs have.
type Pair struct {
	Old, New int // indices of Functions
	Key      Key
	Same     Sameness
	// Change is what differs in a pair that is Changed, else nil.
	Change *Change
}

// Change sums up what differs between two functions. The instructions
// themselves are Matching.Diff's.
type Change struct {
	// Removed and Added are instructions that the other has not.
	Removed, Added int
	// Moved are jumps inside of the function that lead elsewhere now, Places
	// the instructions that read or write another place of written data.
	Moved, Places int
	// Data are read-only data with other bytes than before.
	Data []DataPair
	// CallsRemoved and CallsAdded are functions that are called, or whose
	// address is taken, less or more often than before; imports by name. Of a
	// function of the program the name is what Program.Label says.
	CallsRemoved, CallsAdded []string
	TextsRemoved, TextsAdded []string
	// TooDifferent says that parts were not aligned: Removed and Added count
	// all instructions of those.
	TooDifferent bool
}

// DataPair is data that an old function and a new one point at in the same
// place; the sizes are up to the next thing that is pointed at.
type DataPair struct {
	Old, New         uint64 // addresses
	OldSize, NewSize uint64
}

// Match finds out which function of one program is which of the other, and
// compares those that are the same.
func Match(old, new *Program) *Matching {
	m := newMatcher(old, new)
	m.run()
	pair := [2][]int32{m.pair[0][:len(old.Functions)], m.pair[1][:len(new.Functions)]}
	out := &Matching{Old: old, New: new, pair: pair, equal: map[[2]int32]bool{}, left: 1 << 26}
	for _, p := range m.side {
		for i := range p.Functions {
			out.left += int64(p.Functions[i].Instructions) * 32
		}
	}
	for i, j := range pair[1] {
		if j < 0 {
			out.Came = append(out.Came, i)
		} else {
			out.Pairs = append(out.Pairs, Pair{Old: int(j), New: i, Key: m.key[j]})
		}
	}
	for i, j := range pair[0] {
		if j < 0 {
			out.Gone = append(out.Gone, i)
		}
	}
	out.compare()
	return out
}

// Label is what a function is called: its name, or its address.
func (p *Program) Label(i int) string {
	f := &p.Functions[i]
	if f.Name != "" {
		return f.Name
	}
	return hex(f.Addr)
}
