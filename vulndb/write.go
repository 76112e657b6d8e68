package vulndb

import (
	"database/sql"
	"errors"
	"fmt"
	"hash/maphash"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	_ "modernc.org/sqlite" // the driver
)

// Form is the version of the file's tables; another one is not read.
const Form = 1

// application is the SQLite application id: "WdVu".
const application = 0x57645675

const schema = `
CREATE TABLE feed (id INTEGER PRIMARY KEY, source TEXT, name TEXT, date TEXT, digest TEXT, snapshot INTEGER, records INTEGER, assertions INTEGER, older INTEGER, malformed INTEGER, unordered INTEGER);
CREATE TABLE malformed (feed INTEGER, n INTEGER, name TEXT, why TEXT, PRIMARY KEY (feed, n)) WITHOUT ROWID;
CREATE TABLE word (id INTEGER PRIMARY KEY, text TEXT);
CREATE TABLE record (id INTEGER PRIMARY KEY, feed INTEGER, name TEXT, about TEXT, publisher INTEGER, date INTEGER, score INTEGER, vector INTEGER, withdrawn INTEGER, says INTEGER);
CREATE TABLE gone (record INTEGER PRIMARY KEY);
CREATE TABLE product (id INTEGER PRIMARY KEY, name TEXT, short TEXT);
CREATE TABLE assertion (product INTEGER PRIMARY KEY, body BLOB);
CREATE TABLE scope (record INTEGER, grp INTEGER, files TEXT, PRIMARY KEY (record, grp)) WITHOUT ROWID;
CREATE TABLE kev (name TEXT PRIMARY KEY, feed INTEGER, title TEXT, added TEXT, due TEXT, ransomware INTEGER) WITHOUT ROWID;
CREATE TABLE epss (year INTEGER PRIMARY KEY, feed INTEGER, body BLOB);
`

// indexes are made when the rows are in.
const indexes = `
CREATE UNIQUE INDEX IF NOT EXISTS product_name ON product (name);
CREATE INDEX IF NOT EXISTS product_short ON product (short) WHERE short IS NOT NULL;
CREATE INDEX IF NOT EXISTS record_name ON record (name, feed, score);
CREATE INDEX IF NOT EXISTS record_withdrawn ON record (name) WHERE withdrawn;
`

// Writer makes a new database, of nothing or of what another holds. Nothing
// of it is visible before Commit.
type Writer struct {
	path, temp string
	held       *os.File // while it is there, no other writes here
	db         *sql.DB
	tx         *sql.Tx
	feeds      []*Feed // by id-1 of those written now
	firstFeed  int64
	names      map[string]uint32 // products
	words      map[string]uint32 // publishers and vectors
	seed       maphash.Seed
	known      map[uint64]known  // records of this import, by source and name
	based      bool              // there was a database: its records are looked up
	dead       map[uint32]bool   // records that were replaced
	lost       map[int64]count   // what feeds lost by that
	epss       map[uint64][]byte // by year, as it is kept
	epssFeed   int64
	next       uint32
	rows       sorter
	stale      int64 // rows of records that are gone
	live       int64
	record     *sql.Stmt
	product    *sql.Stmt
	word       *sql.Stmt
	older      *sql.Stmt // a record by source and name
	buf        []byte
}

type known struct {
	id, date uint32
	feed     int64
	says     int64
}

type count struct{ records, says int64 }

