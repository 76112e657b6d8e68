package compare

import (
	"bufio"
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/wardein/wardein/compare/findings"
	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/internal/term"
)

// Series is what came and went over three releases or more, the oldest first.
type Series struct {
	Names []string
	Steps []*Result // each release and the one before it
	// Found says since when each thing that the checks found has been there.
	Found *findings.History
	// Versions are those of components in each release, "" where it has none.
	Versions []Versions
}

// Versions is a component over a series.
type Versions struct {
	Name string
	In   []string // by release; several of one release with commas
}

// CompareSeries compares each release with the one before it.
func CompareSeries(ctx context.Context, sides []*Side, o Options) (*Series, error) {
	s := &Series{}
	var judged []*findings.Side
	for i, x := range sides {
		s.Names = append(s.Names, x.Name)
		judged = append(judged, &findings.Side{Name: x.Name, Report: x.Report, Messages: x.Messages, Node: x.Tree.Lookup})
		if i == 0 {
			continue
		}
		r, err := Compare(ctx, sides[i-1], x, o)
		if err != nil {
			return nil, err
		}
		s.Steps = append(s.Steps, r)
	}
	s.Found = findings.Series(judged, o.Checks)
	byName := map[string][]string{}
	for i, x := range sides {
		for _, c := range x.Report.Components {
			if byName[c.Name] == nil {
				byName[c.Name] = make([]string, len(sides))
			}
			v := &byName[c.Name][i]
			*v = strings.TrimPrefix(*v+", "+cmp.Or(c.Version, "?"), ", ")
		}
	}
	for _, name := range keysOf(byName, nil) {
		s.Versions = append(s.Versions, Versions{name, byName[name]})
	}
	return s, nil
}

// Differs tells that a step has a difference.
func (s *Series) Differs() bool { return slices.ContainsFunc(s.Steps, (*Result).Differs) }

// carried are the findings of the newest release, those that have been there
// in the most releases first.
func (s *Series) carried() (list []*findings.Row) {
	last := s.Found.Last()
	for i := range last.Rows {
		if r := &last.Rows[i]; r.Kind == findings.Finding && r.State != findings.Gone && r.Releases > 1 {
			list = append(list, r)
		}
	}
	slices.SortStableFunc(list, func(a, b *findings.Row) int { return cmp.Compare(b.Releases, a.Releases) })
	return list
}

// maxCarried bounds the findings that are listed with their age, maxVersions
// the components.
const (
	maxCarried  = 12
	maxVersions = 12
)

// Table writes the first screen of a series.
func (s *Series) Table(out io.Writer, screen Screen) error {
	p := &printer{bufio.NewWriter(out), screen}
	var names []string
	for _, n := range s.Names {
		names = append(names, term.Clean(n))
	}
	last := s.Steps[len(s.Steps)-1]
	p.WriteString(term.Wrap(p.paint(bold, strings.Join(names, " → "))+" · "+last.judged(), 0, 2, p.Width) + "\n")
	for i, r := range s.Steps {
		p.WriteString("\n" + p.paint(bold, names[i]+" → "+names[i+1]) + "\n")
		p.line("  findings", r.found(), indent)
		for _, k := range Kinds {
			came, went, changed := r.Count(k, New), r.Count(k, Gone), r.Count(k, Changed)
			if k == Finding || k == Gap || k == Coverage || came+went+changed == 0 {
				continue
			}
			parts := nonempty(counted(came, "new"), counted(went, "gone"), counted(changed, "changed"))
			p.line("  "+string(k), strings.Join(parts, "   "), indent)
		}
		p.line("  not comparable", r.notComparable(), indent)
		p.line("  lines to review", fmt.Sprintf("%s (of %s differing)", grouped(r.Review), grouped(max(r.Differing, r.Review))), indent)
	}
	list := s.carried()
	p.WriteString("\n" + p.paint(bold, "CARRIED OVER") + "\n")
	for _, r := range list[:min(len(list), maxCarried)] {
		text := fmt.Sprintf("%s, since %s", plural(int64(r.Releases), "release"), term.Clean(r.Since))
		if r.Again != "" {
			text += ", again after " + term.Clean(r.Again)
		}
		node := ""
		if r.New != nil {
			node = dot(r.New.Node)
		}
		p.line("  "+text, term.Clean(r.Name)+"  "+node, indent)
	}
	switch {
	case len(list) == 0:
		p.WriteString("  no finding of the newest release was in the one before\n")
	case len(list) > maxCarried:
		fmt.Fprintf(p, "  and %d more, in the JSON form\n", len(list)-maxCarried)
	}
	shown := 0
	for i := range s.Versions {
		v := &s.Versions[i]
		if !v.moved() {
			continue
		}
		if shown == 0 {
			p.WriteString("\n" + p.paint(bold, "COMPONENTS") + "\n")
		}
		if shown++; shown > maxVersions {
			continue
		}
		var cells []string
		for _, c := range v.In {
			cells = append(cells, cmp.Or(term.Clean(c), "–"))
		}
		p.line("  "+term.Clean(v.Name), strings.Join(cells, " → "), indent)
	}
	if shown > maxVersions {
		fmt.Fprintf(p, "  and %d more, in the JSON form\n", shown-maxVersions)
	}
	p.WriteString("\n")
	p.line("next", "wardein compare OLD NEW   one step, and what to review first", indent)
	return p.Flush()
}

// moved tells a component that is not the same in all releases.
func (v *Versions) moved() bool {
	return slices.ContainsFunc(v.In, func(s string) bool { return s != v.In[0] })
}

// Write writes the fields of the series' canonical JSON (docs/compare.md).
// Releases are numbered from 0, the oldest.
func (s *Series) Write(w *canon.Writer, choice *Choice) {
	number := map[string]int64{}
	for i, n := range s.Names {
		number[n] = int64(i)
	}
	w.Field("carried").Array(func() {
		last := s.Found.Last()
		for i := range last.Rows {
			r := &last.Rows[i]
			if r.State == findings.Gone || r.Releases == 0 || r.Kind == findings.Gap || r.Kind == findings.Coverage {
				continue
			}
			w.Object(func() {
				if r.Again != "" {
					w.Field("again_after").Int(number[r.Again])
				}
				w.Field("key").Bytes(r.Key)
				w.Field("kind").Text(string(r.Kind))
				w.Field("name").Bytes(r.Name)
				w.Field("releases").Int(int64(r.Releases))
				w.Field("since").Int(number[r.Since])
				w.Field("state").Text(string(r.State))
			})
		}
	})
	w.Field("components").Array(func() {
		for i := range s.Versions {
			v := &s.Versions[i]
			w.Object(func() {
				w.Field("name").Bytes(v.Name)
				w.Field("versions").Array(func() {
					for _, x := range v.In {
						w.Bytes(x)
					}
				})
			})
		}
	})
	w.Field("steps").Array(func() {
		for _, r := range s.Steps {
			w.Object(func() { r.Write(w, choice) })
		}
	})
}
