package secret

import (
	"context"
	_ "embed" // for the table
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/aside"
	"github.com/wardein/wardein/internal/stable"
)

// shown is how many places a finding quotes; its text says how many there are.
const shown = 10

// found is one distinct key and where it stands.
type found struct {
	fact    wardein.Fact
	node    string
	paths   int
	last    string
	quotes  []wardein.Quote
	blobs   map[wardein.Digest]bool
	program bool
	open    bool // an account without rights can read it
}

// testKeys are keys that libraries carry for their self-test, by fingerprint,
// with the library's name.
var testKeys = sync.OnceValue(func() map[string]string {
	m := map[string]string{}
	for line := range strings.Lines(testKeysTable) {
		if f := strings.Split(line, "\t"); line[0] != '#' && len(f) > 1 {
			m[f[0]] = f[1]
		}
	}
	return m
})

//go:embed data/testkeys.tsv
var testKeysTable string

func tree(_ context.Context, t wardein.Tree, known []*KeySet, out func(wardein.Finding)) error {
	byKey := map[string]*found{}
	var order []*found
	groups := map[string]*group{}
	var shows struct { // keys among documentation, examples and tests
		n      int
		ids    []string
		quotes []wardein.Quote
	}
	tests := map[wardein.Digest]bool{} // programs that hold a library's test keys
	for n, f := range t.Facts("secret") {
		if f.Attr("test") != "" && isProgram(n) {
			tests[n.Blob] = true
		}
	}
	for n, f := range t.Facts("secret") {
		if f.Kind == "setting" {
			gather(groups, n, f)
			continue
		}
		// Next to test keys stand others whose public part is not told:
		// encrypted, or of kinds that are not computed here (GOST).
		if !Counts(n, f) || f.Attr("fingerprint") == "" && tests[n.Blob] {
			continue
		}
		if aside.Is(n.Path) {
			if len(shows.quotes) < shown {
				shows.quotes = append(shows.quotes, wardein.Quote{Node: n.Path, Off: f.Off, Len: f.Len})
			}
			shows.n++
			shows.ids = append(shows.ids, f.Attr("identity"))
			continue
		}
		id := f.Attr("identity") + f.Attr("encrypted")
		k := byKey[id]
		if k == nil {
			k = &found{fact: f, node: n.Path, blobs: map[wardein.Digest]bool{}}
			byKey[id] = k
			order = append(order, k)
		}
		if n.Path != k.last || k.paths == 0 {
			k.paths++
			k.last = n.Path
		}
		k.blobs[n.Blob] = true
		k.program = k.program || isProgram(n)
		k.open = k.open || n.Mode&0o004 != 0
		if len(k.quotes) < shown {
			k.quotes = append(k.quotes, wardein.Quote{Node: n.Path, Off: f.Off, Len: f.Len})
		}
	}
	subjects := map[string]string{}
	if len(order) > 0 {
		for _, f := range t.Facts("cert") {
			if p := f.Attr("spki"); subjects[p] == "" {
				subjects[p] = f.Attr("subject")
			}
		}
	}
	for _, k := range order {
		print := k.fact.Attr("fingerprint")
		out(k.finding(subjects[print]))
		if len(k.blobs) > 1 && print != "" {
			out(k.same())
		}
		for _, set := range known {
			if note, ok := set.Has(print); ok {
				out(k.known(set, note))
			}
		}
	}
	if shows.n > 0 {
		slices.Sort(shows.ids)
		out(wardein.Finding{
			Rule: "secret.example-keys", ID: stable.ID("secret.example-keys", slices.Compact(shows.ids)...), Node: shows.quotes[0].Node, Confidence: wardein.Possible,
			Says: wardein.Text{ID: "secret.aside", Args: []wardein.Note{{Name: "keys", Value: count(shows.n, "private key")}}},
			Fix:  wardein.Text{ID: "secret.fix-aside"}, Meanwhile: wardein.Text{ID: "secret.until-aside"}, Quotes: shows.quotes,
		})
	}
	for _, kind := range kinds {
		if g := groups[kind.name]; g != nil {
			out(g.finding(&kind))
		}
	}
	return nil
}

