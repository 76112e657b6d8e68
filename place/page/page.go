// Package page writes what was asked of a network as one page: violations first
// with their elements, then a map, who sees what, vendors, days, costs. It opens
// offline, loads nothing, and prints in black and white on A4.
package page

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"io"
	"slices"
	"strings"

	"github.com/wardein/wardein/internal/htmlpage"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/place"
	"github.com/wardein/wardein/place/exposure"
	"github.com/wardein/wardein/place/plan"
	"github.com/wardein/wardein/place/policy"
	"github.com/wardein/wardein/place/print"
)

//go:embed page
var files embed.FS

var tmpl = template.Must(template.New("page.html").Funcs(template.FuncMap{"percent": policy.Percent}).ParseFS(files, "page/*.html"))

//go:embed page/sliders.js
var sliders string

// maxRows bounds a table, so that a browser opens the page.
const maxRows = 5000

// view is what the template prints. All strings of an inventory have been through
// term.Clean.
type view struct {
	Style                  template.CSS
	Script, Sliders        template.JS
	ScriptHash, SliderHash string

	Name, AsOf, Plan, Aged, Synthetic string
	Elements, Links                   string
	Judged, Blind                     bool
	Breaks, Complies, Outside, Open   string
	Packs                             []packView
	Rules, Unconfirmed                []ruleView
	Quiet                             []quietView // rules that nothing breaks
	Gaps                              []gapView
	GapCount                          string
	GapsLeft                          int
	Map                               *mapView
	Treemap                           *treemapView
	Matrices                          []matrixView
	Timeline                          *timelineView
	Moments                           []momentView
	Needs                             []needView
	Incoming, Outgoing                []plan.Incoming
	Model                             *plan.Model
	ModelTitle, Payer                 string
	Uncounted                         []string
	Drawn                             *drawnView
	Evidence                          []evidenceView
	Sources                           []sourceView
	Foot                              []string
}

type packView struct{ ID, Title, Checked, Source string }

type ruleView struct {
	ID, Title, Outcome, How, Start, Cost string
	Clause, Source, Status, Unconfirmed  string
	Missing, Binds, Layers               string
	Groups                               []string
	Table                                []elementView
	Left                                 int
	Shown                                string // says what the table holds
}

type quietView struct{ Outcome, ID, Title, Why string }

type elementView struct{ ID, Site, Region, NF, Vendor, Release, End, Facts string }

type gapView struct {
	Text    string
	Dropped bool
}

type needView struct {
	Rule, Elements, Deadline, Start, Region, Cost, Currency string
	Parts                                                   []partView
	Years, Starts                                           []partView
	Blocks                                                  []string
	// The parts in the middle, for the sliders: see sliders.js.
	Kit, Work, Avoided, Market, Due, Uplift int64
}

type partView struct{ Name, Cost string }

type momentView struct{ Date, Steps, Without, With, Rules, Sees string }

type evidenceView struct{ What, By, Profiles, Opened, CodeRead, Findings string }

type sourceView struct{ Name, Date, Digest string }

