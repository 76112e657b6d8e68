package equiv

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/wardein/wardein"
)

// renders writes a time in each form.
var renders = map[string]func(t time.Time) string{
	"date of mail":          func(t time.Time) string { return t.Format("Mon, 2 Jan 2006 15:04:05 -0700") },
	"output of date":        func(t time.Time) string { return t.Format("Mon Jan _2 15:04:05 UTC 2006") },
	"__DATE__ and __TIME__": func(t time.Time) string { return t.Format("Jan _2 2006 15:04:05") },
	"__DATE__":              func(t time.Time) string { return t.Format("Jan _2 2006") },
	"day, month and year":   func(t time.Time) string { return t.Format("2 January 2006") },
	"month, day and year":   func(t time.Time) string { return t.Format("January 2, 2006") },
	"month and year":        func(t time.Time) string { return t.Format("January 2006") },
	"ISO date and time":     func(t time.Time) string { return t.Format("2006-01-02T15:04:05Z") },
	"ISO date and minute":   func(t time.Time) string { return t.Format("2006-01-02 15:04 UTC") },
	"ISO date":              func(t time.Time) string { return t.Format("2006-01-02") },
	"date with slashes":     func(t time.Time) string { return t.Format("2006/01/02") },
	"compact date and time": func(t time.Time) string { return t.Format("20060102150405") },
	"seconds since 1970":    func(t time.Time) string { return fmt.Sprint(t.Unix()) },
	"compact date":          func(t time.Time) string { return t.Format("20060102") },
	"__TIME__":              func(t time.Time) string { return t.Format("15:04:05") },
	"year":                  func(t time.Time) string { return t.Format("2006") },
}

// around are texts that may stand before and behind a time.
var before = rapid.SampledFrom([]string{"", "built ", "(", "\x00", "date=", "Linux version 5.4 #", "\""})
var behind = rapid.SampledFrom([]string{"", ")", "\x00rest", " by somebody", "\n", "\""})

// moments are times that a build may have had.
func moments(from, to int64) *rapid.Generator[time.Time] {
	return rapid.Custom(func(t *rapid.T) time.Time { return time.Unix(rapid.Int64Range(from, to).Draw(t, "t"), 0).UTC() })
}

const (
	wasFrom, wasTo = 1500000000, 1500900000
	isFrom, isTo   = 1700000000, 1700900000
)

var windows = &Facts{Shipped: Build{Times: []Window{{wasFrom, wasTo}}}, Rebuilt: Build{Times: []Window{{isFrom, isTo}}}}

func TestTimeAccepts(t *testing.T) {
	if len(renders) != len(timeForms) {
		t.Fatalf("%d forms, %d are tested", len(timeForms), len(renders))
	}
	for _, form := range timeForms {
		t.Run(form.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				was, is := moments(wasFrom, wasTo).Draw(t, "was"), moments(isFrom, isTo).Draw(t, "is")
				x, y := renders[form.name](was), renders[form.name](is)
				b, e := before.Draw(t, "before"), behind.Draw(t, "behind")
				r := judge(t, one(b+x+e), one(b+y+e), windows)
				want := Equivalent
				if x == y {
					want = Identical
				}
				if r.Verdict != want {
					t.Fatalf("%q %q: %s", x, y, text(t, r))
				}
			})
		})
	}
}

