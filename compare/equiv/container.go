package equiv

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/canon"
)

// field is a field of a container's own bytes.
type field struct {
	member   string // that it is of, "" for the container's own
	name     string
	what     kind
	off, len int64
	value    int64 // of a stamp
	owner    Owner
	right    bool // it is what recomputing gives
}

func (f *field) key() string { return f.member + "\x00" + f.name }

// layouts read the fields of the formats whose headers have rules. What a
// reader does not name is compared byte by byte.
var layouts = map[string]func(m *member, b []byte) []field{
	"gzip": gzipFields, "uimage": uimageFields, "trx": trxFields, "squashfs": squashfsFields,
	"tar": tarFields, "cpio": cpioFields, "ar": arFields, "deb": arFields,
}

// streams are the formats that are nothing but encoded contents.
var streams = []string{"gzip", "xz", "lzma", "bzip2", "zstd", "lz4", "lzip", "lzop", "compress", "zlib"}

// run is a run of bytes, the end not included.
type run struct{ from, to int64 }

// container compares two containers: what is inside, then the bytes that are
// not their members'.
func (c *comparison) container(f *fileWork, a, b []byte, sum *Bytes) Verdict {
	m, o := f.nodes[0], f.nodes[1]
	var verbatim, decoded Bytes
	inner := c.members(m, o, &verbatim, &decoded)
	if m.Format != o.Format {
		f.add(nil, Difference{Where: "format", Before: m.Format, After: o.Format, Why: "the containers are of different formats"}, 0)
	}
	var fields [2][]field
	if read := layouts[m.Format]; read != nil && m.Format == o.Format {
		fields[0], fields[1] = read(m, a), read(o, b)
	}
	f.fields(fields, a, b)
	x, y := split(m, fields[0]), split(o, fields[1])
	counted := inner == Identical
	f.encoded(x, y, a, b, counted)
	f.rest(x.rest, y.rest, a, b)
	own := int64(0)
	for _, r := range invert(x.verbatim, m.Size) {
		own += r.to - r.from
	}
	sum.add(verbatim)
	if !counted {
		sum.add(decoded)
		own -= length(x.encoded)
	}
	f.Bytes.Identical = max(0, own-f.Bytes.Explained-f.Bytes.Unexplained-f.Bytes.NotCovered-f.pending())
	if inner == Identical && f.open == 0 && len(f.plain) == 0 && len(f.waiting) == 0 && !f.covered {
		f.add(nil, Difference{Where: "content", Why: "the bytes differ, and nothing that was looked at does"}, 0)
	}
	return inner
}

func (f *fileWork) pending() (n int64) {
	for _, w := range f.waiting {
		n += w.n
	}
	return n
}

// fields compares fields by their names.
func (f *fileWork) fields(list [2][]field, a, b []byte) {
	index := map[string]*field{}
	for i := range list[1] {
		g := &list[1][i]
		index[g.key()] = g
	}
	for i := range list[0] {
		g := &list[0][i]
		h := index[g.key()]
		if h == nil {
			f.lone(g, a, "shipped")
			continue
		}
		delete(index, g.key())
		x, y := a[g.off:g.off+g.len], b[h.off:h.off+h.len]
		if bytes.Equal(x, y) {
			continue
		}
		if g.what == label { // fixed fields are filled up
			x, y = bytes.TrimRight(x, "\x00"), bytes.TrimRight(y, "\x00")
		}
		f.align(&region{place: place{what: g.what, a: x, b: y, field: [2]*field{g, h}}, where: g.where(), offA: g.off, offB: h.off})
	}
	for i := range list[1] {
		if g := &list[1][i]; index[g.key()] == g {
			f.lone(g, b, "rebuilt")
		}
	}
}

func (g *field) where() string {
	if g.member == "" {
		return g.name
	}
	name, _, _ := strings.Cut(g.member, "\x00")
	return g.name + " of " + canon.Escape(name)
}

