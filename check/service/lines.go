package service

import (
	"path"
	"strings"
)

// command is one start of a program as a line of text gives it.
type command struct {
	off, size int64  // of the line
	line      string // at most maxQuote bytes
	how       string // inittab, inetd, xinetd, systemd, shell
	// action is inittab's; for xinetd it is "disabled" where the file says so;
	// for shell "conditional" inside if or behind a test.
	action string
	words  []string // program and arguments
}

// inittabActions are the actions of init(8), of SysV and of busybox, that run
// something without being asked for by hand.
var inittabActions = map[string]bool{
	"respawn": true, "sysinit": true, "boot": true, "bootwait": true, "wait": true, "once": true, "askfirst": true, "respawnlate": true, "askconsole": true,
}

// commands gives the commands of a text, whatever kind of file it is: only
// its path tells whether anything reads it as such.
func commands(text string, out func(command)) {
	vars := map[string]string{}
	depth := 0 // of if … fi
	xinetd := xinetdBlock{}
	for off := 0; off < len(text); {
		line, size := logical(text[off:])
		c := command{off: int64(off), size: int64(size), line: text[off : off+min(size, maxQuote)]}
		off += size + 1
		blank := len(c.line) - len(strings.TrimLeft(c.line, " \t"))
		c.off, c.line = c.off+int64(blank), c.line[blank:]
		trimmed := strings.TrimSpace(line[:min(len(line), maxLine)])
		if trimmed == "" || trimmed[0] == '#' || trimmed[0] == ';' {
			continue
		}
		if k := strings.Index(c.line, "\n"); k >= 0 { // a continued line: its first part is quoted
			c.line, c.size = c.line[:k], int64(k)
		}
		c.line = strings.TrimSuffix(c.line, "\r")
		c.size = min(c.size, int64(len(c.line)))
		switch {
		case xinetd.line(trimmed, c, out):
		case inittabLine(trimmed, c, out):
		case inetdLine(trimmed, c, out):
		case unitLine(trimmed, c, out):
		default:
			depth = max(0, shellLine(trimmed, depth, vars, c, out))
		}
	}
}

