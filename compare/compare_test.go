package compare_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"sort"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/compare"
	"github.com/wardein/wardein/internal/canon"
	"github.com/wardein/wardein/report"
)

// node is a node of a drawn release, with its content.
type node struct {
	wardein.Node
	text string
}

func file(path, text string) node {
	n := node{Node: wardein.Node{Path: path, Entry: wardein.Entry{Name: path, Mode: 0o644}, Size: int64(len(text)), Blob: sha256.Sum256([]byte(text))}, text: text}
	if !strings.Contains(text, "\x00") {
		n.Format = "text"
	}
	return n
}

func (n node) mode(m uint32) node { n.Mode = m; return n }

type content struct{ *bytes.Reader }

func (content) Close() error { return nil }

// side makes a release of nodes, in a container that they are the members of.
func side(t testing.TB, name string, nodes []node) *compare.Side {
	t.Helper()
	var buf bytes.Buffer
	w := report.NewTreeWriter(&buf)
	lines := &report.Lines{}
	blobs := map[wardein.Digest]string{}
	all := sha256.New()
	put := func(n *wardein.Node) {
		off, err := w.Write(n)
		if err != nil {
			t.Fatal(err)
		}
		lines.Add(n.Path, off)
	}
	for i := range nodes {
		fmt.Fprintf(all, "%+v", nodes[i].Node)
		blobs[nodes[i].Blob] = nodes[i].text
	}
	root := wardein.Node{Entry: wardein.Entry{Kind: wardein.File}, Size: 1 << 20, Format: "tar", Blob: wardein.Digest(all.Sum(nil))}
	blobs[root.Blob] = "the container's own bytes"
	put(&root)
	for i := range nodes {
		n := nodes[i].Node
		put(&n)
	}
	digest, err := w.Close()
	if err != nil {
		t.Fatal(err)
	}
	rep := &wardein.Report{Release: wardein.Release{Digest: root.Blob, Size: root.Size}, Nodes: int64(len(nodes) + 1), Tree: digest, Recipe: wardein.Recipe{AsOf: "2026-11-22"}}
	return &compare.Side{Name: name, Report: rep, Tree: report.OpenTree(bytes.NewReader(buf.Bytes()), int64(buf.Len()), lines, nil),
		Open: func(n *wardein.Node) (compare.Content, error) {
			text, ok := blobs[n.Blob]
			if !ok {
				return nil, fmt.Errorf("%s: no content", n.Path)
			}
			return content{bytes.NewReader([]byte(text))}, nil
		}}
}

func run(t testing.TB, a, b []node) *compare.Result {
	t.Helper()
	r, err := compare.Compare(context.Background(), side(t, "a", a), side(t, "b", b), compare.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func asJSON(r *compare.Result) string {
	w := &canon.Writer{}
	w.Object(func() { r.Write(w, &compare.Choice{}) })
	return string(w.B)
}

// nodes draws the members of a container: short names and texts, so that moves,
// doubles and renamed versions occur.
func nodes(t *rapid.T, label string) []node {
	names := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) string {
		dir := rapid.SampledFrom([]string{"", "etc/", "lib/", "lib/x-1.0/", "lib/x-1.1/"}).Draw(t, "dir")
		return dir + rapid.SampledFrom([]string{"passwd", "a.conf", "b", "libfoo-1.2.so", "libfoo-1.3.so", "README", "data.bin"}).Draw(t, "base")
	}), 0, 12, func(s string) string { return s }).Draw(t, label)
	var list []node
	for _, name := range names {
		text := rapid.SampledFrom([]string{"", "x", "root:x:0:0::/:/bin/sh\n", "root:x:0:0::/:/bin/sh\ndiag:x:0:0::/:/bin/sh\n", "key=1\nother=2\nthird=3\n", "key=2\nother=2\n",
			"one line of text that is long enough\nand another one\n", "one line of text that is long enough\nand yet another one\n", "\x00\x01\x02binary content, some of it", "\x00\x01\x03binary content, some of it"}).Draw(t, "text")
		n := file(name, text).mode(rapid.SampledFrom([]uint32{0o644, 0o755, 0o4755, 0o2755}).Draw(t, "mode"))
		n.UID = rapid.SampledFrom([]uint32{0, 500}).Draw(t, "uid")
		n.MTime = rapid.Int64Range(0, 1).Draw(t, "mtime")
		switch rapid.IntRange(0, 9).Draw(t, "kind") {
		case 0:
			n = node{Node: wardein.Node{Path: name, Entry: wardein.Entry{Name: name, Kind: wardein.Symlink, Target: rapid.SampledFrom([]string{"x", "y"}).Draw(t, "target")}}}
		case 1:
			n.Xattrs = []wardein.Xattr{{Name: "security.capability", Value: "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"}}
		}
		list = append(list, n)
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Path < list[j].Path })
	return list
}

