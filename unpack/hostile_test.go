package unpack_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
	"github.com/wardein/wardein/unpack"
)

// The hostile set goes through the whole engine. Each input stands in an
// archive before an ordinary file, which must be found whatever happens.

const ordinary = "an ordinary file, behind the hostile one"

// hostile unpacks an input with the ordinary file behind it.
func hostile(t *testing.T, data []byte, limits func(*unpack.Limits)) *tree {
	t.Helper()
	l := newLab(t, allFormats)
	l.workers = 2
	if limits != nil {
		limits(&l.cfg.Limits)
	}
	tr := l.unpack(t, tarOf(t, "hostile", string(data), "ordinary", ordinary))
	tr.wantContent(ordinary)
	return tr
}

func zipOf(t testing.TB, method uint16, files ...string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		f, err := w.CreateHeader(&zip.FileHeader{Name: files[i], Method: method})
		if err == nil {
			_, err = f.Write([]byte(files[i+1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func gzipOf(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, _ := gzip.NewWriterLevel(&b, gzip.BestCompression)
	w.Write(data)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// self is a format whose only member is the whole input again: the shortest
// quine.
var self = wardein.Format{
	Name: "self", Version: 1, Magic: []wardein.Magic{{Bytes: "MY-OWN-CONTENT:)"}}, Measure: wholeClaim,
	Extract: func(_ context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
		return r.Size(), out.Stream(wardein.Entry{Name: "me"}, io.NewSectionReader(r, 0, r.Size()))
	},
}

// What contains itself is opened once.
func TestQuine(t *testing.T) {
	l := newLab(t, append(slices.Clone(allFormats), self))
	tr := l.unpack(t, tarOf(t, "quine", "MY-OWN-CONTENT:) and more", "ordinary", ordinary))
	tr.wantGap(wardein.Limit, "contains itself")
	tr.wantContent(ordinary)
	if len(tr.nodes) > 8 {
		t.Errorf("%d nodes", len(tr.nodes))
	}
}

// Nesting is opened to the limit, 32, and no further.
func TestDepth(t *testing.T) {
	data := []byte("the innermost file")
	for i := range 40 {
		if i%2 == 0 {
			data = gzipOf(t, data)
		} else {
			data = tarOf(t, "inner", string(data))
		}
	}
	tr := hostile(t, data, nil)
	tr.wantGap(wardein.Limit, "at depth 33, the limit is 32")
	if tr.content("the innermost file") != nil {
		t.Error("opened deeper than the limit")
	}
}

// Zips in zips, sixteen to each, as 42.zip has them, but each different: the
// run's budget ends it.
func TestNestedBombs(t *testing.T) {
	level := func(fill string, n int) []byte {
		data := []byte(strings.Repeat(fill, 4<<20/len(fill)))
		for k := range n {
			var files []string
			for i := range 16 {
				files = append(files, fmt.Sprintf("%x.zip", i), string(data)+fmt.Sprintf("%d.%d", k, i))
			}
			data = zipOf(t, zip.Deflate, files...)
		}
		return data
	}
	data := level("0", 3)
	tr := hostile(t, data, func(l *unpack.Limits) { l.MinTotal, l.TotalRatio, l.StreamFloor = 64<<20, 1, 8<<20 })
	tr.wantGap(wardein.Limit, "decoded bytes that it may", "of the run's 67108864 are used")
	if tr.read > 512<<20 {
		t.Errorf("%d bytes came out", tr.read)
	}
}

// One stream may give a thousand times its size beyond 64 MB, and no more.
func TestBombs(t *testing.T) {
	if testing.Short() {
		t.Skip("decodes several hundred MB")
	}
	const size = 80 << 20
	tool := func(name string, args ...string) func() []byte {
		return func() []byte {
			cmd := exec.Command(testkit.Tool(t, name), args...)
			cmd.Stdin = io.LimitReader(zeros{}, size)
			out, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			return out
		}
	}
	bombs := map[string]func() []byte{
		"bzip2": tool("bzip2", "-9"), "xz": tool("xz", "-1"), "lzma": tool("xz", "-1", "--format=lzma"), "zstd": tool("zstd", "-q", "-9"),
	}
	for name, make := range bombs {
		t.Run(name, func(t *testing.T) {
			data := make()
			tr := hostile(t, data, nil)
			if int64(len(data))*1000 < 64<<20 {
				tr.wantGap(wardein.Limit, "cut after 67108864 bytes", fmt.Sprint("a container of ", len(data), " bytes"))
			}
		})
	}
	// Deflate gives 1032 to 1 at best: lower the floor to meet the rule.
	for name, data := range map[string][]byte{"gzip": gzipOf(t, make([]byte, 16<<20)), "zlib": zlibOf(t, make([]byte, 16<<20))} {
		t.Run(name, func(t *testing.T) {
			tr := hostile(t, data, func(l *unpack.Limits) { l.StreamFloor = 1 << 20; l.StreamRatio = 100 })
			n := max(1<<20, 100*len(data))
			tr.wantGap(wardein.Limit, fmt.Sprint("cut after ", n, " bytes"), fmt.Sprint("a container of ", len(data), " bytes"))
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func zlibOf(t testing.TB, data []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, _ := zlib.NewWriterLevel(&b, zlib.BestCompression)
	w.Write(data)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// Entries of a zip that share one kernel of data: each is charged.
func TestOverlappingZip(t *testing.T) {
	kernel := zipOf(t, zip.Deflate, "a", strings.Repeat("\x00", 1<<20))
	cd := bytes.Index(kernel, []byte("PK\x01\x02"))
	end := bytes.Index(kernel, []byte("PK\x05\x06"))
	entry := kernel[cd:end]
	data := append([]byte(nil), kernel[:cd]...)
	const n = 500
	for i := range n {
		e := append([]byte(nil), entry...)
		e[46] = byte('a' + i%26)
		data = append(data, e...)
	}
	tail := append([]byte(nil), kernel[end:]...)
	binary.LittleEndian.PutUint16(tail[8:], n)
	binary.LittleEndian.PutUint16(tail[10:], n)
	binary.LittleEndian.PutUint32(tail[12:], uint32(n*len(entry)))
	data = append(data, tail...)
	tr := hostile(t, data, nil)
	if tr.read > 200<<20 {
		t.Errorf("%d bytes came out of %d", tr.read, len(data))
	}
	found := false
	for _, n := range tr.nodes {
		found = found || len(n.Gaps) > 0
	}
	if !found {
		t.Errorf("no gap in\n%s", clip(tr.text))
	}
}

// Names are kept as found, links are never followed, devices never made.
func TestHostileNames(t *testing.T) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	dir := t.TempDir()
	outside := filepath.Join(dir, "written")
	for _, h := range []*tar.Header{
		{Name: "link", Typeflag: tar.TypeSymlink, Linkname: dir},
		{Name: "link/written", Typeflag: tar.TypeReg, Size: 4},
		{Name: "/etc/absolute", Typeflag: tar.TypeReg, Size: 4},
		{Name: "../../../../up", Typeflag: tar.TypeReg, Size: 4},
		{Name: outside, Typeflag: tar.TypeReg, Size: 4},
		{Name: "hard", Typeflag: tar.TypeLink, Linkname: "/etc/passwd"},
		{Name: "mem", Typeflag: tar.TypeChar, Devmajor: 1, Devminor: 1},
		{Name: "disk", Typeflag: tar.TypeBlock, Devmajor: 8, Devminor: 0},
		{Name: "pipe", Typeflag: tar.TypeFifo},
		{Name: "twice", Typeflag: tar.TypeReg, Size: 4},
		{Name: "twice", Typeflag: tar.TypeReg, Size: 4},
	} {
		h.Mode, h.Format = 0o4755, tar.FormatPAX
		if err := w.WriteHeader(h); err != nil {
			t.Fatal(err)
		}
		w.Write([]byte("data")[:h.Size])
	}
	w.Close()
	tr := hostile(t, b.Bytes(), nil)
	for _, want := range []string{"link -> " + dir, "link/written", "/etc/absolute", "../../../../up", "hard -> /etc/passwd", "mem 1,1", "disk 8,0", "twice"} {
		found := false
		for i := range tr.nodes {
			n := &tr.nodes[i]
			s := n.Name
			switch {
			case n.Target != "":
				s += " -> " + n.Target
			case n.Kind == wardein.CharDevice || n.Kind == wardein.BlockDevice:
				s += fmt.Sprintf(" %d,%d", n.Major, n.Minor)
			}
			found = found || s == want
		}
		if !found {
			t.Errorf("no %q in\n%s", want, clip(tr.text))
		}
	}
	if len(tr.find("hostile/twice")) != 1 || len(tr.find("hostile/twice#2")) != 1 {
		t.Errorf("names that occur twice are not told apart in\n%s", clip(tr.text))
	}
	if _, err := os.Lstat(outside); err == nil {
		t.Error("a file was written through a link")
	}
}

// newc is one cpio entry; size is what the header says.
func newc(name string, mode uint32, size uint64, data string) []byte {
	b := fmt.Appendf(nil, "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", 1, mode, 0, 0, 1, 0, uint32(size), 0, 0, 0, 0, len(name)+1, 0)
	b = append(append(b, name...), 0)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	b = append(b, data...)
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}

// Sizes near every power of two in headers: no crash, and what stands before
// is kept.
func TestHugeSizes(t *testing.T) {
	for _, size := range []uint64{1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32, 1<<62 + 1, 1<<63 - 1, 1 << 63, 1<<64 - 1} {
		for name, data := range map[string][]byte{
			"cpio":          append(newc("first", 0o100644, 11, "the content"), newc("huge", 0o100644, size, "short")...),
			"tar":           hugeTar(t, size),
			"zip64":         hugeZip(t, size),
			"ext":           hugeField(sampleOf(t, "ext/"), 1024+4, size),
			"squashfs":      hugeField(sampleOf(t, "squashfs/testdata/v4-gzip"), 40, size),
			"squash-inodes": hugeField(sampleOf(t, "squashfs/testdata/v4-gzip"), 64, size),
			"romfs":         hugeField(sampleOf(t, "romfs/"), 8, size),
		} {
			t.Run(fmt.Sprintf("%s/%#x", name, size), func(t *testing.T) {
				tr := hostile(t, data, nil)
				if name == "cpio" || name == "tar" {
					tr.wantContent("the content")
				}
			})
		}
	}
}

func hugeTar(t *testing.T, size uint64) []byte {
	data := tarOf(t, "first", "the content", "huge", "short")
	h := data[1024:1536]
	copy(h[124:136], "\x80\x00\x00\x00")
	binary.BigEndian.PutUint64(h[128:], size)
	tarSum(h)
	return data
}

// tarSum puts the checksum into a tar header.
func tarSum(h []byte) {
	sum := 0
	copy(h[148:], "        ")
	for _, c := range h[:512] {
		sum += int(c)
	}
	copy(h[148:], fmt.Sprintf("%06o\x00 ", sum))
}

// renamed gives a tar's first member a name that archive/tar would not write.
func renamed(data []byte, name string) []byte {
	copy(data, name)
	tarSum(data)
	return data
}

func hugeZip(t *testing.T, size uint64) []byte {
	data := zipOf(t, zip.Store, "first", "the content", "huge", "short")
	for _, at := range []struct {
		mark string
		off  int
	}{{"PK\x03\x04", 18}, {"PK\x01\x02", 20}} {
		i := bytes.LastIndex(data, []byte(at.mark))
		binary.LittleEndian.PutUint32(data[i+at.off:], uint32(size))
		binary.LittleEndian.PutUint32(data[i+at.off+4:], uint32(size>>1))
	}
	return data
}

func sampleOf(t *testing.T, prefix string) []byte {
	t.Helper()
	for _, s := range formatSamples(t) {
		if strings.HasPrefix(s.name, prefix) {
			return s.data
		}
	}
	t.Fatalf("no sample %s", prefix)
	return nil
}

func hugeField(in []byte, off int, v uint64) []byte {
	data := append([]byte(nil), in...)
	if off+8 <= len(data) {
		binary.LittleEndian.PutUint64(data[off:], v)
	}
	return data
}

// Every sample cut at 64 places.
func TestTruncated(t *testing.T) {
	l := newLab(t, allFormats)
	places := 64
	if testing.Short() {
		places = 8
	}
	for _, s := range formatSamples(t) {
		for i := range places {
			l.unpack(t, s.data[:len(s.data)*i/places])
		}
	}
}

// Polyglots: the same result whatever the order of the formats.
func TestPolyglots(t *testing.T) {
	reversed := slices.Clone(allFormats)
	slices.Reverse(reversed)
	a, b := newLab(t, allFormats), newLab(t, reversed)
	png := []byte("\x89PNG\r\n\x1a\n")
	for _, c := range []struct{ kind, data string }{
		{"IHDR", "\x00\x00\x00\x01\x00\x00\x00\x01\x08\x00\x00\x00\x00"},
		{"IDAT", string(zlibOf(t, []byte{0, 0}))},
		{"IEND", ""},
	} {
		png = binary.BigEndian.AppendUint32(png, uint32(len(c.data)))
		body := append([]byte(c.kind), c.data...)
		png = binary.BigEndian.AppendUint32(append(png, body...), crc32.ChecksumIEEE(body))
	}
	mbr := make([]byte, 2048)
	copy(mbr[446:], "\x80\x00\x02\x00\x83\x00\x04\x00\x01\x00\x00\x00\x03\x00\x00\x00")
	copy(mbr[510:], "\x55\xaa")
	for name, data := range map[string][]byte{
		"zip behind png":     append(slices.Clone(png), zipOf(t, zip.Deflate, "hidden", "hidden in the picture, hidden in the picture")...),
		"tar named as gzip":  renamed(tarOf(t, "name", "the content"), "\x1f\x8b\x08\x08name"),
		"tar named as zip":   renamed(tarOf(t, "name", "the content"), "PK\x03\x04\x14"),
		"mbr with zip":       append(slices.Clone(mbr), zipOf(t, zip.Store, "x", "the content")...),
		"gzip in zip stored": zipOf(t, zip.Store, "a.gz", string(gzipOf(t, []byte("the content")))),
		"two squashfs":       slices.Concat(sampleOf(t, "squashfs/testdata/v4-gzip"), sampleOf(t, "squashfs/testdata/v4-xz")),
		"cpio in cpio":       append(newc("a", 0o100644, 116, string(newc("b", 0o100644, 1, "x"))), newc("TRAILER!!!", 0, 0, "")...),
	} {
		t.Run(name, func(t *testing.T) {
			x, y := a.unpack(t, data), b.unpack(t, data)
			if x.text != y.text {
				t.Errorf("the order of the formats matters: %s", firstDifference(x.text, y.text))
			}
			if strings.Contains(string(data), "the content") {
				x.wantContent("the content")
			}
		})
	}
}

// Encrypted payload is opaque, with a gap, and not counted as known.
func TestEncrypted(t *testing.T) {
	tr := hostile(t, sampleOf(t, "zip/testdata/encrypted"), nil)
	tr.wantGap(wardein.Encrypted)
	luks := append([]byte("LUKS\xba\xbe\x00\x01aes\x00"), make([]byte, 4096)...)
	copy(luks[40:], "cbc-essiv:sha256")
	copy(luks[72:], "sha1")
	binary.BigEndian.PutUint32(luks[104:], 8)
	binary.BigEndian.PutUint32(luks[108:], 32)
	luks = append(luks, noise(64<<10)...)
	for name, data := range map[string][]byte{"zip": sampleOf(t, "zip/testdata/encrypted"), "luks": luks} {
		tr := newLab(t, allFormats).unpack(t, data)
		opaque := int64(0)
		for _, s := range tr.nodes[0].Spans {
			if s.What == wardein.Opaque {
				opaque += s.Len
			}
		}
		if opaque == 0 {
			t.Errorf("%s: nothing is opaque in\n%s", name, clip(tr.text))
		}
	}
}

// A file in the free blocks of ext4, one deleted from jffs2, and one behind a
// squashfs image's bytes_used are found, and not counted as known there.
func TestPlanted(t *testing.T) {
	const planted = "a file that no directory names, planted in the image\n"
	secret := string(gzipOf(t, []byte(strings.Repeat(planted, 40))))
	src := t.TempDir()
	if err := os.WriteFile(filepath.Join(src, "seen"), []byte("a file that is listed"), 0o644); err != nil {
		t.Fatal(err)
	}
	run := func(name string, args ...string) {
		t.Helper()
		if out, err := exec.Command(testkit.Tool(t, name), args...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", name, err, out)
		}
	}
	images := map[string][]byte{}
	img := filepath.Join(t.TempDir(), "ext4")
	run("mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", src, img, "2M")
	ext, err := os.ReadFile(img)
	if err != nil {
		t.Fatal(err)
	}
	copy(ext[1536<<10:], secret)
	images["ext4"] = ext
	img = filepath.Join(t.TempDir(), "squashfs")
	run("mksquashfs", src, img, "-quiet", "-no-progress", "-noappend")
	sq, err := os.ReadFile(img)
	if err != nil {
		t.Fatal(err)
	}
	images["squashfs"] = append(sq[:len(sq):len(sq)], secret...)
	for name, data := range images {
		t.Run(name, func(t *testing.T) {
			tr := newLab(t, allFormats).unpack(t, data)
			tr.wantContent("a file that is listed")
			tr.wantContent(strings.Repeat(planted, 40))
			// The same without a format to open it: its bytes are unknown.
			bare := bytes.Replace(data, []byte(secret), noise(len(secret)), 1)
			tr = newLab(t, allFormats).unpack(t, bare)
			unknown := int64(0)
			for _, n := range tr.nodes {
				for _, s := range n.Spans {
					if s.What == wardein.Unknown {
						unknown += s.Len
					}
				}
			}
			if unknown < int64(len(secret))-8 {
				t.Errorf("%d bytes are unknown of %d that were planted in\n%s", unknown, len(secret), clip(tr.text))
			}
		})
	}
}

// A directory of a million entries.
func TestManyEntries(t *testing.T) {
	n := 1_000_000
	if testing.Short() {
		n = 20_000
	}
	l := newLab(t, allFormats)
	l.cfg.Limits.Entries = int64(n) - 10
	var b bytes.Buffer
	for i := range n {
		b.Write(newc(fmt.Sprintf("d/%07d", i), 0o120777, 1, "t"))
	}
	b.Write(newc("TRAILER!!!", 0, 0, ""))
	f := memFile(t, b.Bytes())
	defer f.Close()
	e := &unpack.Engine{Config: l.cfg, Store: l.store, NoCage: true}
	defer e.Close()
	in := &unpack.Input{File: f, Size: int64(b.Len()), Digest: wardein.Digest{1}}
	nodes, limit := 0, false
	if err := e.Run(context.Background(), in, func(v *unpack.Visit) error {
		nodes++
		for _, g := range v.Node.Gaps {
			limit = limit || g.Kind == wardein.Limit && strings.Contains(g.Why, fmt.Sprint(n-10))
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if nodes < n-10 || nodes > n || !limit {
		t.Errorf("%d nodes of %d, limit seen: %v", nodes, n, limit)
	}
}
