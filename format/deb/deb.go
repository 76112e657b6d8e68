// Package deb reads Debian packages: ar archives of three members and more.
//
//	debian-binary     "2.0\n"
//	control.tar[.*]   maintainer's scripts, name, version, checksums
//	data.tar[.*]      the files
//
// Members whose names begin with "_" may stand between the last two; others
// may follow (_gpgorigin). Members are runs of the package's own bytes.
package deb

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/wardein/wardein"
)

// Format is a Debian package.
var Format = wardein.Format{
	Name:    "deb",
	Version: 1,
	Doc: wardein.Doc{
		About:      "Debian package (.deb, .udeb, OpenWrt's older .ipk in ar form).",
		How:        "An ar archive whose first member is debian-binary with version 2.x, then the control and the data archive in this order. Members are handed out as they stand.",
		Limits:     []string{"version 0.939 packages (not in ar form) are not recognised"},
		References: []string{"deb(5)"},
	},
	Magic:   []wardein.Magic{{Bytes: "!<arch>\ndebian-binary"}},
	Refines: []string{"ar"},
	Measure: measure,
	Extract: extract,
}

// member is one member of the ar archive.
type member struct {
	at, data, size int64
	e              wardein.Entry
}

type walker struct {
	r       *io.SectionReader
	version string
	members []member
	cut     error
}

// walk reads the members' headers; end is 0 when it is no package.
func (w *walker) walk(ctx context.Context) (end int64, err error) {
	var h [60]byte
	pos := int64(8)
	end = pos
	for len(w.members) < 64 && ctx.Err() == nil {
		if n, _ := w.r.ReadAt(h[:], pos); n < len(h) || h[58] != '`' || h[59] != '\n' {
			break
		}
		num := func(f []byte, base int) int64 {
			n, err := strconv.ParseInt(strings.TrimRight(string(f), " "), base, 64)
			if err != nil || n < 0 {
				return -1
			}
			return n
		}
		size := num(h[48:58], 10)
		if size < 0 {
			return end, fmt.Errorf("header at %#x: bad size %q", pos, h[48:58])
		}
		m := member{at: pos, data: pos + 60, size: size}
		m.e.Name = strings.TrimSuffix(strings.TrimRight(string(h[:16]), " "), "/")
		m.e.MTime = max(0, num(h[16:28], 10))
		m.e.UID, m.e.GID = uint32(max(0, num(h[28:34], 10))), uint32(max(0, num(h[34:40], 10)))
		m.e.Mode = uint32(max(0, num(h[40:48], 8))) & 0o7777
		if m.size > w.r.Size()-m.data {
			w.cut = fmt.Errorf("member %q at %#x: want %d bytes, package ends after %d", m.e.Name, m.data, m.size, w.r.Size()-m.data)
			m.size = w.r.Size() - m.data
		}
		w.members = append(w.members, m)
		end = m.data + m.size
		if len(w.members) == 1 {
			b := make([]byte, min(m.size, 32))
			w.r.ReadAt(b, m.data)
			w.version, _, _ = strings.Cut(string(b), "\n")
			if m.e.Name != "debian-binary" || !strings.HasPrefix(w.version, "2.") {
				return 0, nil
			}
		}
		if w.cut != nil {
			return end, w.cut
		}
		if pos = end; pos&1 != 0 {
			var pad [1]byte
			if n, _ := w.r.ReadAt(pad[:], pos); n == 1 && pad[0] == '\n' {
				end++
			}
			pos++
		}
	}
	return end, ctx.Err()
}

func measure(r *io.SectionReader) (wardein.Claim, error) {
	var b [32]byte
	if n, _ := r.ReadAt(b[:], 0); n < len(b) || !bytes.HasPrefix(b[:], []byte("!<arch>\ndebian-binary")) {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	w := walker{r: r}
	end, err := w.walk(context.Background())
	if end == 0 {
		return wardein.Claim{}, wardein.ErrNotMine
	}
	control, data := -1, -1
	for i, m := range w.members {
		if strings.HasPrefix(m.e.Name, "control.tar") && control < 0 {
			control = i
		}
		if strings.HasPrefix(m.e.Name, "data.tar") && data < 0 {
			data = i
		}
	}
	c := wardein.Claim{End: end, Confidence: wardein.Certain, Evidence: "debian-binary, control and data archive"}
	if control < 1 || data < control {
		c.Confidence, c.Evidence = wardein.Likely, "debian-binary"
		if err == nil {
			err = fmt.Errorf("members of %d: want control.tar and then data.tar behind debian-binary", len(w.members))
		}
	}
	return c, err
}

func extract(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
	w := walker{r: r}
	end, err := w.walk(ctx)
	if end == 0 {
		return 0, wardein.ErrNotMine
	}
	out.Span(wardein.Span{Len: 8, What: wardein.Known, Is: "magic"})
	out.Note("format version", w.version)
	for i, m := range w.members {
		out.Span(wardein.Span{Off: m.at, Len: 60, What: wardein.Known, Is: "header"})
		if i == len(w.members)-1 && w.cut != nil {
			out.Gap(wardein.Gap{Node: m.e.Name, Kind: wardein.Damaged, Off: m.data, Len: m.size, Why: w.cut.Error()})
			err = nil
		}
		if next := m.data + m.size; next&1 != 0 && next < end {
			out.Span(wardein.Span{Off: next, Len: 1, What: wardein.Known, Is: "padding"})
		}
		var ext []wardein.Extent
		if m.size > 0 {
			ext = []wardein.Extent{{Off: m.data, Len: m.size}}
		}
		if err := out.Extents(m.e, ext); err != nil {
			return end, err
		}
	}
	return end, err
}
