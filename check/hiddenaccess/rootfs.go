package hiddenaccess

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/stable"
	"github.com/wardein/wardein/startup"
)

// databases are where lists of packages' files stand.
var databases = []struct{ system, folder, suffix string }{
	{"dpkg", "var/lib/dpkg/info/", ".list"},
	{"opkg", "usr/lib/opkg/info/", ".list"},
	{"opkg", "var/lib/opkg/info/", ".list"},
	{"opkg", "var/opkg/info/", ".list"},
	{"apk", "lib/apk/db/", "installed"},
}

// owned are the programs that the packages of one root file system own.
type owned struct {
	root, system string
	lists        int
	programs     map[string]bool
}

// leastLists is how many packages a database has at least.
const leastLists = 3

// unowned says which programs that are started and wait for callers are in no
// package's list, where there are lists.
func (r *release) unowned(places []wardein.Place, out func(wardein.Finding)) {
	byRoot := map[string]*owned{}
	var order []*owned
	for _, p := range places {
		for _, d := range databases {
			k := strings.LastIndex("/"+p.Node, "/"+d.folder)
			if k < 0 || !strings.HasSuffix(p.Node, d.suffix) {
				continue
			}
			root := p.Node[:k]
			o := byRoot[root]
			if o == nil {
				o = &owned{root: root, system: d.system, programs: map[string]bool{}}
				byRoot[root] = o
				order = append(order, o)
			}
			o.lists++
			if d.system == "apk" {
				o.lists = leastLists
			}
			for _, name := range strings.Split(p.Attr("programs"), "\n") {
				o.programs[name] = true
			}
			break
		}
	}
	started := r.listening(byRoot)
	for _, o := range order {
		if o.lists >= leastLists {
			r.strangers(o, started[o.root], out)
		}
	}
}

// waiting is a started program that waits for callers, and its line.
type waiting struct {
	at string
	*startup.Line
}

// listening gives each of the roots the programs that are started in it and
// wait for callers.
func (r *release) listening(roots map[string]*owned) map[string][]waiting {
	in := map[string][]waiting{}
	if len(roots) == 0 {
		return in
	}
	for i := range r.lines {
		l := &r.lines[i]
		if l.As == "" || l.Fact.Attr("action") == "disabled" {
			continue
		}
		at := r.system.Program(l)
		if !r.waits[at] || path.Base(at) != path.Base(l.Fact.Attr("path")) {
			continue
		}
		for k := 0; k >= 0; {
			if roots[at[:k]] != nil {
				in[at[:k]] = append(in[at[:k]], waiting{at, l})
			}
			n := strings.IndexByte(at[k:], '/')
			if k += n + 1; n < 0 {
				break
			}
		}
	}
	return in
}

func (r *release) strangers(o *owned, started []waiting, out func(wardein.Finding)) {
	f := wardein.Finding{Rule: "hiddenaccess.unowned-listener", Severity: wardein.Low, Confidence: wardein.Likely, Reach: wardein.NoneShown,
		Fix: wardein.Text{ID: "hiddenaccess.unowned-fix"}, Meanwhile: wardein.Text{ID: "hiddenaccess.unowned-until"}}
	var names, list []string
	said := map[string]bool{}
	for _, l := range started {
		at := l.at
		rel := at[len(o.root):]
		asked := l.Fact.Attr("path")
		if !isProgram("/"+rel) || o.programs[merged(rel)] || o.programs[merged(asked)] || said[rel] || r.tree.Lookup(at) == nil {
			continue
		}
		said[rel] = true
		names = append(names, rel)
		if len(list) < shown {
			list = append(list, rel+" (started by "+l.As+")")
			f.Quotes = append(f.Quotes, wardein.Quote{Node: l.Node.Path, Off: l.Fact.Off, Len: l.Fact.Len, Bytes: quotable(l.Fact.Attr("line"))})
		}
		if f.Node == "" {
			f.Node = at
		}
	}
	if len(names) == 0 {
		return
	}
	slices.Sort(names)
	f.ID = stable.ID(f.Rule, names...)
	f.Says = wardein.Text{ID: "hiddenaccess.unowned", Args: []wardein.Note{note("count", count(len(names))), note("system", o.system), note("list", strings.Join(list, ", "))}}
	out(f)
}

// family joins what one processor runs.
func family(arch string) string {
	switch arch {
	case "x86", "x86-64":
		return "x86"
	case "arm", "aarch64":
		return "arm"
	case "riscv32", "riscv64":
		return "riscv"
	}
	return strings.TrimSuffix(arch, "64")
}

// aside are folders that may hold programs of other processors.
var aside = map[string]bool{"firmware": true, "modules": true, "boot": true, "share": true, "doc": true, "include": true, "EFI": true,
	"test": true, "tests": true, "testdata": true, "src": true, "lost+found": true, "valgrind": true, "gcc-cross": true, "bpf": true, "debug": true}

// leastPrograms is how many ELF files make a root file system.
const leastPrograms = 10

