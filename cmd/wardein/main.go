// Command wardein is an evaluation lab for the software inside telecom and
// network equipment.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/unpack"
	"github.com/wardein/wardein/vulndb/feed"
)

// version is set by release builds: -ldflags "-X main.version=1.2.3".
var version = "devel"

// The exit codes are a promise (docs: the command line).
const (
	exitDone        = 0
	exitThreshold   = 1 // findings at or above --fail-on, or a difference
	exitUsage       = 2 // bad usage, or cannot run
	exitGaps        = 3 // done with gaps, and --strict
	exitRefused     = 4 // a verification failed
	exitInterrupted = 130
)

// exit is an error that carries an exit code and needs no message.
type exit struct{ code int }

func (e *exit) Error() string { return fmt.Sprintf("exit %d", e.code) }

// hinted is an error with advice.
type hinted struct {
	err  error
	hint string
}

func (h *hinted) Error() string { return h.err.Error() }
func (h *hinted) Unwrap() error { return h.err }

// refused is the error of a verification that failed.
type refused struct{ error }

func (r *refused) Unwrap() error { return r.error }

func main() {
	if len(os.Args) > 1 && os.Args[1] == unpack.ChildArg {
		if err := unpack.ChildMain(config()); err != nil {
			fmt.Fprintln(os.Stderr, "wardein: child:", err)
			os.Exit(1)
		}
		return
	}
	if len(os.Args) > 1 && os.Args[1] == "data" {
		feed.TuneCollector()
	} else {
		unpack.TuneCollector()
	}
	os.Exit(run())
}

func run() (code int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	signal.Ignore(syscall.SIGPIPE) // a write to a closed pipe is an error like others, and quiet
	answerUSR1()
	defer func() {
		if v := recover(); v != nil && os.Getenv("WARDEIN_DEBUG") == "" {
			fmt.Fprintf(os.Stderr, "wardein: error: internal: %s\nwardein: hint: this is a mistake in wardein; WARDEIN_DEBUG=1 shows where\n", term.Clean(fmt.Sprint(v)))
			code = exitUsage
		} else if v != nil {
			panic(v)
		}
	}()
	root := rootCmd()
	cmd, err := root.ExecuteContextC(ctx)
	err = usage(cmd, err)
	var ex *exit
	switch {
	case err == nil:
		return exitDone
	case errors.As(err, &ex):
		return ex.code
	case errors.Is(err, syscall.EPIPE):
		return exitDone
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "wardein: interrupted")
		return exitInterrupted
	}
	fmt.Fprintln(os.Stderr, "wardein: error:", term.Clean(describe(err)))
	var h *hinted
	if errors.As(err, &h) {
		fmt.Fprintln(os.Stderr, "wardein: hint:", term.Clean(h.hint))
	}
	if r := (*refused)(nil); errors.As(err, &r) {
		return exitRefused
	}
	return exitUsage
}

// rootCmd is the command line: parsing, help, completion, the manual page and
// docs/verbs.md come from it.
func rootCmd() *cobra.Command {
	root := &cobra.Command{
		Use:   "wardein",
		Short: "Look into a release: what is in it, what could not be looked at, what was found",
		Long: `wardein unpacks firmware, packages, archives and directories to the last byte,
accounts for every byte, and runs checks over what came out. What could not be
looked at is reported as a gap, beside what was found.

Start with:  wardein inspect FILE`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			if strings.HasPrefix(cmd.Name(), cobra.ShellCompRequestCmd) {
				return nil // completion goes on where a file is wrong
			}
			return configure(cmd)
		},
	}
	for _, g := range []struct {
		id, title string
		verbs     []*cobra.Command
	}{
		{"release", "Look into a release:", []*cobra.Command{inspectCmd(), treeCmd(), lsCmd(), findCmd(), catCmd(), exportCmd(), deliveredCmd(), equivCmd(), compareCmd(), recheckCmd()}},
		{"report", "Read a report:", []*cobra.Command{componentsCmd(), gapsCmd(), showCmd(), scorecardCmd(), testcasesCmd(), claimCmd(), reuseCmd(), renderCmd()}},
		{"proof", "Prove a result, and check it:", []*cobra.Command{proveCmd(), verifyCmd(), discloseCmd(), profileCmd(), decideCmd(), reproduceCmd(), contactCmd(), counterCmd(), logCmd(), witnessCmd(), keysCmd()}},
		{"network", "Look at a network:", []*cobra.Command{placeCmd(), policyCmd(), genCmd()}},
		{"self", "About wardein:", []*cobra.Command{formatsCmd(), checksCmd(), dataCmd(), storeCmd(), configCmd(), versionCmd(), manCmd(), helpCmd()}},
	} {
		root.AddGroup(&cobra.Group{ID: g.id, Title: g.title})
		for _, c := range g.verbs {
			c.GroupID = g.id
			if c.Name() == "help" {
				root.SetHelpCommand(c)
			} else {
				root.AddCommand(c)
			}
		}
	}
	cobra.EnableCommandSorting = false
	root.SetHelpCommandGroupID("self")
	root.SetCompletionCommandGroupID("self")
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			c.Short = "Print the completion of bash, zsh or fish"
			c.Args, c.RunE = nil, group("bash, zsh, fish or powershell")
			for _, shell := range c.Commands() { // it prints; a configuration is of no use to it
				shell.PersistentPreRunE = func(*cobra.Command, []string) error { return nil }
			}
		}
	}
	root.Flags().Bool("version", false, "show the version")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return &hinted{err, flagHint(cmd, err)} })
	return root
}