// Nothing is accepted outside the windows, of another form, or where it is a
// part of something else.
func TestTimeRefuses(t *testing.T) {
	for _, form := range timeForms {
		t.Run(form.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				was, is := moments(wasFrom, wasTo).Draw(t, "was"), moments(isFrom, isTo).Draw(t, "is")
				out := moments(firstTime, lastTime-1).Filter(func(u time.Time) bool {
					y := u.Year()
					return y != 2017 && y != 2023 // a form may name no more than the year
				}).Draw(t, "out")
				x, y := renders[form.name](was), renders[form.name](is)
				z := renders[form.name](out)
				if form.day {
					// A window of ten days has each clock; one of an hour has not.
					narrow := &Facts{Shipped: Build{Times: []Window{{was.Unix(), was.Unix() + 3600}}}, Rebuilt: windows.Rebuilt}
					z = renders[form.name](was.Add(time.Duration(rapid.IntRange(3601, 86399).Draw(t, "later")) * time.Second))
					if r := judge(t, one(z), one(y), narrow); z != y && r.Verdict != Different {
						t.Fatalf("%q %q: %s", z, y, text(t, r))
					}
					return
				}
				if x == y || z == x || z == y {
					return
				}
				pairs := [][2]string{{x, z}, {z, y}, {y, x}, {x, "no time"}, {x + "9", y + "9"}}
				if form.name != "day, month and year" { // month and year are a form, too
					pairs = append(pairs, [2]string{"9" + x, "9" + y})
				}
				for _, pair := range pairs {
					if r := judge(t, one(pair[0]), one(pair[1]), windows); r.Verdict != Different {
						t.Fatalf("%q: %s", pair, text(t, r))
					}
				}
			})
		})
	}
	for _, pair := range [][2]string{
		{"Fri, 14 Jul 2017 02:40:00 +0000", "Mon, 14 Nov 2023 22:13:20 +0000"}, // it was a Tuesday
		{"2017-07-14T02:40:00 CEST", "2023-11-14T22:13:20 CEST"},               // which zone is that
		{"2017-07-14T02:40:00+9900", "2023-11-14T22:13:20+9900"},               // none has it
		{"2017-07-14", "2023-02-30"},                                           // no day
		{"version 1.2017.3", "version 1.2023.3"},                               // no year
		{"x2017", "x2023"}, {"2017x", "2023x"}, {"2017_", "2023_"}, {"5", "6"}, // parts of names
		{"2017-07-14 extra", "2023-11-14 other"},
		{"2017-07-14", "2023/11/14"},
		{"Jul 14 2017 02:40:00", "Nov 14 2023 09:00:00 and 12:61:00"},
	} {
		if r := judge(t, one(pair[0]), one(pair[1]), windows); r.Verdict != Different {
			t.Errorf("%q: %s", pair, text(t, r))
		}
	}
}

var folders = factsOf(nil, `
[[path]]
shipped = "/build/hello-2.10"
rebuilt = "/srv/lab/src"
[[path]]
shipped = "/build/hello-2.10/build"
rebuilt = "/srv/lab/obj"
[shipped]
users = ["buildd", "pbuilder"]
hosts = ["builder-7.example"]
[rebuilt]
users = ["lab"]
hosts = ["bench"]
`)

func TestPathAndName(t *testing.T) {
	for _, c := range []struct {
		was, is string
		want    Verdict
	}{
		{"/build/hello-2.10", "/srv/lab/src", Equivalent},
		{"x\x00/build/hello-2.10/a.c\x00/build/hello-2.10/b.c\x00", "x\x00/srv/lab/src/a.c\x00/srv/lab/src/b.c\x00", Equivalent},
		{"-I/build/hello-2.10/lib", "-I/srv/lab/src/lib", Different}, // "I" may be a name's end
		{"--prefix=/build/hello-2.10:x", "--prefix=/srv/lab/src:x", Equivalent},
		{"/build/hello-2.10/build/a.o", "/srv/lab/obj/a.o", Equivalent},
		{"/build/hello-2.10/build/a.o", "/srv/lab/src/build/a.o", Equivalent}, // of the other, too
		{"/build/hello-2.10/a.c", "/srv/lab/src/b.c", Different},
		{"/build/hello-2.101/a.c", "/srv/lab/src1/a.c", Different},
		{"/a/build/hello-2.10/a.c", "/a/srv/lab/src/a.c", Different},
		{"x/build/hello-2.10/a.c", "x/srv/lab/src/a.c", Different},
		{"/build/hello-2.1/a.c", "/srv/lab/src/a.c", Different},
		{"/srv/lab/src", "/build/hello-2.10", Different},
		{"by buildd@builder-7.example.", "by lab@bench.", Equivalent},
		{"(pbuilder@builder-7.example)", "(lab@bench)", Equivalent},
		{"by buildd@bench", "by bench@bench", Different},
		{"rebuildd", "relab", Different}, {"buildd2", "lab2", Different}, {"buildd-x", "lab-x", Different}, {"buildd.net", "lab.net", Different},
		{"lab", "buildd", Different},
	} {
		if r := judge(t, one(c.was), one(c.is), folders); r.Verdict != c.want {
			t.Errorf("%q %q: %s, want %s\n%s", c.was, c.is, r.Verdict, c.want, text(t, r))
		}
	}
	word := rapid.StringMatching(`[a-z]{0,3}`)
	rapid.Check(t, func(t *rapid.T) { // whatever stands around, only the whole path
		b, e := word.Draw(t, "before"), word.Draw(t, "behind")
		sep := rapid.SampledFrom([]string{"", "=", " ", "/", "\x00", ":"})
		p, q := sep.Draw(t, "sep"), sep.Draw(t, "sep2")
		r := judge(t, one(b+p+"/build/hello-2.10"+q+e), one(b+p+"/srv/lab/src"+q+e), folders)
		begins := p != "/" && (b == "" || p != "")
		ends := e == "" || q != ""
		if want := begins && ends; want != (r.Verdict == Equivalent) {
			t.Fatalf("%q %q %q %q: %s", b, p, q, e, text(t, r))
		}
	})
}

