package cramfs

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
)

func TestGolden(t *testing.T) { testkit.Golden(t, Format) }
func TestDamage(t *testing.T) { testkit.Damage(t, Format) }
func Fuzz(f *testing.F)       { testkit.Fuzz(f, Format) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func run(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(testkit.Tool(t, name), args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
}

func tree(t testing.TB) string {
	t.Helper()
	dir := t.TempDir()
	rnd := rand.New(rand.NewSource(1))
	must(t, os.MkdirAll(filepath.Join(dir, "etc/deep/er"), 0o755))
	must(t, os.Mkdir(filepath.Join(dir, "empty"), 0o755))
	for _, n := range []int{0, 1, 4095, 4096, 4097, 20_000, 500_000} {
		text := bytes.Repeat(fmt.Appendf(nil, "text %d, ", n), n/8+1)[:n]
		noise := make([]byte, n)
		rnd.Read(noise)
		must(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("etc/deep/text-%d", n)), text, 0o644))
		must(t, os.WriteFile(filepath.Join(dir, fmt.Sprintf("etc/deep/er/noise-%d", n)), noise, 0o600))
	}
	holes := make([]byte, 50_000)
	copy(holes[30_000:], "island")
	must(t, os.WriteFile(filepath.Join(dir, "holes"), holes, 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "run"), []byte("#!/bin/sh\n"), 0o755))
	must(t, os.Chmod(filepath.Join(dir, "run"), 0o755|os.ModeSetuid))
	must(t, os.WriteFile(filepath.Join(dir, strings.Repeat("long-name-", 20)), []byte("x"), 0o644))
	must(t, os.Symlink("../run", filepath.Join(dir, "etc/link")))
	if os.Getuid() == 0 {
		must(t, os.Lchown(filepath.Join(dir, "holes"), 1000, 100))
		must(t, syscall.Mknod(filepath.Join(dir, "tty"), syscall.S_IFCHR|0o620, 5<<8|1))
		must(t, syscall.Mknod(filepath.Join(dir, "disk"), syscall.S_IFBLK|0o600, 8<<8|17))
		must(t, syscall.Mkfifo(filepath.Join(dir, "fifo"), 0o600))
	}
	return dir
}

func build(t testing.TB, dir string, args ...string) []byte {
	t.Helper()
	img := filepath.Join(t.TempDir(), "image")
	run(t, "mkfs.cramfs", append(args, dir, img)...)
	data, err := os.ReadFile(img)
	must(t, err)
	return data
}

func TestAgainstFsck(t *testing.T) {
	dir := tree(t)
	for _, args := range [][]string{{"-n", "node"}, {"-N", "big"}, {"-z"}, {"-N", "big", "-z"}, {"-p"}, {"-e", "7"}} {
		data := build(t, dir, args...)
		img := filepath.Join(t.TempDir(), "image")
		// fsck.cramfs refuses images with holes (-z): the same tree without.
		plain := slices.DeleteFunc(slices.Clone(args), func(s string) bool { return s == "-z" })
		must(t, os.WriteFile(img, build(t, dir, plain...), 0o600))
		ref := filepath.Join(t.TempDir(), "out")
		run(t, "fsck.cramfs", "--extract="+ref, img)
		res := testkit.Run(Format, data, 64<<20)
		if res.Err != nil || len(res.Gaps) > 0 || res.Claim.Confidence != wardein.Certain || res.End > int64(len(data)) {
			t.Fatalf("%q: %v %v %v", args, res.Claim, res.Err, res.Gaps)
		}
		compare(t, fmt.Sprint(args), ref, res)
		for _, x := range res.Unreferenced() {
			if x.Off > 0 && len(bytes.Trim(data[x.Off:x.Off+x.Len], "\x00")) > 0 {
				t.Errorf("%q: unclaimed %#x+%#x", args, x.Off, x.Len)
			}
		}
	}
}

