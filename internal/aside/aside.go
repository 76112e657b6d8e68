// Package aside tells places of a release whose files show or test something
// and are not in use.
package aside

import "strings"

// Is tells whether one of a path's folders is for documentation, examples or
// tests.
func Is(path string) bool {
	for dir := range strings.SplitSeq(path[:strings.LastIndexByte(path, '/')+1], "/") {
		switch dir {
		case "doc", "docs", "man", "example", "examples", "test", "tests", "testdata", "selftest", "info", "help", "locale", "licenses":
			return true
		}
	}
	return false
}
