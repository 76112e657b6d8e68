package witness

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	formats "github.com/transparency-dev/formats/note"
	"github.com/transparency-dev/merkle/compact"
	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
	"golang.org/x/mod/sumdb/note"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/prove/policy"
)

var hasher = rfc6962.DefaultHasher

// tree is a log in memory: all nodes of a Merkle tree.
type tree struct {
	nodes map[compact.NodeID][]byte
	r     *compact.Range
	roots []wardein.Digest // by size
}

// grow makes a tree of n leaves; from on they depend on the fork.
func grow(n int, from int, fork string) *tree {
	t := &tree{nodes: map[compact.NodeID][]byte{}, r: (&compact.RangeFactory{Hash: hasher.HashChildren}).NewEmptyRange(0)}
	t.roots = append(t.roots, wardein.Digest(hasher.EmptyRoot()))
	for i := range n {
		data := fmt.Sprint(i)
		if i >= from {
			data += fork
		}
		h := hasher.HashLeaf([]byte(data))
		t.nodes[compact.NewNodeID(0, uint64(i))] = h
		t.r.Append(h, func(id compact.NodeID, h []byte) { t.nodes[id] = h })
		root, _ := t.r.GetRootHash(nil)
		t.roots = append(t.roots, wardein.Digest(root))
	}
	return t
}

func (t *tree) consistency(old, size int) (hashes [][]byte) {
	nodes, err := proof.Consistency(uint64(old), uint64(size))
	if err != nil {
		panic(err)
	}
	for _, id := range nodes.IDs {
		hashes = append(hashes, t.nodes[id])
	}
	if hashes, err = nodes.Rehash(hashes, hasher.HashChildren); err != nil {
		panic(err)
	}
	return hashes
}

// testLog is a log's key and its tree.
type testLog struct {
	*tree
	signer note.Signer
	key    policy.Key
}

func newLog(t testing.TB, name string) testLog {
	t.Helper()
	skey, vkey, err := note.GenerateKey(nil, name)
	if err != nil {
		t.Fatal(err)
	}
	s, err := note.NewSigner(skey)
	if err != nil {
		t.Fatal(err)
	}
	k, err := policy.ParseKey(vkey)
	if err != nil {
		t.Fatal(err)
	}
	return testLog{grow(40, 99, ""), s, k}
}

// checkpoint is the log's of a size, with signatures of others.
func (l testLog) checkpoint(t testing.TB, size int, others ...note.Signer) []byte {
	t.Helper()
	return sign(t, policy.Checkpoint{Origin: l.signer.Name(), Size: uint64(size), Root: l.roots[size]}, append([]note.Signer{l.signer}, others...)...)
}

