package report

import (
	"bufio"
	"embed"
	"html/template"
	"io"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/htmlpage"
	"github.com/wardein/wardein/internal/term"
)

//go:embed page
var pageFiles embed.FS

// maxRows bounds the rows of each table of the page, so that a browser opens
// it; the page says how many it leaves out.
const maxRows = 5000

// maxAlike bounds findings of one rule, severity and reach where others want
// the room.
const maxAlike = 1000

var pageTmpl = template.Must(htmlpage.New("page.html").ParseFS(pageFiles, "page/*.html"))

// page is what the template prints. Every string that comes from a release
// has been through term.Clean; the template escapes it for HTML.
type page struct {
	Style      template.CSS
	Script     template.JS
	ScriptHash string

	Name, Kind, Bytes, Digest string
	AsOf, RecipeDigest, Tree  string
	Feeds, Known              string // of known vulnerabilities
	Nodes                     int64
	Incidents                 int
	Partial                   bool

	Audience     string // "": the report as it was written
	Head         []wardein.Note
	Warnings     []string
	Withheld     []withheldView
	WithheldLeft int
	Components   string // that a rendering may not hold, counted

	Accounted, Opened, CodeRead string
	Bar                         []barPart
	UnknownBy                   []amount
	Arch                        []archRow

	Delivered           string
	Parts               []partRow
	PartsLeft, GapsLeft int
	GapKinds            []amount
	Gaps                []gapRow
	Unread              []spanRow
	UnreadLeft          int64

	Severities   []amount
	Findings     []findingView
	FindingsLeft int
	Counts       []countRow

	Formats   []amount
	Notes     []noteRow
	NotesLeft int64
	Root      *treeNode
	TreeShown int
	TreeLeft  int64

	Recipe recipeView
}

// HTMLBeside writes the report as one page that opens offline, loads nothing
// and prints in black and white. name is what the user called the release;
// tree is the report's tree file, nil where it is left out. What b has stands
// where it belongs.
func HTMLBeside(w io.Writer, r *wardein.Report, name string, tree *File, messages map[string]string, b *Beside) error {
	script, hash := htmlpage.Filter()
	p := &page{
		Style: htmlpage.Style(), Script: script, ScriptHash: hash,
		Name: term.Clean(name), Kind: r.Release.Kind.String(), Bytes: group(r.Release.Size),
		Digest: r.Release.Digest.String(), AsOf: term.Clean(r.Recipe.AsOf), RecipeDigest: b.recipe(&r.Recipe).String(),
		Tree: r.Tree.String(), Nodes: r.Nodes, Incidents: r.Incidents, Partial: r.Partial,
		Delivered: strings.Join(deliveredParts(r), " · "),
		Feeds:     strings.TrimPrefix(strings.Join(dataParts(&r.Recipe), " · "), "data: "),
		Known:     strings.TrimPrefix(strings.Join(b.figures(r).Known, " · "), "known vulnerabilities: "),
	}
	p.coverage(&r.Coverage)
	p.parts(r.Release.Parts)
	p.gaps(r.Gaps)
	p.findings(r, messages, b)
	p.counts(r)
	p.recipe(&r.Recipe)
	p.beside(b)
	if tree != nil {
		if err := p.tree(tree); err != nil {
			return err
		}
	}
	out := bufio.NewWriterSize(w, 64<<10)
	if err := pageTmpl.Execute(out, p); err != nil {
		return err
	}
	return out.Flush()
}
