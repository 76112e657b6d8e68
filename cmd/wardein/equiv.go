package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/compare/equiv"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/prove/keys"
	"github.com/wardein/wardein/prove/statement"
	"github.com/wardein/wardein/unpack"
)

// equivKinds are the forms that equiv writes, with the ends of their files'
// names.
var equivKinds = map[string]string{"table": "-", "json": ".equiv.json", "html": ".equiv.html"}

const equivKindList = "table, json, html"

// equivEnd ends the names of signed results' files.
const equivEnd = ".equiv.dsse.json"

func equivCmd() *cobra.Command {
	var e equivalence
	cmd := &cobra.Command{
		Use:   "equiv SHIPPED REBUILT [REBUILT2]",
		Short: "Say whether a shipped release is the one built from the inspected source",
		Long: `Equiv compares a shipped release with one that was built from the source that was
inspected. Nothing is erased before the comparison: each byte that differs is
explained by a named rule, or listed. --facts declares what is known of the two
builds: dates, folders, users, hosts, signatures (docs/equiv.md); --init prints
such a file to begin with. wardein equiv rules lists the rules.

The verdict on each file and on the release is one of

  identical       the same bytes
  equivalent      all that differs is explained
  different       something is not: file, section, function, before and after
  not comparable  a part was not opened, or has no counterpart

With a second rebuild, where the two rebuilds differ is the noise of the build;
what differs elsewhere is marked.

--key signs the result, whatever it is, as a statement of its own, in
NAME.equiv.dsse.json, which wardein log add takes.

Exit code: 0 nothing differs beyond the rules in what could be compared, 1
different, or nothing could be compared, 2 bad usage or it cannot run, 3 not all
could be compared, and --strict.`,
		Example: `  wardein equiv --init > build.toml
  wardein equiv olt-5.2.1.bin rebuilt.bin --facts build.toml
  wardein equiv hello_2.10-3_amd64.deb a/hello_2.10-3_amd64.deb b/hello_2.10-3_amd64.deb --facts build.toml -o json`,
		Args: cobra.MaximumNArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error { return e.run(cmd, args) },
	}
	f := cmd.Flags()
	f.StringVar(&e.facts, "facts", "", "what is known of the builds: this `FILE`")
	f.BoolVar(&e.initial, "init", false, "print a file of facts to begin with")
	f.BoolVar(&e.strict, "strict", false, "exit with 3 when not all could be compared")
	f.StringArrayVarP(&e.outputs, "output", "o", nil, "write `KIND[=FILE]`: "+equivKindList+"; \"-\" is standard output; may be repeated")
	f.BoolVar(&e.json, "json", false, "short for -o json=-")
	addLabFlags(cmd, &e.lab)
	e.key.add(cmd)
	complete(cmd, "output", strings.Split(equivKindList, ", ")...)
	cmd.AddCommand(equivRulesCmd(), equivCheckCmd(), withdrawCmd(statement.Equivalence, "statement of equivalence", equivEnd))
	return cmd
}

// equivalence is one use of the verb.
type equivalence struct {
	facts                 string
	initial, strict, json bool
	outputs               []string
	lab                   labFlags
	key                   keyFlags
}

func (e *equivalence) run(cmd *cobra.Command, args []string) error {
	if e.initial {
		if len(args) > 1 {
			return &hinted{errors.New("--init takes one file"), "wardein equiv --init > FACTS.toml"}
		}
		return e.begin(cmd, args)
	}
	if len(args) < 2 {
		return &hinted{errors.New("two releases are compared: the shipped one and the rebuilt one"), "wardein equiv SHIPPED REBUILT --facts FILE"}
	}
	if e.json {
		e.outputs = append(e.outputs, "json=-")
	}
	name := outputName(args[0])
	wanted, err := outputsOf(e.outputs, name, equivKinds, equivKindList)
	if err == nil {
		err = writable(wanted)
	}
	if err != nil {
		return err
	}
	e.lab.prints = true
	facts, err := readFacts(e.facts)
	if err != nil {
		return err
	}
	r, err := equivResult(cmd.Context(), args, facts, e.lab)
	if err != nil {
		return err
	}
	if err := putAll(cmd, wanted, func(kind string, out io.Writer) error { return writeEquiv(kind, out, r, name) }); err != nil {
		return err
	}
	if e.key.key != "" {
		if err := e.sign(cmd, r, name); err != nil {
			return err
		}
	}
	switch {
	case e.strict && (r.Verdict == equiv.NotComparable || r.Files.NotComparable > 0):
		return &exit{exitGaps}
	case r.Verdict == equiv.Different || r.Bytes.Total() > 0 && r.Bytes.Total() == r.Bytes.NotCovered:
		return &exit{exitThreshold}
	}
	return nil
}

// begin writes a file of facts to begin with.
func (e *equivalence) begin(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		_, err := io.WriteString(cmd.OutOrStdout(), equiv.Template)
		return err
	}
	f, err := os.OpenFile(args[0], os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	_, err = f.WriteString(equiv.Template)
	return errors.Join(err, f.Close())
}

