package tomlfile

import (
	"strings"
	"testing"
)

type file struct {
	Form int      `toml:"form"`
	Name string   `toml:"name"`
	Day  string   `toml:"day"`
	List []string `toml:"list"`
	Part []struct {
		Size int8 `toml:"size"`
	} `toml:"part"`
}

// Errors are one line that names line and key.
func TestRead(t *testing.T) {
	v := new(file)
	if err := Read([]byte("form = 1\nname = \"x\"\n[[part]]\nsize = 3\n"), v); err != nil || v.Form != 1 || v.Part[0].Size != 3 {
		t.Fatalf("%+v, %v", v, err)
	}
	for in, want := range map[string]string{
		"form = 1\nfrom = 2\n":         `line 2: key "from": there is no such key`,
		"[[part]]\nsize = 1\nsise = 1": `line 3: key "part.sise": there is no such key`,
		"form = \"1\"":                 "line 1: ",
		"[[part]]\nsize = 300":         "line 2: ",
		"form = ":                      "line 1: ",
		"form = 1\nform = 2":           "line 2: ",
		"name = \"\xff\"":              "byte 8 is not UTF-8",
		strings.Repeat(" ", MaxSize+1): "at most 262144 are read",
		"\"a\\u001b\" = 1":             "there is no such key",
	} {
		err := Read([]byte(in), new(file))
		if err == nil || !strings.Contains(err.Error(), want) || strings.ContainsAny(err.Error(), "\n\x1b") {
			t.Errorf("%.40q: %v, want %s", in, err, want)
		}
	}
}

// Of several wrong values the first is told, and each kind names its key.
func TestKeys(t *testing.T) {
	for want, check := range map[string]func(k *Keys){
		"": func(k *Keys) {
			k.Text("a", "x y", 3)
			k.Name("b", "a-1.b", 9)
			k.Date("c", "2026-02-28")
			k.Form(1, 1)
			OneOf(k, "d", "x", "x", "y")
		},
		"key a: is missing":                   func(k *Keys) { k.Text("a", "", 3); k.Text("b", "", 3) },
		"key a: 4 bytes, at most 3":           func(k *Keys) { k.Text("a", "xxxx", 3) },
		"key a: \" x\" has control":           func(k *Keys) { k.Text("a", " x", 3) },
		"key a: \"a\\nb\" has control":        func(k *Keys) { k.Text("a", "a\nb", 3) },
		"key a: \"1a\" is not of small":       func(k *Keys) { k.Name("a", "1a", 3) },
		"key a: \"2026-02-29\" is not a date": func(k *Keys) { k.Date("a", "2026-02-29") },
		"key form: 2, expected 1":             func(k *Keys) { k.Form(2, 1) },
		"key a: \"z\" is none of x, y":        func(k *Keys) { OneOf(k, "a", "z", "x", "y") },
		"key a[2].b: bad":                     func(k *Keys) { k.Bad(At("a", 1, "b"), "bad") },
	} {
		k := &Keys{}
		check(k)
		if err := k.Err(); want == "" && err != nil || want != "" && (err == nil || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
