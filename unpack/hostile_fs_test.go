package unpack_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/metrics"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
)

// File systems whose structures lead back to where they come from: small
// images that the reference tools make and the test changes.

// bounded runs f and fails when it takes more processor time, or the heap
// grows further.
func bounded(t *testing.T, most time.Duration, heap uint64, f func()) {
	t.Helper()
	var peak atomic.Uint64
	stop, stopped := make(chan struct{}), make(chan struct{})
	runtime.GC()
	before := heapNow()
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
				peak.Store(max(peak.Load(), heapNow()))
			}
		}
	}()
	start := cpuTime(t)
	f()
	took := cpuTime(t) - start
	close(stop)
	<-stopped
	grown := max(peak.Load(), before) - before
	t.Logf("%.1f s, heap +%d MB", took.Seconds(), grown>>20)
	if took > most*raceFactor {
		t.Errorf("took %v, at most %v are allowed", took, most)
	}
	if grown > heap*raceFactor {
		t.Errorf("the heap grew by %d MB, at most %d are allowed", grown>>20, heap>>20)
	}
}

// heapNow is what objects take, without stopping anybody.
func heapNow() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64()
}

// cpuTime is what this process has used.
func cpuTime(t testing.TB) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func command(t testing.TB, stdin string, name string, args ...string) {
	t.Helper()
	cmd := exec.Command(testkit.Tool(t, name), args...)
	cmd.Stdin = strings.NewReader(stdin)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", name, err, out)
	}
}

