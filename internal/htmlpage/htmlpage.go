// Package htmlpage holds what the pages for people have in common: their
// style, and the head and foot of a printed sheet. A page is one file that
// loads nothing, and prints in black and white on A4.
package htmlpage

import (
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
)

//go:embed page.css
var style string

// Style is the style of all pages, printed ones included.
func Style() template.CSS { return template.CSS(style) }

//go:embed filter.js
var filter string

// Filter is the script of pages with long tables: a field above each table of
// the class "filter" that hides rows. Its hash is what the page's security
// policy allows to run.
func Filter() (script template.JS, hash string) {
	sum := sha256.Sum256([]byte(filter))
	return template.JS(filter), base64.StdEncoding.EncodeToString(sum[:])
}

// sheet prints on each sheet what it is about. A page that has it needs Name,
// AsOf, Digest (of the release) and RecipeDigest.
const sheet = `<style>
@page {
  @top-left { content: "{{.Name}}"; }
  @top-right { content: "as of {{.AsOf}}"; }
  @bottom-left { content: "release sha256:{{.Digest}}\A recipe sha256:{{.RecipeDigest}}"; }
  @bottom-right { content: "page " counter(page) " of " counter(pages); }
}
</style>`

// New returns a template in which "sheet" is the style of printed sheets.
func New(name string) *template.Template {
	t := template.New(name)
	template.Must(t.New("sheet").Parse(sheet))
	return t
}
