package component

import (
	"bytes"
	"io"
	"strings"

	"github.com/wardein/wardein/internal/lazy"
)

const (
	chunk    = 256 << 10
	maxLine  = 200 // of a string that a version may stand in
	maxLone  = 12
	maxNamed = 48
)

// A lone version is a string that is nothing but a version, with what a
// distribution adds. An address has four numbers, and an object identifier
// more: such are no version here.
var loneVersion = lazy.Regexp(`^v?(\d{1,8}(?:\.\d{1,8}){1,3}(?:[a-z]\d{0,2}|[-._]?(?:rc|pre|beta|alpha|RC|p|P|b)\.?\d{1,3})?)(?:[-+~ (,@].{0,60})?$`)

func lone(s string) string {
	m := loneVersion().FindStringSubmatch(s)
	if m == nil || plain(m[1]) {
		return ""
	}
	return m[1]
}

// linux26 is what programs ask the running kernel's version to be.
var linux26 = lazy.Regexp(`^2\.6\.[0-3]\d$`)

// plain tells numbers that are none's version: addresses, masks, object
// identifiers, IEEE standards, the Linux that a program wants, 0.0.
func plain(v string) bool {
	if strings.HasPrefix(v, "802.") || linux26().MatchString(v) {
		return true
	}
	switch strings.Count(v, ".") {
	case 3:
		for _, p := range []string{"0.", "1.2.840", "1.3.6.", "2.5.", "10.", "127.", "169.254", "172.", "192.", "198.", "203.", "224.", "239.", "255."} {
			if strings.HasPrefix(v, p) {
				return true
			}
		}
	case 1:
		return len(v) < 3 || v == "0.0" || strings.HasSuffix(v, ".") || len(v) > 12
	}
	return strings.Trim(v, "0.") == ""
}

// A named version has a word before it: "libpcap version 1.10.3",
// "expat_2.5.0", "curl/7.88.1", "(XZ Utils) 5.4.1".
var namedVersion = lazy.Regexp(`([A-Za-z][A-Za-z0-9+_.-]{0,30}?)\)?[ /_-]{1,2}(?:\(?(?:library |release |package )?[vV]er(?:sion|\.)?:? ?|release |[vVrR])?(\d{1,8}(?:\.\d{1,8}){1,3}(?:[a-z]\d{0,2}|[-._]?(?:rc|pre|beta|alpha|RC|p|P)\.?\d{1,3})?)(?:$|[^0-9A-Za-z.]|\.(?:$|[^0-9A-Za-z])|\+dfsg)`)

// past ends what a sentence says of releases that are not this one: "as of
// pimd 2.2.0", "requires libpcap 1.0".
var past = lazy.Regexp(`(?i)\b(?:of|since|than|before|until|after|requires?|needs?|from|with)\s*$`)

// lines states the versions that stand in the file's constants: alone in
// their string, or behind a name.
func (f *file) lines() error {
	loners, named := 0, 0
	buf := make([]byte, 0, min(chunk, f.blob.Size)+maxLine)
	return f.readOnly(func(off, n int64) error {
		buf = buf[:0]
		for pos := off; pos < off+n; {
			k := min(int64(chunk), off+n-pos)
			keep := len(buf)
			buf = buf[:keep+int(k)]
			got, err := f.blob.ReadAt(buf[keep:], pos)
			if int64(got) < k {
				if err == io.EOF || err == nil {
					return nil
				}
				return err
			}
			pos += k
			start := pos - int64(len(buf)) // of buf in the file
			last := pos == off+n
			for i := 0; ; {
				d := bytes.IndexByte(buf[i:], '.')
				if d < 0 {
					break
				}
				d += i
				i = d + 1
				if d == 0 || d+1 >= len(buf) || !digit(buf[d-1]) || !digit(buf[d+1]) {
					continue
				}
				from, to := stringAround(buf, d)
				if to == len(buf) && !last && d-from < maxLine {
					break // its end comes with the next piece
				}
				i = max(i, to)
				if to-from > maxLine*4 {
					continue
				}
				s := string(buf[from:to])
				at := start + int64(from)
				if v := lone(strings.TrimSpace(s)); v != "" {
					if loners < maxLone {
						loners++
						when := ""
						if dated().MatchString(strings.TrimPrefix(strings.TrimSpace(s), v+" ")) {
							when = "dated"
						}
						f.state("line", at, int64(len(s)), note("version", v), note("with", when), note("quote", quote(buf[from:to])))
					}
					continue
				}
				for _, m := range namedVersion().FindAllStringSubmatchIndex(s, 4) {
					v := s[m[4]:m[5]]
					if named == maxNamed || plain(v) || past().MatchString(s[:m[0]]) {
						continue
					}
					named++
					f.state("line", at+int64(m[0]), int64(m[5]-m[0]), note("name", strings.ToLower(s[m[2]:m[3]])), note("version", v), note("quote", quote(buf[from+m[0]:from+m[5]])))
				}
			}
			if last {
				break
			}
			tail := buf[max(0, len(buf)-maxLine):]
			buf = append(buf[:0], tail...)
		}
		return nil
	})
}

// stringAround is the printable string around a place.
func stringAround(b []byte, at int) (from, to int) {
	from, to = at, at
	for from > 0 && at-from < 4*maxLine && printable(b[from-1]) {
		from--
	}
	for to < len(b) && to-at < 4*maxLine && printable(b[to]) {
		to++
	}
	return from, to
}

func digit(c byte) bool     { return c >= '0' && c <= '9' }
func printable(c byte) bool { return c >= 0x20 && c < 0x7f || c == '\t' }
