package claim

import (
	"bufio"
	_ "embed"
	"fmt"
	"html/template"
	"io"
	"strings"

	"github.com/wardein/wardein/internal/htmlpage"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/report"
)

//go:embed page.html
var pageText string

//go:embed page.css
var pageStyle string

var pageTmpl = template.Must(htmlpage.New("page").Parse(pageText))

// page is what the template prints. Every string that comes from a claim or a
// report has been through report.Plain or term.Clean; the template escapes it
// for HTML.
type page struct {
	Style                            template.CSS
	Title                            string
	Name, AsOf, Digest, RecipeDigest string // of the printed sheet
	Claims                           []claimView
}

type claimView struct {
	Kind, Version, Verdict, Class string
	ID, Text, By, Source, Note    string
	Fiction, About                string
	Sentence, Because, Limits     string
	Bears                         []string
	Rows                          []row
	Dense                         bool // a brief with little room
	Releases                      []releaseView
}

type releaseView struct {
	Digest, Verdict, Because string
	Reports                  []string
	Tests                    []testView
}

type testView struct {
	N               int
	Is, Why, Looked string
	Hits            []hitView
	Aside           []string
	Checks          []row
}

type hitView struct {
	ID, Line string
	Quotes   []string
}

// maxHits bounds the findings that the page prints for one test.
const maxHits = 1000

// classes style a verdict; words carry it.
var classes = map[State]string{Supported: "supported", Contradicted: "contradicted", NotShown: "open", NotExamined: "open", NotTestable: "open"}

// HTML writes verdicts as one page that loads nothing and prints in black and
// white, each claim on a sheet of its own. A brief of one is one sheet.
func HTML(w io.Writer, verdicts []*Verdict, brief bool) error {
	p := &page{Style: htmlpage.Style() + template.CSS(pageStyle), Title: fmt.Sprintf("%d claims", len(verdicts)), Name: fmt.Sprintf("%d claims", len(verdicts))}
	if len(verdicts) == 1 {
		p.Title = "Claim " + term.Clean(verdicts[0].Claim.ID)
		p.Name = fmt.Sprintf("%s version %d", term.Clean(verdicts[0].Claim.ID), verdicts[0].Claim.Number)
	}
	var dates, digests, recipes []string
	for _, v := range verdicts {
		p.Claims = append(p.Claims, view(v, brief))
		for _, r := range v.Releases {
			digests = append(digests, r.Digest)
			for _, s := range r.Reports {
				dates, recipes = append(dates, s.AsOf), append(recipes, s.Recipe)
			}
		}
	}
	p.AsOf, p.Digest, p.RecipeDigest = sheet(dates), sheet(digests), sheet(recipes)
	out := bufio.NewWriterSize(w, 64<<10)
	if err := pageTmpl.Execute(out, p); err != nil {
		return err
	}
	return out.Flush()
}

// sheet is what the margins of a printed sheet say of all.
func sheet(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	for _, s := range list {
		if s != list[0] {
			return "several, see the page"
		}
	}
	return term.Clean(list[0])
}

func view(v *Verdict, brief bool) claimView {
	q := &v.Claim
	c := claimView{Kind: string(q.Kind), Version: fmt.Sprint(q.Number), Verdict: string(v.Verdict), Class: classes[v.Verdict], ID: term.Clean(q.ID), Text: term.Clean(q.Text), By: q.said(), Source: term.Clean(q.Source),
		Note: term.Clean(q.Note), About: q.about(), Sentence: v.Sentence, Because: report.Plain(v.Because), Limits: Limits}
	c.Rows, c.Dense = v.brief()
	c.Dense = c.Dense && brief
	if q.Example {
		c.Fiction = Fiction
	}
	if c.Dense {
		c.Because, c.Note, c.About = clip(c.Because), clip(c.Note), clip(c.About)
	}
	for i, b := range v.Bears {
		if c.Dense && i == briefTests {
			c.Bears = append(c.Bears, fmt.Sprintf("and %d more", len(v.Bears)-i))
			break
		}
		if s := b.String(); c.Dense {
			c.Bears = append(c.Bears, clip(s))
		} else {
			c.Bears = append(c.Bears, s)
		}
	}
	if brief {
		return c
	}
	for i := range v.Releases {
		c.Releases = append(c.Releases, v.Releases[i].view(q))
	}
	return c
}

func (r *Release) view(q *Quoted) releaseView {
	out := releaseView{Digest: term.Clean(r.Digest), Verdict: string(r.Verdict), Because: report.Plain(r.Because)}
	for i := range r.Reports {
		out.Reports = append(out.Reports, r.Reports[i].line())
	}
	for i := range r.Tests {
		o := &r.Tests[i]
		t := testView{N: i + 1, Is: q.Tests[i].String(), Why: term.Clean(q.Tests[i].Why), Looked: "looked " + string(o.Extent)}
		if o.Extent == NotLooked {
			t.Looked = "did not look: " + report.Plain(o.Why)
		}
		for k := range o.Hits {
			if k == maxHits {
				t.Aside = append(t.Aside, fmt.Sprintf("%d more hits are left out here", len(o.Hits)-k))
				break
			}
			h := hitView{ID: term.Clean(o.Hits[k].ID), Line: o.Hits[k].line()}
			for n := range o.Hits[k].Quotes {
				h.Quotes = append(h.Quotes, o.Hits[k].Quotes[n].String())
			}
			t.Hits = append(t.Hits, h)
		}
		if len(o.Weaker) > 0 {
			t.Aside = append(t.Aside, "less sure than the test asks for, decides nothing: "+few(ids(o.Weaker)))
		}
		if len(o.Withdrawn) > 0 {
			t.Aside = append(t.Aside, "withdrawn by the lab, decides nothing: "+few(ids(o.Withdrawn)))
		}
		for k := range o.Looks {
			l := &o.Looks[k]
			s := l.String()
			for n, g := range l.Gaps {
				if n == shownGaps {
					s += fmt.Sprintf("; and %d more gaps", len(l.Gaps)+l.GapsLeft-n)
					break
				}
				s += fmt.Sprintf("; gap: %s, %s: %s", term.Clean(g.Kind), report.PlainPath(g.Node), report.Plain(strings.TrimPrefix(g.Why, l.Check+": ")))
			}
			t.Checks = append(t.Checks, row{l.Check, s})
		}
		out.Tests = append(out.Tests, t)
	}
	return out
}
