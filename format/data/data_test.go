package data

import (
	"bytes"
	"image"
	"image/color"
	stdgif "image/gif"
	stdjpeg "image/jpeg"
	stdpng "image/png"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
)

// ends fails unless data is claimed by the format up to its last byte, alone
// and with bytes behind it.
func ends(t *testing.T, format, what string, data []byte) {
	t.Helper()
	for _, tail := range []string{"", "\x00\x00 behind it"} {
		f, claim, err := testkit.Which(Formats, testkit.Section(append(data[:len(data):len(data)], tail...)))
		if f == nil || f.Name != format || err != nil || claim.End != int64(len(data)) {
			t.Errorf("%s: %+v, %v; want %s of %d bytes", what, claim, err, format, len(data))
		}
	}
}

// TestPictures walks what the standard library writes.
func TestPictures(t *testing.T) {
	m := image.NewPaletted(image.Rect(0, 0, 67, 45), color.Palette{color.Black, color.White, color.Gray{77}})
	for i := range m.Pix {
		m.Pix[i] = uint8(i*i) % 3
	}
	var b bytes.Buffer
	if err := stdpng.Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	ends(t, "png", "image/png", b.Bytes())
	b.Reset()
	if err := stdjpeg.Encode(&b, m, nil); err != nil {
		t.Fatal(err)
	}
	ends(t, "jpeg", "image/jpeg", b.Bytes())
	b.Reset()
	if err := stdgif.EncodeAll(&b, &stdgif.GIF{Image: []*image.Paletted{m, m}, Delay: []int{1, 2}}); err != nil {
		t.Fatal(err)
	}
	ends(t, "gif", "image/gif", b.Bytes())
}

// TestInstalled walks files that the system's packages carry: their end is the
// file's end.
func TestInstalled(t *testing.T) {
	for _, c := range []struct{ format, glob string }{
		{"tzif", "/usr/share/zoneinfo/*/*"},
		{"terminfo", "/lib/terminfo/*/*"},
		{"terminfo", "/usr/share/terminfo/*/*"},
		{"mo", "/usr/share/locale/*/LC_MESSAGES/*.mo"},
		{"mo", "/usr/share/vim/*/lang/*/LC_MESSAGES/*.mo"},
		{"sfnt", "/usr/share/fonts/*/*/*.ttf"},
		{"icc", "/usr/share/color/icc/*/*.icc"},
		{"png", "/usr/share/pixmaps/*.png"},
		{"class", "/usr/share/*/*.class"},
	} {
		paths, _ := filepath.Glob(c.glob)
		n := 0
		for _, p := range paths {
			data, err := os.ReadFile(p)
			if err != nil || len(data) == 0 || c.format == "tzif" && string(data[:4]) != "TZif" {
				continue
			}
			n++
			f, claim, err := testkit.Which(Formats, testkit.Section(data))
			if f == nil || f.Name != c.format || err != nil || claim.End != int64(len(data)) {
				t.Errorf("%s: %+v, %v; want %d bytes", p, claim, err, len(data))
			}
		}
		t.Logf("%s: %d files of %s", c.format, n, c.glob)
	}
}

// TestSQLite compares with the database that the reference tool writes.
func TestSQLite(t *testing.T) {
	tool := testkit.Tool(t, "sqlite3")
	db := filepath.Join(t.TempDir(), "ex.db")
	if out, err := exec.Command(tool, db, "create table t(a); insert into t values('x');").CombinedOutput(); err != nil {
		t.Fatalf("sqlite3: %v: %s", err, out)
	}
	data, err := os.ReadFile(db)
	if err != nil {
		t.Fatal(err)
	}
	ends(t, "sqlite", "sqlite3", data)
}

// TestDER walks what openssl writes in each kind.
func TestDER(t *testing.T) {
	tool := testkit.Tool(t, "openssl")
	dir := t.TempDir()
	run := func(args ...string) {
		t.Helper()
		cmd := exec.Command(tool, args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("openssl %q: %v: %s", args, err, out)
		}
	}
	run("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=ap.example", "-keyout", "key.pem", "-out", "cert.pem")
	run("x509", "-in", "cert.pem", "-outform", "DER", "-out", "certificate")
	run("pkcs8", "-topk8", "-nocrypt", "-in", "key.pem", "-outform", "DER", "-out", "pkcs8 private key")
	run("pkcs8", "-topk8", "-passout", "pass:example", "-in", "key.pem", "-outform", "DER", "-out", "pkcs8 encrypted private key")
	run("rsa", "-traditional", "-in", "key.pem", "-outform", "DER", "-out", "rsa private key")
	run("rsa", "-in", "key.pem", "-pubout", "-outform", "DER", "-out", "public key")
	run("req", "-new", "-key", "key.pem", "-subj", "/CN=ap.example", "-outform", "DER", "-out", "certificate request")
	run("pkcs12", "-export", "-in", "cert.pem", "-inkey", "key.pem", "-passout", "pass:example", "-out", "pkcs12")
	run("crl2pkcs7", "-nocrl", "-certfile", "cert.pem", "-outform", "DER", "-out", "pkcs7 signed data")
	run("ecparam", "-name", "prime256v1", "-genkey", "-noout", "-outform", "DER", "-out", "ec private key")
	files, _ := filepath.Glob(filepath.Join(dir, "*"))
	for _, p := range files {
		kind := filepath.Base(p)
		if filepath.Ext(p) == ".pem" {
			continue
		}
		data, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		ends(t, "der", kind, data)
		res := testkit.Run(one, data, 1<<20)
		if len(res.Notes) == 0 || res.Notes[0].Value != kind {
			t.Errorf("%s: notes %v", kind, res.Notes)
		}
	}
}

