// Package hiddenaccess finds what lets somebody in, or calls somebody, that no
// manual of a product would name: literals of published cases, requests that
// start a login service, connections and addresses that start-up files hold,
// and files that the rest of the release does not account for.
//
// It states indicators. What a literal is for, only who runs the unit or reads
// the code can tell.
package hiddenaccess

import (
	"context"
	"fmt"
	"slices"

	"github.com/wardein/wardein"
)

// Check finds indicators of access that is not documented.
func Check() wardein.Check {
	c := check
	c.Literals = slices.Concat(marks[:], known().literals)
	return c
}

var check = wardein.Check{
	Name:    "hiddenaccess",
	Version: 4,
	Doc: wardein.Doc{
		About: "Indicators of ways into a unit, or out of it, that no manual names: texts that published cases of network equipment name, requests that start a login service, reverse connections and fixed addresses in what is started at boot, waiting programs that no package owns, programs for another processor, files newer than the build.",
		How: "A list of published cases (data/cases.toml: the literal, where it counts, what it did, CVE or advisory with date) is looked for in programs, scripts and web pages, as whole words. A literal alone is \"possible\"; in a program that is started at boot and waits for callers, or a script that is started at boot, it is \"likely\". Passwords are never quoted. " +
			"A program that accepts connections, compares texts and runs commands is looked through for a request's header with one fixed value, or a page that is named after telnet, beside a command that starts telnet, SSH or a start-up script. " +
			"Scripts that are started at boot are read for connections to elsewhere that hand over a shell or open a port there (nc -e, /dev/tcp, socat EXEC, ssh -R), and they and programs that are started and connect for IPv4 and IPv6 addresses of other networks. " +
			"Programs and libraries that call a function which checks passwords or looks up an account (data/authentication.toml: crypt, getspnam, pam_start, getpass and others, each with its manual) are read further: within one function, the registers and words of the stack that hold the password, its hash or the account's name are followed to the calls of strcmp and the like, and so are constant texts. " +
			"One that is compared with such a value, has four printable characters or more and is none that programs compare with every day (same file) is stated by place, length and kind of letters, never by what it says: \"likely\" for a password or hash, \"possible\" for a name. In C, C++, PHP, Lua and Python sources the same variable must be handed to such a function and compared with a literal in one function; in a shell script, a variable that read -s fills. " +
			"Measured on 2026-11-22 (docs/findings-review.md): no finding in 1,494 ELF files of 92 Debian packages for each of 8 processors, and in 77,496 files of source packages; every comparison of a program made for it in 30 builds; recall on real releases is not measured. " +
			"Where the lists of dpkg, opkg or apk say which files packages own, programs that are started, wait for callers and are in no list are named. The few ELF files of a root file system whose processor is not that of all others, and files younger than the build date that the release states, are named, too.",
		FalsePositives: []string{
			"a literal that stands in a program that only looks for it (a scanner, a filter, the fix), or in code that nothing reaches",
			"a page, service or command of a published case that this release asks a login for",
			"a header with a fixed value that a program sends, not compares, while it starts a login service for another reason",
			"an address that a program compares with or blocks, or a version number that looks like one",
			"a program that a package made when it was installed, or that the vendor adds to a distribution outside its packages",
			"programs for a coprocessor outside the folders that are left out (firmware, modules, boot)",
			"a fixed text that a password must not be, and an account's name that is kept out or only logged in another way: which of the two the comparison is, is for the reader of the code; a register or word of memory that gets another value on a way that is not in the order of addresses",
		},
		FalseNegatives: []string{
			"what nobody published, texts that are put together or decoded at run time, and byte patterns that are no text",
			"comparisons with a fixed text where the password goes to another function of the program first, or through a structure that others fill; memcmp of a few bytes, which compilers do without a call; texts put together; functions that check passwords under names of a vendor's own; static programs, MIPS16, and what unsafecall does not read",
			"addresses in numbers, in other notations, or from a name; those with three numbers under 32, which versions have",
			"what a script runs by variables of several words, and what other languages do",
			"programs that are started by other programs, and packages of rpm, whose lists are not read here",
		},
		Limits: []string{
			"whether a literal of a published case is compared, sent or only there is not looked at: code is read for hiddenaccess.constant alone, and there only which values calls are given, not what follows from a comparison",
			"a routine of more than 64 KiB, more than 64 of one program that check passwords, and texts in data that may be written are not followed, nor calls of MIPS16 code: the first two and the last are a gap; of a constant text 256 bytes are read, of a source 2 MiB",
			"a case names equipment of somebody else, in the source that is quoted; that this release behaves as that did is for a test to show",
			"of a program's constants 64 MiB are read, of a script 1 MiB, of a blob 100 addresses",
		},
		References: []string{
			"CWE-912 hidden functionality, CWE-798, CWE-489, CWE-506; each case its source: data/cases.toml",
			"comparisons with a fixed text in public: CVE-2015-7755 (a password with the looks of a format, in a firewall's login, 2015-12-17), CVE-2016-10401 (su, 2017-07-25), CVE-2013-6026 (a user agent, 2013-10-12), CVE-2021-28152 (a telnet server, 2021-05-06): data/cases.toml has each source",
			"System V ABI and its processor supplements, AAPCS and AAPCS64 (which registers hold arguments); crypt(3), getspnam(3), pam_start(3), getpass(3)",
			"RFC 5735 and RFC 6890 special addresses; RFC 5737 and RFC 3849 addresses for documentation",
			"opkg and dpkg: info/*.list; apk-tools: lib/apk/db/installed; os-release(5) BUILD_ID",
			"3GPP TS 33.117, SYS_FUN_USAGE, ACCOUNT_PROTECTION, NO_UNNECESSARY_SERVICE, NO_UNUSED_SOFTWARE",
		},
	},
	Wants: wants,
	Node:  node,
	Reads: []string{"service"},
	Tree:  tree,
	Cases: map[string][]string{
		"hiddenaccess.indicator":            {"TC_SYS_FUN_USAGE", "TC_ACCOUNT_PROTECTION"},
		"hiddenaccess.request-starts":       {"TC_SYS_FUN_USAGE", "TC_NO_UNNECESSARY_SERVICE"},
		"hiddenaccess.connects-out":         {"TC_SYS_FUN_USAGE", "TC_NO_UNNECESSARY_SERVICE"},
		"hiddenaccess.unowned-listener":     {"TC_NO_UNNECESSARY_SERVICE", "TC_NO_UNUSED_SOFTWARE"},
		"hiddenaccess.foreign-architecture": {"TC_NO_UNUSED_SOFTWARE"},
		"hiddenaccess.constant":             {"TC_SYS_FUN_USAGE", "TC_ACCOUNT_PROTECTION"},
	},
	Covers: covers,
	Messages: map[string]string{
		"hiddenaccess.case":              "Literal of a published case ({kind}): {where}. In that case, {what}: {case}. Whether this release acts on it was not tested.",
		"hiddenaccess.case-started":      "Literal of a published case ({kind}): {where}. In that case, {what}: {case}. {file} is started at boot by {as}; whether it acts on the literal was not tested.",
		"hiddenaccess.case-fix":          "Say what it is for; remove it, or document it and ask for a login before it acts.",
		"hiddenaccess.case-until":        "Try on a unit of your own whether it acts on it; until then let only a management network that you trust reach the unit.",
		"hiddenaccess.many":              "{file} holds literals of {count} published cases ({list}), as a scanner or a filter does.",
		"hiddenaccess.many-fix":          "Say what the list is for.",
		"hiddenaccess.until-nothing":     "Nothing has to be done at once.",
		"hiddenaccess.request":           "{file} holds a text of a request, \"{text}\", beside a command, \"{command}\"{leads}: it waits for callers, compares texts and runs commands; that the one starts the other was not tested. {started}",
		"hiddenaccess.request-fix":       "Remove the start of the service from {file}, or document it and ask for a login before it acts.",
		"hiddenaccess.request-until":     "Send the request to a unit of your own and see what starts; until then let only a management network that you trust reach the unit.",
		"hiddenaccess.connects":          "A script that is started at boot by {as} connects to elsewhere and {does}: whoever is there can get in, past a filter that only stops connections from outside.",
		"hiddenaccess.connects-fix":      "Remove it; where support needs a way in, let the operator open it for the time of the work.",
		"hiddenaccess.connects-until":    "Stop this connection at the nearest filter, and look for such connections in the past.",
		"hiddenaccess.address":           "{address} is written into {files}: software that is started at boot and can connect names a host of another network by its number{note}.",
		"hiddenaccess.address-fix":       "Document what the host is for and what it is sent, and make it a setting of the operator.",
		"hiddenaccess.address-until":     "Watch for, or stop, connections of the unit to {address} at the nearest filter.",
		"hiddenaccess.well-known":        "Public servers are written into software that is started at boot by their numbers: {list}.",
		"hiddenaccess.well-known-fix":    "Make them settings of the operator.",
		"hiddenaccess.well-known-until":  "Let units ask your own servers, and stop connections to these where you want none.",
		"hiddenaccess.unowned":           "Programs ({count}) that are started at boot and wait for callers are in no list of files of {system}: {list}.",
		"hiddenaccess.unowned-fix":       "Put them into packages, so that what is installed can be listed, verified and updated.",
		"hiddenaccess.unowned-until":     "Ask where they come from, and compare them with another unit's.",
		"hiddenaccess.foreign":           "Of {all} ELF files of one root file system, {count} are for another processor ({arch}; the others: {own}): {list}.",
		"hiddenaccess.foreign-fix":       "Remove what the unit cannot run; keep a coprocessor's programs in a firmware folder.",
		"hiddenaccess.newer":             "Files ({count}) are younger than the build that {stamp} states ({date}): {list}.",
		"hiddenaccess.newer-fix":         "State the date of the last change, or say how the files came in after the build.",
		"hiddenaccess.newer-until":       "Ask for the files as they were built, and compare.",
		"hiddenaccess.nothing-to-do-yet": "Ask what they are for.",
		"hiddenaccess.constant-word":     "A function of {files} compares the password that {by} takes also with a fixed text ({text}, which is not told), by {compare}: if that lets in, it does so for whoever knows the text, whatever password is set. What follows from the comparison was not looked at. {started}",
		"hiddenaccess.constant-hash":     "A function of {files} compares what {by} gives back with a fixed text ({text}, which is not told), by {compare}: the hash of a password that stands in the program and not in the table of accounts. What follows from the comparison was not looked at. {started}",
		"hiddenaccess.constant-account":  "A function of {files} compares the name of the account that {by} looks up also with a fixed text ({text}, which is not told), by {compare}: this account is treated in another way than others. What follows from the comparison was not looked at. {started}",
		"hiddenaccess.constant-fix":      "Remove the comparison, or say what it is for; let what is set on the unit alone decide who gets in.",
		"hiddenaccess.constant-until":    "Read the text at the place that is quoted, and try on a unit of your own what it does; until then let only a management network that you trust reach the unit.",
	},
}

