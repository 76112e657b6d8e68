package complexity

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
	"github.com/wardein/wardein/internal/testkit/checktest"
	"github.com/wardein/wardein/report"
)

func TestGolden(t *testing.T) { checktest.Golden(t, Check) }

func Fuzz(f *testing.F) {
	if gcc, err := exec.LookPath("gcc"); err == nil {
		checktest.Fuzz(f, Check, build(f, gcc, "-O1"), build(f, gcc, "-O1", "-s"))
		return
	}
	checktest.Fuzz(f, Check)
}

const source = `
#include <stdio.h>
int a(int x) { return x * 3; }
int b(int x) { return a(x) + 1; }
int c(int x) { printf("%d", b(x)); return 0; }
int main(int argc, char **argv) { return c(argc); }
`

func build(t testing.TB, cc string, flags ...string) []byte {
	t.Helper()
	dir := t.TempDir()
	src, out := filepath.Join(dir, "a.c"), filepath.Join(dir, "a")
	if err := os.WriteFile(src, []byte(source), 0o644); err != nil {
		t.Fatal(err)
	}
	if b, err := exec.Command(cc, append(flags, "-o", out, src)...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v: %s", cc, flags, err, b)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

var functions = regexp.MustCompile(`(?m)^ +\d+: [0-9a-f]+ +\S+ FUNC +\S+ +\S+ +(\d+) `)

// Functions are those that readelf lists; a stripped file keeps those of its
// unwinding table.
func TestAgainstReadelf(t *testing.T) {
	readelf := testkit.Tool(t, "readelf")
	for cc, table := range map[string]string{"gcc": "unwinding table", "arm-linux-gnueabi-gcc": "", "aarch64-linux-gnu-gcc": "unwinding table", "mips-linux-gnu-gcc": "procedure table"} {
		t.Run(cc, func(t *testing.T) {
			cc := testkit.Tool(t, cc)
			data := build(t, cc, "-O0")
			file := filepath.Join(t.TempDir(), "a")
			if err := os.WriteFile(file, data, 0o644); err != nil {
				t.Fatal(err)
			}
			list, err := exec.Command(readelf, "-W", "--syms", file).Output()
			if err != nil {
				t.Fatal(err)
			}
			_, symbols, _ := strings.Cut(string(list), "'.symtab'")
			want := len(functions.FindAllString(symbols, -1))
			facts, err := checktest.Node(t, Check, data)
			if err != nil || len(facts) != 1 || facts[0].Attr("functions") != strconv.Itoa(want) || facts[0].Attr("by") != "symbols" || want < 4 {
				t.Errorf("%v, %v; readelf has %d functions", facts, err, want)
			}
			facts, err = checktest.Node(t, Check, build(t, cc, "-O0", "-s"))
			if err != nil || len(facts) != 1 || facts[0].Attr("by") != table {
				t.Errorf("stripped: %v, %v", facts, err)
			}
			if n, _ := strconv.Atoi(facts[0].Attr("functions")); table != "" && n < 4 {
				t.Errorf("stripped: %d functions", n)
			}
		})
	}
}

// Where most code is in files that cannot be counted, that comes first.
func TestFew(t *testing.T) {
	fact := func(bytes, functions, by string) wardein.Fact {
		return wardein.Fact{Kind: "code", Attrs: []wardein.Note{{Name: "arch", Value: "mips"}, {Name: "bytes", Value: bytes}, {Name: "functions", Value: functions}, {Name: "by", Value: by}}}
	}
	for _, c := range []struct {
		a, b wardein.Fact
		want string
	}{
		{fact("3000", "0", ""), fact("1000", "8", "symbols"), "4.0 kB of machine code in 2 programs and libraries (mips 4.0 kB): for 75 % of it no table tells where functions begin (counted in the rest: 8, in 1 of the files). 75 % of the code has no symbols."},
		{fact("2000", "0", ""), fact("2000", "8", "symbols"), "4.0 kB of machine code in 2 programs and libraries (mips 4.0 kB), with 8 functions counted in 1 of them; 50 % of the code has no symbols."},
		{fact("2000", "0", ""), fact("2000", "0", ""), "4.0 kB of machine code in 2 programs and libraries (mips 4.0 kB), and no table that tells where functions begin: none were counted. 100 % of the code has no symbols."},
	} {
		tree := checktest.NewForest()
		tree.Put(wardein.Node{Path: "fw/a"}, name, c.a)
		tree.Put(wardein.Node{Path: "fw/b", Blob: wardein.Digest{1}}, name, c.b)
		said := ""
		if err := Check.Tree(t.Context(), tree, func(f wardein.Finding) { said += report.Render(f.Says, Check.Messages) }); err != nil || said != c.want {
			t.Errorf("%v\nwant %s\ngot  %s", err, c.want, said)
		}
	}
}

func TestShare(t *testing.T) {
	gcc := testkit.Tool(t, "gcc")
	tree := &checktest.Tree{}
	tree.Add("fw/a", 0o755, build(t, gcc, "-O0"))
	tree.Add("fw/b", 0o755, build(t, gcc, "-O0", "-s"))
	tree.Add("fw/c", 0o755, build(t, gcc, "-O0", "-s")) // counts once
	said := checktest.String(Check, tree.Judge(t, Check))
	if !strings.Contains(said, "in 2 programs and libraries (x86-64 ") || !strings.Contains(said, "in 2 of them; 50 % of the code has no symbols") {
		t.Error(said)
	}
}
