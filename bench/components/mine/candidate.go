package main

import (
	"bytes"
	"encoding/gob"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

// Bounds on the text around a version.
const (
	before    = 48
	after     = 40
	longest   = 28 // of a literal
	shortest  = 6
	perName   = 40 // candidates of a product that are tried
	keyLength = 10
)

// sighting is one place where a file carries its package's version.
type sighting struct {
	suite, pkg, debian, version, path string
	prefix, suffix                    string
	beside                            int // the version is a string of its own: before it (-1) or behind it (1) stands another
}

// candidate is the text around versions that stays the same.
type candidate struct {
	product        *mined
	prefix, suffix string // what all sightings have in common
	literal        string
	tail           bool // the literal stands behind the version
	beside         int
	versions       map[string]sighting
	files          map[string]bool
	expression     string
	re             *regexp.Regexp
	score          int

	right, wrong int            // hits in the product's own files
	wrongs       map[string]int // versions that they show
	others       map[string]int // hits in other products' files
	against      map[string]bool
	near         string // the literal without a version
	spread       int    // places of the literal
}

// mined is what was found of one product.
type mined struct {
	wanted
	about     string
	debian    map[string]string // package and version by upstream version
	packages  map[string]bool
	sonames   map[string]bool
	files     map[string]bool
	sightings []sighting
	single    bool // of one version only
	all       []*candidate
}

var (
	repacked = regexp.MustCompile(`[.+~-]?(?:dfsg|ds|repack|debian|deb|git|hg|svn|bzr|orig|nmu|gnu|really|cvs|ubuntu)[0-9.+~].*$|[.+~-](?:dfsg|ds|repack|debian|git|stable|orig|cvs)\d*$`)
	really   = regexp.MustCompile(`^.*[+.]really`)
	lettered = regexp.MustCompile(`^(.*\d)\.([a-z])$`)
	wellMade = regexp.MustCompile(`^\d[0-9A-Za-z.]*(?:[-_][0-9A-Za-z.]+)?$`)
)

// upstream gives the forms that a Debian version has in upstream's texts.
func upstream(v string) (out []string) {
	if _, rest, ok := strings.Cut(v, ":"); ok {
		v = rest
	}
	if i := strings.LastIndexByte(v, '-'); i > 0 {
		v = v[:i]
	}
	v = really.ReplaceAllString(v, "")
	v = repacked.ReplaceAllString(v, "")
	if i := strings.IndexByte(v, '+'); i > 0 {
		v = v[:i]
	}
	add := func(s string) {
		if len(s) >= 2 && wellMade.MatchString(s) {
			out = append(out, s)
		}
	}
	if m := lettered.FindStringSubmatch(v); m != nil {
		add(m[1] + m[2])
	}
	if a, b, ok := strings.Cut(v, "~"); ok {
		add(a + b)
		add(a + "-" + b)
		return out
	}
	add(v)
	if strings.Count(v, ".") >= 2 && strings.HasSuffix(v, ".0") {
		add(strings.TrimSuffix(v, ".0"))
	}
	return out
}

// each reads all kept packages.
func (o options) each(f func(k *kept) error) error {
	for _, s := range o.suites {
		names, _ := filepath.Glob(filepath.Join(o.work, s, "kept", "*.gob"))
		for _, n := range names {
			data, err := os.ReadFile(n)
			if err != nil {
				return err
			}
			k := new(kept)
			if err := gob.NewDecoder(bytes.NewReader(data)).Decode(k); err != nil {
				return err
			}
			if err := f(k); err != nil {
				return err
			}
		}
	}
	return nil
}

// look collects the sightings of one package.
func (m *mined) look(k *kept) {
	forms := upstream(k.Version)
	if len(forms) == 0 || len(k.Files) == 0 {
		return
	}
	m.packages[k.Package] = true
	if m.about == "" || k.Package == m.name || k.Package == m.sources[0] {
		m.about = k.About
	}
	for i := range k.Files {
		p := &k.Files[i]
		base := path.Base(p.Path)
		switch {
		case p.Soname != "" && strings.HasPrefix(p.Soname, "lib") && strings.Contains(p.Soname, ".so"):
			m.sonames[p.Soname[:strings.Index(p.Soname, ".so")+3]] = true
		case strings.Contains(p.Path, "bin/"):
			m.files[base] = true
		}
		for _, v := range forms {
			m.find(k, p, v)
		}
	}
}

func (m *mined) find(k *kept, p *program, v string) {
	seen := map[string]bool{}
	d := p.Data
	for off := 0; ; {
		i := bytes.Index(d[off:], []byte(v))
		if i < 0 {
			return
		}
		at := off + i
		off = at + len(v)
		if at > 0 && (digit(d[at-1]) || d[at-1] == '.' && at > 1 && digit(d[at-2])) || off < len(d) && (digit(d[off]) || letter(d[off])) ||
			off+1 < len(d) && d[off] == '.' && (digit(d[off+1]) || letter(d[off+1])) {
			continue
		}
		from := at
		for from > 0 && at-from < before && text(d[from-1]) {
			from--
		}
		if from > 0 && d[from-1] == 0 && at-from < before {
			from--
		}
		to := off
		for to < len(d) && to-off < after && text(d[to]) {
			to++
		}
		if to < len(d) && d[to] == 0 {
			to++
		}
		s := sighting{suite: k.Suite, pkg: k.Package, debian: k.Version, version: v, path: p.Path, prefix: string(d[from:at]), suffix: string(d[off:to])}
		if strings.Trim(s.prefix, "\x00") == "" && s.suffix == "\x00" && from < at {
			m.neighbours(s, d, from, to)
		}
		if key := s.prefix + "\x00" + s.suffix; !seen[key] && len(seen) < 60 && !machine.MatchString(s.prefix) {
			seen[key] = true
			m.sightings = append(m.sightings, s)
		}
	}
}

// neighbours are the strings that stand right before and behind a version
// that is a string of its own: constants of one source file keep their order.
func (m *mined) neighbours(s sighting, d []byte, from, to int) {
	s.suffix = "\x00"
	a := from
	for a > 0 && text(d[a-1]) && from-a < 64 {
		a--
	}
	if prev := string(d[a:from]); letters(prev) >= 5 && len(prev) >= 8 && len(prev) < 64 && !machine.MatchString(prev) {
		n := s
		n.prefix, n.beside = prev+"\x00", -1
		m.sightings = append(m.sightings, n)
	}
	z := to
	for z < len(d) && text(d[z]) && z-to < 64 {
		z++
	}
	if next := string(d[to:z]); letters(next) >= 5 && len(next) >= 8 && len(next) < 64 && !machine.MatchString(next) {
		n := s
		n.prefix, n.suffix, n.beside = "\x00", "\x00"+next, 1
		m.sightings = append(m.sightings, n)
	}
}

// machine tells texts of the machine that built the package, and nodes of
// other libraries.
var machine = regexp.MustCompile(`/build/|/usr/src|/usr/share/doc|\.\./|reproducible|GLIBC_$|GCC_$|CXXABI_|Debian|debian`)

func digit(c byte) bool  { return c >= '0' && c <= '9' }
func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func text(c byte) bool   { return c >= 0x20 && c < 0x7f || c == '\n' || c == '\t' || c == '\r' }

// group makes candidates of sightings whose text near the version is alike.
func (m *mined) group() {
	by := map[string][]sighting{}
	for _, s := range m.sightings {
		key := s.prefix[max(0, len(s.prefix)-keyLength):] + "|" + s.suffix[:min(len(s.suffix), 1)]
		if s.beside != 0 {
			key = "beside" + s.prefix + "|" + s.suffix
		} else if len(strings.Trim(s.prefix, "\x00")) < 3 {
			key = "|" + s.suffix[:min(len(s.suffix), keyLength)]
		}
		by[key] = append(by[key], s)
	}
	for _, list := range by {
		c := &candidate{product: m, prefix: list[0].prefix, suffix: list[0].suffix, beside: list[0].beside, versions: map[string]sighting{}, files: map[string]bool{},
			wrongs: map[string]int{}, others: map[string]int{}, against: map[string]bool{}}
		for _, s := range list {
			c.prefix = commonEnd(c.prefix, s.prefix)
			c.suffix = commonStart(c.suffix, s.suffix)
			if _, ok := c.versions[s.version]; !ok {
				c.versions[s.version] = s
			}
			c.files[path.Base(s.path)] = true
		}
		if len(c.versions) < 2 && !m.single || !c.form() {
			continue
		}
		m.all = append(m.all, c)
		// The same with three numbers at least, for texts that also name series.
		if s := strings.Replace(c.expression, dotted, dotted3, 1); s != c.expression {
			x := *c
			x.wrongs, x.others, x.against = map[string]int{}, map[string]int{}, map[string]bool{}
			x.expression, x.re, x.score = s, regexp.MustCompile("(?s)"+s), c.score-1
			if x.all3() {
				m.all = append(m.all, &x)
			}
		}
	}
}

func (c *candidate) all3() bool {
	for v := range c.versions {
		if strings.Count(v, ".") < 2 {
			return false
		}
	}
	return true
}

func commonEnd(a, b string) string {
	n := 0
	for n < len(a) && n < len(b) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return a[len(a)-n:]
}

func commonStart(a, b string) string {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return a[:n]
}

const (
	dotted = `\d{1,4}(?:\.\d{1,4}){1,3}(?:[a-z]\d{0,2}|[-._]?(?:rc|pre|beta|alpha|RC|p|P)\.?\d{1,3})?`
	// What other processors align, and the longer strings that some keep apart.
	between  = `\x00{1,8}(?:[^\x00]{31,100}\x00{1,8})?`
	dotted3  = `\d{1,4}(?:\.\d{1,4}){2,3}(?:[a-z]\d{0,2}|[-._]?(?:rc|pre|beta|alpha|RC|p|P)\.?\d{1,3})?`
	boundary = `(?:[^0-9A-Za-z.]|\.[^0-9A-Za-z])`
)

// shape is an expression for versions like these.
func shape(versions map[string]sighting) string {
	whole, dots := 0, 0
	d := regexp.MustCompile(`^(?:` + dotted + `)$`)
	shortest := 99
	for v := range versions {
		switch {
		case d.MatchString(v):
			dots++
		case strings.Trim(v, "0123456789") == "":
			whole++
		}
		shortest = min(shortest, len(v))
	}
	switch len(versions) {
	case dots:
		return dotted
	case whole:
		if shortest >= 6 {
			return `\d{6,8}`
		}
		return `\d{2,4}(?:\.\d{1,3})?`
	}
	return `\d[0-9A-Za-z]{0,7}(?:[-._][0-9A-Za-z]{1,8}){0,4}`
}

// form chooses the literal and writes the expression.
func (c *candidate) form() bool {
	v := shape(c.versions)
	head := c.prefix
	if _, rest, ok := strings.Cut(head, "-linux-gnu"); ok {
		head = rest
	}
	if len(head) > longest {
		head = head[len(head)-longest:]
		if i := strings.IndexAny(head, " \n"); i >= 0 && i < 8 {
			head = head[i+1:]
		}
	}
	switch {
	case strings.Contains(strings.ToLower(head+c.suffix), "debian"):
		return false
	case c.beside < 0:
		c.literal = strings.TrimSuffix(c.prefix, "\x00")
		c.literal = c.literal[max(0, len(c.literal)-longest-4):]
		c.expression = quoteRE(c.literal) + between + "(" + v + `)\x00`
	case c.beside > 0:
		c.literal = strings.TrimPrefix(c.suffix, "\x00")
		c.literal = c.literal[:min(len(c.literal), longest+4)]
		c.expression = `\x00(` + v + ")" + between + quoteRE(c.literal)
	case len(head) >= shortest && letters(head) >= 3:
		c.literal = head
		c.expression = quoteRE(head) + "(" + v + ")" + boundary
	case strings.Trim(head, "\x00 ") == "" && len(c.suffix) >= shortest && letters(c.suffix) >= 4 && len(c.prefix) > 0:
		c.tail = true
		c.literal = c.suffix[:min(len(c.suffix), longest)]
		c.expression = quoteRE(head) + "(" + v + ")" + quoteRE(c.literal)
	default:
		common := ""
		for w := range c.versions {
			if common == "" {
				common = w
			}
			common = commonStart(common, w)
		}
		common = common[:strings.LastIndexByte(common, '.')+1]
		if letters(head) < 2 || len(head)+len(common) < shortest || common == "" {
			return false
		}
		c.literal = head + common
		c.expression = quoteRE(head) + "(" + regexp.QuoteMeta(common) + `\d{1,4}(?:\.\d{1,4}){0,2}(?:[a-z]\d{0,2}|[-._]?(?:rc|pre|beta|alpha|RC|p|P)\.?\d{1,3})?)` + boundary
	}
	re, err := regexp.Compile("(?s)" + c.expression)
	if err != nil {
		return false
	}
	c.re = re
	c.score = min(len(strings.Trim(c.literal, "\x00 ")), 20) + 8*min(len(c.versions), 3) + min(len(c.files), 5)
	if c.named() {
		c.score += 30
	}
	if c.tail {
		c.score -= 10
	}
	if c.beside != 0 {
		c.score -= 25
	}
	return true
}

// spelled are names as programs print them.
var spelled = map[string][]string{
	"xz-utils": {"xz utils"}, "mbedtls": {"mbed tls"}, "capnproto": {"cap'n proto"}, "knot-resolver": {"knot resolver"}, "tpm2-tss": {"tss2"},
	"networkmanager": {"networkmanager"}, "libdrm": {"libdrm"}, "ksh": {"93u+m"}, "osmo-ggsn": {"osmoggsn"}, "osmo-bts": {"osmobts"}, "ulfius": {"websocket client framework"},
	"ppp": {"pppd"}, "e2fsprogs": {"ext2fs", "e2fsck"}, "device-tree-compiler": {"dtc"}, "net-tools": {"net-tools"}, "gcc": {"gcc: (gnu)", "libgcc"}, "aom": {"av1 decoder", "aomedia"},
}

// named tells that the literal has the product's name in it.
func (c *candidate) named() bool {
	l := strings.ToLower(c.literal)
	names := []string{c.product.name, strings.TrimPrefix(c.product.name, "lib"), strings.TrimRight(c.product.name, "0123456789.")}
	names = append(names, spelled[c.product.name]...)
	for f := range c.product.files {
		names = append(names, strings.ToLower(f))
	}
	for s := range c.product.sonames {
		names = append(names, strings.TrimPrefix(strings.TrimSuffix(s, ".so"), "lib"))
	}
	for _, n := range names {
		if len(n) >= 3 && strings.Contains(l, n) {
			return true
		}
	}
	return false
}

func letters(s string) (n int) {
	for i := range len(s) {
		if letter(s[i]) {
			n++
		}
	}
	return n
}

// quoteRE quotes a text; zeros become escapes.
func quoteRE(s string) string {
	r := strings.NewReplacer("\x00", `\x00`, "\n", `\n`, "\t", `\t`, "\r", `\r`)
	return r.Replace(regexp.QuoteMeta(s))
}
