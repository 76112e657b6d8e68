package ext

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
)

// build makes an image of a folder.
func build(t testing.TB, src, size, args string) string {
	t.Helper()
	img := filepath.Join(t.TempDir(), "image")
	run(t, "mke2fs", append(strings.Fields(args), "-q", "-F", "-d", src, img, size)...)
	return img
}

// edit runs commands of debugfs that change the image.
func edit(t testing.TB, img string, commands ...string) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "commands")
	must(t, os.WriteFile(file, []byte(strings.Join(commands, "\n")+"\n"), 0o600))
	run(t, "debugfs", "-w", "-f", file, img)
}

func load(t testing.TB, img string) ([]byte, *testkit.Result) {
	t.Helper()
	data, err := os.ReadFile(img)
	must(t, err)
	return data, testkit.Probe(t, Format, data)
}

// smallTree is a folder with a few files; big is 200,000 bytes of text.
func smallTree(t testing.TB) (dir string, big []byte) {
	dir = t.TempDir()
	for i := range 20_000 {
		big = fmt.Appendf(big, "line%06d", i)
	}
	must(t, os.MkdirAll(filepath.Join(dir, "a/b"), 0o755))
	must(t, os.WriteFile(filepath.Join(dir, "a/big"), big, 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "a/b/small"), []byte("a small file"), 0o644))
	must(t, os.WriteFile(filepath.Join(dir, "other"), bytes.Repeat([]byte("other "), 500), 0o644))
	return dir, big
}

func gapOf(res *testkit.Result, kind wardein.GapKind, text string) bool {
	for _, g := range res.Gaps {
		if g.Kind == kind && strings.Contains(g.Why, text) {
			return true
		}
	}
	return false
}

func TestHashedDirectories(t *testing.T) {
	for _, args := range []string{"-t ext4 -b 1024 -N 4000", "-t ext3 -b 1024 -N 4000", "-t ext4 -b 4096 -O inline_data -N 4000"} {
		src := t.TempDir()
		for i := range 3000 {
			must(t, os.WriteFile(filepath.Join(src, fmt.Sprintf("a-name-of-some-length-to-fill-the-directory-%06d", i)), nil, 0o644))
		}
		img := build(t, src, "16M", args)
		// e2fsck -D makes the index; it exits with 1 when it changed something.
		out, _ := exec.Command(testkit.Tool(t, "e2fsck"), "-fyD", img).CombinedOutput()
		data, res := load(t, img)
		if len(res.Members) != 3001 || len(res.Gaps) != 0 { // and lost+found
			t.Fatalf("%s: %d members, gaps %v\n%s", args, len(res.Members), res.Gaps, out)
		}
		if !strings.Contains(res.String(), "directory index") {
			t.Errorf("%s: no index", args)
		}
		checkUnreferenced(t, res, data)
	}
}

// Free blocks must stay unreferenced, whatever stands there.
func TestPlantedAndDeleted(t *testing.T) {
	for _, args := range []string{"-t ext2 -b 1024", "-t ext4 -b 4096"} {
		src, big := smallTree(t)
		img := build(t, src, "8M", args)
		_, res := load(t, img)
		before := res.Find("other").Data
		edit(t, img, "rm /other")
		f, err := os.OpenFile(img, os.O_RDWR, 0)
		must(t, err)
		planted := bytes.Repeat([]byte("planted!"), 512)
		_, err = f.WriteAt(planted, 7<<20)
		must(t, err)
		must(t, f.Close())
		data, res := load(t, img)
		if res.Find("other") != nil || !bytes.Equal(res.Find("a/big").Data, big) || len(res.Gaps) > 0 {
			t.Errorf("%s: members are wrong, gaps %v", args, res.Gaps)
		}
		free := ""
		for _, x := range res.Unreferenced() {
			free += string(data[x.Off : x.Off+x.Len])
		}
		if !strings.Contains(free, string(planted)) || !strings.Contains(free, string(before)) {
			t.Errorf("%s: free blocks are claimed", args)
		}
	}
}