// key is a row without what depends on the direction.
func key(r *compare.Row, turned bool) string {
	c, old, new := r.Change, r.Old, r.New
	if turned {
		old, new = new, old
		switch c {
		case compare.New:
			c = compare.Gone
		case compare.Gone:
			c = compare.New
		}
	}
	return fmt.Sprintf("%s %s %q %q %s", r.Kind, c, old, new, r.What)
}

func keys(r *compare.Result, turned bool) (list []string) {
	for i := range r.Rows {
		list = append(list, key(&r.Rows[i], turned))
	}
	sort.Strings(list)
	return list
}

// A release does not differ from itself; what is new one way is gone the other
// way; the same releases give the same bytes; all that differs is in a row.
func TestPromises(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a, b := nodes(rt, "a"), nodes(rt, "b")
		if r := run(t, a, a); r.Differs() || r.MissingBytes != 0 || r.Review != 0 || len(r.Gaps) > 0 {
			rt.Fatalf("a release differs from itself: %s", asJSON(r))
		}
		r, back := run(t, a, b), run(t, b, a)
		if x, y := keys(r, false), keys(back, true); !slices.Equal(x, y) {
			rt.Fatalf("one way:\n%s\nthe other way:\n%s", strings.Join(x, "\n"), strings.Join(y, "\n"))
		}
		if r.Review != back.Review || r.MissingBytes != back.MissingBytes || r.AllBytes != back.AllBytes {
			rt.Fatalf("%d and %d lines, %d and %d bytes", r.Review, back.Review, r.MissingBytes, back.MissingBytes)
		}
		if again := run(t, a, b); asJSON(again) != asJSON(r) {
			rt.Fatal("another result of the same releases")
		}
		said := map[string]bool{}
		setuid := map[string]bool{}
		for i := range r.Rows {
			row := &r.Rows[i]
			for _, p := range []string{row.Old, row.New} {
				said[p] = true
				if row.Kind == compare.SetID {
					setuid[p] = true
				}
			}
		}
		was := map[string]node{}
		for _, n := range a {
			was[n.Path] = n
		}
		for _, n := range b {
			old, ok := was[n.Path]
			same := ok && old.Blob == n.Blob && old.Mode == n.Mode && old.UID == n.UID && old.Kind == n.Kind && old.Target == n.Target && len(old.Xattrs) == len(n.Xattrs)
			if !same && !said[n.Path] && !inMove(r, n.Path) {
				rt.Fatalf("%s differs and is in no row:\n%s", n.Path, strings.Join(keys(r, false), "\n"))
			}
			if n.Mode&0o6000 != 0 && n.Kind == wardein.File && old.Mode&0o6000 != n.Mode&0o6000 && !setuid[n.Path] {
				rt.Fatalf("%s has mode %04o and had %04o, and no row says so:\n%s", n.Path, n.Mode, old.Mode, strings.Join(keys(r, false), "\n"))
			}
		}
		for _, f := range []func(io.Writer) error{
			func(w io.Writer) error { return r.Table(w, compare.Screen{Width: 80}) },
			func(w io.Writer) error { return r.List(w, &compare.Choice{}, compare.Screen{Color: true}) },
			r.HTML,
		} {
			if err := f(io.Discard); err != nil {
				rt.Fatal(err)
			}
		}
	})
}

