package decision

import (
	"bytes"
	_ "embed"
	"html/template"
	"io"

	"github.com/wardein/wardein/internal/htmlpage"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/prove/profile"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

var pageTmpl = template.Must(htmlpage.New("page").Parse(pageText))

// sheetView is what the template prints. Every string in it that comes from a
// report, a profile or a waiver is clean; the template escapes it for HTML.
type sheetView struct {
	Style                            template.CSS
	Title                            string
	Name, AsOf, Digest, RecipeDigest string // of the printed sheet
	Result, Class                    string
	Head                             []row
	Parts                            []section
	Words, Blanks                    []string
	Meaning                          string
}

// classes style the result; words carry it.
var classes = map[profile.State]string{profile.Met: "supported", profile.NotMet: "contradicted", profile.Undetermined: "open"}

// HTML writes the sheet as one page that loads nothing and prints in black and
// white on one sheet of A4.
func (s *Sheet) HTML(out io.Writer) error {
	head, parts := s.page(printed)
	r := &s.Statement.Report
	v := &sheetView{Style: htmlpage.Style() + template.CSS(pageStyle), Title: "Decision sheet: " + term.Clean(s.Name), Name: term.Clean(s.Name), AsOf: term.Clean(r.AsOf),
		Digest: term.Clean(r.Release), RecipeDigest: term.Clean(r.Recipe), Result: string(s.Statement.Result), Class: classes[s.Statement.Result],
		Head: head, Parts: parts, Words: Words, Blanks: Blanks, Meaning: s.Meaning}
	var b bytes.Buffer
	if err := pageTmpl.Execute(&b, v); err != nil {
		return err
	}
	_, err := out.Write(b.Bytes())
	return err
}
