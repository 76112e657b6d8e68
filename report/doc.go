package report

import (
	"fmt"
	"io"

	"github.com/wardein/wardein"
)

// DocMarkdown writes a format's or check's Doc as a section of the handbook.
func DocMarkdown(w io.Writer, title, state string, d *wardein.Doc) {
	fmt.Fprintf(w, "\n## %s\n\n%s\n\n%s\n", title, state, d.About)
	if d.How != "" {
		fmt.Fprintf(w, "\n%s\n", d.How)
	}
	for _, part := range []struct {
		title string
		lines []string
	}{{"False positives", d.FalsePositives}, {"False negatives", d.FalseNegatives}, {"Limits", d.Limits}, {"References", d.References}} {
		if len(part.lines) > 0 {
			fmt.Fprintf(w, "\n%s:\n", part.title)
			for _, l := range part.lines {
				fmt.Fprintf(w, "- %s\n", l)
			}
		}
	}
}
