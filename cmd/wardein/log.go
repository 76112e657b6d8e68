package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/prove/keys"
	"github.com/wardein/wardein/prove/policy"
	"github.com/wardein/wardein/prove/tlog"
	"github.com/wardein/wardein/prove/witness"
)

func logCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "log",
		Short: "Keep a transparency log of statements, and watch those of others",
		Long: `A log is a folder to which entries are only added. Each entry commits to one signed
statement: digest of the envelope, who signed, digest of the release or a salted
commitment to it, kind of statement; nothing else of the release is in it. The
log signs checkpoints of its tree, witnesses cosign them, and a proof that an
entry is in the tree goes into the bundle. So everybody is shown the same log,
and nothing that was said once can be taken back unseen.

docs/log.md says how a log and its witnesses are run. The forms are C2SP's:
tlog-tiles, tlog-checkpoint, tlog-witness, tlog-cosignature, tlog-proof.`,
		Example: `  wardein log init lab-north-log --key log.key --lab lab-north.example.key
  wardein log add lab-north-log --key log.key olt-5.2.1.wardein
  wardein log serve lab-north-log
  wardein log monitor lab-north-log copies/lab-south-log`,
		RunE: group("init, add, serve, checkpoint or monitor"),
	}
	cmd.AddCommand(logInitCmd(), logAddCmd(), logServeCmd(), logCheckpointCmd(), logMonitorCmd())
	return cmd
}

// logSigners are the keys that sign a log's checkpoints.
func logSigners(ctx context.Context, flags *keyFlags) (*keys.Key, []note.Signer, error) {
	key, err := flags.open(ctx, keys.Log)
	if err != nil {
		return nil, nil, err
	}
	first, err := key.Signer()
	if err != nil {
		return nil, nil, err
	}
	more, err := key.Cosigners()
	if err != nil {
		return nil, nil, err
	}
	signers := []note.Signer{first}
	for _, s := range more {
		signers = append(signers, s)
	}
	return key, signers, nil
}

func logInitCmd() *cobra.Command {
	var key keyFlags
	var labs, vendors []string
	var rules string
	cmd := &cobra.Command{
		Use:   "init DIR",
		Short: "Make an empty log",
		Long: `Init makes an empty log in the folder DIR, which is not there yet. Its name is that
of the key, of the kind "log", that signs its checkpoints.

The file DIR/policy says what the log is and takes, in the form of a verifier's
policy: lines "log" with its own keys, "lab" and "vendor" with the keys whose
statements it takes, "witness" with a URL for those that it asks to cosign,
"group" and "quorum" for how many of them must. Edit it as need be; --policy
takes these lines from a FILE.`,
		Example: `  wardein keys new log log.lab-north.example -o log.key
  wardein log init lab-north-log --key log.key --lab lab-north.example.key
  wardein log init lab-north-log --key log.key --policy witnesses.policy --lab lab-north.example.key --vendor vendor.example.key`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			text := "# What this log is and takes: see docs/log.md.\n"
			var signed []string
			for i, k := range append(slices.Clip(labs), vendors...) {
				vkeys, err := publicKeys(k)
				if err != nil {
					return err
				}
				what := "lab "
				if i >= len(labs) {
					what = "vendor "
				}
				signed = append(signed, what+strings.Join(vkeys, "\n"+what)+"\n")
			}
			k, signers, err := logSigners(cmd.Context(), &key)
			if err != nil {
				return err
			}
			for _, v := range k.Public() {
				text += "log " + v + "\n"
			}
			text += strings.Join(signed, "")
			if rules == "" {
				text += "quorum none\n"
			} else {
				b, err := readSmall(rules)
				if err != nil {
					return err
				}
				text += string(b)
			}
			p, err := policy.Parse([]byte(text))
			if err != nil {
				return fmt.Errorf("policy of the log: %w", err)
			}
			if err := tlog.Create(cmd.Context(), args[0], []byte(text), signers...); err != nil {
				return err
			}
			if len(p.Labs)+len(p.Vendors) == 0 {
				fmt.Fprintf(cmd.ErrOrStderr(), "wardein: it takes nobody's statements yet: add lines \"lab\" to %s\n", term.Clean(filepath.Join(args[0], "policy")))
			}
			return printed(cmd, func(out *bufio.Writer) error {
				for _, v := range k.Public() {
					fmt.Fprintln(out, "log", v)
				}
				return nil
			})
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&labs, "lab", nil, "take statements signed with this `KEY`: a public key or a key file; may be repeated")
	f.StringArrayVar(&vendors, "vendor", nil, "take replies signed with this `KEY`; may be repeated")
	f.StringVar(&rules, "policy", "", "take witnesses, quorum and more keys from this policy `FILE`")
	key.add(cmd)
	return cmd
}

