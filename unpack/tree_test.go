package unpack_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/wardein/wardein"
	"github.com/wardein/wardein/format/all"
	"github.com/wardein/wardein/inspect"
	"github.com/wardein/wardein/internal/testkit"
	"github.com/wardein/wardein/unpack"
	"golang.org/x/sys/unix"
)

// tree is an unpacked input, node by node, with the laws checked.
type tree struct {
	testing.TB
	nodes    []wardein.Node
	verbatim []int64
	text     string // as inspectPath gives it
	read     int64  // bytes of content of all nodes
}

// lab unpacks many inputs in this process, in memory.
type lab struct {
	cfg      unpack.Config
	store    *memStore
	workers  int
	contents bool // read every node's content and compare its digest
	buf      []byte
}

func newLab(t testing.TB, formats []wardein.Format) *lab {
	r := inspect.New([]wardein.Check{literalCheck})
	l := &lab{cfg: unpack.Config{Formats: formats, Limits: unpack.DefaultLimits, Literals: r.Literals(), Look: r.Look}, store: newMemStore(t), workers: 1}
	unpack.Prepare(&l.cfg)
	t.Cleanup(func() { l.store.Close() })
	return l
}

// allFormats is the list without the formats that misbehave on purpose.
var allFormats = all.Formats()

// memFile is a file in memory.
func memFile(t testing.TB, data []byte) *os.File {
	t.Helper()
	fd, err := unix.MemfdCreate("input", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "input")
	if _, err := f.WriteAt(data, 0); err != nil {
		t.Fatal(err)
	}
	return f
}

// unpack runs one input through the engine. Any error fails the test, and so
// does a node that breaks a law.
func (l *lab) unpack(t testing.TB, data []byte) *tree {
	t.Helper()
	f := memFile(t, data)
	defer f.Close()
	l.store.reset()
	return l.run(t, &unpack.Input{File: f, Size: int64(len(data)), Digest: sha256.Sum256(data)})
}

func (l *lab) run(t testing.TB, in *unpack.Input) *tree {
	t.Helper()
	e := &unpack.Engine{Config: l.cfg, Store: l.store, NoCage: true, Workers: l.workers}
	defer e.Close()
	out := &tree{TB: t}
	var text strings.Builder
	err := e.Run(context.Background(), in, func(v *unpack.Visit) error {
		if broken := lawless(v); broken != "" {
			t.Errorf("%s", broken)
		}
		if l.contents && v.Opened && hasContent(v.Node) {
			r, err := e.Content(v)
			if err != nil {
				return err
			}
			h := sha256.New()
			if l.buf == nil {
				l.buf = make([]byte, 32<<10)
			}
			if n, err := io.CopyBuffer(h, r, l.buf); n != v.Node.Size || err != nil {
				t.Errorf("%q: %d bytes of %d: %v", v.Node.Path, n, v.Node.Size, err)
			}
			if wardein.Digest(h.Sum(nil)) != v.Node.Blob {
				t.Errorf("%q: its content is not what its digest says", v.Node.Path)
			}
		}
		writeVisit(&text, v)
		out.nodes = append(out.nodes, *v.Node)
		out.verbatim = append(out.verbatim, v.Verbatim)
		out.read += v.Node.Size
		return nil
	})
	if err != nil {
		t.Fatalf("the run ended: %v", err)
	}
	out.text = text.String()
	return out
}

func hasContent(n *wardein.Node) bool { return n.Kind == wardein.File || n.Kind == wardein.Region }

