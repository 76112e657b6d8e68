// Command secrets plants keys and credentials into a copy of a clean root file
// system and prints which of them wardein finds, and gitleaks where it is
// there. Everything planted is made when it runs.
//
//	bench/secrets/run                     plant, inspect, print
//	bench/secrets/run -gitleaks FILE      and compare with that program
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

func main() {
	clean := flag.String("root", "bench/work/root", "clean root file system")
	work := flag.String("work", "bench/work/secrets", "folder for the planted root and the results")
	wardein := flag.String("wardein", "bench/work/wardein-secrets", "the program")
	gitleaks := flag.String("gitleaks", "bench/work/bin/gitleaks", "gitleaks; none where it is not there")
	flag.Parse()
	if err := run(*clean, *work, *wardein, *gitleaks); err != nil {
		fmt.Fprintln(os.Stderr, "secrets:", err)
		os.Exit(1)
	}
}

func run(clean, work, wardein, gitleaks string) error {
	planted, tmp := filepath.Join(work, "planted"), filepath.Join(work, "tmp")
	for _, dir := range []string{planted, tmp} {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(tmp, 0o700); err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if out, err := exec.Command("cp", "-al", clean, planted).CombinedOutput(); err != nil {
		return fmt.Errorf("cp: %w: %s", err, out)
	}
	tmp, err := filepath.Abs(tmp)
	if err != nil {
		return err
	}
	p := &planter{root: planted, tmp: tmp}
	p.keys()
	p.settings()
	p.others()
	if p.err != nil {
		return p.err
	}
	before, _, err := inspect(wardein, clean, work, "clean")
	if err != nil {
		return err
	}
	after, took, err := inspect(wardein, planted, work, "planted")
	if err != nil {
		return err
	}
	theirs, theirTime, theirFalse := map[string]bool{}, time.Duration(0), 0
	if _, err := os.Stat(gitleaks); err == nil {
		if theirs, theirTime, theirFalse, err = runGitleaks(gitleaks, planted, work, p.items); err != nil {
			return err
		}
	} else {
		gitleaks = ""
	}
	n, found, their := 0, 0, 0
	fmt.Printf("%-44s %-44s %-8s %s\n", "kind", "planted at", "wardein", "gitleaks")
	for _, x := range p.items {
		if !x.hit {
			continue
		}
		n++
		ours := "missed"
		if after[x.path] {
			ours = "found"
			found++
		}
		other := "missed"
		if theirs[x.path] {
			other = "found"
			their++
		}
		if gitleaks == "" {
			other = "-"
		}
		fmt.Printf("%-44s %-44s %-8s %s\n", x.kind, x.path, ours, other)
	}
	var wrong []string
	nots := 0
	for _, x := range p.items {
		if !x.hit {
			nots++
			if after[x.path] {
				wrong = append(wrong, x.path+" ("+x.kind+")")
			}
		}
	}
	for path := range after {
		if !before[path] && !slices.ContainsFunc(p.items, func(x item) bool { return x.path == path }) {
			wrong = append(wrong, path)
		}
	}
	slices.Sort(wrong)
	fmt.Printf("\nwardein   %d of %d found (%d.%d %%), %d of %d that are none hit%s; inspect of the planted root %.1f s\n", found, n, 1000*found/n/10, 1000*found/n%10, len(wrong), nots, list(wrong), took.Seconds())
	var base []string
	for path := range before {
		base = append(base, path)
	}
	slices.Sort(base)
	fmt.Printf("          %d files of the clean root hit%s\n", len(base), list(base))
	if gitleaks != "" {
		fmt.Printf("gitleaks  %d of %d found, %d files hit that are none or of the clean root; %.1f s\n", their, n, theirFalse, theirTime.Seconds())
	}
	return os.RemoveAll(planted)
}

func list(paths []string) string {
	if len(paths) == 0 {
		return ""
	}
	return ": " + strings.Join(paths, ", ")
}

// inspect returns the paths that findings of the check secret above info
// quote.
func inspect(wardein, root, work, name string) (map[string]bool, time.Duration, error) {
	report, store := filepath.Join(work, name+".json"), filepath.Join(work, "store")
	if err := os.RemoveAll(store); err != nil {
		return nil, 0, err
	}
	start := time.Now()
	cmd := exec.Command(wardein, "inspect", "-q", "--no-db", "--store", store, "-o", "json="+report, root)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, 0, fmt.Errorf("%w: %s", err, out)
	}
	took := time.Since(start)
	data, err := os.ReadFile(report)
	if err != nil {
		return nil, 0, err
	}
	var r struct {
		Findings []struct {
			Check, Severity string
			Quotes          []struct{ Node string }
		}
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return nil, 0, err
	}
	hit := map[string]bool{}
	for _, f := range r.Findings {
		if f.Check == "secret" && f.Severity != "info" {
			for _, q := range f.Quotes {
				hit[q.Node] = true
			}
		}
	}
	return hit, took, nil
}

// runGitleaks runs gitleaks over the planted root with its own rules.
func runGitleaks(program, root, work string, items []item) (map[string]bool, time.Duration, int, error) {
	report := filepath.Join(work, "gitleaks.json")
	start := time.Now()
	cmd := exec.Command(program, "dir", root, "--no-banner", "--exit-code", "0", "-l", "error", "-f", "json", "-r", report)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, 0, 0, fmt.Errorf("gitleaks: %w: %s", err, out)
	}
	took := time.Since(start)
	data, err := os.ReadFile(report)
	if err != nil {
		return nil, 0, 0, err
	}
	var list []struct{ File string }
	if err := json.Unmarshal(data, &list); err != nil {
		return nil, 0, 0, err
	}
	secrets := map[string]bool{}
	for _, x := range items {
		if x.hit {
			secrets[x.path] = true
		}
	}
	hit, wrong := map[string]bool{}, map[string]bool{}
	for _, f := range list {
		path := strings.TrimPrefix(strings.TrimPrefix(f.File, root), "/")
		if secrets[path] {
			hit[path] = true
		} else {
			wrong[path] = true
		}
	}
	return hit, took, len(wrong), nil
}
