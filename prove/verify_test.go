package prove

import (
	"archive/zip"
	"bytes"
	"io"
	"slices"
	"testing"
)

// A bundle that was made verifies, and says what was put in.
func TestVerify(t *testing.T) {
	for _, kind := range []struct {
		policy    string
		cosigners []*testKey
	}{{classic, []*testKey{nationA, nationB, operators}}, {quantum, []*testKey{quantumA, quantumB}}} {
		s, full := answered(t, kind.cosigners...)
		p := parsePolicy(t, policyText(kind.policy))
		v, err := verify(full, p)
		if err != nil {
			t.Fatal(err)
		}
		if v.Public || v.Subject != s.Subject || v.Inspection.Total() != 3 || len(v.Counters) != 2 || v.Contact == nil || !slices.Equal(v.Signers, []string{labNorth.name}) {
			t.Errorf("%+v", v)
		}
		if v.Log.Size != 21 || v.Log.Index != 7 || v.Log.Time.Unix() != cosignedAt || len(v.Log.Witnesses) != len(kind.cosigners) {
			t.Errorf("%+v", v.Log)
		}
		public := attach(t, s.public, ProofName, logProof(t, s.Envelope, 21, 7, kind.cosigners...))
		if v, err = verify(public, p); err != nil || !v.Public || v.Contact == nil {
			t.Errorf("public: %v", err)
		}
		t.Logf("%s: full %d bytes, public %d, proof %d", kind.policy, len(full), len(public), len(logProof(t, s.Envelope, 48112, 7, kind.cosigners...)))
	}
}

// The container is a ZIP file to others.
func TestZIP(t *testing.T) {
	s := makeSample(t, draft(t))
	r, err := zip.NewReader(bytes.NewReader(s.full), int64(len(s.full)))
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range r.File {
		in, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(in)
		if err != nil {
			t.Fatal(err)
		}
		want, err := io.ReadAll(io.NewSectionReader(s.parts[i].content, 0, s.parts[i].Size))
		if err != nil || f.Name != s.parts[i].Name || !bytes.Equal(got, want) || f.NonUTF8 || f.Modified.Format("2006-01-02 15:04:05") != "1980-01-01 00:00:00" {
			t.Errorf("%s: %d bytes, want %s and %d; %v", f.Name, len(got), s.parts[i].Name, len(want), err)
		}
	}
}
