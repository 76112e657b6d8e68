package secret

import "github.com/wardein/wardein"

var doc = wardein.Doc{
	About: "Private keys, key stores and credentials that stand in a release: each is the same on every unit that runs the release, and known to whoever holds it.",
	How: "Keys are looked for in all bytes, programs included, by what stands in their structure, then decoded and verified: PEM (RFC 7468; line ends escaped as in JSON, C and XML, strings of a program one by one, the whole file in base64), bare DER and base64 of it (PKCS#1, PKCS#8, SEC 1, DSA, encrypted PKCS#8), openssh-key-v1, Dropbear, PuTTY 2 and 3, JKS, JCEKS, PKCS#12, OpenPGP (armoured), OpenVPN, WireGuard, age. " +
		"RSA: n is the product of the primes and d undoes e; EC on NIST curves, Ed25519, X25519, DSA: the public key is computed; OpenPGP, age and GitHub tokens: the checksum is right. Keys are told apart by the SHA-256 of their SubjectPublicKeyInfo, so that one key in several forms is one finding; certificates for it in the release are named. " +
		"Credentials are values of settings that manuals name (data/settings.tsv: SNMP, PPP, Wi-Fi, TR-069, SIP, RADIUS, TACACS+, IPsec, nvram, databases, LDAP, MQTT, Cisco-like command lines), in lines, JSON, XML, UCI, and as name=value between zero bytes; settings that only by name are passwords are \"possible\". Password files of web servers, URLs with a password, and tokens with a structure (AWS, JWT, GitHub, GitLab, Slack, Google, Azure) are found by form. " +
		"Neither findings nor facts hold a byte of a key or password, or a digest of a password: they hold kind, size, public fingerprint, name of the setting, offset and length. With wardein inspect --keys, keys are also compared with named sets of salted fingerprints (docs/keys.md).",
	FalsePositives: []string{
		"test keys that a library carries for its self-test and that data/testkeys.tsv does not list",
		"keys in folders for documentation, examples or tests: one finding for all, possible, graded info",
		"a key or password that is replaced at first start by one made on the unit: the image does not always show that",
		"a setting whose name says password and whose value is something else",
	},
	FalseNegatives: []string{
		"keys that only a PKCS#12 store's encrypted contents hold, or that GnuPG's agent keeps; SSH.com's own form; DER of sizes and curves that are rare",
		"a key or password that is put together at run time, or encrypted by a vendor's own means",
		"a password in a program, without the name of a setting before it: comparing with a constant is not looked at here",
		"settings of names that the table does not have, in files that are no configuration by path",
		"bytes that are gaps or opaque: see the report's gaps",
	},
	Limits: []string{
		"what a key is used for is not looked at: a service key, a client key and an unused key are graded alike",
		"passwords of encrypted keys are not looked for; a password's strength is not judged",
		"the reach is that of the service which uses the credential, whether or not it is started",
		"one block is at most 64 KiB, one key store 1 MiB; 4,096 places for a form of key, 1,000 keys and 500 credentials in words for a file",
	},
	References: []string{
		"RFC 7468, RFC 8017 A.1.2, RFC 5958, RFC 5915, RFC 8410, RFC 8018, RFC 7292, RFC 1421 4.6, RFC 4880, RFC 7515, BIP 173", "OpenSSH PROTOCOL.key; PuTTY manual, appendix C; OpenJDK JavaKeyStore; openvpn(8); wg(8); age specification",
		"snmpd.conf(5), pppd(8), hostapd.conf, wpa_supplicant.conf(5), ipsec.secrets(5); TR-069, TR-098, TR-104",
		"CWE-321, CWE-798, CWE-312", "3GPP TS 33.117, PREDEFINED_AUTHENTICATION_ATTRIBUTES_DELETION, CONFIDENTIAL_SYSTEM_INTERNAL_DATA",
	},
}

