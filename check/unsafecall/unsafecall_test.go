package unsafecall

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
	"github.com/wardein/wardein/internal/testkit/checktest"
	"github.com/wardein/wardein/report"
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

// Files whose calls can't be counted are one Gap for each reason, never a 0.
func TestUncounted(t *testing.T) {
	mips := library(t)
	mips[19], mips[18] = 0, 8
	mips[39] |= 4 // MIPS16
	other := library(t)
	other[18] = 243
	tree := checktest.NewForest()
	for i, data := range [][]byte{mips, append(bytes.Clone(mips), 1), other} {
		err := Check.Node(context.Background(), checktest.Blob(Check, data), func(f wardein.Fact) {
			tree.Put(wardein.Node{Path: "image/bin/" + string(rune('a'+i)), Blob: wardein.Digest{byte(i)}}, "unsafecall", f)
		})
		var gap *wardein.Gap
		if !errors.As(err, &gap) || gap.Kind != wardein.Unsupported {
			t.Errorf("file %d: %v", i, err)
		}
	}
	err := Check.Tree(context.Background(), tree, func(f wardein.Finding) { t.Errorf("finding %+v", f) })
	want := "calls not counted in 2 files: MIPS16 code that computes gp is not read (a, b)\ncalls not counted: calls in code for riscv32 are not read"
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

// Programs, those of them that face the network, and kernel modules are told
// apart in one finding; releases that lack one of them do not speak of it.
func TestGroups(t *testing.T) {
	put := func(tree *checktest.Forest, path, is, function, calls string) {
		tree.Put(wardein.Node{Path: path, Blob: wardein.Digest([]byte(fmt.Sprintf("%32s", path)))}, "unsafecall",
			wardein.Fact{Kind: "code", Attrs: []wardein.Note{note("bytes", "100"), note("is", is)}},
			wardein.Fact{Kind: "calls", Len: 4, Attrs: []wardein.Note{note("function", function), note("calls", calls), note("tails", "1")}})
	}
	module, program, all := checktest.NewForest(), checktest.NewForest(), checktest.NewForest()
	for _, tree := range []*checktest.Forest{module, program, all} {
		put(tree, "lib/modules/fast.ko", "module", "memcpy", "99")
	}
	for _, tree := range []*checktest.Forest{program, all} {
		put(tree, "bin/a", "", "memcpy", "2")
	}
	put(all, "bin/a-checked", "", "memcpy_s", "0")
	put(all, "sbin/b", "network", "strcpy", "4")
	for _, c := range []struct {
		of   *checktest.Forest
		want string
	}{
		{all, "Of the direct calls in 3 programs and libraries, 75 % of those like memcpy (3 of 4) and 100 % of those like strcpy (5 of 5) go to functions that do not know the size of what they write to. " +
			"In the 1 of them facing the network it is 100 % of those like strcpy (5 of 5). Counted apart, in 1 kernel module: 100 % of those like memcpy (100 of 100). Most in b (5), a (3), fast.ko (100)."},
		{module, "Of the direct calls in 1 kernel module, 100 % of those like memcpy (100 of 100) go to functions that do not know the size of what they write to. Most in fast.ko (100)."},
		{program, "Of the direct calls in 1 program or library, 100 % of those like memcpy (3 of 3) go to functions that do not know the size of what they write to. Counted apart, in 1 kernel module: 100 % of those like memcpy (100 of 100). Most in a (3), fast.ko (100)."},
	} {
		var got []wardein.Finding
		if err := Check.Tree(context.Background(), c.of, func(f wardein.Finding) { got = append(got, f) }); err != nil || len(got) != 1 {
			t.Fatalf("%d findings, %v", len(got), err)
		}
		if text := report.Render(got[0].Says, Check.Messages); text != c.want {
			t.Errorf("got  %s\nwant %s", text, c.want)
		}
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
	for _, want := range []string{"unsafecall.calls", "in 1 program or library", "those like memcpy", "those like strcpy", "those like sprintf"} {
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
