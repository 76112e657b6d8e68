// Package jsonrows reads large JSON files piece by piece, with bounds: no value
// is held whole but those that are asked for.
package jsonrows

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Bounds on what a file can ask for.
const (
	MaxFile  = 4 << 30  // bytes of a file
	MaxValue = 16 << 20 // bytes of one value that is held whole, and of one text
	MaxDepth = 200      // of lists and objects in each other
)

// Decoder reads a file.
type Decoder struct {
	d *json.Decoder
	r *bounded
}

// bounded ends a file whose next value is too long.
type bounded struct {
	r     io.Reader
	value int64 // bytes since the last value
	all   int64
	err   error // of reading, not the end
}

var (
	errValue = fmt.Errorf("a value of more than %d MiB", MaxValue>>20)
	errFile  = fmt.Errorf("more than %d GiB", MaxFile>>30)
	errDepth = fmt.Errorf("lists and objects more than %d deep", MaxDepth)
)

func (b *bounded) Read(p []byte) (int, error) {
	switch {
	case b.value > MaxValue:
		return 0, errValue
	case b.all > MaxFile:
		return 0, errFile
	}
	n, err := b.r.Read(p)
	b.value += int64(n)
	b.all += int64(n)
	if err != nil && err != io.EOF {
		b.err = err
	}
	return n, err
}

// New makes a decoder.
func New(r io.Reader) *Decoder {
	b := &bounded{r: r}
	d := json.NewDecoder(b)
	d.UseNumber()
	return &Decoder{d, b}
}

// Token is the next token; numbers are json.Number. io.EOF ends the file.
func (d *Decoder) Token() (json.Token, error) {
	d.r.value = 0
	return d.d.Token()
}

// Decode reads the next value whole.
func (d *Decoder) Decode(v any) error {
	d.r.value = 0
	err := d.d.Decode(v)
	var bad *json.SyntaxError
	switch {
	case err == nil || err == io.EOF || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, errValue) || errors.Is(err, errFile) || errors.As(err, &bad):
		return ended(err)
	case d.r.err != nil:
		return d.r.err
	}
	return &Unfit{err} // the value was read to its end
}

// Unfit is a value of another form than Decode was asked for. What stands
// behind it can still be read.
type Unfit struct{ Err error }

func (u *Unfit) Error() string { return u.Err.Error() }
func (u *Unfit) Unwrap() error { return u.Err }

// List reads the elements of a list, whose '[' is read already, each by a call.
func (d *Decoder) List(each func() error) error {
	for d.d.More() {
		if err := each(); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return ended(err)
}

// Object reads the members of an object, whose '{' is read already, each by a
// call that reads its value.
func (d *Decoder) Object(each func(name string) error) error {
	for d.d.More() {
		t, err := d.Token()
		if err != nil {
			return ended(err)
		}
		name, _ := t.(string)
		if err := each(name); err != nil {
			return err
		}
	}
	_, err := d.Token()
	return ended(err)
}

// Skip reads over the next value.
func (d *Decoder) Skip() error {
	for depth := 0; ; {
		t, err := d.Token()
		if err != nil {
			return ended(err)
		}
		switch t {
		case json.Delim('['), json.Delim('{'):
			if depth++; depth > MaxDepth {
				return errDepth
			}
		case json.Delim(']'), json.Delim('}'):
			depth--
		}
		if depth <= 0 {
			return nil
		}
	}
}

// Deep is an error where depth is more than MaxDepth, for who follows lists and
// objects himself.
func Deep(depth int) error {
	if depth > MaxDepth {
		return errDepth
	}
	return nil
}

// ended is an error inside a value: the file must not end there.
func ended(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}
