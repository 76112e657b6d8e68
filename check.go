package wardein

import (
	"context"
	"io"
	"iter"
)

// Check looks at one thing in a release: first at bytes, then at the tree.
type Check struct {
	Name string
	// Version counts changes that can change results.
	Version int
	Doc     Doc
	// Literals are strings that the engine looks for in every blob in one
	// pass shared by all checks; Blob.Hits tells where they stand.
	Literals []string
	// Wants says whether Node applies to a blob, and if not, why not in a few
	// words ("no literal found"). It sees bytes and format only, no path.
	Wants func(Blob) (bool, string)
	// Node states facts about one blob's bytes. Its result is cached by
	// content. It may be nil. A *Gap as error says that the bytes are of a kind
	// that the check does not read: it is not applicable for that reason, and
	// Tree makes Gaps of the facts that were stated, one for many files.
	Node func(ctx context.Context, b Blob, out func(Fact)) error
	// Code says that Node reads executable code, not only strings and tables
	// in it: only then does code count as read.
	Code bool
	// Reads names the checks whose facts Tree reads, besides its own.
	Reads []string
	// Tree draws findings from facts, paths and modes. It is never cached and
	// reads no bytes. It may be nil.
	Tree func(ctx context.Context, t Tree, out func(Finding)) error
	// Components names the products in the release from facts and paths; every
	// Tree is given them all. At most one check of a list has it.
	Components func(ctx context.Context, t Tree, out func(Component)) error
	// Cases names, by rule, the test cases of 3GPP TS 33.117 that the rule's
	// findings speak to ("TC_NO_UNNECESSARY_SERVICE").
	Cases map[string][]string
	// Covers names those of Cases that a node which Node was done with speaks to,
	// found or not: of a case that no node speaks to nothing is said. It sees
	// the facts that were stated of the node, and may name a case twice. nil: a
	// node with a fact speaks to all of Cases.
	Covers func(n *Node, facts []Fact) []string
	// Messages are the English sentences of this check's Texts by id;
	// "{name}" stands for the argument of that name.
	Messages map[string]string
}

// Blob is what Check.Node sees of a node: its bytes and their format.
type Blob struct {
	io.ReaderAt
	Size   int64
	Digest Digest
	// Format is the format that opened the blob, "" for none; Class is the
	// entropy class of an unopened blob ("text", "code-like", …).
	Format, Class string
	// Members tells that the blob was opened as a container: its members, and
	// the bytes it left over, are blobs of their own.
	Members bool
	// Hits returns the offsets at which the check's i-th literal stands, in
	// order, at most 4,096 of them.
	Hits func(i int) []int64
}

// Fact is something a check saw in a blob's bytes.
type Fact struct {
	Kind     string
	Off, Len int64
	// Attrs are in the order the check gave them.
	Attrs []Note
}

// Attr returns the value of the named attribute, "" when there is none.
func (f Fact) Attr(name string) string {
	for _, a := range f.Attrs {
		if a.Name == name {
			return a.Value
		}
	}
	return ""
}

// Tree is the unpacked release as a Check.Tree sees it.
type Tree interface {
	// Nodes gives all nodes in tree order. A node is valid until the next.
	Nodes() iter.Seq[*Node]
	// Lookup returns the node at a path, nil when there is none.
	Lookup(path string) *Node
	// Facts gives the facts that a check stated, with the nodes whose bytes
	// they are about, in tree order.
	Facts(check string) iter.Seq2[*Node, Fact]
	// Components are the products that were identified, sorted by name and
	// version.
	Components() []Component
}

// Quote is where the fact stands in a node, with what the named attribute holds
// of its bytes.
func (f Fact) Quote(node, text string) Quote {
	return Quote{Node: node, Off: f.Off, Len: f.Len, Bytes: f.Attr(text)}
}

// Place is a fact and the path of a node that it is about.
type Place struct {
	Node string
	Fact
}

// Quote is where the place is, with what the named attribute holds of its bytes.
func (p Place) Quote(text string) Quote { return p.Fact.Quote(p.Node, text) }

// Quotes are the first places, at most so many.
func Quotes(places []Place, most int, text string) (list []Quote) {
	for _, p := range places[:min(most, len(places))] {
		list = append(list, p.Quote(text))
	}
	return list
}

// State is how one check ended on one node.
type State uint8

// The states of a (node, check) pair; there is no fourth.
const (
	NotApplicable State = iota
	Done
	Failed
)

var stateNames = [...]string{"not applicable", "done", "failed"}

func (s State) String() string { return stateNames[min(int(s), len(stateNames)-1)] }

// Outcome is how one check ended on one blob. Why is the reason when it is
// not Done.
type Outcome struct {
	Check string
	State State
	Why   string
	Facts []Fact
}
