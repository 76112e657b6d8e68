package main

import (
	"bufio"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wardein/wardein"
	checks "github.com/wardein/wardein/check/all"
	formats "github.com/wardein/wardein/format/all"
	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/report"
)

// formVersion is the version of the JSON of the verbs that have no form of
// their own (docs/cli.md).
const formVersion = "1.0"

// writeJSON writes one object of such a verb: its fields, then the version of
// the form.
func writeJSON(out io.Writer, fields func(*canon.Writer)) error {
	w := &canon.Writer{}
	w.Object(func() {
		fields(w)
		w.Field("version").Text(formVersion)
	})
	_, err := out.Write(append(w.B, '\n'))
	return err
}

// explained is a format or check as formats and checks show it.
type explained struct {
	name, state string // state is "" for a check
	version     int
	doc         *wardein.Doc
}

func formatsCmd() *cobra.Command {
	list := func() (list []explained) {
		for _, f := range formats.Formats() {
			list = append(list, explained{f.Name, report.Opens(&f), f.Version, &f.Doc})
		}
		return list
	}
	return docCmd("format", list, &cobra.Command{
		Use:   "formats [NAME]",
		Short: "List the formats that are read, or explain one",
		Long: `List the formats in order of preference: name, what is done with it, what it is.
With a NAME: how it is read, its limits, and the sources of its layout.

  opened           its members, or the file's own structure, are read
  header only      the header is read; the payload is encrypted: a gap
  recognised only  there is no reader for it: a gap`,
	})
}

func checksCmd() *cobra.Command {
	list := func() (list []explained) {
		for _, c := range checks.Checks() {
			list = append(list, explained{c.Name, "", c.Version, &c.Doc})
		}
		return list
	}
	return docCmd("check", list, &cobra.Command{
		Use:   "checks [NAME]",
		Short: "List the checks that run, or explain one",
		Long: `List the checks. With a NAME: how it works, where it is wrong in either
direction, its limits and sources.`,
	})
}

// docCmd gives a verb that lists or explains what has a Doc its work. The list
// is made when the verb runs: other verbs do without the checks' data.
func docCmd(what string, all func() []explained, cmd *cobra.Command) *cobra.Command {
	named := func() (list []explained, names []string) {
		list = all()
		for _, e := range list {
			names = append(names, e.name)
		}
		return list, names
	}
	var asJSON bool
	cmd.Args = cobra.MaximumNArgs(1)
	cmd.ValidArgsFunction = func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		_, names := named()
		return names, cobra.ShellCompDirectiveNoFileComp
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		list, names := named()
		some := list
		if len(args) > 0 {
			i := slices.Index(names, args[0])
			if i < 0 {
				return unknownName(what, args[0], names)
			}
			some = list[i : i+1]
		}
		return printed(cmd, func(out *bufio.Writer) error {
			switch {
			case asJSON:
				return writeDocs(out, what+"s", some)
			case len(args) > 0:
				writeDoc(out, some[0])
				return nil
			}
			for _, e := range some {
				if about := strings.TrimSuffix(e.doc.About, "."); e.state == "" {
					fmt.Fprintf(out, "%-18s  %s\n", e.name, about)
				} else {
					fmt.Fprintf(out, "%-18s  %-15s  %s\n", e.name, e.state, about)
				}
			}
			return nil
		})
	}
	return cmd
}

func writeDocs(out *bufio.Writer, field string, list []explained) error {
	return writeJSON(out, func(w *canon.Writer) {
		texts := func(field string, lines []string) {
			w.Field(field).Array(func() {
				for _, l := range lines {
					w.Text(l)
				}
			})
		}
		w.Field(field).Array(func() {
			for _, e := range list {
				w.Object(func() {
					w.Field("about").Text(e.doc.About)
					texts("false_negatives", e.doc.FalseNegatives)
					texts("false_positives", e.doc.FalsePositives)
					w.Field("how").Text(e.doc.How)
					texts("limits", e.doc.Limits)
					w.Field("name").Text(e.name)
					texts("references", e.doc.References)
					if e.state != "" {
						w.Field("state").Text(e.state)
					}
					w.Field("version").Int(int64(e.version))
				})
			}
		})
	})
}

