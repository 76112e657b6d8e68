package xz_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/wardein/wardein/codec/xz"
	"github.com/wardein/wardein/internal/testkit"
)

func encode(t testing.TB, data []byte, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(testkit.Tool(t, "xz"), append([]string{"-c"}, args...)...)
	cmd.Stdin = bytes.NewReader(data)
	var out, msg bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &msg
	if err := cmd.Run(); err != nil {
		t.Fatalf("xz %q: %v: %s", args, err, msg.String())
	}
	return out.Bytes()
}

// code is bytes in which each filter finds something: a program and noise that
// holds the filters' opcodes often.
func code(t testing.TB) []byte {
	t.Helper()
	rnd := rand.New(rand.NewSource(2))
	data := make([]byte, 100_003)
	rnd.Read(data)
	ops := []byte{0xE8, 0xE9, 0x00, 0xFF, 0x48, 0xEB, 0xF0, 0xF8, 0x40, 0x7F, 0x94, 0x90, 0x10, 0x17, 0xEF}
	for i := range data {
		if rnd.Intn(3) > 0 {
			data[i] = ops[rnd.Intn(len(ops))]
		}
	}
	if exe, err := os.ReadFile("/bin/bash"); err == nil {
		data = append(data, exe[:min(len(exe), 200_000)]...)
	}
	return data
}

var options = []string{
	"-0", "-6", "-9e", "--check=none", "--check=crc32", "--check=crc64", "--check=sha256",
	"--x86 --lzma2=preset=1", "--powerpc --lzma2=preset=1", "--ia64 --lzma2=preset=1", "--arm --lzma2=preset=1",
	"--armthumb --lzma2=preset=1", "--sparc --lzma2=preset=1", "--arm64 --lzma2=preset=1",
	"--delta=dist=1 --lzma2=preset=1", "--delta=dist=256 --lzma2=preset=1", "--delta=dist=3 --x86=start=4096 --arm64 --lzma2=preset=1",
	"-1 --block-size=100000", "-1 --block-size=65536 -T2", "--x86 --lzma2=preset=1 --block-size=77777",
	"--lzma2=preset=1,lc=1,lp=3,pb=0",
}

func TestDecode(t *testing.T) {
	full := code(t)
	for _, data := range [][]byte{full, full[:7], full[:17], nil} {
		for _, opt := range options {
			packed := encode(t, data, strings.Fields(opt)...)
			dst := make([]byte, len(data)+3)
			n, err := xz.Decode(dst, append(append([]byte(nil), packed...), 1, 2, 3))
			if err != nil || !bytes.Equal(dst[:n], data) {
				t.Errorf("%s of %d bytes: %d bytes, %v", opt, len(data), n, err)
			}
			if n, err = xz.Decode(dst[:len(data)], packed); err != nil || n != len(data) {
				t.Errorf("%s of %d bytes without room: %d bytes, %v", opt, len(data), n, err)
			}
			r := xz.NewReader(iotest.HalfReader(bytes.NewReader(append(append([]byte(nil), packed...), "\x00\x00\x00\x00what follows"...))))
			got, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(got, data) || r.Consumed() != int64(len(packed)) {
				t.Errorf("%s of %d bytes: reader %d bytes, consumed %d of %d, %v", opt, len(data), len(got), r.Consumed(), len(packed), err)
			}
			var out bytes.Buffer
			if _, err := xz.NewReader(bytes.NewReader(packed)).WriteTo(&out); err != nil || !bytes.Equal(out.Bytes(), data) {
				t.Errorf("%s of %d bytes: WriteTo %v", opt, len(data), err)
			}
		}
	}
}

func TestStreams(t *testing.T) {
	data := code(t)[:100_000]
	var file, want []byte
	for i, pad := range []int{0, 4, 8, 4092, 0} {
		part := data[i*10_000 : (i+1)*10_000]
		file = append(file, encode(t, part, options[i])...)
		file = append(file, make([]byte, pad)...)
		want = append(want, part...)
	}
	r := xz.NewReader(bytes.NewReader(file))
	got, err := io.ReadAll(r)
	if err != nil || !bytes.Equal(got, want) || r.Consumed() != int64(len(file)) || r.Streams() != 5 {
		t.Errorf("%d bytes, consumed %d of %d, %d streams: %v", len(got), r.Consumed(), len(file), r.Streams(), err)
	}
	one := encode(t, data[:100])
	for _, pad := range []int{1, 5, 4100} {
		file := append(append(append([]byte(nil), one...), make([]byte, pad)...), one...)
		r := xz.NewReader(bytes.NewReader(file))
		if got, err := io.ReadAll(r); err != nil || len(got) != 100 || r.Consumed() != int64(len(one)) {
			t.Errorf("padding %d: %d bytes, consumed %d, %v", pad, len(got), r.Consumed(), err)
		}
	}
}

// A change of any byte is noticed, and both forms say the same.
func TestDamaged(t *testing.T) {
	data := code(t)[99_000:101_000]
	packed := encode(t, data, "--x86", "--lzma2=preset=1", "--block-size=700", "--check=sha256")
	dst := make([]byte, len(data))
	for i := range packed {
		bad := append([]byte(nil), packed...)
		bad[i] ^= 0x41
		_, err := xz.Decode(dst, bad)
		_, rerr := io.ReadAll(xz.NewReader(bytes.NewReader(bad)))
		if err == nil || rerr == nil {
			t.Errorf("byte %d of %d changed: %v; reader %v", i, len(packed), err, rerr)
		}
		_, err = xz.Decode(dst, packed[:i])
		_, rerr = io.ReadAll(xz.NewReader(bytes.NewReader(packed[:i])))
		if !errors.Is(err, io.ErrUnexpectedEOF) || !errors.Is(rerr, io.ErrUnexpectedEOF) {
			t.Errorf("cut to %d of %d: %v; reader %v", i, len(packed), err, rerr)
		}
	}
}

// A content that does not fit its check is told, and reading goes on.
func TestMismatch(t *testing.T) {
	data := make([]byte, 3000) // noise: stored as it is
	rand.New(rand.NewSource(7)).Read(data)
	packed := encode(t, data, "--block-size=1000", "--check=crc32", "-0")
	packed[bytes.Index(packed, data[1000:1020])] ^= 1
	r := xz.NewReader(bytes.NewReader(packed))
	var told []string
	r.Mismatch = func(off, n int64, err error) {
		told = append(told, fmt.Sprint(off > 1000, n > 1000, errors.Is(err, xz.ErrCheck)))
	}
	got, err := io.ReadAll(r)
	if err != nil || len(got) != len(data) || len(told) != 1 || told[0] != "true true true" || r.Consumed() != int64(len(packed)) {
		t.Errorf("%d bytes, told %q, consumed %d of %d, %v", len(got), told, r.Consumed(), len(packed), err)
	}
	if _, err := io.ReadAll(xz.NewReader(bytes.NewReader(packed))); !errors.Is(err, xz.ErrCheck) {
		t.Errorf("without Mismatch: %v", err)
	}
}
