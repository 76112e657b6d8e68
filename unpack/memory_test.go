package unpack_test

import (
	"archive/tar"
	"bufio"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/wardein/wardein/internal/testkit"
)

// The benchmarks of this file run the real program and read the kernel's own
// count of peak memory (VmHWM) of parent and child. They are made to be run
// once: go test ./unpack -bench 'Entries|LargeInput' -benchtime 1x -timeout 1h

// BenchmarkEntries measures what 900,000 further entries cost, each with
// content of its own.
func BenchmarkEntries(b *testing.B) {
	program := buildProgram(b)
	for _, kind := range []struct {
		name string
		make func(testing.TB, string, int)
	}{{"cpio", manyCpio}, {"squashfs", manySquashfs}} {
		b.Run(kind.name, func(b *testing.B) {
			var at [2]int64
			for b.Loop() {
				for i, n := range []int{100_000, 1_000_000} {
					path := filepath.Join(b.TempDir(), "image")
					b.StopTimer()
					kind.make(b, path, n)
					b.StartTimer()
					parent, child := peak(b, program, path)
					at[i] = parent + child
				}
			}
			b.ReportMetric(float64(at[0])/1e6, "MB@100k")
			b.ReportMetric(float64(at[1])/1e6, "MB@1M")
			b.ReportMetric(float64(at[1]-at[0])/900_000, "B/entry")
		})
	}
}

// BenchmarkLargeInput measures a tar archive of 4 GiB whose tree has 100,000
// entries: random bytes, text, tables, gzip, and two streams that want windows
// of 64 MiB.
func BenchmarkLargeInput(b *testing.B) {
	program := buildProgram(b)
	path := filepath.Join(b.TempDir(), "large.tar")
	largeTar(b, path)
	var parent, child int64
	for b.Loop() {
		parent, child = peak(b, program, path)
	}
	b.SetBytes(4 << 30)
	b.ReportMetric(float64(parent)/1e6, "MB-parent")
	b.ReportMetric(float64(child)/1e6, "MB-child")
	b.ReportMetric(float64(parent+child)/1e6, "MB")
}

// buildProgram returns the path of a wardein of these sources.
func buildProgram(b *testing.B) string {
	b.Helper()
	path := filepath.Join(b.TempDir(), "wardein")
	cmd := exec.Command("go", "build", "-trimpath", "-o", path, "../cmd/wardein")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// peak inspects a file with an empty store and returns the peak memory of
// parent and child, in bytes.
func peak(b *testing.B, program, path string) (parent, child int64) {
	b.Helper()
	cmd := exec.Command(program, "inspect", "-q", "--store", b.TempDir(), path)
	cmd.Dir = b.TempDir()
	var words strings.Builder
	cmd.Stderr = &words
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	for {
		select {
		case err := <-done:
			if err != nil {
				b.Fatalf("%v\n%s", err, words.String())
			}
			if parent == 0 || child == 0 {
				b.Fatal("ended before it was measured")
			}
			return parent, child
		case <-time.After(20 * time.Millisecond):
			parent = max(parent, hwm(cmd.Process.Pid))
			for _, pid := range children(cmd.Process.Pid) {
				child = max(child, hwm(pid))
			}
		}
	}
}

// hwm is the peak resident memory of a process.
func hwm(pid int) int64 {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for line := range strings.SplitSeq(string(data), "\n") {
		if v, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, _ := strconv.ParseInt(strings.Fields(v)[0], 10, 64)
			return n << 10
		}
	}
	return 0
}

func children(pid int) (out []int) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, p := range tasks {
		data, _ := os.ReadFile(p)
		for _, f := range strings.Fields(string(data)) {
			if n, err := strconv.Atoi(f); err == nil {
				out = append(out, n)
			}
		}
	}
	return out
}

func manyName(i int) string { return fmt.Sprintf("usr/lib/packages/%03d/%07d.conf", i%1000, i) }

