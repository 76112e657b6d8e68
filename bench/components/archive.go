package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
)

// archive is one release of Debian for one processor, read with a private
// apt configuration: the machine's own is neither read nor changed.
type archive struct {
	suite, arch string
	dir         string
	asked       []string                     // packages of the list
	records     map[string]map[string]string // by package
	provides    map[string][]string
}

func run(dir string, env []string, name string, args ...string) (string, error) {
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		return string(out), fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out), nil
}

// openArchive updates the lists where there are none yet. packages.txt's root
// stands in the folder suite-arch, packages-heldout.txt's in suite-arch-heldout.
func openArchive(suite, arch, packages string) (*archive, error) {
	list, err := os.ReadFile(filepath.Join("bench/components", packages))
	if err != nil {
		return nil, err
	}
	kind := strings.TrimSuffix(strings.TrimPrefix(packages, "packages"), ".txt")
	dir, err := filepath.Abs(filepath.Join(work, suite+"-"+arch+kind))
	if err != nil {
		return nil, err
	}
	var asked []string
	for line := range strings.Lines(string(list)) {
		if !strings.HasPrefix(line, "#") {
			asked = append(asked, strings.Fields(line)...)
		}
	}
	a := &archive{suite: suite, arch: arch, dir: dir, asked: asked, records: map[string]map[string]string{}, provides: map[string][]string{}}
	for _, d := range []string{"apt/lists/partial", "apt/cache/archives/partial", "apt/etc", "debs"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			return nil, err
		}
	}
	conf := fmt.Sprintf(`Dir::State "%[1]s/apt"; Dir::State::status "%[1]s/apt/status"; Dir::Cache "%[1]s/apt/cache"; Dir::Etc "%[1]s/apt/etc";
Dir::Etc::parts "%[1]s/apt/etc"; Dir::Etc::sourcelist "%[1]s/apt/sources.list"; Dir::Etc::sourceparts "%[1]s/apt/etc";
Acquire::Check-Valid-Until "false"; APT::Architecture "%[2]s"; APT::Architectures { "%[2]s"; }; Acquire::Languages "none"; APT::Sandbox::User "root";
`, dir, arch)
	source := fmt.Sprintf("deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian %s main\n", suite)
	for name, text := range map[string]string{"apt.conf": conf, "apt/status": "", "apt/sources.list": source} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			return nil, err
		}
	}
	if !a.haveLists() {
		if _, err := run(dir, a.env(), "apt-get", "-q", "update"); err != nil {
			return nil, err
		}
	}
	return a, a.read()
}

func (a *archive) env() []string { return []string{"APT_CONFIG=" + filepath.Join(a.dir, "apt.conf")} }

func (a *archive) lists() []string {
	found, _ := filepath.Glob(filepath.Join(a.dir, "apt/lists/*_Packages"))
	return found
}

func (a *archive) haveLists() bool { return len(a.lists()) > 0 }

func (a *archive) read() error {
	for _, path := range a.lists() {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		s := bufio.NewScanner(f)
		s.Buffer(nil, 4<<20)
		r := map[string]string{}
		for more := true; more; {
			more = s.Scan()
			line := s.Text()
			if !more || line == "" {
				if p := r["Package"]; p != "" && a.records[p] == nil {
					a.records[p] = r
					for _, v := range strings.Split(r["Provides"], ",") {
						if name := bare(v); name != "" {
							a.provides[name] = append(a.provides[name], p)
						}
					}
				}
				r = map[string]string{}
				continue
			}
			if k, v, ok := strings.Cut(line, ": "); ok && k[0] != ' ' {
				r[k] = v
			}
		}
		if s.Err() != nil {
			return s.Err()
		}
	}
	return nil
}

