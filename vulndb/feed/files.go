package feed

import (
	"archive/zip"
	"bufio"
	"bytes"
	"compress/gzip"
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

	"github.com/wardein/wardein/vulndb"
)

// Bounds of archives.
const (
	maxFiles  = 4_000_000
	maxNested = 8 << 30 // bytes of an archive in an archive
)

// Add imports a file or a folder. An error says which file broke off; nothing
// of the import may be committed then.
func (im *Import) Add(ctx context.Context, name string) error {
	st, err := os.Stat(name)
	if err != nil {
		return err
	}
	if !st.IsDir() {
		f, err := os.Open(name)
		if err != nil {
			return err
		}
		defer f.Close()
		im.feeds = nil
		return in(filepath.Base(name), im.file(ctx, f, st.Size(), filepath.Base(name), st.ModTime().UTC().Format("2006-01-02")))
	}
	abs, err := filepath.Abs(name)
	if err != nil {
		return err
	}
	group := &folder{im: im, name: filepath.Base(abs), hash: sha256.New()}
	im.feeds = map[string]int{}
	err = filepath.WalkDir(name, func(p string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || strings.HasPrefix(d.Name(), ".") {
			return err
		}
		rel, err := filepath.Rel(name, p)
		if err != nil {
			return err
		}
		return in(rel, group.open(ctx, p, filepath.ToSlash(rel)))
	})
	group.end()
	return err
}

func in(name string, err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%s: %w", name, err)
}

// folder collects the records that are one file each, as one feed a source.
type folder struct {
	im   *Import
	name string
	hash hash.Hash // over the digests of its files
	own  []*vulndb.Feed
	head []byte
}

func (g *folder) end() {
	sum := hex.EncodeToString(g.hash.Sum(nil))
	if err := g.im.drain(); err != nil {
		return // Close says so
	}
	for _, f := range g.own {
		f.Digest = sum
	}
	g.im.feeds = nil
}

func (g *folder) open(ctx context.Context, p, rel string) error {
	f, err := os.Open(p)
	if err != nil {
		return err
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return err
	}
	return g.each(ctx, f, st.Size(), rel, st.ModTime().UTC().Format("2006-01-02"), f)
}

// each imports one file of a folder or archive. Small JSON files are records
// of a common feed; all others are feeds of their own.
func (g *folder) each(ctx context.Context, r io.Reader, size int64, name, day string, at io.ReaderAt) error {
	switch strings.ToLower(path.Ext(name)) {
	case ".json":
	case ".zip", ".gz", ".csv":
		if at == nil {
			tmp, err := spool(r)
			if err != nil {
				return err
			}
			defer tmp.Close()
			st, err := tmp.Stat()
			if err != nil {
				return err
			}
			at, size = tmp, st.Size()
		}
		old := g.im.feeds
		defer func() { g.im.feeds = old }()
		g.im.feeds = nil
		return g.im.file(ctx, io.NewSectionReader(at, 0, size), size, path.Base(name), day)
	default:
		return nil // README, signatures, schemas
	}
	if g.head == nil {
		g.head = make([]byte, 64<<10) // there may be a million files
	}
	n, err := io.ReadFull(r, g.head)
	raw, whole := g.head[:n], err == io.EOF || err == io.ErrUnexpectedEOF
	if err != nil && !whole {
		return err
	}
	what := detect(raw)
	if k, ok := kinds[what]; ok && k.walk != nil {
		old := g.im.feeds
		defer func() { g.im.feeds = old }()
		g.im.feeds = nil
		if at != nil {
			return g.im.file(ctx, io.NewSectionReader(at, 0, size), size, path.Base(name), day)
		}
		return g.im.json(ctx, bufio.NewReaderSize(io.MultiReader(bytes.NewReader(raw), r), 64<<10), path.Base(name), day)
	}
	if !whole {
		rest, err := io.ReadAll(io.LimitReader(r, maxRecord+1))
		if err != nil {
			return err
		}
		raw = append(bytes.Clone(raw), rest...)
		what = detect(raw)
	}
	if what == "" {
		if c := (cursor{b: raw}); len(raw) > 0 {
			if c.skip(); c.err != nil {
				what = g.sole() // broken: one of the records that stand here
			}
		}
	}
	k, ok := kinds[what]
	if !ok {
		g.im.skip(name, "none of the forms that are read")
		return nil
	}
	sum := sha256.Sum256(raw)
	g.hash.Write(sum[:])
	feed, ok := g.im.feeds[what]
	if !ok {
		f := &vulndb.Feed{Source: what, Name: g.name}
		if feed, err = g.im.begin(f); err != nil {
			return err
		}
		g.im.feeds[what] = feed
		g.own = append(g.own, f)
	}
	it := item{feed: feed, name: name, raw: raw, read: k.read}
	if len(raw) > maxRecord {
		it.raw, it.bad = nil, fmt.Errorf("larger than %d bytes", maxRecord)
	}
	g.im.Read.Add(int64(len(raw)))
	return g.im.add(ctx, it)
}

