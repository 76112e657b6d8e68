package vulndb

import (
	"encoding/binary"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/wardein/wardein/vulndb/version"
)

// A product's statements stand in one blob, by record in order of its number:
//
//	uvarint  record, less the one before
//	uvarint  feed
//	byte     CVSS score times ten
//	names    0, year, number of one CVE; or length and text of any names
//	uvarint  length of what follows
//	 byte     status, and which of the optional parts are there
//	 byte     scheme
//	 uvarint  group
//	 bytes    lo, hi: length and key
//	 byte     zeros at the ends of the versions that the keys do not have
//	 bytes    said, where the keys do not give it; only
//	 byte     what more there is: ranges without an order, why; bytes: why
//	 …        the next statement
const (
	hasDefault = 1 << (iota + 2)
	hasExact
	hasScope
	hasSaid
	hasOnly
	hasMore
)

// What more there is of a statement.
const (
	moreUnordered = 1 << iota
	moreWhy
)

var errPacked = errors.New("damaged: a product's statements do not end where they should")

func appendBytes[T string | []byte](b []byte, s T) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}

// cveNumbers are the year and the number of a CVE name in its plain form.
func cveNumbers(name string) (year, n uint64, ok bool) {
	if len(name) < 13 || len(name) > 22 || name[:4] != "CVE-" || name[8] != '-' || len(name) > 13 && name[9] == '0' || name[4] == '0' {
		return 0, 0, false
	}
	for i := 4; i < len(name); i++ {
		d := uint64(name[i] - '0')
		switch {
		case i == 8:
		case d > 9:
			return 0, 0, false
		case i < 8:
			year = year*10 + d
		default:
			n = n*10 + d
		}
	}
	return year, n, true
}

// appendNames packs a record's names.
func appendNames(b []byte, names []string) []byte {
	if len(names) == 1 {
		if y, n, ok := cveNumbers(names[0]); ok {
			return binary.AppendUvarint(binary.AppendUvarint(append(b, 0), y), n)
		}
	}
	return appendBytes(b, strings.Join(names, " "))
}

// appendAssertion packs one statement.
func appendAssertion(b []byte, a *Assertion, scoped, unordered bool) []byte {
	flags, more := byte(a.Status), byte(0)
	set := func(bit byte, is bool) {
		if is {
			flags |= bit
		}
	}
	set(hasDefault, a.Default)
	set(hasExact, a.exact)
	set(hasScope, scoped)
	set(hasOnly, a.Only != "")
	set(hasMore, unordered || a.Why != "")
	if unordered {
		more |= moreUnordered
	}
	if a.Why != "" {
		more |= moreWhy
	}
	zeros, derived := a.zeros()
	if !derived {
		flags |= hasSaid
	}
	b = append(b, flags, byte(a.Scheme))
	b = binary.AppendUvarint(b, uint64(a.Group))
	b = append(appendBytes(appendBytes(b, a.lo), a.hi), zeros)
	if !derived {
		b = appendBytes(b, a.Said)
	}
	if a.Only != "" {
		b = appendBytes(b, a.Only)
	}
	if more != 0 {
		b = append(b, more)
	}
	if a.Why != "" {
		b = appendBytes(b, a.Why)
	}
	return b
}

// zeros finds how many zeros the keys lack, so that said gives the range's
// words; derived is false where it never does.
func (a *Assertion) zeros() (zeros byte, derived bool) {
	for zeros = range byte(16) {
		if said(a.lo, a.hi, a.exact, zeros) == a.Said {
			return zeros, true
		}
		if len(a.lo) == 0 && len(a.hi) == 0 {
			break
		}
	}
	return 0, false
}

// said is a range in words, from its keys.
func said(lo, hi []byte, exact bool, zeros byte) string {
	var buf [64]byte
	b := buf[:0]
	end := func(op, beyond string, k []byte, zeros int) {
		if len(b) > 0 {
			b = append(b, ", "...)
		}
		if k[len(k)-1] == 0 {
			op, k = beyond, k[:len(k)-1]
		}
		b = version.AppendPlain(append(b, op...), k, zeros)
	}
	if len(lo) > 0 {
		op := ">= "
		if exact {
			op = "= "
		}
		end(op, "> ", lo, int(zeros&3))
	}
	if len(hi) > 0 {
		end("< ", "<= ", hi, int(zeros>>2))
	}
	if len(b) == 0 {
		return "all versions"
	}
	return string(b)
}

// packed reads a product's blob.
type packed struct {
	b      []byte
	record uint32
	bad    bool
}

// chunk is the statements of one record about the product.
type chunk struct {
	record, feed uint32
	score        int
	year, number uint64 // of its one CVE, where text is empty
	text         []byte // its names
	head, body   []byte // head: from feed to the names
}

