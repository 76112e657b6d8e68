package report

import (
	"encoding/json"
	"fmt"
	"maps"

	"github.com/wardein/wardein"
)

// Parsed is a report file as the report that it was written from.
type Parsed struct {
	*wardein.Report
	// Messages are the sentences that Render fills in for its texts.
	Messages map[string]string
	// Recipe and File identify the recipe and the file as they stand there,
	// with fields that this version does not know.
	Recipe, File wardein.Digest
}

type (
	sizesJSON struct{ Bytes string }
	codeJSON  struct {
		sizesJSON
		Arch, Read string
	}
	quoteJSON struct{ Bytes, Len, Node, Off string }
	textJSON  struct {
		Args     []noteJSON
		ID, Text string
	}
	findingJSON struct {
		Cases                                              []string
		Check, Confidence, ID, Node, Reach, Rule, Severity string
		Exploited                                          bool
		Fix, Meanwhile, Says                               textJSON
		Quotes                                             []quoteJSON
	}
	componentJSON struct {
		Confidence, Name, Product, PURL, Scheme, Vendor, Version string
		Declared                                                 []struct {
			Distribution, License, Package, Source, System, Version string
			Quote                                                   quoteJSON
		}
		Needs []struct{ Name, Version string }
		Seen  []struct {
			By, Confidence, Version string
			Quote                   quoteJSON
		}
	}
	countJSON struct {
		Cases               []struct{ Case, Nodes string }
		Check, Done, Failed string
		NotApplicable       []struct{ Nodes, Why string } `json:"not_applicable"`
	}
	recipeJSON struct {
		AsOf            string `json:"as_of"`
		Checks, Formats []wardein.Ingredient
		Data            []wardein.Source
		Go, Module      string
		GoSum           wardein.Digest `json:"go_sum"`
		Options         []noteJSON
	}
	reportJSON struct {
		Components []componentJSON
		Counts     []countJSON
		Coverage   struct {
			Code                            []codeJSON
			Known, Opaque, Padding, Unknown string
			UnknownBy                       []struct {
				sizesJSON
				Class string
			} `json:"unknown_by"`
		}
		Findings  []findingJSON
		Gaps      []gapJSON
		Incidents int
		Nodes     string
		Partial   bool
		Recipe    json.RawMessage
		Release   struct {
			Digest     wardein.Digest
			Kind, Size string
			Parts      []struct {
				Delivered, Path, Role, Size string
				Digest                      wardein.Digest
			}
		}
		Tree    wardein.Digest
		Version string
	}
)

// Parse reads a report file. messages are the sentences of the checks as they
// are now: where one has changed since, the sentence of the file stands.
func Parse(b []byte, messages map[string]string) (*Parsed, error) {
	var j reportJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return nil, fmt.Errorf("not a report: %w", err)
	}
	if j.Version == "" {
		return nil, fmt.Errorf("not a report: no version")
	}
	out := &Parsed{Messages: maps.Clone(messages), Recipe: digest(j.Recipe), File: digest(b)}
	if out.Messages == nil {
		out.Messages = map[string]string{}
	}
	p := reportParser{said: out.Messages}
	r, err := p.report(&j)
	if err == nil {
		err = p.err
	}
	if err == nil {
		err = sane(r)
	}
	if err != nil {
		return nil, fmt.Errorf("report: %w", err)
	}
	out.Report = r
	return out, nil
}

// sane refuses numbers that no report has: the file may be anybody's.
func sane(r *wardein.Report) error {
	const most = 1 << 60
	small := func(n int) int64 { // written as a JSON number
		if n > 1<<40 {
			return most + 1
		}
		return int64(n)
	}
	numbers := []int64{r.Release.Size, r.Nodes, small(r.Incidents), r.Coverage.Known, r.Coverage.Opaque, r.Coverage.Padding, r.Coverage.Unknown}
	for _, c := range r.Coverage.Code {
		numbers = append(numbers, c.Bytes, c.Read, c.Bytes-c.Read)
	}
	for _, c := range r.Coverage.UnknownBy {
		numbers = append(numbers, c.Bytes)
	}
	for i := range r.Counts {
		numbers = append(numbers, r.Counts[i].Done, r.Counts[i].Failed)
	}
	for _, list := range [][]wardein.Ingredient{r.Recipe.Formats, r.Recipe.Checks} {
		for _, x := range list {
			numbers = append(numbers, small(x.Version))
		}
	}
	for _, n := range numbers {
		if n < 0 || n > most {
			return fmt.Errorf("a size or count of %d", n)
		}
	}
	return nil
}

// reportParser is a parser that adds sentences which messages no longer hold.
type reportParser struct {
	parser
	said map[string]string
}

