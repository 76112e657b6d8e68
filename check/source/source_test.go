package source

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/cfuncs"
	"github.com/wardein/wardein/internal/testkit/checktest"
)

func TestGolden(t *testing.T) { checktest.Golden(t, Check) }
func Fuzz(f *testing.F)       { checktest.Fuzz(f, Check) }

// program is a source of n functions; each of its functions is its own.
func program(name string, n int) string {
	var b strings.Builder
	b.WriteString("#include <stdio.h>\n")
	for i := range n {
		fmt.Fprintf(&b, "int %s_%d(int a, char *text) {\n\tint sum_%d = a;\n\tfor (int k = 0; k < a; k++) sum_%d += text[k] * %s[k];\n\tif (sum_%d > %d) return other_%d(text, a);\n\treturn sum_%d;\n}\n", name, i, i, i, name, i, i, i, i)
	}
	return b.String()
}

// A copy is one with other comments, layout and a few changed functions; two
// programs of the same shape are none.
func TestCopies(t *testing.T) {
	a := program("alpha", 60)
	b := "/* taken over */\n" + strings.ReplaceAll(a, "\n\t", "\n    ") + program("beta", 4)
	tree := &checktest.Tree{}
	for name, src := range map[string]string{"a.c": a, "copy/b.c": b, "c.c": program("gamma", 60), "d.c": "#include <a>\nint x;\n"} {
		tree.Add("src/"+name, 0o644, []byte(src))
	}
	said := checktest.String(Check, tree.Judge(t, Check))
	if !strings.Contains(said, "2 of 4 source files have a twin") || !strings.Contains(said, "4 source files, ") {
		t.Error(said)
	}
}

// A function with many branches is named.
func TestBranched(t *testing.T) {
	tree := &checktest.Tree{}
	tree.Add("src/a.c", 0o644, []byte("#include <a>\nint f(int a) {\n"+strings.Repeat("if (a) a++;\n", 50)+"}\nint g(void) { return 1; }\n"))
	tree.Add("src/b.c", 0o644, []byte("#include <a>\nint h(int a) {\n"+strings.Repeat("if (a) a++;\n", 49)+"}\n"))
	said := checktest.String(Check, tree.Judge(t, Check))
	if !strings.Contains(said, "1 of 3 functions have a complexity above 50, f in a.c the highest (51)") {
		t.Error(said)
	}
}

func TestSketch(t *testing.T) {
	sketch := func(src string) []byte { return parse(src, known).runs.sketch() }
	a, again := sketch(program("a", 50)), sketch("// x\n"+program("a", 50))
	if len(a) != 4*sketchSize || !bytes.Equal(a, again) {
		t.Errorf("%x, %x", a, again)
	}
	if s := sketch("int a;"); s != nil {
		t.Errorf("%x", s)
	}
}

func BenchmarkNode(b *testing.B) {
	checktest.Benchmark(b, Check, []byte(program("alpha", 3000)))
}

// The hash of a run is the run's alone, wherever it stands.
func TestRuns(t *testing.T) {
	power := uint32(1)
	for range runLength {
		power *= base
	}
	if power != outgoing {
		t.Fatalf("%d to the power of %d is %#x", base, runLength, power)
	}
	var a, b runs
	for i := range 500 {
		a.add(hash(fmt.Sprint("word", i%40)))
		if i >= 17 {
			b.add(hash(fmt.Sprint("word", i%40)))
		}
	}
	if a.sum != b.sum {
		t.Errorf("%#x, %#x", a.sum, b.sum)
	}
}

// A share of a few calls is no finding, unless text that nothing bounds comes
// from the network; the summary counts it all the same.
func TestLeast(t *testing.T) {
	if got := least().Family; len(got) != len(cfuncs.Families) {
		t.Errorf("%d families, want %d", len(got), len(cfuncs.Families))
	}
	for _, f := range least().Family {
		if !slices.Contains(cfuncs.Families, f.Name) || f.All < 1 || f.Near < 1 || f.Why == "" || f.Source == "" {
			t.Errorf("%+v", f)
		}
	}
	for _, c := range []struct {
		header, call string
		n, findings  int
	}{
		{"a.h", "memcpy(a, b, c);", 19, 0}, {"a.h", "memcpy(a, b, c);", 20, 1}, {"sys/socket.h", "memcpy(a, b, c);", 19, 0},
		{"a.h", "strcpy(a, b);", 19, 0}, {"sys/socket.h", "strcpy(a, b);", 1, 1}, {"a.h", "gets(a);", 1, 1},
	} {
		tree := &checktest.Tree{}
		tree.Add("src/a.c", 0o644, []byte("#include <"+c.header+">\nvoid f(char *a, char *b, int c) {\n"+strings.Repeat(c.call+"\n", c.n)+"}\n"))
		calls, counted := 0, false
		for _, f := range tree.Judge(t, Check) {
			switch f.Rule {
			case "source.calls":
				calls++
			case "source.summary":
				name, _, _ := strings.Cut(c.call, "(")
				counted = slices.Contains(f.Says.Args, wardein.Note{Name: name + "-unsafe", Value: fmt.Sprint(c.n)})
			}
		}
		if calls != c.findings || !counted {
			t.Errorf("%d calls of %s with %s: %d findings, want %d; counted in the summary: %v", c.n, c.call, c.header, calls, c.findings, counted)
		}
	}
}
