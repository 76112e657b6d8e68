package report

import (
	"fmt"
	glob "path" // path is what prints one here
	"slices"
	"strings"
)

// Rules are patterns of rules, as in account.empty-* : the name of a check, a
// dot, and a pattern in the form of path.Match.
type Rules []string

// Err says which pattern is none.
func (r Rules) Err() error {
	for _, p := range r {
		name, _, ok := strings.Cut(p, ".")
		if strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || name == "" || !ok {
			return fmt.Errorf("%.40q does not begin with the name of a check and a dot", p)
		}
		if _, err := glob.Match(p, ""); err != nil || len(p) > 80 || strings.Contains(p, "/") {
			return fmt.Errorf("%.40q is not a pattern of rules", p)
		}
	}
	return nil
}

// Checks are the checks that the rules are of, each once.
func (r Rules) Checks() (names []string) {
	for _, p := range r {
		name, _, _ := strings.Cut(p, ".")
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Match tells whether a rule is among them.
func (r Rules) Match(rule string) bool {
	return slices.ContainsFunc(r, func(p string) bool {
		ok, _ := glob.Match(p, rule)
		return ok
	})
}
