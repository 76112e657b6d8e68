// Package cryptolib finds copies of crypto libraries in files: whole shared
// libraries, parts linked into programs, and fragments.
//
//	soname, exported names   against the names that a release exports
//	texts                    against texts that only the library holds
//	version text             "OpenSSL 1.0.2k  26 Jan 2017"
//	tables                   the first bytes of S-boxes and constants
//
// Names and texts are sets of measured releases, a sample of each: data/README.md.
// The share of a release's set that a file holds is how complete the copy is.
// A file that needs a library at run time uses it and holds no copy.
package cryptolib

import (
	"github.com/wardein/wardein"
)

// Check finds copies of crypto libraries. asOf is the day (YYYY-MM-DD) that
// ends of life are judged at.
func Check(asOf string) wardein.Check {
	c := wardein.Check{
		Name: "cryptolib", Version: 1, Doc: doc, Messages: messages,
		Cases: map[string][]string{"cryptolib.end-of-life": {"TC_NO_UNSUPPORTED_COMPONENTS"}},
		Wants: wants, Node: node, Tree: judge(asOf).tree,
	}
	for _, t := range known().constants {
		c.Literals = append(c.Literals, t.literal)
	}
	for _, v := range known().versions {
		c.Literals = append(c.Literals, v.Literal)
	}
	return c
}

const leastCode = 16 << 10 // smallest image without a format that is looked at

func wants(b wardein.Blob) (bool, string) {
	switch {
	case b.Members:
		return false, "opened: its members are checked"
	case b.Class == "text":
		return false, "text"
	case b.Format == "elf" || b.Format == "pe" || kernels[b.Format]:
	case b.Class == "high entropy" || b.Size < leastCode:
		return false, "no program"
	}
	n := len(known().constants) + len(known().versions)
	for i := range n {
		if len(b.Hits(i)) > 0 {
			return true, ""
		}
	}
	return false, "no literal found"
}

var doc = wardein.Doc{
	About: "Copies of crypto libraries per file: full, partial or a fragment, of which version, how old, and whether upstream still supports that branch. Each copy is one more place to correct when the library is.",
	How: "Tables of algorithms (AES S-boxes and T-tables, SHA-2, DES, ChaCha20, curve constants and others, in both byte orders) and version texts are found in the engine's one pass. Where one stands, exported names and zero-ended texts are compared with sets of names and texts of measured releases. " +
		"Full: at least 90 % of a release's sampled names, in a library of that soname, or of its texts. Partial: at least 10 %. Fragment: less, but at least 4 texts beside a table or version text. A program or module under another name that exports at least 10 of the names holds that part, too. " +
		"A file that needs the library at run time uses it and is no copy. Tables alone are tables of no named library; those of Linux kernels and modules are the kernel's own. A branch is past its end when the evaluation date is later than the day that upstream stated.",
	FalsePositives: []string{
		"a program that holds texts of a library for another reason, such as a fork or a compatibility layer",
		"a distribution or vendor may correct a branch that upstream has ended",
	},
	FalseNegatives: []string{
		"copies without any text: small algorithm code, libraries built without error texts, TweetNaCl",
		"libraries that the data does not name; releases far from the measured ones count as less complete than they are",
		"code that is compressed, encrypted or in a container that was opened: its members are looked at alone",
		"tables that are computed at run time or stand in instructions",
	},
	Limits: []string{
		"shares are of a sample of about 160 names and 160 texts of each release, not of all its code",
		"LibreSSL and PolarSSL are told by their version text alone and compared with the library that they were forked from or became; no binary of them was measured",
		"a library without a version text is told only by its nearest measured release, and no end of life is judged",
		"held-out releases (OpenSSL 1.0.0f to 3.4.0, Mbed TLS 2.14 and 2.28, GnuTLS 3.5 and 3.8, Nettle 3.9, wolfCrypt 3.14 and 4.1) were measured from packages of PyPI and npm, for x86-64: bench/cryptolib/heldout.tsv; OpenSSL 0.9, PolarSSL, CyaSSL and GnuTLS 2 were not to be had",
		"the day of a release is known from OpenSSL's version text and from upstream's changelogs of Mbed TLS, PolarSSL, wolfSSL, CyaSSL, GnuTLS, Libgcrypt and LibTomCrypt",
		"MatrixSSL, axTLS and CyaSSL are told by soname and names of their headers alone, TweetNaCl by the layout of one constant",
		"ends of life stand for OpenSSL, Mbed TLS, Libgcrypt 1.5 and Botan 2; dates that could not be verified are not used",
		"source trees are not compared",
	},
	References: []string{
		"FIPS 180-4, 186-4, 197, 202; RFC 1319, 1321, 2144, 2268, 3713, 4269, 8032, 8439; 3GPP TS 35.202, 35.216, 35.222",
		"https://www.openssl.org/policies/releasestrat.html", "HCSEC Oversight Board annual report 2019, 3.33 to 3.36",
		"CWE-1104, CWE-1329", "3GPP TS 33.117, NO_UNSUPPORTED_COMPONENTS",
	},
}

var messages = map[string]string{
	"cryptolib.copies":         "Crypto libraries stand in {files} in {versions} (full copies {full}, partial {partial}, fragments {fragment}): {list}.{oldest} Each copy must be corrected on its own.",
	"cryptolib.fix-copies":     "Link programs against one shared copy of one library, in one supported version.",
	"cryptolib.until-copies":   "When a vulnerability of {names} is published, ask for each file listed here whether it was corrected.",
	"cryptolib.end-of-life":    "{title} {version}{released} stands in {files}, and upstream ended support of its branch {branch} on {end}: judged at {asof}.",
	"cryptolib.fix-end":        "Move to a branch of {title} that upstream supports, or state who corrects this one until when.",
	"cryptolib.until-end":      "Ask the vendor which corrections {title} {version} was given after {end}, and let only the networks that need them reach its services.",
	"cryptolib.versions":       "{title} stands in this release in {count} versions: {list}.",
	"cryptolib.fix-versions":   "Use one version of {title} in all programs of the release.",
	"cryptolib.until-versions": "Judge each known vulnerability of {title} for every version listed here.",
	"cryptolib.tables":         "Tables of algorithms ({algorithms}) stand in {files} without texts of a known library: own code or a library that is not named here.",
	"cryptolib.fix-tables":     "State which library or own code these programs hold, and its version.",
	"cryptolib.until-tables":   "Nothing needs to be done; ask for the origin of the code when it matters.",
}
