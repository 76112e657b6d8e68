package component

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit/checktest"
)

// named runs the check over files and returns "name version confidence".
func named(t *testing.T, files map[string][]byte) (out []string, list []wardein.Component) {
	t.Helper()
	tree := &checktest.Tree{}
	for path, data := range files {
		tree.Add(path, 0o755, data)
	}
	tree.Judge(t, Check())
	for _, c := range tree.Identified {
		out = append(out, strings.TrimSpace(c.Name+" "+c.Version)+" "+c.Confidence.String())
	}
	return out, tree.Identified
}

// The traps: what looks like a component and is none, and what is one.
func TestTraps(t *testing.T) {
	const openssl = "\x00OpenSSL 3.0.20 7 Apr 2026\x00"
	for _, c := range []struct {
		why   string
		files map[string]library
		want  string
	}{
		{"a text of OpenSSL in a program that needs libcrypto",
			map[string]library{"fw/usr/sbin/vpnd": {needed: []string{"libcrypto.so.3"}, data: openssl}}, ""},
		{"the same text in a program that needs nothing: linked in",
			map[string]library{"fw/usr/sbin/vpnd": {data: openssl}}, "openssl 3.0.20 likely"},
		{"the library itself",
			map[string]library{"fw/usr/lib/libcrypto.so.3": {soname: "libcrypto.so.3", data: openssl}}, "openssl 3.0.20 certain"},
		{"a file name that lies: the getter says the version",
			map[string]library{"fw/usr/lib/libsqlite3.so.0.8.6": {soname: "libsqlite3.so.0", texts: map[string]string{"sqlite3_libversion": "3.40.1"}, getters: map[string]uint32{"sqlite3_libversion_number": 3040001}}},
			"sqlite 3.40.1 certain"},
		{"a number alone in a program that is not known is nobody's version",
			map[string]library{"fw/usr/sbin/omcid": {data: "\x003.1.4\x00"}}, ""},
		{"zlib's header in a library that uses it",
			map[string]library{"fw/usr/lib/libelf.so.1": {soname: "libelf.so.1", needed: []string{"libz.so.1"}, data: "\x001.2.13\x00"}}, "elfutils possible"},
		{"a plug-in that is called as the library it plugs in",
			map[string]library{"fw/usr/lib/ldb/tdb.so": {data: "\x002.6.2\x00"}}, ""},
		{"the parts of pppd's plug-ins are not another pppd",
			map[string]library{
				"fw/usr/sbin/pppd":                       {data: "\x00/usr/lib/pppd/2.4.9\x00pppd.so.2.4.9\x00"},
				"fw/usr/lib/pppd/2.4.9/passprompt.so":    {data: "\x002.4.9\x00"},
				"fw/usr/lib/pppd/2.4.9/vendor-plugin.so": {data: "\x007.0.1\x00"},
			}, "ppp 2.4.9 certain"},
		{"two copies are two components",
			map[string]library{"fw/a/libz.so.1": {soname: "libz.so.1", data: "\x00 inflate 1.2.13 Copyright 1995-2022 Mark Adler \x00"}, "fw/b/tool": {data: "\x00 inflate 1.1.4 Copyright 1995-2002 Mark Adler \x00"}},
			"zlib 1.1.4 likely; zlib 1.2.13 certain"},
		{"a product that no list has, by its own name",
			map[string]library{"fw/usr/lib/libexcfg.so.2": {soname: "libexcfg.so.2", data: "\x00libexcfg 2.3.1\x00"}}, "libexcfg 2.3.1 likely"},
		{"libpcap's text in a program that needs libpcap",
			map[string]library{"fw/usr/sbin/arpscan": {needed: []string{"libpcap.so.0.8", "libc.so.6"}, data: "\x00libpcap version 1.10.3 (with TPACKET_V3)\x00"}}, ""},
		{"Berkeley DB's text in a mail server and in a plug-in that need it, by a name with the release in it",
			map[string]library{
				"fw/usr/sbin/maild":     {needed: []string{"libdb-5.3.so"}, data: "\x00Berkeley DB 5.3.28: (September  9, 2013)\x00"},
				"fw/usr/lib/php/dba.so": {soname: "dba.so", needed: []string{"libdb-5.3.so"}, data: "\x00Berkeley DB 5.3.28: (September  9, 2013)\x00"},
			}, ""},
		{"OpenSSL's text in a plug-in that needs libssl alone",
			map[string]library{"fw/usr/lib/sipd/modules/tls.so": {needed: []string{"libssl.so.3"}, data: openssl}}, ""},
		{"OpenSSL's text in a library that reaches libcrypto through another",
			map[string]library{
				"fw/usr/lib/libexmail.so.0":     {soname: "libexmail.so.0", needed: []string{"libexmail_min.so.0"}, data: "\x00OpenSSL 3.0.11 19 Sep 2023\x00"},
				"fw/usr/lib/libexmail_min.so.0": {soname: "libexmail_min.so.0", needed: []string{"libcrypto.so.3"}},
				"fw/usr/lib/libcrypto.so.3":     {soname: "libcrypto.so.3", data: openssl},
			}, "openssl 3.0.20 certain"},
		{"a copy of another OpenSSL in a program that reaches libcrypto through another library",
			map[string]library{
				"fw/usr/sbin/cwmpd":         {needed: []string{"libcurl.so.4"}, data: "\x00OpenSSL 1.0.2k  26 Jan 2017\x00"},
				"fw/usr/lib/libcurl.so.4":   {soname: "libcurl.so.4", needed: []string{"libcrypto.so.3"}},
				"fw/usr/lib/libcrypto.so.3": {soname: "libcrypto.so.3", data: openssl},
			}, "curl possible; openssl 1.0.2k likely; openssl 3.0.20 certain"},
		{"a kernel's banner in a program that reads crash dumps",
			map[string]library{"fw/usr/bin/dumpread": {needed: []string{"libc.so.6"}, data: "\x00Linux version 2.6.32-119.el6.i686 (builder@host) (gcc version 4.4.4) #1 SMP\x00"}}, ""},
		{"an interface's number beside the release",
			map[string]library{"fw/usr/lib/libyang.so.3.9.1": {soname: "libyang.so.3", data: "\x003.9.1\x003.12.2\x00",
				texts: map[string]string{"ly_version_proj_str": "3.12.2", "ly_version_so_str": "3.9.1"}}},
			"libyang 3.12.2 certain"},
		{"a version in parts, by functions",
			map[string]library{"fw/usr/lib/libexring.so.2": {soname: "libexring.so.2", data: "\x00libexring 7.7\x00",
				getters: map[string]uint32{"exring_version_major": 2, "exring_version_minor": 9, "exring_version_micro": 4}}},
			"libexring 2.9.4 certain"},
		{"a plug-in's version is not a product's",
			map[string]library{"fw/usr/lib/ftpd/mod_quota.so": {soname: "mod_quota.so", data: "\x00mod_quota/1.3.1\x00mod_quota 1.3.1\x00"}}, ""},
		{"a format's number in a library",
			map[string]library{"fw/usr/lib/libidn.so.12": {soname: "libidn.so.12", data: "\x001.0\x00"}}, "libidn possible"},
		{"a library whose file is numbered by its release",
			map[string]library{"fw/lib/libacl.so.1.1.2301": {soname: "libacl.so.1"}, "fw/lib/libattr.so.1.1.2448": {soname: "libattr.so.1"}},
			"acl 2.3.1 likely; attr 2.4.48 likely"},
		{"a program that is called as one of frr's and needs none of its libraries",
			map[string]library{"fw/usr/sbin/babeld": {needed: []string{"libc.so.6"}, data: "\x00babeld-1.12.1\x00"}}, "babeld 1.12.1 certain"},
		{"a sentence about an older release",
			map[string]library{"fw/usr/sbin/pimd": {needed: []string{"libc.so.6"}, data: "\x00%s:%u - The priority is, as of pimd 2.2.0, always 1.\x00pimd version %s\x002.3.2\x00"}}, "pimd 2.3.2 likely"},
		{"an address, a mask, an object identifier, a standard, a kernel",
			map[string]library{"fw/usr/lib/libjansson.so.4": {soname: "libjansson.so.4", data: "\x00192.0.2.1\x00255.255.255.0\x001.3.6.1\x002.5.4.10\x00802.1x\x002.6.30\x00"}}, "jansson possible"},
	} {
		files := map[string][]byte{}
		for path, l := range c.files {
			files[path] = l.build()
		}
		got, _ := named(t, files)
		if s := strings.Join(got, "; "); s != c.want {
			t.Errorf("%s: %q, want %q", c.why, s, c.want)
		}
	}
}

