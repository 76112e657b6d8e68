package inflate_test

import (
	"bufio"
	"bytes"
	"compress/flate"
	"compress/zlib"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"io"
	"math/rand"
	"os/exec"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/wardein/wardein/codec/inflate"
	"github.com/wardein/wardein/internal/testkit"
)

// A vector is a stream and what is to be said of it: "" or a part of the error.
type vector struct{ hex, name, want string }

const cut = "unexpected EOF"

// vectors are zlib's (test/infcover.c, with its words for what is wrong) and
// some made by hand.
var vectors = []vector{
	{"0 0 0 0 0", "invalid stored block lengths", "inverted is 0x0000, want 0xffff"},
	{"3 0", "fixed", ""},
	{"6", "invalid block type", "block type 3"},
	{"1 1 0 fe ff 0", "stored", ""},
	{"fc 0 0", "too many length or distance symbols", "288 literal and length codes, want at most 286"},
	{"4 0 fe ff", "invalid code lengths set", "code of code lengths"},
	{"4 0 24 49 0", "invalid bit length repeat", "repeated with 0 before it"},
	{"4 0 24 e9 ff ff", "invalid bit length repeat", "code lengths, want 258"},
	{"4 0 24 e9 ff 6d", "missing end-of-block", "no code for the end of block"},
	{"4 80 49 92 24 49 92 24 71 ff ff 93 11 0", "invalid literal/lengths set", "code of literals and lengths"},
	{"4 80 49 92 24 49 92 24 f b4 ff ff c3 84", "invalid distances set", "code of distances"},
	{"4 c0 81 8 0 0 0 0 20 7f eb b 0 0", "invalid literal/length code", "no literal and no length"},
	{"2 7e ff ff", "invalid distance code", "no distance has"},
	{"c c0 81 0 0 0 0 0 90 ff 6b 4 0", "invalid distance too far back", "content before it has"},
	{"5 c0 21 d 0 0 0 80 b0 fe 6d 2f 91 6c", "pull 17", ""},
	{"5 e0 81 91 24 cb b2 2c 49 e2 f 2e 8b 9a 47 56 9f fb fe ec d2 ff 1f", "long code", ""},
	{"ed c0 1 1 0 0 0 40 20 ff 57 1b 42 2c 4f", "length extra", ""},
	{"ed cf c1 b1 2c 47 10 c4 30 fa 6f 35 1d 1 82 59 3d fb be 2e 2a fc f c", "long distance and extra", ""},
	{"ed c0 81 0 0 0 0 80 a0 fd a9 17 a9 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 6", "window end", ""},
	{"2 8 20 80 0 3 0", "inflate_fast TYPE return", ""},
	{"63 18 5 40 c 0", "window wrap", ""},
	{"e5 e0 81 ad 6d cb b2 2c c9 01 1e 59 63 ae 7d ee fb 4d fd b5 35 41 68 ff 7f 0f 0 0 0", "fast length extra bits", "content before it has"},
	{"25 fd 81 b5 6d 59 b6 6a 49 ea af 35 6 34 eb 8c b9 f6 b9 1e ef 67 49 50 fe ff ff 3f 0 0", "fast distance extra bits", "content before it has"},
	{"3 7e 0 0 0 0 0", "fast invalid distance code", "no distance has"},
	{"1b 7 0 0 0 0 0", "fast invalid literal/length code", "no literal and no length"},
	{"d c7 1 ae eb 38 c 4 41 a0 87 72 de df fb 1f b8 36 b1 38 5d ff ff 0", "fast 2nd level codes and too far back", "content before it has"},
	{"63 18 5 8c 10 8 0 0 0 0", "very common case", ""},
	{"63 60 60 18 c9 0 8 18 18 18 26 c0 28 0 29 0 0 0", "contiguous and wrap around window", ""},
	{"63 0 3 0 0 0 0 0", "copy direct from output", ""},

	{"", "nothing", cut},
	{"0 0 0 ff ff 0 0 0 ff ff 1 0 0 ff ff", "empty stored blocks", ""},
	{"0 0 0 ff", "a length cut off", cut},
	{"1 ff ff 0 0 61 62", "stored data cut off", cut},
	{"1 2 0 fd ff 61", "stored data cut off by one", cut},
	{"0 1 0 fe ff 61 2 0", "a match that repeats a stored byte, not the last block", cut},
	{"7", "the last block's type", "block type 3"},
	{"fd ff", "30 and more distance codes", cut},
	{"4 e 0", "HLIT 257, HDIST 15, HCLEN cut off", cut},
	{"5 1e 0", "31 distance codes", "31 distance codes, want at most 30"},
}

func unhex(s string) []byte {
	var b []byte
	for _, f := range strings.Fields(s) {
		v, err := hex.DecodeString(strings.Repeat("0", 2-len(f)) + f)
		if err != nil {
			panic(err)
		}
		b = append(b, v...)
	}
	return b
}

