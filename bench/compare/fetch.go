package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// releases of Debian that the versions of programs are taken of, the oldest
// first: two of each program, the third one of those that say so.
var releases = [3]string{"bookworm", "trixie", "forky"}

// has tells whether a program is compared in the release of an index.
func (p program) has(release int) bool { return release < 2 || p.third }

// fetch gets the sources of all programs in both versions and unpacks them,
// without Debian's patches: WORK/src/RELEASE/PROGRAM-VERSION.
func fetch() error {
	for i, release := range releases {
		dir, err := filepath.Abs(filepath.Join(*work, "src", release))
		if err != nil {
			return err
		}
		if err := download(dir, i); err != nil {
			return err
		}
		for _, p := range programs {
			if _, err := source(p, release); err == nil || !p.has(i) {
				continue
			}
			tars, err := filepath.Glob(filepath.Join(dir, p.source+"_*.orig.tar.*"))
			if err != nil {
				return err
			}
			for _, t := range tars {
				if strings.HasSuffix(t, ".asc") {
					continue
				}
				if out, err := exec.Command("tar", "xf", t, "-C", dir).CombinedOutput(); err != nil {
					return fmt.Errorf("tar: %v: %s", err, out)
				}
			}
			if _, err := source(p, release); err != nil {
				return err
			}
		}
	}
	return nil
}

// download gets the source packages of the release of an index into dir.
func download(dir string, index int) error {
	var missing []string
	release := releases[index]
	for _, p := range programs {
		if !p.has(index) {
			continue
		}
		if got, _ := filepath.Glob(filepath.Join(dir, p.source+"_*.orig.tar.*")); len(got) == 0 {
			missing = append(missing, p.source+"/"+release)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	at, err := aptSources(dir, "deb-src http://deb.debian.org/debian "+release+" main\n")
	if err != nil {
		return err
	}
	return apt(dir, append(append(at, "source", "--download-only", "--tar-only"), missing...)...)
}

// aptSources makes apt-get know just the given sources, with its lists in
// dir, and returns the options that say so.
func aptSources(dir, sources string) ([]string, error) {
	if err := os.MkdirAll(filepath.Join(dir, "lists", "partial"), 0o755); err != nil {
		return nil, err
	}
	list := filepath.Join(dir, "src.list")
	if err := os.WriteFile(list, []byte(sources), 0o644); err != nil {
		return nil, err
	}
	at := []string{"-q", "-o", "Dir::Etc::SourceList=" + list, "-o", "Dir::Etc::SourceParts=/dev/null",
		"-o", "Dir::State::Lists=" + filepath.Join(dir, "lists"), "-o", "Dir::State::status=/dev/null", "-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache="}
	return at, apt(dir, append(at, "update")...)
}

func apt(dir string, args ...string) error {
	cmd := exec.Command("apt-get", args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("apt-get %q: %v\n%s", args, err, out)
	}
	return nil
}

// source is the folder of a program's source in a release; its name ends
// with the version.
func source(p program, release string) (string, error) {
	dirs, err := filepath.Glob(filepath.Join(*work, "src", release, p.name+"-[0-9]*"))
	if err != nil {
		return "", err
	}
	if len(dirs) != 1 {
		return "", fmt.Errorf("%d folders of the source of %s in %s; run fetch first", len(dirs), p.name, release)
	}
	return filepath.Abs(dirs[0])
}
