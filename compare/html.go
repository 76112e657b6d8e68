package compare

import (
	"bufio"
	"embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/wardein/wardein/internal/htmlpage"
	"github.com/wardein/wardein/internal/term"
)

//go:embed page
var pageFiles embed.FS

var pageTmpl = template.Must(htmlpage.New("page.html").ParseFS(pageFiles, "page/*.html"))

// Bounds of the page, so that a browser opens it: rows of one kind, views of one
// kind, lines of one view and of all.
const (
	maxRows     = 5000
	maxViews    = 1000
	maxViewed   = 400
	maxAllLines = 60_000
)

// page is what the template prints. All strings of releases have been through
// term.Clean.
type page struct {
	Style      template.CSS
	Script     template.JS
	ScriptHash string

	Name, AsOf, Digest, RecipeDigest string // of the newer side, as the sheet wants them
	OldName, NewName, OldDigest      string
	Alike                            bool
	Found, Unlooked, NotComparable   string
	Review, Differing                string
	Notes                            []Quoted
	Sections                         []section
	Missing                          []missingView
	MissingLeft                      int
	Gaps                             []missingView

	lines int // of views so far
}

type section struct {
	ID, Title string
	Rows      int
	Table     []rowView
	Views     []sideView
	More      int
}

type rowView struct {
	Change, Where, What, Was, Is, Note string
	Items                              []string
	ItemCount                          string
}

// sideView is a text or a program, old and new side by side.
type sideView struct {
	Change, Where, Sum string
	Open               bool
	Parts              []sidePart
}

type sidePart struct {
	Title string
	Lines []sideLine
	More  int
}

type sideLine struct {
	Left, Right    string
	Was, Is, Place bool
}

type missingView struct{ Path, Side, Bytes, Why string }

// HTML writes the result as one page that opens offline, loads nothing and
// prints: texts and functions side by side.
func (r *Result) HTML(w io.Writer) error {
	script, hash := htmlpage.Filter()
	p := &page{Style: htmlpage.Style(), Script: script, ScriptHash: hash,
		Name: term.Clean(r.Old.Name) + " → " + term.Clean(r.New.Name), OldName: term.Clean(r.Old.Name), NewName: term.Clean(r.New.Name),
		OldDigest: r.Old.Digest.String(), Digest: r.New.Digest.String(), RecipeDigest: r.New.Recipe.String(), AsOf: term.Clean(r.New.AsOf),
		Alike: r.Alike, Found: r.found(), Unlooked: r.unlooked(), NotComparable: r.notComparable(),
		Review: grouped(r.Review), Differing: grouped(max(r.Differing, r.Review))}
	for _, q := range r.Notes {
		v := Quoted{Path: term.Clean(q.Path), Left: q.Left}
		for _, l := range q.Lines {
			v.Lines = append(v.Lines, term.Clean(l))
		}
		p.Notes = append(p.Notes, v)
	}
	by := map[Kind]*section{}
	for _, k := range Kinds {
		by[k] = &section{ID: "k-" + string(k), Title: string(k)}
	}
	for i := range r.Rows {
		p.row(by[r.Rows[i].Kind], &r.Rows[i])
	}
	for _, k := range Kinds {
		if by[k].Rows > 0 {
			p.Sections = append(p.Sections, *by[k])
		}
	}
	for _, m := range r.Missing[:min(len(r.Missing), maxRows)] {
		side := "new"
		if m.Old {
			side = "old"
		}
		p.Missing = append(p.Missing, missingView{dot(m.Path), side, grouped(m.Bytes), m.Why})
	}
	p.MissingLeft = len(r.Missing) - len(p.Missing)
	for _, g := range r.Gaps[:min(len(r.Gaps), maxRows)] {
		p.Gaps = append(p.Gaps, missingView{Path: dot(g.Node), Why: term.Clean(g.Why)})
	}
	out := bufio.NewWriterSize(w, 64<<10)
	if err := pageTmpl.Execute(out, p); err != nil {
		return err
	}
	return out.Flush()
}

