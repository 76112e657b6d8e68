package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/prove/keys"
	"github.com/wardein/wardein/prove/policy"
	"github.com/wardein/wardein/prove/profile"
	"github.com/wardein/wardein/prove/record"
	"github.com/wardein/wardein/prove/statement"
)

// withdrawCmd withdraws statements of a type that a verb of its own makes.
func withdrawCmd(predicate, what, from string) *cobra.Command {
	a := takeBack{predicate: predicate, from: from, end: ".withdrawal.dsse.json"}
	cmd := &cobra.Command{
		Use:   "withdraw STATEMENT",
		Short: "Withdraw a " + what,
		Long: "Withdraw signs a statement that a " + what + ` holds no longer.
The key is that of the lab that signed it. wardein log add puts it on record:
from then on check --log says that it was withdrawn.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.run(cmd, args[0], func(*statement.Statement) (record.Record, error) {
				return &record.Withdrawal{Date: a.date, Findings: []string{}, Text: a.text}, nil
			})
		},
	}
	verb, _, _ := strings.Cut(strings.TrimPrefix(from, "."), ".")
	cmd.Example = "  wardein " + verb + " withdraw olt-5.2.1" + from + " --key lab-north.example.key --text 'another file was inspected'"
	a.add(cmd)
	return cmd
}

func profileCorrectCmd() *cobra.Command {
	a := takeBack{predicate: statement.Profile, from: profileEnd, end: ".correction.dsse.json"}
	cmd := &cobra.Command{
		Use:   "correct STATEMENT CONDITION",
		Short: "Correct what a profile statement says of one condition",
		Long: `Correct signs a statement that corrects what a profile statement says of one of
its conditions; the statement itself stays what it is. The key is that of the
lab that signed it. wardein log add puts it on record.`,
		Example: `  wardein profile correct olt-5.2.1.profile.dsse.json opened --key lab-north.example.key --text '89.8 %, not 90.1 %'`,
		Args:    cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.run(cmd, args[0], func(of *statement.Statement) (record.Record, error) {
				s, err := profile.Read(of.Predicate)
				if err != nil {
					return nil, fmt.Errorf("%w: %s", err, term.Clean(args[0]))
				}
				var ids []string
				for _, c := range s.Conditions {
					if ids = append(ids, c.ID); c.ID == args[1] {
						return &record.Correction{Date: a.date, Corrections: []record.FindingCorrection{{Finding: args[1], Text: a.text}}}, nil
					}
				}
				return nil, &hinted{fmt.Errorf("no condition %q in it", args[1]), "its conditions are " + strings.Join(ids, ", ")}
			})
		},
	}
	a.add(cmd)
	return cmd
}

// takeBack is a lab's own later word on a statement of a type, which stands in
// a file that ends so.
type takeBack struct {
	key                  keyFlags
	text, date, file     string
	predicate, from, end string
}

func (a *takeBack) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&a.text, "text", "", "what is to be said: `TEXT`")
	f.StringVar(&a.date, "date", "", "the statement's `DATE` (default: today)")
	f.StringVarP(&a.file, "output", "o", "", "write to this `FILE` (default: NAME"+a.end+")")
	a.key.add(cmd)
}

func (a *takeBack) run(cmd *cobra.Command, file string, answer func(*statement.Statement) (record.Record, error)) error {
	if a.date == "" {
		a.date = today()
	}
	if a.text == "" {
		return &hinted{errors.New("nothing is said: --text"), "whoever relies on the statement reads why"}
	}
	envelope, err := readSmall(file)
	if err != nil {
		return err
	}
	s, e, err := statement.Open(envelope)
	if err != nil {
		return fmt.Errorf("%w: %s", err, term.Clean(file))
	}
	if s.Type != a.predicate {
		return fmt.Errorf("it is of the type %q, expected %q: %s", term.Clean(s.Type), a.predicate, term.Clean(file))
	}
	r, err := answer(s)
	if err != nil {
		return err
	}
	key, err := a.key.open(cmd.Context(), keys.Lab)
	if err != nil {
		return err
	}
	var own []policy.Key
	for _, v := range key.Public() {
		k, err := policy.ParseKey(v, policy.Ed25519)
		if err != nil {
			return err
		}
		own = append(own, k)
	}
	if _, err := e.Verify(policy.Verifiers(own)); err != nil {
		return &hinted{fmt.Errorf("%s did not sign it, or not alone: %s", term.Clean(key.Name), term.Clean(file)), "a lab takes back its own statements"}
	}
	made, err := record.Statement(statement.Digest(envelope), r)
	if err != nil {
		return err
	}
	if a.file == "" {
		a.file = strings.TrimSuffix(file, a.from) + a.end
	}
	return writeStatement(cmd, key, made, a.file)
}