func TestTruncated(t *testing.T) {
	src, big := smallTree(t)
	img := build(t, src, "8M", "-t ext2 -b 1024")
	data, res := load(t, img)
	var at int64
	for _, m := range res.Members {
		if m.Name == "a/big" {
			at = int64(bytes.Index(data, big[:1000]))
		}
	}
	cut := data[:at+100_000]
	res = testkit.Probe(t, Format, cut)
	if res.Err == nil || res.Claim.End != int64(len(cut)) || res.Claim.Confidence == 0 {
		t.Fatalf("claim %v, %v", res.Claim, res.Err)
	}
	m := res.Find("a/big")
	if m == nil || len(m.Data) != len(big) || !bytes.Equal(m.Data[:90_000], big[:90_000]) || !gapOf(res, wardein.Damaged, "beyond the image's end") {
		t.Fatalf("what is there is not handed out: %v", res.Gaps)
	}
	// Only the superblock is left.
	res = testkit.Probe(t, Format, data[:2048])
	if res.Err == nil || res.Claim.End != 2048 {
		t.Fatalf("claim %v, %v", res.Claim, res.Err)
	}
}

func TestBackupDescriptors(t *testing.T) {
	for _, args := range []string{"-t ext4 -b 1024 -g 1024", "-t ext2 -b 1024 -g 1024", "-t ext4 -b 1024 -g 1024 -O meta_bg,^resize_inode", "-t ext4 -b 1024 -g 1024 -O sparse_super2"} {
		src, big := smallTree(t)
		img := build(t, src, "8M", args)
		data, _ := load(t, img)
		clear(data[2048:3072])
		res := testkit.Probe(t, Format, data)
		if m := res.Find("a/big"); m == nil || !bytes.Equal(m.Data, big) || !gapOf(res, wardein.Damaged, "backups are used") {
			t.Errorf("%s: %v, gaps %v", args, res.Err, res.Gaps)
		}
	}
}

func TestOrphans(t *testing.T) {
	src, big := smallTree(t)
	img := build(t, src, "8M", "-t ext4 -b 1024")
	edit(t, img, "unlink /a")
	_, res := load(t, img)
	found := 0
	for _, m := range res.Members {
		if strings.HasPrefix(m.Name, "<orphan>/") && (strings.HasSuffix(m.Name, "/b/small") || strings.HasSuffix(m.Name, "/big") && bytes.Equal(m.Data, big)) {
			found++
		}
	}
	if found != 2 {
		t.Errorf("found %d\n%s", found, res)
	}
}

func TestUnwrittenAndHoles(t *testing.T) {
	src, _ := smallTree(t)
	img := build(t, src, "8M", "-t ext4 -b 1024")
	edit(t, img, "write /dev/null f", "sif f size 20480", "fallocate f 2 9", "sif /other size 1000000")
	_, res := load(t, img)
	if m := res.Find("f"); m == nil || len(m.Data) != 20480 || !isZero(m.Data) || len(res.Gaps) > 2 {
		t.Errorf("unwritten extents: %v", res.Gaps)
	}
	if m := res.Find("other"); len(m.Data) != 1_000_000 || !isZero(m.Data[3000:]) {
		t.Errorf("hole: %d bytes", len(m.Data))
	}
}

func TestNotOpened(t *testing.T) {
	src, big := smallTree(t)
	img := build(t, src, "8M", "-t ext4 -b 1024 -O ^metadata_csum")
	edit(t, img, "sif /a/big flags 0x80800", "sif /other flags 0x80004")
	_, res := load(t, img)
	var opaque int64
	for _, s := range res.Spans {
		if s.What == wardein.Opaque {
			opaque += s.Len
		}
	}
	if opaque != int64(len(big)+3000) || !gapOf(res, wardein.Encrypted, "encrypted") || !gapOf(res, wardein.Unsupported, "e2compr") || res.Find("a/big").How != "" {
		t.Errorf("opaque %d, gaps %v", opaque, res.Gaps)
	}
}

func TestAttributeInodes(t *testing.T) {
	src, _ := smallTree(t)
	img := build(t, src, "8M", "-t ext4 -b 1024 -O ea_inode -I 256")
	value := bytes.Repeat([]byte("valu"), 256) // debugfs sets one block at most
	file := filepath.Join(t.TempDir(), "value")
	must(t, os.WriteFile(file, value, 0o600))
	edit(t, img, "ea_set -f "+file+" /other user.big", "ea_set /other user.small tiny", "ea_set -f "+file+" /a user.big")
	data, res := load(t, img)
	for _, name := range []string{"other", "a"} {
		ok := false
		for _, x := range res.Find(name).Xattrs {
			ok = ok || x.Name == "user.big" && x.Value == string(value)
		}
		if !ok {
			t.Errorf("%q: %d bytes", name, len(res.Find(name).Xattrs[0].Value))
		}
	}
	if len(res.Gaps) > 0 || !strings.Contains(res.String(), "attribute value") {
		t.Error(res)
	}
	checkUnreferenced(t, res, data)
}

