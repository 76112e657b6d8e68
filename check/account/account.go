// Package account finds accounts that a release brings along: tables as
// passwd(5), shadow(5) and master.passwd(5) describe them, and authorized_keys
// of SSH.
//
//	passwd         name:password:uid:gid:comment:home:shell
//	shadow         name:password:changed:min:max:warn:inactive:expire:reserved
//	master.passwd  name:password:uid:gid:class:change:expire:comment:home:shell
//
// A password hash is never told, only its kind.
package account

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/stable"
	"github.com/wardein/wardein/startup"
)

// Check finds accounts that open without a password, that are a second root,
// or whose password or key is part of the release.
var Check = wardein.Check{
	Name:    "account",
	Version: 2,
	Doc: wardein.Doc{
		About: "Accounts of a release that anybody can use who knows the release: without a password, with a password or SSH key that is the same on every unit, and second accounts with the rights of root.",
		How: "Small text files whose lines have the shape of passwd, shadow or master.passwd are read; the kind of each password field is told by its prefix and length (crypt(5)), never the field. " +
			"A passwd table is joined with the shadow table of its folder. Tables that stand as etc/passwd and etc/shadow count as in force; under other names or in other folders (backups, templates) they are \"possible\". " +
			"A login shell is any but nologin, false, true, sync, halt and shutdown; an empty shell is /bin/sh (passwd(5)). Lines of files named authorized_keys are public SSH keys that log in.",
		FalsePositives: []string{
			"an account without a password that the first start makes the user set (OpenWrt's root)",
			"a table that the start-up replaces by one made on the unit",
			"BSD's toor: a second account with UID 0 by design",
			"an account that no login service of the unit offers: whether one is reachable is not looked at here",
		},
		FalseNegatives: []string{
			"accounts in databases and configuration of vendors (XML, nvram, uci, SQLite), htpasswd, RADIUS and PPP files",
			"accounts that programs or scripts make at run time, or compare with strings of their own",
			"accounts whose shell does not log in but that FTP or a web page lets in",
			"password fields of a form that crypt(5) does not name",
		},
		Limits: []string{
			"passwords are not searched for, not even published defaults: a strong scheme says nothing of the password",
			"tables larger than 256 KiB are not read",
		},
		References: []string{
			"passwd(5), shadow(5), crypt(5), sshd(8) AUTHORIZED_KEYS FILE FORMAT; FreeBSD passwd(5) for master.passwd", "CWE-258, CWE-521, CWE-798, CWE-916",
			"3GPP TS 33.117, PREDEFINED_ACCOUNT_DELETION, PREDEFINED_AUTHENTICATION_ATTRIBUTES_DELETION, UNIQUE_SYSTEM_ACCOUNT_IDENTIFICATION, PSW_STOR_SUPPORT",
		},
	},
	Wants: func(b wardein.Blob) (bool, string) {
		switch {
		case b.Class != "text":
			return false, "not text"
		case b.Size > maxTable:
			return false, "larger than 256 KiB"
		}
		return true, ""
	},
	Node:  node,
	Reads: []string{"service"},
	Tree:  tree,
	Cases: map[string][]string{
		"account.empty-password":   {"TC_ACCOUNT_PROTECTION", "TC_PREDEFINED_ACCOUNT_DELETION"},
		"account.shipped-password": {"TC_PREDEFINED_ACCOUNT_DELETION", "TC_PREDEFINED_AUTHENTICATION_ATTRIBUTES_DELETION", "TC_PSW_STOR_SUPPORT"},
		"account.second-uid0":      {"TC_UNIQUE_SYSTEM_ACCOUNT_IDENTIFICATION"},
		"account.authorized-key":   {"TC_PREDEFINED_AUTHENTICATION_ATTRIBUTES_DELETION"},
	},
	Messages: map[string]string{
		"account.empty":         "Account {user} ({uid}, shell {shell}) has no password{ways}: whoever reaches a login prompt of the unit is in.",
		"account.uid0":          "Account {user} has UID 0 beside {first} and shell {shell}: it is root under another name, and what it does is logged as root's.",
		"account.uid0-closed":   "Account {user} has UID 0 beside {first}; it cannot log in (password {password}, shell {shell}).",
		"account.shipped":       "The password of account {user} ({uid}) is part of the release, as {password}{ways}: it is the same on every unit until somebody changes it.",
		"account.shipped-weak":  "The password of account {user} ({uid}) is part of the release, as {password}, a weak scheme{ways}: it is the same on every unit until somebody changes it, and whoever has the release can search for it at high speed.",
		"account.key":           "An SSH key ({type}, {shown}) is authorised in {file}: whoever holds its private part can log in to every unit that runs the release, where SSH is started.",
		"account.fix-empty":     "Ship no account without a password: lock it, or make the password on each unit and print it on the unit's label.",
		"account.fix-uid0":      "Remove the account, or give it a UID of its own and only the rights it needs.",
		"account.fix-shipped":   "Ship no password: make one for each unit, or have it set before the first login. Store it with yescrypt, bcrypt or sha512crypt.",
		"account.fix-key":       "Ship no authorised key; let the operator install his own.",
		"account.until":         "Set a password for {user} on each unit, or lock the account, and look whether updates set it back.",
		"account.until-uid0":    "Lock {user} on each unit, and watch the log for logins under that name.",
		"account.until-key":     "Remove the key on each unit, and let only the management network reach SSH.",
		"account.until-nothing": "Nothing has to be done at once.",
	},
}

