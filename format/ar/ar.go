// Package ar reads ar archives: System V with GNU's table of long names, and
// BSD.
//
//	magic    "!<arch>\n" ("!<thin>\n": contents stand in other files)
//	member   offset  size  field
//	         0       16    name: "text/" (GNU), "/N": at N of the name table,
//	                       "#1/N": the first N bytes of the data (BSD)
//	         16      12    mtime, decimal
//	         28      6     uid, decimal
//	         34      6     gid, decimal
//	         40      8     mode, octal
//	         48      10    size, decimal
//	         58      2     "`\n"
//	         60            data, padded to an even offset with "\n"
//
// "/" and "/SYM64/" (GNU), "__.SYMDEF" (BSD) are symbol tables, "//" is the
// table of names.
package ar

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/wardein/wardein"
)

// Format is ar.
var Format = wardein.Format{
	Name:    "ar",
	Version: 1,
	Doc: wardein.Doc{
		About:      "ar archive: static libraries, containers of Debian packages.",
		How:        "Headers are walked from member to member; contents are runs of the archive's own bytes. The walk ends where no header stands.",
		Limits:     []string{"members of thin archives stand in other files: a gap each", "name table: 16 MiB", "BSD names: 64 KiB"},
		References: []string{"ar(5)", "System V ABI, chapter 7: Archive File", "GNU binutils, ar: thin archives"},
	},
	Magic:   []wardein.Magic{{Bytes: "!<arch>\n"}, {Bytes: "!<thin>\n"}},
	Measure: measure,
	Extract: extract,
}

const (
	maxTable = 16 << 20
	maxName  = 64 << 10
)

type walker struct {
	r     *io.SectionReader
	out   wardein.Members
	thin  bool
	names []byte // table of long names
	count int
	short error // the archive is cut off
	stop  error
}