// unknownName is an error with the nearest names as a hint.
func unknownName(what, name string, names []string) error {
	err := fmt.Errorf("unknown %s: %q", what, name)
	var near []string
	if n := nearest(name, names); n != "" {
		near = []string{n}
	}
	for _, n := range names {
		if strings.Contains(n, name) && !slices.Contains(near, n) {
			near = append(near, n)
		}
	}
	if len(near) == 0 || len(near) > 8 {
		return &hinted{err, fmt.Sprintf("wardein %ss lists them", what)}
	}
	return &hinted{err, "did you mean " + strings.Join(near, ", ") + "?"}
}

func writeDoc(w io.Writer, e explained) {
	fmt.Fprintf(w, "%s (version %d)", e.name, e.version)
	if e.state != "" {
		fmt.Fprintf(w, ": %s", e.state)
	}
	fmt.Fprint(w, "\n\n")
	report.WriteDoc(w, e.doc, "", "  - ")
}

func storeCmd() *cobra.Command {
	var dir string
	cmd := &cobra.Command{
		Use:   "store",
		Short: "Show and bound what the store holds",
		Long: `The store keeps what was unpacked, by content, so that a second look or the next
release only opens what is new. It can be pruned or deleted at any time: reports
are files of their own.`,
		RunE: group("status or prune"),
	}
	cmd.PersistentFlags().StringVar(&dir, "store", "", "the store's `FOLDER` (default: wardein/store in the user's cache folder)")
	var limit int64
	var asJSON bool
	status := &cobra.Command{
		Use: "status", Short: "Show what the store holds", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := openStore(dir)
			if err != nil {
				return err
			}
			defer s.Close()
			st, err := s.Status()
			if err != nil {
				return err
			}
			if asJSON {
				return writeJSON(cmd.OutOrStdout(), func(w *canon.Writer) {
					w.Field("bytes").Big(st.Bytes)
					w.Field("contents").Big(int64(st.Contents))
					w.Field("results").Big(int64(st.Results))
					w.Field("runs").Big(int64(st.Runs))
					w.Field("store").Bytes(st.Dir)
				})
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "store    %s\nruns     %d\nresults  %d\ncontents %d\nbytes    %d (%s)\n", term.Clean(st.Dir), st.Runs, st.Results, st.Contents, st.Bytes, report.Size(st.Bytes))
			return err
		},
	}
	prune := &cobra.Command{
		Use: "prune", Short: "Remove the oldest runs until the rest fits", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := openStore(dir)
			if err != nil {
				return err
			}
			defer s.Close()
			n, err := s.Prune(limit << 20)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "removed %s\n", plural(n, "run"))
			return err
		},
	}
	status.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	prune.Flags().Int64Var(&limit, "limit", 10<<10, "keep at most this many `MB`")
	cmd.AddCommand(status, prune)
	return cmd
}

func versionCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use: "version", Short: "Show the version and what it was built from", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			nf, nc := len(formats.Formats()), len(checks.Checks())
			if !asJSON {
				_, err := fmt.Fprintf(cmd.OutOrStdout(), "wardein %s (%s, %s/%s), %d formats, %d checks, report version %s\n",
					version, runtime.Version(), runtime.GOOS, runtime.GOARCH, nf, nc, report.Version)
				return err
			}
			w := &canon.Writer{}
			w.Object(func() {
				w.Field("arch").Text(runtime.GOARCH)
				w.Field("checks").Int(int64(nc))
				w.Field("formats").Int(int64(nf))
				w.Field("go").Text(runtime.Version())
				w.Field("go_sum").Text(wardein.GoSum().String())
				w.Field("os").Text(runtime.GOOS)
				w.Field("report").Text(report.Version)
				w.Field("version").Text(version)
			})
			_, err := cmd.OutOrStdout().Write(append(w.B, '\n'))
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}
