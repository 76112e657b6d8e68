package hiddenaccess

import (
	"cmp"
	"context"
	"net/netip"
	"path"
	"slices"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/stable"
	"github.com/wardein/wardein/startup"
)

// release is what the facts of other checks say of one release.
type release struct {
	tree    wardein.Tree
	system  *startup.System
	started map[string]string // file → what starts it
	waits   map[string]bool   // programs that wait for callers
	logins  map[string]startup.Line
	lines   []startup.Line
}

func survey(t wardein.Tree) *release {
	r := &release{tree: t, started: map[string]string{}, waits: map[string]bool{}, logins: map[string]startup.Line{}}
	r.system, r.lines = startup.Read(t)
	for i := range r.lines {
		l := &r.lines[i]
		if l.Fact.Kind == "telnet" && l.Fact.Attr("asks") == "nothing" {
			r.logins[l.Node.Path] = *l
		}
		if l.As == "" || l.Fact.Attr("action") == "disabled" {
			continue
		}
		// A link to a program of another name is one of its many parts.
		if at := r.system.Program(l); at != "" && path.Base(at) == path.Base(l.Fact.Attr("path")) && r.started[at] == "" {
			r.started[at] = l.As
		}
	}
	for n, f := range t.Facts("service") {
		if f.Kind == "listens" {
			r.waits[n.Path] = true
		}
	}
	return r
}

// start is what starts a program or script at boot, "" for nothing seen.
func (r *release) start(file string) string {
	return cmp.Or(r.started[file], r.system.Started(file))
}

func note(name, value string) wardein.Note { return wardein.Note{Name: name, Value: value} }

func tree(_ context.Context, t wardein.Tree, out func(wardein.Finding)) error {
	r := survey(t)
	byFile, byKind := map[string][]wardein.Place{}, map[string][]wardein.Place{}
	var files []string
	for n, f := range t.Facts("hiddenaccess") {
		p := wardein.Place{Node: n.Path, Fact: f}
		byKind[f.Kind] = append(byKind[f.Kind], p)
		if f.Kind == "request" || f.Kind == "command" {
			if byFile[n.Path] == nil {
				files = append(files, n.Path)
			}
			byFile[n.Path] = append(byFile[n.Path], p)
		}
	}
	r.published(byKind["case"], out)
	said := map[string]bool{}
	for _, file := range files {
		if f, ok := r.requests(file, byFile[file]); ok && !said[f.ID] {
			said[f.ID] = true
			out(f)
		}
	}
	r.constants(byKind["constant"], out)
	r.connections(byKind["connects"], out)
	r.addresses(byKind["address"], out)
	r.unowned(byKind["files"], out)
	foreign(t, byKind["machine"], out)
	newer(t, byKind["built"], out)
	return notFollowed(byKind["unfollowed"])
}

// many is how many cases one file names that is a list of such texts.
const many = 4

// published says which published cases the release holds literals of.
func (r *release) published(places []wardein.Place, out func(wardein.Finding)) {
	perFile, byCase := map[string][]wardein.Place{}, map[string][]wardein.Place{}
	var files, ids []string
	for _, p := range places {
		if perFile[p.Node] == nil {
			files = append(files, p.Node)
		}
		perFile[p.Node] = append(perFile[p.Node], p)
	}
	said := map[string]bool{}
	for _, file := range files {
		list := perFile[file]
		if len(list) < many {
			for _, p := range list {
				id := p.Attr("id")
				if byCase[id] == nil {
					ids = append(ids, id)
				}
				byCase[id] = append(byCase[id], p)
			}
			continue
		}
		var names []string
		for _, p := range list {
			names = append(names, p.Attr("id"))
		}
		id := stable.ID("hiddenaccess.list", names...)
		if said[id] {
			continue
		}
		said[id] = true
		out(wardein.Finding{ID: id, Rule: "hiddenaccess.list", Node: file, Severity: wardein.Info, Confidence: wardein.Possible,
			Says: wardein.Text{ID: "hiddenaccess.many", Args: []wardein.Note{note("file", path.Base(file)), note("count", count(len(list))), note("list", strings.Join(names, ", "))}},
			Fix:  wardein.Text{ID: "hiddenaccess.many-fix"}, Meanwhile: wardein.Text{ID: "hiddenaccess.until-nothing"}, Quotes: wardein.Quotes(list, shown, "text")})
	}
	slices.Sort(ids)
	for _, id := range ids {
		if c := known().byID[id]; c != nil {
			out(r.indicator(c, byCase[id]))
		}
	}
}

