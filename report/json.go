package report

import (
	"fmt"
	"sort"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/canon"
)

// Version is the version of the report's and the tree file's JSON. Within a
// major version fields are only added.
const Version = "1.0"

// JSON returns the report as canonical JSON (RFC 8785): no time, host, path
// or input name in it. messages are the English sentences of all checks.
func JSON(r *wardein.Report, messages map[string]string) []byte {
	w := &canon.Writer{}
	w.Object(func() {
		w.Field("components").Array(func() {
			for i := range r.Components {
				writeComponent(w, &r.Components[i])
			}
		})
		w.Field("counts").Array(func() { writeCounts(w, r.Counts) })
		w.Field("coverage").Object(func() { writeCoverage(w, &r.Coverage) })
		w.Field("findings").Array(func() {
			for i := range r.Findings {
				writeFinding(w, &r.Findings[i], messages)
			}
		})
		w.Field("gaps").Array(func() {
			for i := range r.Gaps {
				writeGap(w, &r.Gaps[i])
			}
		})
		w.Field("incidents").Int(int64(r.Incidents))
		w.Field("nodes").Big(r.Nodes)
		w.Field("partial").Bool(r.Partial)
		w.Field("recipe").Object(func() { writeRecipe(w, &r.Recipe) })
		w.Field("release").Object(func() {
			w.Field("digest").Text(r.Release.Digest.String())
			w.Field("kind").Text(r.Release.Kind.String())
			w.Field("parts").Array(func() {
				for _, p := range r.Release.Parts {
					w.Object(func() {
						w.Field("delivered").Text(string(p.Delivered))
						w.Field("digest").Text(p.Digest.String())
						w.Field("path").Bytes(p.Path)
						w.Field("role").Bytes(p.Role)
						w.Field("size").Big(p.Size)
					})
				}
			})
			w.Field("size").Big(r.Release.Size)
		})
		w.Field("tree").Text(r.Tree.String())
		w.Field("version").Text(Version)
	})
	return append(w.B, '\n')
}

func writeCounts(w *canon.Writer, counts []wardein.CheckCount) {
	for _, c := range counts {
		w.Object(func() {
			w.Field("cases").Array(func() {
				for _, n := range c.Cases {
					w.Object(func() { w.Field("case").Text(n.Case); w.Field("nodes").Big(n.Nodes) })
				}
			})
			w.Field("check").Text(c.Check)
			w.Field("done").Big(c.Done)
			w.Field("failed").Big(c.Failed)
			w.Field("not_applicable").Array(func() {
				for _, n := range c.NotApplicable {
					w.Object(func() { w.Field("nodes").Big(n.Nodes); w.Field("why").Text(n.Why) })
				}
			})
		})
	}
}

func writeCoverage(w *canon.Writer, c *wardein.Coverage) {
	w.Field("accounted_ppm").Int(c.Accounted())
	w.Field("code").Array(func() {
		for _, k := range c.Code {
			w.Object(func() { w.Field("arch").Text(k.Arch); w.Field("bytes").Big(k.Bytes); w.Field("read").Big(k.Read) })
		}
	})
	w.Field("known").Big(c.Known)
	w.Field("opaque").Big(c.Opaque)
	w.Field("opened_ppm").Int(c.Opened())
	w.Field("padding").Big(c.Padding)
	w.Field("unknown").Big(c.Unknown)
	w.Field("unknown_by").Array(func() {
		for _, k := range c.UnknownBy {
			w.Object(func() { w.Field("bytes").Big(k.Bytes); w.Field("class").Text(k.Class) })
		}
	})
}

func writeFinding(w *canon.Writer, f *wardein.Finding, messages map[string]string) {
	text := func(t wardein.Text) {
		w.Object(func() {
			w.Field("args").Array(func() { writeNotes(w, t.Args) })
			w.Field("id").Text(t.ID)
			w.Field("text").Bytes(Render(t, messages))
		})
	}
	w.Object(func() {
		w.Field("cases").Array(func() {
			for _, id := range f.Cases {
				w.Text(id)
			}
		})
		w.Field("check").Text(f.Check)
		w.Field("confidence").Text(f.Confidence.String())
		w.Field("exploited").Bool(f.Exploited)
		w.Field("fix")
		text(f.Fix)
		w.Field("id").Text(f.ID)
		w.Field("meanwhile")
		text(f.Meanwhile)
		w.Field("node").Bytes(f.Node)
		w.Field("quotes").Array(func() {
			for i := range f.Quotes {
				writeQuote(w, &f.Quotes[i])
			}
		})
		w.Field("reach").Text(f.Reach.String())
		w.Field("rule").Text(f.Rule)
		w.Field("says")
		text(f.Says)
		w.Field("severity").Text(f.Severity.String())
	})
}

