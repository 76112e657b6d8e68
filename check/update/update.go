// Package update finds who can bring software onto a unit, over what channel,
// and with which keys it is checked.
package update

import (
	"context"
	"fmt"

	"github.com/wardein/wardein"
)

// Check finds update paths without a signature or over a channel that others
// can change, and names the rest: programs, keys, hosts.
var Check = wardein.Check{
	Name:    "update",
	Version: 1,
	Doc: wardein.Doc{
		About: "Ways in which software comes onto a unit: update configurations that ask for no signature, package feeds without one, scripts that fetch and run or install what they fetch, downloads whose TLS certificate nobody checks, TR-069 in the clear, boot loaders that boot from the network or wait for a key; and the programs, public keys and hosts that take part.",
		How: "Small texts that hold a URL or a setting of an update program are read line by line; comments (#, ;, //) are passed over. opkg feeds count as signed where a file of the same root file system says option check_signature, apt sources unless they say trusted=yes or an apt.conf allows what is not signed, yum repositories unless gpgcheck=0. " +
			"SWUpdate, RAUC and Mender count as signed where a key is configured. In other files named after updates a setting like verify = none, or signature: off, beside a URL is a finding. In scripts, what wget or curl fetches and a shell is fed, or what is fetched over http or ftp in a script that also installs or writes flash and calls no program that verifies, and the options --no-check-certificate, -k and --insecure. " +
			"A boot loader's variables bootdelay and bootcmd are read from its environment, saved or built in. " +
			"Hosts are those in URLs of configuration files and of scripts and programs that are started at boot; hosts that only documentation and name spaces point to are left out (data/hosts.toml).",
		FalsePositives: []string{
			"a setting or script of an update program that the release has and never starts",
			"an update that is fetched unchecked and verified by a program that is not known here, or whose content is encrypted and authenticated by itself",
			"a configuration that the unit replaces at its first start",
		},
		FalseNegatives: []string{
			"update programs of vendors that have no configuration file, or one without a URL or in a form of its own",
			"signatures that are asked for and not checked, or checked with a key that others have",
			"hosts that come from DHCP, TR-069, a database or are put together at run time",
			"U-Boot's and secure boot's own signature checks are not looked for",
		},
		Limits: []string{
			"texts larger than 256 KiB are not read; of a blob 200 URLs are taken, of a program those among its first 4,096 that stand in the clear",
			"whether a key file is the one that a program uses is told by its folder alone (data/programs.toml)",
		},
		References: []string{
			"opkg: option check_signature; apt-secure(8), sources.list(5); yum.conf(5); Mender, RAUC and SWUpdate reference manuals; U-Boot documentation, environment variables",
			"Broadband Forum TR-069 Amendment 6, 3.3 and A.3.2.8", "CWE-494, CWE-295, CWE-347, CWE-319",
			"3GPP TS 33.117, SW_PKG_INTEGRITY_1, BOOT_INT_MEM_1",
		},
	},
	Literals: marks[:],
	Wants:    wants,
	Node:     node,
	Reads:    []string{"service"},
	Tree:     tree,
	Cases: map[string][]string{
		"update.unverified":    {"TC_SW_PKG_INTEGRITY_1"},
		"update.feed-unsigned": {"TC_SW_PKG_INTEGRITY_1"},
		"update.fetch-run":     {"TC_SW_PKG_INTEGRITY_1"},
		"update.fetch-install": {"TC_SW_PKG_INTEGRITY_1"},
		"update.tls-unchecked": {"TC_PROTECT_DATA_INFO_TRANSFER_1"},
		"update.cwmp-clear":    {"TC_SW_PKG_INTEGRITY_1", "TC_PROTECT_DATA_INFO_TRANSFER_1"},
		"update.boot-network":  {"TC_BOOT_INT_MEM_1"},
		"update.boot-waits":    {"TC_BOOT_INT_MEM_1"},
	},
	Covers: covers,
	Messages: map[string]string{
		"update.unsigned":         "{file} says where updates come from ({host}) and asks for no signature ({setting}): whoever holds that server{way} decides what runs on the unit.",
		"update.unsigned-fix":     "Sign updates with a key that is not on the update server, and check the signature on the unit before anything is written.",
		"update.unsigned-until":   "Switch automatic updates off where that can be done, and install only files whose origin you checked by other means.",
		"update.feed":             "Package feeds ({system}, {count}) are taken without a signature: {list}. {reason}. Whoever holds a server{way} decides what is installed.",
		"update.feed-fix":         "Sign the feeds' lists, ship the public key, and ask for the signature.",
		"update.feed-until":       "Install no packages from these feeds; stop connections of units to them.",
		"update.run":              "A script fetches from {host} over {scheme} and has a shell run what comes: {trust}. {started}",
		"update.run-fix":          "Ship what has to be run in the release, or check its signature before it is run.",
		"update.run-until":        "Stop connections of units to {host}, and watch for them.",
		"update.install":          "A script fetches over {scheme} from {host} and installs or writes to flash ({writes}); no program that checks a signature is called in it. {started}",
		"update.install-fix":      "Check a signature over the whole file before it is written.",
		"update.tls":              "Scripts ({count}) fetch with the check of the server's certificate switched off: {list}. Whoever is on the way can answer in the server's place.",
		"update.tls-fix":          "Leave these options out, and ship the certificate of the authority that signs for the server.",
		"update.tls-until":        "Let units reach these servers only over a network that you trust.",
		"update.cwmp":             "{file} sets the TR-069 server by {url}, in the clear: whoever is on the way to it can have the unit fetch and install other firmware, and reads and changes its settings.",
		"update.cwmp-fix":         "Use https with a certificate that the unit checks, and sign firmware.",
		"update.cwmp-until":       "Give units an https address of your server, or let them reach it only over a network that you trust.",
		"update.network-boot":     "The boot loader's {variable} loads what it starts from the network ({command}): whoever answers first decides what runs.",
		"update.network-boot-fix": "Boot from the unit's own memory, and check a signature over what is started.",
		"update.boot-until":       "Keep units where only who may administer them can reach their connectors and their network at start.",
		"update.waits":            "The boot loader waits {delay} s at start for a key on the console{note}: whoever is at the connector can start other software.",
		"update.waits-fix":        "Set bootdelay to -2, or ask for a password, in releases.",
		"update.ways":             "Programs of the release that change installed software: {programs}. Public keys beside them: {keys}.",
		"update.ways-fix":         "Say in the manual which of them are in use, who may start them, and which key signs what.",
		"update.ways-until":       "Compare the keys with those of another unit and of the next release.",
		"update.hosts":            "Hosts ({count}) that URLs of configuration files, and of scripts and programs that are started at boot, name: {list}.",
		"update.hosts-fix":        "Say in the manual what the unit calls each of them for, and make them settings of the operator.",
		"update.hosts-until":      "Let units reach only those that you want them to.",
	},
}

