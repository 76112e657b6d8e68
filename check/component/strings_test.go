package component

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/wardein/wardein"
)

// invented is a set of an invented library in three releases: two object
// files whose texts all releases have, one of them with texts that came and
// went.
func invented(t *testing.T) *Sets {
	t.Helper()
	var b strings.Builder
	b.WriteString("# invented\n@ exlib libexlib.so\n= 1.0 2.0 3.0\n")
	for _, x := range []struct {
		releases, what string
		n              int
	}{{"02", "frame", 10}, {"00", "oldest", 6}, {"01", "older", 6}, {"12", "newer", 6}, {"22", "newest", 6}, {"", "", 0}, {"02", "route", 10}} {
		for i := range x.n {
			fmt.Fprintf(&b, "%s exlib: %s number %d\n", x.releases, x.what, i)
		}
		if x.n == 0 {
			b.WriteByte('\n')
		}
	}
	s, err := ParseSets(b.String())
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func holding(texts map[string]int) []byte {
	b := []byte("\x7fELF\x00\x00")
	for _, what := range []string{"frame", "oldest", "older", "newer", "newest", "route"} {
		for i := range texts[what] {
			b = fmt.Appendf(b, "exlib: %s number %d\x00", what, i)
		}
	}
	return b
}

// Releases between those that are known, and copies of a part.
func TestCopies(t *testing.T) {
	s := invented(t)
	for _, c := range []struct {
		why   string
		texts map[string]int
		want  string
	}{
		{"the first release", map[string]int{"frame": 10, "route": 10, "oldest": 6, "older": 6}, "before 2.0, most like 1.0: 32 of 32 texts likely"},
		{"the second", map[string]int{"frame": 10, "route": 10, "older": 6, "newer": 6}, "after 1.0, before 3.0, most like 2.0: 32 of 32 texts likely"},
		{"the third", map[string]int{"frame": 10, "route": 10, "newer": 6, "newest": 6}, "after 2.0, most like 3.0: 32 of 32 texts likely"},
		{"between the first and the second", map[string]int{"frame": 10, "route": 10, "oldest": 3, "older": 6, "newer": 4}, "after 1.0, before 2.0: 30 of 32 texts likely"},
		{"one object file of two, less than half of the texts: a list that others have, too", map[string]int{"route": 10}, ""},
		{"what tells releases apart is not there", map[string]int{"frame": 6, "route": 10}, "any release: 16 of 32 texts likely"},
		{"chance", map[string]int{"frame": 5}, ""},
	} {
		data := holding(c.texts)
		copies, err := s.Copies(bytes.NewReader(data), int64(len(data)))
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, x := range copies {
			got += x.String() + " " + x.Sure.String()
			if text := string(data[x.Off : x.Off+x.Len]); !strings.HasPrefix(text, "exlib: ") {
				t.Errorf("%s: quotes %q", c.why, text)
			}
		}
		if got != c.want {
			t.Errorf("%s: %s, want %s", c.why, got, c.want)
		}
	}
}

func TestParseSets(t *testing.T) {
	for _, bad := range []string{"00 a text before a library\n", "@ \n", "@ a\n= 1\n01 release that is not\n", "@ a\n= 1\n10 first behind last\n", "@ a\n= 1\n00 short\n",
		"@ a\n= 1\n00 unknown escape \\q\n", "@ a\n= 1\n00 ends in a backslash\\\n", "@ a\n= 1\n00text\n"} {
		if _, err := ParseSets(bad); err == nil || !strings.HasPrefix(err.Error(), "line ") {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for _, s := range []string{"plain", "back\\slash", "a\nb\tc\r", `\n`, ""} {
		if back, err := unescape(Escape(s)); err != nil || back != s {
			t.Errorf("%q became %q (%v)", s, back, err)
		}
	}
}

// slow gives a few bytes at a time and counts reads behind the end.
type slow struct{ data []byte }

func (s slow) ReadAt(p []byte, off int64) (int, error) {
	n := copy(p[:min(len(p), 37)], s.data[off:])
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// A text is found across pieces and at each place; not where it goes on, nor
// as the end of another one.
func TestFind(t *testing.T) {
	texts := NewTexts([]string{"a text of some length that does not fit into one piece of reading", "some end"})
	data := "\x00\x00a text of some length that does not fit into one piece of reading\x00\x00\x00this is some end\x00some ends\x00some end\x00some end"
	for _, r := range []io.ReaderAt{strings.NewReader(data), slow{[]byte(data)}} {
		var got []string
		if err := texts.Find(r, 0, int64(len(data)), make([]byte, 0, 256), func(i int, at int64) {
			got = append(got, fmt.Sprint(i, " ", at))
		}); err != nil {
			t.Fatal(err)
		}
		if want := []string{"0 2", "1 97"}; !slices.Equal(got, want) {
			t.Errorf("found %q, want %q", got, want)
		}
	}
}

// The embedded sets can be read; a text is one library's alone.
func TestSets(t *testing.T) {
	s := sets()
	if len(s.libraries) < 100 {
		t.Errorf("%d libraries", len(s.libraries))
	}
	owner := map[string]string{}
	for i, text := range s.texts.text {
		name := s.libraries[s.of[i].library].name
		if o := owner[text]; o != "" {
			t.Errorf("%q is %s's and %s's", text, o, name)
		}
		owner[text] = name
	}
	for _, lib := range s.libraries {
		if lib.to-lib.from < 2*leastOfSmall-2 || len(lib.versions) == 0 || len(lib.sonames) == 0 {
			t.Errorf("%s: %d texts, %d releases, %d sonames", lib.name, lib.to-lib.from, len(lib.versions), len(lib.sonames))
		}
	}
}

// constants are all texts of a library that one release has.
func constants(t *testing.T, name string, release int) string {
	t.Helper()
	s := sets()
	i := slices.IndexFunc(s.libraries, func(l set) bool { return l.name == name })
	if i < 0 {
		t.Fatalf("no set of %s", name)
	}
	b := "\x00"
	for k := s.libraries[i].from; k < s.libraries[i].to; k++ {
		if m := s.of[k]; m.first <= release && release <= m.last {
			b += s.texts.text[k] + "\x00"
		}
	}
	return b
}

// A program with a library's texts holds it, unless it needs the library or
// is it.
func TestLinked(t *testing.T) {
	const openssl = "\x00OpenSSL 3.0.20 7 Apr 2026\x00"
	first := constants(t, "mbedtls", 0)
	for _, c := range []struct {
		why   string
		files map[string]library
		want  []string
	}{
		{"linked in", map[string]library{"fw/usr/sbin/omcid": {data: first}}, []string{"mbedtls likely"}},
		{"built against", map[string]library{"fw/usr/sbin/omcid": {needed: []string{"libmbedtls.so.14"}, data: first}}, nil},
		{"built against a part of it", map[string]library{"fw/usr/sbin/omcid": {needed: []string{"libmbedcrypto.so.7"}, data: first}}, nil},
		{"a library of another name that holds it", map[string]library{"fw/usr/lib/libextls.so.1": {soname: "libextls.so.1", data: first}}, []string{"mbedtls likely"}},
		{"a version text beside it", map[string]library{"fw/usr/sbin/vpnd": {data: openssl + constants(t, "openssl", 0)}}, []string{"openssl 3.0.20 likely"}},
	} {
		files := map[string][]byte{}
		for path, l := range c.files {
			files[path] = l.build()
		}
		got, list := named(t, files)
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.why, got, c.want)
		}
		for _, x := range list {
			i := slices.IndexFunc(x.Seen, func(o wardein.Occurrence) bool { return o.By == "strings" })
			if i < 0 || !strings.Contains(x.Seen[i].Version, " texts") || len(x.Seen[i].Quote.Bytes) < MinText {
				t.Errorf("%s: seen %+v", c.why, x.Seen)
			}
		}
	}
	// A copy without bounds is not of another file's version.
	got, _ := named(t, map[string][]byte{
		"fw/usr/lib/libz.so.1": library{soname: "libz.so.1", data: "\x00 inflate 1.2.13 Copyright 1995-2022 Mark Adler \x00"}.build(),
		"fw/usr/sbin/cached":   library{data: constants(t, "zlib", 0)}.build(),
		"fw/usr/sbin/exproxy":  library{data: "\x00 inflate 1.1.4 Copyright 1995-2002 Mark Adler \x00" + constants(t, "zlib", 0)}.build(),
	})
	if want := []string{"zlib likely", "zlib 1.1.4 likely", "zlib 1.2.13 certain"}; !slices.Equal(got, want) {
		t.Errorf("no bounds: %q, want %q", got, want)
	}
	// A copy of a release that is not the library's in the same release is a
	// component of its own.
	got, _ = named(t, map[string][]byte{
		"fw/usr/lib/libmbedcrypto.so.16": library{soname: "libmbedcrypto.so.16", texts: map[string]string{"mbedtls_version_get_string": "9.9.9"}, data: "\x00Mbed TLS 9.9.9\x00mbed TLS 9.9.9\x00"}.build(),
		"fw/usr/sbin/omcid":              library{data: first}.build(),
	})
	if len(got) != 2 || got[0] != "mbedtls likely" || !strings.HasPrefix(got[1], "mbedtls 9.9.9 ") {
		t.Errorf("two releases: %q", got)
	}
}

func BenchmarkTexts(b *testing.B) {
	data := bytes.Repeat([]byte("the quick brown fox %s jumps\x00over the lazy dog\x00\x00\x00\x00"), 1<<16)
	s := sets()
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Copies(bytes.NewReader(data), int64(len(data))); err != nil {
			b.Fatal(err)
		}
	}
}
