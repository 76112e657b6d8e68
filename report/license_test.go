package report

import "testing"

func TestExpression(t *testing.T) {
	for in, want := range map[string]string{
		"MIT": "MIT", "GPLv2+ and MIT": "GPL-2.0-or-later AND MIT", "GPL-2.0": "GPL-2.0-only", "(LGPLv2+ or BSD-3-Clause) and ISC": "(LGPL-2.0-or-later OR BSD-3-Clause) AND ISC",
		"": "", "MIT and": "", "and MIT": "", "GPL-2 MIT": "", "(MIT": "", "MIT)": "", "()": "", "Public Domain": "", "MIT WITH exception": "", "vendor licence": "",
	} {
		if got, ok := Expression(in); got != want || ok != (want != "") {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
