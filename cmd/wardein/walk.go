package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/unpack"
)

// errFound ends a walk early.
var errFound = errors.New("found")

// walkRelease walks a release's tree: from the store where it holds it, else
// by unpacking. No checks run.
func walkRelease(ctx context.Context, file string, flags labFlags, visit func(l *lab, v *unpack.Visit) error) (err error) {
	l, err := openLab(ctx, file, flags)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := l.close(); err == nil {
			err = cerr
		}
	}()
	show := newProgress(flags.quiet, l.in.Size)
	l.Progress = show.update
	runErr := l.Run(ctx, l.in, func(v *unpack.Visit) error { return visit(l, v) })
	show.end()
	if err := l.run.Commit(); err != nil {
		return err
	}
	if errors.Is(runErr, errFound) {
		return nil
	}
	return advise(runErr)
}

// below tells whether a path is dir or lies in it.
func below(p, dir string) bool {
	return dir == "" || p == dir || strings.HasPrefix(p, dir) && p[len(dir)] == '/'
}

func cleanArg(args []string) string {
	if len(args) < 2 {
		return ""
	}
	return strings.Trim(args[1], "/")
}

func treeCmd() *cobra.Command {
	var flags labFlags
	var depth int
	cmd := &cobra.Command{
		Use:   "tree FILE [PATH]",
		Short: "Show what is inside a release, as a tree",
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			out := bufio.NewWriter(cmd.OutOrStdout())
			defer out.Flush()
			start := cleanArg(args)
			found := false
			err := walkRelease(cmd.Context(), args[0], flags, func(_ *lab, v *unpack.Visit) error {
				n := v.Node
				if !below(n.Path, start) {
					return nil
				}
				found = true
				rel := strings.TrimPrefix(strings.TrimPrefix(n.Path, start), "/")
				level := 0
				if rel != "" {
					level = strings.Count(rel, "/") + 1
				}
				if depth > 0 && level > depth {
					return nil
				}
				name := path.Base(n.Path)
				if n.Path == "" {
					name = "."
				}
				_, err := fmt.Fprintf(out, "%s%s%s\n", strings.Repeat("  ", level), term.Clean(name), describeNode(n))
				return err
			})
			if err == nil && !found {
				err = fmt.Errorf("no such path: %s", term.Clean(start))
			}
			return err
		},
	}
	addLabFlags(cmd, &flags)
	cmd.Flags().IntVar(&depth, "depth", 0, "show at most this many `LEVELS`")
	return cmd
}

// describeNode is what stands behind a name in a listing.
func describeNode(n *wardein.Node) string {
	switch n.Kind {
	case wardein.Directory:
		return "/"
	case wardein.Symlink:
		return " -> " + term.Clean(n.Target)
	case wardein.HardLink:
		return " = " + term.Clean(n.Target)
	case wardein.CharDevice, wardein.BlockDevice:
		return fmt.Sprintf("  [%s %d,%d]", n.Kind, n.Major, n.Minor)
	case wardein.FIFO, wardein.Socket:
		return fmt.Sprintf("  [%s]", n.Kind)
	}
	s := fmt.Sprintf("  %d B", n.Size)
	if n.Format != "" {
		s += "  " + n.Format
	}
	if len(n.Gaps) > 0 {
		s += fmt.Sprintf("  (%d gaps)", len(n.Gaps))
	}
	return s
}

var kindLetters = map[wardein.Kind]string{wardein.File: "-", wardein.Directory: "d", wardein.Symlink: "l", wardein.HardLink: "h",
	wardein.CharDevice: "c", wardein.BlockDevice: "b", wardein.FIFO: "p", wardein.Socket: "s", wardein.Region: "r"}

