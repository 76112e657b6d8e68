package tlog

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/wardein/wardein/prove/policy"
)

// testServer serves a log of so many entries.
func testServer(t *testing.T, n int, rules string) (string, note.Signer, *Server, string) {
	t.Helper()
	dir, signer := testLog(t, rules)
	if _, err := Add(t.Context(), dir, entries(0, n), signer); err != nil {
		t.Fatal(err)
	}
	d, _ := signed(t, dir)
	g, done, err := NewGather(t.Context(), d)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(done)
	s := &Server{d, g}
	h := httptest.NewServer(s)
	t.Cleanup(h.Close)
	return dir, signer, s, h.URL
}

func TestServe(t *testing.T) {
	dir, _, _, url := testServer(t, 700, "")
	plain := &http.Client{Transport: &http.Transport{DisableCompression: true}}
	for _, c := range []struct {
		path   string
		status int
		kind   string
	}{
		{"checkpoint", 200, "text/plain; charset=utf-8"},
		{"cosigned", 404, ""},
		{"tile/0/000", 200, "application/octet-stream"},
		{"tile/0/001", 200, "application/octet-stream"},
		{"tile/0/002", 404, ""}, // not full
		{"tile/0/002.p/188", 200, "application/octet-stream"},
		{"tile/0/002.p/189", 404, ""},
		{"tile/1/000.p/2", 200, "application/octet-stream"},
		{"tile/1/000.p/3", 404, ""},
		{"tile/1/000", 404, ""},
		{"tile/entries/000", 200, "application/octet-stream"},
		{"tile/entries/002.p/188", 200, "application/octet-stream"},
		{"tile/entries/000.p/7", 404, ""}, // never written
		{"tile/entries/x001/000", 404, ""},
		// other forms of what is there
		{"tile/00/000", 404, ""},
		{"tile/0/0", 404, ""},
		{"tile/0/x000/000", 404, ""},
		{"tile/0/002.p/0188", 404, ""},
		{"tile/0/002.p/0", 404, ""},
		{"tile/0/002.p/256", 404, ""},
		{"tile/64/000", 404, ""},
		{"tile/63/000", 404, ""},
		{"tile/-1/000", 404, ""},
		{"tile/0/000/", 404, ""},
		{"tile//000", 404, ""},
		{"tile/0/000.p", 404, ""},
		// what is not served
		{"", 404, ""},
		{"tile", 404, ""},
		{"tile/", 404, ""},
		{"tile/0/", 404, ""},
		{"policy", 404, ""},
		{".state/treeState", 404, ""},
		{"tile/0/..%2f..%2fpolicy", 404, ""},
		{"tile/../policy", 404, ""},
		{"..%2f" + filepath.Base(dir) + "%2fpolicy", 404, ""},
		{"checkpoint%00", 404, ""},
		{strings.Repeat("x000/", 3000), 404, ""},
	} {
		req, err := http.NewRequest("GET", url+"/"+c.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.URL.Opaque = strings.TrimPrefix(url, "http:") + "/" + c.path // as it stands
		res, err := plain.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(res.Body)
		res.Body.Close()
		if err != nil || res.StatusCode != c.status || c.status == 200 && res.Header.Get("Content-Type") != c.kind {
			t.Errorf("%.40s: %v, %s, %q", c.path, err, res.Status, res.Header.Get("Content-Type"))
		}
		if c.status == 200 {
			file, err := os.ReadFile(filepath.Join(dir, c.path))
			if err != nil || !bytes.Equal(file, b) {
				t.Errorf("%s: %v, other bytes than the file", c.path, err)
			}
			long := res.Header.Get("Cache-Control") == "public, max-age=31536000, immutable"
			if long != strings.HasPrefix(c.path, "tile/") {
				t.Errorf("%s: %q", c.path, res.Header.Get("Cache-Control"))
			}
		}
	}
	// entries are packed where that is understood
	req, _ := http.NewRequest("GET", url+"/tile/entries/000", nil)
	req.Header.Set("Accept-Encoding", "gzip")
	res, err := plain.Do(req)
	if err != nil || res.Header.Get("Content-Encoding") != "gzip" {
		t.Fatal(err, res.Header)
	}
	defer res.Body.Close()
	packed, _ := io.ReadAll(res.Body)
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if file, _ := os.ReadFile(filepath.Join(dir, "tile/entries/000")); err != nil || !bytes.Equal(b, file) || len(packed) > len(b)/2 {
		t.Errorf("%v, %d of %d bytes", err, len(packed), len(b))
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "OPTIONS"} {
		req, _ := http.NewRequest(method, url+"/checkpoint", nil)
		if res, err := http.DefaultClient.Do(req); err != nil || res.StatusCode != 405 {
			t.Error(method, err, res)
		}
	}
	if res, err := http.Get(url + "/add-cosignature"); err != nil || res.StatusCode != 405 {
		t.Error(err, res)
	}
}

// A link in the log's folder leads nowhere outside.
func TestServeLink(t *testing.T) {
	dir, _, _, url := testServer(t, 300, "")
	secret := filepath.Join(t.TempDir(), "secret")
	write(t, secret, []byte("secret"), nil)
	name := filepath.Join(dir, "tile/0/000")
	os.Remove(name)
	if err := os.Symlink(secret, name); err != nil {
		t.Fatal(err)
	}
	res, err := http.Get(url + "/tile/0/000")
	if err != nil || res.StatusCode == 200 {
		t.Error(err, res.Status)
	}
}

func FuzzTilePath(f *testing.F) {
	for _, s := range []string{"/tile/0/000", "/tile/entries/x001/234.p/7", "/tile/63/x999/999.p/255", "/tile/0/.p/8", "/tile/0/x/.p/8"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, path string) {
		if tile, ok := parseTile(path); ok {
			tile.covered(1 << 62)
			if !strings.HasPrefix(path, "/tile/") || strings.Contains(path, "..") || filepath.Clean(path) != path {
				t.Errorf("%q", path)
			}
		}
	})
}