// contents calls each for every line of the archive's list of files: path and
// packages.
func (a *archive) contents(each func(line string)) error {
	find := func() []string {
		found, _ := filepath.Glob(filepath.Join(a.dir, "apt/lists/*Contents-"+a.arch+"*"))
		return found
	}
	if len(find()) == 0 {
		const target = "Acquire::IndexTargets::deb::Contents-deb::"
		args := []string{"-q", "update"}
		for _, o := range []string{`MetaKey=$(COMPONENT)/Contents-$(ARCHITECTURE)`, "ShortDescription=Contents", "Description=Contents"} {
			args = append(args, "-o", target+o)
		}
		if _, err := run(a.dir, a.env(), "apt-get", args...); err != nil {
			return err
		}
	}
	for _, path := range find() {
		cmd := exec.Command("/usr/lib/apt/apt-helper", "cat-file", path)
		out, err := cmd.StdoutPipe()
		if err != nil {
			return err
		}
		if err := cmd.Start(); err != nil {
			return err
		}
		s := bufio.NewScanner(out)
		s.Buffer(nil, 1<<20)
		for s.Scan() {
			each(s.Text())
		}
		if err := errors.Join(s.Err(), cmd.Wait()); err != nil {
			return err
		}
	}
	return nil
}

// bare is a dependency's package name without version and architecture.
func bare(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), " ")
	s, _, _ = strings.Cut(s, ":")
	return s
}

// choose returns the listed packages with all that they depend on; of
// alternatives the first that exists.
func (a *archive) choose() (names, missing []string) {
	seen := map[string]bool{}
	var add func(p string) bool
	add = func(p string) bool {
		r := a.records[p]
		if r == nil {
			if by := a.provides[p]; len(by) > 0 {
				for _, x := range by {
					if seen[x] {
						return true
					}
				}
				sort.Strings(by)
				return add(by[0])
			}
			return false
		}
		if seen[p] {
			return true
		}
		seen[p] = true
		for _, d := range strings.Split(r["Depends"]+","+r["Pre-Depends"], ",") {
			for _, alt := range strings.Split(d, "|") {
				if name := bare(alt); name == "" || add(name) {
					break
				}
			}
		}
		return true
	}
	for _, p := range append(a.kernels(), a.asked...) {
		if a.records[p] == nil || !add(p) {
			missing = append(missing, p)
		}
	}
	for p := range seen {
		names = append(names, p)
	}
	sort.Strings(names)
	return names, missing
}

// kernels are the kernel's packages for this processor; of their files only
// the kernel and its network modules go into the root.
func (a *archive) kernels() []string {
	pattern := map[string]string{
		"armhf": `^linux-image-[\d.]+\S*-armmp$`, "arm64": `^linux-image-[\d.]+\S*-arm64$`, "mipsel": `^linux-image-[\d.]+\S*-4kc-malta$`,
		"amd64": `^linux-image-[\d.]+\S*-cloud-amd64$`, "i386": `^linux-image-[\d.]+\S*-686$`,
	}[a.arch]
	re := regexp.MustCompile(pattern)
	var found []string
	for p := range a.records {
		if pattern != "" && re.MatchString(p) && !strings.Contains(p, "-rt-") {
			found = append(found, p)
		}
	}
	sort.Strings(found)
	if len(found) > 1 {
		found = found[len(found)-1:]
	}
	return found
}

// fetch downloads what is not there yet; apt-get verifies it against the
// signed lists.
func (a *archive) fetch(names []string) (map[string]string, error) {
	debs := map[string]string{}
	var missing []string
	dir := filepath.Join(a.dir, "debs")
	have, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	for _, e := range have {
		if p, _, ok := strings.Cut(e.Name(), "_"); ok && strings.HasSuffix(e.Name(), ".deb") {
			files[p] = filepath.Join(dir, e.Name())
		}
	}
	for _, p := range names {
		if f := files[p]; f != "" {
			debs[p] = f
		} else {
			missing = append(missing, p)
		}
	}
	for len(missing) > 0 {
		n := min(len(missing), 100)
		if _, err := run(dir, a.env(), "apt-get", append([]string{"-q", "download"}, missing[:n]...)...); err != nil {
			return nil, err
		}
		for _, p := range missing[:n] {
			if found, _ := filepath.Glob(filepath.Join(dir, p+"_*.deb")); len(found) > 0 {
				debs[p] = found[0]
			} else {
				return nil, fmt.Errorf("apt-get download %s: no file", p)
			}
		}
		missing = missing[n:]
	}
	return debs, nil
}

// source is the source package and the version of it that a package was
// built from.
func (a *archive) source(p string) (name, version string) {
	r := a.records[p]
	name, version = r["Source"], r["Version"]
	if name == "" {
		name = p
	}
	if n, v, ok := strings.Cut(name, " ("); ok {
		name, version = n, strings.TrimSuffix(v, ")")
	}
	return name, version
}