const (
	markHTTP = iota
	markHTTPS
	markFTP
	markCheckSignature
	markUnauthenticated
	markInsecure
	markGPGCheck
	markKeyring
	markPublicKeyFile
	markBootcmd
	markBootdelay
	markCount
)

var marks = [markCount]string{
	markHTTP: "http://", markHTTPS: "https://", markFTP: "ftp://", markCheckSignature: "check_signature", markUnauthenticated: "AllowUnauthenticated",
	markInsecure: "AllowInsecure", markGPGCheck: "gpgcheck", markKeyring: "[keyring]", markPublicKeyFile: "public-key-file", markBootcmd: "bootcmd=", markBootdelay: "bootdelay=",
}

const (
	maxText  = 256 << 10
	maxURLs  = 200
	maxQuote = 256
	shown    = 10 // quotes of one finding
)

func hit(b wardein.Blob, from, to int) bool {
	for i := from; i <= to; i++ {
		if len(b.Hits(i)) > 0 {
			return true
		}
	}
	return false
}

// loader tells a boot loader or its saved environment; programs that change
// the environment (fw_setenv) have default values of their own.
func loader(b wardein.Blob) bool {
	return !b.Members && b.Format != "elf" && hit(b, markBootcmd, markBootcmd) && hit(b, markBootdelay, markBootdelay)
}

func wants(b wardein.Blob) (bool, string) {
	switch {
	case loader(b):
		return true, ""
	case b.Format == "elf":
		if !hit(b, markHTTP, markFTP) {
			return false, "no URL found"
		}
		return true, ""
	case b.Class != "text":
		return false, "no text, program or boot loader's variables"
	case b.Size > maxText:
		return false, "larger than 256 KiB"
	case isScript(b) || hit(b, markHTTP, markPublicKeyFile):
		return true, ""
	}
	return false, "no script, no literal found"
}

// covers: a boot loader's variables speak to what it boots, configuration and
// scripts to where updates come from; the hosts that a program names to neither.
func covers(n *wardein.Node, facts []wardein.Fact) (ids []string) {
	for _, f := range facts {
		switch {
		case f.Kind == "boot":
			ids = append(ids, "TC_BOOT_INT_MEM_1")
		case n.Format != "elf":
			return append(ids, "TC_SW_PKG_INTEGRITY_1", "TC_PROTECT_DATA_INFO_TRANSFER_1")
		}
	}
	return ids
}

func isScript(r wardein.Blob) bool {
	var b [2]byte
	n, _ := r.ReadAt(b[:], 0)
	return n == 2 && string(b[:]) == "#!"
}

func node(_ context.Context, b wardein.Blob, out func(wardein.Fact)) error {
	if loader(b) {
		variables(b, out)
	}
	if b.Format == "elf" {
		return program(b, out)
	}
	if b.Class != "text" || b.Size > maxText {
		return nil
	}
	data := make([]byte, b.Size)
	if n, err := b.ReadAt(data, 0); int64(n) < b.Size {
		return fmt.Errorf("text cut at %#x of %d bytes: %w", n, b.Size, err)
	}
	lines(string(data), isScript(b), out)
	return nil
}
