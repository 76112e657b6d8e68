package cryptolib

import (
	"bytes"
	"embed"
	"encoding/hex"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/pelletier/go-toml/v2"

	"github.com/wardein/wardein/internal/lazy"
)

//go:embed data
var embedded embed.FS

// library is what is known of one crypto library: data/README.md.
type library struct {
	Name    string   `toml:"name"`
	Title   string   `toml:"title"`
	Sonames []string `toml:"sonames"`
	// Like names the library that this one was forked from and whose sets
	// are looked at: the version text tells the two apart.
	Like string `toml:"like"`
	// Fork names the library that this one, with sets of its own, was forked
	// from: it still has some of its texts.
	Fork   string `toml:"fork"`
	Source string `toml:"source"`
	Date   string `toml:"date"`
	// Lone matches a version number that stands alone in a text.
	Lone     string    `toml:"lone"`
	Versions []version `toml:"version"`
	Ends     []end     `toml:"end"`

	lone     *regexp.Regexp
	releases []release
}

// version is how a library's binaries state their release: a whole text that
// matches, with the number and, where it has one, the day of the release.
type version struct {
	Literal    string     `toml:"literal"`
	Expression string     `toml:"expression"`
	Yes        [][]string `toml:"yes"`
	No         []string   `toml:"no"`

	compiled *regexp.Regexp
	library  *library
}

// end is the last day on which upstream supported a branch.
type end struct {
	Branch     string `toml:"branch"`
	Date       string `toml:"date"`
	Source     string `toml:"source"`
	Unverified bool   `toml:"unverified"`
}

// release is one measured release and how many names and texts of it the set
// holds.
type release struct {
	version, source string
	exports, texts  int
}

// member is a name or text of a set: its library, and a bit for each release.
type member struct {
	library *library
	in      uint32
}

// table is a constant of an algorithm.
type table struct {
	Algorithm  string `toml:"algorithm"`
	Name       string `toml:"name"`
	Word       int    `toml:"word"`
	Bytes      string `toml:"bytes"`
	Source     string `toml:"source"`
	Unverified bool   `toml:"unverified"`
	// Plain tables are of no cryptography.
	Plain bool `toml:"plain"`
}

// constant is a table in one byte order, as the engine looks for it.
type constant struct {
	*table
	literal string
	order   string // "", "big-endian" or "little-endian"
}

type database struct {
	libraries []*library
	versions  []*version
	constants []constant
	exports   map[string][]member // a fork exports the same names
	texts     map[string]member
	days      map[string]string // of "library version", YYYY-MM-DD
	maybe     [1 << 12]bool     // by sieve: spares most look-ups
}

// known is the embedded data. That it can be read is a test's concern.
var known = sync.OnceValue(func() *database {
	d, err := load(embedded)
	if err != nil {
		panic(err)
	}
	return d
})

func load(fsys fs.FS) (*database, error) {
	d := &database{exports: map[string][]member{}, texts: map[string]member{}, days: map[string]string{}}
	var list struct {
		Library []*library `toml:"library"`
	}
	if err := decode(fsys, "data/libraries.toml", &list); err != nil {
		return nil, err
	}
	for _, l := range list.Library {
		if err := d.add(l); err != nil {
			return nil, fmt.Errorf("library %q: %w", l.Name, err)
		}
	}
	var tables struct {
		Table []*table `toml:"table"`
	}
	if err := decode(fsys, "data/tables.toml", &tables); err != nil {
		return nil, err
	}
	for _, t := range tables.Table {
		b, err := hex.DecodeString(t.Bytes)
		if err != nil || len(b) != 16 || t.Source == "" || t.Word > 1 && 16%t.Word != 0 {
			return nil, fmt.Errorf("table %s of %s: 16 bytes and a source are needed", t.Name, t.Algorithm)
		}
		if t.Word < 2 {
			d.constants = append(d.constants, constant{t, string(b), ""})
			continue
		}
		d.constants = append(d.constants, constant{t, string(b), "big-endian"})
		for w := range slices.Chunk(b, t.Word) {
			slices.Reverse(w)
		}
		d.constants = append(d.constants, constant{t, string(b), "little-endian"})
	}
	if err := d.released(fsys); err != nil {
		return nil, err
	}
	sets, err := fs.Glob(fsys, "data/sets/*.txt")
	if err != nil {
		return nil, err
	}
	for _, name := range sets {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		if err := d.set(strings.TrimSuffix(path.Base(name), ".txt"), data); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	return d, nil
}

// released reads the days of releases.
func (d *database) released(fsys fs.FS) error {
	data, err := fs.ReadFile(fsys, "data/days.txt")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(data)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		f := strings.Fields(line)
		if len(f) != 3 || d.library(f[0]) == nil || !dated().MatchString(f[2]) {
			return fmt.Errorf("data/days.txt: %q is no library, version and day", line)
		}
		d.days[f[0]+" "+f[1]] = f[2]
	}
	return nil
}

