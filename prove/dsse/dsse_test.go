package dsse

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"
)

// key is a test key: its seed is its name.
func key(t testing.TB, name string) (note.Signer, note.Verifier) {
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
	return s, v
}

// The example of the DSSE protocol, section "Signature Definition".
func TestEncode(t *testing.T) {
	if got, want := string(Encode("http://example.com/HelloWorld", []byte("hello world"))), "DSSEv1 29 http://example.com/HelloWorld 11 hello world"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := string(Encode("", nil)); got != "DSSEv1 0  0 " {
		t.Errorf("%q", got)
	}
}

func TestSign(t *testing.T) {
	b1, bv := key(t, "b.example")
	a1, av := key(t, "a.example")
	e, err := Sign("text/plain", []byte("hello"), b1, a1)
	if err != nil {
		t.Fatal(err)
	}
	o, err := Open(e)
	if err != nil {
		t.Fatal(err)
	}
	if o.Type != "text/plain" || string(o.Payload) != "hello" || len(o.Signatures) != 2 || o.Signatures[0].Name != "a.example" {
		t.Errorf("%+v", o)
	}
	by, err := o.Verify(note.VerifierList(av, bv))
	if err != nil || len(by) != 2 || by[0].Name() != "a.example" {
		t.Errorf("%v, %v", by, err)
	}
	// the order of signers does not show
	again, err := Sign("text/plain", []byte("hello"), a1, b1)
	if err != nil || !bytes.Equal(again, e) {
		t.Errorf("%s\n%s, %v", again, e, err)
	}
	if _, err := o.Verify(note.VerifierList(av)); err == nil || !strings.Contains(err.Error(), "signature by b.example+") {
		t.Errorf("a key that nobody knows: %v", err)
	}
	o.Payload = []byte("hallo")
	if _, err := o.Verify(note.VerifierList(av, bv)); err == nil || !strings.Contains(err.Error(), "signature by a.example+") {
		t.Errorf("another payload: %v", err)
	}
	if _, err := (&Envelope{}).Verify(note.VerifierList(av)); err == nil {
		t.Error("nobody signed, and it verifies")
	}
	// a type is signed, too
	typed, _ := Open(e)
	typed.Type = "text/html"
	if _, err := typed.Verify(note.VerifierList(av, bv)); err == nil {
		t.Error("another type verifies")
	}
	if _, err := Sign("x", nil, a1, a1); err != nil {
		t.Error(err)
	} else if twice, _ := Sign("x", nil, a1, a1); func() bool { _, err := Open(twice); return err == nil }() {
		t.Error("one key twice is read")
	}
}

// Each byte of an envelope is bound: every other value of it is refused.
func TestFlips(t *testing.T) {
	s, v := key(t, "a.example")
	e, err := Sign("text/plain", []byte("hello, envelope"), s)
	if err != nil {
		t.Fatal(err)
	}
	for i := range e {
		for x := 1; x < 256; x++ {
			b := bytes.Clone(e)
			b[i] ^= byte(x)
			o, err := Open(b)
			if err == nil {
				_, err = o.Verify(note.VerifierList(v))
			}
			if err == nil {
				t.Fatalf("byte %d, %#02x for %#02x: accepted", i, b[i], e[i])
			}
		}
		if o, err := Open(e[:i]); err == nil {
			t.Fatalf("cut at %d: %+v", i, o)
		}
	}
}

// Other ways to write the same envelope.
func TestForms(t *testing.T) {
	s, _ := key(t, "a.example")
	good, err := Sign("text/plain", []byte("hell"), s) // four bytes: base64 with unused bits
	if err != nil {
		t.Fatal(err)
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(good, &fields); err != nil {
		t.Fatal(err)
	}
	for _, change := range [][2]string{
		{"\n", ""}, {"\n", "\n\n"}, {`{"payload"`, `{ "payload"`}, {"aGVsbA==", "aGVsbB=="}, {"aGVsbA==", "aGVsbA"}, {"aGVsbA==", "aGVs\\nbA=="}, {"aGVsbA==", "aGVs\nbA=="},
		{`"payloadType"`, `"payloadtype"`}, {`{"payload":`, `{"payload":"","payload":`}, {"text/plain", `text\/plain`}, {"text/plain", `\u0074ext/plain`},
		{`"signatures"`, `"more":1,"signatures"`}, {`"sig":`, `"cert":"","sig":`}, {`"keyid":"a.example+`, `"keyid":"a.example`}, {`+`, `+0`},
	} {
		b := strings.Replace(string(good), change[0], change[1], 1)
		if b == string(good) {
			t.Fatalf("%q changes nothing", change)
		}
		if _, err := Open([]byte(b)); err == nil {
			t.Errorf("accepted: %s", b)
		}
	}
	upper := []byte(strings.Replace(string(good), keyHash(good), strings.ToUpper(keyHash(good)), 1))
	if !bytes.Equal(upper, good) {
		if _, err := Open(upper); err == nil {
			t.Error("a key's hash in upper case was accepted")
		}
	}
	if _, err := Open(make([]byte, MaxSize+1)); err == nil || !strings.Contains(err.Error(), "at most") {
		t.Error(err)
	}
}

func keyHash(envelope []byte) string {
	_, rest, _ := strings.Cut(string(envelope), "example+")
	return rest[:8]
}

// What is read is the only form of what it says.
func Fuzz(f *testing.F) {
	a, av := key(f, "a.example")
	b, bv := key(f, "b.example")
	for _, by := range [][]note.Signer{{a}, {a, b}, nil} {
		e, err := Sign("text/plain", []byte("hello"), by...)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(e)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		e, err := Open(in)
		if err != nil {
			return
		}
		if !bytes.Equal(e.bytes(), in) {
			t.Fatalf("%q is written as %q", in, e.bytes())
		}
		by, err := e.Verify(note.VerifierList(av, bv))
		if err == nil && (string(e.Payload) != "hello" || e.Type != "text/plain" || !slices.ContainsFunc(by, func(v note.Verifier) bool { return v == av || v == bv })) {
			t.Fatalf("verified: %q", in)
		}
	})
}
