package secret

import "strings"

// placeholder tells values that nobody logs in with: variables, formats,
// paths, words that stand for a value to be filled in. Where the name of a
// setting says all (sure), words such as "password" are values like others.
func placeholder(v string, sure bool) bool {
	if v == "" || len(v) > 256 {
		return true
	}
	if strings.ContainsAny(v[:1], "$%@{<[(&`/!?~\\") && !hashed(v) {
		return true
	}
	for _, s := range []string{"${", "$(", "{{", "<%", "%s", "%d", "%(", "()", "...", "…", "\\0", "://", "\ufffd"} {
		if strings.Contains(v, s) {
			return true
		}
	}
	first, same := v[0], true
	for i := range len(v) {
		c := v[i]
		if c < 0x20 || c == 0x7f {
			return true
		}
		same = same && c == first
	}
	if same && strings.IndexByte("*xX-.#?0", first) >= 0 {
		return true
	}
	low := strings.ToLower(joined.Replace(v))
	if states[low] || !sure && fillers[low] {
		return true
	}
	for _, s := range []string{"yourpass", "yoursecret", "yourkey", "yourtoken", "yourapi", "yourpsk", "mypassword", "mysecret", "changethis", "replaceme",
		"insertyour", "inserthere", "placeholder", "examplekey", "exampletoken", "thisisasecret", "passwordhere", "secrethere", "topsecret"} {
		if strings.Contains(low, s) {
			return true
		}
	}
	return false
}

// joined leaves out what stands between words.
var joined = strings.NewReplacer("_", "", "-", "", " ", "", ".", "")

// states are words in place of a value; fillers are those of a type, an
// example, or the name of the setting itself.
var (
	states = words(`define none null nil undef undefined unset empty disabled enabled disable enable yes no on off true false optional required
	string text hidden value prompt ask stdin plain shadow compat systemd sss changeme changeit example todo fixme tbd xxx`)
	fillers = words(`default word type file files env md5 sha sha1 sha256 sha512 hash hashed crypt unix password passwd passphrase secret pass pwd psk key
	token community passwort kennwort sample test foo bar foobar baz username user name self auto any never always str bytes int bool object password1
	hunter2 correcthorsebatterystaple letmein login field input label invalid incorrect expired confirm`)
)

func words(s string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(s) {
		m[w] = true
	}
	return m
}

// hashed tells values that are a hash or a ciphertext of crypt(5), LDAP or a
// common router form.
func hashed(v string) bool {
	for _, p := range []string{"$1$", "$2a$", "$2b$", "$2y$", "$5$", "$6$", "$7$", "$y$", "$8$", "$9$", "$apr1$", "$14$", "{SSHA}", "{SHA}", "{MD5}", "{CRYPT}", "{PBKDF2"} {
		if strings.HasPrefix(v, p) && len(v) > len(p)+8 {
			return true
		}
	}
	return false
}

// random tells values of the look of a token: long, of letters and digits,
// and without the regularity of words.
func random(v string) bool {
	if len(v) < 16 {
		return false
	}
	digits, lower, upper := 0, 0, 0
	var seen [256]bool
	distinct := 0
	for i := range len(v) {
		c := v[i]
		switch {
		case c >= '0' && c <= '9':
			digits++
		case c >= 'a' && c <= 'z':
			lower++
		case c >= 'A' && c <= 'Z':
			upper++
		case strings.IndexByte("-_+/=.~", c) < 0:
			return false
		}
		if !seen[c] {
			distinct++
		}
		seen[c] = true
	}
	return digits >= 2 && lower+upper >= 4 && distinct >= 9
}
