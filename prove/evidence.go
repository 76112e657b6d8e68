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
// for somebody who holds the release or only the file. It can be handed on
// alone: the statement of the public bundle has its digest.
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
	Blob  string  `json:"blob"`            // SHA-256 of the node's content, "" where it has none
	Bytes *string `json:"bytes,omitempty"` // as the report quotes them, hexadecimal
	Len   string  `json:"len"`
	Node  string  `json:"node"` // as in the report
	Off   string  `json:"off"`
	// Salted stands in place of bytes that are restricted: SHA-256 of the
	// restricted part's salt and the bytes.
	Salted string `json:"salted,omitempty"`
}

// restricted is what restricted/ID.age holds, encrypted.
type restricted struct {
	Bytes   []string `json:"bytes"` // of each quote, hexadecimal
	Finding string   `json:"finding"`
	Salt    string   `json:"salt"`
	Version string   `json:"version"`
}

// evidenceSalt is a salt of finding i's evidence, 16 bytes.
func evidenceSalt(seed *[32]byte, label byte, i int) []byte {
	s := salt(seed, label, uint64(i))
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
		e := evidence{Finding: f.ID, Index: i, Quotes: []place{}, Salt: hex.EncodeToString(evidenceSalt(&d.Seed, evidenceLabel, i)), Version: Version}
		sl := evidenceSalt(&d.Seed, restrictedLabel, i)
		hidden := restricted{Bytes: []string{}, Finding: f.ID, Salt: hex.EncodeToString(sl), Version: Version}
		for _, q := range f.Quotes {
			raw, err := canon.Unescape(q.Bytes)
			if err != nil {
				return fmt.Errorf("finding %s: %w", f.ID, err)
			}
			b := hex.EncodeToString([]byte(raw))
			p := place{Blob: blobs[pathField(q.Node)], Bytes: &b, Len: q.Len, Node: q.Node, Off: q.Off}
			if d.Encrypt != nil {
				sum := sha256.Sum256(append(append([]byte{}, sl...), raw...))
				p.Bytes, p.Salted = nil, hex.EncodeToString(sum[:])
				hidden.Bytes = append(hidden.Bytes, b)
			}
			e.Quotes = append(e.Quotes, p)
		}
		b, err := canon.Of(e)
		if err != nil {
			return err
		}
		add(evidenceFolder+name+".json", b)
		if d.Encrypt != nil {
			if b, err = canon.Of(hidden); err != nil {
				return err
			}
			if b, err = d.Encrypt(b); err != nil {
				return err
			}
			add(restrictedFolder+name+".age", b)
		}
	}
	return nil
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
