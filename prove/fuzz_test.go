package prove

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/wardein/wardein/prove/policy"
)

// readVectors are the vectors as they are kept.
func readVectors(t testing.TB) (all []*vector) {
	files, err := filepath.Glob(filepath.Join("testdata", "vectors", "*.txt"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no vectors: %v", err)
	}
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, parseVector(t, f, b))
	}
	return all
}

// Fuzz verifies bundles and disclosures as they come. Whatever is accepted
// holds nothing but members that the labs of the tests made.
func Fuzz(f *testing.F) {
	var policies []*policy.Policy
	for _, kind := range []string{classic, quantum, keysOnly} {
		policies = append(policies, parsePolicy(f, policyText(kind)))
	}
	made := map[[32]byte]bool{}
	for _, v := range readVectors(f) {
		f.Add(v.bundle, v.disclosed)
		if v.verdict == "ok" {
			for _, m := range unpackBundle(f, v.bundle) {
				made[sha256.Sum256(append([]byte(m.name+"\n"), m.content...))] = true
			}
		}
	}
	f.Fuzz(func(t *testing.T, bundle, disclosed []byte) {
		for _, p := range policies {
			v, err := verify(bundle, p)
			if err != nil {
				var r *Refused
				if !errors.As(err, &r) || r.Part == "" {
					t.Fatalf("an error that names no part: %v", err)
				}
				continue
			}
			for _, m := range unpackBundle(t, bundle) {
				if !made[sha256.Sum256(append([]byte(m.name+"\n"), m.content...))] {
					t.Fatalf("accepted with a member %s that nobody made", m.name)
				}
			}
			if _, err := v.Disclosed(bytes.NewReader(disclosed)); err == nil && v.Inspection.Total() == 0 {
				t.Fatal("a finding was disclosed of none")
			}
		}
	})
}

// FuzzMember puts another content in the place of a member, in a container
// that is right.
func FuzzMember(f *testing.F) {
	_, bundle := answered(f, nationA, nationB, operators)
	p := parsePolicy(f, policyText(classic))
	files := unpackBundle(f, bundle)
	for i, m := range files {
		f.Add(uint8(i), m.content)
	}
	f.Fuzz(func(t *testing.T, i uint8, content []byte) {
		k := int(i) % len(files)
		changed := slices.Clone(files)
		changed[k].content = content
		_, err := verify(pack(changed), p)
		var r *Refused
		switch same := bytes.Equal(content, files[k].content); {
		case err == nil && !same:
			t.Fatalf("accepted with another %s", files[k].name)
		case err != nil && same:
			t.Fatal(err)
		case err != nil && (!errors.As(err, &r) || r.Part != "member "+files[k].name && r.Part != "policy"):
			t.Fatalf("another %s: %v", files[k].name, err)
		}
	})
}
