package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// truth is one upstream product that the root holds.
type truth struct {
	name     string
	versions map[string]bool // upstream's, of source and binary packages
	packages []string
	elf      int
	asked    bool // one of its packages is in the list, not there by dependency alone
}

var (
	epoch    = regexp.MustCompile(`^\d+:`)
	repacked = regexp.MustCompile(`(?:[+~]20\d{6}|[+~.-]?(?:dfsg|ds|repack|debian|git|svn|hg|cvs|snapshot|samba)).*$`)
)

// upstream is a Debian version without epoch, revision and repacking.
func upstream(v string) string {
	v = epoch.ReplaceAllString(v, "")
	if at := strings.LastIndexByte(v, '-'); at > 0 {
		v = v[:at]
	}
	if at := strings.Index(v, "+really"); at > 0 {
		v = v[at+len("+really"):]
	}
	return repacked.ReplaceAllString(v, "")
}

var lettered = regexp.MustCompile(`\.([a-z])$`)

// flat makes 9.2p1 of 9.2-p1, 2.10 of 2.10.0, and 1.3.8c of 1.3.8.c.
func flat(s string) string {
	s = strings.ToLower(strings.NewReplacer("-", "", "_", "", "~", "").Replace(strings.TrimSuffix(s, "-stable")))
	s = lettered.ReplaceAllString(strings.ReplaceAll(s, ".p", "p"), "$1")
	for strings.HasSuffix(s, ".0") {
		s = strings.TrimSuffix(s, ".0")
	}
	return strings.TrimPrefix(s, "v")
}

// aliases reads the products' names and those of their packages.
func aliases() (map[string]string, error) {
	names := map[string]string{}
	files, _ := filepath.Glob("check/component/data/*.toml")
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			return nil, err
		}
		var list struct {
			Product []struct {
				Name     string
				Packages []string
			}
		}
		if err := toml.Unmarshal(data, &list); err != nil {
			return nil, fmt.Errorf("%s: %w", f, err)
		}
		for _, p := range list.Product {
			names[p.Name] = p.Name
			names[strings.ReplaceAll(p.Name, "_", "-")] = p.Name
			for _, x := range p.Packages {
				names[x] = p.Name
			}
		}
	}
	return names, nil
}

// truths derives from the packages' control data what is in the root. Those
// without an ELF file or a kernel do not count.
func (a *archive) truths() ([]*truth, error) {
	alias, err := aliases()
	if err != nil {
		return nil, err
	}
	f, err := os.Open(filepath.Join(a.dir, "root.list"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	by := map[string]*truth{}
	asked := map[string]bool{}
	for _, p := range a.asked {
		asked[p] = true
	}
	for s := bufio.NewScanner(f); s.Scan(); {
		col := strings.Split(s.Text(), "\t")
		if len(col) != 5 {
			return nil, fmt.Errorf("root.list: %q", s.Text())
		}
		name := alias[col[2]]
		if own := alias[col[0]]; own != "" && own != name {
			name = own // ldb of the source samba, hostapd of wpa
		}
		if name == "" {
			name = unnumbered(col[2])
			if a := alias[name]; a != "" {
				name = a
			}
		}
		t := by[name]
		if t == nil {
			t = &truth{name: name, versions: map[string]bool{}}
			by[name] = t
		}
		t.packages = append(t.packages, col[0])
		t.asked = t.asked || asked[col[0]] || strings.HasPrefix(col[0], "linux-image-")
		t.versions[upstream(col[3])] = true
		t.versions[upstream(col[1])] = true
		n := 0
		fmt.Sscan(col[4], &n)
		t.elf += n
	}
	var out []*truth
	for _, t := range by {
		out = append(out, t)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].name < out[j].name })
	return out, nil
}

func (t *truth) has(version string) bool {
	for v := range t.versions {
		if flat(v) == flat(version) {
			return true
		}
	}
	return false
}

var series = regexp.MustCompile(`(?:-dfsg|-?\d+(?:\.\d+)+|-\d+)$`)

// unnumbered is a source package's name without the series that Debian keeps
// apart: lua5.4, gcc-12.
func unnumbered(s string) string { return series.ReplaceAllString(s, "") }
