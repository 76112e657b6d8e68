// Package testkit is what the tests of formats share: a collector that stands
// in for the engine, golden samples, reference tools and a generic fuzz body.
package testkit

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"sort"
	"strings"

	"github.com/wardein/wardein"
)

// Member is one member that a format handed out, with its content read.
type Member struct {
	wardein.Entry
	Data []byte
	// How is "", "extents", "blocks" or "stream".
	How string
	Err error
	src []wardein.Extent
}

// Result is all that one format said about one input.
type Result struct {
	Claim   wardein.Claim
	End     int64
	Err     error // from Measure or Extract
	Members []Member
	Spans   []wardein.Span
	Notes   []wardein.Note
	Gaps    []wardein.Gap

	data []byte
	left int64 // bytes of decoded output still allowed
	// scratch, where there is one, takes all content, and none is kept.
	scratch *[]byte
}

var errFull = errors.New("testkit: output limit reached")

// Run measures and extracts data, which begins at the claim's first byte. At
// most limit bytes of decoded output are kept.
func Run(f wardein.Format, data []byte, limit int64) *Result {
	res := &Result{data: data, left: limit}
	res.run(f)
	return res
}

func (c *Result) run(f wardein.Format) {
	data := c.data
	r := io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data)))
	claim, err := f.Measure(r)
	c.Claim, c.Err = claim, err
	if err != nil && (errors.Is(err, wardein.ErrNotMine) || claim.End == 0) {
		return
	}
	n := int64(len(data))
	if claim.End != wardein.EndUnknown {
		n = min(n, claim.End)
	}
	c.data = data[:n]
	if f.Extract == nil {
		c.End = claim.End
		return
	}
	r = io.NewSectionReader(bytes.NewReader(data), 0, n)
	end, err := f.Extract(context.Background(), r, c)
	c.End = end
	if err != nil {
		c.Err = err
	}
}

func (c *Result) Entry(e wardein.Entry) error {
	c.Members = append(c.Members, Member{Entry: e})
	if len(c.Members) > 1<<20 {
		return errFull
	}
	return nil
}

func (c *Result) Extents(e wardein.Entry, ext []wardein.Extent) error {
	m := Member{Entry: e, How: "extents"}
	if c.scratch == nil {
		m.src = append(m.src, ext...)
	}
	for _, x := range ext {
		if err := c.checkExtent(x); err != nil {
			panic(fmt.Sprintf("member %q: %v", e.Name, err))
		}
		if x.Len > c.left {
			return errFull
		}
		c.left -= x.Len
		if c.scratch == nil {
			m.Data = append(m.Data, c.read(x)...)
		}
	}
	c.Members = append(c.Members, m)
	return nil
}

func (c *Result) checkExtent(x wardein.Extent) error {
	if x.Len < 0 || x.Off < wardein.Ones || x.Off >= 0 && (x.Off > int64(len(c.data)) || x.Len > int64(len(c.data))-x.Off) {
		return fmt.Errorf("extent %d+%d outside the claim's %d bytes", x.Off, x.Len, len(c.data))
	}
	return nil
}

func (c *Result) read(x wardein.Extent) []byte {
	switch x.Off {
	case wardein.Zeros:
		return make([]byte, x.Len)
	case wardein.Ones:
		return bytes.Repeat([]byte{0xFF}, int(x.Len))
	}
	return c.data[x.Off : x.Off+x.Len]
}

func (c *Result) Blocks(e wardein.Entry, blocks []wardein.Block) error {
	m := Member{Entry: e, How: "blocks"}
	for i, b := range blocks {
		if err := c.checkExtent(b.Src); err != nil {
			panic(fmt.Sprintf("member %q block %d: %v", e.Name, i, err))
		}
		n := b.Len
		if n == 0 {
			n = b.Size - b.From
		}
		if b.Size < 0 || b.From < 0 || n < 0 || b.From+n > b.Size {
			panic(fmt.Sprintf("member %q block %d: part %d+%d of %d", e.Name, i, b.From, n, b.Size))
		}
		if b.Size > c.left {
			return errFull
		}
		c.left -= b.Size
		var dst []byte
		switch {
		case c.scratch != nil:
			if b.Src.Off >= 0 && b.Decode != nil {
				b.Decode(c.room(b.Size), c.read(b.Src))
			}
			continue
		case b.Src.Off < 0:
			dst = c.read(wardein.Extent{Off: b.Src.Off, Len: b.Size})
		case b.Decode == nil:
			dst = c.read(b.Src)
			m.src = append(m.src, b.Src)
		default:
			dst = make([]byte, b.Size)
			got, err := b.Decode(dst, c.read(b.Src))
			if err == nil && int64(got) < b.From+n {
				err = fmt.Errorf("decoded %d bytes, want %d", got, b.From+n)
			}
			if err != nil {
				m.Err = fmt.Errorf("block %d at %#x: %w", i, b.Src.Off, err)
			}
			m.src = append(m.src, b.Src)
		}
		if int64(len(dst)) < b.From+n {
			dst = append(append([]byte(nil), dst...), make([]byte, b.From+n-int64(len(dst)))...)
		}
		m.Data = append(m.Data, dst[b.From:b.From+n]...)
	}
	c.Members = append(c.Members, m)
	return nil
}

