package equiv

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/tomlfile"
)

// Template is a file of facts to begin with.
//
//go:embed template.toml
var Template string

// Form is the version of the form that facts are written in.
const Form = 1

// Bounds on a file of facts.
const (
	maxText  = 4096 // bytes of a value
	maxFacts = 256  // values of a list
	maxName  = 100  // bytes of a user's, host's or group's name
)

// Facts are what is declared of two builds. A rule accepts what follows from
// them; without them the rules that need none are left.
type Facts struct {
	Digest wardein.Digest // of the file; zero for none

	Shipped, Rebuilt Build
	Paths            []Folder // folders of the builds
	Numbers          []Number // that stand in code or data and follow from the build
}

// Build is what is declared of one build.
type Build struct {
	Times    []Window // when it ran, and what it was told that the time is
	Users    []string // names of users and groups
	Hosts    []string
	Owners   []Owner
	Compiler string // it explains nothing, and is shown
	// Signatures are those that the release bears and the other build can't.
	Signatures []Signature
}

// Window is a run of time, seconds since 1970 UTC, the last included.
type Window struct{ From, To int64 }

// Owner is who owns files in archives and file systems.
type Owner struct{ UID, GID uint32 }

// Folder is where one folder stood in the two builds.
type Folder struct{ Shipped, Rebuilt string }

// Number is a pair of numbers that follow from the builds.
type Number struct {
	Shipped, Rebuilt uint64
	Files            []string // patterns of paths, none: in any file
}

// Signature says where a signature stands and whose it is.
type Signature struct {
	Files  []string // patterns of paths
	Kind   string   // "module", "cms", "rsa", "ed25519"
	At     int64    // offset; from the end if negative. Not for "module".
	Len    int64
	Hash   string // of "rsa": "sha256", "sha384", "sha512"
	Key    []byte // certificate or public key, PEM or DER
	Signer string // name of the key's file
}

// factsFile is a file of facts.
type factsFile struct {
	Form    int       `toml:"form"`
	Shipped buildFile `toml:"shipped"`
	Rebuilt buildFile `toml:"rebuilt"`
	Path    []struct {
		Shipped string `toml:"shipped"`
		Rebuilt string `toml:"rebuilt"`
	} `toml:"path"`
	Number []struct {
		Shipped int64    `toml:"shipped"`
		Rebuilt int64    `toml:"rebuilt"`
		Files   []string `toml:"files"`
	} `toml:"number"`
}

type buildFile struct {
	Epoch     *int64   `toml:"epoch"`
	Times     []string `toml:"times"`
	Users     []string `toml:"users"`
	Hosts     []string `toml:"hosts"`
	Owners    []string `toml:"owners"`
	Compiler  string   `toml:"compiler"`
	Signature []struct {
		Files []string `toml:"files"`
		Kind  string   `toml:"kind"`
		At    int64    `toml:"at"`
		Len   int64    `toml:"len"`
		Hash  string   `toml:"hash"`
		Key   string   `toml:"key"`
	} `toml:"signature"`
}

// Parse reads a file of facts. Its errors name the key. open reads the file of
// a key by the name that stands there.
func Parse(b []byte, open func(name string) ([]byte, error)) (*Facts, error) {
	var in factsFile
	if err := tomlfile.Read(b, &in); err != nil {
		return nil, err
	}
	k := &tomlfile.Keys{}
	k.Form(in.Form, Form)
	f := &Facts{Digest: sha256.Sum256(b)}
	f.Shipped = in.Shipped.read(k, "shipped", open)
	f.Rebuilt = in.Rebuilt.read(k, "rebuilt", open)
	most(k, "path", len(in.Path))
	for i, p := range in.Path {
		for _, side := range [][2]string{{"shipped", p.Shipped}, {"rebuilt", p.Rebuilt}} {
			key := tomlfile.At("path", i, side[0])
			k.Text(key, side[1], maxText)
			if len(side[1]) < 2 || side[1] != path.Clean(side[1]) || strings.Trim(side[1], "./") == "" {
				k.Bad(key, "%.40q is not the path of a folder as path tools clean it, with a name in it", side[1])
			}
		}
		f.Paths = append(f.Paths, Folder{p.Shipped, p.Rebuilt})
	}
	most(k, "number", len(in.Number))
	for i, n := range in.Number {
		for _, side := range []struct {
			name string
			n    int64
		}{{"shipped", n.Shipped}, {"rebuilt", n.Rebuilt}} {
			if side.n < leastNumber {
				k.Bad(tomlfile.At("number", i, side.name), "%d, at least %d: smaller numbers stand everywhere", side.n, leastNumber)
			}
		}
		patterns(k, tomlfile.At("number", i, "files"), n.Files)
		f.Numbers = append(f.Numbers, Number{uint64(n.Shipped), uint64(n.Rebuilt), n.Files})
	}
	// The longest first: a folder and one inside it may both be declared.
	slices.SortStableFunc(f.Paths, func(a, b Folder) int {
		return len(b.Shipped) + len(b.Rebuilt) - len(a.Shipped) - len(a.Rebuilt)
	})
	if err := k.Err(); err != nil {
		return nil, err
	}
	return f, nil
}