func TestVectors(t *testing.T) {
	dst := make([]byte, 1<<16)
	for _, v := range vectors {
		src := unhex(v.hex)
		_, _, err := inflate.Decode(dst, src)
		if v.want == "" && err != nil || v.want != "" && (err == nil || !strings.Contains(err.Error(), v.want)) || err != nil && strings.Contains(err.Error(), "%!") {
			t.Errorf("%s: %v, want %q", v.name, err, v.want)
		}
		if err != nil && err != io.ErrUnexpectedEOF && !errors.Is(err, inflate.ErrDamaged) {
			t.Errorf("%s: %v is not ErrDamaged", v.name, err)
		}
		compare(t, src, 1<<12)
		// The same in the fast loop, which wants room behind the data.
		compare(t, append(src, make([]byte, 64)...), 1<<12)
	}
}

// packed is what the standard library and zlib make of contents, at each level
// and with each strategy.
func packed(t testing.TB, size int) [][]byte {
	var list [][]byte
	for _, data := range testkit.Contents(size) {
		data = data[:min(len(data), size)]
		for level := flate.HuffmanOnly; level <= flate.BestCompression; level++ {
			var b bytes.Buffer
			w, _ := flate.NewWriter(&b, level)
			w.Write(data[:len(data)/2])
			if level%2 == 0 {
				w.Flush()
			}
			w.Write(data[len(data)/2:])
			w.Close()
			list = append(list, b.Bytes())
		}
	}
	return list
}

func TestLevels(t *testing.T) {
	for _, z := range packed(t, 300_000) {
		compare(t, append(z[:len(z):len(z)], "what follows"...), 400_000)
	}
}

// python runs a script with input, records of a 4-byte length and so many
// bytes, and returns what it prints in the same form.
func python(t testing.TB, script string, input [][]byte) [][]byte {
	t.Helper()
	const frame = `
import sys, zlib, struct
data, at = sys.stdin.buffer.read(), 0
def put(b): sys.stdout.buffer.write(struct.pack('<I', len(b)) + b)
while at < len(data):
    n, = struct.unpack_from('<I', data, at)
    s = data[at+4:at+4+n]
    at += 4 + n
`
	cmd := exec.Command(testkit.Tool(t, "python3"), "-c", frame+script)
	var in, msg bytes.Buffer
	for _, b := range input {
		in.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(b))))
		in.Write(b)
	}
	cmd.Stdin, cmd.Stderr = &in, &msg
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, msg.String())
	}
	var list [][]byte
	for len(out) >= 4 {
		n := binary.LittleEndian.Uint32(out)
		list = append(list, out[4:4+n])
		out = out[4+n:]
	}
	return list
}

// zlib's own encoder, with all levels, strategies and sizes of window, and
// memory levels that make many blocks.
func TestStrategies(t *testing.T) {
	contents := testkit.Contents(200_000)
	streams := python(t, `
    for strategy in (zlib.Z_DEFAULT_STRATEGY, zlib.Z_FILTERED, zlib.Z_HUFFMAN_ONLY, zlib.Z_RLE, zlib.Z_FIXED):
        for level, bits, mem in ((0, 15, 8), (1, 15, 8), (6, 15, 8), (9, 15, 9), (9, 9, 1), (5, 12, 1)):
            c = zlib.compressobj(level, zlib.DEFLATED, -bits, mem, strategy)
            put(c.compress(s) + c.flush())
`, contents)
	if len(streams) != 30*len(contents) {
		t.Fatalf("%d streams", len(streams))
	}
	for i, z := range streams {
		data := contents[i/30]
		dst := make([]byte, len(data))
		n, used, err := inflate.Decode(dst, z)
		if err != nil || used != len(z) || n != len(data) || !bytes.Equal(dst, data) {
			t.Errorf("stream %d: %d bytes, used %d, %v; want %d, %d", i, n, used, err, len(data), len(z))
		}
		compare(t, z, len(data)+1)
	}
}

// zlib's verdict on streams changed in one or two places, and what it decoded
// and used of them.
func TestVerdicts(t *testing.T) {
	rnd := rand.New(rand.NewSource(3))
	var streams [][]byte
	for _, v := range vectors {
		streams = append(streams, unhex(v.hex))
	}
	base := packed(t, 1500)
	for range 20_000 {
		z := bytes.Clone(base[rnd.Intn(len(base))])
		for range 1 + rnd.Intn(2) {
			at := rnd.Intn(len(z))
			if rnd.Intn(2) == 0 {
				at = rnd.Intn(min(len(z), 60))
			}
			z[at] ^= 1 << rnd.Intn(8)
		}
		streams = append(streams, z[:len(z)-rnd.Intn(2)*rnd.Intn(len(z))])
	}
	verdicts := python(t, `
    d = zlib.decompressobj(-15)
    try:
        o = d.decompress(s)
        put(struct.pack('<BIII', 0 if d.eof else 1, len(o), zlib.crc32(o), n - len(d.unused_data)))
    except zlib.error:
        put(b'\2')
`, streams)
	dst, count := make([]byte, 1<<20), [3]int{}
	for i, z := range streams {
		n, used, err := inflate.Decode(dst, z)
		verdict := 0
		if err == io.ErrUnexpectedEOF {
			verdict = 1
		} else if err != nil {
			verdict = 2
		}
		count[verdict]++
		v := verdicts[i]
		if int(v[0]) != verdict {
			t.Errorf("stream %d %x: %v, zlib's verdict is %d", i, z, err, v[0])
			continue
		}
		if verdict == 2 {
			continue
		}
		if len, sum, end := binary.LittleEndian.Uint32(v[1:]), binary.LittleEndian.Uint32(v[5:]), binary.LittleEndian.Uint32(v[9:]); int(len) != n || sum != crc32.ChecksumIEEE(dst[:n]) || verdict == 0 && int(end) != used {
			t.Errorf("stream %d %x: %d bytes, used %d; zlib %d, %d", i, z, n, used, len, end)
		}
	}
	t.Logf("%d whole, %d cut off, %d damaged", count[0], count[1], count[2])
}