// row puts a row into its section: as a view where it has lines, else into the
// table.
func (p *page) row(s *section, r *Row) {
	s.Rows++
	where := dot(r.Path())
	if r.Found != nil && r.Path() == "" {
		where = ""
	}
	if r.Old != "" && r.New != "" && r.Old != r.New {
		where = term.Clean(r.Old) + " → " + term.Clean(r.New)
	}
	if len(r.Hunks) > 0 || r.Functions != nil {
		if len(s.Views) == maxViews {
			s.More++
			return
		}
		v := sideView{Change: string(r.Change), Where: where, Sum: viewSum(r), Open: s.Rows <= 5 && r.Kind == Init}
		for i := range r.Hunks {
			h := &r.Hunks[i]
			place := sideLine{Left: fmt.Sprintf("line %d", h.Old), Right: fmt.Sprintf("line %d", h.New), Place: true}
			v.Parts = append(v.Parts, p.part("", append([]sideLine{place}, beside(h.Lines)...), 0))
		}
		if len(v.Parts) > 0 {
			v.Parts[len(v.Parts)-1].More += r.Left
		}
		if r.Functions != nil {
			for i := range r.Functions.List {
				g := &r.Functions.List[i]
				title := strings.TrimSpace(string(g.Change) + " " + cleanName(g.OldName, g.NewName) + " " + term.Clean(g.Why))
				v.Parts = append(v.Parts, p.part(title, beside(g.Lines), g.Left))
			}
			for _, l := range r.Functions.Limits {
				v.Parts = append(v.Parts, sidePart{Title: "not looked at: " + term.Clean(l)})
			}
		}
		s.Views = append(s.Views, v)
		return
	}
	if len(s.Table) == maxRows {
		s.More++
		return
	}
	v := rowView{Change: string(r.Change), Where: where, What: term.Clean(r.What), Was: cut(term.Clean(r.Was), 1000), Is: cut(term.Clean(r.Is), 1000), Note: term.Clean(r.Note)}
	for _, l := range r.Items {
		v.Items = append(v.Items, string(l.Sign)+" "+term.Clean(l.Text))
	}
	if r.Left > 0 {
		v.Items = append(v.Items, fmt.Sprintf("%s more are left out here", grouped(int64(r.Left))))
	}
	v.ItemCount = plural(int64(len(r.Items)+r.Left), "item")
	s.Table = append(s.Table, v)
}

func viewSum(r *Row) string {
	var parts []string
	for _, s := range []string{r.What, r.Was, r.Is, r.Note} {
		if s != "" {
			parts = append(parts, term.Clean(s))
		}
	}
	return strings.Join(parts, " · ")
}

// part is a view's part, as long as there is room.
func (p *page) part(title string, lines []sideLine, left int) sidePart {
	n := min(len(lines), maxViewed, maxAllLines-p.lines)
	p.lines += n
	return sidePart{Title: title, Lines: lines[:n], More: left + len(lines) - n}
}

// beside puts lines into two columns: what went beside what came.
func beside(list []Line) (out []sideLine) {
	show := func(s string) string { return term.Clean(strings.ReplaceAll(s, "\t", "    ")) }
	for i := 0; i < len(list); {
		if list[i].Sign == ' ' {
			s := show(list[i].Text)
			out = append(out, sideLine{Left: s, Right: s})
			i++
			continue
		}
		from := i
		for i < len(list) && list[i].Sign == '-' {
			i++
		}
		mid := i
		for i < len(list) && list[i].Sign == '+' {
			i++
		}
		for k := 0; k < max(mid-from, i-mid); k++ {
			var l sideLine
			if from+k < mid {
				l.Left, l.Was = show(list[from+k].Text), true
			}
			if mid+k < i {
				l.Right, l.Is = show(list[mid+k].Text), true
			}
			out = append(out, l)
		}
	}
	return out
}
