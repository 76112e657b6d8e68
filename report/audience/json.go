package audience

import (
	"encoding/json"

	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/report"
)

// Write writes the view's fields into the open object, all of whose other
// fields come behind them: docs/cli.md lists them.
func (v *View) Write(w *canon.Writer, p *report.Parsed, date string) error {
	some, err := v.report(p)
	if err != nil {
		return err
	}
	b := v.Beside
	w.Field("audience").Text(b.Audience)
	w.Field("caution").Array(func() {
		for _, s := range b.Warnings {
			w.Text(s)
		}
	})
	w.Field("date").Text(date)
	w.Field("file").Text(p.File.String())
	w.Field("left_out").Array(func() {
		for i, x := range b.Withheld {
			w.Object(func() {
				w.Field("number").Int(int64(i + 1))
				w.Field("what").Text(x.What)
				w.Field("why").Text(x.Why)
			})
		}
	})
	w.Field("notes").Array(func() {
		for _, n := range b.Notes {
			w.Object(func() { w.Field("name").Text(n.Name); w.Field("value").Text(n.Value) })
		}
	})
	w.Field("recipe").Text(b.Recipe.String())
	w.Field("remarks").Array(func() {
		seen := map[string]bool{}
		for i := range v.Report.Findings {
			id := v.Report.Findings[i].ID
			if seen[id] {
				continue
			}
			seen[id] = true
			for _, m := range b.Remarks[id] {
				w.Object(func() {
					w.Field("date").Text(m.Date)
					w.Field("finding").Text(id)
					w.Field("text").Text(m.Text)
					w.Field("what").Text(m.What)
					w.Field("who").Text(m.Who)
				})
			}
		}
	})
	w.Field("report").Raw(some)
	return nil
}

// report is the view's report in the report's own form, but without components
// and tree where they are left out; of a finding that is left out there are the
// severity and the number under which it is listed.
func (v *View) report(p *report.Parsed) ([]byte, error) {
	var fields map[string]json.RawMessage
	var findings []json.RawMessage
	if err := json.Unmarshal(report.JSON(v.Report, p.Messages), &fields); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(fields["findings"], &findings); err != nil {
		return nil, err
	}
	for i, n := range v.Beside.Hidden {
		b, err := canon.Of(map[string]any{"left_out": n, "severity": v.Report.Findings[i].Severity.String()})
		if err != nil {
			return nil, err
		}
		findings[i] = b
	}
	var err error
	if fields["findings"], err = canon.Of(findings); err != nil {
		return nil, err
	}
	if !v.Components {
		delete(fields, "components")
	}
	return canon.Of(fields)
}
