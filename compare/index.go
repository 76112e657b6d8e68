package compare

import (
	"crypto/sha256"
	"encoding/binary"
	"path"
	"slices"
	"strings"

	"github.com/wardein/wardein"
)

// index is a release's tree as pairing needs it: a flat entry a node, in tree
// order. It takes some 150 bytes a node and its path.
type index struct {
	nodes   []entry
	formats []string // by entry.format
	paths   []int32  // nodes sorted by path, once lookup was asked
}

// entry is a node. Its members, and theirs, are the entries up to end.
type entry struct {
	path   string
	blob   wardein.Digest
	meta   [16]byte // of all that the container says of the node but its time
	size   int64
	mtime  int64
	box    int32 // the node with content that it is a member of; -1: the root
	end    int32
	pair   int32 // the other side's node, -1: none
	rel    int32 // where its name inside the box begins in path
	unread int64 // bytes that are opaque or unknown
	format uint16
	kind   wardein.Kind
	how    how
	opened bool // it has members
	marked bool // set-user-ID, set-group-ID or capabilities
	gaps   bool
}

// how says what brought two nodes together.
type how uint8

const (
	byNothing how = iota
	byPath
	byContent
	byName       // its name without numbers, or its last part
	bySimilarity // what it holds
)

var howNames = [...]string{"", "path", "content", "name", "similar content"}

func (h how) String() string { return howNames[h] }

func (e *entry) name() string { return e.path[e.rel:] }
func (e *entry) base() string { return path.Base(e.path) }
func (e *entry) content() bool {
	return (e.kind == wardein.File || e.kind == wardein.Region) && e.blob != (wardein.Digest{})
}

// chunk is how many bytes of paths are allocated at once.
const chunk = 64 << 10

// read makes the index of a tree.
func read(t wardein.Tree) *index {
	x := &index{formats: []string{""}}
	number := map[string]uint16{"": 0}
	room := &strings.Builder{}
	var boxes []int32 // the nodes with content that the walk is in
	var w meter
	for n := range t.Nodes() {
		if room.Cap()-room.Len() < len(n.Path) { // what is there stays where it is
			room = &strings.Builder{}
			room.Grow(max(chunk, len(n.Path)))
		}
		at := room.Len()
		room.WriteString(n.Path)
		i := int32(len(x.nodes))
		e := entry{path: room.String()[at:], blob: n.Blob, size: n.Size, mtime: n.MTime, kind: n.Kind, box: -1, pair: -1, gaps: len(n.Gaps) > 0,
			meta: w.sum(n), marked: marked(n)}
		f, ok := number[n.Format]
		if !ok && len(x.formats) < 1<<16-1 {
			f = uint16(len(x.formats))
			number[n.Format] = f
			x.formats = append(x.formats, n.Format)
		}
		e.format = f
		for _, s := range n.Spans {
			if s.What == wardein.Unknown || s.What == wardein.Opaque {
				e.unread += s.Len
			}
		}
		for k := len(boxes); k > 0; k-- {
			b := &x.nodes[boxes[k-1]]
			if in, ok := inside(e.path, b.path); ok {
				e.box, e.rel = boxes[k-1], int32(in)
				b.opened = true
				break
			}
			b.end = i
			boxes = boxes[:k-1]
		}
		e.end = i + 1
		x.nodes = append(x.nodes, e)
		if n.Kind == wardein.File || n.Kind == wardein.Region || i == 0 {
			boxes = append(boxes, i)
		}
	}
	for _, k := range boxes {
		x.nodes[k].end = int32(len(x.nodes))
	}
	return x
}

// inside tells whether p lies below dir, and where its name there begins.
func inside(p, dir string) (at int, ok bool) {
	if dir == "" {
		return 0, p != ""
	}
	if len(p) > len(dir) && p[len(dir)] == '/' && strings.HasPrefix(p, dir) {
		return len(dir) + 1, true
	}
	return 0, false
}

// meter makes digests of what containers say about their members.
type meter struct{ b []byte }

func (w *meter) sum(n *wardein.Node) (d [16]byte) {
	w.b = append(w.b[:0], byte(n.Kind))
	for _, v := range []uint32{n.Mode, n.UID, n.GID, n.Major, n.Minor} {
		w.b = binary.AppendUvarint(w.b, uint64(v))
	}
	text := func(s string) {
		w.b = binary.AppendUvarint(w.b, uint64(len(s)))
		w.b = append(w.b, s...)
	}
	text(n.Target)
	for _, x := range sortedXattrs(n.Xattrs) {
		text(x.Name)
		text(x.Value)
	}
	sum := sha256.Sum256(w.b)
	copy(d[:], sum[:])
	return d
}

// sortedXattrs are attributes by name: their order in a container says nothing.
func sortedXattrs(list []wardein.Xattr) []wardein.Xattr {
	if len(list) > 1 {
		list = slices.Clone(list)
		slices.SortStableFunc(list, func(a, b wardein.Xattr) int { return strings.Compare(a.Name, b.Name) })
	}
	return list
}

// Bits of Entry.Mode that give a program rights of its owner or group.
const setID = 0o6000

// marked tells a node whose program runs with rights that its user need not
// have: a mode bit of a file, or capabilities.
func marked(n *wardein.Node) bool {
	if n.Kind != wardein.Directory && n.Kind != wardein.Symlink && n.Mode&setID != 0 {
		return true
	}
	return slices.ContainsFunc(n.Xattrs, func(x wardein.Xattr) bool { return x.Name == capability })
}

const capability = "security.capability"
