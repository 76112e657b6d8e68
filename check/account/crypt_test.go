package account

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/wardein/wardein/internal/testkit"
)

// Fields as crypt(3) of the system, OpenSSL and Apache's htpasswd make them
// are opened by their word and by no other.
func TestSchemes(t *testing.T) {
	words := []string{"x", "admin", "Zte521", "tellabs#1", "a longer password of 41 characters, digits", "w\u00f6rd"}
	compare := func(kind, field, word string) {
		t.Helper()
		if got := passwordKind(field, false); got != kind {
			t.Fatalf("%s is %s, want %s", field, got, kind)
		}
		s, err := readScheme(kind, "user", field)
		if err != nil || s.steps > maxSteps {
			t.Fatalf("%s: %s: %v, %d steps", kind, field, err, s.steps)
		}
		if !s.opens(word) || s.opens(word[1:]+"y") || kind != "descrypt" && s.opens(word+"y") || s.opens("") {
			t.Errorf("%s: %s is opened by %q: %v", kind, field, word, s.opens(word))
		}
	}
	perl := testkit.Tool(t, "perl")
	for _, x := range []struct{ kind, setting string }{
		{"descrypt", "ab"}, {"descrypt", "./"}, {"descrypt", "zZ"}, {"descrypt", "9."},
		{"md5crypt", "$1$abcdefgh$"}, {"md5crypt", "$1$x$"},
		{"sha256crypt", "$5$saltsalt$"}, {"sha256crypt", "$5$rounds=1234$0123456789abcdef$"},
		{"sha512crypt", "$6$saltsalt$"}, {"sha512crypt", "$6$rounds=7777$s$"},
		{"bcrypt", "$2b$04$abcdefghijklmnopqrstuu"}, {"bcrypt", "$2y$05$abcdefghijklmnopqrstuu"}, {"bcrypt", "$2a$04$abcdefghijklmnopqrstuu"},
		{"yescrypt", "$y$j75$LdJMENpBABJJ3hIHjB1Bi.$"},
	} {
		for _, word := range words {
			out, err := exec.Command(perl, "-e", "print crypt($ARGV[0], $ARGV[1])", word, x.setting).Output()
			if err != nil || len(out) < 13 || out[0] == '*' {
				t.Logf("crypt(3) has no %s", x.setting)
				break
			}
			compare(x.kind, string(out), word)
		}
	}
	openssl := testkit.Tool(t, "openssl")
	for _, word := range words {
		out, err := exec.Command(openssl, "passwd", "-apr1", "-salt", "AN2400", word).Output()
		if err != nil {
			t.Fatal(err)
		}
		compare("apr1 md5", strings.TrimSpace(string(out)), word)
	}
}

// Fields that are damaged, or ask for work without bound, are refused before
// anything is computed.
func TestSchemesRefused(t *testing.T) {
	for kind, fields := range map[string][]string{
		"md5crypt":    {"", "$1$", "$1$salt", "$1$salt$short"},
		"sha512crypt": {"$6$rounds=x$s$y", "$6$rounds=-5$s$", "$6$s$" + strings.Repeat("a", 85)},
		"bcrypt":      {"$2b$", "$2b$xx$" + strings.Repeat("a", 53), "$2x$04$" + strings.Repeat("a", 53), "$2b$99$" + strings.Repeat("a", 53)},
		"yescrypt":    {"$y$j9T$", "$y$jzz$salt$x", "$y$k9T$salt$x", "$y$j"},
		"descrypt":    {"", "ab", "ab\x80aaaaaaaaaa"},
		"scrypt":      {"$7$"},
	} {
		for _, f := range fields {
			if s, err := readScheme(kind, "", f); err == nil {
				t.Errorf("%s: %q is taken, %d steps", kind, f, s.steps)
			}
		}
	}
	for kind, field := range map[string]string{"sha512crypt": "$6$rounds=999999999$s$" + strings.Repeat("a", 86), "bcrypt": "$2b$31$" + strings.Repeat("a", 53), "yescrypt": "$y$jFT$salt$x"} {
		if s, err := readScheme(kind, "", field); err != nil || s.steps <= maxSteps {
			t.Errorf("%s: %v, %d steps, the limit is %d", kind, err, s.steps, maxSteps)
		}
	}
}

func FuzzSchemes(f *testing.F) {
	for _, s := range []string{"descrypt abJnggxhB/yWI", "md5crypt $1$AN2400op$esf2ia.jIWS.CRX3Eprqg1", "sha256crypt $5$rounds=1$a$b", "bcrypt $2b$04$abc", "yescrypt $y$j75$abcdefghij$x", "digest r:0", "SHA-1 in base64 {SHA}"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, kind := range []string{"descrypt", "md5crypt", "apr1 md5", "sha256crypt", "sha512crypt", "bcrypt", "yescrypt", "digest", "SHA-1 in base64", "MD5 in hexadecimal", "plain"} {
			if field, ok := strings.CutPrefix(s, kind+" "); ok {
				if c, err := readScheme(kind, "user", field); err == nil && c.steps < 20_000 {
					c.opens("word")
				}
			}
		}
	})
}

func BenchmarkSchemes(b *testing.B) {
	for kind, field := range map[string]string{
		"descrypt": "abJnggxhB/yWI", "md5crypt": "$1$AN2400op$esf2ia.jIWS.CRX3Eprqg1", "sha256crypt": "$5$s$" + strings.Repeat("a", 43),
		"sha512crypt": "$6$s$" + strings.Repeat("a", 86), "bcrypt": "$2b$10$abcdefghijklmnopqrstuu" + strings.Repeat("a", 31), "yescrypt": "$y$j9T$LdJMENpBABJJ3hIHjB1Bi.$" + strings.Repeat("a", 43),
	} {
		b.Run(kind, func(b *testing.B) {
			s, err := readScheme(kind, "", field)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportMetric(float64(s.steps), "steps")
			for b.Loop() {
				s.opens("password")
			}
		})
	}
}
