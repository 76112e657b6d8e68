package jffs2

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
	"github.com/wardein/wardein/internal/testkit/srctree"
)

func TestGolden(t *testing.T) { testkit.Golden(t, Format) }
func TestDamage(t *testing.T) { testkit.Damage(t, Format) }
func Fuzz(f *testing.F)       { testkit.Fuzz(f, Format) }

func run(t testing.TB, tool string, args ...string) {
	t.Helper()
	if msg, err := exec.Command(testkit.Tool(t, tool), args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %v: %v: %s", tool, args, err, msg)
	}
}

// mkfs builds an image of a directory.
func mkfs(t testing.TB, dir string, args ...string) []byte {
	t.Helper()
	out := filepath.Join(t.TempDir(), "out")
	run(t, "mkfs.jffs2", append([]string{"-r", dir, "-o", out}, args...)...)
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// cannot says what mkfs.jffs2 does not write as it is: it cuts long link
// targets, and its device numbers have 16 bits.
func cannot(name string) bool { return name == "a/absolute" || name == "far" }

func used(img []byte) map[byte]int {
	seen := map[byte]int{}
	for off := 0; off+inodeSize <= len(img); off += 4 {
		if bo := order(img[off:]); bo != nil {
			if h, ok := parseHeader(img[off:off+12], bo); ok && h.kind == inodeType {
				seen[img[off+56]]++
			}
		}
	}
	return seen
}

func TestAgainstMkfs(t *testing.T) {
	dir := srctree.Make(t)
	for _, c := range []struct {
		args    string
		methods []byte
	}{
		{"-l -e 131072", []byte{zlibCode, rtimeCode}},
		{"-b -e 65536 -p", []byte{zlibCode}},
		{"-l -e 16384 -n -m none", []byte{stored}},
		{"-b -e 131072 -n -m size -X lzo", []byte{zlibCode}},
		{"-l -e 131072 -X lzo -x zlib -x rtime", []byte{lzoCode}},
		{"-b -e 131072 -X lzo -y 90:lzo -y 80:zlib", []byte{lzoCode}},
		{"-l -e 8192 -x zlib -X rtime -y 99:rtime", []byte{rtimeCode}},
		{"-l -e 131072 -s 65536 -p", []byte{zlibCode}},
		{"-b -e 65536 -U -c 20 -p", nil},
	} {
		t.Run(c.args, func(t *testing.T) {
			img := mkfs(t, dir, strings.Fields(c.args)...)
			seen := used(img)
			for _, m := range c.methods {
				if seen[m] == 0 {
					t.Errorf("no block is %s: %v", methods[m], seen)
				}
			}
			res := testkit.Run(Format, append(img, bytes.Repeat([]byte{0xFF}, 300_000)...), 64<<20)
			if end := int64(len(bytes.TrimRight(img, "\xFF"))); res.Err != nil || res.End < end || res.End > end+4 || len(res.Gaps) != 0 {
				t.Fatalf("end %d, want %d: %v, gaps %+v", res.End, end, res.Err, res.Gaps)
			}
			srctree.Compare(t, res, dir, srctree.Options{SameOwner: strings.Contains(c.args, "-U"), Skip: cannot})
			for _, x := range res.Unreferenced() {
				if b := img[x.Off : x.Off+x.Len]; !same(b) {
					t.Errorf("%#x+%#x is unreferenced: % x…", x.Off, x.Len, b[:min(len(b), 32)])
					break
				}
			}
		})
	}
}

func TestSummary(t *testing.T) {
	dir := srctree.Make(t)
	for _, endian := range []string{"-l", "-b"} {
		in := filepath.Join(t.TempDir(), "in")
		out := in + ".sum"
		os.WriteFile(in, mkfs(t, dir, endian, "-e", "131072", "-p"), 0o600)
		run(t, "sumtool", endian, "-e", "131072", "-p", "-i", in, "-o", out)
		img, err := os.ReadFile(out)
		if err != nil {
			t.Fatal(err)
		}
		res := testkit.Run(Format, img, 64<<20)
		if res.Err != nil || len(res.Gaps) != 0 {
			t.Fatalf("%v, gaps %+v", res.Err, res.Gaps)
		}
		if !strings.Contains(res.String(), "known summary node") {
			t.Error("no summary node")
		}
		srctree.Compare(t, res, dir, srctree.Options{Skip: cannot})
	}
}

func TestXattrs(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "file")
	os.WriteFile(file, []byte("x"), 0o600)
	if err := syscall.Setxattr(file, "user.note", []byte("value\x00\xFF"), 0); err != nil {
		testkit.Skip(t, "the file system of the temporary directory has no user attributes")
	}
	syscall.Setxattr(file, "security.test", []byte("s"), 0)
	res := testkit.Run(Format, mkfs(t, dir, "--with-xattr", "-l"), 1<<20)
	m := res.Find("file")
	if m == nil || !strings.Contains(fmt.Sprintf("%q", m.Xattrs), `{"user.note" "value\x00\xff"}`) || len(res.Gaps) != 0 {
		t.Fatal(res)
	}
}