func isProgram(n *wardein.Node) bool { return n.Format == "elf" || n.Format == "pe" }

// finding is that a key stands in the release. subject is its certificate's,
// "" for none.
func (k *found) finding(subject string) wardein.Finding {
	f := wardein.Finding{
		Rule: "secret.private-key", Node: k.node, Severity: wardein.High, Confidence: wardein.Certain,
		Says: k.text("secret.open"), Fix: wardein.Text{ID: "secret.fix"}, Meanwhile: wardein.Text{ID: "secret.until"}, Quotes: k.quotes,
	}
	if k.fact.Attr("verified") == "no" {
		f.Confidence = wardein.Likely
	}
	switch {
	case k.fact.Attr("encrypted") == "yes":
		f.Rule, f.Severity = "secret.private-key-encrypted", wardein.Low
		f.Says, f.Fix = k.text("secret.encrypted"), wardein.Text{ID: "secret.fix-encrypted"}
	case k.fact.Attr("verified") == "no":
		f.Says = k.text("secret.unread")
	case k.fact.Attr("form") == "OpenVPN":
		f.Says = k.text("secret.shared-key")
	case k.fact.Attr("test") != "":
		f.Says = k.text("secret.open-published", wardein.Note{Name: "library", Value: k.fact.Attr("test")})
	case subject != "":
		f.Says = k.text("secret.open-cert", wardein.Note{Name: "subject", Value: subject})
	}
	if k.open {
		f.Reach = wardein.Local
	}
	f.ID = stable.ID(f.Rule, k.fact.Attr("identity"))
	return f
}

// same is the finding that a key has several uses or copies. Copies of one
// file (two banks of flash) do not count.
func (k *found) same() wardein.Finding {
	f := wardein.Finding{
		Rule: "secret.same-key", Node: k.node, Severity: wardein.Low, Confidence: wardein.Certain,
		Says: k.text("secret.same"), Fix: wardein.Text{ID: "secret.fix-same"}, Meanwhile: wardein.Text{ID: "secret.until-same"}, Quotes: k.quotes,
	}
	if k.program {
		f.Severity, f.Says = wardein.Medium, k.text("secret.same-program")
	}
	f.ID = stable.ID(f.Rule, k.fact.Attr("identity"))
	return f
}

// known is the finding that a key is in a named set, too.
func (k *found) known(set *KeySet, note string) wardein.Finding {
	if note != "" {
		note = " (" + note + ")"
	}
	f := wardein.Finding{
		Rule: "secret.key-known", Node: k.node, Severity: wardein.High, Confidence: wardein.Certain,
		Says: k.text("secret.known", wardein.Note{Name: "set", Value: set.Name}, wardein.Note{Name: "note", Value: note}),
		Fix:  wardein.Text{ID: "secret.fix"}, Meanwhile: wardein.Text{ID: "secret.until"}, Quotes: k.quotes,
	}
	if k.fact.Attr("encrypted") == "yes" {
		f.Severity = wardein.Medium
	}
	f.ID = stable.ID(f.Rule, k.fact.Attr("identity"), set.Name)
	return f
}

