package main

import (
	"bufio"
	"bytes"
	"context"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/wardein/wardein"
	checks "github.com/wardein/wardein/check/all"
	"github.com/wardein/wardein/check/vuln"
	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/internal/term"
	"github.com/wardein/wardein/report"
	"github.com/wardein/wardein/vulndb"
	"github.com/wardein/wardein/vulndb/feed"
)

// sampleName is what --db takes for the embedded sample.
const sampleName = "sample"

//go:embed sample/*.json
var sampleFiles embed.FS

// dbFlags choose a database.
type dbFlags struct {
	db string
	no bool
}

func (f *dbFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.db, "db", "", "the vulnerability database in this `FILE`, or \"sample\" (default: wardein/vulnerabilities.db in the user's data folder)")
}

// defaultDB is the database below the user's data folder: unlike the store it
// cannot be made again from the releases.
func defaultDB() string {
	dir := os.Getenv("XDG_DATA_HOME")
	if !filepath.IsAbs(dir) {
		home, err := os.UserHomeDir()
		if err != nil {
			return filepath.Join(os.TempDir(), "wardein-vulnerabilities.db")
		}
		dir = filepath.Join(home, ".local", "share")
	}
	return filepath.Join(dir, "wardein", "vulnerabilities.db")
}

func (f *dbFlags) path() string {
	if f.db == "" {
		return defaultDB()
	}
	return f.db
}

// open opens the database for inspect. Where the user names none and the
// usual one is not there, there is none.
func (f *dbFlags) open(ctx context.Context, asOf string) (vuln.Data, error) {
	data := vuln.Data{AsOf: asOf}
	switch {
	case f.no:
		return data, nil
	case f.db == sampleName:
		db, err := openSample(ctx)
		data.DB, data.Sample = db, true
		return data, err
	}
	db, err := vulndb.Open(f.path())
	if errors.Is(err, fs.ErrNotExist) {
		if f.db == "" {
			return data, nil
		}
		return data, &hinted{fmt.Errorf("no such database: %s", f.db), "wardein data import makes one; --db sample is a small one to try"}
	}
	data.DB = db
	return data, err
}

// openSample makes the embedded sample a database.
func openSample(ctx context.Context) (_ *vulndb.DB, err error) {
	dir, err := os.MkdirTemp("", "wardein-sample-*")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) // an open file stays
	if err := os.CopyFS(dir, sampleFiles); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "sample.db")
	if _, err := importFiles(ctx, path, []string{filepath.Join(dir, "sample", "nvd.json"), filepath.Join(dir, "sample", "cve.json"), filepath.Join(dir, "sample", "kev.json")}, importFlags{}, func(*feed.Import) {}); err != nil {
		return nil, err
	}
	return vulndb.Open(path)
}

// sources are a database's part of a recipe.
func sources(db *vulndb.DB) (list []wardein.Source) {
	for _, s := range db.Sources() {
		list = append(list, wardein.Source{Name: "feed " + s.Name, Digest: s.Digest, Date: s.Newest})
	}
	return append(list, wardein.Source{Name: "vulnerabilities", Digest: db.Digest(), Date: db.Date()})
}

func dataCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "data",
		Short: "Import, show and hand on the vulnerability database",
		Long: `Known vulnerabilities come from a database that you build yourself, from what
publishers give away. wardein fetches nothing: download the files where you may,
carry them in, and import them.

  NVD           https://nvd.nist.gov/feeds/json/cve/2.0/  nvdcve-2.0-*.json.gz
  CVE list      https://github.com/CVEProject/cvelistV5   *_all_CVEs_at_midnight.zip
  OSV           https://osv.dev  all.zip of an ecosystem
  Alpine        https://secdb.alpinelinux.org  v3.19/main.json
  Debian        https://security-tracker.debian.org/tracker/data/json
  KEV           https://www.cisa.gov  known_exploited_vulnerabilities.json
  EPSS          https://epss.empiricalsecurity.com  epss_scores-*.csv.gz
  VEX           CSAF 2.0 and OpenVEX documents of your vendors

What is kept are statements: who says which versions of what are affected, fixed
or not. Which one counts is decided, and explained, for each component.`,
		Example: `  wardein data import downloads/
  wardein data status
  wardein data export lab-2026-11-22.db && sha256sum lab-2026-11-22.db
  wardein data import lab-2026-11-22.db --signature lab-2026-11-22.db.asc --key lab.asc`,
		RunE: group("import, status or export"),
	}
	cmd.AddCommand(dataImportCmd(), dataStatusCmd(), dataExportCmd())
	return cmd
}

type importFlags struct {
	dbFlags
	date, signature, key, asOf string
	fresh, quiet, asJSON       bool
}

