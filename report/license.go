package report

import (
	"slices"
	"strings"

	"github.com/wardein/wardein"
)

// Licenses are what package databases state about a component's licence, each
// text once, sorted.
func Licenses(c *wardein.Component) (out []string) {
	for i := range c.Declared {
		if s := strings.TrimSpace(c.Declared[i].License); s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	slices.Sort(out)
	return out
}

// licenses are identifiers of the SPDX licence list that package databases
// state as they are, and the older names of the GNU licences that Debian's
// copyright format and Fedora's guidelines used.
var licenses = map[string]string{
	"GPL-1+": "GPL-1.0-or-later", "GPL-2": "GPL-2.0-only", "GPL-2+": "GPL-2.0-or-later", "GPL-3": "GPL-3.0-only", "GPL-3+": "GPL-3.0-or-later",
	"LGPL-2": "LGPL-2.0-only", "LGPL-2+": "LGPL-2.0-or-later", "LGPL-2.1": "LGPL-2.1-only", "LGPL-2.1+": "LGPL-2.1-or-later", "LGPL-3": "LGPL-3.0-only", "LGPL-3+": "LGPL-3.0-or-later",
	"AGPL-3": "AGPL-3.0-only", "AGPL-3+": "AGPL-3.0-or-later", "GFDL-1.3+": "GFDL-1.3-or-later",
	"GPLv2": "GPL-2.0-only", "GPLv2+": "GPL-2.0-or-later", "GPLv3": "GPL-3.0-only", "GPLv3+": "GPL-3.0-or-later",
	"LGPLv2": "LGPL-2.0-only", "LGPLv2+": "LGPL-2.0-or-later", "LGPLv3": "LGPL-3.0-only", "LGPLv3+": "LGPL-3.0-or-later",
	"GPL-2.0": "GPL-2.0-only", "GPL-2.0+": "GPL-2.0-or-later", "GPL-3.0": "GPL-3.0-only", "GPL-3.0+": "GPL-3.0-or-later",
	"LGPL-2.0": "LGPL-2.0-only", "LGPL-2.0+": "LGPL-2.0-or-later", "LGPL-2.1-only": "LGPL-2.1-only", "LGPL-3.0": "LGPL-3.0-only", "LGPL-3.0+": "LGPL-3.0-or-later",
}

// stated are identifiers that need no other name.
var stated = strings.Fields(`MIT ISC Zlib curl Apache-2.0 Apache-1.1 BSD-2-Clause BSD-3-Clause BSD-4-Clause 0BSD BSL-1.0 MPL-1.1 MPL-2.0 OpenSSL OLDAP-2.8 Artistic-1.0 Artistic-2.0
	GPL-1.0-only GPL-1.0-or-later GPL-2.0-only GPL-2.0-or-later GPL-3.0-only GPL-3.0-or-later LGPL-2.0-only LGPL-2.0-or-later LGPL-2.1-or-later LGPL-3.0-only LGPL-3.0-or-later
	AGPL-3.0-only AGPL-3.0-or-later GFDL-1.3-or-later CC0-1.0 Unlicense X11 WTFPL PSF-2.0 Python-2.0 Unicode-DFS-2016 bzip2-1.0.6 libpng-2.0 NTP Beerware EPL-1.0 EPL-2.0 CDDL-1.0 Vim TCL Ruby`)

// Expression is a stated licence as an SPDX expression (SPDX 2.3, annex D);
// not ok: it has a name that is not known to be in the licence list, and is to
// be given as text.
func Expression(s string) (string, bool) {
	var out []string
	name := true // is next
	words := strings.Fields(strings.NewReplacer("(", " ( ", ")", " ) ").Replace(s))
	open := 0
	for _, w := range words {
		op := strings.ToUpper(w)
		id := licenses[w]
		if slices.Contains(stated, w) {
			id = w
		}
		switch {
		case w == "(" && name:
			open++
		case w == ")" && !name && open > 0:
			open--
		case !name && (op == "AND" || op == "OR"):
			name, w = true, op
		case name && id != "":
			name, w = false, id
		default:
			return "", false
		}
		out = append(out, w)
	}
	if name || open > 0 {
		return "", false
	}
	return strings.NewReplacer("( ", "(", " )", ")").Replace(strings.Join(out, " ")), true
}

// Needs are, for each component, which others it loads at run time, as their
// places in the report's list, in order.
func Needs(r *wardein.Report) [][]int {
	at := map[wardein.ComponentRef]int{}
	for i := len(r.Components) - 1; i >= 0; i-- {
		at[wardein.ComponentRef{Name: r.Components[i].Name, Version: r.Components[i].Version}] = i
	}
	out := make([][]int, len(r.Components))
	for i := range r.Components {
		for _, ref := range r.Components[i].Needs {
			if k, ok := at[ref]; ok && k != i && !slices.Contains(out[i], k) {
				out[i] = append(out[i], k)
			}
		}
		slices.Sort(out[i])
	}
	return out
}
