package main

import (
	"crypto/ed25519"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// A key that an ssh-agent keeps is listed, shown, and signs.
func TestAgentKey(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir, err := os.MkdirTemp("", "a") // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	private := ed25519.NewKeyFromSeed([]byte("a test key of thirty-two bytes !"))
	public, err := ssh.NewPublicKey(private.Public())
	if err != nil {
		t.Fatal(err)
	}
	ring := agent.NewKeyring()
	if err := ring.Add(agent.AddedKey{PrivateKey: private, Comment: "test\x1btoken"}); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	l, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); agent.ServeAgent(ring, c) }()
		}
	}()
	run := func(args ...string) string {
		t.Helper()
		cmd := exec.Command(exe, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "WARDEIN_TEST_RUN=1", "SSH_AUTH_SOCK="+socket)
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v\n%s", args, err, out)
		}
		return string(out)
	}
	fingerprint := ssh.FingerprintSHA256(public)
	key := "agent:lab-north.example=" + fingerprint
	if s := run("keys", "list"); !strings.Contains(s, `test\x1btoken`) || !strings.Contains(s, "agent:NAME="+fingerprint) {
		t.Errorf("list: %s", s)
	}
	if s := run("keys", "show", key); !strings.HasPrefix(s, "lab lab-north.example+") {
		t.Errorf("show: %s", s)
	}
	if err := os.WriteFile(filepath.Join(dir, "release.bin"), []byte("bytes"), 0o644); err != nil {
		t.Fatal(err)
	}
	run("contact", "release.bin", "--key", key, "--vendor", "x", "--source", "x", "--from", "x", "--received", "2026-11-01", "--terms", "x", "--latest", "yes", "--not-asked")
	vkey := strings.SplitN(run("keys", "show", "--public", key), "+", 3)
	b, err := os.ReadFile(filepath.Join(dir, "contact.dsse.json"))
	if id := vkey[0] + "+" + vkey[1]; err != nil || !strings.Contains(string(b), `"keyid":"`+id+`"`) {
		t.Errorf("%v: the record is not signed by %s: %s", err, id, b)
	}
}