func TestCorpus(t *testing.T) {
	for _, c := range []struct {
		file, format string
		end          int64 // 0: the file's
		damaged      bool
	}{
		{"binwalk-v3-inputs/jpeg.bin", "jpeg", 89022, false}, // a second picture stands behind it
		{"binwalk-v3-inputs/pdf.bin", "pdf", 0, false},
		{"binwalk-v3-inputs/png_malformed.bin", "png", 0, true}, // ends without IEND
		{"binwalk-v3-inputs/riff.bin", "riff", 30320, false},    // a WebP and two bytes
		{"fact_extractor/maxlinear__maxlinear-puma-8-vendor-image.bin", "der", 0xb7b, false},
	} {
		data, err := os.ReadFile(testkit.Corpus(t, c.file))
		if err != nil {
			t.Fatal(err)
		}
		if c.end == 0 {
			c.end = int64(len(data))
		}
		f, claim, err := testkit.Which(Formats, testkit.Section(data))
		if f == nil || f.Name != c.format || claim.End != c.end || (err != nil) != c.damaged {
			t.Errorf("%s: %+v, %v; want %s up to %d of %d", c.file, claim, err, c.format, c.end, len(data))
			continue
		}
		t.Logf("%s: %s, %v; %v", c.file, f.Name, testkit.Run(*f, data, 1<<20).Notes, claim)
	}
}

func BenchmarkJPEG(b *testing.B) { benchmark(b, "binwalk-v3-inputs/jpeg.bin") }
func BenchmarkRIFF(b *testing.B) { benchmark(b, "binwalk-v3-inputs/riff.bin") }

func BenchmarkPNG(b *testing.B) {
	m := image.NewGray(image.Rect(0, 0, 1000, 1000))
	for i := range m.Pix {
		m.Pix[i] = uint8(i * i >> 3)
	}
	var buf bytes.Buffer
	if err := stdpng.Encode(&buf, m); err != nil {
		b.Fatal(err)
	}
	measure(b, buf.Bytes())
}

func benchmark(b *testing.B, corpus string) {
	data, err := os.ReadFile(testkit.Corpus(b, corpus))
	if err != nil {
		b.Fatal(err)
	}
	measure(b, data)
}

func measure(b *testing.B, data []byte) {
	r := testkit.Section(data)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if f, claim, _ := testkit.Which(Formats, r); f == nil || claim.Confidence < wardein.Likely {
			b.Fatal("is not recognised")
		}
	}
}

// countingReader counts what is read of it.
type countingReader struct {
	*bytes.Reader
	n int64
}

func (c *countingReader) ReadAt(p []byte, off int64) (int, error) {
	n, err := c.Reader.ReadAt(p, off)
	c.n += int64(n)
	return n, err
}

// However many streams a document has, it is read a few times.
func TestPDFStreams(t *testing.T) {
	for _, body := range []string{">>stream\nxyendstream ", "stream", ">>stream\n", ">>stream\nendstream"} {
		data := []byte("%PDF-1.4\n" + strings.Repeat(body, 2<<20/len(body)) + "\n%%EOF\n")
		r := &countingReader{Reader: bytes.NewReader(data)}
		f := newFile(io.NewSectionReader(r, 0, int64(len(data))))
		out := &spans{}
		pdfInside(f, int64(len(data)), out)
		var pos int64
		for _, s := range out.list {
			if s.Off != pos || s.Len <= 0 {
				t.Fatalf("%q: span at %d+%d, want one at %d", body, s.Off, s.Len, pos)
			}
			pos += s.Len
		}
		if pos != int64(len(data)) || r.n > 6*int64(len(data)) {
			t.Errorf("%q: spans end at %d of %d, %d bytes were read", body, pos, len(data), r.n)
		}
	}
}

// spans takes spans and gaps.
type spans struct {
	wardein.Members
	list []wardein.Span
}

func (s *spans) Span(x wardein.Span) {
	if x.Len > 0 {
		s.list = append(s.list, x)
	}
}
func (s *spans) Gap(wardein.Gap) {}
