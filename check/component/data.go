package component

import (
	"bytes"
	"embed"
	"fmt"
	"io/fs"
	"regexp"
	"slices"
	"strings"
	"sync"

	"github.com/pelletier/go-toml/v2"

	"github.com/wardein/wardein/internal/lazy"
)

//go:embed data
var files embed.FS

// product is one entry of the data files: what is known of a product's
// binaries. data/README.md explains the format.
type product struct {
	Name   string `toml:"name"`
	CPE    string `toml:"cpe"`
	PURL   string `toml:"purl"`
	Scheme string `toml:"scheme"`
	About  string `toml:"about"`
	Source string `toml:"source"`
	Date   string `toml:"date"`
	// Packages are names of source or binary packages that hold the product
	// in package databases, besides its own name.
	Packages []string `toml:"packages"`
	// Sonames and Files are compared without version: "libz.so" is of
	// libz.so.1, and so is "zlib" of zlib-1.2.13.
	Sonames []string `toml:"sonames"`
	Files   []string `toml:"files"`
	Exports []string `toml:"exports"`
	// Needs are libraries of the product: a program that needs others and none
	// of these has one of Files by chance (babeld of frr, and babeld).
	Needs []string `toml:"needs"`
	// ReleaseInName says that the number behind ".so." in the library's file
	// name is the release and not the interface.
	ReleaseInName bool `toml:"release_in_name"`
	// NameVersion is a regular expression over the library's file name whose
	// groups are the parts of the release: libacl.so.1.1.2301 is of acl 2.3.1.
	NameVersion string `toml:"name_version"`
	// Lone says what this product's version looks like where it is all of a
	// string, in programs whose other numbers do too.
	Lone    string   `toml:"lone"`
	Rules   []rule   `toml:"rule"`
	Getters []getter `toml:"getter"`

	// By names the way of identification of its rules, "rule" where empty:
	// "kernel" for operating systems, "boot loader".
	By string `toml:"by"`

	file string
}

// rule is a literal and the version that stands around it.
type rule struct {
	Literal string `toml:"literal"`
	// Version is a regular expression over the window around the literal;
	// its match must cover the literal, and its group is the version.
	Version string `toml:"version"`
	// Own says that a hit counts only in a file that names itself as this
	// product, by soname, export or base name: for texts that others carry.
	Own bool `toml:"own"`
	// NeedsNot are libraries: a file that needs one of them was built
	// against the product and does not hold it.
	NeedsNot []string `toml:"needs_not"`
	// Bytes is how a version is printed that stands there as bytes.
	Bytes string     `toml:"bytes"`
	Yes   [][]string `toml:"yes"`
	No    []string   `toml:"no"`

	product  *product
	compiled *regexp.Regexp
	once     sync.Once
}

// getter is an exported function that returns the version, or an exported
// object that holds it.
type getter struct {
	Export string `toml:"export"`
	// Form is how a number holds the version: "decimal 1000" is 3045001 for
	// 3.45.1, "hex 8" 0x020305 for 2.3.5, "hex 8 3" 0x0305 for 0.3.5; "u16 3"
	// are three numbers of 16 bits; "" is a string.
	Form string `toml:"form"`
}

// The window of a regular expression begins before the literal and is this
// large.
const (
	windowBefore = 96
	windowSize   = 416
)

// database is all products with their indexes.
type database struct {
	products []*product
	rules    []*rule // in the order of the literals
	byName   map[string]*product
	byAlias  map[string]*product // lower-case names of packages
	bySoname map[string][]*product
	byFile   map[string][]*product
	byExport map[string]*product
	getters  map[string]ownedGetter
}

type ownedGetter struct {
	getter
	product *product
}

// known is the embedded data. That it can be read is a test's concern.
var known = sync.OnceValue(func() *database {
	d, err := load(files)
	if err != nil {
		panic(err)
	}
	return d
})

