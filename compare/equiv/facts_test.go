package equiv

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/wardein/wardein/internal/tomlfile"
)

func TestTemplate(t *testing.T) {
	if _, err := Parse([]byte(Template), nil); err != nil {
		t.Error(err)
	}
	// With every line that is left out in it, but for keys that are files.
	var full []string
	for _, l := range strings.Split(Template, "\n") {
		if rest, ok := strings.CutPrefix(l, "#"); ok && (strings.HasPrefix(rest, "[") || strings.Contains(rest, " = ")) && !strings.HasPrefix(rest, " ") {
			l = rest
		}
		full = append(full, l)
	}
	asked := map[string]bool{}
	f, err := Parse([]byte(strings.Join(full, "\n")), func(name string) ([]byte, error) {
		asked[name] = true
		return testKey(t).public, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Shipped.Times) != 4 || len(f.Rebuilt.Owners) != 1 || len(f.Paths) != 1 || len(f.Numbers) != 1 || len(f.Shipped.Signatures) != 2 || !asked["vendor.pem"] {
		t.Errorf("%+v", f)
	}
}

func TestParse(t *testing.T) {
	for _, c := range []struct{ in, err string }{
		{"", ""},
		{"form = 2", "form"},
		{"[shipped]\ntime = [\"2022\"]", "shipped.time"},
		{"[shipped]\ntimes = [\"22\"]", "shipped.times[1]"},
		{"[shipped]\ntimes = [\"2022\", \"2023/2022\"]", "shipped.times[2]"},
		{"[shipped]\ntimes = [\"2022-02-30\"]", "shipped.times[1]"},
		{"[shipped]\ntimes = [\"@x\"]", "@ and seconds"},
		{"[shipped]\ntimes = [\"2150\"]", "shipped.times[1]"},
		{"[rebuilt]\nepoch = 5", "rebuilt.epoch"},
		{"[rebuilt]\nusers = [\"a\"]", "two characters"},
		{"[rebuilt]\nusers = [\"a b\"]", "rebuilt.users[1]"},
		{"[rebuilt]\nhosts = [\"\"]", "rebuilt.hosts[1]"},
		{"[rebuilt]\nowners = [\"0\"]", "UID:GID"},
		{"[rebuilt]\nowners = [\"0:-1\"]", "UID:GID"},
		{"[[path]]\nshipped = \"/\"\nrebuilt = \"/a\"", "path[1].shipped"},
		{"[[path]]\nshipped = \"/a/\"\nrebuilt = \"/a\"", "path[1].shipped"},
		{"[[path]]\nshipped = \"/a\"", "path[1].rebuilt"},
		{"[[number]]\nshipped = 1\nrebuilt = 2026", "number[1].shipped"},
		{"[[number]]\nshipped = 2022\nrebuilt = 2026\nfiles = [\"[\"]", "number[1].files"},
		{"[[shipped.signature]]\nkind = \"module\"", "files"},
		{"[[shipped.signature]]\nfiles = [\"x\"]\nkind = \"pgp\"", "kind"},
		{"[[shipped.signature]]\nfiles = [\"x\"]\nkind = \"rsa\"", "len"},
		{"[[shipped.signature]]\nfiles = [\"x\"]\nkind = \"module\"\nlen = 7", "at"},
		{"[[shipped.signature]]\nfiles = [\"x\"]\nkind = \"module\"\nkey = \"k\"", "key"},
	} {
		in := c.in
		if !strings.HasPrefix(in, "form") {
			in = "form = 1\n" + in
		}
		_, err := Parse([]byte(in), nil)
		if c.err == "" && err != nil || c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err)) {
			t.Errorf("%q: %v, want %q", c.in, err, c.err)
		}
	}
}

func TestWindows(t *testing.T) {
	at := func(s string) int64 {
		v, err := time.Parse(time.RFC3339, s)
		if err != nil {
			t.Fatal(err)
		}
		return v.Unix()
	}
	for s, want := range map[string]Window{
		"2022":                             {at("2022-01-01T00:00:00Z"), at("2022-12-31T23:59:59Z")},
		"2024-02":                          {at("2024-02-01T00:00:00Z"), at("2024-02-29T23:59:59Z")},
		"2022-08-31":                       {at("2022-08-31T00:00:00Z"), at("2022-08-31T23:59:59Z")},
		"2022-08-31T10:00:00Z":             {at("2022-08-31T10:00:00Z"), at("2022-08-31T10:00:00Z")},
		"@1661904000":                      {1661904000, 1661904000},
		"2022-08-31T10:00:00Z/2022-09":     {at("2022-08-31T10:00:00Z"), at("2022-09-30T23:59:59Z")},
		"2022/2023":                        {at("2022-01-01T00:00:00Z"), at("2023-12-31T23:59:59Z")},
		"@1661904000/2022-08-31T00:00:01Z": {1661904000, 1661904001},
	} {
		if w, err := parseWindow(s); err != nil || w != want {
			t.Errorf("%s: %v, %v", s, w, err)
		}
	}
}

// Swap twice is nothing.
func TestSwap(t *testing.T) {
	f := factsOf(t, buildFacts+yearFacts)
	if again := f.Swap().Swap(); !reflect.DeepEqual(f, again) {
		t.Errorf("%+v", again)
	}
	if s := f.Swap(); s.Numbers[0].Shipped != 2026 || s.Paths[0].Shipped != "/build/bb" || s.Shipped.Times[0] != f.Rebuilt.Times[0] {
		t.Errorf("%+v", s)
	}
}

func TestMatches(t *testing.T) {
	for _, c := range []struct {
		pattern, path string
		want          bool
	}{
		{"usr/bin/hello", "data.tar.xz/data/usr/bin/hello", true}, {"*.ko", "lib/modules/5.4/a.ko", true}, {"hello", "usr/bin/hello2", false},
		{"bin/hello", "usr/sbin/hello", false}, {"usr/*/hello", "x/usr/bin/hello", true}, {"*", "", true},
	} {
		if got := matches([]string{c.pattern}, c.path); got != c.want {
			t.Errorf("%s %s: %v", c.pattern, c.path, got)
		}
	}
}

// What is read is bounded, and swapped facts are facts.
func FuzzFacts(f *testing.F) {
	f.Add([]byte(Template))
	f.Add([]byte("form = 1\n" + buildFacts + yearFacts))
	f.Add([]byte("form = 1\n[shipped]\ntimes = [\"2022/2023\", \"@5\"]\nowners = [\"0:0\"]\n[[shipped.signature]]\nfiles = [\"*\"]\nkind = \"rsa\"\nlen = 256\nkey = \"k\"\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		facts, err := Parse(b, func(string) ([]byte, error) { return b, nil })
		if err != nil {
			return
		}
		if len(b) > tomlfile.MaxSize {
			t.Fatal("too long, and read")
		}
		judge(t, one("built 2022-08-31 in /build/hello-2.10 by buildd"), one("built 2026-11-22 in /work/hello-2.10 by lab"), facts)
	})
}
