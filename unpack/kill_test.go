package unpack_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestKill kills the whole inspection, or only its child, at moments spread
// over a run. Afterwards a run over the same store gives the same tree, and
// the store holds no files of dead runs.
func TestKill(t *testing.T) {
	p := sample(t, "an2400-1.1.0.bin")
	want := inspectPath(t, p, options{})
	rounds := 12
	if testing.Short() {
		rounds = 4
	}
	rng := rand.New(rand.NewPCG(1, 2))
	st := t.TempDir()
	start := time.Now()
	inspectPath(t, p, options{store: t.TempDir()})
	whole := time.Since(start)
	for i := range rounds {
		cmd := exec.Command(os.Args[0], "inspect-and-exit", p, st)
		var out bytes.Buffer
		cmd.Stdout = &out
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rng.Int64N(int64(whole) + 1)))
		if i%2 == 0 {
			cmd.Process.Kill()
			cmd.Wait()
		} else {
			killChildren(cmd.Process.Pid)
			if err := cmd.Wait(); err == nil && out.String() != want {
				// The child died while it was alone with nothing: the run
				// must still give the same tree.
				t.Errorf("round %d, child killed: %s", i, firstDifference(want, out.String()))
			}
		}
	}
	if got := inspectPath(t, p, options{store: st}); got != want {
		t.Errorf("after %d kills: %s", rounds, firstDifference(want, got))
	}
	packs, err := filepath.Glob(filepath.Join(st, "*.pack"))
	if err != nil {
		t.Fatal(err)
	}
	if len(packs) > 3 {
		t.Errorf("%d packs are left of %d runs: %v", len(packs), rounds+1, packs)
	}
}

func killChildren(pid int) {
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "task", strconv.Itoa(pid), "children"))
	if err != nil {
		return
	}
	for _, f := range strings.Fields(string(data)) {
		if child, err := strconv.Atoi(f); err == nil {
			syscall.Kill(child, syscall.SIGKILL)
		}
	}
}
