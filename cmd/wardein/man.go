package main

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

func manCmd() *cobra.Command {
	return &cobra.Command{
		Use:     "man",
		Short:   "Print the manual page",
		Long:    "Print the manual page of all verbs, made from the same texts as --help.",
		Example: `  wardein man | man -l -`,
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return printed(cmd, func(out *bufio.Writer) error { return writeMan(out, cmd.Root()) })
		},
	}
}

// exitCodes is the table of exit codes for the manual page.
var exitCodes = []struct{ code, meaning string }{
	{"0", "done"},
	{"1", "done; a finding is at or above --fail-on, or delivered found a difference"},
	{"2", "bad usage, or it cannot run; standard error says what and where"},
	{"3", "done, with gaps, and --strict was given"},
	{"130", "interrupted; the report, if any, says that it is partial"},
}

// verbs are the verbs with work of their own, in the order of help.
func verbs(c *cobra.Command) (all []*cobra.Command) {
	for _, v := range c.Commands() {
		switch {
		case v.Hidden || v.Name() == "completion" || v.Name() == "help":
		case v.HasSubCommands():
			all = append(append(all, v), verbs(v)...)
		default:
			all = append(all, v)
		}
	}
	return all
}

// usageLine is how a verb is called.
func usageLine(v *cobra.Command) string {
	if v.HasSubCommands() {
		return v.CommandPath() + " VERB"
	}
	return strings.TrimSuffix(v.UseLine(), " [flags]")
}

func longText(v *cobra.Command) string {
	if v.Long != "" {
		return v.Long
	}
	return v.Short + "."
}

// flagLine is a flag as help shows it, and what it does.
func flagLine(f *pflag.Flag) (name, does string) {
	word, does := pflag.UnquoteUsage(f)
	name = "--" + f.Name
	if f.Shorthand != "" {
		name = "-" + f.Shorthand + ", " + name
	}
	if word != "" {
		name += " " + word
	}
	if d := strings.Trim(f.DefValue, "[]"); d != "" && d != "false" && d != "0" {
		does += " (default " + d + ")"
	}
	return name, does
}

// flagsOf calls f for each flag of a verb but --help.
func flagsOf(v *cobra.Command, f func(*pflag.Flag)) {
	v.NonInheritedFlags().VisitAll(func(x *pflag.Flag) {
		if x.Name != "help" && !x.Hidden {
			f(x)
		}
	})
}

// writeMan writes the manual page in the man(7) macros.
func writeMan(w io.Writer, root *cobra.Command) error {
	fmt.Fprintf(w, ".TH WARDEIN 1 \"\" \"wardein %s\" \"User Commands\"\n", roff(version))
	fmt.Fprintf(w, ".SH NAME\nwardein \\- %s\n", roff(strings.ToLower(root.Short[:1])+root.Short[1:]))
	fmt.Fprintf(w, ".SH SYNOPSIS\n.B wardein\n.I VERB\n[\\fIflags\\fR] [\\fIarguments\\fR]\n.SH DESCRIPTION\n")
	roffText(w, root.Long)
	fmt.Fprintf(w, ".SH VERBS\n")
	for _, v := range verbs(root) {
		fmt.Fprintf(w, ".SS %s\n", roff(usageLine(v)))
		roffText(w, longText(v))
		flagsOf(v, func(f *pflag.Flag) {
			name, does := flagLine(f)
			fmt.Fprintf(w, ".TP\n.B %s\n%s\n", roff(name), roff(does))
		})
		if v.Example != "" {
			fmt.Fprint(w, ".PP\n")
			roffText(w, v.Example)
		}
	}
	fmt.Fprint(w, ".SH EXIT STATUS\n")
	for _, e := range exitCodes {
		fmt.Fprintf(w, ".TP\n.B %s\n%s\n", e.code, roff(e.meaning))
	}
	fmt.Fprint(w, ".PP\nWhere several apply: 2, then 3, then 1. Any other code is a failure.\n.SH ENVIRONMENT\n")
	for _, s := range settings {
		fmt.Fprintf(w, ".TP\n.B %s\n%s\n", roff(variable(s.key)), roff(s.about))
	}
	fmt.Fprint(w, ".TP\n.B NO_COLOR, CLICOLOR_FORCE\nno colour; colour also where standard output is no terminal\n")
	fmt.Fprint(w, ".TP\n.B WARDEIN_DEBUG\nshow where an internal error happened\n")
	_, err := fmt.Fprint(w, ".SH FILES\n.TP\n.I ./wardein.toml\nsettings for this folder\n.TP\n.I $XDG_CONFIG_HOME/wardein/config.toml\nthe user's settings\n.TP\n.I $XDG_CACHE_HOME/wardein/store\nwhat was unpacked before\n")
	return err
}

// roffText writes paragraphs; lines that are indented stay as they are.
func roffText(w io.Writer, s string) {
	kept := false
	for i, l := range strings.Split(s, "\n") {
		in := strings.HasPrefix(l, "  ")
		switch {
		case in && !kept:
			fmt.Fprint(w, ".PP\n.nf\n")
		case !in && kept:
			fmt.Fprint(w, ".fi\n")
		}
		kept = in
		switch {
		case l != "":
			fmt.Fprintf(w, "%s\n", roff(l))
		case i > 0 && !in:
			fmt.Fprint(w, ".PP\n")
		}
	}
	if kept {
		fmt.Fprint(w, ".fi\n")
	}
}

// roff escapes text for a manual page.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`, "…", "...", "·", `\(bu`).Replace(s)
	if strings.HasPrefix(s, ".") || strings.HasPrefix(s, "'") {
		s = `\&` + s
	}
	return s
}

// writeVerbs writes docs/verbs.md.
func writeVerbs(w io.Writer, root *cobra.Command) {
	fmt.Fprint(w, "# Verbs\n\nGenerated from the texts of `--help` by `go test ./cmd/wardein -update`. What holds for all of them stands in [cli.md](cli.md).\n")
	for _, v := range verbs(root) {
		fmt.Fprintf(w, "\n## %s\n\n```\n%s\n```\n\n%s\n", strings.TrimPrefix(v.CommandPath(), "wardein "), usageLine(v), fenced(longText(v)))
		rows := 0
		flagsOf(v, func(f *pflag.Flag) {
			if rows++; rows == 1 {
				fmt.Fprint(w, "\n| flag | what it does |\n|---|---|\n")
			}
			name, does := flagLine(f)
			fmt.Fprintf(w, "| `%s` | %s |\n", name, strings.ReplaceAll(does, "|", `\|`))
		})
		if v.Example != "" {
			fmt.Fprintf(w, "\n%s\n", fenced(v.Example))
		}
	}
}

// fenced puts runs of indented lines between fences.
func fenced(s string) string {
	var out []string
	in := false
	for _, l := range strings.Split(s, "\n") {
		if at := strings.HasPrefix(l, "  "); at != in {
			out = append(out, "```")
			in = at
		}
		out = append(out, strings.TrimPrefix(l, "  "))
	}
	if in {
		out = append(out, "```")
	}
	return strings.Join(out, "\n")
}
