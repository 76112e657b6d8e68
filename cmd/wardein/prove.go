package main

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"filippo.io/age"
	"github.com/spf13/cobra"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/prove"
	"github.com/wardein/wardein/prove/keys"
	"github.com/wardein/wardein/prove/record"
	"github.com/wardein/wardein/prove/statement"
	"github.com/wardein/wardein/report"
)

// bundleEnd ends the names of bundles.
const bundleEnd = ".wardein"

func proveCmd() *cobra.Command {
	var p proof
	cmd := &cobra.Command{
		Use:   "prove REPORT",
		Short: "Sign a report: make a bundle that others verify offline",
		Long: `Prove signs a report that inspect wrote and puts it, with its tree file and what
both rest on, into a bundle: one file, NAME.wardein, that anybody can verify
without asking anybody.

What is signed is a statement about the release: digests, figures, gaps, and
salted roots over the nodes and findings, so that single ones can be disclosed
later (wardein disclose). --public writes a second bundle, NAME.public.wardein,
with the same statement and nothing of the release but figures, the findings' IDs
and the paths that gaps name; it needs a contact record (wardein contact).

The salts come from a random seed, which the full bundle holds. With --seed-file,
the same report, key and run record give the same bundle, byte for byte. The run
record (binary, time, host) is the one that inspect -o run left beside the
report, or --run; without any, prove makes one of its own run.

--reader hides the quoted bytes of the evidence files from all but the named
readers (age), for evidence that is handed on beside a public bundle. The full
bundle holds the report, whose quotes are not hidden.`,
		Example: `  wardein prove olt-5.2.1 --key lab-north.example.key
  wardein prove olt-5.2.1 --key lab-north.example.key --contact contact.dsse.json --public
  wardein log add /srv/log olt-5.2.1.wardein olt-5.2.1.public.wardein`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeReports,
		RunE:              func(cmd *cobra.Command, args []string) error { return p.run(cmd, args[0]) },
	}
	f := cmd.Flags()
	f.StringVar(&p.tree, "tree", "", "the report's tree `FILE` (default: NAME.tree.jsonl beside it)")
	f.StringVar(&p.contact, "contact", "", "the signed contact record in this `FILE`: where the release came from, when its vendor was asked")
	f.StringVar(&p.runFile, "run", "", "the report's run record in this `FILE` (default: NAME.run.json beside it)")
	f.StringVar(&p.seed, "seed-file", "", "make the salts of the seed in this `FILE`: 64 hexadecimal digits (default: random)")
	f.BoolVar(&p.hide, "hide-subject", false, "let the log have a salted commitment to the release's digest, not the digest")
	f.StringArrayVar(&p.readers, "reader", nil, "hide the evidence's quotes from all but this age `RECIPIENT`; may be repeated")
	f.BoolVar(&p.public, "public", false, "write the public bundle, too")
	f.StringVarP(&p.file, "output", "o", "", "write the bundle to this `FILE` (default: NAME.wardein)")
	p.key.add(cmd)
	return cmd
}

// proof is one use of the verb.
type proof struct {
	key                                keyFlags
	tree, contact, runFile, seed, file string
	readers                            []string
	hide, public                       bool
}

func (p *proof) run(cmd *cobra.Command, name string) error {
	began := time.Now()
	in, err := openReport(name)
	if err != nil {
		return err
	}
	defer in.Close()
	d := &prove.Draft{}
	if d.Report, err = io.ReadAll(io.LimitReader(in, maxReport+1)); err != nil {
		return err
	}
	if len(d.Report) > maxReport {
		return fmt.Errorf("report of more than %d bytes: %s", maxReport, term.Clean(in.Name()))
	}
	base := strings.TrimSuffix(strings.TrimSuffix(in.Name(), ".json"), bundleEnd)
	if p.file == "" {
		p.file = base + bundleEnd
	}
	for _, f := range p.files() {
		if _, err := os.Lstat(f); !errors.Is(err, fs.ErrNotExist) {
			return &hinted{fmt.Errorf("there is a file already: %s", term.Clean(f)), "a bundle may hold proofs and answers that another one lacks; -o FILE names another place"}
		}
	}
	if p.tree == "" {
		p.tree = treeFile(in.Name())
	}
	tree, err := os.Open(p.tree)
	if err != nil {
		return &hinted{err, "inspect writes it beside the report; --tree FILE names another place"}
	}
	defer tree.Close()
	st, err := tree.Stat()
	if err != nil {
		return err
	}
	d.Tree, d.TreeSize = tree, st.Size()
	if p.contact != "" {
		if d.Contact, err = readSmall(p.contact); err != nil {
			return err
		}
	}
	if p.public && d.Contact == nil {
		return &hinted{prove.ErrNoContact, "wardein contact writes one, and says so where the vendor was not asked; --contact FILE"}
	}
	if d.Seed, err = p.seedOf(); err != nil {
		return err
	}
	if d.Encrypt, err = p.encrypt(); err != nil {
		return err
	}
	digest := wardein.Digest(sha256.Sum256(d.Report))
	if d.Run, err = readRun(p.runFile, base+kinds["run"], digest); err != nil {
		return err
	}
	key, err := p.key.open(cmd.Context(), keys.Lab)
	if err != nil {
		return err
	}
	if p.hide {
		var r struct {
			Release struct{ Digest wardein.Digest }
		}
		if err := json.Unmarshal(d.Report, &r); err != nil {
			return fmt.Errorf("not a report: %w", err)
		}
		secret, err := key.SaltSecret()
		if err != nil {
			return err
		}
		d.Salt = statement.Salt(secret, r.Release.Digest)
	}
	if d.Run == nil {
		if d.Run, err = newRun("prove", began, digest); err != nil {
			return err
		}
	}
	signer, err := key.Signer()
	if err != nil {
		return err
	}
	m, err := prove.Make(d, signer)
	if err != nil {
		return fmt.Errorf("%w: %s", err, term.Clean(name))
	}
	for i, f := range p.files() {
		if err := m.Save(f, i == 1); err != nil {
			return err
		}
	}
	return printed(cmd, func(out *bufio.Writer) error { return p.print(out, m, d.Contact) })
}

