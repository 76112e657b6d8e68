package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A step is one command of a job.
type step struct {
	name string
	line string // for bash, run in the job's output directory
	env  []string
	ok   []int // exit codes that are no failure, beside 0
}

// A cost is what a step took: user and system time with all descendants that
// were waited for, wall time, and peak memory.
type cost struct {
	Name    string  `json:"name"`
	CPU     float64 `json:"cpu"`  // seconds
	Wall    float64 `json:"wall"` // seconds
	Peak    int64   `json:"peak"` // bytes
	Failure string  `json:"failure,omitempty"`
}

const stepTimeout = 40 * time.Minute

// measure runs a step. Peak is the larger of the biggest process's resident
// set, as the kernel counted it, and the highest sum of the proportional set
// sizes of the process tree, sampled 20 times a second.
func measure(dir string, s step) cost {
	ctx, cancel := context.WithTimeout(context.Background(), stepTimeout)
	defer cancel()
	log, err := os.Create(filepath.Join(work, "last-step.log"))
	if err != nil {
		return cost{Name: s.name, Failure: err.Error()}
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, "bash", "-euo", "pipefail", "-c", s.line)
	cmd.Dir = dir
	cmd.Env = append(append(os.Environ(), "LC_ALL=C.UTF-8", "TZ=UTC"), s.env...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	start := time.Now()
	if err := cmd.Start(); err != nil {
		return cost{Name: s.name, Failure: err.Error()}
	}
	stop, peak := make(chan bool), make(chan int64)
	go func() { peak <- watch(cmd.Process.Pid, stop) }()
	err = cmd.Wait()
	c := cost{Name: s.name, Wall: time.Since(start).Seconds()}
	close(stop)
	c.Peak = <-peak
	st := cmd.ProcessState
	c.CPU = (st.UserTime() + st.SystemTime()).Seconds()
	if ru, ok := st.SysUsage().(*syscall.Rusage); ok {
		c.Peak = max(c.Peak, ru.Maxrss<<10)
	}
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		c.Failure = fmt.Sprintf("ended after %v", stepTimeout)
	case errors.As(err, &exit):
		for _, code := range s.ok {
			if exit.ExitCode() == code {
				return c
			}
		}
		c.Failure = "exit " + strconv.Itoa(exit.ExitCode())
	case err != nil:
		c.Failure = err.Error()
	}
	return c
}

// watch samples the process tree below pid until stop is closed.
func watch(pid int, stop chan bool) (peak int64) {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-stop:
			return peak
		case <-tick.C:
			sum := int64(0)
			for _, p := range descendants(pid) {
				sum += pss(p)
			}
			peak = max(peak, sum)
		}
	}
}

// descendants returns pid and every process below it.
func descendants(pid int) []int {
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	children := map[int][]int{}
	for _, path := range stats {
		data, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		// "pid (name) state ppid …", and a name may hold anything
		text := string(data)
		after := strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
		p, _ := strconv.Atoi(text[:strings.IndexByte(text, ' ')])
		if len(after) > 1 {
			parent, _ := strconv.Atoi(after[1])
			children[parent] = append(children[parent], p)
		}
	}
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		all = append(all, children[all[i]]...)
	}
	return all
}

func pss(pid int) int64 {
	data, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0
	}
	for _, line := range strings.Split(string(data), "\n") {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "Pss:" {
			n, _ := strconv.ParseInt(f[1], 10, 64)
			return n << 10
		}
	}
	return 0
}

// usage adds up the sizes of the regular files below dir, each inode once.
func usage(dir string) (bytes int64, files int) {
	seen := map[uint64]bool{}
	filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil // what cannot be read is not counted
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		if st, ok := info.Sys().(*syscall.Stat_t); ok && !seen[st.Ino] {
			seen[st.Ino] = true
			bytes += info.Size()
			files++
		}
		return nil
	})
	return bytes, files
}
