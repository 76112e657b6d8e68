// Package marks collects the runs of metadata that a reader of a file system
// meets on its way, often one behind the other and more than once.
package marks

import (
	"iter"
	"sort"
)

// Run is a run of bytes and what it is.
type Run struct {
	Off, Len int64
	Is       string
}

// List is a list of runs in the order in which they were met.
type List struct{ runs []Run }

// Add adds a run of a volume of size bytes; what lies outside is left out.
func (l *List) Add(off, n, size int64, is string) {
	n = min(n, size-off)
	if off < 0 || n <= 0 {
		return
	}
	if k := len(l.runs) - 1; k >= 0 && l.runs[k].Is == is && l.runs[k].Off+l.runs[k].Len == off {
		l.runs[k].Len += n
		return
	}
	l.runs = append(l.runs, Run{off, n, is})
}

// Sorted gives the runs by offset, neighbours and overlapping ones of one kind
// as one.
func (l *List) Sorted() iter.Seq[Run] {
	sort.SliceStable(l.runs, func(i, j int) bool { return l.runs[i].Off < l.runs[j].Off })
	return func(yield func(Run) bool) {
		var last Run
		for _, r := range l.runs {
			if last.Len > 0 && r.Is == last.Is && r.Off <= last.Off+last.Len {
				last.Len = max(last.Len, r.Off+r.Len-last.Off)
				continue
			}
			if last.Len > 0 && !yield(last) {
				return
			}
			last = r
		}
		if last.Len > 0 {
			yield(last)
		}
	}
}