// lawless says how a node breaks the first or the second law.
func lawless(v *unpack.Visit) string {
	if s := tiling(v); s != "" {
		return s
	}
	n := v.Node
	for _, s := range n.Spans {
		if s.What == wardein.Known && s.Format == "" && s.Is != "member" {
			return fmt.Sprintf("%q: bytes %d+%d are known to nobody", n.Path, s.Off, s.Len)
		}
	}
	for _, g := range n.Gaps {
		if g.Who == "" || g.Kind == "" || g.Why == "" || g.Off < 0 || g.Len < 0 {
			return fmt.Sprintf("%q: gap %+v says too little", n.Path, g)
		}
	}
	if v.Verbatim < 0 || v.Verbatim > n.Size {
		return fmt.Sprintf("%q: %d bytes of %d are members' as they are", n.Path, v.Verbatim, n.Size)
	}
	crashed := slices.ContainsFunc(n.Gaps, func(g wardein.Gap) bool { return g.Kind == wardein.Crashed && g.Who == "engine" })
	if !hasContent(n) || !v.Opened || crashed {
		if v.Outcomes != nil {
			return fmt.Sprintf("%q: checked without content", n.Path)
		}
		return ""
	}
	if len(v.Outcomes) != 1 {
		return fmt.Sprintf("%q: %d outcomes of 1 check", n.Path, len(v.Outcomes))
	}
	for _, o := range v.Outcomes {
		if o.Check != "literal" || o.State > wardein.Failed || (o.State == wardein.Done) != (o.Why == "") {
			return fmt.Sprintf("%q: outcome %+v", n.Path, o)
		}
	}
	return ""
}

// find returns the nodes whose path ends in suffix.
func (t *tree) find(suffix string) (out []*wardein.Node) {
	for i := range t.nodes {
		if strings.HasSuffix(t.nodes[i].Path, suffix) {
			out = append(out, &t.nodes[i])
		}
	}
	return out
}

// content tells whether a node of these bytes is in the tree.
func (t *tree) content(data string) *wardein.Node {
	sum := wardein.Digest(sha256.Sum256([]byte(data)))
	for i := range t.nodes {
		if t.nodes[i].Blob == sum {
			return &t.nodes[i]
		}
	}
	return nil
}

// gap returns the first gap of that kind whose text holds all words, and its node.
func (t *tree) gap(kind wardein.GapKind, words ...string) (*wardein.Gap, *wardein.Node) {
	for i := range t.nodes {
	next:
		for k := range t.nodes[i].Gaps {
			g := &t.nodes[i].Gaps[k]
			if g.Kind != kind {
				continue
			}
			for _, w := range words {
				if !strings.Contains(g.Why, w) {
					continue next
				}
			}
			return g, &t.nodes[i]
		}
	}
	return nil, nil
}

func (t *tree) wantGap(kind wardein.GapKind, words ...string) {
	t.Helper()
	if g, _ := t.gap(kind, words...); g == nil {
		t.Errorf("no %s gap with %q in\n%s", kind, words, clip(t.text))
	}
}

func (t *tree) wantContent(data string) {
	t.Helper()
	if t.content(data) == nil {
		t.Errorf("%.40q was not found in\n%s", data, clip(t.text))
	}
}

func clip(s string) string {
	if len(s) > 4000 {
		return s[:3000] + "\n…\n" + s[len(s)-1000:]
	}
	return s
}

type formatSample struct {
	name string
	data []byte
}

// formatSamples are the samples of all formats, smallest first.
func formatSamples(t testing.TB) (out []formatSample) {
	t.Helper()
	paths, _ := filepath.Glob("../format/*/testdata/*.txt")
	for _, p := range paths {
		ar, err := txtar.ParseFile(p)
		if err != nil {
			t.Fatal(err)
		}
		s := formatSample{name: strings.TrimPrefix(p, "../format/")}
		if s.data, err = os.ReadFile(strings.TrimSuffix(p, ".txt") + ".bin"); err != nil {
			for _, f := range ar.Files {
				if f.Name == "in.hex" {
					s.data = testkit.Hex(t, string(f.Data))
				}
			}
		}
		if s.data != nil {
			out = append(out, s)
		}
	}
	if len(out) < 100 {
		t.Fatalf("only %d samples", len(out))
	}
	sort.SliceStable(out, func(i, k int) bool { return len(out[i].data) < len(out[k].data) })
	return out
}
