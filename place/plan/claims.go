package plan

import (
	"context"
	"fmt"
	"math"
)

// Comparison sets a published figure beside the model's own for the same region.
type Comparison struct {
	Model *Model
	Claim *Claim
	// Answer is nil where the model does not speak of what is claimed.
	Answer *Answer
	// Ours is the figure that stands beside the published one: cost, cost a year
	// or months. Gross is the same with the slider "due anyway" at nothing.
	Ours, Gross Range
	// Ratio is the middle of Ours by the geometric middle of what is published.
	Ratio float64
}

// Outside tells that the two are more than a factor of three apart.
func (c *Comparison) Outside() bool { return c.Answer != nil && (c.Ratio > 3 || c.Ratio < 1.0/3) }

// Far tells that they are not of the same order of magnitude.
func (c *Comparison) Far() bool { return c.Answer != nil && (c.Ratio > 10 || c.Ratio < 0.1) }

// Compare sets all claims of the models beside what the model says: all elements
// of the vendors concerned, but for what a cap lets stay, are replaced over the
// time that the publication gives, evenly, by the greatest of the others.
func Compare(ctx context.Context, models []*Model) (list []Comparison, err error) {
	for _, m := range models {
		for i := range m.Claims {
			c := Comparison{Model: m, Claim: &m.Claims[i]}
			if c.Claim.Kind != "other" {
				if err := c.count(ctx); err != nil {
					return nil, fmt.Errorf("%s: %w", c.Claim.ID, err)
				}
			}
			list = append(list, c)
		}
	}
	return list, nil
}

func (c *Comparison) count(ctx context.Context) error {
	in, err := inventoryOf(c.Claim.Inventory)
	if err != nil {
		return err
	}
	n, each := in.Network()
	p := &Plan{Name: c.Claim.ID}
	total := 0
	for i := range n.Elements {
		if e := &n.Elements[i]; e.Vendor == Leaving {
			p.Steps = append(p.Steps, Step{Element: e.ID, Vendor: "staying-1"})
		}
		total++
	}
	keep := int(c.Claim.Keep * int64(total) / 1_000_000)
	p.Steps = p.Steps[min(keep, len(p.Steps)-1):] // what stays is the oldest
	days := int(c.Claim.Deadline - c.Claim.Decided)
	for i := range p.Steps {
		p.Steps[i].Date = c.Claim.Decided.Add(1 + days*i/len(p.Steps))
	}
	p.Sort()
	if c.Answer, err = Cost(ctx, n, p, c.Model, Options{AsOf: c.Claim.Decided, Each: each}); err != nil {
		return err
	}
	gross, err := Cost(ctx, n, p, c.Model, Options{AsOf: c.Claim.Decided, Each: each, Due: new(int64)})
	if err != nil {
		return err
	}
	c.Ours, c.Gross = c.figure(c.Answer), c.figure(gross)
	c.Ratio = c.ratio(c.Ours)
	return nil
}

func (c *Comparison) ratio(r Range) float64 {
	return float64(r.Mid) / math.Sqrt(float64(c.Claim.Low)*float64(c.Claim.High))
}

// GrossRatio is Ratio with the slider at nothing.
func (c *Comparison) GrossRatio() float64 { return c.ratio(c.Gross) }

// figure is what of an answer stands beside the claim.
func (c *Comparison) figure(a *Answer) Range {
	switch {
	case c.Claim.Kind == "months":
		return a.Months
	case c.Claim.Year:
		years := max(c.Model.Horizon.Value.Mid, 1)
		return Range{a.Cost.Low / years, a.Cost.Mid / years, a.Cost.High / years}
	}
	return a.Cost
}
