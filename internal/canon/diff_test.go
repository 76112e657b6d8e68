package canon

import "testing"

func TestDiff(t *testing.T) {
	for _, c := range []struct{ a, b, at, va, vb string }{
		{`{"a":1}`, `{"a":1}`, "same", "", ""},
		{`{"a":1}`, ` { "a" : 1 } `, "same", "", ""},
		{`{"a":1,"b":2}`, `{"a":1,"b":3}`, "/b", "2", "3"},
		{`{"a":1}`, `{"a":1,"b":3}`, "/b", "", "3"},
		{`{"b":1}`, `{"a":3}`, "/a", "", "3"},
		{`{"a":[1,2,{"c":"x"}]}`, `{"a":[1,2,{"c":"y"}]}`, "/a/2/c", `"x"`, `"y"`},
		{`{"a":[1,2]}`, `{"a":[1]}`, "/a/1", "2", ""},
		{`{"a/b":1,"m~n":2}`, `{"a/b":1,"m~n":3}`, "/m~0n", "2", "3"},
		{`{"a/b":1}`, `{"a/b":[]}`, "/a~1b", "1", "[]"},
		{`[]`, `{}`, "", "[]", "{}"},
	} {
		at, va, vb, differ, err := Diff([]byte(c.a), []byte(c.b))
		if err != nil {
			t.Fatal(err)
		}
		if !differ {
			at = "same"
		}
		if at != c.at || string(va) != c.va || string(vb) != c.vb {
			t.Errorf("Diff(%s, %s) = %q %s %s, expected %q %s %s", c.a, c.b, at, va, vb, c.at, c.va, c.vb)
		}
	}
	if _, _, _, _, err := Diff([]byte(`{"a":`), []byte(`{"a":1}`)); err == nil {
		t.Error("a cut text is no error")
	}
}
