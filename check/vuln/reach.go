package vuln

import (
	"fmt"
	"path"
	"strings"

	"github.com/wardein/wardein"
)

// servers are products whose programs are network servers by what they are
// for; a started one is taken to be reached over the network.
var servers = map[string]bool{
	"apache": true, "avahi": true, "boa": true, "chrony": true, "dhcp": true, "dnsmasq": true, "dropbear": true, "frr": true, "goahead": true, "hostapd": true,
	"httpd": true, "lighttpd": true, "mini_httpd": true, "miniupnpd": true, "net-snmp": true, "nginx": true, "ntp": true, "openssh": true, "openvpn": true,
	"pppd": true, "proftpd": true, "quagga": true, "samba": true, "strongswan": true, "thttpd": true, "uhttpd": true, "unbound": true, "vsftpd": true, "xl2tpd": true,
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
		at := root + strings.TrimPrefix(path.Clean(program), "/")
		for range 8 { // links
			x := t.Lookup(at)
			if x == nil {
				break
			}
			if by[at] == "" {
				by[at] = n.Path
			}
			if x.Kind != wardein.Symlink && x.Kind != wardein.HardLink {
				break
			}
			target := x.Target
			if !strings.HasPrefix(target, "/") && x.Kind == wardein.Symlink {
				target = path.Join(strings.TrimPrefix(path.Dir(at), strings.TrimSuffix(root, "/")), target)
			}
			at = root + strings.TrimPrefix(path.Clean("/"+target), "/")
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
func (j *judge) reach(c *wardein.Component) (wardein.Reach, string) {
	for i := range c.Seen {
		at, ok := j.starts[c.Seen[i].Quote.Node]
		if !ok {
			continue
		}
		if servers[c.Name] {
			return wardein.Management, fmt.Sprintf(" It is a server, and %s starts it.", at)
		}
		return wardein.Local, fmt.Sprintf(" %s starts it; whether it listens was not seen.", at)
	}
	return wardein.NoneShown, ""
}
