package graph

// Free finds for every node the sets that some path to one of the sources
// avoids: bit k of the result is set where set k is not unavoidable. must of
// set k is the bit's absence, for nodes that reach the sources at all; those
// that don't have no bit of any. With content, passages between tunnels do not
// count as passed.
//
// It is a search of all sets at once, a bit each, in time of the edges times
// the sets at most.
func (g *Graph) Free(sources []int32, member []uint64, content bool) []uint64 {
	n := g.Len()
	content = content && g.tunnels
	free := make([]uint64, 2*n) // [node], and [n+node] for what came in over a tunnel
	waits := make([]bool, 2*n)
	var queue []int32
	for _, v := range sources {
		if free[v] |= ^member[v]; !waits[v] {
			waits[v] = true
			queue = append(queue, v)
		}
	}
	for i := 0; i < len(queue); i++ {
		at := queue[i]
		waits[at] = false
		v, tunnel := at, 0
		if int(v) >= n {
			v, tunnel = v-int32(n), 1
		}
		if i > 1<<16 && i*2 > len(queue) { // what was worked off
			queue = append(queue[:0], queue[i:]...)
			i = 0
		}
		for _, a := range g.out(v) {
			pass := free[at]
			if !content || a.tunnel() == 0 || tunnel == 0 {
				pass &^= member[v]
			}
			to := a.to
			if content && a.tunnel() == 1 {
				to += int32(n)
			}
			if !content {
				pass &^= member[to]
			}
			if pass&^free[to] != 0 {
				free[to] |= pass
				if !waits[to] {
					waits[to] = true
					queue = append(queue, to)
				}
			}
		}
	}
	if content {
		for v := range n {
			free[v] = (free[v] | free[n+v]) &^ member[v]
		}
	}
	return free[:n]
}
