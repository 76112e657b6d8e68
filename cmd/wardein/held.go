package main

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	checks "github.com/wardein/wardein/check/all"
	"github.com/wardein/wardein/check/vuln"
	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/report"
	"github.com/wardein/wardein/vulndb"
)

// writeFeeds writes what an import read.
func writeFeeds(out *bufio.Writer, feeds []*vulndb.Feed, path string, asJSON bool) error {
	if asJSON {
		w := &canon.Writer{}
		w.Object(func() {
			w.Field("database").Bytes(path)
			w.Field("feeds").Array(func() {
				for _, f := range feeds {
					writeFeed(w, f)
				}
			})
			w.Field("version").Text(formVersion)
		})
		_, err := out.Write(append(w.B, '\n'))
		return err
	}
	if len(feeds) == 0 {
		_, err := fmt.Fprintf(out, "nothing new: the database holds all of it already\n")
		return err
	}
	fmt.Fprintf(out, "%-8s %-10s %9s %11s %6s %9s  %s\n", "source", "date", "records", "statements", "older", "malformed", "feed")
	var bad int64
	for _, f := range feeds {
		bad += f.Malformed
		fmt.Fprintf(out, "%-8s %-10s %9d %11d %6d %9d  %s\n", f.Source, dash(f.Date), f.Records, f.Assertions, f.Older, f.Malformed, term.Clean(f.Name))
	}
	if bad > 0 {
		fmt.Fprintf(out, "\n%d records could not be read: wardein data status names them\n", bad)
	}
	_, err := fmt.Fprintf(out, "\nnext  wardein data status    wardein inspect FILE\n")
	return err
}

func dash(s string) string {
	if s == "" {
		return "-"
	}
	return term.Clean(s)
}

func writeFeed(w *canon.Writer, f *vulndb.Feed) {
	w.Object(func() {
		w.Field("date").Text(f.Date)
		w.Field("digest").Text(f.Digest)
		w.Field("malformed").Big(f.Malformed)
		w.Field("name").Bytes(f.Name)
		w.Field("older").Big(f.Older)
		w.Field("records").Big(f.Records)
		w.Field("source").Text(f.Source)
		w.Field("statements").Big(f.Assertions)
		w.Field("unordered").Big(f.Unordered)
	})
}

// Bounds of what status shows: malformed records, and feeds without --feeds.
const (
	shownBad   = 1000
	shownFeeds = 40
)

