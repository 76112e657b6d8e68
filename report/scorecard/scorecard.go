// Package scorecard measures releases by the yardstick of the one public lab
// that published figures, several releases beside each other. It reads saved
// reports and nothing else.
//
// Columns are compared only where they can be: same recipe, evaluation date and
// product class, and shares of opened bytes and of code read that lie at most
// five points apart. A release that cannot be opened does not win.
package scorecard

import (
	_ "embed"
	"fmt"
	"strconv"
	"strings"

	"github.com/wardein/wardein/internal/table"
	"github.com/wardein/wardein/report"
)

// Metric is a row of the scorecard.
type Metric struct {
	Number, Title, Unit string
	Rule, Num, Of       string
	Check, Better, Why  string
	Published, Source   string
}

//go:embed data/metrics.toml
var metricsTOML []byte

// Metrics is the list of rows and its date.
var Metrics = table.TOML[struct {
	Date   string
	Metric []Metric
}]("report/scorecard/data/metrics.toml", metricsTOML)

// Column is one release.
type Column struct {
	Name, Class string
	Reference   bool // stands beside the others as a line to compare with
	Release     string
	AsOf        string
	Recipe      string
	Partial     bool
	// Opened and CodeRead are shares in parts per million; CodeRead is -1
	// where the release holds no code.
	Opened, CodeRead int64
	ReadBytes        int64
	Values           []Value // one a metric
}

// Value is a cell.
type Value struct {
	// Missing says why there is no number: "not examined", or what it needs.
	Missing string
	// Num is the number, or the share's numerator, Of its denominator; Of is 0
	// for a count.
	Num, Of int64
}

// New measures a saved report. class is what kind of product the release is
// for; only releases of one class are compared.
func New(name, class string, s *report.Saved) *Column {
	c := &Column{Name: name, Class: class, Release: s.Release.Digest, AsOf: s.Recipe.As_of, Recipe: s.Recipe.Digest.String(), Partial: s.Partial,
		Opened: s.Coverage.Opened_ppm, CodeRead: -1}
	var code int64
	for _, k := range s.Coverage.Code {
		code += k.Bytes
		c.ReadBytes += k.Read
	}
	if code > 0 {
		c.CodeRead = c.ReadBytes * 1e6 / code
	}
	for i := range Metrics().Metric {
		c.Values = append(c.Values, Metrics().Metric[i].measure(s))
	}
	return c
}

// looked tells whether a check ran and had what it needs: one that applied to
// nothing looked, and found nothing to look at.
func looked(s *report.Saved, check string) bool {
	for _, g := range s.Gaps {
		if g.Who == check && g.Kind == "no-data" {
			return false
		}
	}
	for _, c := range s.Recipe.Checks {
		if c.Name == check {
			return true
		}
	}
	return false
}

func (m *Metric) measure(s *report.Saved) (v Value) {
	switch {
	case m.Unit == "other":
		return Value{Missing: m.Why}
	case !looked(s, m.Check):
		return Value{Missing: "not examined"}
	}
	found := false
	for i := range s.Findings {
		f := &s.Findings[i]
		if m.Rule == "*" {
			if f.Severity == "high" || f.Severity == "critical" {
				v.Num++
			}
			continue
		}
		arg := func(name string) string {
			for _, a := range f.Says.Args {
				if a.Name == name {
					return a.Value
				}
			}
			return ""
		}
		if !strings.Contains(","+m.Rule+",", ","+f.Rule+",") {
			continue
		}
		found = true
		if m.Num == "" {
			v.Num++
		}
		for name := range strings.SplitSeq(m.Num, "+") {
			v.Num += leading(arg(name))
		}
		v.Of += leading(arg(m.Of))
	}
	if (m.Unit == "share" || m.Unit == "pair") && (!found || v.Of+v.Num == 0 || m.Unit == "share" && v.Of == 0) {
		// No finding says how many there were to be counted.
		return Value{Missing: "none counted"}
	}
	return v
}

// leading is the number that a text begins with.
func leading(s string) int64 {
	s, _, _ = strings.Cut(s, " ")
	n, _ := strconv.ParseInt(s, 10, 64)
	return n
}

// PPM is a share in parts per million.
func (v *Value) PPM() int64 {
	if v.Of == 0 {
		return 0
	}
	return (v.Num*2e6 + v.Of) / (2 * v.Of)
}

