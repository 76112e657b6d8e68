package tlog

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	formats "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/formats/proof"
	merkle "github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/prove/policy"
	"github.com/wardein/wardein/prove/statement"
)

// testKey makes a test key: "ed25519", "cosign" or "mldsa".
func testKey(t testing.TB, name, kind string) (note.Signer, string) {
	t.Helper()
	skey, vkey, err := note.GenerateKey(nil, name)
	if kind == "mldsa" {
		skey, vkey, err = formats.GenerateMLDSAKey(name)
	}
	if err != nil {
		t.Fatal(err)
	}
	var s note.Signer
	switch kind {
	case "ed25519":
		s, err = note.NewSigner(skey)
	case "cosign":
		vkey, _ = formats.VKeyToCosignatureV1(vkey)
		fallthrough
	default:
		s, err = formats.NewSignerForCosignatureV1(skey)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s, vkey
}

// testLog makes an empty log in a new folder.
func testLog(t testing.TB, more string) (dir string, signer note.Signer) {
	t.Helper()
	signer, vkey := testKey(t, "log.example", "ed25519")
	if !strings.Contains(more, "quorum") {
		more += "quorum none\n"
	}
	dir = filepath.Join(t.TempDir(), "log")
	if err := Create(t.Context(), dir, []byte("log "+vkey+"\n"+more), signer); err != nil {
		t.Fatal(err)
	}
	return dir, signer
}

// entry is one of as many entries as there are numbers.
func entry(i int) []byte {
	e := statement.Entry{Envelope: sha256.Sum256(fmt.Append(nil, "envelope", i)), Lab: "lab-north.example", Subject: "sha256:" + hex.EncodeToString(hash("subject", i)), Type: statement.Inspection}
	b, err := e.Bytes()
	if err != nil {
		panic(err)
	}
	return b
}

func hash(s string, i int) []byte {
	h := sha256.Sum256(fmt.Append(nil, s, i))
	return h[:]
}

func entries(from, n int) (list [][]byte) {
	for i := range n {
		list = append(list, entry(from+i))
	}
	return list
}

// signed opens the log's newest checkpoint.
func signed(t testing.TB, path string) (*Dir, *policy.Signed) {
	t.Helper()
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	p, err := d.Policy()
	if err != nil {
		t.Fatal(err)
	}
	b, err := d.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.OpenCheckpoint(b)
	if err != nil {
		t.Fatal(err)
	}
	return d, s
}

// naive is the root of RFC 6962, section 2.1, as it is written there.
func naive(list [][]byte) wardein.Digest {
	if len(list) == 0 {
		return sha256.Sum256(nil)
	}
	if len(list) == 1 {
		return sha256.Sum256(append([]byte{0}, list[0]...))
	}
	k := 1
	for 2*k < len(list) {
		k *= 2
	}
	l, r := naive(list[:k]), naive(list[k:])
	return sha256.Sum256(append(append([]byte{1}, l[:]...), r[:]...))
}

func TestAdd(t *testing.T) {
	dir, signer := testLog(t, "")
	if _, s := signed(t, dir); s.Size != 0 || s.Root != naive(nil) {
		t.Fatalf("a new log: %+v", s)
	}
	var all [][]byte
	for _, n := range []int{1, 1, 254, 1, 300, 4} {
		more := entries(len(all), n)
		places, err := Add(t.Context(), dir, more, signer)
		if err != nil {
			t.Fatal(err)
		}
		for i, p := range places {
			if p != uint64(len(all)+i) {
				t.Fatalf("entry %d is at %d", len(all)+i, p)
			}
		}
		all = append(all, more...)
		d, s := signed(t, dir)
		if s.Size != uint64(len(all)) || s.Root != naive(all) {
			t.Fatalf("after %d entries: %d, %v", len(all), s.Size, s.Root)
		}
		checkpoint, err := d.Checkpoint()
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(all); i += 1 + len(all)/9 {
			b, err := d.Proof(t.Context(), uint64(i), checkpoint, s.Size)
			if err != nil {
				t.Fatal(err)
			}
			checkProof(t, b, all[i], uint64(i), s)
		}
	}
	// what is there keeps its place, also if it comes twice
	places, err := Add(t.Context(), dir, [][]byte{all[300], entry(-1), all[0], entry(-1)}, signer)
	if err != nil || fmt.Sprint(places) != fmt.Sprint([]int{300, len(all), 0, len(all)}) {
		t.Errorf("%v, %v", places, err)
	}
	if places, err = Add(t.Context(), dir, nil, signer); err != nil || len(places) != 0 {
		t.Errorf("%v, %v", places, err)
	}
	if d, s := signed(t, dir); s.Size != uint64(len(all)+1) || d.checkTree(t.Context(), &s.Checkpoint) != nil {
		t.Error(s.Size)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "tile/*/000.p")); len(left) != 1 { // of level 1
		t.Errorf("partial tiles that are full now: %q", left)
	}
}