// HTML writes the page.
func HTML(w io.Writer, r *print.Result) error {
	v := &view{Style: htmlpage.Style(), Sliders: template.JS(sliders), Name: cmp.Or(term.Clean(r.Network.Operator.Name), "network without a name"),
		AsOf: r.Network.Date.String(), Plan: term.Clean(r.Plan), Aged: r.Aged(), Synthetic: r.Synthetic(), Blind: r.Blind,
		Elements: grouped(r.Elements()), Links: grouped(len(r.Network.Links)), Judged: len(r.Packs) > 0, Foot: r.Foot()}
	v.Script, v.ScriptHash = htmlpage.Filter()
	sum := sha256.Sum256([]byte(sliders))
	v.SliderHash = base64.StdEncoding.EncodeToString(sum[:])
	counts := print.Totals(r.Network, r.Results)
	v.Breaks, v.Complies, v.Outside, v.Open = grouped(counts[policy.Breaks]), grouped(counts[policy.Complies]), grouped(counts[policy.OutOfScope]), grouped(counts[policy.Undetermined])
	for _, p := range r.Packs {
		v.Packs = append(v.Packs, packView{p.ID, term.Clean(p.Title), print.Checked(p), term.Clean(p.Source.Title + "; " + p.Source.Reference)})
	}
	v.Rules, v.Quiet = rules(r, r.Sorted(true), v.Quiet)
	v.Unconfirmed, v.Quiet = rules(r, r.Sorted(false), v.Quiet)
	v.gaps(r)
	ends := print.Ends(r.Network, r.Results)
	v.Map = mapOf(r, ends)
	v.Treemap = treemap(r, ends)
	for _, x := range r.Exposure {
		v.Matrices = append(v.Matrices, matrix(x))
	}
	v.Timeline = timeline(r)
	for i := range r.Moments {
		m := &r.Moments[i]
		without, with := print.Broken(m)
		x := momentView{m.Date.String(), grouped(m.Steps), itoa(len(without)), itoa(len(with)), strings.Join(with, ", "), ""}
		var see []string
		for _, s := range m.Vendors {
			a, b := s.Without.Views[exposure.Content][1], s.With.Views[exposure.Content][1]
			if len(see) < 6 && max(a, b) >= 5000 {
				see = append(see, term.Clean(s.Vendor)+" "+policy.Percent(a)+" → "+policy.Percent(b))
			}
		}
		if !r.Blind {
			x.Sees = strings.Join(see, ", ")
		}
		v.Moments = append(v.Moments, x)
	}
	v.costs(r)
	v.Drawn = drawn(r)
	if r.Evidence != nil {
		for i := range r.Evidence.Releases {
			e := &r.Evidence.Releases[i]
			v.Evidence = append(v.Evidence, evidenceView{cmp.Or(strings.TrimSpace(term.Clean(e.Vendor+" "+e.Product+" "+e.Name)), "of no element") + " sha256:" + term.Clean(e.Digest), term.Clean(e.Source.Name), term.Clean(strings.Join(e.Profiles, ", ")), policy.Percent(e.Opened), policy.Percent(e.CodeRead), e.Summary()})
		}
	}
	for _, s := range r.Network.Sources {
		v.Sources = append(v.Sources, sourceView{term.Clean(s.Name), cmp.Or(s.Date.String(), "not stated"), s.Digest})
	}
	out := bufio.NewWriterSize(w, 64<<10)
	if err := tmpl.Execute(out, v); err != nil {
		return err
	}
	return out.Flush()
}

