package compare

import (
	"cmp"
	_ "embed"
	"path"
	"slices"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/table"
)

//go:embed data/notes.toml
var noteNames []byte

var noteWords = table.TOML[struct{ Names []string }]("notes.toml", noteNames)

// Bounds of what is quoted: files, lines of each, and the size of a file.
const (
	maxNotes     = 3
	maxNoteLines = 3
	maxNoteSize  = 1 << 20
)

// noteRank says how likely a file of a name is to say what is new, the lowest
// first; -1 is no such file.
func noteRank(name string) int {
	base := strings.Map(func(r rune) rune {
		if strings.ContainsRune("-_. ", r) {
			return -1
		}
		return r
	}, strings.ToLower(path.Base(name)))
	return slices.IndexFunc(noteWords().Names, func(w string) bool { return strings.HasPrefix(base, w) })
}

// releaseNotes quotes what the newer release says about itself: the first
// lines that are new in the files nearest to its root. Rows whose subject these
// files do not name are told so.
func (c *comparison) releaseNotes() {
	type file struct {
		at          int32
		depth, rank int
	}
	var list []file
	for j := range c.b.nodes {
		y := &c.b.nodes[j]
		if y.kind != wardein.File || y.opened || y.size == 0 || y.size > maxNoteSize {
			continue
		}
		if y.pair >= 0 && c.a.nodes[y.pair].blob == y.blob {
			continue
		}
		r := noteRank(y.path)
		if r >= 0 && strings.Contains(y.name(), "/") && strings.HasPrefix(strings.ToLower(y.base()), "readme") {
			r = -1 // of a folder, and not of the release
		}
		if r >= 0 {
			list = append(list, file{int32(j), strings.Count(y.path, "/"), r})
		}
	}
	slices.SortFunc(list, func(a, b file) int {
		return cmp.Or(a.depth-b.depth, a.rank-b.rank, strings.Compare(c.b.nodes[a.at].path, c.b.nodes[b.at].path))
	})
	said := ""
	for _, f := range list {
		if len(c.out.Notes) == maxNotes || f.depth > list[0].depth+1 {
			break
		}
		y := &c.b.nodes[f.at]
		text, ok := c.text(1, y)
		if !ok {
			continue
		}
		was := []string(nil)
		if y.pair >= 0 {
			if s, ok := c.text(0, &c.a.nodes[y.pair]); ok {
				was = lines(s)
			}
		}
		is := lines(text)
		e := diff(was, is)
		q := Quoted{Path: y.path}
		for i, s := range is {
			if e.b[i] || !strings.ContainsFunc(s, letter) {
				continue
			}
			if len(q.Lines) == maxNoteLines {
				q.Left++
				continue
			}
			q.Lines = append(q.Lines, clean(strings.TrimSpace(hide(c.secrets[1][y.path], s, 0))))
		}
		if len(q.Lines) > 0 {
			c.out.Notes = append(c.out.Notes, q)
			said += strings.ToLower(text)
		}
	}
	if said == "" {
		return
	}
	for i := range c.out.Rows {
		r := &c.out.Rows[i]
		word := ""
		switch r.Kind {
		case Remote:
			word = r.What
		case Listener:
			word, _, _ = strings.Cut(r.What, " ")
		case SetID, Account:
			if word = path.Base(r.New); r.Kind == Account {
				word = r.What[strings.LastIndexByte(r.What, ' ')+1:]
			}
		}
		if r.Change == New && word != "" && !strings.Contains(said, strings.ToLower(word)) {
			r.Note = strings.Join(append(nonempty(r.Note), "not in the release notes"), "; ")
		}
	}
}

func letter(r rune) bool { return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r > 0x7f }

// text is a node's content where it is text.
func (c *comparison) text(side int, e *entry) (string, bool) {
	n := c.node(side, e.path)
	if n == nil {
		return "", false
	}
	open := c.old.Open
	if side == 1 {
		open = c.new.Open
	}
	r, err := open(n)
	if err != nil {
		return "", false
	}
	defer r.Close()
	return textOf(r)
}