func (r *release) indicator(c *published, places []wardein.Place) wardein.Finding {
	f := wardein.Finding{ID: stable.ID("hiddenaccess.indicator", c.ID), Rule: "hiddenaccess.indicator", Node: places[0].Node,
		Severity: min(c.severity(), wardein.Medium), Confidence: wardein.Possible, Reach: wardein.NoneShown,
		Fix: wardein.Text{ID: "hiddenaccess.case-fix"}, Meanwhile: wardein.Text{ID: "hiddenaccess.case-until"}, Quotes: wardein.Quotes(places, shown, "text")}
	where := "\"" + places[0].Attr("text") + "\" stands in " + path.Base(places[0].Node)
	if c.Secret {
		where = "it stands in " + path.Base(places[0].Node) + " and is not told"
	}
	if n := len(places) - 1; n > 0 {
		where += ", and in " + count(n) + " more"
	}
	args := []wardein.Note{note("where", where), note("kind", c.Kind), note("what", c.What), note("case", c.cited())}
	f.Says = wardein.Text{ID: "hiddenaccess.case", Args: args}
	for _, p := range places {
		as := r.start(p.Node)
		if as == "" || p.Attr("in") == "program" && !r.waits[p.Node] {
			continue
		}
		f.Node, f.Severity, f.Confidence, f.Reach = p.Node, c.severity(), wardein.Likely, wardein.Management
		f.Says = wardein.Text{ID: "hiddenaccess.case-started", Args: append(args, note("file", path.Base(p.Node)), note("as", as))}
		break
	}
	return f
}

// requests says that a program holds a text of a request and a command that
// starts something to log in to.
func (r *release) requests(file string, places []wardein.Place) (wardein.Finding, bool) {
	var request, command []wardein.Place
	for _, p := range places {
		if p.Kind == "request" {
			request = append(request, p)
		} else {
			command = append(command, p)
		}
	}
	if len(request) == 0 || len(command) == 0 {
		return wardein.Finding{}, false
	}
	f := wardein.Finding{Rule: "hiddenaccess.request-starts", Node: file, Severity: wardein.High, Confidence: wardein.Possible, Reach: wardein.NoneShown}
	text, run, leads := request[0].Attr("text"), command[0], ""
	for _, c := range command {
		words := strings.Fields(c.Attr("text"))
		n := inside(r.tree, file, words[0])
		if n == nil {
			continue
		}
		if l, ok := r.logins[n.Path]; ok {
			run = c // what it leads to is a finding of its own
			leads = ", which starts telnet on tcp/" + l.Fact.Attr("port") + " with " + l.Fact.Attr("login") + " in place of a login"
			places = append(places, wardein.Place{Node: n.Path, Fact: wardein.Fact{Off: l.Fact.Off, Len: l.Fact.Len, Attrs: []wardein.Note{note("text", l.Fact.Attr("line"))}}})
			break
		}
	}
	started := "Nothing was seen that starts " + path.Base(file) + " at boot."
	if as := r.start(file); as != "" {
		f.Confidence, f.Reach = wardein.Likely, wardein.Management
		started = path.Base(file) + " is started at boot by " + as + "."
	}
	f.ID = stable.ID(f.Rule, text, run.Attr("text"))
	args := []wardein.Note{note("file", path.Base(file)), note("text", text), note("command", run.Attr("text")), note("leads", leads), note("started", started)}
	f.Says = wardein.Text{ID: "hiddenaccess.request", Args: args}
	f.Fix, f.Meanwhile = wardein.Text{ID: "hiddenaccess.request-fix", Args: args[:1]}, wardein.Text{ID: "hiddenaccess.request-until"}
	f.Quotes = wardein.Quotes(places, shown, "text")
	return f, true
}

