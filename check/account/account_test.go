package account

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/wardein/wardein"
	"github.com/wardein/wardein/check/service"
	"github.com/wardein/wardein/internal/testkit"
	"github.com/wardein/wardein/internal/testkit/checktest"
)

func TestGolden(t *testing.T) { checktest.Golden(t, Check, service.Check) }
func Fuzz(f *testing.F)       { checktest.Fuzz(f, Check) }

func TestPasswordKind(t *testing.T) {
	for field, want := range map[string]string{
		"": "empty", "x": "shadowed", "*": "locked", "!": "locked", "!!": "locked", "*LK*": "locked", "!$1$abcdefgh$0123456789012345678901": "locked",
		"$1$abcdefgh$0123456789012345678901": "md5crypt", "$6$salt$0123456789012345678901234567890123": "sha512crypt",
		"$y$j9T$salt$01234567890123456789": "yescrypt", "$2y$10$0123456789012345678901": "bcrypt",
		"abJnggxhB/yWI": "descrypt", "_J9..K0AyUubRkLmnPQr": "bsdicrypt", "$1$": "other", "password": "other",
	} {
		if got := passwordKind(field, true); got != want {
			t.Errorf("%q is %s, want %s", field, got, want)
		}
	}
	if got := passwordKind("x", false); got != "locked" {
		t.Errorf("x in shadow is %s: nothing hashes to it", got)
	}
}

// Hashes as OpenSSL and crypt(3) make them are told by kind.
func TestAgainstOpenSSL(t *testing.T) {
	openssl := testkit.Tool(t, "openssl")
	for flag, want := range map[string]string{"-1": "md5crypt", "-apr1": "apr1 md5", "-5": "sha256crypt", "-6": "sha512crypt"} {
		out, err := exec.Command(openssl, "passwd", flag, "-salt", "AN2400", "example").Output()
		if err != nil {
			t.Fatal(err)
		}
		if got := passwordKind(strings.TrimSpace(string(out)), false); got != want {
			t.Errorf("%s: %s, want %s", flag, got, want)
		}
	}
}

// withDefaults is the check with published defaults, as inspect runs it.
func withDefaults() wardein.Check {
	c, d := Check, PublishedDefaults()
	c.Node = func(ctx context.Context, b wardein.Blob, out func(wardein.Fact)) error {
		var facts []wardein.Fact
		if err := Check.Node(ctx, b, func(f wardein.Fact) { facts = append(facts, f) }); err != nil {
			return err
		}
		more, err := d.Match(b, facts)
		for _, f := range append(facts, more...) {
			out(f)
		}
		return err
	}
	return c
}

// What published defaults open; testdata/published is read by this test alone.
func TestPublished(t *testing.T) {
	t.Chdir("testdata/published")
	ar, err := txtar.ParseFile("opened.txt")
	if err != nil {
		t.Fatal(err)
	}
	c := withDefaults()
	var gaps []string
	judge := c.Tree
	c.Tree = func(ctx context.Context, tree wardein.Tree, out func(wardein.Finding)) error {
		if err := judge(ctx, tree, out); err != nil {
			gaps = strings.Split(err.Error(), "\n")
		}
		return nil
	}
	want := "want"
	got := checktest.String(c, checktest.Load(t, ar).Judge(t, c, service.Check)) + strings.Join(gaps, "\n") + "\n"
	for i, f := range ar.Files {
		if f.Name != want {
			continue
		}
		if flag.Lookup("update").Value.String() != "true" {
			if got != string(f.Data) {
				t.Errorf("got:\n%s\nwant:\n%s", got, f.Data)
			}
			return
		}
		ar.Files = ar.Files[:i]
	}
	ar.Files = append(ar.Files, txtar.File{Name: want, Data: []byte(got)})
	if err := os.WriteFile("opened.txt", txtar.Format(ar), 0o644); err != nil {
		t.Fatal(err)
	}
}