// The literals that are no case's; a case's stand behind them.
const (
	markAgent = iota
	markAgentLower
	markReferer
	markCookie
	markAuthorization
	markTelnet
	markInit
	markStart
	markDropbear
	markSshd
	markHTML
	markScript
	markPHP
	markCrypt
	markCryptSpace
	markCryptR
	markShadow
	markShadowSpace
	markAsk
	markAskSpace
	markVerify
	markCheck
	markFirstCase
)

var marks = [markFirstCase]string{
	markAgent: "User-Agent:", markAgentLower: "user-agent:", markReferer: "Referer:", markCookie: "Cookie:", markAuthorization: "Authorization:",
	markTelnet: "telnet", markInit: "/etc/init.d/", markStart: "service ", markDropbear: "/dropbear", markSshd: "/sshd",
	markCrypt: "crypt(", markCryptSpace: "crypt (", markCryptR: "crypt_r(", markShadow: "getspnam(", markShadowSpace: "getspnam (", markAsk: "getpass(", markAskSpace: "getpass (",
	markVerify: "password_verify(", markCheck: "checkpasswd(",
	markHTML: "<html", markScript: "document.", markPHP: "<?php",
}

const (
	maxText   = 1 << 20
	leastCode = 64 << 10 // smallest image without a format that cases are looked for in
	shown     = 10       // quotes of one finding
)

