package report

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/wardein/wardein"
)

// A thousand keys leave room for what else there is to say, on the screen and
// on the page; where nothing else is, they may have it.
func TestAlike(t *testing.T) {
	r, tree := specimen(t, 10)
	few := r.Findings
	r.Findings = nil
	for i := range 6000 {
		f := few[0]
		f.ID, f.Rule = fmt.Sprintf("F-%08x", i), "secret.private-key"
		r.Findings = append(r.Findings, f)
	}
	for i := range 7 {
		f := few[1]
		f.ID, f.Rule = fmt.Sprintf("F-b%07x", i), fmt.Sprintf("service.%c", 'a'+i)
		r.Findings = append(r.Findings, f)
	}
	var screen, page bytes.Buffer
	if err := Table(&screen, r, "olt", specimenMessages, Screen{Width: 80, Saved: "olt"}); err != nil {
		t.Fatal(err)
	}
	if err := HTML(&page, r, "olt", tree, specimenMessages); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{" service.a ", " service.g ", "13 CRITICAL secret.private-key", "5987 more like this one\n", "and 5987 more: wardein show --report olt\n"} {
		if !strings.Contains(screen.String(), want) {
			t.Errorf("the screen lacks %q", want)
		}
	}
	if n := strings.Count(screen.String(), "\n"); n > 80 {
		t.Errorf("%d lines:\n%s", n, &screen)
	}
	for _, want := range []string{"service.a <", "service.g <", "1007 more like this one are left out", "1007 more findings are left out"} {
		if !strings.Contains(page.String(), want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

func TestChoose(t *testing.T) {
	list := func(rules string) (all []wardein.Finding) {
		for _, r := range rules {
			all = append(all, wardein.Finding{Rule: string(r)})
		}
		return all
	}
	for _, c := range []struct {
		rules   string
		n, most int
		want    string
	}{
		{"", 3, 2, "[] map[]"},
		{"aaab", 4, 2, "[0 1 2 3] map[]"},
		{"aaab", 3, 2, "[0 1 3] map[1:1]"},
		{"aaaaab", 4, 2, "[0 1 2 5] map[2:2]"},
		{"aabbcc", 3, 1, "[0 2 4] map[0:1 2:1 4:1]"},
		{"abcdef", 3, 2, "[0 1 2] map[]"},
	} {
		if shown, more := choose(list(c.rules), c.n, c.most); fmt.Sprint(shown, " ", more) != c.want {
			t.Errorf("%s: %v %v, want %s", c.rules, shown, more, c.want)
		}
	}
}
