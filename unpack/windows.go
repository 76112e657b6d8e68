package unpack

import "sync"

// windows bounds the memory of all decoders' windows together. A stream holds
// its share while its member is decoded and waits for nothing else meanwhile,
// so streams can't block each other for good.
type windows struct {
	mu    sync.Mutex
	freed sync.Cond
	held  int64
}

const (
	maxWindows  = 128 << 20 // of all streams; one stream may have all
	leastWindow = 8 << 20   // smaller windows are not counted
)

func newWindows() *windows {
	w := &windows{}
	w.freed.L = &w.mu
	return w
}

// change gives old bytes back and waits until it has n.
func (w *windows) change(old, n int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.held -= old
	w.freed.Broadcast()
	for w.held+n > maxWindows {
		w.freed.Wait()
	}
	w.held += n
}
