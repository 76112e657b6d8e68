// Package checktest is what the tests of checks share: a tree made of a text
// file, golden findings, and the promises that every check keeps.
package checktest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
	"github.com/wardein/wardein/report"
)

// update is the flag that testkit defines.
func update() bool { return flag.Lookup("update").Value.String() == "true" }

// Tree is a wardein.Tree in memory. The first component of a path is the
// container; the rest is the name in it.
type Tree struct {
	nodes []*wardein.Node
	data  map[string][]byte
	facts map[string][]fact
	// Identified are the tree's components; Judge sets them where the check
	// names components.
	Identified []wardein.Component
}

type fact struct {
	n *wardein.Node
	wardein.Fact
}

// Add adds a file.
func (t *Tree) Add(path string, mode uint32, data []byte) {
	n := &wardein.Node{Path: path, Entry: wardein.Entry{Name: nameOf(path), Mode: mode}, Size: int64(len(data)), Blob: sha256.Sum256(data)}
	if bytes.HasPrefix(data, []byte("\x7fELF")) {
		n.Format = "elf"
	}
	t.put(n)
	if t.data == nil {
		t.data = map[string][]byte{}
	}
	t.data[path] = data
}

// Link adds a symbolic link, or a hard link when hard is set.
func (t *Tree) Link(path, target string, hard bool) {
	n := &wardein.Node{Path: path, Entry: wardein.Entry{Name: nameOf(path), Kind: wardein.Symlink, Mode: 0o777, Target: target}}
	if hard {
		n.Kind = wardein.HardLink
	}
	t.put(n)
}

func (t *Tree) put(n *wardein.Node) {
	t.nodes = append(t.nodes, n)
	slices.SortStableFunc(t.nodes, func(a, b *wardein.Node) int { return strings.Compare(a.Path, b.Path) })
}

func nameOf(path string) string {
	_, name, _ := strings.Cut(path, "/")
	return name
}

// Nodes gives all nodes.
func (t *Tree) Nodes() iter.Seq[*wardein.Node] { return slices.Values(t.nodes) }

// Lookup returns the node at a path.
func (t *Tree) Lookup(path string) *wardein.Node {
	for _, n := range t.nodes {
		if n.Path == path {
			return n
		}
	}
	return nil
}

// Components gives what Identified was set to.
func (t *Tree) Components() []wardein.Component { return t.Identified }

// Facts gives the facts of one check.
func (t *Tree) Facts(check string) iter.Seq2[*wardein.Node, wardein.Fact] {
	return func(yield func(*wardein.Node, wardein.Fact) bool) {
		for _, f := range t.facts[check] {
			if !yield(f.n, f.Fact) {
				return
			}
		}
	}
}

// Blob is how a check's Node sees bytes.
func Blob(c wardein.Check, data []byte) wardein.Blob {
	b := wardein.Blob{ReaderAt: bytes.NewReader(data), Size: int64(len(data)), Digest: sha256.Sum256(data), Class: "mixed"}
	if text(data) {
		b.Class, b.Format = "text", "text"
	}
	if bytes.HasPrefix(data, []byte("\x7fELF")) {
		b.Format = "elf"
	}
	b.Hits = func(i int) (at []int64) {
		for from := 0; len(at) < 4096; {
			k := bytes.Index(data[from:], []byte(c.Literals[i]))
			if k < 0 {
				break
			}
			at = append(at, int64(from+k))
			from += k + 1
		}
		return at
	}
	return b
}

func text(p []byte) bool {
	for _, c := range p {
		if c < 0x20 && c != '\n' && c != '\t' && c != '\r' && c != '\f' && c != 0x1b || c == 0x7f {
			return false
		}
	}
	return len(p) > 0 && utf8.Valid(p)
}

// Node runs a check over bytes that may be anything, and fails when a fact
// stands outside them.
func Node(t testing.TB, c wardein.Check, data []byte) (facts []wardein.Fact, err error) {
	t.Helper()
	b := Blob(c, data)
	if ok, why := c.Wants(b); !ok {
		if why == "" {
			t.Fatal("Wants gave no reason")
		}
		return nil, nil
	}
	err = c.Node(context.Background(), b, func(f wardein.Fact) {
		if f.Kind == "" || f.Off < 0 || f.Len < 0 || f.Off > b.Size || f.Len > b.Size-f.Off {
			t.Fatalf("fact %q at %d+%d of %d bytes", f.Kind, f.Off, f.Len, b.Size)
		}
		facts = append(facts, f)
	})
	return facts, err
}

