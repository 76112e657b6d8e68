package component

import (
	"fmt"
	"strings"
	"testing"

	"github.com/wardein/wardein/internal/testkit/checktest"
)

// What a program loads is what lies in its own root; a copy that is linked in
// loads nothing.
func TestNeeds(t *testing.T) {
	const inflate = "\x00 inflate 1.2.13 Copyright 1995-2022 Mark Adler \x00"
	files := map[string][]byte{}
	for path, l := range map[string]library{
		"a/usr/lib/libz.so.1.2.13":  {soname: "libz.so.1", data: inflate},
		"b/usr/lib/libz.so.1":       {soname: "libz.so.1", data: strings.ReplaceAll(inflate, "1.2.13", "1.2.11")},
		"a/usr/lib/libxml2.so.2":    {soname: "libxml2.so.2", needed: []string{"libz.so.1", "libc.so.6"}, data: "\x002.9.14\x00"},
		"b/usr/lib/libcurl.so.4":    {soname: "libcurl.so.4", needed: []string{"libz.so.1", "libxml2.so.2"}, data: "\x007.88.1\x00"},
		"b/usr/sbin/vendor-program": {needed: []string{"libcurl.so.4"}, data: "\x00SSH-2.0-dropbear_2022.83\x00"},
	} {
		files[path] = l.build()
	}
	_, list := named(t, files)
	var got []string
	for _, c := range list {
		for _, n := range c.Needs {
			got = append(got, fmt.Sprintf("%s %s loads %s %s", c.Name, c.Version, n.Name, n.Version))
		}
	}
	// libxml2 lies in the other root only; nothing else of that name is there.
	const want = "curl 7.88.1 loads libxml2 2.9.14; curl 7.88.1 loads zlib 1.2.11; libxml2 2.9.14 loads zlib 1.2.13"
	if s := strings.Join(got, "; "); s != want {
		t.Errorf("%q, want %q", s, want)
	}
}

// Licences are those that each kind of database states.
func TestLicenses(t *testing.T) {
	for text, want := range map[string]string{
		"Package: busybox\nVersion: 1.36.1-r1\nLicense: GPL-2.0\nArchitecture: mips_24kc\nInstalled-Time: 1\n": "GPL-2.0",
		"C:Q1abc=\nP:musl\nV:1.2.4-r2\nA:x86_64\nL:MIT\no:musl\n":                                              "MIT",
		"Metadata-Version: 2.1\nName: requests\nVersion: 2.31.0\nLicense: Apache 2.0\n":                        "Apache 2.0",
		"Metadata-Version: 2.1\nName: x\nVersion: 1\nLicense: UNKNOWN\n":                                       "",
		"{\n \"name\": \"lodash\",\n \"version\": \"4.17.21\", \"license\": \"MIT\"\n}\n":                      "MIT",
		"{\n \"name\": \"old\",\n \"version\": \"1.0.0\", \"license\": {\"type\": \"MIT\"}\n}\n":               "",
	} {
		_, list := named(t, map[string][]byte{"fw/db": []byte(text)})
		if len(list) != 1 || list[0].Declared[0].License != want {
			t.Errorf("%q: %+v, want %q", text, list, want)
		}
	}
	tree := &checktest.Tree{}
	tree.Add("fw/usr/share/doc/libssl3/copyright", 0o644, []byte("Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/\n\nFiles: *\nLicense: Apache-2.0\n\nFiles: debian/*\nLicense: Artistic or GPL-1+\n\nLicense: Apache-2.0\n text\n"))
	tree.Add("fw/var/lib/dpkg/status", 0o644, []byte("Package: libssl3\nStatus: install ok installed\nArchitecture: armhf\nSource: openssl\nVersion: 3.0.20-1~deb12u2\n"))
	tree.Judge(t, Check())
	if list := tree.Identified; len(list) != 1 || list[0].Declared[0].License != "(Artistic or GPL-1+) AND Apache-2.0" {
		t.Errorf("%+v", list)
	}
}
