package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/wardein/wardein"
	checks "github.com/wardein/wardein/check/all"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/report"
	"github.com/wardein/wardein/report/csaf"
)

// output is one wanted form of a result and the file it goes to, "-" for
// standard output.
type output struct {
	kind, file string
	publisher  csaf.Publisher // of a CSAF document
}

// kinds are the forms that inspect writes, with the ends of their files' names.
var kinds = map[string]string{
	"table": "-", "json": ".wardein.json", "jsonl": ".tree.jsonl", "html": ".html",
	"cyclonedx": ".cdx.json", "spdx": ".spdx.json", "spdx3": ".spdx3.json", "sarif": ".sarif", "csaf": ".csaf.json",
	"run": ".run.json",
}

const kindList = "table, json, jsonl, html, cyclonedx, spdx, spdx3, sarif, csaf, run"

// parseOutputs reads -o flags; name is the release's. Without any, the table
// goes to standard output and the report and its tree file into the current
// folder.
func parseOutputs(flags []string, name string) (out []output, err error) {
	if len(flags) == 0 {
		out = []output{{kind: "json", file: name + kinds["json"]}}
	}
	more, err := outputsOf(flags, name, kinds, kindList)
	return append(out, more...), err
}

// outputsOf reads -o flags of kinds that have these ends; the table goes to
// standard output when nothing else does.
func outputsOf(flags []string, name string, ends map[string]string, list string) (out []output, err error) {
	stdout := 0
	for _, f := range flags {
		kind, file, named := strings.Cut(f, "=")
		end, ok := ends[kind]
		if !ok {
			return nil, &hinted{fmt.Errorf("unknown output: %q", kind), "outputs are " + list}
		}
		switch {
		case named && file == "":
			return nil, &hinted{fmt.Errorf("no file after =: %q", f), "\"-\" is standard output"}
		case !named && end == "-":
			file = "-"
		case !named:
			file = name + end
		}
		if file == "-" {
			stdout++
		}
		out = append(out, output{kind: kind, file: file})
	}
	if stdout > 1 {
		return nil, &hinted{fmt.Errorf("standard output can take one result: %d are to go there", stdout), "give the others a file: -o html=FILE"}
	}
	if stdout == 0 {
		out = append(out, output{kind: "table", file: "-"})
	}
	return out, nil
}

// writable tells before a long run what could not be written after it.
func writable(outputs []output) error {
	for _, o := range outputs {
		if o.file == "-" {
			continue
		}
		where := o.file
		if _, err := os.Stat(o.file); err != nil {
			where = filepath.Dir(o.file)
		}
		if err := unix.Access(where, unix.W_OK); err != nil {
			return &hinted{&fs.PathError{Op: "create", Path: o.file, Err: err}, "nothing was read; -o KIND=FILE names another place, -o table writes no file"}
		}
	}
	return nil
}

// treeFile is the name of the tree file beside a report file.
func treeFile(file string) string {
	return strings.TrimSuffix(strings.TrimSuffix(file, ".json"), ".wardein") + ".tree.jsonl"
}

// write writes the wanted outputs and returns the names of the files.
func (r *result) write(outputs []output, input string, stdout io.Writer, color bool) (files []string, err error) {
	messages := report.Messages(checks.Checks())
	screen := report.Screen{Color: color}
	if input != "-" {
		screen.Input = input
	}
	if f, ok := stdout.(*os.File); ok && term.IsTerminal(f) {
		screen.Width = term.Width(f)
	}
	for _, o := range outputs {
		if o.kind == "json" && o.file != "-" && screen.Saved == "" {
			screen.Saved = o.file
			if o.file == r.name+kinds["json"] {
				screen.Saved = r.name
			}
		}
	}
	put := func(file string, f func(io.Writer) error) error {
		if file == "-" {
			if err := f(stdout); !errors.Is(err, syscall.EPIPE) { // who reads no more has seen enough
				return err
			}
			return nil
		}
		files = append(files, file)
		return writeFile(file, f)
	}
	for _, o := range outputs {
		switch o.kind {
		case "json":
			err = put(o.file, func(w io.Writer) error {
				_, err := w.Write(report.JSON(r.report, messages))
				return err
			})
			if err == nil && o.file != "-" {
				err = put(treeFile(o.file), r.writeTree)
			}
		case "jsonl":
			err = put(o.file, r.writeTree)
		case "run":
			err = put(o.file, func(w io.Writer) error {
				b, err := newRun("inspect", r.began, report.Digest(r.report, messages))
				if err == nil {
					_, err = w.Write(append(b, '\n'))
				}
				return err
			})
		case "html":
			err = put(o.file, func(w io.Writer) error {
				st, err := r.tree.Stat()
				if err != nil {
					return err
				}
				return report.HTML(w, r.report, r.name, report.OpenTree(r.tree, st.Size(), nil, nil), messages)
			})
		case "table":
			err = put(o.file, func(w io.Writer) error {
				s := screen
				if o.file != "-" {
					s.Width, s.Color = 0, false
				}
				return report.Table(w, r.report, r.name, messages, s)
			})
		default:
			err = put(o.file, func(w io.Writer) error { return r.writeForm(w, o) })
		}
		if err != nil {
			return files, err
		}
	}
	return files, nil
}

// writeTree writes the tree file.
func (r *result) writeTree(w io.Writer) error {
	if _, err := r.tree.Seek(0, io.SeekStart); err != nil {
		return err
	}
	_, err := io.Copy(w, r.tree)
	return err
}

// tellReplaced says that a report of another release is about to be replaced:
// image.bin and image.zip have one name.
func tellReplaced(cmd *cobra.Command, o output, release wardein.Digest) {
	if _, err := os.Stat(o.file); o.kind != "json" || err != nil || !strings.HasSuffix(o.file, ".json") {
		return
	}
	if s, err := openSaved(o.file); err == nil && s.Release.Digest != release.String() {
		fmt.Fprintf(cmd.ErrOrStderr(), "wardein: %s was the report of another release (sha256:%s…) and is replaced; -o json=FILE keeps both\n",
			term.Clean(o.file), term.Clean(clip(s.Release.Digest, 12)))
	}
}

func writeFile(file string, f func(io.Writer) error) error {
	out, err := os.Create(file)
	if err != nil {
		return err
	}
	w := bufio.NewWriter(out)
	if err := f(w); err != nil {
		out.Close()
		return err
	}
	if err := w.Flush(); err != nil {
		out.Close()
		return err
	}
	return out.Close()
}

// useColor decides on colour: flag, then NO_COLOR, then CLICOLOR_FORCE, then
// whether standard output is a terminal that can.
func useColor(flag string, stdout io.Writer) (bool, error) {
	if err := checkColor(flag); err != nil {
		return false, err
	}
	if flag != "auto" {
		return flag == "always", nil
	}
	if os.Getenv("NO_COLOR") != "" {
		return false, nil
	}
	if v := os.Getenv("CLICOLOR_FORCE"); v != "" && v != "0" {
		return true, nil
	}
	f, ok := stdout.(*os.File)
	return ok && term.IsTerminal(f) && os.Getenv("TERM") != "dumb", nil
}
