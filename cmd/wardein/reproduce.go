package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wardein/wardein"
	checks "github.com/wardein/wardein/check/all"
	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/report"
)

// maxReport bounds a report that is read whole, in bytes.
const maxReport = 1 << 30

func reproduceCmd() *cobra.Command {
	var flags labFlags
	var given given
	var file string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "reproduce BUNDLE|REPORT --input FILE",
		Short: "Inspect a release again and compare the report to the byte",
		Long: `Reproduce inspects a release again, from its bytes alone and without what the
store remembers, in the way a report's recipe says, and compares the new report
with that one, byte for byte.

The same release, the same wardein and the same data give the same report. Where
they do not, reproduce names what differs in the recipe: the module's version,
the compiler, a format or check, the data, an option; and the first place where
the result itself differs, as a JSON pointer.

The evaluation date, the comparison with published defaults and the sandbox are
taken from the recipe. A vendor's hash list, key sets and a database are given
as they were to inspect.

Exit code: 0 the same bytes, 1 they differ, 2 bad usage or it cannot run.`,
		Example: `  wardein reproduce olt-5.2.1.wardein --input olt-5.2.1.bin
  wardein reproduce olt-5.2.1.wardein.json --input olt-5.2.1.bin --json | jq -r .pointer`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if file == "" {
				return &hinted{fmt.Errorf("no release to inspect again"), "--input FILE names it"}
			}
			there, err := readReport(args[0])
			if err != nil {
				return err
			}
			was, err := report.Parse(there, nil)
			if err != nil {
				return fmt.Errorf("%w: %s", err, args[0])
			}
			if flags.keys, err = readKeySets(given.keys); err != nil {
				return err
			}
			recipe := &was.Report.Recipe
			flags.asOf = recipe.AsOf
			if err := checkDate(flags.asOf); err != nil {
				return fmt.Errorf("the report's recipe: %w", err)
			}
			flags.noCage = flags.noCage || option(recipe, "sandbox") == "off"
			flags.published = option(recipe, "published-defaults") != ""
			given.db.no = given.db.db == "" && !hasData(recipe, "vulnerabilities")
			temp, err := os.MkdirTemp("", "wardein-reproduce-*")
			if err != nil {
				return err
			}
			defer os.RemoveAll(temp)
			flags.store = temp
			res, err := given.inspect(cmd, file, outputName(file), flags)
			if err != nil {
				return err
			}
			defer res.cleanup()
			if res.report.Partial {
				return &exit{exitInterrupted}
			}
			again, err := compareReports(was.Report, there, res.report, report.JSON(res.report, report.Messages(checks.Checks())))
			if err != nil {
				return fmt.Errorf("%w: %s", err, args[0])
			}
			if err := printed(cmd, func(out *bufio.Writer) error {
				if asJSON {
					return writeJSON(out, again.write)
				}
				again.print(out, filepath.Base(args[0]))
				return nil
			}); err != nil || again.same {
				return err
			}
			return &exit{exitThreshold}
		},
	}
	given.add(cmd)
	f := cmd.Flags()
	f.StringVar(&file, "input", "", "the release, a `FILE` or folder; \"-\" is standard input")
	f.BoolVar(&flags.noCage, "no-sandbox", false, "read hostile bytes without the sandbox; the report says so, and differs")
	f.BoolVarP(&flags.quiet, "quiet", "q", false, "no progress and no notes on standard error")
	f.BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

