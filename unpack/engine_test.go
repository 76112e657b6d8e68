package unpack_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/format/all"
	"github.com/wardein/wardein/inspect"
	"github.com/wardein/wardein/store"
	"github.com/wardein/wardein/store/disk"
	"github.com/wardein/wardein/unpack"
)

// config is what the tests' engine is made of: all formats, three that
// misbehave on purpose, and a check.
func config() unpack.Config {
	r := inspect.New([]wardein.Check{literalCheck})
	return unpack.Config{Formats: append(all.Formats(), misbehaved...), Limits: unpack.DefaultLimits, Literals: r.Literals(), Look: r.Look}
}

// misbehaved are formats that do what a format must not.
var misbehaved = []wardein.Format{
	{
		Name: "panics", Version: 1, Magic: []wardein.Magic{{Bytes: "PANIC-IN-EXTRACT"}}, Measure: wholeClaim,
		Extract: func(_ context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
			if err := out.Extents(wardein.Entry{Name: "before"}, []wardein.Extent{{Off: 0, Len: 5}}); err != nil {
				return 0, err
			}
			var none []int
			return int64(none[3]), nil
		},
	},
	{
		Name: "kills", Version: 1, Magic: []wardein.Magic{{Bytes: "KILL-THE-CHILD!!"}}, Measure: wholeClaim,
		Extract: func(context.Context, *io.SectionReader, wardein.Members) (int64, error) {
			if !testing.Testing() || len(os.Args) > 1 && os.Args[1] == unpack.ChildArg {
				deeper(1) // overflows the stack, which no recover stops
			}
			return 0, fmt.Errorf("not in a child")
		},
	},
	{
		Name: "overclaims", Version: 1, Magic: []wardein.Magic{{Bytes: "OVER-THE-END-!!!"}},
		Measure: func(r *io.SectionReader) (wardein.Claim, error) {
			return wardein.Claim{End: r.Size() + 1, Confidence: wardein.Certain}, nil
		},
	},
}

func wholeClaim(r *io.SectionReader) (wardein.Claim, error) {
	return wardein.Claim{End: r.Size(), Confidence: wardein.Certain, Evidence: "test"}, nil
}

func deeper(n int) int {
	var pad [1 << 10]byte
	if n < 0 {
		return 0 // never: the stack ends before the numbers do
	}
	return deeper(n+1) + int(pad[n%len(pad)])
}

