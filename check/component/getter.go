package component

import (
	"fmt"
	"strings"
)

// decode returns the version that a getter's number stands for.
func (g *getter) decode(v uint64) (string, error) {
	var base uint64
	switch {
	case g.Form == "":
		return "", nil
	default:
		var kind string
		if n, err := fmt.Sscanf(g.Form, "%s %d", &kind, &base); n != 2 || err != nil || base < 2 || base > 1<<16 || kind != "decimal" && kind != "hex" {
			return "", fmt.Errorf("form %q is not \"decimal N\" or \"hex BITS\"", g.Form)
		}
		if kind == "hex" {
			if base > 16 {
				return "", fmt.Errorf("form %q: at most 16 bits", g.Form)
			}
			base = 1 << base
		}
	}
	var parts []string
	for ; v > 0; v /= base {
		parts = append([]string{fmt.Sprint(v % base)}, parts...)
	}
	return strings.Join(parts, "."), nil
}
