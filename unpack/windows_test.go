package unpack

import (
	"sync"
	"sync/atomic"
	"testing"
)

// However many streams ask, what they hold together stays within the bound,
// and all get their share in the end.
func TestWindows(t *testing.T) {
	w := newWindows()
	var held, most atomic.Int64
	var all sync.WaitGroup
	for i := range 40 {
		all.Go(func() {
			n := int64(i%4+1) * maxWindows / 4
			for _, step := range []int64{n / 2, n} { // a window that grows
				w.change(0, step)
				if now := held.Add(step); now > most.Load() {
					most.Store(now)
				}
				held.Add(-step)
				w.change(step, 0)
			}
		})
	}
	all.Wait()
	if most.Load() > maxWindows || most.Load() == 0 {
		t.Errorf("%d bytes held at once, at most %d", most.Load(), maxWindows)
	}
	if w.held != 0 {
		t.Errorf("%d bytes still held", w.held)
	}
}
