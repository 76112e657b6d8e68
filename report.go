package wardein

// Coverage counts the bytes of an unpacked release. It counts leaves: bytes
// that a container hands on to a member as they are count with the member,
// encoded bytes count with the container and, decoded, with the member. All
// figures are bytes.
type Coverage struct {
	Known   int64 // opened
	Opaque  int64 // recognised, not opened
	Padding int64 // runs of 0x00 or 0xFF between other things
	Unknown int64
	// UnknownBy splits Unknown by entropy class, sorted by class.
	UnknownBy []ClassCount
	// Code is executable code by processor architecture, sorted; "unknown"
	// is code-like bytes that no format opened.
	Code []CodeCount
}

// ClassCount is a number of bytes of one entropy class.
type ClassCount struct {
	Class string
	Bytes int64
}

// CodeCount is the executable code of one architecture.
type CodeCount struct {
	Arch  string
	Bytes int64
	// Read is how much of it the checks could read.
	Read int64
}

// Share is part of whole in parts per million, rounded down; a whole of 0 is
// complete.
func Share(part, whole int64) int64 {
	if whole == 0 {
		return 1_000_000
	}
	hi, lo := part/whole, part%whole
	for whole > 1<<43 { // keep lo×10⁶ in range
		whole, lo = whole>>1, lo>>1
	}
	return hi*1_000_000 + lo*1_000_000/whole
}

// Accounted and Opened are shares of all bytes but padding, in parts per
// million: those that are known or opaque, and those that are known.
func (c *Coverage) Accounted() int64 {
	return Share(c.Known+c.Opaque, c.Known+c.Opaque+c.Unknown)
}

// Opened is the share of bytes that were opened: see Accounted.
func (c *Coverage) Opened() int64 { return Share(c.Known, c.Known+c.Opaque+c.Unknown) }
