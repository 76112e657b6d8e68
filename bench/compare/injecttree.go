package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// tree is the small root in which changes are made: path and content.
var tree = map[string]string{
	"etc/passwd":                        "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1::/:/bin/false\noperator:x:100:100:Operator:/home/operator:/bin/sh\n",
	"etc/shadow":                        "root:$6$saltsalt$GcvY3kP4hT6nq0XQ0mPZ1u4vY8mCw8G0tKfHc5mX1cQm0yq7VbTn2w3s6Lr9:19000:0:99999:7:::\noperator:*:19000:0:99999:7:::\n",
	"etc/group":                         "root:x:0:\nadmin:x:10:\noperator:x:100:\n",
	"etc/inittab":                       "::sysinit:/etc/init.d/rcS\nttyS0::askfirst:/bin/sh\n",
	"etc/init.d/rcS":                    "#!/bin/sh\nmount -a\n/bin/hostname -F /etc/hostname\nexit 0\n",
	"etc/init.d/network":                "#!/bin/sh\nifconfig lo up\nifconfig eth0 192.0.2.1\n",
	"etc/ssh/sshd_config":               "Port 22\nPermitRootLogin no\nPasswordAuthentication no\n",
	"etc/inetd.conf":                    "ftp stream tcp nowait root /usr/sbin/ftpd ftpd\n",
	"etc/crontabs/root":                 "0 3 * * * /usr/sbin/logrotate /etc/logrotate.conf\n",
	"etc/app.conf":                      "server = 192.0.2.10\nretries = 3\n",
	"etc/sudoers":                       "root ALL=(ALL) ALL\n",
	"usr/lib/systemd/system/om.service": "[Unit]\nDescription=Operations\n[Service]\nExecStart=/usr/bin/omd --level 2\nUser=operator\n[Install]\nWantedBy=multi-user.target\n",
	"root/.ssh/authorized_keys":         "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJxyzExampleExampleExampleExampleExample12 lab@example.net\n",
	"usr/share/notes.txt":               "one\ntwo\nthree\n",
	"usr/share/gone.txt":                "this file goes\n",
	"usr/share/renamed-1.txt":           "this file gets another name, and has enough of its own to be known again\n",
	"usr/bin/tool":                      "#!/bin/sh\necho tool\n",
	"usr/bin/tool2":                     "#!/bin/sh\necho tool2\n",
	"usr/bin/tool3":                     "#!/bin/sh\necho tool3\n",
}

// treeChange is a change to that tree; one of kinds must be the kind of a row
// of the path.
type treeChange struct {
	name, path string
	kinds      string
	do         func(root, path string) error
}

func appended(text string) func(root, path string) error {
	return func(_, p string) error {
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		return os.WriteFile(p, append(b, text...), 0o644)
	}
}

func replaced(old, new string) func(root, path string) error {
	return func(_, p string) error {
		b, err := os.ReadFile(p)
		if err != nil {
			return err
		}
		if !strings.Contains(string(b), old) {
			return fmt.Errorf("%s: no %q", p, old)
		}
		return os.WriteFile(p, []byte(strings.Replace(string(b), old, new, 1)), 0o644)
	}
}

func mode(m uint32) func(root, path string) error {
	return func(_, p string) error { return syscall.Chmod(p, m) }
}

// capNetRaw is the attribute that `setcap cap_net_raw+ep` sets, version 2.
var capNetRaw = []byte{1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}