// lone takes a field that one side has. Where the member has no counterpart it
// is not compared, as the member is not.
func (f *fileWork) lone(g *field, b []byte, side string) {
	side0 := 0
	if side == "rebuilt" {
		side0 = 1
	}
	name, _, _ := strings.Cut(g.member, "\x00")
	for _, k := range f.nodes[side0].members {
		if k.pair == nil && strings.Trim(k.Name, "./") == strings.Trim(name, "./") {
			if side0 == 0 {
				f.hidden(g.len, "headers of members without a counterpart")
			}
			return
		}
	}
	d := Difference{Where: g.where(), Why: "in the " + side + " release only"}
	n := g.len
	if side0 == 0 {
		d.Shipped, d.Before = Run{Off: g.off, Len: g.len}, quote(b[g.off:g.off+g.len])
	} else {
		d.Rebuilt, d.After, n = Run{Off: g.off, Len: g.len}, quote(b[g.off:g.off+g.len]), 0
	}
	d.Bytes = g.len
	f.add(nil, d, n)
}

// parts are a container's bytes by what they are.
type parts struct {
	verbatim []run // members have them as they are
	encoded  []run // members, or tables, are encoded in them
	tables   bool
	rest     []wardein.Span
}

// split tells a container's bytes apart.
func split(m *member, fields []field) (p parts) {
	var taken []run
	for _, k := range m.members {
		for _, x := range k.Extents {
			if x.Off < 0 || x.Len <= 0 || x.Off+x.Len > m.Size || x.Off+x.Len < 0 {
				continue
			}
			r := run{x.Off, x.Off + x.Len}
			taken = append(taken, r)
			if k.Derived == "" {
				p.verbatim = append(p.verbatim, r)
			} else {
				p.encoded = append(p.encoded, r)
			}
		}
	}
	for _, g := range fields {
		taken = append(taken, run{g.off, g.off + g.len})
	}
	stream := slices.Contains(streams, m.Format)
	p.tables = m.Format == "squashfs" && len(fields) > 0
	for _, r := range invert(taken, m.Size) {
		for _, s := range cut(m.Spans, r) {
			if s.What == wardein.Known && (stream || p.tables) {
				p.encoded = append(p.encoded, run{s.Off, s.Off + s.Len})
			} else {
				p.rest = append(p.rest, s)
			}
		}
	}
	p.verbatim, p.encoded = merge(p.verbatim), without(merge(p.encoded), merge(p.verbatim))
	return p
}

// cut returns what of the spans lies in a run, neighbours of one kind joined.
func cut(spans []wardein.Span, r run) (out []wardein.Span) {
	i, _ := slices.BinarySearchFunc(spans, r.from, func(s wardein.Span, at int64) int { return cmp.Compare(s.Off+s.Len, at+1) })
	at := r.from
	put := func(from, to int64, what wardein.What) {
		if from >= to {
			return
		}
		if n := len(out); n > 0 && out[n-1].What == what && out[n-1].Off+out[n-1].Len == from {
			out[n-1].Len += to - from
			return
		}
		out = append(out, wardein.Span{Off: from, Len: to - from, What: what})
	}
	for ; i < len(spans) && spans[i].Off < r.to; i++ {
		from, to := max(spans[i].Off, at), min(spans[i].Off+spans[i].Len, r.to)
		put(at, from, wardein.Unknown)
		put(from, to, spans[i].What)
		at = max(at, to)
	}
	put(at, r.to, wardein.Unknown)
	return out
}

// encodedContents names the bytes that contents are encoded in.
const encodedContents = "encoded contents"

