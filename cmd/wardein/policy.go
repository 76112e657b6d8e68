package main

import (
	"bufio"
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/place"
	"github.com/wardein/wardein/place/policy"
	"github.com/wardein/wardein/place/print"
)

func policyCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "policy",
		Short: "List, show and test the rules that place judges by",
		Long: `A policy pack is a file of dated rules: where each is from, from when to when it
binds, what it speaks of and what breaks it, and fixtures that show both
(docs/place.md, docs/policy-packs.md). Which vendors a pack speaks of stands in
its lists, with dates and sources.`,
		RunE: group("list, show, test, variables or functions"),
	}
	cmd.AddCommand(policyListCmd(), policyShowCmd(), policyTestCmd(), policyVariablesCmd(), policyFunctionsCmd())
	return cmd
}

func policyListCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the policy packs that come along",
		Long:    "List the packs: name, jurisdiction, date of the source, rules, how many of them have unconfirmed text, whether the pack was checked against its source.",
		Example: `  wardein policy list`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			packs, err := policy.Packs()
			if err != nil {
				return err
			}
			unconfirmed := func(p *policy.Pack) (n int) {
				for i := range p.Rules {
					if p.Rules[i].Status != "verified" {
						n++
					}
				}
				return n
			}
			return printed(cmd, func(out *bufio.Writer) error {
				if asJSON {
					return writeJSON(out, func(w *canon.Writer) {
						w.Field("packs").Array(func() {
							for _, p := range packs {
								w.Object(func() {
									w.Field("checked").Text(p.Source.Checked)
									w.Field("date").Text(p.Source.Date.String())
									w.Field("id").Text(p.ID)
									w.Field("jurisdiction").Text(p.Jurisdiction)
									w.Field("rules").Int(int64(len(p.Rules)))
									w.Field("title").Text(p.Title)
									w.Field("unverified").Int(int64(unconfirmed(p)))
								})
							}
						})
					})
				}
				wide := 4
				for _, p := range packs {
					wide = max(wide, len(p.ID))
				}
				fmt.Fprintf(out, "%-*s  %-5s  %-10s  %5s  %11s  %-10s  %s\n", wide, "PACK", "WHERE", "SOURCE OF", "RULES", "UNCONFIRMED", "CHECKED", "TITLE")
				for _, p := range packs {
					fmt.Fprintf(out, "%-*s  %-5s  %-10s  %5d  %11d  %-10s  %s\n", wide, p.ID, cmp.Or(p.Jurisdiction, "-"), cmp.Or(p.Source.Date.String(), "-"), len(p.Rules), unconfirmed(p), cmp.Or(p.Source.Checked, "no"), p.Title)
				}
				fmt.Fprintf(out, "\n%s\nnext: wardein policy show PACK · wardein place NETWORK --policy PACK --as-of DATE\n", print.NotLegal)
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON (docs/cli.md)")
	return cmd
}

// completePacks completes the names of packs.
func completePacks(*cobra.Command, []string, string) (names []string, _ cobra.ShellCompDirective) {
	packs, err := policy.Packs()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	for _, p := range packs {
		names = append(names, p.ID)
	}
	return names, cobra.ShellCompDirectiveDefault
}

func policyShowCmd() *cobra.Command {
	return &cobra.Command{
		Use:               "show PACK",
		Short:             "Show the rules of a policy pack",
		Long:              "Show a pack: its source, whom it names, which functions its layers are, and of each rule clause, status, dates, what it asks and how many fixtures it has. PACK is a name of wardein policy list, or a file.",
		Example:           `  wardein policy show uk-2022`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completePacks,
		RunE: func(cmd *cobra.Command, args []string) error {
			packs, err := choosePacks(args)
			if err != nil {
				return err
			}
			width := widthOf(cmd.OutOrStdout())
			return printed(cmd, func(out *bufio.Writer) error {
				showPack(out, packs[0], width)
				return nil
			})
		},
	}
}

// showPack prints a pack.
func showPack(out *bufio.Writer, p *policy.Pack, width int) {
	line := func(name, format string, args ...any) {
		text := fmt.Sprintf("%-13s %s", name, term.Clean(fmt.Sprintf(format, args...)))
		if width > 0 {
			text = term.Wrap(text, 0, 14, width)
		}
		fmt.Fprintln(out, text)
	}
	source := func(s *policy.Source) {
		line("source", "%s; %s; %s", s.Title, s.Reference, cmp.Or(s.Date.String(), "no date"))
	}
	line(p.ID, "%s", p.Title)
	if p.About != "" {
		line("about", "%s", strings.Join(strings.Fields(p.About), " "))
	}
	line("jurisdiction", "%s", cmp.Or(p.Jurisdiction, "none"))
	source(&p.Source)
	for _, name := range sortedNames(p.Lists) {
		var entries []string
		for _, e := range p.Lists[name] {
			text := e.Name
			if e.From != 0 {
				text += " from " + e.From.String()
			}
			if e.To != 0 {
				text += " to " + e.To.Add(-1).String()
			}
			if e.Source != "" {
				text += " (" + e.Source + ")"
			}
			entries = append(entries, text)
		}
		line("list", "%s: %s", name, strings.Join(entries, "; "))
	}
	for _, name := range sortedNames(p.Layers) {
		line("layer", "%s is %s", name, strings.Join(p.Layers[name], ", "))
	}
	for i := range p.Rules {
		r := &p.Rules[i]
		fmt.Fprintln(out)
		line(strings.ToUpper(r.Status), "%s: %s", r.ID, r.Title)
		line("clause", "%s", r.Clause)
		if r.Source != nil {
			source(r.Source)
		}
		if r.Unconfirmed != "" {
			line("unconfirmed", "%s", r.Unconfirmed)
		}
		line("kind", "%s, severity %s", r.Kind, cmp.Or(r.Severity, "not graded"))
		line("binds from", "%s to %s", cmp.Or(r.From.String(), "ever"), cmp.Or(r.To.Add(-1).String(), "further notice"))
		for _, x := range [][2]string{{"when", r.When}, {"scope", r.Scope}, {"broken if", r.Breaks}} {
			if x[1] != "" {
				line(x[0], "%s", x[1])
			}
		}
		switch {
		case r.Share != nil:
			line("share", "at most %s of %s, of those for which %s%s", r.Share.Max, r.Share.Measure, r.Share.Of, per(r.Share.Per))
		case r.Count != nil:
			line("count", "different %s, at least %d, at most %s%s", r.Count.Distinct, r.Count.Min, atMost(r.Count.Max), per(r.Count.Per))
		case r.Exposure != nil:
			line("exposure", "of %s to the list %s, %s: at most %s", r.Exposure.View, r.Exposure.List, r.Exposure.Answer, r.Exposure.Max)
		}
		line("reads", "%s", strings.Join(r.Reads(), ", "))
		if r.Needs != "" {
			line("would settle", "%s", r.Needs)
		}
		line("fixtures", "%d", len(r.Fixtures))
	}
	fmt.Fprintln(out)
	for _, l := range print.Foot([]*policy.Pack{p}) {
		fmt.Fprintln(out, l)
	}
}

func per(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return ", for each " + strings.Join(names, " and ")
}

func atMost(n int) string {
	if n == 0 {
		return "any number"
	}
	return fmt.Sprint(n)
}

func sortedNames[T any](m map[string]T) (names []string) {
	for name := range m {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func policyTestCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "test [PACK…]",
		Short: "Judge the fixtures of policy packs",
		Long: `Test judges each rule by its fixtures, which say how they end, and lists those that
end otherwise. Without PACK all packs that come along are tested; PACK may be a
file. A rule without fixtures on both sides is an error of the pack.

Exit code: 0 all end as they say, 1 some do not, 2 bad usage or a pack can't be read.`,
		Example: `  wardein policy test
  wardein policy test ours.yaml`,
		ValidArgsFunction: completePacks,
		RunE: func(cmd *cobra.Command, args []string) error {
			packs, err := policy.Packs()
			if err == nil && len(args) > 0 {
				packs, err = choosePacks(args)
			}
			if err != nil {
				return err
			}
			failed := 0
			if err := printed(cmd, func(out *bufio.Writer) error {
				for _, p := range packs {
					count, wrong := p.Test(cmd.Context())
					failed += len(wrong)
					fmt.Fprintf(out, "%-24s  %s, %s, %d wrong\n", p.ID, plural(len(p.Rules), "rule"), plural(count, "fixture"), len(wrong))
					for _, w := range wrong {
						fmt.Fprintf(out, "  %s\n", term.Clean(w))
					}
				}
				return nil
			}); err != nil {
				return err
			}
			if failed > 0 {
				return &exit{exitThreshold}
			}
			return nil
		},
	}
}

func policyVariablesCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "variables",
		Short:   "List what rules can ask",
		Long:    "List the variables of rules' expressions (CEL): name, type, whether it is of an element or of the network, and what it is. Those that say who made something are marked: rules that read them are left out by wardein place --blind.",
		Example: `  wardein policy variables`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return printed(cmd, func(out *bufio.Writer) error {
				fmt.Fprintf(out, "%-18s  %-18s  %-8s  %-6s  %s\n", "VARIABLE", "TYPE", "OF", "ORIGIN", "WHAT")
				for _, v := range policy.Variables() {
					of, origin := "element", ""
					if v.Network {
						of = "network"
					}
					if v.Origin {
						origin = "yes"
					}
					fmt.Fprintln(out, strings.TrimRight(fmt.Sprintf("%-18s  %-18s  %-8s  %-6s  %s", v.Name, v.Type, of, origin, v.About), " "))
				}
				return nil
			})
		},
	}
}

func policyFunctionsCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "functions",
		Short:   "List the vocabulary of network functions",
		Long:    "List the functions that an element's field nf may name, with the group that layers of packs are made of, the plane, and where the name is from.",
		Example: `  wardein policy functions`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return printed(cmd, func(out *bufio.Writer) error {
				fmt.Fprintf(out, "%-22s  %-22s  %-10s  %s\n", "FUNCTION", "GROUP", "PLANE", "NAME FROM")
				for _, f := range place.Functions() {
					fmt.Fprintf(out, "%-22s  %-22s  %-10s  %s\n", f.Name, f.Group, f.Plane, f.Source)
				}
				return nil
			})
		},
	}
}
