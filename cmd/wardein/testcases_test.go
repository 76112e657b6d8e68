package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// TestSampleCases holds the states of the test cases of TS 33.117 for the
// sample to a golden file. go test -update writes it; read it by eye.
func TestSampleCases(t *testing.T) {
	const golden = "testdata/testcases-an2400-1.1.0.txt"
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	run := func(args ...string) []byte {
		t.Helper()
		cmd := exec.Command(exe, args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "WARDEIN_TEST_RUN=1", "WARDEIN_STORE="+filepath.Join(dir, ".store"), "TMPDIR="+dir, "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir)
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(args, err)
		}
		return out
	}
	run("inspect", "-q", "--fail-on", "", filepath.Join(samples(t), "an2400-1.1.0.bin"))
	var doc struct {
		Cases []struct {
			Clause, ID, State string
		}
	}
	if err := json.Unmarshal(run("testcases", "--json", "an2400-1.1.0"), &doc); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	for _, c := range doc.Cases {
		fmt.Fprintf(&got, "%-11s  %-29s  %s\n", c.Clause, c.State, c.ID)
	}
	if flag.Lookup("update").Value.String() == "true" { // the flag is testkit's
		if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(golden); err != nil || !bytes.Equal(want, got.Bytes()) {
		t.Errorf("%s differs: go test ./cmd/wardein -run SampleCases -update\n%s", golden, &got)
	}
}
