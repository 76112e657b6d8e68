package report

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"
)

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
		"findings    1 critical  1 high · 1 check on a file failed\n",
		"not seen    2 gaps: 1 damaged, 1 encrypted · 700 B opaque, 396 B unknown (high entropy 396 B)\n",
		" 1 CRITICAL account.default   a published default opens the account root; telnet starts at boot   certain\n" +
			"            reach: subscriber side · in main.bin/" + strings.Repeat("very/", 40) + "etc/passwd\n" +
			"            vendor: remove the account, or make each device's password its own · until then: drop tcp/23 on user ports · wardein show F-7c21aa\n",
		"next        wardein gaps olt-5.2.1 · wardein show F-7c21aa · wardein tree 'my olt.bin' · wardein inspect -o html 'my olt.bin'\n",
	} {
		if !strings.Contains(piped, want) {
			t.Errorf("screen lacks\n%s\nit is\n%s", want, piped)
		}
	}
	if strings.ContainsRune(piped, 0x1b) {
		t.Error("colour or a raw name when piped")
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
