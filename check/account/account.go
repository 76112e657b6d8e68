// Package account finds accounts that a release brings along: tables as
// passwd(5), shadow(5) and master.passwd(5) describe them, authorized_keys of
// SSH, and the accounts of a unit's own pages and command line.
//
//	passwd         name:password:uid:gid:comment:home:shell
//	shadow         name:password:changed:min:max:warn:inactive:expire:reserved
//	master.passwd  name:password:uid:gid:class:change:expire:comment:home:shell
//	htpasswd       name:hash
//	htdigest       name:realm:MD5
//	rpcd           config login, option username, option password
//	XML, nvram     of vendors (elements, nvram)
//
// A password or its hash is never told, only its kind.
package account

import (
	"context"
	"fmt"

	"github.com/wardein/wardein"
)

// Check finds accounts that open without a password, that are a second root,
// or whose password or key is part of the release. Where Defaults.Match added
// facts, Tree says which of them a published default opens.
var Check = wardein.Check{
	Name:    "account",
	Version: 3,
	Doc: wardein.Doc{
		About: "Accounts of a release that anybody can use who knows the release: without a password, with a password or SSH key that is the same on every unit, and second accounts with the rights of root.",
		How: "Small text files whose lines have the shape of passwd, shadow or master.passwd are read; the kind of each password field is told by its prefix and length (crypt(5)), never the field. " +
			"A passwd table is joined with the shadow table of its folder. Tables that stand as etc/passwd and etc/shadow count as in force; under other names or in other folders (backups, templates) they are \"possible\". " +
			"A login shell is any but nologin, false, true, sync, halt and shutdown; an empty shell is /bin/sh (passwd(5)). Lines of files named authorized_keys are public SSH keys that log in. " +
			"What is started at boot and lets in with an account's password (telnet, SSH, FTP, a getty on the console, OpenWrt's web interface over rpcd) is named in the same finding; a network server among them decides grade and reach. " +
			"Accounts of a unit's own pages and command line are read where the structure proves them: htpasswd and htdigest, rpcd's logins, tables of Huawei, ZTE and Broadcom units in XML, http_passwd and sys_user in nvram. That their passwords are part of the release is said by the check secret, and not again here. " +
			"With --published-defaults, password fields are compared with the passwords that were published as the default of a product for an account of that name (data/defaults.tsv, each with its source), and with nothing else.",
		FalsePositives: []string{
			"an account without a password that the first start makes the user set (OpenWrt's root)",
			"a table that the start-up replaces by one made on the unit",
			"BSD's toor: a second account with UID 0 by design",
			"an account of a table of a vendor's that the firmware holds for another product",
		},
		FalseNegatives: []string{
			"accounts in databases (SQLite) and in configuration of vendors in other forms, or encrypted, RADIUS and PPP files",
			"accounts that programs or scripts make at run time, or compare with strings of their own",
			"accounts whose shell does not log in but that FTP or a web page lets in",
			"password fields of a form that crypt(5) does not name",
			"a published default under another account's name, and one that is not in the list",
		},
		Limits: []string{
			"passwords are not searched for: a strong scheme says nothing of the password; published defaults only where they are asked for",
			"texts larger than 1 MiB are not read",
			"a comparison with a default is made up to 2,097,152 steps (sha512crypt with 1,048,576 rounds, bcrypt of cost 12), all of a release up to 104,857,600; scrypt, argon2, SunMD5, sha1crypt and NT hashes are not compared; each is a gap",
		},
		References: []string{
			"passwd(5), shadow(5), crypt(5), sshd(8) AUTHORIZED_KEYS FILE FORMAT; FreeBSD passwd(5) for master.passwd", "CWE-258, CWE-521, CWE-798, CWE-916",
			"3GPP TS 33.117, PREDEFINED_ACCOUNT_DELETION, PREDEFINED_AUTHENTICATION_ATTRIBUTES_DELETION, UNIQUE_SYSTEM_ACCOUNT_IDENTIFICATION, PSW_STOR_SUPPORT",
		},
	},
	Wants: func(b wardein.Blob) (bool, string) {
		switch {
		case b.Size > maxTable:
			return false, "larger than 1 MiB"
		case b.Class == "text":
			return true, ""
		case b.Format != "elf" && len(b.Hits(nvramMark)) > 0:
			return true, ""
		}
		return false, "not text"
	},
	Literals: marks,
	Node:     node,
	Reads:    []string{"service"},
	Tree:     tree,
	Cases: map[string][]string{
		"account.empty-password":    {"TC_ACCOUNT_PROTECTION", "TC_PREDEFINED_ACCOUNT_DELETION"},
		"account.shipped-password":  {"TC_PREDEFINED_ACCOUNT_DELETION", "TC_PREDEFINED_AUTHENTICATION_ATTRIBUTES_DELETION", "TC_PSW_STOR_SUPPORT"},
		"account.published-default": {"TC_PREDEFINED_ACCOUNT_DELETION", "TC_PREDEFINED_AUTHENTICATION_ATTRIBUTES_DELETION"},
		"account.second-uid0":       {"TC_UNIQUE_SYSTEM_ACCOUNT_IDENTIFICATION"},
		"account.authorized-key":    {"TC_PREDEFINED_AUTHENTICATION_ATTRIBUTES_DELETION"},
	},
	Covers: func(_ *wardein.Node, facts []wardein.Fact) (ids []string) {
		for _, f := range facts {
			switch f.Kind {
			case "ssh-key":
				ids = append(ids, "TC_PREDEFINED_AUTHENTICATION_ATTRIBUTES_DELETION")
				continue
			case "login", "shadow":
			default: // a table that has UIDs
				ids = append(ids, "TC_UNIQUE_SYSTEM_ACCOUNT_IDENTIFICATION")
			}
			return append(ids, "TC_ACCOUNT_PROTECTION", "TC_PREDEFINED_ACCOUNT_DELETION", "TC_PREDEFINED_AUTHENTICATION_ATTRIBUTES_DELETION", "TC_PSW_STOR_SUPPORT")
		}
		return ids
	},
	Messages: map[string]string{
		"account.empty":           "Account {user} ({uid}, shell {shell}) has no password{ways}: whoever reaches a login prompt of the unit is in.",
		"account.login-empty":     "Account {user} of {over} has no password ({table}): whoever reaches {over} is in.",
		"account.uid0":            "Account {user} has UID 0 beside {first} and shell {shell}{ways}: it is root under another name, and what it does is logged as root's.",
		"account.uid0-closed":     "Account {user} has UID 0 beside {first}; it cannot log in (password {password}, shell {shell}).",
		"account.shipped":         "The password of account {user} ({uid}) is part of the release, as {password}{ways}: it is the same on every unit until somebody changes it.",
		"account.shipped-weak":    "The password of account {user} ({uid}) is part of the release, as {password}, a weak scheme{ways}: it is the same on every unit until somebody changes it, and whoever has the release can search for it at high speed.",
		"account.published":       "A published default opens account {user} ({uid}){ways}: it is in {sources}{products}.",
		"account.login-published": "A published default opens account {user} of {over} ({table}): it is in {sources}{products}.",
		"account.key":             "An SSH key ({type}, {shown}) is authorised in {file}: whoever holds its private part can log in to every unit that runs the release, where SSH is started.",
		"account.fix-empty":       "Ship no account without a password: lock it, or make the password on each unit and print it on the unit's label.",
		"account.fix-uid0":        "Remove the account, or give it a UID of its own and only the rights it needs.",
		"account.fix-shipped":     "Ship no password: make one for each unit, or have it set before the first login. Store it with yescrypt, bcrypt or sha512crypt.",
		"account.fix-key":         "Ship no authorised key; let the operator install his own.",
		"account.until":           "Set a password for {user} on each unit, or lock the account, and look whether updates set it back.",
		"account.fix-published":   "Ship no password, least of all one that is published: make one for each unit, or have it set before the first login.",
		"account.until-uid0":      "Lock {user} on each unit, and watch the log for logins under that name.",
		"account.until-key":       "Remove the key on each unit, and let only the management network reach SSH.",
		"account.until-nothing":   "Nothing has to be done at once.",
	},
}

const (
	maxTable  = 1 << 20
	maxQuote  = 256
	shown     = 10 // quotes of one finding
	nvramMark = 5  // of marks: what also stands in binary files
)

func node(_ context.Context, b wardein.Blob, out func(wardein.Fact)) error {
	data := make([]byte, b.Size)
	if n, err := b.ReadAt(data, 0); int64(n) < b.Size {
		return fmt.Errorf("table cut at %#x of %d bytes: %w", n, b.Size, err)
	}
	text := string(data)
	if b.Class != "text" {
		logins(text, out)
		return nil
	}
	if kind, rows := readTable(text); kind != "" {
		for i := range rows {
			out(rows[i].fact(kind))
		}
		return nil
	}
	for i := range marks {
		if len(b.Hits(i)) > 0 {
			logins(text, out)
			break
		}
	}
	webTable(text, out)
	sshKeys(text, out)
	return nil
}
