package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/mod/sumdb/note"

	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/prove/keys"
	"github.com/wardein/wardein/prove/policy"
	"github.com/wardein/wardein/prove/tlog"
	"github.com/wardein/wardein/prove/witness"
)

func witnessCmd() *cobra.Command {
	var key keyFlags
	var logs []string
	var rules, state, address string
	var once bool
	var every time.Duration
	cmd := &cobra.Command{
		Use:   "witness",
		Short: "Cosign the checkpoints of others' logs",
		Long: `A witness keeps the last tree that it saw of each log and cosigns a new checkpoint
only if that tree is the beginning of the new one. So all who ask for its
cosignature are shown one history. It says nothing of what is in the log.

It listens for logs that bring their checkpoints (C2SP tlog-witness, POST
/add-checkpoint), on the loopback unless told otherwise and in plain HTTP: put
what ends TLS before it. Or, with --once or --every, it opens no port: it fetches
each log's checkpoint and tiles itself and brings its cosignatures to the log.

The state is what makes it a witness: never take an old copy of it, never run
without it, never let two witnesses of one key have one each.`,
		Example: `  wardein keys new witness witness.agency.example --ml-dsa -o witness.key
  wardein witness --key witness.key --log log.lab-north.example+0b2f…+AZ…
  wardein witness --key witness.key --log log.lab-north.example+0b2f…+AZ…=https://log.lab-north.example/ --every 5m
  wardein witness --key witness.key --policy allies.policy --once`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			outbound := once || cmd.Flags().Changed("every")
			inbound := !outbound || cmd.Flags().Changed("listen")
			switch {
			case once && inbound:
				return errors.New("--once ends, --listen does not: one of both")
			case cmd.Flags().Changed("every") && (once || every < time.Second):
				return errors.New("--every takes a second or more, and goes without --once")
			}
			known, err := witnessed(logs, rules)
			if err != nil {
				return err
			}
			k, err := key.open(cmd.Context(), keys.Witness)
			if err != nil {
				return err
			}
			cosigners, err := k.Cosigners()
			if err != nil {
				return err
			}
			var signers []note.Signer
			for _, s := range cosigners {
				signers = append(signers, s)
			}
			if state == "" {
				state = filepath.Join(filepath.Dir(defaultDB()), "witness-"+strings.ReplaceAll(k.Name, "/", "-")+".db")
				if err := os.MkdirAll(filepath.Dir(state), 0o755); err != nil {
					return err
				}
			}
			say := teller(cmd)
			if !fileThere(state) {
				say("no log was seen before: the state begins in " + state)
			}
			w, err := witness.Open(cmd.Context(), state, known, signers...)
			if err != nil {
				return err
			}
			defer w.Close()
			if once {
				return witnessOnce(cmd, w, known)
			}
			ctx, cancel := context.WithCancel(cmd.Context())
			defer cancel()
			var all sync.WaitGroup
			if outbound {
				for _, l := range urls(known) {
					all.Go(func() {
						w.Follow(ctx, &tlog.Remote{URL: l.URL, Client: client()}, every, func(size uint64, err error) {
							if err != nil {
								say(fmt.Sprintf("%s: %v", l.Name(), err))
								return
							}
							say(fmt.Sprintf("%s: cosigned %d entries", l.Name(), size))
						})
					})
				}
			}
			if inbound {
				err = listen(ctx, address, w.Handler(say), func(url string) {
					say(fmt.Sprintf("witness %s listens at %s", k.Name, url))
				})
				cancel()
			}
			all.Wait()
			return err
		},
	}
	f := cmd.Flags()
	f.StringArrayVar(&logs, "log", nil, "cosign for the log of this `VKEY[=URL]`; may be repeated")
	f.StringVar(&rules, "policy", "", "cosign for the logs of the policy in this `FILE`")
	f.StringVar(&state, "state", "", "what was seen is kept in this `FILE` (default: wardein/witness-NAME.db in the user's data folder)")
	f.BoolVar(&once, "once", false, "fetch, cosign, bring, and end")
	f.DurationVar(&every, "every", 5*time.Minute, "fetch, cosign and bring so often")
	listenFlag(cmd, &address, "127.0.0.1:8781", "listen for checkpoints")
	key.add(cmd)
	return cmd
}

// witnessed are the logs of --log and --policy.
func witnessed(logs []string, rules string) (all []policy.Key, err error) {
	for _, s := range logs {
		vkey, url, _ := strings.Cut(s, "=http") // base64 may end in "="
		k, err := policy.ParseKey(vkey, policy.Ed25519, policy.MLDSA44)
		if err != nil {
			return nil, err
		}
		if url != "" {
			k.URL = "http" + url
		}
		all = append(all, k)
	}
	if rules != "" {
		b, err := readSmall(rules)
		if err != nil {
			return nil, err
		}
		p, err := policy.Parse(b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", term.Clean(rules), err)
		}
		all = append(all, p.Logs...)
	}
	if len(all) == 0 {
		return nil, &hinted{errors.New("a witness of no log"), "--log VKEY, as log init prints it, or --policy FILE"}
	}
	return all, nil
}

// urls are the logs that can be fetched, each once: a log may have two keys.
func urls(logs []policy.Key) (list []policy.Key) {
	seen := map[string]bool{}
	for _, l := range logs {
		if l.URL != "" && !seen[l.Name()+" "+l.URL] {
			seen[l.Name()+" "+l.URL] = true
			list = append(list, l)
		}
	}
	return list
}

// witnessOnce cosigns the newest checkpoint of each log. What fails for one
// does not keep the others waiting.
func witnessOnce(cmd *cobra.Command, w *witness.Witness, known []policy.Key) error {
	list := urls(known)
	if len(list) == 0 {
		return &hinted{errors.New("no log has a URL"), "--log VKEY=URL, or a URL in the policy's line \"log\""}
	}
	var failed []error
	for _, l := range list {
		ctx, cancel := context.WithTimeout(cmd.Context(), time.Minute)
		size, err := w.Once(ctx, &tlog.Remote{URL: l.URL, Client: client()})
		cancel()
		if err != nil {
			failed = append(failed, fmt.Errorf("%s: %w", l.Name(), err))
			continue
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s · cosigned %d entries\n", term.Clean(l.Name()), size)
	}
	return errors.Join(failed...)
}