// manyCpio writes a cpio archive of n small files, each different.
func manyCpio(t testing.TB, path string, n int) {
	t.Helper()
	writeFile(t, path, func(w io.Writer) error {
		for i := range n {
			body := fmt.Sprintf("content of file %d", i)
			w.Write(newc(manyName(i), 0o100644, uint64(len(body)), body))
		}
		_, err := w.Write(newc("TRAILER!!!", 0, 0, ""))
		return err
	})
}

// manySquashfs packs the same files into a squashfs image, where each is a
// decoded member. The tool's search for duplicates compares each file with all
// others of its size: with a million of them it would not end.
func manySquashfs(t testing.TB, path string, n int) {
	t.Helper()
	cmd := exec.Command(testkit.Tool(t, "sqfstar"), "-quiet", "-no-progress", "-no-duplicates", "-comp", "gzip", path)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	out := bufio.NewWriterSize(in, 1<<20)
	w := tar.NewWriter(out)
	for i := range n {
		tarFile(w, manyName(i), fmt.Appendf(nil, "content of file %d", i))
	}
	if err := errors.Join(w.Close(), out.Flush(), in.Close(), cmd.Wait()); err != nil {
		t.Fatal(err)
	}
}

func tarFile(w *tar.Writer, name string, body []byte) error {
	err := w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(body))})
	if err == nil {
		_, err = w.Write(body)
	}
	return err
}

func writeFile(t testing.TB, path string, body func(io.Writer) error) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	w := bufio.NewWriterSize(f, 1<<20)
	if err := errors.Join(body(w), w.Flush(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// largeTar writes an archive of 4 GiB with 83,000 files of which every fifth
// is a gzip file.
func largeTar(t testing.TB, path string) {
	t.Helper()
	const files, total = 83_000, 4 << 30
	rng := rand.NewChaCha8([32]byte{1})
	pick := rand.New(rng)
	text := func(n int) []byte {
		var b []byte
		for len(b) < n {
			b = append(b, words[pick.IntN(len(words))]...)
		}
		return b[:n]
	}
	// What is repeated only a window of that size reaches.
	far := text(60 << 20)
	rng.Read(far[:len(far)/2])
	far = append(far, far[:20<<20]...)
	packed := [][]byte{
		pipe(t, far, "xz", "-c", "-T1", "--lzma2=preset=0,dict=64MiB"),
		pipe(t, far, "zstd", "-c", "-q", "-1", "--zstd=wlog=26"),
	}
	writeFile(t, path, func(out io.Writer) error {
		count := &counter{w: out}
		w := tar.NewWriter(count)
		for i, p := range packed {
			if err := tarFile(w, fmt.Sprintf("far%d", i), p); err != nil {
				return err
			}
		}
		size := (total-int(count.n))/files - 1024
		for i := range files {
			body := make([]byte, size)
			switch i % 5 {
			case 0, 1:
				rng.Read(body)
			case 2:
				body = text(size)
			case 3: // a table of small numbers
				for k := 0; k+4 <= size; k += 4 {
					body[k], body[k+1] = byte(k>>2), byte(pick.IntN(16))
				}
			case 4:
				var b bytes.Buffer
				z, err := gzip.NewWriterLevel(&b, 1)
				if err != nil {
					return err
				}
				z.Write(text(size))
				z.Write(fmt.Append(nil, i))
				noise := make([]byte, size/2)
				rng.Read(noise)
				z.Write(noise)
				z.Close()
				body = b.Bytes()
			}
			if err := tarFile(w, fmt.Sprintf("opt/%03d/%06d", i%500, i), body); err != nil {
				return err
			}
		}
		rest := make([]byte, total-count.n-512-2*512)
		rng.Read(rest)
		return errors.Join(tarFile(w, "rest", rest), w.Close())
	})
}

type counter struct {
	w io.Writer
	n int64
}

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return c.w.Write(p)
}

var words = strings.SplitAfter("interface ethernet address route default neighbor remote vlan trunk access list permit deny any host log\n", " ")

func pipe(t testing.TB, in []byte, tool string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(testkit.Tool(t, tool), args...)
	cmd.Stdin = bytes.NewReader(in)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", tool, err)
	}
	return out
}
