package unpack

// Prepare makes the signature table once for many runs in this process.
func Prepare(c *Config) { c.patterns = newPatterns(c.Formats, c.Literals) }