// Every truncation gives a prefix of the data and io.ErrUnexpectedEOF, in both
// forms, and every size of dst a prefix and ErrLong.
func TestCut(t *testing.T) {
	for _, z := range packed(t, 900) {
		for i := range z {
			compare(t, z[:i], 1000)
			if n, _, err := inflate.Decode(make([]byte, 1000), z[:i]); err != io.ErrUnexpectedEOF {
				t.Fatalf("cut to %d of %d: %d bytes, %v", i, len(z), n, err)
			}
		}
		data := make([]byte, 1000)
		n, _, _ := inflate.Decode(data, z)
		for i := range n {
			dst := make([]byte, i)
			if k, _, err := inflate.Decode(dst, z); k != i || err != inflate.ErrLong || !bytes.Equal(dst, data[:i]) {
				t.Fatalf("%d of %d bytes: %d, %v", i, n, k, err)
			}
		}
	}
}

// A Reader is used again for another stream, and reads no byte behind the end from
// a bufio.Reader.
func TestReader(t *testing.T) {
	data := append(testkit.Text(300_000), testkit.Noise(100_000)...)
	var b bytes.Buffer
	w, _ := flate.NewWriter(&b, 6)
	w.Write(data)
	w.Close()
	z := b.Bytes()
	var d inflate.Reader
	for i := range 3 {
		br := bufio.NewReaderSize(io.MultiReader(bytes.NewReader(z), strings.NewReader("what follows")), 16<<i)
		d.Reset(br)
		got, err := io.ReadAll(iotest.OneByteReader(&d))
		rest, _ := io.ReadAll(br)
		if err != nil || !bytes.Equal(got, data) || d.Consumed() != int64(len(z)) || string(rest) != "what follows" {
			t.Errorf("%d bytes, consumed %d of %d, rest %q, %v", len(got), d.Consumed(), len(z), rest, err)
		}
		d.Reset(bytes.NewReader(z))
		if got, err := io.ReadAll(&d); err != nil || !bytes.Equal(got, data) {
			t.Errorf("unbuffered: %d bytes, %v", len(got), err)
		}
	}
	d.Reset(iotest.TimeoutReader(bytes.NewReader(z)))
	if _, err := io.ReadAll(&d); err != iotest.ErrTimeout {
		t.Errorf("an error of the source became %v", err)
	}
	d.Reset(nil)
	if n, err := d.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		t.Errorf("without a source: %d, %v", n, err)
	}
}

func TestZlib(t *testing.T) {
	data := testkit.Text(10_000)
	var b bytes.Buffer
	w := zlib.NewWriter(&b)
	w.Write(data)
	w.Close()
	z := b.Bytes()
	dst := make([]byte, len(data))
	if n, used, err := inflate.Zlib(dst, append(z, 1, 2, 3)); err != nil || n != len(data) || used != len(z) || !bytes.Equal(dst, data) {
		t.Errorf("%d bytes, used %d of %d, %v", n, used, len(z), err)
	}
	bad := bytes.Clone(z)
	bad[len(bad)-1]++
	if n, _, err := inflate.Zlib(dst, bad); n != len(data) || !errors.Is(err, inflate.ErrSum) {
		t.Errorf("checksum: %d bytes, %v", n, err)
	}
	if n, used, err := inflate.Zlib(dst, z[:len(z)-1]); n != len(data) || used != len(z)-1 || err != io.ErrUnexpectedEOF {
		t.Errorf("cut: %d bytes, used %d, %v", n, used, err)
	}
	for _, head := range []string{"", "x", "\x78\x02", "\x88\x1c", "\x79\x9c", "\x78\xbb"} {
		if _, _, err := inflate.Zlib(dst, []byte(head)); err == nil {
			t.Errorf("header %q passes", head)
		}
	}
}

// Neither form allocates once it runs.
func TestAllocs(t *testing.T) {
	z := packed(t, 20_000)
	dst := make([]byte, 1<<17)
	var d inflate.Reader
	br := bufio.NewReader(nil)
	src := bytes.NewReader(nil)
	all := func() {
		for _, z := range z {
			inflate.Decode(dst, z)
			src.Reset(z)
			br.Reset(src)
			d.Reset(br)
			io.ReadFull(&d, dst)
		}
	}
	if n := testing.AllocsPerRun(3, all); n > 1 {
		t.Errorf("%v allocations for %d streams", n, len(z))
	}
}
