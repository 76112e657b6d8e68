package stable

import "testing"

func TestID(t *testing.T) {
	if got, want := ID("rule", "a"), ID("rule", "a"); got != want || len(got) != 10 {
		t.Errorf("%q, then %q", got, want)
	}
	if ID("rule", "ab", "c") == ID("rule", "a", "bc") {
		t.Error("parts run into one another")
	}
}
