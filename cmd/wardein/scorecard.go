package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	checks "github.com/wardein/wardein/check/all"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/report"
	"github.com/wardein/wardein/report/scorecard"
)

// cardKinds are the forms that scorecard writes, with the ends of their files'
// names.
var cardKinds = map[string]string{"table": "-", "json": ".scorecard.json", "html": ".scorecard.html"}

const cardKindList = "table, json, html"

func scorecardCmd() *cobra.Command {
	var flags labFlags
	var db dbFlags
	var outputs, references []string
	var class string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "scorecard RELEASE|REPORT…",
		Short: "Measure releases by one yardstick, beside each other",
		Long: `Measure releases by the yardstick of the public lab that published figures:
unsafe calls, copies of crypto libraries, suppressed warnings, and beside them
protections, keys, accounts, servers. A RELEASE is inspected (what is in the
store is not read again); a REPORT is one that inspect wrote.

Each column begins with the share of bytes that was opened, the share of code
that was read, the product class, the recipe and the evaluation date. Columns
that differ in recipe, date or class, or by more than 5 points in one of the
shares, are put in no order: "not comparable". What could not be opened was not
counted, and does not win.

--class says what kind of product the releases are for, in your words;
--reference marks one that stands beside the others as a line to compare with,
an open system for example, whatever its class.`,
		Example: `  wardein scorecard --class olt olt-5.2.1.bin other-3.0.bin
  wardein scorecard --class router --reference openwrt.bin router.bin openwrt.bin
  wardein scorecard -o html=card.html --class olt olt-5.2.1.bin`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeReports,
		RunE: func(cmd *cobra.Command, args []string) error {
			if asJSON {
				outputs = append(outputs, "json=-")
			}
			wanted, err := outputsOf(outputs, outputName(args[0]), cardKinds, cardKindList)
			if err != nil {
				return err
			}
			if err := writable(wanted); err != nil {
				return err
			}
			for _, r := range references {
				if !slices.Contains(args, r) {
					return &hinted{fmt.Errorf("--reference %q is none of the releases", r), "name it among them, too"}
				}
			}
			var columns []*scorecard.Column
			for _, arg := range args {
				s, err := savedOrInspected(cmd.Context(), arg, flags, &db)
				if err != nil {
					return err
				}
				c := scorecard.New(strings.TrimSuffix(filepath.Base(arg), kinds["json"]), class, s)
				c.Reference = slices.Contains(references, arg)
				columns = append(columns, c)
			}
			card := scorecard.Compare(columns)
			return putAll(cmd, wanted, func(kind string, out io.Writer) error {
				switch kind {
				case "json":
					return writeJSON(out, card.Write)
				case "html":
					return card.HTML(out)
				}
				return card.Table(out)
			})
		},
	}
	addLabFlags(cmd, &flags)
	db.add(cmd)
	f := cmd.Flags()
	f.StringVar(&flags.asOf, "as-of", checks.DataDate, "judge time-dependent rules at this `DATE` (YYYY-MM-DD)")
	f.StringArrayVarP(&outputs, "output", "o", nil, "write `KIND[=FILE]`: "+cardKindList+"; \"-\" is standard output; may be repeated")
	f.BoolVar(&asJSON, "json", false, "short for -o json=-")
	f.StringVar(&class, "class", "", "the releases' product `CLASS`, as in olt, gnb, router")
	f.StringArrayVar(&references, "reference", nil, "this `RELEASE` is a line to compare with; may be repeated")
	complete(cmd, "output", strings.Split(cardKindList, ", ")...)
	return cmd
}

// savedOrInspected is the report that an argument names: of a release, made
// now; else one that was saved.
func savedOrInspected(ctx context.Context, arg string, flags labFlags, db *dbFlags) (*report.Saved, error) {
	if _, err := os.Stat(arg); err != nil || strings.HasSuffix(arg, ".json") {
		return openSaved(arg)
	}
	data, err := db.open(ctx, flags.asOf)
	if err != nil {
		return nil, err
	}
	if data.DB != nil {
		defer data.DB.Close()
	}
	res, err := inspectRelease(ctx, arg, outputName(arg), flags, &delivery{}, data)
	if err != nil {
		return nil, advise(err)
	}
	defer res.cleanup()
	return report.Read(bytes.NewReader(report.JSON(res.report, report.Messages(checks.Checks()))))
}

// putAll writes the wanted outputs, each to its file or to standard output.
func putAll(cmd *cobra.Command, wanted []output, write func(kind string, out io.Writer) error) error {
	for _, o := range wanted {
		if o.file == "-" {
			if err := write(o.kind, cmd.OutOrStdout()); err != nil && !errors.Is(err, syscall.EPIPE) { // who reads no more has seen enough
				return err
			}
			continue
		}
		if err := writeFile(o.file, func(out io.Writer) error { return write(o.kind, out) }); err != nil {
			return err
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "wardein: wrote %s\n", term.Clean(o.file))
	}
	return nil
}
