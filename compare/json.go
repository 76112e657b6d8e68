package compare

import (
	"fmt"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/canon"
)

// Write writes the fields of the result's canonical JSON (docs/compare.md), with
// the rows that are wanted. The names of the inputs are not among them.
func (r *Result) Write(w *canon.Writer, choice *Choice) {
	w.Field("alike").Bool(r.Alike)
	w.Field("counts").Array(func() {
		for _, k := range Kinds {
			if n := r.Count(k); n > 0 {
				w.Object(func() {
					w.Field("changed").Int(int64(r.Count(k, Changed)))
					w.Field("gone").Int(int64(r.Count(k, Gone)))
					w.Field("kind").Text(string(k))
					w.Field("new").Int(int64(r.Count(k, New)))
					w.Field("unknown").Int(int64(r.Count(k, Unknown)))
				})
			}
		}
	})
	w.Field("differing_lines").Big(r.Differing)
	w.Field("gaps").Array(func() {
		for i := range r.Gaps {
			g := &r.Gaps[i]
			w.Object(func() {
				w.Field("kind").Text(string(g.Kind))
				w.Field("node").Bytes(g.Node)
				w.Field("why").Bytes(g.Why)
			})
		}
	})
	w.Field("judged_before").Array(func() {
		if r.Then != nil {
			w.Object(func() { r.Then.Write(w, false) })
		}
	})
	w.Field("new")
	r.New.write(w)
	w.Field("nodes").Object(func() {
		w.Field("equal").Big(r.Equal)
		w.Field("paired").Big(r.Paired)
		w.Field("times").Big(r.Times)
	})
	w.Field("not_comparable").Object(func() {
		w.Field("all_bytes").Big(r.AllBytes)
		w.Field("bytes").Big(r.MissingBytes)
		w.Field("list").Array(func() {
			for i := range r.Missing {
				m := &r.Missing[i]
				w.Object(func() {
					w.Field("bytes").Big(m.Bytes)
					w.Field("path").Bytes(m.Path)
					w.Field("side").Text(map[bool]string{true: "old", false: "new"}[m.Old])
					w.Field("why").Text(m.Why)
				})
			}
		})
		w.Field("ppm").Int(share(r.MissingBytes, r.AllBytes))
	})
	w.Field("notes").Array(func() {
		for i := range r.Notes {
			q := &r.Notes[i]
			w.Object(func() {
				w.Field("left").Int(int64(q.Left))
				w.Field("lines").Array(func() {
					for _, s := range q.Lines {
						w.Text(s)
					}
				})
				w.Field("path").Bytes(q.Path)
			})
		}
	})
	w.Field("old")
	r.Old.write(w)
	w.Field("review_lines").Big(r.Review)
	w.Field("rows").Array(func() {
		for _, row := range choice.Rows(r) {
			row.write(w)
		}
	})
}

func share(part, whole int64) int64 {
	if whole == 0 {
		return 0
	}
	return wardein.Share(part, whole)
}

func (a *About) write(w *canon.Writer) {
	w.Object(func() {
		w.Field("as_of").Text(a.AsOf)
		w.Field("digest").Text(a.Digest.String())
		w.Field("gaps").Int(int64(a.Gaps))
		w.Field("nodes").Big(a.Nodes)
		w.Field("recipe").Text(a.Recipe.String())
		w.Field("size").Big(a.Size)
	})
}

// write writes a row; fields that a row does not have are left out, but for
// its change, kind and lines.
func (r *Row) write(w *canon.Writer) {
	text := func(name, s string) {
		if s != "" {
			w.Field(name).Bytes(s)
		}
	}
	w.Object(func() {
		w.Field("change").Text(string(r.Change))
		if f := r.Functions; f != nil {
			w.Field("functions")
			f.write(w)
		}
		if len(r.Hunks) > 0 {
			w.Field("hunks").Array(func() {
				for i := range r.Hunks {
					h := &r.Hunks[i]
					w.Object(func() {
						writeLines(w, "lines", h.Lines)
						w.Field("new").Int(int64(h.New))
						w.Field("old").Int(int64(h.Old))
					})
				}
			})
		}
		text("is", r.Is)
		if len(r.Items) > 0 {
			writeLines(w, "items", r.Items)
		}
		w.Field("kind").Text(string(r.Kind))
		if r.Left > 0 {
			w.Field("left").Int(int64(r.Left))
		}
		w.Field("lines").Big(r.Lines)
		if r.Network {
			w.Field("network").Bool(true)
		}
		text("new", r.New)
		text("note", r.Note)
		text("old", r.Old)
		text("was", r.Was)
		text("what", r.What)
	})
}

// writeLines writes lines with their signs before them.
func writeLines(w *canon.Writer, name string, list []Line) {
	w.Field(name).Array(func() {
		for _, l := range list {
			w.Bytes(string(l.Sign) + l.Text)
		}
	})
}

func (f *Functions) write(w *canon.Writer) {
	w.Object(func() {
		w.Field("left").Int(int64(f.Left))
		w.Field("limits").Array(func() {
			for _, s := range f.Limits {
				w.Text(s)
			}
		})
		w.Field("list").Array(func() {
			for i := range f.List {
				f.List[i].write(w)
			}
		})
		w.Field("new").Int(int64(f.New))
		w.Field("old").Int(int64(f.Old))
		w.Field("same").Int(int64(f.Same))
	})
}

func (g *Function) write(w *canon.Writer) {
	side := func(name, symbol string, addr uint64) {
		w.Field(name).Object(func() {
			w.Field("address").Text(fmt.Sprintf("%#x", addr))
			w.Field("name").Bytes(symbol)
		})
	}
	w.Object(func() {
		w.Field("change").Text(string(g.Change))
		if g.Left > 0 {
			w.Field("left").Int(int64(g.Left))
		}
		writeLines(w, "lines", g.Lines)
		if g.Network {
			w.Field("network").Bool(true)
		}
		if g.Change != Gone {
			side("new", g.NewName, g.NewAddr)
		}
		if g.Change != New {
			side("old", g.OldName, g.OldAddr)
		}
		w.Field("why").Text(g.Why)
	})
}
