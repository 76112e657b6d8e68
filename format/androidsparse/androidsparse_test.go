package androidsparse

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/wardein/wardein/internal/testkit"
)

func TestGolden(t *testing.T) { testkit.Golden(t, Format) }
func TestDamage(t *testing.T) { testkit.Damage(t, Format) }
func Fuzz(f *testing.F)       { testkit.Fuzz(f, Format) }

func tool(t *testing.T, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}

// TestImg2simg converts random images of runs with img2simg, and compares
// what is read with the image and with simg2img's output.
func TestImg2simg(t *testing.T) {
	img2simg, simg2img := testkit.Tool(t, "img2simg"), testkit.Tool(t, "simg2img")
	dir := t.TempDir()
	image, sparse, back := filepath.Join(dir, "image"), filepath.Join(dir, "sparse"), filepath.Join(dir, "back")
	rnd := rand.New(rand.NewPCG(7, 8))
	for i := range 12 {
		block := []int{1024, 4096, 65536}[i%3]
		var b []byte
		for range 1 + rnd.IntN(12) {
			run := make([]byte, block*(1+rnd.IntN(5)))
			switch rnd.IntN(4) {
			case 0: // zeros
			case 1:
				copy(run, bytes.Repeat([]byte{0xFF}, len(run)))
			case 2:
				v := rnd.Uint32()
				for j := 0; j < len(run) && i >= 6; j += 4 {
					binary.LittleEndian.PutUint32(run[j:], v)
				}
			case 3:
				for j := range run {
					run[j] = byte(rnd.Uint32())
				}
			}
			b = append(b, run...)
		}
		if err := os.WriteFile(image, b, 0o644); err != nil {
			t.Fatal(err)
		}
		tool(t, img2simg, image, sparse, fmt.Sprint(block))
		os.Remove(back)
		tool(t, simg2img, sparse, back)
		want, err := os.ReadFile(back)
		if err != nil {
			t.Fatal(err)
		}
		in, err := os.ReadFile(sparse)
		if err != nil {
			t.Fatal(err)
		}
		res := testkit.Run(Format, append(in, "behind"...), 64<<20)
		m := res.Find("image")
		if res.Err != nil || len(res.Gaps) > 0 || res.End != int64(len(in)) || m == nil || len(res.Unreferenced()) > 0 {
			t.Fatalf("image %d: %d bytes: %s", i, len(in), res)
		}
		if !bytes.Equal(m.Data, want) || !bytes.Equal(m.Data, b) {
			t.Errorf("image %d, %s: %d bytes differ from simg2img's %d", i, m.How, len(m.Data), len(want))
		}
	}
}

func TestCorpus(t *testing.T) {
	simg2img := testkit.Tool(t, "simg2img")
	name := testkit.Corpus(t, "fact_extractor/android_simg__simg.img")
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	back := filepath.Join(t.TempDir(), "back")
	tool(t, simg2img, name, back)
	want, err := os.ReadFile(back)
	if err != nil {
		t.Fatal(err)
	}
	res := testkit.Run(Format, b, 64<<20)
	m := res.Find("image")
	if res.Err != nil || res.End != int64(len(b)) || m == nil || m.How != "extents" || !bytes.Equal(m.Data, want) {
		t.Errorf("%d bytes: %s", len(b), res)
	}
}

// TestHuge has sizes that only a hostile file states.
func TestHuge(t *testing.T) {
	le := binary.LittleEndian
	head := func(block, blocks, chunks uint32) []byte {
		b := append([]byte(magic), 1, 0, 0, 0, fileSize, 0, chunkSize, 0)
		for _, v := range []uint32{block, blocks, chunks, 0} {
			b = le.AppendUint32(b, v)
		}
		return b
	}
	add := func(b []byte, kind uint16, blocks, size uint32, data string) []byte {
		b = le.AppendUint32(b, uint32(kind))
		b = le.AppendUint32(le.AppendUint32(b, blocks), size)
		return append(b, data...)
	}
	for name, b := range map[string][]byte{
		"fill of 2^56":  add(head(1<<24, 1<<32-1, 1), fill, 1<<32-1, 16, "abcd"),
		"hole of 2^56":  add(head(1<<24, 1<<32-1, 1), dontCare, 1<<32-1, 12, ""),
		"raw of 2^56":   add(head(1<<24, 1<<32-1, 1), raw, 1<<32-1, 12, "abcd"),
		"many chunks":   add(head(4096, 1, 1<<32-1), raw, 0, 12, "abcd"),
		"blocks beyond": add(head(4096, 1, 1), dontCare, 2, 12, ""),
	} {
		res := testkit.Probe(t, Format, b)
		if res.Err == nil && len(res.Gaps) == 0 {
			t.Errorf("%s: %s", name, res)
		}
	}
}

func BenchmarkRepeat(b *testing.B) {
	dst := make([]byte, piece)
	b.SetBytes(int64(len(dst)))
	b.ReportAllocs()
	for b.Loop() {
		repeat(dst, []byte("abcd"))
	}
}

func BenchmarkWalk(b *testing.B) {
	data, err := os.ReadFile(testkit.Corpus(b, "fact_extractor/android_simg__simg.img"))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		testkit.Run(Format, data, 64<<20)
	}
}
