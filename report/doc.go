package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/wardein/wardein"
)

// DocMarkdown writes a format's or check's Doc as a section of the handbook.
func DocMarkdown(w io.Writer, title, state string, d *wardein.Doc) {
	fmt.Fprintf(w, "\n## %s\n\n%s\n\n", title, state)
	WriteDoc(w, d, ":", "- ")
}

// WriteDoc writes a Doc. colon ends the headings of its lists, item begins
// their lines.
func WriteDoc(w io.Writer, d *wardein.Doc, colon, item string) {
	fmt.Fprintln(w, d.About)
	if d.How != "" {
		fmt.Fprintf(w, "\n%s\n", d.How)
	}
	for _, part := range []struct {
		title string
		lines []string
	}{{"False positives", d.FalsePositives}, {"False negatives", d.FalseNegatives}, {"Limits", d.Limits}, {"References", d.References}} {
		if len(part.lines) > 0 {
			fmt.Fprintf(w, "\n%s%s\n", part.title, colon)
			for _, l := range part.lines {
				fmt.Fprintf(w, "%s%s\n", item, l)
			}
		}
	}
}

// Opens says what is done with a format's bytes, from its Doc: "opened",
// "header only" where the payload stays closed, or "recognised only".
func Opens(f *wardein.Format) string {
	state := "opened"
	if f.Extract == nil {
		state = "recognised only"
	}
	for _, l := range f.Doc.Limits {
		switch {
		case strings.HasPrefix(l, "not opened"):
			return "recognised only"
		case strings.HasSuffix(l, "the payload is not opened"):
			state = "header only"
		}
	}
	return state
}
