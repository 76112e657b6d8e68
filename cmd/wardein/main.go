// Command wardein is an evaluation lab for the software inside telecom and
// network equipment.
package main

import (
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
)

// version is set by release builds: -ldflags "-X main.version=1.2.3".
var version = "devel"

// The exit codes are a promise (docs: the command line).
const (
	exitDone        = 0
	exitThreshold   = 1 // findings at or above --fail-on, or a difference
	exitUsage       = 2 // bad usage, or cannot run
	exitGaps        = 3 // done with gaps, and --strict
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

func main() {
	if len(os.Args) > 1 && os.Args[1] == unpack.ChildArg {
		if err := unpack.ChildMain(config()); err != nil {
			fmt.Fprintln(os.Stderr, "wardein: child:", err)
			os.Exit(1)
		}
		return
	}
	unpack.TuneCollector()
	os.Exit(run())
}

func run() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	signal.Ignore(syscall.SIGPIPE) // a write to a closed pipe is an error like others, and quiet
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
	}
	root.CompletionOptions.HiddenDefaultCmd = false
	root.AddCommand(inspectCmd(), treeCmd(), lsCmd(), catCmd(), findCmd(), exportCmd(), formatsCmd(), checksCmd(), gapsCmd(), showCmd(), deliveredCmd(), storeCmd(), versionCmd())
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return &hinted{err, flagHint(cmd, err)} })
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
	return exitUsage
}

// usage gives the errors of the command line's own reading a hint.
func usage(cmd *cobra.Command, err error) error {
	if err == nil {
		return nil
	}
	s := err.Error()
	switch {
	case strings.HasPrefix(s, "unknown command "):
		what, _, _ := strings.Cut(s, "\n")
		what = strings.TrimSuffix(what, ` for "wardein"`)
		var names []string
		for _, c := range cmd.Root().Commands() {
			names = append(names, c.Name())
		}
		_, rest, _ := strings.Cut(what, `"`)
		if n := nearest(strings.Trim(rest, `"`), names); n != "" {
			return &hinted{errors.New(what), "did you mean " + n + "?"}
		}
		return &hinted{errors.New(what), "wardein help lists the commands"}
	case strings.HasPrefix(s, "accepts ") || strings.HasPrefix(s, "requires "):
		return &hinted{fmt.Errorf("%s: %s", s, cmd.CommandPath()), "usage: " + cmd.UseLine()}
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
	var p *fs.PathError
	if errors.As(err, &p) && err == error(p) {
		return fmt.Sprintf("%v: %s", p.Err, p.Path)
	}
	return err.Error()
}
