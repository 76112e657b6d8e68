package main

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
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
overwritten. Of names that fall together on the host the second becomes NAME~2,
the third NAME~3, a folder with all that is in it. Standard error lists these,
and says how much was written.`,
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
			x := &exporter{root: root, left: maxSize << 20, opened: map[string]bool{}, fresh: len(there) == 0,
				folders: map[string]string{"": "."}, taken: map[string]bool{}, next: map[string]int{}}
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
				for _, r := range x.renamed {
					fmt.Fprintf(cmd.ErrOrStderr(), "wardein: %s is in %s: the name was taken\n", term.Clean(r[0]), term.Clean(r[1]))
				}
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
	opened               map[string]bool   // paths of nodes with content, whose members go to NAME.d
	fresh                bool              // INTO was empty: what is there is of this run
	folders              map[string]string // path of a node with members → its folder below INTO
	taken                map[string]bool   // those folders
	next                 map[string]int    // number that a name below INTO gets next
	renamed              [][2]string       // path of a node, and its name below INTO
	failed               int
	first                error
}

// forgive counts what one name cannot be written for, so that the others are.
func (x *exporter) forgive(err error) error {
	if !errors.Is(err, syscall.ENAMETOOLONG) {
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
	if n.Path == "" {
		return nil // the input itself
	}
	switch n.Kind {
	case wardein.Directory:
		x.dirs++
		_, err := x.folder(n.Path)
		return err
	case wardein.File, wardein.Region:
		return x.file(l, v)
	case wardein.Symlink, wardein.HardLink:
		x.files++
		return x.write(n.Path, "."+n.Kind.String(), strings.NewReader(n.Target), int64(len(n.Target)), 0o644)
	}
	x.skipped++
	return nil
}

// hostName is the name below INTO that a node should have.
func (x *exporter) hostName(p string) (string, error) {
	i := strings.LastIndexByte(p, '/')
	dir, err := x.folder(p[:max(i, 0)])
	if dir == "." {
		return safeName(p[i+1:]), err
	}
	return dir + "/" + safeName(p[i+1:]), err
}

// folder makes the folder below INTO for what is in a node: NAME, or NAME.d
// beside the file NAME, or another name where that is not free.
func (x *exporter) folder(p string) (string, error) {
	if at, ok := x.folders[p]; ok {
		return at, nil
	}
	want, err := x.hostName(p)
	if err != nil {
		return "", err
	}
	if x.opened[p] {
		want += ".d"
	}
	at, err := x.free(p, want, func(name string) error {
		err := x.root.Mkdir(name, 0o755)
		if errors.Is(err, fs.ErrExist) && !x.fresh && !x.taken[name] {
			if st, serr := x.root.Lstat(name); serr == nil && st.IsDir() {
				return nil // of an earlier export
			}
			return exists(name)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	x.folders[p], x.taken[at] = at, true
	return at, nil
}

// free calls create with the name that a node should have and, as long as
// there is something of that name, with name~2, name~3 and so on.
func (x *exporter) free(p, want string, create func(name string) error) (string, error) {
	name, err := want, create(want)
	for n := max(x.next[want], 2); errors.Is(err, fs.ErrExist); n++ {
		name = fmt.Sprintf("%s~%d", want, n)
		err = create(name)
		x.next[want] = n + 1
	}
	if err == nil && name != want {
		x.renamed = append(x.renamed, [2]string{p, name})
	}
	return name, err
}

func (x *exporter) file(l *lab, v *unpack.Visit) error {
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
	return x.write(v.Node.Path, "", r, v.Node.Size, mode)
}

// write writes a file for a node, end behind its name.
func (x *exporter) write(p, end string, r io.Reader, size int64, mode fs.FileMode) error {
	if size > x.left {
		return &hinted{fmt.Errorf("size limit reached: %s", term.Clean(p)), "--max-size raises it"}
	}
	x.left -= size
	want, err := x.hostName(p)
	if err != nil {
		return err
	}
	var f *os.File
	_, err = x.free(p, want+end, func(name string) (err error) {
		f, err = x.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
		if errors.Is(err, fs.ErrExist) && !x.fresh {
			return exists(name)
		}
		return err
	})
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}

func exists(name string) error {
	return &hinted{fmt.Errorf("exists already: %s", term.Clean(name)), "export into an empty folder"}
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
