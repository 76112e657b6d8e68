package update

import (
	"cmp"
	_ "embed"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/stable"
	"github.com/wardein/wardein/internal/table"
	"github.com/wardein/wardein/startup"
)

//go:embed data/programs.toml
var programsTOML []byte

//go:embed data/hosts.toml
var hostsTOML []byte

// changer is a program that changes what is installed.
type changer struct {
	Names  []string
	About  string
	Keys   []string
	Source string
}

var changers = table.TOML[struct {
	Date    string
	Program []changer
}]("check/update/data/programs.toml", programsTOML)

var hosts = table.TOML[struct {
	Date, Source string
	Hosts        []string
}]("check/update/data/hosts.toml", hostsTOML)

var documentation = sync.OnceValue(func() map[string]bool {
	all := map[string]bool{}
	for _, h := range hosts().Hosts {
		all[h] = true
	}
	return all
})

func note(name, value string) wardein.Note { return wardein.Note{Name: name, Value: value} }

// release is what the facts say of one release.
type release struct {
	tree    wardein.Tree
	system  *startup.System
	started map[string]string // program → what starts it
	kinds   map[string][]wardein.Place
	files   map[string]map[string][]wardein.Place // file → kind → facts
	out     func(wardein.Finding)
	said    map[string]bool
}

// rootOf is the root file system that a file of a system's own folders is in.
func rootOf(p string) string {
	root, _ := startup.Root(p)
	return root
}

// inPlace tells a file that stands where programs look for configuration: in
// etc, and not among documentation or templates.
func inPlace(p string) bool {
	for _, dir := range strings.Split(path.Dir(p), "/") {
		switch dir {
		case "doc", "docs", "examples", "example", "man", "share", "templates", "test", "tests":
			return false
		}
	}
	return true
}

// start is what starts a script or program at boot, "" for nothing seen.
func (r *release) start(file string) string {
	if as := r.started[file]; as != "" {
		return as
	}
	return r.system.Started(file)
}

// finish names the finding by what it is about, and says it once.
func (r *release) finish(f wardein.Finding, says, fix, until string, args []wardein.Note, about ...string) {
	f.ID = stable.ID(f.Rule, about...)
	if r.said[f.ID] || len(f.Quotes) == 0 {
		return
	}
	r.said[f.ID] = true
	f.Says, f.Fix, f.Meanwhile = wardein.Text{ID: says, Args: args}, wardein.Text{ID: fix, Args: args}, wardein.Text{ID: until, Args: args}
	f.Node = f.Quotes[0].Node
	r.out(f)
}

// way says what a channel adds to who can change what comes over it.
func way(scheme string) string {
	if scheme == "https" || scheme == "ftps" {
		return ""
	}
	return ", or is on the way to it,"
}

// startedBy says what starts a script, and how sure that makes a finding.
func (r *release) startedBy(file string) (string, wardein.Confidence) {
	if as := r.start(file); as != "" {
		return path.Base(file) + " is started at boot by " + as + ".", wardein.Likely
	}
	return "Nothing was seen that starts " + path.Base(file) + " at boot.", wardein.Possible
}

// lower is a grade less for what may not be in use.
func lower(s wardein.Severity, sure wardein.Confidence) wardein.Severity {
	if sure < wardein.Likely && s > wardein.Info {
		return s - 1
	}
	return s
}

// updating are words that files of update programs are named with.
var updating = []string{"update", "upgrade", "autoup", "fwup", "fwupd", "swup", "firmware", "mender", "rauc"}

// updateFile tells a file that is named after updates, by its name or that of
// its folder.
func updateFile(p string) bool {
	dir, base := path.Split(strings.ToLower(p))
	for _, w := range strings.FieldsFunc(path.Base(dir)+" "+base, func(c rune) bool { return c < 'a' || c > 'z' }) {
		if w == "ota" || w == "fota" || w == "fw" || slices.ContainsFunc(updating, func(u string) bool { return strings.HasPrefix(w, u) }) {
			return true
		}
	}
	return false
}