// folder makes files from names and contents; a name that ends in "/" is an
// empty folder.
func folder(t testing.TB, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, data := range files {
		p := filepath.Join(dir, name)
		err := os.MkdirAll(filepath.Dir(p), 0o755)
		if strings.HasSuffix(name, "/") {
			err = os.MkdirAll(p, 0o755)
		} else if err == nil {
			err = os.WriteFile(p, []byte(data), 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func read(t testing.TB, path string) []byte {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// looped is a tree in which the folders "loop" are to become their ancestors.
func looped(t testing.TB) string {
	return folder(t, map[string]string{"first": "a file before the loop", "a/b/loop/": "", "a/loop/": "", "zlast": "a file behind the loop"})
}

// wantLoop checks that the files around a loop are there and that the loop was
// neither followed for long nor passed over in silence.
func wantLoop(tr *tree) {
	tr.Helper()
	tr.wantContent("a file before the loop")
	tr.wantContent("a file behind the loop")
	if len(tr.nodes) > 60 {
		tr.Errorf("%d nodes in\n%s", len(tr.nodes), clip(tr.text))
	}
	gaps := 0
	for _, n := range tr.nodes {
		for _, g := range n.Gaps {
			if g.Kind == wardein.Damaged || g.Kind == wardein.Limit {
				gaps++
			}
		}
	}
	if gaps == 0 {
		tr.Errorf("no gap in\n%s", clip(tr.text))
	}
}

func squashfsOf(t testing.TB, dir string, args ...string) []byte {
	img := filepath.Join(t.TempDir(), "image")
	command(t, "", "mksquashfs", append([]string{dir, img, "-quiet", "-no-progress", "-noappend", "-noI", "-noD", "-noF", "-noX"}, args...)...)
	return read(t, img)
}

// squashEntry is the place of a directory entry of that name: u16 offset of
// the inode in its metadata block, s16, u16 type, u16 length − 1, name.
func squashEntry(t testing.TB, data []byte, name string, from int) int {
	t.Helper()
	for at := from; ; at++ {
		i := bytes.Index(data[at:], []byte(name))
		if i < 0 {
			return -1
		}
		at += i
		if at >= 8 && int(binary.LittleEndian.Uint16(data[at-2:])) == len(name)-1 {
			return at - 8
		}
	}
}

func TestSquashfsCycle(t *testing.T) {
	data := squashfsOf(t, looped(t))
	root := binary.LittleEndian.Uint64(data[32:])
	if root>>16 != 0 {
		t.Fatalf("the root inode stands in block %#x", root>>16)
	}
	changed := 0
	for at := squashEntry(t, data, "loop", 0); at >= 0; at = squashEntry(t, data, "loop", at+9) {
		binary.LittleEndian.PutUint16(data[at:], uint16(root))
		changed++
	}
	if changed != 2 {
		t.Fatalf("%d entries", changed)
	}
	bounded(t, 10*time.Second, 64<<20, func() { wantLoop(hostile(t, data, nil)) })
}

// Every name of a folder of 3000 leads to one file of 100 kB: its bytes are
// there once, whatever the tree says.
func TestSquashfsOneInode(t *testing.T) {
	files := map[string]string{"big": string(noise(100 << 10))}
	for i := range 3000 {
		files[fmt.Sprintf("f%06d", i)] = fmt.Sprint("small ", i)
	}
	data := squashfsOf(t, folder(t, files), "-no-fragments", "-no-duplicates")
	// Of an inode: u32 start, u32 fragment (none), u32 offset, u32 size, u32
	// size of the first block, bit 24: stored.
	inode := func(size uint32) []byte {
		b := binary.LittleEndian.AppendUint32([]byte{0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0}, size)
		return binary.LittleEndian.AppendUint32(b, size|1<<24)
	}
	big := bytes.Index(data, inode(100<<10))
	changed := 0
	for size := range uint32(3) {
		small := inode(uint32(len("small ")) + 2 + size)
		for at := bytes.Index(data, small); at >= 0; at = bytes.Index(data, small) {
			copy(data[at-4:], data[big-4:big+16])
			changed++
		}
	}
	if changed < 2900 {
		t.Fatalf("%d inodes changed", changed)
	}
	bounded(t, 20*time.Second, 200<<20, func() {
		tr := hostile(t, data, nil)
		tr.wantContent(files["big"])
		if tr.read > 1<<30 {
			t.Errorf("%d bytes came out", tr.read)
		}
	})
}

func extOf(t testing.TB, dir, size, commands string, args ...string) []byte {
	t.Helper()
	img := filepath.Join(t.TempDir(), "image")
	command(t, "", "mke2fs", append(args, "-q", "-F", "-d", dir, img, size)...)
	if commands != "" {
		command(t, commands, "debugfs", "-w", "-f", "/dev/stdin", img)
	}
	return read(t, img)
}

func TestExtCycle(t *testing.T) {
	for name, args := range map[string][]string{"ext4": {"-t", "ext4", "-b", "1024"}, "ext2": {"-t", "ext2", "-b", "1024"}} {
		t.Run(name, func(t *testing.T) {
			data := extOf(t, looped(t), "2M", "rmdir /a/loop\nrmdir /a/b/loop\nlink <2> /a/loop\nlink /a /a/b/loop\nlink /a/b /a/b/self\n", args...)
			bounded(t, 10*time.Second, 64<<20, func() { wantLoop(hostile(t, data, nil)) })
		})
	}
}

// Indirect blocks that lead to themselves: 16 GB of one block of 1 kB.
func TestExtIndirectCycle(t *testing.T) {
	data := extOf(t, folder(t, map[string]string{"first": "a file before the loop", "knot": strings.Repeat("knot", 4000), "zlast": "a file behind the loop"}), "8M",
		"sif /knot size 17179869184\n", "-t", "ext2", "-b", "1024")
	// The inode's block list: 12 blocks, then the indirect, double and triple
	// indirect one. The indirect block stands between the data blocks.
	at := bytes.Index(data, []byte(strings.Repeat("knot", 256)))
	first := uint32(at / 1024)
	list := bytes.Index(data, binary.LittleEndian.AppendUint32(binary.LittleEndian.AppendUint32(nil, first), first+1))
	if at < 0 || at%1024 != 0 || list < 0 {
		t.Fatalf("data at %#x, list at %#x", at, list)
	}
	knot := binary.LittleEndian.Uint32(data[list+48:])
	for i := range 3 {
		binary.LittleEndian.PutUint32(data[list+48+4*i:], knot)
	}
	for i := range 256 {
		binary.LittleEndian.PutUint32(data[int(knot)*1024+4*i:], knot)
	}
	bounded(t, 30*time.Second, 400<<20, func() {
		tr := hostile(t, data, nil)
		tr.wantContent("a file before the loop")
		tr.wantContent("a file behind the loop")
		tr.wantGap(wardein.Limit)
	})
}

// 5000 names of one file of 100 kB: hard links, the bytes are there once.
func TestExtOneInode(t *testing.T) {
	big := string(noise(100 << 10))
	var links strings.Builder
	for i := range 5000 {
		fmt.Fprintf(&links, "link /big /d/f%06d\n", i)
	}
	data := extOf(t, folder(t, map[string]string{"big": big, "d/": ""}), "4M", strings.Repeat("expand_dir /d\n", 30)+links.String(), "-t", "ext4", "-b", "4096")
	bounded(t, 20*time.Second, 200<<20, func() {
		tr := hostile(t, data, nil)
		tr.wantContent(big)
		links := 0
		for _, n := range tr.nodes {
			if n.Kind == wardein.HardLink {
				links++
			}
		}
		if links < 4900 || tr.read > 100<<20 {
			t.Errorf("%d hard links, %d bytes came out", links, tr.read)
		}
	})
}

const (
	ubifsMagic           = 0x06101831
	ubifsDent, ubifsNode = 2, 9
)

// ubifsNodes calls f with every node of that type and seals what it changed.
func ubifsNodes(data []byte, kind byte, f func(off int, b []byte)) {
	le := binary.LittleEndian
	for off := 0; off+24 <= len(data); off += 8 {
		n := int(le.Uint32(data[off+16:]))
		if le.Uint32(data[off:]) != ubifsMagic || n < 24 || n > len(data)-off || data[off+20] != kind {
			continue
		}
		b := data[off : off+n]
		f(off, b)
		le.PutUint32(b[4:], ^crc32.ChecksumIEEE(b[8:]))
	}
}

const ubifsLEB = 15360

func ubifsOf(t testing.TB, dir string) []byte {
	img := filepath.Join(t.TempDir(), "image")
	command(t, "", "mkfs.ubifs", "-r", dir, "-m", "512", "-e", fmt.Sprint(ubifsLEB), "-c", "400", "-x", "none", "-o", img)
	return read(t, img)
}

// The folders "loop" become the root.
func TestUbifsCycle(t *testing.T) {
	data := ubifsOf(t, looped(t))
	changed := 0
	ubifsNodes(data, ubifsDent, func(_ int, b []byte) {
		if bytes.HasPrefix(b[56:], []byte("loop\x00")) {
			binary.LittleEndian.PutUint64(b[40:], 1)
			changed++
		}
	})
	if changed != 2 {
		t.Fatalf("%d entries", changed)
	}
	bounded(t, 10*time.Second, 64<<20, func() { wantLoop(hostile(t, data, nil)) })
}

// A branch of the index leads to the root of the index.
func TestUbifsIndexCycle(t *testing.T) {
	files := map[string]string{}
	for i := range 200 {
		files[fmt.Sprintf("f%03d", i)] = fmt.Sprint("file ", i)
	}
	data := ubifsOf(t, folder(t, files))
	root, level := 0, uint16(0)
	ubifsNodes(data, ubifsNode, func(off int, b []byte) {
		if l := binary.LittleEndian.Uint16(b[26:]); l > level {
			root, level = off, l
		}
	})
	if level < 2 {
		t.Fatalf("the index has %d levels", level+1)
	}
	size := binary.LittleEndian.Uint32(data[root+16:])
	ubifsNodes(data, ubifsNode, func(off int, b []byte) {
		if binary.LittleEndian.Uint16(b[26:]) == 1 { // branches: block, offset, length, key
			n := int(binary.LittleEndian.Uint16(b[24:]))
			last := b[28+20*(n-1):]
			binary.LittleEndian.PutUint32(last, uint32(root/ubifsLEB))
			binary.LittleEndian.PutUint32(last[4:], uint32(root%ubifsLEB))
			binary.LittleEndian.PutUint32(last[8:], size)
		}
	})
	bounded(t, 10*time.Second, 64<<20, func() {
		tr := hostile(t, data, nil)
		tr.wantGap(wardein.Damaged, "index node")
		if len(tr.nodes) > 300 {
			t.Errorf("%d nodes", len(tr.nodes))
		}
	})
}

// All names of a folder lead to one file.
func TestUbifsOneInode(t *testing.T) {
	big := string(noise(200 << 10))
	files := map[string]string{"big": big}
	for i := range 1000 {
		files[fmt.Sprintf("f%04d", i)] = fmt.Sprint("file ", i)
	}
	data := ubifsOf(t, folder(t, files))
	var ino []byte
	ubifsNodes(data, ubifsDent, func(_ int, b []byte) {
		if bytes.HasPrefix(b[56:], []byte("big\x00")) {
			ino = bytes.Clone(b[40:48])
		}
	})
	ubifsNodes(data, ubifsDent, func(_ int, b []byte) { copy(b[40:], ino) })
	bounded(t, 20*time.Second, 200<<20, func() {
		tr := hostile(t, data, nil)
		tr.wantContent(big)
		if tr.read > 100<<20 {
			t.Errorf("%d bytes came out", tr.read)
		}
	})
}

// jffs2Name is a directory entry node; inode 0 deletes the name.
func jffs2Name(parent, version, ino uint32, kind byte, name string) []byte {
	le := binary.LittleEndian
	sum := func(b []byte) uint32 { return ^crc32.Update(0xFFFFFFFF, crc32.IEEETable, b) }
	b := make([]byte, 40, 40+len(name)+3)
	le.PutUint32(b, 0xE001_1985)
	le.PutUint32(b[4:], uint32(40+len(name)))
	le.PutUint32(b[8:], sum(b[:8]))
	le.PutUint32(b[12:], parent)
	le.PutUint32(b[16:], version)
	le.PutUint32(b[20:], ino)
	b[28], b[29] = byte(len(name)), kind
	le.PutUint32(b[32:], sum(b[:32]))
	le.PutUint32(b[36:], sum([]byte(name)))
	b = append(b, name...)
	for len(b)%4 != 0 {
		b = append(b, 0xFF)
	}
	return b
}

// jffs2Of is an image with room behind it, where erased flash reads 0xFF, and
// the offset of that room.
func jffs2Of(t testing.TB, dir string) ([]byte, int) {
	img := filepath.Join(t.TempDir(), "image")
	command(t, "", "mkfs.jffs2", "-l", "-n", "-e", "64KiB", "-r", dir, "--pad=0x20000", "-o", img)
	data := read(t, img)
	free := len(bytes.TrimRight(data, "\xff")) + 63
	return data, free - free%64
}

// A deleted file's data is found; what was written into erased flash is found
// and not counted as known.
func TestPlantedJffs2(t *testing.T) {
	deleted, planted := strings.Repeat("the deleted file's text. ", 20), strings.Repeat("planted in erased flash ", 40)
	data, free := jffs2Of(t, folder(t, map[string]string{"seen": "a file that is listed", "gone": deleted}))
	at := bytes.Index(data, []byte("gone")) - 40
	if at < 0 {
		t.Fatal("no name")
	}
	le := binary.LittleEndian
	copy(data[free:], jffs2Name(le.Uint32(data[at+12:]), le.Uint32(data[at+16:])+1, 0, data[at+29], "gone"))
	secret := gzipOf(t, []byte(planted))
	copy(data[free+4096:], secret)
	tr := newLab(t, allFormats).unpack(t, data)
	tr.wantContent("a file that is listed")
	tr.wantContent(planted)
	tr.wantContent(deleted)
	for _, n := range tr.nodes {
		if strings.HasSuffix(n.Path, "gone") && !strings.Contains(n.Path, "deleted") {
			t.Errorf("%q is listed like a file that is there", n.Path)
		}
	}
	// The same without a format to open it: its bytes are unknown.
	copy(data[free+4096:], noise(len(secret)))
	tr = newLab(t, allFormats).unpack(t, data)
	unknown := int64(0)
	for _, n := range tr.nodes {
		for _, s := range n.Spans {
			if s.What == wardein.Unknown && s.Is != "text" {
				unknown += s.Len
			}
		}
	}
	if unknown < int64(len(secret)) {
		t.Errorf("%d bytes are unknown of %d that were planted in\n%s", unknown, len(secret), clip(tr.text))
	}
}

// A folder that stands in itself, and two that stand in each other.
func TestJffs2Cycle(t *testing.T) {
	data, free := jffs2Of(t, looped(t))
	le := binary.LittleEndian
	at := bytes.Index(data, []byte("zlast")) - 40
	root := le.Uint32(data[at+12:])
	nodes := slicesOf(jffs2Name(root, 900, root, 4, "me"), jffs2Name(3, 901, 4, 4, "x"), jffs2Name(4, 902, 3, 4, "y"), jffs2Name(5, 903, 5, 4, "z"))
	copy(data[free:], nodes)
	bounded(t, 10*time.Second, 64<<20, func() {
		tr := hostile(t, data, nil)
		tr.wantContent("a file before the loop")
		tr.wantContent("a file behind the loop")
		if len(tr.nodes) > 60 {
			t.Errorf("%d nodes in\n%s", len(tr.nodes), clip(tr.text))
		}
	})
}

func slicesOf(list ...[]byte) []byte { return bytes.Join(list, nil) }
