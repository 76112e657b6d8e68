package account

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/wardein/wardein/internal/testkit"
	"github.com/wardein/wardein/internal/testkit/checktest"
)

func TestGolden(t *testing.T) { checktest.Golden(t, Check) }
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

// No fact and no finding holds a hash.
func TestTellsNoHash(t *testing.T) {
	paths, _ := filepath.Glob("testdata/*.txt")
	for _, p := range paths {
		ar, err := txtar.ParseFile(p)
		if err != nil {
			t.Fatal(err)
		}
		tree := checktest.Load(t, ar)
		said := checktest.String(Check, tree.Judge(t, Check))
		for n, f := range tree.Facts("account") {
			said += n.Path
			for _, a := range f.Attrs {
				said += " " + a.Value
			}
		}
		for _, f := range ar.Files {
			if f.Name == "want" {
				continue
			}
			for _, line := range strings.Split(string(f.Data), "\n") {
				if fields := strings.Split(line, ":"); len(fields) > 6 && len(fields[1]) > 4 && strings.Contains(said, fields[1]) {
					t.Errorf("%s: the password field of %q is told", p, fields[0])
				}
			}
		}
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
