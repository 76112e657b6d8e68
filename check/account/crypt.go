package account

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"strconv"
	"strings"

	"github.com/go-crypt/x/bcrypt"
	"github.com/go-crypt/x/crypt"
	"github.com/go-crypt/x/yescrypt"
)

// scheme reads a password field of one kind.
//
// A step is about as much work as one round of md5crypt (some 200 ns).
type scheme struct {
	steps int64 // of one comparison
	opens func(word string) bool
}

// maxSteps bounds one comparison: sha512crypt with 250,000 rounds, bcrypt of
// cost 12.
const maxSteps = 2 << 20

var (
	errKind  = errors.New("not a form that is computed here")
	errField = errors.New("damaged")
)

// readScheme reads a password field. All that it holds may be anything.
func readScheme(kind, user, field string) (s scheme, err error) {
	switch kind {
	case "plain":
		return scheme{1, func(word string) bool { return word == field }}, nil
	case "descrypt":
		if len(field) != 13 || !cryptText(field) {
			return s, errField
		}
		return scheme{500, func(word string) bool { return desCrypt(word, field) == field }}, nil
	case "md5crypt":
		return md5Scheme("$1$", field)
	case "apr1 md5":
		return md5Scheme("$apr1$", field)
	case "sha256crypt":
		return shaScheme("$5$", field, sha256.New, 6)
	case "sha512crypt":
		return shaScheme("$6$", field, sha512.New, 8)
	case "bcrypt":
		return bcryptScheme(field)
	case "yescrypt":
		return yescryptScheme(field)
	case "MD5 in hexadecimal", "SHA-1 in hexadecimal", "SHA-256 in hexadecimal":
		return scheme{1, func(word string) bool { return strings.EqualFold(hexDigest(kind, word), field) }}, nil
	case "SHA-1 in base64": // {SHA}, of Apache's htpasswd
		return scheme{1, func(word string) bool {
			sum := sha1.Sum([]byte(word))
			return field == "{SHA}"+base64.StdEncoding.EncodeToString(sum[:])
		}}, nil
	case "digest": // realm:MD5 of user:realm:password, RFC 2617, 3.2.2.2
		realm, sum, ok := strings.Cut(field, ":")
		if !ok {
			return s, errField
		}
		return scheme{1, func(word string) bool {
			return strings.EqualFold(hexDigest("MD5 in hexadecimal", user+":"+realm+":"+word), sum)
		}}, nil
	}
	return s, errKind
}

func hexDigest(kind, s string) string {
	switch kind {
	case "SHA-1 in hexadecimal":
		sum := sha1.Sum([]byte(s))
		return hex.EncodeToString(sum[:])
	case "SHA-256 in hexadecimal":
		sum := sha256.Sum256([]byte(s))
		return hex.EncodeToString(sum[:])
	}
	sum := md5.Sum([]byte(s))
	return hex.EncodeToString(sum[:])
}

func md5Scheme(magic, field string) (s scheme, err error) {
	salt, sum, ok := strings.Cut(strings.TrimPrefix(field, magic), "$")
	if !ok || len(sum) != 22 || len(salt) > 64 {
		return s, errField
	}
	salt = salt[:min(len(salt), 8)] // crypt(5): of more, eight are used
	return scheme{1000, func(word string) bool { return md5Crypt(word, salt, magic) == sum }}, nil
}

// md5Crypt is the MD5-based crypt of FreeBSD, which Apache took over under
// another name (htpasswd).
func md5Crypt(word, salt, magic string) string {
	pass := []byte(word)
	sum := md5.Sum([]byte(word + salt + word))
	h := md5.New()
	h.Write([]byte(word + magic + salt))
	for n := len(pass); n > 0; n -= len(sum) {
		h.Write(sum[:min(n, len(sum))])
	}
	for n := len(pass); n > 0; n >>= 1 {
		if n&1 != 0 {
			h.Write([]byte{0})
		} else {
			h.Write(pass[:1])
		}
	}
	h.Sum(sum[:0])
	for i := range 1000 {
		h.Reset()
		if i&1 != 0 {
			h.Write(pass)
		} else {
			h.Write(sum[:])
		}
		if i%3 != 0 {
			h.Write([]byte(salt))
		}
		if i%7 != 0 {
			h.Write(pass)
		}
		if i&1 != 0 {
			h.Write(sum[:])
		} else {
			h.Write(pass)
		}
		h.Sum(sum[:0])
	}
	var out []byte
	digits := func(v uint32, n int) {
		for range n {
			out = append(out, cryptAlphabet[v&63])
			v >>= 6
		}
	}
	for i := range 5 {
		k := 12 + i
		if i == 4 {
			k = 5
		}
		digits(uint32(sum[i])<<16|uint32(sum[6+i])<<8|uint32(sum[k]), 4)
	}
	digits(uint32(sum[11]), 2)
	return string(out)
}

// shaScheme reads $5$ and $6$: [rounds=N$]salt$hash (U. Drepper, Unix crypt
// using SHA-256 and SHA-512, version 0.6). weight is a round's work in steps,
// in quarters.
func shaScheme(magic, field string, h func() hash.Hash, weight int64) (s scheme, err error) {
	rest := strings.TrimPrefix(field, magic)
	rounds := int64(5000)
	if n, ok := strings.CutPrefix(rest, "rounds="); ok {
		n, rest, _ = strings.Cut(n, "$")
		if rounds, err = strconv.ParseInt(n, 10, 64); err != nil || rounds < 1 {
			return s, errField
		}
		rounds = min(max(rounds, 1000), 999_999_999)
	}
	salt, sum, ok := strings.Cut(rest, "$")
	if size := (h().Size()*8 + 5) / 6; !ok || len(sum) != size {
		return s, errField
	}
	salt = salt[:min(len(salt), 16)]
	return scheme{rounds * weight / 4, func(word string) bool {
		return string(crypt.KeySHACrypt(h, []byte(word), []byte(salt), int(rounds))) == sum
	}}, nil
}

func bcryptScheme(field string) (s scheme, err error) {
	if len(field) != 60 || field[6] != '$' {
		return s, errField
	}
	cost, err := strconv.Atoi(field[4:6])
	if err != nil || cost < 4 || cost > 31 {
		return s, errField
	}
	if field[2] == 'x' { // computed with a mistake
		return s, errKind
	}
	return scheme{int64(400) << cost, func(word string) bool { return bcrypt.CompareHashAndPassword([]byte(field), []byte(word)) == nil }}, nil
}

// yescryptScheme reads $y$j and two digits of cost: N and r (crypt(5)); any
// other parameters are not computed.
func yescryptScheme(field string) (s scheme, err error) {
	if len(field) < 8 || !strings.HasPrefix(field, "$y$j") || field[6] != '$' || strings.Count(field, "$") != 4 || !cryptText(field[4:6]) {
		return s, errKind
	}
	n, r := cryptDigit(field[4])+1, int64(cryptDigit(field[5]))+1
	if n < 10 || n > 18 || r > 32 {
		return s, errKind
	}
	return scheme{4 * r << n, func(word string) bool {
		got, err := yescrypt.Hash([]byte(word), []byte(field))
		return err == nil && string(got) == field
	}}, nil
}
