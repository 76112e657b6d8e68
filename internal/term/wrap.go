package term

import "strings"

// Wrap breaks s between words where it would be wider than width, 40 at
// least. It begins in column at; its further lines are indented. A width of 0
// breaks nothing.
func Wrap(s string, at, indent, width int) string {
	if width <= 0 {
		return s
	}
	var b strings.Builder
	spaces := 0
	words := strings.Split(s, " ")
	for i, word := range words {
		if word == "" {
			spaces++
			continue
		}
		k := columns(word)
		need := k
		if i+1 < len(words) && (words[i+1] == "·" || units[strings.Trim(words[i+1], "),")]) {
			need += 1 + columns(words[i+1]) // these do not begin a line
		}
		if i > 0 && at+spaces+need > max(width, 40) {
			b.WriteString("\n" + strings.Repeat(" ", indent))
			at, spaces = indent, 0
		}
		b.WriteString(strings.Repeat(" ", spaces) + word)
		at, spaces = at+spaces+k, 1
	}
	return b.String()
}

// units stay on the line of their number.
var units = map[string]bool{"B": true, "kB": true, "MB": true, "GB": true, "%": true}

// columns is the width of a word without its colours.
func columns(s string) (n int) {
	esc := false
	for _, r := range s {
		switch {
		case r == 0x1b:
			esc = true
		case esc:
			esc = r != 'm'
		default:
			n++
		}
	}
	return n
}
