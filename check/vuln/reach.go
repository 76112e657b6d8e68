package vuln

import (
	"fmt"
	"path"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/exe"
)

// servers are products whose programs are network servers by what they are
// for; a started one is taken to be reached over the network.
var servers = map[string]bool{
	"apache": true, "avahi": true, "boa": true, "chrony": true, "dhcp": true, "dnsmasq": true, "dropbear": true, "frr": true, "goahead": true, "hostapd": true,
	"httpd": true, "lighttpd": true, "mini_httpd": true, "miniupnpd": true, "net-snmp": true, "nginx": true, "ntp": true, "openssh": true, "openvpn": true,
	"pppd": true, "proftpd": true, "quagga": true, "samba": true, "strongswan": true, "thttpd": true, "uhttpd": true, "unbound": true, "vsftpd": true, "xl2tpd": true,
}

// imports states what a program that is linked dynamically calls to be reached
// over a network: listen(2) for connections; for datagrams bind(2) and one of
// the calls that say who sent them.
func imports(b wardein.Blob, out func(wardein.Fact)) error {
	f, err := exe.Open(b, b.Size)
	if err != nil || !f.HasDynamic() || f.IsModule() {
		return nil // what is damaged or static is not told
	}
	symbols, _ := f.DynamicSymbols() // a damaged table: what could be read counts
	calls := map[string]bool{}
	for i := range symbols {
		switch name := symbols[i].Name; name {
		case "listen", "bind", "recvfrom", "recvmsg", "recvmmsg":
			if !symbols[i].Defined() {
				calls[name] = true
			}
		}
	}
	how := ""
	switch {
	case len(symbols) == 0:
		return nil
	case calls["listen"]:
		how = "listen"
	case calls["bind"] && (calls["recvfrom"] || calls["recvmsg"] || calls["recvmmsg"]):
		how = "bind"
	}
	out(wardein.Fact{Kind: "program", Len: min(f.HeaderSize, b.Size), Attrs: []wardein.Note{{Name: "listens", Value: how}}})
	return nil
}

// linked is what an ELF file says of itself.
type linked struct {
	soname  string
	needed  []string
	known   bool   // its imports were read
	listens string // the call by which it listens
}

// use is a started program that a file is, or is needed by.
type use struct {
	program, start string // nodes: the program, the file that starts it
	known          bool
	listens        string
	direct         bool
}

// uses finds for every file what started program it is or is loaded into: by
// the start-up files that the check service read, and the libraries that ELF
// files name.
func uses(t wardein.Tree) map[string]use {
	files := map[string]*linked{}
	at := func(p string) *linked {
		if files[p] == nil {
			files[p] = &linked{}
		}
		return files[p]
	}
	for n, f := range t.Facts("component") {
		if f.Kind == "elf" {
			l := at(n.Path)
			l.soname, l.needed = f.Attr("soname"), strings.Fields(f.Attr("needed"))
		}
	}
	for n, f := range t.Facts("vuln") {
		if f.Kind == "program" {
			l := at(n.Path)
			l.known, l.listens = true, f.Attr("listens")
		}
	}
	libraries := map[string]map[string][]string{} // root → name → nodes
	for n := range t.Nodes() {
		base := path.Base(n.Path)
		if !strings.Contains(base, ".so") || n.Kind == wardein.Directory {
			continue
		}
		root := system(n.Path)
		if libraries[root] == nil {
			libraries[root] = map[string][]string{}
		}
		names := []string{base}
		if l := files[n.Path]; l != nil && l.soname != "" && l.soname != base {
			names = append(names, l.soname)
		}
		for _, name := range names {
			libraries[root][name] = append(libraries[root][name], n.Path)
		}
	}
	by := map[string]use{}
	better := func(p string, u use) bool {
		old, ok := by[p]
		if ok && (old.listens != "" || u.listens == "") && (old.direct || !u.direct) {
			return false
		}
		by[p] = u
		return true
	}
	for program, start := range started(t) {
		u := use{program: program, start: start, direct: true}
		if l := files[program]; l != nil {
			u.known, u.listens = l.known, l.listens
		}
		better(program, u)
		u.direct = false
		seen := map[string]bool{program: true}
		for queue := []string{program}; len(queue) > 0; {
			l := files[queue[0]]
			queue = queue[1:]
			if l == nil {
				continue
			}
			for _, name := range l.needed {
				for _, lib := range libraries[system(program)][name] {
					for _, p := range followed(t, system(program), lib) {
						if !seen[p] && len(seen) < 4096 {
							seen[p] = true
							queue = append(queue, p)
							better(p, u)
						}
					}
				}
			}
		}
	}
	return by
}

// system is the root file system that a file lies in: all before the first
// folder that a root has.
func system(p string) string {
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

// followed is a path and what the links on it lead to.
func followed(t wardein.Tree, root, at string) (list []string) {
	for range 8 {
		x := t.Lookup(at)
		if x == nil {
			return list
		}
		list = append(list, at)
		if x.Kind != wardein.Symlink && x.Kind != wardein.HardLink {
			return list
		}
		target := x.Target
		if !strings.HasPrefix(target, "/") && x.Kind == wardein.Symlink {
			target = path.Join(strings.TrimPrefix(path.Dir(at), strings.TrimSuffix(root, "/")), target)
		}
		at = root + strings.TrimPrefix(path.Clean("/"+target), "/")
	}
	return list
}

// started maps the nodes of programs to the start-up file that names them, as
// the check service saw them.
func started(t wardein.Tree) map[string]string {
	by := map[string]string{}
	for n, f := range t.Facts("service") {
		root := rootOf(n.Path)
		if root == "\x00" {
			continue
		}
		program := f.Attr("path")
		if f.Kind == "telnet" {
			program, _, _ = strings.Cut(f.Attr("command"), " ")
		}
		if !strings.HasPrefix(program, "/") {
			continue
		}
		for _, p := range followed(t, root, root+strings.TrimPrefix(path.Clean(program), "/")) {
			if by[p] == "" {
				by[p] = n.Path
			}
		}
	}
	return by
}

// rootOf is the root file system that a start-up file lies in.
func rootOf(p string) string {
	if k := strings.LastIndex("/"+p, "/etc/"); k >= 0 {
		return p[:k]
	}
	return "\x00"
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
		case u.listens != "":
			r, says = wardein.Management, fmt.Sprintf(" %s is started by %s and calls %s: it takes connections or datagrams.", what, u.start, u.listens)
		case u.direct && servers[c.Name]:
			r, says = wardein.Management, fmt.Sprintf(" It is a server, and %s starts it.", u.start)
		case u.known:
			says = fmt.Sprintf(" %s is started by %s; it calls nothing to listen with.", what, u.start)
		}
		if r > best || how == "" {
			best, how = r, says
		}
	}
	return best, how
}
