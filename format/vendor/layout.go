package vendor

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"strconv"
	"strings"

	"github.com/wardein/wardein"
)

// A layout describes one container whose whole structure is a header over
// payloads. format turns it into a wardein.Format.
type layout struct {
	name    string
	doc     wardein.Doc
	magic   []wardein.Magic
	refines []string
	order   binary.ByteOrder
	size    int64   // bytes of the fixed header
	fields  []field // the parsed part of the header; holes between fields stay unreferenced
	// valid rejects a chance hit by looking at the header alone.
	valid func(h *header) bool
	// body tells the payloads and where the container ends. It may read
	// further headers through h. An error other than ErrNotMine means damaged.
	body func(h *header) (parts []part, end int64, err error)
	sums []sum
	// stripped: images may be written without their trailing padding, so that
	// one that is shorter than its header says is whole where its sum fits.
	stripped bool
	// fits: the header is too weak to be believed when the container is longer
	// than what is there.
	fits bool
}

// A field is a named run of the header.
type field struct {
	off, len int64
	show     show
	name     string
}

// show says how a field is recorded as a note of the container.
type show uint8

const (
	quiet   show = iota // parsed, no note
	number              // decimal
	address             // hexadecimal
	text                // up to the first NUL
	digest              // the bytes in hexadecimal
)

// A part is a run of the container: a payload by default.
type part struct {
	name     string
	off, len int64
	as       as
	why      string // for opaque parts: the Gap's words
	xor      []byte // key that the payload is stored under, repeated
	mtime    int64
	extents  []wardein.Extent // payload of several pieces, in place of off and len
	blocks   []wardein.Block  // payload of encoded pieces, in place of off and len
	// want and sum are the payload's checksum in hexadecimal: as recorded, and
	// as computed.
	want string
	sum  func(h *header) (string, error)
	weak bool // the checksum fits by chance too often to prove anything alone
}

type as uint8

const (
	payload   as = iota // a member
	metadata            // parsed: a Known span
	encrypted           // an Opaque span and a Gap
	closed              // recognised, layout not known: an Opaque span and a Gap
)

// A sum is a checksum over the header or the payload.
type sum struct {
	name  string // "md5 with salt"
	field string // field that holds the expected value
	want  string // the expected value where it is a constant and no field
	// calc computes the value in hexadecimal, as header.hex prints the field.
	calc func(h *header) (string, error)
	// late leaves the sum to Extract: a long payload under a header that has
	// a checksum of its own. Other sums are verified by Measure.
	late bool
	// must rejects the candidate on a mismatch: the magic alone is too weak.
	must bool
	// weak sums fit by chance too often to prove anything alone.
	weak bool
}

// header is one container that is being looked at.
type header struct {
	*layout
	r     *io.SectionReader
	raw   []byte
	notes []wardein.Note
	// end is where the container ends, at most the end of r.
	end int64
	// cut is set when the container is longer than r.
	cut bool
}

func (h *header) field(name string) (f field, raw []byte) {
	for _, f := range h.fields {
		if f.name == name {
			return f, h.raw[f.off : f.off+f.len]
		}
	}
	panic("vendor: " + h.name + " has no field " + name) // a typing error in the table; every layout has a sample
}

// u returns a numeric field.
func (h *header) u(name string) int64 {
	_, raw := h.field(name)
	return uint64Of(h.order, raw)
}

func uint64Of(order binary.ByteOrder, raw []byte) int64 {
	switch len(raw) {
	case 1:
		return int64(raw[0])
	case 2:
		return int64(order.Uint16(raw))
	case 4:
		return int64(order.Uint32(raw))
	case 8:
		return int64(min(order.Uint64(raw), 1<<62)) // no container is longer; keeps sums of two from overflowing
	}
	return 0
}

// s returns a text field up to its first NUL.
func (h *header) s(name string) string {
	_, raw := h.field(name)
	return cstring(raw)
}

func cstring(raw []byte) string {
	s, _, _ := strings.Cut(string(raw), "\x00")
	return s
}

// decimal returns the number that a text field spells, -1 when it spells none.
func (h *header) decimal(name string) int64 {
	n, err := strconv.ParseInt(strings.TrimSpace(h.s(name)), 10, 62)
	if err != nil || n < 0 {
		return -1
	}
	return n
}

func (h *header) hex(name string) string {
	f, raw := h.field(name)
	if f.show == digest || f.len > 8 {
		return hex.EncodeToString(raw)
	}
	return fmt.Sprintf("%0*x", 2*f.len, uint64Of(h.order, raw))
}

func (h *header) wanted(s sum) string {
	if s.want != "" {
		return s.want
	}
	return h.hex(s.field)
}

func (h *header) note(name, value string) {
	h.notes = append(h.notes, wardein.Note{Name: name, Value: value})
}

// at reads n bytes at off, fewer at the end.
func (h *header) at(off int64, n int) []byte {
	if off < 0 || off >= h.r.Size() {
		return nil
	}
	buf := make([]byte, min(int64(n), h.r.Size()-off))
	got, _ := h.r.ReadAt(buf, off)
	return buf[:got]
}