// Every line of the data is complete, and its source is named.
func TestDefaults(t *testing.T) {
	d := PublishedDefaults()
	n := 0
	for user, list := range d.byUser {
		for _, x := range list {
			n++
			if s := d.source[x.source]; !userName(user) || x.word == "" || x.product == "" || !strings.Contains(s, ", https://") {
				t.Errorf("%s: %q, source %q", user, x.product, s)
			}
		}
	}
	if n < 60 {
		t.Errorf("%d lines", n)
	}
	for line := range strings.Lines(defaultsTable) {
		if f := strings.Split(line, "\t"); line[0] != '#' && len(f) != 4 {
			t.Errorf("%q", line)
		}
	}
}

// The comparisons of a release end.
func TestBudget(t *testing.T) {
	d := PublishedDefaults()
	field := "$6$rounds=1000$s$" + strings.Repeat("a", 86)
	for i := range 100 {
		f := strings.Replace(field, "$s$", fmt.Sprintf("$s%d$", i), 1)
		d.steps = min(d.steps, 50_000) // for the test's sake
		_, _, err := d.find("sha512crypt", "root", f)
		if errors.Is(err, errBudget) {
			return
		}
	}
	t.Error("never ends")
}

// No fact and no finding holds a password or a hash.
func TestTellsNoHash(t *testing.T) {
	paths, _ := filepath.Glob("testdata/*.txt")
	n := 0
	for _, p := range append(paths, "testdata/published/opened.txt") {
		ar, err := txtar.ParseFile(p)
		if err != nil {
			t.Fatal(err)
		}
		c := withDefaults()
		judge := c.Tree
		said := ""
		c.Tree = func(ctx context.Context, tree wardein.Tree, out func(wardein.Finding)) error {
			if err := judge(ctx, tree, out); err != nil {
				said = err.Error()
			}
			return nil
		}
		tree := checktest.Load(t, ar)
		said += checktest.String(c, tree.Judge(t, c, service.Check))
		contents := map[string][]byte{}
		for _, f := range ar.Files {
			contents[f.Name] = f.Data
		}
		for n, f := range tree.Facts("account") {
			said += n.Path
			for _, a := range f.Attrs {
				said += " " + a.Value
			}
		}
		for node, f := range tree.Facts("account") {
			if k := f.Attr("password"); k != "plain" && !isHash(k) {
				continue
			}
			n++
			field := string(contents[node.Path][f.Off : f.Off+f.Len])
			word, _ := decode(f.Attr("form"), field)
			for _, s := range []string{field, word} {
				if len(s) > 3 && strings.Contains(said, s) {
					t.Errorf("%s: the password field of %q is told", p, f.Attr("user"))
				}
			}
		}
		for _, list := range PublishedDefaults().byUser {
			for _, x := range list {
				if len(x.word) > 5 && strings.ContainsAny(x.word, "0123456789!@#$%*.") && strings.Contains(said, x.word) {
					t.Errorf("%s: the word %q is told", p, x.word)
				}
			}
		}
	}
	if n < 20 {
		t.Errorf("%d fields: the test shows little", n)
	}
}

// The tables of the machine that runs the test are tables.
func TestOwnTables(t *testing.T) {
	for _, name := range []string{"/etc/passwd", "/usr/share/base-passwd/passwd.master"} {
		data, err := os.ReadFile(name)
		if err != nil {
			testkit.Skip(t, name+" is not there")
		}
		if kind, rows := readTable(string(data)); kind != "passwd" || len(rows) != strings.Count(strings.TrimSpace(string(data)), "\n")+1 {
			t.Errorf("%s: %q with %d rows", name, kind, len(rows))
		}
	}
}

func BenchmarkTable(b *testing.B) {
	line := "user:x:1000:1000:Some Name,,,:/home/user:/bin/sh\n"
	checktest.Benchmark(b, Check, []byte(strings.Repeat(line, 2000)))
}

func BenchmarkOtherText(b *testing.B) {
	checktest.Benchmark(b, Check, []byte(strings.Repeat("a line of some script or of documentation: nothing\n", 4000)))
}
