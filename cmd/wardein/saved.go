package main

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/report"
)

// openSaved reads the report that a user names: its file, or the name that
// inspect printed.
func openSaved(name string) (*report.Saved, error) {
	f, err := os.Open(name)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !strings.HasSuffix(name, ".json") {
		if err == nil {
			f.Close()
		}
		f, err = os.Open(outputName(name) + ".wardein.json")
		if errors.Is(err, fs.ErrNotExist) {
			f, err = os.Open(name + ".wardein.json")
		}
	}
	if err != nil {
		return nil, &hinted{fmt.Errorf("no report of %q here", name), "wardein inspect writes NAME.wardein.json into the current folder"}
	}
	defer f.Close()
	s, err := report.Read(bufio.NewReader(f))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", f.Name(), err)
	}
	return s, nil
}

func gapsCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "gaps NAME|REPORT",
		Short: "List what was not looked at, and why",
		Long:  "List every gap of a report, one a line: kind, node, offset and length, who, why.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := openSaved(args[0])
			if err != nil {
				return err
			}
			out := bufio.NewWriter(cmd.OutOrStdout())
			defer out.Flush()
			for _, g := range s.Gaps {
				node := g.Node
				if node == "" {
					node = "."
				}
				fmt.Fprintf(out, "%-11s %s  +%s %s bytes  %s: %s\n", g.Kind, term.Clean(node), g.Off, g.Len, g.Who, term.Clean(g.Why))
			}
			return nil
		},
	}
}

func showCmd() *cobra.Command {
	var from string
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show one finding in full",
		Long:  "Show one finding in full: what it says, where its bytes are, what can be done. Looks into the reports of the current folder, or into the one that --report names.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			names := []string{from}
			if from == "" {
				names, _ = filepath.Glob("*.wardein.json")
				sort.Strings(names)
			}
			out := bufio.NewWriter(cmd.OutOrStdout())
			defer out.Flush()
			for _, name := range names {
				s, err := openSaved(name)
				if err != nil {
					return err
				}
				for i := range s.Findings {
					if strings.HasPrefix(s.Findings[i].ID, args[0]) {
						showFinding(out, name, &s.Findings[i])
						return nil
					}
				}
			}
			return &hinted{fmt.Errorf("no finding %q in %d reports here", args[0], len(names)), "wardein inspect prints the IDs; --report names another report"}
		},
	}
	cmd.Flags().StringVar(&from, "report", "", "look into this `REPORT` only")
	return cmd
}

func showFinding(out *bufio.Writer, name string, f *report.SavedFinding) {
	fmt.Fprintf(out, "%s  %s  %s\n", f.ID, strings.ToUpper(f.Severity), f.Rule)
	fmt.Fprintf(out, "\n%s\n\n", term.Clean(f.Says.Text))
	fmt.Fprintf(out, "node        %s\ncertainty   %s\nreach       %s\ncheck       %s (wardein checks %s)\nreport      %s\n", term.Clean(f.Node), f.Confidence, f.Reach, f.Check, f.Check, name)
	fmt.Fprintf(out, "vendor      %s\nuntil then  %s\n", term.Clean(f.Fix.Text), term.Clean(f.Meanwhile.Text))
	for _, q := range f.Quotes {
		fmt.Fprintf(out, "bytes       %s at %s, %s bytes", term.Clean(q.Node), q.Off, q.Len)
		if q.Bytes != "" {
			fmt.Fprintf(out, ": %s", term.Clean(q.Bytes))
		}
		fmt.Fprintln(out)
	}
}