func (r *release) unsigned() {
	var files []string
	signed := map[string]bool{}
	for _, p := range r.kinds["signed-images"] {
		signed[rootOf(p.Node)] = true
	}
	for f, kinds := range r.files {
		if len(kinds["swupdate"]) > 0 && !signed[rootOf(f)] && r.start(f) != "" || len(kinds["off"]) > 0 && len(kinds["url"]) > 0 && updateFile(f) && inPlace(f) ||
			(len(kinds["mender"]) > 0 || len(kinds["rauc"]) > 0) && len(kinds["key"]) == 0 && inPlace(f) {
			files = append(files, f)
		}
	}
	slices.Sort(files)
	for _, file := range files {
		kinds := r.files[file]
		setting, list := "no key is configured", slices.Concat(kinds["mender"], kinds["rauc"], kinds["swupdate"])
		if off := kinds["off"]; len(off) > 0 {
			setting = cmp.Or(off[0].Attr("text"), "a setting that is not told")
			list = off
		}
		host, scheme := "not told", ""
		for _, u := range kinds["url"] {
			if host == "not told" || u.Attr("scheme") != "https" {
				host, scheme = u.Attr("scheme")+"://"+u.Attr("host"), u.Attr("scheme")
			}
		}
		f := wardein.Finding{Rule: "update.unverified", Severity: wardein.High, Confidence: wardein.Likely, Reach: wardein.Management, Quotes: wardein.Quotes(append(slices.Clone(kinds["url"][:min(len(kinds["url"]), 3)]), list...), shown, "text")}
		if scheme == "https" || scheme == "" {
			f.Severity = wardein.Medium
		}
		if rootOf(file) == "" && !strings.HasPrefix(file, "etc/") {
			f.Confidence = wardein.Possible
		}
		over := way(scheme)
		if scheme == "" {
			over = ""
		}
		r.finish(f, "update.unsigned", "update.unsigned-fix", "update.unsigned-until",
			[]wardein.Note{note("file", path.Base(file)), note("host", host), note("setting", setting), note("way", over)}, path.Base(file), host, setting)
	}
}

// feeds says which package feeds are taken without a signature.
func (r *release) feeds() {
	signed := map[string]bool{}
	for _, p := range r.kinds["signed"] {
		signed[rootOf(p.Node)] = true
	}
	groups := map[string][]wardein.Place{}
	why := map[string]string{}
	var roots []string
	add := func(system, reason string, p wardein.Place) {
		key := rootOf(p.Node) + "\x00" + system
		if groups[key] == nil {
			roots = append(roots, key)
			why[key] = reason
		}
		groups[key] = append(groups[key], p)
	}
	for _, p := range r.kinds["feed"] {
		if !signed[rootOf(p.Node)] && inPlace(p.Node) && strings.Contains(p.Node, "opkg") {
			add("opkg", "No file of the root file system says option check_signature", p)
		}
	}
	for _, p := range r.kinds["trusted"] {
		if strings.Contains(p.Node, "etc/apt/") {
			add("apt", "The source is marked as trusted", p)
		}
	}
	for _, p := range r.kinds["unauthenticated"] {
		if strings.Contains(p.Node, "etc/apt/") {
			add("apt", "apt is told to take packages that nobody signed", p)
		}
	}
	for _, p := range r.kinds["gpgcheck-off"] {
		if strings.Contains(p.Node, "etc/yum") || strings.Contains(p.Node, "etc/dnf") || strings.Contains(p.Node, "etc/zypp") {
			add("rpm", "gpgcheck is off", p)
		}
	}
	for _, key := range roots {
		list := groups[key]
		_, system, _ := strings.Cut(key, "\x00")
		f := wardein.Finding{Rule: "update.feed-unsigned", Severity: wardein.Medium, Confidence: wardein.Likely, Reach: wardein.Management, Quotes: wardein.Quotes(list, shown, "text")}
		var names []string
		listed := map[string]bool{}
		over := ""
		for _, p := range list {
			name := path.Base(p.Node)
			from := p
			if urls := r.files[p.Node]["url"]; p.Attr("host") == "" && len(urls) > 0 {
				from = urls[0]
			}
			if h := from.Attr("host"); h != "" {
				name = from.Attr("scheme") + "://" + h
				if w := way(from.Attr("scheme")); w != "" {
					over, f.Severity = w, wardein.High
				}
			}
			if !listed[name] {
				listed[name] = true
				names = append(names, name)
			}
		}
		r.finish(f, "update.feed", "update.feed-fix", "update.feed-until", []wardein.Note{note("count", count(len(list))), note("system", system),
			note("list", strings.Join(names[:min(len(names), shown)], ", ")), note("reason", why[key]), note("way", over)}, append(names, system)...)
	}
}