func (k *found) text(id string, more ...wardein.Note) wardein.Text {
	kind, print := k.fact.Attr("kind"), k.fact.Attr("fingerprint")
	if bits := k.fact.Attr("bits"); bits != "0" && (kind == "RSA" || kind == "DSA") {
		kind += " " + bits + " bits"
	}
	if kind == "" {
		kind = "kind not shown"
	}
	switch form := k.fact.Attr("form"); form {
	case "Dropbear", "PuTTY", "JKS", "JCEKS", "PKCS#12", "OpenPGP", "WireGuard", "age":
		kind += ", " + form
	}
	return wardein.Text{ID: id, Args: append([]wardein.Note{{Name: "kind", Value: kind}, {Name: "files", Value: count(k.paths, "file")},
		{Name: "short", Value: print[:min(16, len(print))]}, {Name: "fingerprint", Value: print}}, more...)}
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// group is what stands in the release of one kind of credential.
type group struct {
	node     string
	files    map[string]bool
	names    []string
	named    map[string]bool
	quotes   []wardein.Quote
	n        int
	defaults int
	locals   int  // how many are of services for the unit itself
	writes   bool // a name says that it may write
	inForce  bool // one stands where configuration does
	programs int  // how many stand in programs
}

// kind is a kind of credential.
type kind struct {
	name     string
	severity wardein.Severity
	reach    wardein.Reach
	until    string
}

// kinds are the kinds of credentials that settings hold: how grave, and from
// where what uses them is reached, where that is the unit itself.
var kinds = []kind{
	{"snmp-community", wardein.Medium, wardein.Management, "secret.until-snmp"},
	{"snmp-user", wardein.Medium, wardein.Management, "secret.until-snmp"},
	{"acs", wardein.High, wardein.Management, "secret.until-setting"},
	{"login", wardein.High, wardein.Management, "secret.until-setting"},
	{"web-user", wardein.Medium, wardein.Management, "secret.until-setting"},
	{"wifi", wardein.High, wardein.SubscriberSide, "secret.until-setting"},
	{"ppp", wardein.Medium, wardein.NoneShown, "secret.until-setting"},
	{"vpn", wardein.High, wardein.NoneShown, "secret.until-setting"},
	{"aaa", wardein.High, wardein.Management, "secret.until-setting"},
	{"sip", wardein.Medium, wardein.NoneShown, "secret.until-setting"},
	{"service", wardein.Medium, wardein.NoneShown, "secret.until-setting"},
	{"url", wardein.Medium, wardein.NoneShown, "secret.until-setting"},
	{"token", wardein.High, wardein.NoneShown, "secret.until-token"},
	{"setting", wardein.Low, wardein.NoneShown, "secret.until-setting"},
}

// Counts tells whether a fact of this check is a secret at the place where it
// stands: no test key inside a library, and no setting of a file that only shows
// or tests something.
func Counts(n *wardein.Node, f wardein.Fact) bool {
	if f.Kind != "setting" {
		return f.Attr("test") == "" || !isProgram(n)
	}
	kind := f.Attr("kind")
	byForm := kind == "url" || kind == "web-user" || kind == "token" && strings.Contains(f.Attr("name"), " ")
	return !aside.Is(n.Path) && confirmed(f.Attr("name"), n.Path) && !prose(n.Path) && (byForm || !source(n.Path) && (!shared(n.Path) || configured(n.Path))) &&
		(kind != "setting" || configuration(n.Path))
}

// gather adds a setting to its group, unless its file only shows or tests
// something.
func gather(groups map[string]*group, n *wardein.Node, f wardein.Fact) {
	if !Counts(n, f) {
		return
	}
	kind, name := f.Attr("kind"), f.Attr("name")
	g := groups[kind]
	if g == nil {
		g = &group{node: n.Path, files: map[string]bool{}, named: map[string]bool{}}
		groups[kind] = g
	}
	g.n++
	g.files[n.Path] = true
	if f.Attr("default") == "yes" {
		g.defaults++
	}
	if f.Attr("local") == "yes" {
		g.locals++
	}
	if isProgram(n) {
		g.programs++
	}
	g.inForce = g.inForce || configuration(n.Path) && !isProgram(n)
	if !g.named[name] {
		g.named[name] = true
		g.names = append(g.names, name)
	}
	if low := strings.ToLower(name); kind == "snmp-community" && (strings.Contains(low, "rw") || strings.Contains(low, "write") || strings.Contains(low, "set")) {
		g.writes = true
	}
	if len(g.quotes) < shown {
		g.quotes = append(g.quotes, wardein.Quote{Node: n.Path, Off: f.Off, Len: f.Len})
	}
}

func (g *group) finding(kind *kind) wardein.Finding {
	slices.Sort(g.names)
	names := strings.Join(g.names[:min(len(g.names), 5)], ", ")
	if more := len(g.names) - 5; more > 0 {
		names += fmt.Sprintf(" and %d more", more)
	}
	f := wardein.Finding{
		Rule: "secret." + kind.name, Node: g.node, Severity: kind.severity, Confidence: wardein.Likely, Reach: wardein.NoneShown,
		Says: wardein.Text{ID: "secret." + kind.name, Args: []wardein.Note{{Name: "files", Value: count(len(g.files), "file")}, {Name: "names", Value: names},
			{Name: "count", Value: count(g.n, "password")}, {Name: "defaults", Value: strconv.Itoa(g.defaults)}}},
		Fix: wardein.Text{ID: "secret.fix-setting"}, Meanwhile: wardein.Text{ID: kind.until}, Quotes: g.quotes,
	}
	if g.inForce {
		f.Reach = kind.reach
	}
	switch {
	case kind.name == "token":
		f.Fix = wardein.Text{ID: "secret.fix-token"}
	case kind.name == "setting" || g.programs == g.n && kind.name != "url":
		f.Confidence = wardein.Possible
	case g.defaults > 0:
		f.Says.ID, f.Confidence = "secret.snmp-default", wardein.Certain
	case kind.name == "web-user":
		f.Confidence = wardein.Certain
	}
	switch {
	case g.locals == g.n:
		f.Severity = wardein.Low
		f.Says.ID += "-local"
		if f.Reach != wardein.NoneShown {
			f.Reach = wardein.Local
		}
	case g.writes:
		f.Severity = wardein.High
	}
	f.ID = stable.ID(f.Rule, g.names...)
	return f
}

// extension is what stands behind the last dot of a path's last part.
func extension(path string) string {
	base := strings.ToLower(path[strings.LastIndexByte(path, '/')+1:])
	return base[strings.LastIndexByte(base, '.')+1:]
}

// prose tells files that are written for people.
func prose(path string) bool {
	switch extension(path) {
	case "pkg-info", "metadata", "readme", "changelog", "news", "copyright", "md", "rst", "html", "htm", "po", "mo", "pod", "man", "tex", "texi", "svg", "css", "1", "2", "3", "4", "5", "6", "7", "8":
		return true
	case "txt":
		base := strings.ToLower(path[strings.LastIndexByte(path, '/')+1:])
		return !strings.Contains(base, "conf") && !strings.Contains(base, "nvram") && !strings.Contains(base, "cfg") && !strings.Contains(base, "setting")
	}
	return false
}

// source tells files of programs in text, where a name with a value is as
// often a variable as a setting.
func source(path string) bool {
	switch extension(path) {
	case "py", "pyi", "pl", "pm", "rb", "js", "mjs", "ts", "c", "h", "cc", "cpp", "hpp", "go", "java", "tcl", "vim", "el", "awk", "php", "lua", "m4", "am", "in", "templates", "asn", "mib", "sql":
		return true
	}
	return false
}

// shared tells files of the release that nobody edits, most of which are no
// configuration.
func shared(path string) bool {
	return strings.Contains(path, "usr/share/") || strings.Contains(path, "usr/lib/") || strings.Contains(path, "/template") || strings.Contains(path, "-available/")
}

// configured tells forms that configuration is written in.
func configured(path string) bool {
	switch extension(path) {
	case "conf", "cfg", "ini", "xml", "json", "yaml", "yml", "toml", "properties", "env", "cnf", "config", "nvram", "bak", "defaults", "netrc", "nmconnection", "secrets", "uci":
		return true
	}
	return false
}

// configuration tells files that settings are read from, by their paths.
func configuration(path string) bool {
	low := strings.ToLower(path)
	return !shared(low) && (configured(path) || strings.Contains(low, "etc/") || strings.Contains(low, "/config") || strings.Contains(low, "nvram") ||
		strings.HasSuffix(low, "-secrets") || strings.Contains(low, "<orphan>/")) // deleted: no path is told
}