// Create begins a database that will take the place of the file at path. What
// that file holds is kept unless fresh is set; where none is, it begins empty.
func Create(path string, fresh bool) (_ *Writer, err error) {
	held, err := lock(path)
	if err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Dir(path), temporary(filepath.Base(path)))
	if err != nil {
		held.Close()
		return nil, err
	}
	w := &Writer{path: path, temp: f.Name(), held: held, names: map[string]uint32{}, words: map[string]uint32{}, epss: map[uint64][]byte{}, seed: maphash.MakeSeed(), known: map[uint64]known{}, dead: map[uint32]bool{}, lost: map[int64]count{}, next: 1}
	defer func() {
		if err != nil {
			w.Abort()
		}
	}()
	if !fresh {
		if w.based, err = copyBase(f, path); err != nil {
			f.Close()
			return nil, err
		}
	}
	f.Chmod(0o644) // file systems without modes refuse
	if err := f.Close(); err != nil {
		return nil, err
	}
	w.rows.dir = filepath.Dir(path)
	w.db, err = sql.Open("sqlite", "file:"+escape(w.temp)+"?_pragma=journal_mode(OFF)&_pragma=synchronous(OFF)&_pragma=locking_mode(EXCLUSIVE)&_pragma=cache_size(-48000)&_pragma=temp_store(FILE)")
	if err != nil {
		return nil, err
	}
	w.db.SetMaxOpenConns(1)
	if !w.based {
		if _, err := w.db.Exec(fmt.Sprintf("PRAGMA application_id=%d; PRAGMA user_version=%d;", application, Form) + schema); err != nil {
			return nil, err
		}
	} else if err := form(w.db); err != nil {
		return nil, err
	}
	if w.tx, err = w.db.Begin(); err != nil {
		return nil, err
	}
	if err := w.load(); err != nil {
		return nil, err
	}
	if w.record, err = w.tx.Prepare(`INSERT INTO record VALUES (?,?,?,?,?,?,?,?,?,?)`); err != nil {
		return nil, err
	}
	if w.product, err = w.tx.Prepare(`INSERT INTO product VALUES (?,?,?)`); err != nil {
		return nil, err
	}
	if w.word, err = w.tx.Prepare(`INSERT INTO word VALUES (?,?)`); err != nil || !w.based {
		return w, err
	}
	w.older, err = w.tx.Prepare(`SELECT record.id, record.date, record.feed, says FROM record JOIN feed ON feed.id = record.feed WHERE record.name = ? AND source = ? ORDER BY record.id DESC LIMIT 1`)
	return w, err
}

// load reads what is needed to go on with a database.
func (w *Writer) load() error {
	if err := w.tx.QueryRow(`SELECT coalesce(max(id),0)+1 FROM feed`).Scan(&w.firstFeed); err != nil {
		return err
	}
	for table, names := range map[string]map[string]uint32{`SELECT id, name FROM product`: w.names, `SELECT id, text FROM word`: w.words} {
		err := eachRow(w.tx, table, func(rows *sql.Rows) error {
			var id uint32
			var name string
			err := rows.Scan(&id, &name)
			names[name] = id
			return err
		})
		if err != nil {
			return err
		}
	}
	if err := w.tx.QueryRow(`SELECT coalesce(max(id),0)+1 FROM record`).Scan(&w.next); err != nil {
		return err
	}
	if err := w.tx.QueryRow(`SELECT coalesce(sum(assertions),0) FROM feed`).Scan(&w.live); err != nil {
		return err
	}
	return eachGone(w.tx, func(id uint32) {
		w.dead[id] = true
		w.next = max(w.next, id+1)
	})
}

// querier is a database or a transaction.
type querier interface {
	Query(query string, args ...any) (*sql.Rows, error)
}

