package version

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/osv-scalibr/semantic"
	"pgregory.net/rapid"

	"github.com/wardein/wardein/internal/testkit"
)

// Each line is in order; versions on both sides of = are the same.
var ordered = map[Scheme][]string{
	Generic: {"0.9 1.0-dev 1.0alpha1 1.0-beta 1.0-beta2 1.0-rc1 1.0=1=1.0.0=v1.0 1.0-1 1.0a 1.0b 1.0p1 1.0p2 1.0.1 1.1 1.9 1.10 2022.83", "3.0p1 8.9p1 9.2p1 9.10", "2.80 2.80test1 2.81", "1.31.1 1.36.1"},
	Semver:  {"1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0=1.0=1=1.0.0+build 1.0.1 1.2.0 1.10.0 2.0.0"},
	Dpkg:    {"1.0~~ 1.0~~a 1.0~ 1.0=1.0-0=1.00 1.0-1~deb12u1 1.0-1 1.0a", "1.0-1~deb12u1 1.0-1 1.0-1+b1 1.0-1+deb12u1 1.0+dfsg-1 1.0.1 1.1 1:0.5", "3.0.11-1~deb12u2 3.0.15-1~deb12u1"},
	RPM:     {"1.0~rc1 1.0=1..0 1.0^20200101 1.0a 1.0.1", "0:1.0-1 1.0-1.el8 1.0-2 1:0.1"},
	APK:     {"1.0_alpha 1.0_alpha1 1.0_beta 1.0_rc1 1.0 1.0-r0 1.0-r1 1.0-r10 1.0_git20200101 1.0_p1 1.0_p1-r1 1.0a 1.0b 1.0.1 1.1 1.9 1.10", "1.35.0-r29 1.36.1-r2"},
	PyPI:    {"1.0.dev1 1.0a1.dev1 1.0a1=1.0alpha1 1.0b2 1.0rc1=1.0c1 1.0=1=1.0.0 1.0+local 1.0+1 1.0.post1.dev1 1.0.post1=1.0-1 1.1 1!0.1"},
	NPM:     {"v1.2.3-0 =1.2.3=1.2.3 1.2.4"},
	Maven:   {"1-alpha-1=1-a1 1-beta 1-milestone 1-rc=1-cr 1-snapshot 1=1.0=1.0.0=1-ga=1.final 1-sp 1-abc 1-1 1.1 1.2 1.10", "2.0-rc1 2.0 2.0.1"},
	Go:      {"go1.21rc2=1.21-rc.2 1.21 v1.21.1", "v0.0.0-20190101000000-abcdefabcdef v0.0.1 v2.0.0+incompatible=v2.0.0"},
	OpenSSL: {"0.9.8zg 0.9.8zh 1.0.2-beta1 1.0.2-beta3 1.0.2 1.0.2a 1.0.2k=1.0.2k-fips 1.0.2z 1.0.2za 1.0.2zb 1.1.0-pre1 1.1.0=1.1.0-fips 1.1.1w 3.0.0-alpha1 3.0.0-beta1 3.0.0 3.0.9 3.0.11 3.1.0"},
	Kernel:  {"2.6.32.71 3.18 4.19.0-rc1 4.19=4.19.0=4.19.0-18-amd64 4.19.1 5.10-rc3 5.10 5.10.103 6.1"},
}

func TestOrder(t *testing.T) {
	for s, lines := range ordered {
		for _, line := range lines {
			var last []byte
			for _, same := range strings.Fields(line) {
				first := []byte(nil)
				vs := strings.Split(same, "=")
				if s == NPM && vs[0] == "" {
					vs = []string{"=" + vs[1], vs[2]}
				}
				for _, v := range vs {
					k, err := Key(s, v)
					if err != nil {
						t.Errorf("%s: %v", s, err)
						continue
					}
					if first != nil && !bytes.Equal(k, first) {
						t.Errorf("%s: %s is not the same: %x, %x", s, same, first, k)
					}
					if bytes.Compare(last, k) >= 0 {
						t.Errorf("%s: %q does not stand behind what is before it in %q: %x, %x", s, v, line, last, k)
					}
					first = k
				}
				last = first
			}
		}
	}
}

func TestNamed(t *testing.T) {
	for s := range Scheme(len(names)) {
		if got, ok := Named(s.String()); !ok || got != s {
			t.Errorf("%s is %v", s, got)
		}
	}
	if _, ok := Named("roman"); ok {
		t.Error("roman is a scheme")
	}
	for _, s := range []Scheme{Generic, Dpkg, 200} {
		for _, v := range []string{"", strings.Repeat("1", 300)} {
			if k, err := Key(s, v); err == nil {
				t.Errorf("%s: %q has the key %x", s, v, k)
			}
		}
	}
}