func (p *reportParser) report(j *reportJSON) (*wardein.Report, error) {
	c := &j.Coverage
	r := &wardein.Report{
		Release:  wardein.Release{Digest: j.Release.Digest, Kind: p.kind(j.Release.Kind), Size: p.int(j.Release.Size)},
		Coverage: wardein.Coverage{Known: p.int(c.Known), Opaque: p.int(c.Opaque), Padding: p.int(c.Padding), Unknown: p.int(c.Unknown)},
		Nodes:    p.int(j.Nodes), Tree: j.Tree, Incidents: j.Incidents, Partial: j.Partial,
	}
	for _, x := range j.Release.Parts {
		r.Release.Parts = append(r.Release.Parts, wardein.Part{Path: p.bytes(x.Path), Digest: x.Digest, Size: p.int(x.Size), Role: p.bytes(x.Role), Delivered: wardein.Delivery(x.Delivered)})
	}
	for _, x := range c.UnknownBy {
		r.Coverage.UnknownBy = append(r.Coverage.UnknownBy, wardein.ClassCount{Class: x.Class, Bytes: p.int(x.Bytes)})
	}
	for _, x := range c.Code {
		r.Coverage.Code = append(r.Coverage.Code, wardein.CodeCount{Arch: x.Arch, Bytes: p.int(x.Bytes), Read: p.int(x.Read)})
	}
	for _, x := range j.Gaps {
		r.Gaps = append(r.Gaps, p.gap(x))
	}
	for _, x := range j.Counts {
		n := wardein.CheckCount{Check: x.Check, Done: p.int(x.Done), Failed: p.int(x.Failed)}
		for _, a := range x.NotApplicable {
			n.NotApplicable = append(n.NotApplicable, wardein.ReasonCount{Why: a.Why, Nodes: p.int(a.Nodes)})
		}
		for _, a := range x.Cases {
			n.Cases = append(n.Cases, wardein.CaseCount{Case: a.Case, Nodes: p.int(a.Nodes)})
		}
		r.Counts = append(r.Counts, n)
	}
	for i := range j.Components {
		r.Components = append(r.Components, p.component(&j.Components[i]))
	}
	for i := range j.Findings {
		r.Findings = append(r.Findings, p.finding(&j.Findings[i]))
	}
	return r, p.recipe(j.Recipe, &r.Recipe)
}

func (p *reportParser) recipe(b []byte, r *wardein.Recipe) error {
	var j recipeJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return fmt.Errorf("recipe: %w", err)
	}
	*r = wardein.Recipe{Module: j.Module, GoSum: j.GoSum, Go: j.Go, Formats: j.Formats, Checks: j.Checks, Data: j.Data, Options: p.notes(j.Options), AsOf: j.AsOf}
	return nil
}

func (p *reportParser) notes(in []noteJSON) (out []wardein.Note) {
	for _, n := range in {
		out = append(out, wardein.Note{Name: p.bytes(n.Name), Value: p.bytes(n.Value)})
	}
	return out
}

func (p *reportParser) quote(q *quoteJSON) wardein.Quote {
	return wardein.Quote{Node: p.bytes(q.Node), Off: p.int(q.Off), Len: p.int(q.Len), Bytes: p.bytes(q.Bytes)}
}

// text keeps the message's ID where today's sentence says what the file says,
// and else makes the file's sentence a message of its own.
func (p *reportParser) text(j *textJSON) wardein.Text {
	t := wardein.Text{ID: j.ID, Args: p.notes(j.Args)}
	if said := p.bytes(j.Text); Render(t, p.said) != said {
		t = wardein.Text{ID: j.ID + "\x00" + said}
		p.said[t.ID] = said
	}
	return t
}

func (p *reportParser) confidence(s string) wardein.Confidence {
	for c := wardein.Possible; c <= wardein.Certain; c++ {
		if c.String() == s {
			return c
		}
	}
	p.check(fmt.Errorf("confidence %q", s))
	return 0
}

func (p *reportParser) finding(j *findingJSON) wardein.Finding {
	f := wardein.Finding{ID: j.ID, Check: j.Check, Rule: j.Rule, Node: p.bytes(j.Node), Confidence: p.confidence(j.Confidence), Cases: j.Cases,
		Exploited: j.Exploited, Says: p.text(&j.Says), Fix: p.text(&j.Fix), Meanwhile: p.text(&j.Meanwhile)}
	for f.Severity = wardein.Info; f.Severity.String() != j.Severity; f.Severity++ {
		if f.Severity == wardein.Critical {
			p.check(fmt.Errorf("severity %q", j.Severity))
			break
		}
	}
	for f.Reach = wardein.NoneShown; f.Reach.String() != j.Reach; f.Reach++ {
		if f.Reach == wardein.SubscriberSide {
			p.check(fmt.Errorf("reach %q", j.Reach))
			break
		}
	}
	for i := range j.Quotes {
		f.Quotes = append(f.Quotes, p.quote(&j.Quotes[i]))
	}
	return f
}

func (p *reportParser) component(j *componentJSON) wardein.Component {
	c := wardein.Component{Name: p.bytes(j.Name), Version: p.bytes(j.Version), Scheme: j.Scheme, Vendor: p.bytes(j.Vendor), Product: p.bytes(j.Product),
		PURL: p.bytes(j.PURL), Confidence: p.confidence(j.Confidence)}
	for _, n := range j.Needs {
		c.Needs = append(c.Needs, wardein.ComponentRef{Name: p.bytes(n.Name), Version: p.bytes(n.Version)})
	}
	for i := range j.Declared {
		d := &j.Declared[i]
		c.Declared = append(c.Declared, wardein.Declaration{System: d.System, Package: p.bytes(d.Package), Source: p.bytes(d.Source), Version: p.bytes(d.Version),
			Distribution: p.bytes(d.Distribution), License: p.bytes(d.License), Quote: p.quote(&d.Quote)})
	}
	for i := range j.Seen {
		s := &j.Seen[i]
		c.Seen = append(c.Seen, wardein.Occurrence{By: s.By, Version: p.bytes(s.Version), Confidence: p.confidence(s.Confidence), Quote: p.quote(&s.Quote)})
	}
	return c
}
