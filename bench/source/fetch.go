package main

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// suites are the Debian suites that sources are taken from.
var suites = []string{"bullseye", "bookworm", "trixie", "forky", "sid"}

// release is one unpacked release of a product.
type release struct{ product, version, dir string }

func (r release) String() string { return r.product + " " + r.version }

type line struct{ product, kind, names, folder, file, pattern string }

func lines() ([]line, error) {
	b, err := os.ReadFile("bench/source/releases.txt")
	if err != nil {
		return nil, err
	}
	var all []line
	for row := range strings.Lines(string(b)) {
		if f := strings.Split(strings.TrimRight(row, "\n"), "\t"); len(f) >= 3 && !strings.HasPrefix(row, "#") {
			f = append(f, "", "", "")
			all = append(all, line{f[0], f[1], f[2], f[3], f[4], f[5]})
		}
	}
	return all, nil
}

func command(dir, name string, args ...string) ([]byte, error) {
	c := exec.Command(name, args...)
	c.Dir = dir
	out, err := c.CombinedOutput()
	if err != nil {
		return out, fmt.Errorf("%s %q: %v\n%s", name, args, err, out)
	}
	return out, nil
}

// releases are what fetch brought in, by product, in order of versions.
func releases() ([]release, error) {
	dirs, err := filepath.Glob(filepath.Join(*work, "releases", "*", "*"))
	if err != nil {
		return nil, err
	}
	var all []release
	for _, d := range dirs {
		all = append(all, release{filepath.Base(filepath.Dir(d)), filepath.Base(d), d})
	}
	slices.SortFunc(all, func(a, b release) int {
		if a.product != b.product {
			return strings.Compare(a.product, b.product)
		}
		return compare(a.version, b.version)
	})
	return all, nil
}

func temporary() (string, error) {
	dir, err := filepath.Abs(*work)
	if err != nil {
		return "", err
	}
	return os.MkdirTemp(dir, "fetch")
}

// fetch brings in every release that is not there yet.
func fetch() error {
	all, err := lines()
	if err != nil {
		return err
	}
	for _, l := range all {
		if l.kind == "crate" {
			name, versions, _ := strings.Cut(l.names, " ")
			for _, v := range strings.Fields(versions) {
				if err := crate(l, name, v); err != nil {
					fmt.Fprintln(os.Stderr, err)
				}
			}
		}
	}
	for _, suite := range suites {
		at, err := apt(suite)
		if err != nil {
			return err
		}
		for _, l := range all {
			if l.kind == "debian" || l.kind == "other" && suite == suites[1] {
				for _, name := range strings.Fields(l.names) {
					if err := debian(at, l, suite, name); err != nil {
						fmt.Fprintln(os.Stderr, err)
					}
				}
			}
		}
	}
	return nil
}

// apt makes the settings for one suite and reads its list.
func apt(suite string) ([]string, error) {
	dir, err := filepath.Abs(filepath.Join(*work, "apt", suite))
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(filepath.Join(dir, "lists", "partial"), 0o755); err != nil {
		return nil, err
	}
	list := filepath.Join(dir, "src.list")
	if err := os.WriteFile(list, []byte("deb-src http://deb.debian.org/debian "+suite+" main\n"), 0o644); err != nil {
		return nil, err
	}
	at := []string{"-q", "-o", "Dir::Etc::SourceList=" + list, "-o", "Dir::Etc::SourceParts=/dev/null", "-o", "Dir::State::Lists=" + filepath.Join(dir, "lists"),
		"-o", "pkgCacheFile=", "-o", "Dir::Cache=" + dir, "-o", "APT::Sandbox::User=root"}
	if got, _ := filepath.Glob(filepath.Join(dir, "lists", "*_Sources")); len(got) == 0 {
		if _, err := command(dir, "apt-get", append(slices.Clone(at), "update")...); err != nil {
			return nil, err
		}
	}
	return at, nil
}

var repacked = regexp.MustCompile(`[+~.-](dfsg|ds|repack|git|20[0-9]{6}).*$`)

// upstream is the upstream part of a Debian version.
func upstream(v string) string {
	if _, after, ok := strings.Cut(v, ":"); ok {
		v = after
	}
	if k := strings.LastIndexByte(v, '-'); k > 0 {
		v = v[:k]
	}
	if _, after, ok := strings.Cut(v, "really"); ok {
		v = after
	}
	return repacked.ReplaceAllString(v, "")
}

