package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/prove"
	"github.com/wardein/wardein/prove/keys"
	"github.com/wardein/wardein/prove/policy"
	"github.com/wardein/wardein/prove/statement"
)

// bench is a folder in which wardein is run as others run it, as processes.
type workbench struct {
	t   *testing.T
	dir string
	exe string
}

func newWorkbench(t *testing.T) *workbench {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return &workbench{t, t.TempDir(), exe}
}

func (w *workbench) path(name string) string { return filepath.Join(w.dir, name) }

func (w *workbench) command(args ...string) *exec.Cmd {
	cmd := exec.Command(w.exe, args...)
	cmd.Dir = w.dir
	cmd.Env = append(os.Environ(), "WARDEIN_TEST_RUN=1", "WARDEIN_STORE="+w.path(".store"), "XDG_DATA_HOME="+w.path(".data"), "TMPDIR="+w.dir, passphraseVariable+"="+testPassphrase)
	return cmd
}

// run runs wardein, which must end with the code.
func (w *workbench) run(code int, args ...string) string {
	w.t.Helper()
	cmd := w.command(args...)
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) || cmd.ProcessState.ExitCode() != code {
		w.t.Fatalf("wardein %s: %v\n%s%s", strings.Join(args, " "), err, out, errs.Bytes())
	}
	return string(out)
}

// server is a process that listens.
type server struct {
	cmd *exec.Cmd
	url string
	// errs is what it says beside that
	errs chan string
}

