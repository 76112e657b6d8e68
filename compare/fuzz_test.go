package compare

import (
	"strings"
	"testing"

	"github.com/wardein/wardein"
)

// Whatever two files of a name hold: nothing fails, the same is no difference,
// what differs is in a row, and both ways agree.
func FuzzText(f *testing.F) {
	for _, s := range []struct{ name, a, b string }{
		{"etc/passwd", "root:x:0:0::/:/bin/sh\n", "root::0:0::/:/bin/sh\n"},
		{"etc/shadow", "root:$6$salt$hash:1:::::::\n", "root:!:1:::::::\n"},
		{"status", "Package: a\nVersion: 1\n\nPackage: b\nVersion: 2\n", "Package: a\nVersion: 2\n"},
		{"installed", "C:Q1x\nP:musl\nV:1.2\n\n", "C:Q1y\nP:musl\nV:1.3\n\n"},
		{".config", "CONFIG_A=y\n# CONFIG_B is not set\n", "CONFIG_A=m\nCONFIG_B=y\n"},
		{"network", "config interface 'lan'\n\toption proto 'static'\n", "config interface\n\tlist dns '1'\n"},
		{"x.ini", "[a]\nk=1\nk=2\n", "[b]\nk=1\n"},
		{"x.json", `{"a":[1,{"b":null}],"c":"d"}`, `[true,[],{}]`},
		{"script", "#!/bin/sh\npassword=hunter22\n", "#!/bin/sh\n"},
	} {
		f.Add(s.name, s.a, s.b)
	}
	f.Fuzz(func(t *testing.T, name, a, b string) {
		if strings.Contains(a+b, "\x00") {
			return
		}
		n, m := &wardein.Node{Path: name}, &wardein.Node{Path: name}
		var d, back, same detail
		d.text(n, m, a, b, [2][]run{})
		back.text(m, n, b, a, [2][]run{})
		same.text(n, m, a, a, [2][]run{})
		if reads(same.rows) && a != "" {
			for _, r := range same.rows {
				if r.Note != "the same settings in another order or form" && r.Lines > 0 {
					t.Errorf("a text differs from itself: %+v", r)
				}
			}
		}
		if a != b && !reads(d.rows) {
			t.Errorf("%q → %q: nothing to read", a, b)
		}
		sum := func(d *detail) (n int64) {
			for _, r := range d.rows {
				n += r.Lines
			}
			return n
		}
		if sum(&d) != sum(&back) {
			t.Errorf("%q and %q: %d lines one way, %d the other", a, b, sum(&d), sum(&back))
		}
		general(name)
	})
}
