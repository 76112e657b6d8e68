// Package config finds settings in configuration files that 3GPP TS 33.117
// asks for otherwise: of the kernel's network, of SSH, web and file servers.
//
//	net.ipv4.conf.all.rp_filter=0      key = value, # and ; begin comments
//	PermitRootLogin yes                key value
//	server.username = "root"           key = "value"
//	server_tokens on;                  key value;
package config

import (
	"bufio"
	"cmp"
	"context"
	_ "embed"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/stable"
	"github.com/wardein/wardein/internal/table"
)

//go:embed data/settings.toml
var settingsTOML []byte

// setting is one that a standard asks for otherwise.
type setting struct {
	Group    string
	Files    []string
	Key      string
	Bad      []string
	Says     string
	Case     string
	Severity string
	Source   string
}

var file = table.TOML[struct {
	Date    string
	Setting []setting
}]("check/config/data/settings.toml", settingsTOML)

// settings are the table by key in lower case.
var settings = sync.OnceValue(func() map[string][]*setting {
	all := map[string][]*setting{}
	file := file()
	for i := range file.Setting {
		key := strings.ToLower(file.Setting[i].Key)
		all[key] = append(all[key], &file.Setting[i])
	}
	return all
})

// literals are words of the files that hold such settings.
var literals = []string{"net.ipv4.", "kernel.", "PermitRootLogin", "PermitEmptyPasswords", "server_tokens", "worker_processes", "ssl_protocols",
	"server.document-root", "ENCRYPT_METHOD", "PASS_MIN_LEN", "anonymous_enable", "[global]", "DocumentRoot"}

const (
	maxText = 256 << 10
	maxLine = 1024
	shown   = 10
)

// Check finds settings that a standard asks for otherwise.
func Check() wardein.Check {
	c := check
	c.Cases = cases()
	return c
}

var check = wardein.Check{
	Name:    "config",
	Version: 1,
	Doc: wardein.Doc{
		About: "Settings of the kernel's network and of servers that 3GPP TS 33.117 asks for otherwise.",
		How: "A table names settings, the files in which they count, and the values that differ from what is asked. Files are read line by line (key = value, key value, quotes and a final ; left out); in sshd_config the first line of a key counts, elsewhere the last. " +
			"What differs in one group of settings of one file is one finding.",
		FalsePositives: []string{
			"a setting that another file, a script or the command line sets again",
			"forwarding of packets in a product that is a router",
			"a file of an example or of a second root file system that is never used",
		},
		FalseNegatives: []string{
			"settings that are not in the file: the program's default holds and is not judged",
			"settings that scripts write (echo 0 >/proc/sys/…, sysctl -w)",
			"files with other names, and settings in a vendor's own form",
		},
		Limits:     []string{"files larger than 256 KiB are not read", "blocks (Match in sshd_config, server in nginx.conf) are not told apart"},
		References: []string{"3GPP TS 33.117, 4.2 and 4.3", "CWE-16"},
	},
	Literals: literals,
	Wants: func(b wardein.Blob) (bool, string) {
		switch {
		case b.Class != "text":
			return false, "not text"
		case b.Size > maxText:
			return false, "larger than 256 KiB"
		}
		for i := range literals {
			if len(b.Hits(i)) > 0 {
				return true, ""
			}
		}
		return false, "no literal found"
	},
	Node: node,
	Tree: tree,
	Covers: func(n *wardein.Node, facts []wardein.Fact) (ids []string) {
		for _, f := range facts {
			for _, s := range settings()[f.Attr("key")] {
				if s.read(n.Path) {
					ids = append(ids, s.Case)
				}
			}
		}
		return ids
	},
	Messages: map[string]string{
		"config.differs":    "{file} sets {n} otherwise than TS 33.117 asks: {list}.",
		"config.fix":        "Set them as asked, or say for each why the product needs it.",
		"config.until":      "Look what is set on a running unit, and set it there; updates may set it back.",
		"config.until-none": "Nothing has to be done at once.",
	},
}

// rule names the findings of a group.
func rule(group string) string { return "config." + group }

// cases are the test cases that a group's settings speak to.
func cases() map[string][]string {
	all := map[string][]string{}
	for _, list := range settings() {
		for _, s := range list {
			all[rule(s.Group)] = append(all[rule(s.Group)], s.Case)
		}
	}
	for r := range all {
		slices.Sort(all[r])
		all[r] = slices.Compact(all[r])
	}
	return all
}

func node(_ context.Context, b wardein.Blob, out func(wardein.Fact)) error {
	lines := bufio.NewReaderSize(io.NewSectionReader(b, 0, b.Size), 64<<10)
	var at int64
	for {
		line, err := lines.ReadString('\n')
		if key, value, ok := parse(line); ok {
			if _, asked := settings()[key]; asked {
				text := strings.TrimRight(line, "\r\n")
				skip := len(text) - len(strings.TrimLeft(text, " \t"))
				out(wardein.Fact{Kind: "setting", Off: at + int64(skip), Len: int64(len(text) - skip), Attrs: []wardein.Note{
					{Name: "key", Value: key}, {Name: "value", Value: value}, {Name: "line", Value: text[skip:min(len(text), skip+256)]},
				}})
			}
		}
		at += int64(len(line))
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("at %#x: %w", at, err)
		}
	}
}

