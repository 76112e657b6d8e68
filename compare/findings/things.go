package findings

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/report"
	"github.com/wardein/wardein/vulndb/version"
)

// thing is something that findings name: a listener, an account, a key, a host.
type thing struct {
	kind      Kind
	key, name string
	says      []string // of each finding that names it, without repetition
	by        *wardein.Finding
	nodes     []string
}

// names are the rules whose findings name things, and how.
var names = map[string]func(f *wardein.Finding) []thing{
	"service.listening":               listeners,
	"service.clear":                   server,
	"service.clear-logins":            server,
	"service.debug":                   server,
	"service.telnet":                  telnet,
	"service.telnet-shell":            telnet,
	"hiddenaccess.unowned-listener":   nil, // by program, without a port: the row of the finding says it
	"account.empty-password":          account,
	"account.shipped-password":        account,
	"account.published-default":       account,
	"account.second-uid0":             account,
	"account.authorized-key":          authorised,
	"secret.private-key":              key,
	"secret.private-key-encrypted":    key,
	"update.hosts":                    hosts,
	"hiddenaccess.remote-address":     address,
	"hiddenaccess.well-known-address": wellKnown,
}

// listeners are the servers that are started at boot, each by its name and
// ports: "cwmpd tcp/7547 by etc/rc.d/S50cwmp".
func listeners(f *wardein.Finding) (all []thing) {
	for _, item := range split(arg(f, "list"), "; ") {
		what, by, ok := strings.Cut(item, " by ")
		if ok {
			all = append(all, thing{kind: Listener, key: what, says: []string{"started by " + by}})
		}
	}
	return all
}

// server is one of those that the list has, too, with what is to be said of it.
func server(f *wardein.Finding) []thing {
	key := arg(f, "program") + " " + strings.ReplaceAll(arg(f, "ports"), ", ", " ")
	if arg(f, "ports") == "" {
		key = arg(f, "program") + " (port not seen)"
	}
	if f.Reach == wardein.Local {
		key += " on loopback"
	}
	return []thing{{kind: Listener, key: key, says: []string{f.Rule}}}
}

func telnet(f *wardein.Finding) []thing {
	key := "telnetd tcp/" + arg(f, "port")
	if arg(f, "where") != "" {
		key += " on loopback"
	}
	return []thing{{kind: Listener, key: key, says: []string{"asks " + cmp.Or(arg(f, "login"), "nothing")}}}
}

// account is an account that something is to be said of; others are named by
// no finding.
func account(f *wardein.Finding) []thing {
	key := arg(f, "user")
	if over := arg(f, "over"); over != "" {
		key += " of " + over
	}
	says := f.Rule[len("account."):]
	if p := arg(f, "password"); p != "" && f.Rule != "account.empty-password" {
		says += " (" + p + ")"
	}
	return []thing{{kind: Account, key: key, says: []string{says}}}
}

func authorised(f *wardein.Finding) []thing {
	return []thing{{kind: Key, key: f.ID, name: "authorised SSH key " + arg(f, "type") + " " + arg(f, "shown"), says: []string{"in " + arg(f, "file")}}}
}

func key(f *wardein.Finding) []thing {
	is := "private key"
	if f.Rule == "secret.private-key-encrypted" {
		is = "encrypted private key"
	}
	name := is + " " + arg(f, "kind")
	if short := arg(f, "short"); short != "" {
		name += " " + short
	}
	return []thing{{kind: Key, key: cmp.Or(arg(f, "fingerprint"), f.ID), name: name, says: []string{arg(f, "files")}}}
}

func hosts(f *wardein.Finding) (all []thing) {
	for _, item := range split(arg(f, "list"), "; ") {
		host, in, _ := strings.Cut(item, " (")
		if !strings.HasPrefix(host, "and ") {
			all = append(all, thing{kind: Host, key: host, says: []string{strings.TrimSuffix(in, ")")}})
		}
	}
	return all
}

func address(f *wardein.Finding) []thing {
	return []thing{{kind: Host, key: arg(f, "address"), says: []string{"in " + arg(f, "files")}}}
}

func wellKnown(f *wardein.Finding) (all []thing) {
	for _, item := range split(arg(f, "list"), ", ") {
		host, is, _ := strings.Cut(item, " (")
		all = append(all, thing{kind: Host, key: host, says: []string{strings.TrimSuffix(is, ")")}})
	}
	return all
}

