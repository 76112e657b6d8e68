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

// Report is the result of an inspection. It holds no time, host, path or name
// of the input: the same release, tool and data give the same bytes.
type Report struct {
	Release  Release
	Recipe   Recipe
	Coverage Coverage
	// Components are the products that were identified, sorted by name and
	// version.
	Components []Component
	Findings   []Finding
	Gaps       []Gap // sorted by node in tree order
	Counts     []CheckCount
	Nodes      int64
	// Tree is the SHA-256 of the tree file that belongs to the report.
	Tree Digest
	// Incidents counts how often reading the release killed the reading
	// process; a report with any is not repeatable.
	Incidents int
	// Partial tells that the inspection was interrupted.
	Partial bool
}

// Release is what was inspected.
type Release struct {
	Digest Digest
	Kind   Kind // File or Directory
	Size   int64
	Parts  []Part
}

// Part is one file of a release that came as several.
type Part struct {
	Path   string
	Digest Digest
	Size   int64
	// Role is what the part is for ("main card", "ONT"), as the user said.
	Role string
	// Delivered says how the part stands to the vendor's list.
	Delivered Delivery
}

// Delivery is how a file stands to the vendor's signed or published list.
type Delivery string

// The states of a delivered file.
const (
	Matches    Delivery = "matches"
	Differs    Delivery = "differs"
	NotListed  Delivery = "not on the list"
	Missing    Delivery = "missing"
	NotChecked Delivery = "not checked"
)

// Recipe is all that a report depends on beside the release: whoever has the
// same recipe and the same release gets the same report.
type Recipe struct {
	Module  string // version of this module
	GoSum   Digest // of the go.sum that the build used
	Go      string // version of the compiler
	Formats []Ingredient
	Checks  []Ingredient
	Data    []Source
	Options []Note // options of the run that can change results, sorted
	// AsOf is the date that time-dependent rules are judged at (YYYY-MM-DD).
	AsOf string
}

// Ingredient is a format or check by name and version.
type Ingredient struct {
	Name    string
	Version int
}

// Source is loaded data by name, digest and date (YYYY-MM-DD).
type Source struct {
	Name   string
	Digest Digest
	Date   string
}

// CheckCount says how one check ended on the nodes of a release. The counts
// add up to the number of nodes.
type CheckCount struct {
	Check         string
	Done, Failed  int64
	NotApplicable []ReasonCount // by reason, sorted
	// Cases counts, for each test case that the check has rules for, the nodes
	// that speak to it; sorted.
	Cases []CaseCount
}

// CaseCount is a number of nodes for one test case.
type CaseCount struct {
	Case  string
	Nodes int64
}

// ReasonCount is a number of nodes for one reason.
type ReasonCount struct {
	Why   string
	Nodes int64
}