// Judge runs a check over a tree and returns its findings. It fails when one
// breaks a promise: a field is empty, a text has no sentence, a quote is not
// what stands there. The check sees the facts of others, too, if any are given.
func (t *Tree) Judge(tb testing.TB, c wardein.Check, also ...wardein.Check) (out []wardein.Finding) {
	tb.Helper()
	t.facts = map[string][]fact{}
	for _, n := range t.nodes {
		data, ok := t.data[n.Path]
		if !ok || len(data) == 0 {
			continue
		}
		facts, err := Node(tb, c, data)
		if err != nil {
			tb.Errorf("%s: %v", n.Path, err)
		}
		for _, f := range facts {
			t.facts[c.Name] = append(t.facts[c.Name], fact{n, f})
		}
		for _, o := range also {
			facts, _ := Node(tb, o, data)
			for _, f := range facts {
				t.facts[o.Name] = append(t.facts[o.Name], fact{n, f})
			}
		}
	}
	if c.Components != nil {
		t.Identified = nil
		if err := c.Components(context.Background(), t, func(x wardein.Component) { t.Identified = append(t.Identified, x) }); err != nil {
			tb.Error(err)
		}
	}
	if err := c.Tree(context.Background(), t, func(f wardein.Finding) { out = append(out, f) }); err != nil {
		tb.Error(err)
	}
	t.again(tb, c, out)
	t.covered(tb, c, out)
	ids := map[string]bool{}
	for i := range out {
		t.promise(tb, c, &out[i])
		if ids[out[i].ID] {
			tb.Errorf("%s: id %s twice", out[i].Rule, out[i].ID)
		}
		ids[out[i].ID] = true
	}
	return out
}

// covered fails when a finding speaks to a test case that none of the nodes
// speaks to, or a node to one that is not the check's.
func (t *Tree) covered(tb testing.TB, c wardein.Check, found []wardein.Finding) {
	tb.Helper()
	if slices.Contains(c.Reads, "component") {
		return // components speak, not nodes
	}
	own := map[string]bool{}
	for _, cases := range c.Cases {
		for _, id := range cases {
			own[id] = c.Covers == nil && len(t.facts[c.Name]) > 0
		}
	}
	nodes := t.nodes
	if c.Covers == nil {
		nodes = nil
	}
	for _, n := range nodes {
		var facts []wardein.Fact
		for _, f := range t.facts[c.Name] {
			if f.n == n {
				facts = append(facts, f.Fact)
			}
		}
		for _, id := range c.Covers(n, facts) {
			if _, ok := own[id]; !ok {
				tb.Errorf("%s: %s speaks to %s, which no rule does", c.Name, n.Path, id)
			}
			own[id] = true
		}
	}
	for _, f := range found {
		cases := f.Cases
		if cases == nil {
			cases = c.Cases[f.Rule]
		}
		for _, id := range cases {
			if !own[id] {
				tb.Errorf("%s speaks to %s, and no node does", f.Rule, id)
			}
		}
	}
}

// again runs the check's Tree over the same facts and fails where it says
// something else, or in another order.
func (t *Tree) again(tb testing.TB, c wardein.Check, first []wardein.Finding) {
	tb.Helper()
	for range 4 {
		var out []wardein.Finding
		// The first run told the error.
		_ = c.Tree(context.Background(), t, func(f wardein.Finding) { out = append(out, f) })
		if a, b := fmt.Sprintf("%+v", first), fmt.Sprintf("%+v", out); a != b {
			tb.Errorf("%s says another thing each time:\n%s\n%s", c.Name, a, b)
			return
		}
	}
}

func (t *Tree) promise(tb testing.TB, c wardein.Check, f *wardein.Finding) {
	tb.Helper()
	if len(f.ID) != 10 || !strings.HasPrefix(f.ID, "F-") || !strings.HasPrefix(f.Rule, c.Name+".") || t.Lookup(f.Node) == nil || len(f.Quotes) == 0 {
		tb.Errorf("finding %+v: a field is missing", f)
	}
	for _, text := range []wardein.Text{f.Says, f.Fix, f.Meanwhile} {
		if _, ok := c.Messages[text.ID]; !ok {
			tb.Errorf("%s: no sentence for %q", f.Rule, text.ID)
		}
		if s := report.Render(text, c.Messages); strings.ContainsAny(s, "{}") && !strings.Contains(s, "}'") {
			tb.Errorf("%s: parameter left in %q", f.Rule, s)
		}
	}
	for _, q := range f.Quotes {
		data := t.data[q.Node]
		if q.Off < 0 || q.Len <= 0 || q.Off+q.Len > int64(len(data)) {
			tb.Errorf("%s: quote at %d+%d of %d bytes of %s", f.Rule, q.Off, q.Len, len(data), q.Node)
		} else if q.Bytes != "" && (len(q.Bytes) > 256 || !bytes.HasPrefix(data[q.Off:q.Off+q.Len], []byte(q.Bytes))) {
			tb.Errorf("%s: quote %q is not at %d of %s", f.Rule, q.Bytes, q.Off, q.Node)
		}
	}
}

