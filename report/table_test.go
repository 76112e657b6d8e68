package report

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/wardein/wardein"
)

// A sentence is cut before a name from the release is filled in.
func TestBrief(t *testing.T) {
	messages := map[string]string{"a": "{file} is open: anybody reads it", "b": "Close it. Then look.", "c": "When it is closed, look."}
	for id, want := range map[string]string{"a": "x: y, or z is open", "b": "Close it", "c": "When it is closed, look"} {
		if got := brief(wardein.Text{ID: id, Args: []wardein.Note{{Name: "file", Value: "x: y, or z"}}}, messages, stops...); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := brief(wardein.Text{ID: "gone"}, messages, stops...); got != "[gone]" {
		t.Errorf("%q", got)
	}
}

// Sizes and shares are rounded down: all is all, nothing is nothing.
func TestSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 9_999: "9999 B", 10_000: "10 kB", 999_999: "999 kB", 1_000_000: "1.0 MB", 3_932_160: "3.9 MB", 999_999_999: "999.9 MB", 1 << 30: "1.0 GB"} {
		if got := Size(n); got != want {
			t.Errorf("%d: %s, want %s", n, got, want)
		}
	}
	for ppm, want := range map[int64]string{0: "0 %", 1: "0.0 %", 999_999: "99.9 %", 1_000_000: "100 %"} {
		if got := Percent(ppm); got != want {
			t.Errorf("%d: %s, want %s", ppm, got, want)
		}
	}
}

// Each format says in its Doc what is done with it.
func TestOpens(t *testing.T) {
	extract := func(context.Context, *io.SectionReader, wardein.Members) (int64, error) { return 0, nil }
	for _, c := range []struct {
		f    wardein.Format
		want string
	}{
		{wardein.Format{Extract: extract}, "opened"},
		{wardein.Format{}, "recognised only"},
		{wardein.Format{Extract: extract, Doc: wardein.Doc{Limits: []string{"ends with its node", "not opened"}}}, "recognised only"},
		{wardein.Format{Extract: extract, Doc: wardein.Doc{Limits: []string{"no key: the payload is not opened"}}}, "header only"},
	} {
		if got := Opens(&c.f); got != c.want {
			t.Errorf("%s, want %s: %v", got, c.want, c.f.Doc.Limits)
		}
	}
}

func screen(t *testing.T, s Screen) string {
	t.Helper()
	r, _ := specimen(t, 1)
	r.Findings[0].Node = "main.bin/" + strings.Repeat("very/", 40) + "etc/passwd"
	var out bytes.Buffer
	if err := Table(&out, r, "olt-5.2.1", specimenMessages, s); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestTable(t *testing.T) {
	piped := screen(t, Screen{Saved: "olt-5.2.1", Input: "my olt.bin"})
	for _, want := range []string{
		"olt-5.2.1 · directory · 4096 B · sha256:9c1e00000000… · as of 2026-11-22\n",
		"looked at   87.2 % of bytes accounted · 64.5 % opened · 5 nodes · 70.0 % of code read (not read: arm 200 B, dsp 100 B)\n",
		"delivered   1 of 2 files match the vendor's list · 1 not on the list: a\\x1b[2J",
		" · 1 missing: ems.zip\n",
		"findings    1 critical  1 high · checks failed on 1 node\n",
		"not seen    2 gaps: 1 damaged, 1 encrypted · 700 B recognised, not opened · 396 B unknown (high entropy)\n",
		" 1 CRITICAL account.default   a published default opens the account root; telnet starts at boot   certain\n" +
			"            reach: subscriber side · in main.bin/" + strings.Repeat("very/", 40) + "etc/passwd\n" +
			"            vendor: remove the account · until then: drop tcp/23 on user ports · wardein show F-7c21aa\n",
		"next        wardein show F-7c21aa                  a finding in full\n" +
			"            wardein gaps olt-5.2.1                 what was not looked at, and why\n" +
			"            wardein find --unknown 'my olt.bin'    where the unknown bytes are\n" +
			"            wardein tree 'my olt.bin'              what is inside\n" +
			"            wardein inspect -o html 'my olt.bin'   this as a page to print\n",
	} {
		if !strings.Contains(piped, want) {
			t.Errorf("screen lacks\n%s\nit is\n%s", want, piped)
		}
	}
	if strings.ContainsRune(piped, 0x1b) {
		t.Error("colour or a raw name when piped")
	}
	r, _ := specimen(t, 1)
	r.Partial, r.Gaps, r.Coverage = true, nil, wardein.Coverage{}
	var partial bytes.Buffer
	if err := Table(&partial, r, "olt", specimenMessages, Screen{Input: "olt.bin"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"\nPARTIAL  ", "of the bytes that were reached", "\nnot seen    all that was not reached\n", "\nnext        wardein inspect olt.bin  "} {
		if !strings.Contains(partial.String(), want) {
			t.Errorf("partial screen lacks %q:\n%s", want, &partial)
		}
	}
	narrow := screen(t, Screen{Width: 60, Saved: "x"})
	for _, l := range strings.Split(narrow, "\n") {
		if n := utf8.RuneCountInString(l); n > 60 && !strings.Contains(l, "\\x1b") {
			t.Errorf("%d columns: %s", n, l)
		}
	}
	if !strings.Contains(narrow, "…") || strings.Contains(narrow, "wardein tree") {
		t.Errorf("narrow screen:\n%s", narrow)
	}
	color := screen(t, Screen{Color: true, Saved: "olt-5.2.1", Input: "my olt.bin"})
	for _, code := range []string{"1", "2", "1;31", "33", "0"} {
		color = strings.ReplaceAll(color, "\x1b["+code+"m", "")
	}
	if color != piped {
		t.Error("colour changes words")
	}
}
