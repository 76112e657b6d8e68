package unpack

import "context"

// Prepare makes the signature table once for many runs in this process.
func Prepare(c *Config) { c.patterns = newPatterns(c.Formats, c.Literals) }

// OpenFaulty is OpenInput on a disk that fails as fault says.
func OpenFaulty(path string, limits Limits, fault func(op, name string) error) (*Input, error) {
	return openInput(context.Background(), path, limits, fault)
}
