package source

import (
	"strings"
	"testing"
)

// words of a source, marks in between, preprocessor lines in brackets.
func taken(src string) string {
	var out []string
	for l := newLexer(src); ; {
		switch t := l.next(); t.kind {
		case end:
			return strings.Join(out, " ")
		case line:
			out = append(out, "["+strings.Join(strings.Fields(t.text), " ")+"]")
		case comment:
			out = append(out, "//")
		default:
			out = append(out, t.text)
		}
	}
}

func TestLexer(t *testing.T) {
	for src, want := range map[string]string{
		"memcpy(a, b);":                         "memcpy ( a , b ) ;",
		"a /* memcpy( */ b":                     "a // b",
		"a // memcpy( \\\n strcpy(\nb":          "a // b",
		`s = "memcpy(\"" ; x`:                   "s = ; x",
		"c = '\"'; memcpy()":                    "c = ; memcpy ( )",
		"#define A(x) \\\r\n memcpy(x) // y\nb": "[#define A(x) memcpy(x)] b",
		"#define A /* y \n z */ memcpy\nb":      "[#define A memcpy] b",
		"  #  if X\n#":                          "[# if X] [#]",
		"a # b":                                 "a # b",
		`R"x(memcpy(")x" b`:                     "b",
		`uR"(a)" LR"y" z`:                       "z",
		"1'000'000 + 0x1p-3f + 1e+5":            "+ +",
		"a && b || c & d":                       "a && b || c & d",
		"me\\\nmcpy":                            "memcpy",
		"me\\\r\nmc\\\npy(":                     "memcpy (",
		"me\\\n mcpy":                           "me mcpy",
		"\"not closed\nmemcpy":                  "memcpy",
		"/* not closed":                         "//",
		"'":                                     "",
		"\\":                                    "\\",
		"ä = x":                                 "ä = x",
	} {
		if got := taken(src); got != want {
			t.Errorf("%q:\n got %s\nwant %s", src, got, want)
		}
	}
}

func FuzzLexer(f *testing.F) {
	for _, s := range []string{"#define A(x) \\\n b /* c", "R\"x(a)x\"", "'\\", "\"\\", "#\\\r", "1'", "/*/", "a&&"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, src string) {
		last := -1
		for l := newLexer(src); ; {
			k := l.next()
			if k.kind == end {
				return
			}
			if k.off <= last || l.pos <= k.off || l.pos > len(src) {
				t.Fatalf("token at %d behind %d, position %d of %d", k.off, last, l.pos, len(src))
			}
			last = k.off
		}
	})
}
