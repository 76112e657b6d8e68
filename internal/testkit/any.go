package testkit

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"github.com/wardein/wardein"
)

// Any is a format that is whichever of formats takes the bytes, so that all of
// a folder's share samples, damage tests and a fuzz target. Its evidence names
// the format. Magics are heeded the way the engine does.
func Any(formats []wardein.Format) wardein.Format {
	return wardein.Format{
		Measure: func(r *io.SectionReader) (wardein.Claim, error) {
			f, claim, err := Which(formats, r)
			if f == nil {
				return wardein.Claim{}, wardein.ErrNotMine
			}
			claim.Evidence = f.Name + ": " + claim.Evidence
			return claim, err
		},
		Extract: func(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
			f, _, _ := Which(formats, r)
			switch {
			case f == nil:
				return 0, errors.New("claim was taken by Measure, is not taken again")
			case f.Extract == nil:
				return r.Size(), nil
			}
			return f.Extract(ctx, r, out)
		},
	}
}

// Which returns the first of formats whose magic stands in r and which claims
// it, and what it says; nil where none does.
func Which(formats []wardein.Format, r *io.SectionReader) (*wardein.Format, wardein.Claim, error) {
	for i := range formats {
		f := &formats[i]
		if !Marked(*f, r) {
			continue
		}
		claim, err := f.Measure(r)
		if err == nil || !errors.Is(err, wardein.ErrNotMine) && claim.End != 0 {
			return f, claim, err
		}
	}
	return nil, wardein.Claim{}, wardein.ErrNotMine
}

// Marked says whether one of the format's magics stands in r, which begins at
// the format's first byte.
func Marked(f wardein.Format, r io.ReaderAt) bool {
	for _, m := range f.Magic {
		if m.Inside {
			if b, _ := io.ReadAll(io.NewSectionReader(r, 0, 1<<30)); bytes.Contains(b, []byte(m.Bytes)) {
				return true
			}
			continue
		}
		buf := make([]byte, len(m.Bytes))
		if n, _ := r.ReadAt(buf, m.Back); n == len(buf) && Matches(m, buf) {
			return true
		}
	}
	return false
}

// Matches says whether b begins with the magic.
func Matches(m wardein.Magic, b []byte) bool {
	if len(b) < len(m.Bytes) {
		return false
	}
	for i := range len(m.Bytes) {
		mask := byte(0xFF)
		if m.Mask != "" {
			mask = m.Mask[i]
		}
		if b[i]&mask != m.Bytes[i]&mask {
			return false
		}
	}
	return true
}

// Sampled holds each of formats to a sample that it claims, and to a Doc.
func Sampled(t *testing.T, formats []wardein.Format) {
	t.Helper()
	claimed := map[string]bool{}
	for _, s := range Samples(t) {
		if f, _, _ := Which(formats, Section(s.Data)); f != nil {
			claimed[f.Name] = true
		}
	}
	seen := map[string]bool{}
	for _, f := range formats {
		if !claimed[f.Name] {
			t.Errorf("%s: no sample", f.Name)
		}
		if f.Doc.About == "" || len(f.Doc.References) == 0 || len(f.Magic) == 0 || seen[f.Name] {
			t.Errorf("%s: About, References, Magic or a name of its own is missing", f.Name)
		}
		for _, m := range f.Magic {
			if len(m.Bytes) < 2 || m.Mask != "" && len(m.Mask) != len(m.Bytes) {
				t.Errorf("%s: magic %q, mask %q", f.Name, m.Bytes, m.Mask)
			}
		}
		seen[f.Name] = true
	}
}

// Section is a reader over data, as Measure and Extract take it.
func Section(data []byte) *io.SectionReader {
	return io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data)))
}
