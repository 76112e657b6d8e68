package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	checks "github.com/wardein/wardein/check/all"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/report/ts33117"
)

// caseKinds are the forms that testcases writes, with the ends of their files'
// names.
var caseKinds = map[string]string{"table": "-", "json": ".testcases.json", "html": ".testcases.html"}

const caseKindList = "table, json, html"

func testcasesCmd() *cobra.Command {
	var outputs []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "testcases NAME|REPORT [TC_…]",
		Short: "Sort a report's findings by the test cases of 3GPP TS 33.117",
		Long: `List the test cases of 3GPP TS 33.117 (general security assurance requirements
for network products), and how each stands after the checks of one report:

  indication of failure          findings speak to it
  nothing found by these checks  the checks that speak to it looked, and found
                                 nothing, or nothing but remarks (findings of
                                 severity info); what they looked at, where they
                                 failed and their gaps stand beside it
  not examined                   it needs the product brought into use (HOST,
                                 NET, PCAP) or the vendor's documents (DOC), or
                                 there is no check for it yet, or a check had
                                 nothing to look at

All of it is an indication, no verdict: a test case needs the product brought
into use, and no line says that a case is met.

TC_… picks cases, by name or clause, and shows them in full. Which rules speak
to which case is what the checks of this wardein say (wardein checks NAME); the
report is read as it stands.`,
		Example: `  wardein testcases olt-5.2.1
  wardein testcases olt-5.2.1 TC_NO_UNNECESSARY_SERVICE 4.4.3
  wardein testcases -o html=cases.html olt-5.2.1
  wardein testcases --json olt-5.2.1 | jq -r '.cases[] | select(.state == "indication of failure") | .id'`,
		Args: cobra.MinimumNArgs(1),
		ValidArgsFunction: func(cmd *cobra.Command, args []string, word string) (ids []string, _ cobra.ShellCompDirective) {
			if len(args) == 0 {
				return completeReports(cmd, args, word)
			}
			for _, c := range ts33117.Cases().Cases {
				if c.ID != "" {
					ids = append(ids, c.ID+"\t"+c.About)
				}
			}
			return ids, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			if asJSON {
				outputs = append(outputs, "json=-")
			}
			name := strings.TrimSuffix(filepath.Base(args[0]), kinds["json"])
			wanted, err := outputsOf(outputs, name, caseKinds, caseKindList)
			if err != nil {
				return err
			}
			s, err := openSaved(args[0])
			if err != nil {
				return err
			}
			sheet := ts33117.Judge(s, checks.Checks())
			if len(args) > 1 {
				picked, err := findCases(args[1:])
				if err != nil {
					return err
				}
				sheet = sheet.Pick(picked)
			}
			return putAll(cmd, wanted, func(kind string, out io.Writer) error {
				switch kind {
				case "json":
					return writeJSON(out, sheet.Write)
				case "html":
					return sheet.HTML(out, name)
				}
				width := 0
				if f, ok := out.(*os.File); ok && term.IsTerminal(f) {
					width = term.Width(f)
				}
				if len(args) > 1 {
					return sheet.Full(out, name, width)
				}
				return sheet.Table(out, args[0], width)
			})
		},
	}
	cmd.Flags().StringArrayVarP(&outputs, "output", "o", nil, "write `KIND[=FILE]`: "+caseKindList+"; \"-\" is standard output; may be repeated")
	cmd.Flags().BoolVar(&asJSON, "json", false, "short for -o json=-")
	complete(cmd, "output", strings.Split(caseKindList, ", ")...)
	return cmd
}

// findCases finds the test cases that a user names.
func findCases(names []string) (cases []*ts33117.Case, err error) {
	for _, name := range names {
		found := ts33117.Find(name)
		if len(found) == 0 {
			err := fmt.Errorf("no test case %q", name)
			var ids []string
			for _, c := range ts33117.Cases().Cases {
				ids = append(ids, c.ID)
			}
			if n := nearest(strings.ToUpper(name), ids); n != "" {
				return nil, &hinted{err, "did you mean " + n + "?"}
			}
			return nil, &hinted{err, "a name as in TC_NO_UNNECESSARY_SERVICE, or a clause as in 4.3.2.1; wardein testcases NAME lists all"}
		}
		cases = append(cases, found...)
	}
	return cases, nil
}
