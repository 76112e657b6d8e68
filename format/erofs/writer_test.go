package erofs

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os/exec"
	"testing"

	"compress/flate"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
)

// writer builds volumes of what mkfs.erofs 1.5 cannot: other compressors,
// fragments, shared runs, interlaced blocks. Inodes stand in the first two
// blocks, full indexes behind them, content from block 2 on.
type writer struct {
	meta     []byte
	data     []byte
	names    []string
	nids     []uint64
	packed   uint64
	incompat uint32
}

const metaBlocks = 2

func newWriter() *writer {
	w := &writer{meta: make([]byte, metaBlocks*4096), incompat: 0x7F}
	w.meta = w.meta[:1024+128+512] // root's inode and names
	return w
}

// store pads encoded bytes in front to whole blocks and returns their block.
func (w *writer) store(b []byte) uint32 {
	at := metaBlocks + len(w.data)/4096
	w.data = append(w.data, make([]byte, (4096-len(b)%4096)%4096)...)
	w.data = append(w.data, b...)
	return uint32(at)
}

func le16(v int) []byte    { return binary.LittleEndian.AppendUint16(nil, uint16(v)) }
func le32(v uint32) []byte { return binary.LittleEndian.AppendUint32(nil, v) }

// headItem and nonhead are items of a full index.
func headItem(kind, ofs int, block uint32) []byte {
	return append(append(le16(kind), le16(ofs)...), le32(block)...)
}
func nonhead(d0 int) []byte { return append(append(le16(2), le16(0)...), le32(uint32(d0))...) }

// inode adds one and returns its nid.
func (w *writer) inode(mode, layout int, size, u uint32, behind ...[]byte) uint64 {
	for len(w.meta)%32 != 0 {
		w.meta = append(w.meta, 0)
	}
	nid := uint64(len(w.meta) / 32)
	w.meta = append(w.meta, le16(layout<<1)...)
	w.meta = append(w.meta, bytes.Join([][]byte{le16(0), le16(mode), le16(1), le32(size), le32(0), le32(u), le32(uint32(nid)), make([]byte, 8)}, nil)...)
	w.meta = append(w.meta, bytes.Join(behind, nil)...)
	return nid
}

func (w *writer) file(name string, nid uint64) {
	w.names = append(w.names, name)
	w.nids = append(w.nids, nid)
}

// mapHeader is a map header and the 8 bytes that follow it in a full index.
func mapHeader(low uint32, advise, algorithms, bits int) []byte {
	return append(append(append(le32(low), le16(advise)...), byte(algorithms), byte(bits)), make([]byte, 8)...)
}

func (w *writer) bytes() []byte {
	var entries, names []byte
	for i, name := range w.names { // must be in order for a kernel, not for us
		entries = binary.LittleEndian.AppendUint64(entries, w.nids[i])
		entries = append(entries, le16(12*len(w.names)+len(names))...)
		entries = append(entries, 1, 0)
		names = append(names, name...)
	}
	dir := append(entries, names...)
	b := make([]byte, metaBlocks*4096)
	copy(b, w.meta)
	root := &writer{}
	root.inode(0o40755, 2, uint32(len(dir)), 0, dir)
	copy(b[1024+128:], root.meta)
	b = append(b, w.data...)
	s := b[1024:]
	copy(s, magic)
	binary.LittleEndian.PutUint32(s[8:], 1)
	s[12] = 12
	binary.LittleEndian.PutUint16(s[14:], 36)
	binary.LittleEndian.PutUint32(s[36:], uint32(len(b)/4096))
	binary.LittleEndian.PutUint32(s[80:], w.incompat)
	binary.LittleEndian.PutUint64(s[96:], w.packed)
	binary.LittleEndian.PutUint32(s[4:], ^crc32.Checksum(s[:4096-1024], castagnoli))
	return b
}

func words(n int) []byte {
	var b bytes.Buffer
	for i := 0; b.Len() < n; i++ {
		fmt.Fprintf(&b, "word %d ", i*i%97)
	}
	return b.Bytes()[:n]
}

// encode compresses with one of the algorithms by number.
func encode(t testing.TB, algorithm int, b []byte) []byte {
	var out bytes.Buffer
	switch algorithm {
	case 0:
		dst := make([]byte, len(b))
		n, err := lz4.CompressBlock(b, dst, nil)
		must(t, err)
		return dst[:n]
	case 1:
		cmd := exec.Command(testkit.Tool(t, "xz"), "--format=raw", "--lzma1=lc=3,lp=0,pb=2", "-c")
		cmd.Stdin, cmd.Stdout = bytes.NewReader(b), &out
		must(t, cmd.Run())
		p := out.Bytes()
		p[0] = ^byte(2*45 + 0*9 + 3)
		return p
	case 2:
		z, _ := flate.NewWriter(&out, 9)
		z.Write(b)
		must(t, z.Close())
		return out.Bytes()
	}
	z, err := zstd.NewWriter(nil)
	must(t, err)
	return z.EncodeAll(b, nil)
}

