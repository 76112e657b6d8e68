// Command cryptolib makes check/cryptolib/data/sets: names that the binaries
// of crypto libraries export, and texts that stand in them and in nothing
// else. releases.txt names the binaries; -common is a root file system whose
// programs no text of a set may stand in. See README.md beside the sets.
package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"debug/elf"
	"encoding/binary"
	"flag"
	"fmt"
	"io/fs"
	"log"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/wardein/wardein/check/cryptolib"
)

// A set holds about this many names and texts of one release: those with the
// smallest digests, which are the same in every release that has them.
const perRelease = 160

type release struct {
	library, version, source string
	exports, texts           map[string]bool
}

func main() {
	log.SetFlags(0)
	from := flag.String("from", "bench/work/cryptolib", "folder of the unpacked packages")
	list := flag.String("list", "bench/cryptolib/releases.txt", "list of releases")
	out := flag.String("out", "check/cryptolib/data/sets", "folder of the sets")
	date := flag.String("date", "", "date of the sets, YYYY-MM-DD")
	common := flag.String("common", "", "roots of other programs, separated by commas")
	heldout := flag.String("measure", "", "compare with this list of what files hold (heldout.tsv), instead of making sets")
	flag.Parse()
	if *heldout != "" {
		if err := measure(*from, *list, *heldout); err != nil {
			log.Fatal(err)
		}
		return
	}
	if err := run(*from, *list, *out, *date, strings.Split(*common, ",")); err != nil {
		log.Fatal(err)
	}
}

func run(from, list, out, date string, common []string) error {
	releases, own, err := read(from, list)
	if err != nil {
		return err
	}
	count := map[string]int{} // libraries that have a text
	for _, lib := range libraries(releases) {
		for t := range union(releases, lib, false) {
			count[t]++
		}
	}
	exported := map[string]bool{}
	for _, r := range releases {
		for e := range r.exports {
			exported[e] = true
		}
	}
	taken, err := others(common, own)
	if err != nil {
		return err
	}
	for _, lib := range libraries(releases) {
		if err := write(filepath.Join(out, lib+".txt"), lib, date, releases, func(t string) bool {
			return count[t] == 1 && !taken[t] && !exported[t]
		}); err != nil {
			return err
		}
	}
	return nil
}

// read reads the binaries of all releases; own are their digests.
func read(from, list string) (releases []*release, own map[[32]byte]bool, err error) {
	f, err := os.Open(list)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	own = map[[32]byte]bool{}
	for s := bufio.NewScanner(f); s.Scan(); {
		line, _, _ := strings.Cut(s.Text(), "#")
		p := strings.SplitN(line, "\t", 4)
		if len(p) < 4 {
			continue
		}
		r := &release{library: p[0], version: p[1], source: p[3], exports: map[string]bool{}, texts: map[string]bool{}}
		found := 0
		for _, pattern := range strings.Fields(p[2]) {
			files, _ := filepath.Glob(filepath.Join(from, pattern))
			for _, file := range files {
				data, err := os.ReadFile(file)
				if err != nil {
					return nil, nil, err
				}
				own[sha256.Sum256(data)] = true
				exports, texts := contents(data)
				// What is the same on all processors counts.
				if found == 0 {
					r.exports, r.texts = exports, texts
				} else {
					keep(r.exports, exports)
					keep(r.texts, texts)
				}
				found++
			}
		}
		if found == 0 {
			return nil, nil, fmt.Errorf("%s %s: no file at %s", r.library, r.version, p[2])
		}
		log.Printf("%s %s: %d files, %d exports, %d texts", r.library, r.version, found, len(r.exports), len(r.texts))
		releases = append(releases, r)
	}
	return releases, own, nil
}

func keep(set, also map[string]bool) {
	for k := range set {
		if !also[k] {
			delete(set, k)
		}
	}
}

// A text has a word; names that linkers make, folders and numbers don't count,
// nor what standards name: cipher suites, PEM labels.
var (
	worded = regexp.MustCompile(`[A-Za-z]{4}`)
	suite  = regexp.MustCompile(`^[A-Z0-9_-]*(AES|CBC|GCM|CCM|SHA|MD5|DES|CHACHA|CAMELLIA|ARIA|NULL)[A-Z0-9_-]*$|^TLS_[A-Za-z0-9_]+$|^-----`)
	linked = regexp.MustCompile(`^[_/-]|^0x|^lib[^ ]*\.so|^[A-Z_]+_[0-9.]+$|GLIBC|^GCC|^\.|\.debug$|OpenSSL [0-9]`)
)

