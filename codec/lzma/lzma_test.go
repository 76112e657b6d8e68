package lzma_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"testing/iotest"
	"time"

	"github.com/wardein/wardein/codec/lzma"
	"github.com/wardein/wardein/internal/testkit"
)

// encode runs xz over data and returns what it wrote.
func encode(t testing.TB, data []byte, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(testkit.Tool(t, "xz"), append([]string{"-c", "-T1"}, args...)...)
	cmd.Stdin = bytes.NewReader(data)
	var out, msg bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &msg
	if err := cmd.Run(); err != nil {
		t.Fatalf("xz %q: %v: %s", args, err, msg.String())
	}
	return out.Bytes()
}

// payloads are inputs of different kinds: programs, noise, runs, text, none.
func payloads(t testing.TB) map[string][]byte {
	t.Helper()
	rnd := rand.New(rand.NewSource(1))
	noise := make([]byte, 200_000)
	rnd.Read(noise)
	sparse := make([]byte, 400_000)
	for range 300 {
		copy(sparse[rnd.Intn(len(sparse)-64):], noise[:rnd.Intn(64)])
	}
	var text bytes.Buffer
	for i := range 8_000 {
		fmt.Fprintf(&text, "line %d of a log, value %d\n", i, rnd.Intn(1000))
	}
	mixed := append(append(append([]byte(nil), text.Bytes()...), noise...), sparse[:100_000]...)
	mixed = append(mixed, mixed[:100_000]...)
	m := map[string][]byte{
		"empty": {}, "one": {'x'}, "noise": noise, "sparse": sparse, "text": text.Bytes(), "mixed": mixed,
		"zeros": make([]byte, 200_000),
	}
	if exe, err := os.ReadFile("/bin/bash"); err == nil {
		m["program"] = exe[:min(len(exe), 300_000)]
	}
	return m
}

var propsCases = []lzma.Props{{3, 0, 2}, {0, 0, 0}, {4, 0, 0}, {0, 4, 4}, {2, 2, 1}, {1, 3, 3}, {3, 1, 2}}

func TestDecode(t *testing.T) {
	for name, data := range payloads(t) {
		for _, p := range propsCases {
			spec := fmt.Sprintf("--lzma1=preset=1,lc=%d,lp=%d,pb=%d,dict=1MiB", p.LC, p.LP, p.PB)
			packed := encode(t, data, "--format=raw", spec)
			junk := append(append([]byte(nil), packed...), "what follows"...)
			dst := make([]byte, len(data))
			n, used, err := lzma.Decode(dst, junk, p)
			if err != nil || n != len(data) || used != len(packed) || !bytes.Equal(dst, data) {
				t.Errorf("%s %+v: n=%d used=%d err=%v, want %d %d", name, p, n, used, err, len(data), len(packed))
			}
			big := make([]byte, len(data)+10)
			n, used, err = lzma.Decode(big, junk, p)
			if err != nil || n != len(data) || used != len(packed) || !bytes.Equal(big[:n], data) {
				t.Errorf("%s %+v with room: n=%d used=%d err=%v", name, p, n, used, err)
			}
			for _, size := range []int64{-1, int64(len(data))} {
				r, err := lzma.NewReader(bytes.NewReader(junk), p, 1<<20, size)
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(r)
				if err != nil || r.Consumed() != int64(len(packed)) || !bytes.Equal(got, data) {
					t.Errorf("%s %+v reader: %d bytes, consumed %d of %d, err=%v", name, p, len(got), r.Consumed(), len(packed), err)
				}
			}
		}
	}
}

