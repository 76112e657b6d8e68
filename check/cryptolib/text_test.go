package cryptolib

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Texts finds what a plain reading of the bytes finds, also where a text lies
// across two pieces.
func TestTexts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := bytes.Repeat([]byte{1}, piece-rapid.IntRange(0, 200).Draw(t, "before"))
		for range rapid.IntRange(1, 8).Draw(t, "runs") {
			b = append(b, strings.Repeat("x", rapid.IntRange(0, 2*maxText).Draw(t, "run"))...)
			b = append(b, rapid.SampledFrom([]byte{0, 0, 1, '\n'}).Draw(t, "end"))
		}
		var want, got []string
		from := 0
		for i, c := range b {
			if printable(c) {
				continue
			}
			if n := i - from; c == 0 && n >= minText && n <= maxText {
				want = append(want, fmt.Sprint(from, string(b[from:i])))
			}
			from = i + 1
		}
		if err := Texts(context.Background(), bytes.NewReader(b), int64(len(b)), func(off int64, text []byte) {
			got = append(got, fmt.Sprint(off, string(text)))
		}); err != nil {
			t.Fatal(err)
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Fatalf("got %q, want %q", got, want)
		}
	})
}

func TestTrimPath(t *testing.T) {
	for in, want := range map[string]string{
		"../crypto/aes/aes_core.c": "aes/aes_core.c", "/build/x/src/cipher/md.c": "cipher/md.c", "md/sha.c": "md/sha.c", "sha.c": "sha.c",
		"see a/b/c.c": "see a/b/c.c", "a/b/c.h": "a/b/c.h", "//.c": "/.c",
	} {
		if got := string(trimPath([]byte(in))); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// Who bundles a library renames it; a longer name is another library.
func TestCalled(t *testing.T) {
	for soname, want := range map[string]bool{
		"libcrypto.so.1.0.2": true, "libcrypto.so": true, "libcrypto-aa58ed98.so.1.1": true,
		"libcryptopp.so.8": false, "libcryptoki.so": false, "libcrypto-examples.so": false, "libcrypto.sox": false, "": false,
	} {
		if got := known().library("openssl").called(soname); got != want {
			t.Errorf("%q: %v", soname, got)
		}
	}
}
