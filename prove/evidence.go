package prove

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/wardein/wardein/internal/canon"
)

// maxEvidence bounds the findings that evidence is given for, the first ones of
// the report's order; the report quotes the others as well.
const maxEvidence = 30_000

// evidence is the content of evidence/ID.json: where a finding's bytes stand,
// for somebody who holds the release or only the file. A part of the release
// that is restricted stands in restricted/ID.age.
type evidence struct {
	Finding string  `json:"finding"`
	Index   int     `json:"index"` // of the finding in the report
	Quotes  []place `json:"quotes"`
	// Salt is from the seed, so that the file's digest tells nothing to
	// those who have the statement alone.
	Salt    string `json:"salt"`
	Version string `json:"version"`
}

// place is one of a finding's quotes.
type place struct {
	Blob  string `json:"blob"`  // SHA-256 of the node's content, "" where it has none
	Bytes string `json:"bytes"` // the report's quote, hexadecimal
	Len   string `json:"len"`
	Node  string `json:"node"` // as in the report
	Off   string `json:"off"`
	// Salted is SHA-256(salt ‖ bytes) of what is restricted.
	Salted string `json:"salted,omitempty"`
}

// restricted is what restricted/ID.age holds, encrypted.
type restricted struct {
	Finding string `json:"finding"`
	Parts   []more `json:"parts"` // one for each quote
	Salt    string `json:"salt"`
	Version string `json:"version"`
}

// more are the release's bytes around a quote.
type more struct {
	Bytes string `json:"bytes"` // hexadecimal
	Off   string `json:"off"`
}

// evidenceSalt is the salt of finding i's evidence, 16 bytes.
func evidenceSalt(seed *[32]byte, i int) []byte {
	s := salt(seed, 'e', uint64(i))
	return s[:16]
}

// evidence makes the evidence of all findings.
func (d *Draft) evidence(s *saved, add func(name string, content []byte)) error {
	all := make([]finding, min(len(s.Findings), maxEvidence))
	blobs := map[string]string{} // by the path as JSON
	for i := range all {
		if err := json.Unmarshal(s.Findings[i], &all[i]); err != nil {
			return fmt.Errorf("finding %d: %w", i, err)
		}
		for _, q := range all[i].Quotes {
			blobs[pathField(q.Node)] = ""
		}
	}
	if err := findBlobs(io.NewSectionReader(d.Tree, 0, d.TreeSize), blobs); err != nil {
		return err
	}
	taken := map[string]int{}
	for i := range all {
		f := &all[i]
		name := f.ID
		if taken[f.ID]++; taken[f.ID] > 1 {
			name += "-" + strconv.Itoa(taken[f.ID])
		}
		if !validName(evidenceFolder+name+".json") || strings.Contains(name, "/") {
			return fmt.Errorf("finding %d: id %.60q cannot name a member", i, f.ID)
		}
		sl := evidenceSalt(&d.Seed, i)
		e := evidence{Finding: f.ID, Index: i, Quotes: []place{}, Salt: hex.EncodeToString(sl), Version: Version}
		hidden := restricted{Finding: f.ID, Parts: []more{}, Salt: e.Salt, Version: Version}
		for _, q := range f.Quotes {
			raw, err := canon.Unescape(q.Bytes)
			if err != nil {
				return fmt.Errorf("finding %s: %w", f.ID, err)
			}
			p := place{Blob: blobs[pathField(q.Node)], Bytes: hex.EncodeToString([]byte(raw)), Len: q.Len, Node: q.Node, Off: q.Off}
			if d.Restrict != nil {
				m, err := d.Restrict.around(&p)
				if err != nil {
					return fmt.Errorf("finding %s: %w", f.ID, err)
				}
				b, err := hex.DecodeString(m.Bytes)
				if err != nil {
					return err
				}
				sum := sha256.Sum256(append(append([]byte{}, sl...), b...))
				p.Salted = hex.EncodeToString(sum[:])
				hidden.Parts = append(hidden.Parts, m)
			}
			e.Quotes = append(e.Quotes, p)
		}
		b, err := canon.Of(e)
		if err != nil {
			return err
		}
		add(evidenceFolder+name+".json", b)
		if len(hidden.Parts) > 0 {
			if b, err = canon.Of(hidden); err != nil {
				return err
			}
			if b, err = d.Restrict.Encrypt(b); err != nil {
				return err
			}
			add(restrictedFolder+name+".age", b)
		}
	}
	return nil
}

// around gives what is restricted of a place. A quote without bytes is a
// secret's: nothing of it goes into a bundle.
func (r *Restriction) around(p *place) (m more, err error) {
	m.Off = p.Off
	if p.Bytes == "" {
		return m, nil
	}
	node, err := canon.Unescape(p.Node)
	if err != nil {
		return m, err
	}
	off, err := strconv.ParseInt(p.Off, 10, 64)
	if err != nil {
		return m, err
	}
	n, err := strconv.ParseInt(p.Len, 10, 64)
	if err != nil {
		return m, err
	}
	at, b, err := r.Bytes(node, off, n)
	return more{hex.EncodeToString(b), strconv.FormatInt(at, 10)}, err
}

// pathField is how a line of the tree file says that a node has a path, which
// is given in its escaped form. No string can hold these bytes, since the
// quotes in it are escaped.
func pathField(escaped string) string {
	w := &canon.Writer{}
	w.Text(escaped)
	return `"path":` + string(w.B)
}

// cutPath is the pathField of a line, "" where there is none.
func cutPath(line []byte) []byte {
	const field = `"path":"`
	i := bytes.Index(line, []byte(field))
	if i < 0 {
		return nil
	}
	for k := i + len(field); k < len(line); k++ {
		switch line[k] {
		case '\\':
			k++
		case '"':
			return line[i : k+1]
		}
	}
	return nil
}

// findBlobs fills in the digests of the contents at some paths.
func findBlobs(tree io.Reader, blobs map[string]string) error {
	if len(blobs) == 0 {
		return nil
	}
	return eachLine(tree, func(_ int, line []byte) error {
		field := cutPath(line)
		if _, wanted := blobs[string(field)]; !wanted {
			return nil
		}
		var n struct{ Blob string }
		if err := json.Unmarshal(line, &n); err != nil {
			return fmt.Errorf("tree file: %w", err)
		}
		blobs[string(field)] = n.Blob
		return nil
	})
}

// eachLine gives the lines of a file without their line feeds.
func eachLine(r io.Reader, f func(i int, line []byte) error) error {
	in := bufio.NewReaderSize(r, 256<<10)
	var long []byte
	for i := 0; ; {
		piece, err := in.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			long = append(long, piece...)
			continue
		}
		if err != nil && err != io.EOF {
			return err
		}
		line := piece
		if len(long) > 0 {
			long = append(long, piece...)
			line, long = long, long[:0]
		}
		if err == io.EOF && len(line) == 0 {
			return nil
		}
		if err := f(i, bytes.TrimSuffix(line, []byte("\n"))); err != nil {
			return err
		}
		i++
	}
}
