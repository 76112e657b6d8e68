package compare

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/wardein/wardein/internal/lazy"
)

// setting is a value of a file by its key.
type setting struct {
	key, value string
	shown      string // in place of a value that must not be printed
	line       int    // the lines that say so, from 0, and how many
	count      int
}

// maxSettings bounds the settings of one file; a larger one is compared by
// lines.
const maxSettings = 100_000

// values is a file's settings, and what they are called in a row.
type values struct {
	kind Kind
	is   string // "account", "option", "package"
	list []setting
	// whole says that what is no setting says nothing: spaces of JSON.
	whole bool
}

// settings reads a file of a known form. The name decides for those that have
// one of their own, the form of the text for others.
func settings(name, text string) (t values, ok bool) {
	base := strings.TrimSuffix(path.Base(name), "-") // passwd- is the one before
	text = strings.ReplaceAll(text, "\r\n", "\n")
	switch {
	case base == "passwd" || base == "master.passwd":
		t = values{kind: Account, is: "account", list: accounts(text, 7)}
	case base == "shadow":
		t = values{kind: Account, is: "password of", list: accounts(text, 9)}
	case base == "group" || base == "gshadow":
		t = values{kind: Account, is: "group", list: accounts(text, 4)}
	case base == "authorized_keys" || base == "authorized_keys2":
		return t, false
	case strings.HasPrefix(text, "Package: ") || strings.HasPrefix(text, "P:") || strings.HasPrefix(text, "C:Q1"):
		t = values{kind: Setting, is: "package", list: packages(text)}
	case strings.HasPrefix(text, "#!"), strings.HasPrefix(text, "<"):
		return t, false
	case strings.Contains(text, "\nCONFIG_") || strings.HasPrefix(text, "CONFIG_"):
		t = values{kind: Setting, is: "option", list: options(text)}
	case strings.HasPrefix(text, "{") || strings.HasPrefix(text, "["):
		if t = (values{kind: Setting, list: document(text), whole: true}); t.list == nil {
			t = values{kind: Setting, list: pairs(text)}
		}
	case uciForm().MatchString(text):
		t = values{kind: Setting, list: uci(text)}
	default:
		t = values{kind: Setting, list: pairs(text)}
	}
	if len(t.list) == 0 || len(t.list) > maxSettings {
		return t, false
	}
	seen := map[string]int{}
	for i := range t.list { // the second of a name is another
		s := &t.list[i]
		if n := seen[s.key]; n > 0 {
			seen[s.key] = n + 1
			s.key += "#" + strconv.Itoa(n+1)
		} else {
			seen[s.key] = 1
		}
	}
	return t, true
}

// accounts reads passwd, shadow or group: fields between colons. The second
// is a password; what is printed of it is its kind.
func accounts(text string, fields int) (list []setting) {
	for i, s := range strings.Split(text, "\n") {
		f := strings.Split(s, ":")
		if len(f) < 3 || len(f) > fields+3 || f[0] == "" {
			if strings.TrimSpace(s) != "" && !strings.HasPrefix(s, "#") {
				return nil
			}
			continue
		}
		shown := slices.Clone(f[1:])
		shown[0] = passwordKind(f[1])
		list = append(list, setting{key: f[0], value: s, shown: strings.Join(shown, ":"), line: i, count: 1})
	}
	return list
}

// passwordOf is the password field of an account's line.
func passwordOf(s *setting) string {
	_, rest, _ := strings.Cut(s.value, ":")
	field, _, _ := strings.Cut(rest, ":")
	return field
}

// passwordKind says what stands in a password field, never the field.
func passwordKind(p string) string {
	switch {
	case p == "":
		return "‹no password›"
	case p == "x":
		return "x"
	case strings.Trim(p, "*!") == "" || strings.HasPrefix(p, "*"):
		return p[:1]
	case strings.HasPrefix(p, "!"):
		return "‹locked hash›"
	case p[0] == '$':
		id, _, _ := strings.Cut(p[1:], "$")
		if len(id) > 10 {
			id = "?"
		}
		return "‹hash $" + id + "$›"
	}
	return "‹hash›"
}

