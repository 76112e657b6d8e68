package feed

import (
	"archive/tar"
	"archive/zip"
	"bufio"
	"bytes"
	"compress/bzip2"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/wardein/wardein/codec/inflate"
	"github.com/wardein/wardein/codec/xz"
)

// Bounds of what is packed.
const (
	maxFiles   = 4_000_000
	maxPacked  = 4         // packings and archives around a file
	maxNested  = 8 << 30   // bytes of a zip file in another file
	maxContent = 256 << 30 // bytes that one packed file may give
	maxWindow  = 128 << 20 // of zstd
)

// packings are the ways in which one file is packed.
var packings = []struct {
	name, magic string
	exts        []string
	open        func(r *bufio.Reader) (io.Reader, func(), error)
}{
	{"gzip", "\x1f\x8b", []string{".gz"}, func(r *bufio.Reader) (io.Reader, func(), error) {
		z, err := gzip.NewReader(r)
		return z, func() {}, err
	}},
	{"xz", "\xfd7zXZ\x00", []string{".xz"}, func(r *bufio.Reader) (io.Reader, func(), error) { return xz.NewReader(r), func() {}, nil }},
	{"zstd", "\x28\xb5\x2f\xfd", []string{".zst"}, func(r *bufio.Reader) (io.Reader, func(), error) {
		z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, nil, err
		}
		return z, z.Close, nil
	}},
	{"bzip2", "BZh", []string{".bz2"}, func(r *bufio.Reader) (io.Reader, func(), error) { return bzip2.NewReader(r), func() {}, nil }},
}

// open imports a file, whatever it is packed in.
func (im *Import) open(ctx context.Context, f file, g *folder) error {
	if f.depth > maxPacked {
		return fmt.Errorf("packed %d times, the limit is %d", f.depth, maxPacked)
	}
	head, err := f.Peek(512)
	if err != nil && err != io.EOF {
		return err
	}
	is := func(magic string) bool { return bytes.HasPrefix(head, []byte(magic)) }
	for _, p := range packings {
		if is(p.magic) {
			z, end, err := p.open(f.Reader)
			if err != nil {
				return fmt.Errorf("%s: %w", p.name, err)
			}
			defer end()
			return im.unpacked(ctx, f, g, p.name, z)
		}
	}
	refuse := func(why string) error {
		if g == nil {
			return errors.New(why)
		}
		im.skip(f.name, why)
		return nil
	}
	switch {
	case is("PK\x03\x04"), is("PK\x05\x06"):
		return im.zip(ctx, f)
	case len(head) > 262 && string(head[257:262]) == "ustar":
		return im.tar(ctx, f)
	case is("7z\xbc\xaf\x27\x1c"):
		return refuse("a 7z archive: unpack it first (the CVE list's releases have zip files)")
	case is("SQLite format 3\x00"):
		return refuse("a whole database: import it alone, it takes the place of the other one")
	}
	return im.content(ctx, f, g)
}

// unpacked imports what a packed file holds, and reads it to its end, where its
// checksum is.
func (im *Import) unpacked(ctx context.Context, f file, g *folder, how string, r io.Reader) error {
	one := f
	one.at, one.depth = nil, f.depth+1
	for _, p := range packings {
		for _, ext := range p.exts {
			one.name = strings.TrimSuffix(one.name, ext)
		}
	}
	named := &packed{how: how, r: r, left: maxContent}
	one.Reader = im.reader(named)
	defer im.free(one.Reader)
	if err := im.open(ctx, one, g); err != nil {
		return err
	}
	_, err := io.Copy(io.Discard, one.Reader)
	return err
}

// packed names the packing in its errors and bounds what it gives.
type packed struct {
	how  string
	r    io.Reader
	left int64
}

func (p *packed) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	if p.left -= int64(n); p.left < 0 {
		return 0, fmt.Errorf("%s: more than %d bytes in one file", p.how, int64(maxContent))
	}
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return n, fmt.Errorf("%s: the file breaks off", p.how)
	}
	if err != nil && err != io.EOF {
		return n, fmt.Errorf("%s: %w", p.how, err)
	}
	return n, err
}

// zip imports the files of an archive.
func (im *Import) zip(ctx context.Context, f file) error {
	if f.at == nil {
		tmp, err := spool(f)
		if err != nil {
			return err
		}
		defer tmp.Close()
		st, err := tmp.Stat()
		if err != nil {
			return err
		}
		f.at, f.size = tmp, st.Size()
	}
	z, err := zip.NewReader(f.at, f.size)
	if errors.Is(err, zip.ErrFormat) {
		return errors.New("zip: no directory at its end: the file breaks off, or is not whole")
	}
	if err != nil {
		return err
	}
	if len(z.File) > maxFiles {
		return fmt.Errorf("%d files, the limit is %d", len(z.File), maxFiles)
	}
	z.RegisterDecompressor(zip.Deflate, deflated)
	g := newFolder(im, path.Base(f.name))
	for _, m := range z.File {
		if m.FileInfo().IsDir() || hidden(m.Name) {
			continue
		}
		r, err := m.Open()
		if err != nil {
			return in(m.Name, err)
		}
		err = im.member(ctx, f, g, m.Name, r)
		r.Close()
		if err != nil {
			return in(m.Name, err)
		}
		if f.depth == 0 {
			im.Read.Add(int64(m.CompressedSize64))
		}
	}
	g.end()
	return nil
}

// tar imports the files of an archive.
func (im *Import) tar(ctx context.Context, f file) error {
	z := tar.NewReader(f)
	g := newFolder(im, path.Base(f.name))
	for n := 1; ; n++ {
		m, err := z.Next()
		if err == io.EOF {
			g.end()
			return nil
		}
		if err == nil && n > maxFiles {
			err = fmt.Errorf("more than %d files", maxFiles)
		}
		if err != nil {
			return whole(err)
		}
		if m.Typeflag != tar.TypeReg || hidden(m.Name) {
			continue
		}
		if err := im.member(ctx, f, g, m.Name, z); err != nil {
			return in(m.Name, err)
		}
	}
}

// hidden tells files that other programs leave in archives.
func hidden(name string) bool {
	return strings.HasPrefix(path.Base(name), ".") || strings.HasPrefix(name, "__MACOSX/")
}

func (im *Import) member(ctx context.Context, f file, g *folder, name string, r io.Reader) error {
	one := file{Reader: im.reader(r), name: name, day: f.day, depth: f.depth + 1}
	defer im.free(one.Reader)
	if err := im.open(ctx, one, g); err != nil {
		return whole(err)
	}
	_, err := io.Copy(io.Discard, one.Reader) // its checksum is at the end
	return whole(err)
}

// whole says in plain words that an archive ends too early.
func whole(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errors.New("the archive breaks off")
	}
	return err
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

var inflaters = sync.Pool{New: func() any { return inflate.NewReader(nil) }}

// deflated reads a member of a zip file.
func deflated(r io.Reader) io.ReadCloser {
	z := inflaters.Get().(*inflate.Reader)
	z.Reset(r)
	return &inflater{z}
}

type inflater struct{ z *inflate.Reader }

func (i *inflater) Read(p []byte) (int, error) {
	if i.z == nil {
		return 0, io.ErrClosedPipe
	}
	return i.z.Read(p)
}

func (i *inflater) Close() error {
	if i.z != nil {
		i.z.Reset(nil)
		inflaters.Put(i.z)
		i.z = nil
	}
	return nil
}