// rules are those that something breaks or that are undetermined, and, behind
// others that nothing breaks, the rest.
func rules(r *print.Result, list []*policy.Result, quiet []quietView) (shown []ruleView, _ []quietView) {
	for _, res := range list {
		rule := res.Rule
		if res.Outcome != policy.Breaks && res.Outcome != policy.Undetermined {
			quiet = append(quiet, quietView{res.Outcome.String(), rule.ID, term.Clean(rule.Title), term.Clean(res.Why)})
			continue
		}
		source := &res.Pack.Source
		if rule.Source != nil {
			source = rule.Source
		}
		x := ruleView{ID: rule.ID, Title: term.Clean(rule.Title), Outcome: res.Outcome.String(), How: print.How(res), Start: "-", Cost: "-",
			Clause: term.Clean(rule.Clause), Source: term.Clean(source.Title + "; " + source.Reference), Status: rule.Kind + ", " + rule.Status + ", " + print.Checked(res.Pack),
			Unconfirmed: term.Clean(rule.Unconfirmed), Missing: print.MissingText(res)}
		if rule.From != 0 {
			x.Binds = "from " + rule.From.String()
		}
		if rule.To != 0 {
			x.Binds += " to " + rule.To.Add(-1).String()
		}
		var layers []string
		for name := range res.Pack.Layers {
			if strings.Contains(rule.Scope+rule.Breaks, `"`+name+`"`) {
				layers = append(layers, name+" is "+strings.Join(res.Pack.Layers[name], ", "))
			}
		}
		slices.Sort(layers)
		x.Layers = strings.Join(layers, "; ")
		if n := r.NeedOf(res); n != nil {
			x.Start, x.Cost = print.Start(n), n.Cost.Model.Currency+" "+print.Money(n.Cost.Cost)
		}
		total := 0
		put := func(end string, nodes []int32) {
			total += len(nodes)
			for _, node := range nodes[:min(len(nodes), maxRows-len(x.Table))] {
				x.Table = append(x.Table, element(r, res, node, end))
			}
		}
		put("breaks", res.Broken)
		put("undetermined", res.Open)
		for i := range res.Groups {
			g := &res.Groups[i]
			x.Groups = append(x.Groups, g.Outcome.String()+": "+print.GroupText(rule, g))
			if g.Outcome == policy.Breaks || g.Outcome == policy.Undetermined {
				put("counted", g.Members)
				put("may count", g.Uncertain)
			}
		}
		x.Left = total - len(x.Table)
		if x.Shown = grouped(total) + " elements"; total == 1 {
			x.Shown = "1 element"
		}
		shown = append(shown, x)
	}
	return shown, quiet
}

// element is a row of a rule's table.
func element(r *print.Result, res *policy.Result, node int32, end string) elementView {
	e := r.Network.Of(int(node))
	v := elementView{ID: term.Clean(e.ID), Site: term.Clean(e.Site), NF: term.Clean(e.NF), Vendor: term.Clean(e.Vendor), Release: term.Clean(strings.TrimSpace(e.Product + " " + e.Release)), End: end}
	if at := r.Network.SiteOf(e); at >= 0 {
		v.Region = term.Clean(r.Network.Sites[at].Region)
	}
	var facts []string
	for _, f := range []struct {
		name string
		at   place.Date
	}{{"procured", e.Procured}, {"installed", e.Installed}, {"planned removal", e.Removal}} {
		if f.at != 0 {
			facts = append(facts, f.name+" "+f.at.String())
		}
	}
	v.Facts = strings.Join(append(facts, r.From(e.At)), " · ")
	return v
}

func (v *view) gaps(r *print.Result) {
	all := r.Network.Gaps
	v.GapCount = grouped(len(all))
	for i := range all[:min(len(all), maxRows)] {
		v.Gaps = append(v.Gaps, gapView{print.GapText(&all[i]), all[i].Dropped})
	}
	v.GapsLeft = len(all) - len(v.Gaps)
}

