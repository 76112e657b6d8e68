// Command fuzz runs every fuzz target of the tree and keeps count. The engine's
// TestMutations, which unpacks numbered images, is a target as well.
//
//	go run ./bench/fuzz -n 1000000        each target to a million executions in total
//	go run ./bench/fuzz -time 100s        all targets together for that long, no counts kept
//	go run ./bench/fuzz -time 60s -share 4   a quarter of them, another one for each commit
//
// It may be ended at any time and goes on where it stopped: the executions of
// each target stand in bench/fuzz-counts.tsv with the day and the commit of its
// last run. What breaks a target is kept by Go in the package's
// testdata/fuzz; the other targets still run, and the exit code is 1.
package main

import (
	"bufio"
	"cmp"
	"errors"
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"os/signal"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	module     = "github.com/wardein/wardein"
	countsFile = "bench/fuzz-counts.tsv"
	bin        = "bench/work/fuzz" // test binaries; Go links anew what has changed
)

// A target is one fuzz function, a count what is known of its runs.
type target struct{ dir, name string }
type count struct {
	execs       int64
	day, commit string
}

// A session is what the command line asks for.
type session struct {
	n            int64
	total, slice time.Duration
	only         string
	share        int
	parallel     int
	commit       string
	stop         chan os.Signal
}

func main() {
	var s session
	flag.Int64Var(&s.n, "n", 0, "run each target until it has this many executions in total")
	flag.DurationVar(&s.total, "time", 0, "run all targets together for this long")
	flag.StringVar(&s.only, "only", "", "only targets whose folder and name contain this")
	flag.IntVar(&s.share, "share", 1, "with -time: one in this many targets; the commit says which")
	flag.IntVar(&s.parallel, "parallel", 0, "workers per target (default: GOMAXPROCS)")
	flag.DurationVar(&s.slice, "slice", 2*time.Minute, "with -n: go on to the next target after this long")
	flag.Parse()
	if (s.n > 0) == (s.total > 0) || s.share < 1 || s.share > 1 && s.n > 0 {
		fmt.Fprintln(os.Stderr, "fuzz: want either -n or -time, and -share with -time alone")
		os.Exit(2)
	}
	broken, err := s.run()
	if err != nil {
		fmt.Fprintln(os.Stderr, "fuzz: error:", err)
		os.Exit(2)
	}
	if broken > 0 {
		fmt.Printf("fuzz: %d targets failed\n", broken)
		os.Exit(1)
	}
}

// run returns how many targets were broken.
func (s *session) run() (int, error) {
	all, err := targets(".")
	if err != nil {
		return 0, err
	}
	head, _ := exec.Command("git", "rev-parse", "--short=7", "HEAD").Output()
	s.commit = strings.TrimSpace(string(head))
	turn, _ := strconv.ParseUint(s.commit, 16, 64)
	var list []target
	for i, t := range all {
		if strings.Contains(t.dir+" "+t.name, s.only) && (s.n > 0 || t.guided()) && uint64(i)%uint64(s.share) == turn%uint64(s.share) {
			list = append(list, t)
		}
	}
	if len(list) == 0 {
		return 0, errors.New("no fuzz target found")
	}
	s.stop = make(chan os.Signal, 1)
	signal.Notify(s.stop, os.Interrupt, syscall.SIGTERM)
	if err := build(list); err != nil {
		return 0, err
	}
	if s.total > 0 {
		return s.together(list), nil
	}
	return s.upTo(list)
}

// together gives each target its part of the time.
func (s *session) together(list []target) (broken int) {
	var execs int64
	for _, t := range list {
		each := max(s.total/time.Duration(len(list)), 500*time.Millisecond)
		got, ended, err := fuzz(t, guide(t, each.String(), s.parallel), s.stop)
		execs += got.execs
		if err != nil {
			fmt.Printf("FAIL\t%s %s: %v\n", t.dir, t.name, err)
			broken++
		}
		if ended {
			break
		}
	}
	fmt.Printf("fuzz: %d targets, %d executions\n", len(list), execs)
	return broken
}

