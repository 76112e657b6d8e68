package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestReadme runs what README.md shows: the commands behind "$ ", in bash, one
// after the other. They print what stands below them; a line "…" stands for
// any lines.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	demo, bin := filepath.Join(root, "bin", "demo"), filepath.Join(root, "path")
	for _, dir := range []string{demo, bin} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Symlink(samples(t), filepath.Join(root, "samples")), os.Symlink(exe, filepath.Join(bin, "wardein"))); err != nil {
		t.Fatal(err)
	}
	commands := 0
	for i, block := range strings.Split(string(text), "```console\n") {
		if i == 0 {
			continue
		}
		block, _, _ = strings.Cut(block, "```")
		for j, step := range strings.Split("\n"+block, "\n$ ") {
			if j == 0 {
				continue
			}
			commands++
			command, want, _ := strings.Cut(step, "\n")
			cmd := exec.Command("bash", "-c", command)
			cmd.Dir = demo
			cmd.Env = append(os.Environ(), "WARDEIN_TEST_RUN=1", "WARDEIN_STORE="+filepath.Join(root, "store"), "TMPDIR="+root,
				"WARDEIN_PASSPHRASE=three words chosen here", "XDG_CONFIG_HOME="+root, "XDG_DATA_HOME="+root, "PATH="+bin+":"+os.Getenv("PATH"), "R=../../samples/an2400-1.1.0.bin")
			var stderr strings.Builder
			cmd.Stderr = &stderr
			got, err := cmd.Output()
			if err != nil {
				t.Errorf("%s: %v\n%s", command, err, &stderr)
			}
			if !shows(strings.Split(strings.TrimSuffix(string(got), "\n"), "\n"), strings.Split(strings.TrimSuffix(want, "\n"), "\n")) {
				t.Errorf("%s: the README shows\n%s\nit prints\n%s", command, want, got)
			}
		}
	}
	if commands < 10 {
		t.Errorf("%d commands were run", commands)
	}
}

// shows tells whether lines are those wanted.
func shows(lines, want []string) bool {
	if len(want) == 0 {
		return len(lines) == 0
	}
	if want[0] == "…" {
		for i := 0; i <= len(lines); i++ {
			if shows(lines[i:], want[1:]) {
				return true
			}
		}
		return false
	}
	return len(lines) > 0 && lines[0] == want[0] && shows(lines[1:], want[1:])
}