// load reads all products of a folder data. An error names file and product.
func load(fsys fs.FS) (*database, error) {
	names, err := fs.Glob(fsys, "data/*.toml")
	if err != nil {
		return nil, err
	}
	d := &database{
		byName: map[string]*product{}, byAlias: map[string]*product{}, bySoname: map[string][]*product{},
		byFile: map[string][]*product{}, byExport: map[string]*product{}, getters: map[string]ownedGetter{},
	}
	slices.Sort(names)
	var additions []*product
	for _, name := range names {
		data, err := fs.ReadFile(fsys, name)
		if err != nil {
			return nil, err
		}
		var list struct {
			Product  []*product `toml:"product"`
			Addition []*product `toml:"addition"`
		}
		if err := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(&list); err != nil {
			if s, ok := err.(*toml.StrictMissingError); ok {
				return nil, fmt.Errorf("%s: %s", name, s.String())
			}
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for i, p := range list.Product {
			p.file = name
			if p.Name == "" {
				return nil, fmt.Errorf("%s: product %d has no name", name, i+1)
			}
			if err := d.add(p); err != nil {
				return nil, fmt.Errorf("%s: product %q: %w", name, p.Name, err)
			}
		}
		additions = append(additions, list.Addition...)
		for _, a := range list.Addition {
			a.file = name
		}
	}
	for _, a := range additions {
		p := d.byName[a.Name]
		if p == nil {
			return nil, fmt.Errorf("%s: addition %q: no such product", a.file, a.Name)
		}
		p.Packages, p.ReleaseInName = append(p.Packages, a.Packages...), p.ReleaseInName || a.ReleaseInName
		d.name(p, a.Sonames, a.Files)
	}
	return d, d.alias()
}

func (d *database) add(p *product) error {
	switch {
	case p.Name != strings.ToLower(p.Name) || strings.ContainsAny(p.Name, " \t/"):
		return fmt.Errorf("the name is not lower case without spaces")
	case d.byName[p.Name] != nil:
		return fmt.Errorf("is in %s already", d.byName[p.Name].file)
	case p.About == "" || p.Source == "":
		return fmt.Errorf("about and source must be stated")
	case !dated().MatchString(p.Date):
		return fmt.Errorf("date %q is not YYYY-MM-DD", p.Date)
	case p.CPE != "" && strings.Count(p.CPE, ":") != 1:
		return fmt.Errorf("cpe %q is not vendor:product", p.CPE)
	case p.PURL != "" && (!strings.HasPrefix(p.PURL, "pkg:") || strings.Contains(p.PURL, "@")):
		return fmt.Errorf("purl %q is not a package URL without version", p.PURL)
	}
	d.products, d.byName[p.Name] = append(d.products, p), p
	sonames, names := p.Sonames, p.Files
	p.Sonames, p.Files = nil, nil
	d.name(p, sonames, names)
	for _, s := range p.Exports {
		if q := d.byExport[s]; q != nil {
			return fmt.Errorf("export %q is %s's", s, q.Name)
		}
		d.byExport[s] = p
	}
	for i := range p.Rules {
		r := &p.Rules[i]
		r.product = p
		if err := r.check(); err != nil {
			return fmt.Errorf("rule %d: %w", i+1, err)
		}
		d.rules = append(d.rules, r)
	}
	for _, g := range p.Getters {
		if q, ok := d.getters[g.Export]; ok {
			return fmt.Errorf("getter %q is %s's", g.Export, q.product.Name)
		}
		if _, err := g.form(); err != nil {
			return fmt.Errorf("getter %q: %w", g.Export, err)
		}
		d.getters[g.Export] = ownedGetter{g, p}
	}
	return nil
}

// name adds sonames and base names to a product.
func (d *database) name(p *product, sonames, names []string) {
	p.Sonames, p.Files = append(p.Sonames, sonames...), append(p.Files, names...)
	for _, s := range sonames {
		d.bySoname[s] = append(d.bySoname[s], p)
	}
	for _, s := range names {
		d.byFile[s] = append(d.byFile[s], p)
	}
}

// alias fills in the names of packages once all products' own are known.
func (d *database) alias() error {
	for _, p := range d.products {
		d.byAlias[p.Name] = p
	}
	for _, p := range d.products { // mini_httpd is packaged as mini-httpd
		if s := strings.ReplaceAll(p.Name, "_", "-"); d.byAlias[s] == nil {
			d.byAlias[s] = p
		}
	}
	for _, p := range d.products {
		for _, s := range p.Packages {
			if q := d.byAlias[s]; q != nil && q != p {
				return fmt.Errorf("%s: product %q: package %q is %s's", p.file, p.Name, s, q.Name)
			}
			d.byAlias[s] = p
		}
	}
	return nil
}

var dated = lazy.Regexp(`^20\d\d-\d\d-\d\d$`)

func (r *rule) check() error {
	if len(r.Literal) < 6 || len(r.Literal) > 128 {
		return fmt.Errorf("literal %q has %d bytes, 6 to 128 are allowed", r.Literal, len(r.Literal))
	}
	if r.Version == "" {
		return nil
	}
	// Parsing costs a third of compiling, and most rules are never used.
	if n := strings.Count(r.Version, "(") - strings.Count(r.Version, "(?:") - strings.Count(r.Version, `\(`); n < 1 {
		return fmt.Errorf("version %q has no group", r.Version)
	}
	if r.product.By != "" && r.product.By != "kernel" && r.product.By != "boot loader" {
		return fmt.Errorf("by %q is neither kernel nor boot loader", r.product.By)
	}
	for _, yes := range r.Yes {
		if len(yes) != 2 {
			return fmt.Errorf("yes %q is not version and text", yes)
		}
	}
	return nil
}

// compile returns the rule's regular expression; a dot matches every byte.
func (r *rule) compile() *regexp.Regexp {
	r.once.Do(func() { r.compiled = regexp.MustCompile("(?s)" + r.Version) })
	return r.compiled
}

// find returns the version and the place of the match in b, a window in which
// the literal stands at off. A rule without an expression shows no version.
func (r *rule) find(b []byte, off int) (version string, from, to int, ok bool) {
	if r.Version == "" {
		return "", off, off + len(r.Literal), true
	}
	re := r.compile()
	for _, m := range re.FindAllSubmatchIndex(b, 8) {
		if m[0] <= off && m[1] >= off+len(r.Literal) && m[2] >= 0 {
			if r.Bytes != "" {
				return printed(r.Bytes, b[m[2]:m[3]]), m[0], m[1], true
			}
			return string(b[m[2]:m[3]]), m[0], m[1], true
		}
	}
	return "", 0, 0, false
}

// printed is a version whose numbers stand there as bytes.
func printed(format string, b []byte) string {
	args := make([]any, len(b))
	for i, c := range b {
		args[i] = c
	}
	return fmt.Sprintf(format, args...)
}