// leastNumber is the smallest number that can be declared to stand in code.
const leastNumber = 1000

func most(k *tomlfile.Keys, key string, n int) {
	if n > maxFacts {
		k.Bad(key, "%d, at most %d", n, maxFacts)
	}
}

func patterns(k *tomlfile.Keys, key string, list []string) {
	most(k, key, len(list))
	for _, p := range list {
		k.Text(key, p, maxText)
		if _, err := path.Match(p, ""); err != nil {
			k.Bad(key, "%.40q is no pattern", p)
		}
	}
}

func (in *buildFile) read(k *tomlfile.Keys, side string, open func(string) ([]byte, error)) (b Build) {
	if in.Epoch != nil {
		if *in.Epoch < firstTime || *in.Epoch > lastTime {
			k.Bad(side+".epoch", "%d is not a moment from 1970-01-02 to 2100", *in.Epoch)
		}
		b.Times = append(b.Times, Window{*in.Epoch, *in.Epoch})
	}
	most(k, side+".times", len(in.Times))
	for i, s := range in.Times {
		w, err := parseWindow(s)
		if err != nil {
			k.Bad(fmt.Sprintf("%s.times[%d]", side, i+1), "%v", err)
		}
		b.Times = append(b.Times, w)
	}
	words := func(key string, list []string) []string {
		most(k, key, len(list))
		for i, s := range list {
			key := fmt.Sprintf("%s[%d]", key, i+1)
			k.Text(key, s, maxName)
			if len(s) < 2 || !isWordText(s) {
				k.Bad(key, "%.40q is not a name of two characters or more: letters, digits, _ - . +", s)
			}
		}
		return list
	}
	b.Users, b.Hosts = words(side+".users", in.Users), words(side+".hosts", in.Hosts)
	most(k, side+".owners", len(in.Owners))
	for i, s := range in.Owners {
		u, g, ok := strings.Cut(s, ":")
		uid, err := strconv.ParseUint(u, 10, 32)
		gid, err2 := strconv.ParseUint(g, 10, 32)
		if !ok || err != nil || err2 != nil {
			k.Bad(fmt.Sprintf("%s.owners[%d]", side, i+1), "%.40q is not UID:GID", s)
		}
		b.Owners = append(b.Owners, Owner{uint32(uid), uint32(gid)})
	}
	if b.Compiler = in.Compiler; b.Compiler != "" {
		k.Text(side+".compiler", b.Compiler, maxText)
	}
	most(k, side+".signature", len(in.Signature))
	for i := range in.Signature {
		b.Signatures = append(b.Signatures, in.signature(k, side, i, open))
	}
	return b
}

