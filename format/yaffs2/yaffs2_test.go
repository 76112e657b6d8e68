package yaffs2

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io/fs"
	"math/rand"
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

// log is a file system that a test writes chunk by chunk: Debian has no
// mkyaffs2image.
type log struct {
	geometry
	b     []byte
	seq   uint32
	extra bool // tags of headers carry type and parent
}

func newLog(g geometry) *log { return &log{geometry: g, seq: minSequence} }

func (l *log) chunk(object, number, bytes uint32, data []byte) {
	c := make([]byte, l.page+l.spare)
	for i := copy(c, data); i < len(c); i++ {
		c[i] = 0xFF
	}
	oob := c[l.page:]
	if l.one {
		lo := number | (l.seq&3)<<20 | min(bytes, 1023)<<22
		binary.LittleEndian.PutUint32(oob, lo)
		oob[6], oob[7], oob[11], oob[12] = byte(object), byte(object>>8), byte(object>>16), 0
	} else {
		for i, v := range []uint32{l.seq, object, number, bytes} {
			l.order.PutUint32(oob[l.tagsAt+int64(4*i):], v)
		}
	}
	l.b = append(l.b, c...)
}

type header struct {
	kind, parent    uint32
	name            string
	mode, uid, gid  uint32
	mtime           int64
	size            int64
	equivalent, dev uint32
	target          string
	shadows         uint32
	attrs           []byte
}

func (l *log) header(object uint32, h header) {
	b := bytes.Repeat([]byte{0xFF}, headerSize)
	put := func(at int, v uint32) { l.order.PutUint32(b[at:], v) }
	clear(b[10:268])
	copy(b[10:266], h.name)
	put(0, h.kind)
	put(4, h.parent)
	put(268, h.mode)
	put(272, h.uid)
	put(276, h.gid)
	put(284, uint32(h.mtime))
	if h.kind == file {
		put(292, uint32(h.size))
		put(496, uint32(h.size>>32))
	}
	if h.kind == hardLink {
		put(296, h.equivalent)
	}
	if h.kind == symlink {
		clear(b[300:460])
		copy(b[300:460], h.target)
	}
	put(460, h.dev)
	put(504, h.shadows)
	b = append(b, h.attrs...)
	if l.extra {
		l.chunk(object|h.kind<<28, 1<<31|h.parent, uint32(h.size), b)
		return
	}
	l.chunk(object, 0, 0xFFFF, b)
}

// data writes a file's pages, leaving out those that are all zeros.
func (l *log) data(object uint32, content []byte) {
	for n := uint32(1); len(content) > 0; n++ {
		p := content[:min(int64(len(content)), l.page)]
		content = content[len(p):]
		if len(bytes.Trim(p, "\x00")) > 0 {
			l.chunk(object, n, uint32(len(p)), p)
		}
	}
}

