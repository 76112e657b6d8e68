package canon

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

type shape struct {
	B    bool            `json:"b"`
	List []shape         `json:"list"`
	N    int64           `json:"n"`
	Raw  json.RawMessage `json:"raw"`
	Text string          `json:"text"`
}

// What Of writes, Into reads; written again it is the same bytes.
func TestOf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		one := func() shape {
			return shape{
				B:    rapid.Bool().Draw(t, "b"),
				List: []shape{},
				N:    rapid.Int64Range(-(1<<53-1), 1<<53-1).Draw(t, "n"),
				Raw:  json.RawMessage(rapid.SampledFrom([]string{"null", "[]", "{}", `{"a":[1,"<&>\u0000",true]}`, `"é\ud83d\ude00"`, "-5"}).Draw(t, "raw")),
				Text: rapid.String().Draw(t, "text"),
			}
		}
		v := one()
		for range rapid.IntRange(0, 3).Draw(t, "list") {
			v.List = append(v.List, one())
		}
		b, err := Of(v)
		if err != nil {
			t.Fatal(err)
		}
		var back shape
		if err := Into(b, &back); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		again, err := Of(back)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%s → %s, %v", b, again, err)
		}
		if raw, err := Of(json.RawMessage(b)); err != nil || !bytes.Equal(raw, b) {
			t.Fatalf("%s → %s, %v", b, raw, err)
		}
	})
}

func TestOfOrder(t *testing.T) {
	v := map[string]any{"z": 1, "a": map[string]any{"<": "<>&\u2028", "B": nil}, "Z": []int{}, "é": "\x7f\x1f"}
	want := `{"Z":[],"a":{"<":"<>&` + "\u2028" + `","B":null},"z":1,"é":"` + "\x7f" + `\u001f"}`
	if b, err := Of(v); err != nil || string(b) != want {
		t.Errorf("%s, %v\nwant %s", b, err, want)
	}
	for _, bad := range []any{1.5, float64(1 << 60), int64(1) << 53, uint64(1) << 63, map[string]any{"a": []any{0.1}}, func() {}} {
		if b, err := Of(bad); err == nil {
			t.Errorf("%v was written as %s", bad, b)
		}
	}
}

// Any form but the one that Of writes is refused.
func TestInto(t *testing.T) {
	const good = `{"b":true,"list":[],"n":7,"raw":{"x":1},"text":"a\"b"}`
	var v shape
	if err := Into([]byte(good), &v); err != nil || v.N != 7 || v.Text != `a"b` || string(v.Raw) != `{"x":1}` {
		t.Fatalf("%+v, %v", v, err)
	}
	for _, change := range [][2]string{
		{`{"b"`, ` {"b"`}, {`"}`, "\"}\n"}, {`"}`, `"}{}`}, {`"b":true,`, `"b": true,`},
		{`"b":true,"list":[],`, `"list":[],"b":true,`}, {`"b":true,`, `"b":true,"b":true,`}, {`"b":true,`, `"b":false,"b":true,`},
		{`"b":true,`, ``}, {`"b":`, `"B":`}, {`"text"`, `"unknown"`}, {`"b":true`, `"a":1,"b":true`}, {`7`, `7.0`}, {`7`, `07`}, {`7`, `7e0`}, {`7`, `"7"`},
		{`7`, `9007199254740992`}, {`{"x":1}`, `{"x": 1}`}, {`{"x":1}`, `{"y":2,"x":1}`}, {`{"x":1}`, `{"x":1.0}`}, {`a\"b`, `\u0061\"b`}, {`a\"b`, `a\u0022b`}, {`a\"b`, "a\xffb"},
		{`a\"b`, `\ud800`}, {`a\"b`, `\/`}, {`a\"b`, "\t"}, {`[]`, `null`}, {`true`, `null`},
	} {
		b := strings.Replace(good, change[0], change[1], 1)
		if b == good {
			t.Fatalf("%q changes nothing", change)
		}
		var v shape
		if err := Into([]byte(b), &v); err == nil && change[1] != `null` {
			t.Errorf("accepted: %s", b)
		} else if change[1] == `null` && change[0] == `true` && err == nil {
			t.Errorf("accepted: %s", b)
		}
	}
	for _, b := range []string{"", "null", "[]", "7", strings.Repeat("[", 100_000)} {
		var v shape
		if err := Into([]byte(b), &v); err == nil {
			t.Errorf("accepted: %.20s", b)
		}
	}
}

// A text that Into reads is the only one of its value.
func FuzzInto(f *testing.F) {
	f.Add([]byte(`{"b":true,"list":[],"n":7,"raw":{"x":1},"text":"a\"b"}`))
	f.Add([]byte(`{"b":false,"list":[{"b":true,"list":[],"n":0,"raw":null,"text":""}],"n":-1,"raw":"é","text":"\u0000"}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		var v shape
		if Into(b, &v) != nil {
			return
		}
		again, err := Of(v)
		if err != nil || !bytes.Equal(again, b) {
			t.Fatalf("%s → %s, %v", b, again, err)
		}
	})
}
