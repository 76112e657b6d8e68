package main

import (
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/prove"
	"github.com/wardein/wardein/report"
)

func discloseCmd() *cobra.Command {
	var file string
	cmd := &cobra.Command{
		Use:   "disclose BUNDLE PATH|FINDING…",
		Short: "Open single nodes or findings of a bundle to those who have the public one",
		Long: `Disclose writes a file that opens single nodes and findings of a full bundle:
their lines, with what proves that the signed statement committed to them. It
shows nothing of any other node or finding. Whoever has the public bundle checks
it with wardein verify --disclosed.

An argument that looks like a finding's ID (F-7c210001) is one; everything else is
a node's path, as wardein tree prints it. "." is the release itself, and "./F-1"
a node that is called like a finding.`,
		Example: `  wardein disclose olt-5.2.1.wardein F-7c210001 00010000.squashfs/etc/passwd -o telnet.json
  wardein verify olt-5.2.1.public.wardein --policy allies.policy --disclosed telnet.json`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			f, size, err := openRegular(args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			b, err := prove.Open(f, size)
			if err != nil {
				return verdict(err, args[0])
			}
			var paths, ids []string
			for _, a := range args[1:] {
				switch {
				case findingID.MatchString(a):
					ids = append(ids, a)
				case a == ".":
					paths = append(paths, "")
				default:
					paths = append(paths, canon.Escape(strings.TrimPrefix(a, "./")))
				}
			}
			d, err := prove.Disclose(b, paths, ids)
			if err != nil {
				return verdict(err, args[0])
			}
			content, err := d.Bytes()
			if err != nil {
				return err
			}
			if file == "-" {
				_, err := cmd.OutOrStdout().Write(content)
				return err
			}
			if file == "" {
				file = strings.TrimSuffix(filepath.Base(args[0]), bundleEnd) + ".disclosed.json"
			}
			if err := writeFile(file, func(w io.Writer) error { _, err := w.Write(content); return err }); err != nil {
				return err
			}
			for i := range d.Leaves {
				what, err := leafWords(&d.Leaves[i])
				if err != nil {
					return err
				}
				fmt.Fprintf(cmd.OutOrStdout(), "%-12s%s\n", "opens", term.Clean(what))
			}
			fmt.Fprintf(cmd.OutOrStdout(), "%-12s%s\n%-12swardein verify BUNDLE --policy FILE --disclosed %s\n", "wrote", term.Clean(file), "next", report.Quote(file))
			return nil
		},
	}
	cmd.Flags().StringVarP(&file, "output", "o", "", "write to this `FILE` (default: NAME.disclosed.json); \"-\" is standard output")
	return cmd
}

var findingID = regexp.MustCompile(`^F-[0-9a-f]{8}$`)
