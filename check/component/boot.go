package component

import (
	"strings"
	"sync"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/lazy"
)

// bootRules are the rules of the boot loader that keeps its version in its
// environment: variable ver, which U-Boot sets before it saves (U-Boot
// cmd/version.c, common/main.c).
var bootRules = sync.OnceValue(func() (list []int) {
	for i, r := range known().rules {
		if r.product.Name == "u-boot" {
			list = append(list, i)
		}
	}
	return list
})

// maxEnvironment is more than boot loaders keep: see format/ubootenv.
const maxEnvironment = 512 << 10

// isEnvironment tells a boot loader's environment as the format uboot-env
// hands it out: variables that end with zeros, among them ver.
func isEnvironment(b wardein.Blob) bool {
	if b.Format != "" && b.Format != "text" || b.Size > maxEnvironment {
		return false
	}
	at, _ := environmentOf(b)
	return at >= 0
}

// environmentOf returns the place of the version in an environment, and the
// rule that reads it; -1 for other contents.
func environmentOf(b wardein.Blob) (at int64, r *rule) {
	for _, i := range bootRules() {
		hits := b.Hits(markFirstRule + i)
		for _, off := range hits[:min(len(hits), maxPerRule)] {
			// In a text about an environment, lines end otherwise.
			var before [5]byte
			if off < int64(len(before)) {
				continue
			}
			if n, _ := b.ReadAt(before[:], off-int64(len(before))); n == len(before) && string(before[:]) == "\x00ver=" {
				return off, known().rules[i]
			}
		}
	}
	return -1, nil
}

// environment states which boot loader saved an environment.
func environment(b wardein.Blob, out func(wardein.Fact)) error {
	at, r := environmentOf(b)
	if at < 0 {
		return nil
	}
	w := make([]byte, min(windowSize, b.Size-at))
	if n, err := b.ReadAt(w, at); n < len(w) {
		return err
	}
	if v, from, to, ok := r.find(w, 0); ok && len(v) <= maxVersion {
		out(wardein.Fact{Kind: "environment", Off: at + int64(from), Len: int64(to - from), Attrs: []wardein.Note{
			note("product", r.product.Name), note("version", v), note("quote", quote(w[from:to]))}})
	}
	return nil
}

// The head of a kernel's configuration and its lines (Linux scripts/kconfig/confdata.c):
//
//	# Linux/arm 5.10.42 Kernel Configuration
//	CONFIG_NET=y
//	# CONFIG_SMP is not set
//
// Kernels before 2.6.34 wrote "# Linux kernel version: 2.6.30".
var (
	configHead = lazy.Regexp(`(?m)^# (?:Linux/[a-z0-9_]{2,16} |Linux kernel version: )(\d\.\d{1,3}(?:\.\d{1,3}){0,2})\S{0,40}(?: Kernel Configuration)?$`)
	configLine = lazy.Regexp(`^CONFIG_([A-Z0-9_a-z]{1,80})=([ym])$`)
)

// maxOptions is less than the facts that the engine takes of one blob.
const maxOptions = 9000

// configuration states a kernel's configuration: its version, and each option
// that is built in (y) or a module (m), for checks that ask what was built.
func (m *reader) configuration(line string, off int64) {
	if g := configLine().FindStringSubmatch(line); g != nil && m.stated < maxOptions {
		m.stated++
		m.out(wardein.Fact{Kind: "option", Off: off, Len: int64(len(line)), Attrs: []wardein.Note{note("name", g[1]), note("value", g[2])}})
		return
	}
	if g := configHead().FindStringSubmatch(line); g != nil && m.fields["configuration"] == "" {
		m.fields["configuration"] = g[1]
		m.out(wardein.Fact{Kind: "configuration", Off: off, Len: int64(len(line)), Attrs: []wardein.Note{
			note("product", "linux"), note("version", g[1]), note("quote", strings.TrimPrefix(line, "# "))}})
	}
}

// booted takes in what a boot loader's environment or a kernel's configuration
// says: it gives way to the banner, which stands in the program itself.
func (f *fuser) booted(at string, x wardein.Fact) {
	if p := f.data.byName[x.Attr("product")]; p != nil {
		f.add(p, candidate{path: at, by: p.By, version: x.Attr("version"), sure: wardein.Likely, rank: rankLone}, x)
	}
}
