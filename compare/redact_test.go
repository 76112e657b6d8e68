package compare

import "testing"

func TestHideForms(t *testing.T) {
	for _, c := range [][2]string{
		{"root:$1$abcdefgh$0123456789abcdefghijkl:0:0\n", "root:‹hash›:0:0\n"},
		{"root:ab01FAX.bQRSU:0:0:", "root:‹hash›:0:0:"},
		{"\toption key 'correct horse'\n", "\toption key '‹secret›'\n"},
		{"PasswordAuthentication yes\n", "PasswordAuthentication yes\n"},
		{"password required pam_unix.so", "password required pam_unix.so"},
		{`"password": "hunter22",`, `"password": "‹secret›",`},
		{"password='it never ends, and", "password='‹secret›'"},
		{"wpa_psk=0123456789", "wpa_psk=‹secret›"},
		{"rocommunity public", "rocommunity ‹secret›"},
		{"echo $PASSWORD $TOKEN", "echo $PASSWORD $TOKEN"},
		{"PASSWORD=$1", "PASSWORD=$1"},
		{"MIIEpAIBAAKCAQEAu1SU1LfVLPHCozMxH2Mo4lgOEePzNm0tRgeLezV6ffAt0gunVTLw7onLRnrq0/IzW7yWR7QkrmBL7jTKEn5u\n", "‹100 characters of base64›\n"},
		{"0123456789abcdef0123456789abcdef0123456789abcdef\n", "0123456789abcdef0123456789abcdef0123456789abcdef\n"},
	} {
		if got := hideForms(c[0]); got != c[1] {
			t.Errorf("%q: %q, want %q", c[0], got, c[1])
		}
	}
}

func TestHide(t *testing.T) {
	s := []run{{4, 6}, {20, 3}}
	for _, c := range []struct {
		piece string
		off   int64
		want  string
	}{
		{"key=abcdef;\n", 0, "key=‹secret, 6 bytes›;\n"},
		{"def;\n", 7, "‹secret, 3 bytes›;\n"},
		{"nothing", 12, "nothing"},
		{"x", 20, "‹secret, 1 byte›"},
		{"x", 23, "x"},
	} {
		if got := hide(s, c.piece, c.off); got != c.want {
			t.Errorf("%q at %d: %q, want %q", c.piece, c.off, got, c.want)
		}
	}
}