// checkProof reads a proof without this package.
func checkProof(t testing.TB, b, entry []byte, index uint64, s *policy.Signed) {
	t.Helper()
	var p proof.TLogProof
	if err := p.Unmarshal(b); err != nil || p.Index != index || !bytes.Equal(p.Marshal(), b) {
		t.Fatalf("%v: %s", err, b)
	}
	var hashes [][]byte
	for _, h := range p.Hashes {
		hashes = append(hashes, h[:])
	}
	if err := merkle.VerifyInclusion(rfc6962.DefaultHasher, p.Index, s.Size, rfc6962.DefaultHasher.HashLeaf(entry), hashes, s.Root[:]); err != nil {
		t.Fatalf("entry %d: %v", index, err)
	}
}

func TestConsistency(t *testing.T) {
	dir, signer := testLog(t, "")
	all := entries(0, 700)
	for _, n := range []int{257, 700} { // tiles are those of checkpoints
		if _, err := Add(t.Context(), dir, all[:n], signer); err != nil {
			t.Fatal(err)
		}
	}
	d, _ := signed(t, dir)
	for _, c := range [][2]int{{0, 700}, {1, 700}, {256, 700}, {255, 257}, {513, 700}, {699, 700}, {700, 700}} {
		p, err := Consistency(t.Context(), d.Tile, uint64(c[0]), uint64(c[1]))
		if err != nil {
			t.Fatal(err)
		}
		old, size := naive(all[:c[0]]), naive(all[:c[1]])
		if err := merkle.VerifyConsistency(rfc6962.DefaultHasher, uint64(c[0]), uint64(c[1]), p, old[:], size[:]); err != nil {
			t.Errorf("%v: %v", c, err)
		}
		if root, err := Root(t.Context(), d.Tile, uint64(c[1])); err != nil || root != size {
			t.Errorf("root of %d: %v, %v", c[1], root, err)
		}
	}
}

// Whoever adds must have the log's own key, its newest tree, and no older one
// than witnesses have seen.
func TestUnsound(t *testing.T) {
	for _, c := range []struct {
		what, err string
		harm      func(t *testing.T, dir string, signer *note.Signer)
	}{
		{"another key", "is not a key of this log", func(t *testing.T, _ string, signer *note.Signer) { *signer, _ = testKey(t, "log.example", "ed25519") }},
		{"checkpoint of another tree", "root of the tiles is", func(t *testing.T, dir string, signer *note.Signer) {
			b, err := note.Sign(&note.Note{Text: (&policy.Checkpoint{Origin: "log.example", Size: 5}).Text()}, *signer)
			write(t, filepath.Join(dir, checkpointName), b, err)
		}},
		{"checkpoint nobody signed", "no log of the policy signed it", func(t *testing.T, dir string, _ *note.Signer) {
			other, _ := testKey(t, "other.example", "ed25519")
			b, err := note.Sign(&note.Note{Text: (&policy.Checkpoint{Origin: "log.example"}).Text()}, other)
			write(t, filepath.Join(dir, checkpointName), b, err)
		}},
		{"old copy", "witnesses have cosigned a tree of 9 entries, this one has 5: is this an old copy?", func(t *testing.T, dir string, signer *note.Signer) {
			b, err := note.Sign(&note.Note{Text: (&policy.Checkpoint{Origin: "log.example", Size: 9}).Text()}, *signer)
			write(t, filepath.Join(dir, cosignedName), b, err)
		}},
		{"old state", "the log has signed a tree of 5 entries and has 0: is this an old copy?", func(t *testing.T, dir string, _ *note.Signer) {
			write(t, filepath.Join(dir, ".state/treeState"), []byte(`{"size":0,"root":"47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="}`), nil)
		}},
		{"copy without state", "a copy of a log without its state", func(t *testing.T, dir string, _ *note.Signer) { os.Remove(filepath.Join(dir, ".state/treeState")) }},
		{"changed tile", "root of the tiles is", func(t *testing.T, dir string, _ *note.Signer) {
			name := filepath.Join(dir, "tile/0/000.p/5")
			b, err := os.ReadFile(name)
			b[40] ^= 1
			write(t, name, b, err)
		}},
		{"missing tile", "no such file", func(t *testing.T, dir string, _ *note.Signer) { os.Remove(filepath.Join(dir, "tile/0/000.p/5")) }},
		{"short tile", "has 10 bytes, expected 160", func(t *testing.T, dir string, _ *note.Signer) {
			write(t, filepath.Join(dir, "tile/0/000.p/5"), make([]byte, 10), nil)
		}},
		{"pipe", "is not a file", func(t *testing.T, dir string, _ *note.Signer) {
			os.Remove(filepath.Join(dir, "tile/0/000.p/5"))
			if err := syscall.Mkfifo(filepath.Join(dir, "tile/0/000.p/5"), 0o644); err != nil {
				t.Fatal(err)
			}
		}},
		{"no log", "not a log", func(t *testing.T, dir string, _ *note.Signer) { os.Remove(filepath.Join(dir, checkpointName)) }},
	} {
		dir, signer := testLog(t, "")
		if _, err := Add(t.Context(), dir, entries(0, 5), signer); err != nil {
			t.Fatal(err)
		}
		c.harm(t, dir, &signer)
		before, _ := os.ReadFile(filepath.Join(dir, checkpointName))
		defer func() {
			if after, _ := os.ReadFile(filepath.Join(dir, checkpointName)); !bytes.Equal(before, after) {
				t.Errorf("%s: the checkpoint was changed to %q", c.what, after)
			}
		}()
		if _, err := Add(t.Context(), dir, entries(5, 1), signer); err == nil || !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v, expected %q", c.what, err, c.err)
		}
	}
}

