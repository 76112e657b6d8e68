package compare

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/term"
)

// attributes are the rows of what containers say about a pair of nodes. Bytes
// do not count here, and times have a row of their own.
func attributes(a, b *wardein.Node) (rows []Row) {
	row := func(k Kind, what, was, is string) {
		rows = append(rows, Row{Kind: k, Change: Changed, Old: a.Path, New: b.Path, What: what, Was: was, Is: is, Lines: 1})
	}
	if a.Kind != b.Kind {
		row(Type, "kind", a.Kind.String(), b.Kind.String())
	}
	if a.Mode != b.Mode && a.Kind != wardein.Region {
		k := Mode
		if (a.Mode^b.Mode)&setID != 0 {
			k = SetID
		}
		row(k, "mode", octal(a.Mode), octal(b.Mode))
	}
	if a.UID != b.UID || a.GID != b.GID {
		k := Owner
		if a.Mode&b.Mode&setID != 0 && (marked(a) || marked(b)) { // of whom it has the rights
			k = SetID
		}
		row(k, "owner", fmt.Sprintf("%d:%d", a.UID, a.GID), fmt.Sprintf("%d:%d", b.UID, b.GID))
	}
	if a.Major != b.Major || a.Minor != b.Minor {
		row(Device, "device", fmt.Sprintf("%d,%d", a.Major, a.Minor), fmt.Sprintf("%d,%d", b.Major, b.Minor))
	}
	if a.Target != b.Target {
		row(Link, "target", a.Target, b.Target)
	}
	xattrs := func(n *wardein.Node) map[string]string {
		m := map[string]string{}
		for _, x := range n.Xattrs {
			m[x.Name] = x.Value
		}
		return m
	}
	was, is := xattrs(a), xattrs(b)
	for _, name := range keysOf(was, is) {
		v, had := was[name]
		w, has := is[name]
		if had == has && v == w {
			continue
		}
		k := Xattr
		if name == capability {
			k = SetID
		}
		row(k, name, valueOf(name, v, had), valueOf(name, w, has))
	}
	return rows
}

func octal(mode uint32) string { return fmt.Sprintf("%04o", mode) }

// valueOf is an attribute's value as it is printed.
func valueOf(name, v string, there bool) string {
	if !there {
		return ""
	}
	if name == capability {
		if s, ok := capabilities(v); ok {
			return s
		}
	}
	const most = 64
	if len(v) > most {
		return fmt.Sprintf("%s… (%d bytes)", term.Clean(v[:most]), len(v))
	}
	return term.Clean(v)
}

// capabilities prints a vfs_cap_data (Linux include/uapi/linux/capability.h):
// a magic number with the flag "effective", then words of the permitted and
// the inheritable set, the low halves first.
func capabilities(v string) (string, bool) {
	b := []byte(v)
	if len(b) < 12 {
		return "", false
	}
	magic := binary.LittleEndian.Uint32(b)
	words := 1
	switch magic >> 24 {
	case 1:
	case 2, 3:
		words = 2
	default:
		return "", false
	}
	if len(b) < 4+8*words {
		return "", false
	}
	set := func(at int) string {
		m := uint64(binary.LittleEndian.Uint32(b[4+4*at:]))
		if words == 2 {
			m |= uint64(binary.LittleEndian.Uint32(b[12+4*at:])) << 32
		}
		var names []string
		for i := range 64 {
			if m>>i&1 == 0 {
				continue
			}
			if name := "cap_" + strconv.Itoa(i); i < len(capabilityNames) {
				name = "cap_" + capabilityNames[i]
				names = append(names, name)
			} else {
				names = append(names, name)
			}
		}
		return strings.Join(names, ",")
	}
	s := set(0) + "+p"
	if magic&1 != 0 {
		s = set(0) + "+ep"
	}
	if inherited := set(1); inherited != "" {
		s += " " + inherited + "+i"
	}
	return s, true
}

// capabilityNames are the numbers of <linux/capability.h>.
var capabilityNames = strings.Fields(`chown dac_override dac_read_search fowner fsetid kill setgid setuid setpcap linux_immutable
	net_bind_service net_broadcast net_admin net_raw ipc_lock ipc_owner sys_module sys_rawio sys_chroot sys_ptrace sys_pacct sys_admin
	sys_boot sys_nice sys_resource sys_time sys_tty_config mknod lease audit_write audit_control setfcap mac_override mac_admin syslog
	wake_alarm block_suspend audit_read perfmon bpf checkpoint_restore`)

// markedRow is the row of a program with rights of its own that one side has alone.
func markedRow(n *wardein.Node, c Change) Row {
	r := Row{Kind: SetID, Change: c, What: "mode", Lines: 1}
	value := octal(n.Mode) + " " + fmt.Sprintf("%d:%d", n.UID, n.GID)
	for _, x := range n.Xattrs {
		if x.Name == capability {
			value += " " + valueOf(x.Name, x.Value, true)
		}
	}
	if c == New {
		r.New, r.Is = n.Path, value
	} else {
		r.Old, r.Was = n.Path, value
	}
	return r
}
