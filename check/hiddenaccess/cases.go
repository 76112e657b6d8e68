package hiddenaccess

import (
	_ "embed"
	"strings"
	"sync"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/table"
)

//go:embed data/cases.toml
var casesTOML []byte

// published is a case that somebody published: see data/cases.toml.
type published struct {
	ID         string
	Literals   []string
	In         []string
	Kind, What string
	Severity   string
	Case       string
	Source     string
	Date       string
	Secret     bool
	Unverified bool
}

var casesFile = table.TOML[struct {
	Date string
	Case []published
}]("check/hiddenaccess/data/cases.toml", casesTOML)

// known are the cases that were verified; the i-th literal of all is of the
// case caseOf[i].
var known = sync.OnceValue(func() (k struct {
	byID     map[string]*published
	literals []string
	caseOf   []*published
}) {
	k.byID = map[string]*published{}
	file := casesFile()
	for i := range file.Case {
		c := &file.Case[i]
		if c.Unverified {
			continue
		}
		k.byID[c.ID] = c
		for _, l := range c.Literals {
			k.literals = append(k.literals, l)
			k.caseOf = append(k.caseOf, c)
		}
	}
	return k
})

// severity is that of the effect where the release acts on the literal.
func (c *published) severity() wardein.Severity {
	for s := wardein.Info; s <= wardein.Critical; s++ {
		if s.String() == c.Severity {
			return s
		}
	}
	return wardein.Medium
}

// published is how the case is cited: by its numbers where it has any.
func (c *published) cited() string {
	if c.Case == "" {
		return c.Source + " (" + c.Date + ")"
	}
	return c.Case + ", " + c.Source + " (" + c.Date + ")"
}

// cases states the literals of published cases in a blob of one kind.
func cases(b wardein.Blob, kind string, out func(wardein.Fact)) {
	k := known()
	seen := map[string]bool{}
	for i, l := range k.literals {
		c := k.caseOf[i]
		if seen[c.ID] || !contains(c.In, kind) {
			continue
		}
		for _, off := range b.Hits(markFirstCase + i) {
			if !word(b, off, l) {
				continue
			}
			seen[c.ID] = true
			text := l
			if c.Secret {
				text = ""
			}
			out(wardein.Fact{Kind: "case", Off: off, Len: int64(len(l)), Attrs: []wardein.Note{{Name: "id", Value: c.ID}, {Name: "text", Value: text}, {Name: "in", Value: kind}}})
			break
		}
	}
}

func contains(list []string, s string) bool {
	for _, x := range list {
		if x == s {
			return true
		}
	}
	return false
}

// word tells whether a literal stands by itself: no letter, digit or
// underscore goes on where it begins or ends with one.
func word(b wardein.Blob, off int64, l string) bool {
	var c [1]byte
	if part(l[0]) && off > 0 {
		if n, _ := b.ReadAt(c[:], off-1); n == 1 && part(c[0]) {
			return false
		}
	}
	if part(l[len(l)-1]) {
		if n, _ := b.ReadAt(c[:], off+int64(len(l))); n == 1 && part(c[0]) {
			return false
		}
	}
	return true
}

func part(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// printable cuts a text at its first byte that is none.
func printable(s string) string {
	if i := strings.IndexFunc(s, func(r rune) bool { return r < ' ' || r > '~' }); i >= 0 {
		return s[:i]
	}
	return s
}