// Digests of files are derived, of whatever file they are; others are not.
func TestDigest(t *testing.T) {
	sums := map[string]func(string) string{
		"md5":    func(s string) string { v := md5.Sum([]byte(s)); return hex.EncodeToString(v[:]) },
		"sha1":   func(s string) string { v := sha1.Sum([]byte(s)); return hex.EncodeToString(v[:]) },
		"sha512": func(s string) string { v := sha512.Sum512([]byte(s)); return hex.EncodeToString(v[:]) },
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := "2017 "+rapid.String().Draw(t, "a"), "2023 "
		b += a[5:]
		for name, sum := range sums {
			list := func(s, digest string) *release {
				return files(map[string]string{"a": s, "sums": digest + "  a\n"})
			}
			if r := judge(t, list(a, sum(a)), list(b, sum(b)), windows); r.Verdict != Equivalent {
				t.Fatalf("%s: %s", name, text(t, r))
			}
			for _, wrong := range [][2]string{{sum(a), sum(a + "x")}, {sum(b), sum(a)}, {sum(a)[1:] + "0", sum(b)}, {sum(a) + "0", sum(b) + "0"}} {
				if r := judge(t, list(a, wrong[0]), list(b, wrong[1]), windows); r.Verdict != Different {
					t.Fatalf("%s %q: %s", name, wrong, text(t, r))
				}
			}
		}
	})
}

