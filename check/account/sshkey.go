package account

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"strings"

	"github.com/wardein/wardein"
)

// sshKeys states the lines of an authorized_keys file (sshd(8)): options, key
// type, base64 of the key blob, comment. The key is a public one.
func sshKeys(text string, out func(wardein.Fact)) {
	if !strings.Contains(text, " AAAA") { // every key blob begins with the length of its type
		return
	}
	off := int64(0)
	for line := range strings.Lines(text) {
		start := off
		off += int64(len(line))
		trimmed := strings.TrimRight(line, "\r\n")
		if strings.HasPrefix(trimmed, "#") {
			continue
		}
		words := strings.Fields(trimmed)
		for i := 0; i+1 < len(words) && i < 16; i++ {
			kind, blob := words[i], words[i+1]
			if !strings.HasPrefix(blob, "AAAA") || !strings.HasPrefix(kind, "ssh-") && !strings.HasPrefix(kind, "ecdsa-") && !strings.HasPrefix(kind, "sk-") {
				continue
			}
			raw, err := base64.StdEncoding.DecodeString(blob)
			if err != nil || len(raw) < 4+len(kind) || int(binary.BigEndian.Uint32(raw)) != len(kind) || string(raw[4:4+len(kind)]) != kind {
				continue
			}
			sum := sha256.Sum256(raw)
			out(wardein.Fact{Kind: "ssh-key", Off: start, Len: int64(len(trimmed)), Attrs: []wardein.Note{
				{Name: "type", Value: kind},
				{Name: "fingerprint", Value: hex.EncodeToString(sum[:])},
				{Name: "shown", Value: "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])},
				{Name: "line", Value: trimmed[:min(len(trimmed), maxQuote)]},
			}})
			break
		}
	}
}
