package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	xterm "golang.org/x/term"

	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/prove/keys"
)

// keyEnd ends the names of key files.
const keyEnd = ".key"

// passphraseVariable is not a setting: a passphrase in a configuration file
// would lie beside the key.
const passphraseVariable = "WARDEIN_PASSPHRASE"

// passFlags say where a passphrase comes from.
type passFlags struct{ file string }

func (p *passFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.file, "passphrase-file", "", "read the key's passphrase from the first line of this `FILE` (default: "+passphraseVariable+", else the terminal is asked)")
}

// read gets a passphrase for what is named; twice: a new one, which is typed
// twice where it is typed.
func (p *passFlags) read(ctx context.Context, what string, twice bool) ([]byte, error) {
	if p.file != "" {
		b, err := readSmall(p.file)
		if err != nil {
			return nil, fmt.Errorf("passphrase: %w", err)
		}
		b, _, _ = bytes.Cut(b, []byte("\n"))
		return notEmpty(bytes.TrimSuffix(b, []byte("\r")), term.Clean(p.file))
	}
	if s, ok := os.LookupEnv(passphraseVariable); ok {
		return notEmpty([]byte(s), passphraseVariable)
	}
	if !term.IsTerminal(os.Stderr) {
		return nil, &hinted{fmt.Errorf("no passphrase for %s, and no terminal to ask at", what), "--passphrase-file FILE or " + passphraseVariable + " gives it"}
	}
	b, err := typed(ctx, "passphrase of "+what+": ")
	if err != nil || !twice {
		return b, err
	}
	again, err := typed(ctx, "again: ")
	if err == nil && !bytes.Equal(b, again) {
		err = errors.New("the passphrase was typed in two ways: nothing was written")
	}
	return b, err
}

func notEmpty(b []byte, from string) ([]byte, error) {
	if len(b) == 0 {
		return nil, fmt.Errorf("the passphrase is empty: %s", from)
	}
	return b, nil
}

// typed asks at the terminal, without an echo. An interrupt ends it, though
// the read itself cannot be ended.
func typed(ctx context.Context, prompt string) ([]byte, error) {
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	fd := int(tty.Fd())
	before, err := xterm.GetState(fd)
	if err != nil {
		tty.Close()
		return nil, err
	}
	fmt.Fprint(os.Stderr, term.Clean(prompt))
	defer fmt.Fprintln(os.Stderr)
	type result struct {
		b   []byte
		err error
	}
	done := make(chan result, 1)
	go func() {
		b, err := xterm.ReadPassword(fd)
		done <- result{b, err}
	}()
	select {
	case r := <-done:
		tty.Close()
		if r.err != nil {
			return nil, fmt.Errorf("no passphrase was typed: %w", r.err)
		}
		return notEmpty(r.b, "as typed")
	case <-ctx.Done():
		return nil, errors.Join(ctx.Err(), xterm.Restore(fd, before))
	}
}

// keyFlags choose the key that a verb signs with.
type keyFlags struct {
	passFlags
	key string
}

func (k *keyFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&k.key, "key", "", "sign with the key in this `FILE`, or with agent:NAME=SHA256:… in the ssh-agent")
	k.passFlags.add(cmd)
}

// open opens the key, which must be of one of these kinds. A key in an agent
// is of the first.
func (k *keyFlags) open(ctx context.Context, kinds ...keys.Kind) (*keys.Key, error) {
	if k.key == "" {
		return nil, &hinted{errors.New("nobody signs: no --key"), "wardein keys new " + string(kinds[0]) + " NAME makes one"}
	}
	name, fingerprint, inAgent, err := keys.CutAgent(k.key)
	if err != nil {
		return nil, &hinted{err, "wardein keys list shows the keys of the ssh-agent"}
	}
	if inAgent {
		return keys.Agent(os.Getenv("SSH_AUTH_SOCK"), kinds[0], name, fingerprint)
	}
	f, b, err := readKeyFile(k.key)
	if err != nil {
		return nil, err
	}
	if err := (&keys.Key{Kind: f.Kind, Name: f.Name}).Need(kinds...); err != nil {
		return nil, fmt.Errorf("%w: %s", err, term.Clean(k.key))
	}
	key, err := keys.Open(b, func() ([]byte, error) { return k.read(ctx, f.Name, false) })
	if err != nil {
		return nil, fmt.Errorf("%w: %s", err, term.Clean(k.key))
	}
	return key, nil
}

