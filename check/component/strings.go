package component

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
	"sync"
)

// sets are the embedded sets of texts, made by bench/components/run strings.
var sets = sync.OnceValue(func() *Sets {
	data, err := files.ReadFile("data/strings.txt")
	if err != nil {
		panic(err)
	}
	s, err := ParseSets(string(data))
	if err != nil {
		panic(err)
	}
	return s
})

// Sets are texts that stand in the constants of libraries and in no other
// product's, with the releases that have them. A program that holds enough of
// them holds a copy of the library.
//
//	@ zlib libz.so            product; sonames of its libraries, without version
//	= 1.2.11 1.2.13 1.3.1     the releases that were looked at, in order
//	02 invalid bit length repeat   first and last release, text with Go's escapes
//	                          an empty line ends the texts of one object file
type Sets struct {
	libraries []set
	texts     *Texts
	of        []member // by text
}

type set struct {
	name     string
	sonames  []string
	versions []string
	from, to int // of texts
	units    int
}

// member is what is known of one text.
type member struct {
	library, unit int
	first, last   int // releases
}

// Bounds on texts.
const (
	MinText = 8
	MaxText = 96
)

const digits36 = "0123456789abcdefghijklmnopqrstuvwxyz"

// ParseSets reads sets as data/strings.txt has them.
func ParseSets(data string) (*Sets, error) {
	s := &Sets{}
	var all []string
	unit, line := 0, 0
	for l := range strings.Lines(data) {
		line++
		l = strings.TrimSuffix(l, "\n")
		bad := func(why string) (*Sets, error) { return nil, fmt.Errorf("line %d: %s: %q", line, why, l) }
		var lib *set
		if n := len(s.libraries); n > 0 {
			lib = &s.libraries[n-1]
		}
		switch {
		case strings.HasPrefix(l, "# "):
		case l == "":
			unit++
		case strings.HasPrefix(l, "@ "):
			f := strings.Fields(l[2:])
			if len(f) == 0 {
				return bad("no name")
			}
			s.libraries = append(s.libraries, set{name: f[0], sonames: f[1:], from: len(all), to: len(all)})
			unit = 0
		case lib == nil:
			return bad("stands before a library")
		case strings.HasPrefix(l, "= "):
			lib.versions = strings.Fields(l[2:])
		default:
			if len(l) < 3+MinText || l[2] != ' ' {
				return bad("no releases and text")
			}
			m := member{library: len(s.libraries) - 1, unit: unit, first: strings.IndexByte(digits36, l[0]), last: strings.IndexByte(digits36, l[1])}
			if m.first < 0 || m.last < m.first || m.last >= len(lib.versions) {
				return bad("no such releases")
			}
			text, err := unescape(l[3:])
			if err != nil || len(text) < MinText || len(text) > MaxText {
				return bad("text")
			}
			all, s.of = append(all, text), append(s.of, m)
			lib.to = len(all)
			lib.units = unit + 1
		}
	}
	s.texts = NewTexts(all)
	return s, nil
}

// Escape writes a text on one line; unescape is its reverse.
func Escape(s string) string {
	return strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(s)
}

func unescape(s string) (string, error) {
	if !strings.Contains(s, `\`) {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		if i++; i == len(s) {
			return "", fmt.Errorf("ends in a backslash")
		}
		at := strings.IndexByte(`\ntr`, s[i])
		if at < 0 {
			return "", fmt.Errorf("unknown escape %q", s[i])
		}
		b.WriteByte("\\\n\t\r"[at])
	}
	return b.String(), nil
}

// Texts finds many texts where they stand alone and end in a zero byte, as
// constants of C programs do. A text that a linker lets share the bytes of
// another one, which ends with it, is passed over: it may not be meant.
type Texts struct {
	text []string
	bits [1 << 13]uint64
	by   map[uint64][]int32 // by the last eight bytes
}

// NewTexts prepares texts of MinText to MaxText bytes.
func NewTexts(text []string) *Texts {
	t := &Texts{text: text, by: make(map[uint64][]int32, len(text))}
	for i, s := range text {
		k := binary.LittleEndian.Uint64([]byte(s[len(s)-8:]))
		h := hash8(k)
		t.bits[h>>6] |= 1 << (h & 63)
		t.by[k] = append(t.by[k], int32(i))
	}
	return t
}

// ascii tells whether none of eight bytes is 0 or above 0x7f: most of what
// stands before a zero is a table.
func ascii(k uint64) bool {
	const ones = 0x0101010101010101
	return (k|(k-ones))&(ones<<7) == 0
}

func hash8(k uint64) uint64 { return k * 0x9e3779b97f4a7c15 >> (64 - 19) }

// Find calls each with the texts of n bytes of r and their places.
func (t *Texts) Find(r io.ReaderAt, off, n int64, buf []byte, each func(i int, at int64)) error {
	buf = buf[:0]
	for end := off + n; off < end; {
		kept := len(buf)
		k, err := r.ReadAt(buf[kept:kept+int(min(int64(cap(buf)-kept), end-off))], off)
		if k == 0 {
			if err == io.EOF || err == nil {
				return nil
			}
			return err
		}
		off += int64(k)
		buf = buf[:kept+k]
		for z := kept; z < len(buf); {
			if buf[z] == 0 { // runs of zeros
				z++
				continue
			}
			i := bytes.IndexByte(buf[z:], 0)
			if i < 0 {
				break
			}
			z += i
			if z >= MinText {
				key := binary.LittleEndian.Uint64(buf[z-8:])
				if h := hash8(key); ascii(key) && t.bits[h>>6]&(1<<(h&63)) != 0 {
					for _, x := range t.by[key] {
						if s := t.text[x]; z >= len(s) && string(buf[z-len(s):z]) == s && (z == len(s) || !printable(buf[z-len(s)-1])) {
							each(int(x), off-int64(len(buf)-z+len(s)))
						}
					}
				}
			}
			z++
		}
		buf = append(buf[:0], buf[max(0, len(buf)-MaxText-1):]...)
	}
	return nil
}