// kindOf says what a blob is to a case, "" for what none counts in.
func kindOf(b wardein.Blob) string {
	switch {
	case b.Format == "elf":
		return "program"
	case b.Class == "text" && isScript(b):
		return "script"
	case b.Class == "text":
		for _, m := range []int{markHTML, markScript, markPHP} {
			if len(b.Hits(m)) > 0 {
				return "page"
			}
		}
		return ""
	case b.Members || b.Class == "high entropy" || b.Size < leastCode:
		return ""
	}
	return "program" // an image of code that no format opens
}

func isScript(r wardein.Blob) bool {
	var b [2]byte
	n, _ := r.ReadAt(b[:], 0)
	return n == 2 && string(b[:]) == "#!"
}

func wants(b wardein.Blob) (bool, string) {
	kind := kindOf(b)
	if b.Format == "elf" || kind == "script" && b.Size <= maxText {
		return true, ""
	}
	if b.Class == "text" && b.Size <= maxList && listing(b) != "" {
		return true, ""
	}
	if authenticates(b) {
		return true, ""
	}
	if kind == "" {
		return false, "no program, script or page, no list of files, no build date"
	}
	for i := range known().literals {
		if len(b.Hits(markFirstCase+i)) > 0 {
			return true, ""
		}
	}
	return false, "no literal found"
}

