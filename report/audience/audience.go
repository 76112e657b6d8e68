// Package audience makes of a report what an audience may see of it.
//
//	internal  all
//	vendor    all that is about its release, and its own replies; no replies of other vendors
//	public    counts, shares and gaps in full; no bytes of the release, no file tree, no components, and no details
//	          of findings that are not fixed before the embargo date
//
// What is left out is listed and numbered. docs/records.md says more.
package audience

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/report"
)

// The audiences.
const (
	Internal = "internal"
	Vendor   = "vendor"
	Public   = "public"
)

// Names are all audiences.
var Names = []string{Internal, Vendor, Public}

// Remark is what somebody said of a finding of the report.
type Remark struct {
	Finding string // ID
	report.Remark
	Vendor bool // a vendor said it, else a laboratory
	Fixed  bool // it says that a version has the fix
}

// Context is what the choice depends on beside the report.
type Context struct {
	// Embargo is the date before which details are not public, "" for none,
	// and Date the date of the rendering.
	Embargo, Date string
	// For is the vendor whose rendering it is: the name of its key.
	For     string
	Remarks []Remark
	// Tree tells that the report's tree file is at hand.
	Tree bool
}

// View is what an audience may see.
type View struct {
	Report *wardein.Report
	Beside *report.Beside
	Tree   bool // the tree file, too
	// Components tells that the report's components are in it.
	Components bool
}

// Of chooses for an audience. r is left as it is.
func Of(audience string, p *report.Parsed, c *Context) (*View, error) {
	if !slices.Contains(Names, audience) {
		return nil, fmt.Errorf("no audience: %q, expected internal, vendor or public", audience)
	}
	some := *p.Report
	v := &View{Report: &some, Tree: c.Tree, Components: true,
		Beside: &report.Beside{Audience: audience, Recipe: p.Recipe, Figures: report.FiguresOf(p.Report), Hidden: map[int]int{}}}
	remarks := c.Remarks
	switch audience {
	case Vendor:
		remarks = v.own(c)
	case Public:
		remarks = v.public(c)
	}
	v.Beside.Remarks = map[string][]report.Remark{}
	for _, m := range remarks {
		v.Beside.Remarks[m.Finding] = append(v.Beside.Remarks[m.Finding], m.Remark)
	}
	for _, list := range v.Beside.Remarks {
		slices.SortStableFunc(list, func(a, b report.Remark) int { return cmp.Or(cmp.Compare(a.Date, b.Date), cmp.Compare(a.Who, b.Who)) })
	}
	return v, nil
}

// leave notes that something is left out and returns its number.
func (v *View) leave(what, why string) int {
	v.Beside.Withheld = append(v.Beside.Withheld, report.Withheld{What: what, Why: why})
	return len(v.Beside.Withheld)
}

// own leaves out what other vendors said.
func (v *View) own(c *Context) (kept []Remark) {
	others := map[string]int{}
	for _, m := range c.Remarks {
		if m.Vendor && m.Who != c.For {
			others[m.Finding]++
		} else {
			kept = append(kept, m)
		}
	}
	for i := range v.Report.Findings {
		if n := others[v.Report.Findings[i].ID]; n > 0 {
			v.leave(fmt.Sprintf("finding %d: %s", i+1, plural(n, "reply", "replies")), "of other vendors")
			delete(others, v.Report.Findings[i].ID)
		}
	}
	return kept
}

// public leaves out what is not public.
func (v *View) public(c *Context) (kept []Remark) {
	fixed, said := map[string]bool{}, map[string][]Remark{}
	for _, m := range c.Remarks {
		fixed[m.Finding] = fixed[m.Finding] || m.Fixed && m.Vendor
		said[m.Finding] = append(said[m.Finding], m)
	}
	findings := v.Report.Findings
	v.Report.Findings = make([]wardein.Finding, len(findings))
	quotes, shown := 0, map[string]bool{}
	for i := range findings {
		f := findings[i]
		if c.Date < c.Embargo && !fixed[f.ID] {
			why := "not fixed, and not public before " + c.Embargo
			for _, m := range said[f.ID] {
				why += fmt.Sprintf("; %s, %s: %s (text withheld)", m.Who, m.Date, m.What)
			}
			v.Beside.Hidden[i] = v.leave(fmt.Sprintf("finding %d (%s)", i+1, f.Severity), why)
			// The severity is in the public statement's counts; order and
			// number give no more than that.
			f = wardein.Finding{Severity: f.Severity}
		} else {
			shown[f.ID] = true
		}
		f.Quotes = slices.Clone(f.Quotes)
		for q := range f.Quotes {
			if f.Quotes[q].Bytes != "" {
				f.Quotes[q].Bytes = ""
				quotes++
			}
		}
		v.Report.Findings[i] = f
	}
	if quotes > 0 {
		v.leave(fmt.Sprintf("the bytes of %s", plural(quotes, "quote", "quotes")), "bytes of the release are not public; whoever holds it finds them at these places")
	}
	if n := len(v.Report.Components); n > 0 {
		v.leave(fmt.Sprintf("%s, by name and version", plural(n, "component", "components")), "of the release's content its vendor decides")
	}
	v.leave(fmt.Sprintf("the names and headers of %s", plural(int(v.Report.Nodes), "node", "nodes")), "of the release's content its vendor decides")
	v.Report.Components, v.Components, v.Tree = nil, false, false
	for _, m := range c.Remarks {
		if shown[m.Finding] {
			kept = append(kept, m)
		}
	}
	return kept
}

func plural(n int, one, more string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, more)
}
