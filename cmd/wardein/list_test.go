package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ProtonMail/go-crypto/openpgp"
	"github.com/ProtonMail/go-crypto/openpgp/packet"

	"github.com/wardein/wardein"
)

func TestParseList(t *testing.T) {
	sum := strings.Repeat("ab", 32)
	for _, c := range []struct{ in, want string }{
		{sum + "  a b.bin\n", "a b.bin"},
		{sum + " *./a.bin\r\n", "a.bin"},
		{strings.ToUpper(sum) + "  a.bin\n", "a.bin"},
		{"SHA256 (a (1).bin) = " + sum + "\n", "a (1).bin"},
		{`\` + sum + `  a\nb\\c` + "\n", "a\nb\\c"},
		{"# comment\n\n" + sum + "  a.bin\n" + sum + "  a.bin\n", "a.bin"},
	} {
		l, err := parseList([]byte(c.in))
		if err != nil || len(l.entries) != 1 || l.entries[0].name != c.want || l.entries[0].sum != sum {
			t.Errorf("%q: %v %v", c.in, l, err)
		}
	}
	for _, in := range []string{"", "x\n", "zz  a\n", sum[:10] + "  a\n", sum + "\n", sum + "  a\n" + strings.Repeat("cd", 32) + "  a\n"} {
		if l, err := parseList([]byte(in)); err == nil {
			t.Errorf("%q: %v", in, l.entries)
		}
	}
}

// TestVerifyPGP signs a list with a key made here, and breaks it.
func TestVerifyPGP(t *testing.T) {
	cfg := &packet.Config{Time: func() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }}
	dir := t.TempDir()
	list := []byte(strings.Repeat("ab", 32) + "  a.bin\n")
	put := func(name string, b []byte) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, b, 0o644); err != nil {
			t.Fatal(err)
		}
		return p
	}
	newKey := func(name string) (*openpgp.Entity, string) {
		e, err := openpgp.NewEntity(name, "", name+"@exampletel.example", cfg)
		if err != nil {
			t.Fatal(err)
		}
		var pub bytes.Buffer
		if err := e.Serialize(&pub); err != nil {
			t.Fatal(err)
		}
		return e, put(name+".pub", pub.Bytes())
	}
	vendor, key := newKey("vendor")
	_, other := newKey("other")
	var sig, armored bytes.Buffer
	if err := openpgp.DetachSign(&sig, vendor, bytes.NewReader(list), cfg); err != nil {
		t.Fatal(err)
	}
	if err := openpgp.ArmoredDetachSign(&armored, vendor, bytes.NewReader(list), cfg); err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{put("sig", sig.Bytes()), put("asc", armored.Bytes())} {
		if who, err := verifyList(list, s, key, "2026-11-22"); err != nil || !strings.HasPrefix(who, "OpenPGP key ") {
			t.Errorf("good signature: %q %v", who, err)
		}
		if who, err := verifyList(list, s, other, "2026-11-22"); err == nil {
			t.Errorf("another's key: %q", who)
		}
		if who, err := verifyList(append([]byte("x"), list...), s, key, "2026-11-22"); err == nil {
			t.Errorf("another list: %q", who)
		}
	}
	for n := range sig.Len() { // cut anywhere
		if who, err := verifyList(list, put("cut", sig.Bytes()[:n]), key, "2026-11-22"); err == nil {
			t.Errorf("cut at %d: %q", n, who)
		}
	}
}

// TestVerifyCMS changes each byte of the sample's signature, one at a time.
func TestVerifyCMS(t *testing.T) {
	dir := samples(t)
	list, err := os.ReadFile(filepath.Join(dir, "an2400-1.1.0", "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	sig, err := os.ReadFile(filepath.Join(dir, "an2400-1.1.0", "SHA256SUMS.p7s"))
	if err != nil {
		t.Fatal(err)
	}
	key, err := os.ReadFile(filepath.Join(dir, "src", "keys", "vendor.crt"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := verifyCMS(list, sig, key); err != nil {
		t.Fatal(err)
	}
	if _, err := verifyCMS(list[1:], sig, key); err == nil {
		t.Error("another list is good")
	}
	good := 0
	tmp := filepath.Join(t.TempDir(), "sig")
	for i := range sig {
		b := bytes.Clone(sig)
		b[i] ^= 1
		if err := os.WriteFile(tmp, b, 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := verifyList(list, tmp, filepath.Join(dir, "src", "keys", "vendor.crt"), "2026-11-22"); err == nil {
			good++ // a byte that no signature covers: a version number, a length's form
			if i > len(sig)-256 {
				t.Errorf("signature changed at %d is good", i)
			}
		}
	}
	t.Logf("%d of %d bytes do not matter", good, len(sig))
}

// A file that could not be read in full is neither good nor bad.
func TestPartsUnread(t *testing.T) {
	l := &hashList{entries: []listed{{name: "gone", kind: "md5", sum: "0"}, {name: "torn", kind: "sha256", sum: "1"}}}
	files := []wardein.Part{{Path: "gone", Digest: wardein.Digest{1}}, {Path: "torn"}}
	got, err := new(delivery).parts(files, l, true, func(p *wardein.Part, _ string) (string, error) {
		if p.Path == "gone" {
			return "", fs.ErrNotExist
		}
		return p.Digest.String(), nil
	})
	if err != nil || len(got) != 2 || got[0].Delivered != wardein.NotChecked || got[1].Delivered != wardein.NotChecked {
		t.Errorf("%v, %v", got, err)
	}
}
