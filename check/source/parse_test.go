package source

import (
	"fmt"
	"strings"
	"testing"
)

func told(f *file) string {
	s := fmt.Sprintf("lines %d, functions %d, complexity %d", f.lines, f.functions, f.complexity)
	if f.functions > 0 {
		s += ", worst " + f.worst.name
	}
	for _, c := range f.calls {
		s += fmt.Sprintf(", %s %d", c.name, c.count)
		if c.same > 0 {
			s += fmt.Sprintf(" (%d same)", c.same)
		}
	}
	for _, m := range f.macros {
		s += fmt.Sprintf(", #%s=%s(%s)", m.name, m.callee, m.args)
	}
	for _, x := range f.suppressed {
		s += fmt.Sprintf(", %s %d", x.kind, x.count)
	}
	if f.network {
		s += ", network"
	}
	return s
}

func TestParse(t *testing.T) {
	known := func(s string) bool { return s == "memcpy" || s == "memcpy_s" || s == "strcpy" }
	for src, want := range map[string]string{
		"void *memcpy(void *, const void *, size_t);\n":                                                                            "lines 1, functions 0, complexity 0",
		"int f(int a) {\n  if (a && memcpy(a, b, 1)) return 1;\n  memcpy(a, b, 2);\n}\n":                                           "lines 4, functions 1, complexity 3, worst f, memcpy 2",
		"#include <sys/socket.h>\nint x = 1;":                                                                                      "lines 2, functions 0, complexity 0, network",
		"namespace a { class B { void c() const { strcpy(a, b); } }; }\n":                                                          "lines 1, functions 1, complexity 1, worst c, strcpy 1",
		"struct a b[] = { { memcpy }, { strcpy } };\n":                                                                             "lines 1, functions 0, complexity 0",
		"extern \"C\" {\nint g(void)\n{\n switch (a) { case 1: case 2: break; }\n}\n}\n":                                           "lines 6, functions 1, complexity 3, worst g",
		"#define memcpy_s(d, n, s, m) memcpy(d, s, m)\n#define X 1\n#define strcpy my_strcpy\n":                                    "lines 3, functions 0, complexity 0, #memcpy_s=memcpy(d, s, m), #strcpy=my_strcpy()",
		"#define A(x) ((void)memcpy((x), y, 3))\n":                                                                                 "lines 1, functions 0, complexity 0, #A=memcpy((x), y, 3)",
		"int f() { x(); /* NOLINT */ } // NOLINTNEXTLINE\n#pragma GCC diagnostic ignored \"-Wall\"\n":                              "lines 2, functions 1, complexity 1, worst f, NOLINT 2, diagnostic ignored 1",
		"int old(a, b) int a; char *b; { return a ? 1 : 2; }":                                                                      "lines 1, functions 1, complexity 2, worst old",
		"M(x)\nstatic int y;\nint f(int a)\n{ }\nint (*z)(void);\nint g(a, h) int a, (*h)(); { }\n":                                "lines 6, functions 2, complexity 2, worst f",
		"EXPORT(x) int bar(int a) { }\nstruct PACKED(4) s { int a; };\nstruct s *h(void) __init { }\n":                             "lines 3, functions 2, complexity 2, worst bar",
		"bool A::operator()(int a) const { } A &operator=(const A &b) { } bool operator==(A b) { } A::operator int() { }\n":        "lines 1, functions 4, complexity 4, worst operator",
		"A::A(int a) : x{a}, y(a), z{} { memcpy(a, b, 1); }\nstruct B { int a = 0; B() : a{1} {} int b{2}; };\n":                   "lines 2, functions 2, complexity 2, worst A, memcpy 1",
		"template <class T> T f(T a) { return a < 1 ? [&](int b) { return b; }(1) : 2; }\nauto l = [](int a) { strcpy(a, b); };\n": "lines 2, functions 2, complexity 3, worst f, strcpy 1",
		"#if 0\nint f() { memcpy(a); }\n#else\nint g() { }\n#endif\n#if 1\nint h() { }\n#else\nmemcpy(\n#endif\n":                  "lines 6, functions 2, complexity 2, worst g",
		"int f() {\n#ifdef A\nif (a) {\n#else\nif (b) {\n#endif\n}\n}\nint g() { }\n":                                              "lines 9, functions 2, complexity 4, worst f",
		"#ifdef A\nint f(int a)\n{\n#else\nint f(void)\n{\n#endif\n}\nint g() { }\n":                                               "lines 9, functions 3, complexity 2, worst f",
		"static inline int memcpy_s(void *d, int n, void *s, int m) { (void)n; memcpy(d, s, m); return 0; }\n":                     "lines 1, functions 1, complexity 1, worst memcpy_s, memcpy 1, #memcpy_s=memcpy(d, s, m)",
		"int memcpy_s(void *d, int n, void *s, int m) { if (n < m) return 1; memcpy(d, s, m); return 0; }\n":                       "lines 1, functions 1, complexity 2, worst memcpy_s, memcpy 1",
		"int f() { memcpy_s(a, sizeof (b), c, sizeof(b)); memcpy_s(a, n - 1, c, n-1); memcpy_s(a, A, c, A); }\n":                   "lines 1, functions 1, complexity 1, worst f, memcpy_s 3 (1 same)",
		"W(4251)\nnamespace a {\nW(1) class B : public C { int d() { } };\n}\nrequire(x)\nstruct y { int z; };\n":                  "lines 6, functions 1, complexity 1, worst d",
		"int f() { { { }":        "lines 1, functions 1, complexity 0, worst ",
		"} } } int f() { a(); }": "lines 1, functions 1, complexity 1, worst f",
	} {
		if got := told(parse(src, known)); got != want {
			t.Errorf("%q:\n got %s\nwant %s", src, got, want)
		}
	}
	parse(strings.Repeat("{", 1e5)+strings.Repeat("}", 1e5), known)
}

func BenchmarkParse(b *testing.B) {
	src := strings.Repeat("static int f(int a, char *b) {\n\t/* what it does */\n\tif (a > 1 && b[a] == 'x') memcpy(b, \"text\", 4);\n\treturn a + 0x10; // done\n}\n", 2000)
	b.SetBytes(int64(len(src)))
	b.ReportAllocs()
	for b.Loop() {
		parse(src, func(s string) bool { return s == "memcpy" })
	}
}
