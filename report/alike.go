package report

import "github.com/wardein/wardein"

// alike is what findings have in common that are one kind of thing to whoever
// reads them: a release with a thousand keys has a thousand findings, each with
// the ID by which the next release knows it, and few lines on a screen.
type alike struct {
	rule     string
	severity wardein.Severity
	reach    wardein.Reach
}

func kindOf(f *wardein.Finding) alike { return alike{f.Rule, f.Severity, f.Reach} }

// choose picks at most n findings to be shown, in their order: at first no more
// than most that are alike, so that many of one kind push nothing out, then, as
// far as there is room, the others. more tells how many that are alike are not
// shown, at the last one of a kind that is cut so.
func choose(all []wardein.Finding, n, most int) (shown []int, more map[int]int) {
	total, taken := map[alike]int{}, map[alike]int{}
	in := make([]bool, len(all))
	count := 0
	for i := range all {
		total[kindOf(&all[i])]++
	}
	for _, most := range []int{most, len(all)} {
		for i := range all {
			if k := kindOf(&all[i]); count < n && !in[i] && taken[k] < most {
				in[i] = true
				taken[k]++
				count++
			}
		}
	}
	more, last := map[int]int{}, map[alike]int{}
	for i := range all {
		if in[i] {
			shown = append(shown, i)
			last[kindOf(&all[i])] = i
		}
	}
	for k, i := range last {
		if rest := total[k] - taken[k]; rest > 0 && taken[k] >= most {
			more[i] = rest
		}
	}
	return shown, more
}