func decode(fsys fs.FS, name string, into any) error {
	data, err := fs.ReadFile(fsys, name)
	if err != nil {
		return err
	}
	if err := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(into); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}

var dated = lazy.Regexp(`^\d{4}-\d\d-\d\d$`)

func (d *database) add(l *library) (err error) {
	if l.Title == "" || l.Source == "" || !dated().MatchString(l.Date) || d.library(l.Name) != nil || l.Like != "" && d.library(l.Like) == nil || l.Fork != "" && d.library(l.Fork) == nil {
		return fmt.Errorf("title, source and date are needed, and a name of its own")
	}
	if l.Lone != "" {
		if l.lone, err = regexp.Compile(l.Lone); err != nil {
			return err
		}
	}
	for i := range l.Versions {
		v := &l.Versions[i]
		v.library = l
		if v.compiled, err = regexp.Compile(v.Expression); err != nil || len(v.Literal) < 6 || v.compiled.NumSubexp() < 1 {
			return fmt.Errorf("version %d: no literal of 6 bytes, or no expression with a group", i+1)
		}
		d.versions = append(d.versions, v)
	}
	for _, e := range l.Ends {
		if e.Branch == "" || !dated().MatchString(e.Date) || e.Source == "" {
			return fmt.Errorf("end of %q: date and source are needed", e.Branch)
		}
	}
	d.libraries = append(d.libraries, l)
	return nil
}

func (d *database) library(name string) *library {
	for _, l := range d.libraries {
		if l.Name == name {
			return l
		}
	}
	return nil
}

// sieve is a number of 12 bits for a text that is not empty.
func sieve(t []byte) uint32 {
	n := len(t)
	return (uint32(t[0])*0x9e3779b1 ^ uint32(t[n/2])*0x85ebca6b ^ uint32(t[n-1])*0xc2b2ae35 ^ uint32(n)*0x27d4eb2f) >> 20
}

// set reads one file of names and texts.
func (d *database) set(name string, data []byte) error {
	l := d.library(name)
	if l == nil {
		return fmt.Errorf("no library of that name")
	}
	for line := range strings.Lines(string(data)) {
		kind, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		in, what, ok := strings.Cut(rest, " ")
		if kind == "#" {
			continue
		}
		if kind == "release" {
			v, source, _ := strings.Cut(what, " ")
			if in != string(rune('a'+len(l.releases))) || v == "" || source == "" || len(l.releases) == 32 {
				return fmt.Errorf("release %q: letters in order, version and source are needed", rest)
			}
			l.releases = append(l.releases, release{version: v, source: source})
			continue
		}
		m := member{library: l}
		for _, c := range in {
			i := int(c - 'a')
			if i < 0 || i >= len(l.releases) {
				return fmt.Errorf("%q: no such release", line)
			}
			m.in |= 1 << i
			if kind == "export" {
				l.releases[i].exports++
			} else {
				l.releases[i].texts++
			}
		}
		switch {
		case !ok || what == "" || m.in == 0:
			return fmt.Errorf("%q is no export, text or release", line)
		case kind == "export":
			d.exports[what] = append(d.exports[what], m)
		case kind == "text" && d.texts[what].library == nil:
			d.texts[what] = m
			d.maybe[sieve([]byte(what))] = true
		default:
			return fmt.Errorf("%q is no export, text or release, or stands twice", line)
		}
	}
	return nil
}

// ended returns the end of a version's branch, if upstream stated one and it
// was verified.
func (l *library) ended(version string) (end, bool) {
	for _, e := range l.Ends {
		if rest, ok := strings.CutPrefix(version, e.Branch); ok && !e.Unverified && (rest == "" || rest[0] < '0' || rest[0] > '9') {
			return e, true
		}
	}
	return end{}, false
}