func (in *buildFile) signature(k *tomlfile.Keys, side string, i int, open func(string) ([]byte, error)) Signature {
	s := &in.Signature[i]
	at := func(key string) string { return tomlfile.At(side+".signature", i, key) }
	out := Signature{Files: s.Files, Kind: s.Kind, At: s.At, Len: s.Len, Hash: s.Hash, Signer: path.Base(s.Key)}
	if len(s.Files) == 0 {
		k.Bad(at("files"), "is missing: patterns of the paths of files that bear it")
	}
	patterns(k, at("files"), s.Files)
	tomlfile.OneOf(k, at("kind"), s.Kind, "module", "cms", "rsa", "ed25519")
	switch s.Kind {
	case "module":
		if s.At != 0 || s.Len != 0 {
			k.Bad(at("at"), "a module's signature stands at its end and says its own length")
		}
	default:
		if s.Len < 16 || s.Len > 1<<20 {
			k.Bad(at("len"), "%d bytes, 16 to 1048576", s.Len)
		}
	}
	if out.Hash == "" {
		out.Hash = "sha256"
	}
	tomlfile.OneOf(k, at("hash"), out.Hash, "sha256", "sha384", "sha512")
	if s.Key == "" {
		return out
	}
	k.Text(at("key"), s.Key, maxText)
	if open == nil {
		k.Bad(at("key"), "keys can't be read here")
		return out
	}
	var err error
	if out.Key, err = open(s.Key); err != nil {
		k.Bad(at("key"), "%v", err)
	} else if _, err = publicKey(out.Key); err != nil {
		k.Bad(at("key"), "%v", err)
	}
	return out
}

// Swap returns the facts with the sides exchanged: those for comparing the
// rebuilt release with the shipped one.
func (f *Facts) Swap() *Facts {
	s := &Facts{Digest: f.Digest, Shipped: f.Rebuilt, Rebuilt: f.Shipped}
	for _, p := range f.Paths {
		s.Paths = append(s.Paths, Folder{p.Rebuilt, p.Shipped})
	}
	for _, n := range f.Numbers {
		s.Numbers = append(s.Numbers, Number{n.Rebuilt, n.Shipped, n.Files})
	}
	return s
}

// The moments that times are taken for: what lies outside is no build's.
const (
	firstTime = 86400
	lastTime  = 4102444800 // 2100-01-01
)

// parseWindow reads a window: a year, a month, a day, a moment in UTC
// (2022-08-31T10:00:00Z), seconds since 1970 after "@", or two of these with a
// "/" between.
func parseWindow(s string) (Window, error) {
	from, to, two := strings.Cut(s, "/")
	w, err := parseMoment(from)
	if err == nil && two {
		var end Window
		end, err = parseMoment(to)
		w.To = end.To
	}
	if err == nil && (w.To < w.From || w.From < firstTime || w.To > lastTime) {
		err = fmt.Errorf("%.60q is not a window between 1970-01-02 and 2100", s)
	}
	return w, err
}

func parseMoment(s string) (Window, error) {
	if n, ok := strings.CutPrefix(s, "@"); ok {
		v, err := strconv.ParseInt(n, 10, 64)
		if err != nil {
			return Window{}, fmt.Errorf("%.60q is not @ and seconds", s)
		}
		return Window{v, v}, nil
	}
	for _, f := range []struct {
		layout string
		end    func(time.Time) time.Time
	}{
		{"2006", func(t time.Time) time.Time { return t.AddDate(1, 0, 0) }},
		{"2006-01", func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }},
		{"2006-01-02", func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }},
		{"2006-01-02T15:04:05Z", func(t time.Time) time.Time { return t.Add(time.Second) }},
	} {
		if t, err := time.Parse(f.layout, s); err == nil {
			return Window{t.Unix(), f.end(t).Unix() - 1}, nil
		}
	}
	return Window{}, fmt.Errorf("%.60q is not a time as in 2022, 2022-08, 2022-08-31, 2022-08-31T10:00:00Z or @1661904000, nor two with / between", s)
}

// in tells whether the times of a build have a moment in common with a window.
func (b *Build) in(w Window) bool {
	return slices.ContainsFunc(b.Times, func(t Window) bool { return t.From <= w.To && w.From <= t.To })
}

// matches tells whether a path fits a pattern: as a whole, or from one of its
// names on.
func matches(patterns []string, p string) bool {
	for _, pattern := range patterns {
		for rest := p; ; {
			if ok, _ := path.Match(pattern, rest); ok {
				return true
			}
			i := strings.IndexByte(rest, '/')
			if i < 0 {
				break
			}
			rest = rest[i+1:]
		}
	}
	return false
}

// isWordByte tells whether a byte may be part of a user's or a host's name.
func isWordByte(c byte) bool {
	return c == '_' || c == '-' || c == '.' || c == '+' || isAlnum(c)
}

func isAlnum(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }

func isWordText(s string) bool {
	return bytes.IndexFunc([]byte(s), func(r rune) bool { return r > 0x7f || !isWordByte(byte(r)) }) < 0
}
