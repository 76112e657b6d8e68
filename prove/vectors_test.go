package prove

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/internal/testkit"
	"github.com/wardein/wardein/prove/statement"
)

// vector is a bundle, what it is verified with, and what comes out.
type vector struct {
	name, prose string
	policy      string
	bundle      []byte
	input       []byte // nil: none is given
	disclosed   []byte // nil: none is given
	verdict     string // "ok", or "refused: " and the part
}

func (v *vector) archive() []byte {
	fold := func(b []byte) []byte {
		s := base64.StdEncoding.EncodeToString(b)
		var out strings.Builder
		for ; len(s) > 120; s = s[120:] {
			out.WriteString(s[:120] + "\n")
		}
		return []byte(out.String() + s + "\n")
	}
	a := &txtar.Archive{Comment: []byte(v.prose + "\n")}
	add := func(name string, b []byte) { a.Files = append(a.Files, txtar.File{Name: name, Data: b}) }
	add("policy", []byte(v.policy))
	add("bundle.base64", fold(v.bundle))
	if v.input != nil {
		add("input.base64", fold(v.input))
	}
	if v.disclosed != nil {
		add("disclosed.json", v.disclosed)
	}
	add("verdict", []byte(v.verdict+"\n"))
	return txtar.Format(a)
}

func parseVector(t testing.TB, name string, b []byte) *vector {
	t.Helper()
	v := &vector{name: name}
	for _, f := range txtar.Parse(b).Files {
		switch f.Name {
		case "policy":
			v.policy = string(f.Data)
		case "bundle.base64", "input.base64":
			raw, err := base64.StdEncoding.DecodeString(strings.ReplaceAll(string(f.Data), "\n", ""))
			if err != nil {
				t.Fatalf("%s: %s: %v", name, f.Name, err)
			}
			if f.Name == "input.base64" {
				v.input = raw
			} else {
				v.bundle = raw
			}
		case "disclosed.json":
			v.disclosed = f.Data
		case "verdict":
			v.verdict = strings.TrimSpace(string(f.Data))
		}
	}
	return v
}

// found is the verdict on a vector.
func (v *vector) found(t testing.TB) (string, error) {
	b, err := verify(v.bundle, parsePolicy(t, v.policy))
	if err == nil && v.input != nil && wardein.Digest(sha256.Sum256(v.input)) != b.Subject {
		err = refuse("input", "another release")
	}
	if err == nil && v.disclosed != nil {
		_, err = b.Disclosed(bytes.NewReader(v.disclosed))
	}
	var r *Refused
	switch {
	case err == nil:
		return "ok", nil
	case errors.As(err, &r):
		return "refused: " + r.Part, err
	}
	return "error", err
}

// TestVectors verifies the vectors of the specification. They are made here,
// with -update, and are the same each time.
func TestVectors(t *testing.T) {
	dir := filepath.Join("testdata", "vectors")
	made := map[string]bool{}
	for _, v := range vectors(t) {
		file := filepath.Join(dir, v.name+".txt")
		made[file] = true
		if flag.Lookup("update").Value.String() == "true" { // the flag is testkit's
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, v.archive(), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Error(err)
			continue
		}
		if !bytes.Equal(b, v.archive()) {
			t.Errorf("%s is not what is made here: -update writes it anew", file)
		}
		there := parseVector(t, v.name, b)
		got, err := there.found(t)
		if got != there.verdict {
			t.Errorf("%s: %s (%v), want %s", v.name, got, err, there.verdict)
		}
	}
	files, err := filepath.Glob(filepath.Join(dir, "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !made[f] {
			t.Errorf("nobody makes %s", f)
		}
	}
}

// TestSecond has the vectors verified by another verifier, which was written
// from docs/bundle.md in another language. It finds the library that it needs
// for ML-DSA-44 where NODE_MODULES says.
func TestSecond(t *testing.T) {
	python := testkit.Tool(t, "python3")
	testkit.Tool(t, "openssl")
	files, err := filepath.Glob(filepath.Join("testdata", "vectors", "*.txt"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(python, append([]string{filepath.Join("testdata", "verify.py")}, files...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Errorf("%v\n%s", err, &stderr)
	}
	said := map[string]int{}
	for l := range strings.Lines(string(out)) {
		_, verdict, _ := strings.Cut(strings.TrimSpace(l), ": ")
		word, _, _ := strings.Cut(verdict, ":")
		said[word]++
	}
	t.Log(said)
	if said["ok"] < 10 || said["refused"] < 90 || said["ok"]+said["refused"]+said["skipped"] != len(files) {
		t.Errorf("%d vectors: %v\n%s", len(files), said, &stderr)
	}
	if said["skipped"] > 0 {
		testkit.Skip(t, fmt.Sprintf("%d vectors need node and @noble/post-quantum in NODE_MODULES", said["skipped"]))
	}
}

// forge makes the bundle of a lab that signs what it must not: members are
// edited before they are bound, the predicate after that.
func forge(t testing.TB, d *Draft, members func(files map[string][]byte), predicate func(p *Inspection)) *sample {
	t.Helper()
	made := makeSample(t, d)
	content := map[string][]byte{}
	for _, f := range unpackBundle(t, made.full) {
		if f.name != StatementName {
			content[f.name] = f.content
		}
	}
	if members != nil {
		members(content)
	}
	p := *made.Inspection
	p.Members = nil
	for name, c := range content {
		p.Members = append(p.Members, Bound{name, isPublic(name), sha256.Sum256(c), int64(len(c))})
	}
	slices.SortFunc(p.Members, func(a, b Bound) int { return strings.Compare(a.Name, b.Name) })
	p.Recipe, p.Report, p.Tree = sha256.Sum256(content[RecipeName]), sha256.Sum256(content[ReportName]), sha256.Sum256(content[TreeName])
	if predicate != nil {
		predicate(&p)
	}
	b, err := canon.Of(p)
	if err != nil {
		t.Fatal(err)
	}
	return sealed(t, content, &statement.Statement{Subject: made.Subject, Type: statement.Inspection, Predicate: b})
}

// sealed signs a statement and packs it with contents.
func sealed(t testing.TB, content map[string][]byte, s *statement.Statement) *sample {
	t.Helper()
	envelope, err := statement.Sign(s, labNorth)
	if err != nil {
		t.Fatal(err)
	}
	return withEnvelope(content, envelope)
}

func withEnvelope(content map[string][]byte, envelope []byte) *sample {
	made := &sample{Made: &Made{Envelope: envelope}}
	files := []file{{StatementName, envelope}}
	for name, c := range content {
		files = append(files, file{name, c})
	}
	slices.SortFunc(files, func(a, b file) int { return strings.Compare(a.name, b.name) })
	made.full = pack(files)
	made.public = pack(slices.DeleteFunc(files, func(f file) bool { return f.name != StatementName && !isPublic(f.name) }))
	return made
}

// contents are the members of a bundle but the statement.
func contents(t testing.TB, b []byte) map[string][]byte {
	all := map[string][]byte{}
	for _, f := range unpackBundle(t, b) {
		if f.name != StatementName {
			all[f.name] = f.content
		}
	}
	return all
}