// publicKeys are the public keys that an argument is or names.
func publicKeys(s string) ([]string, error) {
	if _, err := policy.ParseKey(s); err == nil {
		return []string{s}, nil
	} else if strings.Count(s, "+") >= 2 && !fileThere(s) {
		return nil, err
	}
	f, _, err := readKeyFile(s)
	if err != nil {
		return nil, err
	}
	return f.Public, nil
}

func fileThere(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

func logServeCmd() *cobra.Command {
	var address string
	cmd := &cobra.Command{
		Use:   "serve DIR",
		Short: "Serve a log, and collect cosignatures for it",
		Long: `Serve serves the log in DIR as C2SP tlog-tiles has it, read-only: checkpoint, tiles,
entries. It asks the witnesses that DIR/policy names with a URL to cosign each
new checkpoint, and takes cosignatures that outbound witnesses bring to
/add-cosignature. As soon as the policy's quorum is met the checkpoint stands in
DIR/cosigned (/cosigned), where wardein log add finds it. A witness that is down
is asked again later and delays nobody.

It listens on the loopback unless told otherwise, and speaks plain HTTP: put what
ends TLS before it. It needs no key. An interrupt ends it.`,
		Example: `  wardein log serve lab-north-log
  wardein log serve lab-north-log --listen 192.0.2.7:8780`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := tlog.Open(args[0])
			if err != nil {
				return err
			}
			defer d.Close()
			_, s, err := d.Newest(cmd.Context(), false)
			if err != nil {
				return fmt.Errorf("%w: %s", err, term.Clean(args[0]))
			}
			g, done, err := tlog.NewGather(cmd.Context(), d)
			if err != nil {
				return err
			}
			defer done()
			c := client()
			g.Ask = func(ctx context.Context, url string, old uint64, proof [][]byte, checkpoint []byte) ([]byte, uint64, error) {
				return witness.Ask(ctx, c, url, old, proof, checkpoint)
			}
			say := teller(cmd)
			g.Say = say
			ctx, cancel := context.WithCancel(cmd.Context())
			defer cancel()
			var gathering sync.WaitGroup
			gathering.Go(func() { g.Run(ctx) })
			err = listen(ctx, address, &tlog.Server{Dir: d, Gather: g}, func(url string) {
				say(fmt.Sprintf("%s, %d entries, is served at %s", s.Origin, s.Size, url))
			})
			cancel()
			gathering.Wait()
			return err
		},
	}
	listenFlag(cmd, &address, "127.0.0.1:8780", "serve")
	return cmd
}

// teller prints what a server's operator should know, line by line.
func teller(cmd *cobra.Command) func(string) {
	var mu sync.Mutex
	return func(text string) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Fprintln(cmd.ErrOrStderr(), "wardein:", term.Clean(text))
	}
}

