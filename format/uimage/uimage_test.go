package uimage

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
)

func TestGolden(t *testing.T) { testkit.Golden(t, Format) }
func TestDamage(t *testing.T) { testkit.Damage(t, Format) }
func Fuzz(f *testing.F)       { testkit.Fuzz(f, Format) }

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return string(out)
}

// TestNames asks mkimage for every architecture, system, type and compression
// and compares what it wrote with what is read.
func TestNames(t *testing.T) {
	mkimage := testkit.Tool(t, "mkimage")
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	if err := os.WriteFile(data, []byte("data\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		flag, note string
		names      []string
	}{
		{"-A", "arch", archNames}, {"-O", "os", osNames}, {"-T", "type", typeNames}, {"-C", "compression", compNames},
	} {
		seen := 0
		for _, name := range c.names {
			args := map[string]string{"-A": "arm", "-O": "linux", "-T": "kernel", "-C": "none"}
			args[c.flag] = name
			file := filepath.Join(dir, "image")
			os.Remove(file)
			cmd := exec.Command(mkimage, "-A", args["-A"], "-O", args["-O"], "-T", args["-T"], "-C", args["-C"], "-n", "x", "-d", data, file)
			if err := cmd.Run(); err != nil || c.flag == "-T" && (name == "invalid" || name == "firmware_ivt") {
				// A name that this mkimage does not take, or a container of
				// another kind; firmware_ivt's size counts a part that is
				// signed and appended later.
				continue
			}
			b, err := os.ReadFile(file)
			if err != nil || !bytes.HasPrefix(b, []byte(magic)) {
				continue
			}
			seen++
			res := testkit.Run(Format, b, 1<<20)
			if got := noted(res, c.note); res.Err != nil || got != name {
				t.Errorf("%s %s: read as %q, %v", c.flag, name, got, res.Err)
			}
		}
		if seen < 7 {
			t.Errorf("%s: mkimage took %d of our names only", c.flag, seen)
		}
	}
}

func noted(res *testkit.Result, name string) string {
	for _, n := range res.Notes {
		if n.Name == name {
			return n.Value
		}
	}
	return ""
}

// TestDumpimage compares notes and contents with dumpimage over images that
// mkimage makes, sizes around multiples of four.
func TestDumpimage(t *testing.T) {
	mkimage, dumpimage := testkit.Tool(t, "mkimage"), testkit.Tool(t, "dumpimage")
	t.Setenv("TZ", "UTC")
	dir := t.TempDir()
	var files []string
	rnd := rand.New(rand.NewPCG(1, 2))
	for i, n := range []int{1, 3, 4, 4095, 70001} {
		b := make([]byte, n)
		for j := range b {
			b[j] = byte(rnd.Uint32())
		}
		files = append(files, filepath.Join(dir, fmt.Sprint("in", i)))
		if err := os.WriteFile(files[i], b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		typ   string
		parts []string
	}{
		{"kernel", files[4:]}, {"ramdisk", files[:1]}, {"firmware", files[3:4]}, {"filesystem", files[1:2]},
		{"standalone", files[2:3]}, {"script", files[3:4]}, {"multi", files}, {"multi", files[:1]}, {"multi", files[2:]},
	} {
		image := filepath.Join(dir, "image")
		run(t, mkimage, "-A", "arm", "-O", "linux", "-T", c.typ, "-C", "none", "-a", "0x80008000", "-e", "0x80008040", "-n", "example "+c.typ,
			"-d", strings.Join(c.parts, ":"), image)
		b, err := os.ReadFile(image)
		if err != nil {
			t.Fatal(err)
		}
		res := testkit.Probe(t, Format, append(b, "behind the image"...))
		if res.Err != nil || len(res.Gaps) != 0 || res.Claim.End != int64(len(b)) || res.End != res.Claim.End {
			t.Fatalf("%s: %s", c.typ, res)
		}
		list := run(t, dumpimage, "-l", image)
		for _, want := range []string{
			"Image Name:   " + noted(res, "name"),
			"Load Address: " + strings.TrimPrefix(noted(res, "load"), "0x"),
			"Entry Point:  " + strings.TrimPrefix(noted(res, "entry"), "0x"),
		} {
			if !strings.Contains(list, want+"\n") {
				t.Errorf("%s: dumpimage does not say %q:\n%s", c.typ, want, list)
			}
		}
		if len(res.Members) != len(c.parts) {
			t.Fatalf("%s: %d members of %d", c.typ, len(res.Members), len(c.parts))
		}
		for i, m := range res.Members {
			part := filepath.Join(dir, "out")
			run(t, dumpimage, "-T", c.typ, "-p", fmt.Sprint(i), "-o", part, image)
			want, err := os.ReadFile(part)
			if err != nil {
				t.Fatal(err)
			}
			if c.typ == "script" {
				want = want[8:] // dumpimage leaves the size table in
			}
			if !bytes.Equal(m.Data, want) {
				t.Errorf("%s part %d: %d bytes, dumpimage has %d", c.typ, i, len(m.Data), len(want))
			}
		}
		for _, x := range res.Unreferenced() {
			if bytes.Trim(b[x.Off:x.Off+x.Len], "\x00") != nil || x.Len > 3 {
				t.Errorf("%s: unreferenced %#x+%d", c.typ, x.Off, x.Len)
			}
		}
	}
}

func TestCorpus(t *testing.T) {
	b, err := os.ReadFile(testkit.Corpus(t, "fact_extractor/uboot__uboot.image_with_header"))
	if err != nil {
		t.Fatal(err)
	}
	res := testkit.Run(Format, b, 1<<20)
	m := res.Find("payload")
	if m == nil || res.Claim.Confidence != wardein.Certain || noted(res, "name") != "u-boot image" || noted(res, "compression") != "lzma" {
		t.Fatalf("%s", res)
	}
	t.Logf("file has %d bytes\n%s", len(b), res)

	b, err = os.ReadFile(testkit.Corpus(t, "fact_extractor/uboot__uboot.dtb"))
	if err != nil {
		t.Fatal(err)
	}
	res = testkit.Run(Format, b, 1<<20)
	m = res.Find("payload")
	if m == nil || len(m.Data) != len(b)-headerSize || res.Err == nil || res.End != int64(len(b)) || noted(res, "name") != "DD-XYZ" {
		t.Fatalf("a file that was cut: %s", res)
	}
}

// TestTable holds size tables that a hostile image may carry.
func TestTable(t *testing.T) {
	image := func(typ byte, data []byte) []byte {
		b := append(make([]byte, headerSize), data...)
		copy(b, magic)
		binary.BigEndian.PutUint32(b[12:], uint32(len(data)))
		b[28], b[29], b[30] = 5, 2, typ
		binary.BigEndian.PutUint32(b[24:], crc32.ChecksumIEEE(data))
		binary.BigEndian.PutUint32(b[4:], crc32.ChecksumIEEE(b[:headerSize]))
		return b
	}
	endless := bytes.Repeat([]byte{0, 0, 0, 1}, 3*maxImages)
	for _, c := range []struct {
		name    string
		data    []byte
		members int
		gap     wardein.GapKind
	}{
		{"empty data", nil, 1, wardein.Damaged},
		{"zero only", []byte{0, 0, 0, 0}, 1, wardein.Damaged},
		{"text", []byte("echo no table here"), 1, wardein.Damaged},
		{"no end", []byte{0, 0, 0, 1, 0, 0, 0, 1}, 1, wardein.Damaged},
		{"size of 4 GB behind", []byte{0, 0, 0, 1, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 'a', 0, 0, 0, 'b'}, 2, wardein.Damaged},
		{"too many", endless, maxImages, wardein.Limit},
	} {
		res := testkit.Probe(t, Format, image(typeMulti, c.data))
		if res.Err != nil || len(res.Members) != c.members || len(res.Gaps) != 1 || res.Gaps[0].Kind != c.gap {
			t.Errorf("%s: %d members\n%.2000s", c.name, len(res.Members), res)
		}
	}
}

func BenchmarkExtract(b *testing.B) {
	data := make([]byte, headerSize+16<<20)
	copy(data, magic)
	binary.BigEndian.PutUint32(data[12:], uint32(len(data)-headerSize))
	data[30] = 2
	binary.BigEndian.PutUint32(data[24:], crc32.ChecksumIEEE(data[headerSize:]))
	binary.BigEndian.PutUint32(data[4:], crc32.ChecksumIEEE(data[:headerSize]))
	r := io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data)))
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := extract(b.Context(), r, discard{}); err != nil {
			b.Fatal(err)
		}
	}
}

type discard struct{ wardein.Members }

func (discard) Extents(wardein.Entry, []wardein.Extent) error { return nil }
func (discard) Span(wardein.Span)                             {}
func (discard) Note(string, string)                           {}