// covers: programs speak to all cases, scripts and pages to those about what is
// started, lists of files and build dates to none by themselves.
func covers(n *wardein.Node, facts []wardein.Fact) []string {
	if n.Format == "elf" {
		return []string{"TC_SYS_FUN_USAGE", "TC_ACCOUNT_PROTECTION", "TC_NO_UNNECESSARY_SERVICE", "TC_NO_UNUSED_SOFTWARE"}
	}
	if slices.ContainsFunc(facts, func(f wardein.Fact) bool { return f.Kind == "files" || f.Kind == "built" }) {
		return nil
	}
	return []string{"TC_SYS_FUN_USAGE", "TC_ACCOUNT_PROTECTION", "TC_NO_UNNECESSARY_SERVICE"}
}

func node(_ context.Context, b wardein.Blob, out func(wardein.Fact)) error {
	kind := kindOf(b)
	if kind != "" {
		cases(b, kind, out)
	}
	switch {
	case b.Format == "elf":
		return program(b, out)
	case b.Class != "text":
		return nil
	case kind == "script" && b.Size <= maxText:
		s, err := read(b)
		if err != nil {
			return err
		}
		script(s, out)
		source(s, out)
	case authenticates(b):
		s, err := read(b)
		if err != nil {
			return err
		}
		source(s, out)
	case b.Size <= maxList:
		form := listing(b)
		if form == "" {
			return nil
		}
		s, err := read(b)
		if err != nil {
			return err
		}
		list(s, form, out)
	}
	return nil
}

// authenticates tells a source that may check passwords.
func authenticates(b wardein.Blob) bool {
	if b.Class != "text" || b.Size > maxSource {
		return false
	}
	for m := markCrypt; m <= markCheck; m++ {
		if len(b.Hits(m)) > 0 {
			return true
		}
	}
	return false
}

func read(b wardein.Blob) (string, error) {
	data := make([]byte, b.Size)
	if n, err := b.ReadAt(data, 0); int64(n) < b.Size {
		return "", fmt.Errorf("text cut at %#x of %d bytes: %w", n, b.Size, err)
	}
	return string(data), nil
}
