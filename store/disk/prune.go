package disk

import (
	"fmt"
	"os"
)

// Status is what a store holds.
type Status struct {
	Dir      string
	Runs     int64
	Results  int64
	Contents int64
	Bytes    int64 // on disk, the index included
}

// Status counts what the store holds.
func (s *Store) Status() (st Status, err error) {
	st.Dir = s.dir
	for q, v := range map[string]*int64{
		`SELECT count(*) FROM run WHERE done = 1`: &st.Runs,
		`SELECT count(*) FROM result`:             &st.Results,
		`SELECT count(*) FROM content`:            &st.Contents,
		`SELECT coalesce(sum(bytes), 0) FROM run`: &st.Bytes,
	} {
		if err := s.db.QueryRow(q).Scan(v); err != nil {
			return st, err
		}
	}
	if fi, err := os.Stat(s.dir + "/index.db"); err == nil {
		st.Bytes += fi.Size()
	}
	return st, nil
}

// Prune removes the oldest runs until the packs and records of the others
// take at most limit bytes. A run whose bytes a kept run refers to goes
// together with that run or not at all: the younger is removed first. It
// returns how many runs it removed. While a run is at work nothing is removed:
// what it was given must last.
func (s *Store) Prune(limit int64) (int, error) {
	gate, err := s.gate()
	if err != nil {
		return 0, err
	}
	defer gate.Close()
	if n, err := s.sweep(); err != nil {
		return 0, err
	} else if n > 0 {
		return 0, fmt.Errorf("store %s is in use: %d runs are at work", s.dir, n)
	}
	removed := 0
	for {
		var total int64
		if err := s.db.QueryRow(`SELECT coalesce(sum(bytes), 0) FROM run WHERE done = 1`).Scan(&total); err != nil {
			return removed, err
		}
		if total <= limit {
			break
		}
		rows, err := s.db.Query(`WITH RECURSIVE gone(id) AS (
			SELECT min(id) FROM run WHERE done = 1
			UNION SELECT needs.run FROM needs JOIN gone ON needs.other = gone.id)
			SELECT id FROM gone WHERE id IS NOT NULL ORDER BY id DESC`)
		if err != nil {
			return removed, err
		}
		ids, err := scanIDs(rows)
		if err != nil || len(ids) == 0 {
			return removed, err
		}
		for _, id := range ids {
			if err := s.remove(id); err != nil {
				return removed, err
			}
			removed++
		}
	}
	_, err = s.db.Exec(`VACUUM`)
	return removed, err
}
