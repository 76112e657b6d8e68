package ts33117

import (
	"github.com/wardein/wardein/internal/canon"
)

// Caution stands at the top of each form.
const Caution = "An indication, no verdict. A test case needs the product brought into use, and mostly the vendor's documents. " +
	"What an image shows can point to a failure; nothing here says that a case is met."

// Counted explains what stands beside cases for which nothing was found.
const Counted = "A case stands here where a check looked at something that it is about, however little that was. " +
	"Findings that are remarks have no effect by themselves and are no indication."

// Write writes the sheet's fields into an object. Names are as the report
// has them, escaped.
func (s *Sheet) Write(w *canon.Writer) {
	c := Cases()
	w.Field("as_of").Text(s.Report.Recipe.As_of)
	w.Field("cases").Array(func() {
		for i := range s.Rows {
			w.Object(func() { s.Rows[i].write(w) })
		}
	})
	w.Field("caution").Text(Caution)
	w.Field("coverage").Object(func() {
		w.Field("accounted_ppm").Int(s.Report.Coverage.Accounted_ppm)
		w.Field("gaps").Int(int64(len(s.Report.Gaps)))
		w.Field("opened_ppm").Int(s.Report.Coverage.Opened_ppm)
	})
	w.Field("partial").Bool(s.Report.Partial)
	w.Field("recipe").Text(s.Report.Recipe.Digest.String())
	w.Field("release").Text(s.Report.Release.Digest)
	w.Field("standard").Object(func() {
		w.Field("date").Text(c.Date)
		w.Field("name").Text(c.Standard)
		w.Field("source").Text(c.Source)
	})
}

func (r *Row) write(w *canon.Writer) {
	w.Field("about").Text(r.About)
	w.Field("checks").Array(func() {
		for i := range r.Checks {
			w.Object(func() { r.Checks[i].write(w) })
		}
	})
	w.Field("clause").Text(r.Clause)
	w.Field("evidence").Text(r.Evidence)
	w.Field("findings").Array(func() {
		for _, f := range r.Findings {
			w.Object(func() {
				w.Field("confidence").Text(f.Confidence)
				w.Field("id").Text(f.ID)
				w.Field("node").Text(f.Node)
				w.Field("quotes").Array(func() {
					for i := range f.Quotes {
						f.Quotes[i].Write(w)
					}
				})
				w.Field("reach").Text(f.Reach)
				w.Field("rule").Text(f.Rule)
				w.Field("says").Text(f.Says.Text)
				w.Field("severity").Text(f.Severity)
			})
		}
	})
	w.Field("id").Text(r.ID)
	w.Field("modes").Array(func() {
		for _, m := range r.Modes {
			w.Text(m)
		}
	})
	w.Field("state").Text(string(r.State))
	w.Field("unverified").Bool(r.Unverified)
	w.Field("version").Text(r.Version)
	w.Field("why").Text(r.Why)
}

func (l *Look) write(w *canon.Writer) {
	w.Field("check").Text(l.Check)
	w.Field("failed").Big(l.Failed)
	w.Field("gaps").Array(func() {
		for _, g := range l.Gaps {
			g.Write(w)
		}
	})
	w.Field("looked").Big(l.Looked)
	w.Field("ran").Bool(l.Ran)
	w.Field("rules").Array(func() {
		for _, r := range l.Rules {
			w.Text(r)
		}
	})
	w.Field("rules_version").Int(int64(l.Now))
	w.Field("unit").Text(l.Unit + "s")
	w.Field("version").Int(int64(l.Version))
}
