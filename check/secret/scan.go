package secret

import (
	"bytes"
	"fmt"
	"io"
	"sync"

	"github.com/wardein/wardein"
)

// A stem is a piece of text that a credential's name or form has. Each is in
// small letters and is found in any case; keyAt is where the name begins that
// it is part of, -1 where it must be looked for.
type stem struct {
	text  string
	keyAt int
	see   func(s *scan, at int) // nil: a setting's name
}

var stems = []stem{
	{text: "pass", keyAt: -1}, {text: "secr", keyAt: -1}, {text: "munit", keyAt: -1}, {text: "psk", keyAt: -1}, {text: "shared-key", keyAt: -1}, {text: "_pw", keyAt: -1},
	{text: "dpw", keyAt: -1}, {text: "tpw", keyAt: -1}, {text: "token", keyAt: -1}, {text: "_key", keyAt: -1}, {text: "apikey", keyAt: -1},
	{text: "privatekey", keyAt: -1}, {text: "sharedkey", keyAt: -1}, {text: "option key", keyAt: 7}, {text: "-server key", keyAt: 8},
	{text: ": psk ", see: (*scan).ipsec}, {text: ": eap ", see: (*scan).ipsec}, {text: ": xauth ", see: (*scan).ipsec},
	{text: "com2sec", see: (*scan).com2sec},
	{text: "createuser", see: (*scan).createUser},
	{text: "://", see: (*scan).url},
	{text: "$apr1$", see: (*scan).webUser}, {text: ":{sha}", see: (*scan).webUser}, {text: ":$2y$", see: (*scan).webUser},
	{text: "akia", see: (*scan).aws}, {text: "eyjhbgcioi", see: (*scan).jwt}, {text: "eyj0exaioi", see: (*scan).jwt},
	{text: "ghp_", see: (*scan).github}, {text: "gho_", see: (*scan).github}, {text: "ghu_", see: (*scan).github}, {text: "ghs_", see: (*scan).github}, {text: "ghr_", see: (*scan).github},
	{text: "xoxb-", see: (*scan).slack}, {text: "xoxp-", see: (*scan).slack}, {text: "hooks.slack.com/services/t", see: (*scan).slackHook},
	{text: "aizasy", see: (*scan).google}, {text: "glpat-", see: (*scan).gitlab}, {text: "accountkey=", see: (*scan).azure},
}

// stemTable leads from the pairs of bytes of which one stands at an even
// offset wherever a stem stands (two neighbouring pairs of each stem) to the
// stems.
type stemTable struct {
	bits  [1 << 16 / 64]uint64
	index [1 << 16]uint8
	lists [][]start // by index
}

// start is where a pair stands in a stem, and the stem's first and last byte.
type start struct {
	stem, at    int
	last        int
	first, tail byte
}

// common ranks pairs of letters that text is full of; the others are rarer.
var common = map[string]int{"ss": 2, "as": 3, "se": 3, "ec": 2, "ke": 1, "en": 4, "to": 3, "re": 4, "at": 4, "te": 4, "ey": 1, "pa": 2, "cr": 1, "ar": 3, "ed": 3,
	"on": 4, "er": 4, "ti": 3, "io": 2, "un": 2, "ni": 2, "it": 3, "om": 2, "co": 2, "//": 2, "ha": 2, "iv": 1, "ri": 3, "pt": 1, "op": 1, "us": 2, "mm": 1, "mu": 1, "ck": 1, "sl": 1}

var stemsByPair = sync.OnceValue(func() *stemTable {
	t := &stemTable{}
	for i := range stems {
		s := stems[i].text
		best, cost := 0, 100
		for k := 0; k+2 < len(s); k++ {
			if c := common[s[k:k+2]] + common[s[k+1:k+3]]; c < cost {
				best, cost = k, c
			}
		}
		for _, k := range []int{best, best + 1} {
			for _, a := range letters(s[k]) {
				for _, b := range letters(s[k+1]) {
					p := uint16(a) | uint16(b)<<8
					if t.bits[p>>6]>>(p&63)&1 == 0 {
						t.bits[p>>6] |= 1 << (p & 63)
						t.index[p] = uint8(len(t.lists))
						t.lists = append(t.lists, nil)
					}
					t.lists[t.index[p]] = append(t.lists[t.index[p]], start{i, k, len(s) - 1, s[0] | 0x20, s[len(s)-1] | 0x20})
				}
			}
		}
	}
	return t
})