func logCheckpointCmd() *cobra.Command {
	var cosigned bool
	cmd := &cobra.Command{
		Use:   "checkpoint DIR",
		Short: "Print a log's newest checkpoint, verified",
		Long: `Checkpoint prints the newest checkpoint of the log in DIR as it is signed, or, with
--cosigned, the newest that witnesses cosigned as the log's policy asks. Its
signatures are checked with the keys in DIR/policy, and its root is held against
the tiles.

Exit code: 0 done, 2 bad usage or it cannot run, 4 the checkpoint does not hold.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := tlog.Open(args[0])
			if err != nil {
				return err
			}
			defer d.Close()
			b, _, err := d.Newest(cmd.Context(), cosigned)
			if err == nil && b == nil {
				return &hinted{errors.New("no checkpoint was cosigned yet"), "wardein log serve collects cosignatures; DIR/policy names witnesses and quorum"}
			}
			if err != nil {
				return &refused{fmt.Errorf("%w: %s", err, args[0])}
			}
			_, err = cmd.OutOrStdout().Write(b)
			return err
		},
	}
	cmd.Flags().BoolVar(&cosigned, "cosigned", false, "the newest checkpoint that was cosigned")
	return cmd
}

func logMonitorCmd() *cobra.Command {
	var rules string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "monitor DIR...",
		Short: "Replay copies of logs, and say what is wrong with them",
		Long: `Monitor reads every entry of the logs in the folders DIR, builds their trees anew
and holds all tiles and signed checkpoints against them. It finds:

  a signature or a tree that does not hold, an entry in another form
  two copies of one log that differ: the log showed two histories
  two statements of one lab of one kind (inspection, profile, claim) about one
  subject, in one log or in two, where the lab has not withdrawn or corrected the
  earlier one before

A DIR is a log or a copy of one: its checkpoint and tile files; copy them with a
mirror tool. Nothing is fetched. With --policy checkpoints must be signed by the
logs of that policy and cosigned as its quorum asks; else by the keys that the
copy itself names, which shows only that it is sound in itself.

Exit code: 0 nothing found, 1 something found, 2 bad usage or it cannot run.`,
		Example: `  wardein log monitor lab-north-log
  wardein log monitor --policy allies.policy copies/*`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var p *policy.Policy
			if rules != "" {
				b, err := readSmall(rules)
				if err != nil {
					return err
				}
				if p, err = policy.Parse(b); err != nil {
					return fmt.Errorf("%s: %w", term.Clean(rules), err)
				}
			}
			var copies []tlog.Copy
			for _, dir := range args {
				if u, err := url.Parse(dir); err == nil && u.Host != "" {
					return &hinted{fmt.Errorf("a monitor fetches nothing: %s", dir), "copy the log, with wget --mirror for example, and name the folder"}
				}
				d, err := tlog.Open(dir)
				if err != nil {
					return err
				}
				defer d.Close()
				copies = append(copies, tlog.Copy{Dir: d, Policy: p})
			}
			seen, found, err := tlog.Monitor(cmd.Context(), copies)
			if err != nil {
				return err
			}
			if err := printed(cmd, func(out *bufio.Writer) error {
				if asJSON {
					return writeJSON(out, func(w *canon.Writer) { monitorJSON(w, seen, found) })
				}
				writeMonitor(out, seen, found, p != nil)
				return nil
			}); err != nil {
				return err
			}
			if len(found) > 0 {
				return &exit{exitThreshold}
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&rules, "policy", "", "check signatures under the policy in this `FILE`")
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}

func writeMonitor(out *bufio.Writer, seen []tlog.Seen, found []tlog.Finding, policed bool) {
	for _, s := range seen {
		if s.Origin == "" {
			fmt.Fprintf(out, "not read    %s\n", term.Clean(s.Path))
			continue
		}
		fmt.Fprintf(out, "%s · %d entries · root %s\n", term.Clean(s.Origin), s.Size, base64.StdEncoding.EncodeToString(s.Root[:]))
		fmt.Fprintf(out, "  folder    %s\n", term.Clean(s.Path))
		switch {
		case s.Cosigned == 0 && len(s.Witnesses) == 0:
			fmt.Fprintln(out, "  cosigned  by nobody")
		default:
			fmt.Fprintf(out, "  cosigned  %d entries, by %s\n", s.Cosigned, term.Clean(strings.Join(s.Witnesses, ", ")))
		}
	}
	if len(found) == 0 {
		what := "every tile and checkpoint is that of the entries"
		if !policed {
			what += "; keys are those that the copies name"
		}
		fmt.Fprintf(out, "found       nothing: %s\n", what)
		return
	}
	fmt.Fprintf(out, "FOUND       %d\n", len(found))
	for _, f := range found {
		where := "the log"
		if f.Index >= 0 {
			where = fmt.Sprintf("entry %d", f.Index)
		}
		fmt.Fprintf(out, "  %s, %s: %s\n", term.Clean(f.Log), where, term.Clean(f.Says))
	}
}

func monitorJSON(w *canon.Writer, seen []tlog.Seen, found []tlog.Finding) {
	w.Field("findings").Array(func() {
		for _, f := range found {
			w.Object(func() {
				w.Field("folder").Bytes(f.Log)
				w.Field("index").Int(f.Index)
				w.Field("says").Bytes(f.Says)
			})
		}
	})
	w.Field("logs").Array(func() {
		for _, s := range seen {
			w.Object(func() {
				w.Field("cosigned").Int(int64(s.Cosigned))
				w.Field("folder").Bytes(s.Path)
				w.Field("origin").Bytes(s.Origin)
				w.Field("root").Text(s.Root.String())
				w.Field("size").Int(int64(s.Size))
				w.Field("witnesses").Array(func() {
					for _, n := range s.Witnesses {
						w.Bytes(n)
					}
				})
			})
		}
	})
}
