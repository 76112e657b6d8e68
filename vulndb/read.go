package vulndb

import (
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"sort"
	"strings"

	"github.com/wardein/wardein"
)

// DB is an open database. It is for one goroutine.
type DB struct {
	db     *sql.DB
	digest wardein.Digest
	size   int64
	feeds  []Feed
	kev    map[string]Exploited
	gone   map[uint32]bool
	// withdrawn are the rejected vulnerabilities, with who says so.
	withdrawn map[string]string
	epss      map[uint64][]byte // by year, once read

	assertions, products, records, scores, vectors, scopes, years *sql.Stmt

	all  []Statement // of one look-up
	refs []ref
}

// Open opens a database for reading and hashes it.
func Open(path string) (_ *DB, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	h := sha256.New()
	size, err := io.Copy(h, f)
	if err := errors.Join(err, f.Close()); err != nil {
		return nil, err
	}
	d := &DB{digest: wardein.Digest(h.Sum(nil)), size: size, kev: map[string]Exploited{}, gone: map[uint32]bool{}, withdrawn: map[string]string{}, epss: map[uint64][]byte{}}
	defer func() {
		if err != nil {
			d.Close()
			err = fmt.Errorf("vulnerability database %s: %w", path, err)
		}
	}()
	d.db, err = sql.Open("sqlite", "file:"+escape(path)+"?mode=ro&immutable=1&_pragma=query_only(1)&_pragma=trusted_schema(0)&_pragma=cache_size(-16000)")
	if err != nil {
		return d, err
	}
	d.db.SetMaxOpenConns(1)
	if err := form(d.db); err != nil {
		return d, err
	}
	if err := d.load(); err != nil {
		return d, err
	}
	for _, q := range []struct {
		to   **sql.Stmt
		text string
	}{
		{&d.assertions, `SELECT body FROM assertion WHERE product = (SELECT id FROM product WHERE name = ?)`},
		{&d.products, `SELECT name FROM product WHERE short = ? ORDER BY name LIMIT ?`},
		{&d.records, `SELECT name, p.text, date, v.text FROM record LEFT JOIN word p ON p.id = publisher LEFT JOIN word v ON v.id = vector WHERE record.id = ?`},
		{&d.scores, `SELECT feed, score FROM record INDEXED BY record_name WHERE name = ?`},
		{&d.vectors, `SELECT v.text FROM record JOIN feed ON feed.id = record.feed JOIN word v ON v.id = vector WHERE record.name = ? AND source = ? ORDER BY score DESC, record.id LIMIT 1`},
		{&d.scopes, `SELECT files FROM scope WHERE record = ? AND grp = ?`},
		{&d.years, `SELECT body FROM epss WHERE year = ?`},
	} {
		if *q.to, err = d.db.Prepare(q.text); err != nil {
			return d, err
		}
	}
	return d, nil
}

func (d *DB) load() error {
	err := eachRow(d.db, `SELECT id, source, name, date, digest, snapshot, records, assertions, older, malformed, unordered FROM feed ORDER BY id`, func(rows *sql.Rows) error {
		var f Feed
		var id int
		if err := rows.Scan(&id, &f.Source, &f.Name, &f.Date, &f.Digest, &f.Snapshot, &f.Records, &f.Assertions, &f.Older, &f.Malformed, &f.Unordered); err != nil {
			return err
		}
		for len(d.feeds) < min(id, 1<<20) { // by id
			d.feeds = append(d.feeds, Feed{})
		}
		if id < 1 || id > len(d.feeds) {
			return fmt.Errorf("feed %d of %d", id, len(d.feeds))
		}
		d.feeds[id-1] = f
		return nil
	})
	if err != nil {
		return err
	}
	err = eachRow(d.db, `SELECT name, title, added, due, ransomware FROM kev`, func(rows *sql.Rows) error {
		var e Exploited
		err := rows.Scan(&e.Name, &e.Title, &e.Added, &e.Due, &e.Ransomware)
		d.kev[e.Name] = e
		return err
	})
	if err != nil {
		return err
	}
	if err := eachGone(d.db, func(id uint32) { d.gone[id] = true }); err != nil {
		return err
	}
	return eachRow(d.db, `SELECT name, feed FROM record INDEXED BY record_withdrawn WHERE withdrawn`, func(rows *sql.Rows) error {
		var name string
		var feed int
		err := rows.Scan(&name, &feed)
		d.withdrawn[name] = d.source(feed)
		return err
	})
}

// Close closes the database.
func (d *DB) Close() error {
	if d.db == nil {
		return nil
	}
	return d.db.Close()
}

// Digest is the SHA-256 of the file; Size its length.
func (d *DB) Digest() wardein.Digest { return d.digest }

// Size is the length of the file.
func (d *DB) Size() int64 { return d.size }