// readReport reads a report file, or the report of a bundle.
func readReport(name string) ([]byte, error) {
	if b, err := bundleReport(name); b != nil || err != nil {
		return b, err
	}
	f, err := openReport(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	b, err := io.ReadAll(io.LimitReader(f, maxReport+1))
	if err == nil && len(b) > maxReport {
		err = fmt.Errorf("report of more than %d bytes: %s", maxReport, name)
	}
	return b, err
}

// option is the value of a recipe's option, "" for none.
func option(r *wardein.Recipe, name string) string {
	for _, o := range r.Options {
		if o.Name == name {
			return o.Value
		}
	}
	return ""
}

func hasData(r *wardein.Recipe, name string) bool {
	return slices.ContainsFunc(r.Data, func(d wardein.Source) bool { return d.Name == name })
}

// comparison is how two reports of one release stand to each other.
type comparison struct {
	same    bool
	release [2]wardein.Digest
	digests [2]wardein.Digest // of the reports
	reasons []string          // what differs in their recipes
	pointer string            // the first place outside the recipe that differs
	values  [2]string
	differs bool // there is such a place
}

// compareReports compares a report with one made again; their bytes are those
// of the two files.
func compareReports(was *wardein.Report, there []byte, is *wardein.Report, here []byte) (*comparison, error) {
	c := &comparison{same: bytes.Equal(there, here), release: [2]wardein.Digest{was.Release.Digest, is.Release.Digest},
		digests: [2]wardein.Digest{sha256.Sum256(there), sha256.Sum256(here)}}
	if c.same {
		return c, nil
	}
	c.reasons = recipeReasons(&was.Recipe, &is.Recipe)
	var rest [2][]byte // without the recipes
	for i, b := range [2][]byte{there, here} {
		var parts map[string]json.RawMessage
		if err := json.Unmarshal(b, &parts); err != nil {
			return nil, fmt.Errorf("not a report: %w", err)
		}
		delete(parts, "recipe")
		var err error
		if rest[i], err = json.Marshal(parts); err != nil {
			return nil, err
		}
	}
	pointer, a, b, differs, err := canon.Diff(rest[0], rest[1])
	c.pointer, c.values, c.differs = pointer, [2]string{excerpt(a), excerpt(b)}, differs
	return c, err
}

// excerpt is the beginning of a JSON value, "nothing" for none.
func excerpt(v []byte) string {
	if v == nil {
		return "nothing"
	}
	if len(v) > 120 {
		return string(v[:120]) + "…"
	}
	return string(v)
}

// recipeReasons tells in what two recipes differ, a line each.
func recipeReasons(there, here *wardein.Recipe) (reasons []string) {
	var lists [2]map[string]string
	for i, r := range [2]*wardein.Recipe{there, here} {
		l := map[string]string{"evaluation date": r.AsOf, "wardein": r.Module, "compiler": r.Go, "go.sum": r.GoSum.String()}
		for _, x := range r.Formats {
			l["format "+x.Name] = fmt.Sprint("version ", x.Version)
		}
		for _, x := range r.Checks {
			l["check "+x.Name] = fmt.Sprint("version ", x.Version)
		}
		for _, x := range r.Data {
			l["data "+x.Name] = strings.TrimSpace(x.Date + " sha256:" + x.Digest.String())
		}
		for _, x := range r.Options {
			l["option "+x.Name] = x.Value
		}
		lists[i] = l
	}
	for name, v := range lists[0] {
		if w, ok := lists[1][name]; !ok {
			reasons = append(reasons, name+": "+v+" there, absent here")
		} else if v != w {
			reasons = append(reasons, name+": "+v+" there, "+w+" here")
		}
	}
	for name, w := range lists[1] {
		if _, ok := lists[0][name]; !ok {
			reasons = append(reasons, name+": absent there, "+w+" here")
		}
	}
	slices.Sort(reasons)
	return reasons
}

func (c *comparison) print(out *bufio.Writer, name string) {
	line := func(label, format string, args ...any) {
		fmt.Fprintf(out, "%-12s%s\n", label, term.Clean(fmt.Sprintf(format, args...)))
	}
	if c.same {
		fmt.Fprintf(out, "%s · REPRODUCED to the byte\n", term.Clean(name))
		line("release", "sha256:%s", c.release[0])
		line("report", "sha256:%s", c.digests[0])
		return
	}
	fmt.Fprintf(out, "%s · NOT REPRODUCED\n", term.Clean(name))
	line("report", "sha256:%s there, sha256:%s here", c.digests[0], c.digests[1])
	if c.release[0] != c.release[1] {
		line("because", "the report is about another release: sha256:%s there, sha256:%s here", c.release[0], c.release[1])
	}
	label := "because"
	for _, r := range c.reasons {
		line(label, "%s", r)
		label = ""
	}
	if len(c.reasons) == 0 && c.release[0] == c.release[1] {
		line("because", "nothing in the recipe differs: the same release, tool and data gave another result")
	}
	if !c.differs {
		line("result", "the same but for the recipe")
		return
	}
	line("first at", "%s", c.pointer)
	line("  there", "%s", c.values[0])
	line("  here", "%s", c.values[1])
}

func (c *comparison) write(w *canon.Writer) {
	pair := func(name, a, b string) {
		w.Field(name).Object(func() {
			w.Field("here").Bytes(b)
			w.Field("there").Bytes(a)
		})
	}
	w.Field("pointer").Bytes(c.pointer)
	w.Field("reasons").Array(func() {
		for _, r := range c.reasons {
			w.Bytes(r)
		}
	})
	pair("release", c.release[0].String(), c.release[1].String())
	pair("report", c.digests[0].String(), c.digests[1].String())
	w.Field("same").Bool(c.same)
	w.Field("same_result").Bool(c.same || !c.differs)
	pair("values", c.values[0], c.values[1])
}