// logical is the next line of text with continuations joined, and its length
// in text without the last line end.
func logical(text string) (line string, size int) {
	for {
		k := strings.IndexByte(text[size:], '\n')
		if k < 0 {
			k = len(text) - size
		}
		part := strings.TrimSuffix(text[size:size+k], "\r")
		size += k
		joined, more := strings.CutSuffix(part, `\`)
		line += joined
		if !more || size >= len(text) || len(line) > 4<<10 {
			return line, size
		}
		line += " "
		size++
	}
}

// inittabLine reads id:levels:action:process (inittab(5)).
func inittabLine(s string, c command, out func(command)) bool {
	if strings.Count(s, ":") < 3 {
		return false
	}
	f := strings.SplitN(s, ":", 4)
	if !inittabActions[f[2]] {
		return false
	}
	c.how, c.action = "inittab", f[2]
	c.words = program(strings.Fields(strings.TrimLeft(f[3], "+-@")))
	out(c)
	return true
}

// inetdLine reads service type protocol wait user program arguments
// (inetd.conf(5)).
func inetdLine(s string, c command, out func(command)) bool {
	if !strings.Contains(s, "stream") {
		return false
	}
	f := strings.Fields(s)
	if len(f) < 6 || f[1] != "stream" || !strings.HasPrefix(f[2], "tcp") {
		return false
	}
	c.how, c.words = "inetd", f[5:]
	if len(f) > 6 { // the first argument is the program's name
		c.words = append([]string{f[5]}, f[7:]...)
		if telnetName(f[6]) && !telnetName(f[5]) { // tcpd and busybox: the name says what runs
			c.words[0] = f[6]
		}
	}
	out(c)
	return true
}

// xinetdBlock reads service NAME { … } (xinetd.conf(5)).
type xinetdBlock struct {
	in, disabled bool
	server       *command
	args         []string
}

func (x *xinetdBlock) line(s string, c command, out func(command)) bool {
	if !x.in {
		if !strings.HasPrefix(s, "service") {
			return false
		}
		f := strings.Fields(s)
		x.in = len(f) >= 2 && len(f) <= 3 && f[0] == "service" && plainName(f[1]) && (len(f) == 2 || f[2] == "{")
		return x.in
	}
	name, value, _ := strings.Cut(s, "=")
	value = strings.TrimSpace(value)
	switch strings.TrimSpace(name) {
	case "server":
		c.how, c.words = "xinetd", []string{value}
		x.server = &c
	case "server_args":
		x.args = strings.Fields(value)
	case "disable":
		x.disabled = value == "yes"
	case "}":
		if x.server != nil {
			x.server.words = append(x.server.words, x.args...)
			if x.disabled {
				x.server.action = "disabled"
			}
			out(*x.server)
		}
		*x = xinetdBlock{}
	case "{":
	default:
		if !strings.Contains(s, "=") { // no block of xinetd after all
			*x = xinetdBlock{}
			return false
		}
	}
	return true
}

// unitLine reads ExecStart of a unit (systemd.service(5)).
func unitLine(s string, c command, out func(command)) bool {
	rest, ok := strings.CutPrefix(s, "ExecStart=")
	if !ok {
		return false
	}
	c.how, c.words = "systemd", program(strings.Fields(strings.TrimLeft(rest, "-@:+!")))
	out(c)
	return true
}

// starters are words after which the next word is again a command.
var starters = map[string]bool{
	"then": true, "do": true, "else": true, "elif": true, "if": true, "while": true, "until": true, "!": true, "{": true, "(": true, ")": true,
	"exec": true, "nohup": true, "setsid": true, "nice": true, "env": true, "sudo": true, "command": true, "eval": true, "time": true,
	"busybox": true, "sh": true, "bash": true, "ash": true, ".": true, "source": true, "service_start": true, "daemon": true, "loadproc": true,
	"fi": true, "done": true, "esac": true,
}

// program leaves out what stands before the program that is run: busybox, env,
// sh -c and their options.
func program(words []string) []string {
	for len(words) > 1 && (starters[path.Base(words[0])] || strings.HasPrefix(words[0], "-")) && !strings.HasPrefix(words[1], "/etc/") {
		words = words[1:]
	}
	return words
}

// shellLine finds the commands of one line of a shell script and returns the
// depth of if … fi behind it. It is no shell: it knows the words that start a
// command, quotes and assignments of one word.
func shellLine(s string, depth int, vars map[string]string, c command, out func(command)) int {
	c.how = "shell"
	tested := false
	for _, part := range split(s) {
		switch part.sep {
		case "&&", "||":
			tested = true
		case ";":
			tested = false
		}
		words := part.words
		for len(words) > 0 {
			w := words[0]
			switch {
			case w == "if":
				depth++
			case w == "fi":
				depth--
			}
			if strings.Contains(w, " ") { // sh -c "…", or a value with blanks
				break
			}
			name, value, assigned := strings.Cut(w, "=")
			switch {
			case assigned && len(words) == 1 && plainName(name):
				if len(vars) < 256 {
					vars[name] = value
				}
				words = nil
				continue
			case assigned && plainName(name), w == "case" && len(words) == 1, starters[w], starters[path.Base(w)]:
				words = words[1:]
				continue
			case len(words) > 1 && strings.HasPrefix(w, "-") && c.words == nil: // an option of a starter
				words = words[1:]
				continue
			}
			break
		}
		if len(words) == 0 {
			continue
		}
		words = expand(words, vars)
		words = daemonOf(words)
		if strings.Contains(words[0], " ") { // sh -c "…"
			words = append(strings.Fields(words[0]), words[1:]...)
		}
		c.action = ""
		if depth > 0 || tested {
			c.action = "conditional"
		}
		c.words = words
		out(c)
		c.words = nil
	}
	return depth
}

// daemonOf finds the program that a starter with options of its own starts:
// start-stop-daemon(8) and OpenWrt's procd.
func daemonOf(words []string) []string {
	switch path.Base(words[0]) {
	case "start-stop-daemon":
		var program string
		var args []string
		for i := 1; i < len(words); i++ {
			switch w := words[i]; {
			case w == "-K" || w == "--stop" || w == "-T" || w == "--status":
				return words[:1]
			case (w == "--exec" || w == "-x" || w == "--startas" || w == "-a") && i+1 < len(words):
				program = words[i+1]
			case strings.HasPrefix(w, "--exec="):
				program = w[len("--exec="):]
			case w == "--":
				args = words[i+1:]
				i = len(words)
			case len(w) > 2 && w[0] == '-' && w[1] != '-' && strings.HasSuffix(w, "x") && i+1 < len(words): // -Sx, -bSx
				program = words[i+1]
			}
		}
		if program != "" {
			return append([]string{program}, args...)
		}
	case "procd_set_param":
		if len(words) > 2 && words[1] == "command" {
			return words[2:]
		}
	}
	return words
}

// expand puts in the variables that a script set to one word.
func expand(words []string, vars map[string]string) []string {
	out := words
	for i, w := range words {
		name := strings.TrimPrefix(w, "$")
		if name == w {
			continue
		}
		name = strings.TrimSuffix(strings.TrimPrefix(name, "{"), "}")
		if v, ok := vars[name]; ok && v != "" {
			if &out[0] == &words[0] {
				out = append([]string(nil), words...)
			}
			out[i] = v
		}
	}
	return out
}

func plainName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '_' {
			return false
		}
	}
	return s != ""
}

// special are the characters that mean something to split.
const special = " \t#'\"\\;\n()`&|><"

// part is a run of words between separators; sep is what stands before it.
type part struct {
	sep   string
	words []string
}

// split cuts a line of shell into parts. Quotes bind; # at the beginning of a
// word ends the line; redirections go.
func split(s string) (parts []part) {
	cur := part{}
	var word strings.Builder
	has := false
	flush := func() {
		if w := word.String(); has && w != "" && len(cur.words) < 64 {
			if cur.words == nil {
				cur.words = make([]string, 0, 8)
			}
			cur.words = append(cur.words, w)
		}
		word.Reset()
		has = false
	}
	next := func(sep string) {
		flush()
		if len(cur.words) > 0 {
			parts = append(parts, cur)
		}
		cur = part{sep: sep}
	}
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case ' ', '\t':
			flush()
		case '#':
			if !has {
				i = len(s)
				continue
			}
			word.WriteByte(c)
		case '\'', '"':
			k := strings.IndexByte(s[i+1:], c)
			if k < 0 {
				k = len(s) - i - 1
			}
			word.WriteString(s[i+1 : i+1+k])
			has = true
			i += k + 1
		case '\\':
			if i+1 < len(s) {
				i++
				word.WriteByte(s[i])
				has = true
			}
		case ';', '\n', '(', ')', '`':
			if c == '(' && word.Len() > 0 && strings.HasSuffix(word.String(), "$") {
				word.Reset() // $( … ): what is inside is run
			}
			next(";")
		case '&', '|':
			if i+1 < len(s) && s[i+1] == c {
				next(s[i : i+2])
				i++
				continue
			}
			if c == '&' && i > 0 && (s[i-1] == '>' || s[i-1] == '<') { // 2>&1
				continue
			}
			next(";")
		case '>', '<':
			word.Reset() // the number of a redirection
			has = false
			i++
			for i < len(s) && (s[i] == '>' || s[i] == '&' || s[i] == ' ' || s[i] == '\t') {
				i++
			}
			for i < len(s) && !strings.ContainsRune(" \t;&|", rune(s[i])) {
				i++
			}
			i--
		default:
			k := i + 1
			for k < len(s) && !strings.ContainsRune(special, rune(s[k])) {
				k++
			}
			word.WriteString(s[i:k])
			has = true
			i = k - 1
		}
	}
	next("")
	return parts
}
