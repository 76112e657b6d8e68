// Package cfuncs knows the functions of C that write into a buffer: which
// family each belongs to, and whether the buffer's size is watched.
package cfuncs

import (
	_ "embed"
	"strings"
	"sync"
)

// Class says who watches the size of the destination.
type Class uint8

// The classes; bounded functions are counted apart, in neither share.
const (
	Unsafe  Class = iota // nobody
	Bounded              // an argument bounds what is written, but is not the destination's size
	Safe                 // the function: its size is an argument
)

var classes = map[string]Class{"unsafe": Unsafe, "bounded": Bounded, "safe": Safe}

func (c Class) String() string { return [...]string{"unsafe", "bounded", "safe"}[c] }

// Function is a row of the table.
type Function struct {
	Name, Family string
	Class        Class
	Source       string
}

// Families are the families in the order of the lab's reports, and gets.
var Families = []string{"memcpy", "strcpy", "sprintf", "gets"}

//go:embed functions.tsv
var tsv string

// Table is the whole table, in the order of its file; names with a star are
// patterns.
var Table = sync.OnceValue(func() (all []Function) {
	for row := range strings.Lines(tsv) {
		f := strings.Split(strings.TrimSuffix(row, "\n"), "\t")
		if len(f) == 4 && !strings.HasPrefix(row, "#") {
			all = append(all, Function{Name: f[2], Family: f[0], Class: classes[f[1]], Source: f[3]})
		}
	}
	return all
})

type index struct {
	names  map[string]*Function
	suffix []*Function
}

var table = sync.OnceValue(func() index {
	x := index{names: map[string]*Function{}}
	all := Table()
	for i := range all {
		if strings.HasPrefix(all[i].Name, "*") {
			x.suffix = append(x.suffix, &all[i])
		} else {
			x.names[all[i].Name] = &all[i]
		}
	}
	return x
})

// Lookup finds a function by its name, vendors' names in the manner of Annex K
// (VOS_MemCpy_S) by their end; nil for one that the table does not have.
func Lookup(name string) *Function {
	x := table()
	if f := x.names[name]; f != nil {
		return f
	}
	if n := len(name); n < 9 || name[n-2] != '_' || name[n-1]|0x20 != 's' {
		return nil
	}
	lower := strings.ToLower(name)
	for _, f := range x.suffix {
		if strings.HasSuffix(lower, f.Name[1:]) {
			return f
		}
	}
	return nil
}
