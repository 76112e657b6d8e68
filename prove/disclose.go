package prove

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/prove/statement"
)

// Disclosure opens single lines of tree.jsonl and single findings to those who
// have the public bundle, and shows nothing of the others.
type Disclosure struct {
	Envelope wardein.Digest `json:"envelope"` // of the bundle's statement
	Leaves   []Leaf         `json:"leaves"`
	Version  string         `json:"version"`
}

// Leaf is one leaf of a salted tree.
type Leaf struct {
	Hashes []wardein.Digest `json:"hashes"` // from the leaf to the root
	Index  int64            `json:"index"`
	Line   string           `json:"line"` // a line of tree.jsonl, or a finding, as canonical JSON
	Root   string           `json:"root"` // "tree" or "findings"
	Salt   wardein.Digest   `json:"salt"`
	Size   int64            `json:"size"` // of the tree
}

// The names of the roots.
const (
	TreeRoot     = "tree"
	FindingsRoot = "findings"
)

// maxDisclosure bounds a disclosure file, in bytes.
const maxDisclosure = 256 << 20

// Disclose opens the nodes and findings that are wanted: paths in their escaped
// form, as the tree file has them, and IDs. It needs the full bundle.
func Disclose(b *Bundle, paths, ids []string) (*Disclosure, error) {
	envelope, err := b.Read(StatementName, maxReport)
	if err != nil {
		return nil, err
	}
	m := b.Find(TreeName)
	if m == nil {
		return nil, fmt.Errorf("the public bundle holds no %s: the full one can be disclosed from", TreeName)
	}
	seed, err := readSeed(b)
	if err != nil {
		return nil, err
	}
	d := &Disclosure{Envelope: statement.Digest(envelope), Leaves: []Leaf{}, Version: Version}
	var leaves [][32]byte
	var buf []byte
	wanted := map[string]string{}
	for _, p := range paths {
		wanted[pathField(p)] = p
	}
	if len(paths) > 0 {
		err := eachLine(b.Content(m), func(i int, line []byte) error {
			sl := salt(&seed, treeLabel, uint64(i))
			var leaf [32]byte
			leaf, buf = leafHash(buf, &sl, line)
			leaves = append(leaves, leaf)
			field := cutPath(line)
			if _, ok := wanted[string(field)]; ok {
				delete(wanted, string(field))
				d.Leaves = append(d.Leaves, Leaf{Index: int64(i), Line: string(line), Root: TreeRoot, Salt: sl})
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
		for _, p := range paths {
			if _, ok := wanted[pathField(p)]; ok {
				return nil, fmt.Errorf("no node %q in %s", p, TreeName)
			}
		}
		d.paths(0, leaves)
	}
	if len(ids) == 0 {
		return d, nil
	}
	content, err := b.Read(ReportName, maxReport)
	if err != nil {
		return nil, err
	}
	s, err := readReport(content)
	if err != nil {
		return nil, refuseMember(ReportName, "%w", err)
	}
	first := len(d.Leaves)
	missing := map[string]bool{}
	for _, id := range ids {
		missing[id] = true
	}
	for i, raw := range s.Findings {
		var f finding
		if err := json.Unmarshal(raw, &f); err != nil {
			return nil, refuseMember(ReportName, "finding %d: %w", i, err)
		}
		if _, ok := missing[f.ID]; ok {
			missing[f.ID] = false
			d.Leaves = append(d.Leaves, Leaf{Index: int64(i), Line: string(raw), Root: FindingsRoot, Salt: salt(&seed, findingLabel, uint64(i))})
		}
	}
	for _, id := range ids {
		if missing[id] {
			return nil, fmt.Errorf("no finding %q in %s", id, ReportName)
		}
	}
	d.paths(first, s.findingLeaves(&seed))
	return d, nil
}

// paths fills in the paths of the leaves from the first on.
func (d *Disclosure) paths(first int, leaves [][32]byte) {
	all := levels(leaves)
	for i := first; i < len(d.Leaves); i++ {
		l := &d.Leaves[i]
		l.Size, l.Hashes = int64(len(leaves)), []wardein.Digest{}
		for _, h := range path(all, int(l.Index)) {
			l.Hashes = append(l.Hashes, h)
		}
	}
}

// Bytes is the disclosure as a file: canonical JSON and a line feed.
func (d *Disclosure) Bytes() ([]byte, error) {
	b, err := canon.Of(d)
	return append(b, '\n'), err
}

// Disclosed verifies a disclosure against the roots of a bundle that Verify
// accepted. Its errors about the disclosure are *Refused.
func (v *Verified) Disclosed(r io.Reader) (*Disclosure, error) {
	content, err := io.ReadAll(io.LimitReader(r, maxDisclosure+1))
	if err != nil {
		return nil, err
	}
	line, ok := bytes.CutSuffix(content, []byte("\n"))
	if !ok || len(content) > maxDisclosure {
		return nil, refuse("disclosure", "%d bytes without a line feed at the end", len(content))
	}
	d := new(Disclosure)
	if err := canon.Into(line, d); err != nil {
		return nil, refuse("disclosure", "%w", err)
	}
	if d.Leaves == nil {
		return nil, refuse("disclosure", "no list of leaves")
	}
	if d.Version != Version {
		return nil, refuse("disclosure", "version %q, expected %q", d.Version, Version)
	}
	if d.Envelope != v.Envelope {
		return nil, refuse("disclosure", "it opens parts of statement sha256 %s, the bundle's is %s", d.Envelope, v.Envelope)
	}
	for i := range d.Leaves {
		l := &d.Leaves[i]
		root := v.Roots.Tree
		switch l.Root {
		case TreeRoot:
		case FindingsRoot:
			root = v.Roots.Findings
		default:
			return nil, refuse("disclosure", "leaf %d: root %.20q", i, l.Root)
		}
		salt := [32]byte(l.Salt)
		leaf, _ := leafHash(nil, &salt, []byte(l.Line))
		var hashes [][]byte
		for _, h := range l.Hashes {
			hashes = append(hashes, bytes.Clone(h[:]))
		}
		if l.Hashes == nil {
			return nil, refuse("disclosure", "leaf %d: no list of hashes", i)
		}
		if l.Size != root.Size || l.Index < 0 {
			return nil, refuse("disclosure", "leaf %d: index %d of %d, the bundle's tree has %d", i, l.Index, l.Size, root.Size)
		}
		if err := proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(l.Index), uint64(l.Size), leaf[:], hashes, root.Root[:]); err != nil {
			return nil, refuse("disclosure", "leaf %d: its path does not lead to the bundle's root (%s, index %d of %d)", i, l.Root, l.Index, l.Size)
		}
	}
	return d, nil
}
