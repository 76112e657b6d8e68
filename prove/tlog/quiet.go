package tlog

import (
	"context"
	"io"
	"log/slog"
	"strings"
	"sync"

	"k8s.io/klog/v2"
)

// tessera speaks through two loggers that write to standard error. What it
// says there belongs into our errors: of what went wrong in the background it
// says nothing elsewhere.
var quiet = sync.OnceFunc(func() {
	klog.SetSlogLogger(slog.New(&heard))
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
})

// heard keeps the last that was said.
var heard lastWord

type lastWord struct {
	mu   sync.Mutex
	text string
}

func (l *lastWord) Enabled(context.Context, slog.Level) bool { return true }

func (l *lastWord) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = strings.TrimSpace(r.Message)
	return nil
}

func (l *lastWord) WithAttrs([]slog.Attr) slog.Handler { return l }
func (l *lastWord) WithGroup(string) slog.Handler      { return l }

func (l *lastWord) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text
}
