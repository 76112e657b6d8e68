package main

import (
	"bufio"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"sort"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/unpack"
)

// readBack is one file and how it stands to the release.
type readBack struct {
	Path, State string
	Release     string // path in the release, "" for none
}

// The states of a file that was read back.
const (
	stateMatches = "matches"
	stateDiffers = "differs"
	stateUnknown = "not in the release"
	stateMissing = "missing"
)

func deliveredCmd() *cobra.Command {
	var flags labFlags
	var root string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "delivered RELEASE DIR",
		Short: "Compare files read back from an element with a release",
		Long: `Delivered says for each regular file below DIR whether the release holds the
same bytes. One line each: state, path below DIR, path in the release.

  matches             the same bytes stand in the release
  differs             a file of that path or name is there, with other bytes
  not in the release  neither its bytes nor its name are there
  missing             the release has a file there, DIR has none

DIR is taken for the folder of the release below which most of its files match
by path; --root names it. Missing files are those of that folder that stand in
no other file. Links are not followed. Exit 1 when anything but matches.`,
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			file, done, err := input(cmd, args[0])
			if err != nil {
				return err
			}
			defer done()
			files, skipped, err := hashDir(cmd.Context(), args[1])
			if err != nil {
				return err
			}
			held := &holdings{byDigest: map[wardein.Digest][]string{}, byPath: map[string]wardein.Digest{}, byName: map[string][]string{}}
			if err := walkRelease(cmd.Context(), file, flags, held.add); err != nil {
				return err
			}
			rows := held.compare(files, strings.Trim(root, "/"), cmd.Flags().Changed("root"))
			same := true
			for _, r := range rows {
				same = same && r.State == stateMatches
			}
			if err := printed(cmd, func(out *bufio.Writer) error { return writeDelivered(out, rows, asJSON) }); err != nil && !errors.Is(err, syscall.EPIPE) {
				return err
			}
			if skipped > 0 && !flags.quiet {
				fmt.Fprintf(cmd.ErrOrStderr(), "wardein: %d links and devices below DIR were not compared\n", skipped)
			}
			if !same {
				return &exit{exitThreshold}
			}
			return nil
		},
	}
	addLabFlags(cmd, &flags)
	cmd.Flags().StringVar(&root, "root", "", "DIR was read from this `PATH` of the release")
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

func writeDelivered(out *bufio.Writer, rows []readBack, asJSON bool) error {
	if asJSON {
		return writeJSON(out, func(w *canon.Writer) {
			w.Field("files").Array(func() {
				for _, r := range rows {
					w.Object(func() {
						w.Field("path").Bytes(r.Path)
						w.Field("release").Bytes(r.Release)
						w.Field("state").Text(r.State)
					})
				}
			})
		})
	}
	for _, r := range rows {
		at := "-"
		if r.Release != "" {
			at = term.Clean(r.Release)
		}
		fmt.Fprintf(out, "%-18s  %s  %s\n", r.State, term.Clean(r.Path), at)
	}
	return nil
}

// hashDir hashes the regular files below dir and counts what is neither file
// nor folder.
func hashDir(ctx context.Context, dir string) (files map[string]wardein.Digest, skipped int, err error) {
	// A FIFO would be waited for.
	if st, err := os.Stat(dir); err == nil && !st.IsDir() {
		return nil, 0, &fs.PathError{Op: "open", Path: dir, Err: syscall.ENOTDIR}
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, 0, err
	}
	defer root.Close()
	files = map[string]wardein.Digest{}
	err = fs.WalkDir(root.FS(), ".", func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case d.IsDir():
			return nil
		case !d.Type().IsRegular():
			skipped++
			return nil
		}
		f, err := root.OpenFile(p, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		h := sha256.New()
		if _, err := io.Copy(h, f); err != nil {
			return err
		}
		files[p] = wardein.Digest(h.Sum(nil))
		return nil
	})
	return files, skipped, err
}

// holdings are the files of a release.
type holdings struct {
	byDigest map[wardein.Digest][]string
	byPath   map[string]wardein.Digest
	byName   map[string][]string
	order    []string
}

func (h *holdings) add(_ *lab, v *unpack.Visit) error {
	n := v.Node
	if n.Kind != wardein.File && n.Kind != wardein.Region {
		return nil
	}
	h.byDigest[n.Blob] = append(h.byDigest[n.Blob], n.Path)
	h.byPath[n.Path] = n.Blob
	h.byName[path.Base(n.Path)] = append(h.byName[path.Base(n.Path)], n.Path)
	h.order = append(h.order, n.Path)
	return nil
}

// root is the folder of the release below which most files match by path,
// the first of several; ok is false when none does.
func (h *holdings) root(files map[string]wardein.Digest) (best string, ok bool) {
	votes := map[string]int{}
	for p, d := range files {
		for _, at := range h.byDigest[d] {
			if at == p {
				votes[""]++
			} else if up, found := strings.CutSuffix(at, "/"+p); found {
				votes[up]++
			}
		}
	}
	most := 0
	for up, n := range votes {
		if n > most || n == most && up < best {
			best, most = up, n
		}
	}
	return best, most > 0
}

func (h *holdings) compare(files map[string]wardein.Digest, root string, given bool) (rows []readBack) {
	known := given
	if !given {
		root, known = h.root(files)
	}
	for p, d := range files {
		r := readBack{Path: p, State: stateUnknown}
		here := joinPath(root, p)
		_, there := h.byPath[here]
		same, named := h.byDigest[d], h.byName[path.Base(p)]
		switch {
		case known && there && h.byPath[here] == d:
			r.State, r.Release = stateMatches, here
		case known && there:
			r.State, r.Release = stateDiffers, here
		case len(same) > 0:
			r.State, r.Release = stateMatches, same[0]
		case len(named) > 0:
			r.State, r.Release = stateDiffers, named[0]
		}
		rows = append(rows, r)
	}
	if known {
		for _, at := range h.order {
			rel, ok := strings.CutPrefix(at, root+"/")
			if root == "" {
				rel, ok = at, at != ""
			}
			if !ok || files[rel] != (wardein.Digest{}) || h.inside(root, rel) {
				continue
			}
			rows = append(rows, readBack{Path: rel, State: stateMissing, Release: at})
		}
	}
	sort.Slice(rows, func(i, j int) bool { return rows[i].Path < rows[j].Path })
	return rows
}

// inside tells whether a path below root stands in another file there.
func (h *holdings) inside(root, rel string) bool {
	for i := strings.LastIndexByte(rel, '/'); i > 0; i = strings.LastIndexByte(rel[:i], '/') {
		if _, ok := h.byPath[joinPath(root, rel[:i])]; ok {
			return true
		}
	}
	return false
}