// A prefix ends behind its last version and before the next one's candidates.
func TestAbove(t *testing.T) {
	for _, c := range []struct {
		s                       Scheme
		prefix, inside, outside string
	}{{Kernel, "6.1", "6.1.999", "6.2-rc1"}, {Kernel, "6", "6.19", "7.0-rc1"}, {Generic, "2.9", "2.9.9z", "2.10-dev"}, {Semver, "1.0", "1.0.99", "1.1.0-0"}, {OpenSSL, "1.0.2", "1.0.2zz", "1.0.3-dev"}} {
		k, err := Above(c.s, c.prefix)
		if err != nil {
			t.Fatal(err)
		}
		in, _ := Key(c.s, c.inside)
		out, _ := Key(c.s, c.outside)
		if bytes.Compare(in, k) >= 0 || bytes.Compare(out, k) <= 0 {
			t.Errorf("%s %s.*: %x not between %s %x and %s %x", c.s, c.prefix, k, c.inside, in, c.outside, out)
		}
	}
	if _, err := Above(Dpkg, "1"); err == nil {
		t.Error("a dpkg version has a prefix")
	}
}

// versions are made of what versions are made of, in the scheme's own shape.
func versions(s Scheme) *rapid.Generator[string] {
	n := rapid.SampledFrom([]string{"0", "1", "2", "3", "9", "10", "11", "19", "20", "100", "20240101"})
	dots := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(n, 1, 4).Draw(t, "numbers"), ".")
	})
	pick := func(t *rapid.T, some ...string) string { return rapid.SampledFrom(some).Draw(t, "word") }
	return rapid.Custom(func(t *rapid.T) string {
		maybe := func(s string) string {
			if rapid.Bool().Draw(t, "maybe") {
				return s
			}
			return ""
		}
		v := dots.Draw(t, "dots")
		switch s {
		case Dpkg:
			return maybe(n.Draw(t, "epoch")+":") + v + maybe(pick(t, "a", "b", "~", "~~", "+", ".", "+dfsg", "~rc", "z", "A")) + maybe(n.Draw(t, "n")) +
				maybe("-"+n.Draw(t, "revision")+maybe(pick(t, "~deb12u", "+deb12u", "+b", "ubuntu", ".", "build")+n.Draw(t, "n")))
		case RPM:
			return v + maybe(pick(t, "a", "b", "~", "^", "~rc", "^git", ".", "_", "~~", "^^", "A", "z1")) + maybe(n.Draw(t, "n")) + maybe(pick(t, ".", "~", "^", "el"))
		case APK:
			return v + maybe(pick(t, "a", "b", "z")) + maybe(pick(t, "_alpha", "_beta", "_pre", "_rc", "_cvs", "_svn", "_git", "_hg", "_p")+maybe(n.Draw(t, "n"))) + maybe("-r"+n.Draw(t, "r"))
		case PyPI:
			return maybe(n.Draw(t, "epoch")+"!") + v + maybe(pick(t, "a", "b", "rc", "alpha", ".beta", "-c", "pre")+maybe(n.Draw(t, "n"))) + maybe(pick(t, ".post", "-r", "post")+maybe(n.Draw(t, "p"))) + maybe(".dev"+maybe(n.Draw(t, "d"))) + maybe("+"+pick(t, "abc", "1", "1.2", "abc.1", "ubuntu-1"))
		case Semver, NPM, Go:
			return strings.Join(append(strings.Split(v, "."), "0", "0")[:3], ".") + maybe("-"+pick(t, "alpha", "beta", "rc", "1", "10", "x-y", "0")+maybe("."+pick(t, "1", "2", "10", "a", "B"))) + maybe("+build")
		case Maven:
			return v + maybe("-"+pick(t, "alpha", "beta", "milestone", "rc", "cr", "snapshot", "sp", "ga", "final", "abc", "jre")+maybe("-"+pick(t, "1", "2", "10")))
		case OpenSSL:
			return fmt.Sprintf("%s.%s.%s", n.Draw(t, "a"), n.Draw(t, "b"), n.Draw(t, "c")) + pick(t, "", "a", "k", "z", "za", "zb", "-dev", "-beta1", "-pre2", "-alpha10", "-fips", "k-fips")
		case Kernel:
			return v + pick(t, "", "-rc1", "-rc10", "-18-amd64", "-openwrt")
		}
		return v + pick(t, "", "a", "b", "p1", "p2", "rc1", "-beta2", "-1", "z")
	})
}

