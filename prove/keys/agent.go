package keys

import (
	"crypto/ed25519"
	"fmt"
	"net"
	"strings"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// An ssh-agent signs with keys that it does not give away, which may stand in
// a token. Plain ssh-ed25519 keys sign what they are handed (RFC 8709), so that
// such a signature is one of signed-note. Keys of FIDO tokens (sk-ssh-ed25519)
// sign more than that and cannot be used. A key that also logs in somewhere
// should not sign here.

// AgentKey is an Ed25519 key that an agent offers.
type AgentKey struct {
	Fingerprint string // SHA256:…, as ssh-add -l prints it
	Comment     string
}

// agentBegin begins the name of a key in an agent: agent:NAME=SHA256:….
const agentBegin = "agent:"

// CutAgent takes "agent:NAME=SHA256:…" apart; not ok: it is a file's name.
func CutAgent(s string) (name, fingerprint string, ok bool, err error) {
	rest, ok := strings.CutPrefix(s, agentBegin)
	if !ok {
		return "", "", false, nil
	}
	at := strings.LastIndex(rest, "=SHA256:") // a name may hold "="
	if at < 0 {
		return "", "", true, fmt.Errorf("key %q is not of the form agent:NAME=SHA256:…", s)
	}
	return rest[:at], rest[at+1:], true, CheckName(rest[:at])
}

// dial connects to the agent at a unix socket.
func dial(socket string) (agent.ExtendedAgent, net.Conn, error) {
	if socket == "" {
		return nil, nil, fmt.Errorf("no ssh-agent: SSH_AUTH_SOCK is not set")
	}
	c, err := net.Dial("unix", socket)
	if err != nil {
		return nil, nil, fmt.Errorf("ssh-agent: %w", err)
	}
	return agent.NewClient(c), c, nil
}

// offered are all keys of an agent.
func offered(socket string) ([]*agent.Key, error) {
	a, c, err := dial(socket)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	all, err := a.List()
	if err != nil {
		return nil, fmt.Errorf("ssh-agent: %w", err)
	}
	return all, nil
}

// AgentKeys lists the keys of an agent that can sign here.
func AgentKeys(socket string) (list []AgentKey, err error) {
	all, err := offered(socket)
	if err != nil {
		return nil, err
	}
	for _, k := range all {
		if k.Format == ssh.KeyAlgoED25519 {
			list = append(list, AgentKey{ssh.FingerprintSHA256(k), k.Comment})
		}
	}
	return list, nil
}

// Agent is the Ed25519 key with a fingerprint (SHA256:…) of an agent, under
// the name and for the purpose that the caller says. The agent is asked each
// time that something is signed.
func Agent(socket string, kind Kind, name, fingerprint string) (*Key, error) {
	if err := kind.Check(); err != nil {
		return nil, err
	}
	if err := CheckName(name); err != nil {
		return nil, err
	}
	all, err := offered(socket)
	if err != nil {
		return nil, err
	}
	for _, k := range all {
		if ssh.FingerprintSHA256(k) != fingerprint {
			continue
		}
		pub, err := plainEd25519(k)
		if err != nil {
			return nil, fmt.Errorf("ssh-agent: key %s: %w", fingerprint, err)
		}
		return &Key{Kind: kind, Name: name, parts: []part{{alg: kind.first(), pub: pub,
			sign: func(msg []byte) ([]byte, error) { return agentSign(socket, k, pub, msg) }}}}, nil
	}
	return nil, fmt.Errorf("ssh-agent: none of its %d keys is %s", len(all), fingerprint)
}

// plainEd25519 is the public key of a plain Ed25519 key.
func plainEd25519(k *agent.Key) (ed25519.PublicKey, error) {
	if k.Format != ssh.KeyAlgoED25519 {
		return nil, fmt.Errorf("is %s, expected %s", k.Format, ssh.KeyAlgoED25519)
	}
	parsed, err := ssh.ParsePublicKey(k.Blob)
	if err != nil {
		return nil, err
	}
	if c, ok := parsed.(ssh.CryptoPublicKey); ok {
		if pub, ok := c.CryptoPublicKey().(ed25519.PublicKey); ok {
			return pub, nil
		}
	}
	return nil, fmt.Errorf("is no Ed25519 key")
}

func agentSign(socket string, k ssh.PublicKey, pub ed25519.PublicKey, msg []byte) ([]byte, error) {
	a, c, err := dial(socket)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	sig, err := a.Sign(k, msg)
	if err != nil {
		return nil, fmt.Errorf("ssh-agent: %w", err)
	}
	if sig.Format != ssh.KeyAlgoED25519 || !ed25519.Verify(pub, msg, sig.Blob) {
		return nil, fmt.Errorf("ssh-agent: signature in the form %q does not fit the key", sig.Format)
	}
	return sig.Blob, nil
}
