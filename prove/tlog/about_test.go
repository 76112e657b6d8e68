package tlog

import (
	"fmt"
	"strings"
	"testing"

	"github.com/wardein/wardein/prove/policy"
	"github.com/wardein/wardein/prove/statement"
)

func TestAbout(t *testing.T) {
	rules, w := three(t)
	dir, signer, s, _ := testServer(t, 0, rules)
	first := [][]byte{
		made("n", statement.Inspection, 1, about(9)),
		made("v", statement.Reply, 2, about(1)),
		made("n", statement.Correction, 3, about(7)),
		made("n", statement.Withdrawal, 4, about(1)),
	}
	if _, err := Add(t.Context(), dir, first, signer); err != nil {
		t.Fatal(err)
	}
	p, err := s.Dir.Policy()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Dir.About(t.Context(), p, digest(1)); err == nil || !strings.Contains(err.Error(), "not cosigned: two 0 of 3") {
		t.Error(err)
	}
	b, _ := s.Dir.Checkpoint()
	if err := s.Gather.Take(t.Context(), cosign(t, b, w[0], w[1])); err != nil {
		t.Fatal(err)
	}
	// what is newer than the cosigned checkpoint is not seen
	if _, err := Add(t.Context(), dir, [][]byte{made("n", statement.Correction, 5, about(1))}, signer); err != nil {
		t.Fatal(err)
	}
	a, err := s.Dir.About(t.Context(), p, digest(1))
	if err != nil || a.Size != 4 || a.Time.IsZero() || a.Origin != "log.example" || len(a.Entries) != 2 || a.Entries[0].Index != 1 || a.Entries[1].Index != 3 || a.Entries[1].Type != statement.Withdrawal {
		t.Errorf("%+v, %v", a, err)
	}
	// but where no cosignature is asked for, all is
	alone, err := policy.Parse([]byte("log " + p.Logs[0].VKey + "\nquorum none\n"))
	if err != nil {
		t.Fatal(err)
	}
	if a, err = s.Dir.About(t.Context(), alone, digest(1)); err != nil || a.Size != 5 || len(a.Entries) != 3 {
		t.Errorf("%+v, %v", a, err)
	}
	if a, err = s.Dir.About(t.Context(), alone, digest(8)); err != nil || len(a.Entries) != 0 {
		t.Errorf("%+v, %v", a, err)
	}
	_, other := testKey(t, "log.example", "ed25519")
	stranger, err := policy.Parse([]byte(fmt.Sprintf("log %s\nquorum none\n", other)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Dir.About(t.Context(), stranger, digest(1)); err == nil {
		t.Error("another log's key")
	}
}