// against compares with an oracle over random pairs.
func against(t *testing.T, s Scheme, oracle func(pairs [][2]string) []int, n int) {
	t.Helper()
	var pairs [][2]string
	gen := versions(s)
	pick := rand.New(rand.NewPCG(uint64(s), uint64(n))) // the same pairs in each run
	for i := range n {
		a, b := gen.Example(2*i), gen.Example(2*i+1)
		if i%3 == 0 { // near ones: the same but for a character
			k := pick.IntN(len(a))
			b = a[:k] + strings.TrimPrefix(gen.Example(7*i), "x")
		}
		if _, err := Key(s, a); err != nil {
			t.Errorf("%v", err)
			continue
		}
		if _, err := Key(s, b); err == nil {
			pairs = append(pairs, [2]string{a, b})
		}
	}
	wrong, undecided := 0, 0
	for i, want := range oracle(pairs) {
		if want == undecidable {
			undecided++
			continue
		}
		got, err := Compare(s, pairs[i][0], pairs[i][1])
		if err != nil || got != want {
			if wrong++; wrong < 20 {
				t.Errorf("%s: %q, %q: %d, want %d (%v)", s, pairs[i][0], pairs[i][1], got, want, err)
			}
		}
	}
	t.Logf("%s: %d pairs compared, %d wrong, %d the oracle does not take", s, len(pairs)-undecided, wrong, undecided)
	if undecided > len(pairs)*9/10 {
		t.Errorf("%s: the oracle took only %d of %d", s, len(pairs)-undecided, len(pairs))
	}
}

const undecidable = 99

func TestAgainstDpkg(t *testing.T) {
	sh := testkit.Tool(t, "sh")
	testkit.Tool(t, "dpkg")
	against(t, Dpkg, func(pairs [][2]string) []int {
		var in strings.Builder
		for _, p := range pairs {
			fmt.Fprintf(&in, "%s %s\n", p[0], p[1])
		}
		return ask(t, in.String(), len(pairs), sh, "-c", `while read a b; do
			if dpkg --compare-versions "$a" lt "$b" 2>/dev/null; then echo -1
			elif dpkg --compare-versions "$a" gt "$b" 2>/dev/null; then echo 1
			else echo 0; fi; done`)
	}, 200)
}

func TestAgainstRPM(t *testing.T) {
	rpm := testkit.Tool(t, "rpm")
	against(t, RPM, func(pairs [][2]string) (out []int) {
		for len(pairs) > 0 {
			some := pairs[:min(len(pairs), 200)]
			pairs = pairs[len(some):]
			var in strings.Builder
			in.WriteString("%{lua:")
			for _, p := range some {
				fmt.Fprintf(&in, "print(rpm.vercmp(%q,%q)..\"\\n\")\n", p[0], p[1])
			}
			in.WriteString("}")
			out = append(out, ask(t, "", len(some), rpm, "--eval", in.String())...)
		}
		return out
	}, 3000)
}

func TestAgainstPackaging(t *testing.T) {
	python := testkit.Tool(t, "python3")
	if err := exec.Command(python, "-c", "import packaging.version").Run(); err != nil {
		testkit.Skip(t, "python3-packaging is not installed")
	}
	against(t, PyPI, func(pairs [][2]string) []int {
		var in strings.Builder
		for _, p := range pairs {
			fmt.Fprintf(&in, "%s\t%s\n", p[0], p[1])
		}
		return ask(t, in.String(), len(pairs), python, "-c", `
import sys
from packaging.version import Version as V
for l in sys.stdin:
    a, b = (V(x) for x in l.rstrip("\n").split("\t"))
    print((a > b) - (a < b))`)
	}, 2000)
}

func ask(t *testing.T, in string, n int, args ...string) (out []int) {
	t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin = strings.NewReader(in)
	b, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", args[0], err)
	}
	for _, f := range strings.Fields(string(b)) {
		v, err := strconv.Atoi(f)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, v)
	}
	if len(out) != n {
		t.Fatalf("%s: %d answers to %d questions", args[0], len(out), n)
	}
	return out
}

// strict is what Semantic Versioning allows.
var strict = regexp.MustCompile(`^\d+\.\d+\.\d+(-[0-9a-zA-Z.-]+)?(\+[0-9a-zA-Z.-]+)?$`)

// departs says of which pairs this oracle departs from apk-tools: two that
// differ in the number of their digits, or where one has a late suffix or only
// a build and the other none ("1", "1_cvs" and "1-r0" are the same to it).
func departs(a, b string) bool {
	shape := func(v string) string { return fmt.Sprint(strings.Count(v, "."), strings.Contains(v, "_")) }
	before, _, _ := strings.Cut(a, "-r")
	other, _, _ := strings.Cut(b, "-r")
	return shape(a) != shape(b) || a != b && before == other && (before == a || other == b)
}

