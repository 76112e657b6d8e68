package main

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"
	"github.com/wardein/wardein/internal/testkit"
)

// A case is examined where something that it is about could be read: not by
// the notes beside programs that are encrypted, and by no other configuration
// file than its own.
func TestExaminedCases(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	var examined []string
	dark := make([]byte, 64<<10)
	rand.NewChaCha8([32]byte{1}).Read(dark)
	archive, err := txtar.ParseFile("../../check/unsafecall/testdata/quiet.txt")
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{"app.bin": string(dark), "README.txt": "Notes on this release: it corrects faults.\n"}
	const overflow, spoofing, forward, syn, listings, uid = "TC_PROTECTION_FROM_BUFFER_OVERFLOW", "TC_IP_SPOOFING_MITIGATION", "TC_IP_FORWARD_DISABLING", "TC_SYN_FLOOD_PREVENTION", "TC_NO_DIRECTORY_LISTINGS", "TC_UNIQUE_SYSTEM_ACCOUNT_IDENTIFICATION"
	for _, step := range []struct {
		name, text string
		examined   []string // now, and from now on
	}{
		{"", "", nil},
		{"etc/sysctl.conf", "net.ipv4.tcp_syncookies = 1\n", []string{syn}},
		{"etc/sysctl.d/10-routes.conf", "net.ipv4.ip_forward = 1\n", []string{forward}},
		{"etc/passwd", "root:x:0:0:root:/root:/bin/sh\ndaemon:*:1:1:daemon:/usr/sbin:/bin/false\n", []string{uid}},
		{"lib/libexample.so", string(testkit.Hex(t, string(archive.Files[1].Data))), []string{overflow}},
		{"etc/nginx/nginx.conf", "worker_processes 1;\nautoindex off;\n", []string{listings}},
		{"etc/sysctl.d/20-filter.conf", "net.ipv4.conf.all.rp_filter = 1\n", []string{spoofing}},
	} {
		if step.name != "" {
			files[step.name] = step.text
		}
		root := filepath.Join(t.TempDir(), "release")
		for name, text := range files {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(root, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		states := map[string]string{}
		for _, args := range [][]string{{"inspect", "-q", "--fail-on", "", root}, {"testcases", "--json", "release"}} {
			cmd := exec.Command(exe, args...)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "WARDEIN_TEST_RUN=1", "WARDEIN_STORE="+filepath.Join(dir, ".store"), "TMPDIR="+dir, "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir)
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(args, err)
			}
			var doc struct{ Cases []struct{ ID, State string } }
			if args[0] == "testcases" {
				if err := json.Unmarshal(out, &doc); err != nil {
					t.Fatal(err)
				}
			}
			for _, c := range doc.Cases {
				states[c.ID] = c.State
			}
		}
		examined = append(examined, step.examined...)
		for _, id := range []string{overflow, spoofing, forward, syn, listings, uid} {
			if (states[id] != "not examined") != slices.Contains(examined, id) {
				t.Errorf("with %q: %s is %q", step.name, id, states[id])
			}
		}
	}
}

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