var treeChanges = []treeChange{
	{"setuid bit", "usr/bin/tool", "setuid", mode(0o4755)},
	{"setgid bit", "usr/bin/tool2", "setuid", mode(0o2755)},
	{"capability", "usr/bin/tool3", "setuid", func(_, p string) error { return syscall.Setxattr(p, "security.capability", capNetRaw, 0) }},
	{"mode", "etc/sudoers", "mode", mode(0o666)},
	{"owner", "etc/app.conf", "owner", func(_, p string) error { return os.Chown(p, 100, 100) }},
	{"setting", "etc/app.conf", "setting text", replaced("retries = 3", "retries = 4")},
	{"user", "etc/passwd", "account", appended("service:x:0:0::/:/bin/sh\n")},
	{"shell of a user", "etc/passwd", "account", replaced("daemon:x:1:1::/:/bin/false", "daemon:x:1:1::/:/bin/sh")},
	{"password", "etc/shadow", "account", replaced("operator:*:", "operator:$6$saltsalt$Gcv:")},
	{"member of a group", "etc/group", "account", replaced("admin:x:10:", "admin:x:10:operator")},
	{"line of inittab", "etc/inittab", "init", appended("::respawn:/usr/sbin/telnetd -F\n")},
	{"line of an init script", "etc/init.d/rcS", "init text", replaced("mount -a\n", "mount -a\n/usr/sbin/agent &\n")},
	{"address in an init script", "etc/init.d/network", "init remote text", appended("route add default gw 203.0.113.9\n")},
	{"init script", "etc/init.d/S99agent", "init file", func(_, p string) error {
		return os.WriteFile(p, []byte("#!/bin/sh\n/usr/sbin/agent &\n"), 0o755)
	}},
	{"service", "usr/lib/systemd/system/om.service", "init setting", replaced("User=operator", "User=root")},
	{"setting of sshd", "etc/ssh/sshd_config", "setting text", replaced("PermitRootLogin no", "PermitRootLogin yes")},
	{"line of inetd", "etc/inetd.conf", "listener init setting text", appended("telnet stream tcp nowait root /usr/sbin/telnetd telnetd\n")},
	{"line of cron", "etc/crontabs/root", "init text setting", appended("* * * * * /tmp/x\n")},
	{"authorised key", "root/.ssh/authorized_keys", "key account text setting", appended("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJxyzOtherOtherOtherOtherOtherOther1234567 other@example.net\n")},
	{"target of a link", "usr/lib/libx.so", "link", func(_, p string) error {
		os.Remove(p)
		return os.Symlink("libx.so.2", p)
	}},
	{"device number", "dev/port", "device", func(_, p string) error {
		os.Remove(p)
		return syscall.Mknod(p, syscall.S_IFCHR|0o600, 1<<8|5)
	}},
	{"line of a text", "usr/share/notes.txt", "text", replaced("two", "2")},
	{"file that came", "usr/share/came.txt", "file", func(_, p string) error { return os.WriteFile(p, []byte("new here\n"), 0o644) }},
	{"file that went", "usr/share/gone.txt", "file", func(_, p string) error { return os.Remove(p) }},
	{"file renamed", "usr/share/renamed-2.txt", "moved", func(root, p string) error {
		return os.Rename(filepath.Join(root, "usr/share/renamed-1.txt"), p)
	}},
	{"folder's mode", "root/.ssh", "mode", mode(0o777)},
}

// plant writes the tree below root.
func plant(root string) error {
	os.RemoveAll(root)
	for _, p := range sortedKeys(tree) {
		to := filepath.Join(root, p)
		if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
			return err
		}
		m := os.FileMode(0o644)
		if strings.HasPrefix(tree[p], "#!") {
			m = 0o755
		}
		if err := os.WriteFile(to, []byte(tree[p]), m); err != nil {
			return err
		}
	}
	for _, d := range []string{"dev", "usr/lib"} {
		if err := os.MkdirAll(filepath.Join(root, d), 0o755); err != nil {
			return err
		}
	}
	if err := os.Symlink("libx.so.1", filepath.Join(root, "usr/lib/libx.so")); err != nil {
		return err
	}
	return syscall.Mknod(filepath.Join(root, "dev/port"), syscall.S_IFCHR|0o600, 1<<8|4)
}

func sortedKeys(m map[string]string) []string {
	var list []string
	for k := range m {
		list = append(list, k)
	}
	slices.Sort(list)
	return list
}

