package canon

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
)

// Raw writes a value that is canonical JSON already.
func (w *Writer) Raw(b []byte) { w.value(); w.B = append(w.B, b...) }

// Of is a value's canonical JSON: that of encoding/json with its fields in
// order. A number that is not an integer below 2^53 is an error.
func Of(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var tree any
	if err := d.Decode(&tree); err != nil {
		return nil, err
	}
	w := &Writer{}
	if err := w.any(tree); err != nil {
		return nil, err
	}
	return w.B, nil
}

func (w *Writer) any(v any) (err error) {
	switch v := v.(type) {
	case nil:
		w.Raw([]byte("null"))
	case bool:
		w.Bool(v)
	case string:
		w.Text(v)
	case json.Number:
		n, err := v.Int64()
		if err != nil || n > 1<<53-1 || n < -(1<<53-1) {
			return fmt.Errorf("number %s is not an integer below 2^53", v)
		}
		w.Int(n)
	case []any:
		w.Array(func() {
			for _, e := range v {
				err = firstError(err, w.any(e))
			}
		})
	case map[string]any:
		w.Object(func() {
			for _, name := range slices.Sorted(maps.Keys(v)) {
				err = firstError(err, w.Field(name).any(v[name]))
			}
		})
	}
	return err
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// Into reads canonical JSON into v, a pointer. It refuses every form but the
// one that Of writes of the value read, so unknown, doubled, missing and
// misspelt fields as well.
func Into(b []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return err
	}
	if _, err := d.Token(); err != io.EOF {
		return fmt.Errorf("more than one value")
	}
	again, err := Of(v)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, b) {
		return fmt.Errorf("not in canonical form: expected %s", excerpt(again, b))
	}
	return nil
}

// excerpt is where want begins to differ from b.
func excerpt(want, b []byte) string {
	n := 0
	for n < len(want) && n < len(b) && want[n] == b[n] {
		n++
	}
	return fmt.Sprintf("%.40q at byte %d", want[n:], n)
}
