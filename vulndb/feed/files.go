package feed

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync/atomic"

	"github.com/wardein/wardein/vulndb"
)

// file is one file, on disk or in another.
type file struct {
	*bufio.Reader
	at    io.ReaderAt // of a file on disk
	size  int64       // of at
	name  string
	day   string // YYYY-MM-DD, for feeds that state none
	depth int    // of packings and archives around it
}

// headSize is what of a file decides what it is.
const headSize = 64 << 10

// Add imports a file or a folder. An error says which file broke off; nothing
// of the import may be committed then.
func (im *Import) Add(ctx context.Context, name string) error {
	abs, err := filepath.Abs(name)
	if err != nil {
		return err
	}
	if im.holds == nil {
		if im.holds, err = im.db.Holds(); err != nil {
			return err
		}
	}
	st, err := os.Stat(name)
	if err != nil {
		return err
	}
	base := filepath.Base(abs)
	if !st.IsDir() {
		return in(base, im.disk(ctx, name, base, nil))
	}
	g := newFolder(im, base)
	err = filepath.WalkDir(name, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		rel, err := filepath.Rel(name, p)
		if err != nil {
			return err
		}
		return in(rel, im.disk(ctx, p, filepath.ToSlash(rel), g))
	})
	g.end()
	return err
}

func in(name string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%s: %w", name, err)
}

// disk imports a file on disk, as one of a folder where g is one. It is read
// to its end, so that the checksum of a packed one is, too.
func (im *Import) disk(ctx context.Context, p, name string, g *folder) error {
	f, err := os.Open(p)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	im.at(name)
	if len(im.holds) > 0 && st.Size() > headSize {
		h := sha256.New()
		if _, err := io.Copy(h, io.NewSectionReader(f, 0, st.Size())); err != nil {
			return err
		}
		if im.holds[hex.EncodeToString(h.Sum(nil))] {
			im.Read.Add(st.Size())
			im.Unchanged = append(im.Unchanged, name)
			return nil
		}
	}
	sum := sha256.New()
	one := file{at: f, size: st.Size(), name: name, day: st.ModTime().UTC().Format("2006-01-02")}
	count := &counted{f, &im.Read}
	one.Reader = im.reader(io.TeeReader(count, sum))
	defer im.free(one.Reader)
	from := len(im.kept)
	if err := im.open(ctx, one, g); err != nil {
		return err
	}
	count.n = new(atomic.Int64) // a zip file's members were counted
	if _, err := io.Copy(io.Discard, one.Reader); err != nil {
		return err
	}
	if len(im.kept) > from {
		if err := im.drain(); err != nil { // its feeds are not written to any more
			return err
		}
	}
	for _, k := range im.kept[from:] {
		k.Digest = hex.EncodeToString(sum.Sum(nil))
	}
	return nil
}

// reader gives a buffer of headSize; there may be a million files.
func (im *Import) reader(r io.Reader) *bufio.Reader {
	if n := len(im.spare); n > 0 {
		b := im.spare[n-1]
		im.spare = im.spare[:n-1]
		b.Reset(r)
		return b
	}
	return bufio.NewReaderSize(r, headSize)
}

func (im *Import) free(b *bufio.Reader) {
	b.Reset(nil)
	im.spare = append(im.spare, b)
}

