package der

import (
	"bytes"
	"encoding/asn1"
	"testing"
)

// A structure of any size is found from where its content begins.
func TestBefore(t *testing.T) {
	for _, n := range []int{0, 1, 2, 3, 100, 123, 124, 125, 126, 127, 128, 250, 251, 252, 253, 254, 255, 256, 300, 30000} {
		want, err := asn1.Marshal([][]byte{make([]byte, n)})
		if err != nil {
			t.Fatal(err)
		}
		var raw asn1.RawValue
		if _, err := asn1.Unmarshal(want, &raw); err != nil {
			t.Fatal(err)
		}
		for _, lead := range []string{"", "x", "0\x82", "four", "and more"} {
			p := append(append([]byte(lead), want...), "behind"...)
			c := int64(len(lead) + len(want) - len(raw.Bytes))
			start, got := Before(bytes.NewReader(p), c)
			if start != int64(len(lead)) || !bytes.Equal(got, want) {
				t.Errorf("%d bytes behind %q: %d bytes at %d", n, lead, len(got), start)
			}
			if _, got := Before(bytes.NewReader(p[:len(lead)+len(want)-1]), c); n > 0 && got != nil {
				t.Errorf("%d bytes, one missing: found", n)
			}
		}
	}
}

func Fuzz(f *testing.F) {
	f.Add([]byte("\x30\x03abc"), int64(2))
	f.Fuzz(func(t *testing.T, p []byte, c int64) {
		if start, d := Before(bytes.NewReader(p), c); d != nil && (start < 0 || start+int64(len(d)) > int64(len(p)) || start >= c) {
			t.Errorf("%d bytes at %d of %d", len(d), start, len(p))
		}
	})
}
