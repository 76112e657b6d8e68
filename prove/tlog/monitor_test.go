package tlog

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/mod/sumdb/note"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/prove/policy"
	"github.com/wardein/wardein/prove/statement"
)

// made is an entry of a lab.
func made(lab, kind string, envelope byte, subject string) []byte {
	e := statement.Entry{Envelope: digest(envelope), Lab: lab, Subject: subject, Type: kind}
	b, err := e.Bytes()
	if err != nil {
		panic(err)
	}
	return b
}

func digest(b byte) (d wardein.Digest) { d[0] = b; return d }

func about(b byte) string  { return "sha256:" + digest(b).String() }
func salted(b byte) string { return "salted:" + digest(b).String() }

func monitored(t *testing.T, dirs ...string) (found []string) {
	t.Helper()
	var copies []Copy
	for _, dir := range dirs {
		d, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer d.Close()
		copies = append(copies, Copy{Dir: d})
	}
	_, list, err := Monitor(t.Context(), copies)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		found = append(found, fmt.Sprintf("%d %s", f.Index, f.Says))
	}
	return found
}

func TestMonitorStatements(t *testing.T) {
	const i, p, c = statement.Inspection, statement.Profile, statement.Claim
	for _, x := range []struct {
		what    string
		entries [][]byte
		want    []string // begin of each finding
	}{
		{"nothing", nil, nil},
		{"one of each", [][]byte{made("n", i, 1, about(9)), made("n", p, 2, about(9)), made("n", c, 3, about(9)), made("s", i, 4, about(9)), made("n", i, 5, about(8)), made("n", i, 6, salted(9))}, nil},
		{"two verdicts", [][]byte{made("n", i, 1, about(9)), made("s", i, 3, about(9)), made("n", i, 2, about(9))}, []string{"2 n makes a second inspection statement about sha256:09"}},
		{"two, salted", [][]byte{made("n", p, 1, salted(9)), made("n", p, 2, salted(9))}, []string{"1 n makes a second profile statement about salted:09"}},
		{"three", [][]byte{made("n", c, 1, about(9)), made("n", c, 2, about(9)), made("n", c, 3, about(9))}, []string{"1 n makes a second claim", "2 n makes a second claim"}},
		{"withdrawn before", [][]byte{made("n", i, 1, about(9)), made("n", statement.Withdrawal, 7, about(1)), made("n", i, 2, about(9))}, nil},
		{"corrected before", [][]byte{made("n", i, 1, about(9)), made("n", statement.Correction, 7, about(1)), made("n", i, 2, about(9))}, nil},
		{"withdrawn by another", [][]byte{made("n", i, 1, about(9)), made("s", statement.Withdrawal, 7, about(1)), made("n", i, 2, about(9))}, []string{"2 n makes"}},
		{"withdrawn after", [][]byte{made("n", i, 1, about(9)), made("n", i, 2, about(9)), made("n", statement.Withdrawal, 7, about(1))}, []string{"1 n makes"}},
		{"another withdrawn", [][]byte{made("n", i, 1, about(9)), made("n", statement.Withdrawal, 7, about(4)), made("n", i, 2, about(9))}, []string{"2 n makes"}},
		{"replies and re-runs", [][]byte{made("n", statement.Rerun, 1, about(9)), made("n", statement.Rerun, 2, about(9)), made("v", statement.Reply, 3, about(9)), made("v", statement.Reply, 4, about(9))}, nil},
		{"not canonical", [][]byte{append(made("n", i, 1, about(9)), ' '), []byte("{}"), []byte("release.bin")}, []string{"0 not an entry", "1 not an entry", "2 not an entry"}},
	} {
		dir, signer := testLog(t, "")
		if _, err := Add(t.Context(), dir, x.entries, signer); err != nil {
			t.Fatal(err)
		}
		got := monitored(t, dir)
		if len(got) != len(x.want) {
			t.Errorf("%s: %q, expected %q", x.what, got, x.want)
			continue
		}
		for k, w := range x.want {
			if !strings.HasPrefix(got[k], w) {
				t.Errorf("%s: %q, expected %q", x.what, got[k], w)
			}
		}
	}
}

