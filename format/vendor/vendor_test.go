package vendor

import (
	"bytes"
	"io"
	"os"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
)

func sectionOf(data []byte) *io.SectionReader {
	return io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data)))
}

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