var messages = map[string]string{
	"secret.open":                 "A private key ({kind}) stands in {files} unencrypted (public key SHA-256 {short}…): whoever has a copy of this release has the key.",
	"secret.open-cert":            "A private key ({kind}) stands in {files} unencrypted (public key SHA-256 {short}…), and its certificate ({subject}) is in the release: whoever has a copy can pose as what the certificate names.",
	"secret.open-published":       "A private key ({kind}) stands in {files} unencrypted (public key SHA-256 {short}…): it is a test key that the library {library} publishes, and anybody has it.",
	"secret.shared-key":           "A secret key ({kind}) stands in {files} unencrypted: whoever has a copy of this release can read and forge what it protects.",
	"secret.encrypted":            "A private key ({kind}) stands in {files}, encrypted with a password: it is as safe as that password, which a unit that uses the key must hold.",
	"secret.same":                 "One private key ({kind}, public key SHA-256 {short}…) stands in {files} with different content: one that leaks opens all uses, and a replacement must reach each copy.",
	"secret.same-program":         "One private key ({kind}, public key SHA-256 {short}…) stands in {files} with different content, programs among them: replacing the key file leaves the copy in the program in use.",
	"secret.aside":                "{keys} stand in folders for documentation, examples or tests: they do no harm unless somebody uses them.",
	"secret.fix-aside":            "Leave them out of the release, so that nobody uses them.",
	"secret.until-aside":          "Nothing has to be done at once.",
	"secret.unread":               "A block labelled as private key ({kind}) stands in {files} unencrypted; its structure is complete, its numbers were not verified here.",
	"secret.known":                "The private key ({kind}, public key SHA-256 {short}…) in {files} also stands in the key set {set}{note}: it is not this release's own, and whoever has the other holds it.",
	"secret.fix":                  "Make the key on each unit, at production or first start, ship none, and withdraw this one with all certificates made for it.",
	"secret.fix-encrypted":        "Ship no key that all units share; where one must be shipped, do not ship what decrypts it.",
	"secret.fix-same":             "Use one key for one purpose, kept in one place outside of programs, and made on each unit.",
	"secret.until":                "Install an own key and certificate on each unit and trust the shipped one nowhere; where it cannot be replaced, let only the management network reach the unit.",
	"secret.until-same":           "When replacing the key, check every file listed here.",
	"secret.fix-setting":          "Ship no password: make one for each unit and print it on its label, or have it set before the service starts. Keep it out of programs.",
	"secret.until-setting":        "Set own values on each unit, look whether updates set them back, and treat the shipped ones as public.",
	"secret.until-snmp":           "Set own communities, or use SNMP version 3 alone, and let only the management network reach UDP port 161.",
	"secret.fix-token":            "Withdraw the token at the service it opens, and give each unit one of its own with the least rights.",
	"secret.until-token":          "Ask the vendor to withdraw it; what it opens is not on the unit.",
	"secret.snmp-community":       "SNMP communities stand in {files} ({names}): whoever knows the release can read the unit over SNMP, or configure it where a community may write.",
	"secret.snmp-default":         "SNMP communities stand in {files} ({names}), {defaults} of them a published default: whoever reaches UDP port 161 can read the unit over SNMP, or configure it where a community may write.",
	"secret.snmp-community-local": "SNMP communities stand in {files} ({names}), for a service that listens on the unit itself alone.",
	"secret.snmp-default-local":   "SNMP communities stand in {files} ({names}), {defaults} of them a published default, for a service that listens on the unit itself alone: changing where it listens opens it.",
	"secret.snmp-user":            "Passphrases of SNMP version 3 users stand in {files} ({names}).",
	"secret.ppp":                  "Passwords of PPP connections stand in {files} ({names}): whoever knows the release can log in to the access network as the unit does.",
	"secret.wifi":                 "Wi-Fi keys stand in {files} ({names}): whoever knows the release and is near a unit that keeps them joins its network.",
	"secret.acs":                  "Passwords of remote management (TR-069) stand in {files} ({names}): whoever knows the release can pose as the unit to its management server, or as the server to the unit.",
	"secret.sip":                  "Passwords of telephone accounts (SIP) stand in {files} ({names}).",
	"secret.aaa":                  "Secrets shared with RADIUS or TACACS+ servers stand in {files} ({names}): whoever knows them can read passwords on that path, or answer for the server.",
	"secret.vpn":                  "Pre-shared keys of VPN connections stand in {files} ({names}): whoever knows the release can join, or answer for the other side.",
	"secret.login":                "Passwords that open the unit's management stand in {files} ({names}): they are the same on every unit until somebody changes them.",
	"secret.web-user":             "Password files of web servers stand in {files}, with {count}: the same on every unit until somebody changes them.",
	"secret.service":              "Passwords of databases, directories, mail or message services stand in {files} ({names}).",
	"secret.url":                  "Addresses with a user name and password in them stand in {files}.",
	"secret.token":                "Access tokens stand in {files} ({names}): whoever has a copy of this release holds them.",
	"secret.setting":              "Settings that are passwords by their name have values in {files} ({names}).",
}
