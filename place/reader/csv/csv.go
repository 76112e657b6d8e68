// Package csv reads and writes networks as tables: a file for each kind of row,
// a column for each field. What a file holds is told by its name or, where that
// says nothing, by its columns.
//
//	elements.csv  id,site,nf,vendor,…   managed_by, runs_on, anchored_on name elements, joined by ';'
//	sites.csv     id,country,region,lat,lon,sensitive,…
//	links.csv     a,b,layer,encrypted,…
//	vendors.csv   demands.csv   dependencies.csv   access.csv
//	operator.csv  name,value: name, country, turnover, currency, and further facts
//	overlay.csv   kind,id,field,value: facts of rows that another file gives
//
// A column "x_NAME" is a further fact NAME of elements. A table of elements alone
// will do: vendors and sites are then those that it names.
package csv

import (
	"bytes"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/place"
)

// Reader reads tables.
var Reader = place.Reader{
	Name: "csv",
	Doc: wardein.Doc{
		About:      "Tables of elements, sites, links, vendors, demands, dependencies, the access register, the operator, and overlays of single facts.",
		How:        "A file's kind is told by its name (elements.csv) or by its columns; --map names columns that are called otherwise. Separators are comma, semicolon and tab.",
		Limits:     []string{"A quote that is never closed takes the rows behind it with it; more than 16 MiB of them end the file."},
		References: []string{"RFC 4180"},
	},
	Detect: detect,
	Read:   read,
}

// table reads the rows of one kind.
type table struct {
	kind   string
	needs  []string // columns that tell it from others
	fields func() []string
	// open returns what takes the rows of a file with such columns.
	open func(r *rows) func(b *place.Builder, at place.Origin, cells []string)
}

// rows is a table while it is read.
type rows struct {
	columns []string // by place in the file: the field's name, "" for one that is left out
}

// cell is a column of a file: of a row its text, "" where there is none.
type cell int

func (r *rows) cell(column string) cell { return cell(slices.Index(r.columns, column)) }

func (c cell) of(cells []string) string {
	if c < 0 || int(c) >= len(cells) {
		return ""
	}
	return strings.TrimSpace(cells[c])
}

// simple is a table whose rows are fields, and what finish makes of others.
func simple[T any](kind string, needs []string, fields []place.Field[T], more []string, empty func(place.Origin) T, finish func(r *rows) func(b *place.Builder, at place.Origin, cells []string, t *T)) table {
	return table{
		kind: kind, needs: needs,
		fields: func() []string {
			list := slices.Clone(more)
			for i := range fields {
				list = append(list, fields[i].Name)
			}
			return list
		},
		open: func(r *rows) func(*place.Builder, place.Origin, []string) {
			type bound struct {
				*place.Field[T]
				at   int
				own  bool   // a text that few rows have in common
				last string // of the row before: most rows repeat it
			}
			var list []bound
			for i, column := range r.columns {
				if f := place.FieldOf(fields, column); f != nil {
					list = append(list, bound{Field: f, at: i, own: column == "name" || column == "id" && kind != "element"})
				}
			}
			end := finish(r)
			var t T
			return func(b *place.Builder, at place.Origin, cells []string) {
				t = empty(at)
				for i := range list {
					f := &list[i]
					if f.at >= len(cells) || cells[f.at] == "" {
						continue
					}
					value := cells[f.at]
					switch {
					case f.Type != place.Text:
					case f.own:
						value = strings.Clone(value) // the row's other texts need not stay
					case value == f.last:
						value = f.last
					default:
						value = b.Intern(value)
						f.last = value
					}
					if err := f.Set(&t, value); err != nil {
						b.Gap(at, f.Name, err.Error(), false)
					}
				}
				end(b, at, cells, &t)
			}
		},
	}
}

// plain is the finish of rows that are fields alone.
func plain[T any](add func(*place.Builder, T)) func(*rows) func(*place.Builder, place.Origin, []string, *T) {
	return func(*rows) func(*place.Builder, place.Origin, []string, *T) {
		return func(b *place.Builder, _ place.Origin, _ []string, t *T) { add(b, *t) }
	}
}

var tables = []table{
	simple("element", []string{"id", "nf"}, place.ElementFields, place.Shorthands(), place.NewElement, elements),
	simple("site", []string{"id", "lat"}, place.SiteFields, []string{"lat", "lon"}, func(at place.Origin) place.Site { return place.Site{At: at} }, sites),
	simple("link", []string{"a", "b"}, place.LinkFields, nil, place.NewLink, plain((*place.Builder).Link)),
	simple("demand", []string{"source", "target"}, place.DemandFields, nil, place.NewDemand, plain((*place.Builder).Demand)),
	simple("dependency", []string{"from", "to"}, place.DependencyFields, nil, func(at place.Origin) place.Dependency { return place.Dependency{At: at} }, plain((*place.Builder).Dependency)),
	simple("access", []string{"organisation", "scope"}, place.AccessFields, nil, func(at place.Origin) place.Access { return place.Access{At: at} }, plain((*place.Builder).Access)),
	{kind: "overlay", needs: []string{"kind", "id", "field", "value"}, fields: func() []string { return []string{"kind", "id", "field", "value"} }, open: overlays},
	{kind: "operator", needs: []string{"name", "value"}, fields: func() []string { return []string{"name", "value"} }, open: operator},
	simple("vendor", []string{"id", "group"}, place.VendorFields, []string{"synthetic"}, func(at place.Origin) place.Vendor { return place.Vendor{At: at} }, vendors),
}

