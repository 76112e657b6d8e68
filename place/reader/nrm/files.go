package nrm

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/wardein/wardein/internal/jsonrows"
	"github.com/wardein/wardein/place"
)

// peek is the first byte of a file that is no blank.
func peek(file io.Reader) (byte, io.Reader, error) {
	r := bufio.NewReaderSize(file, 64<<10)
	if b, _ := r.Peek(3); bytes.Equal(b, []byte("\ufeff")) {
		_, _ = r.Discard(3)
	}
	for {
		c, err := r.ReadByte()
		if err != nil {
			return 0, nil, err
		}
		if !strings.ContainsRune(" \t\r\n", rune(c)) {
			return c, r, r.UnreadByte()
		}
	}
}

// maxToken bounds a piece of XML text.
const maxToken = 16 << 20

var errToken = fmt.Errorf("a text of more than %d MiB", maxToken>>20)

// tokens bounds what is read for one token.
type tokens struct {
	r *bufio.Reader
	n int
}

func (t *tokens) Read(p []byte) (int, error) {
	if t.n > maxToken {
		return 0, errToken
	}
	n, err := t.r.Read(p)
	t.n += n
	return n, err
}

// ReadByte lets encoding/xml read without a buffer of its own.
func (t *tokens) ReadByte() (byte, error) {
	if t.n++; t.n > maxToken {
		return 0, errToken
	}
	return t.r.ReadByte()
}

// xml reads a file of Bulk CM. Elements with an id are objects, "attributes"
// below one holds its attributes, all else is read over.
func (r *reading) xml(ctx context.Context, file io.Reader) error {
	in := &tokens{r: file.(*bufio.Reader)}
	d := xml.NewDecoder(in)
	d.CharsetReader = func(charset string, in io.Reader) (io.Reader, error) {
		if strings.EqualFold(charset, "us-ascii") {
			return in, nil
		}
		return nil, fmt.Errorf("charset %.40q: want UTF-8", charset)
	}
	parents := []int32{-1} // of the objects that are open
	config := false
	for n := 0; ; n++ {
		if n%4096 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		in.n = 0
		t, err := d.Token()
		if err == io.EOF {
			if !config {
				return errors.New("no configData in it")
			}
			return nil
		}
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.StartElement:
			id, hasID := attr(t, "id")
			switch {
			case t.Name.Local == "configData":
				config = true
				r.prefix, _ = attr(t, "dnPrefix")
				if r.prefix == "Undefined" {
					r.prefix = ""
				}
				continue
			case t.Name.Local == "fileFooter":
				said, _ := attr(t, "dateTime")
				if day, err := place.ParseDate(said[:min(len(said), 10)]); err == nil && day != 0 {
					r.b.Dated(r.in.Source, day)
				}
				continue
			case !config || t.Name.Local == "bulkCmConfigDataFile" || t.Name.Local == "configDataFile":
				continue
			case t.Name.Local == "attributes":
				if err := r.xmlAttributes(d, in, parents[len(parents)-1]); err != nil {
					return err
				}
			case !hasID || strings.HasPrefix(t.Name.Local, "VsData"):
				if err := skip(d, in); err != nil {
					return err
				}
			default:
				if modifier, _ := attr(t, "modifier"); modifier == "delete" { // a change, not a state
					if err := skip(d, in); err != nil {
						return err
					}
					continue
				}
				o, err := r.open(t.Name.Local, parents[len(parents)-1])
				if err != nil {
					return err
				}
				if len(id) <= maxText {
					r.objects[o].id = r.b.Intern(id)
				}
				if parents = append(parents, o); len(parents) > maxDepth {
					return fmt.Errorf("objects more than %d deep", maxDepth)
				}
			}
		case xml.EndElement:
			if len(parents) > 1 { // all others are read over, or hold no objects that are open
				parents = parents[:len(parents)-1]
			}
		}
	}
}

func attr(t xml.StartElement, name string) (string, bool) {
	for _, a := range t.Attr {
		if a.Name.Local == name {
			return a.Value, true
		}
	}
	return "", false
}

// skip reads over an element that is begun, without encoding/xml's recursion.
func skip(d *xml.Decoder, in *tokens) error {
	for depth := 1; depth > 0; {
		in.n = 0
		t, err := d.Token()
		if err != nil {
			return err
		}
		switch t.(type) {
		case xml.StartElement:
			if depth++; depth > maxDepth {
				return fmt.Errorf("elements more than %d deep", maxDepth)
			}
		case xml.EndElement:
			depth--
		}
	}
	return nil
}