// encoded compares the bytes that contents are encoded in. They count where
// the contents are the same; else the contents count for themselves.
func (f *fileWork) encoded(x, y parts, a, b []byte, counted bool) {
	p, q := collect(a, x.encoded), collect(b, y.encoded)
	if bytes.Equal(p, q) {
		return
	}
	n := int64(0)
	if counted {
		n = int64(len(p))
	}
	for _, m := range f.nodes {
		for _, g := range m.Gaps {
			f.hidden(n, fmt.Sprintf("it was not opened in full: %s", canon.Escape(g.Why)))
			return
		}
	}
	d := Difference{Where: encodedContents, Bytes: int64(len(p)), Why: fmt.Sprintf("%d and %d bytes", len(p), len(q))}
	if len(x.encoded) > 0 && len(y.encoded) > 0 {
		d.Shipped = Run{Off: x.encoded[0].from, Len: x.encoded[len(x.encoded)-1].to - x.encoded[0].from}
		d.Rebuilt = Run{Off: y.encoded[0].from, Len: y.encoded[len(y.encoded)-1].to - y.encoded[0].from}
	}
	if !counted {
		d.Why += "; the contents differ, and count for themselves"
	}
	rule := ruleNamed("compression")
	if x.tables {
		rule = ruleNamed("tables")
	}
	f.add(rule, d, n)
}

// rest compares what is neither field nor content.
func (f *fileWork) rest(x, y []wardein.Span, a, b []byte) {
	if len(x) != len(y) {
		x, y = trimFill(x, a), trimFill(y, b)
	}
	if len(x) != len(y) {
		// Nothing tells which belong together: all are one run.
		p, q := gather(x, a), gather(y, b)
		if bytes.Equal(p, q) {
			return
		}
		what := closed
		if fill(p) && fill(q) {
			what = padding
		}
		r := &region{place: place{what: what, a: p, b: q}, where: "bytes outside members"}
		if len(x) > 0 {
			r.offA = x[0].Off
		}
		if len(y) > 0 {
			r.offB = y[0].Off
		}
		f.align(r)
		return
	}
	for i := range x {
		p, q := a[x[i].Off:x[i].Off+x[i].Len], b[y[i].Off:y[i].Off+y[i].Len]
		if bytes.Equal(p, q) {
			continue
		}
		what := closed
		if fill(p) && fill(q) {
			what = padding
		}
		f.align(&region{place: place{what: what, a: p, b: q}, where: "bytes outside members", offA: x[i].Off, offB: y[i].Off, spansA: busy(x[i : i+1]), spansB: busy(y[i : i+1])})
	}
}

// trimFill leaves out runs that are fill alone. A difference in them is one of
// the number of such runs.
func trimFill(list []wardein.Span, b []byte) (out []wardein.Span) {
	for _, s := range list {
		if !fill(b[s.Off : s.Off+s.Len]) {
			out = append(out, s)
		}
	}
	return out
}

func gather(list []wardein.Span, b []byte) (out []byte) {
	for _, s := range list {
		out = append(out, b[s.Off:s.Off+s.Len]...)
	}
	return out
}

func collect(b []byte, list []run) []byte {
	if len(list) == 1 {
		return b[list[0].from:list[0].to]
	}
	var out []byte
	for _, r := range list {
		out = append(out, b[r.from:r.to]...)
	}
	return out
}

func length(list []run) (n int64) {
	for _, r := range list {
		n += r.to - r.from
	}
	return n
}

// merge sorts runs and joins those that overlap.
func merge(list []run) (out []run) {
	list = slices.Clone(list)
	slices.SortFunc(list, func(a, b run) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) })
	for _, r := range list {
		if n := len(out); n > 0 && r.from <= out[n-1].to {
			out[n-1].to = max(out[n-1].to, r.to)
		} else {
			out = append(out, r)
		}
	}
	return out
}

// invert returns the runs of size bytes that list leaves.
func invert(list []run, size int64) (out []run) {
	at := int64(0)
	for _, r := range merge(list) {
		if r.from > at {
			out = append(out, run{at, r.from})
		}
		at = max(at, r.to)
	}
	if at < size {
		out = append(out, run{at, size})
	}
	return out
}

// without returns what of merged runs no run of others covers.
func without(list, others []run) (out []run) {
	k := 0
	for _, r := range list {
		for k > 0 && others[k-1].to > r.from {
			k--
		}
		for ; k < len(others) && others[k].from < r.to; k++ {
			if others[k].from > r.from {
				out = append(out, run{r.from, others[k].from})
			}
			r.from = max(r.from, min(r.to, others[k].to))
		}
		if r.from < r.to {
			out = append(out, r)
		}
	}
	return out
}