func TestJournal(t *testing.T) {
	src, _ := smallTree(t)
	for _, args := range []string{"-t ext3 -b 1024", "-t ext4 -b 1024"} {
		img := build(t, src, "8M", args)
		file := filepath.Join(t.TempDir(), "block")
		must(t, os.WriteFile(file, bytes.Repeat([]byte("logged copy of a block "), 100)[:2048], 0o600))
		sum := ""
		if strings.Contains(args, "ext4") {
			sum = " -c"
		}
		edit(t, img, "jo"+sum, "jw -b 4000,4001 "+file, "jw -r 4100", "jc")
		_, res := load(t, img)
		text := res.String()
		copies := 0
		for _, s := range res.Spans {
			if s.Is == "journal copy" && s.Carve {
				copies += int(s.Len)
			}
		}
		if !gapOf(res, wardein.Unsupported, "journal not replayed") || copies != 2048 || !strings.Contains(text, "journal descriptor") || !strings.Contains(text, "journal commit") ||
			!strings.Contains(text, "journal revoke") {
			t.Errorf("%s: %d bytes of copies, gaps %v", args, copies, res.Gaps)
		}
	}
}

func TestHostile(t *testing.T) {
	src, _ := smallTree(t)
	blockOf := func(img, name string) int64 {
		n, err := strconv.ParseInt(strings.TrimSpace(run(t, "debugfs", "-R", "bmap "+name+" 0", img)), 10, 64)
		must(t, err)
		return n
	}
	t.Run("directory cycle", func(t *testing.T) {
		img := build(t, src, "8M", "-t ext4 -b 1024")
		edit(t, img, "link /a /a/b/up", "link /a/b /again")
		_, res := load(t, img)
		if !gapOf(res, wardein.Damaged, "two names") || len(res.Members) > 20 {
			t.Error(res)
		}
	})
	t.Run("indirect blocks lead to themselves", func(t *testing.T) {
		img := build(t, src, "8M", "-t ext2 -b 1024")
		data, _ := load(t, img)
		b := blockOf(img, "/other")
		for i := int64(0); i < 1024; i += 4 {
			le.PutUint32(data[b*1024+i:], uint32(b))
		}
		must(t, os.WriteFile(img, data, 0o600))
		edit(t, img, fmt.Sprintf("sif /other block[TIND] %d", b), "sif /other size 2000000000", fmt.Sprintf("sif /other block[IND] %d", b))
		data, err := os.ReadFile(img)
		must(t, err)
		out := &nothing{}
		if _, err := extract(context.Background(), section(data), out); err != nil || len(out.gaps) != 1 || out.gaps[0].Kind != wardein.Limit {
			t.Errorf("%v %v", err, out.gaps)
		}
	})
	t.Run("sizes", func(t *testing.T) {
		for _, size := range []string{"0x7fffffffffffffff", "0xffffffffffffffff", "0x8000000000000000"} {
			img := build(t, src, "8M", "-t ext4 -b 1024")
			edit(t, img, "sif /other size "+size, "sif /a size 0xfffffc00")
			_, res := load(t, img)
			if !gapOf(res, wardein.Damaged, "its block map ends") || res.Find("a/b/small") == nil || len(res.Find("other").Data) > 10_000 {
				t.Errorf("%v %v", res.Err, res.Gaps)
			}
		}
	})
	t.Run("all groups have one table", func(t *testing.T) {
		d := make([]byte, 4<<20)
		s := d[1024:]
		le.PutUint16(s[0x38:], 0xEF53)
		le.PutUint32(s[0:], 2000*65536)
		le.PutUint32(s[4:], 2000*65536)
		le.PutUint32(s[0x18:], 6)
		le.PutUint32(s[0x20:], 65536)
		le.PutUint32(s[0x28:], 65536)
		le.PutUint32(s[0x4C:], 1)
		le.PutUint32(s[0x54:], 11)
		le.PutUint16(s[0x58:], 128)
		for g := range 2000 {
			e := d[65536+32*g:]
			le.PutUint32(e, 3)
			le.PutUint32(e[4:], 4)
			le.PutUint32(e[8:], 5)
		}
		for i := range 65536 / 8 {
			d[4*65536+i] = 0xFF
		}
		le.PutUint16(d[5*65536+128:], 0x41ED)
		res := testkit.Probe(t, Format, d)
		if !gapOf(res, wardein.Limit, "lead to the same bytes") {
			t.Errorf("%v %v", res.Claim, res.Gaps)
		}
	})
	t.Run("extent tree leads to itself", func(t *testing.T) {
		img := build(t, src, "8M", "-t ext4 -b 1024 -O ^metadata_csum")
		data, _ := load(t, img)
		b := blockOf(img, "/other")
		node := data[b*1024 : b*1024+1024]
		le.PutUint16(node, extentMagic)
		le.PutUint16(node[2:], 84)
		le.PutUint16(node[4:], 84)
		le.PutUint16(node[6:], 4)
		clear(node[12:])
		for i := range 84 {
			le.PutUint32(node[12+12*i:], uint32(i))
			le.PutUint32(node[12+12*i+4:], uint32(b))
		}
		must(t, os.WriteFile(img, data, 0o600))
		edit(t, img, "sif /other block[0] 0x0001f30a", "sif /other block[1] 0x00050004", "sif /other block[3] 0", fmt.Sprintf("sif /other block[4] %d", b), "sif /other block[5] 0")
		_, res := load(t, img)
		if !gapOf(res, wardein.Damaged, "extent node") || res.Find("a/b/small") == nil {
			t.Errorf("%v %v", res.Err, res.Gaps)
		}
	})
}

