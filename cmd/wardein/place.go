package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/place"
	"github.com/wardein/wardein/place/exposure"
	"github.com/wardein/wardein/place/page"
	"github.com/wardein/wardein/place/plan"
	"github.com/wardein/wardein/place/policy"
	"github.com/wardein/wardein/place/print"
	"github.com/wardein/wardein/report"
)

// placeKinds are the forms that place writes, with the ends of their files'
// names.
var placeKinds = map[string]string{"table": "-", "json": ".place.json", "html": ".place.html", "csv": ".place.csv"}

const placeKindList = "table, json, html, csv"

// placeFlags are what a user asks of a network.
type placeFlags struct {
	packs, by, outputs       []string
	asOf, decided, why       string
	plan, planOut, netboxOut string
	model, due, uplift       string
	within                   []string
	evidence, trust, words   string
	pairs                    string
	blind, timeline          bool
	asJSON, strict, quiet    bool
}

func placeCmd() *cobra.Command {
	var f placeFlags
	cmd := &cobra.Command{
		Use:   "place NETWORK…",
		Short: "Say which rules a network breaks on a day, and who sees what in it",
		Long: `Place reads an inventory (files, or folders of them; docs/place.md), judges it by
dated rules, and says of each vendor what it sees of the traffic: always (every
path passes its equipment), normally (by shares over shortest paths) and possibly
(some path does). For what breaks a rule it says when the work has to begin, what
stands in its way, and what it costs by a model that names who paid for it.

A rule that lacks a fact ends undetermined and names the fact. Nothing of an
inventory is dropped in silence: what could not be taken is listed. Rules whose
text could not be confirmed stand apart and are in no total. --why NAME shows what
is behind a number: of a rule the elements, of an element its facts with file, row
and age, of a site what stands there.

The day of judging is --as-of; without it the newest day that the inventory states
of itself (the operator's fact inventory_date, for one), never today.

Exit code: 0 no verified rule is broken, 1 one is, 2 bad usage or it cannot run,
3 with --strict: something was not taken or is undetermined, 4 evidence does not
hold.`,
		Example: `  wardein gen network -n 1000 -o examplenet
  wardein place examplenet --policy uk-2022 --as-of 2027-12-31
  wardein place examplenet --policy uk-2022 --as-of 2027-12-31 --why site-0000040
  wardein place examplenet --policy uk-2022 --plan-out waves.csv
  wardein place examplenet --policy uk-2022 --plan waves.csv --timeline -o html
  wardein place examplenet --policy lab-baseline --blind --evidence bundles --trust allies.policy`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error { return f.run(cmd, args) },
	}
	s := cmd.Flags()
	s.StringArrayVar(&f.packs, "policy", nil, "judge by this `PACK`: a name of wardein policy list, or a file; may be repeated")
	s.StringVar(&f.asOf, "as-of", "", "judge the network as it stands on this `DATE` (YYYY-MM-DD; default: that of the inventory)")
	s.StringVar(&f.why, "why", "", "show what stands behind this `NAME`: a rule, an element or a site")
	s.StringArrayVarP(&f.outputs, "output", "o", nil, "write `KIND[=FILE]`: "+placeKindList+"; \"-\" is standard output; may be repeated")
	s.BoolVar(&f.asJSON, "json", false, "short for -o json=-")
	s.StringArrayVar(&f.by, "by", []string{"vendor"}, "count exposure by this `KIND`: "+strings.Join(exposure.Kinds, ", ")+"; may be repeated")
	s.BoolVar(&f.blind, "blind", false, "leave out rules that read who made something, and who sees what")
	s.StringVar(&f.plan, "plan", "", "judge the network as the steps of this `FILE` make it")
	s.StringVar(&f.planOut, "plan-out", "", "draw up a plan by which no verified rule is broken, and write its waves to this `FILE`, a step a row")
	s.StringArrayVar(&f.within, "within", nil, "draw it up for this `BOUND` as well, as in \"alder content normally <= 5 %\"; may be repeated")
	s.StringVar(&f.netboxOut, "netbox-out", "", "write the plan as changes for NetBox to this `FILE`: CSV, or JSON where it ends in .json")
	s.StringVar(&f.decided, "decided", "", "count from this `DATE` on when work could begin (default: that of the inventory, or --as-of)")
	s.BoolVar(&f.timeline, "timeline", false, "say how rules end on each day on which one begins or ends to bind, or the plan has a step")
	s.StringVar(&f.model, "model", "", "price by this `MODEL`: a name, or a file (default: the first)")
	s.StringVar(&f.due, "due", "", "the `SHARE` of kit that would be replaced anyway, as in 40% (default: by ages, or the model's)")
	s.StringVar(&f.uplift, "uplift", "", "the `RISE` of prices with fewer vendors, as in 5% (default: the model's)")
	s.StringVar(&f.evidence, "evidence", "", "take bundles, profile statements and reports in this `DIR` as evidence about releases")
	s.StringVar(&f.trust, "trust", "", "verify them under the policy in this `FILE` (docs/bundle.md)")
	s.StringVar(&f.words, "map", "", "take the names of columns, roles and makers in this `FILE` for ours (docs/place-inventories.md)")
	s.StringVar(&f.pairs, "all-pairs", "", "count what passes between all pairs of elements; keep the state in this `FILE` and go on from it")
	s.BoolVar(&f.strict, "strict", false, "exit 3 when something was not taken or is undetermined")
	s.BoolVarP(&f.quiet, "quiet", "q", false, "show no progress")
	complete(cmd, "by", exposure.Kinds...)
	complete(cmd, "output", strings.Split(placeKindList, ", ")...)
	return cmd
}

