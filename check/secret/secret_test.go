package secret

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/wardein/wardein/codec/pem"
	"github.com/wardein/wardein/internal/testkit"
	"github.com/wardein/wardein/internal/testkit/checktest"
)

func TestGolden(t *testing.T) { checktest.Golden(t, Check()) }
func Fuzz(f *testing.F)       { checktest.Fuzz(f, Check()) }

// Keys of every kind that OpenSSL makes have the fingerprint and the size
// that OpenSSL tells.
func TestAgainstOpenSSL(t *testing.T) {
	openssl := testkit.Tool(t, "openssl")
	dir := t.TempDir()
	run := func(args ...string) []byte {
		t.Helper()
		out, err := exec.Command(openssl, args...).Output()
		if err != nil {
			t.Fatalf("openssl %v: %v", args, err)
		}
		return out
	}
	params := filepath.Join(dir, "dsa.params")
	run("dsaparam", "-out", params, "1024")
	for _, c := range []struct {
		kind string
		bits string
		args []string
	}{
		{"RSA", "512", []string{"genrsa", "-traditional", "512"}},
		{"RSA", "1024", []string{"genrsa", "1024"}},
		{"RSA", "2048", []string{"genrsa", "-traditional", "-primes", "3", "2048"}},
		{"EC P-192", "192", []string{"ecparam", "-name", "prime192v1", "-genkey", "-noout"}},
		{"EC P-224", "224", []string{"ecparam", "-name", "secp224r1", "-genkey", "-noout"}},
		{"EC P-256", "256", []string{"ecparam", "-name", "prime256v1", "-genkey", "-noout"}},
		{"EC P-256", "256", []string{"genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"}},
		{"EC P-384", "384", []string{"ecparam", "-name", "secp384r1", "-genkey", "-noout"}},
		{"EC P-521", "521", []string{"ecparam", "-name", "secp521r1", "-genkey", "-noout"}},
		{"EC secp256k1", "256", []string{"ecparam", "-name", "secp256k1", "-genkey", "-noout"}},
		{"EC brainpoolP512r1", "512", []string{"ecparam", "-name", "brainpoolP512r1", "-genkey", "-noout"}},
		{"Ed25519", "256", []string{"genpkey", "-algorithm", "ed25519"}},
		{"X25519", "256", []string{"genpkey", "-algorithm", "x25519"}},
		{"Ed448", "0", []string{"genpkey", "-algorithm", "ed448"}},
		{"DSA", "1024", []string{"gendsa", params}},
	} {
		pem := run(c.args...)
		want := ""
		if c.kind != "Ed448" {
			cmd := exec.Command(openssl, "pkey", "-pubout", "-outform", "DER")
			cmd.Stdin = bytes.NewReader(pem)
			der, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(der)
			want = hex.EncodeToString(sum[:])
		}
		facts, err := checktest.Node(t, Check(), append([]byte("some bytes\x00"), pem...))
		if err != nil || len(facts) != 1 {
			t.Errorf("%v: %d facts, %v", c.args, len(facts), err)
			continue
		}
		f := facts[0]
		if f.Attr("kind") != c.kind || f.Attr("bits") != c.bits || f.Attr("fingerprint") != want || f.Attr("encrypted") != "no" {
			t.Errorf("%v: %v, want fingerprint %s", c.args, f.Attrs, want)
		}
		if f.Off != 11 || f.Len != int64(len(bytes.TrimSpace(pem))) {
			t.Errorf("%v: at %d+%d, want 11+%d", c.args, f.Off, f.Len, len(bytes.TrimSpace(pem)))
		}
	}
}

// OpenSSH keys give the fingerprint that the same key has as PKCS#8.
func TestAgainstSSHKeygen(t *testing.T) {
	keygen, openssl := testkit.Tool(t, "ssh-keygen"), testkit.Tool(t, "openssl")
	for kind, bits := range map[string]string{"rsa": "1024", "ecdsa": "384", "ed25519": "256"} {
		for _, password := range []string{"", "example"} {
			file := filepath.Join(t.TempDir(), "key")
			if out, err := exec.Command(keygen, "-q", "-t", kind, "-b", bits, "-N", password, "-C", "", "-f", file).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			pem := read(t, file)
			facts, err := checktest.Node(t, Check(), pem)
			if err != nil || len(facts) != 1 {
				t.Fatalf("%s: %d facts, %v", kind, len(facts), err)
			}
			f := facts[0]
			if f.Attr("encrypted") != yes(password != "") || f.Attr("verified") != "yes" {
				t.Errorf("%s: %v", kind, f.Attrs)
			}
			if kind == "ed25519" {
				continue // ssh-keygen 9.2 writes no PKCS#8 of it
			}
			if out, err := exec.Command(keygen, "-q", "-p", "-m", "PKCS8", "-P", password, "-N", "", "-f", file).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			der, err := exec.Command(openssl, "pkey", "-in", file, "-pubout", "-outform", "DER").Output()
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(der)
			if f.Attr("fingerprint") != hex.EncodeToString(sum[:]) {
				t.Errorf("%s: fingerprint %s, want %x", kind, f.Attr("fingerprint"), sum)
			}
		}
	}
}