// injectTrees makes a tree for each processor, with all changes above and with
// many copies of a program, each with one change, and looks whether
// `wardein compare` has a row for each. Of changes in code that is a row of the
// program which lists the function: where an address is formed by several
// instructions it marks the one that completes it, so the changed one need not
// be among those that are printed.
func injectTrees() error {
	bin, err := wardein()
	if err != nil {
		return err
	}
	var failed error
	for _, v := range variants {
		b := built{program: programs[0], release: releases[0], variant: v, opt: "-O2"}
		if !wanted(v.name) || !b.there() {
			continue
		}
		dir, err := b.dir()
		if err != nil {
			return err
		}
		list, err := injections(filepath.Join(dir, "full"), *each, 2)
		if err != nil {
			return err
		}
		e, err := openELF(filepath.Join(dir, "full"))
		if err != nil {
			return err
		}
		defer e.Close()
		got, err := oneTree(bin, v.name, filepath.Join(dir, "stripped"), list, e.function)
		if err != nil {
			return fmt.Errorf("%s: %w", v.name, err)
		}
		for i := range got {
			r := &got[i]
			r.Variant, r.Program, r.Bounds = v.name, b.program.name, "wardein compare"
			r.print()
			if r.N != r.Listed {
				failed = errors.New("changes are missed")
			}
		}
		if err := keep("tree-"+v.name, got); err != nil {
			return err
		}
	}
	return failed
}

func oneTree(bin, name, stripped string, list []injection, function func(uint64) *object) ([]injected, error) {
	root := filepath.Join(*work, "inject", "tree-"+name)
	old, new := filepath.Join(root, "old"), filepath.Join(root, "new")
	for _, r := range []string{old, new} {
		if err := plant(r); err != nil {
			return nil, err
		}
	}
	for _, c := range treeChanges {
		if err := c.do(new, filepath.Join(new, c.path)); err != nil {
			return nil, err
		}
	}
	file := func(i int) string { return fmt.Sprintf("opt/p%04d/program%04d", i, i) }
	for i, in := range list {
		if err := apply(stripped, filepath.Join(old, file(i))); err != nil {
			return nil, err
		}
		if err := apply(stripped, filepath.Join(new, file(i)), in); err != nil {
			return nil, err
		}
	}
	// as archives, since owners and devices of a folder are the machine's
	for _, r := range []string{old, new} {
		cmd := exec.Command("tar", "--sort=name", "--numeric-owner", "--xattrs", "--xattrs-include=*", "--format=pax", "-cf", r+".tar", "-C", r, ".")
		if out, err := cmd.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("tar: %v: %s", err, out)
		}
	}
	c, _, _, err := compareVerb(bin, old+".tar", new+".tar")
	if err != nil {
		return nil, err
	}
	by := map[string][]row{}
	for _, r := range c.Rows {
		p := r.New
		if p == "" {
			p = r.Old
		}
		by[path.Clean(p)] = append(by[path.Clean(p)], r)
	}
	kinds := map[string]*injected{}
	count := func(kind string, found bool, more int, what string) {
		r := kinds[kind]
		if r == nil {
			r = &injected{Kind: kind}
			kinds[kind] = r
		}
		r.N++
		r.More += more
		if found {
			r.Listed++
		} else {
			r.Missed = append(r.Missed, what)
		}
	}
	for _, t := range treeChanges {
		found := slices.ContainsFunc(by[t.path], func(r row) bool { return slices.Contains(strings.Fields(t.kinds), r.Kind) })
		count("files", found, 0, t.name+" "+t.path)
	}
	for i, in := range list {
		found, more := false, 0
		for _, r := range by[file(i)] {
			for _, f := range r.Functions.List {
				more++
				var at uint64
				if _, err := fmt.Sscanf(f.New.Address, "0x%x", &at); err == nil {
					g := function(at)
					found = found || g != nil && g == function(in.addr)
				}
			}
			if in.kind == kindTable || in.kind == kindString {
				found = found || r.Kind == "strings" || r.Kind == "binary" || r.Kind == "code" || strings.HasPrefix(r.What, "data in")
			}
		}
		count(in.kind, found, max(more-1, 0), in.what)
	}
	var out []injected
	for _, k := range append([]string{"files"}, injectionKinds...) {
		if kinds[k] != nil {
			out = append(out, *kinds[k])
		}
	}
	return out, nil
}
