package equiv

import (
	"bytes"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A timeForm is one way in which builds write a time.
type timeForm struct {
	name string
	re   *regexp.Regexp // anchored at the beginning
	// read gives the run of time that a match speaks of; ok is false where
	// it is no time. seen are the match and its groups.
	read func(seen []string) (w Window, ok bool)
	// day says that the form names no day: any day of a window will do.
	day bool
}

const (
	reWeekday = `(Mon|Tue|Wed|Thu|Fri|Sat|Sun)`
	reMonth   = `(Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)`
	reMonths  = `(January|February|March|April|May|June|July|August|September|October|November|December)`
	reClock   = `(\d\d):(\d\d):(\d\d)`
	reZone    = `( ?(?:UTC|GMT|Z|[+-]\d\d:?\d\d))?`
)

// timeForms are the forms, those that say more first: a match of a longer form
// is not one of a shorter.
var timeForms = []timeForm{
	{name: "date of mail", // RFC 5322, section 3.3
		re: regexp.MustCompile(`^` + reWeekday + `, ?(\d\d?) ` + reMonth + ` (\d{4}) ` + reClock + reZone),
		read: func(s []string) (Window, bool) {
			return clockOf(s[4], s[3], s[2], s[5], s[6], s[7], s[8], s[1])
		}},
	{name: "output of date", // asctime of C, date of POSIX
		re: regexp.MustCompile(`^` + reWeekday + ` ` + reMonth + ` ([ \d]\d) ` + reClock + `( (?:UTC|GMT))? (\d{4})`),
		read: func(s []string) (Window, bool) {
			return clockOf(s[8], s[2], s[3], s[4], s[5], s[6], s[7], s[1])
		}},
	{name: "__DATE__ and __TIME__", // C, 6.10.8.1
		re: regexp.MustCompile(`^` + reMonth + ` ([ \d]\d) (\d{4}) ` + reClock),
		read: func(s []string) (Window, bool) {
			return clockOf(s[3], s[1], s[2], s[4], s[5], s[6], "", "")
		}},
	{name: "__DATE__",
		re:   regexp.MustCompile(`^` + reMonth + ` ([ \d]\d) (\d{4})`),
		read: func(s []string) (Window, bool) { return dayOf(s[3], s[1], s[2]) }},
	{name: "day, month and year",
		re:   regexp.MustCompile(`^(\d\d?) ` + reMonths + ` (\d{4})`),
		read: func(s []string) (Window, bool) { return dayOf(s[3], s[2], s[1]) }},
	{name: "month, day and year",
		re:   regexp.MustCompile(`^` + reMonths + ` (\d\d?), (\d{4})`),
		read: func(s []string) (Window, bool) { return dayOf(s[3], s[1], s[2]) }},
	{name: "month and year", // of manual pages
		re:   regexp.MustCompile(`^` + reMonths + ` (\d{4})`),
		read: func(s []string) (Window, bool) { return monthOf(s[2], s[1]) }},
	{name: "ISO date and time", // ISO 8601, RFC 3339
		re: regexp.MustCompile(`^(\d{4})-(\d\d)-(\d\d)([T ])` + reClock + `(?:\.\d{1,9})?` + reZone),
		read: func(s []string) (Window, bool) {
			return clockOf(s[1], s[2], s[3], s[5], s[6], s[7], s[8], "")
		}},
	{name: "ISO date and minute",
		re: regexp.MustCompile(`^(\d{4})-(\d\d)-(\d\d)([T ])(\d\d):(\d\d)` + reZone),
		read: func(s []string) (Window, bool) {
			w, ok := clockOf(s[1], s[2], s[3], s[5], s[6], "00", s[7], "")
			w.To += 59
			return w, ok
		}},
	{name: "ISO date",
		re:   regexp.MustCompile(`^(\d{4})-(\d\d)-(\d\d)`),
		read: func(s []string) (Window, bool) { return dayOf(s[1], s[2], s[3]) }},
	{name: "date with slashes",
		re:   regexp.MustCompile(`^(\d{4})/(\d\d)/(\d\d)`),
		read: func(s []string) (Window, bool) { return dayOf(s[1], s[2], s[3]) }},
	{name: "compact date and time",
		re: regexp.MustCompile(`^(\d{4})(\d\d)(\d\d)[-T_]?(\d\d)(\d\d)(\d\d)(Z?)`),
		read: func(s []string) (Window, bool) {
			return clockOf(s[1], s[2], s[3], s[4], s[5], s[6], s[7], "")
		}},
	{name: "seconds since 1970",
		re: regexp.MustCompile(`^(\d{9,10})(?:\.\d{1,9})?`),
		read: func(s []string) (Window, bool) {
			v, err := strconv.ParseInt(s[1], 10, 64)
			return Window{v, v}, err == nil && v >= firstTime && v <= lastTime
		}},
	{name: "compact date",
		re:   regexp.MustCompile(`^(\d{4})(\d\d)(\d\d)`),
		read: func(s []string) (Window, bool) { return dayOf(s[1], s[2], s[3]) }},
	{name: "__TIME__", day: true,
		re: regexp.MustCompile(`^` + reClock),
		read: func(s []string) (Window, bool) {
			w, ok := clockOf("1970", "01", "02", s[1], s[2], s[3], "", "")
			return w, ok
		}},
	{name: "year",
		re: regexp.MustCompile(`^\d{4}`),
		read: func(s []string) (Window, bool) {
			y, _ := strconv.Atoi(s[0])
			from := time.Date(y, 1, 1, 0, 0, 0, 0, time.UTC)
			return Window{from.Unix(), from.AddDate(1, 0, 0).Unix() - 1}, y > 1970 && y < 2100
		}},
}

// longestTime is the length of the longest form.
const longestTime = 44

// months are numbers of months by their names' first three letters.
var months = map[string]time.Month{"Jan": 1, "Feb": 2, "Mar": 3, "Apr": 4, "May": 5, "Jun": 6, "Jul": 7, "Aug": 8, "Sep": 9, "Oct": 10, "Nov": 11, "Dec": 12}

// date is a day that exists.
func date(year, month, day string) (time.Time, bool) {
	y, _ := strconv.Atoi(year)
	d, _ := strconv.Atoi(strings.TrimSpace(day))
	m, ok := months[month[:min(3, len(month))]]
	if !ok {
		n, _ := strconv.Atoi(month)
		m = time.Month(n)
	}
	t := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	return t, y >= 1970 && y < 2100 && m >= 1 && m <= 12 && t.Day() == d && t.Month() == m
}

func dayOf(year, month, day string) (Window, bool) {
	t, ok := date(year, month, day)
	return Window{t.Unix(), t.Unix() + 86399}, ok
}

func monthOf(year, month string) (Window, bool) {
	t, ok := date(year, month, "1")
	return Window{t.Unix(), t.AddDate(0, 1, 0).Unix() - 1}, ok
}

// clockOf is a moment; zone "" is UTC. The weekday must be that of the day.
func clockOf(year, month, day, hour, minute, second, zone, weekday string) (Window, bool) {
	t, ok := date(year, month, day)
	h, _ := strconv.Atoi(hour)
	m, _ := strconv.Atoi(minute)
	s, _ := strconv.Atoi(second)
	if !ok || h > 23 || m > 59 || s > 60 || weekday != "" && t.Weekday().String()[:3] != weekday {
		return Window{}, false
	}
	at := t.Unix() + int64(h)*3600 + int64(m)*60 + int64(s)
	if z := strings.ReplaceAll(strings.TrimSpace(zone), ":", ""); len(z) == 5 {
		h, _ := strconv.Atoi(z[1:3])
		m, _ := strconv.Atoi(z[3:])
		if h > 14 || m > 59 {
			return Window{}, false
		}
		shift := int64(h)*3600 + int64(m)*60
		if z[0] == '-' {
			shift = -shift
		}
		at -= shift
	}
	return Window{at, at}, true
}

// held tells whether a build's windows have a moment of w; day: of any day.
func (b *Build) held(w Window, day bool) bool {
	if !day {
		return b.in(w)
	}
	const d = 86400
	of := w.From % d
	for _, t := range b.Times {
		if first := t.From + ((of-t.From)%d+d)%d; first <= t.To {
			return true
		}
	}
	return false
}

// timeAt looks for a time in a that begins at or before i and ends behind it,
// and for one of the same form at the same distance before j in b.
func timeAt(f *Facts, a, b []byte, i, j int) (m match, ok bool) {
	if len(f.Shipped.Times) == 0 || len(f.Rebuilt.Times) == 0 {
		return m, false
	}
	back := min(i, j, longestTime)
	for k := range timeForms {
		form := &timeForms[k]
		for s := back; s >= 0; s-- { // the earliest beginning first
			if at := i - s; at >= len(a) || !isAlnum(a[at]) || at > 0 && isAlnum(a[at-1]) {
				continue
			}
			x := find(form.re, a, i-s)
			if x == nil || len(x[0]) <= s || !alone(form, a, i-s, len(x[0])) {
				continue
			}
			// What stands there is of this form: no shorter one may accept a
			// part of it.
			y := find(form.re, b, j-s)
			if y == nil || len(y[0]) <= s || !alone(form, b, j-s, len(y[0])) {
				return m, false
			}
			was, ok1 := form.read(x)
			is, ok2 := form.read(y)
			if !ok1 || !ok2 || !f.Shipped.held(was, form.day) || !f.Rebuilt.held(is, form.day) {
				return m, false
			}
			return match{i - s, i - s + len(x[0]), j - s, j - s + len(y[0]), form.name + ": " + x[0] + ", " + y[0]}, true
		}
	}
	return m, false
}

// find matches an anchored expression at a place of b.
func find(re *regexp.Regexp, b []byte, at int) []string {
	loc := re.FindSubmatch(b[at:min(len(b), at+longestTime)])
	if loc == nil {
		return nil
	}
	out := make([]string, len(loc))
	for i, v := range loc {
		out[i] = string(v)
	}
	return out
}

// localZone is the name of a time zone behind a time: which one it is can't be
// told.
var localZone = regexp.MustCompile(`^ ?[A-Z]{3,5}([^A-Za-z0-9]|$)`)

// alone tells whether a time is not a part of something longer: a number, a
// name, and for a year, a version.
func alone(form *timeForm, b []byte, at, n int) bool {
	before, after, next := byte(0), byte(0), byte(0)
	if at > 0 {
		before = b[at-1]
	}
	if at+n < len(b) {
		after = b[at+n]
	}
	if at+n+1 < len(b) {
		next = b[at+n+1]
	}
	if isAlnum(before) || isAlnum(after) {
		return false
	}
	if bytes.IndexByte(b[at:at+n], ':') >= 0 {
		if rest := b[at+n : min(len(b), at+n+6)]; after == ':' && isDigit(next) || before == ':' || localZone.Match(rest) {
			return false
		}
	}
	switch form.name {
	case "year", "seconds since 1970", "compact date", "compact date and time", "__TIME__":
		if before == '_' || after == '_' || before == '.' && at > 1 && isAlnum(b[at-2]) || after == '.' && isAlnum(next) {
			return false
		}
	}
	return true
}