// packages reads the databases of dpkg and opkg (stanzas of "Name: value"), and
// that of apk ("P:name"). A package's value is its version and state.
func packages(text string) (list []setting) {
	at := 0
	for _, stanza := range strings.Split(text, "\n\n") {
		n := strings.Count(stanza, "\n")
		var name, version, state, arch string
		for _, s := range strings.Split(stanza, "\n") {
			key, v, ok := strings.Cut(s, ":")
			if !ok || key == "" || key[0] == ' ' {
				continue
			}
			switch v = strings.TrimSpace(v); key {
			case "Package", "P":
				name = v
			case "Version", "V":
				version = v
			case "Status":
				state = v
			case "Architecture", "A":
				arch = v
			}
		}
		if name != "" {
			if arch != "" && arch != "all" && arch != "noarch" {
				arch = " " + arch
			} else {
				arch = ""
			}
			shown := strings.TrimSpace(version + arch)
			if state != "" && state != "install ok installed" && state != "install user installed" {
				shown += " (" + state + ")"
			}
			list = append(list, setting{key: name, value: shown, line: at, count: n + 1})
		}
		at += n + 2
	}
	return list
}

// options reads a kernel's configuration.
func options(text string) (list []setting) {
	other := 0
	for i, s := range strings.Split(text, "\n") {
		s = strings.TrimSpace(s)
		if name, ok := strings.CutSuffix(s, " is not set"); ok && strings.HasPrefix(name, "# CONFIG_") {
			list = append(list, setting{key: name[2:], value: "not set", line: i, count: 1})
		} else if name, v, ok := strings.Cut(s, "="); ok && strings.HasPrefix(name, "CONFIG_") {
			list = append(list, setting{key: name, value: v, line: i, count: 1})
		} else if s != "" && s[0] != '#' {
			other++
		}
	}
	if other > len(list)/10 {
		return nil
	}
	return list
}

var uciForm = lazy.Regexp(`(?m)\A(?:\s*(?:#.*)?\n|package .*\n)*config\s+\S+`)

// uci reads OpenWrt's configuration: sections "config type 'name'" of "option
// name 'value'" and "list name 'value'".
func uci(text string) (list []setting) {
	section := ""
	seen := map[string]int{}
	for i, s := range strings.Split(text, "\n") {
		f := strings.Fields(s)
		if len(f) == 0 || f[0][0] == '#' {
			continue
		}
		value := func(skip int) string {
			rest := strings.TrimSpace(s)
			for range skip {
				_, rest, _ = strings.Cut(rest, f[0])
				rest = strings.TrimSpace(rest)
				f = f[1:]
			}
			return strings.Trim(rest, `'"`)
		}
		switch {
		case f[0] == "config" && len(f) > 1:
			kind := strings.Trim(f[1], `'"`)
			if section = kind; len(f) > 2 {
				section += "." + value(2)
			} else {
				seen[kind]++
				section += "[" + strconv.Itoa(seen[kind]-1) + "]"
			}
			list = append(list, setting{key: section, value: "section", line: i, count: 1})
		case (f[0] == "option" || f[0] == "list") && len(f) > 2:
			name := strings.Trim(f[1], `'"`)
			list = append(list, hidden(setting{key: section + "." + name, value: value(2), line: i, count: 1}))
		case f[0] == "package":
		default:
			return nil
		}
	}
	return list
}

// pairs reads "key = value" lines, in sections "[name]" if there are any. Nine
// of ten lines must have that form.
func pairs(text string) (list []setting) {
	section, other := "", 0
	for i, s := range strings.Split(text, "\n") {
		s = strings.TrimSpace(s)
		if s == "" || s[0] == '#' || s[0] == ';' {
			continue
		}
		if s[0] == '[' && s[len(s)-1] == ']' && len(s) < 256 {
			section = s + " "
			list = append(list, setting{key: s, value: "section", line: i, count: 1})
			continue
		}
		key, value, ok := strings.Cut(s, "=")
		key = strings.TrimSpace(key)
		if !ok || !plainKey(key) {
			if other++; other > 10 && other > i/5 {
				return nil
			}
			continue
		}
		list = append(list, hidden(setting{key: section + key, value: strings.TrimSpace(value), line: i, count: 1}))
	}
	if other > len(list)/10 {
		return nil
	}
	return list
}

func plainKey(s string) bool {
	s = strings.TrimPrefix(s, "export ")
	if s == "" || len(s) > 128 {
		return false
	}
	for i := range len(s) {
		if c := s[i]; !alnum(c) && strings.IndexByte("_.-/*:@", c) < 0 {
			return false
		}
	}
	return true
}

