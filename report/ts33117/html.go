package ts33117

import (
	"bufio"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"
	"sync"

	"github.com/wardein/wardein/internal/htmlpage"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/report"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

var pageTmpl = sync.OnceValue(func() *template.Template { return template.Must(htmlpage.New("page").Parse(pageText)) })

// maxFindings bounds the findings that the page prints in full.
const maxFindings = 5000

// page is what the template prints. Every string that comes from a report has
// been through report.Plain or term.Clean; the template escapes it for HTML.
type page struct {
	Style template.CSS

	Name, AsOf, Digest, RecipeDigest string
	Module, Accounted, Opened        string
	Caution, Counted                 string
	Partial, Picked                  bool
	Gaps                             int
	Catalogue                        *Catalogue

	Counts   []count
	Rows     []rowView
	Examined []rowView // those with findings, or with checks that looked
	Reasons  []reasonView
	Findings []findingView // each once, in the report's order
	Left     int
}

type count struct {
	State string
	N     int
}

type rowView struct {
	Anchor, Clause, About, State, Class, Why string
	ID                                       []string // parts between which a line may break
	Where, Evidence, Doubt                   string
	Findings                                 []findingView
	Checks                                   []checkView
}

type findingView struct {
	ID, Grade, Severity, Rule, Sure, Reach, Says, Node string
	Quotes                                             []string
	Cases                                              []string
}

type checkView struct {
	Did  string
	Gaps []string
}

type reasonView struct {
	Why  string
	Rows []rowView
}

// classes style a state; words carry it.
var classes = map[State]string{Indication: "indication", Nothing: "nothing", NotExamined: "unexamined"}

// HTML writes the sheet as one page that loads nothing and prints in black and
// white. name is what the user called the report.
func (s *Sheet) HTML(w io.Writer, name string) error {
	r := s.Report
	p := &page{
		Style: htmlpage.Style() + template.CSS(pageStyle),
		Name:  term.Clean(name), AsOf: term.Clean(r.Recipe.As_of), Digest: term.Clean(r.Release.Digest), RecipeDigest: r.Recipe.Digest.String(),
		Module: term.Clean(r.Recipe.Module), Accounted: report.Percent(r.Coverage.Accounted_ppm), Opened: report.Percent(r.Coverage.Opened_ppm),
		Caution: Caution, Counted: Counted, Partial: r.Partial, Gaps: len(r.Gaps), Catalogue: Cases(),
	}
	for _, state := range States {
		p.Counts = append(p.Counts, count{string(state), len(s.In(state))})
	}
	for i := range s.Rows {
		v := view(&s.Rows[i])
		p.Rows = append(p.Rows, v)
		if s.Rows[i].State != NotExamined {
			p.Examined = append(p.Examined, v)
		}
	}
	for _, g := range byReason(s.In(NotExamined)) {
		v := reasonView{Why: report.Plain(g.Why)}
		for _, r := range g.Rows {
			v.Rows = append(v.Rows, view(r))
		}
		p.Reasons = append(p.Reasons, v)
	}
	p.findings(s)
	out := bufio.NewWriterSize(w, 64<<10)
	if err := pageTmpl().Execute(out, p); err != nil {
		return err
	}
	return out.Flush()
}

// findings takes each finding that speaks to a case of the sheet once.
func (p *page) findings(s *Sheet) {
	cases := map[*report.SavedFinding][]string{}
	for i := range s.Rows {
		for _, f := range s.Rows[i].Findings {
			cases[f] = append(cases[f], term.Clean(s.Rows[i].ID))
		}
	}
	for i := range s.Report.Findings {
		f := &s.Report.Findings[i]
		if cases[f] == nil {
			continue
		}
		if len(p.Findings) == maxFindings {
			p.Left++
			continue
		}
		v := findingView{ID: term.Clean(f.ID), Grade: grade(f), Severity: term.Clean(f.Severity), Rule: term.Clean(f.Rule), Sure: term.Clean(f.Confidence), Reach: term.Clean(f.Reach),
			Says: report.Plain(f.Says.Text), Node: report.PlainPath(f.Node), Cases: cases[f]}
		for k := range f.Quotes {
			v.Quotes = append(v.Quotes, f.Quotes[k].String())
		}
		p.Findings = append(p.Findings, v)
	}
}

func view(r *Row) rowView {
	v := rowView{
		Anchor: "c" + strings.ReplaceAll(r.Clause, ".", "-") + term.Clean(r.ID), Clause: r.Clause, ID: parts(r.ID), About: r.About, State: string(r.State), Class: classes[r.State],
		Why: report.Plain(r.Why), Where: r.where(), Evidence: r.Evidence, Doubt: r.doubt(),
	}
	for _, f := range r.Findings {
		v.Findings = append(v.Findings, findingView{ID: term.Clean(f.ID), Grade: grade(f), Rule: term.Clean(f.Rule), Sure: term.Clean(f.Confidence), Node: report.PlainPath(f.Node)})
	}
	for i := range r.Checks {
		c := checkView{Did: r.Checks[i].did(len(r.Checks[i].Rules))}
		const shown = 20
		for k, g := range r.Checks[i].Gaps {
			if k == shown {
				c.Gaps = append(c.Gaps, fmt.Sprintf("and %d more: wardein gaps lists them", len(r.Checks[i].Gaps)-k))
				break
			}
			c.Gaps = append(c.Gaps, gap(g))
		}
		v.Checks = append(v.Checks, c)
	}
	return v
}

// parts are what a name is made of, each with the "_" behind it.
func parts(id string) []string {
	if id == "" {
		return nil
	}
	return strings.SplitAfter(term.Clean(id), "_")
}