// compare checks members against a folder that fsck.cramfs made.
func compare(t *testing.T, args, ref string, res *testkit.Result) {
	t.Helper()
	n := 0
	must(t, filepath.Walk(ref, func(p string, info os.FileInfo, err error) error {
		if err != nil || p == ref {
			return err
		}
		n++
		name := p[len(ref)+1:]
		m := res.Find(name)
		if m == nil {
			t.Errorf("%s: %q: no member", args, name)
			return nil
		}
		st := info.Sys().(*syscall.Stat_t)
		if m.Err != nil || info.Mode()&os.ModeSymlink == 0 && (m.Mode != st.Mode&0o7777 || m.UID != st.Uid || m.GID != st.Gid) {
			t.Errorf("%s: %q: %o %d:%d, %v, fsck.cramfs %o %d:%d", args, name, m.Mode, m.UID, m.GID, m.Err, st.Mode&0o7777, st.Uid, st.Gid)
		}
		var kind wardein.Kind
		switch st.Mode & syscall.S_IFMT {
		case syscall.S_IFREG:
			want, err := os.ReadFile(p)
			must(t, err)
			if !bytes.Equal(m.Data, want) {
				t.Errorf("%s: %q: content differs (%d, %d bytes)", args, name, len(m.Data), len(want))
			}
		case syscall.S_IFDIR:
			kind = wardein.Directory
		case syscall.S_IFLNK:
			kind = wardein.Symlink
			if want, _ := os.Readlink(p); m.Target != want {
				t.Errorf("%s: %q: target %q, fsck.cramfs %q", args, name, m.Target, want)
			}
		case syscall.S_IFCHR, syscall.S_IFBLK:
			kind = wardein.CharDevice
			if st.Mode&syscall.S_IFMT == syscall.S_IFBLK {
				kind = wardein.BlockDevice
			}
			if uint64(m.Major)<<8|uint64(m.Minor) != st.Rdev {
				t.Errorf("%s: %q: device %d,%d", args, name, m.Major, m.Minor)
			}
		case syscall.S_IFIFO:
			kind = wardein.FIFO
		}
		if m.Kind != kind {
			t.Errorf("%s: %q: %s, fsck.cramfs %s", args, name, m.Kind, kind)
		}
		return nil
	}))
	if n != len(res.Members) {
		t.Errorf("%s: %d members, fsck.cramfs %d", args, len(res.Members), n)
	}
}

// An image of version 1 has neither size nor checksum.
func TestVersion1(t *testing.T) {
	data := build(t, tree(t))
	want := testkit.Run(Format, data, 64<<20)
	old := bytes.Clone(data)
	binary.LittleEndian.PutUint32(old[8:], flagSorted)
	clear(old[0x20:0x30])
	old = append(old, bytes.Repeat([]byte("behind"), 1000)...)
	res := testkit.Run(Format, old, 64<<20)
	if res.Err != nil || len(res.Gaps) > 0 || len(res.Members) != len(want.Members) || res.End > want.End || res.End < want.End-4096 {
		t.Errorf("%v %v %v", res.Claim, res.Err, res.Gaps)
	}
}

// Extended block pointers, written by hand: a stored block, a direct pointer
// to a stored one and a direct pointer to a zlib stream with its length.
func TestExtendedPointers(t *testing.T) {
	order := binary.LittleEndian
	d := make([]byte, 16384)
	order.PutUint32(d, magic)
	order.PutUint32(d[4:], 16384)
	order.PutUint32(d[8:], flagVersion2|flagExtPointers)
	copy(d[16:], signature)
	put := func(at int, mode, size uint32, nameLen, offset int) {
		order.PutUint32(d[at:], mode)
		order.PutUint32(d[at+4:], size)
		order.PutUint32(d[at+8:], uint32(nameLen/4|offset/4<<6))
	}
	put(0x40, 0x41ED, 16, 0, superSize)
	put(superSize, 0x81A4, 2*page+100, 4, 96)
	copy(d[superSize+12:], "file")
	stream := []byte{0x78, 0x9C, 0x4B, 0x4C, 0xA4, 0x3D, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00} // wrong checksum: a gap
	order.PutUint32(d[96:], pointerStored|(108+page))
	order.PutUint32(d[100:], pointerStored|pointerDirect|8192/4)
	order.PutUint32(d[104:], pointerDirect|12800/4)
	copy(d[108:], bytes.Repeat([]byte("A"), page))
	copy(d[8192:], bytes.Repeat([]byte("B"), page))
	order.PutUint16(d[12800:], uint16(len(stream)))
	copy(d[12802:], stream)
	v, ok := open(section(d))
	if !ok {
		t.Fatal("not opened")
	}
	crc, err := v.sum()
	must(t, err)
	order.PutUint32(d[0x20:], crc)
	res := testkit.Run(Format, d, 1<<20)
	m := res.Find("file")
	if res.Err != nil || len(res.Gaps) > 0 || m == nil || string(m.Data[:2*page]) != strings.Repeat("A", page)+strings.Repeat("B", page) || m.Err == nil || !strings.Contains(m.Err.Error(), "block 2 at 0x3202") {
		t.Errorf("%v %v %v", res.Err, res.Gaps, m.Err)
	}
}

