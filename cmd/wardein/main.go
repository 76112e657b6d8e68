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
	"syscall"

	"github.com/spf13/cobra"

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
	root.AddCommand(inspectCmd(), treeCmd(), lsCmd(), catCmd(), findCmd(), exportCmd(), formatsCmd(), checksCmd(), gapsCmd(), showCmd(), storeCmd(), versionCmd())
	err := root.ExecuteContext(ctx)
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
	fmt.Fprintln(os.Stderr, "wardein: error:", describe(err))
	var h *hinted
	if errors.As(err, &h) {
		fmt.Fprintln(os.Stderr, "wardein: hint:", h.hint)
	}
	return exitUsage
}

// describe puts an error as "what: where".
func describe(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) && err == error(p) {
		return fmt.Sprintf("%v: %s", p.Err, p.Path)
	}
	return err.Error()
}
