package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// load reads the results whose names begin with prefix.
func load[T any](prefix string) ([]T, error) {
	files, err := filepath.Glob(resultFile(prefix + "*"))
	if err != nil {
		return nil, err
	}
	var list []T
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		var one T
		if err := json.Unmarshal(b, &one); err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		list = append(list, one)
	}
	return list, nil
}

// table writes bench/compare/RESULTS.md from what was measured.
func table() error {
	var b strings.Builder
	fmt.Fprint(&b, resultsHead)
	var all []measured
	for _, kind := range []string{versionPair, laterPair, optionPair, rebuildPair} {
		list, err := load[measured](kind + "-")
		if err != nil {
			return err
		}
		all = append(all, list...)
	}
	peers, err := load[peer]("diffoscope-")
	if err != nil {
		return err
	}
	of := func(kind string) (list []measured) {
		for _, m := range all {
			if m.Kind == kind {
				list = append(list, m)
			}
		}
		return list
	}
	fmt.Fprintf(&b, "\n## Two versions\n\nDebian 12 → 13: %s.\n", versions(of(versionPair)))
	grids(&b, of(versionPair))
	if list := of(laterPair); len(list) > 0 {
		fmt.Fprintf(&b, "\n### The next step\n\nOf programs that were rewritten in between, Debian 13 → 14: %s.\n", versions(list))
		grids(&b, list)
	}
	fmt.Fprint(&b, "\n## Built for speed and for size\n\nThe older version, -O2 → -Os.\n")
	grids(&b, of(optionPair))
	fmt.Fprint(&b, "\n## One source built in two places\n\nOther folders and dates, the same flags; assertions and banners state both.\n")
	grids(&b, of(rebuildPair))
	fmt.Fprint(&b, "\nStripped: functions listed, of them those with a text that states the folder or the date and differs.\n")
	listed := func(of []measured) string {
		n, stated := 0, 0
		for _, m := range of {
			n, stated = n+m.Changed+m.Gone+m.Came, stated+m.Stated
		}
		return fmt.Sprintf("%d, %d", n, stated)
	}
	grid(&b, of(rebuildPair), func(m *measured) string { return listed([]measured{*m}) }, listed)
	fmt.Fprint(&b, reviewHead)
	reviewTable(&b, all, peers)
	fmt.Fprint(&b, "\n## Speed\n\nBytes of code of both sides by processor time, on one core: reading, bounds, matching and comparing of functions and data; the collector included; the best of three runs.\n")
	speedTable(&b, of(versionPair))
	if err := injectTables(&b); err != nil {
		return err
	}
	if err := releasesTable(&b); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join("bench", "compare", "RESULTS.md"), []byte(b.String()), 0o644)
}

// versions names the programs and both their versions.
func versions(list []measured) string {
	var out []string
	for _, p := range programs {
		for _, m := range list {
			if m.Program == p.name {
				out = append(out, p.name+" "+m.Old+" → "+m.New)
				break
			}
		}
	}
	return strings.Join(out, ", ")
}

// grid is a table of programs by processors; cell gives what stands in it.
func grid(b *strings.Builder, list []measured, cell func(m *measured) string, sum func(of []measured) string) {
	var columns []string
	for _, v := range variants {
		if slices.ContainsFunc(list, func(m measured) bool { return m.Variant == v.name }) {
			columns = append(columns, v.name)
		}
	}
	fmt.Fprintf(b, "\n| | %s |\n|---|%s\n", strings.Join(columns, " | "), strings.Repeat("---|", len(columns)))
	line := func(name string, text func(column string) string) {
		fmt.Fprintf(b, "| %s |", name)
		for _, c := range columns {
			fmt.Fprintf(b, " %s |", text(c))
		}
		fmt.Fprintln(b)
	}
	for _, p := range programs {
		if !slices.ContainsFunc(list, func(m measured) bool { return m.Program == p.name }) {
			continue
		}
		line(p.name, func(c string) string {
			for i := range list {
				if list[i].Program == p.name && list[i].Variant == c {
					return cell(&list[i])
				}
			}
			return ""
		})
	}
	line("**all**", func(c string) string {
		var of []measured
		for _, m := range list {
			if m.Variant == c {
				of = append(of, m)
			}
		}
		return "**" + sum(of) + "**"
	})
}