func (r *release) scripts() {
	for _, p := range r.kinds["run"] {
		started, sure := r.startedBy(p.Node)
		trust, severity := "whoever holds that server, or is on the way to it, decides what runs", wardein.High
		if p.Attr("scheme") == "https" {
			trust, severity = "whoever holds that server decides what runs", wardein.Medium
		}
		f := wardein.Finding{Rule: "update.fetch-run", Severity: lower(severity, sure), Confidence: sure, Reach: wardein.Management, Quotes: []wardein.Quote{p.Quote("text")}}
		if sure < wardein.Likely {
			f.Reach = wardein.NoneShown
		}
		r.finish(f, "update.run", "update.run-fix", "update.run-until",
			[]wardein.Note{note("host", p.Attr("host")), note("scheme", p.Attr("scheme")), note("trust", trust), note("started", started)}, p.Attr("host"), p.Attr("text"))
	}
	for _, p := range r.kinds["install"] {
		if !inPlace(p.Node) {
			continue
		}
		started, sure := r.startedBy(p.Node)
		f := wardein.Finding{Rule: "update.fetch-install", Severity: lower(wardein.High, sure), Confidence: wardein.Possible, Reach: wardein.Management, Quotes: []wardein.Quote{p.Quote("text")}}
		if sure < wardein.Likely {
			f.Reach = wardein.NoneShown
		}
		r.finish(f, "update.install", "update.install-fix", "update.run-until",
			[]wardein.Note{note("host", p.Attr("host")), note("scheme", p.Attr("scheme")), note("writes", p.Attr("writes")), note("started", started)}, p.Attr("host"), p.Attr("writes"))
	}
	var names []string
	listed := map[string]bool{}
	f := wardein.Finding{Rule: "update.tls-unchecked", Severity: wardein.Low, Confidence: wardein.Likely, Reach: wardein.NoneShown}
	for _, p := range r.kinds["blind"] {
		if !inPlace(p.Node) {
			continue
		}
		if r.start(p.Node) != "" {
			f.Severity, f.Reach = wardein.Medium, wardein.Management
		}
		if name := path.Base(p.Node); !listed[name] {
			listed[name] = true
			names = append(names, name)
		}
		if len(f.Quotes) < shown {
			f.Quotes = append(f.Quotes, p.Quote("text"))
		}
	}
	slices.Sort(names)
	r.finish(f, "update.tls", "update.tls-fix", "update.tls-until", []wardein.Note{note("count", count(len(names))), note("list", strings.Join(names[:min(len(names), shown)], ", "))}, names...)
}

func (r *release) cwmp() {
	byURL := map[string][]wardein.Place{}
	var urls []string
	for _, p := range r.kinds["cwmp"] {
		if !inPlace(p.Node) {
			continue
		}
		url := "http://" + p.Attr("host")
		if byURL[url] == nil {
			urls = append(urls, url)
		}
		byURL[url] = append(byURL[url], p)
	}
	for _, url := range urls {
		f := wardein.Finding{Rule: "update.cwmp-clear", Severity: wardein.High, Confidence: wardein.Likely, Reach: wardein.Management, Quotes: wardein.Quotes(byURL[url], shown, "text")}
		r.finish(f, "update.cwmp", "update.cwmp-fix", "update.cwmp-until", []wardein.Note{note("file", path.Base(f.Quotes[0].Node)), note("url", url)}, url)
	}
}

func (r *release) boot() {
	for _, p := range r.kinds["boot"] {
		switch name := p.Attr("name"); {
		case p.Attr("network") != "":
			f := wardein.Finding{Rule: "update.boot-network", Severity: wardein.Medium, Confidence: wardein.Likely, Reach: wardein.Local, Quotes: []wardein.Quote{p.Quote("text")}}
			r.finish(f, "update.network-boot", "update.network-boot-fix", "update.boot-until", []wardein.Note{note("variable", name), note("command", p.Attr("network"))}, p.Attr("value"))
		case name == "bootdelay":
			delay := p.Attr("value")
			if strings.Trim(delay, "0123456789") != "" {
				continue // negative: it does not wait, or not for a key
			}
			aside := ""
			if strings.Trim(delay, "0") == "" {
				aside = " (a key that is held down still stops it)"
			}
			f := wardein.Finding{Rule: "update.boot-waits", Severity: wardein.Low, Confidence: wardein.Likely, Reach: wardein.Local, Quotes: []wardein.Quote{p.Quote("text")}}
			r.finish(f, "update.waits", "update.waits-fix", "update.boot-until", []wardein.Note{note("delay", delay), note("note", aside)}, delay)
		}
	}
}
