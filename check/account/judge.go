package account

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/aside"
	"github.com/wardein/wardein/internal/stable"
	"github.com/wardein/wardein/startup"
)

// set is a passwd table with its shadow table.
type set struct {
	path     string
	standing bool
	ways     []startup.Line // that let in from boot on
	web      map[string]startup.Line
	passwd   []entry
	shadow   []entry
	defaults map[place]wardein.Fact
}

// entry is a row and where it stands.
type entry struct {
	node string
	wardein.Fact
}

func (e *entry) quote() wardein.Quote {
	return e.Fact.Quote(e.node, "line")
}

// place is where a password field stands.
type place struct {
	node string
	off  int64
}

func tree(_ context.Context, t wardein.Tree, out func(wardein.Finding)) error {
	sets := map[string]*set{}
	var order []*set
	found := &findings{byID: map[string]int{}}
	_, lines := startup.Read(t)
	defaults := map[place]wardein.Fact{}
	var logins []entry
	left := notCompared{}
	for n, f := range t.Facts("account") {
		dir, base := path.Split(n.Path)
		switch f.Kind {
		case "ssh-key":
			if strings.HasPrefix(base, "authorized_keys") {
				found.add(authorised(n.Path, f))
			}
			continue
		case "login":
			logins = append(logins, entry{n.Path, f})
			continue
		case "published":
			defaults[place{n.Path, f.Off}] = f
			continue
		case "not-compared":
			left.add(n.Path, f)
			continue
		}
		key := dir + strings.Replace(base, "shadow", "passwd", 1)
		if base == "master.passwd" {
			key = n.Path
		}
		s := sets[key]
		if s == nil {
			s = &set{path: n.Path, ways: startup.Logins(lines, n.Path), defaults: defaults}
			sets[key] = s
			order = append(order, s)
		}
		s.standing = s.standing || path.Base(dir) == "etc" && (base == "passwd" || base == "shadow" || base == "master.passwd")
		if f.Kind == "shadow" {
			s.shadow = append(s.shadow, entry{n.Path, f})
		} else {
			s.passwd = append(s.passwd, entry{n.Path, f})
		}
	}
	web := webLogins(lines, logins)
	for _, s := range order {
		root, _ := startup.Root(s.path)
		s.web = web[root]
		s.judge(found)
	}
	for i := range logins {
		if f, ok := judgeLogin(&logins[i], defaults); ok {
			found.add(f)
		}
	}
	for _, f := range found.list {
		out(f)
	}
	return left.gaps()
}

// webLogins are the ways over OpenWrt's web interface: by root and account of
// the system, where rpcd has a login with its password and uhttpd is started.
func webLogins(lines []startup.Line, logins []entry) map[string]map[string]startup.Line {
	servers := map[string]startup.Line{} // by root; the last one counts
	for _, l := range lines {
		if l.As != "" && path.Base(l.Fact.Attr("path")) == "uhttpd" {
			root, _ := startup.Root(l.Node.Path)
			servers[root] = l
		}
	}
	ways := map[string]map[string]startup.Line{}
	for i := range logins {
		root, rel := startup.Root(logins[i].node)
		l, ok := servers[root]
		if user := logins[i].Attr("system"); user != "" && ok && rel == "etc/config/rpcd" {
			if ways[root] == nil {
				l.Fact.Attrs = append(slices.Clone(l.Fact.Attrs), wardein.Note{Name: "logins", Value: "the web interface"})
				servers[root] = l
				ways[root] = map[string]startup.Line{}
			}
			ways[root][user] = l
		}
	}
	return ways
}

// judgeLogin looks at an account of a unit's own pages or command line. That
// its password is part of the release is for the check secret to say.
func judgeLogin(e *entry, defaults map[place]wardein.Fact) (f wardein.Finding, ok bool) {
	base := path.Base(e.node)
	if aside.Is(e.node) || e.Attr("table") == "htpasswd" && e.Attr("password") == "descrypt" && !strings.Contains(base, "pass") && !strings.Contains(base, "pwd") {
		return f, false
	}
	args := []wardein.Note{{Name: "user", Value: e.Attr("user")}, {Name: "over", Value: e.Attr("over")}, {Name: "table", Value: e.Attr("table")}}
	f = wardein.Finding{
		Node: e.node, Severity: wardein.High, Confidence: wardein.Likely, Reach: wardein.Management,
		Meanwhile: wardein.Text{ID: "account.until", Args: args[:1]}, Quotes: []wardein.Quote{{Node: e.node, Off: e.Off, Len: e.Len}},
	}
	by, opened := defaults[place{e.node, e.Off}]
	switch {
	case opened:
		f.Rule, f.Says.ID, f.Fix.ID = "account.published-default", "account.login-published", "account.fix-published"
		args = append(args, source(by)...)
	case e.Attr("password") == "empty":
		f.Rule, f.Says.ID, f.Fix.ID = "account.empty-password", "account.login-empty", "account.fix-empty"
	default:
		return f, false
	}
	f.Says.Args = args
	f.ID = stable.ID(f.Rule, e.Attr("user"), e.Attr("table"))
	return f, true
}