func vendors(r *rows) func(*place.Builder, place.Origin, []string, *place.Vendor) {
	synthetic := r.cell("synthetic")
	return func(b *place.Builder, _ place.Origin, cells []string, v *place.Vendor) {
		v.Synthetic = synthetic.of(cells) == "yes"
		b.Vendor(*v)
	}
}

func elements(r *rows) func(*place.Builder, place.Origin, []string, *place.Element) {
	var others, facts []cell // columns of shorthands and facts
	var kinds, names []string
	for i, column := range place.Shorthands() {
		if c := r.cell(column); c >= 0 {
			others, kinds = append(others, c), append(kinds, place.Kinds[i])
		}
	}
	for i, column := range r.columns {
		if name, ok := strings.CutPrefix(column, "x_"); ok {
			facts, names = append(facts, cell(i)), append(names, name)
		}
	}
	return func(b *place.Builder, at place.Origin, cells []string, e *place.Element) {
		for i, c := range others {
			list := c.of(cells)
			if list == "" {
				continue
			}
			for to := range strings.SplitSeq(list, ";") {
				if to = strings.TrimSpace(to); to != "" && e.ID != "" {
					b.Dependency(place.Dependency{From: e.ID, To: b.Intern(to), Kind: kinds[i], At: at})
				}
			}
		}
		for i, c := range facts {
			if v := c.of(cells); v != "" {
				e.Facts = append(e.Facts, place.Fact{Name: names[i], Value: b.Intern(v)})
			}
		}
		b.Element(*e)
	}
}

func sites(r *rows) func(*place.Builder, place.Origin, []string, *place.Site) {
	latitude, longitude := r.cell("lat"), r.cell("lon")
	return func(b *place.Builder, at place.Origin, cells []string, s *place.Site) {
		if lat, lon := latitude.of(cells), longitude.of(cells); lat != "" || lon != "" {
			y, err1 := degrees(lat, 90)
			x, err2 := degrees(lon, 180)
			if err1 != nil {
				b.Gap(at, "lat", err1.Error(), false)
			}
			if err2 != nil {
				b.Gap(at, "lon", err2.Error(), false)
			}
			if err1 == nil && err2 == nil {
				s.Lat, s.Lon, s.Located = y, x, true
			}
		}
		b.Site(*s)
	}
}

// degrees reads a number of degrees as millionths.
func degrees(s string, most float64) (int32, error) {
	v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || !(v >= -most && v <= most) {
		return 0, fmt.Errorf("%q: want degrees from %g to %g", s, -most, most)
	}
	return int32(math.Round(v * 1e6)), nil
}

func overlays(r *rows) func(*place.Builder, place.Origin, []string) {
	kinds, ids, fields, values := r.cell("kind"), r.cell("id"), r.cell("field"), r.cell("value")
	return func(b *place.Builder, at place.Origin, cells []string) {
		kind, id, field := kinds.of(cells), ids.of(cells), fields.of(cells)
		switch {
		case !slices.Contains([]string{"element", "site", "link", "vendor"}, kind):
			b.Gap(at, "kind", fmt.Sprintf("%q: want element, site, link or vendor", kind), true)
		case id == "" || field == "":
			b.Gap(at, "id", "the row names nothing", true)
		default:
			b.Overlay(b.Intern(kind), b.Intern(id), b.Intern(field), b.Intern(values.of(cells)), at)
		}
	}
}

func operator(r *rows) func(*place.Builder, place.Origin, []string) {
	names, values := r.cell("name"), r.cell("value")
	return func(b *place.Builder, at place.Origin, cells []string) {
		o := b.Operator()
		name, value := b.Intern(names.of(cells)), b.Intern(values.of(cells))
		switch name {
		case "":
			b.Gap(at, "name", "the row names nothing", true)
		case "name":
			o.Name = value
		case "country":
			o.Country = value
		case "currency":
			o.Currency = value
		case "turnover":
			if value == "" {
				return // not known
			}
			n, err := place.ParseNumber(value)
			if err != nil {
				b.Gap(at, "value", err.Error(), false)
				return
			}
			o.Turnover = n
		default:
			o.Facts = append(o.Facts, place.Fact{Name: name, Value: value})
		}
	}
}

