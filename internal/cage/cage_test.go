//go:build linux

package cage

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestMain lets the test binary be the caged process.
func TestMain(m *testing.M) {
	if dir := os.Getenv("CAGE_TEST_DIR"); dir != "" {
		inside(dir)
		return
	}
	os.Exit(m.Run())
}

// inside tries everything that must fail and prints what did not.
func inside(dir string) {
	kept, err := os.Open(filepath.Join(dir, "secret"))
	if err != nil {
		os.Exit(3)
	}
	if err := Enter(); err != nil {
		os.Stdout.WriteString("enter: " + err.Error())
		os.Exit(3)
	}
	tried := func(what string, err error) {
		if err == nil {
			os.Stdout.WriteString("not refused: " + what + "\n")
		}
	}
	_, err = os.ReadFile(filepath.Join(dir, "secret"))
	tried("read a file", err)
	tried("write a file", os.WriteFile(filepath.Join(dir, "new"), nil, 0o600))
	tried("remove a file", os.Remove(filepath.Join(dir, "secret")))
	_, err = net.Listen("tcp", "127.0.0.1:0")
	tried("listen", err)
	tried("start a program", exec.Command("/bin/true").Run())
	_, err = os.StartProcess("/bin/true", nil, &os.ProcAttr{})
	tried("fork", err)
	if b := make([]byte, 3); true {
		if n, _ := kept.ReadAt(b, 0); n != 3 {
			os.Stdout.WriteString("an open file can't be read\n")
		}
	}
	done := make(chan int)
	for range 50 { // threads and the collector still work
		go func() { x := make([]byte, 1<<20); done <- len(x) }()
	}
	for range 50 {
		<-done
	}
	os.Stdout.WriteString("end")
}

func TestCage(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "secret"), []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = []string{"CAGE_TEST_DIR=" + dir}
	out, err := cmd.Output()
	if err != nil || strings.TrimSpace(string(out)) != "end" {
		t.Fatalf("caged process: %v, printed:\n%s", err, out)
	}
}