// source names what published a default, and for which products.
func source(f wardein.Fact) []wardein.Note {
	products := f.Attr("products")
	if products != "" {
		products = ", for " + products
	}
	return []wardein.Note{{Name: "sources", Value: f.Attr("sources")}, {Name: "products", Value: products}}
}

// notCompared counts password fields that were not compared with published
// defaults, by reason.
type notCompared map[string]*reason

type reason struct {
	node  string
	n     int
	kinds []string
}

func (c notCompared) add(node string, f wardein.Fact) {
	r := c[f.Attr("why")]
	if r == nil {
		r = &reason{node: node}
		c[f.Attr("why")] = r
	}
	r.n++
	if kind := f.Attr("password"); !slices.Contains(r.kinds, kind) {
		r.kinds = append(r.kinds, kind)
	}
}

func (c notCompared) gaps() error {
	var gaps []error
	for why, r := range c {
		fields := "field"
		if r.n > 1 {
			fields += "s"
		}
		kind := wardein.Limit
		if why == errKind.Error() {
			kind = wardein.Unsupported
		}
		slices.Sort(r.kinds)
		gaps = append(gaps, &wardein.Gap{Node: r.node, Kind: kind,
			Why: fmt.Sprintf("%d password %s not compared with published defaults (%s): %s", r.n, fields, strings.Join(r.kinds, ", "), why)})
	}
	slices.SortFunc(gaps, func(a, b error) int { return cmp.Compare(a.Error(), b.Error()) })
	return errors.Join(gaps...)
}

// judge looks at each account of a set.
func (s *set) judge(found *findings) {
	shadow := map[string][]*entry{} // by user
	for i := range s.shadow {
		user := s.shadow[i].Attr("user")
		shadow[user] = append(shadow[user], &s.shadow[i])
	}
	first := ""
	for i := range s.passwd {
		if s.passwd[i].Attr("uid") == "0" && (first == "" || s.passwd[i].Attr("user") == "root") {
			first = s.passwd[i].Attr("user")
		}
	}
	for i := range s.passwd {
		p := &s.passwd[i]
		a := account{user: p.Attr("user"), uid: p.Attr("uid"), shell: p.Attr("shell"), password: p.Attr("password"), quotes: []wardein.Quote{p.quote()}}
		a.sure = wardein.Certain
		if a.password == "shadowed" {
			a.password = ""
			for _, e := range shadow[a.user] {
				a.password = e.Attr("password")
				if len(a.quotes) < shown {
					a.quotes = append(a.quotes, e.quote())
				}
			}
		}
		s.account(&a, first, found)
	}
	if len(s.passwd) > 0 {
		return
	}
	for i := range s.shadow { // no table says which of these exist, and how they log in
		e := &s.shadow[i]
		a := account{user: e.Attr("user"), password: e.Attr("password"), quotes: []wardein.Quote{e.quote()}, sure: wardein.Likely}
		if a.user == "root" {
			a.uid = "0"
		}
		s.account(&a, first, found)
	}
}

// account is what is known of one account.
type account struct {
	user, uid, shell, password string
	quotes                     []wardein.Quote
	sure                       wardein.Confidence
	ways                       []startup.Line
}

// remote tells whether one of the ways in is no console.
func (a *account) remote() bool {
	return slices.ContainsFunc(a.ways, func(l startup.Line) bool { return wayName(l) != console })
}

const console = "the console"

// wayName is what a way in is called; the last note counts, which webLogins
// adds.
func wayName(l startup.Line) string {
	for _, n := range slices.Backward(l.Fact.Attrs) {
		if n.Name == "logins" {
			return n.Value
		}
	}
	return ""
}

// refusesEmpty tells a server that lets nobody in without a password unless it
// is told to: OpenSSH by PermitEmptyPasswords, dropbear by -B.
func refusesEmpty(l startup.Line) bool {
	return l.Fact.Attr("logins") == "SSH" && !slices.Contains(strings.Fields(l.Fact.Attr("args")), "-B")
}