func (c *Result) Stream(e wardein.Entry, r io.Reader) error {
	if c.scratch != nil {
		buf := c.room(64 << 10)
		n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, io.LimitReader(r, c.left+1), buf)
		if n > c.left {
			n, err = c.left, errFull
		}
		c.left -= n
		c.Members = append(c.Members, Member{Entry: e, How: "stream", Err: err})
		return err
	}
	data, err := io.ReadAll(io.LimitReader(r, c.left+1))
	if int64(len(data)) > c.left {
		data, err = data[:c.left], errFull
	}
	c.left -= int64(len(data))
	c.Members = append(c.Members, Member{Entry: e, How: "stream", Data: data, Err: err})
	return err
}

func (c *Result) room(n int64) []byte {
	*c.scratch = grow(*c.scratch, n)
	return *c.scratch
}

func (c *Result) Span(s wardein.Span) {
	if s.Off < 0 || s.Len < 0 || s.Off > int64(len(c.data)) || s.Len > int64(len(c.data))-s.Off {
		panic(fmt.Sprintf("span %q %d+%d outside the claim's %d bytes", s.Is, s.Off, s.Len, len(c.data)))
	}
	c.Spans = append(c.Spans, s)
}

func (c *Result) Note(name, value string) {
	c.Notes = append(c.Notes, wardein.Note{Name: name, Value: value})
}
func (c *Result) Gap(g wardein.Gap) { c.Gaps = append(c.Gaps, g) }

// Find returns the member of that name, nil when there is none.
func (c *Result) Find(name string) *Member {
	for i := range c.Members {
		if c.Members[i].Name == name {
			return &c.Members[i]
		}
	}
	return nil
}

// Unreferenced returns the runs of the claim that no span and no member's
// content covers, the way the engine would find them.
func (c *Result) Unreferenced() []wardein.Extent {
	var used []wardein.Extent
	for _, s := range c.Spans {
		used = append(used, wardein.Extent{Off: s.Off, Len: s.Len})
	}
	for _, m := range c.Members {
		for _, x := range m.src {
			if x.Off >= 0 {
				used = append(used, x)
			}
		}
	}
	sort.Slice(used, func(i, j int) bool { return used[i].Off < used[j].Off })
	var free []wardein.Extent
	pos := int64(0)
	for _, u := range used {
		if u.Off > pos {
			free = append(free, wardein.Extent{Off: pos, Len: u.Off - pos})
		}
		pos = max(pos, u.Off+u.Len)
	}
	if end := min(c.End, int64(len(c.data))); end > pos {
		free = append(free, wardein.Extent{Off: pos, Len: end - pos})
	}
	return free
}

// String is the golden text: claim, members, notes, spans, gaps, one a line.
func (c *Result) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "claim end=%d %s: %s\n", c.Claim.End, c.Claim.Confidence, c.Claim.Evidence)
	if c.Err != nil {
		fmt.Fprintf(&b, "error %v\n", c.Err)
	}
	fmt.Fprintf(&b, "end %d\n", c.End)
	for _, n := range c.Notes {
		fmt.Fprintf(&b, "note %s=%q\n", n.Name, n.Value)
	}
	for _, m := range c.Members {
		fmt.Fprintf(&b, "%s %04o %d:%d mtime=%d %q", m.Kind, m.Mode, m.UID, m.GID, m.MTime, m.Name)
		if m.Target != "" {
			fmt.Fprintf(&b, " -> %q", m.Target)
		}
		if m.Kind == wardein.CharDevice || m.Kind == wardein.BlockDevice {
			fmt.Fprintf(&b, " dev=%d,%d", m.Major, m.Minor)
		}
		if m.How != "" {
			sum := sha256.Sum256(m.Data)
			fmt.Fprintf(&b, " %s size=%d sha256=%x…", m.How, len(m.Data), sum[:8])
		}
		for _, x := range m.Xattrs {
			fmt.Fprintf(&b, " %s=%q", x.Name, x.Value)
		}
		if m.Err != nil {
			fmt.Fprintf(&b, " error %q", m.Err)
		}
		b.WriteByte('\n')
	}
	for _, s := range c.Spans {
		fmt.Fprintf(&b, "span %#x+%#x %s %s", s.Off, s.Len, s.What, s.Is)
		if s.Code != "" {
			fmt.Fprintf(&b, " code=%s", s.Code)
		}
		if s.Carve {
			b.WriteString(" carve")
		}
		b.WriteByte('\n')
	}
	for _, x := range c.Unreferenced() {
		fmt.Fprintf(&b, "unreferenced %#x+%#x\n", x.Off, x.Len)
	}
	for _, g := range c.Gaps {
		fmt.Fprintf(&b, "gap %s %#x+%#x %q %s\n", g.Kind, g.Off, g.Len, g.Node, g.Why)
	}
	return b.String()
}