// Feeds are what was imported, in the order of import.
func (d *DB) Feeds() (feeds []Feed) {
	for _, f := range d.feeds {
		if f.Source != "" {
			feeds = append(feeds, f)
		}
	}
	return feeds
}

// Source is what a database holds of one source.
type Source struct {
	Name string
	// Newest and Oldest are the first and last dates of its feeds.
	Newest, Oldest                            string
	Feeds                                     int
	Records, Assertions, Malformed, Unordered int64
	Digest                                    wardein.Digest // over the digests of its feeds, in order
}

// Sources sums the feeds up by source, sorted by name.
func (d *DB) Sources() (list []Source) {
	sums := map[string][]string{}
	for _, f := range d.Feeds() {
		i := slices.IndexFunc(list, func(s Source) bool { return s.Name == f.Source })
		if i < 0 {
			i = len(list)
			list = append(list, Source{Name: f.Source, Newest: f.Date, Oldest: f.Date})
		}
		s := &list[i]
		s.Newest, s.Oldest = max(s.Newest, f.Date), min(s.Oldest, f.Date)
		s.Feeds++
		s.Records, s.Assertions, s.Malformed, s.Unordered = s.Records+f.Records, s.Assertions+f.Assertions, s.Malformed+f.Malformed, s.Unordered+f.Unordered
		sums[f.Source] = append(sums[f.Source], f.Digest)
	}
	slices.SortFunc(list, func(a, b Source) int { return strings.Compare(a.Name, b.Name) })
	for i := range list {
		list[i].Digest = sha256.Sum256([]byte(strings.Join(sums[list[i].Name], "\n")))
	}
	return list
}

// Date is the day of the newest feed, "" when there is none.
func (d *DB) Date() (date string) {
	for _, f := range d.feeds {
		date = max(date, f.Date)
	}
	return date
}

// Bad is a record that could not be read.
type Bad struct{ Feed, Name, Why string }

// Malformed lists the first of the records that could not be read.
func (d *DB) Malformed(most int) (list []Bad, err error) {
	err = eachRow(d.db, `SELECT feed, name, why FROM malformed ORDER BY feed, n LIMIT ?`, func(rows *sql.Rows) error {
		var feed int
		var b Bad
		if err := rows.Scan(&feed, &b.Name, &b.Why); err != nil {
			return err
		}
		if feed > 0 && feed <= len(d.feeds) {
			b.Feed = d.feeds[feed-1].Source + " " + d.feeds[feed-1].Name
		}
		list = append(list, b)
		return nil
	}, most)
	return list, err
}

// Check reads the whole file for damage.
func (d *DB) Check() error {
	var said string
	if err := d.db.QueryRow(`PRAGMA quick_check(1)`).Scan(&said); err != nil {
		return err
	}
	if said != "ok" {
		return fmt.Errorf("damaged: %s", said)
	}
	return nil
}

// rankOfScore: NVD's score goes before the others.
func rankOfScore(source string) int {
	switch source {
	case NVD:
		return 4
	case CVE:
		return 3
	case OSV:
		return 2
	}
	return 1
}

// score finds the CVSS score of a vulnerability, whatever the product.
func (d *DB) score(name string) (score int, by string, err error) {
	rows, err := d.scores.Query(name)
	if err != nil {
		return 0, "", err
	}
	defer rows.Close()
	best := 0
	for rows.Next() {
		var feed, s int
		if err := rows.Scan(&feed, &s); err != nil {
			return 0, "", err
		}
		if rank := rankOfScore(d.source(feed)); s > 0 && rank > best {
			best, score, by = rank, s, d.source(feed)
		}
	}
	return score, by, rows.Err()
}

// likelihood finds an EPSS score, nil where there is none.
func (d *DB) likelihood(name string) (*Likelihood, error) {
	y, n, ok := cveNumbers(name)
	if !ok || n > math.MaxUint32 {
		return nil, nil
	}
	body, ok := d.epss[y]
	if !ok {
		if err := d.years.QueryRow(y).Scan(&body); err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, err
		}
		if len(d.epss) < 100 {
			d.epss[y] = body
		}
	}
	count := len(body) / epssSize
	i := sort.Search(count, func(i int) bool { return uint64(binary.BigEndian.Uint32(body[i*epssSize:])) >= n })
	if i == count || uint64(binary.BigEndian.Uint32(body[i*epssSize:])) != n {
		return nil, nil
	}
	e := body[i*epssSize:]
	return &Likelihood{name, int(binary.BigEndian.Uint32(e[4:])), int(binary.BigEndian.Uint32(e[8:]))}, nil
}

func (d *DB) source(feed int) string {
	if feed < 1 || feed > len(d.feeds) {
		return ""
	}
	return d.feeds[feed-1].Source
}