// log is a file system that a test writes node by node.
type log struct {
	b  []byte
	bo binary.ByteOrder
}

func (l *log) put(kind uint16, body []byte, crcAt int, covered int) {
	n := make([]byte, headerSize)
	l.bo.PutUint16(n, 0x1985)
	l.bo.PutUint16(n[2:], kind)
	l.bo.PutUint32(n[4:], uint32(headerSize+len(body)))
	l.bo.PutUint32(n[8:], crc(n[:8]))
	n = append(n, body...)
	if crcAt > 0 {
		l.bo.PutUint32(n[crcAt:], crc(n[:covered]))
	}
	for len(n)%4 != 0 {
		n = append(n, 0xFF)
	}
	l.b = append(l.b, n...)
}

func (l *log) name(dir, version, ino uint32, name string, kind byte) {
	b := make([]byte, direntSize-headerSize, 64)
	l.bo.PutUint32(b, dir)
	l.bo.PutUint32(b[4:], version)
	l.bo.PutUint32(b[8:], ino)
	b[16], b[17] = byte(len(name)), kind
	l.bo.PutUint32(b[24:], crc([]byte(name)))
	l.put(direntType, append(b, name...), 32, 32)
}

func (l *log) data(ino, version, mode, isize, offset, size uint32, method byte, content []byte) {
	b := make([]byte, inodeSize-headerSize)
	for at, v := range map[int]uint32{12: ino, 16: version, 20: mode, 28: isize, 44: offset, 48: uint32(len(content)), 52: size, 60: crc(content)} {
		l.bo.PutUint32(b[at-headerSize:], v)
	}
	b[56-headerSize] = method
	l.put(inodeType, append(b, content...), 64, 60)
}

func (l *log) marker() { l.put(cleanMarker, nil, 0, 0) }

func orders() []binary.ByteOrder { return []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} }

// Versions lie over each other, truncations and deletions count, and what was
// deleted is found.
func TestVersions(t *testing.T) {
	for _, bo := range orders() {
		l := &log{bo: bo}
		l.marker()
		l.name(1, 1, 2, "file", 8)
		l.data(2, 1, 0o100644, 10, 0, 10, stored, []byte("0123456789"))
		l.data(2, 3, 0o100600, 12, 8, 4, stored, []byte("WXYZ")) // newer, first in the log
		l.data(2, 2, 0o100644, 10, 4, 4, stored, []byte("abcd"))
		l.data(2, 4, 0o100640, 11, 0, 0, stored, nil) // truncated
		l.data(2, 5, 0o100640, 20, 11, 9, zero, nil)  // and made longer
		l.name(1, 2, 3, "gone", 8)
		l.data(3, 1, 0o100644, 7, 0, 7, stored, []byte("deleted"))
		l.name(1, 3, 0, "gone", 0)
		l.name(1, 4, 2, "twin", 8)
		l.name(9, 1, 10, "in a lost directory", 4)
		l.name(10, 1, 9, "loop", 4)
		l.name(1, 5, 1, "root again", 4)
		img := bytes.Clone(l.b)
		res := testkit.Run(Format, img, 1<<20)
		if m := res.Find("file"); m == nil || string(m.Data) != "0123abcdWXY\x00\x00\x00\x00\x00\x00\x00\x00\x00" || m.Mode != 0o640 || m.How != "extents" {
			t.Errorf("file: %+v", m)
		}
		if m := res.Find("twin"); m == nil || m.Kind != wardein.HardLink || m.Target != "file" {
			t.Errorf("twin: %+v", m)
		}
		if m := res.Find("<orphan>/ino-3"); m == nil || string(m.Data) != "deleted" {
			t.Errorf("orphan: %+v", m)
		}
		if res.Find("<orphan>/ino-9/in a lost directory") == nil || res.Find("gone") != nil {
			t.Error(res)
		}
	}
}

