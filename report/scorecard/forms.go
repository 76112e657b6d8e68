package scorecard

import (
	"bufio"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/internal/htmlpage"
	"github.com/wardein/wardein/internal/term"
)

// Caution stands at the top of each form.
const Caution = "Figures of what the checks could read, by one yardstick for all. They say nothing about what was not opened, and nothing about who made it."

// head is a line above the metrics, one cell a column.
type head struct {
	Title string
	Cells []string
}

func (c *Card) heads() (list []head) {
	add := func(title string, cell func(*Column) string) {
		h := head{Title: title}
		for _, col := range c.Columns {
			h.Cells = append(h.Cells, cell(col))
		}
		list = append(list, h)
	}
	add("bytes opened", func(c *Column) string { return percent(c.Opened) })
	add("code read", func(c *Column) string {
		if c.CodeRead < 0 {
			return "no code"
		}
		return fmt.Sprintf("%s (%s MB)", percent(c.CodeRead), thousandths(c.ReadBytes/1000))
	})
	add("product class", func(c *Column) string {
		switch {
		case c.Reference:
			return "reference"
		case c.Class == "":
			return "not stated"
		}
		return c.Class
	})
	add("recipe", func(c *Column) string { return short(c.Recipe) })
	add("evaluation date", func(c *Column) string { return c.AsOf })
	add("release", func(c *Column) string { return short(c.Release) })
	return list
}

func short(digest string) string { return digest[:min(len(digest), 12)] + "…" }

// Table writes the card as text, as wide as it needs.
func (c *Card) Table(w io.Writer) error {
	out := bufio.NewWriter(w)
	rows := [][]string{append([]string{"", ""}, c.names()...)}
	for _, h := range c.heads() {
		rows = append(rows, append([]string{"", h.Title}, h.Cells...))
	}
	rows = append(rows, nil)
	for i := range Metrics().Metric {
		m := &Metrics().Metric[i]
		row := []string{m.Number, m.Title}
		for _, col := range c.Columns {
			row = append(row, col.String(i))
		}
		if len(c.Columns) > 1 {
			row = append(row, c.Order(i))
		}
		rows = append(rows, row)
	}
	if len(c.Columns) > 1 {
		rows[0] = append(rows[0], "order, least first")
	}
	var widths []int
	for _, r := range rows {
		for k, cell := range r {
			if k == len(widths) {
				widths = append(widths, 0)
			}
			widths[k] = max(widths[k], utf8.RuneCountInString(term.Clean(cell)))
		}
	}
	for _, r := range rows {
		line := ""
		for k, cell := range r {
			cell = term.Clean(cell)
			line += cell + strings.Repeat(" ", widths[k]-utf8.RuneCountInString(cell)+2)
		}
		fmt.Fprintln(out, strings.TrimRight(line, " "))
	}
	if c.Why != "" {
		fmt.Fprintf(out, "\nnot comparable: %s\n", term.Clean(c.Why))
	}
	fmt.Fprintf(out, "\n%s\n", Caution)
	source := ""
	for i := range Metrics().Metric {
		m := &Metrics().Metric[i]
		if m.Published == "" {
			continue
		}
		if m.Source != source {
			source = m.Source
			fmt.Fprintf(out, "\npublished by %s:\n", source)
		}
		fmt.Fprintf(out, "%-2s  %s: %s\n", m.Number, m.Title, m.Published)
	}
	return out.Flush()
}

// names are the columns' titles, with the letters that orders name them by.
func (c *Card) names() (names []string) {
	for i, col := range c.Columns {
		name := col.Name
		if len(c.Columns) > 1 {
			name = Letter(i) + " " + name
		}
		names = append(names, name)
	}
	return names
}

// Write writes the card's fields into an object.
func (c *Card) Write(w *canon.Writer) {
	w.Field("caution").Text(Caution)
	w.Field("columns").Array(func() {
		for _, col := range c.Columns {
			w.Object(func() {
				w.Field("as_of").Text(col.AsOf)
				w.Field("class").Bytes(col.Class)
				w.Field("code_read_bytes").Big(col.ReadBytes)
				w.Field("code_read_ppm").Int(col.CodeRead)
				w.Field("name").Bytes(col.Name)
				w.Field("opened_ppm").Int(col.Opened)
				w.Field("recipe").Text(col.Recipe)
				w.Field("reference").Bool(col.Reference)
				w.Field("release").Text(col.Release)
			})
		}
	})
	w.Field("date").Text(Metrics().Date)
	w.Field("metrics").Array(func() {
		for i := range Metrics().Metric {
			m := &Metrics().Metric[i]
			w.Object(func() {
				w.Field("number").Text(m.Number)
				w.Field("order").Bytes(c.Order(i))
				w.Field("published").Text(m.Published)
				w.Field("source").Text(m.Source)
				w.Field("title").Text(m.Title)
				w.Field("unit").Text(m.Unit)
				w.Field("values").Array(func() {
					for _, col := range c.Columns {
						v := &col.Values[i]
						w.Object(func() {
							w.Field("missing").Text(v.Missing)
							w.Field("num").Big(v.Num)
							w.Field("of").Big(v.Of)
						})
					}
				})
			})
		}
	})
	w.Field("not_comparable").Bytes(c.Why)
}

//go:embed page.html
var pageText string

var pageTmpl = sync.OnceValue(func() *template.Template { return template.Must(htmlpage.New("page").Parse(pageText)) })

type pageRow struct {
	Number, Title, Order, Published, Source string
	Cells                                   []string
}

// HTML writes the card as one page that opens offline and prints.
func (c *Card) HTML(w io.Writer) error {
	p := struct {
		Style                            template.CSS
		Caution, Why                     string
		Name, AsOf, Digest, RecipeDigest string
		Many                             bool
		Names                            []string
		Heads                            []head
		Rows                             []pageRow
		Date                             string
	}{Style: htmlpage.Style(), Caution: Caution, Why: term.Clean(c.Why), Names: clean(c.names()), Many: len(c.Columns) > 1, Date: Metrics().Date,
		Name: strings.Join(clean(c.names()), ", "), AsOf: c.sheet(func(c *Column) string { return c.AsOf }),
		Digest: c.sheet(func(c *Column) string { return c.Release }), RecipeDigest: c.sheet(func(c *Column) string { return c.Recipe })}
	for _, h := range c.heads() {
		p.Heads = append(p.Heads, head{h.Title, clean(h.Cells)})
	}
	for i := range Metrics().Metric {
		m := &Metrics().Metric[i]
		row := pageRow{Number: m.Number, Title: m.Title, Order: term.Clean(c.Order(i)), Published: m.Published, Source: m.Source}
		for _, col := range c.Columns {
			row.Cells = append(row.Cells, term.Clean(col.String(i)))
		}
		p.Rows = append(p.Rows, row)
	}
	out := bufio.NewWriter(w)
	if err := pageTmpl().Execute(out, p); err != nil {
		return err
	}
	return out.Flush()
}

// sheet is what the foot of a printed sheet says of all columns.
func (c *Card) sheet(of func(*Column) string) string {
	first := of(c.Columns[0])
	for _, col := range c.Columns {
		if of(col) != first {
			return "several, see the table"
		}
	}
	return term.Clean(first)
}

func clean(list []string) []string {
	out := make([]string, len(list))
	for i, s := range list {
		out[i] = term.Clean(s)
	}
	return out
}
