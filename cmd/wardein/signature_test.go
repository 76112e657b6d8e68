package main

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/ProtonMail/go-crypto/openpgp"
	"golang.org/x/crypto/blake2b"

	checks "github.com/wardein/wardein/check/all"
)

// A database is taken over only with the signature that the key made, in
// either form; what was signed and every part of a signature count.
func TestVerifyFile(t *testing.T) {
	dir := t.TempDir()
	file := func(name string, b []byte) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, b, 0o644); err != nil {
			t.Fatal(err)
		}
		return p
	}
	data := []byte("SQLite format 3\x00 and so on")
	db, other := file("lab.db", data), file("other.db", append(data, 'x'))

	pub, secret, err := ed25519.GenerateKey(bytes.NewReader(bytes.Repeat([]byte{7}, 64)))
	if err != nil {
		t.Fatal(err)
	}
	id := []byte("\x01\x02\x03\x04\x05\x06\x07\x08")
	b64 := base64.StdEncoding.EncodeToString
	key := file("lab.pub", fmt.Appendf(nil, "untrusted comment: minisign public key\n%s\n", b64(append(append([]byte("Ed"), id...), pub...))))
	sum := blake2b.Sum512(data)
	made := ed25519.Sign(secret, sum[:])
	comment := "timestamp:1795000000\tfile:lab.db"
	mini := func(kind, comment string) string {
		global := ed25519.Sign(secret, append(bytes.Clone(made), "timestamp:1795000000\tfile:lab.db"...))
		return fmt.Sprintf("untrusted comment: signature from minisign secret key\n%s\ntrusted comment: %s\n%s\n", b64(append(append([]byte(kind), id...), made...)), comment, b64(global))
	}
	good := file("good.minisig", []byte(mini("ED", comment)))
	if who, err := verifyFile(db, good, key, checks.DataDate); err != nil || !strings.Contains(who, "0102030405060708") {
		t.Errorf("%q, %v", who, err)
	}

	entity, err := openpgp.NewEntity("Lab", "", "lab@lab.example", nil)
	if err != nil {
		t.Fatal(err)
	}
	var pgpKey, pgpSig bytes.Buffer
	if err := entity.Serialize(&pgpKey); err != nil {
		t.Fatal(err)
	}
	if err := openpgp.DetachSign(&pgpSig, entity, bytes.NewReader(data), nil); err != nil {
		t.Fatal(err)
	}
	gpg, gpgKey := file("lab.sig", pgpSig.Bytes()), file("lab.gpg", pgpKey.Bytes())
	if who, err := verifyFile(db, gpg, gpgKey, "2099-01-01"); err != nil || !strings.Contains(who, "OpenPGP key") {
		t.Errorf("%q, %v", who, err)
	}

	flipped := bytes.Clone([]byte(mini("ED", comment)))
	flipped[70] ^= 1
	for what, c := range map[string][3]string{
		"another file":          {other, good, key},
		"another comment":       {db, file("c.minisig", []byte(mini("ED", "timestamp:1\tfile:x"))), key},
		"the old form":          {db, file("o.minisig", []byte(mini("Ed", comment))), key},
		"a changed signature":   {db, file("f.minisig", flipped), key},
		"a cut signature":       {db, file("s.minisig", []byte(mini("ED", comment)[:90])), key},
		"no key":                {db, good, file("no.pub", []byte("untrusted comment: x\nAAAA\n"))},
		"a key of another kind": {db, good, gpgKey},
		"OpenPGP, another file": {other, gpg, gpgKey},
		"nothing":               {db, file("empty", nil), key},
	} {
		if who, err := verifyFile(c[0], c[1], c[2], "2099-01-01"); err == nil {
			t.Errorf("%s: good, by %s", what, who)
		}
	}
}