// upTo runs the targets in turn until each has its executions or is broken.
func (s *session) upTo(list []target) (broken int, err error) {
	counts, err := readCounts()
	if err != nil {
		return 0, err
	}
	failed := map[target]bool{}
	for open := true; open; {
		open = false
		// The least tried first: a run may be ended at any time.
		slices.SortStableFunc(list, func(a, b target) int { return cmp.Compare(counts[a].execs, counts[b].execs) })
		for _, t := range list {
			left := s.n - counts[t].execs
			if left <= 0 || failed[t] {
				continue
			}
			open = true
			args := []string{"-test.run=^" + t.name + "$", fmt.Sprintf("-mutations=%d:%d", counts[t].execs, s.n)}
			if t.guided() {
				args = guide(t, strconv.FormatInt(left, 10)+"x", s.parallel)
			}
			got, ended, err := fuzzFor(t, args, s.slice, s.stop)
			// Another session may have run other targets meanwhile.
			now, rerr := readCounts()
			if rerr != nil {
				return len(failed), rerr
			}
			counts = now
			counts[t] = count{counts[t].execs + got.execs, time.Now().UTC().Format("2006-01-02"), s.commit}
			if werr := writeCounts(counts); werr != nil {
				return len(failed), werr
			}
			if err != nil {
				fmt.Printf("FAIL\t%s %s: %v\n", t.dir, t.name, err)
				failed[t] = true
			} else {
				fmt.Printf("ok\t%s %s\t%d of %d, %.0f/s of processor\n", t.dir, t.name, counts[t].execs, s.n, float64(got.execs)/got.cpu.Seconds())
			}
			if ended {
				return len(failed), nil
			}
		}
	}
	return len(failed), nil
}

// guided tells a target of Go's fuzzer from a test of numbered mutations.
func (t target) guided() bool { return strings.HasPrefix(t.name, "Fuzz") }

// guide makes the arguments for Go's fuzzer.
func guide(t target, fuzztime string, parallel int) []string {
	cache, _ := exec.Command("go", "env", "GOCACHE").Output()
	args := []string{"-test.run=^$", "-test.fuzz=^" + t.name + "$", "-test.fuzztime=" + fuzztime,
		"-test.fuzzcachedir=" + filepath.Join(strings.TrimSpace(string(cache)), "fuzz", module, t.dir, t.name),
		// Without a bound Go spends most of a run on minimising what it finds.
		"-test.fuzzminimizetime=10x"}
	if parallel > 0 {
		args = append(args, "-test.parallel="+strconv.Itoa(parallel))
	}
	return args
}

// targets finds every function FuzzX(f *testing.F) and TestMutations below root.
func targets(root string) ([]target, error) {
	var list []target
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != root && (d.Name() == "testdata" || d.Name() == "work" || strings.HasPrefix(d.Name(), ".")):
			return fs.SkipDir
		case !strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		for _, d := range file.Decls {
			f, ok := d.(*ast.FuncDecl)
			if ok && f.Recv == nil && (strings.HasPrefix(f.Name.Name, "Fuzz") || f.Name.Name == "TestMutations") && len(f.Type.Params.List) == 1 {
				list = append(list, target{filepath.ToSlash(filepath.Dir(path)), f.Name.Name})
			}
		}
		return nil
	})
	sort.Slice(list, func(i, j int) bool {
		return list[i].dir < list[j].dir || list[i].dir == list[j].dir && list[i].name < list[j].name
	})
	return list, err
}

// build makes the test binaries of all targets, with the fuzzer's
// instrumentation in the module's own packages alone: what guides the fuzzer is
// then our code and not the standard library's, an execution costs half, and a
// build finds everything else in Go's cache.
func build(list []target) error {
	groups := map[string][]string{} // binaries are named after the folder alone
	for _, t := range list {
		g := path.Dir(t.binary())
		if dir := "./" + t.dir; !slices.Contains(groups[g], dir) {
			groups[g] = append(groups[g], dir)
		}
	}
	for g, dirs := range groups {
		args := []string{"test", "-c", "-ldflags=-s -w", "-o", g + "/"}
		if !strings.HasPrefix(g, bin+"/plain") {
			args = append(args, "-gcflags="+module+"/...=-d=libfuzzer", "-gcflags="+module+"/internal/...=")
		}
		if out, err := exec.Command("go", append(args, dirs...)...).CombinedOutput(); err != nil {
			return fmt.Errorf("build: %w\n%s", err, out)
		}
	}
	return nil
}

func (t target) binary() string {
	if !t.guided() {
		return filepath.Join(bin, "plain", t.dir+".test")
	}
	return filepath.Join(bin, "guided", t.dir+".test")
}

// A result is how often a target was executed, and at what cost.
type result struct {
	execs int64
	cpu   time.Duration
}