// sign writes the result as a signed statement about the shipped release.
func (e *equivalence) sign(cmd *cobra.Command, r *equiv.Result, name string) error {
	key, err := e.key.open(cmd.Context(), keys.Lab)
	if err != nil {
		return err
	}
	b, err := r.JSON()
	if err != nil {
		return err
	}
	release, err := wardein.ParseDigest(r.Shipped.Digest)
	if err != nil {
		return err
	}
	return writeStatement(cmd, key, &statement.Statement{Subject: release, Type: statement.Equivalence, Predicate: b}, name+equivEnd)
}

// readFacts reads a file of facts, "" for none. Keys stand beside it.
func readFacts(name string) (*equiv.Facts, error) {
	if name == "" {
		return nil, nil
	}
	b, err := readSmall(name)
	if err != nil {
		return nil, err
	}
	facts, err := equiv.Parse(b, func(key string) ([]byte, error) {
		if !filepath.IsAbs(key) {
			key = filepath.Join(filepath.Dir(name), key)
		}
		return readSmall(key)
	})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", term.Clean(name), err)
	}
	return facts, nil
}

// equivResult compares two or three releases.
func equivResult(ctx context.Context, names []string, facts *equiv.Facts, flags labFlags) (*equiv.Result, error) {
	trees := make([]*equiv.Tree, len(names))
	for i, name := range names {
		if name == "-" {
			return nil, &hinted{errors.New("a release is read twice: standard input can't be"), "give it a file"}
		}
		var err error
		if trees[i], err = equivTree(ctx, name, flags); err != nil {
			return nil, err
		}
	}
	pairs := equiv.Pair(trees[0], trees[1])
	want := []map[wardein.Digest]bool{pairs.Wanted(0), pairs.Wanted(1)}
	var again *equiv.Pairs
	if len(names) > 2 {
		again = equiv.Pair(trees[1], trees[2])
		for d := range again.Wanted(0) {
			want[1][d] = true
		}
		want = append(want, again.Wanted(1))
	}
	contents := make([]equiv.Contents, len(names))
	for i, name := range names {
		c, err := spoolContents(ctx, name, flags, want[i])
		if err != nil {
			return nil, err
		}
		defer c.close()
		contents[i] = c.of
	}
	var r *equiv.Result
	if again != nil {
		r = pairs.CompareWith(facts, contents[0], contents[1], again, contents[2])
	} else {
		r = pairs.Compare(facts, contents[0], contents[1])
	}
	r.Module = version
	return r, nil
}

// equivTree walks a release and keeps its nodes.
func equivTree(ctx context.Context, name string, flags labFlags) (*equiv.Tree, error) {
	t := &equiv.Tree{}
	err := walkRelease(ctx, name, flags, func(l *lab, v *unpack.Visit) error {
		t.Digest = l.in.Digest
		t.Nodes = append(t.Nodes, v.Node)
		return nil
	})
	return t, err
}

// spooled are contents of a release in a temporary file that is mapped into
// memory.
type spooled struct {
	at  map[wardein.Digest][2]int64 // offset and length
	all []byte
}

// spoolContents reads contents of a release that the store has.
func spoolContents(ctx context.Context, name string, flags labFlags, want map[wardein.Digest]bool) (*spooled, error) {
	s := &spooled{at: map[wardein.Digest][2]int64{}}
	if len(want) == 0 {
		return s, nil
	}
	f, err := scratch()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	end := int64(0)
	w := bufio.NewWriterSize(f, 1<<20)
	err = walkRelease(ctx, name, flags, func(l *lab, v *unpack.Visit) error {
		if _, has := s.at[v.Node.Blob]; has || !want[v.Node.Blob] || v.Node.Kind != wardein.File && v.Node.Kind != wardein.Region {
			return nil
		}
		r, err := l.Content(v)
		if err != nil {
			return nil // not read: not comparable
		}
		n, err := io.Copy(w, r)
		if err != nil {
			return err
		}
		s.at[v.Node.Blob] = [2]int64{end, n}
		end += n
		return nil
	})
	if err == nil {
		err = w.Flush()
	}
	if err != nil || end == 0 {
		return s, err
	}
	s.all, err = unix.Mmap(int(f.Fd()), 0, int(end), unix.PROT_READ, unix.MAP_PRIVATE)
	return s, err
}

func (s *spooled) of(d wardein.Digest) []byte {
	p, ok := s.at[d]
	if !ok {
		return nil
	}
	return s.all[p[0] : p[0]+p[1] : p[0]+p[1]]
}

func (s *spooled) close() {
	if s.all != nil {
		_ = unix.Munmap(s.all) // nothing can be done
	}
}

// writeEquiv writes one kind of output.
func writeEquiv(kind string, out io.Writer, r *equiv.Result, name string) error {
	switch kind {
	case "html":
		return r.HTML(out, name)
	case "json":
		b, err := r.JSON()
		if err != nil {
			return err
		}
		_, err = out.Write(append(b, '\n'))
		return err
	}
	return r.Table(out, name, widthOf(out))
}
