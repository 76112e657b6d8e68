// Package lazy makes what a package needs when it is first used: most runs of
// the program, and each start of the caged child, use little of it.
package lazy

import (
	"regexp"
	"sync"
)

// Regexp returns a function that compiles an expression when it is first
// called. Like regexp.MustCompile it panics on one that is wrong.
func Regexp(expr string) func() *regexp.Regexp {
	return sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(expr) })
}