func letters(c byte) []byte {
	if c >= 'a' && c <= 'z' {
		return []byte{c, c - 0x20}
	}
	return []byte{c}
}

// A window of the content is looked through at a time; margin is what may be
// read on both sides of it.
const (
	window = 64 << 10
	margin = 4 << 10
)

// maxSettings is how many credentials of one blob are stated.
const maxSettings = 500

// scan looks through one blob for credentials in words.
type scan struct {
	p     []byte // window with margins
	base  int64  // offset of p in the blob
	low   []byte // p in small letters, made when first needed
	text  bool
	out   func(wardein.Fact)
	next  int64           // what stands before it was looked at
	stem  int             // that is looked at
	ran   [maxStems]int64 // by stem: where the last run of bytes ended that was looked at
	marks []int           // of comments in p, see commented; made when first needed
	n     int             // facts stated
	found []int8          // by family: 1 it is in p, -1 it is not
}

// words looks through all of the blob.
func (s *scan) words(r io.ReaderAt, size int64) error {
	buf := make([]byte, min(size, window+2*margin))
	for at := int64(0); at < size && s.n <= maxSettings; at += window {
		s.base = max(at-margin, 0)
		want := min(size-s.base, int64(len(buf)))
		if n, err := r.ReadAt(buf[:want], s.base); int64(n) < want {
			return fmt.Errorf("read ends at %#x of %d bytes: %w", s.base+int64(n), size, err)
		}
		s.p, s.low, s.marks = buf[:want], nil, nil
		clear(s.found)
		lo := int(at - s.base)
		s.window(lo, min(lo+window, len(s.p)))
	}
	return nil
}

// window looks at all stems that begin from lo to hi.
func (s *scan) window(lo, hi int) {
	p, t := s.p, stemsByPair()
	last := min(hi+longestStem, len(p)-1)
	for i := lo &^ 1; i < last; i += 2 {
		pair := uint16(p[i]) | uint16(p[i+1])<<8
		if t.bits[pair>>6]>>(pair&63)&1 == 0 {
			continue
		}
		for _, st := range t.lists[t.index[pair]] {
			at := i - st.at
			if at < 0 || at+st.last >= len(p) || p[at]|0x20 != st.first || p[at+st.last]|0x20 != st.tail {
				continue
			}
			if at < lo || at >= hi || s.base+int64(at) < max(s.next, s.ran[st.stem]) || !fold(p[at:], stems[st.stem].text) {
				continue
			}
			s.stem = st.stem
			if see := stems[st.stem].see; see != nil {
				see(s, at)
			} else {
				s.setting(at, stems[st.stem].keyAt)
			}
		}
	}
}

const (
	longestStem = 32
	maxStems    = 64
)

// fold tells whether p begins with a text in small letters, in any case.
func fold(p []byte, text string) bool {
	if len(p) < len(text) {
		return false
	}
	for i := range len(text) {
		c := p[i]
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != text[i] {
			return false
		}
	}
	return true
}

// has tells whether the window holds one of some texts, in any case.
func (s *scan) has(family []string, number int) bool {
	if len(family) == 0 {
		return true
	}
	for len(s.found) <= number {
		s.found = append(s.found, 0)
	}
	if s.found[number] == 0 {
		if s.low == nil {
			s.low = bytes.ToLower(s.p)
		}
		s.found[number] = -1
		for _, t := range family {
			if bytes.Contains(s.low, []byte(t)) {
				s.found[number] = 1
			}
		}
	}
	return s.found[number] > 0
}

// state gives one fact, from and to in the window.
func (s *scan) state(kind, name string, from, to int, more ...wardein.Note) {
	s.next = max(s.next, s.base+int64(to))
	if s.n++; s.n <= maxSettings {
		s.out(wardein.Fact{Kind: "setting", Off: s.base + int64(from), Len: int64(to - from),
			Attrs: append([]wardein.Note{{Name: "kind", Value: kind}, {Name: "name", Value: name}}, more...)})
	}
}