// xmlAttributes reads the attributes of an object, −1 for none.
func (r *reading) xmlAttributes(d *xml.Decoder, in *tokens, o int32) error {
	var path []string
	var text []byte
	for {
		in.n = 0
		t, err := d.Token()
		if err != nil {
			return err
		}
		switch t := t.(type) {
		case xml.StartElement:
			if path = append(path, t.Name.Local); len(path) > maxDepth {
				return fmt.Errorf("attributes more than %d deep", maxDepth)
			}
			text = text[:0]
		case xml.CharData:
			if len(text) <= maxText {
				text = append(text, t...)
			}
		case xml.EndElement:
			if len(path) == 0 {
				return nil
			}
			if o >= 0 && len(path) <= 3 {
				r.attribute(o, strings.Join(path, "."), string(text))
			}
			path, text = path[:len(path)-1], text[:0]
		}
	}
}

// json reads objects by class, or a flat list of them.
func (r *reading) json(ctx context.Context, file io.Reader) error {
	d := jsonrows.New(file)
	for first := true; ; first = false {
		t, err := d.Token()
		if err == io.EOF && !first {
			return nil
		}
		if err != nil {
			return err
		}
		switch t {
		case json.Delim('{'):
			err = r.member(ctx, d, "", -1, 0)
		case json.Delim('['):
			err = d.List(func() error { return r.value(ctx, d, "", -1, 0) })
		default:
			err = fmt.Errorf("found %v, want objects", t)
		}
		if err != nil {
			return err
		}
	}
}

// value reads the objects of a class: one, or a list of them. What is neither is
// read over.
func (r *reading) value(ctx context.Context, d *jsonrows.Decoder, class string, parent int32, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("objects more than %d deep", maxDepth)
	}
	t, err := d.Token()
	switch {
	case err != nil:
		return err
	case t == json.Delim('['):
		return d.List(func() error { return r.value(ctx, d, class, parent, depth+1) })
	case t == json.Delim('{'):
		return r.member(ctx, d, class, parent, depth)
	}
	return nil
}

// member reads an object of a class whose '{' is read. Without a class it is
// what holds objects: the file itself, or one of a flat list.
func (r *reading) member(ctx context.Context, d *jsonrows.Decoder, class string, parent int32, depth int) error {
	o, err := r.open(class, parent)
	if err != nil {
		return err
	}
	if o%4096 == 0 && ctx.Err() != nil {
		return ctx.Err()
	}
	return d.Object(func(name string) error {
		switch name {
		case "id", "objectClass", "objectInstance":
			t, err := d.Token()
			if err != nil {
				return err
			}
			if t == json.Delim('{') || t == json.Delim('[') {
				return fmt.Errorf("%s: found %v, want a text", name, t)
			}
			value := fmt.Sprint(t)
			if t == nil || len(value) > maxText {
				return nil
			}
			switch value = r.b.Intern(value); name {
			case "id":
				r.objects[o].id = value
			case "objectClass":
				r.objects[o].class = value
			default:
				r.objects[o].dn = value
			}
			return nil
		case "attributes":
			return r.jsonAttributes(d, o, "", 0)
		case "VsDataContainer", "vsDataContainer":
			return d.Skip()
		}
		return r.value(ctx, d, name, o, depth+1)
	})
}

// jsonAttributes reads the attributes of an object.
func (r *reading) jsonAttributes(d *jsonrows.Decoder, o int32, path string, depth int) error {
	if err := jsonrows.Deep(depth); err != nil {
		return err
	}
	t, err := d.Token()
	if err != nil {
		return err
	}
	switch t {
	case json.Delim('{'):
		return d.Object(func(name string) error {
			if path != "" {
				name = path + "." + name
			}
			if len(name) > maxText {
				return d.Skip()
			}
			return r.jsonAttributes(d, o, name, depth+1)
		})
	case json.Delim('['):
		return d.List(func() error { return r.jsonAttributes(d, o, path, depth+1) })
	case nil:
		return nil
	}
	r.attribute(o, path, fmt.Sprint(t))
	return nil
}