// files are what is written: the full bundle, the public one.
func (p *proof) files() []string {
	if !p.public {
		return []string{p.file}
	}
	return []string{p.file, strings.TrimSuffix(p.file, bundleEnd) + ".public" + bundleEnd}
}

func (p *proof) seedOf() (seed [32]byte, err error) {
	if p.seed == "" {
		rand.Read(seed[:]) // never fails
		return seed, nil
	}
	b, err := readSmall(p.seed)
	if err != nil {
		return seed, err
	}
	if seed, err = prove.ParseSeed(append(bytes.TrimSuffix(b, []byte("\n")), '\n')); err != nil {
		return seed, fmt.Errorf("%s: not 64 lower-case hexadecimal digits", term.Clean(p.seed))
	}
	return seed, nil
}

// encrypt is what hides restricted parts from all but the readers.
func (p *proof) encrypt() (func([]byte) ([]byte, error), error) {
	if len(p.readers) == 0 {
		return nil, nil
	}
	to, err := age.ParseRecipients(strings.NewReader(strings.Join(p.readers, "\n")))
	if err != nil {
		return nil, &hinted{fmt.Errorf("--reader: %w", err), "a recipient begins with age1; age-keygen makes one"}
	}
	return func(plain []byte) ([]byte, error) {
		var b bytes.Buffer
		w, err := age.Encrypt(&b, to...)
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(plain); err != nil {
			return nil, err
		}
		err = w.Close()
		return b.Bytes(), err
	}, nil
}

func (p *proof) print(out *bufio.Writer, m *prove.Made, contact []byte) error {
	line := func(label, text string) { fmt.Fprintf(out, "%-12s%s\n", label, text) }
	fmt.Fprintf(out, "%s · SIGNED by %s\n", term.Clean(filepath.Base(p.file)), term.Clean(m.Inspection.Lab))
	line("says", figures(m.Inspection))
	line("is about", "sha256:"+m.Subject.String())
	line("statement", "sha256:"+statement.Digest(m.Envelope).String())
	if m.Inspection.Salt != "" {
		line("", "the log gets a salted commitment to the release's digest")
	}
	asked := "no contact record: the bundle cannot be made public"
	if contact != nil {
		s, _, err := statement.Open(contact)
		if err != nil {
			return err
		}
		r, _, err := record.Of(s)
		if err != nil {
			return err
		}
		asked = askedWords(r)
	}
	line("vendor", asked)
	var names []string
	for _, f := range p.files() {
		names = append(names, report.Quote(f))
	}
	line("wrote", term.Clean(strings.Join(p.files(), ", ")))
	line("next", "wardein log add DIR "+strings.Join(names, " "))
	return nil
}

// askedWords says of a contact record whether the vendor was asked.
func askedWords(r record.Record) string {
	c, ok := r.(*record.Contact)
	switch {
	case !ok:
		return "no contact record"
	case c.Asked == record.NotAsked:
		return term.Clean(c.Vendor) + " was not asked"
	}
	return fmt.Sprintf("%s asked %s, reply by %s", term.Clean(c.Vendor), c.Asked, c.ReplyBy)
}

// figures says in a line what an inspection found, and what it did not see.
func figures(p *prove.Inspection) string {
	s, err := p.Seen()
	if err != nil {
		return plural(int(p.Total()), "finding")
	}
	return fmt.Sprintf("%s, %s, %s of code read", plural(int(p.Total()), "finding"), plural(len(s.Gaps), "gap"), report.Percent(s.Read))
}
