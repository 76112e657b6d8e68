package testkit

import (
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/wardein/wardein"
)

var update = flag.Bool("update", false, "rewrite the golden parts of testdata")

const outputLimit = 64 << 20

// A Sample is one testdata/*.txt file in txtar form: prose that says what it
// is and how it was made, then "in.hex" (hexadecimal with # comments) or a
// sibling file NAME.bin, then "want" (Result.String).
type Sample struct {
	Name string
	Data []byte
	want string
	path string
	ar   *txtar.Archive
}

// Samples reads testdata/*.txt of the package under test. A format without a
// sample fails its test.
func Samples(t testing.TB) []Sample {
	t.Helper()
	paths, _ := filepath.Glob("testdata/*.txt")
	if len(paths) == 0 {
		t.Fatal("no testdata/*.txt: every format ships at least one sample")
	}
	var out []Sample
	for _, p := range paths {
		ar, err := txtar.ParseFile(p)
		if err != nil {
			t.Fatal(err)
		}
		s := Sample{Name: strings.TrimSuffix(filepath.Base(p), ".txt"), path: p, ar: ar}
		for _, f := range ar.Files {
			switch f.Name {
			case "in.hex":
				s.Data = Hex(t, string(f.Data))
			case "want":
				s.want = string(f.Data)
			}
		}
		if s.Data == nil {
			if s.Data, err = os.ReadFile(strings.TrimSuffix(p, ".txt") + ".bin"); err != nil {
				t.Fatalf("%s: neither in.hex nor a .bin: %v", p, err)
			}
		}
		out = append(out, s)
	}
	return out
}

// Hex decodes hexadecimal text; white space and everything from # to the end
// of a line is passed over, and "xx*N" repeats the byte xx N times.
func Hex(t testing.TB, s string) []byte {
	t.Helper()
	var out []byte
	for _, line := range strings.Split(s, "\n") {
		line, _, _ = strings.Cut(line, "#")
		for _, word := range strings.Fields(line) {
			word, times, repeated := strings.Cut(word, "*")
			b, err := hex.DecodeString(word)
			if err != nil {
				t.Fatalf("in.hex: %q: %v", word, err)
			}
			n := 1
			if repeated {
				if _, err := fmt.Sscan(times, &n); err != nil {
					t.Fatalf("in.hex: repeat count %q: %v", times, err)
				}
			}
			for range n {
				out = append(out, b...)
			}
		}
	}
	return out
}

// Golden runs every sample and compares with its "want"; -update rewrites it.
func Golden(t *testing.T, f wardein.Format) {
	t.Helper()
	for _, s := range Samples(t) {
		t.Run(s.Name, func(t *testing.T) {
			got := Run(f, s.Data, outputLimit).String()
			if got == s.want {
				return
			}
			if !*update {
				t.Fatalf("got:\n%s\nwant:\n%s", got, s.want)
			}
			files := s.ar.Files[:0]
			for _, file := range s.ar.Files {
				if file.Name != "want" {
					files = append(files, file)
				}
			}
			s.ar.Files = append(files, txtar.File{Name: "want", Data: []byte(got)})
			if err := os.WriteFile(s.path, txtar.Format(s.ar), 0o644); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Damage runs every truncation (in steps) and every single-byte change of the
// samples and fails on a panic or on a result that breaks the contract.
func Damage(t *testing.T, f wardein.Format) {
	t.Helper()
	for _, s := range Samples(t) {
		step := max(1, len(s.Data)/512)
		for n := 0; n < len(s.Data); n += step {
			Probe(t, f, s.Data[:n])
		}
		for i := 0; i < len(s.Data); i += step {
			for _, x := range []byte{0x01, 0x80, 0xFF} {
				d := append([]byte(nil), s.Data...)
				d[i] ^= x
				Probe(t, f, d)
			}
		}
	}
}

// Probe runs a format over bytes that may be anything and fails when the
// contract of wardein.Format is broken. A panic passes through.
func Probe(t testing.TB, f wardein.Format, data []byte) *Result {
	t.Helper()
	res := Run(f, data, 4<<20)
	if broken := res.breach(len(data)); broken != "" {
		t.Fatal(broken)
	}
	return res
}

// breach says how the contract is broken over an input of size bytes, "" when
// it is not.
func (c *Result) breach(size int) string {
	if c.Claim.End < wardein.EndUnknown || c.Claim.End > int64(size) {
		return fmt.Sprintf("claim end %d of %d bytes", c.Claim.End, size)
	}
	if c.End < 0 && c.Claim.End != 0 && c.Err == nil || c.End > int64(size) {
		return fmt.Sprintf("end %d of %d bytes", c.End, size)
	}
	return ""
}

// Tool returns the path of a reference tool. Where it is missing the test is
// skipped, or fails when WARDEIN_NO_SKIP is set, as .ci/run does.
func Tool(t testing.TB, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		for _, dir := range []string{"/usr/sbin", "/sbin"} {
			if p := filepath.Join(dir, name); fileExists(p) {
				return p
			}
		}
		Skip(t, "reference tool "+name+" is not installed")
	}
	return path
}

// Skip skips a test for want of something, or fails it when WARDEIN_NO_SKIP
// is set. Skips are counted by the test command's summary.
func Skip(t testing.TB, why string) {
	t.Helper()
	if os.Getenv("WARDEIN_NO_SKIP") != "" {
		t.Fatalf("would skip: %s", why)
	}
	t.Skipf("skipped: %s", why)
}

// Corpus returns the path of a file or folder of the shared corpus, which
// stands beside the repository. Where it is missing the test is skipped.
func Corpus(t testing.TB, name string) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		p := filepath.Join(filepath.Dir(dir), "shared", "corpus", name)
		if fileExists(filepath.Join(dir, "go.mod")) && fileExists(p) {
			return p
		}
	}
	t.Skipf("skipped: shared corpus has no %s here", name)
	return ""
}

func fileExists(p string) bool { _, err := os.Stat(p); return err == nil }
