package ubifs

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
	"github.com/wardein/wardein/internal/testkit/srctree"
)

func TestGolden(t *testing.T) { testkit.Golden(t, Format) }
func TestDamage(t *testing.T) { testkit.Damage(t, Format) }
func Fuzz(f *testing.F)       { testkit.Fuzz(f, Format) }

// mkfs builds an image of a directory.
func mkfs(t testing.TB, dir string, args ...string) []byte {
	t.Helper()
	tool := testkit.Tool(t, "mkfs.ubifs")
	out := filepath.Join(t.TempDir(), "out")
	if msg, err := exec.Command(tool, append([]string{"-r", dir, "-o", out}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, msg)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAgainstMkfs(t *testing.T) {
	dir := srctree.Make(t)
	for _, args := range []string{
		"-m 2048 -e 126976 -c 200 -x lzo", "-m 2048 -e 126976 -c 200 -x zlib", "-m 2048 -e 126976 -c 200 -x zstd", "-m 2048 -e 126976 -c 200 -x none",
		"-m 512 -e 15872 -c 400 -x favor_lzo", "-m 8 -e 65536 -c 100 -x favor_lzo -X 1", "-m 4096 -e 253952 -c 2000 -x zstd -F", "-m 1024 -e 129024 -c 200 -f 3",
		"-m 2048 -e 126976 -c 200 -f 64 -k test -j 1MiB", "-m 2048 -e 126976 -c 200 -U",
	} {
		t.Run(args, func(t *testing.T) {
			img := mkfs(t, dir, strings.Fields(args)...)
			res := testkit.Run(Format, append(img, "tail"...), 64<<20)
			if res.Err != nil || res.End != int64(len(img)) || len(res.Gaps) != 0 {
				t.Fatalf("end %d of %d: %v, gaps %+v", res.End, len(img), res.Err, res.Gaps)
			}
			srctree.Compare(t, res, dir, srctree.Options{SameOwner: strings.Contains(args, "-U")})
			// Main area: all but erased space and alignment is accounted for.
			var u superblockOf
			u.read(img)
			for _, x := range res.Unreferenced() {
				b := img[x.Off : x.Off+x.Len]
				if x.Off >= u.main*u.leb && !bytes.Equal(b, bytes.Repeat(b[:1], len(b))) {
					t.Errorf("main area: %#x+%#x is unreferenced: % x…", x.Off, x.Len, b[:min(len(b), 32)])
					break
				}
			}
		})
	}
}

type superblockOf struct{ leb, main int64 }

func (u *superblockOf) read(img []byte) {
	at := func(off int) int64 { return int64(binary.LittleEndian.Uint32(img[off:])) }
	u.leb, u.main = at(36), 3+at(56)+at(60)+at(64)
}

// Authenticated images have a hash behind each key of the index.
func TestAuthenticated(t *testing.T) {
	openssl, dir, keys := testkit.Tool(t, "openssl"), srctree.Make(t), t.TempDir()
	key, cert := filepath.Join(keys, "key"), filepath.Join(keys, "cert")
	if msg, err := exec.Command(openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", cert, "-subj", "/CN=test").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, msg)
	}
	for _, algo := range []string{"sha1", "sha256", "sha512"} {
		img := mkfs(t, dir, "-m", "2048", "-e", "126976", "-c", "200", "--hash-algo", algo, "--auth-key", key, "--auth-cert", cert)
		res := testkit.Run(Format, img, 64<<20)
		if res.Err != nil || res.End != int64(len(img)) || len(res.Gaps) != 0 {
			t.Fatalf("%s: end %d of %d: %v, gaps %+v", algo, res.End, len(img), res.Err, res.Gaps)
		}
		srctree.Compare(t, res, dir, srctree.Options{})
	}
}

func TestEncrypted(t *testing.T) {
	dir := t.TempDir()
	keyFile := filepath.Join(t.TempDir(), "key")
	os.WriteFile(filepath.Join(dir, "secret"), bytes.Repeat([]byte("plain text "), 2000), 0o600)
	os.Symlink("secret", filepath.Join(dir, "link"))
	os.WriteFile(keyFile, append(bytes.Repeat([]byte{7}, 32), bytes.Repeat([]byte{9}, 32)...), 0o600)
	res := testkit.Run(Format, mkfs(t, dir, "-m", "2048", "-e", "126976", "-c", "200", "-K", keyFile, "-b", "0123456789abcdef", "-C", "AES-256-XTS"), 1<<20)
	opaque, encrypted := int64(0), 0
	for _, s := range res.Spans {
		if s.What == wardein.Opaque {
			opaque += s.Len
		}
	}
	for _, g := range res.Gaps {
		if g.Kind != wardein.Encrypted {
			t.Errorf("%+v", g)
		}
		encrypted++
	}
	if opaque == 0 || encrypted != 3 {
		t.Fatal(res)
	}
	for _, m := range res.Members {
		if m.Name != "." && !strings.HasPrefix(m.Name, "<encrypted>-") {
			t.Errorf("name %q", m.Name)
		}
	}
}

// image is an image that the test changes.
type image struct {
	b     []byte
	leb   int64
	sqnum uint64
}

// put writes a node and its header at block lnum, offset offs, and returns the
// offset after it.
func (im *image) put(lnum, offs int64, kind byte, body []byte) int64 {
	n := make([]byte, headerSize, headerSize+len(body))
	n = append(n, body...)
	im.sqnum++
	le.PutUint32(n, nodeMagic)
	le.PutUint64(n[8:], im.sqnum)
	le.PutUint32(n[16:], uint32(len(n)))
	n[20] = kind
	le.PutUint32(n[4:], crc(n))
	copy(im.b[lnum*im.leb+offs:], n)
	return offs + align8(int64(len(n)))
}

func keyBytes(ino uint32, kind byte, low uint32) []byte {
	b := make([]byte, 16)
	le.PutUint32(b, ino)
	le.PutUint32(b[4:], uint32(kind)<<29|low)
	return b
}

func inodeBody(ino uint32, mode uint32, nlink uint32, size uint64) []byte {
	b := make([]byte, inoSize-headerSize)
	copy(b, keyBytes(ino, inoNode, 0))
	le.PutUint64(b[48-24:], size)
	le.PutUint32(b[92-24:], nlink)
	le.PutUint32(b[104-24:], mode)
	return b
}

func dentBody(dir uint32, name string, ino uint64) []byte {
	b := append(keyBytes(dir, dentNode, uint32(len(name))), make([]byte, dentSize-40)...)
	le.PutUint64(b[16:], ino)
	le.PutUint16(b[26:], uint16(len(name)))
	return append(append(b, name...), 0)
}

func dataBody(ino, block uint32, data []byte) []byte {
	b := append(keyBytes(ino, dataNode, block), make([]byte, 8)...)
	le.PutUint32(b[16:], uint32(len(data)))
	return append(b, data...)
}

func trunBody(ino uint32, from, to uint64) []byte {
	b := make([]byte, trunSize-headerSize)
	le.PutUint32(b, ino)
	le.PutUint64(b[16:], from)
	le.PutUint64(b[24:], to)
	return b
}

// sample returns the golden sample and the inode numbers of its files.
func sample(t *testing.T) (*image, map[string]uint32) {
	im := &image{b: slices.Clone(testkit.Samples(t)[0].Data), leb: 15360, sqnum: 1 << 20}
	inos := map[string]uint32{}
	for off := 0; off+dentSize < len(im.b); off += 8 {
		if n := im.b[off:]; le.Uint32(n) == nodeMagic && n[20] == dentNode {
			inos[string(n[dentSize:][:le.Uint16(n[50:])])] = le.Uint32(n[40:])
		}
	}
	return im, inos
}

// What a device wrote after the last commit stands in buds only.
func TestJournal(t *testing.T) {
	im, inos := sample(t)
	const bud = 9
	ref := make([]byte, refSize-headerSize)
	le.PutUint32(ref, bud)
	le.PutUint32(ref[8:], 1)
	im.put(3, 32, refNode, ref)
	off := int64(0)
	put := func(kind byte, body []byte) { off = im.put(bud, off, kind, body) }

	put(inoNode, inodeBody(900, 0o100644, 1, 4)) // a new file
	put(dentNode, dentBody(1, "new", 900))
	put(dataNode, dataBody(900, 0, []byte("abcd")))
	put(dataNode, dataBody(900, 0, []byte("ABCD"))) // overwritten
	put(dentNode, dentBody(1, "console", 0))        // deleted
	put(inoNode, inodeBody(inos["console"], 0o020644, 0, 0))
	put(trunNode, trunBody(inos["text"], 5700, 4000)) // truncated to one block
	put(inoNode, inodeBody(inos["text"], 0o100600, 1, 4000))
	put(dentNode, dentBody(1, "hole", 0)) // renamed
	put(dentNode, dentBody(1, "moved", uint64(inos["hole"])))
	value := inodeBody(901, 0o100777, 1, 5)
	le.PutUint32(value[108-24:], flagXattr)
	le.PutUint32(value[112-24:], 5)
	attr := dentBody(900, "user.note", 901)
	copy(attr, keyBytes(900, xentNode, 77))
	put(xentNode, attr)
	put(inoNode, append(value, "v\x00\xFFue"...))
	copy(im.b[bud*im.leb+off:], "\x31\x18\x10\x06torn")

	res := testkit.Run(Format, im.b, 1<<20)
	want := map[string]int{"new": 4, "text": 4000, "moved": 9012}
	for name, size := range want {
		if m := res.Find(name); m == nil || len(m.Data) != size || m.Err != nil {
			t.Errorf("%s: %+v", name, m)
		}
	}
	if m := res.Find("new"); m != nil && (string(m.Data) != "ABCD" || len(m.Xattrs) != 1 || m.Xattrs[0] != wardein.Xattr{Name: "user.note", Value: "v\x00\xFFue"}) {
		t.Errorf("new: %q %+v", m.Data, m.Xattrs)
	}
	for _, name := range []string{"console", "hole"} {
		if res.Find(name) != nil {
			t.Errorf("%s is there", name)
		}
	}
	if len(res.Gaps) != 1 || !strings.Contains(res.Gaps[0].Why, "power cut") {
		t.Errorf("gaps: %+v", res.Gaps)
	}
	if t.Failed() {
		t.Log(res)
	}
}

// With its index gone the whole tree is found again by a search.
func TestLostIndex(t *testing.T) {
	whole := testkit.Run(Format, testkit.Samples(t)[0].Data, 1<<20)
	im, _ := sample(t)
	for off := 0; off+headerSize < len(im.b); off += 8 {
		if n := im.b[off:]; le.Uint32(n) == nodeMagic && n[20] == indexNode {
			n[26] ^= 0x40
		}
	}
	res := testkit.Run(Format, im.b, 1<<20)
	if len(res.Gaps) == 0 {
		t.Error("no gap")
	}
	if len(res.Members) != len(whole.Members) {
		t.Fatalf("%d members, want %d: %s", len(res.Members), len(whole.Members), res)
	}
	for i, m := range res.Members {
		if w := whole.Members[i]; fmt.Sprint(m.Entry) != fmt.Sprint(w.Entry) || !bytes.Equal(m.Data, w.Data) {
			t.Errorf("%+v, want %+v", m.Entry, w.Entry)
		}
	}
}

// Directories that name each other end in a gap, not in an endless path.
func TestLoop(t *testing.T) {
	im, inos := sample(t)
	ref := make([]byte, refSize-headerSize)
	le.PutUint32(ref, 9)
	im.put(3, 32, refNode, ref)
	off := im.put(9, 0, dentNode, dentBody(inos["etc"], "root", 1))
	off = im.put(9, off, dentNode, dentBody(inos["etc"], "self", uint64(inos["etc"])))
	off = im.put(9, off, inoNode, inodeBody(700, 0o040755, 2, 0)) // a loop that the root does not reach
	off = im.put(9, off, inoNode, inodeBody(701, 0o040755, 2, 0))
	off = im.put(9, off, dentNode, dentBody(700, "down", 701))
	off = im.put(9, off, dentNode, dentBody(701, "up", 700))
	im.put(9, off, dentNode, dentBody(702, "of nobody", uint64(inos["text"])))
	res := testkit.Run(Format, im.b, 1<<20)
	if len(res.Gaps) != 4 {
		t.Errorf("%d gaps, want 4", len(res.Gaps))
	}
	for _, name := range []string{"<orphan>/ino-700", "<orphan>/ino-700/down", "<orphan>/ino-702/of nobody"} {
		if res.Find(name) == nil {
			t.Errorf("%s is missing", name)
		}
	}
	if t.Failed() {
		t.Log(res)
	}
}

func TestCorpus(t *testing.T) {
	img, err := os.ReadFile(testkit.Corpus(t, "fact_extractor/ubi__test.ubifs"))
	if err != nil {
		t.Fatal(err)
	}
	res := testkit.Run(Format, img, 64<<20)
	if res.Err != nil || res.End != int64(len(img)) || len(res.Gaps) != 0 || len(res.Members) != 5 {
		t.Fatal(res)
	}
	if m := res.Find("testfile1"); m == nil || !bytes.HasPrefix(m.Data, []byte("test file:\ncontent: MyTestRule")) {
		t.Fatal(res)
	}
}

func Benchmark(b *testing.B) {
	dir := b.TempDir()
	var text bytes.Buffer
	for i := 0; text.Len() < 8<<20; i++ {
		fmt.Fprintf(&text, "%x line %d of a text in which much comes again\n", i*i*7919, i)
	}
	os.WriteFile(filepath.Join(dir, "text"), text.Bytes(), 0o600)
	for _, x := range compressions {
		img := mkfs(b, dir, "-m", "2048", "-e", "126976", "-c", "200", "-x", x)
		b.Run(x, func(b *testing.B) { srctree.Bench(b, Format, img, int64(text.Len())) })
	}
}