// add sums scores of several pairs, each function counting once.
func (s *scored) add(o scored) {
	s.Present, s.Claimed, s.Right = s.Present+o.Present, s.Claimed+o.Claimed, s.Right+o.Right
	s.Undecided += o.Undecided
	for i := range s.Bounds {
		s.Bounds[i] += o.Bounds[i]
		s.Named[i] += o.Named[i]
	}
}

func grids(b *strings.Builder, list []measured) {
	both := func(s scored) string { return fmt.Sprintf("%.1f / %.1f", s.recall(), s.precision()) }
	three := func(s scored) string { return fmt.Sprintf("%s · %.1f", both(s), s.bounds()) }
	sum := func(of []measured, which func(m *measured) scored) (s scored) {
		for i := range of {
			s.add(which(&of[i]))
		}
		return s
	}
	symbols := func(m *measured) scored { return m.Symbols }
	recovered := func(m *measured) scored { return m.Recovered }
	fmt.Fprint(b, "\nBounds by symbols: recall / precision (strict precision), %.\n")
	strict := func(s scored) string { return fmt.Sprintf("%s (%.1f)", both(s), s.strict()) }
	grid(b, list, func(m *measured) string { return strict(m.Symbols) }, func(of []measured) string { return strict(sum(of, symbols)) })
	fmt.Fprint(b, "\nStripped, bounds recovered: recall / precision · recall of the bounds, %.\n")
	grid(b, list, func(m *measured) string { return three(m.Recovered) }, func(of []measured) string { return three(sum(of, recovered)) })
}

func reviewTable(b *strings.Builder, all []measured, peers []peer) {
	fmt.Fprint(b, "\n| pair | program | processor | functions | of these listed | rows | lines | CPU s | diffoscope: lines | + and - | rows by lines | lines by lines | CPU s |\n|---|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, m := range all {
		i := slices.IndexFunc(peers, func(p peer) bool { return p.Kind == m.Kind && p.Program == m.Program && p.Variant == m.Variant })
		if i < 0 {
			continue
		}
		p := peers[i]
		lines := "failed"
		if m.Review >= 0 {
			lines = fmt.Sprint(m.Review)
		}
		fmt.Fprintf(b, "| %s | %s | %s | %d | %d | %d | %s | %.2f |", m.Kind, m.Program, m.Variant, max(m.Functions[0], m.Functions[1]), m.Changed+m.Gone+m.Came, m.rows(), lines, m.CPU)
		if p.Ended {
			fmt.Fprintf(b, " ended after %.0f s | | | | |\n", p.Wall)
			continue
		}
		share := func(n int) string { return fmt.Sprintf("%.2f %%", 100*float64(n)/float64(max(p.Lines, 1))) }
		fmt.Fprintf(b, " %d | %d | %s | %s | %.1f |\n", p.Lines, p.Marked, share(m.rows()), share(max(m.Review, 0)), p.CPU)
	}
}

// rows are what a reader has to look at: functions and runs of data.
func (m *measured) rows() int { return m.Changed + m.Gone + m.Came + m.Data }

func speedTable(b *strings.Builder, list []measured) {
	speed := func(of []measured) string {
		code, seconds := 0.0, 0.0
		for _, m := range of {
			code, seconds = code+float64(m.Code), seconds+m.CPU
		}
		return fmt.Sprintf("%.1f", code/1e6/max(seconds, 1e-9))
	}
	grid(b, list, func(m *measured) string { return speed([]measured{*m}) }, speed)
}

