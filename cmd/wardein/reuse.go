package main

import (
	"bufio"
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"

	checks "github.com/wardein/wardein/check/all"
	"github.com/wardein/wardein/check/secret"
	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/unpack"
)

func reuseCmd() *cobra.Command {
	var flags labFlags
	var asJSON bool
	var write, name, salt string
	cmd := &cobra.Command{
		Use:   "reuse [RELEASE|REPORT]…",
		Short: "Tell which private keys stand in more than one release",
		Long: `Reuse compares the private keys of several releases by their public parts and
lists those that stand in more than one. It reads reports that inspect wrote
(all in the current folder when none is named) and inspects a release of which
the file is named. What it says stands in no report: a report about one vendor
names no release of another.

With --write-keys it writes the public keys of these releases as a key set,
salted, so that only who holds a key can ask for it. wardein inspect --keys FILE
compares another release with the set, and its report names set and digest.`,
		Example: `  wardein reuse olt-5.1.0 olt-5.2.1
  wardein reuse --write-keys field.keys --name field-2026
  wardein inspect --keys field.keys ont-2.0.bin`,
		ValidArgsFunction: completeReports,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = reportsHere()
			}
			if len(args) == 0 {
				return &hinted{errors.New("no report here, and no release named"), "wardein inspect writes NAME.wardein.json into the current folder"}
			}
			if (write == "") != (name == "") {
				return &hinted{errors.New("--write-keys and --name go together"), "the name stands in reports that the set is used for"}
			}
			keys, date, err := keysOf(cmd.Context(), args, flags)
			if err != nil {
				return err
			}
			if write != "" {
				return writeKeys(cmd, write, name, date, salt, keys)
			}
			shared := keys[:0]
			for _, k := range keys {
				if k.releases() > 1 {
					shared = append(shared, k)
				}
			}
			return printed(cmd, func(out *bufio.Writer) error {
				if asJSON {
					return writeJSON(out, func(w *canon.Writer) { writeShared(w, shared) })
				}
				for _, k := range shared {
					fmt.Fprintf(out, "%s  %s\n", k.print, term.Clean(k.kind))
					for _, s := range k.stands {
						fmt.Fprintf(out, "    %-24s  %s\n", term.Clean(s.release), orDot(s.node))
					}
				}
				_, err := fmt.Fprintf(out, "%s in more than one of %s\n", plural(len(shared), "private key"), plural(len(args), "release"))
				return err
			})
		},
	}
	addLabFlags(cmd, &flags)
	f := cmd.Flags()
	f.StringVar(&flags.asOf, "as-of", checks.DataDate, "judge time-dependent rules at this `DATE` (YYYY-MM-DD)")
	f.BoolVar(&asJSON, "json", false, "as JSON")
	f.StringVar(&write, "write-keys", "", "write the keys as a set to this `FILE`")
	f.StringVar(&name, "name", "", "`NAME` of the set that is written: small letters, digits, - and .")
	f.StringVar(&salt, "salt", "", "salt of the set that is written, as 64 hexadecimal `DIGITS` (default: a new one)")
	return cmd
}

// shownKey is a key by its public part, and where it stands.
type shownKey struct {
	print, kind string
	stands      []stand
}

type stand struct{ release, digest, node string }

// releases is how many releases the key stands in: two reports of one are one.
func (k *shownKey) releases() int {
	seen := map[string]bool{}
	for _, s := range k.stands {
		seen[s.digest] = true
	}
	return len(seen)
}

// keysOf are the private keys of all releases, by fingerprint, and the newest
// evaluation date among them.
func keysOf(ctx context.Context, args []string, flags labFlags) (keys []*shownKey, date string, err error) {
	if err := checkDate(flags.asOf); err != nil {
		return nil, "", err
	}
	byPrint := map[string]*shownKey{}
	for _, arg := range args {
		s, err := savedOrInspected(ctx, arg, flags, &dbFlags{no: true})
		if err != nil {
			return nil, "", err
		}
		date = max(date, s.Recipe.As_of)
		for _, f := range s.Findings {
			if f.Rule != "secret.private-key" && f.Rule != "secret.private-key-encrypted" {
				continue
			}
			var raw struct {
				Says struct {
					Args []struct{ Name, Value string }
				}
			}
			if err := json.Unmarshal(f.Raw, &raw); err != nil {
				return nil, "", fmt.Errorf("%w: %s", err, arg)
			}
			told := map[string]string{}
			for _, a := range raw.Says.Args {
				told[a.Name] = a.Value
			}
			print := told["fingerprint"]
			if len(print) != 64 {
				continue // encrypted, and its public part is not told
			}
			k := byPrint[print]
			if k == nil {
				k = &shownKey{print: print, kind: told["kind"]}
				byPrint[print] = k
				keys = append(keys, k)
			}
			k.stands = append(k.stands, stand{strings.TrimSuffix(filepath.Base(arg), kinds["json"]), s.Release.Digest, f.Node})
		}
	}
	slices.SortFunc(keys, func(a, b *shownKey) int {
		return cmp.Or(b.releases()-a.releases(), strings.Compare(a.print, b.print))
	})
	return keys, date, nil
}

