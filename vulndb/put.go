package vulndb

import (
	"bytes"
	"database/sql"
	"encoding/binary"
	"errors"
	"maps"
	"math"
	"slices"
)

// put writes the sorted rows, each product's as one blob, with what it had.
func (w *Writer) put() error {
	old, err := w.tx.Prepare(`SELECT body FROM assertion WHERE product = ?`)
	if err != nil {
		return err
	}
	defer old.Close()
	insert, err := w.tx.Prepare(`INSERT OR REPLACE INTO assertion VALUES (?,?)`)
	if err != nil {
		return err
	}
	defer insert.Close()
	gone := func(record uint32) bool { return w.dead[record] }
	var product uint32
	var fresh []chunk
	var kept []byte // of the chunks
	flush := func() error {
		if len(fresh) == 0 {
			return nil
		}
		var had []byte
		if w.firstFeed > 1 {
			if err := old.QueryRow(product).Scan(&had); err != nil && !errors.Is(err, sql.ErrNoRows) {
				return err
			}
		}
		body, err := merge(had, fresh, gone)
		if err != nil {
			return err
		}
		fresh, kept = fresh[:0], nil
		_, err = insert.Exec(product, body)
		return err
	}
	err = w.rows.merge(func(r row, b []byte) error {
		if r.product != product {
			if err := flush(); err != nil {
				return err
			}
			product = r.product
		}
		if w.dead[r.record] {
			return nil
		}
		from := len(kept)
		kept = append(kept, b...)
		n, k := binary.Uvarint(kept[from:])
		from += k
		fresh = append(fresh, chunk{record: r.record, head: kept[from : from+int(n) : from+int(n)], body: kept[from+int(n):]})
		return nil
	})
	if err != nil {
		return err
	}
	return flush()
}

// recount brings the feeds' counts to what of them is left, and forgets feeds
// of which nothing is.
func (w *Writer) recount() error {
	for _, id := range slices.Sorted(maps.Keys(w.lost)) {
		if _, err := w.tx.Exec(`UPDATE feed SET records = records - ?, assertions = assertions - ? WHERE id = ?`, w.lost[id].records, w.lost[id].says, id); err != nil {
			return err
		}
	}
	_, err := w.tx.Exec(`DELETE FROM feed WHERE records = 0 AND malformed = 0 AND id < ? AND source NOT IN (?, ?)`, w.firstFeed, KEV, EPSS)
	return err
}

// remember keeps which records are gone: their statements stay where they
// are until there are many.
func (w *Writer) remember() error {
	for _, id := range slices.Sorted(maps.Keys(w.dead)) {
		if _, err := w.tx.Exec(`INSERT OR IGNORE INTO gone VALUES (?)`, id); err != nil {
			return err
		}
	}
	return nil
}

// rebuild leaves all statements out whose records are gone.
func (w *Writer) rebuild() error {
	for id := uint32(1); id <= uint32(len(w.names)); id++ {
		var body []byte
		err := w.tx.QueryRow(`SELECT body FROM assertion WHERE product = ?`, id).Scan(&body)
		if errors.Is(err, sql.ErrNoRows) {
			continue
		}
		if err != nil {
			return err
		}
		kept, err := merge(body, nil, func(record uint32) bool { return w.dead[record] })
		if err != nil {
			return err
		}
		if len(kept) != len(body) {
			if _, err := w.tx.Exec(`UPDATE assertion SET body = ? WHERE product = ?`, kept, id); err != nil {
				return err
			}
		}
	}
	_, err := w.tx.Exec(`DELETE FROM gone; DELETE FROM scope WHERE record NOT IN (SELECT id FROM record)`)
	return err
}

// epssSize is the size of an entry: number of the CVE, score, percentile.
const epssSize = 12

// AddLikelihood adds an EPSS score.
func (w *Writer) AddLikelihood(feed int, l Likelihood) error {
	y, n, ok := cveNumbers(l.Name)
	if !ok || n > math.MaxUint32 {
		return w.Malformed(feed, l.Name, "not a CVE name in its plain form")
	}
	w.feeds[feed].Records++
	w.epssFeed = w.firstFeed + int64(feed)
	e := binary.BigEndian.AppendUint32(w.epss[y], uint32(n))
	e = binary.BigEndian.AppendUint32(e, uint32(l.Score))
	w.epss[y] = binary.BigEndian.AppendUint32(e, uint32(l.Percentile))
	return nil
}

// putEPSS writes the scores, each year's in order of their numbers.
func (w *Writer) putEPSS() error {
	for _, y := range slices.Sorted(maps.Keys(w.epss)) {
		b := w.epss[y]
		list := slices.Collect(slices.Chunk(b, epssSize))
		slices.SortStableFunc(list, bytes.Compare)
		if _, err := w.tx.Exec(`INSERT OR REPLACE INTO epss VALUES (?,?,?)`, y, w.epssFeed, slices.Concat(list...)); err != nil {
			return err
		}
	}
	return nil
}
