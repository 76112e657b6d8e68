package unpack

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/wardein/wardein"
)

// Key names a result: what unpacking gave for these bytes, opened as the
// named format, or as whatever they turned out to be when As is "".
type Key struct {
	Blob wardein.Digest
	As   string
}

// Record is what unpacking one blob gave. It depends on the blob's bytes, the
// formats and the limits alone: not on its name, its place in the tree or the
// order of work. That makes it cacheable, and the tree repeatable.
type Record struct {
	Key      Key
	Size     int64
	Format   string // that opened the whole blob, "" when none did
	Evidence string
	Class    string // entropy class of a blob that no format opened
	Notes    []wardein.Note
	Spans    []wardein.Span
	Gaps     []wardein.Gap
	Rejected []Rejected
	// Decoded is how many bytes were decoded for direct members: what the
	// blob is charged against the run's budget.
	Decoded int64
	// Verbatim is how many of the blob's bytes members have as they are; they
	// are counted with the members.
	Verbatim int64
	// Padding is how many bytes of padding stand in spans of known bytes,
	// because there were too many spans to list.
	Padding int64
	members *memberList
}

// Member is one direct member of a record's blob.
type Member struct {
	wardein.Entry
	Size    int64
	Blob    wardein.Digest // zero when Kind has no content
	As      string         // for a Region: the format that claimed it
	Extents []wardein.Extent
	Derived string
	// Loc is where derived content stands in the store; verbatim content is
	// found through Extents instead.
	Loc Loc
}

// notRead is Member.Derived of a member whose content a limit kept out.
const notRead = "not read"

// Rejected is a candidate that lost, and why.
type Rejected struct {
	Off    int64
	Format string
	Why    string
}

// maxRejected bounds the rejected claims that a record lists; the last entry
// counts the rest.
const maxRejected = 100

// hasContent tells whether a kind of node has bytes of its own.
func hasContent(k wardein.Kind) bool { return k == wardein.File || k == wardein.Region }

// encoder appends a record in the store's own compact form: varints and
// length-prefixed strings, fields in order, version first.
type encoder struct{ b []byte }

const recordVersion = 2

func (e *encoder) u(v uint64) { e.b = binary.AppendUvarint(e.b, v) }
func (e *encoder) i(v int64)  { e.b = binary.AppendVarint(e.b, v) }

// n is a length or an offset. A format or a check that hands out a negative
// one must not end the run.
func (e *encoder) n(v int64) { e.u(uint64(max(0, v))) }

func (e *encoder) s(v string) {
	v = v[:min(len(v), maxString)]
	e.u(uint64(len(v)))
	e.b = append(e.b, v...)
}

func (e *encoder) d(v wardein.Digest) {
	e.b = append(e.b, v[:]...)
}

func (e *encoder) extents(x []wardein.Extent) {
	e.u(uint64(len(x)))
	for _, v := range x {
		e.i(v.Off)
		e.u(uint64(v.Len))
	}
}

// head appends all of a record but its members.
func (e *encoder) head(r *Record) {
	e.u(recordVersion)
	e.d(r.Key.Blob)
	e.s(r.Key.As)
	e.u(uint64(r.Size))
	e.s(r.Format)
	e.s(r.Evidence)
	e.s(r.Class)
	e.notes(r.Notes)
	e.u(uint64(len(r.Spans)))
	for _, s := range r.Spans {
		e.u(uint64(s.Off))
		e.u(uint64(s.Len))
		e.u(uint64(s.What))
		e.s(s.Format)
		e.s(s.Is)
		e.s(s.Code)
	}
	e.u(uint64(len(r.Gaps)))
	for _, g := range r.Gaps {
		e.s(g.Node)
		e.s(g.Who)
		e.s(string(g.Kind))
		e.n(g.Off)
		e.n(g.Len)
		e.s(g.Why)
	}
	e.u(uint64(len(r.Rejected)))
	for _, x := range r.Rejected {
		e.n(x.Off)
		e.s(x.Format)
		e.s(x.Why)
	}
	e.u(uint64(r.Decoded))
	e.u(uint64(r.Verbatim))
	e.u(uint64(r.Padding))
	e.u(uint64(r.members.len()))
}

func (e *encoder) notes(n []wardein.Note) {
	e.u(uint64(len(n)))
	for _, v := range n {
		e.s(v.Name)
		e.s(v.Value)
	}
}

// member appends a member but for the digest and location of its content,
// which are known later.
func (e *encoder) member(m *Member) {
	e.s(m.Name)
	e.u(uint64(m.Kind))
	e.u(uint64(m.Mode))
	e.u(uint64(m.UID))
	e.u(uint64(m.GID))
	e.i(m.MTime)
	e.u(uint64(m.Major))
	e.u(uint64(m.Minor))
	e.s(m.Target)
	e.u(uint64(len(m.Xattrs)))
	for _, x := range m.Xattrs {
		e.s(x.Name)
		e.s(x.Value)
	}
	if !hasContent(m.Kind) {
		return
	}
	e.u(uint64(m.Size))
	e.s(m.As)
	e.extents(m.Extents)
	e.s(m.Derived)
}

// decoder reads what encoder wrote. The bytes may come from a child that
// hostile input took over: every length is checked against what can be there.
type decoder struct {
	r   io.ByteReader
	in  io.Reader
	err error
}

