package component

import (
	"strings"

	"github.com/wardein/wardein/internal/lazy"
)

// opkg's status says nothing of sources; the control file that each package
// has beside it does (SourceName), and small images leave those out.

// settle gives opkg's packages the names of their sources, and makes one
// declaration of a package's entry in the status and its control file.
func (f *fuser) settle() {
	type key struct{ root, name, version string }
	of := func(d *declared) key { return key{rootOf(d.Quote.Node), d.Package, d.Version} }
	source, taken := map[key]string{}, map[key]bool{}
	byVersion := map[[2]string][]string{} // packages of one version, by root and version
	for i := range f.declared {
		if d := &f.declared[i]; d.System == "opkg" {
			k := of(d)
			if d.Source != "" {
				source[k] = d.Source
			}
			v := [2]string{k.root, k.version}
			byVersion[v] = append(byVersion[v], d.Package)
		}
	}
	kept := f.declared[:0]
	for _, d := range f.declared {
		if d.System == "opkg" {
			k := of(&d)
			if taken[k] {
				continue
			}
			taken[k] = true
			if d.Source = source[k]; d.Source == "" || d.Source == "toolchain" {
				d.Source = recipe(d.Package, d.Version, byVersion[[2]string{k.root, k.version}])
			}
		}
		kept = append(kept, d)
	}
	f.declared = kept
}

var (
	abi    = lazy.Regexp(`(?:\d{8}|-?\d+(?:\.\d+)*)$`)
	commit = lazy.Regexp(`^20\d\d-\d\d-\d\d.[0-9a-f]{7,}`)
)

// recipe is the source of a package of OpenWrt that nothing states: kernel
// modules are the kernel's, the C library is told by its version, and a
// library is of the package that has its name and its very version.
func recipe(name, version string, beside []string) string {
	switch {
	case strings.HasPrefix(name, "kmod-") && strings.ContainsAny(version, "+"):
		return "mac80211" // drivers of a newer kernel
	case strings.HasPrefix(name, "kmod-"):
		return "linux"
	case name == "libgcc", name == "libgcc1", name == "libstdcpp", name == "libstdcpp6", name == "libatomic", name == "libatomic1", name == "libgomp":
		return "gcc"
	case name == "libc", name == "libpthread", name == "librt", name == "libthread-db":
		switch {
		case strings.HasPrefix(version, "2."):
			return "glibc"
		case strings.HasPrefix(version, "1.1.") || strings.HasPrefix(version, "1.2."):
			return "musl"
		case strings.HasPrefix(version, "0.9."):
			return "uclibc"
		case strings.HasPrefix(version, "1.0."):
			return "uclibc-ng"
		}
		return ""
	}
	stem, ok := strings.CutPrefix(abi().ReplaceAllString(name, ""), "lib")
	if !ok {
		return ""
	}
	best := ""
	for _, p := range beside {
		if p == name || len(p) < 2 {
			continue
		}
		plain := strings.TrimPrefix(abi().ReplaceAllString(p, ""), "lib")
		// Releases are numbered alike by chance; dates with a commit are not.
		if strings.HasPrefix(stem, plain) && plain != stem || plain == stem && !strings.HasPrefix(p, "lib") || commit().MatchString(version) && !strings.HasPrefix(p, "lib") {
			if best == "" || len(p) < len(best) || len(p) == len(best) && p < best {
				best = p
			}
		}
	}
	return best
}