// Every compression number, with both meanings of the Rubin codes.
func TestCompressions(t *testing.T) {
	text := bytes.Repeat([]byte("text that comes again, "), 100)
	xz := testkit.Tool(t, "xz")
	cmd := exec.Command(xz, "--format=raw", "--lzma1=lc=0,lp=0,pb=0,dict=8KiB", "-c")
	cmd.Stdin = bytes.NewReader(text)
	raw, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, bo := range orders() {
		l := &log{bo: bo}
		add := func(name string, method byte, content []byte) {
			ino, size := uint32(2+len(l.b)), uint32(len(text))
			if method == dynRubin || method == rubinMips {
				size = 21
			}
			l.name(1, ino, ino, name, 8)
			l.data(ino, 1, 0o100644, size, 0, size, method, content)
		}
		add("copy", copied, text)
		add("lzma", lzmaCode, raw)
		add("lzma with header", lzmaCode, append([]byte{0, 0, 0x20, 0, 0}, raw...))
		add("unknown", 77, raw)
		// A Rubin block, under the number of either code: see codec/rubin.
		add("dynrubin", dynRubin, rubinBlock)
		add("dynrubin as Linux writes it", rubinMips, rubinBlock)
		res := testkit.Run(Format, l.b, 1<<20)
		for _, name := range []string{"copy", "lzma", "lzma with header"} {
			if m := res.Find(name); m == nil || m.Err != nil || !bytes.Equal(m.Data, text) {
				t.Errorf("%s: %+v", name, m)
			}
		}
		for _, name := range []string{"dynrubin", "dynrubin as Linux writes it"} {
			if m := res.Find(name); m == nil || m.Err != nil || !bytes.HasPrefix(m.Data, []byte("hello, hello")) {
				t.Errorf("%s: %+v", name, m)
			}
		}
		if m := res.Find("unknown"); m == nil || m.Err == nil {
			t.Errorf("unknown: %+v", m)
		}
	}
}

func TestCorpus(t *testing.T) {
	for _, name := range []string{"fact_extractor/jffs2__jffs2_be.img", "fact_extractor/jffs2__jffs2_le.img"} {
		img, err := os.ReadFile(testkit.Corpus(t, name))
		if err != nil {
			t.Fatal(err)
		}
		res := testkit.Run(Format, img, 64<<20)
		if res.Err != nil || len(res.Gaps) != 0 || len(res.Members) != 4 {
			t.Fatal(res)
		}
		if m := res.Find("testfile1"); m == nil || !bytes.HasPrefix(m.Data, []byte("test file:\ncontent: MyTestRule")) {
			t.Fatal(res)
		}
	}
}

func Benchmark(b *testing.B) {
	dir := b.TempDir()
	var text bytes.Buffer
	for i := 0; text.Len() < 8<<20; i++ {
		fmt.Fprintf(&text, "%x line %d of a text in which much comes again\n", i*i*7919, i)
	}
	os.WriteFile(filepath.Join(dir, "text"), text.Bytes(), 0o600)
	for name, args := range map[string]string{"zlib": "-x rtime -x lzo", "lzo": "-X lzo -x zlib -x rtime", "rtime": "-x zlib -x lzo -X rtime", "none": "-m none"} {
		img := mkfs(b, dir, append(strings.Fields(args), "-l", "-e", "131072")...)
		b.Run(name, func(b *testing.B) { srctree.Bench(b, Format, img, int64(text.Len())) })
	}
}

// rubinBlock is "hello, hello, hello!!" in dynrubin.
var rubinBlock = []byte("a$\xaa\xaa\x01\xff\xb6\x01(\xdf¤\xb8\xae\xc0\xc1\xea\x19\xb01$")
