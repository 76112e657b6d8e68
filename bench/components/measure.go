package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"time"
)

// product is one line of what a tool said.
type product struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	by      string
}

// measure runs wardein over one variant of the root and prints the table.
func (a *archive) measure(variant, wardein string, verbose bool) error {
	list, err := a.truths()
	if err != nil {
		return err
	}
	image := filepath.Join(a.dir, variant+".tar")
	info, err := os.Stat(image)
	if err != nil {
		return err
	}
	report := filepath.Join(a.dir, variant+".json")
	store := filepath.Join(a.dir, "store-"+variant)
	if err := os.RemoveAll(store); err != nil {
		return err
	}
	cmd := exec.Command(wardein, "inspect", "-q", "--store", store, "-o", "json="+report, image)
	cmd.Stderr = os.Stderr
	start := time.Now()
	if err := cmd.Run(); err != nil {
		return err
	}
	wall := time.Since(start)
	use := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	data, err := os.ReadFile(report)
	if err != nil {
		return err
	}
	var r struct {
		Components []struct {
			product
			Seen []struct {
				By      string `json:"by"`
				Version string `json:"version"`
			} `json:"seen"`
		} `json:"components"`
	}
	if err := json.Unmarshal(data, &r); err != nil {
		return err
	}
	var found []product
	for _, c := range r.Components {
		x := c.product
		for _, s := range c.Seen {
			if s.Version == x.Version && !strings.Contains(x.by, s.By) {
				x.by = strings.TrimSpace(x.by + " " + s.By)
			}
		}
		found = append(found, x)
	}
	fmt.Printf("\n%s %s %s: %d MB, %d sources; wall %.1f s, CPU %.1f s (%.0f MB/s of CPU), peak %d MB\n", a.suite, a.arch, variant, info.Size()>>20, len(list),
		wall.Seconds(), cmd.ProcessState.UserTime().Seconds()+cmd.ProcessState.SystemTime().Seconds(),
		float64(info.Size())/1e6/(cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime()).Seconds(), use.Maxrss>>10)
	confusion("wardein", a.suite, list, found, verbose)
	return nil
}

// confusion prints how many products a tool named with the right version,
// with a wrong one, without any, or not at all, and what it named that is not
// there.
func confusion(tool, suite string, list []*truth, found []product, verbose bool) {
	by := map[string][]product{}
	for _, c := range found {
		by[c.Name] = append(by[c.Name], c)
	}
	right, nameless := 0, 0
	var wrong, missing, without []string
	known := map[string]bool{}
	total, asked, rightAsked, prints := 0, 0, 0, 0
	for _, t := range list {
		known[t.name] = true
		if t.elf == 0 {
			continue
		}
		total++
		if t.asked {
			asked++
		}
		ok, none, bad := false, false, []string(nil)
		for _, c := range by[t.name] {
			switch {
			case c.Version == "":
				none = true
			case t.has(c.Version):
				ok = true
				if c.by == "symbols" {
					prints++
				}
			default:
				bad = append(bad, c.Version+" ("+c.by+")")
			}
		}
		want := strings.Join(keys(t.versions), " or ")
		for _, b := range bad {
			wrong = append(wrong, t.name+" "+b+", is "+want)
		}
		switch {
		case ok:
			right++
			if t.asked {
				rightAsked++
			}
		case len(bad) > 0:
		case none:
			without = append(without, t.name+" "+want)
		default:
			missing = append(missing, t.name+" "+want)
		}
	}
	var other []string
	for _, c := range found {
		if !known[c.Name] {
			if c.Version == "" {
				nameless++
				continue
			}
			other = append(other, c.Name+" "+c.Version+" ("+c.by+")")
		}
	}
	sort.Strings(other)
	said := stated(suite)
	n := 0
	for _, w := range wrong {
		f := strings.Fields(w)
		if why := said[f[0]+" "+f[1]]; why != "" {
			n++
			if verbose {
				fmt.Printf("  as stated by the program: %s: %s\n", w, why)
			}
		}
	}
	share := func(n, of int) string {
		return fmt.Sprintf("%d of %d (%.1f %%)", n, of, 100*float64(n)/float64(max(of, 1)))
	}
	fmt.Printf("%-10s right %s, without fingerprints %s; of those asked for by name %d of %d; wrong version %s, %d of them as the program states it; no version %d, missing %d, other names %d with and %d without version\n",
		tool, share(right, total), share(right-prints, total), rightAsked, asked, share(len(wrong), right+len(wrong)), n, len(without), len(missing), len(other), nameless)
	if verbose {
		for _, x := range []struct {
			what string
			list []string
		}{{"wrong version", wrong}, {"no version", without}, {"missing", missing}, {"other names", other}} {
			fmt.Printf("  %s:\n", x.what)
			for _, s := range x.list {
				fmt.Println("    " + s)
			}
		}
	}
}

//go:embed stated.tsv
var statedList string

// stated gives what programs of a release state of themselves, with reason, by
// product and version.
func stated(suite string) map[string]string {
	m := map[string]string{}
	for _, line := range strings.Split(statedList, "\n") {
		if f := strings.Split(line, "\t"); len(f) == 4 && f[0] == suite {
			m[f[1]+" "+f[2]] = f[3]
		}
	}
	return m
}

func keys(m map[string]bool) (out []string) {
	for k := range m {
		out = append(out, k)
	}
	sort.Strings(out)
	return out
}
