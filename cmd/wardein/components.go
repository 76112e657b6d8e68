package main

import (
	"bufio"
	"cmp"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/report"
)

func componentsCmd() *cobra.Command {
	var asJSON, seen bool
	cmd := &cobra.Command{
		Use:   "components NAME|REPORT [PRODUCT…]",
		Short: "List the products that were identified, and what shows them",
		Long: `List the products that a report names, one a line: product, version, how sure,
what a package database declares, the node that shows it. A "-" is a version
that could not be told. PRODUCT picks products by the beginning of their name.

With --seen each place is a line of its own: the way of identification, the
version that this place shows, node, offset, and the bytes.

  package     a package database, manifest or notice
  rule        a version line that only this product has
  identity    what the file calls itself, with the one version in it
  getter      a function that returns its version
  symbols     the names that it exports
  strings     a set of its strings`,
		Example: `  wardein components olt-5.2.1
  wardein components --seen olt-5.2.1 openssl
  wardein inspect -o cyclonedx olt-5.2.1.bin       as a bill of materials`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: completeReports,
		RunE: func(cmd *cobra.Command, args []string) error {
			s, err := openSaved(args[0])
			if err != nil {
				return err
			}
			list := pick(s.Components, args[1:])
			if len(list) == 0 && !asJSON {
				fmt.Fprintln(cmd.ErrOrStderr(), "wardein: no such component was identified")
			}
			return printed(cmd, func(out *bufio.Writer) error {
				if asJSON {
					raw := make([]json.RawMessage, len(list))
					for i := range list {
						raw[i] = list[i].Raw
					}
					return writeRaw(out, "components", raw)
				}
				for i := range list {
					writeComponent(out, &list[i], seen)
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	cmd.Flags().BoolVar(&seen, "seen", false, "each place that shows a component")
	return cmd
}

// pick returns the components whose name begins with one of the names.
func pick(all []report.SavedComponent, names []string) (list []report.SavedComponent) {
	if len(names) == 0 {
		return all
	}
	for _, c := range all {
		for _, n := range names {
			if strings.HasPrefix(plain(c.Name), strings.ToLower(n)) {
				list = append(list, c)
				break
			}
		}
	}
	return list
}

func writeComponent(out *bufio.Writer, c *report.SavedComponent, seen bool) {
	declared, node := "-", "-"
	if len(c.Declared) > 0 {
		d := &c.Declared[0]
		declared = term.Clean(d.System) + " " + plain(d.Package) + " " + plain(d.Version)
	}
	if len(c.Seen) > 0 {
		node = orDot(c.Seen[0].Quote.Node)
	}
	fmt.Fprintf(out, "%-24s  %-16s  %-8s  %-36s  %s\n", plain(c.Name), cmp.Or(plain(c.Version), "-"), term.Clean(c.Confidence), declared, node)
	if !seen {
		return
	}
	for i := range c.Seen {
		o := &c.Seen[i]
		fmt.Fprintf(out, "    %-8s  %-16s  %-8s  %8s  %s  %s\n", term.Clean(o.By), cmp.Or(plain(o.Version), "-"), term.Clean(o.Confidence),
			offset(o.Quote.Off), orDot(o.Quote.Node), cmp.Or(plain(o.Quote.Bytes), "-"))
	}
}
