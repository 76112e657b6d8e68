package main

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/internal/term"
)

func configCmd() *cobra.Command {
	var asJSON bool
	var keys strings.Builder
	for _, s := range settings {
		fmt.Fprintf(&keys, "  %-9s %s\n", s.key, s.about)
	}
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Show the settings in effect, and where each came from",
		Long: `Config shows what holds where the command line says nothing: for each key its
value and where it came from. A flag goes before its variable, the variable
before ./wardein.toml, that before config.toml in the folder wardein of
$XDG_CONFIG_HOME (~/.config), and that before the default. A key is the long
name of a flag, its variable is WARDEIN_FAIL_ON for fail-on.

` + keys.String() + `
store and db are not taken from ./wardein.toml, and no key turns the sandbox off: a
folder that somebody delivered must not decide either. A key that is not in the
list is an error.`,
		Example: `  echo 'fail-on = "high"' > wardein.toml && wardein config
  WARDEIN_OUTPUT=table,html wardein config --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			all, err := configured()
			if err != nil {
				return err
			}
			for _, s := range settings {
				if _, ok := all[s.key]; !ok {
					all[s.key] = value{[]string{defaultOf(cmd.Root(), s.key)}, "default"}
				}
			}
			strayVariables(cmd)
			return printed(cmd, func(out *bufio.Writer) error {
				if asJSON {
					return writeConfigJSON(out, all)
				}
				width := len("value")
				for _, v := range all {
					width = max(width, len(shown(v)))
				}
				fmt.Fprintf(out, "%-9s %-*s %s\n", "key", width, "value", "from")
				for _, s := range settings {
					v := all[s.key]
					fmt.Fprintf(out, "%-9s %-*s %s\n", s.key, width, shown(v), term.Clean(v.from))
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

func shown(v value) string {
	if s := term.Clean(v.String()); s != "" {
		return s
	}
	return "-"
}

func writeConfigJSON(out *bufio.Writer, all map[string]value) error {
	return writeJSON(out, func(w *canon.Writer) {
		w.Field("settings").Array(func() {
			for _, s := range settings {
				v := all[s.key]
				w.Object(func() {
					w.Field("from").Bytes(v.from)
					w.Field("key").Text(s.key)
					w.Field("value").Bytes(v.String())
				})
			}
		})
	})
}

// defaultOf is the default of the flag that a key is named after.
func defaultOf(root *cobra.Command, key string) string {
	if key == "store" {
		return defaultStore()
	}
	if key == "db" {
		return defaultDB()
	}
	for _, c := range append(root.Commands(), subcommands(root)...) {
		if f := c.LocalFlags().Lookup(key); f != nil {
			return strings.Trim(f.DefValue, "[]")
		}
	}
	return ""
}

func subcommands(root *cobra.Command) (all []*cobra.Command) {
	for _, c := range root.Commands() {
		all = append(all, c.Commands()...)
	}
	return all
}

// strayVariables tells of variables that look like settings and are none.
func strayVariables(cmd *cobra.Command) {
	known := []string{"WARDEIN_DEBUG"}
	for _, s := range settings {
		known = append(known, variable(s.key))
	}
	for _, e := range os.Environ() {
		name, _, _ := strings.Cut(e, "=")
		if !strings.HasPrefix(name, "WARDEIN_") || slices.Contains(known, name) || strings.HasPrefix(name, "WARDEIN_TEST_") {
			continue
		}
		hint := ""
		if n := nearest(name, known); n != "" {
			hint = "; did you mean " + n + "?"
		}
		fmt.Fprintf(cmd.ErrOrStderr(), "wardein: no setting: %s%s\n", term.Clean(name), hint)
	}
}