func (f *placeFlags) run(cmd *cobra.Command, args []string) error {
	if f.asJSON {
		f.outputs = append(f.outputs, "json=-")
	}
	wanted, err := outputsOf(f.outputs, outputName(args[0]), placeKinds, placeKindList)
	if err != nil {
		return err
	}
	if err := writable(wanted); err != nil {
		return err
	}
	r, err := f.result(cmd, args)
	if err != nil {
		return err
	}
	if f.why != "" {
		return f.explain(cmd, r)
	}
	if err := putAll(cmd, wanted, func(kind string, out io.Writer) error {
		switch kind {
		case "json":
			b, err := print.JSON(r)
			if err == nil {
				_, err = out.Write(append(b, '\n'))
			}
			return err
		case "html":
			return page.HTML(out, r)
		case "csv":
			return print.CSV(out, r)
		}
		return print.Table(out, r, widthOf(out))
	}); err != nil {
		return err
	}
	return f.code(r)
}

// code is the exit code of a result.
func (f *placeFlags) code(r *print.Result) error {
	broken, open := false, len(r.Network.Gaps) > 0
	for i := range r.Results {
		if res := &r.Results[i]; res.Rule.Status == "verified" {
			broken = broken || res.Outcome == policy.Breaks
			open = open || res.Outcome == policy.Undetermined || res.Counts[policy.Undetermined] > 0
		}
	}
	switch {
	case f.strict && open:
		return &exit{exitGaps}
	case broken:
		return &exit{exitThreshold}
	}
	return nil
}

// explain shows what is behind a name.
func (f *placeFlags) explain(cmd *cobra.Command, r *print.Result) error {
	ok, err := print.Why(cmd.OutOrStdout(), r, f.why, widthOf(cmd.OutOrStdout()))
	if err != nil || ok {
		return err
	}
	var names []string
	for i := range r.Results {
		names = append(names, r.Results[i].Rule.ID)
	}
	for i := range min(len(r.Network.Sites), 10_000) {
		names = append(names, r.Network.Sites[i].ID)
	}
	for i := range min(r.Network.Nodes(), 10_000) {
		names = append(names, r.Network.ID(i))
	}
	hint := "--why names a rule that was judged, an element or a site that stands on the day"
	if n := nearest(f.why, names); n != "" {
		hint = "did you mean " + n + "?"
	}
	return &hinted{fmt.Errorf("nothing is called %q on %s", f.why, r.Network.Date), hint}
}

// day reads a date of a flag.
func day(flag, value string) (place.Date, error) {
	d, err := place.ParseDate(value)
	if err != nil {
		err = fmt.Errorf("%s: %w", flag, err)
	}
	return d, err
}

// slider reads a share of a flag as parts per million; nil where it is not given.
func slider(flag, value string) (*int64, error) {
	if value == "" {
		return nil, nil
	}
	v, err := strconv.ParseFloat(strings.TrimSpace(strings.TrimSuffix(value, "%")), 64)
	if err != nil || !(v >= 0 && v <= 100) {
		return nil, fmt.Errorf("%s %q: want a percentage from 0%% to 100%%", flag, value)
	}
	ppm := int64(v*10_000 + 0.5)
	return &ppm, nil
}

