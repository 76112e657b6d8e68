package secret

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"strings"
	"testing"

	"github.com/wardein/wardein/internal/testkit/checktest"
)

// A setting is found at every offset, also where windows meet.
func TestWindows(t *testing.T) {
	const line = "\nwpa_passphrase=Quince-4417\n"
	for _, base := range []int{0, window - 40, window - margin - 40, window + margin - 40, 3*window - 40} {
		for d := range 80 {
			at := base + d
			data := bytes.Repeat([]byte("some text.\n"), (4*window)/11)
			copy(data[at:], line)
			facts, err := checktest.Node(t, Check(), data)
			if err != nil || len(facts) != 1 || facts[0].Off != int64(at+16) || facts[0].Len != 11 {
				t.Fatalf("at %d: %+v, %v", at, facts, err)
			}
		}
	}
}

// Every stem can be found, in small and capital letters, at odd and even
// offsets.
func TestStems(t *testing.T) {
	table := stemsByPair()
	for _, s := range stems {
		if len(s.text) < 3 || len(s.text) > longestStem || s.text != strings.ToLower(s.text) {
			t.Errorf("%q", s.text)
		}
		for _, text := range []string{s.text, strings.ToUpper(s.text)} {
			for _, lead := range []string{"  ", "   "} {
				p := []byte(lead + text + "  ")
				n := 0
				for i := 0; i+1 < len(p); i += 2 {
					pair := uint16(p[i]) | uint16(p[i+1])<<8
					if table.bits[pair>>6]>>(pair&63)&1 == 0 {
						continue
					}
					for _, st := range table.lists[table.index[pair]] {
						if stems[st.stem].text == s.text && i-st.at == len(lead) {
							n++
						}
					}
				}
				if n != 1 {
					t.Errorf("%q behind %d bytes: %d times", text, len(lead), n)
				}
			}
		}
	}
}

// Every line of the table can be reached.
func TestTable(t *testing.T) {
	kindOf := map[string]bool{"wg": true, "wg-shared": true}
	for _, k := range kinds {
		kindOf[k.name] = true
	}
	n := 0
	for line := range strings.Lines(settingsTable) {
		if line[0] == '#' {
			continue
		}
		n++
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		if len(f) != 5 || f[4] == "" || !kindOf[f[0]] {
			t.Fatalf("%q", line)
		}
		name := strings.ReplaceAll(f[1], "*", "x")
		reached := false
		settings().each([]byte(name), func(x *rule) bool {
			reached = reached || x.kind == f[0] && strings.Trim(f[1], "*") == x.key
			return true
		})
		stem := false
		for _, s := range stems {
			at := strings.Index("option "+name, s.text)
			server := strings.Index("radius-server "+name, s.text)
			stem = stem || s.see == nil && (at >= 0 || server >= 0)
		}
		if !reached || !stem {
			t.Errorf("%s: reached %v, a stem is in it %v", f[1], reached, stem)
		}
	}
	if n < 100 {
		t.Errorf("%d lines", n)
	}
}

// Bytes that look like keys over and over cost a bounded number of reads, and
// the bound is said.
func TestBudget(t *testing.T) {
	data := bytes.Repeat([]byte(jksMagic+"\x02\x00\x00\x10\x00"), 1<<16)
	if _, err := checktest.Node(t, Check(), data); err == nil || !strings.Contains(err.Error(), "limit") {
		t.Error(err)
	}
}

// More keys than are looked at are said.
func TestManyKeys(t *testing.T) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	facts, err := checktest.Node(t, Check(), bytes.Repeat(der, maxKeys+9))
	if len(facts) != maxKeys || err == nil {
		t.Errorf("%d keys, %v", len(facts), err)
	}
}

// A set holds what was written, in any order of the fingerprints.
func TestKeySet(t *testing.T) {
	a, b, c := strings.Repeat("0a", 32), strings.Repeat("0b", 32), strings.Repeat("0c", 32)
	var one, two bytes.Buffer
	if err := WriteKeySet(&one, "lab", "2026-01-02", [32]byte{1}, []string{a, b, a}); err != nil {
		t.Fatal(err)
	}
	if err := WriteKeySet(&two, "lab", "2026-01-02", [32]byte{1}, []string{b, a}); err != nil || one.String() != two.String() {
		t.Errorf("%s\n%s", &one, &two)
	}
	text := one.String()
	if strings.Contains(text, a) {
		t.Error("a fingerprint without salt")
	}
	k, err := ReadKeySet(strings.NewReader(strings.Replace(text, "key ", "# a comment\nkey ", 1)))
	if err != nil || k.Name != "lab" || k.Date != "2026-01-02" {
		t.Fatal(k, err)
	}
	for p, want := range map[string]bool{a: true, b: true, c: false, "": false, "zz": false} {
		if _, ok := k.Has(p); ok != want {
			t.Errorf("%q: %v", p, ok)
		}
	}
	for _, bad := range []string{"", "wardein-keys 2\n", keySetHead, text + "other\n", text + "key 00\n", strings.Replace(text, "2026-01-02", "today", 1),
		strings.Replace(text, "name lab", "name A b", 1), strings.Replace(text, "salt 01", "salt ", 1), text + "key " + a + " " + strings.Repeat("x", 121)} {
		if _, err := ReadKeySet(strings.NewReader(bad)); err == nil {
			t.Errorf("%q is read", bad)
		}
	}
}

// A key of the set is said, with its note, once for each set.
func TestKnown(t *testing.T) {
	tree := &checktest.Tree{}
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	tree.Add("fw/etc/a.der", 0o600, der)
	facts, _ := checktest.Node(t, Check(), der)
	set := func(name string) *KeySet {
		var b bytes.Buffer
		if err := WriteKeySet(&b, name, "2026-01-02", [32]byte{2}, []string{facts[0].Attr("fingerprint")}); err != nil {
			t.Fatal(err)
		}
		s, err := ReadKeySet(strings.NewReader(strings.TrimSpace(b.String()) + " a note\n"))
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	c := Check(set("one"), set("two"))
	said := checktest.String(c, tree.Judge(t, c))
	if strings.Count(said, "secret.key-known") != 2 || !strings.Contains(said, "the key set one (a note)") {
		t.Error(said)
	}
}
