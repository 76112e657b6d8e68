package unsafecall

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
	"github.com/wardein/wardein/internal/testkit/checktest"
)

func TestGolden(t *testing.T) { checktest.Golden(t, Check) }

func library(t testing.TB) []byte {
	t.Helper()
	ar, err := txtar.ParseFile("testdata/library.txt")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range ar.Files {
		if strings.HasSuffix(f.Name, ".so.hex") {
			return testkit.Hex(t, string(f.Data))
		}
	}
	t.Fatal("no library")
	return nil
}

// facts is a tree that holds facts alone.
type facts []struct {
	n wardein.Node
	f wardein.Fact
}

func (t facts) Nodes() iter.Seq[*wardein.Node]  { return func(func(*wardein.Node) bool) {} }
func (t facts) Lookup(string) *wardein.Node     { return nil }
func (t facts) Components() []wardein.Component { return nil }
func (t facts) Facts(string) iter.Seq2[*wardein.Node, wardein.Fact] {
	return func(yield func(*wardein.Node, wardein.Fact) bool) {
		for i := range t {
			if !yield(&t[i].n, t[i].f) {
				return
			}
		}
	}
}

// Files whose calls can't be counted are one Gap for each reason, never a 0.
func TestUncounted(t *testing.T) {
	mips := library(t)
	mips[19], mips[18] = 0, 8
	mips[39] |= 4 // MIPS16
	other := library(t)
	other[18] = 243
	var tree facts
	for i, data := range [][]byte{mips, append(bytes.Clone(mips), 1), other} {
		err := Check.Node(context.Background(), checktest.Blob(Check, data), func(f wardein.Fact) {
			tree = append(tree, struct {
				n wardein.Node
				f wardein.Fact
			}{wardein.Node{Path: "image/bin/" + string(rune('a'+i)), Blob: wardein.Digest{byte(i)}}, f})
		})
		var gap *wardein.Gap
		if !errors.As(err, &gap) || gap.Kind != wardein.Unsupported {
			t.Errorf("file %d: %v", i, err)
		}
	}
	err := Check.Tree(context.Background(), tree, func(f wardein.Finding) { t.Errorf("finding %+v", f) })
	want := "calls not counted in 2 files: MIPS16 code is not read (a, b)\ncalls not counted: calls in code for riscv32 are not read"
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

// The whole way from sources to a finding, with relocations of RELR and all
// that a compiler of today makes.
func TestBuilt(t *testing.T) {
	cc := testkit.Tool(t, "gcc")
	out := filepath.Join(t.TempDir(), "built")
	args := []string{"-w", "-O2", "-s", "-U_FORTIFY_SOURCE", "-D_FORTIFY_SOURCE=2", "-o", out, "../../exe/testdata/calls/text.c", "../../exe/testdata/calls/net.c", "../../exe/testdata/calls/main.c", "-lm"}
	if msg, err := exec.Command(cc, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, msg)
	}
	tree := &checktest.Tree{}
	tree.Add("image/bin/built", 0o755, read(t, out))
	got := checktest.String(Check, tree.Judge(t, Check))
	for _, want := range []string{"unsafecall.calls", "functions like memcpy", "functions like strcpy", "functions like sprintf in 1 program"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "unsafecall.gets") || strings.Contains(got, "unsafecall.wrapper") {
		t.Errorf("more than that in\n%s", got)
	}
}

func TestLookup(t *testing.T) {
	for name, want := range map[string]string{
		"memcpy": "memcpy", "_Z12VOS_MemCpy_SPvjPKvj": "VOS_MemCpy_S", "_Z": "", "_Z99memcpy": "", "_Zmemcpy": "", "_Z6memcpyPvPKvm": "memcpy", "_Z99999999999999999999memcpy": "",
	} {
		got := lookup(name)
		if (got == nil) != (want == "") {
			t.Errorf("%s: %+v", name, got)
		}
	}
}

func Fuzz(f *testing.F) { checktest.Fuzz(f, Check) }

func BenchmarkNode(b *testing.B) { checktest.Benchmark(b, Check, library(b)) }

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