// literalCheck states where its literal stands.
var literalCheck = wardein.Check{
	Name: "literal", Version: 1, Literals: []string{"needle-in-the-haystack"},
	Wants: func(b wardein.Blob) (bool, string) { return len(b.Hits(0)) > 0, "no literal found" },
	Node: func(_ context.Context, b wardein.Blob, out func(wardein.Fact)) error {
		for _, off := range b.Hits(0) {
			out(wardein.Fact{Kind: "needle", Off: off, Len: 22})
		}
		return nil
	},
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
	if len(os.Args) == 4 && os.Args[1] == "inspect-and-exit" {
		out, err := inspectErr(os.Args[2], options{store: os.Args[3]})
		fmt.Print(out)
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	// The child of a killed test must not leave its trace in the output.
	os.Exit(m.Run())
}

type options struct {
	store   string
	noCage  bool
	workers int
	limits  *unpack.Limits
	run     store.Run // instead of store
	stored  bool
}

// inspect unpacks a path and returns the tree as text, one node a line.
func inspectPath(t testing.TB, path string, o options) string {
	t.Helper()
	if o.store == "" {
		o.store = t.TempDir()
	}
	out, err := inspectErr(path, o)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// inspectBytes does the same for content.
func inspectBytes(t testing.TB, data []byte, o options) string {
	t.Helper()
	p := filepath.Join(t.TempDir(), "input")
	if err := os.WriteFile(p, data, 0o600); err != nil {
		t.Fatal(err)
	}
	return inspectPath(t, p, o)
}

func inspectErr(path string, o options) (string, error) {
	ctx := context.Background()
	in, err := unpack.OpenInput(ctx, path, unpack.DefaultLimits)
	if err != nil {
		return "", err
	}
	defer in.Close()
	if o.stored && in.File != nil {
		in.File.Close()
		in = unpack.Remembered(in.Digest, in.Size)
	}
	run := o.run
	if run == nil {
		s, err := disk.Open(o.store)
		if err != nil {
			return "", err
		}
		defer s.Close()
		if run, err = s.Begin(in.Digest); err != nil {
			return "", err
		}
		defer run.Close()
	}
	e := &unpack.Engine{Config: config(), Store: run, NoCage: o.noCage, Workers: o.workers, Stored: o.stored}
	if o.limits != nil {
		e.Limits = *o.limits
	}
	defer e.Close()
	var b strings.Builder
	var laws []string
	err = e.Run(ctx, in, func(v *unpack.Visit) error {
		if broken := tiling(v); broken != "" {
			laws = append(laws, broken)
		}
		writeVisit(&b, v)
		return nil
	})
	if err == nil && len(laws) > 0 {
		err = fmt.Errorf("law 1 is broken:\n%s", strings.Join(laws, "\n"))
	}
	if err == nil {
		err = run.Commit()
	}
	return b.String(), err
}

// tiling says how a node breaks the first law, "" when it does not.
func tiling(v *unpack.Visit) string {
	n := v.Node
	if n.Kind != wardein.File && n.Kind != wardein.Region {
		return ""
	}
	if !v.Opened && len(n.Spans) == 0 {
		return "" // not read: there are no bytes to tile
	}
	var pos int64
	for _, s := range n.Spans {
		if s.Off != pos || s.Len <= 0 {
			return fmt.Sprintf("%q: span at %d+%d, want one at %d", n.Path, s.Off, s.Len, pos)
		}
		pos += s.Len
	}
	if pos != n.Size {
		return fmt.Sprintf("%q: spans end at %d of %d", n.Path, pos, n.Size)
	}
	return ""
}

func writeVisit(b *strings.Builder, v *unpack.Visit) {
	n := v.Node
	fmt.Fprintf(b, "%s %04o %q %d %.8s %s\n", n.Kind, n.Mode, n.Path, n.Size, n.Blob, n.Format)
	for _, s := range n.Spans {
		if s.What != wardein.Known {
			fmt.Fprintf(b, "    %#x+%#x %s %s\n", s.Off, s.Len, s.What, s.Is)
		}
	}
	for _, g := range n.Gaps {
		fmt.Fprintf(b, "    gap %s %s %q: %s\n", g.Kind, g.Who, g.Node, g.Why)
	}
	for _, r := range v.Rejected {
		fmt.Fprintf(b, "    rejected %s %#x: %s\n", r.Format, r.Off, r.Why)
	}
	for _, o := range v.Outcomes {
		for _, f := range o.Facts {
			fmt.Fprintf(b, "    fact %s %s %#x+%#x\n", o.Check, f.Kind, f.Off, f.Len)
		}
	}
}

func sample(t testing.TB, name string) string {
	t.Helper()
	p := filepath.Join("..", "samples", name)
	if _, err := os.Stat(p); err != nil {
		t.Fatal(err)
	}
	return p
}

// The same input gives the same tree, whatever the workers, the cache, the
// cage, the folder and the name.
func TestDeterminism(t *testing.T) {
	p := sample(t, "an2400-1.1.0.bin")
	st := t.TempDir()
	want := inspectPath(t, p, options{store: st})
	if !strings.Contains(want, "/etc/passwd") {
		t.Fatalf("the sample was not opened:\n%s", want)
	}
	data, err := os.ReadFile(p)
	if err != nil {
		t.Fatal(err)
	}
	for name, got := range map[string]string{
		"warm":       inspectPath(t, p, options{store: st}),
		"one worker": inspectPath(t, p, options{workers: 1}),
		"8 workers":  inspectPath(t, p, options{workers: 8}),
		"no cage":    inspectPath(t, p, options{noCage: true}),
		"renamed":    inspectBytes(t, data, options{}),
	} {
		if got != want {
			t.Errorf("%s differs:\n%s", name, firstDifference(want, got))
		}
	}
}

// What the store holds is walked without the input; what it does not is an
// error, and nothing is unpacked.
func TestStored(t *testing.T) {
	p := sample(t, "an2400-1.1.0.bin")
	dir := filepath.Join("..", "samples", "an2400-1.1.0")
	for _, path := range []string{p, dir} {
		st := t.TempDir()
		if _, err := inspectErr(path, options{store: st, stored: true}); !errors.Is(err, unpack.ErrNotStored) {
			t.Errorf("%s: %v", path, err)
		}
		want := inspectPath(t, path, options{store: st})
		if got := inspectPath(t, path, options{store: st, stored: true}); got != want {
			t.Errorf("%s differs:\n%s", path, firstDifference(want, got))
		}
	}
}

func firstDifference(a, b string) string {
	la, lb := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(la), len(lb)) {
		if la[i] != lb[i] {
			return fmt.Sprintf("line %d\n- %s\n+ %s", i+1, la[i], lb[i])
		}
	}
	return fmt.Sprintf("%d and %d lines", len(la), len(lb))
}

// A directory is read in the order of its names, and nothing in it that is
// not a regular file is opened.
func TestDirectory(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"z", "a", "sub/x", "sub.txt"} {
		os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755)
		if err := os.WriteFile(filepath.Join(dir, name), []byte("text of "+name), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc/passwd", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644); err != nil {
		t.Fatal(err)
	}
	got := inspectPath(t, dir, options{})
	for _, want := range []string{`symlink 0777 "link"`, `fifo 0644 "pipe"`, `file 0644 "sub/x"`} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	if strings.Index(got, `"a"`) > strings.Index(got, `"z"`) {
		t.Errorf("not in order of names:\n%s", got)
	}
}