func dataImportCmd() *cobra.Command {
	var flags importFlags
	cmd := &cobra.Command{
		Use:   "import FILE|DIR...",
		Short: "Import feeds, or a whole database, into the database",
		Long: `Import reads feeds into the database, on top of what it holds: of two versions
of a record the newer stays, and a list that is published as a whole (Debian,
Alpine, KEV, EPSS) takes the place of its older self.

Read are NVD 2.0, CVE 5, OSV, CSAF 2.0, OpenVEX, Alpine secdb, Debian tracker and
KEV as JSON, EPSS as CSV: plain, gzip, in a zip file or a folder. Records that
cannot be read are counted and named. A file that breaks off ends the import: the
database stays as it was.

A FILE that wardein data export wrote takes the place of the whole database. With
--signature and --key the one FILE must bear that signature: OpenPGP, minisign
or, up to 64 MB, CMS.`,
		Example: `  wardein data import nvdcve-2.0-*.json.gz known_exploited_vulnerabilities.json
  wardein data import --date 2026-11-20 tracker.json     (it states no date of its own)
  wardein data import lab.db --signature lab.db.minisig --key lab.pub`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if flags.db == sampleName {
				return &hinted{errors.New("the sample is built in: nothing can be imported into it"), "name another file with --db, or none"}
			}
			if flags.date != "" {
				if err := checkDate(flags.date); err != nil {
					return err
				}
			}
			if (flags.signature == "") != (flags.key == "") {
				return &hinted{errors.New("a signature needs its signer's key, and a key its signature"), "give both --signature FILE and --key KEYFILE"}
			}
			if flags.signature != "" {
				if len(args) != 1 {
					return errors.New("a signature is about one file: import it alone")
				}
				who, err := verifyFile(args[0], flags.signature, flags.key, flags.asOf)
				if err != nil {
					return fmt.Errorf("signature is not good: %w: %s", err, flags.signature)
				}
				if !flags.quiet {
					fmt.Fprintf(cmd.ErrOrStderr(), "wardein: signature good: %s\n", term.Clean(who))
				}
			}
			path := flags.path()
			if len(args) == 1 && isDatabase(args[0]) {
				return adopt(cmd, args[0], path)
			}
			show := newProgress(flags.quiet, "importing")
			defer show.end()
			done := make(chan struct{})
			defer close(done)
			im, err := importFiles(cmd.Context(), path, args, flags, func(im *feed.Import) {
				start := time.Now()
				for {
					select {
					case <-done:
						return
					case <-time.After(200 * time.Millisecond):
						n := im.Read.Load()
						show.now(fmt.Sprintf("importing: %s read, %d records, %s/s", report.Size(n), im.Records.Load(), report.Size(int64(float64(n)/time.Since(start).Seconds()))))
					}
				}
			})
			if err != nil {
				return err
			}
			show.end()
			if !flags.quiet {
				for _, s := range im.Skipped {
					fmt.Fprintf(cmd.ErrOrStderr(), "wardein: not read: %s\n", term.Clean(s))
				}
			}
			return printed(cmd, func(out *bufio.Writer) error { return writeFeeds(out, im.Feeds(), path, flags.asJSON) })
		},
	}
	flags.add(cmd)
	f := cmd.Flags()
	f.BoolVar(&flags.fresh, "fresh", false, "begin an empty database in place of the old one")
	f.StringVar(&flags.date, "date", "", "the `DATE` of feeds that state none (default: that of the file)")
	f.StringVar(&flags.signature, "signature", "", "the FILE's detached signature, in this `FILE`")
	f.StringVar(&flags.key, "key", "", "the signer's key, in this `KEYFILE`")
	f.StringVar(&flags.asOf, "as-of", checks.DataDate, "judge OpenPGP keys at this `DATE`")
	f.BoolVarP(&flags.quiet, "quiet", "q", false, "no progress and no notes on standard error")
	f.BoolVar(&flags.asJSON, "json", false, "as JSON")
	return cmd
}

// importFiles imports files into the database at path; watch runs beside it.
func importFiles(ctx context.Context, path string, names []string, flags importFlags, watch func(*feed.Import)) (*feed.Import, error) {
	w, err := vulndb.Create(path, flags.fresh)
	if err != nil {
		return nil, err
	}
	defer w.Abort()
	im := feed.New(w)
	im.Day = flags.date
	go watch(im)
	for _, n := range names {
		if err = im.Add(ctx, n); err != nil {
			break
		}
	}
	if cerr := im.Close(); err == nil {
		err = cerr
	}
	switch {
	case errors.Is(err, context.Canceled):
		return nil, err
	case err != nil:
		return nil, &hinted{fmt.Errorf("%w: nothing was imported", err), "the database is as it was; leave the file out or fetch it again"}
	case len(im.Feeds()) == 0:
		return nil, &hinted{errors.New("no feed in what was named: nothing was imported"), "wardein data --help lists what is read"}
	}
	return im, w.Commit()
}

