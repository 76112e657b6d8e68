package place

import (
	"cmp"
	_ "embed"
	"slices"
	"strings"
	"sync"
)

//go:embed data/functions.tsv
var functionsData string

// Function is a network function or kind of equipment: its name as in Element.NF,
// the group that rules speak of ("core-control", "access-radio"), its plane
// ("control", "user", "management"), and where the name is from.
type Function struct{ Name, Group, Plane, Source string }

// Functions is the vocabulary of functions, sorted by name: the types of 3GPP
// TS 29.510, extended for access, transport and management.
var Functions = sync.OnceValue(func() (list []Function) {
	for line := range strings.Lines(functionsData) {
		if c := strings.Split(strings.TrimSpace(line), "\t"); len(c) == 4 && line[0] != '#' {
			list = append(list, Function{c[0], c[1], c[2], c[3]})
		}
	}
	slices.SortFunc(list, func(a, b Function) int { return cmp.Compare(a.Name, b.Name) })
	return list
})

// FunctionOf finds a function by its name; case, '-', '_' and blanks do not
// count. ok is false for a name that is not in the vocabulary.
func FunctionOf(name string) (Function, bool) {
	i, ok := functionIndex()[name]
	if !ok {
		i, ok = functionIndex()[plainName(name)]
	}
	if !ok {
		return Function{}, false
	}
	return Functions()[i], true
}

// functionIndex has each name as it is, too: most are written so.
var functionIndex = sync.OnceValue(func() map[string]int {
	index := map[string]int{}
	for i, f := range Functions() {
		index[plainName(f.Name)], index[f.Name] = i, i
	}
	return index
})

var joints = strings.NewReplacer("-", "", "_", "", " ", "")

func plainName(s string) string { return joints.Replace(strings.ToLower(s)) }

// Groups are the groups of the vocabulary, sorted.
func Groups() (list []string) {
	for _, f := range Functions() {
		list = append(list, f.Group)
	}
	slices.Sort(list)
	return slices.Compact(list)
}