func sign(t testing.TB, c policy.Checkpoint, signers ...note.Signer) []byte {
	t.Helper()
	b, err := note.Sign(&note.Note{Text: c.Text()}, signers...)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// witnessKeys are those of a witness, an Ed25519 and an ML-DSA-44 one.
func witnessKeys(t testing.TB) (signers []note.Signer, p *policy.Policy) {
	t.Helper()
	skey, vkey, err := note.GenerateKey(nil, "witness.example")
	if err != nil {
		t.Fatal(err)
	}
	pskey, pvkey, err := formats.GenerateMLDSAKey("witness.example")
	if err != nil {
		t.Fatal(err)
	}
	vkey, _ = formats.VKeyToCosignatureV1(vkey)
	for _, s := range []string{skey, pskey} {
		c, err := formats.NewSignerForCosignatureV1(s)
		if err != nil {
			t.Fatal(err)
		}
		signers = append(signers, c)
	}
	if p, err = policy.Parse([]byte("witness ed " + vkey + "\nwitness pq " + pvkey + "\ngroup both all ed pq\nquorum both\n")); err != nil {
		t.Fatal(err)
	}
	return signers, p
}

// body is a request.
func body(old int, proof [][]byte, checkpoint []byte) string {
	s := fmt.Sprintf("old %d\n", old)
	for _, h := range proof {
		s += base64.StdEncoding.EncodeToString(h) + "\n"
	}
	return s + "\n" + string(checkpoint)
}

// TestProtocol holds the answers against c2sp.org/tlog-witness, section
// "add-checkpoint", one after the other; the witness's state goes along.
func TestProtocol(t *testing.T) {
	l, other, stranger := newLog(t, "log.example"), newLog(t, "other.example"), newLog(t, "log.example")
	fork := testLog{grow(40, 7, "forked"), l.signer, l.key}
	signers, p := witnessKeys(t)
	p.Logs = []policy.Key{l.key, other.key}
	w, err := Open(t.Context(), filepath.Join(t.TempDir(), "state.db"), p.Logs, signers...)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	var said []string
	h := httptest.NewServer(w.Handler(func(s string) { said = append(said, s) }))
	defer h.Close()

	extended := policy.Checkpoint{Origin: "log.example", Size: 12, Root: l.roots[12], Extension: []string{"an extension line"}}
	broken := l.checkpoint(t, 5)
	if at := len(broken) - 20; broken[at] == 'A' { // still base64
		broken[at] = 'B'
	} else {
		broken[at] = 'A'
	}
	wrong := l.consistency(5, 9)
	wrong[0] = make([]byte, 32)
	junk := "— log.example AAAAAAB=\n— log.example not\n"
	for _, c := range []struct {
		what   string
		body   string
		status int
		answer string // for 409: the size
	}{
		// "The request body MUST be a sequence of …"
		{"no body", "", 400, ""},
		{"no old line", "\n" + string(l.checkpoint(t, 5)), 400, ""},
		{"old line in other words", strings.Replace(body(0, nil, l.checkpoint(t, 5)), "old 0", "size 0", 1), 400, ""},
		{"leading zero", strings.Replace(body(0, nil, l.checkpoint(t, 5)), "old 0", "old 00", 1), 400, ""},
		{"plus", strings.Replace(body(0, nil, l.checkpoint(t, 5)), "old 0", "old +0", 1), 400, ""},
		{"two spaces", strings.Replace(body(0, nil, l.checkpoint(t, 5)), "old 0", "old  0", 1), 400, ""},
		{"carriage return", strings.Replace(body(0, nil, l.checkpoint(t, 5)), "old 0", "old 0\r", 1), 400, ""},
		{"2^63", strings.Replace(body(0, nil, l.checkpoint(t, 5)), "old 0", "old 9223372036854775808", 1), 400, ""},
		{"no empty line", strings.Replace(body(0, nil, l.checkpoint(t, 5)), "\n\n", "\n", 1), 400, ""},
		{"no checkpoint", "old 0\n\n", 400, ""},
		{"proof of 64 lines", body(0, slicesRepeat(make([]byte, 32), 64), l.checkpoint(t, 5)), 400, ""},
		{"short hash", body(0, [][]byte{make([]byte, 31)}, l.checkpoint(t, 5)), 400, ""},
		{"hash not in base64", "old 0\n" + strings.Repeat("*", 44) + "\n\n" + string(l.checkpoint(t, 5)), 400, ""},
		{"checkpoint without a size", "old 0\n\nlog.example\n\n— log.example AAAA\n", 400, ""},
		{"checkpoint with a leading zero", strings.Replace(body(0, nil, l.checkpoint(t, 5)), "\n5\n", "\n05\n", 1), 400, ""},
		// "the old size MUST be equal to or lower than the checkpoint size"
		{"old above size", body(6, nil, l.checkpoint(t, 5)), 400, ""},
		// "If the checkpoint origin is unknown … 404"
		{"unknown origin", body(0, nil, newLog(t, "unknown.example").checkpoint(t, 5)), 404, ""},
		// "If none of the signatures verify against a trusted public key … 403"
		{"key of the same name", body(0, nil, stranger.checkpoint(t, 5)), 403, ""},
		{"broken signature", body(0, nil, broken), 403, ""},
		{"another log's key", body(0, nil, sign(t, policy.Checkpoint{Origin: "log.example", Size: 5}, other.signer)), 403, ""},
		// nothing was cosigned: the old size is zero
		{"old size of nothing", body(3, l.consistency(3, 5), l.checkpoint(t, 5)), 409, "0\n"},
		{"proof from zero", body(0, [][]byte{make([]byte, 32)}, l.checkpoint(t, 5)), 422, ""},
		{"root of no entries", body(0, nil, sign(t, policy.Checkpoint{Origin: "log.example"}, l.signer)), 409, "0\n"},
		{"no entries", body(0, nil, l.checkpoint(t, 0)), 200, ""},
		{"first", body(0, nil, l.checkpoint(t, 5)), 200, ""},
		// "it MUST ignore signatures from unknown keys"
		{"again, with what nobody knows", body(5, nil, l.checkpoint(t, 5, stranger.signer)), 200, ""},
		{"again, with the key of another log that is known", body(5, nil, l.checkpoint(t, 5, other.signer)), 200, ""},
		{"again, with a cosignature of another kind", body(5, nil, append(l.checkpoint(t, 5), "— log.example AAAAAAAA\n"...)), 200, ""},
		{"what is no signature line", body(5, nil, append(l.checkpoint(t, 5), junk...)), 400, ""},
		// "If it doesn't match … 409 … the tree size of the latest cosigned checkpoint"
		{"old size too low", body(0, nil, l.checkpoint(t, 9)), 409, "5\n"},
		{"old size too high", body(6, l.consistency(6, 9), l.checkpoint(t, 9)), 409, "5\n"},
		// "If the Merkle Consistency Proof doesn't verify … 422"
		{"no proof", body(5, nil, l.checkpoint(t, 9)), 422, ""},
		{"wrong proof", body(5, wrong, l.checkpoint(t, 9)), 422, ""},
		{"proof too long", body(5, append(l.consistency(5, 9), make([]byte, 32)), l.checkpoint(t, 9)), 422, ""},
		{"proof where none belongs", body(5, l.consistency(5, 9), l.checkpoint(t, 5)), 422, ""},
		{"lagging witness, right proof", body(5, l.consistency(5, 9), l.checkpoint(t, 9)), 200, ""},
		// "If the old size matches the checkpoint size … root hashes are also identical … 409"
		{"fork of the same size", body(9, nil, fork.checkpoint(t, 9)), 409, "9\n"},
		{"fork that has grown, with its own proof", body(9, fork.consistency(9, 12), fork.checkpoint(t, 12)), 422, ""},
		{"fork that has grown, with our proof", body(9, l.consistency(9, 12), fork.checkpoint(t, 12)), 422, ""},
		{"fork from an old size", body(5, fork.consistency(5, 12), fork.checkpoint(t, 12)), 409, "9\n"},
		{"smaller tree", body(5, nil, l.checkpoint(t, 5)), 409, "9\n"},
		{"extension lines", body(9, l.consistency(9, 12), sign(t, extended, l.signer)), 200, ""},
		{"another log has its own state", body(0, nil, other.checkpoint(t, 30)), 200, ""},
		{"too large", "old 0\n\n" + strings.Repeat("x", maxBody), 413, ""},
	} {
		res, err := http.Post(h.URL+"/add-checkpoint", "", strings.NewReader(c.body))
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != c.status {
			t.Errorf("%s: %v, %s, expected %d: %s", c.what, err, res.Status, c.status, b)
			continue
		}
		switch c.status {
		case 409:
			if kind := res.Header.Get("Content-Type"); string(b) != c.answer || kind != "text/x.tlog.size" {
				t.Errorf("%s: answered %q as %s, expected %q", c.what, b, kind, c.answer)
			}
		case 200: // "one or more note signature lines", of all keys of the witness
			_, _, checkpoint, _ := parseBody([]byte(c.body))
			text, _, _ := strings.Cut(string(checkpoint), "\n\n")
			p := &policy.Policy{Logs: []policy.Key{l.key}, Witnesses: p.Witnesses}
			if strings.HasPrefix(text, "other.") {
				p.Logs = []policy.Key{other.key}
			}
			s, err := p.OpenCheckpoint(append(checkpoint, b...))
			if err != nil || len(s.Cosigned) != 2 || s.Text() != text+"\n" || bytes.Count(b, []byte("\n")) != 2 {
				t.Errorf("%s: %+v, %v: %s", c.what, s, err, b)
			}
		}
	}
	// the operator hears of forks
	if heard := strings.Join(said, "\n"); strings.Count(heard, "forked") < 1 || strings.Count(heard, "not shown to be the beginning") < 2 {
		t.Errorf("%q", said)
	}
	for path, want := range map[string]int{"/": 404, "/add-checkpoint/": 404, "/state.db": 404, "/add-checkpoint": 405} {
		if res, err := http.Get(h.URL + path); err != nil || res.StatusCode != want {
			t.Errorf("GET %s: %v %v, expected %d", path, err, res.Status, want)
		}
	}
}

func slicesRepeat(b []byte, n int) (list [][]byte) {
	for range n {
		list = append(list, b)
	}
	return list
}

// What was cosigned is known after the witness was started anew.
func TestState(t *testing.T) {
	l := newLog(t, "log.example")
	signers, _ := witnessKeys(t)
	file := filepath.Join(t.TempDir(), "a file ?mode=memory#%.db")
	for _, step := range []struct{ old, size, status int }{{0, 3, 0}, {3, 8, 0}, {3, 9, 409}, {8, 9, 0}} {
		w, err := Open(t.Context(), file, []policy.Key{l.key}, signers...)
		if err != nil {
			t.Fatal(err)
		}
		var consistency [][]byte
		if step.old > 0 {
			consistency = l.consistency(step.old, step.size)
		}
		_, err = w.Cosign(t.Context(), uint64(step.old), consistency, l.checkpoint(t, step.size))
		var no *Refusal
		if errors.As(err, &no); (err == nil) != (step.status == 0) || err != nil && no.Status != step.status {
			t.Errorf("%v: %v", step, err)
		}
		w.Close()
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(file+"2", []byte("this is not a database, and long enough to be taken for one"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), file+"2", []policy.Key{l.key}, signers...); err == nil || !strings.Contains(err.Error(), "not the state of a witness") {
		t.Error(err)
	}
}

// Two witnesses with one state, and many requests at once, never cosign two
// trees of which neither is the beginning of the other.
func TestTogether(t *testing.T) {
	l := newLog(t, "log.example")
	fork := testLog{grow(40, 0, "forked"), l.signer, l.key}
	signers, p := witnessKeys(t)
	p.Logs = []policy.Key{l.key}
	file := filepath.Join(t.TempDir(), "state.db")
	var mu sync.Mutex
	var cosigned []*policy.Signed
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			w, err := Open(t.Context(), file, p.Logs, signers[:1]...)
			if err != nil {
				t.Error(err)
				return
			}
			defer w.Close()
			random := rand.New(rand.NewPCG(1, uint64(i)))
			for range 30 {
				from := []testLog{l, fork}[random.IntN(2)]
				seen, err := w.Seen(t.Context(), "log.example")
				if err != nil {
					t.Error(err)
					return
				}
				old := int(seen.Size)
				size := min(old+random.IntN(4), 40)
				var consistency [][]byte
				if old > 0 && old < size {
					consistency = from.consistency(old, size)
				}
				b := from.checkpoint(t, size)
				lines, err := w.Cosign(t.Context(), seen.Size, consistency, b)
				if err != nil {
					continue
				}
				s, err := p.OpenCheckpoint(append(b, lines...))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				cosigned = append(cosigned, s)
				mu.Unlock()
			}
		})
	}
	all.Wait()
	roots := map[bool]int{}
	for _, s := range cosigned {
		if s.Size > 0 {
			roots[s.Root == l.roots[s.Size]]++
		}
	}
	if len(roots) != 1 {
		t.Errorf("cosigned both histories: %v", roots)
	}
}