func isDatabase(name string) bool {
	f, err := os.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	var b [16]byte
	n, _ := io.ReadFull(f, b[:])
	return bytes.HasPrefix(b[:n], []byte("SQLite format 3\x00"))
}

// adopt makes a whole database the one at path.
func adopt(cmd *cobra.Command, name, path string) error {
	if err := copyDB(name, path); err != nil {
		return err
	}
	db, err := vulndb.Open(path)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is the database now\nsha256 %s\n", term.Clean(filepath.Base(name)), db.Digest())
	return err
}

// copyDB copies a database that is sound, so that path never names half of one.
func copyDB(from, path string) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer in.Close()
	out, err := os.CreateTemp(filepath.Dir(path), ".wardein-db-*")
	if err != nil {
		return err
	}
	defer os.Remove(out.Name())
	_, err = io.Copy(out, in)
	if err := errors.Join(err, out.Chmod(0o644), out.Sync(), out.Close()); err != nil {
		return err
	}
	db, err := vulndb.Open(out.Name())
	if err != nil {
		return fmt.Errorf("not taken over: %w", err)
	}
	err = db.Check()
	if cerr := db.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return fmt.Errorf("not taken over: %w: %s", err, from)
	}
	return os.Rename(out.Name(), path)
}

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
	fmt.Fprintf(out, "%-8s %-10s %9s %11s %6s %9s  %s\n", "source", "date", "records", "statements", "older", "malformed", "feed")
	for _, f := range feeds {
		fmt.Fprintf(out, "%-8s %-10s %9d %11d %6d %9d  %s\n", f.Source, dash(f.Date), f.Records, f.Assertions, f.Older, f.Malformed, term.Clean(f.Name))
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

// shownBad bounds the malformed records that status names.
const shownBad = 1000

func dataStatusCmd() *cobra.Command {
	var flags dbFlags
	var asJSON, feeds bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what the database holds, and how old it is",
		Long: `Status shows for each source the dates of its oldest and newest feed, how many
records and statements it gave, how many records could not be read, and how many
ranges have versions without an order (git hashes). Malformed records are named.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			data, err := flags.open(cmd.Context(), "")
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
				return writeStatus(out, data.DB, flags.path(), bad, feeds)
			})
		},
	}
	flags.add(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "as JSON")
	cmd.Flags().BoolVar(&feeds, "feeds", false, "each feed, too")
	return cmd
}

func writeStatus(out *bufio.Writer, db *vulndb.DB, path string, bad []vulndb.Bad, feeds bool) error {
	fmt.Fprintf(out, "database  %s\nsha256    %s\nbytes     %d (%s)\n\n", term.Clean(path), db.Digest(), db.Size(), report.Size(db.Size()))
	fmt.Fprintf(out, "%-8s %-10s %-10s %6s %9s %11s %9s %9s\n", "source", "newest", "oldest", "feeds", "records", "statements", "malformed", "unordered")
	for _, s := range db.Sources() {
		fmt.Fprintf(out, "%-8s %-10s %-10s %6d %9d %11d %9d %9d\n", s.Name, dash(s.Newest), dash(s.Oldest), s.Feeds, s.Records, s.Assertions, s.Malformed, s.Unordered)
	}
	if feeds {
		fmt.Fprintln(out)
		for _, f := range db.Feeds() {
			fmt.Fprintf(out, "%-8s %-10s %9d  sha256:%.12s…  %s\n", f.Source, dash(f.Date), f.Records, f.Digest, term.Clean(f.Name))
		}
	}
	if len(bad) > 0 {
		fmt.Fprintf(out, "\nmalformed\n")
		for _, b := range bad {
			fmt.Fprintf(out, "  %s: %s: %s\n", term.Clean(b.Feed), term.Clean(b.Name), term.Clean(b.Why))
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
		Long: `Export writes the database as one file and prints its digest as sha256sum does.
Sign the file with what you have (gpg --detach-sign, minisign -S): whoever gets
it imports it with wardein data import FILE --signature SIG --key KEY.`,
		Example: `  wardein data export lab.db > lab.db.sha256
  gpg --armor --detach-sign lab.db`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			from := flags.path()
			if _, err := os.Stat(from); err != nil {
				return &hinted{fmt.Errorf("no database: %s", from), "wardein data import makes one"}
			}
			if err := copyDB(from, args[0]); err != nil {
				return err
			}
			db, err := vulndb.Open(args[0])
			if err != nil {
				return err
			}
			defer db.Close()
			d := db.Digest()
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s  %s\n", hex.EncodeToString(d[:]), term.Clean(args[0]))
			return err
		},
	}
	flags.add(cmd)
	return cmd
}