// start starts a process and waits until it says where it listens.
func (w *workbench) start(args ...string) *server {
	w.t.Helper()
	s := &server{cmd: w.command(args...), errs: make(chan string, 100)}
	pipe, err := s.cmd.StderrPipe()
	if err != nil {
		w.t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(s.kill)
	lines := bufio.NewScanner(pipe)
	var said []string
	for lines.Scan() {
		said = append(said, lines.Text())
		if _, url, ok := strings.Cut(lines.Text(), " at http://"); ok {
			s.url = "http://" + url
			go func() {
				for lines.Scan() {
					select {
					case s.errs <- lines.Text():
					default:
					}
				}
				close(s.errs)
			}()
			return s
		}
	}
	w.t.Fatalf("wardein %s does not listen: %q", strings.Join(args, " "), said)
	return nil
}

func (s *server) kill() {
	s.cmd.Process.Kill()
	s.cmd.Wait()
}

// stop ends it as an operator does.
func (s *server) stop(t *testing.T) {
	t.Helper()
	s.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.AfterFunc(time.Minute, s.kill)
	defer timer.Stop()
	if err := s.cmd.Wait(); err != nil {
		t.Errorf("stopped: %v", err)
	}
}

// key makes NAME.key and returns its public keys.
func (w *workbench) key(kind keys.Kind, name string, quantum bool) []string {
	w.t.Helper()
	k, err := keys.Generate(kind, name, quantum)
	if err != nil {
		w.t.Fatal(err)
	}
	b, err := k.Encrypt([]byte(testPassphrase), 1)
	if err != nil {
		w.t.Fatal(err)
	}
	w.write(name+keyEnd, b)
	return k.Public()
}

func (w *workbench) write(name string, b []byte) {
	w.t.Helper()
	if err := os.WriteFile(w.path(name), b, 0o600); err != nil {
		w.t.Fatal(err)
	}
}

func (w *workbench) read(name string) []byte {
	w.t.Helper()
	b, err := os.ReadFile(w.path(name))
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

// statements makes files of signed statements, 0.dsse.json and so on.
func (w *workbench) statements(lab string, n int) {
	w.t.Helper()
	s := w.signer(lab)
	for i := range n {
		subject := wardein.Digest{byte(i), byte(i >> 8), 1}
		b, err := statement.Sign(&statement.Statement{Subject: subject, Type: statement.Profile, Predicate: []byte("{}")}, s)
		if err != nil {
			w.t.Fatal(err)
		}
		w.write(fmt.Sprintf("%d.dsse.json", i), b)
	}
}

func (w *workbench) signer(name string) note.Signer {
	k, err := keys.Open(w.read(name+keyEnd), func() ([]byte, error) { return []byte(testPassphrase), nil })
	if err != nil {
		w.t.Fatal(err)
	}
	s, err := k.Signer()
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

// bundle inspects a sample release and makes the bundle NAME of it.
func (w *workbench) bundle(name, lab, release string, salt []byte) {
	w.t.Helper()
	w.run(0, "inspect", "-q", "--no-db", "-o", "json=r.wardein.json", "-o", "jsonl=r.jsonl", release)
	tree := w.read("r.jsonl")
	m, err := prove.Make(&prove.Draft{Report: w.read("r.wardein.json"), Tree: bytes.NewReader(tree), TreeSize: int64(len(tree)), Run: []byte("{}"), Salt: salt}, w.signer(lab))
	if err != nil {
		w.t.Fatal(err)
	}
	if err := m.Save(w.path(name), false); err != nil {
		w.t.Fatal(err)
	}
}

func (w *workbench) policy(text string) *policy.Policy {
	w.t.Helper()
	p, err := policy.Parse([]byte(text))
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// verified verifies a bundle.
func (w *workbench) verified(name string, p *policy.Policy) (*prove.Verified, error) {
	f, err := os.Open(w.path(name))
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		w.t.Fatal(err)
	}
	return prove.Verify(f, st.Size(), p)
}

// TestWitnessed has three witnesses of which two are asked for: one listens,
// one is away, one opens no port.
func TestWitnessed(t *testing.T) {
	w := newWorkbench(t)
	logKey := w.key(keys.Log, "log.example", true)
	labKey := w.key(keys.Lab, "lab.example", false)
	north := w.key(keys.Witness, "north.example", true)
	south := w.key(keys.Witness, "south.example", false)
	east := w.key(keys.Witness, "east.example", false)

	listening := w.start("witness", "--key", "north.example.key", "--state", "north.db", "--listen", "127.0.0.1:0", "--log", logKey[0])
	witnesses := "witness north " + north[0] + " " + listening.url + "\n" +
		"witness north-pq " + north[1] + " " + listening.url + "\n" +
		"witness south " + south[0] + "\n" +
		"witness east " + east[0] + " http://127.0.0.1:1/\n" +
		"group two 2 north south east\nquorum two\n"
	w.write("witnesses.policy", []byte(witnesses))
	w.run(0, "log", "init", "log", "--key", "log.example.key", "--lab", "lab.example.key", "--policy", "witnesses.policy")
	w.statements("lab.example", 3)

	// nobody waits for a witness that is away, nor for the quorum
	begin := time.Now()
	if out := w.run(0, "log", "add", "log", "--key", "log.example.key", "0.dsse.json"); !strings.Contains(out, "entry 0 of log.example, 1 entries, not cosigned yet") || !strings.Contains(out, "next ") {
		t.Errorf("%s", out)
	}
	if took := time.Since(begin); took > 30*time.Second {
		t.Errorf("log add took %v", took)
	}
	serving := w.start("log", "serve", "log", "--listen", "127.0.0.1:0")
	outbound := func() string {
		return w.run(0, "witness", "--once", "--key", "south.example.key", "--state", "south.db", "--log", logKey[0]+"="+serving.url)
	}
	if out := outbound(); out != "log.example · cosigned 1 entries\n" {
		t.Errorf("%s", out)
	}
	out := w.run(0, "log", "add", "log", "--key", "log.example.key", "--wait", "1m", "0.dsse.json")
	if !strings.Contains(out, "entry 0 of log.example, 1 entries, cosigned by ") || !strings.Contains(out, "north") || !strings.Contains(out, "south") || strings.Contains(out, "east") {
		t.Errorf("%s", out)
	}
	verifier := w.policy("log " + logKey[0] + "\nlog " + logKey[1] + "\nlab " + labKey[0] + "\n" + witnesses)
	if l, err := prove.VerifyLogged(w.read("0.tlog-proof"), w.read("0.dsse.json"), verifier); err != nil || l.Index != 0 || l.Size != 1 {
		t.Errorf("%+v, %v", l, err)
	}

	// the log grows; the outbound witness asks for tiles to see that it does so rightly
	w.run(0, "log", "add", "log", "--key", "log.example.key", "1.dsse.json")
	w.run(0, "log", "add", "log", "--key", "log.example.key", "2.dsse.json")
	outbound()
	out = w.run(0, "log", "add", "log", "--key", "log.example.key", "--wait", "1m", "1.dsse.json", "2.dsse.json")
	if strings.Count(out, "3 entries, cosigned by ") != 2 {
		t.Errorf("%s", out)
	}
	if out := w.run(0, "log", "monitor", "log", "--policy", "log/policy"); !strings.Contains(out, "found       nothing: every tile and checkpoint is that of the entries\n") {
		t.Errorf("%s", out)
	}
	if out := w.run(0, "log", "checkpoint", "log", "--cosigned"); !strings.Contains(out, "— north.example ") || !strings.Contains(out, "— south.example ") {
		t.Errorf("%s", out)
	}
	res, err := http.Get(serving.url + "cosigned")
	if err != nil {
		t.Fatal(err)
	}
	served, err := io.ReadAll(res.Body)
	res.Body.Close()
	if err != nil || !bytes.Equal(served, w.read("log/cosigned")) {
		t.Errorf("%v: %s", err, served)
	}

	// a second server of one log, and a second address of one kind, are refused
	w.run(2, "log", "serve", "log", "--listen", "127.0.0.1:0")
	w.run(2, "witness", "--key", "south.example.key", "--state", "south.db", "--listen", strings.TrimSuffix(strings.TrimPrefix(serving.url, "http://"), "/"), "--log", logKey[0])

	// a copy of the log that goes its own way gets no cosignature
	serving.stop(t)
	listening.stop(t)
	if err := os.CopyFS(w.path("fork"), os.DirFS(w.path("log"))); err != nil {
		t.Fatal(err)
	}
	w.statements("lab.example", 9)
	w.run(0, "log", "add", "log", "--key", "log.example.key", "3.dsse.json")
	w.run(0, "log", "add", "fork", "--key", "log.example.key", "4.dsse.json", "5.dsse.json")
	serving = w.start("log", "serve", "log", "--listen", "127.0.0.1:0")
	outbound()
	serving.stop(t)
	serving = w.start("log", "serve", "fork", "--listen", "127.0.0.1:0")
	cmd := w.command("witness", "--once", "--key", "south.example.key", "--state", "south.db", "--log", logKey[0]+"="+serving.url)
	if b, err := cmd.CombinedOutput(); err == nil || !bytes.Contains(b, []byte("is not shown to be the beginning of that of 5")) {
		t.Errorf("%v: %s", err, b)
	}
	serving.stop(t)
	if out := w.run(1, "log", "monitor", "log", "fork"); !strings.Contains(out, "tree of 4 entries: root is") {
		t.Errorf("%s", out)
	}
}

// TestFollow: --every goes on until it is told to stop.
func TestFollow(t *testing.T) {
	w := newWorkbench(t)
	logKey := w.key(keys.Log, "log.example", false)
	w.key(keys.Lab, "lab.example", false)
	south := w.key(keys.Witness, "south.example", false)
	w.write("witnesses.policy", []byte("witness south "+south[0]+"\nquorum south\n"))
	w.run(0, "log", "init", "log", "--key", "log.example.key", "--lab", "lab.example.key", "--policy", "witnesses.policy")
	w.statements("lab.example", 1)
	serving := w.start("log", "serve", "log", "--listen", "127.0.0.1:0")
	cmd := w.command("witness", "--every", "1s", "--key", "south.example.key", "--state", "south.db", "--log", logKey[0]+"="+serving.url)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { cmd.Process.Kill(); cmd.Wait() }()
	if out := w.run(0, "log", "add", "log", "--key", "log.example.key", "--wait", "2m", "0.dsse.json"); !strings.Contains(out, "cosigned by south") {
		t.Errorf("%s", out)
	}
	serving.stop(t)
	cmd.Process.Signal(syscall.SIGINT)
	if err := cmd.Wait(); err != nil {
		t.Error(err)
	}
}

// TestAddTogether: of several processes that add to one log all get in what
// they have.
func TestAddTogether(t *testing.T) {
	w := newWorkbench(t)
	w.key(keys.Log, "log.example", false)
	w.key(keys.Lab, "lab.example", false)
	w.run(0, "log", "init", "log", "--key", "log.example.key", "--lab", "lab.example.key")
	w.statements("lab.example", 40)
	var all []*exec.Cmd
	for i := range 4 {
		args := []string{"log", "add", "log", "--key", "log.example.key"}
		for k := range 13 { // three of each are another's, too
			args = append(args, fmt.Sprintf("%d.dsse.json", (10*i+k)%40))
		}
		all = append(all, w.command(args...))
	}
	for _, c := range all {
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range all {
		if err := c.Wait(); err != nil {
			t.Error(err)
		}
	}
	if out := w.run(0, "log", "monitor", "log"); !strings.Contains(out, "log.example · 40 entries") {
		t.Errorf("%s", out)
	}
}

// TestListen: what listens is bounded, and an open request does not keep it
// from stopping.
func TestListen(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	url := make(chan string, 1)
	ended := make(chan error, 1)
	busy := make(chan struct{})
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/wait" {
			<-busy
		}
	})
	go func() { ended <- listen(ctx, "127.0.0.1:0", h, func(u string) { url <- u }) }()
	u := <-url
	answers := make(chan int, maxRequests+1)
	for range maxRequests + 1 {
		go func() {
			res, err := http.Get(u + "wait")
			if err != nil {
				answers <- 0
				return
			}
			res.Body.Close()
			answers <- res.StatusCode
		}()
	}
	if first := <-answers; first != http.StatusServiceUnavailable {
		t.Errorf("status %d for one request too many", first)
	}
	close(busy)
	for range maxRequests {
		if s := <-answers; s != 200 {
			t.Errorf("status %d", s)
		}
	}
	req, err := http.NewRequest("GET", u, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Long", strings.Repeat("x", 2*maxHeader))
	if res, err := http.DefaultClient.Do(req); err != nil || res.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Error(err, res)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