// group is the work of a verb that only holds others.
func group(names string) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) > 0 {
			return &hinted{fmt.Errorf("unknown command: %s %q", cmd.Name(), args[0]), names}
		}
		return cmd.Help()
	}
}

// helpCmd is help that does not take an unknown verb for a known one.
func helpCmd() *cobra.Command {
	return &cobra.Command{
		Use:               "help [VERB]",
		Short:             "Explain a verb",
		PersistentPreRunE: func(*cobra.Command, []string) error { return nil },
		ValidArgsFunction: func(cmd *cobra.Command, args []string, _ string) (names []string, _ cobra.ShellCompDirective) {
			for _, c := range cmd.Root().Commands() {
				if len(args) == 0 {
					names = append(names, c.Name())
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			c, rest, err := cmd.Root().Find(args)
			if err != nil || len(rest) > 0 {
				return unknownVerb(cmd.Root(), strings.Join(args, " "))
			}
			c.InitDefaultHelpFlag()
			return c.Help()
		},
	}
}

func unknownVerb(root *cobra.Command, name string) error {
	var names []string
	for _, c := range root.Commands() {
		names = append(names, c.Name())
	}
	hint := "wardein help lists the commands"
	if n := nearest(name, names); n != "" {
		hint = "did you mean " + n + "?"
	}
	return &hinted{fmt.Errorf("unknown command %q", name), hint}
}

// usage gives the errors of the command line's own reading a hint.
func usage(cmd *cobra.Command, err error) error {
	var h *hinted
	if err == nil || errors.As(err, &h) {
		return err
	}
	s := err.Error()
	switch {
	case strings.HasPrefix(s, "unknown command ") && !cmd.HasParent():
		_, rest, _ := strings.Cut(s, `"`)
		name, _, _ := strings.Cut(rest, `"`)
		return unknownVerb(cmd, name)
	case strings.HasPrefix(s, "unknown command "), strings.HasPrefix(s, "accepts ") || strings.HasPrefix(s, "requires "):
		what := "too many arguments"
		if n := len(cmd.Flags().Args()); n < strings.Count(cmd.Use, " ")-strings.Count(cmd.Use, "[") {
			what = "an argument is missing"
		}
		return &hinted{fmt.Errorf("%s: %s", what, cmd.CommandPath()), "usage: " + cmd.UseLine()}
	}
	return err
}

// printed runs the body of a verb with a buffered standard output. What could
// not be written is an error like another.
func printed(cmd *cobra.Command, body func(out *bufio.Writer) error) error {
	out := bufio.NewWriter(cmd.OutOrStdout())
	err := body(out)
	if ferr := out.Flush(); err == nil {
		err = ferr
	}
	return err
}

// flagHint is advice on a flag that could not be read.
func flagHint(cmd *cobra.Command, err error) string {
	if name, ok := strings.CutPrefix(err.Error(), "unknown flag: --"); ok {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if n := nearest(name, names); n != "" {
			return "did you mean --" + n + "?"
		}
	}
	return cmd.CommandPath() + " --help lists the flags"
}

// nearest is the name with the fewest edits to s, "" when none is near.
func nearest(s string, names []string) (best string) {
	least := max(len(s)/3, 1) + 1
	for _, n := range names {
		if d := edits(s, n); d < least || len(s) > 2 && strings.HasPrefix(n, s) {
			best, least = n, min(d, least)
		}
	}
	return best
}

// edits is the Levenshtein distance of two words.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		last := row[0]
		row[0] = i + 1
		for j := range len(b) {
			d := last
			if a[i] != b[j] {
				d = 1 + min(last, row[j], row[j+1])
			}
			last, row[j+1] = row[j+1], d
		}
	}
	return row[len(b)]
}

// describe puts an error as "what: where".
func describe(err error) string {
	var h *hinted
	if errors.As(err, &h) && err == error(h) {
		err = h.err
	}
	var p *fs.PathError
	if errors.As(err, &p) && err == error(p) {
		return fmt.Sprintf("%v: %s", p.Err, p.Path)
	}
	return err.Error()
}
