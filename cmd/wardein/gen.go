package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/place/gen"
	"github.com/wardein/wardein/place/reader/csv"
)

func genCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "gen",
		Short: "Draw synthetic data: networks",
		RunE:  group("network"),
	}
	cmd.AddCommand(genNetworkCmd())
	return cmd
}

func genNetworkCmd() *cobra.Command {
	var elements int
	var seed uint64
	var folder string
	cmd := &cobra.Command{
		Use:   "network",
		Short: "Draw a synthetic network and write it as tables",
		Long: `Network draws an operator's network: core, regional, metro and access sites,
mobile and fixed access, systems that manage them, demands. The same numbers
give the same network on every machine. Vendors are fictitious, and their labels
are marked as drawn.`,
		Example: `  wardein gen network -n 1000 -o examplenet
  wardein place examplenet --as-of 2026-12-01`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			net, err := gen.Network(gen.Options{Elements: elements, Seed: seed})
			if err != nil {
				return err
			}
			if err := os.Mkdir(folder, 0o777); err != nil {
				return &hinted{err, "-o names a folder that is not there yet"}
			}
			if err := csv.Write(net, func(name string) (io.WriteCloser, error) { return os.Create(filepath.Join(folder, name)) }); err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "wardein: wrote %s: %s, %s\n", term.Clean(folder), plural(net.Nodes(), "element"), plural(len(net.Links), "link"))
			return nil
		},
	}
	f := cmd.Flags()
	f.IntVarP(&elements, "elements", "n", 1000, "`HOW MANY` elements, 100 to 4,000,000")
	f.Uint64Var(&seed, "seed", 1, "`NUMBER` to draw by: another one gives another network")
	f.StringVarP(&folder, "output", "o", "examplenet", "write to this `FOLDER`")
	return cmd
}