// inside looks up an absolute path in the root file system that a file is in.
func inside(t wardein.Tree, file, name string) *wardein.Node {
	if !strings.HasPrefix(name, "/") {
		return nil
	}
	for at := len(file); ; {
		k := strings.LastIndexByte(file[:at], '/')
		if k < 0 {
			return t.Lookup(strings.TrimPrefix(name, "/"))
		}
		if n := t.Lookup(file[:k] + name); n != nil {
			return n
		}
		at = k
	}
}

// connections says which scripts that are started at boot connect to
// elsewhere and hand something over.
func (r *release) connections(places []wardein.Place, out func(wardein.Finding)) {
	said := map[string]bool{}
	for _, p := range places {
		as := r.start(p.Node)
		id := stable.ID("hiddenaccess.connects-out", p.Attr("does"), p.Attr("text"))
		if as == "" || said[id] {
			continue
		}
		said[id] = true
		out(wardein.Finding{ID: id, Rule: "hiddenaccess.connects-out", Node: p.Node, Severity: wardein.High, Confidence: wardein.Likely, Reach: wardein.NetworkSide,
			Says: wardein.Text{ID: "hiddenaccess.connects", Args: []wardein.Note{note("as", as), note("does", p.Attr("does"))}},
			Fix:  wardein.Text{ID: "hiddenaccess.connects-fix"}, Meanwhile: wardein.Text{ID: "hiddenaccess.connects-until"}, Quotes: []wardein.Quote{p.Quote("text")}})
	}
}

// addresses says which hosts of other networks are named by number in what is
// started at boot.
func (r *release) addresses(places []wardein.Place, out func(wardein.Finding)) {
	byAddress := map[netip.Addr][]wardein.Place{}
	var order []netip.Addr
	for _, p := range places {
		a, err := netip.ParseAddr(p.Attr("address"))
		if err != nil || r.start(p.Node) == "" {
			continue
		}
		if byAddress[a] == nil {
			order = append(order, a)
		}
		byAddress[a] = append(byAddress[a], p)
	}
	slices.SortFunc(order, netip.Addr.Compare)
	var public []string
	var known []wardein.Place
	for _, a := range order {
		list := byAddress[a]
		if is := wellKnown(a); is != "" {
			public = append(public, a.String()+" ("+is+")")
			known = append(known, list...)
			continue
		}
		out(host(a, list))
	}
	if len(public) > 0 {
		f := wardein.Finding{ID: stable.ID("hiddenaccess.well-known-address", public...), Rule: "hiddenaccess.well-known-address", Node: known[0].Node,
			Severity: wardein.Info, Confidence: wardein.Likely, Reach: wardein.NoneShown, Quotes: wardein.Quotes(known, shown, "text")}
		f.Says = wardein.Text{ID: "hiddenaccess.well-known", Args: []wardein.Note{note("list", strings.Join(public, ", "))}}
		f.Fix, f.Meanwhile = wardein.Text{ID: "hiddenaccess.well-known-fix"}, wardein.Text{ID: "hiddenaccess.well-known-until"}
		out(f)
	}
}

func host(a netip.Addr, list []wardein.Place) wardein.Finding {
	f := wardein.Finding{ID: stable.ID("hiddenaccess.remote-address", a.String()), Rule: "hiddenaccess.remote-address", Node: list[0].Node,
		Severity: wardein.Medium, Confidence: wardein.Likely, Reach: wardein.NoneShown, Quotes: wardein.Quotes(list, shown, "text")}
	var names []string
	for _, p := range list {
		if n := path.Base(p.Node); !slices.Contains(names, n) && len(names) < 5 {
			names = append(names, n)
		}
	}
	aside := ""
	if example(a) {
		aside, f.Severity = " (of a range for documentation, RFC 5737 and RFC 3849, that no network has)", wardein.Low
	}
	args := []wardein.Note{note("address", a.String()), note("files", strings.Join(names, ", ")), note("note", aside)}
	f.Says = wardein.Text{ID: "hiddenaccess.address", Args: args}
	f.Fix, f.Meanwhile = wardein.Text{ID: "hiddenaccess.address-fix"}, wardein.Text{ID: "hiddenaccess.address-until", Args: args[:1]}
	return f
}
