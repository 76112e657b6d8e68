package statement

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/prove/dsse"
)

// key is a test key: its seed is its name.
func key(t testing.TB, name string) note.Signer {
	t.Helper()
	seed := sha256.Sum256([]byte("test key, not secret: " + name))
	vkey, err := note.NewEd25519VerifierKey(name, ed25519.NewKeyFromSeed(seed[:]).Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	v, err := note.NewVerifier(vkey)
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(fmt.Sprintf("PRIVATE+KEY+%s+%08x+%s", name, v.KeyHash(), base64.StdEncoding.EncodeToString(append([]byte{1}, seed[:]...))))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

var subject = wardein.Digest(sha256.Sum256([]byte("a release")))

func sign(t testing.TB, kind, predicate string, by ...note.Signer) []byte {
	t.Helper()
	b, err := Sign(&Statement{Subject: subject, Type: kind, Predicate: []byte(predicate)}, by...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestOpen(t *testing.T) {
	b := sign(t, Reply, `{"a":[1,2],"z":"é"}`, key(t, "a.example"))
	s, e, err := Open(b)
	if err != nil {
		t.Fatal(err)
	}
	if s.Subject != subject || s.Type != Reply || string(s.Predicate) != `{"a":[1,2],"z":"é"}` || len(e.Signatures) != 1 {
		t.Errorf("%+v", s)
	}
	want := `{"_type":"https://in-toto.io/Statement/v1","predicate":{"a":[1,2],"z":"é"},"predicateType":"` + Reply + `","subject":[{"digest":{"sha256":"` + subject.String() + `"},"name":"subject"}]}`
	if string(e.Payload) != want {
		t.Errorf("%s\nwant %s", e.Payload, want)
	}
	if d := Digest(b); d != sha256.Sum256(b) {
		t.Error(d)
	}
}

// Other forms of a statement, each in an envelope that is right.
func TestForms(t *testing.T) {
	by := key(t, "a.example")
	_, e, err := Open(sign(t, Reply, `{"a":1}`, by))
	if err != nil {
		t.Fatal(err)
	}
	good := string(e.Payload)
	for _, change := range [][2]string{
		{`{"_type"`, ` {"_type"`}, {"}]}", "}]}\n"}, {"Statement/v1", "Statement/v0.1"}, {`"name":"subject"`, `"name":"olt.bin"`}, {`"name":"subject"`, `"name":"subject","uri":""`},
		{`"subject":[{`, `"subject":[{"digest":{"sha256":"` + subject.String() + `"},"name":"subject"},{`}, {`"sha256"`, `"sha512"`}, {`"sha256":"`, `"sha1":"00","sha256":"`},
		{subject.String(), strings.ToUpper(subject.String())}, {subject.String(), "00"}, {`"predicateType"`, `"PredicateType"`}, {`"predicate":{"a":1},`, ``}, {`"subject":[`, `"subject":[null,`},
	} {
		payload := strings.Replace(good, change[0], change[1], 1)
		if payload == good {
			t.Fatalf("%q changes nothing", change)
		}
		b, err := dsse.Sign(PayloadType, []byte(payload), by)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := Open(b); err == nil {
			t.Errorf("accepted: %s", payload)
		}
	}
	b, err := dsse.Sign("text/plain", e.Payload, by)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := Open(b); err == nil || !strings.Contains(err.Error(), `payload is "text/plain"`) {
		t.Error(err)
	}
}

func TestEntry(t *testing.T) {
	north, south := key(t, "north.example"), key(t, "south.example")
	salt := Salt([]byte("secret"), subject)
	for _, c := range []struct {
		predicate    string
		by           []note.Signer
		lab, subject string
		err          string
	}{
		{`{}`, []note.Signer{south}, "south.example", "sha256:" + subject.String(), ""},
		{`{}`, []note.Signer{south, north}, "north.example", "sha256:" + subject.String(), ""},
		{`{"lab":"south.example"}`, []note.Signer{south, north}, "south.example", "sha256:" + subject.String(), ""},
		{`{"lab":"east.example"}`, []note.Signer{south, north}, "", "", `lab "east.example" did not sign it`},
		{`{"lab":"north.example","salt":""}`, []note.Signer{north}, "north.example", "sha256:" + subject.String(), ""},
		{`{"lab":"north.example","salt":"` + hex.EncodeToString(salt) + `"}`, []note.Signer{north}, "north.example", "salted:" + Commit(subject, salt).String(), ""},
		{`{"salt":"x"}`, []note.Signer{north}, "", "", "salt: "},
		{`{"lab":1}`, []note.Signer{north}, "", "", "predicate: "},
		{`{}`, nil, "", "", "nobody signed it"},
	} {
		b := sign(t, Inspection, c.predicate, c.by...)
		e, err := EntryFor(b)
		if c.err != "" {
			if err == nil || !strings.Contains(err.Error(), c.err) {
				t.Errorf("%s: %v, want %s", c.predicate, err, c.err)
			}
			continue
		}
		if err != nil || e.Lab != c.lab || e.Subject != c.subject || e.Type != Inspection || e.Envelope != Digest(b) {
			t.Errorf("%s: %+v, %v", c.predicate, e, err)
		}
		text, err := e.Bytes()
		if err != nil {
			t.Fatal(err)
		}
		if back, err := ParseEntry(text); err != nil || back != e {
			t.Errorf("%s: %+v, %v", text, back, err)
		}
	}
	long := Entry{Lab: strings.Repeat("n", MaxEntry)}
	if _, err := long.Bytes(); err == nil {
		t.Error("an entry of more than the most was written")
	}
}

// Salts of two subjects, and of two labs, have nothing in common; the
// commitment is SHA-256 of salt and subject.
func TestSalt(t *testing.T) {
	a, b := Salt([]byte("one"), subject), Salt([]byte("two"), subject)
	c := Salt([]byte("one"), wardein.Digest{})
	if bytes.Equal(a, b) || bytes.Equal(a, c) || len(a) != 32 || !bytes.Equal(a, Salt([]byte("one"), subject)) {
		t.Errorf("%x %x %x", a, b, c)
	}
	if got := Commit(subject, a); got != sha256.Sum256(append(bytes.Clone(a), subject[:]...)) {
		t.Error(got)
	}
}

func TestParseEntry(t *testing.T) {
	e := Entry{Envelope: subject, Lab: "a.example", Subject: "sha256:" + subject.String(), Type: Reply}
	b, err := e.Bytes()
	if err != nil {
		t.Fatal(err)
	}
	good := string(b)
	for _, change := range [][2]string{
		{`{`, `{ `}, {`}`, "}\n"}, {`"lab":"a.example",`, ``}, {`"type"`, `"size":1,"type"`}, {"sha256:", "sha512:"}, {"sha256:", ""}, {subject.String() + `","type`, `00","type`},
		{`"envelope":"`, `"envelope":"0`}, {`"lab"`, `"Lab"`}, {subject.String(), strings.ToUpper(subject.String())},
		{`"sha256:` + subject.String(), `"sha256:` + strings.ToUpper(subject.String())},
	} {
		s := strings.Replace(good, change[0], change[1], 1)
		if s == good {
			t.Fatalf("%q changes nothing", change)
		}
		if e, err := ParseEntry([]byte(s)); err == nil {
			t.Errorf("accepted: %s as %+v", s, e)
		}
	}
	if _, err := ParseEntry(make([]byte, MaxEntry+1)); err == nil {
		t.Error("an entry of more than the most was read")
	}
}

// What is read is the only form of what it says.
func Fuzz(f *testing.F) {
	by := key(f, "a.example")
	f.Add(sign(f, Reply, `{"a":1}`, by))
	f.Add(sign(f, Inspection, `{"lab":"a.example","salt":"00"}`, by))
	f.Fuzz(func(t *testing.T, b []byte) {
		s, e, err := Open(b)
		if err != nil {
			return
		}
		if !bytes.Equal(s.bytes(), e.Payload) {
			t.Fatalf("%q is written as %q", e.Payload, s.bytes())
		}
		if entry, err := EntryFor(b); err == nil {
			text, err := entry.Bytes()
			if err != nil {
				return // a name or type that is too long
			}
			if back, err := ParseEntry(text); err != nil || back != entry {
				t.Fatalf("%s: %+v, %v", text, back, err)
			}
		}
	})
}

// FuzzEntry: an entry that is read is written as it was.
func FuzzEntry(f *testing.F) {
	e := Entry{Envelope: subject, Lab: "a.example", Subject: "salted:" + subject.String(), Type: Reply}
	b, err := e.Bytes()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		e, err := ParseEntry(b)
		if err != nil {
			return
		}
		if again, err := e.Bytes(); err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%q is written as %q, %v", b, again, err)
		}
	})
}
