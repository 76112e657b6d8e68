package main

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/wardein/wardein/unpack"
)

// TestMain makes the test binary wardein, too: for scripts by its name, and
// for the engine's child by its argument.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == unpack.ChildArg {
		main()
		return
	}
	if os.Getenv("WARDEIN_TEST_RUN") != "" {
		main()
		return
	}
	testscript.Main(m, map[string]func(){"wardein": main})
}

func samples(t testing.TB) string {
	t.Helper()
	dir, err := filepath.Abs("../../samples")
	if err != nil {
		t.Fatal(err)
	}
	return dir
}

func TestScripts(t *testing.T) {
	dir := samples(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(env *testscript.Env) error {
			env.Setenv("SAMPLES", dir)
			env.Setenv("OLT", filepath.Join(dir, "an2400-1.1.0.bin"))
			env.Setenv("WARDEIN_STORE", filepath.Join(env.WorkDir, ".store"))
			env.Setenv("TMPDIR", env.WorkDir)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			// code N ARG…: wardein ARG… exits with N. "full" before ARG… gives it
			// a full device as standard output, "closed" a pipe nobody reads.
			"code": func(ts *testscript.TestScript, neg bool, args []string) {
				prog, rest := "wardein", args[1:]
				switch rest[0] {
				case "full":
					prog, rest[0] = "sh", "sh"
					rest = append([]string{"-c", `exec wardein "$@" >/dev/full`}, rest...)
				case "closed":
					prog, rest[0] = "sh", "sh"
					rest = append([]string{"-c", `exit $({ { sleep 0.2; wardein "$@"; echo $? >&3; } | true; } 3>&1)`}, rest...)
				}
				err := ts.Exec(prog, rest...)
				got := "0"
				if ee, ok := err.(*exec.ExitError); ok {
					got = strings.TrimPrefix(ee.String(), "exit status ")
				} else if err != nil {
					ts.Fatalf("%v", err)
				}
				if got != args[0] {
					ts.Fatalf("exit code %s, want %s", got, args[0])
				}
			},
			// printable FILE…: no control characters but line feeds, no marks
			// that turn text, nothing that is not UTF-8
			"printable": func(ts *testscript.TestScript, neg bool, args []string) {
				for _, name := range args {
					for i, r := range ts.ReadFile(name) {
						if r < 0x20 && r != '\n' || r == 0x7f || r == 0x202e || r == 0xfffd {
							ts.Fatalf("%s: %U at %d", name, r, i)
						}
					}
				}
			},
			"testkey":    testkey,
			"testbundle": testbundle,
			// hostile DIR makes files with names that a terminal must not see
			"hostile": func(ts *testscript.TestScript, neg bool, args []string) {
				dir := ts.MkAbs(args[0])
				ts.Check(os.MkdirAll(dir, 0o755))
				for _, n := range []string{"a\x1b[2Jb", "c\u202egpj.exe", "d\xff", "e\nf"} {
					ts.Check(os.WriteFile(filepath.Join(dir, n), []byte("x\n"), 0o644))
				}
			},
		},
	})
}

// TestPartial interrupts a run that has begun to unpack: its report says so.
func TestPartial(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var input bytes.Buffer
	z, err := gzip.NewWriterLevel(&input, gzip.BestSpeed)
	if err != nil {
		t.Fatal(err)
	}
	words := rand.New(rand.NewPCG(1, 2))
	for range 1 << 19 {
		fmt.Fprintf(z, "%032x", words.Uint64())
	}
	z.Close()
	if err := os.WriteFile(filepath.Join(dir, "big.gz"), input.Bytes(), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "inspect", "--fail-on", "info", "big.gz")
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "WARDEIN_TEST_RUN=1", "WARDEIN_STORE="+filepath.Join(dir, "store"), "TMPDIR="+dir)
	out, err := os.Create(filepath.Join(dir, "out"))
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	cmd.Stdout = out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	for range 10_000 { // until the input is hashed, which no report comes before
		if l, _ := filepath.Glob(filepath.Join(dir, "store", "run-*.rec")); len(l) > 0 {
			break
		}
		time.Sleep(2 * time.Millisecond)
	}
	cmd.Process.Signal(syscall.SIGUSR1) // must not end it
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
		t.Errorf("exit code %d, want %d", code, exitInterrupted)
	}
	for file, want := range map[string]string{"out": "PARTIAL ", "big.wardein.json": `"partial":true`} {
		if b, err := os.ReadFile(filepath.Join(dir, file)); err != nil || !bytes.Contains(b, []byte(want)) {
			t.Errorf("%s lacks %q: %v\n%.600s", file, want, err, b)
		}
	}
}

// TestInterrupt ends a run that waits for its input.
func TestInterrupt(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "inspect", "-")
	cmd.Dir = t.TempDir()
	cmd.Env = append(os.Environ(), "WARDEIN_TEST_RUN=1", "WARDEIN_STORE="+cmd.Dir, "TMPDIR="+cmd.Dir)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := in.Write(make([]byte, 1<<20)); err != nil { // more than a pipe holds: it reads, and so listens to signals
		t.Fatal(err)
	}
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitInterrupted {
		t.Errorf("exit code %d, want %d; stderr: %s", code, exitInterrupted, &stderr)
	}
}

// TestKilled kills runs outright: temporary files have no names that could be
// left behind.
func TestKilled(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	olt, err := os.ReadFile(filepath.Join(samples(t), "an2400-1.1.0.bin"))
	if err != nil {
		t.Fatal(err)
	}
	for i := range 6 {
		dir, temp := t.TempDir(), t.TempDir()
		cmd := exec.Command(exe, "inspect", "-")
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "WARDEIN_TEST_RUN=1", "WARDEIN_STORE="+filepath.Join(dir, "store"), "TMPDIR="+temp)
		in, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		in.Write(olt) // more than a pipe holds: it has begun to copy
		if i > 0 {
			in.Close()
			for range 10_000 {
				if l, _ := filepath.Glob(filepath.Join(dir, "store", "run-*.rec")); len(l) > 0 {
					break
				}
				time.Sleep(2 * time.Millisecond)
			}
			time.Sleep(time.Duration(i-1) * 20 * time.Millisecond)
		}
		cmd.Process.Kill()
		cmd.Wait()
		in.Close()
		if l, _ := filepath.Glob(filepath.Join(temp, "*")); len(l) > 0 {
			t.Errorf("round %d, left behind: %q", i, l)
		}
	}
}
