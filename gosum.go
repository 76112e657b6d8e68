package wardein

import (
	"crypto/sha256"
	_ "embed" // for go.sum
)

//go:embed go.sum
var goSum []byte

// GoSum is the digest of the go.sum file that this build was made with: part
// of every recipe.
func GoSum() Digest { return sha256.Sum256(goSum) }
