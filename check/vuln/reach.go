package vuln

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/startup"
)

// servers are products whose programs are network servers by what they are
// for; a started one is taken to be reached over the network.
var servers = map[string]bool{
	"apache": true, "avahi": true, "boa": true, "chrony": true, "dhcp": true, "dnsmasq": true, "dropbear": true, "frr": true, "goahead": true, "hostapd": true,
	"httpd": true, "lighttpd": true, "mini_httpd": true, "miniupnpd": true, "net-snmp": true, "nginx": true, "ntp": true, "openssh": true, "openvpn": true,
	"pppd": true, "proftpd": true, "quagga": true, "samba": true, "strongswan": true, "thttpd": true, "uhttpd": true, "unbound": true, "vsftpd": true, "xl2tpd": true,
}

// linked is what an ELF file says of itself.
type linked struct {
	soname string
	needed []string
}

// use is a started program that a file is, or is loaded into.
type use struct {
	program, start string // node of the program; what starts it
	waits          string // for connections or datagrams, "" was not seen to
	told           bool   // whether it waits could be seen
	direct         bool
}

func (u *use) better(old use) bool {
	if (u.waits != "") != (old.waits != "") {
		return u.waits != ""
	}
	return u.direct && !old.direct
}

// Bounds on what is followed: libraries of one name in one root, and names of
// libraries in all.
const (
	maxSame  = 16
	maxSteps = 1 << 22
)

// uses finds for every file what started program it is or is loaded into: by
// what the check service saw start at boot, and by the libraries that ELF files
// name.
func uses(t wardein.Tree) map[string]use {
	system, lines := startup.Read(t)
	files, waits := map[string]*linked{}, map[string]string{}
	for n, f := range t.Facts("component") {
		if f.Kind == "elf" {
			files[n.Path] = &linked{f.Attr("soname"), strings.Fields(f.Attr("needed"))}
		}
	}
	for n, f := range t.Facts("service") {
		if f.Kind == "listens" {
			waits[n.Path] = f.Attr("for")
		}
	}
	libraries := map[string]map[string][]string{} // root → name → files
	var links []string
	for n := range t.Nodes() {
		if strings.Contains(path.Base(n.Path), ".so") && n.Kind != wardein.Directory {
			links = append(links, n.Path)
		}
	}
	for _, p := range links {
		root := rootOf(p)
		at := followed(t, root, p)
		if at == "" {
			continue
		}
		if libraries[root] == nil {
			libraries[root] = map[string][]string{}
		}
		names := []string{path.Base(p)}
		if f := files[at]; f != nil && f.soname != "" && f.soname != names[0] {
			names = append(names, f.soname)
		}
		for _, name := range names {
			if of := libraries[root][name]; len(of) < maxSame && !slices.Contains(of, at) {
				libraries[root][name] = append(libraries[root][name], at)
			}
		}
	}
	by := map[string]use{}
	steps := 0
	keep := func(p string, u use) {
		if old, ok := by[p]; !ok || u.better(old) {
			by[p] = u
		}
	}
	for i := range lines {
		l := &lines[i]
		if l.As == "" || l.Fact.Attr("action") == "disabled" {
			continue
		}
		u := use{start: l.As, direct: true}
		name := l.Fact.Attr("path")
		if l.Fact.Kind == "telnet" {
			name, _, _ = strings.Cut(l.Fact.Attr("command"), " ")
			l.Fact.Attrs = append(slices.Clone(l.Fact.Attrs), wardein.Note{Name: "path", Value: name})
			u.waits, u.told = "connections", true
		}
		if u.program = system.Program(l); u.program == "" {
			continue
		}
		// A link to a program of another name is one of its many parts: what
		// that program calls does not tell what this part does.
		if f := files[u.program]; path.Base(u.program) == path.Base(name) && u.waits == "" {
			u.waits = waits[u.program]
			u.told = u.waits != "" || f != nil && len(f.needed) > 0
		}
		keep(u.program, u)
		u.direct = false
		seen := map[string]bool{u.program: true}
		for queue := []string{u.program}; len(queue) > 0; queue = queue[1:] {
			f := files[queue[0]]
			if f == nil {
				continue
			}
			for _, name := range f.needed {
				if steps++; steps > maxSteps {
					break
				}
				for _, p := range libraries[rootOf(u.program)][name] {
					if !seen[p] && len(seen) < 4096 {
						seen[p] = true
						queue = append(queue, p)
						keep(p, u)
					}
				}
			}
		}
	}
	return by
}

// rootOf is the root file system that a file lies in: what stands before the
// first folder that a root has.
func rootOf(p string) string {
	first := len(p)
	for _, dir := range []string{"/etc/", "/bin/", "/sbin/", "/lib/", "/lib64/", "/usr/", "/opt/"} {
		if k := strings.Index("/"+p, dir); k >= 0 {
			first = min(first, k)
		}
	}
	if first == len(p) {
		return "\x00"
	}
	return p[:first]
}

// followed is what the links at a path lead to.
func followed(t wardein.Tree, root, at string) string {
	for range 8 {
		x := t.Lookup(at)
		if x == nil {
			return ""
		}
		if x.Kind != wardein.Symlink && x.Kind != wardein.HardLink {
			return at
		}
		target := x.Target
		if !strings.HasPrefix(target, "/") && x.Kind == wardein.Symlink {
			target = path.Join(strings.TrimPrefix(path.Dir(at), strings.TrimSuffix(root, "/")), target)
		}
		at = root + strings.TrimPrefix(path.Clean("/"+target), "/")
	}
	return ""
}

// reach says from where a component can be reached, as far as it is seen, and
// how that is known.
func (j *judge) reach(c *wardein.Component) (best wardein.Reach, how string) {
	for i := range c.Seen {
		u, ok := j.uses[c.Seen[i].Quote.Node]
		if !ok {
			continue
		}
		what := "It"
		if !u.direct {
			what = path.Base(u.program) + ", which loads it,"
		}
		r, says := wardein.Local, fmt.Sprintf(" %s is started by %s; whether it listens was not seen.", what, u.start)
		switch {
		case u.waits != "":
			r, says = wardein.Management, fmt.Sprintf(" %s is started by %s and waits for %s.", what, u.start, u.waits)
		case u.direct && servers[c.Name]:
			r, says = wardein.Management, fmt.Sprintf(" It is a server, and %s starts it.", u.start)
		case u.told:
			says = fmt.Sprintf(" %s is started by %s; it calls nothing to listen with.", what, u.start)
		}
		if r > best || how == "" {
			best, how = r, says
		}
	}
	return best, how
}
