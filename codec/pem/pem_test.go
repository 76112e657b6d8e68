package pem

import (
	"bytes"
	stdpem "encoding/pem"
	"strings"
	"testing"
)

func all(string) bool { return true }

func read(s string) (Block, bool) {
	return Read(strings.NewReader(s), int64(strings.Index(s, Begin)), int64(len(s)), all)
}

// One block takes many forms; its bytes are the same in each, of any size.
func TestForms(t *testing.T) {
	for _, n := range []int{1, 2, 3, 47, 48, 49, 1000, 1400, 1530, 1540, 5000, 30000} {
		want := bytes.Repeat([]byte{0xfb, 0xff, 1}, n)[:n]
		s := strings.TrimSpace(string(stdpem.EncodeToMemory(&stdpem.Block{Type: "RSA PRIVATE KEY", Bytes: want})))
		for name, s := range map[string]string{
			"as it is":      s,
			"CR LF":         strings.ReplaceAll(s, "\n", "\r\n"),
			`\n`:            strings.ReplaceAll(s, "\n", `\n`),
			`\r\n`:          strings.ReplaceAll(s, "\n", `\r\n`),
			"JSON slashes":  strings.ReplaceAll(strings.ReplaceAll(s, "/", `\/`), "\n", `\n`),
			"XML":           strings.ReplaceAll(s, "\n", "&#10;"),
			"C":             `"` + strings.ReplaceAll(s, "\n", "\\n\"\n  \"") + `"`,
			"array":         `"` + strings.ReplaceAll(s, "\n", "\",\n  \"") + `"`,
			"one line":      strings.ReplaceAll(s, "\n", " "),
			"string table":  strings.ReplaceAll(s, "\n", "\n\x00\x00\x00\x00\x00\x00"),
			"without lines": strings.ReplaceAll(s, "\n", "\x00"),
		} {
			in := "x = " + s + "\n"
			b, ok := read(in)
			if !ok || b.Label != "RSA PRIVATE KEY" || len(b.Headers) != 0 {
				t.Errorf("%d bytes, %s: %v %+v", n, name, ok, b)
				continue
			}
			if at := strings.Index(in, Begin); !strings.HasSuffix(in[:at+int(b.Size)], "-----END RSA PRIVATE KEY-----") {
				t.Errorf("%d bytes, %s: ends at %d", n, name, b.Size)
			}
			if got, ok := b.Bytes(); !ok || !bytes.Equal(got, want) {
				t.Errorf("%d bytes, %s: %x, want %x", n, name, got, want)
			}
		}
	}
}

func TestHeaders(t *testing.T) {
	b, ok := read("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END RSA PRIVATE KEY-----\n")
	if !ok || len(b.Headers) != 2 || b.Headers[0] != "Proc-Type: 4,ENCRYPTED" || len(b.Lines) != 1 {
		t.Errorf("%v %q", ok, b.Lines)
	}
}

func TestNoBlock(t *testing.T) {
	for _, s := range []string{
		"-----BEGIN ", "-----BEGIN X-----", "-----BEGIN X-----\nAAAA\n-----END Y-----", "-----BEGIN X-----\nAAAA\n-----BEGIN X-----",
		"-----BEGIN X-----\n\x01\n-----END X-----", "-----BEGIN %s-----\n-----END %s-----", "-----BEGIN X-----\n-----END X----",
		"-----BEGIN X-----\n" + strings.Repeat("\x00", 100) + "-----END X-----", "-----BEGIN X-----\n" + strings.Repeat("A", 1<<20),
	} {
		if b, ok := read(s); ok {
			t.Errorf("%.40q: %.40q", s, b.Lines)
		}
	}
	if _, ok := Read(strings.NewReader("-----BEGIN X-----\n-----END X-----"), 0, 34, func(string) bool { return false }); ok {
		t.Error("a label that is not wanted")
	}
}

func Fuzz(f *testing.F) {
	f.Add([]byte("-----BEGIN X Y-----\nA: b\n\nAAAA\\n\"\n-----END X Y-----"))
	f.Fuzz(func(t *testing.T, p []byte) {
		b, ok := Read(bytes.NewReader(p), 0, int64(len(p)), all)
		if ok && (b.Size > int64(len(p)) || b.Size < int64(len(Begin))) {
			t.Fatalf("%d of %d bytes", b.Size, len(p))
		}
		b.Bytes()
	})
}
