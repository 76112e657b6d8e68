package vulndb

import (
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/vulndb/version"
)

func TestNames(t *testing.T) {
	for in, want := range map[string]string{
		"cpe:2.3:a:Haxx:Curl:7.1:*:*:*:*:*:*:*": "cpe:haxx:curl",
		`cpe:2.3:a:ex\:am:p\.d:*:*:*:*:*:*:*:*`: "cpe:ex:am:p.d",
		"cpe:/a:haxx:curl:7.1":                  "cpe:haxx:curl",
		"cpe:/o:linux:linux_kernel":             "cpe:linux:linux_kernel",
		"cpe:2.3:a:haxx:curl:7.1":               "",
		"cpe:/a:haxx":                           "",
		"curl":                                  "",
		"":                                      "",
		"cpe:2.3:a::curl:*:*:*:*:*:*:*:*":       "",
		"cpe:2.3:a:haxx:curl:7.1:*:*:*:*:*:*:*:*:*:more": "cpe:haxx:curl",
	} {
		if got, _, _ := CPE(in); got != want {
			t.Errorf("%s: %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string][2]string{
		"pkg:npm/%40ex/lib@1.0.0":                            {"purl:npm/@ex/lib", "1.0.0"},
		"pkg:deb/debian/exssl@1%3A1.1-1?arch=arm64&distro=x": {"purl:deb/debian/exssl", "1:1.1-1"},
		"pkg:generic/a":                                      {"purl:generic/a", ""},
		"pkg:golang/golang.org/x/net@v0.1.0#http2":           {"purl:golang/golang.org/x/net", "v0.1.0"},
		"pkg:npm/@ex/lib":                                    {"purl:npm/@ex/lib", ""},
		"pkg:generic":                                        {"", ""},
		"https://x.example":                                  {"", ""},
	} {
		if got, v, _, _ := PURL(in); got != want[0] || v != want[1] {
			t.Errorf("%s: %q %q, want %q", in, got, v, want)
		}
	}
	for in, want := range map[[2]string]string{
		{"Debian:12", "exssl"}: "debian:12/exssl", {"Alpine:v3.19", "a"}: "alpine:v3.19/a", {"alpine:3.19", "a"}: "alpine:v3.19/a", {"Ubuntu:22.04:LTS", "a"}: "ubuntu:22.04/a", {"PyPI", "Ex_Lib.x"}: "pypi/ex-lib-x", {"npm", "@ex/lib"}: "npm/@ex/lib",
	} {
		if got, _, ok := Package(in[0], in[1]); got != want || !ok {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	if _, _, ok := Package("Unheard", "a"); ok {
		t.Error("an ecosystem that nobody knows has an order")
	}
}

// Ranges are half open, and said as they stand.
func TestBetween(t *testing.T) {
	for _, c := range []struct {
		from, to Bound
		said     string
		in, out  []string
	}{
		{Bound{}, Bound{Version: "1.5"}, "< 1.5", []string{"0", "1.4.9", "1.5-rc1"}, []string{"1.5", "1.5.0", "1.5a"}},
		{Bound{Version: "1.0.0"}, Bound{Version: "1.5.0", Beyond: true}, ">= 1.0.0, <= 1.5.0", []string{"1", "1.5"}, []string{"0.9", "1.5.1", "1.5a", "1.0-rc1"}},
		{Bound{Version: "1.0", Beyond: true}, Bound{}, "> 1.0", []string{"1.0.1", "1.0a"}, []string{"1.0", "0.9"}},
		{Bound{Version: "2"}, Bound{Version: "2.*", Beyond: true}, ">= 2, <= 2.*", []string{"2", "2.9.9", "2.999z"}, []string{"3", "3-rc1", "1.9"}},
		{Bound{Version: "0"}, Bound{Version: "*"}, "all versions", []string{"0", "99"}, nil},
	} {
		r, err := Between(version.Generic, c.from, c.to)
		if err != nil || r.Said != c.said {
			t.Errorf("%q, %v; want %q", r.Said, err, c.said)
		}
		a := Assertion{Range: r}
		p := packed{b: appendAssertion(nil, &a, false, false)}
		var s stored
		if !p.statement(&s) || s.said() != c.said || len(p.b) > 0 {
			t.Errorf("packed it says %q, want %q", s.said(), c.said)
		}
		for want, list := range map[bool][]string{true: c.in, false: c.out} {
			for _, v := range list {
				k, err := version.Key(version.Generic, v)
				if err != nil || compares(k, s.lo, s.hi, s.one) != want {
					t.Errorf("%s in %q: %v, want %v (%v)", v, c.said, !want, want, err)
				}
			}
		}
	}
	if _, err := Between(version.Generic, Bound{Version: "2"}, Bound{Version: "1"}); err == nil {
		t.Error("a range that ends before it begins")
	}
}

// A banner's revision makes a component one of the distribution's.
func TestWants(t *testing.T) {
	for v, want := range map[string]string{"2023.01+dfsg-2+deb12u3": "debian:12/exboot", "1.2.3": "", "9.2p1": "", "1.2-3": "", "3.0.11-1~deb12u2": "debian:12/exboot"} {
		got, up := "", ""
		for _, w := range wants(&wardein.Component{Name: "exboot", Version: v}) {
			if w.rank == distribution {
				got = w.product
			} else {
				up = w.version
			}
		}
		if got != want {
			t.Errorf("%s: %q, want %q", v, got, want)
		}
		if v == "2023.01+dfsg-2+deb12u3" && up != "2023.01" {
			t.Errorf("upstream's version of %s is %q", v, up)
		}
	}
}

// FuzzPacked holds the reader of packed statements against bytes of any kind.
func FuzzPacked(f *testing.F) {
	r, _ := Between(version.Generic, Bound{Version: "1.0"}, Bound{Version: "2.0"})
	pack(3, &Record{Name: "CVE-1901-0001", Says: []Assertion{{Product: "a", Range: r, Only: "x", Why: "y"}}}, func(_ string, b []byte) error { f.Add(b); return nil })
	f.Fuzz(func(t *testing.T, b []byte) {
		merge(b, nil, func(uint32) bool { return false })
		p := packed{b: b}
		var c chunk
		for p.next(&c) {
			one := packed{b: c.body}
			var s stored
			for one.statement(&s) {
				s.said()
			}
		}
	})
}