func dataStatusCmd() *cobra.Command {
	var flags dbFlags
	var asJSON, feeds bool
	var asOf string
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what the database holds, and how old it is",
		Long: `Status shows for each source the dates of its oldest and newest feed, how many
records and statements it gave, how many records could not be read, and how many
ranges have versions without an order (git hashes). Then come the feeds (up to
40, all with --feeds), and the records that could not be read, by name. Sources
that an inspection at that date would call old are named.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkDate(asOf); err != nil {
				return err
			}
			data, err := flags.open(cmd.Context(), asOf)
			if err != nil {
				return err
			}
			if data.DB == nil {
				return &hinted{fmt.Errorf("no database: %s", flags.path()), "wardein data import makes one"}
			}
			defer data.DB.Close()
			bad, err := data.DB.Malformed(shownBad)
			if err != nil {
				return err
			}
			return printed(cmd, func(out *bufio.Writer) error {
				if asJSON {
					return writeStatusJSON(out, data.DB, flags.path(), bad)
				}
				return writeStatus(out, data, flags.path(), bad, feeds)
			})
		},
	}
	flags.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	cmd.Flags().StringVar(&asOf, "as-of", checks.DataDate, "name the sources that are old at this `DATE`")
	cmd.Flags().BoolVar(&feeds, "feeds", false, "each feed, however many")
	return cmd
}

func writeStatus(out *bufio.Writer, data vuln.Data, path string, bad []vulndb.Bad, feeds bool) error {
	db := data.DB
	fmt.Fprintf(out, "database  %s\nsha256    %s\nbytes     %d (%s)\n\n", term.Clean(path), db.Digest(), db.Size(), report.Size(db.Size()))
	fmt.Fprintf(out, "%-8s %-10s %-10s %6s %9s %11s %9s %9s\n", "source", "newest", "oldest", "feeds", "records", "statements", "malformed", "unordered")
	for _, s := range db.Sources() {
		fmt.Fprintf(out, "%-8s %-10s %-10s %6d %9d %11d %9d %9d\n", s.Name, dash(s.Newest), dash(s.Oldest), s.Feeds, s.Records, s.Assertions, s.Malformed, s.Unordered)
	}
	if old := data.Old(); len(old) > 0 {
		fmt.Fprintf(out, "\nolder than %d days at %s: %s\n", vuln.MaxAge, data.AsOf, strings.Join(old, ", "))
	}
	all := db.Feeds()
	if feeds || len(all) <= shownFeeds {
		fmt.Fprintf(out, "\n%-8s %-10s %9s %11s %9s %9s  %-20s %s\n", "feed", "date", "records", "statements", "malformed", "unordered", "sha256", "name")
		for _, f := range all {
			fmt.Fprintf(out, "%-8s %-10s %9d %11d %9d %9d  %.20s %s\n", f.Source, dash(f.Date), f.Records, f.Assertions, f.Malformed, f.Unordered, dash(f.Digest), term.Clean(f.Name))
		}
	} else {
		fmt.Fprintf(out, "\n%d feeds; --feeds shows each\n", len(all))
	}
	if len(bad) > 0 {
		fmt.Fprintf(out, "\nmalformed\n")
		for _, b := range bad {
			fmt.Fprintf(out, "  %s: %s: %s\n", term.Clean(b.Feed), term.Clean(b.Name), term.Clean(b.Why))
		}
		var n int64
		for _, f := range all {
			n += f.Malformed
		}
		if n > int64(len(bad)) {
			fmt.Fprintf(out, "  and %d more\n", n-int64(len(bad)))
		}
	}
	return nil
}

func writeStatusJSON(out *bufio.Writer, db *vulndb.DB, path string, bad []vulndb.Bad) error {
	w := &canon.Writer{}
	w.Object(func() {
		w.Field("bytes").Big(db.Size())
		w.Field("database").Bytes(path)
		w.Field("digest").Text(db.Digest().String())
		w.Field("feeds").Array(func() {
			for _, f := range db.Feeds() {
				writeFeed(w, &f)
			}
		})
		w.Field("malformed").Array(func() {
			for _, b := range bad {
				w.Object(func() {
					w.Field("feed").Bytes(b.Feed)
					w.Field("name").Bytes(b.Name)
					w.Field("why").Bytes(b.Why)
				})
			}
		})
		w.Field("version").Text(formVersion)
	})
	_, err := out.Write(append(w.B, '\n'))
	return err
}

func dataExportCmd() *cobra.Command {
	var flags dbFlags
	cmd := &cobra.Command{
		Use:   "export FILE",
		Short: "Write the database as one file, to be carried elsewhere",
		Long: `Export writes the database as one file and prints its digest as sha256sum does,
under the file's name without its folder. Whoever gets both imports the file with
--list; who shall know from whom it is, too, signs it with what he has (gpg
--detach-sign, minisign -S), and it is imported with --signature and --key.`,
		Example: `  wardein data export lab.db > lab.db.sha256
  wardein data import lab.db --list lab.db.sha256     (there)
  gpg --armor --detach-sign lab.db`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			from := flags.path()
			if _, err := os.Stat(from); err != nil {
				return &hinted{fmt.Errorf("no database: %s", from), "wardein data import makes one"}
			}
			if st, err := os.Stat(args[0]); err == nil && st.IsDir() {
				return &hinted{fmt.Errorf("%s is a folder", term.Clean(args[0])), "name a file in it"}
			}
			if err := vulndb.Copy(from, args[0]); err != nil {
				return fmt.Errorf("not exported: %w: %s", err, term.Clean(from))
			}
			db, err := vulndb.Open(args[0])
			if err != nil {
				return err
			}
			defer db.Close()
			d := db.Digest()
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s  %s\n", hex.EncodeToString(d[:]), term.Clean(filepath.Base(args[0])))
			return err
		},
	}
	flags.add(cmd)
	return cmd
}