// hidden keeps a value from being printed where its key says that it is secret.
func hidden(s setting) setting {
	name := s.key[strings.LastIndexAny(s.key, ". ")+1:]
	value := "'" + strings.Trim(strings.ReplaceAll(s.value, "'", "_"), `"`) + "'"
	full := name + "=" + value
	if name == "key" || strings.HasPrefix(name, "key") && len(name) == 4 && digit(name[3]) { // of a wireless network
		full = "option key " + value
	}
	if got := hideForms(full); got != full {
		s.shown = "‹secret›"
	}
	return s
}

// maxDepth bounds the nesting of a document.
const maxDepth = 64

// document reads JSON: values by their path. nil is what is no JSON.
func document(text string) (list []setting) {
	d := json.NewDecoder(strings.NewReader(text))
	d.UseNumber()
	var walk func(at string, depth int) error
	leaf := func(at string, v any) {
		value := ""
		switch v := v.(type) {
		case string:
			value = strconv.Quote(v)
		case nil:
			value = "null"
		default:
			value = fmt.Sprint(v)
		}
		list = append(list, hidden(setting{key: at, value: value}))
	}
	walk = func(at string, depth int) error {
		v, err := d.Token()
		if err != nil {
			return err
		}
		open, ok := v.(json.Delim)
		if !ok {
			leaf(at, v)
			return nil
		}
		if depth > maxDepth || len(list) > maxSettings {
			return fmt.Errorf("too deep or too long")
		}
		n := 0
		for ; d.More(); n++ {
			next := at + "[" + strconv.Itoa(n) + "]"
			if open == '{' {
				name, err := d.Token()
				if err != nil {
					return err
				}
				next = strings.TrimPrefix(at+"."+fmt.Sprint(name), ".")
			}
			if err := walk(next, depth+1); err != nil {
				return err
			}
		}
		if n == 0 {
			list = append(list, setting{key: at, value: string(rune(open)) + map[json.Delim]string{'{': "}", '[': "]"}[open]})
		}
		_, err = d.Token()
		return err
	}
	if err := walk("", 0); err != nil || d.More() {
		return nil
	}
	return list
}

// byKey compares two files of settings.
func byKey(a, b *values, old, new string) (rows []Row) {
	was, is := map[string]*setting{}, map[string]*setting{}
	for i := range a.list {
		was[a.list[i].key] = &a.list[i]
	}
	for i := range b.list {
		is[b.list[i].key] = &b.list[i]
	}
	for _, k := range keysOf(was, is) {
		v, w := was[k], is[k]
		r := Row{Kind: a.kind, Change: Changed, Old: old, New: new, What: strings.TrimSpace(a.is + " " + k), Lines: 1}
		switch {
		case v == nil:
			r.Change, r.Is = New, w.print()
		case w == nil:
			r.Change, r.Was = Gone, v.print()
		case v.value == w.value:
			continue
		default:
			r.Was, r.Is = v.print(), w.print()
			switch {
			case a.kind == Account && passwordOf(v) != passwordOf(w) && passwordKind(passwordOf(v)) == passwordKind(passwordOf(w)):
				r.Note = "another password"
			case r.Was == r.Is:
				r.Note = "another value that is not shown"
			}
		}
		rows = append(rows, r)
	}
	return rows
}

func (s *setting) print() string {
	if s.shown != "" {
		return s.shown
	}
	return hideForms(s.value)
}

// rest are the lines of a text that no setting stands on.
func (t *values) rest(text string) (list []string) {
	if t.whole {
		return nil
	}
	all := lines(strings.ReplaceAll(text, "\r\n", "\n"))
	used := make([]bool, len(all))
	for i := range t.list {
		for k := t.list[i].line; k < min(t.list[i].line+t.list[i].count, len(all)); k++ {
			used[k] = true
		}
	}
	for i, s := range all {
		if !used[i] && strings.TrimSpace(s) != "" {
			list = append(list, s)
		}
	}
	return list
}

// keysOf are the keys of two maps, sorted.
func keysOf[V any](a, b map[string]V) []string {
	list := make([]string, 0, len(a)+len(b))
	for k := range a {
		list = append(list, k)
	}
	for k := range b {
		if _, ok := a[k]; !ok {
			list = append(list, k)
		}
	}
	sort.Strings(list)
	return list
}