// debian brings in a source package of a suite.
func debian(at []string, l line, suite, name string) error {
	out, err := command(".", "apt-cache", append(slices.Clone(at), "showsrc", "--only-source", name)...)
	if err != nil {
		return fmt.Errorf("%s: no %s", suite, name)
	}
	version := ""
	for s := bufio.NewScanner(strings.NewReader(string(out))); s.Scan(); {
		if v, ok := strings.CutPrefix(s.Text(), "Version: "); ok {
			version = v
		}
	}
	if version == "" {
		return fmt.Errorf("%s: no %s", suite, name)
	}
	kind := "releases"
	if l.kind == "other" {
		kind = "others"
	}
	target, err := filepath.Abs(filepath.Join(*work, kind, l.product, upstream(version)))
	if err != nil {
		return err
	}
	if _, err := os.Stat(target); err == nil {
		return nil
	}
	temp, err := temporary()
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	if _, err := command(temp, "apt-get", append(slices.Clone(at), "source", "--download-only", "--tar-only", name+"="+version)...); err != nil {
		return err
	}
	// Upstream's own files: Debian's patches are not applied.
	tars, _ := filepath.Glob(filepath.Join(temp, "*.orig*.tar.*"))
	if len(tars) == 0 {
		tars, _ = filepath.Glob(filepath.Join(temp, "*.tar.*"))
	}
	unpacked := filepath.Join(temp, "x")
	if err := os.Mkdir(unpacked, 0o755); err != nil {
		return err
	}
	for _, t := range tars {
		if strings.HasSuffix(t, ".asc") || strings.Contains(filepath.Base(t), ".orig-") {
			continue
		}
		if _, err := command(temp, "tar", "xf", t, "-C", unpacked, "--no-same-owner"); err != nil {
			return err
		}
	}
	return place(unpacked, target)
}

// place moves an unpacked release, without the one folder around it.
func place(unpacked, target string) error {
	if in, _ := os.ReadDir(unpacked); len(in) == 1 && in[0].IsDir() {
		unpacked = filepath.Join(unpacked, in[0].Name())
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return err
	}
	return os.Rename(unpacked, target)
}

// crate brings in the sources of a library that a crate carries.
func crate(l line, name, version string) error {
	done := filepath.Join(*work, "crates", name+version)
	if _, err := os.Stat(done); err == nil {
		return nil
	}
	temp, err := temporary()
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	manifest := fmt.Sprintf("[package]\nname = \"fetch\"\nversion = \"0.1.0\"\nedition = \"2018\"\n[lib]\npath = \"l.rs\"\n[dependencies]\n%s = %q\n", name, version)
	os.WriteFile(filepath.Join(temp, "l.rs"), nil, 0o644)
	if err := os.WriteFile(filepath.Join(temp, "Cargo.toml"), []byte(manifest), 0o644); err != nil {
		return err
	}
	if _, err := command(temp, "cargo", "vendor", "-q", "--versioned-dirs"); err != nil {
		return err
	}
	dirs, _ := filepath.Glob(filepath.Join(temp, "vendor", name+"-[0-9]*"))
	if len(dirs) != 1 {
		return fmt.Errorf("%s %s: %d folders", name, version, len(dirs))
	}
	from, _ := filepath.Glob(filepath.Join(dirs[0], l.folder))
	if len(from) != 1 {
		return fmt.Errorf("%s: no one folder %s", filepath.Base(dirs[0]), l.folder)
	}
	v, err := stated(l, filepath.Base(dirs[0]), from[0])
	if err != nil {
		return err
	}
	target, err := filepath.Abs(filepath.Join(*work, "releases", l.product, v))
	if err != nil {
		return err
	}
	if _, err := os.Stat(target); err != nil {
		if err := place(from[0], target); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Dir(done), 0o755); err != nil {
		return err
	}
	return os.WriteFile(done, []byte(v+"\n"), 0o644)
}

// stated is the version that a crate's sources state.
func stated(l line, crate, dir string) (string, error) {
	if l.file == "+" {
		if _, v, ok := strings.Cut(crate, "+"); ok {
			return v, nil
		}
		return "", fmt.Errorf("%s states no version", crate)
	}
	b, err := os.ReadFile(filepath.Join(dir, l.file))
	if err != nil {
		return "", err
	}
	re, err := regexp.Compile(l.pattern)
	if err != nil {
		return "", err
	}
	if m := re.FindSubmatch(b); len(m) == 2 && len(m[1]) > 0 {
		return string(m[1]), nil
	}
	// NAME_MAJOR, NAME_MINOR, NAME_RELEASE or NAME_PATCH of three definitions.
	var parts []string
	for _, names := range []string{"MAJOR", "MINOR", "RELEASE|PATCH"} {
		if m := regexp.MustCompile(`_(?:VERSION_)?(?:` + names + `)"?\s+"?([0-9]+)`).FindSubmatch(b); m != nil {
			parts = append(parts, string(m[1]))
		}
	}
	if len(parts) != 3 {
		return "", fmt.Errorf("%s: %s states no version", crate, l.file)
	}
	return strings.Join(parts, "."), nil
}

// compare orders versions: runs of digits by their number, the rest as text.
func compare(a, b string) int {
	split := regexp.MustCompile(`[0-9]+|[^0-9]+`)
	x, y := split.FindAllString(a, -1), split.FindAllString(b, -1)
	for i := range min(len(x), len(y)) {
		if x[i] == y[i] {
			continue
		}
		if digit(x[i]) && digit(y[i]) {
			n, m := strings.TrimLeft(x[i], "0"), strings.TrimLeft(y[i], "0")
			if len(n) != len(m) {
				return len(n) - len(m)
			}
			return strings.Compare(n, m)
		}
		return strings.Compare(x[i], y[i])
	}
	return len(x) - len(y)
}

func digit(s string) bool { return s[0] >= '0' && s[0] <= '9' }