// TestAgainstSemantic compares with osv-scalibr's implementations.
func TestAgainstSemantic(t *testing.T) {
	for s, ecosystem := range map[Scheme]string{Dpkg: "Debian", RPM: "Red Hat", APK: "Alpine", PyPI: "PyPI", Semver: "crates.io", NPM: "npm", Maven: "Maven", Go: "Go"} {
		t.Run(s.String(), func(t *testing.T) {
			against(t, s, func(pairs [][2]string) (out []int) {
				for _, p := range pairs {
					out = append(out, undecidable)
					switch {
					case s == APK && departs(p[0], p[1]):
						continue
					case (s == Semver || s == NPM || s == Go) && !(strict.MatchString(p[0]) && strict.MatchString(p[1])):
						continue
					}
					if v, err := semantic.Parse(p[0], ecosystem); err == nil {
						if c, err := v.CompareStr(p[1]); err == nil {
							out[len(out)-1] = c
						}
					}
				}
				return out
			}, 2000)
		})
	}
}

var plain = regexp.MustCompile(`^(-?[a-z]*(\d+|-amd64|-fips)?|-\d+-amd64)$`)

// TestAgainstPlain compares schemes that no tool has with a comparison that
// knows nothing of keys: numbers one by one, then what follows.
func TestAgainstPlain(t *testing.T) {
	rank := func(s Scheme, rest string) string {
		rest = strings.TrimSuffix(rest, "-fips")
		if s == Kernel && !strings.HasPrefix(rest, "-rc") {
			return "5"
		}
		for word, r := range map[string]string{"-dev": "0", "-alpha": "1", "-beta": "2", "-pre": "3", "-rc": "4", "rc": "4"} {
			if n, ok := strings.CutPrefix(rest, word); ok {
				return r + fmt.Sprintf("%05s", n)
			}
		}
		if n, ok := strings.CutPrefix(rest, "-"); ok && s == Generic {
			return "6" + n
		}
		return map[bool]string{true: "5", false: "7"}[rest == ""] + rest
	}
	for _, s := range []Scheme{Generic, OpenSSL, Kernel} {
		against(t, s, func(pairs [][2]string) (out []int) {
			for _, p := range pairs {
				var nums [2][]int
				var rest [2]string
				for i, v := range p {
					k := strings.IndexFunc(v, func(r rune) bool { return r != '.' && (r < '0' || r > '9') })
					if k < 0 {
						k = len(v)
					}
					for _, f := range strings.Split(strings.Trim(v[:k], "."), ".") {
						n, _ := strconv.Atoi(f)
						nums[i] = append(nums[i], n)
					}
					rest[i] = v[k:]
				}
				c := 0
				for i := range 12 {
					var a, b int
					if i < len(nums[0]) {
						a = nums[0][i]
					}
					if i < len(nums[1]) {
						b = nums[1][i]
					}
					if c == 0 && a != b {
						c = map[bool]int{true: -1, false: 1}[a < b]
					}
				}
				if c == 0 {
					c = strings.Compare(rank(s, rest[0]), rank(s, rest[1]))
				}
				if strings.HasSuffix(p[1], ".") || !plain.MatchString(rest[0]) || !plain.MatchString(rest[1]) {
					c = undecidable // cut in its middle: no shape that this comparison knows
				}
				out = append(out, c)
			}
			return out
		}, 2000)
	}
}

// No text makes a key panic, keys are bounded, and equal text has equal keys.
func Fuzz(f *testing.F) {
	for s, lines := range ordered {
		for _, l := range lines {
			for _, v := range strings.Fields(l) {
				f.Add(uint8(s), v)
			}
		}
	}
	f.Fuzz(func(t *testing.T, s uint8, v string) {
		k, err := Key(Scheme(s), v)
		if err == nil && (len(k) > 4*len(v)+16 || len(v) > MaxLen) {
			t.Errorf("%s: %q has a key of %d bytes", Scheme(s), v, len(k))
		}
		Above(Scheme(s), v)
	})
}

func BenchmarkKey(b *testing.B) {
	for s := range Scheme(len(names)) {
		v := strings.Split(strings.Fields(ordered[s][0])[min(4, len(strings.Fields(ordered[s][0]))-1)], "=")[0]
		if s == NPM {
			v = "1.2.3"
		}
		b.Run(s.String()+" "+v, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Key(s, v); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
