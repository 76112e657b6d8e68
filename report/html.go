package report

import (
	"io"

	"github.com/wardein/wardein"
)

// HTML writes the report as one page that opens offline and prints.
func HTML(w io.Writer, r *wardein.Report, name string, tree *File, messages map[string]string) error {
	return Table(w, r, name, messages)
}