// three is a policy with three witnesses of which two are asked for; they are
// where the URLs say.
func three(t *testing.T, urls ...string) (rules string, signers []note.Signer) {
	for i, name := range []string{"north", "south", "east"} {
		s, vkey := testKey(t, name+".example", []string{"cosign", "mldsa", "cosign"}[i])
		signers = append(signers, s)
		rules += fmt.Sprintf("witness %s %s", name, vkey)
		if i < len(urls) {
			rules += " " + urls[i]
		}
		rules += "\n"
	}
	return rules + "group two 2 north south east\nquorum two\n", signers
}

// cosign adds signatures to a checkpoint.
func cosign(t testing.TB, checkpoint []byte, signers ...note.Signer) []byte {
	t.Helper()
	text, sigs, _ := strings.Cut(string(checkpoint), "\n\n")
	b, err := note.Sign(&note.Note{Text: text + "\n"}, signers...)
	if err != nil {
		t.Fatal(err)
	}
	_, more, _ := strings.Cut(string(b), "\n\n")
	return []byte(text + "\n\n" + sigs + more)
}

func TestAddCosignature(t *testing.T) {
	rules, w := three(t)
	dir, signer, s, url := testServer(t, 5, rules)
	stranger, _ := testKey(t, "stranger.example", "cosign")
	five, _ := s.Dir.Checkpoint()
	if _, err := Add(t.Context(), dir, entries(5, 2), signer); err != nil {
		t.Fatal(err)
	}
	seven, _ := s.Dir.Checkpoint()
	foreign, err := note.Sign(&note.Note{Text: (&policy.Checkpoint{Origin: "log.example", Size: 6}).Text()}, signer)
	if err != nil {
		t.Fatal(err)
	}
	ahead, err := note.Sign(&note.Note{Text: (&policy.Checkpoint{Origin: "log.example", Size: 60}).Text()}, signer)
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, err := note.Sign(&note.Note{Text: (&policy.Checkpoint{Origin: "other.example", Size: 5}).Text()}, stranger)
	if err != nil {
		t.Fatal(err)
	}
	unsigned := bytes.Replace(cosign(t, five, w[0]), []byte("— log.example"), []byte("— log.exampel"), 1)
	broken := cosign(t, five, w[0])
	if at := len(broken) - 20; broken[at] == 'A' { // still base64
		broken[at] = 'B'
	} else {
		broken[at] = 'A'
	}
	for _, c := range []struct {
		what     string
		body     []byte
		status   int
		cosigned string // after it
	}{
		{"nothing", nil, 400, ""},
		{"no note", []byte("hello\n"), 400, ""},
		{"another log", cosign(t, elsewhere, w[0]), 404, ""},
		{"no cosignature", five, 403, ""},
		{"of a stranger", cosign(t, five, stranger), 403, ""},
		{"not signed by the log", unsigned, 403, ""},
		{"broken", broken, 403, ""},
		{"another tree", cosign(t, foreign, w[0]), 409, ""},
		{"a larger tree", cosign(t, ahead, w[0]), 409, ""},
		{"too large", bytes.Repeat([]byte("x"), maxNote+1), 413, ""},
		{"first", cosign(t, five, w[0], stranger), 200, ""},
		{"first again", cosign(t, five, w[0]), 200, ""},
		{"second, newer", cosign(t, seven, w[1]), 200, ""},
		{"second", cosign(t, five, w[1]), 200, "5 north south"},
		{"late", cosign(t, five, w[2]), 200, "5 north south east"},
		{"quorum of the newer", cosign(t, seven, w[2]), 200, "7 south east"},
		{"older again", cosign(t, five, w[0]), 200, "7 south east"},
		{"late", cosign(t, seven, w[0]), 200, "7 north south east"},
	} {
		res, err := http.Post(url+"/add-cosignature", "text/plain", bytes.NewReader(c.body))
		if err != nil || res.StatusCode != c.status {
			t.Errorf("%s: %v, %s, expected %d", c.what, err, res.Status, c.status)
		}
		if got := cosigned(t, dir); got != c.cosigned {
			t.Errorf("%s: cosigned %q, expected %q", c.what, got, c.cosigned)
		}
	}
	// what is served bears them, too
	res, err := http.Get(url + "/checkpoint")
	if err != nil {
		t.Fatal(err)
	}
	b, _ := io.ReadAll(res.Body)
	if on, err := s.Gather.policy.OpenCheckpoint(b); err != nil || len(on.Cosigned) != 3 || len(on.Unknown) != 0 {
		t.Errorf("%+v, %v", on, err)
	}
	// and who begins anew knows them
	d, _ := Open(dir)
	defer d.Close()
	if _, _, err := NewGather(t.Context(), d); err == nil || !strings.Contains(err.Error(), "another process gathers") {
		t.Error(err)
	}
}