func (p *packed) uvarint() uint64 {
	v, n := binary.Uvarint(p.b)
	if n <= 0 {
		p.bad, p.b = true, nil
		return 0
	}
	p.b = p.b[n:]
	return v
}

func (p *packed) byte() byte {
	if len(p.b) == 0 {
		p.bad = true
		return 0
	}
	v := p.b[0]
	p.b = p.b[1:]
	return v
}

func (p *packed) bytes() []byte {
	n := p.uvarint()
	if n > uint64(len(p.b)) {
		p.bad, p.b = true, nil
		return nil
	}
	v := p.b[:n]
	p.b = p.b[n:]
	return v
}

// next reads on; false at the end.
func (p *packed) next(c *chunk) bool {
	if len(p.b) == 0 || p.bad {
		return false
	}
	p.record += uint32(p.uvarint())
	from := p.b
	c.record, c.feed, c.score = p.record, uint32(p.uvarint()), int(p.byte())
	if c.text = p.bytes(); len(c.text) == 0 {
		c.year, c.number = p.uvarint(), p.uvarint()
	}
	c.head = from[:len(from)-len(p.b)]
	c.body = p.bytes()
	return !p.bad
}

// names are the vulnerabilities that a record is about.
func (c *chunk) names() []string {
	if len(c.text) == 0 {
		return []string{cveName(c.year, c.number)}
	}
	return strings.Fields(string(c.text))
}

func cveName(year, n uint64) string {
	var buf [48]byte
	b := strconv.AppendUint(append(buf[:0], "CVE-"...), year, 10)
	b = append(b, '-')
	for least := uint64(1000); n < least && least > 1; least /= 10 {
		b = append(b, '0')
	}
	return string(strconv.AppendUint(b, n, 10))
}

// stored is a statement of a chunk.
type stored struct {
	Status
	flags    byte
	scheme   version.Scheme
	group    int
	lo, hi   []byte
	zeros    byte
	text     []byte // said
	only     []byte
	why      []byte
	def, one bool // default, exact
	// unordered: the record also has ranges that have no order here
	unordered bool
}

func (p *packed) statement(s *stored) bool {
	if len(p.b) == 0 || p.bad {
		return false
	}
	s.flags, s.scheme = p.byte(), version.Scheme(p.byte())
	s.Status, s.def, s.one = Status(s.flags&3), s.flags&hasDefault != 0, s.flags&hasExact != 0
	s.group, s.lo, s.hi, s.zeros, s.text, s.only = int(p.uvarint()), p.bytes(), p.bytes(), p.byte(), nil, nil
	if s.flags&hasSaid != 0 {
		s.text = p.bytes()
	}
	if s.flags&hasOnly != 0 {
		s.only = p.bytes()
	}
	s.unordered, s.why = false, nil
	if s.flags&hasMore != 0 {
		more := p.byte()
		s.unordered = more&moreUnordered != 0
		if more&moreWhy != 0 {
			s.why = p.bytes()
		}
	}
	return !p.bad
}

func (s *stored) said() string {
	if s.flags&hasSaid != 0 {
		return string(s.text)
	}
	return said(s.lo, s.hi, s.one, s.zeros)
}

// merge joins what a product had with what is new, without the records that
// are gone. New records have higher numbers than old ones.
func merge(old []byte, fresh []chunk, gone func(record uint32) bool) ([]byte, error) {
	var out []byte
	last := uint32(0)
	put := func(c *chunk) {
		out = binary.AppendUvarint(out, uint64(c.record-last))
		out = append(out, c.head...)
		out = appendBytes(out, c.body)
		last = c.record
	}
	p := packed{b: old}
	var c chunk
	for p.next(&c) {
		if !gone(c.record) {
			put(&c)
		}
	}
	if p.bad {
		return nil, errPacked
	}
	for i := range fresh {
		put(&fresh[i])
	}
	return out, nil
}

// pack makes the chunks of a record, by product.
func pack(feed uint32, r *Record, out func(product string, chunk []byte) error) error {
	slices.SortStableFunc(r.Says, func(a, b Assertion) int { return strings.Compare(a.Product, b.Product) })
	names := r.About
	if len(names) == 0 {
		names = []string{r.Name}
	}
	head := binary.AppendUvarint(nil, uint64(feed))
	head = appendNames(append(head, byte(min(max(r.Score, 0), 100))), names)
	var body []byte
	for from := 0; from < len(r.Says); {
		to := from
		body = body[:0]
		for ; to < len(r.Says) && r.Says[to].Product == r.Says[from].Product; to++ {
			a := &r.Says[to]
			body = appendAssertion(body, a, slices.ContainsFunc(r.Scopes, func(s Scope) bool { return s.Group == a.Group }), r.Unordered > 0)
		}
		// as the sorter keeps it: length of the head, head, body
		b := appendBytes(nil, head)
		if err := out(r.Says[from].Product, append(b, body...)); err != nil {
			return err
		}
		from = to
	}
	return nil
}