const (
	maxTable = 256 << 10
	maxQuote = 256
	shown    = 10 // quotes of one finding
)

func node(_ context.Context, b wardein.Blob, out func(wardein.Fact)) error {
	data := make([]byte, b.Size)
	if n, err := b.ReadAt(data, 0); int64(n) < b.Size {
		return fmt.Errorf("table cut at %#x of %d bytes: %w", n, b.Size, err)
	}
	text := string(data)
	if kind, rows := readTable(text); kind != "" {
		for i := range rows {
			out(rows[i].fact(kind))
		}
		return nil
	}
	sshKeys(text, out)
	return nil
}

// set is a passwd table with its shadow table.
type set struct {
	standing bool
	ways     []startup.Line // that let in from boot on
	passwd   []entry
	shadow   []entry
}

// entry is a row and where it stands.
type entry struct {
	node string
	wardein.Fact
}

func (e *entry) quote() wardein.Quote {
	return wardein.Quote{Node: e.node, Off: e.Off, Len: e.Len, Bytes: e.Attr("line")}
}

func tree(_ context.Context, t wardein.Tree, out func(wardein.Finding)) error {
	sets := map[string]*set{}
	var order []*set
	found := &findings{byID: map[string]int{}}
	_, lines := startup.Read(t)
	for n, f := range t.Facts("account") {
		dir, base := path.Split(n.Path)
		if f.Kind == "ssh-key" {
			if strings.HasPrefix(base, "authorized_keys") {
				found.add(authorised(n.Path, f))
			}
			continue
		}
		key := dir + strings.Replace(base, "shadow", "passwd", 1)
		if base == "master.passwd" {
			key = n.Path
		}
		s := sets[key]
		if s == nil {
			s = &set{ways: startup.Logins(lines, n.Path)}
			sets[key] = s
			order = append(order, s)
		}
		s.standing = s.standing || path.Base(dir) == "etc" && (base == "passwd" || base == "shadow" || base == "master.passwd")
		if f.Kind == "shadow" {
			s.shadow = append(s.shadow, entry{n.Path, f})
		} else {
			s.passwd = append(s.passwd, entry{n.Path, f})
		}
	}
	for _, s := range order {
		s.judge(found)
	}
	for _, f := range found.list {
		out(f)
	}
	return nil
}

// judge looks at each account of a set.
func (s *set) judge(found *findings) {
	first := ""
	for i := range s.passwd {
		if s.passwd[i].Attr("uid") == "0" && (first == "" || s.passwd[i].Attr("user") == "root") {
			first = s.passwd[i].Attr("user")
		}
	}
	for i := range s.passwd {
		p := &s.passwd[i]
		a := account{user: p.Attr("user"), uid: p.Attr("uid"), shell: p.Attr("shell"), password: p.Attr("password"), quotes: []wardein.Quote{p.quote()}}
		a.sure = wardein.Certain
		if a.password == "shadowed" {
			a.password = ""
			for k := range s.shadow {
				if e := &s.shadow[k]; e.Attr("user") == a.user {
					a.password = e.Attr("password")
					a.quotes = append(a.quotes, e.quote())
				}
			}
		}
		s.account(&a, first, found)
	}
	if len(s.passwd) > 0 {
		return
	}
	for i := range s.shadow { // no table says which of these exist, and how they log in
		e := &s.shadow[i]
		a := account{user: e.Attr("user"), password: e.Attr("password"), quotes: []wardein.Quote{e.quote()}, sure: wardein.Likely}
		if a.user == "root" {
			a.uid = "0"
		}
		s.account(&a, first, found)
	}
}

// account is what is known of one account.
type account struct {
	user, uid, shell, password string
	quotes                     []wardein.Quote
	sure                       wardein.Confidence
	ways                       []startup.Line
}

// refusesEmpty tells a server that lets nobody in without a password unless it
// is told to: OpenSSH by PermitEmptyPasswords, dropbear by -B.
func refusesEmpty(l startup.Line) bool {
	return l.Fact.Attr("logins") == "SSH" && !slices.Contains(strings.Fields(l.Fact.Attr("args")), "-B")
}

