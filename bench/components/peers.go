package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// peers are tools that name components in a folder. Each writes CycloneDX.
// Syft 1.55 to 1.57 need modules that the Go module proxy did not give away on
// 2026-11-22 (403, docker/cli v29.9.2 and others).
var peers = []struct {
	name, module string
	args         func(root, out string) []string
}{
	{"osv-scalibr", "github.com/google/osv-scalibr/binary/scalibr@v0.5.3", func(root, out string) []string {
		return []string{"scalibr", "--root", root, "--plugins", "artifact", "-o", "cdx-json=" + out}
	}},
	{"syft", "github.com/anchore/syft/cmd/syft@v1.54.1", func(root, out string) []string {
		return []string{"syft", "scan", "dir:" + root, "-q", "-o", "cyclonedx-json=" + out}
	}},
}

// peer installs what is missing, runs wardein and every peer over one variant
// of the root, unpacked, and prints their lines of the table.
func (a *archive) peer(variant, wardein string, verbose bool) error {
	list, err := a.truths()
	if err != nil {
		return err
	}
	bin, err := filepath.Abs(filepath.Join(work, "peers"))
	if err != nil {
		return err
	}
	wardein, err = filepath.Abs(wardein)
	if err != nil {
		return err
	}
	root, store := filepath.Join(a.dir, "peer-root"), filepath.Join(a.dir, "peer-store")
	defer os.RemoveAll(root)
	defer os.RemoveAll(store)
	if err := errors.Join(os.RemoveAll(root), os.RemoveAll(store), os.MkdirAll(root, 0o755), os.MkdirAll(bin, 0o755)); err != nil {
		return err
	}
	if _, err := run(a.dir, nil, "tar", "-xf", variant+".tar", "-C", root); err != nil {
		return err
	}
	alias, err := aliases()
	if err != nil {
		return err
	}
	one := func(name string, args []string, out string) error {
		os.Remove(out)
		cmd := exec.Command(args[0], args[1:]...)
		start := time.Now()
		msg, err := cmd.CombinedOutput()
		if err != nil {
			fmt.Printf("%-11s ended with %v: %s\n", name, err, last(string(msg)))
		}
		wall, state := time.Since(start), cmd.ProcessState
		data, err := os.ReadFile(out)
		if err != nil {
			return nil // it has said why
		}
		var r struct{ Components []product }
		if err := json.Unmarshal(data, &r); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		fmt.Printf("%-11s %5.1f s wall, %5.1f s CPU, peak %d MB, %d components\n", name, wall.Seconds(), (state.UserTime() + state.SystemTime()).Seconds(),
			state.SysUsage().(*syscall.Rusage).Maxrss>>10, len(r.Components))
		for i, c := range r.Components {
			if name == "wardein" {
				continue
			}
			n := strings.ToLower(c.Name)
			if x := alias[n]; x != "" {
				n = x
			}
			r.Components[i].Name, r.Components[i].Version = n, strings.TrimPrefix(upstream(c.Version), "v")
		}
		confusion(name, a.suite, list, r.Components, verbose)
		return nil
	}
	report := filepath.Join(a.dir, "peer-wardein.json")
	if err := one("wardein", []string{wardein, "inspect", "-q", "--store", store, "-o", "json=" + report, root}, report); err != nil {
		return err
	}
	for _, p := range peers {
		out := filepath.Join(a.dir, p.name+".json")
		args := p.args(root, out)
		args[0] = filepath.Join(bin, args[0])
		if _, err := os.Stat(args[0]); err != nil {
			if _, err := run(a.dir, []string{"GOBIN=" + bin, "CGO_ENABLED=0"}, "go", "install", p.module); err != nil {
				fmt.Printf("%-11s does not build here: %s\n", p.name, last(err.Error()))
				continue
			}
		}
		if err := one(p.name, args, out); err != nil {
			return err
		}
	}
	return nil
}

func last(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}