func TestTruncatedAndCycle(t *testing.T) {
	data := build(t, tree(t))
	res := testkit.Probe(t, Format, data[:200_000])
	if res.Err == nil || res.Claim.End != 200_000 || len(res.Members) < 10 || len(res.Gaps) == 0 {
		t.Errorf("%v %v %d members", res.Claim, res.Err, len(res.Members))
	}
	// Every directory is the root.
	d := bytes.Clone(data)
	for at := superSize; at+12 < 1000; at += 4 {
		if in := decode(binary.LittleEndian, d[at:], int64(at)); in.mode == 0o40755 {
			copy(d[at+4:at+7], d[0x44:0x47])
			copy(d[at+8:], binary.LittleEndian.AppendUint32(nil, uint32(in.nameLen/4|superSize/4<<6)))
		}
	}
	res = testkit.Probe(t, Format, d)
	if len(res.Gaps) < 2 || len(res.Members) > 20 || !strings.Contains(res.String(), "read already") {
		t.Error(res)
	}
}

func TestCorpus(t *testing.T) {
	for _, name := range []string{"fact_extractor/sevenz__cramfs.img", "binwalk-v3-inputs/cramfs.bin"} {
		path := testkit.Corpus(t, name)
		data, err := os.ReadFile(path)
		must(t, err)
		res := testkit.Probe(t, Format, data)
		t.Logf("%s\n%s", name, res)
		ref := filepath.Join(t.TempDir(), "out")
		run(t, "fsck.cramfs", "--extract="+ref, path)
		compare(t, name, ref, res)
		if res.Err != nil || len(res.Gaps) > 0 {
			t.Error(name)
		}
	}
}

func section(d []byte) *io.SectionReader {
	return io.NewSectionReader(bytes.NewReader(d), 0, int64(len(d)))
}

// decoding is an engine that decodes and forgets.
type decoding struct {
	nothing
	data []byte
	dst  []byte
	n    int64
}

func (d *decoding) Blocks(e wardein.Entry, blocks []wardein.Block) error {
	for _, b := range blocks {
		if b.Src.Off >= 0 && b.Decode != nil {
			if _, err := b.Decode(d.dst[:b.Size], d.data[b.Src.Off:b.Src.Off+b.Src.Len]); err != nil {
				return err
			}
		}
		d.n += b.Size
	}
	return nil
}

func BenchmarkDecode(b *testing.B) {
	data := build(b, tree(b))
	d := &decoding{data: data, dst: make([]byte, page)}
	b.ReportAllocs()
	for b.Loop() {
		d.n = 0
		if _, err := extract(context.Background(), section(data), d); err != nil {
			b.Fatal(err)
		}
	}
	b.SetBytes(d.n)
}

func BenchmarkReject(b *testing.B) {
	r := section(bytes.Repeat([]byte("\x45\x3d\xcd\x28"), 1000))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := measure(r); err != wardein.ErrNotMine {
			b.Fatal(err)
		}
	}
}