// String prints a cell: a share with its two numbers, a count with its rate per
// MB of code read.
func (c *Column) String(i int) string {
	v := &c.Values[i]
	switch {
	case v.Missing != "":
		return v.Missing
	case Metrics().Metric[i].Unit == "pair":
		return fmt.Sprintf("%d unsafe, %d safe", v.Num, v.Of)
	case v.Of > 0:
		return fmt.Sprintf("%s (%d of %d)", percent(v.PPM()), v.Num, v.Of)
	case c.ReadBytes > 0 && v.Num > 0:
		return fmt.Sprintf("%d (%s per MB of code)", v.Num, thousandths(v.rate(c)))
	}
	return strconv.FormatInt(v.Num, 10)
}

// rate is a count per MB of code read, in thousandths.
func (v *Value) rate(c *Column) int64 { return v.Num * 1e9 / c.ReadBytes }

func percent(ppm int64) string {
	if ppm < 0 {
		return "no code"
	}
	return fmt.Sprintf("%d.%d %%", ppm/10_000, ppm/1000%10)
}

func thousandths(n int64) string {
	if n >= 10_000 {
		return strconv.FormatInt((n+500)/1000, 10)
	}
	return fmt.Sprintf("%d.%02d", n/1000, n/10%100)
}

// most is how far apart, in parts per million, the shares of opened bytes and
// of code read of two columns may lie.
const most = 50_000

// Differs says why two columns cannot be compared, "" where they can.
func Differs(a, b *Column) string {
	apart := func(x, y int64) bool { return max(x, y)-min(x, y) > most }
	switch {
	case a.Recipe != b.Recipe:
		return "the recipes differ"
	case a.AsOf != b.AsOf:
		return "the evaluation dates differ"
	case a.Class != b.Class:
		return "the product classes differ"
	case a.Class == "":
		return "no product class is stated"
	case a.Partial || b.Partial:
		return "an inspection was interrupted"
	case apart(a.Opened, b.Opened):
		return "the shares of opened bytes lie more than 5 points apart"
	case apart(a.CodeRead, b.CodeRead):
		return "the shares of code read lie more than 5 points apart"
	}
	return ""
}

// Card is several releases on one yardstick.
type Card struct {
	Columns []*Column
	// Why says why the columns are not put in an order, "" where they are.
	Why string
}

// Compare puts columns beside each other; the references may differ in class.
func Compare(columns []*Column) *Card {
	c := &Card{Columns: columns}
	for i, a := range columns {
		for _, b := range columns[i+1:] {
			x, y := *a, *b
			if x.Reference {
				x.Class = y.Class
			}
			if y.Reference {
				y.Class = x.Class
			}
			if why := Differs(&x, &y); why != "" && c.Why == "" {
				c.Why = fmt.Sprintf("%s and %s: %s", a.Name, b.Name, why)
			}
		}
	}
	return c
}

// Letter names a column in an order: A, B, …, Z, 27, 28, ….
func Letter(column int) string {
	if column < 26 {
		return string(rune('A' + column))
	}
	return strconv.Itoa(column + 1)
}

// Order says how the columns lie in one metric, the best first: "A < B = C";
// "not comparable" where they are not compared, "" where there is nothing to
// say.
func (c *Card) Order(i int) string {
	m := &Metrics().Metric[i]
	type entry struct {
		name string
		size int64
	}
	var list []entry
	for k, col := range c.Columns {
		v, name := &col.Values[i], Letter(k)
		switch {
		case v.Missing != "":
		case v.Of > 0:
			list = append(list, entry{name, v.PPM()})
		case col.ReadBytes > 0:
			list = append(list, entry{name, v.rate(col)})
		default:
			list = append(list, entry{name, v.Num})
		}
	}
	if len(list) < 2 || m.Unit == "pair" {
		return ""
	}
	if c.Why != "" || len(list) < len(c.Columns) {
		return "not comparable"
	}
	for k := 1; k < len(list); k++ { // few columns
		for j := k; j > 0 && less(m, list[j].size, list[j-1].size); j-- {
			list[j], list[j-1] = list[j-1], list[j]
		}
	}
	text := list[0].name
	for k := 1; k < len(list); k++ {
		if list[k].size == list[k-1].size {
			text += " = " + list[k].name
		} else {
			text += " < " + list[k].name
		}
	}
	return text
}

func less(m *Metric, a, b int64) bool {
	if m.Better == "more" {
		return a > b
	}
	return a < b
}