// No fact and no finding holds any part of a key's text.
func TestTellsNoKey(t *testing.T) {
	paths, _ := filepath.Glob("testdata/*.txt")
	for _, p := range paths {
		ar, err := txtar.ParseFile(p)
		if err != nil {
			t.Fatal(err)
		}
		tree := checktest.Load(t, ar)
		said := checktest.String(Check(), tree.Judge(t, Check()))
		for _, f := range ar.Files {
			if f.Name == "want" {
				continue
			}
			facts, _ := checktest.Node(t, Check(), f.Data)
			for _, fact := range facts {
				for _, a := range fact.Attrs {
					said += a.Value + "\n"
				}
			}
			for _, line := range strings.Fields(string(f.Data)) {
				if len(line) == 64 && strings.Contains(said, line[:24]) {
					t.Errorf("%s: %.24s… is told", p, line)
				}
			}
		}
	}
}

// FuzzParse gives the parsers what base64 would seldom let through.
func FuzzParse(f *testing.F) {
	paths, _ := filepath.Glob("testdata/*.txt")
	for _, p := range paths {
		ar, err := txtar.ParseFile(p)
		if err != nil {
			f.Fatal(err)
		}
		for _, file := range ar.Files {
			if i := bytes.Index(file.Data, []byte(pem.Begin)); i >= 0 {
				if b, ok := pem.Read(bytes.NewReader(file.Data), int64(i), int64(len(file.Data)), wanted); ok {
					der, _ := b.Bytes()
					f.Add(der, b.Label)
				}
			}
		}
	}
	f.Fuzz(func(t *testing.T, der []byte, label string) {
		k, ok := parseBlock(&pem.Block{Label: label, Lines: []string{base64.StdEncoding.EncodeToString(der)}})
		if ok && (k.identity() == "" || k.bits < 0 || k.form == "") {
			t.Errorf("%+v", k)
		}
		k, ok = parseOpenSSH(der)
		if ok && k.spki == nil {
			t.Errorf("%+v", k)
		}
		for _, find := range finders {
			at := bytes.Index(der, []byte(find.literal))
			if at < 0 {
				continue
			}
			var got []place
			if find.many != nil {
				got, _ = find.many(bytes.NewReader(der), int64(len(der)), int64(at))
			} else if p, ok := find.one(bytes.NewReader(der), int64(len(der)), int64(at)); ok {
				got = append(got, p)
			}
			for _, p := range got {
				if p.off < 0 || p.len <= 0 || p.off+p.len > int64(len(der)) || p.form == "" {
					t.Errorf("%+v", p)
				}
			}
		}
	})
}

// One key takes many forms of escaping.
func TestEscapes(t *testing.T) {
	ar, err := txtar.ParseFile("testdata/forms.txt")
	if err != nil {
		t.Fatal(err)
	}
	pem := ""
	for _, f := range ar.Files {
		if f.Name == "fw/etc/a.key" {
			pem = strings.TrimSpace(string(f.Data))
		}
	}
	for name, s := range map[string]string{
		"as it is": pem,
		"CR LF":    strings.ReplaceAll(pem, "\n", "\r\n"),
		`\n`:       strings.ReplaceAll(pem, "\n", `\n`),
		`\r\n`:     strings.ReplaceAll(pem, "\n", `\r\n`),
		"XML":      strings.ReplaceAll(pem, "\n", "&#10;"),
		"XML CR":   strings.ReplaceAll(pem, "\n", "&#xD;&#xA;"),
		"C":        `"` + strings.ReplaceAll(pem, "\n", "\\n\"\n  \"") + `"`,
		"one line": strings.ReplaceAll(pem, "\n", " "),
	} {
		if facts, err := checktest.Node(t, Check(), []byte("x = "+s+"\n")); len(facts) != 1 || err != nil {
			t.Errorf("%s: %d facts, %v", name, len(facts), err)
		}
	}
}

// Beginnings without end cost one pass, and more than are looked at is said.
func TestManyBeginnings(t *testing.T) {
	data := bytes.Repeat([]byte("-----BEGIN RSA PRIVATE KEY-----\nAAAA\n"), 5000)
	if _, err := checktest.Node(t, Check(), data); err == nil {
		t.Error("5,000 places and no word of the limit")
	}
	data = append([]byte("-----BEGIN RSA PRIVATE KEY-----\n"), bytes.Repeat([]byte("A"), 1<<20)...)
	if facts, err := checktest.Node(t, Check(), data); len(facts) != 0 || err != nil {
		t.Error(len(facts), err)
	}
}

func BenchmarkNode(b *testing.B) {
	ar, err := txtar.ParseFile("testdata/forms.txt")
	if err != nil {
		b.Fatal(err)
	}
	for _, f := range ar.Files {
		if f.Name == "fw/etc/a.key" {
			data := make([]byte, 1<<20)
			for i := 0; i < len(data); i += 64 << 10 {
				copy(data[i:], f.Data)
			}
			checktest.Benchmark(b, Check(), data)
		}
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// A reader that gives nothing more, as when the bound on reading is reached in
// the middle, breaks no finder.
func TestReadsNothing(t *testing.T) {
	data := []byte(strings.Repeat("a", 64))
	for _, f := range finders {
		text := append([]byte(f.literal), data...)
		if f.literal == jksMagic || f.literal == jceksMagic {
			text = append([]byte(f.literal), 2, 0, 0, 0, 1, 0, 0, 0, 1)
			text = append(text, data...)
		}
		for reads := range 6 {
			r := &few{bytes.NewReader(text), reads}
			if f.many != nil {
				f.many(r, int64(len(text)), 0)
			} else {
				f.one(r, int64(len(text)), 0)
			}
		}
	}
}

// few gives bytes so many times.
type few struct {
	io.ReaderAt
	left int
}

func (r *few) ReadAt(p []byte, off int64) (int, error) {
	if r.left--; r.left < 0 {
		return 0, io.ErrUnexpectedEOF
	}
	return r.ReaderAt.ReadAt(p, off)
}