// tree writes a directory the way mkyaffs2image does.
func (l *log) tree(t *testing.T, dir string, skip func(string) bool) {
	ids := map[string]uint32{".": root}
	inodes := map[uint64]uint32{}
	next := uint32(257)
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		name, _ := filepath.Rel(dir, p)
		if err != nil || skip(name) {
			return err
		}
		var st syscall.Stat_t
		if err := syscall.Lstat(p, &st); err != nil {
			return err
		}
		id := next
		next++
		if name == "." {
			id = root
		}
		ids[name] = id
		h := header{parent: ids[filepath.Dir(name)], name: filepath.Base(name), mode: st.Mode, uid: st.Uid, gid: st.Gid, mtime: st.Mtim.Sec, dev: uint32(st.Rdev)}
		if name == "." {
			h.parent, h.name = root, ""
		}
		if first, ok := inodes[st.Ino]; ok {
			h.kind, h.equivalent = hardLink, first
			l.header(id, h)
			return nil
		}
		switch st.Mode & syscall.S_IFMT {
		case syscall.S_IFREG:
			inodes[st.Ino] = id
			content, err := os.ReadFile(p)
			h.kind, h.size = file, int64(len(content))
			l.header(id, h)
			l.data(id, content)
			return err
		case syscall.S_IFDIR:
			h.kind = directory
		case syscall.S_IFLNK:
			h.kind = symlink
			h.target, err = os.Readlink(p)
		default:
			h.kind = special
		}
		l.header(id, h)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func geometries() []geometry {
	le, be := binary.ByteOrder(binary.LittleEndian), binary.ByteOrder(binary.BigEndian)
	return []geometry{
		{order: le, page: 2048, spare: 64}, {order: be, page: 2048, spare: 64, tagsAt: 2}, {order: le, page: 4096, spare: 128, tagsAt: 2}, {order: be, page: 4096, spare: 218},
		{order: le, page: 8192, spare: 448, tagsAt: 4}, {order: le, page: 2048, spare: 64, tagsAt: 30}, {order: be, page: 1024, spare: 32}, {order: le, page: 512, spare: 16},
		{order: le, page: 16384, spare: 1216, tagsAt: 2}, {order: le, page: 512, spare: 16, one: true},
	}
}

func TestTree(t *testing.T) {
	dir := srctree.Make(t)
	// A target has at most 159 bytes, and a name 255.
	skip := func(name string) bool { return name == "a/absolute" || len(filepath.Base(name)) > 255 }
	for _, g := range geometries() {
		for _, extra := range []bool{false, true} {
			if extra && g.one {
				continue
			}
			t.Run(fmt.Sprintf("%d+%d at %d %v", g.page, g.spare, g.tagsAt, extra), func(t *testing.T) {
				l := newLog(g)
				l.extra = extra
				l.tree(t, dir, skip)
				tail := make([]byte, 300*g.size())
				rand.New(rand.NewSource(1)).Read(tail)
				for i := g.page; i < int64(len(tail)); i += g.size() {
					clear(tail[i:][:g.spare])
				}
				res := testkit.Run(Format, append(l.b[:len(l.b):len(l.b)], tail...), 64<<20)
				if res.Err != nil || res.End != int64(len(l.b)) || len(res.Gaps) != 0 {
					t.Fatalf("end %d, want %d: %v, gaps %+v, %v", res.End, len(l.b), res.Err, res.Gaps, res.Notes)
				}
				srctree.Compare(t, res, dir, srctree.Options{Skip: skip})
			})
		}
	}
}

// history writes what a device does to files over time.
func history(g geometry) []byte {
	l := newLog(g)
	text := func(s string, n int) []byte { return bytes.Repeat([]byte(s), n)[:n] }
	l.header(root, header{kind: directory, parent: root, mode: 0o040755})
	l.header(257, header{kind: file, parent: root, name: "file", mode: 0o100644, size: 3 * g.page})
	l.data(257, text("old ", int(3*g.page)))
	l.header(258, header{kind: file, parent: root, name: "gone", mode: 0o100600, size: 9})
	l.data(258, []byte("deleted!\n"))
	l.header(259, header{kind: file, parent: root, name: "draft", mode: 0o100644, size: 6})
	l.data(259, []byte("draft\n"))
	l.header(260, header{kind: directory, parent: 261, name: "loop", mode: 0o040755})
	l.header(261, header{kind: directory, parent: 260, name: "loop", mode: 0o040755})
	l.header(262, header{kind: symlink, parent: root, name: "link", mode: 0o120777, target: "dir/other"})
	l.header(263, header{kind: special, parent: root, name: "console", mode: 0o020600, dev: 5<<8 | 1})
	attrs := make([]byte, 4)
	g.order.PutUint32(attrs, 4+10+3)
	l.header(264, header{kind: file, parent: root, name: "noted", mode: 0o100644, attrs: append(attrs, "user.note\x00v\x00\xFF"...)})
	l.seq++
	l.chunk(257, 2, uint32(g.page), text("new ", int(g.page)))                                         // overwritten
	l.header(257, header{kind: file, parent: root, name: "file", mode: 0o100644, size: 2*g.page - 10}) // truncated
	l.header(257, header{kind: file, parent: root, name: "file", mode: 0o100644, size: 3 * g.page})    // and extended: a hole
	l.header(258, header{kind: file, parent: deleted, name: "deleted", mode: 0o100600, size: 0})
	l.header(265, header{kind: file, parent: root, name: "draft", mode: 0o100644, size: 6, shadows: 259}) // renamed over
	l.data(265, []byte("final\n"))
	return l.b
}

func TestHistory(t *testing.T) {
	g := geometry{order: binary.LittleEndian, page: 2048, spare: 64}
	res := testkit.Run(Format, history(g), 1<<20)
	want := append(bytes.Repeat([]byte("old "), 512), bytes.Repeat([]byte("new "), 512)[:2048]...)
	want = append(want, make([]byte, 2048)...)
	if m := res.Find("file"); m == nil || !bytes.Equal(m.Data, want) {
		t.Errorf("file: %d bytes", len(m.Data))
	}
	if m := res.Find("draft"); m == nil || string(m.Data) != "final\n" {
		t.Errorf("draft: %+v", m)
	}
	if m := res.Find("<orphan>/obj-259"); m == nil || string(m.Data) != "draft\n" {
		t.Errorf("draft before: %+v", m)
	}
	if m := res.Find("noted"); m == nil || len(m.Xattrs) != 1 || m.Xattrs[0] != (wardein.Xattr{Name: "user.note", Value: "v\x00\xFF"}) {
		t.Errorf("noted: %+v", m)
	}
	if res.Find("<orphan>/obj-260") == nil && res.Find("<orphan>/obj-261") == nil || res.Find("gone") != nil {
		t.Error(res)
	}
	if m := res.Find("<orphan>/obj-258"); m == nil || !strings.Contains(string(m.Data), "deleted!") {
		t.Errorf("deleted: %+v", m)
	}
}

// TestAgainstUnyaffs compares with what another reader extracts.
func TestAgainstUnyaffs(t *testing.T) {
	unyaffs := testkit.Tool(t, "unyaffs")
	skip := func(name string) bool { return name == "a/absolute" }
	holes := map[string]bool{"zeros": true, "holes": true, "mixed": true, "many/file-256": true} // unyaffs stops at them
	compare := func(name string, img []byte, args ...string) {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
			if err := os.WriteFile(in, img, 0o600); err != nil {
				t.Fatal(err)
			}
			if msg, err := exec.Command(unyaffs, append(args, in, out)...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %s", err, msg)
			}
			srctree.Compare(t, testkit.Run(Format, img, 64<<20), out, srctree.Options{Skip: skip})
		})
	}
	dir := srctree.Make(t)
	for _, g := range geometries()[:5] {
		if g.order == binary.BigEndian {
			continue // of the reader's own byte order only
		}
		l := newLog(g)
		l.tree(t, dir, func(name string) bool {
			return skip(name) || name == "." || holes[name]
		})
		var args []string
		if g.tagsAt == 2 {
			args = []string{"-b"}
		}
		if g.tagsAt <= 2 {
			compare(fmt.Sprintf("%d+%d", g.page, g.spare), l.b, append(args, "-c", fmt.Sprint(g.page/1024), "-s", fmt.Sprint(g.spare))...)
		}
	}
	for name, args := range map[string][]string{"fact_extractor/yaffs__yaffs2_le.img": {"-b", "-c", "2", "-s", "64"}, "binwalk-v3-inputs/yaffs2.bin": {"-c", "2", "-s", "64"}} {
		img, err := os.ReadFile(testkit.Corpus(t, name))
		if err != nil {
			t.Fatal(err)
		}
		if name[0] == 'b' {
			img = img[:126720]
		}
		compare(name, img, args...)
	}
}

func TestCorpus(t *testing.T) {
	for name, members := range map[string]int{"fact_extractor/yaffs__yaffs2_be.img": 4, "fact_extractor/yaffs__yaffs2_le.img": 4, "binwalk-v3-inputs/yaffs2.bin": 13} {
		img, err := os.ReadFile(testkit.Corpus(t, name))
		if err != nil {
			t.Fatal(err)
		}
		res := testkit.Run(Format, img, 64<<20)
		if res.Err != nil || len(res.Gaps) != 0 || len(res.Members) != members || res.Claim.Confidence != wardein.Certain {
			t.Fatal(res)
		}
		if rest := img[res.End:]; !blank(rest) {
			t.Errorf("%s: ends at %d, what follows is not erased", name, res.End)
		}
	}
}

func Benchmark(b *testing.B) {
	l := newLog(geometry{order: binary.LittleEndian, page: 2048, spare: 64})
	content := make([]byte, 16<<20)
	rand.New(rand.NewSource(1)).Read(content)
	l.header(257, header{kind: file, parent: root, name: "file", mode: 0o100644, size: int64(len(content))})
	l.data(257, content)
	srctree.Bench(b, Format, l.b, int64(len(content)))
}
