package ident

import (
	"context"
	"errors"
	"io"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
)

// one is a format that is whichever of Formats takes the bytes, so that all of
// them share samples, damage tests and a fuzz target. Its evidence names the
// format. Magics are heeded the way the engine does.
var one = wardein.Format{
	Measure: func(r *io.SectionReader) (wardein.Claim, error) {
		f, claim, err := which(r)
		if f == nil {
			return wardein.Claim{}, wardein.ErrNotMine
		}
		claim.Evidence = f.Name + ": " + claim.Evidence
		return claim, err
	},
	Extract: func(ctx context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
		f, _, _ := which(r)
		switch {
		case f == nil:
			return 0, errors.New("claim was taken by Measure, is not taken again")
		case f.Extract == nil:
			return r.Size(), nil
		}
		return f.Extract(ctx, r, out)
	},
}

func which(r *io.SectionReader) (*wardein.Format, wardein.Claim, error) {
	for i := range Formats {
		f := &Formats[i]
		if !marked(f, r) {
			continue
		}
		claim, err := f.Measure(r)
		if err == nil || !errors.Is(err, wardein.ErrNotMine) && claim.End != 0 {
			return f, claim, err
		}
	}
	return nil, wardein.Claim{}, wardein.ErrNotMine
}

func marked(f *wardein.Format, r *io.SectionReader) bool {
	for _, m := range f.Magic {
		buf := make([]byte, len(m.Bytes))
		if n, _ := r.ReadAt(buf, m.Back); n < len(buf) {
			continue
		}
		ok := true
		for i := range buf {
			mask := byte(0xFF)
			if m.Mask != "" {
				mask = m.Mask[i]
			}
			ok = ok && buf[i]&mask == m.Bytes[i]&mask
		}
		if ok {
			return true
		}
	}
	return false
}

func TestGolden(t *testing.T) { testkit.Golden(t, one) }
func TestDamage(t *testing.T) { testkit.Damage(t, one) }
func Fuzz(f *testing.F)       { testkit.Fuzz(f, one) }

// TestSamples holds every format to a sample that it claims, and to a Doc.
func TestSamples(t *testing.T) {
	claimed := map[string]bool{}
	for _, s := range testkit.Samples(t) {
		if f, _, _ := which(sectionOf(s.Data)); f != nil {
			claimed[f.Name] = true
		}
	}
	seen := map[string]bool{}
	for _, f := range Formats {
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