// The kernel's version is that of its banner, with the distribution's stable
// number; a module's vermagic is not a kernel.
func TestKernel(t *testing.T) {
	banner := "Linux version 6.1.0-50-armmp (debian-kernel@lists.debian.org) (arm-linux-gnueabihf-gcc-12 (Debian 12.2.0-14+deb12u1) 12.2.0, GNU ld (GNU Binutils for Debian) 2.40) #1 SMP Debian 6.1.176-1 (2026-06-19)\n"
	image := append(make([]byte, 128<<10), banner...)
	got, _ := named(t, map[string][]byte{"fw/kernel": append(image, make([]byte, 100)...)})
	if s := strings.Join(got, "; "); s != "linux 6.1.176 likely" {
		t.Errorf("%q", s)
	}
	got, _ = named(t, map[string][]byte{"fw/x.ko": library{data: "\x00vermagic=6.1.0-50-armmp SMP mod_unload ARMv7 p2v8 \x00"}.build()})
	if len(got) != 0 {
		t.Errorf("a module: %q", got)
	}
}

// The condensed set: every positive snippet of every rule, in a file named as
// the product's, gives that product in that version and no other product.
func TestCondensed(t *testing.T) {
	d := known()
	right, total := 0, 0
	for _, p := range d.products {
		for i := range p.Rules {
			for _, yes := range p.Rules[i].Yes {
				if yes[0] == "" {
					continue
				}
				l, path := library{data: yes[1]}, "fw/opt/image"
				switch {
				case len(p.Sonames) > 0:
					l.soname = p.Sonames[0]
					path = "fw/lib/" + p.Sonames[0]
				case len(p.Files) > 0:
					path = "fw/bin/" + p.Files[0]
				case p.Rules[i].Own:
					path = "fw/bin/" + p.Name
				}
				total++
				got, list := named(t, map[string][]byte{path: l.build()})
				hit := slices.ContainsFunc(list, func(c wardein.Component) bool { return c.Name == p.Name && c.Version == yes[0] })
				if hit && len(list) == 1 {
					right++
				} else if total-right < 40 {
					t.Logf("%s %s by %q in %s: %s", p.Name, yes[0], yes[1], path, strings.Join(got, "; "))
				}
			}
		}
	}
	t.Logf("%d of %d snippets name their product and version and nothing else", right, total)
	if right*100 < total*98 {
		t.Errorf("%d of %d", right, total)
	}
}

