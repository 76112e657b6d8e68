package vendor

import (
	"bytes"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
)

func read(t testing.TB, corpus string) []byte {
	t.Helper()
	data, err := os.ReadFile(testkit.Corpus(t, corpus))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestOpenwrtFactory(t *testing.T) {
	data := read(t, "openwrt/openwrt-18.06.9-ar71xx-tiny-tl-wr740n-v5-squashfs-factory.bin")
	res := testkit.Run(one, data, 16<<20)
	if res.Err != nil || res.Claim.Confidence != wardein.Certain || res.End != int64(len(data)) || len(res.Gaps) != 0 {
		t.Fatal(res)
	}
	rootfs := res.Find("rootfs")
	if rootfs == nil || string(rootfs.Data[:4]) != "hsqs" {
		t.Fatal(res)
	}
}

func BenchmarkTPLink(b *testing.B) {
	data := read(b, "openwrt/openwrt-18.06.9-ar71xx-tiny-tl-wr740n-v5-squashfs-factory.bin")
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		testkit.Run(one, data, 16<<20)
	}
}

// TestCorpus opens what the shared corpus has of these formats: the claim
// covers the file, the members are there.
func TestCorpus(t *testing.T) {
	for _, c := range []struct {
		file, format string
		members      []string
		gaps         int
	}{
		{"binwalk-v3-inputs/matter_ota.bin", "matter-ota", []string{"payload"}, 0},
		{"binwalk-v3-inputs/arcadyan.bin", "arcadyan", []string{"image.lzma"}, 0},
		{"fact_extractor/ambarella__ambarella_rom.fs", "ambarella-romfs", []string{
			"SuperViewWarpTable_1440p3024_h.bin", "SuperViewWarpTable_1440p3024_v.bin", "SuperViewWarpTable_4kp30_h.bin", "SuperViewWarpTable_4kp30_v.bin"}, 0},
		{"fact_extractor/broadcom__broadcom-sao.bin", "broadcom-sao", []string{"META", "DTBB", "KRNL", "RTFS"}, 0},
		{"fact_extractor/maxlinear__maxlinear-uimage-v2.bin", "maxlinear-uimage-2", []string{"atomkernel", "atomrootfs", "armkernel", "armrootfs"}, 0},
		{"openwrt/openwrt-18.06.9-ar71xx-tiny-tl-wr740n-v5-squashfs-sysupgrade.bin", "tplink-v1", []string{"kernel", "rootfs"}, 0},
	} {
		data := read(t, c.file)
		f, claim, err := testkit.Which(Formats, testkit.Section(data))
		if f == nil || f.Name != c.format || err != nil {
			t.Errorf("%s: %+v, %v", c.file, claim, err)
			continue
		}
		res := testkit.Run(one, data, 16<<20)
		var names []string
		for _, m := range res.Members {
			names = append(names, m.Name)
		}
		if !slices.Equal(names, c.members) || res.Err != nil || len(res.Gaps) != c.gaps {
			t.Errorf("%s: members %q, gaps %v, error %v", c.file, names, res.Gaps, res.Err)
		}
		t.Logf("%s: %s %s, %d of %d bytes", c.file, claim.Confidence, claim.Evidence, claim.End, len(data))
	}
}

// TestArcadyanDecodes checks the put-together stream with the reference decoder.
func TestArcadyanDecodes(t *testing.T) {
	xz := testkit.Tool(t, "xz")
	for _, s := range testkit.Samples(t) {
		for _, m := range testkit.Run(one, s.Data, 1<<20).Members {
			if !strings.HasSuffix(m.Name, ".lzma") {
				continue
			}
			cmd := exec.Command(xz, "-dc", "--format=lzma")
			cmd.Stdin = bytes.NewReader(m.Data)
			if out, err := cmd.Output(); err != nil || len(out) < 300 {
				t.Errorf("%s: xz: %v, %d bytes", s.Name, err, len(out))
			}
		}
	}
}
