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
	"time"

	"github.com/spf13/cobra"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/prove/keys"
	"github.com/wardein/wardein/prove/record"
	"github.com/wardein/wardein/prove/statement"
	"github.com/wardein/wardein/report"
	"github.com/wardein/wardein/unpack"
)

func contactCmd() *cobra.Command {
	var key keyFlags
	var c record.Contact
	var notAsked bool
	var file string
	cmd := &cobra.Command{
		Use:   "contact RELEASE|REPORT",
		Short: "Sign where a release came from, and when its vendor was asked",
		Long: `Contact writes and signs the record that a public bundle needs: where the release
came from, from whom, when, under what terms, whether it was the vendor's latest
then, when the vendor was asked to reply to findings and by when, and until when
details are not public; or that the vendor was not asked.

It speaks of a RELEASE (a file or folder, of which only the digest is taken), or
of the release of a REPORT that inspect wrote.`,
		Example: `  wardein contact olt-5.2.1 --key lab-north.example.key --vendor ExampleTel \
    --source "vendor's portal" --from "Example Operator" --received 2026-11-01 \
    --terms "support contract" --latest yes \
    --asked 2026-11-18 --reply-by 2027-02-16 --embargo 2027-03-01
  wardein prove olt-5.2.1 --key lab-north.example.key --contact contact.dsse.json`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: completeReports,
		RunE: func(cmd *cobra.Command, args []string) error {
			for _, f := range []string{"vendor", "source", "from", "received", "terms", "latest"} {
				if !cmd.Flags().Changed(f) {
					return &hinted{fmt.Errorf("the record is not complete: no --%s", f), "what is not known is said so, as in --source 'not known'"}
				}
			}
			if c.Latest == "unknown" || c.Latest == "not-known" {
				c.Latest = record.NotKnown
			}
			switch {
			case notAsked && c.Asked != "":
				return errors.New("--asked and --not-asked exclude each other")
			case notAsked:
				c.Asked = record.NotAsked
			case c.Asked == "":
				return &hinted{errors.New("whether the vendor was asked is not said"), "--asked DATE --reply-by DATE, or --not-asked"}
			}
			if err := c.Check(); err != nil {
				return err
			}
			subject, err := subjectOf(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			envelope, err := signRecord(cmd.Context(), &key, subject, &c, keys.Lab)
			if err != nil {
				return err
			}
			if err := writeFile(file, func(w io.Writer) error { _, err := w.Write(envelope); return err }); err != nil {
				return err
			}
			return printed(cmd, func(out *bufio.Writer) error {
				fmt.Fprintf(out, "%s · CONTACT RECORD of sha256:%s\n", term.Clean(filepath.Base(file)), subject)
				writeContact(out, &c)
				fmt.Fprintf(out, "%-12swardein prove %s --contact %s\n", "next", report.Quote(args[0]), report.Quote(file))
				return nil
			})
		},
	}
	f := cmd.Flags()
	f.StringVar(&c.Vendor, "vendor", "", "whose release it is: `NAME`")
	f.StringVar(&c.Source, "source", "", "where it came from, in your `WORDS`: the vendor's portal, a device, a tender")
	f.StringVar(&c.From, "from", "", "from whom: `NAME`")
	f.StringVar(&c.Received, "received", "", "when, a `DATE` (YYYY-MM-DD)")
	f.StringVar(&c.Terms, "terms", "", "under what terms, in your `WORDS`")
	f.StringVar(&c.Latest, "latest", "", "was it the vendor's latest then: yes, no or not-known (`ANSWER`)")
	f.StringVar(&c.Asked, "asked", "", "the vendor was asked on this `DATE`")
	f.StringVar(&c.ReplyBy, "reply-by", "", "and has until this `DATE` to reply")
	f.BoolVar(&notAsked, "not-asked", false, "the vendor was not asked")
	f.StringVar(&c.Embargo, "embargo", "", "details are not public before this `DATE`")
	f.StringVarP(&file, "output", "o", "contact.dsse.json", "write the signed record to this `FILE`")
	key.add(cmd)
	complete(cmd, "latest", "yes", "no", "not-known")
	return cmd
}

// writeContact prints what a contact record says.
func writeContact(out *bufio.Writer, c *record.Contact) {
	line := func(label, text string) { fmt.Fprintf(out, "%-12s%s\n", label, term.Clean(text)) }
	latest := map[string]string{record.Latest: "the vendor's latest then", record.NotLatest: "not the vendor's latest then", record.NotKnown: "not known whether it was the latest"}
	line("came from", fmt.Sprintf("%s, from %s, on %s", c.Source, c.From, c.Received))
	line("terms", c.Terms)
	line("release", latest[c.Latest])
	if c.Asked == record.NotAsked {
		line("vendor", c.Vendor+" was not asked")
	} else {
		line("vendor", fmt.Sprintf("%s, asked %s, reply by %s", c.Vendor, c.Asked, c.ReplyBy))
	}
	if c.Embargo != "" {
		line("embargo", "details are not public before "+c.Embargo)
	}
}

// subjectOf is the digest of a release, or of a report's.
func subjectOf(ctx context.Context, arg string) (d wardein.Digest, err error) {
	if _, err := os.Stat(arg); err == nil && !strings.HasSuffix(arg, ".json") {
		in, err := unpack.OpenInput(ctx, arg, unpack.DefaultLimits)
		if err != nil {
			return d, err
		}
		return in.Digest, in.Close()
	}
	s, err := openSaved(arg)
	if err != nil {
		return d, err
	}
	return wardein.ParseDigest(s.Release.Digest)
}

// signRecord makes the signed statement of a record.
func signRecord(ctx context.Context, key *keyFlags, subject wardein.Digest, r record.Record, kinds ...keys.Kind) ([]byte, error) {
	s, err := record.Statement(subject, r)
	if err != nil {
		return nil, err
	}
	k, err := key.open(ctx, kinds...)
	if err != nil {
		return nil, err
	}
	signer, err := k.Signer()
	if err != nil {
		return nil, err
	}
	return statement.Sign(s, signer)
}

// today is the date of a record that names none.
func today() string { return time.Now().UTC().Format(time.DateOnly) }
