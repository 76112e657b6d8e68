package keys

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"filippo.io/age/armor"
	fnote "github.com/transparency-dev/formats/note"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/mod/sumdb/note"
	"pgregory.net/rapid"
)

// work is a low work factor, so that tests are quick.
const work = 1

func pass(s string) func() ([]byte, error) {
	return func() ([]byte, error) { return []byte(s), nil }
}

func newKey(t testing.TB, kind Kind, quantum bool) *Key {
	t.Helper()
	k, err := Generate(kind, "test-key.example", quantum)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func encrypted(t testing.TB, k *Key) []byte {
	t.Helper()
	b, err := k.Encrypt([]byte("a test passphrase"), work)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const checkpoint = "log.example\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"

// checkSigns holds what a key signs against other people's verifiers of its
// public keys.
func checkSigns(t *testing.T, k *Key) {
	t.Helper()
	public := k.Public()
	if s, err := k.Signer(); err == nil {
		v, err := note.NewVerifier(public[0])
		if err != nil {
			t.Fatal(err)
		}
		n, err := note.Sign(&note.Note{Text: checkpoint}, s)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := note.Open(n, note.VerifierList(v)); err != nil {
			t.Errorf("%s: %v", k.Kind, err)
		}
		public = public[1:]
	} else if k.Kind != Witness {
		t.Fatal(err)
	}
	cosigners, err := k.Cosigners()
	if err != nil || len(cosigners) != len(public) {
		t.Fatalf("%s: %d cosigners for %d keys: %v", k.Kind, len(cosigners), len(public), err)
	}
	for i, s := range cosigners {
		v, err := fnote.NewVerifierForCosignatureV1(public[i])
		if err != nil {
			t.Fatal(err)
		}
		n, err := note.Sign(&note.Note{Text: checkpoint}, s)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range []note.Verifier{v, s.Verifier()} {
			if _, err := note.Open(n, note.VerifierList(v)); err != nil {
				t.Errorf("%s, key %d: %v", k.Kind, i, err)
			}
		}
		if _, err := s.Sign([]byte("no checkpoint")); err == nil {
			t.Errorf("%s, key %d: cosigned what is no checkpoint", k.Kind, i)
		}
	}
}

// Keys of all kinds survive their files, and sign what others accept.
func TestKinds(t *testing.T) {
	for _, kind := range Kinds {
		for _, quantum := range []bool{false, true} {
			k, err := Generate(kind, "test-key.example", quantum)
			if quantum && !kind.second() {
				if err == nil {
					t.Errorf("%s: has an ML-DSA-44 key", kind)
				}
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			again, err := Open(encrypted(t, k), pass("a test passphrase"))
			if err != nil {
				t.Fatal(err)
			}
			if again.Kind != kind || again.Name != k.Name || strings.Join(again.Public(), " ") != strings.Join(k.Public(), " ") {
				t.Errorf("%s: another key came back", kind)
			}
			checkSigns(t, again)
			a, err1 := k.SaltSecret()
			b, err2 := again.SaltSecret()
			if err1 != nil || err2 != nil || len(a) != 32 || !bytes.Equal(a, b) {
				t.Errorf("%s: salt secrets %x and %x: %v, %v", kind, a, b, err1, err2)
			}
		}
	}
	if _, err := newKey(t, Witness, true).Signer(); err == nil || !strings.Contains(err.Error(), "is the key of a witness, expected one of a lab or vendor or log") {
		t.Errorf("a witness signs statements: %v", err)
	}
}

// A name is what signed-note allows; whatever Generate takes, note reads.
func TestNames(t *testing.T) {
	for _, bad := range []string{"", "a b", "a+b", "a\u00a0b", "a\xff", "a\x1b", "a\u202eb", strings.Repeat("x", 256)} {
		if _, err := Generate(Lab, bad, false); err == nil {
			t.Errorf("%q is a name", bad)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringN(1, 40, 255).Draw(t, "name")
		k, err := Generate(Lab, name, false)
		if err != nil {
			return
		}
		if _, err := note.NewVerifier(k.Public()[0]); err != nil {
			t.Fatalf("%q: %v", name, err)
		}
	})
}

func TestErrors(t *testing.T) {
	k := newKey(t, Witness, true)
	file := encrypted(t, k)
	other := encrypted(t, newKey(t, Witness, true))
	text := string(file)
	line := func(b []byte, n int) string { return strings.Split(string(b), "\n")[n-1] }
	sealed := func(text string) []byte { // a file of the right key, with this encrypted in it
		var b bytes.Buffer
		b.WriteString(line(file, 1) + "\n" + line(file, 2) + "\n" + line(file, 3) + "\n")
		r, _ := age.NewScryptRecipient("a test passphrase")
		r.SetWorkFactor(work)
		a := armor.NewWriter(&b)
		w, err := age.Encrypt(a, r)
		if err != nil {
			t.Fatal(err)
		}
		w.Write([]byte(text))
		w.Close()
		a.Close()
		return b.Bytes()
	}
	forSomebody := func() []byte {
		id, err := age.GenerateX25519Identity()
		if err != nil {
			t.Fatal(err)
		}
		var b bytes.Buffer
		b.WriteString(line(file, 1) + "\n" + line(file, 2) + "\n")
		a := armor.NewWriter(&b)
		w, _ := age.Encrypt(a, id.Recipient())
		w.Close()
		a.Close()
		return b.Bytes()
	}()
	for _, c := range []struct {
		name, file, pass, want string
	}{
		{"empty", "", "", "not a key file: line 1"},
		{"another file", "-----BEGIN OPENSSH PRIVATE KEY-----\n", "", "not a key file: line 1"},
		{"kind", strings.Replace(text, "witness", "notary", 1), "", "not a key file: line 1"},
		{"other kind", strings.Replace(text, "witness", "log", 1), "", "line 2: key 1 of a log cannot be of signature type 4"},
		{"no public key", line(file, 1) + "\n" + strings.Join(strings.Split(text, "\n")[3:], "\n"), "", "line 2: no \"# public key:\""},
		{"key hash", strings.Replace(text, "+"+strings.Split(line(file, 2), "+")[1]+"+", "+00000000+", 1), "", "line 2: key hash is not"},
		{"two names", strings.Replace(text, line(file, 3), publicLine+mustPublic(t, "other.example"), 1), "", "line 3: a second name"},
		{"three keys", strings.Replace(text, line(file, 3), line(file, 3)+"\n"+line(file, 3), 1), "", "line 4: key 3 of a witness"},
		{"no end", text[:len(text)-30], "a test passphrase", "damaged"},
		{"cut", text[:len(text)/2*2-300], "a test passphrase", "damaged"},
		{"too long", text + strings.Repeat("#", MaxFile), "", "at most 16384 are read"},
		{"passphrase", text, "another", "wrong passphrase"},
		{"no passphrase", text, "", "wrong passphrase"},
		{"not by passphrase", string(forSomebody), "x", "wrong passphrase"},
		{"another's public key", strings.Replace(text, line(file, 2), line(other, 2), 1), "a test passphrase", "line 2 is another key's public key"},
		{"kind inside", string(sealed("# wardein lab key\nx\ny\n")), "a test passphrase", "what is encrypted does not"},
		{"lines inside", string(sealed("# wardein witness key\nx\n")), "a test passphrase", "2 lines are encrypted for 2 public keys"},
		{"key inside", string(sealed("# wardein witness key\nx\ny\n")), "a test passphrase", "private key 1: no PRIVATE+KEY+"},
		{"type inside", string(sealed("# wardein witness key\nPRIVATE+KEY+a+00000000+Aw==\ny\n")), "a test passphrase", "signature type 3"},
	} {
		_, err := Open([]byte(c.file), pass(c.pass))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
	}
	if _, err := Open(file, pass("x")); !errors.Is(err, ErrPassphrase) {
		t.Errorf("wrong passphrase is %v", err)
	}
	// More work than a file may demand is refused before it is done.
	b, err := k.Encrypt([]byte("a test passphrase"), work)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	raw := new(bytes.Buffer)
	raw.ReadFrom(armor.NewReader(bytes.NewReader(f.sealed)))
	head, tail, _ := strings.Cut(raw.String(), " 1\n")
	var again bytes.Buffer
	a := armor.NewWriter(&again)
	a.Write([]byte(head + " 21\n" + tail))
	a.Close()
	f.sealed = again.Bytes()
	if _, err := f.open([]byte("a test passphrase"), maxWork); err == nil || !strings.Contains(err.Error(), "work factor too large") {
		t.Errorf("work of 2^21: %v", err)
	}
}

func mustPublic(t *testing.T, name string) string {
	k, err := Generate(Witness, name, true)
	if err != nil {
		t.Fatal(err)
	}
	return k.Public()[1]
}

// Every byte of a key file matters.
func TestFlips(t *testing.T) {
	k := newKey(t, Lab, false)
	file := encrypted(t, k)
	for i := range file {
		b := bytes.Clone(file)
		b[i] ^= 1
		if got, err := Open(b, pass("a test passphrase")); err == nil {
			t.Errorf("byte %d changed from %q to %q: still the key of %s", i, file[i], b[i], got.Name)
		}
	}
}

// serveAgent runs an agent in this process and returns its socket.
func serveAgent(t *testing.T, ring agent.Agent) string {
	t.Helper()
	socket := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); agent.ServeAgent(ring, c) }()
		}
	}()
	return socket
}