// sole is the source of the folder so far, if it is one only.
func (g *folder) sole() string {
	if len(g.im.feeds) == 1 {
		for s := range g.im.feeds {
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

// file imports one file that stands alone: archive, packed, JSON or table.
func (im *Import) file(ctx context.Context, r interface {
	io.Reader
	io.ReaderAt
}, size int64, name, day string) error {
	var magic [4]byte
	n, err := r.ReadAt(magic[:], 0)
	if err != nil && err != io.EOF {
		return err
	}
	switch m := magic[:n]; {
	case bytes.HasPrefix(m, []byte("PK\x03\x04")):
		return im.zip(ctx, r, size, name, day)
	case bytes.HasPrefix(m, []byte{0x1f, 0x8b}):
		sum, err := digest(r, size)
		if err != nil {
			return err
		}
		z, err := gzip.NewReader(&counted{io.NewSectionReader(r, 0, size), im})
		if err != nil {
			return err
		}
		from := len(im.kept)
		if err := im.plain(ctx, z, strings.TrimSuffix(name, ".gz"), day); err != nil {
			return err
		}
		for _, f := range im.kept[from:] {
			f.Digest = sum
		}
		return nil
	}
	sum, err := digest(r, size)
	if err != nil {
		return err
	}
	from := len(im.kept)
	if err := im.plain(ctx, &counted{io.NewSectionReader(r, 0, size), im}, name, day); err != nil {
		return err
	}
	for _, f := range im.kept[from:] {
		f.Digest = sum
	}
	return nil
}

func digest(r io.ReaderAt, size int64) (string, error) {
	h := sha256.New()
	_, err := io.Copy(h, io.NewSectionReader(r, 0, size))
	return hex.EncodeToString(h.Sum(nil)), err
}

// counted counts what is read for the progress.
type counted struct {
	r  io.Reader
	im *Import
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.im.Read.Add(int64(n))
	return n, err
}

func (im *Import) plain(ctx context.Context, r io.Reader, name, day string) error {
	b := bufio.NewReaderSize(r, 64<<10)
	head, err := b.Peek(64 << 10)
	if err != nil && err != io.EOF {
		return err
	}
	if bytes.HasPrefix(head, []byte("#model_version")) || bytes.HasPrefix(head, []byte("cve,epss")) {
		return im.epss(ctx, b, name)
	}
	return im.json(ctx, b, name, day)
}

// json imports a JSON file. day is the date of the file, for those that state
// none.
func (im *Import) json(ctx context.Context, b *bufio.Reader, name, day string) error {
	head, err := b.Peek(64 << 10)
	if err != nil && err != io.EOF {
		return err
	}
	what := detect(head)
	if k, ok := kinds[what]; ok && k.walk != nil {
		f := &vulndb.Feed{Source: what, Name: name}
		if what == vulndb.Alpine || what == vulndb.Debian {
			if f.Date = day; im.Day != "" { // they state none
				f.Date = im.Day
			}
		}
		if err := k.walk(im, ctx, newStream(b), f); err != nil {
			return err
		}
		return im.drain()
	}
	raw, err := io.ReadAll(io.LimitReader(b, maxRecord+1))
	if err != nil {
		return err
	}
	k, ok := kinds[detect(raw)]
	switch {
	case len(raw) > maxRecord:
		return fmt.Errorf("one record of more than %d bytes", maxRecord)
	case !ok:
		return errors.New("none of the forms that are read")
	}
	im.feeds = map[string]int{}
	feed, err := im.begin(&vulndb.Feed{Source: k.source, Name: name})
	if err != nil {
		return err
	}
	if err := im.add(ctx, item{feed: feed, name: name, raw: raw, read: k.read}); err != nil {
		return err
	}
	err = im.drain()
	im.feeds = nil
	return err
}

func (im *Import) epss(ctx context.Context, b *bufio.Reader, name string) error {
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

// zip imports the files of an archive.
func (im *Import) zip(ctx context.Context, r io.ReaderAt, size int64, name, day string) error {
	z, err := zip.NewReader(r, size)
	if err != nil {
		return err
	}
	if len(z.File) > maxFiles {
		return fmt.Errorf("%d files, the limit is %d", len(z.File), maxFiles)
	}
	sum, err := digest(r, size)
	if err != nil {
		return err
	}
	g := &folder{im: im, name: name, hash: sha256.New()}
	im.feeds = map[string]int{}
	from := len(im.kept)
	for _, f := range z.File {
		if f.FileInfo().IsDir() {
			continue
		}
		if err := in(f.Name, g.member(ctx, f, day)); err != nil {
			return err
		}
	}
	g.end()
	for _, f := range im.kept[from:] {
		f.Digest = sum
	}
	return nil
}

func (g *folder) member(ctx context.Context, f *zip.File, day string) error {
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer r.Close()
	return g.each(ctx, r, 0, f.Name, day, nil)
}

// spool keeps an archive in an archive in a temporary file.
func spool(r io.Reader) (*os.File, error) {
	f, err := os.CreateTemp("", "wardein-feed-*")
	if err != nil {
		return nil, err
	}
	os.Remove(f.Name())
	n, err := io.Copy(f, io.LimitReader(r, maxNested+1))
	if err == nil && n > maxNested {
		err = fmt.Errorf("an archive in it of more than %d bytes", int64(maxNested))
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
