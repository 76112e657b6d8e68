package jsonrows

import (
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
)

func TestRows(t *testing.T) {
	d := New(strings.NewReader(`{"skip":[1,{"a":[]}],"rows":[{"n":1},{"n":"x"},{"n":3}]} `))
	if tok, err := d.Token(); tok != json.Delim('{') || err != nil {
		t.Fatal(tok, err)
	}
	var got []int
	var unfit int
	err := d.Object(func(name string) error {
		if name != "rows" {
			return d.Skip()
		}
		if tok, err := d.Token(); tok != json.Delim('[') || err != nil {
			t.Fatal(tok, err)
		}
		return d.List(func() error {
			var v struct{ N int }
			err := d.Decode(&v)
			var u *Unfit
			if errors.As(err, &u) {
				unfit++
				return nil
			}
			got = append(got, v.N)
			return err
		})
	})
	if err != nil || len(got) != 2 || got[1] != 3 || unfit != 1 {
		t.Errorf("%v %v %d", err, got, unfit)
	}
	if _, err := d.Token(); err != io.EOF {
		t.Errorf("behind the end: %v", err)
	}
}

func TestBounds(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want error
	}{
		"deep":  {strings.Repeat("[", MaxDepth+1), errDepth},
		"long":  {`"` + strings.Repeat("x", MaxValue+1<<20), errValue},
		"short": {`[1, `, io.ErrUnexpectedEOF},
	} {
		if err := New(strings.NewReader(c.text)).Skip(); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}
