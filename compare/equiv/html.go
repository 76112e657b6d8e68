package equiv

import (
	"bufio"
	_ "embed"
	"html/template"
	"io"

	"github.com/wardein/wardein/internal/htmlpage"
	"github.com/wardein/wardein/internal/term"
)

//go:embed page.html
var pageText string

var pageTmpl = template.Must(htmlpage.New("page").Parse(pageText))

// page is what the template prints. Every string of a release has been through
// report.Plain or term.Clean; the template escapes it for HTML.
type page struct {
	Style                            template.CSS
	Name, AsOf, Digest, RecipeDigest string // of the printed sheet
	Verdict, Sentence, Limits        string
	Rows                             [][2]string
	Rules                            []string
	Groups                           []group
	Unlisted                         int64
}

type group struct {
	Title string
	Files []fileView
	More  int
}

type fileView struct {
	Path, Summary string
	Rows          []string
	Left          int64
}

// The page shows so many files of each verdict, and differences of a file.
const (
	pageFiles       = 500
	pageDifferences = 50
)

// HTML writes the result as one page that loads nothing.
func (r *Result) HTML(w io.Writer, name string) error {
	p := &page{Style: htmlpage.Style(), Name: term.Clean(name), AsOf: "none", Digest: term.Clean(r.Shipped.Digest), RecipeDigest: "facts " + term.Clean(r.Facts),
		Verdict: string(r.Verdict), Sentence: r.Sentence, Limits: Limits, Unlisted: r.Unlisted}
	p.Rows = [][2]string{{"not compared", r.uncovered()}, {"bytes", r.shares()}, {"shipped", r.Shipped.line()}, {"rebuilt", r.Rebuilt.line()}}
	if r.Rebuilt2 != nil {
		p.Rows = append(p.Rows, [2]string{"and again", r.Rebuilt2.Release.line()})
	}
	for i := range r.Rules {
		p.Rules = append(p.Rules, ruleLine(&r.Rules[i]))
	}
	for _, v := range order {
		g := group{Title: string(v)}
		for _, f := range r.group(v) {
			if len(g.Files) == pageFiles {
				g.More++
				continue
			}
			view := fileView{Path: f.title(), Summary: f.summary(), Left: f.Left}
			for k := range f.Differences {
				if k == pageDifferences {
					view.Left += int64(len(f.Differences) - k)
					break
				}
				view.Rows = append(view.Rows, f.Differences[k].String())
			}
			g.Files = append(g.Files, view)
		}
		if len(g.Files) > 0 {
			p.Groups = append(p.Groups, g)
		}
	}
	out := bufio.NewWriterSize(w, 64<<10)
	if err := pageTmpl.Execute(out, p); err != nil {
		return err
	}
	return out.Flush()
}
