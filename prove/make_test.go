package prove

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wardein/wardein/prove/statement"
)

// The same draft gives the same bytes; another seed, other roots and salts.
func TestSame(t *testing.T) {
	one, two := makeSample(t, draft(t)), makeSample(t, draft(t))
	if !bytes.Equal(one.full, two.full) || !bytes.Equal(one.public, two.public) {
		t.Error("one draft, two bundles")
	}
	d := draft(t)
	d.Seed[31] ^= 1
	other := makeSample(t, d)
	for _, name := range []string{RootsName, SeedName, StatementName, "evidence/F-7c210001.json"} {
		if bytes.Equal(member(t, one.full, name), member(t, other.full, name)) {
			t.Errorf("%s does not depend on the seed", name)
		}
	}
}

func member(t testing.TB, bundle []byte, name string) []byte {
	t.Helper()
	for _, f := range unpackBundle(t, bundle) {
		if f.name == name {
			return f.content
		}
	}
	t.Fatalf("no member %s", name)
	return nil
}

// What is not a report with its tree file is not signed.
func TestMake(t *testing.T) {
	change := func(old, new string) func(*Draft) {
		return func(d *Draft) {
			b := bytes.Replace(d.Report, []byte(old), []byte(new), 1)
			if bytes.Equal(b, d.Report) {
				t.Fatalf("%q is not in the report", old)
			}
			d.Report = b
		}
	}
	for _, c := range []struct {
		edit func(*Draft)
		err  string
	}{
		{func(d *Draft) { d.Report = []byte("{}\n") }, "not a report"},
		{func(d *Draft) { d.Report = []byte("PK") }, "not a report"},
		{change(`{"components"`, ` {"components"`), "not in canonical form"},
		{change("}\n", "}"), "not in canonical form"},
		{change(`"partial":false`, `"partial":true`), "interrupted"},
		{change(`"severity":"critical"`, `"severity":"worst"`), `severity "worst"`},
		{change(`"id":"F-7c210001"`, `"id":"../F-7c210001"`), `id "../F-7c210001" cannot name a member`},
		{change(`"id":"F-7c210001"`, `"id":""`), `id "" cannot name a member`},
		{change(`"nodes":"5"`, `"nodes":5.5`), "not a report"},
		{func(d *Draft) { d.Tree, d.TreeSize = strings.NewReader("{}\n"), 3 }, "the tree file is not the report's"},
		{func(d *Draft) { d.TreeSize-- }, "its last line has no line feed"},
		{func(d *Draft) { d.Contact = []byte("{}") }, "contact record: "},
		{func(d *Draft) { d.Contact = makeSample(t, draft(t)).Envelope }, "contact record: "},
		{func(d *Draft) { d.Salt = []byte("short") }, "salt"},
		{func(d *Draft) { d.Encrypt = func([]byte) ([]byte, error) { return nil, os.ErrPermission } }, "permission denied"},
	} {
		d := draft(t)
		c.edit(d)
		if _, err := Make(d, labNorth); err == nil || !strings.Contains(err.Error(), c.err) {
			t.Errorf("%v, want %q", err, c.err)
		}
	}
	if _, err := Make(draft(t)); err == nil {
		t.Error("nobody signs, and it was made")
	}
	d := draft(t)
	d.Contact = nil
	m, err := Make(d, labNorth)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "public")
	if err := m.Save(file, true); err != ErrNoContact {
		t.Error(err)
	}
	if _, err := os.Stat(file); err == nil {
		t.Error("a public bundle without a contact record was written")
	}
	// two findings of one ID
	d = draft(t)
	change(`"id":"F-7c210002"`, `"id":"F-7c210001"`)(d)
	two := makeSample(t, d)
	var e evidence
	if err := json.Unmarshal(member(t, two.full, "evidence/F-7c210001-2.json"), &e); err != nil || e.Index != 1 || e.Finding != "F-7c210001" {
		t.Errorf("%+v, %v", e, err)
	}
	if _, err := verify(two.full, parsePolicy(t, policyText(keysOnly))); err != nil {
		t.Error(err)
	}
}

// The public bundle holds nothing of the release but what the specification
// lists: no path but those of gaps, no finding, no digest but the release's, no
// seed, no salt.
func TestPublic(t *testing.T) {
	s := makeSample(t, draft(t))
	text := string(s.public)
	for _, f := range unpackBundle(t, s.public) { // what envelopes hold is in base64
		if strings.HasSuffix(f.name, ".dsse.json") {
			_, e, err := statement.Open(f.content)
			if err != nil {
				t.Fatal(err)
			}
			text += string(e.Payload)
		}
	}
	seed := draft(t).Seed
	secrets := []string{"passwd", "key.pem", "root::", "account.empty", "private-key", "no password", hex.EncodeToString([]byte("root::")), hex.EncodeToString(seed[:]), "bench.example"}
	err := eachLine(bytes.NewReader(member(t, s.full, TreeName)), func(i int, line []byte) error {
		var n struct{ Blob string }
		if err := json.Unmarshal(line, &n); err != nil {
			return err
		}
		if i > 0 { // the first is the release
			secrets = append(secrets, n.Blob)
		}
		sl := salt(&seed, treeLabel, uint64(i))
		secrets = append(secrets, hex.EncodeToString(sl[:]))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range secrets {
		if strings.Contains(text, x) {
			t.Errorf("the public bundle holds %q", x)
		}
	}
	if !strings.Contains(text, "bin/omcid") || !strings.Contains(text, "cut off") {
		t.Error("the public bundle lacks a gap")
	}
}

// Attach replaces the file at once, for the two kinds of members that come
// later, and changes nothing of what it cannot read.
func TestAttach(t *testing.T) {
	s := makeSample(t, draft(t))
	dir := t.TempDir()
	file := filepath.Join(dir, "bundle")
	if err := os.WriteFile(file, s.full, 0o640); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{TreeName, StatementName, "zzz", "counter/x.dsse.json", "counter/0123456789ABCDEF.dsse.json", "counter/0123456789abcdef.json", "../log.tlog-proof", ""} {
		if err := Attach(file, file, name, []byte("x")); err == nil {
			t.Errorf("%q was attached", name)
		}
	}
	if err := Attach(file, file, ProofName, []byte("one")); err != nil {
		t.Fatal(err)
	}
	once, _ := os.ReadFile(file)
	if err := Attach(file, file, ProofName, []byte("one")); err != nil {
		t.Fatal(err)
	}
	if again, _ := os.ReadFile(file); !bytes.Equal(again, once) || string(member(t, again, ProofName)) != "one" {
		t.Error("attached twice, it is another file")
	}
	other := filepath.Join(dir, "other")
	if err := Attach(file, other, ProofName, []byte("two")); err != nil {
		t.Fatal(err)
	}
	if b, _ := os.ReadFile(other); string(member(t, b, ProofName)) != "two" {
		t.Error("the other file has the old proof")
	}
	if st, err := os.Stat(file); err != nil || st.Mode().Perm() != 0o640 {
		t.Errorf("%v, %v", st.Mode(), err)
	}
	if err := os.WriteFile(file, s.full[:1000], 0o640); err != nil {
		t.Fatal(err)
	}
	if err := Attach(file, file, ProofName, []byte("x")); err == nil {
		t.Error("attached to a bundle that is cut off")
	}
	if b, _ := os.ReadFile(file); !bytes.Equal(b, s.full[:1000]) {
		t.Error("what could not be read was written over")
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".*")); len(left) > 0 {
		t.Errorf("left behind: %q", left)
	}
}
