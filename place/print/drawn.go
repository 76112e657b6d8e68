package print

import "strconv"

// drawn is a plan that was drawn up.
type drawn struct {
	Price string   `json:"price"`
	Least string   `json:"no_plan_costs_less_than"`
	Exact bool     `json:"exact"`
	Steps []step   `json:"steps"`
	Parts []chosen `json:"parts"`
	Unmet []unmet  `json:"not_reached"`
	Late  []late   `json:"late"`
}

type step struct {
	Wave    int    `json:"wave"`
	Date    string `json:"date"`
	Element string `json:"element"`
	Vendor  string `json:"vendor"`
	Product string `json:"product"`
	Release string `json:"release"`
	Region  string `json:"region"`
	Why     string `json:"why"`
}

type chosen struct {
	For      string `json:"for"`
	Elements int    `json:"elements"`
	Price    string `json:"price"`
	Least    string `json:"no_set_costs_less_than"`
	Exact    bool   `json:"exact"`
	How      string `json:"how"`
}

type unmet struct {
	For      string `json:"for"`
	Elements int    `json:"elements"`
	Why      string `json:"why"`
}

type late struct {
	Rule     string `json:"rule"`
	Region   string `json:"region"`
	Steps    int    `json:"steps"`
	Deadline string `json:"deadline"`
	Last     string `json:"last"`
}

func drawnOf(r *Result) drawn {
	g := r.Generated
	text := func(n int64) string { return strconv.FormatInt(n, 10) }
	out := drawn{Price: text(g.Price), Least: text(g.Least), Exact: g.Exact, Steps: []step{}, Parts: []chosen{}, Unmet: []unmet{}, Late: []late{}}
	p := g.Plan
	if r.Schedule != nil {
		p = r.Schedule.Plan
		for _, l := range r.Schedule.Late {
			out.Late = append(out.Late, late{l.Rule, l.Region, l.Steps, l.Deadline.String(), l.Last.String()})
		}
	}
	for _, s := range p.Steps {
		out.Steps = append(out.Steps, step{s.Wave, s.Date.String(), s.Element, s.Vendor, s.Product, s.Release, s.Region, s.Why})
	}
	for _, c := range g.Parts {
		out.Parts = append(out.Parts, chosen{c.For, c.Elements, text(c.Price), text(c.Least), c.Exact, c.How})
	}
	for _, u := range g.Unmet {
		out.Unmet = append(out.Unmet, unmet{u.For, u.Elements, u.Why})
	}
	return out
}
