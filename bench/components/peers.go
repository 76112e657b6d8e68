package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// peers are tools that name components in a folder. Each writes CycloneDX.
var peers = []struct {
	name, module string
	args         func(root, out string) []string
}{
	{"osv-scalibr", "github.com/google/osv-scalibr/binary/scalibr@v0.5.3", func(root, out string) []string {
		return []string{"scalibr", "--root", root, "--plugins", "artifact", "-o", "cdx-json=" + out}
	}},
	{"syft", "github.com/anchore/syft/cmd/syft@v1.57.0", func(root, out string) []string {
		return []string{"syft", "scan", "dir:" + root, "-q", "-o", "cyclonedx-json=" + out}
	}},
}

// peer installs what is missing, runs every peer over one variant of the root
// and prints its line of the table.
func (a *archive) peer(variant string, verbose bool) error {
	list, err := a.truths()
	if err != nil {
		return err
	}
	bin, err := filepath.Abs(filepath.Join(work, "peers"))
	if err != nil {
		return err
	}
	root := filepath.Join(a.dir, "peer-root")
	defer os.RemoveAll(root)
	if err := errors.Join(os.RemoveAll(root), os.MkdirAll(root, 0o755), os.MkdirAll(bin, 0o755)); err != nil {
		return err
	}
	if _, err := run(a.dir, nil, "tar", "-xf", variant+".tar", "-C", root); err != nil {
		return err
	}
	for _, p := range peers {
		out := filepath.Join(a.dir, p.name+".json")
		args := p.args(root, out)
		exe := filepath.Join(bin, args[0])
		if _, err := os.Stat(exe); err != nil {
			if _, err := run(a.dir, []string{"GOBIN=" + bin}, "go", "install", p.module); err != nil {
				fmt.Printf("%-10s does not build here: %s\n", p.name, strings.SplitN(err.Error(), "\n", 2)[0])
				continue
			}
		}
		os.Remove(out)
		start := time.Now()
		msg, err := exec.Command(exe, args[1:]...).CombinedOutput()
		if err != nil {
			fmt.Printf("%-10s ended with %v: %s\n", p.name, err, last(string(msg)))
		}
		data, err := os.ReadFile(out)
		if err != nil {
			continue
		}
		var r struct{ Components []product }
		if err := json.Unmarshal(data, &r); err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		fmt.Printf("%-10s %.1f s wall, %d components\n", p.name, time.Since(start).Seconds(), len(r.Components))
		alias, err := aliases()
		if err != nil {
			return err
		}
		for i, c := range r.Components {
			name := strings.ToLower(c.Name)
			if n := alias[name]; n != "" {
				name = n
			}
			r.Components[i].Name, r.Components[i].Version = name, strings.TrimPrefix(upstream(c.Version), "v")
		}
		confusion(p.name, a.suite, list, r.Components, verbose)
	}
	return nil
}

func last(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}