// thingsOf are the things that a report's findings name, each once.
func thingsOf(r *wardein.Report) map[string]*thing {
	all := map[string]*thing{}
	for i := range r.Findings {
		f := &r.Findings[i]
		of := names[f.Rule]
		if of == nil {
			continue
		}
		for _, t := range of(f) {
			if t.key == "" {
				continue
			}
			t.name = cmp.Or(t.name, t.key)
			id := string(t.kind) + "\x00" + t.key
			was := all[id]
			if was == nil {
				was = &thing{kind: t.kind, key: t.key, name: t.name, by: f}
				all[id] = was
			}
			if f.Severity > was.by.Severity {
				was.by = f
			}
			was.nodes = append(was.nodes, nodesOf(f)...)
			was.says = append(was.says, t.says...)
		}
	}
	for _, t := range all {
		slices.Sort(t.says)
		t.says = slices.Compact(t.says)
		slices.Sort(t.nodes)
		t.nodes = slices.Compact(t.nodes)
	}
	return all
}

func (t *thing) String() string { return strings.Join(t.says, "; ") }

func (c *comparison) things() {
	old, new := thingsOf(c.old.Report), thingsOf(c.new.Report)
	for _, id := range slices.Sorted(maps.Keys(old)) {
		a, b := old[id], new[id]
		r := Row{Kind: a.kind, Key: a.key, Name: a.name, Was: a.String(), Old: a.by, rank: a.by.Severity}
		if b == nil {
			c.absent(r, true, a.by.Check, a.nodes)
			continue
		}
		r.Name, r.Is, r.New, r.rank = b.name, b.String(), b.by, max(a.by.Severity, b.by.Severity)
		if r.Was != r.Is {
			r.What = []string{"text"}
		}
		c.both(r, a.key)
	}
	for _, id := range slices.Sorted(maps.Keys(new)) {
		if b := new[id]; old[id] == nil {
			c.absent(Row{Kind: b.kind, Key: b.key, Name: b.name, Is: b.String(), New: b.by, rank: b.by.Severity}, false, b.by.Check, b.nodes)
		}
	}
}

// components pairs components by name: first those of one version, then the
// ones that are left, where that is one on each side.
func (c *comparison) components() {
	old, new := componentsOf(c.old.Report), componentsOf(c.new.Report)
	for _, name := range slices.Sorted(maps.Keys(old)) {
		versions := func(x *wardein.Component) string { return x.Version }
		both, gone, came := pairs(old[name], new[name], versions, func(*wardein.Component) string { return "" })
		if len(gone) == 1 && len(came) == 1 {
			both, gone, came = append(both, [2]*wardein.Component{gone[0], came[0]}), nil, nil
		}
		for _, p := range both {
			c.component(p[0], p[1])
		}
		for _, x := range gone {
			c.loneComponent(x, true)
		}
		for _, x := range came {
			c.loneComponent(x, false)
		}
		delete(new, name)
	}
	for _, name := range slices.Sorted(maps.Keys(new)) {
		for _, x := range new[name] {
			c.loneComponent(x, false)
		}
	}
}

func componentsOf(r *wardein.Report) map[string][]*wardein.Component {
	all := map[string][]*wardein.Component{}
	for i := range r.Components {
		x := &r.Components[i]
		all[x.Name] = append(all[x.Name], x)
	}
	return all
}

func componentKey(x *wardein.Component) string { return x.Name + " " + x.Version }

func (c *comparison) component(a, b *wardein.Component) {
	r := Row{Kind: Component, Key: componentKey(b), Name: b.Name, Was: a.Version, Is: b.Version, Note: c.new.ends(b)}
	if a.Version != b.Version {
		r.What = []string{direction(a, b)}
	}
	c.both(r, componentKey(a))
}

// direction says whether a version is above or below another: "up", "down", or
// "version" where they have no order.
func direction(a, b *wardein.Component) string {
	s, ok := version.Named(b.Scheme)
	if a.Version == "" || b.Version == "" || a.Scheme != b.Scheme || !ok {
		return "version"
	}
	switch n, err := version.Compare(s, a.Version, b.Version); {
	case err != nil || n == 0:
		return "version"
	case n < 0:
		return "up"
	}
	return "down"
}

func (c *comparison) loneComponent(x *wardein.Component, isOld bool) {
	r := Row{Kind: Component, Key: componentKey(x), Name: x.Name}
	var nodes []string
	for _, s := range x.Seen {
		if !slices.Contains(nodes, s.Quote.Node) {
			nodes = append(nodes, s.Quote.Node)
		}
	}
	for _, d := range x.Declared {
		if !slices.Contains(nodes, d.Quote.Node) {
			nodes = append(nodes, d.Quote.Node)
		}
	}
	if isOld {
		r.Was, r.Note = cmp.Or(x.Version, "no version"), c.old.ends(x)
	} else {
		r.Is, r.Note = cmp.Or(x.Version, "no version"), c.new.ends(x)
	}
	c.absent(r, isOld, c.identifies(), nodes)
}

