package component

import (
	"strings"
	"testing"
)

// Packages of one source are one component; sources stand in control files, or
// are told by names and versions.
func TestOpkgSources(t *testing.T) {
	entry := func(name, version, more string) string {
		return "Package: " + name + "\nVersion: " + version + "\n" + more + "Architecture: mips_24kc\n"
	}
	installed := "Status: install user installed\nInstalled-Time: 1\n"
	status := strings.Join([]string{
		entry("kernel", "5.15.134-1-0a6c2d3f7f0b4a8e9c1d2e3f4a5b6c7d", installed),
		entry("kmod-nf-nat", "5.15.134-1", installed),
		entry("kmod-cfg80211", "5.15.134+6.1.24-3", installed),
		entry("libc", "1.2.3-4", installed),
		entry("libgcc1", "12.3.0-4", installed),
		entry("libubox20230523", "2023-05-23-75a3b870-1", installed),
		entry("libblobmsg-json20230523", "2023-05-23-75a3b870-1", installed),
		entry("uci", "2023-08-10-5781664d-1", installed),
		entry("libuci20130104", "2023-08-10-5781664d-1", installed),
		entry("libexring2", "1.4.2-1", installed),
		entry("exother", "1.4.2-1", installed),
	}, "\n")
	_, list := named(t, map[string][]byte{
		"fw/usr/lib/opkg/status":                               []byte(status),
		"fw/usr/lib/opkg/info/libubox20230523.control":         []byte(entry("libubox20230523", "2023-05-23-75a3b870-1", "Source: package/libs/libubox\nSourceName: libubox\n")),
		"fw/usr/lib/opkg/info/libblobmsg-json20230523.control": []byte(entry("libblobmsg-json20230523", "2023-05-23-75a3b870-1", "Source: package/libs/libubox\nSourceName: libubox\n")),
		"fw/usr/lib/opkg/info/libc.control":                    []byte(entry("libc", "1.2.3-4", "Source: package/libs/toolchain\nSourceName: toolchain\n")),
	})
	var got []string
	for _, c := range list {
		got = append(got, strings.TrimSpace(c.Name+" "+c.Version)+strings.Repeat("+", len(c.Declared)-1))
	}
	want := "exother 1.4.2; gcc 12.3.0; libexring2 1.4.2; libubox 2023-05-23-75a3b870+; linux 5.15.134+; mac80211 5.15.134+6.1.24; musl 1.2.3; uci 2023-08-10-5781664d+"
	if s := strings.Join(got, "; "); s != want {
		t.Errorf("%s\nwant %s", s, want)
	}
}