// Whatever byte of a tile, a bundle or the checkpoint is changed, the monitor
// sees it.
func TestMonitorDamage(t *testing.T) {
	dir, signer := testLog(t, "")
	if _, err := Add(t.Context(), dir, entries(0, 600), signer); err != nil {
		t.Fatal(err)
	}
	if got := monitored(t, dir); got != nil {
		t.Fatal(got)
	}
	var files []string
	for _, f := range []string{"checkpoint", "tile/0/000", "tile/0/002.p/88", "tile/1/000.p/2", "tile/entries/001", "tile/entries/002.p/88"} {
		files = append(files, filepath.Join(dir, f))
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for at := 0; at < len(b); at += 1 + len(b)/23 {
			bad := append([]byte{}, b...)
			bad[at] ^= 4
			write(t, name, bad, nil)
			if got := monitored(t, dir); len(got) == 0 {
				t.Errorf("byte %d of %s changed: nothing found", at, name)
			}
		}
		write(t, name, b[:len(b)-1], nil)
		if got := monitored(t, dir); len(got) == 0 {
			t.Errorf("%s cut: nothing found", name)
		}
		os.Remove(name)
		if name != files[0] {
			if got := monitored(t, dir); len(got) == 0 {
				t.Errorf("%s gone: nothing found", name)
			}
		}
		write(t, name, b, nil)
	}
	// a tree that is not its checkpoint's
	b, err := note.Sign(&note.Note{Text: (&policy.Checkpoint{Origin: "log.example", Size: 600}).Text()}, signer)
	write(t, files[0], b, err)
	if got := monitored(t, dir); len(got) != 1 || !strings.Contains(got[0], "tree of 600 entries: root is") {
		t.Error(got)
	}
}

// Two copies of one log that differ are found, though each is sound.
func TestMonitorFork(t *testing.T) {
	dir, signer := testLog(t, "")
	if _, err := Add(t.Context(), dir, entries(0, 3), signer); err != nil {
		t.Fatal(err)
	}
	fork := filepath.Join(t.TempDir(), "fork")
	if err := os.CopyFS(fork, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	if got := monitored(t, dir, fork); got != nil {
		t.Fatal(got)
	}
	if _, err := Add(t.Context(), dir, entries(3, 1), signer); err != nil {
		t.Fatal(err)
	}
	if got := monitored(t, fork, dir); got != nil { // one is behind
		t.Fatal(got)
	}
	if _, err := Add(t.Context(), fork, entries(900, 2), signer); err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{dir, fork} {
		if got := monitored(t, d); got != nil {
			t.Fatal(got)
		}
	}
	got := monitored(t, dir, fork)
	if len(got) != 1 || !strings.Contains(got[0], "tree of 4 entries: root is") || !strings.Contains(got[0], "has signed") {
		t.Error(got)
	}
}

// What witnesses cosigned is held against the tree, and a policy's quorum.
func TestMonitorCosigned(t *testing.T) {
	rules, w := three(t)
	dir, signer, s, _ := testServer(t, 5, rules)
	b, _ := s.Dir.Checkpoint()
	if err := s.Gather.Take(t.Context(), cosign(t, b, w[0], w[1])); err != nil {
		t.Fatal(err)
	}
	if _, err := Add(t.Context(), dir, entries(5, 5), signer); err != nil {
		t.Fatal(err)
	}
	p, err := s.Dir.Policy()
	if err != nil {
		t.Fatal(err)
	}
	seen, found, err := Monitor(t.Context(), []Copy{{s.Dir, p}})
	if err != nil || len(found) != 0 || seen[0].Cosigned != 5 || fmt.Sprint(seen[0].Witnesses) != "[north south]" || seen[0].Size != 10 {
		t.Errorf("%+v, %v, %v", seen, found, err)
	}
	os.Remove(filepath.Join(dir, cosignedName))
	if _, found, _ = Monitor(t.Context(), []Copy{{s.Dir, p}}); len(found) != 1 || !strings.Contains(found[0].Says, "the quorum is not met") {
		t.Error(found)
	}
	other, err := note.Sign(&note.Note{Text: (&policy.Checkpoint{Origin: "log.example", Size: 5}).Text()}, signer)
	write(t, filepath.Join(dir, cosignedName), cosign(t, other, w[0], w[1]), err)
	if got := monitored(t, dir); len(got) != 1 || !strings.Contains(got[0], "cosigned has signed") {
		t.Error(got)
	}
}

func BenchmarkMonitor(b *testing.B) {
	dir, signer := testLog(b, "")
	if _, err := add(b.Context(), dir, entries(0, 20000), 4096, signer); err != nil {
		b.Fatal(err)
	}
	d, err := Open(dir)
	if err != nil {
		b.Fatal(err)
	}
	defer d.Close()
	b.ReportAllocs()
	for b.Loop() {
		if _, found, err := Monitor(b.Context(), []Copy{{Dir: d}}); err != nil || len(found) > 0 {
			b.Fatal(found, err)
		}
	}
	b.ReportMetric(20000*float64(b.N)/b.Elapsed().Seconds(), "entries/s")
}
