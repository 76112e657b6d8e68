package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wardein/wardein"
	checks "github.com/wardein/wardein/check/all"
	formats "github.com/wardein/wardein/format/all"
	"github.com/wardein/wardein/report"
	"github.com/wardein/wardein/store/disk"
)

func formatsCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "formats [NAME]",
		Short: "List the formats that are read, or explain one",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			out := bufio.NewWriter(cmd.OutOrStdout())
			defer out.Flush()
			var names []string
			for _, f := range formats.Formats() {
				names = append(names, f.Name)
				if len(args) == 0 {
					opened := "opened"
					if f.Extract == nil {
						opened = "recognised"
					}
					fmt.Fprintf(out, "%-20s %-10s %s\n", f.Name, opened, f.Doc.About)
				} else if f.Name == args[0] {
					writeDoc(out, fmt.Sprintf("%s (version %d)", f.Name, f.Version), &f.Doc)
					return nil
				}
			}
			if len(args) > 0 {
				return unknownName("format", args[0], names)
			}
			return nil
		},
	}
}

func checksCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "checks [NAME]",
		Short: "List the checks that run, or explain one",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			out := bufio.NewWriter(cmd.OutOrStdout())
			defer out.Flush()
			var names []string
			for _, c := range checks.Checks() {
				names = append(names, c.Name)
				if len(args) == 0 {
					fmt.Fprintf(out, "%-20s %s\n", c.Name, c.Doc.About)
				} else if c.Name == args[0] {
					writeDoc(out, fmt.Sprintf("%s (version %d)", c.Name, c.Version), &c.Doc)
					return nil
				}
			}
			if len(args) > 0 {
				return unknownName("check", args[0], names)
			}
			return nil
		},
	}
}

// unknownName is an error with the nearest names as a hint.
func unknownName(what, name string, names []string) error {
	err := fmt.Errorf("unknown %s: %q", what, name)
	near := []string{}
	for _, n := range names {
		if strings.Contains(n, name) || len(n) > 2 && strings.Contains(name, n) {
			near = append(near, n)
		}
	}
	if n := nearest(name, names); len(near) == 0 && n != "" {
		near = []string{n}
	}
	if len(near) == 0 || len(near) > 8 {
		return &hinted{err, fmt.Sprintf("wardein %ss lists them", what)}
	}
	return &hinted{err, "did you mean " + strings.Join(near, ", ") + "?"}
}

func writeDoc(w io.Writer, title string, d *wardein.Doc) {
	fmt.Fprintf(w, "%s\n\n%s\n", title, d.About)
	if d.How != "" {
		fmt.Fprintf(w, "\n%s\n", d.How)
	}
	for _, part := range []struct {
		title string
		lines []string
	}{{"False positives", d.FalsePositives}, {"False negatives", d.FalseNegatives}, {"Limits", d.Limits}, {"References", d.References}} {
		if len(part.lines) > 0 {
			fmt.Fprintf(w, "\n%s\n", part.title)
			for _, l := range part.lines {
				fmt.Fprintf(w, "  - %s\n", l)
			}
		}
	}
}

func storeCmd() *cobra.Command {
	var dir string
	cmd := &cobra.Command{Use: "store", Short: "Show and bound what the store holds", RunE: func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return &hinted{fmt.Errorf("unknown command: store %q", args[0]), "status or prune"}
		}
		return cmd.Help()
	}}
	cmd.PersistentFlags().StringVar(&dir, "store", defaultStore(), "the store's `FOLDER`")
	var limit int64
	status := &cobra.Command{
		Use: "status", Short: "Show what the store holds", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := disk.Open(dir)
			if err != nil {
				return err
			}
			defer s.Close()
			st, err := s.Status()
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "store    %s\nruns     %d\nresults  %d\ncontents %d\nbytes    %d (%s)\n", st.Dir, st.Runs, st.Results, st.Contents, st.Bytes, report.Size(st.Bytes))
			return err
		},
	}
	prune := &cobra.Command{
		Use: "prune", Short: "Remove the oldest runs until the rest fits", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := disk.Open(dir)
			if err != nil {
				return err
			}
			defer s.Close()
			n, err := s.Prune(limit << 20)
			fmt.Fprintf(cmd.OutOrStdout(), "removed %d runs\n", n)
			return err
		},
	}
	prune.Flags().Int64Var(&limit, "limit", 10<<10, "keep at most this many `MB`")
	cmd.AddCommand(status, prune)
	return cmd
}

func versionCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "version", Short: "Show the version and what it was built from", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			v := map[string]any{"version": version, "go": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH,
				"go_sum": wardein.GoSum().String(), "formats": len(formats.Formats()), "checks": len(checks.Checks()), "report": report.Version}
			if asJSON {
				return json.NewEncoder(cmd.OutOrStdout()).Encode(v)
			}
			_, err := fmt.Fprintf(cmd.OutOrStdout(), "wardein %s (%s, %s/%s), %d formats, %d checks, report version %s\n",
				version, v["go"], v["os"], v["arch"], v["formats"], v["checks"], report.Version)
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}
