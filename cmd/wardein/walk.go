package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wardein/wardein"
	formats "github.com/wardein/wardein/format/all"
	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/report"
	"github.com/wardein/wardein/unpack"
)

// errFound ends a walk early.
var errFound = errors.New("found")

// walkRelease walks a release's tree: from the store where it holds it, else
// by unpacking. No checks run.
func walkRelease(ctx context.Context, file string, flags labFlags, visit func(l *lab, v *unpack.Visit) error) (err error) {
	show := newProgress(flags.quiet || flags.prints && term.IsTerminal(os.Stdout), "hashing the input")
	defer show.end()
	l, err := openLab(ctx, file, flags)
	if err != nil {
		return err
	}
	show.reading(l.in.Size)
	defer func() {
		if cerr := l.close(); err == nil {
			err = cerr
		}
	}()
	l.Progress = show.update
	runErr := l.Run(ctx, l.in, func(v *unpack.Visit) error { return visit(l, v) })
	show.end()
	if err := l.commit(); err != nil {
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

// spot is a path of a release as a user gives it: as it is or, where there is
// no such path, as wardein prints it.
type spot struct {
	path    string
	printed bool
}

func spotArg(args []string) spot {
	if len(args) < 2 {
		return spot{}
	}
	return spot{path: strings.Trim(args[1], "/")}
}

// otherwise turns to the printed form, false when that is no other.
func (p *spot) otherwise() bool {
	again := !p.printed && strings.Contains(p.path, `\`)
	p.printed = true
	return again
}

// rel is a node's path below the place; ok is false when it is not there.
func (p *spot) rel(path string) (rel string, ok bool) {
	if p.printed {
		path = term.Clean(path)
	}
	return strings.TrimPrefix(strings.TrimPrefix(path, p.path), "/"), below(path, p.path)
}

func treeCmd() *cobra.Command {
	var flags labFlags
	var depth int
	cmd := &cobra.Command{
		Use:   "tree FILE|DIR|- [PATH]",
		Short: "Show what is inside a release, as a tree",
		Long: `Tree shows the nodes below PATH (or all): name, bytes, the format that opened
it, and how many gaps it has. No checks run. wardein ls lists the same nodes in
columns or as JSON.`,
		Example: `  wardein tree olt.bin --depth 2
  wardein tree olt.bin 00010000.squashfs/etc`,
		Args: cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			var last []string // names of the line before
			return listNodes(cmd, args, flags, false, func(out *bufio.Writer, n *wardein.Node, rel string) error {
				level := 0
				if rel != "" {
					level = strings.Count(rel, "/") + 1
				}
				names := strings.Split(rel, "/")
				for i := range names[:max(level, 1)-1] { // folders that are no nodes
					if (depth == 0 || i < depth) && !startsWith(last, names[:i+1]) {
						fmt.Fprintf(out, "%s%s/\n", strings.Repeat("  ", i+1), term.Clean(names[i]))
					}
				}
				last = names
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
		},
	}
	addLabFlags(cmd, &flags)
	cmd.Flags().IntVar(&depth, "depth", 0, "show at most this many `LEVELS`")
	return cmd
}

// startsWith tells whether names begin with others.
func startsWith(names, others []string) bool {
	return len(names) >= len(others) && slices.Equal(names[:len(others)], others)
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
		s += "  (" + plural(len(n.Gaps), "gap") + ")"
	}
	return s
}

var kindLetters = map[wardein.Kind]string{wardein.File: "-", wardein.Directory: "d", wardein.Symlink: "l", wardein.HardLink: "h",
	wardein.CharDevice: "c", wardein.BlockDevice: "b", wardein.FIFO: "p", wardein.Socket: "s", wardein.Region: "r"}

func lsCmd() *cobra.Command {
	var flags labFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "ls FILE|DIR|- [PATH]",
		Short: "List nodes with mode, owner, size, digest and format",
		Long:  "List the nodes below PATH, one a line: type and mode, owner, size, SHA-256, format, path.",
		Args:  cobra.RangeArgs(1, 2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return listNodes(cmd, args, flags, asJSON, func(out *bufio.Writer, n *wardein.Node, _ string) error { return listNode(out, n) })
		},
	}
	addLabFlags(cmd, &flags)
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON: the nodes as in the tree file (docs/report.md)")
	return cmd
}

// listNodes shows the nodes below a path, or gives them as JSON. rel is a node's
// path below it.
func listNodes(cmd *cobra.Command, args []string, flags labFlags, asJSON bool, show func(out *bufio.Writer, n *wardein.Node, rel string) error) error {
	file, done, err := input(cmd, args[0])
	if err != nil {
		return err
	}
	defer done()
	start := spotArg(args)
	found := false
	flags.prints = true
	return printed(cmd, func(out *bufio.Writer) error {
		list := nodeList{out: out}
		visit := func(_ *lab, v *unpack.Visit) error {
			rel, ok := start.rel(v.Node.Path)
			if !ok {
				return nil
			}
			found = true
			if asJSON {
				return list.add(v.Node)
			}
			return show(out, v.Node, rel)
		}
		err := walkRelease(cmd.Context(), file, flags, visit)
		if err == nil && !found && start.otherwise() {
			err = walkRelease(cmd.Context(), file, flags, visit)
		}
		if err == nil && !found {
			err = noPath(args[0], start.path)
		}
		if err == nil && asJSON {
			err = list.end()
		}
		return err
	})
}

// noPath is the error of a path that a release does not have.
func noPath(file, p string) error {
	return &hinted{fmt.Errorf("no such path: %s", p), "wardein find " + report.Quote(file) + " --name " + report.Quote(path.Base(p))}
}

// nodeList writes nodes as one JSON object, a node a line.
type nodeList struct {
	out *bufio.Writer
	w   canon.Writer
	n   int
}

func (l *nodeList) add(n *wardein.Node) error {
	lead := ","
	if l.n == 0 {
		lead = "{\"nodes\":[\n"
	}
	l.n++
	l.w.Reset()
	report.AppendNode(&l.w, n)
	l.out.WriteString(lead)
	_, err := l.out.Write(l.w.B)
	return err
}

func (l *nodeList) end() error {
	if l.n == 0 {
		l.out.WriteString("{\"nodes\":[")
	}
	_, err := l.out.WriteString("],\"version\":\"" + report.Version + "\"}\n")
	return err
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
	var unknown, asJSON bool
	cmd := &cobra.Command{
		Use:   "find FILE|DIR|-",
		Short: "Find nodes by name, format or digest",
		Long:  "List the paths of all nodes for which everything holds that the flags say.",
		Example: `  wardein find olt.bin --name '*.key'
  wardein find olt.bin --format elf
  wardein find olt.bin --unknown`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := path.Match(name, ""); err != nil {
				return fmt.Errorf("bad pattern %q: --name", name)
			}
			if format != "" && !slices.Contains(formatNames(), format) {
				return unknownName("format", format, formatNames())
			}
			file, done, err := input(cmd, args[0])
			if err != nil {
				return err
			}
			defer done()
			flags.prints = true
			return printed(cmd, func(out *bufio.Writer) error {
				list := nodeList{out: out}
				err := walkRelease(cmd.Context(), file, flags, func(_ *lab, v *unpack.Visit) error {
					n := v.Node
					if name != "" {
						if ok, _ := path.Match(name, path.Base(n.Path)); !ok || n.Path == "" {
							return nil
						}
					}
					if format != "" && n.Format != format || digest != "" && !hasDigest(n, digest) || unknown && !hasUnknown(n) {
						return nil
					}
					if asJSON {
						return list.add(n)
					}
					p := term.Clean(n.Path)
					if p == "" {
						p = "."
					}
					_, err := fmt.Fprintln(out, p)
					return err
				})
				if err == nil && asJSON {
					err = list.end()
				}
				return err
			})
		},
	}
	addLabFlags(cmd, &flags)
	cmd.Flags().StringVar(&name, "name", "", "last part of the path, as a shell `PATTERN`")
	cmd.Flags().StringVar(&format, "format", "", "opened as this `FORMAT`")
	cmd.Flags().StringVar(&digest, "sha256", "", "content with this `DIGEST` (or its beginning)")
	cmd.Flags().BoolVar(&unknown, "unknown", false, "with bytes that nothing explains")
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON: the nodes as in the tree file (docs/report.md)")
	complete(cmd, "format", formatNames()...)
	return cmd
}

// formatNames are the names that a node's format can have.
func formatNames() []string {
	names := []string{"text"}
	for _, f := range formats.Formats() {
		names = append(names, f.Name)
	}
	return names
}

func hasDigest(n *wardein.Node, digest string) bool {
	return (n.Kind == wardein.File || n.Kind == wardein.Region) && strings.HasPrefix(n.Blob.String(), strings.ToLower(digest))
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
		Use:   "cat FILE|DIR|- PATH",
		Short: "Write one node's bytes to standard output",
		Long: `Cat writes the bytes of the node at PATH as they are: into a file or a program,
not onto a terminal.`,
		Example: `  wardein cat olt.bin 00010000.squashfs/etc/passwd | less`,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, done, err := input(cmd, args[0])
			if err != nil {
				return err
			}
			defer done()
			want := spotArg(args)
			flags.prints = true
			found := false
			visit := func(l *lab, v *unpack.Visit) error {
				if rel, ok := want.rel(v.Node.Path); !ok || rel != "" {
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
			}
			err = walkRelease(cmd.Context(), file, flags, visit)
			if err == nil && !found && want.otherwise() {
				err = walkRelease(cmd.Context(), file, flags, visit)
			}
			if err == nil && !found {
				err = noPath(args[0], want.path)
			}
			return err
		},
	}
	addLabFlags(cmd, &flags)
	return cmd
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
