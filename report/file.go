package report

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"hash"
	"io"
	"iter"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/internal/flat"
)

func digest(b []byte) wardein.Digest { return sha256.Sum256(b) }

// TreeWriter writes a tree file node by node.
type TreeWriter struct {
	out *bufio.Writer
	h   hash.Hash
	w   canon.Writer
	off int64
}

// NewTreeWriter writes to w.
func NewTreeWriter(w io.Writer) *TreeWriter {
	h := sha256.New()
	return &TreeWriter{out: bufio.NewWriterSize(io.MultiWriter(w, h), 256<<10), h: h}
}

// Write appends one node and returns the offset of its line.
func (t *TreeWriter) Write(n *wardein.Node) (off int64, err error) {
	t.w.Reset()
	AppendNode(&t.w, n)
	off = t.off
	t.off += int64(len(t.w.B))
	_, err = t.out.Write(t.w.B)
	return off, err
}

// Close ends the file and returns its digest.
func (t *TreeWriter) Close() (d wardein.Digest, err error) {
	err = t.out.Flush()
	t.h.Sum(d[:0])
	return d, err
}

// Facts are what checks stated, in tree order: for each check the lines of
// the tree file that they are about.
type Facts map[string][]NodeFact

// NodeFact is one fact and where the line of its node begins.
type NodeFact struct {
	Line int64
	wardein.Fact
}

// File is a tree file as a wardein.Tree: nodes are read when they are asked
// for, so that a release of a million nodes is never held in memory. Those that
// were read first are kept, since every check asks for them again.
type File struct {
	r     io.ReaderAt
	size  int64
	lines *Lines
	facts Facts
	err   error
	kept  map[int64]keptNode // by where its line begins
	room  int64              // bytes of lines whose nodes may still be kept
}

type keptNode struct {
	*wardein.Node
	next int64 // where the next line begins
}

// maxKept bounds the lines whose nodes are kept; a node takes about three times
// its line.
const maxKept = 12 << 20

// OpenTree makes a Tree of a tree file; lines, without which no node is found
// by its path, and facts may be nil.
func OpenTree(r io.ReaderAt, size int64, lines *Lines, facts Facts) *File {
	if lines == nil {
		lines = &Lines{}
	}
	return &File{r: r, size: size, lines: lines, facts: facts, kept: map[int64]keptNode{}, room: maxKept}
}

// Lines tells where the line of each path begins in a tree file. It takes
// some 20 bytes for each.
type Lines struct{ at flat.Map[[8]byte, int64] }

// Add notes the line of a path.
func (l *Lines) Add(path string, off int64) { l.at.Put(flat.Sum(pathHash(path)), off) }

// pathHash is the 64-bit FNV-1a hash of a path.
func pathHash(path string) uint64 {
	h := uint64(14695981039346656037)
	for i := 0; i < len(path); i++ {
		h = (h ^ uint64(path[i])) * 1099511628211
	}
	return h
}

// Err returns the first error that reading the file met.
func (f *File) Err() error { return f.err }

// Nodes gives all nodes in tree order.
func (f *File) Nodes() iter.Seq[*wardein.Node] {
	return func(yield func(*wardein.Node) bool) {
		var in *bufio.Reader
		for off := int64(0); off < f.size; {
			k, ok := f.kept[off]
			if !ok {
				if in == nil { // what is kept lies mostly before what is not
					in = bufio.NewReaderSize(io.NewSectionReader(f.r, off, f.size-off), 256<<10)
				}
				line, err := in.ReadBytes('\n')
				if err == io.EOF && len(line) == 0 {
					return
				}
				if k.Node = f.parse(line, off); k.Node == nil {
					return
				}
				k.next = off + int64(len(line))
			} else {
				in = nil
			}
			off = k.next
			if !yield(k.Node) {
				return
			}
		}
	}
}

// parse reads a line, and keeps its node while there is room.
func (f *File) parse(line []byte, off int64) *wardein.Node {
	n, err := ParseNode(line)
	if err != nil {
		f.fail(err)
		return nil
	}
	if size := int64(len(line)); line[size-1] == '\n' && f.room >= size {
		f.room -= size
		f.kept[off] = keptNode{n, off + size}
	}
	return n
}

// Components gives none: inspect adds them.
func (f *File) Components() []wardein.Component { return nil }

func (f *File) fail(err error) {
	if f.err == nil {
		f.err = err
	}
}

// Lookup returns the node at a path.
func (f *File) Lookup(path string) *wardein.Node {
	off, ok := f.lines.at.Get(flat.Sum(pathHash(path)))
	if !ok {
		return nil
	}
	if n := f.at(off); n != nil && n.Path == path {
		return n
	}
	return nil
}

// at reads the node whose line begins at off.
func (f *File) at(off int64) *wardein.Node {
	if k, ok := f.kept[off]; ok {
		return k.Node
	}
	var line []byte
	for size := int64(4 << 10); ; size *= 4 {
		line = make([]byte, min(size, f.size-off))
		if _, err := f.r.ReadAt(line, off); err != nil && err != io.EOF {
			f.fail(err)
			return nil
		}
		if i := bytes.IndexByte(line, '\n'); i >= 0 {
			line = line[:i+1]
			break
		}
		if int64(len(line)) == f.size-off {
			break
		}
	}
	return f.parse(line, off)
}

// Facts gives the facts of one check with their nodes.
func (f *File) Facts(check string) iter.Seq2[*wardein.Node, wardein.Fact] {
	return func(yield func(*wardein.Node, wardein.Fact) bool) {
		last := int64(-1)
		var n *wardein.Node
		for _, nf := range f.facts[check] {
			if nf.Line != last {
				if n = f.at(nf.Line); n == nil {
					return
				}
				last = nf.Line
			}
			if !yield(n, nf.Fact) {
				return
			}
		}
	}
}