func writeShared(w *canon.Writer, keys []*shownKey) {
	w.Field("keys").Array(func() {
		for _, k := range keys {
			w.Object(func() {
				w.Field("fingerprint").Text(k.print)
				w.Field("kind").Text(k.kind)
				w.Field("stands").Array(func() {
					for _, s := range k.stands {
						w.Object(func() {
							w.Field("digest").Text(s.digest)
							w.Field("node").Text(s.node) // escaped in the report
							w.Field("release").Bytes(s.release)
						})
					}
				})
			})
		}
	})
}

// writeKeys writes a key set. The salt is not secret from who gets the set: it
// keeps two sets from being compared without a key.
func writeKeys(cmd *cobra.Command, file, name, date, salt string, keys []*shownKey) error {
	var bytes [32]byte
	if salt == "" {
		rand.Read(bytes[:])
	} else if n, err := hex.Decode(bytes[:min(len(bytes), len(salt)/2)], []byte(salt)[:min(len(salt), 64)]); err != nil || n != 32 || len(salt) != 64 {
		return fmt.Errorf("bad salt: want 64 hexadecimal digits: --salt")
	}
	prints := make([]string, len(keys))
	for i, k := range keys {
		prints[i] = k.print
	}
	if err := writeFile(file, func(out io.Writer) error { return secret.WriteKeySet(out, name, date, bytes, prints) }); err != nil {
		return err
	}
	fmt.Fprintf(cmd.ErrOrStderr(), "wardein: wrote %s: %s\n", term.Clean(file), plural(len(keys), "key"))
	return nil
}

// readKeySets reads the sets that inspect compares keys with, in the order of
// their names.
func readKeySets(files []string) (sets []*secret.KeySet, err error) {
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		k, err := secret.ReadKeySet(f)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("not a key set: %w: %s", err, name)
		}
		sets = append(sets, k)
	}
	slices.SortFunc(sets, func(a, b *secret.KeySet) int { return strings.Compare(a.Name, b.Name) })
	for i := range sets[:max(len(sets), 1)-1] {
		if sets[i].Name == sets[i+1].Name {
			return nil, fmt.Errorf("two key sets have one name: %s", sets[i].Name)
		}
	}
	return sets, nil
}

// secretsFile is the file of --show-secrets: one JSON object a line. It is for
// its owner alone, and nothing in it goes into a report.
type secretsFile struct {
	f   *os.File
	out *bufio.Writer
}

// maxSecret is how much of one secret is written.
const maxSecret = 256 << 10

func createSecrets(name string) (*secretsFile, error) {
	if name == "-" {
		return nil, &hinted{errors.New("secrets go to a file only: --show-secrets"), "--show-secrets FILE"}
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if errors.Is(err, os.ErrExist) {
		return nil, &hinted{err, "secrets are not written over another file: remove it first"}
	}
	if err != nil {
		return nil, err
	}
	return &secretsFile{f, bufio.NewWriter(f)}, nil
}

// add writes the secrets of one node. A nil file takes none.
func (s *secretsFile) add(l *lab, v *unpack.Visit) error {
	if s == nil {
		return nil
	}
	for _, o := range v.Outcomes {
		if o.Check != "secret" || len(o.Facts) == 0 {
			continue
		}
		r, err := l.Content(v)
		if err != nil {
			return err
		}
		for _, f := range o.Facts {
			at, ok := r.(io.ReaderAt)
			if !ok || !secret.Counts(v.Node, f) {
				continue
			}
			p := make([]byte, min(f.Len, maxSecret))
			n, err := at.ReadAt(p, f.Off)
			if err != nil && err != io.EOF {
				return err
			}
			w := &canon.Writer{}
			w.Object(func() {
				w.Field("bytes").Bytes(string(p[:n]))
				w.Field("kind").Text(cmp.Or(f.Attr("form"), f.Attr("kind")))
				w.Field("name").Bytes(f.Attr("name"))
				w.Field("node").Bytes(v.Node.Path)
				w.Field("off").Big(f.Off)
			})
			if _, err := s.out.Write(append(w.B, '\n')); err != nil {
				return err
			}
		}
	}
	return nil
}

// Close ends the file.
func (s *secretsFile) Close() error {
	if s == nil {
		return nil
	}
	return errors.Join(s.out.Flush(), s.f.Close())
}