// costs are what broken rules ask for.
func (v *view) costs(r *print.Result) {
	var list []*plan.Need
	for _, n := range r.Needs {
		if n.Plan != nil && n.Cost != nil {
			list = append(list, n)
		}
	}
	if len(list) == 0 {
		return
	}
	v.Model = r.Model
	v.ModelTitle, v.Payer = term.Clean(r.Model.ID+": "+r.Model.Title), term.Clean(r.Model.Payer)
	for _, o := range print.Uncounted(list) {
		v.Uncounted = append(v.Uncounted, term.Clean(o.What)+" ("+grouped(o.Elements)+")")
	}
	v.Incoming, v.Outgoing = cleaned(print.Incoming(list)), cleaned(print.Outgoing(list))
	for _, n := range list {
		a := n.Cost
		x := needView{Rule: n.Result.Rule.ID, Elements: grouped(a.Elements), Deadline: n.Deadline.String(), Start: print.Start(n), Region: cmp.Or(term.Clean(n.Region), "not known"),
			Cost: print.Money(a.Cost), Currency: term.Clean(a.Model.Currency), Due: a.Due.Mid, Uplift: a.Uplift.Mid}
		for _, p := range a.Parts {
			if p.Counted {
				x.Parts = append(x.Parts, partView{cmp.Or(term.Clean(p.About), p.Name), print.Money(p.Cost)})
			}
			switch {
			case !p.Counted || p.Name == "due" || p.Name == "prices":
			case p.Name == "kit":
				x.Kit = p.Cost.Mid
			case p.Name == "avoided":
				x.Avoided = p.Cost.Mid
			case p.Name == "market":
				x.Market = p.Cost.Mid
			default:
				x.Work += p.Cost.Mid
			}
		}
		for _, at := range n.Starts {
			when := at.Early.String() + " to " + at.Late.String()
			if at.Passed {
				when = at.Late.String() + " passed"
			}
			x.Starts = append(x.Starts, partView{cmp.Or(term.Clean(at.Region), "no known region"), when + " (" + grouped(at.Elements) + ")"})
		}
		for _, y := range a.Years {
			x.Years = append(x.Years, partView{itoa(y.Year), print.Money(y.Cost)})
		}
		if n.Blocks.Anchors > 0 {
			x.Blocks = append(x.Blocks, grouped(n.Blocks.Anchors)+" 5G elements anchor on the same maker's 4G, which stays")
		}
		for i, m := range n.Blocks.Managers {
			if i == 5 {
				break
			}
			x.Blocks = append(x.Blocks, term.Clean(m.ID)+" of the same maker manages "+grouped(m.Elements)+" of them")
		}
		if n.Blocks.Spares+n.Blocks.Permits > 0 {
			x.Blocks = append(x.Blocks, "not known: spares of "+grouped(n.Blocks.Spares)+", permits of "+grouped(n.Blocks.Permits))
		}
		v.Needs = append(v.Needs, x)
	}
}

func cleaned(list []plan.Incoming) []plan.Incoming {
	for i := range list {
		in := &list[i]
		in.Vendor, in.Release, in.Examined = term.Clean(in.Vendor), term.Clean(in.Release), term.Clean(in.Examined)
	}
	return list
}

// drawnView is a plan that was drawn up.
type drawnView struct {
	Steps, Price, Least, Currency string
	Exact                         bool
	Parts                         []partView
	Unmet, Late                   []string
	Table                         []stepView
	Left                          int
}

type stepView struct{ Wave, Date, Element, Vendor, Region, Why string }

// drawn is what was drawn up, nil where nobody asked.
func drawn(r *print.Result) *drawnView {
	g := r.Generated
	if g == nil {
		return nil
	}
	one := func(n int64) string { return print.Money(plan.Range{Low: n, Mid: n, High: n}) }
	d := &drawnView{Steps: grouped(len(g.Plan.Steps)), Price: one(g.Price), Least: one(g.Least), Exact: g.Exact, Currency: term.Clean(r.Model.Currency)}
	for _, c := range g.Parts {
		d.Parts = append(d.Parts, partView{term.Clean(c.For), grouped(c.Elements) + " elements, " + one(c.Price) + " (" + term.Clean(c.How) + ")"})
	}
	for _, u := range g.Unmet {
		d.Unmet = append(d.Unmet, term.Clean(u.For+": "+u.Why)+" ("+grouped(u.Elements)+" elements)")
	}
	p := g.Plan
	if r.Schedule != nil {
		p = r.Schedule.Plan
		for _, l := range r.Schedule.Late {
			d.Late = append(d.Late, grouped(l.Steps)+" steps of "+term.Clean(l.Rule)+" in "+cmp.Or(term.Clean(l.Region), "no known region")+", the last on "+l.Last.String()+", asked for by "+l.Deadline.String())
		}
	}
	for _, s := range p.Steps[:min(len(p.Steps), maxRows)] {
		d.Table = append(d.Table, stepView{itoa(s.Wave), s.Date.String(), term.Clean(s.Element), cmp.Or(term.Clean(s.Vendor), "taken out"), term.Clean(s.Region), term.Clean(s.Why)})
	}
	d.Left = len(p.Steps) - len(d.Table)
	return d
}
