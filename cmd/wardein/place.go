package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/place"
	"github.com/wardein/wardein/place/exposure"
	"github.com/wardein/wardein/place/plan"
	"github.com/wardein/wardein/place/policy"
	"github.com/wardein/wardein/place/print"
)

func placeCmd() *cobra.Command {
	var packs, by []string
	var asOf, decided, planFile, planOut, modelName string
	var blind bool
	cmd := &cobra.Command{
		Use:   "place NETWORK…",
		Short: "Say which rules a network breaks on a day, and who sees what in it",
		Long: `Place reads an inventory (a file, or a folder of them), judges it by dated
rules, and says of each vendor what it sees of the traffic: always, normally and
possibly. A rule that lacks a fact ends undetermined and names the fact. Nothing
of an inventory is dropped in silence: what could not be taken is listed.`,
		Example: `  wardein gen network -n 1000 -o examplenet
  wardein place examplenet --as-of 2027-12-31 --policy uk-2020
  wardein place examplenet --as-of 2026-12-01 --policy lab-baseline --blind`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			day, err := place.ParseDate(asOf)
			if err != nil {
				return fmt.Errorf("--as-of: %w", err)
			}
			if day == 0 {
				return &hinted{errors.New("no day to judge: --as-of"), "--as-of 2027-12-31; an inventory has no date of its own"}
			}
			chosen, err := choosePacks(packs)
			if err != nil {
				return err
			}
			net, err := loadNetwork(cmd.Context(), args, nil)
			if err != nil {
				return err
			}
			start, err := place.ParseDate(decided)
			if err != nil {
				return fmt.Errorf("--decided: %w", err)
			}
			if start == 0 {
				start = day
			}
			model, err := chooseModel(modelName)
			if err != nil {
				return err
			}
			r := &print.Result{Plan: "none", Packs: chosen, Blind: blind}
			if planFile != "" {
				p, err := readPlan(planFile)
				if err != nil {
					return err
				}
				net, r.Plan = p.Apply(net), p.Name
			}
			r.Network = net.At(day)
			for _, p := range chosen {
				list, err := p.Judge(cmd.Context(), r.Network, policy.Options{Blind: blind})
				if err != nil {
					return err
				}
				r.Results = append(r.Results, list...)
			}
			steps := &plan.Plan{}
			for i := range r.Results {
				if res := &r.Results[i]; res.Outcome == policy.Breaks {
					need, err := plan.NeedOf(cmd.Context(), r.Network, res, model, start, plan.Options{AsOf: start}, nil)
					if err != nil {
						return err
					}
					r.Needs = append(r.Needs, need)
					if need.Plan != nil && res.Rule.Status == "verified" {
						steps.Add(need.Plan)
					}
				}
			}
			if planOut != "" {
				if err := writeFile(planOut, steps.WriteCSV); err != nil {
					return err
				}
			}
			for _, kind := range by {
				x, err := exposure.Of(cmd.Context(), r.Network, exposure.Options{By: kind})
				if err != nil {
					return err
				}
				r.Exposure = append(r.Exposure, x)
			}
			width := 0
			if f, ok := cmd.OutOrStdout().(*os.File); ok && term.IsTerminal(f) {
				width = term.Width(f)
			}
			if err := print.Table(cmd.OutOrStdout(), r, width); err != nil {
				return err
			}
			if r.Totals()[policy.Breaks] > 0 {
				return &exit{exitThreshold}
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&packs, "policy", nil, "judge by this `PACK`: a name of wardein policy list, or a file; may be repeated")
	f.StringVar(&asOf, "as-of", "", "judge the network as it stands on this `DATE` (YYYY-MM-DD)")
	f.StringArrayVar(&by, "by", []string{"vendor"}, "count exposure by this `KIND`: "+strings.Join(exposure.Kinds, ", ")+"; may be repeated")
	f.StringVar(&planFile, "plan", "", "judge the network as the steps of this `FILE` make it")
	f.StringVar(&planOut, "plan-out", "", "write what broken rules ask to be replaced to this `FILE`, a step a row")
	f.StringVar(&decided, "decided", "", "count from this `DATE` on when work could begin (default: --as-of)")
	f.StringVar(&modelName, "model", "", "price by this `MODEL`: a name, or a file (default: the first)")
	f.BoolVar(&blind, "blind", false, "leave out rules that read who made something")
	complete(cmd, "by", exposure.Kinds...)
	return cmd
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
	f, err := os.Open(name)
	if errors.Is(err, os.ErrNotExist) {
		var ids []string
		for _, m := range own {
			ids = append(ids, m.ID)
		}
		return nil, &hinted{fmt.Errorf("no such cost model: %q", name), "models are " + strings.Join(ids, ", ") + ", or a file"}
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	m, err := plan.ReadModel(f)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, name)
	}
	return m, nil
}

func readPlan(name string) (*plan.Plan, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p, err := plan.ReadCSV(outputName(name), f)
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, name)
	}
	return p, nil
}

// choosePacks are the packs that flags name: those that the program brings
// along, or files.
func choosePacks(names []string) (list []*policy.Pack, err error) {
	own, err := policy.Packs()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if i := slices.IndexFunc(own, func(p *policy.Pack) bool { return p.ID == name }); i >= 0 {
			list = append(list, own[i])
			continue
		}
		f, err := os.Open(name)
		if errors.Is(err, os.ErrNotExist) {
			var ids []string
			for _, p := range own {
				ids = append(ids, p.ID)
			}
			return nil, &hinted{fmt.Errorf("no such policy pack: %q", name), "packs are " + strings.Join(ids, ", ") + ", or a file"}
		}
		if err != nil {
			return nil, err
		}
		p, err := policy.Read(f)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("%w: %s", err, name)
		}
		list = append(list, p)
	}
	return list, nil
}
