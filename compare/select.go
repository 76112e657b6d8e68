package compare

import (
	"path"
	"slices"
	"strings"

	"github.com/wardein/wardein/internal/term"
)

// Choice says which rows of a result are wanted. The zero value wants all.
type Choice struct {
	Kinds []Kind // any of these; none: all
	Path  string // of this node, or below it, on either side; as it is or as it is printed
}

// Rows are those of a result that are wanted.
func (c *Choice) Rows(r *Result) (list []*Row) {
	for i := range r.Rows {
		if row := &r.Rows[i]; (len(c.Kinds) == 0 || slices.Contains(c.Kinds, row.Kind)) && (c.Path == "" || c.below(row.Old) || c.below(row.New)) {
			list = append(list, row)
		}
	}
	return list
}

func (c *Choice) below(p string) bool {
	if p == "" || c.Path == "" {
		return false
	}
	want := strings.Trim(c.Path, "/")
	for _, p := range []string{p, term.Clean(p)} {
		if p == want {
			return true
		}
		if _, ok := inside(p, want); ok {
			return true
		}
	}
	return false
}

// Programs are the rows of programs whose functions differ: of one program where
// a name is given, by its path or the last part of it.
func (r *Result) Programs(name string) (list []*Row) {
	for i := range r.Rows {
		row := &r.Rows[i]
		if row.Functions == nil {
			continue
		}
		for _, p := range []string{row.Old, row.New} {
			if name == "" || named(p, name) {
				list = append(list, row)
				break
			}
		}
	}
	return list
}

// named tells a path that is called name, as a whole or by its last part.
func named(p, name string) bool {
	return p == strings.Trim(name, "/") || path.Base(p) == name || dot(p) == name
}