// remote is a log as an outbound witness sees it.
type remote struct {
	l       testLog
	size    int
	brought [][]byte
	err     error
}

func (r *remote) Checkpoint(context.Context) ([]byte, error) {
	skey, _, _ := note.GenerateKey(nil, "somebody.example")
	s, _ := note.NewSigner(skey)
	b, err := note.Sign(&note.Note{Text: (&policy.Checkpoint{Origin: "log.example", Size: uint64(r.size), Root: r.l.roots[r.size]}).Text()}, r.l.signer, s)
	return b, err
}

func (r *remote) Consistency(_ context.Context, old, size uint64) ([][]byte, error) {
	return r.l.consistency(int(old), int(size)), nil
}

func (r *remote) Bring(_ context.Context, b []byte) error {
	r.brought = append(r.brought, b)
	return r.err
}

func TestOnce(t *testing.T) {
	l := newLog(t, "log.example")
	signers, p := witnessKeys(t)
	p.Logs = []policy.Key{l.key}
	w, err := Open(t.Context(), filepath.Join(t.TempDir(), "state.db"), p.Logs, signers...)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	r := &remote{l: l}
	for i, size := range []int{4, 4, 9, 40} {
		r.size = size
		if n, err := w.Once(t.Context(), r); err != nil || n != uint64(size) {
			t.Fatal(n, err)
		}
		s, err := p.OpenCheckpoint(r.brought[i])
		if err != nil || len(s.Cosigned) != 2 || len(s.Unknown) != 0 || s.Size != uint64(size) {
			t.Errorf("%+v, %v", s, err)
		}
	}
	r.size = 9
	if _, err := w.Once(t.Context(), r); err == nil || !strings.Contains(err.Error(), "the log shows a tree of 9 entries, seen was one of 40") {
		t.Error(err)
	}
	fork := &remote{l: testLog{grow(50, 30, "forked"), l.signer, l.key}, size: 50}
	if _, err := w.Once(t.Context(), fork); err == nil || !strings.Contains(err.Error(), "not shown to be the beginning") || len(fork.brought) != 0 {
		t.Error(err)
	}
	// Follow goes on after errors, and says each once
	r.size, r.err = 40, errors.New("no")
	ctx, cancel := context.WithCancel(t.Context())
	var said []string
	w.Follow(ctx, r, time.Millisecond, func(size uint64, err error) {
		said = append(said, fmt.Sprint(size, err))
		r.err = nil
		if size == 40 {
			cancel()
		}
	})
	if fmt.Sprint(said) != "[0no 40<nil>]" && fmt.Sprint(said) != "[0 no 40 <nil>]" {
		t.Errorf("%q", said)
	}
}