// foreign says which few ELF files of a root file system are for another
// processor than all others.
func foreign(t wardein.Tree, places []wardein.Place, out func(wardein.Finding)) {
	type group struct {
		box   string
		archs map[string]int
		all   []wardein.Place
	}
	byBox := map[string]*group{}
	var order []*group
	for _, p := range places {
		n := t.Lookup(p.Node)
		if n == nil || p.Attr("arch") == "bpf" {
			continue
		}
		box, name := container(n)
		if name == "" || elsewhere(name) {
			continue
		}
		g := byBox[box]
		if g == nil {
			g = &group{box: box, archs: map[string]int{}}
			byBox[box] = g
			order = append(order, g)
		}
		g.archs[family(p.Attr("arch"))]++
		g.all = append(g.all, p)
	}
	said := map[string]bool{}
	for _, g := range order {
		own := ""
		for a, n := range g.archs {
			if n > g.archs[own] || n == g.archs[own] && a < own {
				own = a
			}
		}
		strange := len(g.all) - g.archs[own]
		if len(g.all) < leastPrograms || strange == 0 || strange*5 > len(g.all) {
			continue
		}
		var names, archs []string
		var list []wardein.Place
		for _, p := range g.all {
			if a := p.Attr("arch"); family(a) != own {
				list = append(list, p)
				names = append(names, p.Node[len(g.box):])
				if !slices.Contains(archs, a) {
					archs = append(archs, a)
				}
			}
		}
		slices.Sort(archs)
		f := wardein.Finding{ID: stable.ID("hiddenaccess.foreign-architecture", append(archs, names...)...), Rule: "hiddenaccess.foreign-architecture", Node: list[0].Node,
			Severity: wardein.Low, Confidence: wardein.Certain, Reach: wardein.NoneShown,
			Fix: wardein.Text{ID: "hiddenaccess.foreign-fix"}, Meanwhile: wardein.Text{ID: "hiddenaccess.nothing-to-do-yet"}, Quotes: wardein.Quotes(list, shown, "text")}
		f.Says = wardein.Text{ID: "hiddenaccess.foreign", Args: []wardein.Note{note("count", count(len(list))), note("all", count(len(g.all))),
			note("arch", strings.Join(archs[:min(len(archs), shown)], ", ")), note("own", own), note("list", strings.Join(names[:min(len(names), shown)], ", "))}}
		if !said[f.ID] {
			said[f.ID] = true
			out(f)
		}
	}
}

// elsewhere tells a file in a folder that is not the unit's own to run.
func elsewhere(name string) bool {
	for _, c := range strings.Split(path.Dir(name), "/") {
		if aside[c] || strings.HasSuffix(c, "-firmware") || strings.Contains(c, "-linux-") {
			return true
		}
	}
	return false
}

// container splits a node's path into that of its container and its name in
// there.
func container(n *wardein.Node) (box, name string) {
	name = strings.TrimPrefix(path.Clean("/"+n.Name), "/")
	if box, ok := strings.CutSuffix(n.Path, name); ok && (box == "" || strings.HasSuffix(box, "/")) {
		return box, name
	}
	return "", ""
}

// stamped tells the files that state a root file system's build.
func stamped(name string) bool {
	dir, base := path.Split(name)
	switch {
	case base == "build.prop", base == "default.prop", base == "prop.default":
		return true
	case dir != "etc/" && dir != "usr/lib/":
		return false
	}
	for _, w := range []string{"release", "version", "build", "timestamp"} {
		if strings.Contains(base, w) {
			return true
		}
	}
	return false
}

// slack is how long after the date that it states a build may go on.
const slack = 24 * 60 * 60

// newer says which files of a root file system are younger than the build that
// it states. Where most are, the date is not that of the build.
func newer(t wardein.Tree, places []wardein.Place, out func(wardein.Finding)) {
	latest, stamp := map[string]int64{}, map[string]wardein.Place{}
	for _, p := range places {
		n := t.Lookup(p.Node)
		when, err := strconv.ParseInt(p.Attr("time"), 10, 64)
		if n == nil || err != nil {
			continue
		}
		if box, name := container(n); stamped(name) && when > latest[box] {
			latest[box], stamp[box] = when, p
		}
	}
	if len(latest) == 0 {
		return
	}
	all, young := map[string]int{}, map[string][]string{}
	last := map[string][]wardein.Quote{}
	for n := range t.Nodes() {
		if n.Kind != wardein.File || n.MTime == 0 || n.Size == 0 {
			continue
		}
		box, name := container(n)
		when, ok := latest[box]
		if !ok {
			continue
		}
		all[box]++
		if n.MTime > when+slack {
			young[box] = append(young[box], name)
			if len(last[box]) < shown {
				last[box] = append(last[box], wardein.Quote{Node: n.Path, Off: 0, Len: n.Size})
			}
		}
	}
	var boxes []string
	for box, names := range young {
		if len(names)*2 < all[box] {
			boxes = append(boxes, box)
		}
	}
	slices.Sort(boxes)
	said := map[string]bool{}
	for _, box := range boxes {
		names, p := young[box], stamp[box]
		f := wardein.Finding{ID: stable.ID("hiddenaccess.newer-than-build", names...), Rule: "hiddenaccess.newer-than-build", Node: last[box][0].Node,
			Severity: wardein.Info, Confidence: wardein.Possible, Reach: wardein.NoneShown, Fix: wardein.Text{ID: "hiddenaccess.newer-fix"}, Meanwhile: wardein.Text{ID: "hiddenaccess.newer-until"}}
		f.Says = wardein.Text{ID: "hiddenaccess.newer", Args: []wardein.Note{note("count", count(len(names))), note("stamp", path.Base(p.Node)), note("date", day(latest[box])),
			note("list", strings.Join(names[:min(len(names), shown)], ", "))}}
		f.Quotes = append([]wardein.Quote{p.Quote("text")}, last[box]...)
		if !said[f.ID] {
			said[f.ID] = true
			out(f)
		}
	}
}