var errRecord = errors.New("malformed record")

func (d *decoder) u() uint64 {
	if d.err != nil {
		return 0
	}
	v, err := binary.ReadUvarint(d.r)
	d.err = err
	return v
}

func (d *decoder) i() int64 {
	if d.err != nil {
		return 0
	}
	v, err := binary.ReadVarint(d.r)
	d.err = err
	return v
}

// n is a length or an offset.
func (d *decoder) n() int64 {
	v := d.u()
	if v > math.MaxInt64 {
		d.fail("length %d", v)
		return 0
	}
	return int64(v)
}

func (d *decoder) fail(format string, args ...any) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", errRecord, fmt.Sprintf(format, args...))
	}
}

const maxString = 16 << 20 // an xattr or a long link target; names are bounded far below

func (d *decoder) s() string {
	n := d.u()
	if d.err != nil || n == 0 {
		return ""
	}
	if n > maxString {
		d.fail("string of %d bytes", n)
		return ""
	}
	b := make([]byte, min(n, 64<<10))
	got := 0
	for {
		k, err := io.ReadFull(d.in, b[got:])
		got += k
		if err != nil {
			d.err = err
			return ""
		}
		if uint64(got) == n {
			return string(b)
		}
		b = append(b, make([]byte, min(n-uint64(got), uint64(got)))...)
	}
}

func (d *decoder) digest() (v wardein.Digest) {
	if d.err == nil {
		_, d.err = io.ReadFull(d.in, v[:])
	}
	return v
}

// list calls f n times, n as read, and stops at the first error.
func (d *decoder) list(f func()) {
	for n := d.n(); n > 0 && d.err == nil; n-- {
		f()
	}
}

func (d *decoder) notes() (out []wardein.Note) {
	d.list(func() { out = append(out, wardein.Note{Name: d.s(), Value: d.s()}) })
	return out
}

// head reads a record up to its members and returns how many follow.
func (d *decoder) head(r *Record) (members int64, err error) {
	if v := d.u(); d.err == nil && v != recordVersion {
		d.fail("version %d, want %d", v, recordVersion)
	}
	r.Key.Blob = d.digest()
	r.Key.As = d.s()
	r.Size = d.n()
	r.Format = d.s()
	r.Evidence = d.s()
	r.Class = d.s()
	r.Notes = d.notes()
	d.list(func() {
		r.Spans = append(r.Spans, wardein.Span{Off: d.n(), Len: d.n(), What: wardein.What(d.u()), Format: d.s(), Is: d.s(), Code: d.s()})
	})
	d.list(func() {
		r.Gaps = append(r.Gaps, wardein.Gap{Node: d.s(), Who: d.s(), Kind: wardein.GapKind(d.s()), Off: d.n(), Len: d.n(), Why: d.s()})
	})
	d.list(func() {
		r.Rejected = append(r.Rejected, Rejected{Off: d.n(), Format: d.s(), Why: d.s()})
	})
	r.Decoded, r.Verbatim, r.Padding = d.n(), d.n(), d.n()
	members = d.n()
	return members, d.err
}

func (d *decoder) member(m *Member) error {
	m.Name = d.s()
	m.Kind = wardein.Kind(d.u())
	m.Mode = uint32(d.u())
	m.UID = uint32(d.u())
	m.GID = uint32(d.u())
	m.MTime = d.i()
	m.Major = uint32(d.u())
	m.Minor = uint32(d.u())
	m.Target = d.s()
	d.list(func() { m.Xattrs = append(m.Xattrs, wardein.Xattr{Name: d.s(), Value: d.s()}) })
	if !hasContent(m.Kind) {
		return d.err
	}
	m.Size = d.n()
	m.As = d.s()
	d.list(func() { m.Extents = append(m.Extents, wardein.Extent{Off: d.i(), Len: d.n()}) })
	m.Derived = d.s()
	m.Blob = d.digest()
	m.Loc = d.loc()
	return d.err
}

// outcomes appends what the checks said of one blob.
func (e *encoder) outcomes(blob wardein.Digest, as string, all []wardein.Outcome) {
	e.u(recordVersion)
	e.d(blob)
	e.s(as)
	e.u(uint64(len(all)))
	for _, o := range all {
		e.s(o.Check)
		e.u(uint64(o.State))
		e.s(o.Why)
		e.u(uint64(len(o.Facts)))
		for _, f := range o.Facts {
			e.s(f.Kind)
			e.n(f.Off)
			e.n(f.Len)
			e.notes(f.Attrs)
		}
	}
}

func (d *decoder) outcomes() (key Key, all []wardein.Outcome, err error) {
	if v := d.u(); d.err == nil && v != recordVersion {
		d.fail("version %d, want %d", v, recordVersion)
	}
	key = Key{d.digest(), d.s()}
	d.list(func() {
		o := wardein.Outcome{Check: d.s(), State: wardein.State(d.u()), Why: d.s()}
		d.list(func() {
			o.Facts = append(o.Facts, wardein.Fact{Kind: d.s(), Off: d.n(), Len: d.n(), Attrs: d.notes()})
		})
		all = append(all, o)
	})
	return key, all, d.err
}