func write(t *testing.T, name string, b []byte, err error) {
	t.Helper()
	if err == nil {
		err = os.WriteFile(name, b, 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestCreate(t *testing.T) {
	dir, signer := testLog(t, "")
	rules, err := os.ReadFile(filepath.Join(dir, policyName))
	if err != nil {
		t.Fatal(err)
	}
	if err := Create(t.Context(), dir, rules, signer); err == nil || !strings.Contains(err.Error(), "not empty") {
		t.Error(err)
	}
	other, _ := testKey(t, "log.example", "ed25519")
	if err := Create(t.Context(), dir+"2", rules, other); err == nil || !strings.Contains(err.Error(), "is not a key of this log") {
		t.Error(err)
	}
	if all, err := os.ReadDir(filepath.Dir(dir)); err != nil || len(all) != 1 {
		t.Errorf("left behind: %v, %v", all, err)
	}
}

// A log may have an ML-DSA-44 key beside the first.
func TestTwoKeys(t *testing.T) {
	a, akey := testKey(t, "log.example", "ed25519")
	b, bkey := testKey(t, "log.example", "mldsa")
	dir := filepath.Join(t.TempDir(), "log")
	if err := Create(t.Context(), dir, []byte("log "+akey+"\nlog "+bkey+"\nquorum none\n"), a, b); err != nil {
		t.Fatal(err)
	}
	if _, err := Add(t.Context(), dir, entries(0, 3), a, b); err != nil {
		t.Fatal(err)
	}
	if _, s := signed(t, dir); len(s.Log) != 2 || s.Size != 3 {
		t.Errorf("%+v", s)
	}
}

// A key that cannot sign is an error, and the entries are not lost.
func TestCannotSign(t *testing.T) {
	dir, signer := testLog(t, "")
	if _, err := Add(t.Context(), dir, entries(0, 1), broken{signer}); err == nil || !strings.Contains(err.Error(), "its checkpoint could not be signed: the token is gone") {
		t.Fatal(err)
	}
	if _, s := signed(t, dir); s.Size != 0 {
		t.Fatal(s.Size)
	}
	if places, err := Add(t.Context(), dir, entries(0, 2), signer); err != nil || fmt.Sprint(places) != "[0 1]" {
		t.Fatal(places, err)
	}
}

type broken struct{ note.Signer }

func (broken) Sign([]byte) ([]byte, error) { return nil, errors.New("the token is gone") }

// Of several that add at once all get all their entries in, once each.
func TestTogether(t *testing.T) {
	dir, signer := testLog(t, "")
	var all sync.WaitGroup
	for i := range 6 {
		all.Go(func() {
			list := append(entries(i*50, 50), entry(-1))
			places, err := Add(t.Context(), dir, list, signer)
			if err != nil {
				t.Error(err)
				return
			}
			d, _ := signed(t, dir)
			for k, p := range places {
				e, err := d.entries(p/256, 0)
				if err != nil {
					e, err = d.entries(p/256, uint8(size(t, d)%256))
				}
				if err != nil || !bytes.Equal(e[p%256], list[k]) {
					t.Errorf("entry %d is not at %d: %v", k, p, err)
				}
			}
		})
	}
	all.Wait()
	d, s := signed(t, dir)
	if s.Size != 301 {
		t.Errorf("%d entries, expected 301", s.Size)
	}
	if _, err := d.Replay(t.Context(), s.Size, nil, func(uint64, []byte) error { return nil }); err != nil {
		t.Error(err)
	}
}

func size(t *testing.T, d *Dir) uint64 {
	_, s := signed(t, d.path)
	return s.Size
}

// A lock that is held is an error that says so, in the end.
func TestLock(t *testing.T) {
	name := filepath.Join(t.TempDir(), "lock")
	unlock, err := lock(t.Context(), name, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := lock(t.Context(), name, 20*time.Millisecond); err == nil || !strings.Contains(err.Error(), "held the lock") {
		t.Error(err)
	}
	unlock()
	if unlock, err = lock(t.Context(), name, 0); err != nil {
		t.Fatal(err)
	}
	unlock()
}

// TestProofSize prints how large proofs are, of a log of a million entries
// with two witnesses: for the newest entry, as a bundle gets it, and for one
// as deep as they come.
func TestProofSize(t *testing.T) {
	for _, kind := range []string{"cosign", "mldsa"} {
		l, lkey := testKey(t, "log.example", "ed25519")
		signers := []note.Signer{l}
		rules := "log " + lkey + "\n"
		for _, name := range []string{"north.example", "south.example"} {
			w, wkey := testKey(t, name, kind)
			signers, rules = append(signers, w), rules+"witness "+name+" "+wkey+"\n"
		}
		p, err := policy.Parse([]byte(rules + "group both all north.example south.example\nquorum both\n"))
		if err != nil {
			t.Fatal(err)
		}
		const size = 1_000_000
		b, err := note.Sign(&note.Note{Text: (&policy.Checkpoint{Origin: "log.example", Size: size}).Text()}, signers...)
		if err != nil {
			t.Fatal(err)
		}
		begin := time.Now()
		s, err := p.OpenCheckpoint(b)
		if err != nil {
			t.Fatal(err)
		}
		took := time.Since(begin)
		if ok, why := p.Quorum(s.Labels()); !ok {
			t.Fatal(why)
		}
		length := func(index uint64) int {
			nodes, err := merkle.Inclusion(index, size)
			if err != nil {
				t.Fatal(err)
			}
			_, begin, end := nodes.Ephem() // these are one hash of the proof
			n := len(nodes.IDs)
			if end > begin {
				n -= end - begin - 1
			}
			return len((&proof.TLogProof{Index: index, Hashes: make([][32]byte, n), Checkpoint: b}).Marshal())
		}
		newest, deepest, sum := length(size-1), 0, 0
		const last = 256
		for i := uint64(size - last); i < size; i++ {
			sum += length(i)
		}
		for i := uint64(0); i < size; i += 997 {
			deepest = max(deepest, length(i))
		}
		t.Logf("log Ed25519, two cosignatures %s: newest entry %d bytes, mean of the newest %d %d, deepest %d; signatures checked in %v", kind, newest, last, sum/last, deepest, took)
		if kind == "cosign" && (newest >= 1200 || sum/last >= 1200) {
			t.Errorf("proof of %d bytes, expected less than 1200", newest)
		}
	}
}

func BenchmarkAdd(b *testing.B) {
	for _, size := range []uint{1, 256, 2048} {
		b.Run(fmt.Sprintf("batch%d", size), func(b *testing.B) {
			dir, signer := testLog(b, "")
			list := entries(0, b.N)
			payload := 0
			for _, e := range list {
				payload += len(e)
			}
			b.ResetTimer()
			if _, err := add(b.Context(), dir, list, size, signer); err != nil {
				b.Fatal(err)
			}
			b.StopTimer()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "entries/s")
			b.ReportMetric(float64(payload)/float64(b.N), "B/entry")
			b.ReportMetric(float64(blocks(b, dir))/float64(b.N), "disk-B/entry")
		})
	}
}

// blocks is how much disk a folder takes.
func blocks(t testing.TB, dir string) (n int64) {
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		n += diskUse(path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
