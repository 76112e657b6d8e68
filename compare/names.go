package compare

import "strings"

// general is a name without what changes from release to release: numbers,
// versions, offsets and digests become "#". libfoo-1.2.so and libfoo-1.3.1.so
// have one general name, and so have 00010000.squashfs and 0003a000.squashfs.
func general(name string) string {
	out := make([]byte, 0, len(name))
	last := -1 // where the last '#' stands in out
	number := func() {
		n := len(out)
		switch {
		case last >= 0 && n == last+1:
		case last >= 0 && n == last+2 && strings.IndexByte(".-_~+", out[n-1]) >= 0:
			out = out[:n-1]
		default:
			last = n
			out = append(out, '#')
		}
	}
	for i := 0; i < len(name); {
		if !alnum(name[i]) {
			out = append(out, name[i])
			i++
			continue
		}
		k := i
		for k < len(name) && alnum(name[k]) {
			k++
		}
		word := name[i:k]
		i = k
		if len(word) >= 7 && isDigest(word) {
			number()
			continue
		}
		for w := 0; w < len(word); {
			if !digit(word[w]) {
				out = append(out, word[w])
				w++
				continue
			}
			for w < len(word) && digit(word[w]) {
				w++
			}
			if w == len(word)-1 { // 1.0.2k
				w++
			}
			number()
		}
	}
	return string(out)
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func alnum(c byte) bool {
	return digit(c) || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// isDigest tells hexadecimal digits, with one at least that is no letter.
func isDigest(s string) bool {
	number := false
	for i := range len(s) {
		switch c := s[i]; {
		case digit(c):
			number = true
		case c >= 'a' && c <= 'f', c >= 'A' && c <= 'F':
		default:
			return false
		}
	}
	return number
}
