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
	Version: 2,
	Doc: wardein.Doc{
		About: "Indicators of ways into a unit, or out of it, that no manual names: texts that published cases of network equipment name, requests that start a login service, reverse connections and fixed addresses in what is started at boot, waiting programs that no package owns, programs for another processor, files newer than the build.",
		How: "A list of published cases (data/cases.toml: the literal, where it counts, what it did, CVE or advisory with date) is looked for in programs, scripts and web pages, as whole words. A literal alone is \"possible\"; in a program that is started at boot and waits for callers, or a script that is started at boot, it is \"likely\". Passwords are never quoted. " +
			"A program that accepts connections, compares texts and runs commands is looked through for a request's header with one fixed value, or a page that is named after telnet, beside a command that starts telnet, SSH or a start-up script. " +
			"Scripts that are started at boot are read for connections to elsewhere that hand over a shell or open a port there (nc -e, /dev/tcp, socat EXEC, ssh -R), and they and programs that are started and connect for IPv4 and IPv6 addresses of other networks. " +
			"Where the lists of dpkg, opkg or apk say which files packages own, programs that are started, wait for callers and are in no list are named. The few ELF files of a root file system whose processor is not that of all others, and files younger than the build date that the release states, are named, too.",
		FalsePositives: []string{
			"a literal that stands in a program that only looks for it (a scanner, a filter, the fix), or in code that nothing reaches",
			"a page, service or command of a published case that this release asks a login for",
			"a header with a fixed value that a program sends, not compares, while it starts a login service for another reason",
			"an address that a program compares with or blocks, or a version number that looks like one",
			"a program that a package made when it was installed, or that the vendor adds to a distribution outside its packages",
			"programs for a coprocessor outside the folders that are left out (firmware, modules, boot)",
		},
		FalseNegatives: []string{
			"what nobody published, texts that are put together or decoded at run time, and byte patterns that are no text",
			"compares with constants in code that authenticates: not reported, for nothing in the bytes tells them from the thousands of others",
			"addresses in numbers, in other notations, or from a name; those with three numbers under 32, which versions have",
			"what a script runs by variables of several words, and what other languages do",
			"programs that are started by other programs, and packages of rpm, whose lists are not read here",
		},
		Limits: []string{
			"whether a text is compared, sent or only there is not looked at: no code is read",
			"a case names equipment of somebody else, in the source that is quoted; that this release behaves as that did is for a test to show",
			"of a program's constants 64 MiB are read, of a script 1 MiB, of a blob 100 addresses",
		},
		References: []string{
			"CWE-912 hidden functionality, CWE-798, CWE-489, CWE-506; each case its source: data/cases.toml",
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
	markFirstCase
)

var marks = [markFirstCase]string{
	markAgent: "User-Agent:", markAgentLower: "user-agent:", markReferer: "Referer:", markCookie: "Cookie:", markAuthorization: "Authorization:",
	markTelnet: "telnet", markInit: "/etc/init.d/", markStart: "service ", markDropbear: "/dropbear", markSshd: "/sshd",
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

func read(b wardein.Blob) (string, error) {
	data := make([]byte, b.Size)
	if n, err := b.ReadAt(data, 0); int64(n) < b.Size {
		return "", fmt.Errorf("text cut at %#x of %d bytes: %w", n, b.Size, err)
	}
	return string(data), nil
}
