package canon

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// Any bytes survive Escape and Unescape, and the escaped form is UTF-8.
func TestEscape(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := string(rapid.SliceOf(rapid.Byte()).Draw(t, "bytes"))
		e := Escape(s)
		if !utf8.ValidString(e) {
			t.Fatalf("%q is not UTF-8", e)
		}
		if back, err := Unescape(e); err != nil || back != s {
			t.Fatalf("%q → %q → %q, %v", s, e, back, err)
		}
	})
}

// What the writer writes is what encoding/json reads.
func TestString(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.String().Draw(t, "text")
		var w Writer
		w.Text(s)
		var got string
		if err := json.Unmarshal(w.B, &got); err != nil || got != s {
			t.Fatalf("%q → %s → %q, %v", s, w.B, got, err)
		}
	})
}

// The examples of RFC 8785, section 3.2.2 that the subset covers.
func TestRFC8785(t *testing.T) {
	var w Writer
	w.Object(func() {
		w.Field("literals").Array(func() { w.Bool(true); w.Bool(false) })
		w.Field("numbers").Array(func() { w.Int(0); w.Int(-1); w.Int(1<<53 - 1); w.Big(1 << 62) })
		w.Field("string").Text("€$\x0f\nA'B\"\\\\\"/")
	})
	want := `{"literals":[true,false],"numbers":[0,-1,9007199254740991,"4611686018427387904"],"string":"€$\u000f\nA'B\"\\\\\"/"}`
	if string(w.B) != want {
		t.Errorf("got  %s\nwant %s", w.B, want)
	}
}

func TestFieldOrder(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("fields out of order were accepted")
		}
	}()
	var w Writer
	w.Object(func() { w.Field("b").Int(1); w.Field("a").Int(1) })
}
