//go:build measure

package cryptolib

import (
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit/checktest"
)

// truths are the files that hold copies, by what their packages are built
// from; every other file holds none. A file that a rule with "" names may be
// reported or not.
var truths = []struct{ base, library, completeness string }{
	{`^libcrypto(-[0-9a-f]{8})?\.so\.(1|3)`, "openssl", "full"},
	{`^libcrypto\.so\.0$`, "boringssl", "full"},
	{`^libmbedcrypto\.so`, "mbedtls", "full"},
	{`^libwolfssl\.so`, "wolfssl", "full"},
	{`^libgcrypt\.so`, "libgcrypt", "full"},
	{`^libnettle\.so`, "nettle", "full"},
	{`^libgnutls\.so`, "gnutls", "full"},
	{`^libsodium\.so`, "libsodium", "full"},
	{`^libtomcrypt\.so`, "libtomcrypt", "full"},
	{`^libbotan-2\.so`, "botan", "full"},
	{`^libcrypto\+\+\.so`, "crypto++", "full"},
	{`^libnss3\.so`, "nss", "full"},
	{`^libbearssl\.so`, "bearssl", "full"},
	// Linked into a program or a module.
	{`^_openssl\.abi3\.so$|^_rust\.abi3\.so$`, "openssl", "partial"},
	{`^cygrpc\.`, "boringssl", "full"},
	{`^gpgv-static$`, "libgcrypt", "full"},
	// bench/cryptolib/static: how much of a library a program gets.
	{`^static-openssl`, "openssl", "partial"},
	{`^static-libgcrypt`, "libgcrypt", "full"},
	{`^static-nettle`, "nettle", "fragment"},
	{`^static-mbedtls`, "mbedtls", "partial"},
	{`^static-mbedtls-aes`, "mbedtls", "fragment"},
	{`^static-libtomcrypt`, "libtomcrypt", "partial"},
	{`^static-libsodium`, "libsodium", "partial"},
	{`^static-wolfssl`, "wolfssl", "full"},
}

// TestMeasure looks at all programs below the folders that the environment
// variable names, separated by colons, and prints what was right and wrong;
// a false copy fails, a missed one is counted.
// Which packages: data/README.md.
func TestMeasure(t *testing.T) {
	folders := os.Getenv("WARDEIN_CRYPTOLIB")
	if folders == "" {
		t.Skip("WARDEIN_CRYPTOLIB names no folder of unpacked packages")
	}
	c := Check("2026-11-22")
	table := map[string]int{}
	programs, size, took := 0, int64(0), time.Duration(0)
	for _, folder := range filepath.SplitList(folders) {
		filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
			if err != nil || !d.Type().IsRegular() {
				return err
			}
			data, err := os.ReadFile(path)
			if err != nil || !strings.HasPrefix(string(data[:min(4, len(data))]), "\x7fELF") {
				return err
			}
			programs++
			size += int64(len(data))
			want, grade := "", ""
			for _, x := range truths {
				if regexp.MustCompile(x.base).MatchString(d.Name()) {
					want, grade = x.library, x.completeness
				}
			}
			b := checktest.Blob(c, data)
			b.Format = "elf"
			hits := make([][]int64, len(c.Literals))
			for i := range hits {
				hits[i] = b.Hits(i)
			}
			b.Hits = func(i int) []int64 { return hits[i] }
			begin := time.Now()
			facts := look(t, c, b)
			took += time.Since(begin)
			found := false
			for _, f := range facts {
				if f.Kind != "copy" {
					continue
				}
				got, is := f.Attr("library"), f.Attr("completeness")
				verdict := "false copy"
				if got == want && is == grade {
					verdict = "right"
				} else if got == want {
					verdict = "right library, " + is + " for " + grade
				}
				found = found || got == want
				table[fmt.Sprintf("%-12s %-9s %s", got, is, verdict)]++
				if verdict != "right" || testing.Verbose() {
					t.Logf("%s: %s %s %s%% by %s, version %q, nearest %q, %q at %d: %s", path, is, got, f.Attr("share"), f.Attr("by"), f.Attr("version"), f.Attr("nearest"), f.Attr("quote"), f.Off, verdict)
				}
				if verdict == "false copy" {
					t.Errorf("%s is said to be %s", path, got)
				}
			}
			if want != "" && !found {
				table[fmt.Sprintf("%-12s %-9s missed", want, grade)]++
				t.Logf("%s is not said to be %s", path, want)
			}
			return nil
		})
	}
	var lines []string
	for k, n := range table {
		lines = append(lines, fmt.Sprintf("%4d %s", n, k))
	}
	sort.Strings(lines)
	t.Logf("%d programs, %d MB, %.0f MB/s in Wants and Node:\n%s", programs, size>>20, float64(size)/1e6/took.Seconds(), strings.Join(lines, "\n"))
}

func look(t testing.TB, c wardein.Check, b wardein.Blob) (facts []wardein.Fact) {
	t.Helper()
	if ok, _ := c.Wants(b); !ok {
		return nil
	}
	if err := c.Node(context.Background(), b, func(f wardein.Fact) { facts = append(facts, f) }); err != nil {
		t.Log(err)
	}
	return facts
}