// eachRow calls scan for each row of a query.
func eachRow(q querier, query string, scan func(*sql.Rows) error, args ...any) error {
	rows, err := q.Query(query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// eachGone gives the records that were replaced.
func eachGone(q querier, do func(id uint32)) error {
	return eachRow(q, `SELECT record FROM gone`, func(rows *sql.Rows) error {
		var id uint32
		if err := rows.Scan(&id); err != nil {
			return err
		}
		do(id)
		return nil
	})
}

func (w *Writer) hash(source, name string) uint64 {
	w.buf = append(append(append(w.buf[:0], source...), 0), name...)
	return maphash.Bytes(w.seed, w.buf)
}

// Holds are the digests of the files that the database was made of before.
// Files of feeds that state no date are not among them: what counts is when
// they were fetched.
func (w *Writer) Holds() (map[string]bool, error) {
	digests := map[string]bool{}
	return digests, eachRow(w.tx, `SELECT digest FROM feed WHERE digest <> '' AND source NOT IN (?, ?)`, func(rows *sql.Rows) error {
		var s string
		err := rows.Scan(&s)
		digests[s] = true
		return err
	}, Alpine, Debian)
}

// Begin begins a feed; the number names it to the other methods. The Feed's
// counts, date and digest may be set until Commit.
func (w *Writer) Begin(f *Feed) (int, error) {
	w.feeds = append(w.feeds, f)
	if !f.Snapshot {
		return len(w.feeds) - 1, nil
	}
	var old []int64
	err := eachRow(w.tx, `SELECT id FROM feed WHERE source = ? AND name = ?`, func(rows *sql.Rows) error {
		var id int64
		err := rows.Scan(&id)
		old = append(old, id)
		return err
	}, f.Source, f.Name)
	if err != nil {
		return 0, err
	}
	for _, id := range old {
		if err := w.forget(id); err != nil {
			return 0, err
		}
		for _, table := range []string{"malformed", "record", "kev", "epss"} {
			if _, err := w.tx.Exec(`DELETE FROM `+table+` WHERE feed = ?`, id); err != nil {
				return 0, err
			}
		}
		if _, err := w.tx.Exec(`DELETE FROM feed WHERE id = ?`, id); err != nil {
			return 0, err
		}
	}
	return len(w.feeds) - 1, nil
}

// forget marks all records of a feed as gone.
func (w *Writer) forget(feed int64) error {
	return eachRow(w.tx, `SELECT id, says FROM record WHERE feed = ?`, func(rows *sql.Rows) error {
		var id uint32
		var says int64
		if err := rows.Scan(&id, &says); err != nil {
			return err
		}
		w.dead[id] = true
		w.stale, w.live = w.stale+says, w.live-says
		return nil
	}, feed)
}

// maxMalformed bounds the malformed records of a feed that are named; all are
// counted.
const maxMalformed = 1000

// Malformed names a record that could not be read.
func (w *Writer) Malformed(feed int, name, why string) error {
	f := w.feeds[feed]
	f.Malformed++
	if f.Malformed > maxMalformed {
		return nil
	}
	_, err := w.tx.Exec(`INSERT INTO malformed VALUES (?,?,?,?)`, w.firstFeed+int64(feed), f.Malformed, cut(name, 200), cut(why, 300))
	return err
}

func cut(s string, n int) string {
	return strings.ToValidUTF8(s[:min(len(s), n)], "\uFFFD")
}

// day is a date as a number, 20261122; 0 is none.
func day(date string) uint32 {
	if len(date) < 10 || date[4] != '-' || date[7] != '-' {
		return 0
	}
	n, _ := strconv.ParseUint(date[:4]+date[5:7]+date[8:10], 10, 32)
	return uint32(n)
}

// Add adds a record. Of two versions of it the newer stays.
func (w *Writer) Add(feed int, r *Record) error {
	f := w.feeds[feed]
	date := day(r.Date)
	if !f.Snapshot {
		h := w.hash(f.Source, r.Name)
		old, ok := w.known[h]
		if !ok && w.based {
			switch err := w.older.QueryRow(r.Name, f.Source).Scan(&old.id, &old.date, &old.feed, &old.says); {
			case err == nil:
				ok = true
			case !errors.Is(err, sql.ErrNoRows):
				return err
			}
		}
		if ok && old.date > date {
			f.Older++
			w.known[h] = old
			return nil
		}
		if ok {
			if err := w.replaced(old); err != nil {
				return err
			}
		}
		w.known[h] = known{w.next, date, w.firstFeed + int64(feed), int64(len(r.Says))}
	}
	id := w.next
	w.next++
	f.Records++
	f.Assertions += int64(len(r.Says))
	f.Unordered += r.Unordered
	w.live += int64(len(r.Says))
	var about any
	if len(r.About) > 0 {
		about = strings.Join(r.About, " ")
	}
	publisher, err := w.wordOf(r.Publisher)
	if err != nil {
		return err
	}
	vector, err := w.wordOf(r.Vector)
	if err != nil {
		return err
	}
	if _, err := w.record.Exec(id, w.firstFeed+int64(feed), r.Name, about, publisher, date, r.Score, vector, r.Withdrawn, len(r.Says)); err != nil {
		return err
	}
	for _, s := range r.Scopes {
		if _, err := w.tx.Exec(`INSERT OR REPLACE INTO scope VALUES (?,?,?)`, id, s.Group, strings.Join(s.Files, "\n")); err != nil {
			return err
		}
	}
	return pack(uint32(w.firstFeed)+uint32(feed), r, func(product string, chunk []byte) error {
		p, ok := w.names[product]
		if !ok {
			p = uint32(len(w.names)) + 1
			w.names[product] = p
			var short any // the product of a CPE name, for components without a vendor
			if rest, ok := strings.CutPrefix(product, "cpe:"); ok {
				short = rest[strings.LastIndexByte(rest, ':')+1:]
			}
			if _, err := w.product.Exec(p, product, short); err != nil {
				return err
			}
		}
		return w.rows.add(p, id, chunk)
	})
}

// replaced forgets a record whose place a newer one takes.
func (w *Writer) replaced(old known) error {
	for _, q := range []string{`DELETE FROM record WHERE id = ?`, `DELETE FROM scope WHERE record = ?`} {
		if _, err := w.tx.Exec(q, old.id); err != nil {
			return err
		}
	}
	w.dead[old.id] = true
	w.stale, w.live = w.stale+old.says, w.live-old.says
	if k := old.feed - w.firstFeed; k >= 0 {
		f := w.feeds[k]
		f.Records, f.Assertions = f.Records-1, f.Assertions-old.says
	} else {
		l := w.lost[old.feed]
		w.lost[old.feed] = count{l.records + 1, l.says + old.says}
	}
	return nil
}

// wordOf is the number of a text that many records have, 0 of an empty one.
func (w *Writer) wordOf(s string) (uint32, error) {
	if s == "" {
		return 0, nil
	}
	s = cut(s, 200)
	id, ok := w.words[s]
	if ok {
		return id, nil
	}
	id = uint32(len(w.words)) + 1
	w.words[s] = id
	_, err := w.word.Exec(id, s)
	return id, err
}

// AddExploited adds an entry of a list of known exploited vulnerabilities.
func (w *Writer) AddExploited(feed int, e Exploited) error {
	w.feeds[feed].Records++
	_, err := w.tx.Exec(`INSERT OR REPLACE INTO kev VALUES (?,?,?,?,?,?)`, e.Name, w.firstFeed+int64(feed), e.Title, e.Added, e.Due, e.Ransomware)
	return err
}

// Commit finishes the database and puts it into its place.
func (w *Writer) Commit() (err error) {
	defer w.Abort()
	if err := w.put(); err != nil {
		return err
	}
	for i, f := range w.feeds {
		if _, err := w.tx.Exec(`INSERT INTO feed VALUES (?,?,?,?,?,?,?,?,?,?,?)`, w.firstFeed+int64(i), f.Source, f.Name, f.Date, f.Digest, f.Snapshot, f.Records, f.Assertions, f.Older, f.Malformed, f.Unordered); err != nil {
			return err
		}
	}
	if err := errors.Join(w.putEPSS(), w.recount()); err != nil {
		return err
	}
	if _, err := w.tx.Exec(indexes); err != nil {
		return err
	}
	rebuild := w.stale > w.live/8 && w.stale > 1000
	if rebuild {
		err = w.rebuild()
	} else {
		err = w.remember()
	}
	if err != nil {
		return err
	}
	if err := w.tx.Commit(); err != nil {
		return err
	}
	w.tx = nil
	if rebuild {
		if _, err := w.db.Exec(`VACUUM`); err != nil {
			return err
		}
	}
	if err := w.db.Close(); err != nil {
		return err
	}
	w.db = nil
	if err := place(w.temp, w.path); err != nil {
		return err
	}
	w.temp = ""
	return nil
}

// Abort forgets a database that was not committed. It does nothing after
// Commit.
func (w *Writer) Abort() {
	if w.tx != nil {
		w.tx.Rollback()
		w.tx = nil
	}
	if w.db != nil {
		w.db.Close()
		w.db = nil
	}
	w.rows.close()
	if w.temp != "" {
		os.Remove(w.temp)
		w.temp = ""
	}
	if w.held != nil {
		w.held.Close()
		w.held = nil
	}
}