// result asks all that the flags want.
func (f *placeFlags) result(cmd *cobra.Command, args []string) (*print.Result, error) {
	asOf, err1 := day("--as-of", f.asOf)
	start, err2 := day("--decided", f.decided)
	due, err3 := slider("--due", f.due)
	uplift, err4 := slider("--uplift", f.uplift)
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return nil, err
	}
	for _, kind := range f.by {
		if !slices.Contains(exposure.Kinds, kind) {
			return nil, unknownName("kind of exposure", kind, exposure.Kinds)
		}
	}
	packs, err := choosePacks(f.packs)
	if err != nil {
		return nil, err
	}
	model, err := chooseModel(f.model)
	if err != nil {
		return nil, err
	}
	p := newProgress(f.quiet, "reading the inventory")
	defer p.end()
	words, err := readMap(f.words)
	if err != nil {
		return nil, err
	}
	net, err := loadNetwork(cmd.Context(), args, words)
	if err != nil {
		return nil, err
	}
	var newest place.Date
	for _, s := range net.Sources {
		newest = max(newest, s.Date)
	}
	if asOf == 0 {
		asOf = newest
	}
	if asOf == 0 {
		return nil, &hinted{errors.New("no day to judge: --as-of"), "no file of the inventory says of which day it is; as in --as-of 2027-12-31"}
	}
	if start == 0 {
		start = asOf
		if newest != 0 {
			start = min(asOf, newest)
		}
	}
	r := &print.Result{Plan: "none", Packs: packs, Blind: f.blind, Model: model, Command: f.command(args)}
	if r.Evidence, err = readEvidence(f.evidence, f.trust, net); err != nil {
		return nil, err
	}
	o := plan.Options{AsOf: start, Due: due, Uplift: uplift}
	var steps *plan.Plan
	if f.plan != "" {
		if steps, err = readPlan(f.plan); err != nil {
			return nil, err
		}
		if r.Planned, err = plan.Cost(cmd.Context(), net, steps, model, o); err != nil {
			return nil, err
		}
	}
	stands := net
	if steps != nil {
		net, r.Plan = steps.Apply(net), steps.Name
	}
	r.Network = net.At(asOf)
	p.now("judging")
	if r.Results, err = judgeAll(cmd.Context(), r.Network, packs, policy.Options{Blind: f.blind, Evidence: r.Evidence}); err != nil {
		return nil, err
	}
	p.now("asking what replacing takes")
	if err := f.needs(cmd, r, start, o); err != nil {
		return nil, err
	}
	if f.why != "" {
		return r, nil
	}
	p.now("drawing up a plan")
	if err := f.draw(cmd, r, stands, steps, start); err != nil {
		return nil, err
	}
	p.now("counting who sees what")
	for _, kind := range f.by {
		if f.blind && kind != "organisation" {
			continue // it is by origin
		}
		x, err := exposure.Of(cmd.Context(), r.Network, exposure.Options{By: kind})
		if err != nil {
			return nil, err
		}
		r.Exposure = append(r.Exposure, x)
	}
	if f.timeline {
		days := momentDays(packs, steps, start, asOf)
		p.now("judging " + plural(len(days), "day"))
		if r.Moments, err = plan.Timeline(cmd.Context(), stands, steps, packs, days, policy.Options{Blind: f.blind, Evidence: r.Evidence}); err != nil {
			return nil, err
		}
	}
	if f.pairs != "" {
		if r.Pairs, err = allPairs(cmd.Context(), r.Network, f.by[0], f.pairs, p); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// command is how the same is asked again.
func (f *placeFlags) command(args []string) string {
	words := []string{"wardein place"}
	for _, a := range args {
		words = append(words, report.Quote(a))
	}
	for _, p := range f.packs {
		words = append(words, "--policy "+report.Quote(p))
	}
	for _, x := range [][2]string{{"--as-of", f.asOf}, {"--plan", f.plan}} {
		if x[1] != "" {
			words = append(words, x[0]+" "+report.Quote(x[1]))
		}
	}
	return strings.Join(words, " ")
}

// needs asks what broken rules ask for.
func (f *placeFlags) needs(cmd *cobra.Command, r *print.Result, start place.Date, o plan.Options) error {
	for i := range r.Results {
		res := &r.Results[i]
		if res.Outcome != policy.Breaks {
			continue
		}
		need, err := plan.NeedOf(cmd.Context(), r.Network, res, r.Model, start, o, r.Evidence)
		if err != nil {
			return err
		}
		r.Needs = append(r.Needs, need)
	}
	return nil
}

// draw draws up a plan for what is broken and for the bounds, and writes it; with
// --plan the changes for NetBox are that plan's.
func (f *placeFlags) draw(cmd *cobra.Command, r *print.Result, stands *place.Network, given *plan.Plan, start place.Date) (err error) {
	if f.planOut == "" && len(f.within) == 0 && (f.netboxOut == "" || given != nil) {
		return f.netbox(cmd, given, stands)
	}
	goal := plan.Goal{Packs: r.Packs, Policy: policy.Options{Blind: f.blind, Evidence: r.Evidence}, Decided: start}
	for _, text := range f.within {
		b, err := plan.ParseBound(text)
		if err != nil {
			return fmt.Errorf("--within %w", err)
		}
		goal.Bounds = append(goal.Bounds, b)
	}
	if r.Generated, err = plan.Generate(cmd.Context(), r.Network, r.Model, goal); err != nil {
		return err
	}
	if r.Schedule, err = plan.Spread(cmd.Context(), r.Network.Network, r.Generated.Plan, plan.PaceOf(r.Model), start); err != nil {
		return err
	}
	if f.planOut != "" {
		if err := writeFile(f.planOut, r.Schedule.Plan.WriteCSV); err != nil {
			return err
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "wardein: wrote %s: %s\n", term.Clean(f.planOut), plural(len(r.Schedule.Plan.Steps), "step"))
	}
	if given == nil {
		given = r.Schedule.Plan
	}
	return f.netbox(cmd, given, stands)
}

// netbox writes a plan's changes for NetBox, where that is wanted.
func (f *placeFlags) netbox(cmd *cobra.Command, p *plan.Plan, n *place.Network) error {
	if f.netboxOut == "" {
		return nil
	}
	write := p.WriteNetBoxCSV
	if strings.HasSuffix(f.netboxOut, ".json") {
		write = p.WriteNetBoxJSON
	}
	if err := writeFile(f.netboxOut, func(w io.Writer) error { return write(w, n) }); err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "wardein: wrote %s\n", term.Clean(f.netboxOut))
	return nil
}