// others builds one volume with one file of each kind, and says what they hold.
func others(t testing.TB) (data []byte, want map[string][]byte) {
	w := newWriter()
	text := words(12_000)
	want = map[string][]byte{}
	for alg, name := range algorithmNames {
		b := encode(t, alg, text)
		if len(b) > 4096 {
			t.Fatalf("%s: %d bytes", name, len(b))
		}
		at := w.store(b)
		// A run of its own; its first 5000 bytes only; from the second head.
		w.file(name, w.inode(0o100644, 1, 12_000, 1, mapHeader(0, 0, alg, 0), headItem(1, 0, at), nonhead(1), nonhead(2)))
		w.file(name+"-part", w.inode(0o100644, 1, 5000, 1, mapHeader(0, 0, alg, 0), headItem(0x8001, 0, at), nonhead(1)))
		w.file(name+"-head2", w.inode(0o100644, 1, 12_000, 1, mapHeader(0, adviseBig1|adviseBig2, 15|alg<<4, 0), headItem(3, 0, at), nonhead(1|1<<11), nonhead(2)))
		want[name], want[name+"-part"], want[name+"-head2"] = text, text[:5000], text
	}
	large := words(50_000)
	for i := range large {
		large[i] ^= byte(i * i >> 9)
	}
	b := encode(t, 2, large)
	n := (len(b) + 4095) / 4096
	items := [][]byte{mapHeader(0, adviseBig1, 2, 0), headItem(1, 0, w.store(b)), nonhead(n | 1<<11)}
	for i := 2; i <= 49_999>>12; i++ {
		items = append(items, nonhead(i))
	}
	w.file("large", w.inode(0o100644, 1, 50_000, 1, items...))
	want["large"] = large

	// The packed inode is LZ4; one file is a part of it, one ends in it.
	w.packed = w.inode(0o100644, 1, 12_000, 1, mapHeader(0, 0, 0, 0), headItem(1, 0, w.store(encode(t, 0, text))), nonhead(1), nonhead(2))
	whole := mapHeader(100, 0, 0, 0x80)
	w.file("whole", w.inode(0o100644, 1, 3000, 0, whole))
	want["whole"] = text[100:3100]
	// Three runs: compressed to 5000, stored to 8500 and rotated, so that each
	// byte stands where it is in its page, and a fragment to 10500.
	mix := append(append([]byte(nil), text[:5000]...), large[5000:8500]...)
	block := make([]byte, 4096)
	copy(block[904:], large[5000:8192])
	copy(block, large[8192:8500])
	w.file("rotated", w.inode(0o100644, 1, 10_500, 2, mapHeader(7000, adviseFragment|adviseInterlaced, 2, 0),
		headItem(1, 0, w.store(encode(t, 2, text[:5000]))), headItem(0, 904, w.store(block)), headItem(1, 308, 0)))
	want["rotated"] = append(append([]byte(nil), mix...), text[7000:9000]...)
	return w.bytes(), want
}

func TestOthers(t *testing.T) {
	data, want := others(t)
	res := testkit.Run(Format, data, 1<<30)
	if res.Err != nil || len(res.Gaps) > 0 || res.Claim.Confidence != wardein.Certain {
		t.Fatalf("%+v %v %v", res.Claim, res.Err, res.Gaps)
	}
	for name, content := range want {
		if m := res.Find(name); m == nil || m.Err != nil || !bytes.Equal(m.Data, content) {
			t.Errorf("%s: %+v", name, m)
		}
	}
	if len(res.Members) != len(want) {
		t.Errorf("%d members, want %d", len(res.Members), len(want))
	}
}

// TestGaps: what is not known or not there is a Gap, and the rest is read.
func TestGaps(t *testing.T) {
	w := newWriter()
	w.file("unknown", w.inode(0o100644, 1, 9000, 1, mapHeader(0, 0, 9, 0), headItem(1, 0, 1), nonhead(1), nonhead(2)))
	w.file("beyond", w.inode(0o100644, 0, 9000, 1000))
	w.file("layout", w.inode(0o100644, 6, 9000, 1000))
	w.file("good", w.inode(0o100644, 2, 4, 0, []byte("good")))
	w.file("again", 36)
	w.file("away", 1<<40)
	res := testkit.Run(Format, w.bytes(), 1<<20)
	if m := res.Find("good"); m == nil || string(m.Data) != "good" {
		t.Errorf("good: %+v", m)
	}
	kinds := map[wardein.GapKind]int{}
	for _, g := range res.Gaps {
		kinds[g.Kind]++
	}
	if kinds[wardein.Unsupported] != 2 || kinds[wardein.Damaged] != 3 {
		t.Errorf("gaps %+v", res.Gaps)
	}
	b := w.bytes()
	b[1024+80] |= 0x80 // 48-bit addresses
	binary.LittleEndian.PutUint32(b[1028:], 0)
	s := b[1024:4096]
	binary.LittleEndian.PutUint32(s[4:], ^crc32.Checksum(s, castagnoli))
	res = testkit.Run(Format, b, 1<<20)
	if len(res.Gaps) != 1 || res.Gaps[0].Kind != wardein.Unsupported || len(res.Spans) != 2 {
		t.Errorf("48 bit: %v %v %v", res.Err, res.Gaps, res.Spans)
	}
	// Cut off: what is there is handed out.
	res = testkit.Run(Format, w.bytes()[:4096], 1<<20)
	if res.Err == nil && res.Claim.End != 4096 || res.Find("good") == nil {
		t.Errorf("cut: %+v %v", res.Claim, res.Members)
	}
}
