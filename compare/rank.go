package compare

import (
	"cmp"
	"slices"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/compare/findings"
)

// rank puts the rows into the order in which a person has to look at them: by
// kind; of the checks' own rows in the order of package findings, of others
// what waits for the network first, then what is new, then by path.
func (c *comparison) rank() {
	kind := map[Kind]int{}
	for i, k := range Kinds {
		kind[k] = i
	}
	change := map[Change]int{New: 0, Changed: 1, Gone: 2, Unknown: 3}
	found := map[*findings.Row]int{}
	for i := range c.out.Found.Rows {
		found[&c.out.Found.Rows[i]] = i
	}
	network := func(r *Row) int {
		if r.Network {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(c.out.Rows, func(a, b Row) int {
		if n := kind[a.Kind] - kind[b.Kind]; n != 0 {
			return n
		}
		if a.Found != nil && b.Found != nil {
			return found[a.Found] - found[b.Found]
		}
		return cmp.Or(nilLast(a.Found)-nilLast(b.Found), network(&a)-network(&b), change[a.Change]-change[b.Change],
			strings.Compare(a.Path(), b.Path()), strings.Compare(a.What, b.What), strings.Compare(a.Old, b.Old))
	})
	for i := range c.out.Rows {
		c.out.Review += c.out.Rows[i].Lines
	}
	c.out.Rows = folded(c.out.Rows)
	slices.SortFunc(c.out.Gaps, func(a, b wardein.Gap) int {
		return cmp.Or(strings.Compare(a.Node, b.Node), strings.Compare(a.Why, b.Why))
	})
}

// maxOfKind bounds the rows of one kind and change. A program that runs with
// rights of its own is never left out.
const maxOfKind = 100_000

// folded puts what is beyond the bound into one row for each kind and change.
func folded(rows []Row) []Row {
	type of struct {
		Kind
		Change
	}
	n := map[of]int{}
	more := map[of]int{} // where the row that sums up stands
	out := rows[:0]
	for _, r := range rows {
		k := of{r.Kind, r.Change}
		if n[k]++; n[k] <= maxOfKind || r.Kind == SetID {
			out = append(out, r)
			continue
		}
		at, ok := more[k]
		if !ok {
			at = len(out)
			more[k] = at
			out = append(out, Row{Kind: r.Kind, Change: r.Change, What: "more rows of this kind"})
		}
		out[at].Left++
		out[at].Lines += r.Lines
	}
	return out
}

func nilLast(r *findings.Row) int {
	if r == nil {
		return 1
	}
	return 0
}