// parse reads a line as a setting; the key in lower case.
func parse(line string) (key, value string, ok bool) {
	line = strings.TrimSpace(line)
	if line == "" || len(line) > maxLine || line[0] == '#' || line[0] == ';' {
		return "", "", false
	}
	if k, v, found := strings.Cut(line, "="); found {
		key, value = k, v
	} else if k := strings.IndexAny(line, " \t"); k > 0 {
		key, value = line[:k], line[k:]
	} else {
		return "", "", false
	}
	value, _, _ = strings.Cut(value, " #")
	value = strings.Trim(strings.TrimSpace(value), `"';`)
	return strings.ToLower(strings.TrimSpace(key)), strings.TrimSpace(value), value != ""
}

// differs tells whether a value is one of those that differ from what is asked.
func (s *setting) differs(value string) bool {
	for _, bad := range s.Bad {
		switch {
		case strings.HasPrefix(bad, "<"):
			least, _ := strconv.Atoi(bad[1:])
			if n, err := strconv.Atoi(value); err == nil && n < least {
				return true
			}
		case strings.HasPrefix(bad, "~"): // a word among several
			if strings.Contains(value+" ", bad[1:]) {
				return true
			}
		case strings.EqualFold(bad, value):
			return true
		}
	}
	return false
}

// read tells whether the setting counts in a file.
func (s *setting) read(file string) bool {
	for _, pattern := range s.Files {
		dirs := strings.Count(pattern, "/") + 1
		parts := strings.Split(file, "/")
		if ok, err := path.Match(pattern, strings.Join(parts[max(0, len(parts)-dirs):], "/")); ok && err == nil {
			return true
		}
	}
	return false
}

var severities = map[string]wardein.Severity{"info": wardein.Info, "low": wardein.Low, "medium": wardein.Medium, "high": wardein.High}

func tree(_ context.Context, t wardein.Tree, out func(wardein.Finding)) error {
	type line struct {
		*setting
		fact wardein.Fact
	}
	found := map[string]map[string][]line{} // by file and group
	decided := map[string]bool{}            // sshd: the first line of a key counts
	last := map[string]line{}
	for n, f := range t.Facts("config") {
		for _, s := range settings()[f.Attr("key")] {
			key := n.Path + "\x00" + s.Key + "\x00" + s.Group
			if !s.read(n.Path) || s.Group == "ssh" && decided[key] {
				continue
			}
			decided[key] = true
			last[key] = line{s, f}
		}
	}
	for key, l := range last {
		file, _, _ := strings.Cut(key, "\x00")
		if l.differs(l.fact.Attr("value")) {
			if found[file] == nil {
				found[file] = map[string][]line{}
			}
			found[file][l.Group] = append(found[file][l.Group], l)
		}
	}
	said := map[string]bool{}
	for _, file := range slices.Sorted(maps.Keys(found)) {
		for _, group := range slices.Sorted(maps.Keys(found[file])) {
			list := found[file][group]
			slices.SortFunc(list, func(a, b line) int {
				return cmp.Or(cmp.Compare(a.fact.Off, b.fact.Off), strings.Compare(a.Key, b.Key))
			})
			f := wardein.Finding{Rule: rule(group), Node: file, Confidence: wardein.Likely, Reach: wardein.NoneShown,
				Fix: wardein.Text{ID: "config.fix"}, Meanwhile: wardein.Text{ID: "config.until-none"}}
			var what, about []string
			for _, l := range list {
				f.Severity = max(f.Severity, severities[l.Severity])
				f.Cases = append(f.Cases, l.Case)
				about = append(about, l.Key+"="+l.fact.Attr("value"))
				what = append(what, l.Key+" "+l.fact.Attr("value")+" ("+l.Says+")")
				if len(f.Quotes) < shown {
					f.Quotes = append(f.Quotes, l.fact.Quote(file, "line"))
				}
			}
			slices.Sort(f.Cases)
			f.Cases = slices.Compact(f.Cases)
			if f.Severity >= wardein.Medium {
				f.Meanwhile.ID, f.Reach = "config.until", wardein.Management
			}
			f.ID = stable.ID(f.Rule, about...)
			n := strconv.Itoa(len(list)) + " settings"
			if len(list) == 1 {
				n = "1 setting"
			}
			f.Says = wardein.Text{ID: "config.differs", Args: []wardein.Note{{Name: "file", Value: path.Base(file)}, {Name: "n", Value: n}, {Name: "list", Value: strings.Join(what, "; ")}}}
			if !said[f.ID] { // the same file in two banks
				said[f.ID] = true
				out(f)
			}
		}
	}
	return nil
}
