package page

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/place"
	"github.com/wardein/wardein/place/exposure"
	"github.com/wardein/wardein/place/policy"
	"github.com/wardein/wardein/place/print"
)

func itoa(n int) string { return strconv.Itoa(n) }

func grouped(n int) string {
	s := itoa(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// The map: an equidistant projection around the middle of the sites, which are
// drawn together by cells of a grid. No tiles, no coast: what the inventory says.
const (
	mapWidth   = 760
	mapMost    = 620 // of height
	cells      = 56  // in the longer direction
	maxStrokes = 1500
)

type mapView struct {
	Width, Height   int
	Lines           []stroke
	Circles         []circle
	Sites, Nowhere  string
	Joined          bool // several sites share a circle
	Left            int  // lines that are left out
	South, West     string
	North, East     string
	Table           []siteView
	TableLeft       int
	Bar, BarDegrees string
}

type stroke struct{ X1, Y1, X2, Y2, Width string }

type circle struct {
	X, Y, R, Class, Title, Href string
	size                        int
}

type siteView struct {
	Anchor, ID, Name, Region, Sensitive string
	Elements, Breaks, Open              string
}

// mapOf draws the sites, nil where no place is known.
func mapOf(r *print.Result, ends []policy.Outcome) *mapView {
	n := r.Network
	type at struct{ elements, breaks, open int }
	count := make([]at, len(n.Sites))
	for node := range n.Element {
		e := n.Of(node)
		if e == nil || n.SiteOf(e) < 0 {
			continue
		}
		c := &count[n.SiteOf(e)]
		c.elements++
		switch ends[node] {
		case policy.Breaks:
			c.breaks++
		case policy.Undetermined:
			c.open++
		}
	}
	var shown []int
	nowhere := 0
	south, north, west, east := math.Inf(1), math.Inf(-1), math.Inf(1), math.Inf(-1)
	for i := range n.Sites {
		s := &n.Sites[i]
		switch {
		case count[i].elements == 0:
		case !s.Located:
			nowhere++
		default:
			shown = append(shown, i)
			lat, lon := float64(s.Lat)/1e6, float64(s.Lon)/1e6
			south, north, west, east = min(south, lat), max(north, lat), min(west, lon), max(east, lon)
		}
	}
	if len(shown) == 0 {
		return nil
	}
	shrink := math.Cos((south + north) / 2 * math.Pi / 180)
	wide, high := max((east-west)*shrink, 0.02), max(north-south, 0.02)
	scale := min(float64(mapWidth-40)/wide, float64(mapMost-40)/high)
	m := &mapView{Width: mapWidth, Height: int(high*scale) + 40, Nowhere: grouped(nowhere), Sites: grouped(len(shown)),
		South: fmt.Sprintf("%.2f", south), North: fmt.Sprintf("%.2f", north), West: fmt.Sprintf("%.2f", west), East: fmt.Sprintf("%.2f", east)}
	left := (float64(mapWidth) - wide*scale) / 2
	// A bar of a round number of kilometres: a degree of latitude has 111.2.
	km := math.Pow(10, math.Floor(math.Log10(wide*111.2/4)))
	for _, k := range []float64{5, 2} {
		if km*k <= wide*111.2/3 {
			km *= k
			break
		}
	}
	m.Bar, m.BarDegrees = fmt.Sprintf("%.1f", km/111.2*scale), fmt.Sprintf("%g km", km)
	point := func(s *place.Site) (x, y float64) {
		return left + (float64(s.Lon)/1e6-west)*shrink*scale, 20 + (north-float64(s.Lat)/1e6)*scale
	}
	size := max(wide, high) * scale / cells
	type cell struct {
		x, y                          float64
		sites, elements, breaks, open int
		first                         int
	}
	grid := map[[2]int]*cell{}
	of := map[int]*cell{}
	var order []*cell
	for _, i := range shown {
		x, y := point(&n.Sites[i])
		key := [2]int{int(x / size), int(y / size)}
		c := grid[key]
		if c == nil {
			c = &cell{first: i}
			grid[key] = c
			order = append(order, c)
		}
		c.x, c.y = c.x+x, c.y+y
		c.sites++
		c.elements += count[i].elements
		c.breaks += count[i].breaks
		c.open += count[i].open
		of[i] = c
		m.Joined = m.Joined || c.sites > 1
	}
	most := 0
	for _, c := range order {
		c.x, c.y = c.x/float64(c.sites), c.y/float64(c.sites)
		most = max(most, c.elements)
	}
	index := map[*cell]int{}
	for i, c := range order {
		index[c] = i
		class, what := "fine", "nothing breaks a rule"
		if len(r.Packs) == 0 {
			what = "no rule was asked for"
		}
		switch {
		case c.breaks > 0:
			class, what = "breaks", grouped(c.breaks)+" break a rule"
		case c.open > 0:
			class, what = "open", grouped(c.open)+" undetermined"
		}
		name := term.Clean(cmp.Or(n.Sites[c.first].Name, n.Sites[c.first].ID))
		if c.sites > 1 {
			name = fmt.Sprintf("%s and %s more sites", name, grouped(c.sites-1))
		}
		m.Circles = append(m.Circles, circle{fmt.Sprintf("%.1f", c.x), fmt.Sprintf("%.1f", c.y), fmt.Sprintf("%.1f", 2.5+math.Sqrt(float64(c.elements)/float64(most))*11), class,
			fmt.Sprintf("%s: %s elements, %s", name, grouped(c.elements), what), "#cell-" + itoa(i), c.elements})
	}
	slices.SortStableFunc(m.Circles, func(a, b circle) int { return b.size - a.size }) // small ones on top
	m.lines(n, func(e *place.Element) (int, bool) {
		c, ok := of[n.SiteOf(e)]
		return index[c], ok
	}, func(i int) (x, y float64) { return order[i].x, order[i].y })
	slices.SortStableFunc(shown, func(a, b int) int {
		return cmp.Or(index[of[a]]-index[of[b]], count[b].breaks-count[a].breaks)
	})
	last := -1
	for _, i := range shown {
		if count[i].breaks+count[i].open == 0 && last == index[of[i]] {
			continue // one row a circle at least, so that it leads somewhere
		}
		if len(m.Table) == maxRows {
			m.TableLeft++
			continue
		}
		s := &n.Sites[i]
		v := siteView{ID: term.Clean(s.ID), Name: term.Clean(s.Name), Region: term.Clean(s.Region), Sensitive: cmp.Or(term.Clean(s.Sensitive), "not known"), Elements: grouped(count[i].elements), Breaks: grouped(count[i].breaks), Open: grouped(count[i].open)}
		if last != index[of[i]] {
			last = index[of[i]]
			v.Anchor = "cell-" + itoa(last)
		}
		m.Table = append(m.Table, v)
	}
	return m
}

// lines draws what joins cells, most first.
func (m *mapView) lines(n *place.Snapshot, cellOf func(*place.Element) (int, bool), at func(int) (x, y float64)) {
	count := map[[2]int]int{}
	for _, k := range n.Links {
		a, b := n.Ends(&n.Network.Links[k])
		x, ok1 := cellOf(n.Of(a))
		y, ok2 := cellOf(n.Of(b))
		if ok1 && ok2 && x != y {
			count[[2]int{min(x, y), max(x, y)}]++
		}
	}
	var pairs [][2]int
	for p := range count {
		pairs = append(pairs, p)
	}
	slices.SortFunc(pairs, func(a, b [2]int) int {
		return cmp.Or(count[b]-count[a], cmp.Compare(a[0], b[0]), cmp.Compare(a[1], b[1]))
	})
	if len(pairs) > maxStrokes {
		m.Left = len(pairs) - maxStrokes
		pairs = pairs[:maxStrokes]
	}
	for _, p := range pairs {
		x1, y1 := at(p[0])
		x2, y2 := at(p[1])
		m.Lines = append(m.Lines, stroke{fmt.Sprintf("%.1f", x1), fmt.Sprintf("%.1f", y1), fmt.Sprintf("%.1f", x2), fmt.Sprintf("%.1f", y2), fmt.Sprintf("%.1f", min(0.4+math.Log2(float64(count[p]))*0.3, 2.5))})
	}
}

// The treemap: a column for each vendor, as wide as it has elements, in it a
// part for each group of functions; what breaks a rule is hatched from below.
const treeWidth, treeHeight = 760, 300

type treemapView struct {
	Width, Height int
	Boxes         []box
	Names         []label
	Rows          []vendorView
}

type box struct{ X, Y, W, H, Class, Title, Label, LX, LY string }

type label struct{ X, Text string }

type vendorView struct{ Who, Elements, Share, Breaks, Groups string }

func treemap(r *print.Result, ends []policy.Outcome) *treemapView {
	n := r.Network
	type part struct{ elements, breaks int }
	parts := map[string]map[string]*part{}
	sums := map[string]*part{}
	all := 0
	for node := range n.Element {
		e := n.Of(node)
		if e == nil {
			continue
		}
		all++
		f, ok := place.FunctionOf(e.NF)
		group := f.Group
		if !ok {
			group = "function not known"
		}
		who := cmp.Or(e.Vendor, "vendor not known")
		if parts[who] == nil {
			parts[who], sums[who] = map[string]*part{}, &part{}
		}
		if parts[who][group] == nil {
			parts[who][group] = &part{}
		}
		for _, p := range []*part{parts[who][group], sums[who]} {
			p.elements++
			if ends[node] == policy.Breaks {
				p.breaks++
			}
		}
	}
	if all == 0 || r.Blind {
		return nil
	}
	var vendors []string
	for v := range parts {
		vendors = append(vendors, v)
	}
	slices.SortFunc(vendors, func(a, b string) int { return cmp.Or(sums[b].elements-sums[a].elements, cmp.Compare(a, b)) })
	t := &treemapView{Width: treeWidth, Height: treeHeight + 22}
	x := 0.0
	for _, v := range vendors {
		w := float64(treeWidth) * float64(sums[v].elements) / float64(all)
		if w > 46 {
			t.Names = append(t.Names, label{fmt.Sprintf("%.1f", x+4), clipped(term.Clean(v), w)})
		}
		var groups []string
		for g := range parts[v] {
			groups = append(groups, g)
		}
		slices.SortFunc(groups, func(a, b string) int {
			return cmp.Or(parts[v][b].elements-parts[v][a].elements, cmp.Compare(a, b))
		})
		y := 22.0
		text := ""
		for _, g := range groups {
			p := parts[v][g]
			h := float64(treeHeight) * float64(p.elements) / float64(sums[v].elements)
			title := fmt.Sprintf("%s, %s: %s elements, %s break a rule", term.Clean(v), g, grouped(p.elements), grouped(p.breaks))
			b := box{X: f1(x), Y: f1(y), W: f1(max(w-1, 0.5)), H: f1(max(h-1, 0.5)), Class: "part", Title: title}
			if w > 60 && h > 16 {
				b.Label, b.LX, b.LY = clipped(g, w), f1(x+5), f1(y+13)
			}
			t.Boxes = append(t.Boxes, b)
			if p.breaks > 0 {
				bh := h * float64(p.breaks) / float64(p.elements)
				t.Boxes = append(t.Boxes, box{X: f1(x), Y: f1(y + h - bh), W: f1(max(w-1, 0.5)), H: f1(max(bh-1, 0.5)), Class: "bad", Title: title})
			}
			y += h
			if text != "" {
				text += ", "
			}
			text += g + " " + grouped(p.elements)
		}
		x += w
		if len(t.Rows) < 200 {
			t.Rows = append(t.Rows, vendorView{term.Clean(v), grouped(sums[v].elements), policy.Percent(int64(float64(sums[v].elements) / float64(all) * 1e6)), grouped(sums[v].breaks), text})
		}
	}
	return t
}

func f1(v float64) string { return fmt.Sprintf("%.1f", v) }

// clipped is as much of a text as a box of a width takes.
func clipped(s string, width float64) string {
	most := int((width - 8) / 6.2)
	r := []rune(s)
	if len(r) <= most {
		return s
	}
	if most < 3 {
		return ""
	}
	return string(r[:most-1]) + "…"
}

// The matrix: for each row and view three parts of the traffic.
type matrixView struct {
	By, Total, Unrouted, Unknown string
	Assumed                      bool
	Gaps                         []string
	Rows                         []seeView
	Left                         int
}

type seeView struct {
	Who, Elements, Manages, Hosts, Anchors, Lost string
	Cells                                        [exposure.Views]seeCell
}

// seeCell prints as "4 / 11 / 37 %"; its bar is drawn by the three.
type seeCell struct {
	Text, Subscribers, Sites   string
	Always, Normally, Possibly string // widths, of 100
}

func matrix(x *exposure.Result) matrixView {
	m := matrixView{By: x.By, Assumed: x.Assumed, Total: bits(x.Total.Bps)}
	if x.Unrouted.Bps > 0 {
		m.Unrouted = print.Percent(x.Unrouted.Bps, x.Total.Bps)
	}
	if x.Unknown > 0 {
		m.Unknown = grouped(x.Unknown)
	}
	for i, g := range x.Gaps {
		if i < 20 {
			m.Gaps = append(m.Gaps, term.Clean(g))
		}
	}
	for i := range x.Rows {
		row := &x.Rows[i]
		v := seeView{Who: term.Clean(row.Who), Elements: grouped(row.Elements), Manages: grouped(row.Manages), Hosts: grouped(row.Hosts), Anchors: grouped(row.Anchors), Lost: print.Percent(row.Lost.Bps, x.Total.Bps)}
		for k := range v.Cells {
			of := row.Views[k]
			width := func(n int64) string {
				if x.Total.Bps == 0 {
					return "0"
				}
				return f1(float64(n) / float64(x.Total.Bps) * 100)
			}
			three := func(a, b, c, all int64) string {
				return print.Percent(a, all) + " / " + print.Percent(b, all) + " / " + print.Percent(c, all)
			}
			v.Cells[k] = seeCell{three(of.Must.Bps, of.Expected.Bps, of.Could.Bps, x.Total.Bps), three(of.Must.Subscribers, of.Expected.Subscribers, of.Could.Subscribers, x.Total.Subscribers),
				three(of.Must.Sites, of.Expected.Sites, of.Could.Sites, x.Total.Sites), width(of.Must.Bps), width(of.Expected.Bps), width(of.Could.Bps)}
		}
		m.Rows = append(m.Rows, v)
	}
	return m
}

func bits(n int64) string {
	units := []string{"bit/s", "kbit/s", "Mbit/s", "Gbit/s", "Tbit/s", "Pbit/s"}
	v := float64(n)
	i := 0
	for v >= 1000 && i < len(units)-1 {
		v /= 1000
		i++
	}
	return fmt.Sprintf("%.3g %s", v, units[i])
}

// The timeline: when rules bind, and when work has to begin for them.
const timeWidth, timeRow, timeNames = 760, 20, 190

type timelineView struct {
	Width, Height int
	Years         []tick
	Rows          []span
	Now           string // x of the day of judging
	NowLabel      string
}

type tick struct{ X, Label string }

type span struct {
	Y, TextY, Name, Class, Title string
	X, W                         string // when it binds
	SX, SW                       string // between when the work has to begin; "" nothing
}

func timeline(r *print.Result) *timelineView {
	var list []*policy.Result
	first, last := r.Network.Date, r.Network.Date
	for _, res := range append(r.Sorted(true), r.Sorted(false)...) {
		if res.Rule.From == 0 && res.Rule.To == 0 {
			continue
		}
		list = append(list, res)
		for _, d := range []place.Date{res.Rule.From, res.Rule.To} {
			if d != 0 {
				first, last = min(first, d), max(last, d)
			}
		}
		if n := r.NeedOf(res); n != nil && n.Early != 0 {
			first, last = min(first, n.Early), max(last, n.Late)
		}
	}
	if len(list) == 0 {
		return nil
	}
	list = list[:min(len(list), 200)]
	slices.SortStableFunc(list, func(a, b *policy.Result) int { return cmp.Compare(a.Rule.From, b.Rule.From) })
	first, last = place.Day(first.Year(), 1, 1), place.Day(last.Year()+1, 1, 1)
	x := func(d place.Date) float64 {
		return timeNames + float64(d-first)/float64(last-first)*(timeWidth-timeNames-34)
	}
	t := &timelineView{Width: timeWidth, Height: len(list)*timeRow + 34, Now: f1(x(r.Network.Date)), NowLabel: r.Network.Date.String()}
	step := max((last.Year()-first.Year())/12, 1)
	for y := first.Year(); y <= last.Year(); y += step {
		t.Years = append(t.Years, tick{f1(x(place.Day(y, 1, 1))), itoa(y)})
	}
	for i, res := range list {
		from, to := cmp.Or(res.Rule.From, first), cmp.Or(res.Rule.To, last)
		class := map[policy.Outcome]string{policy.Breaks: "breaks", policy.Undetermined: "open", policy.Complies: "fine", policy.OutOfScope: "outside"}[res.Outcome]
		s := span{Y: itoa(26 + i*timeRow), TextY: itoa(26 + i*timeRow + 11), Name: res.Rule.ID, Class: class, X: f1(x(from)), W: f1(max(x(to)-x(from), 2)),
			Title: fmt.Sprintf("%s: binds from %s, %s on %s", res.Rule.ID, cmp.Or(res.Rule.From.String(), "ever"), res.Outcome, r.Network.Date)}
		if n := r.NeedOf(res); n != nil && n.Early != 0 {
			s.SX, s.SW = f1(x(n.Early)), f1(max(x(n.Late)-x(n.Early), 3))
			s.Title += ", latest start " + print.Start(n)
		}
		t.Rows = append(t.Rows, s)
	}
	return t
}
