package main

import (
	"fmt"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/report"
	"github.com/wardein/wardein/unpack"
)

// progress is the status line on standard error while a release is read: one
// line, redrawn at most ten times a second, erased at the end. Where standard
// error is no terminal nothing is shown, but SIGUSR1 prints the line once.
type progress struct {
	mu    sync.Mutex
	doing string // before the first blob is opened
	input int64
	last  unpack.Progress
	start time.Time
	drawn bool
	stop  chan struct{} // nil when nothing is drawn
	ended sync.WaitGroup
}

// current is what SIGUSR1 prints.
var current atomic.Pointer[progress]

// answerUSR1 makes SIGUSR1 print the status at any time, and never end wardein.
func answerUSR1() {
	usr1 := make(chan os.Signal, 1)
	signal.Notify(usr1, syscall.SIGUSR1)
	go func() {
		for range usr1 {
			if p := current.Load(); p != nil {
				fmt.Fprintln(os.Stderr, p.line())
			} else {
				fmt.Fprintln(os.Stderr, "wardein: nothing is being read")
			}
		}
	}()
}

// newProgress begins with what is done first. quiet shows nothing.
func newProgress(quiet bool, doing string) *progress {
	p := &progress{start: time.Now(), doing: doing}
	current.Store(p)
	if quiet || !term.IsTerminal(os.Stderr) || os.Getenv("TERM") == "dumb" {
		return p
	}
	p.stop = make(chan struct{})
	p.ended.Go(func() {
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-p.stop:
				if p.drawn {
					fmt.Fprint(os.Stderr, "\r\x1b[K")
				}
				return
			case <-tick.C:
				line := []rune(p.line())
				p.drawn = true
				fmt.Fprintf(os.Stderr, "\r\x1b[K%s", string(line[:min(len(line), max(term.Width(os.Stderr)-1, 1))]))
			}
		}
	})
	return p
}

func (p *progress) line() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.doing != "" {
		return "wardein: " + p.doing
	}
	rate := float64(p.last.Read) / max(time.Since(p.start).Seconds(), 0.001)
	return fmt.Sprintf("wardein: input %s, decoded %s, %d blobs opened, %s/s",
		report.Size(p.input), report.Size(p.last.Read), p.last.Files, report.Size(int64(rate)))
}

// now tells what is being done.
func (p *progress) now(doing string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doing = doing
}

// reading shows from here on how far the reading of an input is.
func (p *progress) reading(input int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.doing, p.input = "", input
}

func (p *progress) update(s unpack.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last, p.input = s, s.Input
}

// end erases the line. A second call does nothing.
func (p *progress) end() {
	current.CompareAndSwap(p, nil)
	if p.stop != nil {
		close(p.stop)
		p.ended.Wait()
		p.stop = nil
	}
}