// tableOf tells a table by the file's name, by its columns as a map names them,
// or by the first word of the name; nil for none.
func tableOf(name string, columns []string, mapped map[string]map[string]string) *table {
	base, _, _ := strings.Cut(strings.ToLower(name), ".")
	word, _, _ := strings.Cut(strings.NewReplacer("-", " ", "_", " ").Replace(base), " ")
	called := func(t *table, s string) bool {
		return s == t.kind || s == t.kind+"s" || s == strings.TrimSuffix(t.kind, "y")+"ies"
	}
	for i := range tables {
		if called(&tables[i], base) {
			return &tables[i]
		}
	}
	for i := range tables {
		fields := fieldsOf(columns, mapped[tables[i].kind])
		if !slices.ContainsFunc(tables[i].needs, func(c string) bool { return !slices.Contains(fields, c) }) {
			return &tables[i]
		}
	}
	for i := range tables {
		if called(&tables[i], word) {
			return &tables[i]
		}
	}
	return nil
}

// fieldsOf are columns by the names of fields: as a map has them, or as they are
// called, in small letters.
func fieldsOf(columns []string, mapped map[string]string) []string {
	list := make([]string, len(columns))
	for i, column := range columns {
		to, ok := mapped[column]
		if !ok {
			to = strings.ToLower(column)
		}
		list[i] = to
	}
	return list
}

func detect(name string, head []byte) bool {
	if low := strings.ToLower(name); strings.HasSuffix(low, ".csv") || strings.HasSuffix(low, ".tsv") {
		return true
	}
	first, _, _ := bytes.Cut(head, []byte("\n"))
	return len(first) < len(head) && tableOf("", header(strings.TrimSpace(string(first))), nil) != nil
}

// separator is the one that the first line has most of.
func separator(line string) rune {
	best := ','
	for _, c := range []rune{';', '\t'} {
		if strings.Count(line, string(c)) > strings.Count(line, string(best)) {
			best = c
		}
	}
	return best
}

func header(line string) []string {
	columns := strings.Split(strings.TrimPrefix(line, "\ufeff"), string(separator(line)))
	for i := range columns {
		columns[i] = strings.ToLower(strings.Trim(columns[i], " \""))
	}
	return columns
}

// Bounds on a table: a quote that is never closed would take the whole file as
// one row.
const (
	maxRow     = 16 << 20
	maxColumns = 2000
)

func read(ctx context.Context, b *place.Builder, in place.Input) error {
	buf := newLines(in.Reader)
	first, err := buf.peekLine()
	if err != nil {
		return fmt.Errorf("no header: %w", err)
	}
	c := csv.NewReader(buf)
	c.Comma = separator(first)
	c.FieldsPerRecord = -1
	c.ReuseRecord = true
	c.LazyQuotes = false
	names, err := c.Read()
	if err != nil {
		return fmt.Errorf("header: %w", err)
	}
	names = slices.Clone(names)
	if len(names) > maxColumns {
		return fmt.Errorf("%d columns: want at most %d", len(names), maxColumns)
	}
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
	t := tableOf(in.Name, names, in.Map)
	if t == nil {
		return fmt.Errorf("columns %.300q are of no table: want elements, sites, links, vendors, demands, dependencies, access, operator or overlay", names)
	}
	r := &rows{columns: fieldsOf(names, in.Map[t.kind])}
	at := place.Origin{Source: in.Source, Row: 1}
	known := t.fields()
	for i, column := range r.columns {
		switch {
		case column == "":
			if names[i] == "" {
				b.Gap(at, fmt.Sprintf("column %d", i+1), "it has no name: it is not used", false)
			}
		case !slices.Contains(known, column) && !(t.kind == "element" && strings.HasPrefix(column, "x_")):
			b.Gap(at, names[i], "no such field of "+t.kind+": the column is not used (--map names the field that it is)", false)
			r.columns[i] = ""
		case slices.Index(r.columns, column) < i:
			b.Gap(at, names[i], "a second column for "+column+": it is not used", false)
			r.columns[i] = ""
		}
	}
	row := t.open(r)
	for n := 0; ; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		buf.row = 0
		cells, err := c.Read()
		if err == io.EOF {
			return nil
		}
		line, _ := 0, 0
		if err == nil {
			line, _ = c.FieldPos(0)
		}
		at.Row = int32(min(line, math.MaxInt32))
		var bad *csv.ParseError
		if errors.As(err, &bad) {
			at.Row = int32(bad.StartLine)
			why := bad.Err.Error()
			if bad.Line > bad.StartLine {
				why = fmt.Sprintf("%s: it takes the rows to %d with it", why, bad.Line)
			}
			b.Gap(at, "", why, true)
			if errors.Is(bad.Err, csv.ErrQuote) || errors.Is(bad.Err, csv.ErrBareQuote) {
				continue
			}
		}
		if err != nil {
			return fmt.Errorf("row %d: %w", at.Row, err)
		}
		if len(cells) > len(names) {
			b.Gap(at, "", fmt.Sprintf("%d cells below %d columns: the last are not used", len(cells), len(names)), false)
		} else if len(cells) < len(names) {
			b.Gap(at, "", fmt.Sprintf("%d cells below %d columns: the last are not known", len(cells), len(names)), false)
		}
		row(b, at, cells)
	}
}