func TestAgent(t *testing.T) {
	ring := agent.NewKeyring()
	_, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	big, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []agent.AddedKey{{PrivateKey: private, Comment: "test key"}, {PrivateKey: big, Comment: "too long"}} {
		if err := ring.Add(k); err != nil {
			t.Fatal(err)
		}
	}
	socket := serveAgent(t, ring)
	list, err := AgentKeys(socket)
	if err != nil || len(list) != 1 || list[0].Comment != "test key" {
		t.Fatalf("keys %v: %v", list, err)
	}
	name, fingerprint, ok, err := CutAgent("agent:lab=north.example=" + list[0].Fingerprint)
	if !ok || err != nil || name != "lab=north.example" {
		t.Fatalf("%q, %v: %v", name, ok, err)
	}
	for _, kind := range Kinds {
		k, err := Agent(socket, kind, name, fingerprint)
		if err != nil {
			t.Fatal(err)
		}
		checkSigns(t, k)
		a, err1 := k.SaltSecret()
		b, err2 := k.SaltSecret()
		if err1 != nil || err2 != nil || !bytes.Equal(a, b) || len(a) != 32 {
			t.Errorf("salt secrets %x, %x: %v, %v", a, b, err1, err2)
		}
		if _, err := k.Encrypt([]byte("x"), work); err == nil || !strings.Contains(err.Error(), "ssh-agent") {
			t.Errorf("a key left its agent: %v", err)
		}
	}
	rsaPrint := ""
	if all, err := ring.List(); err == nil {
		for _, k := range all {
			if k.Format != "ssh-ed25519" {
				rsaPrint = ssh.FingerprintSHA256(k)
			}
		}
	}
	for _, c := range []struct{ socket, fingerprint, want string }{
		{"", fingerprint, "SSH_AUTH_SOCK is not set"},
		{filepath.Join(t.TempDir(), "none"), fingerprint, "ssh-agent: dial"},
		{socket, "SHA256:AAAA", "none of its 2 keys is SHA256:AAAA"},
		{socket, rsaPrint, "is ssh-rsa, expected ssh-ed25519"},
	} {
		if _, err := Agent(c.socket, Lab, "a", c.fingerprint); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q, %s: %v, want %q", c.socket, c.fingerprint, err, c.want)
		}
	}
	k, err := Agent(socket, Lab, "a", fingerprint)
	if err != nil {
		t.Fatal(err)
	}
	if err := ring.RemoveAll(); err != nil {
		t.Fatal(err)
	}
	s, err := k.Signer()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Sign([]byte("x")); err == nil {
		t.Error("signed with a key that the agent lost")
	}
	for _, bad := range []string{"agent:", "agent:a", "agent:a=MD5:00", "agent:=SHA256:x", "agent:a b=SHA256:x"} {
		if _, _, ok, err := CutAgent(bad); !ok || err == nil {
			t.Errorf("%q: %v, %v", bad, ok, err)
		}
	}
	if _, _, ok, err := CutAgent("lab.key"); ok || err != nil {
		t.Errorf("a file: %v, %v", ok, err)
	}
}

// Fuzz reads any bytes as a key file. What opens is written the same way.
func Fuzz(f *testing.F) {
	for _, kind := range Kinds {
		f.Add(encrypted(f, newKey(f, kind, kind.second())))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		file, err := Parse(b)
		if err != nil {
			return
		}
		if err := CheckName(file.Name); err != nil || len(file.Public) == 0 || len(file.Public) > 2 {
			t.Errorf("name %q, %d keys: %v", file.Name, len(file.Public), err)
		}
		if k, err := file.open([]byte("a test passphrase"), 4); err == nil && strings.Join(k.Public(), " ") != strings.Join(file.Public, " ") {
			t.Error("opened another key")
		}
	})
}