// A format that panics costs a Gap, and keeps what it handed out before.
func TestPanic(t *testing.T) {
	got := inspectBytes(t, []byte("PANIC-IN-EXTRACT and more text"), options{})
	for _, want := range []string{`"before" 5`, "gap crashed panics"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// A format that claims more than there is costs a Gap.
func TestOverclaim(t *testing.T) {
	got := inspectBytes(t, []byte("OVER-THE-END-!!! and more"), options{})
	if !strings.Contains(got, "gap crashed overclaims") {
		t.Errorf("no gap in\n%s", got)
	}
}

// A blob that kills the child costs a Gap for that blob alone; everything
// else is as without it.
func TestChildDies(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, data string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(data), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write("a.txt", "some text")
	write("b.bin", "KILL-THE-CHILD!! "+strings.Repeat("x", 100))
	write("c.txt", "some other text, with needle-in-the-haystack")
	got := inspectPath(t, dir, options{})
	for _, want := range []string{`"a.txt" 9 `, "gap crashed engine", `"c.txt" 44 `, "fact literal needle 0x16+0x16"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
}

// Literals are found wherever they stand, also across the pieces in which
// long content is scanned.
func TestLiteralsAcrossPieces(t *testing.T) {
	const needle = "needle-in-the-haystack"
	for _, at := range []int{0, 1, 65530, 65536 - 22, 65536 - 3, 1<<20 - 10, 1 << 20, 3<<20 - 22} {
		data := bytes.Repeat([]byte{0xA5, 0x17, 0x80, 0x01}, 3<<18)
		copy(data[at:], needle)
		got := inspectBytes(t, data, options{noCage: true})
		if want := fmt.Sprintf("fact literal needle %#x+", at); !strings.Contains(got, want) {
			t.Errorf("no %q in\n%.600s", want, got)
		}
	}
}
