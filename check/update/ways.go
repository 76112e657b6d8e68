package update

import (
	"context"
	"fmt"
	"path"
	"slices"
	"sort"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/startup"
)

func tree(_ context.Context, t wardein.Tree, out func(wardein.Finding)) error {
	r := &release{tree: t, started: map[string]string{}, kinds: map[string][]wardein.Place{}, files: map[string]map[string][]wardein.Place{}, out: out, said: map[string]bool{}}
	var lines []startup.Line
	r.system, lines = startup.Read(t)
	for i := range lines {
		l := &lines[i]
		if l.As == "" || l.Fact.Attr("action") == "disabled" {
			continue
		}
		// A link to a program of another name is one of its many parts.
		if at := r.system.Program(l); at != "" && path.Base(at) == path.Base(l.Fact.Attr("path")) && r.started[at] == "" {
			r.started[at] = l.As
		}
	}
	for n, f := range t.Facts("update") {
		p := wardein.Place{Node: n.Path, Fact: f}
		r.kinds[f.Kind] = append(r.kinds[f.Kind], p)
		if r.files[n.Path] == nil {
			r.files[n.Path] = map[string][]wardein.Place{}
		}
		r.files[n.Path][f.Kind] = append(r.files[n.Path][f.Kind], p)
	}
	r.unsigned()
	r.feeds()
	r.scripts()
	r.cwmp()
	r.boot()
	r.ways()
	r.hosts()
	return nil
}

// file is a file as the last two findings quote it.
type file struct {
	path, name, blob string
	size             int64
}

func (f *file) quote() wardein.Quote { return wardein.Quote{Node: f.path, Off: 0, Len: f.size} }

// ways names the programs that change what is installed, and the keys that
// stand where they look for them.
func (r *release) ways() {
	byName := map[string]*changer{}
	all := changers().Program
	for i := range all {
		for _, name := range all[i].Names {
			byName[name] = &all[i]
		}
	}
	found := map[*changer][]string{}
	var programs, keys []file
	for n := range r.tree.Nodes() {
		if n.Kind != wardein.File && n.Kind != wardein.Symlink {
			continue
		}
		dir, base := path.Split(n.Path)
		if folder := path.Base(dir); folder == "bin" || folder == "sbin" || folder == "libexec" {
			if c := byName[base]; c != nil && !slices.Contains(found[c], base) {
				found[c] = append(found[c], base)
				if n.Size > 0 {
					programs = append(programs, file{path: n.Path, name: base, size: n.Size})
				}
			}
		}
		if n.Kind == wardein.File && n.Size > 0 && keyFile(n.Path) {
			keys = append(keys, file{path: n.Path, name: base, blob: n.Blob.String(), size: n.Size})
		}
	}
	if len(found) == 0 {
		return
	}
	var list, held []string
	for i := range all {
		if names := found[&all[i]]; len(names) > 0 {
			slices.Sort(names)
			list = append(list, strings.Join(names, ", ")+": "+all[i].About)
		}
	}
	seen := map[string]bool{}
	f := wardein.Finding{Rule: "update.ways", Severity: wardein.Info, Confidence: wardein.Likely, Reach: wardein.NoneShown}
	for i := range keys {
		if k := &keys[i]; !seen[k.blob] {
			seen[k.blob] = true
			held = append(held, k.name+" (SHA-256 "+k.blob[:min(len(k.blob), 16)]+"…)")
			if len(f.Quotes) < shown {
				f.Quotes = append(f.Quotes, k.quote())
			}
		}
	}
	for i := range programs {
		if len(f.Quotes) < shown {
			f.Quotes = append(f.Quotes, programs[i].quote())
		}
	}
	shownKeys := "none seen"
	if n := len(held); n > shown {
		shownKeys = strings.Join(held[:shown], ", ") + fmt.Sprintf(" and %d more", n-shown)
	} else if n > 0 {
		shownKeys = strings.Join(held, ", ")
	}
	r.finish(f, "update.ways", "update.ways-fix", "update.ways-until", []wardein.Note{note("programs", strings.Join(list, "; ")), note("keys", shownKeys)}, append(list, held...)...)
}

// keyFile tells a file where an update program looks for public keys.
func keyFile(p string) bool {
	for i := range changers().Program {
		for _, at := range changers().Program[i].Keys {
			k := strings.LastIndex("/"+p, "/"+at)
			if k < 0 {
				continue
			}
			switch rest := p[k+len(at):]; {
			case !strings.HasSuffix(at, "/"):
				return rest == ""
			case strings.Contains(rest, "/"), strings.HasSuffix(rest, ".conf"), strings.HasSuffix(rest, ".cfg"), strings.HasPrefix(rest, "README"):
			default:
				return true
			}
		}
	}
	return false
}

// maxHosts is how many hosts one finding lists.
const maxHosts = 40

// hosts names the hosts in the URLs of configuration and of what is started.
func (r *release) hosts() {
	byHost := map[string][]wardein.Place{}
	for _, p := range r.kinds["url"] {
		if r.start(p.Node) == "" && !r.configures(p.Node) {
			continue
		}
		byHost[p.Attr("host")] = append(byHost[p.Attr("host")], p)
	}
	var names []string
	for h := range byHost {
		names = append(names, h)
	}
	sort.Strings(names)
	f := wardein.Finding{Rule: "update.hosts", Severity: wardein.Info, Confidence: wardein.Likely, Reach: wardein.NoneShown}
	var list []string
	for _, h := range names {
		var files, schemes []string
		for _, p := range byHost[h] {
			if s := p.Attr("scheme"); !slices.Contains(schemes, s) {
				schemes = append(schemes, s)
			}
			if b := path.Base(p.Node); !slices.Contains(files, b) && len(files) < 3 {
				files = append(files, b)
			}
		}
		if len(list) < maxHosts {
			list = append(list, h+" ("+strings.Join(schemes, ", ")+" in "+strings.Join(files, ", ")+")")
		}
		if len(f.Quotes) < shown {
			f.Quotes = append(f.Quotes, byHost[h][0].Quote("text"))
		}
	}
	if n := len(names) - len(list); n > 0 {
		list = append(list, fmt.Sprintf("and %d more", n))
	}
	r.finish(f, "update.hosts", "update.hosts-fix", "update.hosts-until", []wardein.Note{note("count", count(len(names))), note("list", strings.Join(list, "; "))}, names...)
}

// configures tells a configuration file: in etc, or named as one outside the
// folders of documentation, programs and web pages; no program and no script.
func (r *release) configures(p string) bool {
	n := r.tree.Lookup(p)
	if n == nil || n.Format == "elf" || !inPlace(p) || n.Mode&0o111 != 0 && r.files[p]["install"] == nil {
		return false
	}
	if _, rel := startup.Root(p); rel != "" {
		return !strings.Contains(rel, "/ssl/") && !strings.Contains(rel, "mime") && !strings.Contains(rel, "/X11/") && !strings.Contains(rel, "/vim/")
	}
	for _, dir := range strings.Split(path.Dir(p), "/") {
		switch dir {
		case "lib", "lib64", "www", "htdocs", "html", "include", "bin", "sbin", "src", "python3", "perl5", "node_modules":
			return false
		}
	}
	switch path.Ext(p) {
	case ".conf", ".cfg", ".ini", ".json", ".xml", ".toml", ".yaml", ".yml", ".properties":
		return true
	}
	return false
}

func count(n int) string { return fmt.Sprint(n) }