func readKeyFile(name string) (*keys.File, []byte, error) {
	b, err := readSmall(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil, &hinted{fmt.Errorf("no key file %q", name), "wardein keys list shows those of a folder, and the keys of the ssh-agent"}
	}
	if err != nil {
		return nil, nil, err
	}
	f, err := keys.Parse(b)
	if err != nil {
		return nil, nil, fmt.Errorf("%w: %s", err, term.Clean(name))
	}
	return f, b, nil
}

func keysCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "keys",
		Short: "Make and show the keys that sign",
		Long: `Keys sign statements about releases (of a lab), replies to findings (of a
vendor), a log's checkpoints, and, as witness, the checkpoints of others. They
are keys of C2SP signed-note: Ed25519, and ML-DSA-44 beside it for logs and
witnesses that want it.

A key stands in a file that a passphrase encrypts; its public keys stand in the
file, too, and in the policies of those who trust it. An Ed25519 key in an
ssh-agent, which may be in a hardware token, signs as agent:NAME=SHA256:….`,
		Example: `  wardein keys new lab lab-north.example
  wardein keys new witness witness.example --ml-dsa
  wardein keys show lab-north.example.key >> allies.policy`,
		RunE: group("new, show or list"),
	}
	cmd.AddCommand(keysNewCmd(), keysShowCmd(), keysListCmd())
	return cmd
}

var keyKinds = []string{"lab", "vendor", "log", "witness"}

func keysNewCmd() *cobra.Command {
	var pass passFlags
	var file string
	var quantum bool
	cmd := &cobra.Command{
		Use:   "new KIND NAME",
		Short: "Make a key, and print its public keys",
		Long: `New makes a key of a KIND (lab, vendor, log, witness), writes it to NAME.key,
which only its owner can read, and prints its public keys, one a line. The NAME
stands in all that it signs: take one that is yours, such as a domain name. It
may not hold spaces and "+".

Nobody can open the file without the passphrase, and there is no other copy. No
file is overwritten.`,
		Example: `  wardein keys new lab lab-north.example
  wardein keys new witness witness.example --ml-dsa -o witness.key`,
		Args:      cobra.ExactArgs(2),
		ValidArgs: keyKinds,
		RunE: func(cmd *cobra.Command, args []string) error {
			kind := keys.Kind(args[0])
			if err := kind.Check(); err != nil {
				hint := "lab, vendor, log or witness"
				if n := nearest(args[0], keyKinds); n != "" {
					hint = "did you mean " + n + "?"
				}
				return &hinted{err, hint}
			}
			key, err := keys.Generate(kind, args[1], quantum)
			if err != nil {
				return err
			}
			if file == "" {
				file = strings.ReplaceAll(args[1], "/", "-") + keyEnd
			}
			if _, err := os.Lstat(file); err == nil {
				return keyThere(file)
			}
			pp, err := pass.read(cmd.Context(), "the new key "+key.Name, true)
			if err != nil {
				return err
			}
			b, err := key.Encrypt(pp, 0)
			if err != nil {
				return err
			}
			if err := writeKey(file, b); err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "wardein: wrote %s\n", term.Clean(file))
			_, err = fmt.Fprintln(cmd.OutOrStdout(), strings.Join(key.Public(), "\n"))
			return err
		},
	}
	cmd.Flags().StringVarP(&file, "output", "o", "", "write the key to this `FILE` (default NAME.key)")
	cmd.Flags().BoolVar(&quantum, "ml-dsa", false, "an ML-DSA-44 key beside the Ed25519 key, for logs and witnesses")
	pass.add(cmd)
	return cmd
}

func keyThere(file string) error {
	return &hinted{fmt.Errorf("there is a file already: %s", term.Clean(file)), "a key that is lost cannot be made again: -o FILE names another place"}
}

// writeKey writes a new file that only its owner can read.
func writeKey(name string, b []byte) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return keyThere(name)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		os.Remove(name)
		return err
	}
	return nil
}

