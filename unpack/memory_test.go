package unpack_test

import (
	"archive/tar"
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/wardein/wardein/internal/testkit"
	"github.com/wardein/wardein/store/disk"
	"github.com/wardein/wardein/unpack"
)

// With "peak-and-exit FILE STORE" the test binary unpacks a file and keeps
// nothing of it.
func init() {
	if len(os.Args) == 4 && os.Args[1] == "peak-and-exit" {
		unpack.TuneCollector()
		if err := unpackAndForget(os.Args[2], os.Args[3]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}

func unpackAndForget(path, dir string) error {
	in, err := unpack.OpenInput(context.Background(), path)
	if err != nil {
		return err
	}
	defer in.Close()
	s, err := disk.Open(dir)
	if err != nil {
		return err
	}
	defer s.Close()
	run, err := s.Begin(in.Digest)
	if err != nil {
		return err
	}
	defer run.Close()
	e := &unpack.Engine{Config: config(), Store: run}
	defer e.Close()
	if err := e.Run(context.Background(), in, func(*unpack.Visit) error { return nil }); err != nil {
		return err
	}
	return run.Commit()
}

// manyCpio writes a cpio archive of n small files, each different.
func manyCpio(t testing.TB, path string, n int) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	for i := range n {
		body := fmt.Sprintf("content of file %d", i)
		w.Write(newc(fmt.Sprintf("usr/lib/packages/%03d/%07d.conf", i%1000, i), 0o100644, uint64(len(body)), body))
	}
	w.Write(newc("TRAILER!!!", 0, 0, ""))
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
}

// manySquashfs packs the same files into a squashfs image, where each is a
// decoded member.
func manySquashfs(t testing.TB, path string, n int) {
	t.Helper()
	cmd := exec.Command(testkit.Tool(t, "sqfstar"), "-quiet", "-no-progress", "-comp", "gzip", path)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w := tar.NewWriter(in)
	for i := range n {
		body := fmt.Sprintf("content of file %d", i)
		w.WriteHeader(&tar.Header{Name: fmt.Sprintf("usr/lib/packages/%03d/%07d.conf", i%1000, i), Mode: 0o644, Size: int64(len(body))})
		io.WriteString(w, body)
	}
	w.Close()
	in.Close()
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
}

// peak runs an inspection in a process of its own and returns the peak memory
// of parent and child together, in bytes.
func peak(t testing.TB, path string) int64 {
	t.Helper()
	cmd := exec.Command(os.Args[0], "peak-and-exit", path, t.TempDir())
	var words strings.Builder
	cmd.Stderr = &words
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- cmd.Wait() }()
	var child, parent int64
	for {
		select {
		case err := <-done:
			if err != nil {
				t.Fatalf("%v\n%s", err, words.String())
			}
			return parent + child
		default:
		}
		parent = max(parent, hwm(cmd.Process.Pid))
		for _, pid := range children(cmd.Process.Pid) {
			child = max(child, hwm(pid))
		}
		syscall.Nanosleep(&syscall.Timespec{Nsec: 20e6}, nil)
	}
}

// hwm is the peak resident memory of a process.
func hwm(pid int) int64 {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	for _, line := range strings.Split(string(data), "\n") {
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

// BenchmarkEntries measures the peak memory of parent and child over images
// of 100,000 and 1,000,000 files: go test -bench Entries -benchtime 1x.
func BenchmarkEntries(b *testing.B) {
	for _, kind := range []struct {
		name string
		make func(testing.TB, string, int)
	}{{"cpio", manyCpio}, {"squashfs", manySquashfs}} {
		b.Run(kind.name, func(b *testing.B) {
			for b.Loop() {
				var at [2]int64
				for i, n := range []int{100_000, 1_000_000} {
					p := filepath.Join(b.TempDir(), "image")
					kind.make(b, p, n)
					at[i] = peak(b, p)
				}
				b.ReportMetric(float64(at[0])/1e6, "MB@100k")
				b.ReportMetric(float64(at[1])/1e6, "MB@1M")
				b.ReportMetric(float64(at[1]-at[0])/900_000, "B/entry")
			}
		})
	}
}