// counted counts what is read for the progress.
type counted struct {
	r io.Reader
	n *atomic.Int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// folder collects the records that are one file each, in a folder or archive,
// as one feed a source.
type folder struct {
	im    *Import
	name  string
	hash  hash.Hash // over the digests of its files
	feeds map[string]int
	own   []*vulndb.Feed
}

func newFolder(im *Import, name string) *folder {
	return &folder{im: im, name: name, hash: sha256.New(), feeds: map[string]int{}}
}

// end dates the folder's feeds with what they hold.
func (g *folder) end() {
	if err := g.im.drain(); err != nil {
		return // Close says so
	}
	for _, f := range g.own {
		f.Digest = hex.EncodeToString(g.hash.Sum(nil))
	}
}

// feed is the folder's feed of a source.
func (g *folder) feed(source string) (int, error) {
	n, ok := g.feeds[source]
	if ok {
		return n, nil
	}
	f := &vulndb.Feed{Source: source, Name: g.name}
	n, err := g.im.begin(f)
	g.feeds[source] = n
	g.own = append(g.own, f)
	return n, err
}

// sole is the source of the folder so far, if it is one only.
func (g *folder) sole() string {
	if len(g.feeds) == 1 {
		for s := range g.feeds {
			return s
		}
	}
	return ""
}

func (im *Import) skip(name, why string) {
	if len(im.Skipped) < 1000 {
		im.Skipped = append(im.Skipped, name+": "+why)
	}
}

// content imports a file that is neither packed nor an archive. In a folder
// (g), what is no feed is passed over; what looks like one is named.
func (im *Import) content(ctx context.Context, f file, g *folder) error {
	if head, _ := f.Peek(3); string(head) == "\ufeff" {
		f.Discard(len(head))
	}
	head, err := f.Peek(headSize)
	whole := err == io.EOF
	if err != nil && !whole {
		return err
	}
	if bytes.HasPrefix(head, []byte("#model_version")) || bytes.HasPrefix(head, []byte("cve,epss")) {
		return im.epss(ctx, f.Reader)
	}
	isJSON := func() bool {
		first := bytes.TrimLeft(head, " \t\r\n")
		return len(first) > 0 && (first[0] == '{' || first[0] == '[')
	}
	if !isJSON() {
		if g == nil {
			return errors.New(notFeed(head))
		}
		if e := strings.ToLower(path.Ext(f.name)); e == ".json" || e == ".csv" || e == ".xml" {
			im.skip(f.name, notFeed(head))
		}
		return nil // README, signatures, digests
	}
	what := detect(head)
	if k, ok := kinds[what]; ok && k.walk != nil {
		w := &vulndb.Feed{Source: what, Name: path.Base(f.name)}
		if what == vulndb.Alpine || what == vulndb.Debian {
			if w.Date = f.day; im.Day != "" { // they state none
				w.Date = im.Day
			}
		}
		if err := k.walk(im, ctx, newStream(f.Reader), w); err != nil {
			return err
		}
		return im.drain()
	}
	raw := head
	if !whole {
		if raw, err = io.ReadAll(io.LimitReader(f, maxRecord+1)); err != nil {
			return err
		}
		what = detect(raw)
	}
	if c := (cursor{b: raw}); what == "" && g != nil {
		if c.skip(); c.err != nil {
			what = g.sole() // broken: one of the records that stand here
		}
	}
	k, ok := kinds[what]
	switch {
	case len(raw) > maxRecord && g == nil:
		return fmt.Errorf("one record of more than %d bytes", maxRecord)
	case !ok && g == nil:
		return errors.New(notFeed(raw))
	case !ok:
		im.skip(f.name, notFeed(raw))
		return nil
	}
	it := item{name: f.name, raw: raw, read: k.read}
	if len(raw) > maxRecord {
		it.raw, it.bad = nil, fmt.Errorf("larger than %d bytes", maxRecord)
	}
	if g == nil {
		if it.feed, err = im.begin(&vulndb.Feed{Source: k.source, Name: path.Base(f.name)}); err == nil {
			err = im.add(ctx, it)
		}
		return errors.Join(err, im.drain())
	}
	sum := sha256.Sum256(raw)
	g.hash.Write(sum[:])
	if it.feed, err = g.feed(k.source); err != nil {
		return err
	}
	return im.add(ctx, it)
}

// notFeed says what a file seems to be that is none of what is read.
func notFeed(head []byte) string {
	first := bytes.TrimLeft(head, " \t\r\n")
	has := func(s string) bool { return bytes.HasPrefix(bytes.ToLower(first[:min(len(first), 64)]), []byte(s)) }
	switch {
	case len(first) == 0:
		return "no feed: the file is empty"
	case has("<!doctype html"), has("<html"):
		return "no feed but a page of HTML, as servers send it in place of a file"
	case has("<"):
		return "no feed but XML: the publishers' JSON is read"
	case has("cveid,"), has(`"cveid"`):
		return "KEV as CSV: known_exploited_vulnerabilities.json is read"
	case bytes.Contains(head[:min(len(head), 4096)], []byte(`"CVE_Items"`)):
		return "a feed of the NVD in form 1.1, which ended in 2023: form 2.0 is read"
	case bytes.IndexByte(head[:min(len(head), 4096)], 0) >= 0:
		return "no feed: neither JSON nor packed in a way that is read (gzip, xz, zstd, bzip2, zip, tar)"
	case first[0] == '{', first[0] == '[':
		return "JSON, but none of the forms that are read"
	}
	return "no feed: text, but no JSON"
}

// epss imports a table of scores.
func (im *Import) epss(ctx context.Context, b *bufio.Reader) error {
	f := &vulndb.Feed{Source: vulndb.EPSS, Name: "scores", Snapshot: true}
	feed, err := im.begin(f)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(b)
	lines.Buffer(make([]byte, 0, 4096), 1<<16)
	for n := 1; lines.Scan(); n++ {
		s := lines.Bytes()
		switch {
		case bytes.HasPrefix(s, []byte("#")):
			if _, after, ok := strings.Cut(string(s), "score_date:"); ok {
				f.Date = date(after)
			}
		case len(s) == 0, bytes.HasPrefix(s, []byte("cve,")):
		default:
			if err := im.add(ctx, item{feed: feed, name: fmt.Sprintf("line %d", n), raw: s, read: likelihood}); err != nil {
				return err
			}
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	return im.drain()
}
