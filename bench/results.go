package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"sort"
	"strings"
)

// A result is one measured job.
type result struct {
	Job      string  `json:"job"`
	Group    string  `json:"group"`
	Variant  string  `json:"variant"`
	Version  string  `json:"version"`
	Day      string  `json:"day"`
	Note     string  `json:"note"`
	Steps    []cost  `json:"steps"`
	CPU      float64 `json:"cpu"`
	Wall     float64 `json:"wall"`
	Peak     int64   `json:"peak"`
	Written  int64   `json:"written"`
	Found    int     `json:"found"` // distinct contents of the truth that came out
	Truth    int     `json:"truth"`
	Nested   int     `json:"nested"` // nested packages of which every file came out
	Partly   int     `json:"partly"` // … of which some, but not every, file came out
	Packages int     `json:"packages"`
	Coverage string  `json:"coverage"`
	Failure  string  `json:"failure,omitempty"`
}

// total adds the steps up; of two SHA-256 passes the cheaper counts.
func (r *result) total() {
	var sha []cost
	for _, c := range r.Steps {
		r.Peak = max(r.Peak, c.Peak)
		if c.Failure != "" {
			r.Failure = c.Name + ": " + c.Failure
		}
		if strings.Contains(c.Name, "sha256") {
			sha = append(sha, c)
			continue
		}
		r.CPU += c.CPU
		r.Wall += c.Wall
	}
	sort.Slice(sha, func(i, j int) bool { return sha[i].CPU < sha[j].CPU })
	if len(sha) > 0 {
		r.CPU += sha[0].CPU
		r.Wall += sha[0].Wall
		r.Note = sha[0].Name + " counted; " + r.Note
	}
}

var digest = regexp.MustCompile(`[0-9a-f]{64}`)

// judge counts what of the truth is in dir: as files, or, where a tree.jsonl
// stands there, as the digests that it names.
func (r *result) judge(dir string) error {
	found := map[string]bool{}
	if trees, _ := filepath.Glob(filepath.Join(dir, "*.tree.jsonl")); len(trees) > 0 {
		f, err := os.Open(trees[0])
		if err != nil {
			return err
		}
		defer f.Close()
		lines := bufio.NewReaderSize(f, 1<<20)
		for {
			line, err := lines.ReadBytes('\n')
			for _, d := range digest.FindAll(line, -1) {
				found[string(d)] = true
			}
			if err != nil {
				break
			}
		}
		r.Coverage = coverage(dir)
	} else {
		err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return nil // a peer may leave what nobody can read
			}
			if sum, _, err := hashFile(path); err == nil {
				found[sum] = true
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	f, err := os.Open(filepath.Join(work, "truth.tsv"))
	if err != nil {
		return err
	}
	defer f.Close()
	files, packages := map[string]bool{}, map[string][2]int{}
	lost, err := os.Create(filepath.Join(work, "lost-"+strings.NewReplacer(" ", "-", ",", "", "=", "").Replace(r.Job)+"-"+r.Variant+".tsv"))
	if err != nil {
		return err
	}
	defer lost.Close()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		col := strings.Split(lines.Text(), "\t")
		if len(col) != 4 {
			return fmt.Errorf("truth.tsv: bad line %q", lines.Text())
		}
		files[col[3]] = true
		if !found[col[3]] {
			fmt.Fprintln(lost, lines.Text())
		}
		if col[0] != "" {
			n := packages[col[0]]
			n[1]++
			if found[col[3]] {
				n[0]++
			}
			packages[col[0]] = n
		}
	}
	r.Truth, r.Packages = len(files), len(packages)
	for d := range files {
		if found[d] {
			r.Found++
		}
	}
	for _, n := range packages {
		switch {
		case n[0] == n[1]:
			r.Nested++
		case n[0] > 0:
			r.Partly++
		}
	}
	return nil
}

func resultsPath() string { return filepath.Join(work, "results.jsonl") }

