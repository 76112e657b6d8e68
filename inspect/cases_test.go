package inspect

import (
	"fmt"
	"strings"
	"testing"

	"github.com/wardein/wardein"
)

// A test case counts the nodes that speak to it, each once, whatever the rule;
// a check that fails at saying so is a gap.
func TestTallyCases(t *testing.T) {
	done := func(check string, facts ...wardein.Fact) wardein.Outcome {
		return wardein.Outcome{Check: check, State: wardein.Done, Facts: facts}
	}
	checks := []wardein.Check{
		{Name: "plain", Cases: map[string][]string{"plain.a": {"TC_A", "TC_B"}, "plain.b": {"TC_B"}}},
		{Name: "finer", Cases: map[string][]string{"finer.a": {"TC_A", "TC_B"}}, Covers: func(n *wardein.Node, facts []wardein.Fact) []string {
			switch {
			case n.Path == "broken":
				panic("no such thing")
			case strings.HasPrefix(n.Path, "etc/"):
				return []string{"TC_B", "TC_B", "TC_OF_ANOTHER"}
			}
			return nil
		}},
		{Name: "none"},
	}
	tally := New(checks).NewTally()
	var gaps []wardein.Gap
	for _, path := range []string{"etc/a", "etc/b", "bin/c", "broken"} {
		facts := []wardein.Fact{{Kind: "a"}}
		if path == "bin/c" {
			facts = nil
		}
		gaps = append(gaps, tally.Add(&wardein.Node{Path: path}, []wardein.Outcome{done("plain", facts...), done("finer"), done("none", facts...)})...)
	}
	if len(gaps) != 1 || gaps[0].Kind != wardein.Crashed || gaps[0].Who != "finer" || gaps[0].Node != "broken" {
		t.Errorf("gaps %+v", gaps)
	}
	got := ""
	for _, c := range tally.Counts() {
		got += fmt.Sprintln(c.Check, c.Done, c.Cases)
	}
	if want := "plain 4 [{TC_A 3} {TC_B 3}]\nfiner 4 [{TC_A 0} {TC_B 2}]\nnone 4 []\n"; got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}