// cosigned says what stands in the file.
func cosigned(t testing.TB, dir string) string {
	t.Helper()
	d, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	b, err := d.Cosigned()
	if err != nil {
		t.Fatal(err)
	}
	if b == nil {
		return ""
	}
	p, err := d.Policy()
	if err != nil {
		t.Fatal(err)
	}
	s, err := p.OpenCheckpoint(b)
	if err != nil {
		t.Fatal(err)
	}
	said := fmt.Sprint(s.Size)
	for _, c := range s.Cosigned {
		said += " " + c.Witness.Label
	}
	return said
}

// Two of three witnesses are enough, and one that hangs, or is away, holds
// nobody up: neither the quorum nor who adds.
func TestGather(t *testing.T) {
	rules, w := three(t, "http://north", "http://south", "http://east")
	dir, signer, s, _ := testServer(t, 3, rules)
	var mu sync.Mutex
	var said []string
	s.Gather.Say = func(text string) { mu.Lock(); said = append(said, text); mu.Unlock() }
	var east atomic.Bool
	seen := map[string]uint64{"http://south": 2} // it knows the log from before
	s.Gather.Ask = func(ctx context.Context, url string, old uint64, proof [][]byte, checkpoint []byte) ([]byte, uint64, error) {
		on, err := s.Gather.policy.OpenCheckpoint(checkpoint)
		if err != nil {
			return nil, 0, err
		}
		if url == "http://east" && !east.Load() {
			<-ctx.Done()
			return nil, 0, ctx.Err()
		}
		mu.Lock()
		defer mu.Unlock()
		if old != seen[url] {
			return nil, seen[url], nil
		}
		seen[url] = on.Size
		i := map[string]int{"http://north": 0, "http://south": 1, "http://east": 2}[url]
		full := cosign(t, checkpoint, w[i])
		return full[len(checkpoint):], 0, nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { s.Gather.Run(ctx); close(done) }()
	wait := func(want string) {
		t.Helper()
		for begin := time.Now(); ; time.Sleep(5 * time.Millisecond) {
			got := strings.Fields(cosigned(t, dir))
			if len(got) > 0 && got[0] == want {
				return
			}
			if time.Since(begin) > time.Minute {
				t.Fatalf("cosigned %q, expected %s", got, want)
			}
		}
	}
	wait("3")
	if _, err := Add(t.Context(), dir, entries(3, 4), signer); err != nil {
		t.Fatal(err)
	}
	wait("7")
	cancel()
	<-done
	// east comes back; its cosignature is added
	east.Store(true)
	if _, err := s.Gather.once(t.Context(), "http://east", 0); err != nil {
		t.Fatal(err)
	}
	if got := cosigned(t, dir); len(strings.Fields(got)) != 4 {
		t.Errorf("cosigned %q", got)
	}
	// nobody is asked twice
	s.Gather.Ask = nil
	if _, err := s.Gather.once(t.Context(), "http://east", 7); err != nil {
		t.Error(err)
	}
}

// What a witness says that saw another history is told.
func TestGatherFork(t *testing.T) {
	rules, _ := three(t, "http://north")
	_, _, s, _ := testServer(t, 3, rules)
	for _, c := range []struct {
		seen []uint64
		err  string
	}{
		{[]uint64{9}, "has seen a tree of 9 entries, this log has 3: is this an old copy of the log?"},
		{[]uint64{3, 3}, "has seen another tree of 3 entries: the log was forked"},
		{[]uint64{1, 2, 1}, "says that it has seen 2 entries, then 1"},
	} {
		s.Gather.Ask = func(context.Context, string, uint64, [][]byte, []byte) ([]byte, uint64, error) {
			seen := c.seen[0]
			c.seen = c.seen[1:]
			return nil, seen, nil
		}
		if _, err := s.Gather.once(t.Context(), "http://north", 0); err == nil || err.Error() != c.err {
			t.Errorf("%v, expected %q", err, c.err)
		}
	}
}