// Same facts, same components, whatever the order of maps.
func TestDeterministic(t *testing.T) {
	files := map[string][]byte{}
	for i := range 20 {
		files[fmt.Sprintf("fw/lib%d.so", i)] = library{data: "\x00libacme 1.2.3\x00 inflate 1.2.13 Copyright 1995-2022 Mark Adler \x00acme 9.9\x004.5.6\x00"}.build()
	}
	_, first := named(t, files)
	for range 5 {
		if _, again := named(t, files); fmt.Sprint(again) != fmt.Sprint(first) {
			t.Fatalf("%v, then %v", first, again)
		}
	}
}

// Package databases of each kind are read.
func TestDeclared(t *testing.T) {
	for text, want := range map[string]string{
		"Package: libssl3\nStatus: install ok installed\nArchitecture: armhf\nSource: openssl\nVersion: 3.0.20-1~deb12u2\n\nPackage: gone\nStatus: deinstall ok config-files\nVersion: 1\nArchitecture: all\n": "openssl 3.0.20 dpkg",
		"Package: busybox\nVersion: 1.36.1-r1\nDepends: libc\nStatus: install user installed\nArchitecture: mips_24kc\nInstalled-Time: 1\n":                                                                    "busybox 1.36.1 opkg",
		"C:Q1abc=\nP:musl\nV:1.2.4-r2\nA:x86_64\no:musl\n\nC:Q1def=\nP:libcrypto3\nV:3.1.4-r5\no:openssl\n":                                                                                                    "musl 1.2.4 apk; openssl 3.1.4 apk",
		"Metadata-Version: 2.1\nName: requests\nVersion: 2.31.0\n":                                                                                                                                             "requests 2.31.0 pypi",
		"{\n \"name\": \"lodash\",\n \"version\": \"4.17.21\"\n}\n":                                                                                                                                            "lodash 4.17.21 npm",
		"#Generated by Maven\nversion=1.2.17\ngroupId=log4j\nartifactId=log4j\n":                                                                                                                               "log4j/log4j 1.2.17 maven",
		"Manifest-Version: 1.0\nBundle-SymbolicName: org.acme.core;singleton:=true\nBundle-Version: 2.0.1\n":                                                                                                   "org.acme.core 2.0.1 maven",
		"This product contains open source software:\n - zlib 1.2.11\n - unknownthing 3.0\n":                                                                                                                   "zlib 1.2.11 notice",
		"Read the manual of zlib 1.2.11.\n": "",
	} {
		_, list := named(t, map[string][]byte{"fw/var/lib/db": []byte(text)})
		var got []string
		for _, c := range list {
			got = append(got, c.Name+" "+c.Version+" "+c.Declared[0].System)
		}
		if s := strings.Join(got, "; "); s != want {
			t.Errorf("%q: %q, want %q", text, s, want)
		}
	}
}