func TestDecodeLZMA2(t *testing.T) {
	for name, data := range payloads(t) {
		for _, spec := range []string{"preset=6,dict=1MiB", "preset=0,dict=4KiB", "preset=9e,dict=2MiB", "preset=2,lc=0,lp=4,pb=4,dict=100003", "preset=3,lc=4,pb=0,dict=64KiB"} {
			packed := encode(t, data, "--format=raw", "--lzma2="+spec)
			junk := append(append([]byte(nil), packed...), "what follows"...)
			dst := make([]byte, len(data))
			n, used, err := lzma.DecodeLZMA2(dst, junk)
			if err != nil || n != len(data) || used != len(packed) || !bytes.Equal(dst, data) {
				t.Errorf("%s %s: n=%d used=%d err=%v, want %d %d", name, spec, n, used, err, len(data), len(packed))
			}
			dict := uint32(64 << 20)
			switch spec {
			case "preset=0,dict=4KiB":
				dict = 4096
			case "preset=2,lc=0,lp=4,pb=4,dict=100003":
				dict = 100003
			}
			br := bufio.NewReaderSize(iotest.OneByteReader(bytes.NewReader(junk)), 64)
			r, _ := lzma.NewReader2(br, dict)
			got, err := io.ReadAll(r)
			rest, _ := io.ReadAll(br)
			if err != nil || r.Consumed() != int64(len(packed)) || !bytes.Equal(got, data) || string(rest) != "what follows" {
				t.Errorf("%s %s reader: %d bytes, consumed %d of %d, rest %q err=%v", name, spec, len(got), r.Consumed(), len(packed), rest, err)
			}
			r, _ = lzma.NewReader2(bytes.NewReader(junk), dict)
			var out bytes.Buffer
			if _, err := io.Copy(&out, r); err != nil || !bytes.Equal(out.Bytes(), data) {
				t.Errorf("%s %s WriteTo: %v", name, spec, err)
			}
		}
	}
}

// Every truncation gives a prefix of the data and io.ErrUnexpectedEOF, in both
// forms.
func TestTruncated(t *testing.T) {
	data := payloads(t)["mixed"][200_000:230_000]
	one := encode(t, data, "--format=raw", "--lzma1=preset=6")
	two := encode(t, data, "--format=raw", "--lzma2=preset=6")
	p := lzma.Props{LC: 3, PB: 2}
	dst := make([]byte, len(data)+1)
	for i := range len(one) - 1 { // the last byte may be one that nothing depends on
		if i > 100 && i < len(one)-100 && i%37 != 0 {
			continue
		}
		n, _, err := lzma.Decode(dst, one[:i], p)
		r, _ := lzma.NewReader(bytes.NewReader(one[:i]), p, 1<<20, -1)
		got, rerr := io.ReadAll(r)
		if !errors.Is(err, io.ErrUnexpectedEOF) || !errors.Is(rerr, io.ErrUnexpectedEOF) || n != len(got) || !bytes.Equal(dst[:n], data[:n]) || !bytes.Equal(got, data[:n]) {
			t.Fatalf("lzma1 cut to %d: n=%d err=%v; reader %d err=%v", i, n, err, len(got), rerr)
		}
	}
	for i := range two {
		if i > 100 && i < len(two)-100 && i%37 != 0 {
			continue
		}
		n, _, err := lzma.DecodeLZMA2(dst, two[:i])
		r, _ := lzma.NewReader2(bytes.NewReader(two[:i]), 1<<23)
		got, rerr := io.ReadAll(r)
		if !errors.Is(err, io.ErrUnexpectedEOF) || !errors.Is(rerr, io.ErrUnexpectedEOF) || n != len(got) || !bytes.Equal(dst[:n], data[:n]) || !bytes.Equal(got, data[:n]) {
			t.Fatalf("lzma2 cut to %d: n=%d err=%v; reader %d err=%v", i, n, err, len(got), rerr)
		}
	}
}

// After a stored chunk that resets the dictionary, LZMA must set properties;
// else the state of another stream would show.
func TestResets(t *testing.T) {
	const stored = "\x01\x00\x02abc"
	lz := "\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00"
	for _, ctl := range []string{"\x80", "\xa0"} {
		for _, src := range []string{stored + ctl + lz, stored + "\x02\x00\x00d" + ctl + lz, ctl + lz, "\x02\x00\x00d"} {
			_, _, err := lzma.DecodeLZMA2(make([]byte, 100), []byte(src))
			r, _ := lzma.NewReader2(bytes.NewReader([]byte(src)), 4096)
			_, rerr := io.ReadAll(r)
			if !errors.Is(err, lzma.ErrDamaged) || !errors.Is(rerr, lzma.ErrDamaged) {
				t.Errorf("%q: %v; reader %v", src, err, rerr)
			}
		}
	}
}

