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
// A column "x_NAME" is a further fact NAME of elements.
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
	row    func(r *rows, b *place.Builder, at place.Origin, cells []string)
}

// rows is a table while it is read.
type rows struct {
	columns []string // by place in the file: the field's name, "" for one that is left out
}

// of is the cell of a column, "" where there is none.
func (r *rows) of(cells []string, column string) string {
	if i := slices.Index(r.columns, column); i >= 0 && i < len(cells) {
		return cells[i]
	}
	return ""
}

// simple is a table whose rows are fields alone.
func simple[T any](kind string, needs []string, fields []place.Field[T], more []string, empty func(place.Origin) T, finish func(r *rows, b *place.Builder, at place.Origin, cells []string, t *T)) table {
	return table{
		kind: kind, needs: needs,
		fields: func() []string {
			list := slices.Clone(more)
			for i := range fields {
				list = append(list, fields[i].Name)
			}
			return list
		},
		row: func(r *rows, b *place.Builder, at place.Origin, cells []string) {
			t := empty(at)
			for i, column := range r.columns {
				if column == "" || i >= len(cells) || cells[i] == "" {
					continue
				}
				f := place.FieldOf(fields, column)
				if f == nil {
					continue // finish reads it
				}
				value := cells[i]
				if f.Type == place.Text && column != "id" {
					value = b.Intern(value)
				}
				if err := f.Set(&t, value); err != nil {
					b.Gap(at, column, err.Error(), false)
				}
			}
			finish(r, b, at, cells, &t)
		},
	}
}

// shorthands are columns of elements that are dependencies.
var shorthands = [][2]string{{"managed_by", place.ManagedBy}, {"runs_on", place.RunsOn}, {"anchored_on", place.AnchoredOn}, {"timed_by", place.TimedBy}, {"powered_by", place.PoweredBy}}

var tables = []table{
	simple("element", []string{"id", "nf"}, place.ElementFields, []string{"managed_by", "runs_on", "anchored_on", "timed_by", "powered_by"}, place.NewElement, finishElement),
	simple("site", []string{"id", "lat"}, place.SiteFields, []string{"lat", "lon"}, func(at place.Origin) place.Site { return place.Site{At: at} }, finishSite),
	simple("link", []string{"a", "b"}, place.LinkFields, nil, place.NewLink, func(_ *rows, b *place.Builder, _ place.Origin, _ []string, l *place.Link) { b.Link(*l) }),
	simple("demand", []string{"source", "target"}, place.DemandFields, nil, place.NewDemand, func(_ *rows, b *place.Builder, _ place.Origin, _ []string, d *place.Demand) { b.Demand(*d) }),
	simple("dependency", []string{"from", "to"}, place.DependencyFields, nil, func(at place.Origin) place.Dependency { return place.Dependency{At: at} }, func(_ *rows, b *place.Builder, _ place.Origin, _ []string, d *place.Dependency) { b.Dependency(*d) }),
	simple("access", []string{"organisation", "scope"}, place.AccessFields, nil, func(at place.Origin) place.Access { return place.Access{At: at} }, func(_ *rows, b *place.Builder, _ place.Origin, _ []string, a *place.Access) { b.Access(*a) }),
	{kind: "overlay", needs: []string{"kind", "id", "field", "value"}, fields: func() []string { return []string{"kind", "id", "field", "value"} }, row: overlayRow},
	{kind: "operator", needs: []string{"name", "value"}, fields: func() []string { return []string{"name", "value"} }, row: operatorRow},
	simple("vendor", []string{"id", "group"}, place.VendorFields, []string{"synthetic"}, func(at place.Origin) place.Vendor { return place.Vendor{At: at} }, func(r *rows, b *place.Builder, at place.Origin, cells []string, v *place.Vendor) {
		v.Synthetic = r.of(cells, "synthetic") == "yes"
		b.Vendor(*v)
	}),
}

func finishElement(r *rows, b *place.Builder, at place.Origin, cells []string, e *place.Element) {
	for _, s := range shorthands {
		for to := range strings.SplitSeq(r.of(cells, s[0]), ";") {
			if to = strings.TrimSpace(to); to != "" {
				b.Dependency(place.Dependency{From: e.ID, To: b.Intern(to), Kind: s[1], At: at})
			}
		}
	}
	for i, column := range r.columns {
		if name, ok := strings.CutPrefix(column, "x_"); ok && i < len(cells) && cells[i] != "" {
			e.Facts = append(e.Facts, place.Fact{Name: name, Value: b.Intern(cells[i])})
		}
	}
	b.Element(*e)
}

