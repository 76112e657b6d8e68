package unpack_test

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/inspect"
	"github.com/wardein/wardein/internal/testkit"
	"github.com/wardein/wardein/store/disk"
	"github.com/wardein/wardein/unpack"
)

const killsCheck = "needle-in-the-haystack KILL-THE-CHECK!!"

// The test's check kills the child on a text of its own.
func init() {
	node := literalCheck.Node
	literalCheck.Node = func(ctx context.Context, b wardein.Blob, out func(wardein.Fact)) error {
		head := make([]byte, len(killsCheck))
		if n, _ := b.ReadAt(head, 0); string(head[:n]) == killsCheck && len(os.Args) > 1 && os.Args[1] == unpack.ChildArg {
			deeper(1)
		}
		return node(ctx, b, out)
	}
}

// tarOf packs files, name and content in turn.
func tarOf(t testing.TB, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		if err := w.WriteHeader(&tar.Header{Name: files[i], Mode: 0o644, Size: int64(len(files[i+1])), Format: tar.FormatUSTAR}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(files[i+1])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A blob whose check kills the child is blamed itself, not the archive around
// it.
func TestCheckKillsChild(t *testing.T) {
	got := inspectBytes(t, tarOf(t, "first", "the first file", "killer", killsCheck, "last", "needle-in-the-haystack and text"), options{})
	for _, want := range []string{`"first" 14 `, `"last" 31 `, "fact literal needle 0x0+0x16", "gap crashed engine"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if n := strings.Count(got, "gap crashed"); n != 1 {
		t.Errorf("%d blobs are blamed in\n%s", n, got)
	}
}

// A run that is interrupted ends soon, at whatever moment, leaves the store to
// its caller, and leaves no goroutine and no descriptor behind.
func TestInterrupted(t *testing.T) {
	for _, noCage := range []bool{true, false} {
		t.Run(fmt.Sprintf("nocage=%v", noCage), func(t *testing.T) {
			st := t.TempDir()
			inspectPath(t, sample(t, "an2400-1.0.0.bin"), options{store: st, noCage: noCage})
			p := sample(t, "an2400-1.1.0.bin")
			goroutines, files := runtime.NumGoroutine(), openFiles(t)
			for i := range 12 {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i*i)*3*time.Millisecond)
				interrupted(t, ctx, p, st, noCage)
				cancel()
			}
			for range 100 {
				if runtime.NumGoroutine() <= goroutines && openFiles(t) <= files+2 {
					return
				}
				time.Sleep(20 * time.Millisecond)
			}
			t.Errorf("%d goroutines, before %d; %d files, before %d", runtime.NumGoroutine(), goroutines, openFiles(t), files)
		})
	}
}

func interrupted(t *testing.T, ctx context.Context, path, st string, noCage bool) {
	t.Helper()
	in, err := unpack.OpenInput(context.Background(), path, unpack.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	s, err := disk.Open(st)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	run, err := s.Begin(in.Digest)
	if err != nil {
		t.Fatal(err)
	}
	defer run.Close()
	e := &unpack.Engine{Config: config(), Store: run, NoCage: noCage}
	defer e.Close()
	err = e.Run(ctx, in, func(*unpack.Visit) error { return nil })
	if err != nil && ctx.Err() == nil {
		t.Errorf("the run ended: %v", err)
	}
	if err := run.Commit(); err != nil {
		t.Errorf("commit after an interrupted run: %v", err)
	}
}

func openFiles(t *testing.T) int {
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("no /proc")
	}
	return len(all)
}

// A record depends on the bytes alone. Two files hold a bzip2 stream that
// expands more than is allowed; which of them was met first, in this run or an
// earlier one with a larger budget, changes nothing.
func TestRecordsDependOnBytes(t *testing.T) {
	limits := unpack.DefaultLimits
	limits.StreamFloor = 1 << 20
	bomb := bzip2Of(t, 2<<20)
	small := append(append([]byte("some bytes before \x01\x02\x03"), bomb...), "and a few behind \x05\x06\x07"...)
	large := append(append([]byte("other bytes before \x01\x02"), bomb...), noise(1<<20)...)
	write := func(names ...string) string {
		dir := t.TempDir()
		for i, data := range [][]byte{small, large} {
			if err := os.WriteFile(filepath.Join(dir, names[i]), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		return dir
	}
	cut := func(s string) []string {
		var out []string
		for _, line := range strings.Split(s, "\n") {
			if strings.Contains(line, "gap limit bzip2") {
				out = append(out, line)
			}
		}
		return out
	}
	a := inspectPath(t, write("a", "b"), options{noCage: true, workers: 1, limits: &limits})
	b := inspectPath(t, write("b", "a"), options{noCage: true, workers: 1, limits: &limits})
	if len(cut(a)) != 2 || len(cut(b)) != 2 {
		t.Errorf("the order of files matters:\n%s\n%s", a, b)
	}

	// A small budget cold, and warm after a run with a large one.
	limits.StreamFloor, limits.MinTotal, limits.TotalRatio = 64<<20, 1<<20, 1
	path := filepath.Join(t.TempDir(), "input")
	if err := os.WriteFile(path, tarOf(t, "bomb", string(bomb), "text", "some text"), 0o600); err != nil {
		t.Fatal(err)
	}
	st := t.TempDir()
	inspectPath(t, path, options{store: st, noCage: true})
	cold, warm := inspectPath(t, path, options{noCage: true, limits: &limits}), inspectPath(t, path, options{store: st, noCage: true, limits: &limits})
	if cold != warm {
		t.Errorf("cold and warm differ: %s", firstDifference(cold, warm))
	}
}

// noise is n bytes that look like nothing.
func noise(n int) []byte {
	out := make([]byte, n)
	x := uint64(88172645463325252)
	for i := range out {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		out[i] = byte(x >> 32)
	}
	return out
}

// bzip2Of returns n zero bytes as bzip2 gives them.
func bzip2Of(t testing.TB, n int) []byte {
	t.Helper()
	cmd := exec.Command(testkit.Tool(t, "bzip2"), "-9")
	cmd.Stdin = bytes.NewReader(make([]byte, n))
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A stream whose end only decoding tells is decoded once.
func TestDecodedOnce(t *testing.T) {
	times := 0
	f := wardein.Format{Name: "counts", Version: 1, Magic: []wardein.Magic{{Bytes: "COUNT-DECODINGS!"}},
		Measure: func(*io.SectionReader) (wardein.Claim, error) {
			return wardein.Claim{End: wardein.EndUnknown, Confidence: wardein.Likely, Evidence: "test"}, nil
		},
		Extract: func(_ context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
			times++
			out.Span(wardein.Span{Len: 20, What: wardein.Known, Is: "all"})
			return 20, out.Stream(wardein.Entry{Name: "data"}, strings.NewReader("what came out"))
		}}
	l := newLab(t, []wardein.Format{f})
	for i, data := range []string{"COUNT-DECODINGS!1234", "before \x01 COUNT-DECODINGS!1234 and behind", "COUNT-DECODINGS!5678\x00\x00\x00\x00"} {
		times = 0
		tr := l.unpack(t, []byte(data))
		tr.wantContent("what came out")
		if times != 1 {
			t.Errorf("%d: decoded %d times", i, times)
		}
	}
}

// Law 2: the counts of a tally add up to the nodes.
func TestTallyAddsUp(t *testing.T) {
	r := inspect.New([]wardein.Check{literalCheck})
	tally := r.NewTally()
	nodes := int64(0)
	e := &unpack.Engine{Config: config(), Store: newMemStore(t), NoCage: true}
	defer e.Close()
	in, err := unpack.OpenInput(context.Background(), sample(t, "an2400-1.1.0.bin"), unpack.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := e.Run(context.Background(), in, func(v *unpack.Visit) error {
		nodes++
		tally.Add(v.Node, v.Outcomes)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, c := range tally.Counts() {
		sum := c.Done + c.Failed
		for _, na := range c.NotApplicable {
			sum += na.Nodes
		}
		if sum != nodes {
			t.Errorf("%s: %d outcomes of %d nodes: %+v", c.Check, sum, nodes, c)
		}
	}
}
