package compare

import (
	"io"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/compare/findings"
	"github.com/wardein/wardein/report"
)

// Side is an inspected release: its report, its tree with the facts of the
// checks, and its bytes.
type Side struct {
	Name     string // as the reader knows it
	Report   *wardein.Report
	Messages map[string]string // as report.Render wants them
	Tree     *report.File
	// Open opens the content of a node. Compare calls it from several
	// goroutines.
	Open func(*wardein.Node) (Content, error)
}

// Content is the bytes of a node.
type Content interface {
	io.ReaderAt
	Size() int64
	io.Closer
}

// Kind is what a row is about.
type Kind string

// The kinds of rows in the order in which they are shown. The first are of what
// the checks found and of what a person has to look at first.
const (
	Finding   Kind = "finding"
	Component Kind = "component"
	Listener  Kind = "listener"
	Account   Kind = "account"
	Key       Kind = "key"
	SetID     Kind = "setuid"  // a mode bit or a capability of a program
	Init      Kind = "init"    // what is run at boot
	Remote    Kind = "remote"  // addresses and names of other systems
	Code      Kind = "code"    // functions
	Mode      Kind = "mode"    // permission bits
	Owner     Kind = "owner"   // user and group
	Device    Kind = "device"  // type and number
	Xattr     Kind = "xattr"   // extended attributes
	Link      Kind = "link"    // targets of links
	Type      Kind = "type"    // file, folder, link, …; the format of its bytes
	Setting   Kind = "setting" // a value of a configuration, database or certificate
	Program   Kind = "program" // tables of a program: libraries, imports, exports, protections
	Text      Kind = "text"    // lines
	Strings   Kind = "strings" // texts in programs
	Header    Kind = "header"  // what a container's header states
	Binary    Kind = "binary"  // bytes that nothing above explains
	File      Kind = "file"    // it is there on one side alone
	Moved     Kind = "moved"   // another name, or another place
	Packing   Kind = "packing" // how a container holds its members: their order, its own bytes
	Time      Kind = "time"    // times of last change, in one row a container
	Gap       Kind = "gap"     // what could not be looked at
	Coverage  Kind = "coverage"
)

// Kinds are all kinds in their order.
var Kinds = []Kind{Finding, Component, Listener, Account, Key, SetID, Init, Remote, Code, Mode, Owner, Device, Xattr, Link, Type,
	Setting, Program, Text, Strings, Header, Binary, File, Moved, Packing, Time, Gap, Coverage}

// Change is how a row stands on the newer side to the older.
type Change string

// The changes.
const (
	New     Change = "new"
	Gone    Change = "gone"
	Changed Change = "changed"
	// Unknown is what one side has and the other was not looked at for.
	Unknown Change = "not looked at on one side"
)

// Row is one difference.
type Row struct {
	Kind   Kind
	Change Change
	// Old and New are the node's path on each side, "" where it has none.
	Old, New string
	// What it is about: an account, a component, a setting, a library. Was and
	// Is are its value on each side.
	What, Was, Is string
	// Note is what else a reader should know, in a few words.
	Note string
	// Network tells a program that waits for connections.
	Network bool
	// Lines is how many lines a person has to read for it.
	Lines int64
	// Items are what a row sums up, at most maxItems.
	Items []Line
	Left  int // items that are left out
	Hunks []Hunk
	// Functions are those of a program that differ.
	Functions *Functions
	// Found is the row of package findings that it stands for.
	Found *findings.Row
}

// Path is the node's path on the newer side, or else on the older.
func (r *Row) Path() string {
	if r.New != "" {
		return r.New
	}
	return r.Old
}

// Functions is what became of the functions of a program.
type Functions struct {
	Old, New int // how many each side has
	Same     int // the same bytes, or the same after resolving what they point at
	List     []Function
	Left     int      // functions that differ and are left out of the list
	Limits   []string // what was not looked at, and why
}

// Function is a function that differs.
type Function struct {
	Change           Change
	OldName, NewName string // by symbols, else by address
	OldAddr, NewAddr uint64
	// Why says what differs: "constant", "call", "jump", "size".
	Why string
	// Network tells that it calls what receives from the network, or is called
	// by one that does.
	Network bool
	Lines   []Line // instructions
	Left    int    // instructions that are left out
}

// Missing is what could not be compared.
type Missing struct {
	Path  string
	Old   bool // of the older side
	Bytes int64
	Why   string
}

// Quoted is what a release says about itself.
type Quoted struct {
	Path  string
	Lines []string
	Left  int // lines that are left out
}

// About is what a result says of one side.
type About struct {
	Name   string
	Digest wardein.Digest
	Size   int64
	Nodes  int64
	Recipe wardein.Digest
	AsOf   string
	Gaps   int
}

// Result is what changed from one release to the next.
type Result struct {
	Old, New About
	// Alike tells that both sides were judged by one recipe.
	Alike bool
	// Found is what came, went and stayed of what the checks found.
	Found *findings.Changes
	// Then is what the rules and the data changed of what the checks found in the
	// older release since it was judged before; nil where that is not at hand.
	Then *findings.Changes
	Rows []Row
	// Missing is what has no counterpart or could not be read, the largest
	// first; MissingBytes is how much that is of AllBytes, both sides together.
	Missing                []Missing
	MissingBytes, AllBytes int64
	Notes                  []Quoted
	// Review is the sum of the rows' lines, Differing what a comparison by
	// lines and bytes would print of the same nodes: lines of text, and one line
	// for 16 bytes of everything else.
	Review, Differing int64
	// Equal, Paired and Times count nodes: of the same bytes and attributes, with a
	// counterpart, with another time and nothing else.
	Equal, Paired, Times int64
	// Gaps are what the comparison itself could not look at.
	Gaps []wardein.Gap
}

// Differs tells that there is a difference, be it of packing alone.
func (r *Result) Differs() bool { return len(r.Rows) > 0 }

// Count is how many rows there are of a kind, of any of the changes.
func (r *Result) Count(k Kind, changes ...Change) (n int) {
	for i := range r.Rows {
		if r.Rows[i].Kind != k {
			continue
		}
		for _, c := range changes {
			if r.Rows[i].Change == c {
				n++
			}
		}
		if len(changes) == 0 {
			n++
		}
	}
	return n
}
