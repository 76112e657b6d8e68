package place

import (
	"fmt"
	"time"
)

// Date is a day: how many days it is after 1970-01-01, plus one. Zero is
// unknown.
type Date int32

// ParseDate reads YYYY-MM-DD; "" is unknown.
func ParseDate(s string) (Date, error) {
	if s == "" {
		return 0, nil
	}
	t, err := time.Parse(time.DateOnly, s)
	if err != nil || t.Year() < 1970 || t.Year() > 2200 {
		return 0, fmt.Errorf("date %q: want YYYY-MM-DD, 1970 to 2200", s)
	}
	return Date(t.Unix()/86400) + 1, nil
}

// Day is the date of a year, month and day.
func Day(year int, month time.Month, day int) Date {
	return Date(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix()/86400) + 1
}

// String is the date as YYYY-MM-DD, "" where it is unknown.
func (d Date) String() string {
	if d == 0 {
		return ""
	}
	return d.time().Format(time.DateOnly)
}

// Add is the date so many days later. An unknown date stays unknown.
func (d Date) Add(days int) Date {
	if d == 0 {
		return 0
	}
	return max(1, d+Date(days))
}

// AddMonths is the date so many months later, as time.Time.AddDate counts.
func (d Date) AddMonths(n int) Date {
	if d == 0 {
		return 0
	}
	return max(1, Date(d.time().AddDate(0, n, 0).Unix()/86400)+1)
}

// Year is the date's year, 0 where it is unknown.
func (d Date) Year() int {
	if d == 0 {
		return 0
	}
	return d.time().Year()
}

// MarshalText is String, for encoding/json.
func (d Date) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText is ParseDate.
func (d *Date) UnmarshalText(b []byte) (err error) {
	*d, err = ParseDate(string(b))
	return err
}

func (d Date) time() time.Time { return time.Unix(int64(d-1)*86400, 0).UTC() }

// Span is the time for which something stands: from a day on, until the day
// before To. A zero From is since ever, a zero To for ever.
type Span struct{ From, To Date }

// On tells whether the span holds a day.
func (s Span) On(d Date) bool { return s.From <= d && (s.To == 0 || d < s.To) }

// Truth is a yes, a no, or not known.
type Truth uint8

// The truths.
const (
	NotKnown Truth = iota
	No
	Yes
)

// ParseTruth reads yes, no, true, false, 1, 0; "" is not known.
func ParseTruth(s string) (Truth, error) {
	switch s {
	case "":
		return NotKnown, nil
	case "yes", "true", "1":
		return Yes, nil
	case "no", "false", "0":
		return No, nil
	}
	return NotKnown, fmt.Errorf("%q: want yes or no", s)
}

// String is "yes", "no", or "" where it is not known.
func (t Truth) String() string { return [...]string{"", "no", "yes"}[min(t, Yes)] }
