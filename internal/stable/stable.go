// Package stable makes identifiers that come out the same wherever and
// whenever the same thing is seen.
package stable

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"io"
)

// ID returns "F-" and eight hexadecimal digits of the SHA-256 of a rule and of
// what the finding is about. Each part is hashed with its length, so that
// parts never run into one another. Nothing that tells one place from another
// (a path, an offset) may be among the parts, and no secret.
func ID(rule string, about ...string) string {
	h := sha256.New()
	for _, s := range append([]string{rule}, about...) {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(s)))
		h.Write(n[:])
		io.WriteString(h, s)
	}
	return "F-" + hex.EncodeToString(h.Sum(nil)[:4])
}
