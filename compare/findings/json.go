package findings

import (
	"slices"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/canon"
)

// sorted are the words in the order of a canonical object's fields.
func sorted[T ~string](words []T) []T { return slices.Sorted(slices.Values(words)) }

// Write writes the differences and the counts as fields of an object:
//
//	counts  for each kind the number of rows by state
//	rows    those that differ, and with all those that stay, too
func (c *Changes) Write(w *canon.Writer, all bool) {
	w.Field("counts").Object(func() {
		for _, k := range sorted(Kinds) {
			w.Field(string(k)).Object(func() {
				for _, s := range sorted(States) {
					w.Field(string(s)).Int(int64(c.Count(k, s)))
				}
			})
		}
	})
	w.Field("new").Bytes(c.New)
	w.Field("old").Bytes(c.Old)
	w.Field("rows").Array(func() {
		for i := range c.Rows {
			if r := &c.Rows[i]; all || r.Differs() {
				r.Write(w)
			}
		}
	})
}

// Write writes a row as an object.
func (r *Row) Write(w *canon.Writer) {
	texts := func(name string, list []string) {
		w.Field(name).Array(func() {
			for _, s := range list {
				w.Bytes(s)
			}
		})
	}
	w.Object(func() {
		w.Field("again").Bytes(r.Again)
		w.Field("because").Bytes(r.Because)
		texts("came", r.Came)
		w.Field("cause").Text(string(r.Cause))
		w.Field("cut").Bool(r.Cut)
		w.Field("findings").Object(func() {
			w.Field("new").Text(idOf(r.New))
			w.Field("old").Text(idOf(r.Old))
		})
		w.Field("is").Bytes(r.Is)
		w.Field("key").Bytes(r.Key)
		w.Field("kind").Text(string(r.Kind))
		w.Field("name").Bytes(r.Name)
		w.Field("note").Bytes(r.Note)
		w.Field("releases").Int(int64(r.Releases))
		w.Field("severity").Text(r.severity())
		w.Field("since").Bytes(r.Since)
		w.Field("state").Text(string(r.State))
		w.Field("was").Bytes(r.Was)
		texts("went", r.Went)
		texts("what", r.What)
		w.Field("why").Bytes(r.Why)
	})
}

// Severity is that of the finding behind the row, of the graver where there are
// two; ok is false of a row without any.
func (r *Row) Severity() (s wardein.Severity, ok bool) { return r.rank, r.Old != nil || r.New != nil }

func (r *Row) severity() string {
	if s, ok := r.Severity(); ok {
		return s.String()
	}
	return ""
}

func idOf(f *wardein.Finding) string {
	if f == nil {
		return ""
	}
	return f.ID
}