func (s *set) account(a *account, first string, found *findings) {
	if !s.standing {
		a.sure = wardein.Possible
	}
	root := a.uid == "0"
	logs := logsIn(a.shell)
	switch {
	case !logs:
	case a.password == "empty":
		severity := wardein.High
		if root {
			severity = wardein.Critical
		}
		a.ways = slices.DeleteFunc(slices.Clone(s.ways), refusesEmpty)
		found.add(a.finding("account.empty-password", severity, "account.empty", "account.fix-empty", "account.until"))
	case isHash(a.password) && isWeak(a.password):
		severity := wardein.Medium
		if root {
			severity = wardein.High
		}
		a.ways = s.ways
		found.add(a.finding("account.shipped-password", severity, "account.shipped-weak", "account.fix-shipped", "account.until"))
	case isHash(a.password):
		severity := wardein.Low
		if root {
			severity = wardein.Medium
		}
		a.ways = s.ways
		found.add(a.finding("account.shipped-password", severity, "account.shipped", "account.fix-shipped", "account.until"))
	}
	if root && first != "" && a.user != first {
		f := a.finding("account.second-uid0", wardein.High, "account.uid0", "account.fix-uid0", "account.until-uid0")
		if !logs || a.password == "locked" {
			f.Severity, f.Says.ID, f.Meanwhile.ID = wardein.Low, "account.uid0-closed", "account.until-nothing"
		}
		f.Node = a.quotes[0].Node // where the UID stands
		f.Says.Args = append(f.Says.Args, wardein.Note{Name: "first", Value: first})
		found.add(f)
	}
}

// logsIn tells whether a shell lets somebody in.
func logsIn(shell string) bool {
	switch path.Base(shell) {
	case "nologin", "false", "true", "sync", "halt", "shutdown", "null":
		return false
	}
	return true
}

func (a *account) finding(rule string, severity wardein.Severity, says, fix, until string) wardein.Finding {
	shell, uid, password := a.shell, "UID "+a.uid, a.password
	if shell == "" {
		shell = "/bin/sh by default"
	}
	if a.uid == "" {
		uid, shell = "UID not shown", "not shown"
	}
	if password == "" {
		password = "not shown"
	}
	args := []wardein.Note{{Name: "user", Value: a.user}, {Name: "uid", Value: uid}, {Name: "shell", Value: shell}, {Name: "password", Value: password}}
	reach, quotes, ways := wardein.Local, slices.Clip(a.quotes), ""
	var names []string
	for _, w := range a.ways {
		what := w.Fact.Attr("logins")
		if what != "the console" {
			reach = wardein.Management
		}
		if name := what + " (started by " + w.As + ")"; !slices.Contains(names, name) && len(names) < 4 {
			names = append(names, name)
			quotes = append(quotes, wardein.Quote{Node: w.Node.Path, Off: w.Fact.Off, Len: w.Fact.Len, Bytes: w.Fact.Attr("line")})
		}
	}
	if len(names) > 0 {
		ways = ", and lets in from boot on over " + strings.Join(names, ", ")
	}
	args = append(args, wardein.Note{Name: "ways", Value: ways})
	return wardein.Finding{
		ID: stable.ID(rule, a.user, a.password), Rule: rule, Node: a.quotes[len(a.quotes)-1].Node,
		Severity: severity, Confidence: a.sure, Reach: reach,
		Says: wardein.Text{ID: says, Args: args}, Fix: wardein.Text{ID: fix}, Meanwhile: wardein.Text{ID: until, Args: args[:1]},
		Quotes: quotes,
	}
}

func authorised(file string, f wardein.Fact) wardein.Finding {
	const rule = "account.authorized-key"
	return wardein.Finding{
		ID: stable.ID(rule, f.Attr("fingerprint")), Rule: rule, Node: file,
		Severity: wardein.High, Confidence: wardein.Likely, Reach: wardein.Management,
		Says: wardein.Text{ID: "account.key", Args: []wardein.Note{{Name: "type", Value: f.Attr("type")}, {Name: "shown", Value: f.Attr("shown")}, {Name: "file", Value: file}}},
		Fix:  wardein.Text{ID: "account.fix-key"}, Meanwhile: wardein.Text{ID: "account.until-key"},
		Quotes: []wardein.Quote{{Node: file, Off: f.Off, Len: f.Len, Bytes: f.Attr("line")}},
	}
}

// findings joins what is said of the same account in several places (two banks
// of flash, a backup beside the table): the surest place names the finding.
type findings struct {
	list []wardein.Finding
	byID map[string]int
}

func (l *findings) add(f wardein.Finding) {
	i, ok := l.byID[f.ID]
	if !ok {
		l.byID[f.ID] = len(l.list)
		l.list = append(l.list, f)
		return
	}
	was := l.list[i]
	if f.Confidence > was.Confidence {
		f, was = was, f
	}
	if f.Confidence == was.Confidence && f.Severity > was.Severity {
		was.Severity = f.Severity
	}
	room := max(0, shown-len(was.Quotes))
	was.Quotes = append(was.Quotes, f.Quotes[:min(room, len(f.Quotes))]...)
	l.list[i] = was
}
