package table

import (
	"strings"
	"testing"
)

type list struct {
	Date string
	Row  []struct{ Name string }
}

func TestTOML(t *testing.T) {
	read := TOML[list]("data/rows.toml", []byte("date = \"2026-11-22\"\n[[row]]\nname = \"a\"\n[[row]]\nname = \"b\"\n"))
	if got := read(); got.Date != "2026-11-22" || len(got.Row) != 2 || got.Row[1].Name != "b" || read() != got {
		t.Errorf("%+v", got)
	}
	for name, file := range map[string]string{"no TOML": "date = ", "another type": "date = 1", "an unknown name": "day = \"2026-11-22\""} {
		func() {
			defer func() {
				if s, _ := recover().(string); !strings.HasPrefix(s, "data/rows.toml: ") {
					t.Errorf("%s: panic %q", name, s)
				}
			}()
			TOML[list]("data/rows.toml", []byte(file))()
		}()
	}
}
