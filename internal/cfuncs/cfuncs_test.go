package cfuncs

import (
	"slices"
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	rows := 0
	for row := range strings.Lines(tsv) {
		if !strings.HasPrefix(row, "#") {
			rows++
		}
	}
	seen := map[string]bool{}
	for _, f := range Table() {
		if !slices.Contains(Families, f.Family) || f.Source == "" || seen[f.Name] {
			t.Errorf("%+v", f)
		}
		seen[f.Name] = true
	}
	if len(seen) != rows || rows < 100 {
		t.Errorf("%d functions in %d rows", len(seen), rows)
	}
}

func TestLookup(t *testing.T) {
	for name, want := range map[string]string{
		"memcpy": "memcpy unsafe", "__memcpy_chk": "memcpy safe", "strncpy": "strcpy bounded", "snprintf": "sprintf safe",
		"VOS_MemCpy_S": "memcpy safe", "osal_strncpy_s": "strcpy safe", "my_vsprintf_s": "sprintf safe",
		"my_memcpy": "", "memcpy_": "", "s": "", "": "", "is_s": "", "sha256_process_s": "",
	} {
		got := ""
		if f := Lookup(name); f != nil {
			got = f.Family + " " + f.Class.String()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