// A patch replaces bytes while a checksum is computed: fields that hold the
// checksum count as zeros or as a salt.
type patch struct {
	off   int64
	bytes []byte
}

// patched returns a reader over a run of the container with patches, which
// are sorted, applied.
func (h *header) patched(off, n int64, patches ...patch) io.Reader {
	var rs []io.Reader
	for _, p := range patches {
		if p.off < off || p.off+int64(len(p.bytes)) > off+n {
			continue
		}
		rs = append(rs, io.NewSectionReader(h.r, off, p.off-off), strings.NewReader(string(p.bytes)))
		n -= p.off + int64(len(p.bytes)) - off
		off = p.off + int64(len(p.bytes))
	}
	return io.MultiReader(append(rs, io.NewSectionReader(h.r, off, n))...)
}

// digestOf returns a hash over a run of the container in hexadecimal.
func (h *header) digestOf(sum hash.Hash, off, n int64, patches ...patch) (string, error) {
	if off < 0 || n < 0 || off > h.end || n > h.end-off {
		return "", fmt.Errorf("%d bytes at %#x are to be summed, the container ends at %#x", n, off, h.end)
	}
	if _, err := io.Copy(sum, h.patched(off, n, patches...)); err != nil {
		return "", err
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

func (l *layout) read(r *io.SectionReader) (*header, error) {
	h := &header{layout: l, r: r, raw: make([]byte, l.size)}
	if n, err := r.ReadAt(h.raw, 0); int64(n) < l.size {
		if err == nil || errors.Is(err, io.EOF) {
			err = wardein.ErrNotMine
		}
		return nil, err
	}
	if l.valid != nil && !l.valid(h) {
		return nil, wardein.ErrNotMine
	}
	return h, nil
}

// look reads the header and what body finds behind it.
func (l *layout) look(r *io.SectionReader) (h *header, parts []part, want int64, err error) {
	if h, err = l.read(r); err != nil {
		return nil, nil, 0, err
	}
	parts, want, err = l.body(h)
	if errors.Is(err, wardein.ErrNotMine) || want < l.size {
		return nil, nil, 0, wardein.ErrNotMine
	}
	if l.fits && want > r.Size() {
		return nil, nil, 0, wardein.ErrNotMine
	}
	h.end, h.cut = min(want, r.Size()), want > r.Size()
	return h, parts, want, err
}

// firstPart is the length up to which Measure sums the first payload of a
// container whose header has no checksum.
const firstPart = 16 << 20

func (l *layout) measure(r *io.SectionReader) (wardein.Claim, error) {
	h, parts, want, err := l.look(r)
	if h == nil {
		return wardein.Claim{}, err
	}
	claim := wardein.Claim{End: h.end, Confidence: wardein.Likely, Evidence: "header fields fit each other"}
	whole := !h.cut
	for _, s := range l.sums {
		if s.late {
			continue
		}
		got, calcErr := s.calc(h)
		switch want := h.wanted(s); {
		case calcErr == nil && got == want:
			claim.Evidence = s.name + " ok"
			if !s.weak {
				claim.Confidence = wardein.Certain
			}
			whole = whole || l.stripped
		case s.must:
			return wardein.Claim{}, wardein.ErrNotMine
		case calcErr == nil && (whole || !l.stripped):
			f, _ := h.field(s.field)
			err = errors.Join(err, fmt.Errorf("%s at %#x: expected %s, found %s", s.name, f.off, want, got))
		case whole:
			err = errors.Join(err, fmt.Errorf("%s: %w", s.name, calcErr))
		}
	}
	if !whole {
		err = errors.Join(err, fmt.Errorf("header at 0x0: %s of %d bytes expected, %d found", l.name, want, r.Size()))
	}
	if len(l.sums) == 0 {
		for _, p := range parts {
			if p.sum == nil || p.len > firstPart {
				continue
			}
			if got, sumErr := p.sum(h); sumErr == nil && got == p.want {
				claim.Evidence = "checksum of " + p.name + " ok"
				if !p.weak {
					claim.Confidence = wardein.Certain
				}
			}
			break
		}
	}
	return claim, err
}

func (l *layout) extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	h, parts, _, err := l.look(r)
	if h == nil {
		return 0, err
	}
	l.describe(h, out)
	budget := 4*h.end + 1<<20 // bytes that may be summed: payloads that overlap are not summed without end
	for _, p := range parts {
		if err := ctx.Err(); err != nil {
			return h.end, err
		}
		if err := h.hand(p, out, &budget); err != nil {
			return h.end, err
		}
	}
	for _, s := range l.sums {
		if !s.late || h.cut {
			continue
		}
		f, _ := h.field(s.field)
		if got, err := s.calc(h); err != nil {
			out.Gap(wardein.Gap{Kind: wardein.Damaged, Off: f.off, Len: f.len, Why: s.name + ": " + err.Error()})
		} else if want := h.wanted(s); got != want {
			out.Gap(wardein.Gap{Kind: wardein.Damaged, Off: f.off, Len: f.len,
				Why: fmt.Sprintf("%s: expected %s, found %s", s.name, want, got)})
		}
	}
	return h.end, nil // Measure told what body complains of
}

// describe accounts for the header's fields and records them as notes.
func (l *layout) describe(h *header, out wardein.Members) {
	var run wardein.Span
	for _, f := range l.fields {
		if f.off == run.Off+run.Len && run.Len > 0 {
			run.Len += f.len
		} else {
			if run.Len > 0 {
				out.Span(run)
			}
			run = wardein.Span{Off: f.off, Len: f.len, What: wardein.Known, Is: "header"}
		}
		raw := h.raw[f.off : f.off+f.len]
		switch f.show {
		case number:
			out.Note(f.name, strconv.FormatInt(uint64Of(h.order, raw), 10))
		case address:
			out.Note(f.name, fmt.Sprintf("%#x", uint64Of(h.order, raw)))
		case text:
			if s := cstring(raw); s != "" {
				out.Note(f.name, s)
			}
		case digest:
			out.Note(f.name, hex.EncodeToString(raw))
		}
	}
	if run.Len > 0 {
		out.Span(run)
	}
	for _, n := range h.notes {
		out.Note(n.Name, n.Value)
	}
}

// hand gives one part to the engine, cut to what is there.
func (h *header) hand(p part, out wardein.Members, budget *int64) error {
	damaged := func(format string, args ...any) {
		off := max(0, min(p.off, h.end))
		out.Gap(wardein.Gap{Node: p.name, Kind: wardein.Damaged, Off: off, Len: max(0, min(p.len, h.end-off)), Why: fmt.Sprintf(format, args...)})
	}
	entry := wardein.Entry{Name: p.name, Kind: wardein.Region, MTime: p.mtime}
	switch {
	case p.extents != nil:
		for _, x := range p.extents {
			if x.Off >= 0 && (x.Len < 0 || x.Off > h.end || x.Len > h.end-x.Off) {
				damaged("%d bytes at %#x expected, the container ends at %#x", x.Len, x.Off, h.end)
				return nil
			}
		}
		return out.Extents(entry, p.extents)
	case p.blocks != nil:
		return out.Blocks(entry, p.blocks)
	case p.len == 0:
		return nil
	case p.off < 0 || p.len < 0 || p.off > h.end:
		damaged("%d bytes at %#x expected, the container ends at %#x", p.len, p.off, h.end)
		return nil
	}
	whole := true
	if p.len > h.end-p.off {
		damaged("%d bytes at %#x expected, %d found", p.len, p.off, h.end-p.off)
		p.len, whole = h.end-p.off, false
	}
	switch p.as {
	case metadata:
		out.Span(wardein.Span{Off: p.off, Len: p.len, What: wardein.Known, Is: p.name})
		return nil
	case encrypted, closed:
		kind := wardein.Unsupported
		if p.as == encrypted {
			kind = wardein.Encrypted
		}
		out.Span(wardein.Span{Off: p.off, Len: p.len, What: wardein.Opaque, Is: p.name})
		out.Gap(wardein.Gap{Kind: kind, Off: p.off, Len: p.len, Why: p.why})
		return nil
	}
	if p.xor != nil {
		out.Span(wardein.Span{Off: p.off, Len: p.len, What: wardein.Known, Is: p.name})
		if err := out.Stream(entry, h.plain(p)); err != nil {
			return err
		}
	} else if err := out.Extents(entry, []wardein.Extent{{Off: p.off, Len: p.len}}); err != nil {
		return err
	}
	if p.sum == nil || !whole {
		return nil
	}
	if *budget -= p.len; *budget < 0 {
		out.Gap(wardein.Gap{Node: p.name, Kind: wardein.Limit, Off: p.off, Len: p.len,
			Why: fmt.Sprintf("checksums read %d bytes more than the %d allowed", -*budget, 4*h.end+1<<20)})
		return nil
	}
	if got, err := p.sum(h); err != nil {
		damaged("checksum: %v", err)
	} else if got != p.want {
		damaged("checksum: expected %s, found %s", p.want, got)
	}
	return nil
}

// plain reads a payload without its key.
func (h *header) plain(p part) io.Reader {
	return &xorReader{r: io.NewSectionReader(h.r, p.off, p.len), key: p.xor}
}

// xorReader reads what is stored under a repeated key.
type xorReader struct {
	r   io.Reader
	key []byte
	pos int
}

func (x *xorReader) Read(p []byte) (int, error) {
	n, err := x.r.Read(p)
	for i := range p[:n] {
		p[i] ^= x.key[x.pos]
		if x.pos++; x.pos == len(x.key) {
			x.pos = 0
		}
	}
	return n, err
}

// format is the layout as the engine takes it.
func (l layout) format() wardein.Format {
	if l.fits {
		l.doc.Limits = append(l.doc.Limits, "a truncated image is not recognised: the header alone is too weak")
	}
	return wardein.Format{
		Name: l.name, Version: 1, Doc: l.doc, Magic: l.magic, Refines: l.refines,
		Measure: l.measure,
		Extract: l.extract,
	}
}
