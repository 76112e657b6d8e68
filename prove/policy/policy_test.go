package policy

import (
	"encoding/base64"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	formats "github.com/transparency-dev/formats/note"
	"golang.org/x/mod/sumdb/note"

	"github.com/wardein/wardein"
)

// testKey makes a test key of an algorithm.
func testKey(t testing.TB, name string, a Algorithm) (note.Signer, string) {
	t.Helper()
	var skey, vkey string
	var err error
	if a == MLDSA44 {
		skey, vkey, err = formats.GenerateMLDSAKey(name)
	} else {
		skey, vkey, err = note.GenerateKey(nil, name)
	}
	if err != nil {
		t.Fatal(err)
	}
	var s note.Signer
	switch a {
	case Ed25519:
		s, err = note.NewSigner(skey)
	case CosignatureV1:
		if vkey, err = formats.VKeyToCosignatureV1(vkey); err == nil {
			s, err = formats.NewSignerForCosignatureV1(skey)
		}
	case MLDSA44:
		s, err = formats.NewSignerForCosignatureV1(skey)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s, vkey
}

// keys is a set of test keys by name; $name in a policy becomes the key.
type keys map[string]struct {
	signer note.Signer
	vkey   string
}

func testKeys(t testing.TB) keys {
	k := keys{}
	for name, a := range map[string]Algorithm{"log": Ed25519, "pqlog": MLDSA44, "w1": CosignatureV1, "w2": CosignatureV1, "w3": CosignatureV1, "pq": MLDSA44, "lab": Ed25519, "vendor": Ed25519} {
		v := k[name]
		v.signer, v.vkey = testKey(t, name+".example", a)
		k[name] = v
	}
	return k
}

func (k keys) policy(text string) []byte {
	var from []string
	for _, name := range []string{"pqlog", "log", "w1", "w2", "w3", "pq", "lab", "vendor"} {
		from = append(from, "$"+name, k[name].vkey)
	}
	return []byte(strings.NewReplacer(from...).Replace(text))
}

const nested = `# three nations and an association
log $log https://log.example/
log $pqlog
lab $lab
vendor $vendor

witness north $w1
	witness  south	$w2   http://127.0.0.1:1/
witness association $w3
witness pq $pq
group nations 2 north south pq
group allies all nations association
quorum allies
`

func TestParse(t *testing.T) {
	p, err := Parse(testKeys(t).policy(nested))
	if err != nil {
		t.Fatal(err)
	}
	if len(p.Logs) != 2 || len(p.Witnesses) != 4 || len(p.Labs) != 1 || len(p.Vendors) != 1 {
		t.Errorf("%+v", p)
	}
	if w := p.Witnesses[1]; w.Label != "south" || w.Name() != "w2.example" || w.URL != "http://127.0.0.1:1/" || w.Algorithm != CosignatureV1 {
		t.Errorf("%+v", w)
	}
	if l := p.Logs[0]; l.Label != "log.example" || l.URL != "https://log.example/" {
		t.Errorf("%+v", l)
	}
}

func TestQuorum(t *testing.T) {
	k := testKeys(t)
	nested, err := Parse(k.policy(nested))
	if err != nil {
		t.Fatal(err)
	}
	none, err := Parse([]byte("quorum none\n"))
	if err != nil {
		t.Fatal(err)
	}
	one, err := Parse(k.policy("witness north $w1\nquorum north\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		p    *Policy
		have string
		ok   bool
		why  string
	}{
		{nested, "north south association", true, "allies 2 of 2 (nations 2 of 3 (north, south), association)"},
		{nested, "pq north association", true, "allies 2 of 2 (nations 2 of 3 (north, pq), association)"},
		{nested, "north south pq", false, "allies 1 of 2, 2 needed (without association)"},
		{nested, "north north association", false, "allies 1 of 2, 2 needed (without nations 1 of 3, 2 needed (without south, pq))"},
		{nested, "", false, "allies 0 of 2, 2 needed (without nations 0 of 3, 2 needed (without north, south, pq), association)"},
		{nested, "stranger nations allies", false, "allies 0 of 2, 2 needed (without nations 0 of 3, 2 needed (without north, south, pq), association)"},
		{none, "", true, "no cosignature is asked for"},
		{one, "north", true, "north"},
		{one, "south", false, "no cosignature of north"},
	} {
		if ok, why := c.p.Quorum(strings.Fields(c.have)); ok != c.ok || why != c.why {
			t.Errorf("%q: %v %q, expected %v %q", c.have, ok, why, c.ok, c.why)
		}
	}
}

func TestRefused(t *testing.T) {
	k := testKeys(t)
	for _, c := range []struct{ text, err string }{
		{"", "no quorum line"},
		{"quorum none", "line 1: does not end with a line feed"},
		{"quorum none\r\n", "line 1: control character 0x0d at column 12"},
		{"quorum\u00a0none\n", `line 1: unknown keyword "quorum\u00a0none"`},
		{"quorum none\nquorum none\n", "line 2: a quorum stands in line 1"},
		{"quorum none # nothing\n", "line 1: expected: quorum <name|none>"},
		{"quorum allies\n", `line 1: no witness or group "allies" in a line before`},
		{"witnesses\n", `line 1: unknown keyword "witnesses"`},
		{"log\n", "line 1: expected: log <vkey> [<url>]"},
		{"log $w1\n", "line 1: key w1.example is Ed25519 cosignature/v1 (type 4), expected Ed25519 (type 1) or ML-DSA-44 (type 6)"},
		{"log $log\nlog $log\n", "line 2: the same public key stands in line 1"},
		{"log $pq\nwitness a $pq\n", "stands in line 1"},
		{"witness a $log\n", "line 1: key log.example is Ed25519 (type 1), expected"},
		{"witness none $w1\n", "line 1: the name none is taken"},
		{"witness a $w1\nwitness a $w2\n", `line 2: a witness or group "a" stands in a line before`},
		{"witness a $w1\nwitness b $w1\n", "line 2: the same public key stands in line 1"},
		{"lab $lab\nvendor $lab\n", "line 2: the same public key stands in line 1"},
		{"lab $w1\n", "line 1: key w1.example is Ed25519 cosignature/v1"},
		{"lab $lab url\n", "line 1: expected: lab <vkey>"},
		{"witness a $w1\ngroup g 1\n", "line 2: expected: group"},
		{"witness a $w1\ngroup g 0 a\n", `line 2: threshold "0" of group "g"`},
		{"witness a $w1\ngroup g 2 a\n", `line 2: threshold "2" of group "g": expected any, all or a number from 1 to 1`},
		{"witness a $w1\ngroup g -1 a\n", "line 2: threshold"},
		{"witness a $w1\ngroup g 18446744073709551617 a\n", "line 2: threshold"},
		{"witness a $w1\ngroup g all a a\n", `line 2: "a" is a member of group "g" already`},
		{"witness a $w1\ngroup g all a\ngroup h all a\n", `line 3: "a" is a member of group "g" already`},
		{"witness a $w1\ngroup g all g\n", `line 2: no witness or group "g"`},
		{"witness a $w1\ngroup g all none\n", `line 2: no witness or group "none"`},
		{"witness a $w1\ngroup a all a\n", `line 2: a witness or group "a"`},
		{strings.Repeat("#\n", MaxSize), "at most"},
	} {
		_, err := Parse(k.policy(c.text))
		if err == nil || !strings.Contains(err.Error(), c.err) {
			t.Errorf("%.60q: %v, expected %q", c.text, err, c.err)
		}
	}
	// one key under two names is one key
	name, hash, _ := strings.Cut(k["w1"].vkey, "+")
	_, b64, _ := strings.Cut(hash, "+")
	other := rename(t, "other.example", b64)
	if _, err := Parse([]byte("witness a " + name + "+" + hash + "\nwitness b " + other + "\nquorum none\n")); err == nil || !strings.Contains(err.Error(), "line 2: the same public key") {
		t.Error(err)
	}
}

// rename is a key under another name, with the hash that belongs to it.
func rename(t *testing.T, name, b64 string) string {
	_, err := ParseKey(name + "+00000000+" + b64)
	if err == nil {
		t.Fatal("a wrong hash was accepted")
	}
	s := err.Error()
	return name + "+" + s[len(s)-8:] + "+" + b64
}

func TestParseKey(t *testing.T) {
	k := testKeys(t)
	for _, name := range []string{"log", "w1", "pq"} {
		vkey := k[name].vkey
		if _, err := ParseKey(vkey); err != nil {
			t.Error(err)
		}
		i := strings.Index(vkey, "+")
		digit := "0"
		if vkey[i+1] == '0' {
			digit = "1"
		}
		for _, bad := range []string{"", "x", vkey[:len(vkey)-4], vkey + "AAAA", vkey + "=", vkey[:i+1] + digit + vkey[i+2:], vkey[:i+2] + strings.ToUpper(vkey[i+2:i+9]) + "+" + vkey[i+10:], "a b" + vkey[i:], vkey[i:], strings.Repeat("n", 256) + vkey[i:]} {
			if k, err := ParseKey(bad); err == nil && bad != vkey {
				t.Errorf("%.40q was read as %v", bad, k.VKey)
			}
		}
	}
	if _, err := ParseKey("a+00000000+" + base64.StdEncoding.EncodeToString([]byte{7, 0})); err == nil || !strings.Contains(err.Error(), "type 7") {
		t.Error(err)
	}
}

func TestOpenCheckpoint(t *testing.T) {
	k := testKeys(t)
	p, err := Parse(k.policy(nested))
	if err != nil {
		t.Fatal(err)
	}
	sign := func(c Checkpoint, names ...string) []byte {
		t.Helper()
		n := note.Note{Text: c.Text()}
		var signers []note.Signer
		for _, name := range names {
			signers = append(signers, k[name].signer)
		}
		b, err := note.Sign(&n, signers...)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	c := Checkpoint{Origin: "log.example", Size: 12, Root: wardein.Digest{1, 2}}
	good := sign(c, "log", "w1", "pq", "lab")
	s, err := p.OpenCheckpoint(good)
	if err != nil {
		t.Fatal(err)
	}
	if s.Size != 12 || s.Root != c.Root || len(s.Log) != 1 || fmt.Sprint(s.Labels()) != "[north pq]" || len(s.Unknown) != 1 || !strings.HasPrefix(s.Unknown[0], "lab.example+") {
		t.Errorf("%+v", s)
	}
	if again, err := p.OpenCheckpoint(s.Bytes()); err != nil || len(again.Unknown) > 0 || fmt.Sprint(again.Labels()) != "[north pq]" {
		t.Errorf("%+v, %v", again, err)
	}
	if ago := time.Since(s.Cosigned[0].Time); ago < -time.Minute || ago > time.Hour {
		t.Errorf("cosigned %v ago", ago)
	}
	// no byte of it can change, but those of a signature nobody knows
	unknown := strings.Index(string(good), "— lab.example")
	for i := range good[:unknown] {
		bad := append([]byte{}, good...)
		bad[i] ^= 1
		s, err := p.OpenCheckpoint(bad)
		// a signature that nobody knows any longer does not count
		if err == nil && len(s.Unknown) == 1 {
			t.Errorf("byte %d of %q changed to %q: accepted", i, good[i], bad[i])
		}
	}
	twice := append(append([]byte{}, good...), good[strings.Index(string(good), "— w1"):unknown]...)
	// what nobody knows is ignored, in whatever form
	strange := append(append([]byte{}, good...), "— log.example AAAAAAB=\n— lab.example AAAAAAA=\n— lab.example AAAAAAA=\n"...)
	other, pqc := c, c
	other.Origin, pqc.Origin = "w1.example", "pqlog.example"
	extended := pqc
	extended.Extension = []string{"more"}
	extendedLog := c
	extendedLog.Extension = []string{"more"}
	for _, x := range []struct {
		what string
		b    []byte
		err  string
	}{
		{"nobody of the policy", sign(c, "lab"), "no log of the policy signed it"},
		{"witness only", sign(c, "w1"), "no log of the policy signed it"},
		{"another log's name", sign(other, "log"), `checkpoint of "w1.example" is signed by log "log.example"`},
		{"twice", twice, "two signatures by w1.example+"},
		{"", strange, ""},
		{"uncovered lines", sign(extended, "pqlog"), "extension lines"},
		{"leading zero", []byte(strings.Replace(string(good), "\n12\n", "\n012\n", 1)), "invalid signature"},
		{"", sign(pqc, "pqlog", "w1"), ""},
		{"", sign(extendedLog, "log", "w1"), ""},
	} {
		if _, err := p.OpenCheckpoint(x.b); x.err == "" && err != nil || x.err != "" && (err == nil || !strings.Contains(err.Error(), x.err)) {
			t.Errorf("%s: %v, expected %q", x.what, err, x.err)
		}
	}
}

func TestParseCheckpoint(t *testing.T) {
	root := base64.StdEncoding.EncodeToString(make([]byte, 32))
	for text, ok := range map[string]bool{
		"o\n0\n" + root + "\n":                         true,
		"o\n1\n" + root + "\nx\n":                      true,
		"o\n1\n" + root:                                false,
		"o\n01\n" + root + "\n":                        false,
		"o\n+1\n" + root + "\n":                        false,
		"o\n\n" + root + "\n":                          false,
		"\n1\n" + root + "\n":                          false,
		"o\n9223372036854775808\n" + root + "\n":       false,
		"o\n1\n" + root + "\n\n":                       false,
		"o\n1\n" + root[:40] + "\n":                    false,
		"o\n1\n" + root[:42] + "B=\n":                  false,
		"o\n1\n" + root[:20] + "\r" + root[20:] + "\n": false,
	} {
		c, err := ParseCheckpoint(text)
		if (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
		if err == nil && c.Text() != text {
			t.Errorf("%q became %q", text, c.Text())
		}
	}
}

func FuzzParse(f *testing.F) {
	b, err := os.ReadFile("testdata/allies.policy")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte("quorum none\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := Parse(b)
		if err != nil {
			return
		}
		all := make([]string, len(p.Witnesses))
		for i, w := range p.Witnesses {
			all[i] = w.Label
		}
		if ok, why := p.Quorum(all); !ok {
			t.Errorf("all witnesses do not meet the quorum: %s", why)
		}
		if ok, why := p.Quorum(nil); ok && p.quorum != nil {
			t.Errorf("no witness meets the quorum: %s", why)
		}
	})
}

func FuzzCheckpoint(f *testing.F) {
	b, err := os.ReadFile("testdata/allies.policy")
	if err != nil {
		f.Fatal(err)
	}
	p, err := Parse(b)
	if err != nil {
		f.Fatal(err)
	}
	cp, err := os.ReadFile("testdata/checkpoint")
	if err != nil {
		f.Fatal(err)
	}
	if _, err := p.OpenCheckpoint(cp); err != nil {
		f.Fatal(err)
	}
	f.Add(cp)
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, err := p.OpenCheckpoint(b); err == nil && !strings.HasPrefix(string(b), s.Text()+"\n") {
			t.Errorf("%q is not how %q begins", s.Text(), b)
		}
	})
}

// Opening a checkpoint of a log with two cosignatures of one kind.
func BenchmarkOpenCheckpoint(b *testing.B) {
	for name, a := range map[string]Algorithm{"ed25519": CosignatureV1, "ml-dsa-44": MLDSA44} {
		b.Run(name, func(b *testing.B) {
			log, lkey := testKey(b, "log.example", Ed25519)
			w1, key1 := testKey(b, "w1.example", a)
			w2, key2 := testKey(b, "w2.example", a)
			p, err := Parse([]byte("log " + lkey + "\nwitness w1 " + key1 + "\nwitness w2 " + key2 + "\ngroup g all w1 w2\nquorum g\n"))
			if err != nil {
				b.Fatal(err)
			}
			cp, err := note.Sign(&note.Note{Text: (&Checkpoint{Origin: "log.example", Size: 1_000_000}).Text()}, log, w1, w2)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				if s, err := p.OpenCheckpoint(cp); err != nil || len(s.Cosigned) != 2 {
					b.Fatal(err)
				}
			}
		})
	}
}