func contents(data []byte) (exports, texts map[string]bool) {
	exports, texts = map[string]bool{}, map[string]bool{}
	names := map[string]bool{} // in the table of names, which users have too
	if f, err := elf.NewFile(bytes.NewReader(data)); err == nil {
		symbols, _ := f.DynamicSymbols()
		for _, s := range symbols {
			names[s.Name] = true
			if s.Section != elf.SHN_UNDEF && s.Section < elf.SHN_LORESERVE && s.Name != "" && s.Name[0] != '_' && len(s.Name) < 120 {
				exports[s.Name] = true
			}
			// C++ names begin so.
			if s.Section != elf.SHN_UNDEF && strings.HasPrefix(s.Name, "_ZN") && len(s.Name) < 120 {
				exports[s.Name] = true
			}
		}
	}
	cryptolib.Texts(context.Background(), bytes.NewReader(data), int64(len(data)), func(_ int64, t []byte) {
		if worded.Match(t) && !linked.Match(t) && !suite.Match(t) && len(t) <= 80 && (len(t) >= 16 || bytes.ContainsAny(t, " _/:")) && !names[string(t)] {
			texts[string(t)] = true
		}
	})
	return exports, texts
}

// others are the texts of the programs in some roots that hold no library of
// the list.
func others(roots []string, own map[[32]byte]bool) (map[string]bool, error) {
	taken := map[string]bool{}
	for _, root := range roots {
		if root == "" {
			continue
		}
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() || library.MatchString(d.Name()) {
				return err
			}
			info, err := d.Info()
			if err != nil || info.Size() < 4 || info.Size() > 64<<20 {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil || !bytes.HasPrefix(data, []byte(elf.ELFMAG)) || own[sha256.Sum256(data)] {
				return err
			}
			_, texts := contents(data)
			for t := range texts {
				taken[t] = true
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return taken, nil
}

// library tells the libraries themselves, which roots hold in other builds.
var library = regexp.MustCompile(`^lib(crypto|ssl|mbed|wolfssl|gcrypt|nettle|hogweed|gnutls|sodium|tomcrypt|botan|crypto\+\+|cryptopp|nss|freebl|softokn|smime|bearssl)|^gpgv-static$|^legacy\.so$`)

func libraries(releases []*release) (names []string) {
	for _, r := range releases {
		if !slices.Contains(names, r.library) {
			names = append(names, r.library)
		}
	}
	return names
}

func union(releases []*release, library string, exports bool) map[string]bool {
	u := map[string]bool{}
	for _, r := range releases {
		if r.library == library {
			for t := range r.texts {
				if !exports {
					u[t] = true
				}
			}
			for t := range r.exports {
				if exports {
					u[t] = true
				}
			}
		}
	}
	return u
}

func write(file, library, date string, all []*release, fit func(string) bool) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "# %s: exported names and texts of its releases, made by bench/cryptolib; %s\n", library, date)
	var releases []*release
	for _, r := range all {
		if r.library == library {
			releases = append(releases, r)
		}
	}
	chosen := map[string]bool{}
	for i, r := range releases {
		fmt.Fprintf(&b, "release %c %s %s\n", 'a'+i, r.version, r.source)
		for _, exports := range []bool{true, false} {
			var names []string
			set := r.texts
			if exports {
				set = r.exports
			}
			for n := range set {
				if exports || fit(n) {
					names = append(names, n)
				}
			}
			slices.SortFunc(names, func(a, b string) int { return int(rank(a)) - int(rank(b)) })
			for _, n := range names[:min(len(names), perRelease)] {
				chosen[kind(exports)+n] = true
			}
		}
	}
	var lines []string
	for key := range chosen {
		k, name, _ := strings.Cut(key, "\x00")
		in := ""
		for i, r := range releases {
			if k == "export" && r.exports[name] || k == "text" && r.texts[name] {
				in += string(rune('a' + i))
			}
		}
		lines = append(lines, k+" "+in+" "+name)
	}
	slices.Sort(lines)
	for _, l := range lines {
		b.WriteString(l + "\n")
	}
	return os.WriteFile(file, b.Bytes(), 0o644)
}

func kind(exports bool) string {
	if exports {
		return "export\x00"
	}
	return "text\x00"
}

// rank puts names in an order that is the same in all releases.
func rank(s string) uint32 {
	h := sha256.Sum256([]byte(s))
	return binary.BigEndian.Uint32(h[:]) >> 1
}
