package unpack_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/format/all"
	"github.com/wardein/wardein/store/disk"
	"github.com/wardein/wardein/unpack"
)

func config() unpack.Config {
	return unpack.Config{Formats: all.Formats(), Limits: unpack.DefaultLimits}
}

// TestMain lets the test binary be the engine's child.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == unpack.ChildArg {
		if err := unpack.ChildMain(config()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

type options struct {
	store   string
	noCage  bool
	workers int
	limits  *unpack.Limits
}

// inspect unpacks a path and returns the tree as text, one node a line.
func inspect(t testing.TB, path string, o options) string {
	t.Helper()
	if o.store == "" {
		o.store = t.TempDir()
	}
	s, err := disk.Open(o.store)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	in, err := unpack.OpenInput(context.Background(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	run, err := s.Begin(in.Digest)
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	e := &unpack.Engine{Config: config(), Store: run, NoCage: o.noCage, Workers: o.workers}
	if o.limits != nil {
		e.Limits = *o.limits
	}
	defer e.Close()
	var b strings.Builder
	err = e.Run(context.Background(), in, func(v *unpack.Visit) error {
		n := v.Node
		var pos int64
		for _, s := range n.Spans {
			if s.Off != pos || s.Len <= 0 {
				t.Errorf("%s: span at %d+%d, want one at %d", n.Path, s.Off, s.Len, pos)
			}
			pos = s.Off + s.Len
		}
		if v.Opened && (n.Kind == wardein.File || n.Kind == wardein.Region) && pos != n.Size {
			t.Errorf("%s: spans end at %d of %d", n.Path, pos, n.Size)
		}
		fmt.Fprintf(&b, "%s %04o %q %d %.8s %s\n", n.Kind, n.Mode, n.Path, n.Size, n.Blob, n.Format)
		for _, s := range n.Spans {
			if s.What != wardein.Known {
				fmt.Fprintf(&b, "    %#x+%#x %s %s\n", s.Off, s.Len, s.What, s.Is)
			}
		}
		for _, g := range n.Gaps {
			fmt.Fprintf(&b, "    gap %s %s %s: %s\n", g.Kind, g.Who, g.Node, g.Why)
		}
		for _, r := range v.Rejected {
			fmt.Fprintf(&b, "    rejected %s %#x: %s\n", r.Format, r.Off, r.Why)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := run.Commit(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestTry(t *testing.T) {
	p := os.Getenv("TRY")
	if p == "" {
		p = filepath.Join("..", "samples", "an2400-1.0.0.bin")
	}
	st := t.TempDir()
	cold := inspect(t, p, options{store: st})
	fmt.Println(cold)
	if warm := inspect(t, p, options{store: st}); warm != cold {
		t.Error("warm run differs")
	}
	if other := inspect(t, p, options{workers: 1}); other != cold {
		t.Error("one worker differs")
	}
	if other := inspect(t, p, options{noCage: true}); other != cold {
		t.Error("uncaged run differs")
	}
}
