package squashfs

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
)

// TestCorpus reads the shared corpus. The fourteen small images hold the same
// three files.
func TestCorpus(t *testing.T) {
	want := map[string]string{
		"testfile1": "d558c9339cb96734", "testfile2": "faa11db49f32a90b", "generic folder/test file 3_.txt": "289b5a050a83837f",
	}
	for _, name := range strings.Fields("avm_be.sqfs4 avm_le.sqfs4 gzip.sqfs lz4.sqfs lzma.sqfs lzma1_be.sqfs3 lzma1_le.sqfs3 lzma_be.sqfs2 lzma_le.sqfs2 lzo.sqfs xz.sqfs zlib_be.sqfs3 zlib_le.sqfs3 zstd.sqfs") {
		t.Run(name, func(t *testing.T) {
			res := read(t, testkit.Corpus(t, "fact_extractor/squashFS__"+name))
			perfect(t, res)
			if res.Claim.End >= 4096 {
				t.Errorf("claim end %d holds the padding", res.Claim.End)
			}
			text := res.String()
			for name, sum := range want {
				if res.Find(name) == nil || !strings.Contains(text, sum) {
					t.Errorf("%q not as expected in\n%s", name, text)
				}
			}
		})
	}
	t.Run("binwalk", func(t *testing.T) {
		img := testkit.Corpus(t, "binwalk-v3-inputs/squashfs.bin")
		res := read(t, img)
		perfect(t, res)
		sameContent(t, img, res)
	})
}

// TestCorpusVendor reads a router's volume of version 2.0: big endian, zlib
// metadata, LZMA data without a size. No reference tool reads the data, 7z
// lists the names and sizes.
func TestCorpusVendor(t *testing.T) {
	img := testkit.Corpus(t, "binwalk-v3-inputs/squashfs_v2.bin")
	res := read(t, img)
	for _, m := range res.Members {
		if m.Err != nil {
			t.Errorf("%q: %v", m.Name, m.Err)
		}
		if strings.HasSuffix(m.Name, ".gif") && !bytes.HasPrefix(m.Data, []byte("GIF8")) {
			t.Errorf("%q begins with %q", m.Name, m.Data[:min(8, len(m.Data))])
		}
	}
	if len(res.Gaps) > 0 {
		t.Error(res.Gaps)
	}
	list, _ := exec.Command(testkit.Tool(t, "7z"), "l", "-slt", img).Output()
	sizes := map[string]string{}
	var path string
	for _, line := range strings.Split(string(list), "\n") {
		if p, ok := strings.CutPrefix(line, "Path = "); ok {
			path = p
		} else if s, ok := strings.CutPrefix(line, "Size = "); ok {
			sizes[path] = s
		}
	}
	files := 0
	for _, m := range res.Members {
		if m.Kind == wardein.File {
			files++
			if sizes[m.Name] == "" {
				t.Errorf("%q: 7z does not list it", m.Name)
			}
		}
	}
	if bb := res.Find("bin/busybox"); bb == nil || !bytes.HasPrefix(bb.Data, []byte("\x7fELF")) {
		t.Error("bin/busybox is no ELF file")
	}
}

// TestCorpusOpenWrt cuts the volume out of a firmware image.
func TestCorpusOpenWrt(t *testing.T) {
	data, err := os.ReadFile(testkit.Corpus(t, "openwrt/openwrt-18.06.9-ar71xx-tiny-tl-wr740n-v5-squashfs-sysupgrade.bin"))
	must(t, err)
	at := bytes.Index(data, []byte("hsqs"))
	img := filepath.Join(t.TempDir(), "img")
	must(t, os.WriteFile(img, data[at:], 0o644))
	res := read(t, img)
	perfect(t, res)
	sameListing(t, img, res)
	sameContent(t, img, res)
}
