package ident

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wardein/wardein/internal/testkit"
)

// corpus reads a file of the shared corpus, decompressed where its name says so.
func corpus(t testing.TB, name string) []byte {
	t.Helper()
	path := testkit.Corpus(t, name)
	if strings.HasSuffix(name, ".xz") {
		data, err := exec.Command(testkit.Tool(t, "xz"), "-dc", path).Output()
		if err != nil {
			t.Fatalf("xz %s: %v", name, err)
		}
		return data
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestCorpus(t *testing.T) {
	for _, c := range []struct {
		file, format string
		short        int64 // bytes behind the claim
	}{
		{"fact_extractor/sevenz__test.arj", "arj", 0},
		{"fact_extractor/sevenz__test.rar", "rar5", 0},
		{"fact_extractor/sevenz__test.xar", "xar", 0},
		{"fact_extractor/patool__test.arc", "arc", 0},
		{"fact_extractor/patool__test.lha", "lha", 0},
		{"fact_extractor/patool__test.lrz", "lrzip", 0},
		{"fact_extractor/patool__test.rz", "rzip", 0},
		{"fact_extractor/patool__test.zoo", "zoo", 0},
		{"fact_extractor/patool__test.zpaq", "zpaq", 0},
		{"binwalk-v3-inputs/qcow.bin", "qcow", 0},
		{"fact_extractor/generic_fs__btrfs.img.xz", "btrfs", 0},
		{"fact_extractor/generic_fs__f2fs.img.xz", "f2fs", 0},
		{"fact_extractor/generic_fs__jfs.img.xz", "jfs", 0},
		{"fact_extractor/generic_fs__reiserfs.img.xz", "reiserfs", 0},
		{"fact_extractor/generic_fs__udf.img.xz", "udf", 0},
		{"fact_extractor/generic_fs__xfs.img.xz", "xfs", 512},
		{"fact_extractor/sevenz__hfs.img.xz", "hfs+", 0},
		{"fact_extractor/sevenz__ntfs.img.xz", "ntfs", 0},
	} {
		data := corpus(t, c.file)
		f, claim, err := testkit.Which(Formats, testkit.Section(data))
		if f == nil || f.Name != c.format || err != nil || claim.End != int64(len(data))-c.short {
			t.Errorf("%s: %+v, %v; want %s, %d of %d bytes", c.file, claim, err, c.format, int64(len(data))-c.short, len(data))
		}
	}
}

// TestTools compares the end with the size of what the reference tools write.
func TestTools(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "in"), bytes.Repeat([]byte("some text\n"), 1000), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		format, out, tool string
		args              []string
	}{
		{"wim", "a.wim", "7z", []string{"a", "-twim", "a.wim", "in"}},
		{"openssl-enc", "a.enc", "openssl", []string{"enc", "-aes-256-cbc", "-pbkdf2", "-pass", "pass:example", "-in", "in", "-out", "a.enc"}},
	} {
		cmd := exec.Command(testkit.Tool(t, c.tool), c.args...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s %q: %v: %s", c.tool, c.args, err, out)
		}
		data, err := os.ReadFile(filepath.Join(dir, c.out))
		if err != nil {
			t.Fatal(err)
		}
		f, claim, err := testkit.Which(Formats, testkit.Section(append(data, make([]byte, 100*min(1, len(c.format)%2))...)))
		if f == nil || f.Name != c.format || err != nil || c.format != "openssl-enc" && claim.End != int64(len(data)) {
			t.Errorf("%s: %+v, %v; want %s of %d bytes", c.out, claim, err, c.format, len(data))
		}
	}
}

// BenchmarkReject measures what a chance hit costs.
func BenchmarkReject(b *testing.B) {
	data := append([]byte("xar!\x00\x1c\x00\x01"), bytes.Repeat([]byte{7}, 4096)...)
	r := testkit.Section(data)
	b.ReportAllocs()
	for b.Loop() {
		for i := range Formats {
			if Formats[i].Name == "xar" {
				Formats[i].Measure(r)
			}
		}
	}
}