func TestAsk(t *testing.T) {
	l := newLog(t, "log.example")
	signers, p := witnessKeys(t)
	p.Logs = []policy.Key{l.key}
	w, err := Open(t.Context(), filepath.Join(t.TempDir(), "state.db"), p.Logs, signers...)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	h := httptest.NewServer(http.StripPrefix("/prefix", w.Handler(func(string) {})))
	defer h.Close()
	ask := func(old int, proof [][]byte, b []byte) string {
		lines, seen, err := Ask(t.Context(), http.DefaultClient, h.URL+"/prefix/", uint64(old), proof, b)
		return fmt.Sprintf("%d %d %v", bytes.Count(lines, []byte("\n")), seen, err)
	}
	for _, c := range []struct{ got, want string }{
		{ask(0, nil, l.checkpoint(t, 3)), "2 0 <nil>"},
		{ask(0, nil, l.checkpoint(t, 7)), "0 3 <nil>"},
		{ask(3, l.consistency(3, 7), l.checkpoint(t, 7)), "2 0 <nil>"},
		{ask(7, nil, newLog(t, "x").checkpoint(t, 7)), `0 0 answered 404 Not Found: "no log \"x\" is known here"`},
	} {
		if c.got != c.want {
			t.Errorf("%s, expected %s", c.got, c.want)
		}
	}
	odd := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch b, _ := io.ReadAll(r.Body); {
		case bytes.HasPrefix(b, []byte("old 1\n")):
			w.WriteHeader(409)
			io.WriteString(w, "many\n")
		case bytes.HasPrefix(b, []byte("old 2\n")):
			w.Write(make([]byte, maxBody+2))
		}
	}))
	defer odd.Close()
	for old, want := range []string{"without a cosignature", "without a size", "more than"} {
		if _, _, err := Ask(t.Context(), http.DefaultClient, odd.URL, uint64(old), nil, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, expected %q", err, want)
		}
	}
}