func TestGenext2fs(t *testing.T) {
	src, _ := smallTree(t)
	for _, blocks := range []string{"300", "9000", "20000"} {
		for _, size := range []string{"1024", "4096"} {
			img := filepath.Join(t.TempDir(), "image")
			run(t, "genext2fs", "-d", src, "-b", blocks, "-B", size, "-N", "100", "-q", img)
			compare(t, img, false)
		}
	}
}

func TestCorpus(t *testing.T) {
	for _, name := range []string{"sevenz__ext2.img.xz", "sevenz__ext3.img.xz", "sevenz__ext4.img.xz"} {
		t.Run(name, func(t *testing.T) {
			path := testkit.Corpus(t, "fact_extractor/"+name)
			data, err := exec.Command(testkit.Tool(t, "xz"), "-dc", path).Output()
			must(t, err)
			img := filepath.Join(t.TempDir(), "image")
			must(t, os.WriteFile(img, data, 0o600))
			compare(t, img, false)
		})
	}
}

func TestNotMine(t *testing.T) {
	src, _ := smallTree(t)
	data, _ := load(t, build(t, src, "9M", "-t ext4 -b 1024"))
	// Copies of a superblock, as at a group's start and in a journal.
	for _, at := range []int{8192 * 1024, 5000 * 1024} {
		d := append([]byte(nil), data...)
		if at != 8192*1024 {
			copy(d[at+1024:], data[1024:2048])
		}
		if res := testkit.Probe(t, Format, d[at:]); res.Claim.End != 0 {
			t.Errorf("a superblock copy at %#x is claimed: %v %v", at, res.Claim, res.Err)
		}
	}
}

func BenchmarkExtract(b *testing.B) {
	src := plant(b, 3000)
	data, err := os.ReadFile(build(b, src, "24M", "-t ext4 -b 4096"))
	must(b, err)
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		extractOnly(b, data)
	}
}

func BenchmarkReject(b *testing.B) {
	data := bytes.Repeat([]byte("\x53\xef\x01\x00\x01\x00\x00\x00"), 1024)
	r := section(data)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := measure(r); err != wardein.ErrNotMine {
			b.Fatal(err)
		}
	}
}

// nothing is the cheapest engine there is.
type nothing struct {
	entries int
	gaps    []wardein.Gap
}

func (n *nothing) Entry(wardein.Entry) error                     { n.entries++; return nil }
func (n *nothing) Extents(wardein.Entry, []wardein.Extent) error { n.entries++; return nil }
func (n *nothing) Blocks(wardein.Entry, []wardein.Block) error   { n.entries++; return nil }
func (n *nothing) Stream(wardein.Entry, io.Reader) error         { n.entries++; return nil }
func (n *nothing) Span(wardein.Span)                             {}
func (n *nothing) Note(name, value string)                       {}
func (n *nothing) Gap(g wardein.Gap)                             { n.gaps = append(n.gaps, g) }

func section(data []byte) *io.SectionReader {
	return io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data)))
}

func extractOnly(b *testing.B, data []byte) {
	n := &nothing{}
	if _, err := extract(context.Background(), section(data), n); err != nil || n.entries < 3000 {
		b.Fatal(n.entries, err)
	}
}
