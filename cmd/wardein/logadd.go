package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wardein/wardein/internal/durable"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/prove"
	"github.com/wardein/wardein/prove/dsse"
	"github.com/wardein/wardein/prove/policy"
	"github.com/wardein/wardein/prove/statement"
	"github.com/wardein/wardein/prove/tlog"
)

// endings of files: a signed statement, and the proof that it was logged.
const (
	envelopeEnd = ".dsse.json"
	proofEnd    = ".tlog-proof"
)

func logAddCmd() *cobra.Command {
	var key keyFlags
	var wait time.Duration
	cmd := &cobra.Command{
		Use:   "add DIR BUNDLE|STATEMENT...",
		Short: "Add statements to a log, and their proofs to bundles",
		Long: `Add adds the entries of signed statements to the log in DIR: of bundles, with what
is attached to them (counter/*.dsse.json), and of single statements. Each must be
signed with a key that DIR/policy takes: replies by a "vendor", all else by a
"lab".

When add ends, the entries are on disk and in a tree that the log has signed. The
proof of each is put into its bundle (log.tlog-proof, counter/*.tlog-proof), or
beside the file of the statement. It is that of the newest cosigned checkpoint
which covers the entry, or if there is none yet, of the log's own: then the same
command, given again when the witnesses have cosigned, puts the cosigned proof
in the place of it. Nothing is added twice. --wait waits for the cosignatures.`,
		Example: `  wardein log add lab-north-log --key log.key olt-5.2.1.wardein
  wardein log add lab-north-log --key log.key --wait 1m *.wardein
  wardein log add lab-north-log --key log.key withdrawal.dsse.json`,
		Args: cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := tlog.Open(args[0])
			if err != nil {
				return err
			}
			defer d.Close()
			p, err := d.Policy()
			if err != nil {
				return err
			}
			var all []logged
			for _, name := range args[1:] {
				list, err := readStatements(name, p)
				if err != nil {
					return fmt.Errorf("%w: %s", err, term.Clean(name))
				}
				all = append(all, list...)
			}
			_, signers, err := logSigners(cmd.Context(), &key)
			if err != nil {
				return err
			}
			var entries [][]byte
			for _, l := range all {
				entries = append(entries, l.entry)
			}
			places, err := tlog.Add(cmd.Context(), args[0], entries, signers...)
			if err != nil {
				return err
			}
			var last uint64
			for i, p := range places {
				all[i].index = p
				last = max(last, p)
			}
			if err := awaitCosigned(cmd.Context(), d, last, wait); err != nil {
				return err
			}
			return printed(cmd, func(out *bufio.Writer) error { return writeProofs(cmd.Context(), out, d, all) })
		},
	}
	cmd.Flags().DurationVar(&wait, "wait", 0, "wait so long for cosignatures, which log serve collects")
	key.add(cmd)
	return cmd
}

// logged is a statement on its way into a log, and where its proof goes.
type logged struct {
	file   string // of the bundle, or of the statement
	member string // of the bundle, "" for a statement's own file
	proof  []byte // that the bundle has already
	entry  []byte
	index  uint64
}

// readStatements reads the statements of a bundle, or the one in a file.
func readStatements(name string, p *policy.Policy) ([]logged, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	var magic [2]byte
	if _, err := f.ReadAt(magic[:], 0); err != nil || magic != [2]byte{'P', 'K'} {
		envelope, err := readSmall(name)
		if err != nil {
			return nil, err
		}
		entry, err := entryOf(envelope, p)
		if err != nil {
			return nil, err
		}
		return []logged{{file: name, entry: entry}}, nil
	}
	b, err := prove.Open(f, st.Size())
	if err != nil {
		return nil, err
	}
	var list []logged
	for _, m := range b.Members {
		proof := prove.ProofName
		if m.Name != prove.StatementName {
			base, ok := strings.CutSuffix(m.Name, envelopeEnd)
			if !ok || !strings.HasPrefix(m.Name, "counter/") {
				continue
			}
			proof = base + proofEnd
		}
		envelope, err := b.Read(m.Name, dsse.MaxSize)
		if err != nil {
			return nil, err
		}
		entry, err := entryOf(envelope, p)
		if err != nil {
			return nil, fmt.Errorf("member %s: %w", m.Name, err)
		}
		l := logged{file: name, member: proof, entry: entry}
		if b.Find(proof) != nil {
			if l.proof, err = b.Read(proof, maxNote); err != nil {
				return nil, err
			}
		}
		list = append(list, l)
	}
	if len(list) == 0 {
		return nil, errors.New("a bundle without a statement")
	}
	return list, nil
}

// maxNote bounds a proof that is read.
const maxNote = 1 << 20

// entryOf is the entry of a statement whose signatures hold, and are by keys
// that the log takes.
func entryOf(envelope []byte, p *policy.Policy) ([]byte, error) {
	s, e, err := statement.Open(envelope)
	if err != nil {
		return nil, err
	}
	known, what := p.Labs, "lab"
	if s.Type == statement.Reply {
		known, what = p.Vendors, "vendor"
	}
	if _, err := e.Verify(policy.Verifiers(known)); err != nil {
		return nil, &hinted{err, fmt.Sprintf("a line %q in the log's policy names a key whose statements it takes", what)}
	}
	entry, err := statement.EntryFor(envelope)
	if err != nil {
		return nil, err
	}
	return entry.Bytes()
}

// awaitCosigned waits until a cosigned checkpoint covers an entry.
func awaitCosigned(ctx context.Context, d *tlog.Dir, index uint64, wait time.Duration) error {
	for end := time.Now().Add(wait); wait > 0 && time.Now().Before(end); {
		_, s, err := d.Covering(index)
		if err != nil || len(s.Cosigned) > 0 {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}

// writeProofs puts proofs where they belong and says so.
func writeProofs(ctx context.Context, out *bufio.Writer, d *tlog.Dir, all []logged) error {
	p, err := d.Policy()
	if err != nil {
		return err
	}
	asked, waiting := len(p.Witnesses) > 0, false
	for _, l := range all {
		checkpoint, s, err := d.Covering(l.index)
		if err != nil {
			return err
		}
		proof, err := d.Proof(ctx, l.index, checkpoint, s.Size)
		if err != nil {
			return err
		}
		to := strings.TrimSuffix(l.file, envelopeEnd) + proofEnd
		if l.member != "" {
			to = l.member
		}
		switch {
		case l.member == "":
			err = durable.Write(to, 0o644, durable.Bytes(proof))
		case !bytes.Equal(proof, l.proof):
			err = prove.Attach(l.file, l.file, l.member, proof)
		}
		if err != nil {
			return fmt.Errorf("entry %d is in the log; its proof was not written: %w", l.index, err)
		}
		by := "no witnesses"
		switch {
		case len(s.Cosigned) > 0:
			by = "cosigned by " + strings.Join(s.Labels(), ", ")
		case asked:
			by, waiting = "not cosigned yet", true
		}
		fmt.Fprintf(out, "%s · entry %d of %s, %d entries, %s · %s\n", term.Clean(filepath.Base(l.file)), l.index, term.Clean(s.Origin), s.Size, term.Clean(by), term.Clean(filepath.Base(to)))
	}
	if waiting {
		fmt.Fprintf(out, "next        the same command again when the witnesses have cosigned\n")
	}
	return nil
}