// What containers say of a file.
func TestEntries(t *testing.T) {
	facts := factsOf(t, `
[shipped]
epoch = 1500000000
owners = ["0:0", "0:5"]
[rebuilt]
epoch = 1700000000
owners = ["1000:1000"]
[[path]]
shipped = "/build/x"
rebuilt = "/srv/y"
`)
	for _, c := range []struct {
		what    string
		a, b    wardein.Entry
		verdict Verdict
	}{
		{"time", wardein.Entry{MTime: 1500000000}, wardein.Entry{MTime: 1700000000}, Equivalent},
		{"another time", wardein.Entry{MTime: 1500000001}, wardein.Entry{MTime: 1700000000}, Different},
		{"no time", wardein.Entry{}, wardein.Entry{MTime: 1700000000}, Different},
		{"owner", wardein.Entry{}, wardein.Entry{UID: 1000, GID: 1000}, Equivalent},
		{"group", wardein.Entry{GID: 5}, wardein.Entry{UID: 1000, GID: 1000}, Equivalent},
		{"another group", wardein.Entry{}, wardein.Entry{UID: 1000}, Different},
		{"owner of nobody", wardein.Entry{UID: 7}, wardein.Entry{UID: 1000, GID: 1000}, Different},
		{"set-user-ID", wardein.Entry{Mode: 0o755}, wardein.Entry{Mode: 0o4755}, Different},
		{"capability", wardein.Entry{}, wardein.Entry{Xattrs: []wardein.Xattr{{Name: "security.capability", Value: "x"}}}, Different},
		{"attribute", wardein.Entry{Xattrs: []wardein.Xattr{{Name: "a", Value: "x"}}}, wardein.Entry{Xattrs: []wardein.Xattr{{Name: "a", Value: "y"}}}, Different},
		{"order of attributes", wardein.Entry{Xattrs: []wardein.Xattr{{Name: "a", Value: "x"}, {Name: "b", Value: "y"}}},
			wardein.Entry{Xattrs: []wardein.Xattr{{Name: "b", Value: "y"}, {Name: "a", Value: "x"}}}, Identical},
		{"kind", wardein.Entry{Kind: wardein.FIFO}, wardein.Entry{Kind: wardein.Socket}, Different},
		{"device", wardein.Entry{Kind: wardein.CharDevice, Minor: 3}, wardein.Entry{Kind: wardein.CharDevice, Minor: 5}, Different},
		{"target", wardein.Entry{Kind: wardein.Symlink, Target: "/build/x/a"}, wardein.Entry{Kind: wardein.Symlink, Target: "/srv/y/a"}, Equivalent},
		{"another target", wardein.Entry{Kind: wardein.Symlink, Target: "/build/x/a"}, wardein.Entry{Kind: wardein.Symlink, Target: "/srv/y/b"}, Different},
	} {
		side := func(e wardein.Entry) *release {
			r := files(map[string]string{"box": "box"})
			e.Name = "file"
			r.Nodes = append(r.Nodes, &wardein.Node{Path: "dir/file", Entry: e})
			if e.Kind == wardein.File {
				n := r.Nodes[len(r.Nodes)-1]
				n.Blob, n.Size = r.Nodes[1].Blob, 3
			}
			return r
		}
		if r := judge(t, side(c.a), side(c.b), facts); r.Verdict != c.verdict {
			t.Errorf("%s: %s", c.what, text(t, r))
		}
	}
}

// Each rule says what it accepts and where that is from.
func TestRules(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range Rules() {
		if r.Name == "" || r.Class == "" || len(r.Doc) < 40 || !strings.HasSuffix(r.Doc, ".") || r.Source == "" && r.Class != Order || seen[r.Name] {
			t.Errorf("%q: %+v", r.Name, r)
		}
		seen[r.Name] = true
	}
}

// Any change of any text is different, whatever is declared, unless a rule
// says what it is.
func TestChanges(t *testing.T) {
	facts := *folders
	facts.Shipped.Times, facts.Rebuilt.Times = windows.Shipped.Times, windows.Rebuilt.Times
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringMatching(`([a-z]{1,8}[ =/.]){4,40}`).Draw(t, "text")
		i := rapid.IntRange(0, len(s)-1).Draw(t, "at")
		c := rapid.SampledFrom([]byte("qzjx#!")).Draw(t, "byte")
		if s[i] == c {
			return
		}
		b := s[:i] + string(c) + s[i+1:]
		r := judge(t, one(s), one(b), &facts)
		f := r.file("usr/bin/file")
		if r.Verdict != Different || f == nil || len(f.Differences) != 1 || f.Differences[0].Shipped.Off != int64(i) || r.Bytes.Unexplained != 1 {
			t.Fatalf("%q at %d: %s", s, i, dump(r))
		}
	})
}

// Runs that are moved, taken out or put in are different, and both directions
// agree (judge).
func TestShifts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		part := rapid.StringMatching(`[a-z0-9 /\n]{0,60}`)
		a, b, c, d := part.Draw(t, "a"), part.Draw(t, "b"), part.Draw(t, "c"), part.Draw(t, "d")
		x, y := a+"/build/hello-2.10/"+b+" 2017-07-14 "+c, a+"/srv/lab/src/"+d+" 2023-11-14 "+c
		facts := *folders
		facts.Shipped.Times, facts.Rebuilt.Times = windows.Shipped.Times, windows.Rebuilt.Times
		judge(t, one(x), one(y), &facts)
	})
}