func (s *set) account(a *account, first string, found *findings) {
	if !s.standing {
		a.sure = wardein.Possible
	}
	root := a.uid == "0"
	logs := logsIn(a.shell)
	if s.standing {
		a.ways = slices.Clone(s.ways)
		if a.password == "empty" {
			a.ways = slices.DeleteFunc(a.ways, refusesEmpty)
		}
		if way, ok := s.web[a.user]; ok {
			a.ways = append(a.ways, way)
		}
	}
	var by wardein.Fact
	opened := false
	for _, q := range a.quotes {
		if f, ok := s.defaults[place{q.Node, q.Off}]; ok {
			by, opened = f, true
		}
	}
	more := wardein.Severity(0)
	if root {
		more = 1
	}
	switch {
	case !logs:
	case opened:
		f := a.finding("account.published-default", wardein.High, "account.published", "account.fix-published", "account.until")
		if root || a.remote() {
			f.Severity = wardein.Critical
		}
		f.Says.Args = append(f.Says.Args, source(by)...)
		f.ID = stable.ID(f.Rule, a.user)
		found.add(f)
	case a.password == "empty":
		severity := wardein.Medium // who is at the console holds the unit in his hands
		if a.remote() {
			severity = wardein.High
		}
		found.add(a.finding("account.empty-password", severity+more, "account.empty", "account.fix-empty", "account.until"))
	case isHash(a.password) && isWeak(a.password):
		found.add(a.finding("account.shipped-password", wardein.Medium+more, "account.shipped-weak", "account.fix-shipped", "account.until"))
	case isHash(a.password):
		found.add(a.finding("account.shipped-password", wardein.Low+more, "account.shipped", "account.fix-shipped", "account.until"))
	}
	if root && first != "" && a.user != first {
		f := a.finding("account.second-uid0", wardein.High, "account.uid0", "account.fix-uid0", "account.until-uid0")
		if !logs || a.password == "locked" {
			f.Severity, f.Reach = wardein.Low, wardein.NoneShown
			f.Says.ID, f.Meanwhile.ID = "account.uid0-closed", "account.until-nothing"
		}
		f.Node = a.quotes[0].Node // where the UID stands
		f.Says.Args = append(f.Says.Args, wardein.Note{Name: "first", Value: first})
		found.add(f)
	}
}

// logsIn tells whether a shell lets somebody in.
func logsIn(shell string) bool {
	switch path.Base(shell) {
	case "nologin", "false", "true", "sync", "halt", "shutdown", "null":
		return false
	}
	return true
}

func (a *account) finding(rule string, severity wardein.Severity, says, fix, until string) wardein.Finding {
	shell, uid, password := a.shell, "UID "+a.uid, a.password
	if shell == "" {
		shell = "/bin/sh by default"
	}
	if a.uid == "" {
		uid, shell = "UID not shown", "not shown"
	}
	if password == "" {
		password = "not shown"
	}
	args := []wardein.Note{{Name: "user", Value: a.user}, {Name: "uid", Value: uid}, {Name: "shell", Value: shell}, {Name: "password", Value: password}}
	reach, quotes, ways := wardein.Local, slices.Clip(a.quotes), ""
	if a.remote() {
		reach = wardein.Management
	}
	var names []string
	for _, w := range a.ways {
		if name := wayName(w) + " (started by " + w.As + ")"; !slices.Contains(names, name) && len(names) < 4 {
			names = append(names, name)
			quotes = append(quotes, w.Fact.Quote(w.Node.Path, "line"))
		}
	}
	if len(names) > 0 {
		switch rule {
		case "account.shipped-password":
			ways = ", and lets in from boot on over "
		case "account.published-default":
			ways = ", which is reached from boot on over "
		default:
			ways = ", and is reached from boot on over "
		}
		if k := len(names) - 1; k > 0 {
			ways += strings.Join(names[:k], ", ") + " and "
		}
		ways += names[len(names)-1]
	}
	args = append(args, wardein.Note{Name: "ways", Value: ways})
	return wardein.Finding{
		ID: stable.ID(rule, a.user, a.password), Rule: rule, Node: a.quotes[len(a.quotes)-1].Node,
		Severity: severity, Confidence: a.sure, Reach: reach,
		Says: wardein.Text{ID: says, Args: args}, Fix: wardein.Text{ID: fix}, Meanwhile: wardein.Text{ID: until, Args: args[:1]},
		Quotes: quotes,
	}
}

func authorised(file string, f wardein.Fact) wardein.Finding {
	const rule = "account.authorized-key"
	return wardein.Finding{
		ID: stable.ID(rule, f.Attr("fingerprint")), Rule: rule, Node: file,
		Severity: wardein.High, Confidence: wardein.Likely, Reach: wardein.Management,
		Says: wardein.Text{ID: "account.key", Args: []wardein.Note{{Name: "type", Value: f.Attr("type")}, {Name: "shown", Value: f.Attr("shown")}, {Name: "file", Value: file}}},
		Fix:  wardein.Text{ID: "account.fix-key"}, Meanwhile: wardein.Text{ID: "account.until-key"},
		Quotes: []wardein.Quote{{Node: file, Off: f.Off, Len: f.Len, Bytes: f.Attr("line")}},
	}
}

// findings joins what is said of the same account in several places (two banks
// of flash, a backup beside the table): the surest place names the finding, of
// two the graver.
type findings struct {
	list []wardein.Finding
	byID map[string]int
}

func (l *findings) add(f wardein.Finding) {
	i, ok := l.byID[f.ID]
	if !ok {
		l.byID[f.ID] = len(l.list)
		l.list = append(l.list, f)
		return
	}
	was := l.list[i]
	if cmp.Or(cmp.Compare(f.Confidence, was.Confidence), cmp.Compare(f.Severity, was.Severity), cmp.Compare(f.Reach, was.Reach)) > 0 {
		f, was = was, f
	}
	room := max(0, shown-len(was.Quotes))
	was.Quotes = append(was.Quotes, f.Quotes[:min(room, len(f.Quotes))]...)
	l.list[i] = was
}