// chooseModel is the cost model of a name or file.
func chooseModel(name string) (*plan.Model, error) {
	own, err := plan.Models()
	if err != nil {
		return nil, err
	}
	if name == "" {
		return own[0], nil
	}
	if i := slices.IndexFunc(own, func(m *plan.Model) bool { return m.ID == name }); i >= 0 {
		return own[i], nil
	}
	var ids []string
	for _, m := range own {
		ids = append(ids, m.ID)
	}
	return openNamed("cost model", name, ids, plan.ReadModel)
}

// openNamed reads a file that a name stands for which no thing of ours has.
func openNamed[T any](what, name string, ids []string, read func(io.Reader) (T, error)) (t T, err error) {
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		hint := "there are " + strings.Join(ids, ", ") + "; or a file"
		if n := nearest(name, ids); n != "" {
			hint = "did you mean " + n + "?"
		}
		return t, &hinted{fmt.Errorf("no such %s: %q", what, name), hint}
	}
	if err != nil {
		return t, err
	}
	defer f.Close()
	if t, err = read(f); err != nil {
		return t, fmt.Errorf("%w: %s", err, name)
	}
	return t, nil
}

func readPlan(name string) (*plan.Plan, error) {
	return openNamed("plan", name, nil, func(r io.Reader) (*plan.Plan, error) { return plan.ReadCSV(outputName(name), r) })
}

// choosePacks are the packs that flags name: those that the program brings
// along, or files.
func choosePacks(names []string) (list []*policy.Pack, err error) {
	own, err := policy.Packs()
	if err != nil {
		return nil, err
	}
	var ids []string
	for _, p := range own {
		ids = append(ids, p.ID)
	}
	for _, name := range names {
		p, err := (*policy.Pack)(nil), error(nil)
		if i := slices.Index(ids, name); i >= 0 {
			p = own[i]
		} else if p, err = openNamed("policy pack", name, ids, policy.Read); err != nil {
			return nil, err
		}
		if slices.ContainsFunc(list, func(o *policy.Pack) bool { return o.ID == p.ID }) {
			return nil, fmt.Errorf("the pack %s is named twice", p.ID)
		}
		list = append(list, p)
	}
	return list, nil
}
