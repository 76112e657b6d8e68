package main

import (
	"fmt"
	"os"
	"os/signal"
	"sync"
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
	last  unpack.Progress
	drawn time.Time
	start time.Time
	live  bool
	usr1  chan os.Signal
	input int64
}

func newProgress(quiet bool, input int64) *progress {
	p := &progress{start: time.Now(), live: !quiet && term.IsTerminal(os.Stderr), usr1: make(chan os.Signal, 1), input: input}
	signal.Notify(p.usr1, syscall.SIGUSR1)
	go func() {
		for range p.usr1 {
			p.mu.Lock()
			fmt.Fprintln(os.Stderr, p.line())
			p.mu.Unlock()
		}
	}()
	return p
}

func (p *progress) line() string {
	rate := float64(p.last.Read) / max(time.Since(p.start).Seconds(), 0.001)
	return fmt.Sprintf("wardein: input %s, decoded %s, %d blobs opened, %s/s",
		report.Size(p.input), report.Size(p.last.Read), p.last.Files, report.Size(int64(rate)))
}

func (p *progress) update(s unpack.Progress) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last = s
	if p.live && time.Since(p.drawn) >= 100*time.Millisecond {
		p.drawn = time.Now()
		fmt.Fprintf(os.Stderr, "\r\x1b[K%s", p.line())
	}
}

func (p *progress) end() {
	signal.Stop(p.usr1)
	close(p.usr1)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.live && !p.drawn.IsZero() {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
}