func appendResult(r result) error {
	line, err := json.Marshal(r)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(resultsPath(), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.Write(append(line, '\n'))
	return err
}

// readResults returns the last result of each job and variant.
func readResults() (map[string]*result, error) {
	out := map[string]*result{}
	f, err := os.Open(resultsPath())
	if errors.Is(err, fs.ErrNotExist) {
		return out, nil
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		r := new(result)
		if err := json.Unmarshal(lines.Bytes(), r); err != nil {
			return nil, err
		}
		out[r.Job+" "+r.Variant] = r
	}
	return out, lines.Err()
}

var order = []string{"wardein", "wardein, warm store", "wardein, GOMAXPROCS=1", "C reference tools", "binwalk 2.3.4 scan", "binwalk 2.3.4 -Me", "binwalk 3 -Me", "unblob", "7z x"}

// table writes RESULTS.md and prints it.
func table() error {
	all, err := readResults()
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "# Measured\n\nWritten by `bench/run table`; how it is measured stands in README.md. %s, %d cores, %s.\n", runtime.GOARCH, runtime.NumCPU(), runtime.Version())
	for _, v := range variants {
		info, err := os.Stat(imagePath(v))
		if err != nil {
			continue
		}
		fmt.Fprintf(&b, "\n## squashfs %s, image of %.1f MB\n\n| job | CPU s | wall s | peak MB | written MB | files found | nested packages | coverage |\n|---|---:|---:|---:|---:|---:|---:|---|\n", v, float64(info.Size())/1e6)
		for _, name := range order {
			r := all[name+" "+v]
			if r == nil {
				fmt.Fprintf(&b, "| %s | not measured | | | | | | |\n", name)
				continue
			}
			nested := fmt.Sprintf("%d of %d", r.Nested, r.Packages)
			if r.Partly > 0 {
				nested += fmt.Sprintf(", %d partly", r.Partly)
			}
			cover := r.Coverage
			if r.Failure != "" {
				cover = strings.TrimPrefix(cover+"; "+r.Failure, "; ")
			}
			fmt.Fprintf(&b, "| %s | %.2f | %.2f | %.0f | %.0f | %d of %d | %s | %s |\n", name, r.CPU, r.Wall, float64(r.Peak)/1e6, float64(r.Written)/1e6, r.Found, r.Truth, nested, cover)
		}
		b.WriteString(targets(all, v))
	}
	b.WriteString("\n## Versions and notes\n\n")
	for _, name := range order {
		for _, v := range variants {
			if r := all[name+" "+v]; r != nil {
				fmt.Fprintf(&b, "- **%s**: %s, measured %s. %s\n", name, r.Version, r.Day, r.Note)
				break
			}
		}
	}
	if r := all["C reference tools "+variants[0]]; r != nil {
		fmt.Fprintf(&b, "\n## The C reference tools one by one (%s)\n\n| step | CPU s | wall s |\n|---|---:|---:|\n", r.Variant)
		for _, c := range r.Steps {
			fmt.Fprintf(&b, "| %s | %.2f | %.2f |\n", c.Name, c.CPU, c.Wall)
		}
	}
	// What other measurements have written stays.
	if old, err := os.ReadFile("bench/RESULTS.md"); err == nil {
		if at := strings.Index(string(old), "\n# "); at >= 0 {
			b.Write(old[at:])
		}
	}
	fmt.Print(b.String())
	return os.WriteFile("bench/RESULTS.md", []byte(b.String()), 0o644)
}

// targets compares with what issue 2 and engine.md demand.
func targets(all map[string]*result, v string) string {
	w, tools := all["wardein "+v], all["C reference tools "+v]
	if w == nil || tools == nil {
		return ""
	}
	var b strings.Builder
	say := func(ok bool, format string, args ...any) {
		word := "met"
		if !ok {
			word = "**not met**"
		}
		fmt.Fprintf(&b, "- %s: %s\n", fmt.Sprintf(format, args...), word)
	}
	b.WriteString("\n")
	cpu, label := w.CPU, ""
	if one := all["wardein, GOMAXPROCS=1 "+v]; one != nil {
		label = fmt.Sprintf(" (GOMAXPROCS=1: %.2f ×)", one.CPU/tools.CPU)
	}
	say(cpu <= 1.3*tools.CPU, "CPU %.2f × the C reference tools%s, at most 1.3", cpu/tools.CPU, label)
	want := 10.0
	if v == "xz" {
		want = 5
	}
	if p := all["binwalk 2.3.4 -Me "+v]; p != nil {
		say(p.Wall >= want*w.Wall, "wall %.1f × less than binwalk 2.3.4 -Me, at least %.0f", p.Wall/w.Wall, want)
	}
	for _, name := range []string{"unblob", "binwalk 3 -Me"} {
		if p := all[name+" "+v]; p != nil {
			say(p.Wall > w.Wall && w.Found >= p.Found, "wall %.1f × less than %s, %d files found against %d", p.Wall/w.Wall, name, w.Found, p.Found)
		}
	}
	say(w.Nested == w.Packages, "nested packages %d of %d", w.Nested, w.Packages)
	return b.String()
}