func FuzzAddCheckpoint(f *testing.F) {
	l := newLog(f, "log.example")
	signers, p := witnessKeys(f)
	p.Logs = []policy.Key{l.key}
	w, err := Open(f.Context(), filepath.Join(f.TempDir(), "state.db"), p.Logs, signers[:1]...)
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { w.Close() })
	if _, err := w.Cosign(f.Context(), 0, nil, l.checkpoint(f, 5)); err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(body(5, l.consistency(5, 9), l.checkpoint(f, 5))))
	f.Add([]byte(body(0, nil, l.checkpoint(f, 5))))
	f.Add([]byte(body(5, nil, l.checkpoint(f, 5, signers[0]))))
	h := w.Handler(func(string) {})
	f.Fuzz(func(t *testing.T, b []byte) {
		r := httptest.NewRequest("POST", "/add-checkpoint", bytes.NewReader(b))
		rec := httptest.NewRecorder()
		h.ServeHTTP(rec, r)
		switch rec.Code {
		case 400, 403, 404, 409, 413, 422:
		case 200: // only what the log signed, which is the checkpoint of 5 entries
			if !bytes.Contains(b, []byte("log.example\n5\n")) {
				t.Errorf("cosigned %q", b)
			}
		default:
			t.Errorf("status %d for %q", rec.Code, b)
		}
	})
}

func BenchmarkCosign(b *testing.B) {
	l := newLog(b, "log.example")
	l.tree = grow(b.N+2, 1<<40, "")
	signers, _ := witnessKeys(b)
	w, err := Open(b.Context(), filepath.Join(b.TempDir(), "state.db"), []policy.Key{l.key}, signers[:1]...)
	if err != nil {
		b.Fatal(err)
	}
	defer w.Close()
	if _, err := w.Cosign(b.Context(), 0, nil, l.checkpoint(b, 1)); err != nil {
		b.Fatal(err)
	}
	b.ResetTimer()
	for i := range b.N {
		if _, err := w.Cosign(b.Context(), uint64(i+1), l.consistency(i+1, i+2), l.checkpoint(b, i+2)); err != nil {
			b.Fatal(err)
		}
	}
}