// inMove tells a node that stands in a folder which moved as a whole.
func inMove(r *compare.Result, path string) bool {
	for i := range r.Rows {
		if row := &r.Rows[i]; row.Kind == compare.Moved && strings.HasPrefix(path, row.New+"/") {
			return true
		}
	}
	return false
}

// find is the row of a kind at a path.
func find(t *testing.T, r *compare.Result, k compare.Kind, path, what string) *compare.Row {
	t.Helper()
	for i := range r.Rows {
		if row := &r.Rows[i]; row.Kind == k && row.Path() == path && (what == "" || row.What == what) {
			return row
		}
	}
	t.Fatalf("no row of %s at %s:\n%s", k, path, strings.Join(keys(r, false), "\n"))
	return nil
}

// Passwords, hashes and keys are in no output.
func TestSecretsStayOut(t *testing.T) {
	a := []node{
		file("etc/config/wireless", "config wifi-iface 'x'\n\toption key 'old-hunter22'\n\toption ssid 'net'\n"),
		file("etc/key.pem", "-----BEGIN RSA PRIVATE KEY-----\n"+strings.Repeat("MIIEoldoldoldoldoldoldoldoldoldoldoldoldoldoldoldoldoldoldoldold\n", 3)+"-----END RSA PRIVATE KEY-----\n"),
		file("etc/shadow", "root:$6$saltsalt$oldoldoldoldoldoldold:19000:0:99999:7:::\nold-ops:ab01FAX.bQRSU:1:0:99999:7:::\n"),
		file("script.sh", "#!/bin/sh\nPASSWORD=old-secret-word\ncurl -u x:$PASSWORD\n"),
	}
	var b []node
	for _, n := range a {
		m := file(n.Path, strings.ReplaceAll(strings.ReplaceAll(n.text, "old-", "new-"), "oldold", "newnew"))
		b = append(b, m)
	}
	r := run(t, a, b)
	var page, table bytes.Buffer
	if err := r.HTML(&page); err != nil {
		t.Fatal(err)
	}
	if err := r.List(&table, &compare.Choice{}, compare.Screen{}); err != nil {
		t.Fatal(err)
	}
	for name, out := range map[string]string{"json": asJSON(r), "page": page.String(), "table": table.String()} {
		for _, secret := range []string{"hunter22", "oldoldold", "newnewnew", "bQRSU", "secret-word"} {
			if strings.Contains(out, secret) {
				k := strings.Index(out, secret)
				t.Errorf("%s holds %q: …%s…", name, secret, out[max(0, k-80):min(len(out), k+80)])
			}
		}
	}
	if row := find(t, r, compare.Setting, "etc/config/wireless", "wifi-iface.x.key"); row.Note == "" {
		t.Errorf("a changed key without a word: %+v", row)
	}
	if row := find(t, r, compare.Account, "etc/shadow", "password of root"); !strings.Contains(row.Was, "‹hash $6$›") {
		t.Errorf("%+v", row)
	}
}

// What moved, and what is another version, is paired.
func TestPairs(t *testing.T) {
	long := strings.Repeat("a line of text, and not the shortest\n", 20)
	a := []node{file("lib/libfoo-1.2.so", "\x00one"), file("opt/x-1.0/bin/tool", "\x00tool of x"), file("opt/x-1.0/etc/conf", long), file("old/name", long+"x\n"), file("same", "same\n")}
	b := []node{file("lib/libfoo-1.3.1.so", "\x00two"), file("opt/x-2.0/bin/tool", "\x00tool of x"), file("opt/x-2.0/etc/conf", long+"more\n"), file("new/place", long+"x\n"), file("same", "same\n")}
	r := run(t, a, b)
	if n := r.Count(compare.File); n != 0 {
		t.Errorf("%d nodes without counterpart:\n%s", n, strings.Join(keys(r, false), "\n"))
	}
	if row := find(t, r, compare.Moved, "opt/x-2.0", ""); row.Old != "opt/x-1.0" || !strings.Contains(row.Note, "2 nodes") {
		t.Errorf("%+v", row)
	}
	find(t, r, compare.Moved, "new/place", "")
	find(t, r, compare.Text, "opt/x-2.0/etc/conf", "")
	find(t, r, compare.Binary, "lib/libfoo-1.3.1.so", "")
}

