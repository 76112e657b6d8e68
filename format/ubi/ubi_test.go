package ubi

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
	"github.com/wardein/wardein/internal/testkit/srctree"
)

func TestGolden(t *testing.T) { testkit.Golden(t, Format) }
func TestDamage(t *testing.T) { testkit.Damage(t, Format) }
func Fuzz(f *testing.F)       { testkit.Fuzz(f, Format) }

func random(n int, seed int64) []byte {
	b := make([]byte, n)
	rand.New(rand.NewSource(seed)).Read(b)
	return b
}

// ubinize builds an image with a dynamic volume "rootfs", a static volume
// "kernel" and an empty dynamic volume "data".
func ubinize(t testing.TB, rootfs, kernel []byte, args ...string) []byte {
	t.Helper()
	tool := testkit.Tool(t, "ubinize")
	dir := t.TempDir()
	write := func(name string, b []byte) string {
		p := filepath.Join(dir, name)
		if err := os.WriteFile(p, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return p
	}
	ini := fmt.Sprintf("[a]\nmode=ubi\nimage=%s\nvol_id=0\nvol_type=dynamic\nvol_name=rootfs\nvol_size=%d\nvol_alignment=1\n"+
		"[b]\nmode=ubi\nimage=%s\nvol_id=3\nvol_type=static\nvol_name=kernel\nvol_size=%d\n"+
		"[c]\nmode=ubi\nvol_id=4\nvol_type=dynamic\nvol_name=data\nvol_size=1MiB\nvol_flags=autoresize\n",
		write("rootfs", rootfs), 2*len(rootfs)+1, write("kernel", kernel), len(kernel))
	out := filepath.Join(dir, "out")
	args = append(append([]string{"-o", out}, args...), write("ini", []byte(ini)))
	if msg, err := exec.Command(tool, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, msg)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func check(t *testing.T, res *testkit.Result, prefix string, rootfs, kernel []byte) {
	t.Helper()
	if m := res.Find(prefix + "rootfs"); m == nil || !bytes.HasPrefix(m.Data, rootfs) {
		t.Errorf("volume %srootfs differs", prefix)
	} else if rest := m.Data[len(rootfs):]; !blank(rest) {
		t.Errorf("volume %srootfs: what follows its %d bytes is not erased", prefix, len(rootfs))
	}
	if m := res.Find(prefix + "kernel"); m == nil || !bytes.Equal(m.Data, kernel) {
		t.Errorf("volume %skernel differs", prefix)
	}
}

func TestAgainstUbinize(t *testing.T) {
	rootfs, kernel := random(700_001, 1), random(300_123, 2)
	for _, args := range []string{
		"-p 131072 -m 2048 -Q 7", "-p 131072 -m 2048 -s 512 -Q 7", "-p 16384 -m 512 -Q 7", "-p 65536 -m 1 -Q 7", "-p 262144 -m 4096 -Q 7",
		"-p 98304 -m 2048 -Q 7", "-p 15360 -m 512 -Q 7", "-p 131072 -m 2048 -O 1024 -e 99", "-p 20000 -m 1",
	} {
		t.Run(args, func(t *testing.T) {
			img := ubinize(t, rootfs, kernel, strings.Fields(args)...)
			// What follows an image, or a truncated copy of one, is not part of it.
			for _, tail := range [][]byte{nil, bytes.Repeat([]byte{0xFF}, 500_000), random(400_000, 3)} {
				res := testkit.Run(Format, append(img[:len(img):len(img)], tail...), 64<<20)
				if res.Err != nil || res.End != int64(len(img)) {
					t.Fatalf("end %d of %d: %v", res.End, len(img), res.Err)
				}
				if len(res.Gaps) != 0 {
					t.Fatalf("gaps: %+v", res.Gaps)
				}
				check(t, res, "", rootfs, kernel)
			}
			res := testkit.Run(Format, img[:len(img)-5000], 64<<20)
			if res.Err == nil || res.Claim.End != int64(len(img)-5000) {
				t.Errorf("truncated: %v, claim %+v, gaps %+v", res.Err, res.Claim, res.Gaps)
			}
		})
	}
}

// reorder writes the image's erase blocks in another order.
func reorder(img []byte, peb int, order []int) []byte {
	var out []byte
	for _, n := range order {
		out = append(out, img[n*peb:][:peb]...)
	}
	return out
}

func TestOrderAndHoles(t *testing.T) {
	const peb = 16384
	rootfs, kernel := random(200_001, 1), random(90_123, 2)
	img := ubinize(t, rootfs, kernel, "-p", "16384", "-m", "512", "-Q", "7")
	order := rand.New(rand.NewSource(5)).Perm(len(img) / peb)
	mixed := reorder(img, peb, order)
	// An erased block, a foreign block and a block with an erase counter only.
	mixed = append(mixed[:peb:peb], append(bytes.Repeat([]byte{0xFF}, peb), mixed[peb:]...)...)
	mixed = append(mixed[:3*peb:3*peb], append(random(peb, 9), mixed[3*peb:]...)...)
	mixed = append(mixed, append(append([]byte(nil), img[:64]...), bytes.Repeat([]byte{0xFF}, peb-64)...)...)
	res := testkit.Run(Format, mixed, 64<<20)
	if res.Err != nil || res.End != int64(len(mixed)) {
		t.Fatalf("end %d of %d: %v", res.End, len(mixed), res.Err)
	}
	if len(res.Gaps) != 1 || res.Gaps[0].Off != 3*peb || res.Gaps[0].Len != peb {
		t.Errorf("gaps: %+v", res.Gaps)
	}
	check(t, res, "", rootfs, kernel)
}

func TestSeveralImages(t *testing.T) {
	const peb = 16384
	r1, k1, r2, k2 := random(200_001, 1), random(90_123, 2), random(100_001, 3), random(190_123, 4)
	a := ubinize(t, r1, k1, "-p", "16384", "-m", "512", "-Q", "7")
	b := ubinize(t, r2, k2, "-p", "16384", "-m", "512", "-Q", "8")
	t.Run("back to back", func(t *testing.T) {
		for _, second := range [][]byte{a, b} {
			both := append(append([]byte(nil), a...), second...)
			res := testkit.Run(Format, both, 64<<20)
			if res.End != int64(len(a)) || len(res.Gaps) != 0 {
				t.Errorf("end %d, want %d; gaps %+v", res.End, len(a), res.Gaps)
			}
			check(t, res, "", r1, k1)
		}
	})
	t.Run("interleaved", func(t *testing.T) {
		var both []byte
		for i := 0; i < max(len(a), len(b)); i += peb {
			for _, img := range [][]byte{a, b} {
				if i < len(img) {
					both = append(both, img[i:i+peb]...)
				}
			}
		}
		res := testkit.Run(Format, both, 64<<20)
		if res.End != int64(len(both)) || len(res.Gaps) != 0 {
			t.Errorf("end %d, want %d; gaps %+v", res.End, len(both), res.Gaps)
		}
		check(t, res, "image-00000007/", r1, k1)
		check(t, res, "image-00000008/", r2, k2)
	})
}

// setVID changes a block's volume identifier header and its CRC.
func setVID(peb []byte, at int, change func(h []byte)) {
	h := peb[at:][:headerSize]
	change(h)
	binary.BigEndian.PutUint32(h[crcAt:], crc(h[:crcAt]))
}

// A device that lost power while it moved or rewrote a logical block leaves two.
func TestCopies(t *testing.T) {
	const peb = 16384
	rootfs, kernel := random(200_001, 1), random(90_123, 2)
	img := ubinize(t, rootfs, kernel, "-p", "16384", "-m", "512", "-Q", "7")
	second := append([]byte(nil), img[3*peb:][:peb]...) // rootfs, block 1
	copy(second[1024:], "newer")
	for _, c := range []struct {
		name  string
		copy  byte
		crcOK bool
		newer bool
	}{{"rewritten", 0, false, true}, {"moved", 1, true, true}, {"move cut off", 1, false, false}} {
		t.Run(c.name, func(t *testing.T) {
			twin := append([]byte(nil), second...)
			setVID(twin, 512, func(h []byte) {
				h[6] = c.copy
				binary.BigEndian.PutUint64(h[40:], 77)
				binary.BigEndian.PutUint32(h[20:], peb-1024)
				if c.crcOK {
					binary.BigEndian.PutUint32(h[32:], crc(twin[1024:]))
				}
			})
			res := testkit.Run(Format, append(append([]byte(nil), img...), twin...), 64<<20)
			want := append([]byte(nil), rootfs...)
			free := wardein.Extent{Off: int64(len(img)) + 576, Len: peb - 576}
			if c.newer {
				copy(want[peb-1024:], "newer")
				free = wardein.Extent{Off: 3*peb + 576, Len: peb - 576}
			}
			check(t, res, "", want, kernel)
			found := false
			for _, x := range res.Unreferenced() {
				found = found || x == free
			}
			if !found {
				t.Errorf("the older copy is not left unreferenced at %#x", free.Off)
			}
		})
	}
}

func TestUnmapped(t *testing.T) {
	const peb = 16384
	rootfs, kernel := random(200_001, 1), random(90_123, 2)
	img := ubinize(t, rootfs, kernel, "-p", "16384", "-m", "512", "-Q", "7")
	leb := peb - 1024
	for i := range img[5*peb:][:peb] { // rootfs, block 3
		img[5*peb+i] = 0xFF
	}
	copy(rootfs[3*leb:4*leb], bytes.Repeat([]byte{0xFF}, leb))
	res := testkit.Run(Format, img, 64<<20)
	check(t, res, "", rootfs, kernel)
	if len(res.Gaps) != 0 {
		t.Errorf("gaps: %+v", res.Gaps)
	}
}

// spread writes the image as a chip dump with out-of-band bytes after each page.
func spread(img []byte, page, oob int) []byte {
	var out []byte
	for i := 0; i < len(img); i += page {
		out = append(out, img[i:i+page]...)
		out = append(out, bytes.Repeat([]byte{0xFF}, oob-4)...)
		out = append(out, byte(i), byte(i>>8), 0x5A, 0xA5)
	}
	return out
}

func TestOutOfBand(t *testing.T) {
	rootfs, kernel := random(700_001, 1), random(300_123, 2)
	for _, c := range []struct {
		args      string
		page, oob int
	}{{"-p 131072 -m 2048", 2048, 64}, {"-p 131072 -m 2048 -s 512", 2048, 64}, {"-p 16384 -m 512", 512, 16}, {"-p 262144 -m 4096", 4096, 224}} {
		img := spread(ubinize(t, rootfs, kernel, strings.Fields(c.args)...), c.page, c.oob)
		res := testkit.Run(Format, img, 64<<20)
		if res.Err != nil || res.End != int64(len(img)) || len(res.Gaps) != 0 {
			t.Fatalf("%s: end %d of %d: %v, gaps %+v", c.args, res.End, len(img), res.Err, res.Gaps)
		}
		check(t, res, "", rootfs, kernel)
	}
}

func TestCorpus(t *testing.T) {
	img, err := os.ReadFile(testkit.Corpus(t, "fact_extractor/ubi__ubi.img"))
	if err != nil {
		t.Fatal(err)
	}
	res := testkit.Run(Format, img, 64<<20)
	if res.Err != nil || res.End != int64(len(img)) || len(res.Gaps) != 0 || len(res.Members) == 0 {
		t.Fatal(res)
	}
	for _, m := range res.Members {
		t.Logf("%s: %d bytes", m.Name, len(m.Data))
		if !bytes.HasPrefix(m.Data, []byte("\x31\x18\x10\x06")) {
			t.Errorf("%s does not begin with a ubifs superblock", m.Name)
		}
	}
}

func Benchmark(b *testing.B) {
	img := ubinize(b, random(20<<20, 1), random(10<<20, 2), "-p", "131072", "-m", "2048")
	srctree.Bench(b, Format, img, 30<<20)
}