func keysShowCmd() *cobra.Command {
	var pass passFlags
	var public, check bool
	var kind string
	cmd := &cobra.Command{
		Use:   "show KEY",
		Short: "Show a key's public keys, as lines of a policy",
		Long: `Show prints what a verifier's policy needs of a key: one line for each public
key. KEY is a key file, or agent:NAME=SHA256:… with the --kind that it shall be.
The file is not opened, unless --check says so: then the passphrase is asked,
and the private keys are held against the public ones.`,
		Example: `  wardein keys show lab-north.example.key
  wardein keys show --check lab-north.example.key
  wardein keys show --kind lab agent:lab-north.example=SHA256:pYf…`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var f *keys.File
			if name, fingerprint, inAgent, err := keys.CutAgent(args[0]); inAgent {
				if err != nil {
					return &hinted{err, "wardein keys list shows the keys of the ssh-agent"}
				}
				key, err := keys.Agent(os.Getenv("SSH_AUTH_SOCK"), keys.Kind(kind), name, fingerprint)
				if err != nil {
					return err
				}
				f = &keys.File{Kind: key.Kind, Name: name, Public: key.Public()}
			} else if f, _, err = readKeyFile(args[0]); err != nil {
				return err
			} else if check {
				flags := keyFlags{pass, args[0]}
				if _, err := flags.open(cmd.Context(), keys.Kinds...); err != nil {
					return err
				}
				fmt.Fprintln(cmd.ErrOrStderr(), "wardein: the passphrase opens it, and the public keys are its own")
			}
			return printed(cmd, func(out *bufio.Writer) error {
				for i, v := range f.Public {
					if !public {
						out.WriteString(policyWords(f, i))
					}
					fmt.Fprintln(out, v)
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&public, "public", false, "the public keys alone, one a line")
	cmd.Flags().BoolVar(&check, "check", false, "open the file, too")
	cmd.Flags().StringVar(&kind, "kind", "lab", "what a key of the ssh-agent is for: `KIND`")
	pass.add(cmd)
	complete(cmd, "kind", keyKinds...)
	return cmd
}

// policyWords begin the policy's line of a file's i-th key. A witness needs a
// name for each key there.
func policyWords(f *keys.File, i int) string {
	switch {
	case f.Kind == keys.Witness && i == 0:
		return "witness " + f.Name + " "
	case f.Kind == keys.Witness:
		return "witness " + f.Name + "/ml-dsa-44 "
	}
	return string(f.Kind) + " "
}

func keysListCmd() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "list [FOLDER]",
		Short: "List the key files of a folder, and the keys of the ssh-agent",
		Long: `List shows the key files (*.key) of a FOLDER, or of the current one: kind, name,
how many keys, file. Then come the keys of the ssh-agent that can sign: their
fingerprints and comments. No file is opened.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := "."
			if len(args) > 0 {
				dir = args[0]
			}
			entries, err := os.ReadDir(dir) // sorted
			if err != nil {
				return err
			}
			type kept struct {
				path string
				*keys.File
			}
			var files []kept
			for _, e := range entries {
				if !strings.HasSuffix(e.Name(), keyEnd) || !e.Type().IsRegular() {
					continue
				}
				path := filepath.Join(dir, e.Name())
				f, _, err := readKeyFile(path)
				if err != nil { // other programs call their files so, too
					fmt.Fprintln(cmd.ErrOrStderr(), "wardein:", term.Clean(err.Error()))
					continue
				}
				files = append(files, kept{path, f})
			}
			var agent []keys.AgentKey
			if socket := os.Getenv("SSH_AUTH_SOCK"); socket != "" {
				if agent, err = keys.AgentKeys(socket); err != nil {
					fmt.Fprintln(cmd.ErrOrStderr(), "wardein:", term.Clean(err.Error()))
				}
			}
			if len(files)+len(agent) == 0 && !asJSON {
				fmt.Fprintln(cmd.ErrOrStderr(), "wardein: no keys; wardein keys new makes one")
			}
			return printed(cmd, func(out *bufio.Writer) error {
				if asJSON {
					return writeJSON(out, func(w *canon.Writer) {
						w.Field("agent").Array(func() {
							for _, k := range agent {
								w.Object(func() { w.Field("comment").Bytes(k.Comment); w.Field("fingerprint").Text(k.Fingerprint) })
							}
						})
						w.Field("keys").Array(func() {
							for _, f := range files {
								w.Object(func() {
									w.Field("file").Bytes(f.path)
									w.Field("kind").Text(string(f.Kind))
									w.Field("name").Text(f.Name)
									w.Field("public").Array(func() {
										for _, v := range f.Public {
											w.Text(v)
										}
									})
								})
							}
						})
					})
				}
				for _, f := range files {
					types := "Ed25519"
					if len(f.Public) > 1 {
						types += " ML-DSA-44"
					}
					fmt.Fprintf(out, "%-8s  %-32s  %-18s  %s\n", f.Kind, f.Name, types, term.Clean(f.path))
				}
				for _, k := range agent {
					fmt.Fprintf(out, "%-8s  %-32s  %-18s  agent:NAME=%s\n", "agent", dash(k.Comment), "Ed25519", term.Clean(k.Fingerprint))
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	return cmd
}
