package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wardein/wardein"
	checks "github.com/wardein/wardein/check/all"
	"github.com/wardein/wardein/check/vuln"
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
	if _, err := importFiles(ctx, path, []string{filepath.Join(dir, "sample", "nvd.json"), filepath.Join(dir, "sample", "cve.json"), filepath.Join(dir, "sample", "kev.json")}, importFlags{}, func(string) {}); err != nil {
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
	date, list, signature, key, asOf string
	fresh, quiet, asJSON             bool
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
KEV as JSON, EPSS as CSV: plain, packed with gzip, xz, zstd or bzip2, in zip and
tar files and in folders. Records that cannot be read are counted and named. A
file that breaks off ends the import: the database stays as it was. A file of
which the database holds every byte already is passed over.

A FILE that wardein data export wrote takes the place of the whole database. With
--list each FILE must be on the list of digests, as sha256sum and wardein data
export write it. With --signature and --key the one FILE must bear that
signature: OpenPGP, minisign or, up to 64 MB, CMS.`,
		Example: `  wardein data import nvdcve-2.0-*.json.gz known_exploited_vulnerabilities.json
  wardein data import --date 2026-11-20 tracker.json     (it states no date of its own)
  wardein data import lab.db --list lab.db.sha256
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
			if flags.list != "" {
				if err := onList(flags.list, args); err != nil {
					return err
				}
			}
			path := flags.path()
			if len(args) == 1 && isDatabase(args[0]) {
				return adopt(cmd, args[0], path)
			}
			show := newProgress(flags.quiet, "importing")
			defer show.end()
			im, err := importFiles(cmd.Context(), path, args, flags, show.now)
			if err != nil {
				return err
			}
			show.end()
			if !flags.quiet {
				for _, s := range im.Skipped {
					fmt.Fprintf(cmd.ErrOrStderr(), "wardein: not read: %s\n", term.Clean(s))
				}
				if n := len(im.Unchanged); n > 0 {
					fmt.Fprintf(cmd.ErrOrStderr(), "wardein: unchanged: %s\n", term.Clean(few(im.Unchanged, 5)))
				}
			}
			return printed(cmd, func(out *bufio.Writer) error { return writeFeeds(out, im.Feeds(), path, flags.asJSON) })
		},
	}
	flags.add(cmd)
	f := cmd.Flags()
	f.BoolVar(&flags.fresh, "fresh", false, "begin an empty database in place of the old one")
	f.StringVar(&flags.date, "date", "", "the `DATE` of feeds that state none (default: that of the file)")
	f.StringVar(&flags.list, "list", "", "the digests that the files must have, in this `FILE`")
	f.StringVar(&flags.signature, "signature", "", "the FILE's detached signature, in this `FILE`")
	f.StringVar(&flags.key, "key", "", "the signer's key, in this `KEYFILE`")
	f.StringVar(&flags.asOf, "as-of", checks.DataDate, "judge OpenPGP keys at this `DATE`")
	f.BoolVarP(&flags.quiet, "quiet", "q", false, "no progress and no notes on standard error")
	f.BoolVar(&flags.asJSON, "json", false, "as JSON")
	return cmd
}

// few joins names, at most so many of them.
func few(names []string, most int) string {
	if n := len(names); n > most {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), n-most)
	}
	return strings.Join(names, ", ")
}

// onList checks files against a list of digests.
func onList(list string, files []string) error {
	b, err := readSmall(list)
	if err != nil {
		return err
	}
	l, err := parseList(b)
	if err != nil {
		return fmt.Errorf("%s: %w", term.Clean(list), err)
	}
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		h := sha256.New()
		_, err = io.Copy(h, f)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
		have, want := hex.EncodeToString(h.Sum(nil)), ""
		for _, e := range l.entries {
			if e.kind == "sha256" && filepath.Base(e.name) == filepath.Base(name) {
				want = e.sum
			}
		}
		switch {
		case want == "":
			return fmt.Errorf("%s has no sha256 of %s: nothing was imported", term.Clean(list), term.Clean(filepath.Base(name)))
		case have != want:
			return &hinted{fmt.Errorf("%s differs: its sha256 is %s, the list says %s: nothing was imported", term.Clean(name), have, want), "carry the file again; if it still differs, ask who made the list"}
		}
	}
	return nil
}

// importFiles imports files into the database at path; say is told how far it
// is.
func importFiles(ctx context.Context, path string, names []string, flags importFlags, say func(string)) (*feed.Import, error) {
	w, err := vulndb.Create(path, flags.fresh)
	if err != nil {
		return nil, err
	}
	defer w.Abort()
	im := feed.New(w)
	im.Day = flags.date
	done := make(chan struct{})
	defer close(done)
	go watch(im, sizeOf(names), say, done)
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
	case len(im.Feeds()) == 0 && len(im.Unchanged) > 0:
		return im, nil
	case len(im.Feeds()) == 0:
		why := ""
		if len(im.Skipped) > 0 {
			why = " (" + term.Clean(few(im.Skipped, 3)) + ")"
		}
		return nil, &hinted{fmt.Errorf("no feed in what was named%s: nothing was imported", why), "wardein data --help lists what is read"}
	}
	return im, w.Commit()
}

// sizeOf is how many bytes the files have, 0 where a folder is among them.
func sizeOf(names []string) (n int64) {
	for _, name := range names {
		st, err := os.Stat(name)
		if err != nil || st.IsDir() {
			return 0
		}
		n += st.Size()
	}
	return n
}

// watch says how far an import is.
func watch(im *feed.Import, size int64, say func(string), done chan struct{}) {
	start := time.Now()
	for {
		select {
		case <-done:
			return
		case <-time.After(200 * time.Millisecond):
		}
		n, of := im.Read.Load(), ""
		if size > 0 {
			of = " of " + report.Size(size)
		}
		if name := im.Name(); name == "" {
			say(fmt.Sprintf("importing: %d records, writing the database", im.Records.Load()))
		} else {
			say(fmt.Sprintf("importing: %s%s read, %d records, %s/s: %s", report.Size(n), of, im.Records.Load(), report.Size(int64(float64(n)/time.Since(start).Seconds())), term.Clean(name)))
		}
	}
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
	if err := vulndb.Copy(name, path); err != nil {
		return &hinted{fmt.Errorf("not taken over: %w: %s", err, term.Clean(name)), "the database is as it was; carry the file again and compare its digest"}
	}
	db, err := vulndb.Open(path)
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is the database now\nsha256 %s\n", term.Clean(filepath.Base(name)), db.Digest())
	return err
}