func injectTables(b *strings.Builder) error {
	for _, t := range []struct{ prefix, head string }{
		{"inject-", injectHead},
		{"tree-", treeHead},
	} {
		lists, err := load[[]injected](t.prefix)
		if err != nil {
			return err
		}
		if len(lists) == 0 {
			continue
		}
		fmt.Fprint(b, t.head)
		fmt.Fprint(b, "\n| processor | bounds | changes | listed | missed | rows more for each |")
		kinds := slices.DeleteFunc(append([]string{"files"}, injectionKinds...), func(k string) bool {
			return !slices.ContainsFunc(lists, func(list []injected) bool {
				return slices.ContainsFunc(list, func(r injected) bool { return r.Kind == k })
			})
		})
		for _, k := range kinds {
			fmt.Fprintf(b, " %s |", k)
		}
		fmt.Fprint(b, "\n|---|---|---|---|---|---|"+strings.Repeat("---|", len(kinds))+"\n")
		for _, v := range variants {
			for _, bounds := range []string{"symbols", "recovered", "wardein compare"} {
				n, listed, more, cells := 0, 0, 0, map[string]string{}
				for _, list := range lists {
					for _, r := range list {
						if r.Variant != v.name || r.Bounds != bounds {
							continue
						}
						n, listed = n+r.N, listed+r.Listed
						if r.Kind != kindAdded {
							more += r.More
						}
						cells[r.Kind] = fmt.Sprintf("%d of %d", r.Listed, r.N)
					}
				}
				if n == 0 {
					continue
				}
				fmt.Fprintf(b, "| %s | %s | %d | %d | %d | %.2f |", v.name, bounds, n, listed, n-listed, float64(more)/float64(n))
				for _, k := range kinds {
					fmt.Fprintf(b, " %s |", cells[k])
				}
				fmt.Fprintln(b)
			}
		}
		for _, list := range lists {
			for _, r := range list {
				for _, m := range r.Missed {
					fmt.Fprintf(b, "\nMissed, %s, %s, %s: `%s`\n", r.Variant, r.Bounds, r.Kind, m)
				}
			}
		}
	}
	return nil
}

func releasesTable(b *strings.Builder) error {
	lists, err := load[[]took]("releases")
	if err != nil || len(lists) == 0 {
		return err
	}
	fmt.Fprint(b, releasesHead)
	fmt.Fprint(b, "\n| pair | MB | files | rows | lines | seconds | CPU s | memory MB | the first time, s |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, t := range lists[0] {
		fmt.Fprintf(b, "| %s | %d + %d | %d + %d | %d | %d | %.1f | %.1f | %d | %.0f |\n", t.Pair, t.Bytes[0]/1e6, t.Bytes[1]/1e6, t.Files[0], t.Files[1], t.Rows, t.Review, t.Wall, t.CPU, t.MaxResident/1000, t.InspectWall)
	}
	return nil
}

const resultsHead = `# Comparing programs and releases, measured

Written by ` + "`go run ./bench/compare table`" + ` from what ` + "`fetch`, `build`, `run`, `diffoscope`, `inject`, `injecttrees` and `releases`" + ` measured (README.md). Two cores that others
used as well: times are those of processors but where it says otherwise. gcc 12.2, binutils 2.40 (Debian 12); arm is A32, mips big-endian, both o32, ppc 32-bit.

*Recall* is the share of functions with a name on both sides that were paired with one of that name, *precision* the share of pairs that are right (score.go says
how names are read). Of a pair of a name that only the old program has with one that only the new program has, names can't say whether the function was renamed: precision leaves such pairs out, strict precision
counts them as wrong. Functions whose bounds were not found count as not paired. Names are used for scoring only. The last line of each table counts all functions of its column together.
`

const reviewHead = `
## What is left to review

Of the stripped programs. *Rows*: functions that are changed, new or gone, and runs of data that differ. *Lines*: what ` + "`wardein compare`" + ` counts as lines to review: one for each of these,
and for each text, import and finding that differs. diffoscope 240 (diffoscope-minimal, binutils-multiarch) without its limits: all lines it prints, and those of them that begin with + or -;
rows and lines of ours are given as a share of all of its lines.
`

const injectHead = `
## One change in a program

dropbear of Debian 12 for each processor with one change at a time, drawn at random and confirmed by objdump; *listed* if a row of the comparison covers the changed address: a function that
is changed or new, or data. *Rows more* are rows that stand beside that one. An added function is linked in, with another one that it calls.
`

const treeHead = `
## Many changes in a tree

The same kinds of changes in copies of the program inside an archive, with one change of each kind of the files beside them; *listed* if ` + "`wardein compare`" + ` has a row for the path that lists
the changed function, or states the changed data, or is of the kind that the change asks for (injecttree.go).
`

const releasesHead = `
## Whole releases

Roots made of Debian packages for ARM64, as archives: Debian 12; the same with ` + "15" + ` packages of Debian 13; Debian 13. Seconds are those of the second ` + "`wardein compare`" + `, when both
releases were inspected; the first one inspects them.
`