// A node whose content can't be read is a gap, and the others are compared.
func TestUnreadable(t *testing.T) {
	a, b := []node{file("a", "1\n"), file("b", "1\n")}, []node{file("a", "2\n"), file("b", "2\n")}
	x, y := side(t, "a", a), side(t, "b", b)
	open := y.Open
	y.Open = func(n *wardein.Node) (compare.Content, error) {
		if n.Path == "a" {
			return nil, io.ErrUnexpectedEOF
		}
		return open(n)
	}
	r, err := compare.Compare(context.Background(), x, y, compare.Options{})
	if err != nil {
		t.Fatal(err)
	}
	find(t, r, compare.Text, "b", "")
	if len(r.Gaps) != 1 || r.Gaps[0].Node != "a" {
		t.Errorf("gaps: %+v", r.Gaps)
	}
	if !r.Differs() {
		t.Error("no difference")
	}
}

// Names that would do harm are shown escaped.
func TestHostileNames(t *testing.T) {
	const evil = "a\x1b[2J</title><script>x()</script>\u202egpj.exe"
	r := run(t, []node{file(evil, "old "+evil+"\n")}, []node{file(evil, "new "+evil+"\n").mode(0o4755)})
	for name, f := range map[string]func(io.Writer) error{
		"table": func(w io.Writer) error { return r.Table(w, compare.Screen{}) },
		"list":  func(w io.Writer) error { return r.List(w, &compare.Choice{}, compare.Screen{}) },
		"page":  r.HTML,
	} {
		var out bytes.Buffer
		if err := f(&out); err != nil {
			t.Fatal(err)
		}
		if s := out.String(); strings.ContainsAny(s, "\x1b\u202e") || name == "page" && strings.Contains(s, "<script>x") {
			t.Errorf("%s shows the name as it is", name)
		}
	}
}

// A pair whose digests differ and that is not opened leaves a row, whatever
// stands in it.
func TestEveryDifference(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		a := rapid.SliceOfN(rapid.Byte(), 1, 200).Draw(rt, "a")
		b := slices.Clone(a)
		for range rapid.IntRange(1, 3).Draw(rt, "n") {
			k := rapid.IntRange(0, len(b)-1).Draw(rt, "at")
			b[k] ^= rapid.ByteRange(1, 255).Draw(rt, "flip")
		}
		if bytes.Equal(a, b) {
			return
		}
		name := rapid.SampledFrom([]string{"etc/passwd", "etc/shadow", "x.conf", "x.json", "lib/x.so", "status"}).Draw(rt, "name")
		r := run(t, []node{file(name, string(a))}, []node{file(name, string(b))})
		if r.Review == 0 || len(r.Gaps) > 0 {
			rt.Fatalf("%q → %q: nothing to review: %s", a, b, asJSON(r))
		}
	})
}

// BenchmarkNodes compares two releases of many nodes, one in a hundred of which
// differ.
func BenchmarkNodes(b *testing.B) {
	const n = 200_000
	list := func(version int) (list []node) {
		for i := range n {
			text := fmt.Sprintf("content of %d\n", i)
			if i%100 == 0 {
				text += fmt.Sprintf("version %d\n", version)
			}
			list = append(list, file(fmt.Sprintf("usr/lib/folder-%d/file-%d.txt", i/1000, i), text))
		}
		return list
	}
	x, y := list(1), list(2)
	b.ReportAllocs()
	for b.Loop() {
		if r := run(b, x, y); r.Count(compare.Text) != n/100 {
			b.Fatal(r.Count(compare.Text))
		}
	}
	b.ReportMetric(2*n*float64(b.N)/b.Elapsed().Seconds(), "nodes/s")
}