func measure(r *io.SectionReader) (wardein.Claim, error) {
	w := walker{r: r}
	end, err := w.walk(context.Background())
	if end == 0 {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	c := wardein.Claim{End: end, Confidence: wardein.Certain, Evidence: fmt.Sprintf("%d member headers", w.count)}
	if w.count == 0 {
		c.Confidence, c.Evidence = wardein.Possible, "magic alone"
		if r.Size() > 8 { // an empty archive is a file of its own
			return wardein.Claim{}, wardein.ErrNotMine
		}
	}
	return c, err
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	w := walker{r: r, out: out}
	end, err := w.walk(ctx)
	if w.short != nil && w.stop == nil {
		err = nil // said by a gap with the member's name
	}
	return end, err
}

func (w *walker) span(off, n int64, is string) {
	if w.out != nil && n > 0 {
		w.out.Span(wardein.Span{Off: off, Len: n, What: wardein.Known, Is: is})
	}
}

// number reads a field padded with spaces; empty is 0.
func number(f []byte, base int) (int64, bool) {
	s := strings.TrimRight(string(f), " ")
	if s == "" {
		return 0, true
	}
	n, err := strconv.ParseInt(s, base, 64)
	return n, err == nil && n >= 0
}

// walk returns where the archive ends, 0 when it is none.
func (w *walker) walk(ctx context.Context) (int64, error) {
	var h [60]byte
	if n, _ := w.r.ReadAt(h[:8], 0); n < 8 || string(h[:8]) != "!<arch>\n" && string(h[:8]) != "!<thin>\n" {
		return 0, nil
	}
	w.thin = h[2] == 't'
	w.span(0, 8, "magic")
	size := w.r.Size()
	pos := int64(8)
	end := pos // behind the last member's data
	for {
		if w.stop = ctx.Err(); w.stop != nil {
			return end, w.stop
		}
		n, err := w.r.ReadAt(h[:], pos)
		if n == 0 {
			return end, nil
		}
		if n < len(h) {
			if err != io.EOF {
				return end, err
			}
			return end, w.noHeader(pos, h[:n])
		}
		length, ok := number(h[48:58], 10)
		if h[58] != '`' || h[59] != '\n' || !ok {
			return end, w.noHeader(pos, h[:])
		}
		w.count++
		data := pos + 60
		name := strings.TrimRight(string(h[:16]), " ")
		special := name == "/" || name == "//" || name == "/SYM64/" || strings.HasPrefix(name, "__.SYMDEF")
		have := length
		if w.thin && !special {
			have = 0
		}
		if have > size-data {
			have = size - data
			w.short = fmt.Errorf("data at %#x: want %d bytes, archive ends after %d", data, length, have)
		}
		if w.stop = w.member(&h, name, pos, data, length, have, special); w.stop != nil {
			return end, w.stop
		}
		end = data + have
		if w.short != nil {
			return end, w.short
		}
		pos = end
		if pos&1 != 0 && pos < size {
			// The pad byte is part of the archive; BSD's may be a zero.
			var pad [1]byte
			if w.r.ReadAt(pad[:], pos); pad[0] == '\n' || pad[0] == 0 {
				pos++
				if pad[0] == '\n' {
					w.span(end, 1, "padding")
					end = pos
				}
			}
		}
	}
}

// noHeader decides about what follows the last member: text that looks like a
// header is damage, anything else is not the archive's.
func (w *walker) noHeader(pos int64, h []byte) error {
	if len(h) == 60 && (h[58] == '`' || h[59] == '\n') && len(bytes.Trim(h[16:58], " 0123456789")) == 0 {
		return fmt.Errorf("header at %#x: bad size %q or end mark %q", pos, h[48:58], h[58:60])
	}
	return nil
}

// member hands out one member.
func (w *walker) member(h *[60]byte, name string, pos, data, length, have int64, special bool) error {
	if name == "//" && have <= maxTable {
		w.names = make([]byte, have)
		if _, err := w.r.ReadAt(w.names, data); err != nil && err != io.EOF {
			return err
		}
	}
	if w.out == nil {
		return nil
	}
	w.span(pos, 60, "header")
	if special {
		is := "symbol table"
		if name == "//" {
			is = "table of names"
			if have > maxTable {
				w.out.Gap(wardein.Gap{Kind: wardein.Limit, Off: data, Len: have, Why: fmt.Sprintf("table of names has %d bytes, at most %d are read", have, maxTable)})
			}
		}
		w.span(data, have, is)
		return nil
	}
	var e wardein.Entry
	num := func(f []byte, base int) int64 { n, _ := number(f, base); return n }
	e.MTime, e.UID, e.GID = num(h[16:28], 10), uint32(num(h[28:34], 10)), uint32(num(h[34:40], 10))
	mode := num(h[40:48], 8)
	e.Mode = uint32(mode) & 0o7777
	e.Name = strings.TrimSuffix(name, "/")
	bad := ""
	if at, ok := strings.CutPrefix(name, "/"); ok {
		at, _, _ = strings.Cut(at, ":") // thin archives of archives: offset there
		if i, err := strconv.Atoi(at); err != nil || i < 0 || i >= len(w.names) {
			bad = fmt.Sprintf("name %q: table of names has %d bytes", name, len(w.names))
		} else {
			rest := w.names[i:min(len(w.names), i+maxName)]
			if j := bytes.IndexAny(rest, "\n\x00"); j >= 0 {
				rest = rest[:j]
			}
			e.Name = strings.TrimSuffix(string(rest), "/")
		}
	} else if at, ok := strings.CutPrefix(name, "#1/"); ok {
		n, err := strconv.ParseInt(at, 10, 64)
		if err != nil || n < 0 || n > have || n > maxName {
			bad = fmt.Sprintf("name %q: data has %d bytes", name, have)
		} else {
			b := make([]byte, n)
			if _, err := w.r.ReadAt(b, data); err != nil && err != io.EOF {
				return err
			}
			e.Name = strings.TrimRight(string(b), "\x00")
			w.span(data, n, "name")
			data, have = data+n, have-n
			if strings.HasPrefix(e.Name, "__.SYMDEF") {
				w.span(data, have, "symbol table")
				return nil
			}
		}
	}
	if bad != "" {
		w.out.Gap(wardein.Gap{Node: e.Name, Kind: wardein.Damaged, Off: pos, Len: 16, Why: bad})
	}
	if w.thin {
		w.out.Gap(wardein.Gap{Node: e.Name, Kind: wardein.Unsupported, Off: pos, Len: 60, Why: "thin archive: the content stands in another file"})
		return w.out.Entry(e)
	}
	if w.short != nil {
		w.out.Gap(wardein.Gap{Node: e.Name, Kind: wardein.Damaged, Off: data, Len: have, Why: w.short.Error()})
	}
	var ext []wardein.Extent
	if have > 0 {
		ext = []wardein.Extent{{Off: data, Len: have}}
	}
	return w.out.Extents(e, ext)
}
