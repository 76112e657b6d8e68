package equiv

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wardein/wardein"
	formats "github.com/wardein/wardein/format/all"
	"github.com/wardein/wardein/internal/testkit"
	"github.com/wardein/wardein/store/disk"
	"github.com/wardein/wardein/unpack"
)

func engineConfig() unpack.Config {
	return unpack.Config{Formats: formats.Formats(), Limits: unpack.DefaultLimits}
}

func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == unpack.ChildArg {
		if err := unpack.ChildMain(engineConfig()); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// release is a release with all of its contents.
type release struct {
	*Tree
	blobs map[wardein.Digest][]byte
}

func (r *release) of(d wardein.Digest) []byte { return r.blobs[d] }

// open unpacks a file or folder.
func open(t testing.TB, path string) *release {
	t.Helper()
	in, err := unpack.OpenInput(context.Background(), path, unpack.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	s, err := disk.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	run, err := s.Begin(in.Digest)
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	e := &unpack.Engine{Config: engineConfig(), Store: run, NoCage: true}
	defer e.Close()
	r := &release{&Tree{Digest: in.Digest}, map[wardein.Digest][]byte{}}
	if err := e.Run(context.Background(), in, func(v *unpack.Visit) error {
		r.Nodes = append(r.Nodes, v.Node)
		if v.Node.Kind != wardein.File && v.Node.Kind != wardein.Region {
			return nil
		}
		c, err := e.Content(v)
		if err != nil {
			return nil
		}
		r.blobs[v.Node.Blob], err = io.ReadAll(c)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return r
}

// files makes a release of files without a container around them.
func files(list map[string]string) *release {
	r := &release{&Tree{}, map[wardein.Digest][]byte{}}
	r.Nodes = []*wardein.Node{{Entry: wardein.Entry{Kind: wardein.Directory}}}
	var names []string
	for name := range list {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		b := []byte(list[name])
		n := &wardein.Node{Path: name, Entry: wardein.Entry{Name: name}, Size: int64(len(b)), Blob: sha256.Sum256(b)}
		n.Spans = []wardein.Span{{Len: n.Size, What: wardein.Known, Is: "text"}}
		if strings.HasPrefix(list[name], "\x7fELF") {
			n.Format = "elf"
		}
		r.blobs[n.Blob] = b
		r.Nodes = append(r.Nodes, n)
	}
	return r
}

// one makes a release of one file.
func one(b string) *release { return files(map[string]string{"usr/bin/file": b}) }

// judging is a test, also one of rapid.
type judging interface {
	Helper()
	Errorf(string, ...any)
	Fatal(...any)
}

// wanted gives only what Wanted names: nothing else may be asked for.
func wanted(t judging, r *release, want map[wardein.Digest]bool) Contents {
	return func(d wardein.Digest) []byte {
		if !want[d] {
			t.Errorf("a content that was not wanted is read: %s", d)
		}
		return r.of(d)
	}
}

// judge compares, in both directions: verdicts must agree.
func judge(t judging, a, b *release, facts *Facts) *Result {
	t.Helper()
	if facts == nil {
		facts = &Facts{}
	}
	p := Pair(a.Tree, b.Tree)
	r := p.Compare(facts, wanted(t, a, p.Wanted(0)), wanted(t, b, p.Wanted(1)))
	q := Pair(b.Tree, a.Tree)
	back := q.Compare(facts.Swap(), b.of, a.of)
	if r.Verdict != back.Verdict {
		t.Errorf("%s, and the other way round %s\n%s\n%s", r.Verdict, back.Verdict, text(t, r), text(t, back))
	}
	text, err := r.JSON()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Read(text); err != nil && r.Module == "" {
		t.Errorf("it can't be read again: %v", err)
	}
	if n := r.Bytes; n.Identical < 0 || n.Explained < 0 || n.Unexplained < 0 || n.NotCovered < 0 {
		t.Errorf("bytes: %+v", n)
	}
	return r
}

func text(t judging, r *Result) string {
	var b bytes.Buffer
	if err := r.Table(&b, "release", 0); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// facts reads facts.
func factsOf(t testing.TB, s string) *Facts {
	f, err := Parse([]byte("form = 1\n"+s), nil)
	if err != nil {
		panic(err)
	}
	return f
}

// sh runs a command in a folder.
func sh(t testing.TB, dir, command string) {
	t.Helper()
	cmd := exec.Command("sh", "-ec", command)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "TZ=UTC")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", command, err, out)
	}
}

// tools skips the test where a tool is missing.
func tools(t testing.TB, names ...string) {
	t.Helper()
	for _, n := range names {
		testkit.Tool(t, n)
	}
}

// file is the entry of a file in a result, nil where it is identical.
func (r *Result) file(path string) *File {
	for i := range r.List {
		if r.List[i].Path == path || strings.HasSuffix(r.List[i].Path, "/"+path) {
			return &r.List[i]
		}
	}
	return nil
}

// rulesOf are the names of the rules that accounted for something.
func rulesOf(r *Result) (names []string) {
	for _, k := range r.Rules {
		names = append(names, k.Rule)
	}
	return names
}

// write writes a file below a folder.
func write(t testing.TB, dir, name, content string) {
	t.Helper()
	p := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(p), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(p, []byte(content), 0o644); err != nil {
		t.Fatal(err)
	}
}

func dump(v any) string {
	b, _ := json.MarshalIndent(v, "", " ")
	return string(b)
}
