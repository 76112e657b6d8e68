package feed

import (
	"context"
	"errors"
	"fmt"

	"github.com/wardein/wardein/vulndb"
)

// elements adds every element of the array that comes.
func (im *Import) elements(ctx context.Context, s *stream, feed int, it item) error {
	n := 0
	return s.walk(func(string) error {
		n++
		at := s.off + int64(s.pos)
		raw, long, err := s.value(maxRecord)
		if err != nil {
			return err
		}
		it.feed, it.raw, it.name, it.bad = feed, raw, fmt.Sprintf("record %d at byte %d", n, at), nil
		if long {
			it.bad = fmt.Errorf("larger than %d bytes", maxRecord)
		}
		return im.add(ctx, it)
	})
}

// fields reads the fields of a file's object: texts are handed to text, the
// array of the given name to each.
func fields(s *stream, array string, text func(name, value string), each func() error) error {
	seen := false
	err := s.walk(func(name string) error {
		if name == array {
			seen = true
			return each()
		}
		raw, long, err := s.value(64 << 10)
		if err == nil && !long && len(raw) > 0 && raw[0] == '"' {
			c := cursor{b: raw}
			text(name, c.text())
		}
		return err
	})
	if err == nil && !seen {
		err = fmt.Errorf("no %q in it", array)
	}
	return err
}

func walkNVD(im *Import, ctx context.Context, s *stream, f *vulndb.Feed) error {
	feed, err := im.begin(f)
	if err != nil {
		return err
	}
	return fields(s, "vulnerabilities", func(name, value string) {
		if name == "timestamp" {
			f.Date = date(value)
		}
	}, func() error { return im.elements(ctx, s, feed, item{read: nvd}) })
}

func walkKEV(im *Import, ctx context.Context, s *stream, f *vulndb.Feed) error {
	f.Snapshot, f.Name = true, "known exploited vulnerabilities"
	feed, err := im.begin(f)
	if err != nil {
		return err
	}
	return fields(s, "vulnerabilities", func(name, value string) {
		if name == "dateReleased" {
			f.Date = date(value)
		}
	}, func() error { return im.elements(ctx, s, feed, item{read: exploited}) })
}

// walkSecdb needs branch and folder before the packages, as the files have
// them.
func walkSecdb(im *Import, ctx context.Context, s *stream, f *vulndb.Feed) error {
	branch, folder := "", ""
	return fields(s, "packages", func(name, value string) {
		switch name {
		case "distroversion":
			branch = value
		case "reponame":
			folder = value
		}
	}, func() error {
		if branch == "" {
			return errors.New(`no "distroversion" before "packages"`)
		}
		f.Snapshot, f.Name = true, cutText(branch+" "+folder, 100)
		feed, err := im.begin(f)
		if err != nil {
			return err
		}
		return im.elements(ctx, s, feed, item{read: secdb, kind: cutText(branch, 40), date: f.Date})
	})
}

func walkTracker(im *Import, ctx context.Context, s *stream, f *vulndb.Feed) error {
	f.Snapshot, f.Name = true, "security tracker"
	feed, err := im.begin(f)
	if err != nil {
		return err
	}
	return s.walk(func(pkg string) error {
		if b, err := s.next(); err != nil || b != '{' {
			if err == nil {
				_, _, err = s.value(1 << 10)
			}
			return err
		}
		return s.walk(func(name string) error {
			raw, long, err := s.value(maxRecord)
			if err != nil {
				return err
			}
			it := item{feed: feed, read: tracker, name: pkg + " " + name, date: f.Date, raw: raw}
			if long {
				it.bad = fmt.Errorf("larger than %d bytes", maxRecord)
			}
			return im.add(ctx, it)
		})
	})
}

// date is the day of a time of RFC 3339, "" for what is none.
func date(s string) string {
	if len(s) < 10 || s[4] != '-' || s[7] != '-' {
		return ""
	}
	for i, c := range s[:10] {
		if i != 4 && i != 7 && (c < '0' || c > '9') {
			return ""
		}
	}
	return s[:10]
}