// fuzzFor runs a target for at most about slice.
func fuzzFor(t target, args []string, slice time.Duration, stop chan os.Signal) (result, bool, error) {
	limit := make(chan os.Signal, 1)
	timer := time.AfterFunc(slice, func() { limit <- os.Interrupt })
	defer timer.Stop()
	done := make(chan bool)
	defer close(done)
	var ended atomic.Bool
	go func() {
		select {
		case s := <-stop:
			ended.Store(true)
			limit <- s
		case <-done:
		}
	}()
	got, _, err := fuzz(t, args, limit)
	return got, ended.Load(), err
}

var execs = regexp.MustCompile(`execs: (\d+)`)

// fuzz runs a target; it returns how often it was executed and whether stop
// ended it.
func fuzz(t target, args []string, stop chan os.Signal) (got result, ended bool, err error) {
	exe, err := filepath.Abs(t.binary())
	if err != nil {
		return got, false, err
	}
	cmd := exec.Command(exe, args...)
	cmd.Dir = t.dir
	// Executions allocate much and hold nothing.
	cmd.Env = append(os.Environ(), "GOGC=800")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return got, false, err
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return got, false, err
	}
	done := make(chan bool)
	defer close(done)
	stopped := make(chan bool, 1)
	var killed atomic.Bool
	go func() {
		select {
		case <-stop:
			stopped <- true
			syscall.Kill(-cmd.Process.Pid, syscall.SIGINT)
			select {
			case <-time.After(patience):
				killed.Store(true)
				syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
			case <-done:
			}
		case <-done:
		}
	}()
	var tail []string
	lines := bufio.NewScanner(pipe)
	lines.Buffer(nil, 16<<20) // a failing input is one line
	for lines.Scan() {
		if m := execs.FindStringSubmatch(lines.Text()); m != nil {
			got.execs, _ = strconv.ParseInt(m[1], 10, 64)
			continue
		}
		if tail = append(tail, lines.Text()); len(tail) > 60 {
			tail = tail[1:]
		}
	}
	err = cmd.Wait()
	got.cpu = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	select {
	case <-stopped:
		// an interrupted run ends with an error that says nothing, unless a
		// failing input stands in the output
		switch {
		case killed.Load():
			return got, true, fmt.Errorf("hangs: did not end within %v of being told to", patience)
		case !failing(tail):
			return got, true, nil
		}
		ended = true
	default:
	}
	if err != nil {
		// Go's fuzzer now and then reports the end of its own time as a
		// failure; a real one names the input.
		said := strings.Join(tail, "\n")
		if strings.Contains(said, "context deadline exceeded") && !failing(tail) {
			return got, ended, nil
		}
		err = fmt.Errorf("%w\n%s", err, said)
	}
	return got, ended, err
}

// patience is how long a target may take to end. An execution takes
// milliseconds.
const patience = time.Minute

// failing tells whether the output names an input that broke the target.
func failing(out []string) bool {
	return slices.ContainsFunc(out, func(line string) bool {
		return strings.Contains(line, "Failing input") || strings.Contains(line, "mutated image")
	})
}

// readCounts reads target, executions, day and commit, one target a line.
func readCounts() (map[target]count, error) {
	counts := map[target]count{}
	data, err := os.ReadFile(countsFile)
	if errors.Is(err, fs.ErrNotExist) {
		return counts, nil
	}
	for i, line := range strings.Split(strings.TrimSpace(string(data)), "\n") {
		if i == 0 || line == "" {
			continue
		}
		col := strings.Split(line, "\t")
		if len(col) != 5 {
			return nil, fmt.Errorf("%s:%d: want 5 columns", countsFile, i+1)
		}
		n, err := strconv.ParseInt(col[2], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s:%d: %w", countsFile, i+1, err)
		}
		counts[target{col[0], col[1]}] = count{n, col[3], col[4]}
	}
	return counts, err
}

func writeCounts(counts map[target]count) error {
	var lines []string
	for t, c := range counts {
		lines = append(lines, fmt.Sprintf("%s\t%s\t%d\t%s\t%s\n", t.dir, t.name, c.execs, c.day, c.commit))
	}
	sort.Strings(lines)
	text := "folder\ttarget\texecutions\tlast run\tcommit\n" + strings.Join(lines, "")
	if err := os.WriteFile(countsFile+".new", []byte(text), 0o644); err != nil {
		return err
	}
	return os.Rename(countsFile+".new", countsFile)
}
