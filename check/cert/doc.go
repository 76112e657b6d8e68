package cert

import "github.com/wardein/wardein"

var doc = wardein.Doc{
	About: "X.509 certificates of a release: expired or weak ones, those whose private key is in the release, and what its trust stores hold.",
	How: "Certificates are read from PEM (also in programs, with line ends escaped, and in base64) and from DER by its structure, as Java key stores and programs hold it, with a parser of our own that bounds sizes first. One certificate in several files is one. " +
		"Dates are judged at the evaluation date. Weak: RSA and DSA below 2,048 bits, EC below 224, RSA with an even exponent or 1; MD2, MD5 or SHA-1 in the signature of a certificate that is not its own issuer. " +
		"A private key belongs when the check secret found one with the same SubjectPublicKeyInfo. At least 8 authorities in one file or folder are a trust store: all of them are one finding.",
	FalsePositives: []string{
		"an expired certificate that nothing uses any more",
		"an expired certificate that signed something while it was valid, with a time stamp",
		"a certificate that is replaced at first start by one made on the unit",
	},
	FalseNegatives: []string{
		"certificates in encrypted stores, and of version 1 in DER; those in folders for documentation, examples and tests, and beside the test keys of a library, are left out",
		"RSA keys that are weak for another reason than their size and exponent",
	},
	Limits: []string{
		"issuer and subject that are the same are taken for self-signed; no signature, chain, name constraint or revocation is verified",
		"whether a root is one that browsers trust is not looked at",
		"a certificate is at most 32 KiB, one file is looked at in at most 4,096 places",
	},
	References: []string{"RFC 5280", "RFC 7468, section 5", "NIST SP 800-131A Rev. 2; BSI TR-02102-1 (sizes of keys)", "CWE-295, CWE-298, CWE-326, CWE-327, CWE-321", "3GPP TS 33.310, Annex E", "3GPP TS 33.117, PREDEFINED_AUTHENTICATION_ATTRIBUTES_DELETION, PROTECT_DATA_INFO_TRANSFER_1"},
}

// cases name what TS 33.117 asks of keys made at the factory, and of the
// algorithms on the interface for management (4.2.3.2.4, read in V18.1.0; the
// clause on the transport layer, 4.2.2.2.2, is about network functions that
// authenticate each other, which an image does not tell a certificate is for).
// Neither speaks of dates: an expired certificate is of no case.
var cases = map[string][]string{
	"cert.ca-key": {"TC_PREDEFINED_AUTHENTICATION_ATTRIBUTES_DELETION"}, "cert.identity": {"TC_PREDEFINED_AUTHENTICATION_ATTRIBUTES_DELETION"},
	"cert.weak-key": {"TC_PROTECT_DATA_INFO_TRANSFER_1"}, "cert.weak-hash": {"TC_PROTECT_DATA_INFO_TRANSFER_1"},
}

var messages = map[string]string{
	"cert.ca-key":              "A certificate that may issue others ({names}) is in the release together with its private key: whoever has a copy can issue certificates that whatever trusts it accepts.",
	"cert.ca-key-many":         "{count} certificates that may issue others ({names}) are in the release together with their private keys: whoever has a copy can issue certificates that whatever trusts them accepts.",
	"cert.fix-ca-key":          "Keep the key of an authority out of every release, withdraw this one, and let units make their own keys.",
	"cert.until-ca-key":        "Take the certificate out of every trust store, browsers of administrators included, and install own certificates.",
	"cert.identity":            "A certificate ({names}) is in the release together with its private key: every unit shows the same one, and whoever has a copy of the release can, too.",
	"cert.identity-many":       "{count} certificates ({names}) are in the release together with their private keys: every unit shows the same ones, and whoever has a copy of the release can, too.",
	"cert.fix-identity":        "Make key and certificate on each unit, at production or first start.",
	"cert.until-identity":      "Install an own key and certificate on each unit, and trust the shipped one nowhere.",
	"cert.weak-key":            "A certificate has a key that can be broken ({names}).",
	"cert.weak-key-many":       "{count} certificates have keys that can be broken ({names}).",
	"cert.fix-weak-key":        "Issue it again with RSA of 3,072 bits or more, P-256 or Ed25519, and stop trusting this one.",
	"cert.until-weak-key":      "Do not rely on what it authenticates: let only the management network reach the unit.",
	"cert.weak-hash":           "A certificate is signed over a broken hash ({names}): another one with the same signature can be made.",
	"cert.weak-hash-many":      "{count} certificates are signed over a broken hash ({names}): others with the same signature can be made.",
	"cert.fix-weak-hash":       "Have it signed again with SHA-256 or better.",
	"cert.until-weak-hash":     "Replace it with an own certificate.",
	"cert.expired":             "A certificate had expired on {date} ({names}): who checks dates refuses it, and who was told to go on no longer checks.",
	"cert.expired-many":        "{count} certificates had expired on {date} ({names}): who checks dates refuses them, and who was told to go on no longer checks.",
	"cert.fix-expired":         "Replace it, and see to it that certificates are renewed before their time.",
	"cert.until-expired":       "Install an own certificate where it is in use, and do not turn checks off for it.",
	"cert.not-yet-valid":       "A certificate was not yet valid on {date} ({names}).",
	"cert.not-yet-valid-many":  "{count} certificates were not yet valid on {date} ({names}).",
	"cert.fix-not-yet-valid":   "Look whether the clock that issued it was right.",
	"cert.until-not-yet-valid": "Nothing has to be done at once.",
	"cert.leaf-ca":             "A certificate of a server or client may also issue others ({names}): where it is trusted, its key opens every name.",
	"cert.leaf-ca-many":        "{count} certificates of servers or clients may also issue others ({names}): where they are trusted, their keys open every name.",
	"cert.fix-leaf-ca":         "Issue it with basic constraints that say CA:FALSE.",
	"cert.until-leaf-ca":       "Trust it for its own name alone, in no list of authorities.",
	"cert.trust-store":         "{count} certificates of authorities are in trust stores ({files}).",
	"cert.trust-store-bad":     "{count} certificates of authorities are in trust stores ({files}): {expired} had expired on {date}, {weak} have keys that can be broken ({names}).",
	"cert.fix-trust-store":     "Keep trust stores to the authorities that the product needs, and current.",
	"cert.until-trust-store":   "Nothing has to be done at once.",
}
