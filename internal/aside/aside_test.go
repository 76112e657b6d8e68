package aside

import "testing"

func Test(t *testing.T) {
	for path, want := range map[string]bool{
		"": false, "doc": false, "fw/usr/share/doc/tls/a.pem": true, "fw/tests/a": true, "doc/a": true,
		"fw/etc/docs.conf": false, "fw/etc/ssl/example.key": false, "fw/mydoc/a": false,
	} {
		if Is(path) != want {
			t.Errorf("%q: %v", path, !want)
		}
	}
}