func lsCmd() *cobra.Command {
	var flags labFlags
	cmd := &cobra.Command{
		Use:   "ls FILE [PATH]",
		Short: "List nodes with mode, owner, size, digest and format",
		Long:  "List the nodes below PATH, one a line: type and mode, owner, size, SHA-256, format, path.",
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			out := bufio.NewWriter(cmd.OutOrStdout())
			defer out.Flush()
			start := cleanArg(args)
			found := false
			err := walkRelease(cmd.Context(), args[0], flags, func(_ *lab, v *unpack.Visit) error {
				if !below(v.Node.Path, start) {
					return nil
				}
				found = true
				return listNode(out, v.Node)
			})
			if err == nil && !found {
				err = fmt.Errorf("no such path: %s", term.Clean(start))
			}
			return err
		},
	}
	addLabFlags(cmd, &flags)
	return cmd
}

func listNode(out io.Writer, n *wardein.Node) error {
	digest, format := "-", n.Format
	if n.Kind == wardein.File || n.Kind == wardein.Region {
		digest = n.Blob.String()
	}
	if format == "" {
		format = "-"
	}
	p := term.Clean(n.Path)
	if p == "" {
		p = "."
	}
	if n.Target != "" {
		p += " -> " + term.Clean(n.Target)
	}
	_, err := fmt.Fprintf(out, "%s%04o %d:%d %d %s %s %s\n", kindLetters[n.Kind], n.Mode, n.UID, n.GID, n.Size, digest, format, p)
	return err
}

func findCmd() *cobra.Command {
	var flags labFlags
	var name, format, digest string
	var unknown bool
	cmd := &cobra.Command{
		Use:   "find FILE",
		Short: "Find nodes by name, format or digest",
		Example: `  wardein find olt.bin --name '*.key'
  wardein find olt.bin --format elf
  wardein find olt.bin --unknown`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := path.Match(name, ""); err != nil {
				return fmt.Errorf("bad pattern %q: --name", name)
			}
			out := bufio.NewWriter(cmd.OutOrStdout())
			defer out.Flush()
			return walkRelease(cmd.Context(), args[0], flags, func(_ *lab, v *unpack.Visit) error {
				n := v.Node
				if name != "" {
					if ok, _ := path.Match(name, path.Base(n.Path)); !ok {
						return nil
					}
				}
				if format != "" && n.Format != format || digest != "" && !strings.HasPrefix(n.Blob.String(), digest) {
					return nil
				}
				if unknown && !hasUnknown(n) {
					return nil
				}
				_, err := fmt.Fprintln(out, term.Clean(n.Path))
				return err
			})
		},
	}
	addLabFlags(cmd, &flags)
	cmd.Flags().StringVar(&name, "name", "", "last part of the path, as a shell `PATTERN`")
	cmd.Flags().StringVar(&format, "format", "", "opened as this `FORMAT`")
	cmd.Flags().StringVar(&digest, "sha256", "", "content with this `DIGEST` (or its beginning)")
	cmd.Flags().BoolVar(&unknown, "unknown", false, "with bytes that nothing explains")
	return cmd
}

func hasUnknown(n *wardein.Node) bool {
	for _, s := range n.Spans {
		if s.What == wardein.Unknown {
			return true
		}
	}
	return false
}

func catCmd() *cobra.Command {
	var flags labFlags
	cmd := &cobra.Command{
		Use:   "cat FILE PATH",
		Short: "Write one node's bytes to standard output",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			want := cleanArg(args)
			found := false
			err := walkRelease(cmd.Context(), args[0], flags, func(l *lab, v *unpack.Visit) error {
				if v.Node.Path != want {
					return nil
				}
				found = true
				r, err := l.Content(v)
				if err != nil {
					return err
				}
				if _, err := io.Copy(cmd.OutOrStdout(), r); err != nil {
					return err
				}
				return errFound
			})
			if err == nil && !found {
				err = fmt.Errorf("no such path: %s", term.Clean(want))
			}
			return err
		},
	}
	addLabFlags(cmd, &flags)
	return cmd
}
