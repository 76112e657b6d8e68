// Package ikconfig reads the configuration that a Linux kernel carries in its
// data when it was built with CONFIG_IKCONFIG.
//
//	0x00  8  "IKCFG_ST"
//	0x08     the .config file, gzip-compressed
//	      8  "IKCFG_ED"
package ikconfig

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/wardein/wardein"
)

const (
	begin = "IKCFG_ST"
	stop  = "IKCFG_ED"

	// maxStream bounds the compressed configuration; the largest seen are
	// about 70 kB. maxConfig bounds what comes out.
	maxStream = 1 << 20
	maxConfig = 8 << 20
)

// Format is the configuration in a kernel image.
var Format = wardein.Format{
	Name:    "ikconfig",
	Version: 1,
	Doc: wardein.Doc{
		About: "Build configuration of a Linux kernel (CONFIG_IKCONFIG), as it stands in the kernel's data.",
		How:   "A gzip stream between two marks becomes the member \".config\".",
		Limits: []string{
			"the end mark is looked for within 1 MiB",
			"a configuration of more than 8 MiB is cut",
		},
		References: []string{"Linux kernel/configs.c, scripts/extract-ikconfig"},
	},
	Magic:   []wardein.Magic{{Bytes: begin + "\x1f\x8b\x08"}},
	Measure: measure,
	Extract: extract,
}

// find returns where the end mark stands, -1 for nowhere near.
func find(r *io.SectionReader) (int64, error) {
	var head [len(begin) + 3]byte
	if n, err := r.ReadAt(head[:], 0); n < len(head) {
		if err == io.EOF {
			err = wardein.ErrNotMine
		}
		return 0, err
	}
	if string(head[:]) != begin+"\x1f\x8b\x08" {
		return 0, wardein.ErrNotMine
	}
	buf := make([]byte, 32<<10)
	limit := min(maxStream, r.Size())
	for off := int64(len(head)); off < limit; {
		b := buf[:min(int64(len(buf)), limit-off)]
		n, err := r.ReadAt(b, off)
		if i := bytes.Index(b[:n], []byte(stop)); i >= 0 {
			return off + int64(i), nil
		}
		if n < len(b) {
			return 0, err
		}
		if off += int64(n); off < limit {
			off -= int64(len(stop)) - 1
		}
	}
	return -1, nil
}

func measure(r *io.SectionReader) (wardein.Claim, error) {
	end, err := find(r)
	if err != nil {
		return wardein.Claim{}, err
	}
	if end < 0 {
		return wardein.Claim{End: min(maxStream, r.Size()), Confidence: wardein.Possible, Evidence: "begin mark and gzip header"},
			fmt.Errorf("configuration at %#x: no end mark within %d bytes", len(begin), min(maxStream, r.Size()))
	}
	return wardein.Claim{End: end + int64(len(stop)), Confidence: wardein.Certain, Evidence: "both marks and gzip header"}, nil
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	end, err := find(r)
	if err != nil {
		return 0, err
	}
	whole := r.Size()
	if end >= 0 {
		whole = end + int64(len(stop))
		out.Span(wardein.Span{Off: end, Len: int64(len(stop)), What: wardein.Known, Is: "end mark"})
	} else {
		end = min(maxStream, r.Size())
	}
	out.Span(wardein.Span{Len: int64(len(begin)), What: wardein.Known, Is: "begin mark"})
	in := io.NewSectionReader(r, int64(len(begin)), end-int64(len(begin)))
	// The reader is a ByteReader, so that gzip takes no byte too many.
	src := &counter{r: in}
	z, err := gzip.NewReader(src)
	if err != nil {
		return whole, fmt.Errorf("configuration at %#x: %w", len(begin), err)
	}
	z.Multistream(false)
	text := &lines{r: &io.LimitedReader{R: z, N: maxConfig}, ctx: ctx}
	err = out.Stream(wardein.Entry{Name: ".config"}, text)
	out.Span(wardein.Span{Off: int64(len(begin)), Len: src.n, What: wardein.Known, Is: "gzip"})
	if text.banner != "" {
		out.Note("kernel", text.banner)
	}
	return whole, err
}

// counter counts what is read.
type counter struct {
	r   *io.SectionReader
	buf [512]byte
	b   []byte
	n   int64
}

func (c *counter) fill() error {
	if len(c.b) > 0 {
		return nil
	}
	n, err := c.r.Read(c.buf[:])
	c.b = c.buf[:n]
	if n > 0 {
		return nil
	}
	return err
}

func (c *counter) Read(p []byte) (int, error) {
	if err := c.fill(); err != nil {
		return 0, err
	}
	n := copy(p, c.b)
	c.b, c.n = c.b[n:], c.n+int64(n)
	return n, nil
}

func (c *counter) ReadByte() (byte, error) {
	if err := c.fill(); err != nil {
		return 0, err
	}
	b := c.b[0]
	c.b, c.n = c.b[1:], c.n+1
	return b, nil
}

// lines passes the text on and keeps the line that names the kernel:
// "# Linux/arm 5.10.42 Kernel Configuration".
type lines struct {
	r      io.Reader
	ctx    context.Context
	head   []byte
	banner string
}

func (l *lines) Read(p []byte) (int, error) {
	if err := l.ctx.Err(); err != nil {
		return 0, err
	}
	n, err := l.r.Read(p)
	if len(l.head) < 512 {
		l.head = append(l.head, p[:min(n, 512-len(l.head))]...)
		for _, line := range strings.Split(string(l.head), "\n") {
			if v, ok := strings.CutSuffix(line, " Kernel Configuration"); ok {
				l.banner = strings.TrimPrefix(v, "# ")
			}
		}
	}
	return n, err
}
