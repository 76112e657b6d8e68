package unpack

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/flat"
)

// Contents remembers where the content of visited nodes stands, so that it can
// be read in any order after the walk, by any number of goroutines. It takes
// some 60 bytes for each distinct blob. The engine's store run and the input
// must stay open; the engine itself may be closed.
type Contents struct {
	e  *Engine
	in *Input
	at flat.Map[wardein.Digest, int64] // where its segments begin in locs
	// locs are segments, each blob's behind their number.
	locs []byte
	mu   sync.Mutex // guards the engine's packs
}

// Contents makes an empty table for the nodes of in.
func (e *Engine) Contents(in *Input) *Contents { return &Contents{e: e, in: in} }

// Add notes where a visited node's content stands, if it has any and it was
// read.
func (c *Contents) Add(v *Visit) {
	n := v.Node
	if !hasContent(n.Kind) || n.Blob == (wardein.Digest{}) || v.Loc.Size() != n.Size {
		return
	}
	if _, ok := c.at.Get(n.Blob); ok {
		return
	}
	c.at.Put(n.Blob, int64(len(c.locs)))
	c.locs = binary.AppendUvarint(c.locs, uint64(len(v.Loc)))
	for _, s := range v.Loc {
		c.locs = binary.AppendVarint(c.locs, s.Source)
		c.locs = binary.AppendVarint(c.locs, s.Off)
		c.locs = binary.AppendUvarint(c.locs, uint64(s.Len))
	}
}

func (c *Contents) loc(at int64) Loc {
	b := c.locs[at:]
	n, k := binary.Uvarint(b)
	l := make(Loc, n)
	for i := range l {
		b = b[k:]
		source, a := binary.Varint(b)
		off, o := binary.Varint(b[a:])
		size, z := binary.Uvarint(b[a+o:])
		l[i], k = Seg{Source: source, Off: off, Len: int64(size)}, a+o+z
	}
	return l
}

// A Content is a blob's bytes. Close gives up what was opened for it.
type Content struct {
	*io.SectionReader
	file *os.File
}

// Close closes the input file that the content stands in, if it was opened for it.
func (c *Content) Close() error {
	if c.file == nil {
		return nil
	}
	return c.file.Close()
}

// errNotRead is the answer to content that the walk did not reach.
var errNotRead = errors.New("its content was not read")

// Open returns the content of a node that was visited. It fails where the
// content was not read, and where an input file changed since.
func (c *Contents) Open(n *wardein.Node) (*Content, error) {
	at, ok := c.at.Get(n.Blob)
	if !hasContent(n.Kind) || n.Blob == (wardein.Digest{}) || !ok {
		return nil, fmt.Errorf("%s: %w", n.Path, errNotRead)
	}
	l := c.loc(at)
	if l.Size() != n.Size {
		return nil, fmt.Errorf("%s: %w: %d of %d bytes", n.Path, errNotRead, l.Size(), n.Size)
	}
	src, out := &sources{}, &Content{}
	for _, s := range l {
		if s.Source == 0 || src.get(s.Source) != nil {
			continue
		}
		var f *os.File
		var err error
		if s.Source > 0 {
			c.mu.Lock()
			f, err = c.e.pack(s.Source)
			c.mu.Unlock()
		} else if f, err = c.file(int(-1 - s.Source)); c.in.Dir != nil {
			out.file = f // a blob stands in one input file
		}
		if err != nil {
			out.Close()
			return nil, fmt.Errorf("%s: %w", n.Path, err)
		}
		src.set(s.Source, f)
	}
	out.SectionReader = io.NewSectionReader(newRegion(src, l), 0, n.Size)
	return out, nil
}

// file opens the i-th input file again, if it is as it was when it was hashed.
func (c *Contents) file(i int) (*os.File, error) {
	f, was := c.in.File, c.in.whole.was
	if c.in.Dir != nil {
		d := &c.in.entries[i]
		var err error
		if f, err = openRegular(c.in.Dir, d.Name); err != nil {
			return nil, err
		}
		was = d.was
	}
	if f == nil {
		return nil, errors.New("the input is not at hand")
	}
	st, err := f.Stat()
	if err == nil && was != (fileState{}) && stateOf(st) != was {
		err = errors.New("changed since it was read")
	}
	if err != nil && c.in.Dir != nil {
		f.Close()
	}
	if err != nil {
		return nil, err
	}
	return f, nil
}