func writeQuote(w *canon.Writer, q *wardein.Quote) {
	w.Object(func() {
		w.Field("bytes").Bytes(q.Bytes)
		w.Field("len").Big(q.Len)
		w.Field("node").Bytes(q.Node)
		w.Field("off").Big(q.Off)
	})
}

func writeComponent(w *canon.Writer, c *wardein.Component) {
	w.Object(func() {
		w.Field("confidence").Text(c.Confidence.String())
		w.Field("declared").Array(func() {
			for i := range c.Declared {
				d := &c.Declared[i]
				w.Object(func() {
					w.Field("distribution").Bytes(d.Distribution)
					w.Field("license").Bytes(d.License)
					w.Field("package").Bytes(d.Package)
					w.Field("quote")
					writeQuote(w, &d.Quote)
					w.Field("source").Bytes(d.Source)
					w.Field("system").Text(d.System)
					w.Field("version").Bytes(d.Version)
				})
			}
		})
		w.Field("name").Bytes(c.Name)
		w.Field("needs").Array(func() {
			for _, n := range c.Needs {
				w.Object(func() { w.Field("name").Bytes(n.Name); w.Field("version").Bytes(n.Version) })
			}
		})
		w.Field("product").Bytes(c.Product)
		w.Field("purl").Bytes(c.PURL)
		w.Field("scheme").Text(c.Scheme)
		w.Field("seen").Array(func() {
			for i := range c.Seen {
				s := &c.Seen[i]
				w.Object(func() {
					w.Field("by").Text(s.By)
					w.Field("confidence").Text(s.Confidence.String())
					w.Field("quote")
					writeQuote(w, &s.Quote)
					w.Field("version").Bytes(s.Version)
				})
			}
		})
		w.Field("vendor").Bytes(c.Vendor)
		w.Field("version").Bytes(c.Version)
	})
}

func writeRecipe(w *canon.Writer, r *wardein.Recipe) {
	list := func(in []wardein.Ingredient) {
		for _, x := range in {
			w.Object(func() { w.Field("name").Text(x.Name); w.Field("version").Int(int64(x.Version)) })
		}
	}
	w.Field("as_of").Text(r.AsOf)
	w.Field("checks").Array(func() { list(r.Checks) })
	w.Field("data").Array(func() {
		for _, d := range r.Data {
			w.Object(func() {
				w.Field("date").Text(d.Date)
				w.Field("digest").Text(d.Digest.String())
				w.Field("name").Text(d.Name)
			})
		}
	})
	w.Field("formats").Array(func() { list(r.Formats) })
	w.Field("go").Text(r.Go)
	w.Field("go_sum").Text(r.GoSum.String())
	w.Field("module").Text(r.Module)
	w.Field("options").Array(func() { writeNotes(w, r.Options) })
}

// RecipeDigest identifies a recipe.
func RecipeDigest(r *wardein.Recipe) wardein.Digest {
	w := &canon.Writer{}
	w.Object(func() { writeRecipe(w, r) })
	return digest(w.B)
}

// Render fills a text's parameters into its English sentence.
func Render(t wardein.Text, messages map[string]string) string {
	if t.ID == "" {
		return ""
	}
	s, ok := messages[t.ID]
	if !ok {
		return fmt.Sprintf("[%s]", t.ID)
	}
	pairs := make([]string, 0, 2*len(t.Args))
	for _, a := range t.Args {
		pairs = append(pairs, "{"+a.Name+"}", a.Value)
	}
	return strings.NewReplacer(pairs...).Replace(s)
}

// Messages collects the sentences of a list of checks.
func Messages(checks []wardein.Check) map[string]string {
	all := map[string]string{}
	for _, c := range checks {
		for id, s := range c.Messages {
			all[id] = s
		}
	}
	return all
}

// SortNotes sorts notes by name, then value.
func SortNotes(n []wardein.Note) {
	sort.Slice(n, func(i, j int) bool { return n[i].Name < n[j].Name || n[i].Name == n[j].Name && n[i].Value < n[j].Value })
}
