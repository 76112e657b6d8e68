package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"strings"
	"syscall"
	"unicode"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/unpack"
)

func exportCmd() *cobra.Command {
	var flags labFlags
	var maxSize int64
	cmd := &cobra.Command{
		Use:   "export FILE|DIR|- INTO [PATH…]",
		Short: "Copy what is inside a release out to a folder, safely",
		Long: `Export writes files and folders below PATH (or all) into INTO. Names can't leave
it: components that are "..", too long or not allowed on the host are written
in an escaped form. No link is followed. Symbolic links are written as small
text files NAME.symlink; devices, FIFOs and sockets are never made. Files that
were opened become NAME, and what is inside them NAME.d/. Nothing that exists is
overwritten. Standard error says how much was written.`,
		Example: `  wardein export olt.bin out
  wardein export olt.bin out 00010000.squashfs/etc`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, done, err := input(cmd, args[0])
			if err != nil {
				return err
			}
			defer done()
			if err := os.MkdirAll(args[1], 0o755); err != nil {
				return err
			}
			root, err := os.OpenRoot(args[1])
			if err != nil {
				return err
			}
			defer root.Close()
			there, err := os.ReadDir(args[1])
			if err != nil {
				return err
			}
			x := &exporter{root: root, left: maxSize << 20, opened: map[string]bool{}, fresh: len(there) == 0}
			var starts []string
			for _, a := range args[2:] {
				starts = append(starts, strings.Trim(a, "/"))
			}
			err = walkRelease(cmd.Context(), file, flags, func(l *lab, v *unpack.Visit) error {
				if k := v.Node.Kind; k == wardein.File || k == wardein.Region {
					x.opened[v.Node.Path] = true
				}
				if !wanted(v.Node.Path, starts) {
					return nil
				}
				return x.forgive(x.node(l, v))
			})
			if err != nil {
				return err
			}
			if x.files+x.dirs+x.skipped == 0 && len(starts) > 0 {
				return noPath(args[0], starts[0])
			}
			if x.failed > 0 {
				return fmt.Errorf("%s could not be written, the first: %w", plural(x.failed, "node"), x.first)
			}
			if !flags.quiet {
				fmt.Fprintf(cmd.ErrOrStderr(), "wardein: %s, %s written; %d devices and the like are not made\n", plural(x.files, "file"), plural(x.dirs, "folder"), x.skipped)
			}
			return nil
		},
	}
	addLabFlags(cmd, &flags)
	cmd.Flags().Int64Var(&maxSize, "max-size", 16<<10, "write at most this many `MB`")
	return cmd
}

func wanted(p string, starts []string) bool {
	for _, s := range starts {
		if below(p, s) {
			return true
		}
	}
	return len(starts) == 0
}

type exporter struct {
	root                 *os.Root
	left                 int64
	files, dirs, skipped int
	opened               map[string]bool // paths of nodes with content, whose members go to NAME.d
	fresh                bool            // INTO was empty: what is there is of this run
	failed               int
	first                error
}

// forgive counts what one name cannot be written for, so that the others are.
func (x *exporter) forgive(err error) error {
	if !errors.Is(err, syscall.ENOTDIR) && !errors.Is(err, syscall.EISDIR) && !errors.Is(err, syscall.ENAMETOOLONG) && !(x.fresh && errors.Is(err, fs.ErrExist)) {
		return err
	}
	if x.failed++; x.failed == 1 {
		x.first = err
	}
	return nil
}

// node writes one node.
func (x *exporter) node(l *lab, v *unpack.Visit) error {
	n := v.Node
	name := x.hostName(n.Path)
	switch n.Kind {
	case wardein.Directory:
		if n.Path == "" {
			return nil
		}
		x.dirs++
		return x.root.MkdirAll(name, 0o755)
	case wardein.File, wardein.Region:
		if n.Path == "" {
			return nil // the input itself
		}
		return x.file(l, v, name)
	case wardein.Symlink, wardein.HardLink:
		x.files++
		return x.write(name+"."+n.Kind.String(), strings.NewReader(n.Target), int64(len(n.Target)), 0o644)
	}
	x.skipped++
	return nil
}

func (x *exporter) file(l *lab, v *unpack.Visit, name string) error {
	r, err := l.Content(v)
	if err != nil {
		x.skipped++
		return nil
	}
	mode := fs.FileMode(0o644)
	if v.Node.Mode&0o111 != 0 {
		mode = 0o755
	}
	x.files++
	return x.write(name, r, v.Node.Size, mode)
}

func (x *exporter) write(name string, r io.Reader, size int64, mode fs.FileMode) error {
	if size > x.left {
		return &hinted{fmt.Errorf("size limit reached: %s", term.Clean(name)), "--max-size raises it"}
	}
	x.left -= size
	if dir := path.Dir(name); dir != "." {
		if err := x.root.MkdirAll(dir, 0o755); err != nil {
			return err
		}
	}
	f, err := x.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	for n := 2; x.fresh && errors.Is(err, fs.ErrExist) && n < 10; n++ { // a and a.symlink may want one name
		f, err = x.root.OpenFile(fmt.Sprintf("%s~%d", name, n), os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	}
	if !x.fresh && errors.Is(err, fs.ErrExist) {
		return &hinted{fmt.Errorf("exists already: %s", term.Clean(name)), "export into an empty folder"}
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}

// hostName is the path below INTO for a node's path: the members of a node
// with content go to NAME.d, and components that a host might misread are
// escaped.
func (x *exporter) hostName(p string) string {
	if p == "" {
		return "."
	}
	parts := strings.Split(p, "/")
	at := ""
	for i, part := range parts {
		at = joinPath(at, part)
		parts[i] = safeName(part)
		if i < len(parts)-1 && x.opened[at] {
			parts[i] += ".d"
		}
	}
	return strings.Join(parts, "/")
}

// safeName escapes a component so that it is one plain file name on the host.
func safeName(s string) string {
	if s == "" || s == "." || s == ".." {
		return strings.Repeat("%2E", len(s)) + "_"
	}
	var b strings.Builder
	for i, n := 0, 0; i < len(s); i += n {
		var r rune
		r, n = utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 || !unicode.IsGraphic(r) || strings.ContainsRune(`%\:`, r) {
			for _, c := range []byte(s[i : i+n]) { // what no terminal or program should meet
				fmt.Fprintf(&b, "%%%02X", c)
			}
		} else {
			b.WriteString(s[i : i+n])
		}
	}
	out := b.String()
	if len(out) > 200 {
		out = fmt.Sprintf("%s~%.8x", strings.ToValidUTF8(out[:180], ""), sha256.Sum256([]byte(s)))
	}
	return out
}
