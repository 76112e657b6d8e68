package plan

import (
	"context"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/place-costs.md")

const page = "../../docs/place-costs.md"

// TestClaims sets each published figure beside the model's. A figure about the
// cost of replacing has to be of the same order of magnitude (within a factor of
// ten), or the page has to say why it is not: nothing is tuned until it fits.
func TestClaims(t *testing.T) {
	models, err := Models()
	if err != nil {
		t.Fatal(err)
	}
	list, err := Compare(context.Background(), models)
	if err != nil {
		t.Fatal(err)
	}
	// Claims that ours is known to be outside of the order of magnitude of, as the
	// page says; any other has to be looked at.
	known := map[string]bool{"vodafone-2020": true}
	for i := range list {
		c := &list[i]
		if c.Claim.Why == "" {
			t.Errorf("%s: does not say why the figures differ", c.Claim.ID)
		}
		if c.Answer == nil {
			t.Logf("%-22s %-28s the model does not speak of it: %s", c.Claim.ID, published(c.Model, c.Claim), c.Claim.Why)
			continue
		}
		note := ""
		if c.Outside() {
			note = "  outside a factor of 3: " + c.Claim.Why
		}
		t.Logf("%-22s %-28s ours %-34s ratio %.2f (nothing due anyway: %s, %.2f)%s", c.Claim.ID, published(c.Model, c.Claim), ours(c, c.Ours), c.Ratio, ours(c, c.Gross), c.GrossRatio(), note)
		if c.Claim.Kind == "replacement" && c.Far() != known[c.Claim.ID] {
			t.Errorf("%s: ratio %.2f, and that is not the order of magnitude", c.Claim.ID, c.Ratio)
		}
		if c.Answer.Cost.Low > c.Answer.Cost.Mid || c.Answer.Cost.Mid > c.Answer.Cost.High || len(c.Answer.Open) > 0 {
			t.Errorf("%s: %+v, open %v", c.Claim.ID, c.Answer.Cost, c.Answer.Open)
		}
	}
	text := costsPage(models, list)
	if *update {
		if err := os.WriteFile(page, []byte(text), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if b, err := os.ReadFile(page); err != nil || string(b) != text {
		t.Errorf("%s is not what the data says; go test ./place/plan -update writes it", page)
	}
}

// TestOurs: what no publication states stands in the common model alone, and so
// is the same for all.
func TestOurs(t *testing.T) {
	models, err := Models()
	if err != nil {
		t.Fatal(err)
	}
	base := models[0]
	for _, m := range models[1:] {
		euro := m.Euro.Value.Mid
		for _, f := range m.Figures() {
			if f.By == Stated || f.Name == "euro" {
				continue
			}
			i := slices.IndexFunc(base.Figures(), func(g Named) bool { return g.Name == f.Name && g.Source == f.Source })
			if i < 0 {
				t.Errorf("%s: %s is not stated by the publication, and not from the common model", m.ID, f.Name)
				continue
			}
			g := base.Figures()[i]
			if f.Value != g.Value && f.Value != g.Value.times(euro) {
				t.Errorf("%s: %s is %v, in the common model %v", m.ID, f.Name, f.Value, g.Value)
			}
		}
		if m.Euro.Value.Mid <= 0 {
			t.Errorf("%s: euro %v", m.ID, m.Euro.Value)
		}
	}
}

func published(m *Model, c *Claim) string {
	r := Range{c.Low, (c.Low + c.High) / 2, c.High}
	switch {
	case c.Kind == "months" || c.Kind == "other" && c.High < 1000:
		return months(r)
	case c.Year:
		return amount(r, m.Currency) + " a year"
	}
	return amount(r, m.Currency)
}

func ours(c *Comparison, r Range) string {
	switch {
	case c.Claim.Kind == "months":
		return months(r)
	case c.Claim.Year:
		return amount(r, c.Model.Currency) + " a year"
	}
	return amount(r, c.Model.Currency)
}

func months(r Range) string {
	if r.Low == r.High {
		return fmt.Sprintf("%d months", r.Low)
	}
	return fmt.Sprintf("%d to %d months", r.Low, r.High)
}

func amount(r Range, currency string) string {
	unit, name, digits := 1e6, "m", 0
	if r.High >= 1_000_000_000 {
		unit, name, digits = 1e9, "bn", 2
	}
	low, high := fmt.Sprintf("%.*f", digits, float64(r.Low)/unit), fmt.Sprintf("%.*f", digits, float64(r.High)/unit)
	if low == high {
		return fmt.Sprintf("%s %s%s", currency, low, name)
	}
	return fmt.Sprintf("%s %s to %s%s", currency, low, high, name)
}

// costsPage is the page of documentation that the data says.
func costsPage(models []*Model, list []Comparison) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	cell := func(s string) string { return strings.ReplaceAll(s, "|", "/") }
	line("# What replacing costs, and what others said it costs")
	line("")
	line("This page is written by `go test ./place/plan -run Claims -update` from the data in `place/plan/data`.")
	line("")
	line("Figures of what a replacement costs have a payer, and count different things. Each model here is one publication's own statements and nothing else; what it does")
	line("not state is the same for all (the common model), from a named source or an assumption of ours. No parameter was chosen so that a result fits a published number.")
	line("")
	line("cost = (kit × (1 − part that is due anyway) + labour + visits + 4G anchors + running both) × (1 + rise of prices) − work that was due anyway.")
	line("Two parameters shape the result most and stand beside every result: what was **due anyway** (by age, or as the publication states), and by how much **prices rise** (by the change of concentration, HHI, or as stated).")
	line("A model says which of these parts its publication counts; the others are computed and are in no sum. Ranges are the 5th to the 95th of a hundred parts of %d draws, always the same ones.", draws)
	line("")
	line("## Published figures beside ours")
	line("")
	line("The ratio is the middle of ours by the (geometric) middle of theirs. What is outside a factor of 3 is said to be so. The column \"nothing due\" is ours with the")
	line("slider \"due anyway\" at nothing, with its ratio: most of the distance between operators' figures and ours is there, since equipment of 2012 to 2019 has lived most of its life")
	line("when a deadline of 2023 to 2030 comes, and operators rarely say whether they deduct that.")
	line("")
	line("| claim | payer | published | ours | ratio | nothing due | due anyway · prices | why they differ |")
	line("|---|---|---|---|---|---|---|---|")
	for i := range list {
		c := &list[i]
		status := ""
		if c.Claim.Status != "verified" {
			status = " (unverified)"
		}
		if c.Answer == nil {
			line("| %s | %s | %s: %s%s | – | – | – | – | **The model does not speak of it.** %s |", c.Claim.ID, cell(c.Model.Payer), published(c.Model, c.Claim), cell(c.Claim.Text), status, cell(sentence(c.Claim.Why)))
			continue
		}
		ratio := fmt.Sprintf("%.2f", c.Ratio)
		switch {
		case c.Far():
			ratio += ", **outside a factor of 10**"
		case c.Outside():
			ratio += ", **outside a factor of 3**"
		}
		gross := "–"
		if c.Claim.Kind == "replacement" {
			gross = fmt.Sprintf("%s (%.2f)", ours(c, c.Gross), c.GrossRatio())
		}
		line("| %s | %s | %s: %s%s | %s | %s | %s | %s · %s | %s |", c.Claim.ID, cell(c.Model.Payer), published(c.Model, c.Claim), cell(c.Claim.Text), status,
			ours(c, c.Ours), ratio, gross, percents(c.Answer.Due), percents(c.Answer.Uplift), cell(sentence(c.Claim.Why)))
	}
	line("")
	line("## What each counts")
	line("")
	line("| model | counts | leaves out | source |")
	line("|---|---|---|---|")
	for _, m := range models {
		counts := m.Counts
		if counts == nil {
			counts = DefaultCounts
		}
		if len(m.Claims) > 0 && !slices.ContainsFunc(m.Claims, func(c Claim) bool { return c.Kind != "other" }) {
			counts = []string{"nothing that the model computes"}
		}
		line("| %s | %s | %s | %s, %s |", m.ID, strings.Join(counts, ", "), cell(m.LeavesOut), cell(m.Source.Title), cell(m.Source.Reference))
	}
	line("")
	line("The parts are:")
	line("")
	for _, p := range Parts {
		line("- %s: %s", p, partAbout[p])
	}
	line("")
	line("## Inventories")
	line("")
	line("One for each region, the same for every claim about it.")
	line("")
	line("| inventory | what | sites | leaving | source |")
	line("|---|---|---|---|---|")
	inventories, _ := Inventories()
	for _, in := range inventories {
		for _, g := range in.Groups {
			line("| %s | %s, %s | %d | %.1f %% | %s (%s) |", in.ID, cell(in.Title), g.Generation, g.Count, float64(g.Leaving)/1e4, cell(g.Source), g.Status)
		}
	}
	line("")
	line("## Parameters")
	line("")
	line("| model | parameter | low, middle, high | unit | by | source |")
	line("|---|---|---|---|---|---|")
	for i, m := range models {
		for _, f := range m.Figures() {
			if i > 0 && f.By != Stated && f.Name != "euro" {
				continue
			}
			line("| %s | %s | %d, %d, %d | %s | %s, %s | %s |", m.ID, f.Name, f.Value.Low, f.Value.Mid, f.Value.High, f.Unit, f.By, f.Status, cell(f.Source))
		}
	}
	return b.String()
}

// sentence begins with a capital and ends with a full stop.
func sentence(s string) string {
	return strings.ToUpper(s[:1]) + s[1:] + "."
}

func percents(r Range) string {
	if r.Low/10_000 == r.High/10_000 {
		return fmt.Sprintf("%d %%", r.Low/10_000)
	}
	return fmt.Sprintf("%d to %d %%", r.Low/10_000, r.High/10_000)
}