func finishSite(r *rows, b *place.Builder, at place.Origin, cells []string, s *place.Site) {
	lat, lon := r.of(cells, "lat"), r.of(cells, "lon")
	if lat != "" || lon != "" {
		y, err1 := degrees(lat, 90)
		x, err2 := degrees(lon, 180)
		if err := errors.Join(err1, err2); err != nil {
			b.Gap(at, "lat", strings.ReplaceAll(err.Error(), "\n", "; "), false)
		} else {
			s.Lat, s.Lon, s.Located = y, x, true
		}
	}
	b.Site(*s)
}

// degrees reads a number of degrees as millionths.
func degrees(s string, most float64) (int32, error) {
	v, err := strconv.ParseFloat(strings.TrimSpace(s), 64)
	if err != nil || !(v >= -most && v <= most) {
		return 0, fmt.Errorf("%q: want degrees from %g to %g", s, -most, most)
	}
	return int32(math.Round(v * 1e6)), nil
}

func overlayRow(r *rows, b *place.Builder, at place.Origin, cells []string) {
	kind, id, field, value := r.of(cells, "kind"), r.of(cells, "id"), r.of(cells, "field"), r.of(cells, "value")
	if !slices.Contains([]string{"element", "site", "link", "vendor"}, kind) {
		b.Gap(at, "kind", fmt.Sprintf("%q: want element, site, link or vendor", kind), true)
		return
	}
	b.Overlay(kind, id, field, b.Intern(value), at)
}

func operatorRow(r *rows, b *place.Builder, at place.Origin, cells []string) {
	o := b.Operator()
	name, value := r.of(cells, "name"), r.of(cells, "value")
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
		n, err := place.ParseNumber(cmpOr(value, "0"))
		if err != nil {
			b.Gap(at, "value", err.Error(), false)
			return
		}
		o.Turnover = n
	default:
		o.Facts = append(o.Facts, place.Fact{Name: name, Value: value})
	}
}

func cmpOr(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// tableOf tells a table by the file's name, or by its columns.
func tableOf(name string, columns []string) *table {
	base, _, _ := strings.Cut(strings.ToLower(name), ".")
	for i := range tables {
		if k := tables[i].kind; base == k || base == k+"s" || base == strings.TrimSuffix(k, "y")+"ies" {
			return &tables[i]
		}
	}
	for i := range tables {
		if !slices.ContainsFunc(tables[i].needs, func(c string) bool { return !slices.Contains(columns, c) }) {
			return &tables[i]
		}
	}
	return nil
}

func detect(name string, head []byte) bool {
	if low := strings.ToLower(name); strings.HasSuffix(low, ".csv") || strings.HasSuffix(low, ".tsv") {
		return true
	}
	first, _, _ := bytes.Cut(head, []byte("\n"))
	return len(first) < len(head) && tableOf("", header(strings.TrimSpace(string(first)))) != nil
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

// maxRow bounds a row: a quote that is never closed would take the whole file.
const maxRow = 16 << 20

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
	for i := range names {
		names[i] = strings.TrimSpace(strings.TrimPrefix(names[i], "\ufeff"))
	}
	low := make([]string, len(names))
	for i := range names {
		low[i] = strings.ToLower(names[i])
	}
	t := tableOf(in.Name, low)
	if t == nil {
		return fmt.Errorf("columns %q are of no table: want elements, sites, links, vendors, demands, dependencies, access, operator or overlay", names)
	}
	r := &rows{columns: low}
	at := place.Origin{Source: in.Source, Row: 1}
	known := t.fields()
	for i, column := range low {
		if to, ok := in.Map[t.kind][names[i]]; ok {
			r.columns[i], column = to, to
		}
		if column != "" && !slices.Contains(known, column) && !(t.kind == "element" && strings.HasPrefix(column, "x_")) {
			b.Gap(at, names[i], "no such field of "+t.kind+": the column is not used (--map names the field that it is)", false)
			r.columns[i] = ""
		}
		if column != "" && slices.Index(r.columns, column) < i {
			b.Gap(at, names[i], "a second column for "+column+": it is not used", false)
			r.columns[i] = ""
		}
	}
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
			b.Gap(at, "", bad.Err.Error(), true)
			if errors.Is(bad.Err, csv.ErrQuote) || errors.Is(bad.Err, csv.ErrBareQuote) {
				continue
			}
		}
		if err != nil {
			return fmt.Errorf("row %d: %w", at.Row, err)
		}
		if len(cells) > len(names) {
			b.Gap(at, "", fmt.Sprintf("%d cells below %d columns", len(cells), len(names)), false)
		}
		t.row(r, b, at, cells)
	}
}