// A window beyond the limit is only needed once so much content is there.
func TestWindow(t *testing.T) {
	if testing.Short() {
		t.Skip("decodes 128 MiB")
	}
	z := encode(t, make([]byte, lzma.MaxWindow+4096), "--format=raw", "--lzma2=preset=0,dict=64KiB")
	r, _ := lzma.NewReader2(bytes.NewReader(z), 1<<29)
	n, err := io.Copy(io.Discard, onlyWriter{r})
	if !errors.Is(err, lzma.ErrWindow) || n < lzma.MaxWindow || n > lzma.MaxWindow+64 {
		t.Errorf("%d bytes, %v", n, err)
	}
	r, _ = lzma.NewReader2(bytes.NewReader(z), 1<<20)
	if n, err := io.Copy(io.Discard, onlyWriter{r}); err != nil || n != lzma.MaxWindow+4096 {
		t.Errorf("dictionary of 1 MiB: %d bytes, %v", n, err)
	}
}

func TestParseProps(t *testing.T) {
	if p, err := lzma.ParseProps(0x5D); err != nil || p != (lzma.Props{LC: 3, LP: 0, PB: 2}) {
		t.Errorf("0x5d: %+v %v", p, err)
	}
	if _, err := lzma.ParseProps(225); !errors.Is(err, lzma.ErrDamaged) {
		t.Errorf("225: %v", err)
	}
}

// programs is a tar of this machine's programs, about 48 MB.
func programs(b *testing.B) []byte {
	b.Helper()
	paths, _ := filepath.Glob("/usr/bin/*")
	var data []byte
	for _, p := range paths {
		st, err := os.Lstat(p)
		if err != nil || !st.Mode().IsRegular() {
			continue
		}
		f, err := os.ReadFile(p)
		if err != nil {
			continue
		}
		data = append(append(data, make([]byte, 512)...), f...)
		data = append(data, make([]byte, -len(f)&511)...)
		if len(data) >= 48<<20 {
			break
		}
	}
	return data
}

// What xz -6 made of programs, whole into a slice, in blocks of 128 KiB as a
// file system has them, and as a stream. "xz" is the C tool on the same bytes.
// cpuMB/s counts processor time, which other work on the machine changes less.
func Benchmark(b *testing.B) {
	data := programs(b)
	packed := encode(b, data, "--format=raw", "--lzma2=preset=6")
	run := func(name string, size int, f func(b *testing.B)) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			from := cpu(b)
			for b.Loop() {
				f(b)
			}
			b.ReportMetric(float64(size)*float64(b.N)/1e6/(cpu(b)-from).Seconds(), "cpuMB/s")
		})
	}
	dst := make([]byte, len(data))
	run("block", len(data), func(b *testing.B) {
		if n, _, err := lzma.DecodeLZMA2(dst, packed); err != nil || n != len(data) {
			b.Fatal(n, err)
		}
	})
	run("stream", len(data), func(b *testing.B) {
		r, _ := lzma.NewReader2(bytes.NewReader(packed), 8<<20)
		if n, err := io.Copy(io.Discard, onlyWriter{r}); err != nil || n != int64(len(data)) {
			b.Fatal(n, err)
		}
	})
	const size, blocks = 128 << 10, 64
	var small [][]byte
	for i := 0; i < min(blocks*size, len(data)); i += size {
		small = append(small, encode(b, data[i:i+size], "--format=raw", "--lzma2=preset=6"))
	}
	run("small", len(small)*size, func(b *testing.B) {
		for _, p := range small {
			if n, _, err := lzma.DecodeLZMA2(dst[:size], p); err != nil || n != size {
				b.Fatal(n, err)
			}
		}
	})
	path := filepath.Join(b.TempDir(), "raw")
	if err := os.WriteFile(path, packed, 0o644); err != nil {
		b.Fatal(err)
	}
	run("xz", len(data), func(b *testing.B) {
		if err := exec.Command(testkit.Tool(b, "xz"), "-dc", "-T1", "--format=raw", "--lzma2=preset=6", path).Run(); err != nil {
			b.Fatal(err)
		}
	})
}

// cpu is the processor time of this process and of the tools it ran.
func cpu(b *testing.B) time.Duration {
	var sum time.Duration
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if err := syscall.Getrusage(who, &u); err != nil {
			b.Fatal(err)
		}
		sum += time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	return sum
}

// onlyWriter hides everything but WriteTo.
type onlyWriter struct{ r *lzma.Reader }

func (o onlyWriter) Read(p []byte) (int, error)         { return o.r.Read(p) }
func (o onlyWriter) WriteTo(w io.Writer) (int64, error) { return o.r.WriteTo(w) }