// identifies is the check that names components.
func (c *comparison) identifies() string {
	for i := range c.new.checks {
		if c.new.checks[i].Components != nil {
			return c.new.checks[i].Name
		}
	}
	return ""
}

// endsOf are the ends of life that findings date, by name and version.
func endsOf(r *wardein.Report) map[string]string {
	ends := map[string]string{}
	for i := range r.Findings {
		if f := &r.Findings[i]; f.Rule == "cryptolib.end-of-life" {
			ends[plainName(arg(f, "title"))+" "+arg(f, "version")] = "end of life " + arg(f, "end")
		}
	}
	return ends
}

// ends is a component's end of life, "" where no finding has its date.
func (r *reader) ends(x *wardein.Component) string {
	if r.lives == nil {
		r.lives = endsOf(r.Report)
	}
	return r.lives[plainName(x.Name)+" "+x.Version]
}

// plainName is a product's name without what its writings differ in.
func plainName(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, strings.ToLower(s))
}

// gapKey is what a gap of the next release has, too: offsets, sizes and the
// numbers in names may be others. Those of the whole release are told apart by
// what they say.
func gapKey(g *wardein.Gap) string {
	why := ""
	if g.Node == "" {
		why = plainPath(g.Why)
	}
	return strings.TrimSpace(strings.Join([]string{string(g.Kind), g.Who, plainPath(g.Node), why}, " "))
}

func (c *comparison) gaps() {
	refs := func(list []wardein.Gap) (out []*wardein.Gap) {
		for i := range list {
			out = append(out, &list[i])
		}
		return out
	}
	both, gone, came := pairs(refs(c.old.Gaps), refs(c.new.Gaps), gapKey, func(g *wardein.Gap) string { return g.Node + "\x00" + g.Why })
	alone := func(g *wardein.Gap, isOld bool) {
		r := Row{Kind: Gap, Key: gapKey(g), Name: string(g.Kind) + " " + place(g.Node)}
		if isOld {
			r.Was = gapSays(g)
		} else {
			r.Is = gapSays(g)
		}
		check := ""
		if slices.ContainsFunc(c.new.checks, func(x wardein.Check) bool { return x.Name == g.Who }) {
			check = g.Who
		}
		if check != "" && g.Node == "" { // that it had no data is what the gap says
			c.stated(r, isOld, check)
			return
		}
		c.absent(r, isOld, check, []string{g.Node})
	}
	for _, p := range both {
		r := Row{Kind: Gap, Key: gapKey(p[1]), Name: string(p[1].Kind) + " " + place(p[1].Node), Was: gapSays(p[0]), Is: gapSays(p[1])}
		if p[0].Len != p[1].Len {
			r.What = []string{arrow("size", report.Size(p[0].Len), report.Size(p[1].Len))}
		}
		c.both(r, gapKey(p[0]))
	}
	for _, g := range gone {
		alone(g, true)
	}
	for _, g := range came {
		alone(g, false)
	}
}

func gapSays(g *wardein.Gap) string { return g.Who + ": " + strings.TrimPrefix(g.Why, g.Who+": ") }

// coverage compares the shares of what was accounted for, opened and read.
func (c *comparison) coverage() {
	a, b := &c.old.Coverage, &c.new.Coverage
	c.share("bytes accounted", a.Accounted(), b.Accounted(), a.Known+a.Opaque+a.Unknown, b.Known+b.Opaque+b.Unknown)
	c.share("bytes opened", a.Opened(), b.Opened(), a.Known+a.Opaque+a.Unknown, b.Known+b.Opaque+b.Unknown)
	archs := map[string][2]wardein.CodeCount{}
	for i, v := range []*wardein.Coverage{a, b} {
		for _, k := range v.Code {
			p := archs[k.Arch]
			p[i] = k
			archs[k.Arch] = p
		}
	}
	for _, arch := range slices.Sorted(maps.Keys(archs)) {
		p := archs[arch]
		c.share(arch+" code read", wardein.Share(p[0].Read, p[0].Bytes), wardein.Share(p[1].Read, p[1].Bytes), p[0].Bytes, p[1].Bytes)
	}
}

// share is a row of one figure, in parts per million of bytes.
func (c *comparison) share(name string, a, b, ofA, ofB int64) {
	said := func(ppm, of int64) string {
		if of == 0 {
			return "none"
		}
		return fmt.Sprintf("%s of %s", report.Percent(ppm), report.Size(of))
	}
	r := Row{Kind: Coverage, Key: name, Name: name, Was: said(a, ofA), Is: said(b, ofB)}
	switch {
	case ofA == 0 && ofB == 0:
	case b < a:
		r.What = []string{"down"}
	case b > a:
		r.What = []string{"up"}
	case r.Was != r.Is:
		r.What = []string{"size"}
	}
	c.both(r, name)
}