// Load makes a tree of a txtar: files by path; "links" with lines
// "path -> target" (symbolic) and "path = name" (hard); "modes" with lines
// "path 0644". A name that ends in .hex is a file in hexadecimal.
func Load(tb testing.TB, ar *txtar.Archive) *Tree {
	tb.Helper()
	t := &Tree{}
	modes := map[string]uint32{}
	for _, f := range ar.Files {
		if f.Name == "modes" {
			for _, line := range strings.Split(strings.TrimSpace(string(f.Data)), "\n") {
				path, mode, _ := strings.Cut(line, " ")
				m, err := strconv.ParseUint(mode, 8, 32)
				if err != nil {
					tb.Fatalf("modes: %q", line)
				}
				modes[path] = uint32(m)
			}
		}
	}
	for _, f := range ar.Files {
		switch {
		case f.Name == "modes" || f.Name == "want":
		case f.Name == "links":
			for _, line := range strings.Split(strings.TrimSpace(string(f.Data)), "\n") {
				if path, target, ok := strings.Cut(line, " -> "); ok {
					t.Link(path, target, false)
				} else if path, target, ok := strings.Cut(line, " = "); ok {
					t.Link(path, target, true)
				} else {
					tb.Fatalf("links: %q", line)
				}
			}
		default:
			name, data := f.Name, f.Data
			if s, ok := strings.CutSuffix(name, ".hex"); ok {
				name, data = s, testkit.Hex(tb, string(f.Data))
			}
			mode, ok := modes[name]
			if !ok {
				mode = 0o644
			}
			t.Add(name, mode, data)
		}
	}
	return t
}

// Golden judges every testdata/*.txt and compares with its "want"; -update
// rewrites it. At least one sample must hit and one must not.
func Golden(t *testing.T, c wardein.Check, also ...wardein.Check) {
	t.Helper()
	paths, _ := filepath.Glob("testdata/*.txt")
	hit, quiet := 0, 0
	for _, p := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(p), ".txt"), func(t *testing.T) {
			ar, err := txtar.ParseFile(p)
			if err != nil {
				t.Fatal(err)
			}
			found := Load(t, ar).Judge(t, c, also...)
			if len(found) > 0 {
				hit++
			} else {
				quiet++
			}
			got, want := String(c, found), ""
			files := ar.Files[:0]
			for _, f := range ar.Files {
				if f.Name == "want" {
					want = string(f.Data)
				} else {
					files = append(files, f)
				}
			}
			if got == want {
				return
			}
			if !update() {
				t.Fatalf("got:\n%s\nwant:\n%s", got, want)
			}
			ar.Files = append(files, txtar.File{Name: "want", Data: []byte(got)})
			if err := os.WriteFile(p, txtar.Format(ar), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
	if hit == 0 || quiet == 0 {
		t.Errorf("%d samples hit and %d do not: a check has both", hit, quiet)
	}
}

// String is the golden text of findings.
func String(c wardein.Check, found []wardein.Finding) string {
	if len(found) == 0 {
		return "nothing\n"
	}
	var b strings.Builder
	for _, f := range found {
		fmt.Fprintf(&b, "%s %s\n  %s, %s, reach: %s, in %s\n", f.ID, f.Rule, f.Severity, f.Confidence, f.Reach, f.Node)
		fmt.Fprintf(&b, "  %s\n", report.Render(f.Says, c.Messages))
		for _, q := range f.Quotes {
			fmt.Fprintf(&b, "  at %s +%d %d %q\n", q.Node, q.Off, q.Len, q.Bytes)
		}
	}
	return b.String()
}

// Fuzz is the whole body of a check's fuzz target: Node over any bytes, seeded
// from the samples and from more.
func Fuzz(f *testing.F, c wardein.Check, more ...[]byte) {
	paths, _ := filepath.Glob("testdata/*.txt")
	for _, p := range paths {
		ar, err := txtar.ParseFile(p)
		if err != nil {
			f.Fatal(err)
		}
		for _, data := range Load(f, ar).data {
			f.Add(data)
		}
	}
	for _, m := range more {
		f.Add(m)
	}
	f.Fuzz(func(t *testing.T, data []byte) { Node(t, c, data) })
}

// Benchmark measures Wants and Node over data, the shared pass not included.
func Benchmark(b *testing.B, c wardein.Check, data []byte) {
	blob := Blob(c, data)
	hits := make([][]int64, len(c.Literals))
	for i := range hits {
		hits[i] = blob.Hits(i)
	}
	blob.Hits = func(i int) []int64 { return hits[i] }
	blob.ReaderAt = readerAt{blob.ReaderAt}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if ok, _ := c.Wants(blob); ok {
			c.Node(context.Background(), blob, func(wardein.Fact) {})
		}
	}
}

// readerAt hides what a bytes.Reader can do beside ReadAt.
type readerAt struct{ io.ReaderAt }
