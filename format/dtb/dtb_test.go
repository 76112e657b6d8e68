package dtb

import (
	"bytes"
	"encoding/binary"
	"fmt"
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

// The samples of FormatFIT stand in fit/testdata.
func TestGoldenFIT(t *testing.T) { t.Chdir("fit"); testkit.Golden(t, FormatFIT) }
func TestDamageFIT(t *testing.T) { t.Chdir("fit"); testkit.Damage(t, FormatFIT) }

func FuzzFIT(f *testing.F) {
	if err := os.Chdir("fit"); err != nil {
		f.Fatal(err)
	}
	samples := testkit.Samples(f)
	if err := os.Chdir(".."); err != nil { // fuzz workers start in this folder
		f.Fatal(err)
	}
	for _, s := range samples {
		f.Add(s.Data)
	}
	f.Fuzz(func(t *testing.T, data []byte) { testkit.Probe(t, FormatFIT, data) })
}

func run(t testing.TB, dir, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v\n%s", name, args, err, out)
	}
	return out
}

func noted(res *testkit.Result, name string) string {
	for _, n := range res.Notes {
		if n.Name == name {
			return n.Value
		}
	}
	return ""
}

const board = `/dts-v1/;
/memreserve/ 0x10000000 0x4000;
/ {
	model = "Example AN-1000 board";
	compatible = "example,an-1000", "example,soc";
	chosen { bootargs = "console=ttyS0,115200"; };
	%s
};
`

// TestDtc compares notes and accounting with what dtc and fdtget say, over
// trees of all versions and paddings that dtc writes.
func TestDtc(t *testing.T) {
	dtc, fdtget := testkit.Tool(t, "dtc"), testkit.Tool(t, "fdtget")
	dir := t.TempDir()
	var many strings.Builder
	for i := range 2000 {
		fmt.Fprintf(&many, "node@%x { reg = <%d>; label = \"port %d\"; };\n", i, i, i)
	}
	for _, body := range []string{"", many.String()} {
		src := filepath.Join(dir, "board.dts")
		if err := os.WriteFile(src, []byte(fmt.Sprintf(board, body)), 0o644); err != nil {
			t.Fatal(err)
		}
		for _, args := range [][]string{{"-V", "16"}, {"-V", "17"}, {"-p", "1000"}, {"-S", "100000"}, {"-R", "8"}, {"-b", "1"}} {
			file := filepath.Join(dir, "board.dtb")
			run(t, dir, dtc, append([]string{"-q", "-O", "dtb", "-o", file, src}, args...)...)
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			res := testkit.Probe(t, Format, append(b, "behind"...))
			if res.Err != nil || len(res.Gaps) > 0 || res.Claim.Confidence != wardein.Certain || res.End != int64(len(b)) {
				t.Fatalf("%q: %s", args, res)
			}
			for note, path := range map[string][2]string{"model": {"/", "model"}, "compatible": {"/", "compatible"}, "bootargs": {"/chosen", "bootargs"}} {
				want := strings.TrimSpace(string(run(t, dir, fdtget, file, path[0], path[1])))
				if got := strings.ReplaceAll(noted(res, note), ", ", " "); got != want {
					t.Errorf("%q: %s %q, fdtget %q", args, note, got, want)
				}
			}
			for _, x := range res.Unreferenced() {
				if len(bytes.Trim(b[x.Off:x.Off+x.Len], "\x00")) > 0 {
					t.Errorf("%q: unreferenced %#x+%#x is not zeros", args, x.Off, x.Len)
				}
			}
			if testkit.Run(FormatFIT, b, 1<<20).Err != wardein.ErrNotMine {
				t.Errorf("%q: taken for a FIT", args)
			}
		}
	}
}

const its = `/dts-v1/;
/ { description = "AN-1000 firmware"; #address-cells = <1>;
 images {
  kernel-1 { description = "kernel"; data = /incbin/("kernel"); type = "kernel"; arch = "arm"; os = "linux"; compression = "none"; load = <0x80000000>; entry = <0x80000000>;
   hash-1 { algo = "crc32"; }; hash-2 { algo = "sha1"; }; hash-3 { algo = "sha256"; }; hash-4 { algo = "md5"; }; hash-5 { algo = "sha384"; }; hash-6 { algo = "sha512"; }; };
  fdt-1 { description = "tree"; data = /incbin/("fdt"); type = "flat_dt"; arch = "arm"; compression = "none"; hash-1 { algo = "sha256"; }; };
  ramdisk-1 { description = "rootfs"; data = /incbin/("ramdisk"); type = "ramdisk"; arch = "arm"; os = "linux"; compression = "none"; hash-1 { algo = "crc32"; }; };
 };
 configurations { default = "conf-1"; conf-1 { description = "board A"; kernel = "kernel-1"; fdt = "fdt-1"; ramdisk = "ramdisk-1"; }; };
};
`

// TestDumpimage compares a FIT's members with dumpimage's, the data inside
// the tree and outside in all ways that mkimage can write, signed and not.
func TestDumpimage(t *testing.T) {
	mkimage, dumpimage := testkit.Tool(t, "mkimage"), testkit.Tool(t, "dumpimage")
	dir := t.TempDir()
	rnd := rand.New(rand.NewPCG(3, 4))
	for name, n := range map[string]int{"kernel": 100003, "fdt": 5, "ramdisk": 4096} {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(rnd.Uint32())
		}
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "fw.its"), []byte(its), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{nil, {"-E"}, {"-E", "-B", "100"}, {"-E", "-B", "1000"}, {"-E", "-p", "4000"}} {
		os.Remove(filepath.Join(dir, "fw.itb"))
		run(t, dir, mkimage, append([]string{"-f", "fw.its"}, append(args, "fw.itb")...)...)
		b, err := os.ReadFile(filepath.Join(dir, "fw.itb"))
		if err != nil {
			t.Fatal(err)
		}
		res := testkit.Probe(t, FormatFIT, append(b, "behind the image"...))
		if res.Err != nil || len(res.Gaps) > 0 || len(res.Members) != 3 || res.End > int64(len(b)) || int64(len(b))-res.End > 0x1000 {
			t.Fatalf("%q: file has %d bytes\n%s", args, len(b), res)
		}
		if tail := bytes.Trim(b[res.End:], "\x00"); len(tail) > 0 {
			t.Errorf("%q: %d bytes behind the end", args, len(tail))
		}
		for i, m := range res.Members {
			run(t, dir, dumpimage, "-T", "flat_dt", "-p", fmt.Sprint(i), "-o", "part", "fw.itb")
			want, err := os.ReadFile(filepath.Join(dir, "part"))
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(m.Data, want) {
				t.Errorf("%q: %s has %d bytes, dumpimage %d", args, m.Name, len(m.Data), len(want))
			}
		}
		ok := 0
		for _, n := range res.Notes {
			if strings.HasSuffix(n.Value, " ok") {
				ok++
			}
		}
		if ok != 8 {
			t.Errorf("%q: %d hashes fit of 8\n%s", args, ok, res)
		}
		for _, x := range res.Unreferenced() {
			// mkimage -E leaves old bytes between the tree and the data.
			if len(bytes.Trim(b[x.Off:x.Off+x.Len], "\x00")) > 0 && len(args) == 0 {
				t.Errorf("%q: unreferenced %#x+%#x is not zeros", args, x.Off, x.Len)
			}
		}
	}
}

func TestCorpus(t *testing.T) {
	fit, err := os.ReadFile(testkit.Corpus(t, "fact_extractor/uboot__fit.itb"))
	if err != nil {
		t.Fatal(err)
	}
	res := testkit.Probe(t, FormatFIT, fit)
	if res.Err != nil || len(res.Members) != 3 || res.End != int64(len(fit)) || noted(res, "/images/kernel/arch") != "arm64" {
		t.Errorf("%s", res)
	}
	tree, err := os.ReadFile(testkit.Corpus(t, "fact_extractor/uboot__uboot.dtb"))
	if err != nil {
		t.Fatal(err)
	}
	// The file is the beginning of a uImage of a zImage with a tree behind.
	res = testkit.Probe(t, Format, tree[bytes.Index(tree, []byte(magic)):])
	if res.Claim.Confidence != wardein.Certain || noted(res, "model") == "" {
		t.Errorf("%.3000s", res)
	}
	t.Logf("%d bytes, end %d, %q", len(tree), res.End, res.Notes)
}

// TestShared has many images share one large piece of data, each with hashes:
// the work is bounded, and the bound is reported.
func TestShared(t *testing.T) {
	var structs, names bytes.Buffer
	u32 := func(v ...uint32) {
		for _, v := range v {
			binary.Write(&structs, binary.BigEndian, v)
		}
	}
	prop := func(name string, value []byte) {
		off := names.Len()
		names.WriteString(name + "\x00")
		u32(tokenProp, uint32(len(value)), uint32(off))
		structs.Write(value)
		structs.Write(make([]byte, -len(value)&3))
	}
	node := func(name string) {
		u32(tokenBegin)
		structs.WriteString(name)
		structs.Write(make([]byte, 4-len(name)&3))
	}
	number := func(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }
	node("")
	node("images")
	const images = 1000
	for i := range images {
		node(fmt.Sprint("k", i))
		prop("data-position", number(0))
		prop("data-size", number(1<<20))
		node("hash")
		prop("algo", []byte("sha256\x00"))
		prop("value", make([]byte, 32))
		u32(tokenEnd, tokenEnd)
	}
	u32(tokenEnd, tokenEnd, tokenStop)
	head := make([]byte, headerSize17+16)
	copy(head, magic)
	for i, v := range []int{len(head) + structs.Len() + names.Len(), len(head), len(head) + structs.Len(), headerSize17, 17, 16, 0, names.Len(), structs.Len()} {
		binary.BigEndian.PutUint32(head[4+4*i:], uint32(v))
	}
	b := append(append(head, structs.Bytes()...), names.Bytes()...)
	b = append(b, make([]byte, 1<<20)...)
	res := testkit.Run(FormatFIT, b, 2<<30)
	limits, damaged := 0, 0
	for _, g := range res.Gaps {
		switch g.Kind {
		case wardein.Limit:
			limits++
		case wardein.Damaged:
			damaged++
		}
	}
	if res.Err != nil || damaged > hashTimes+1 || limits+damaged != images {
		t.Errorf("%v: %d limits, %d damaged", res.Err, limits, damaged)
	}
}

func BenchmarkFIT(b *testing.B) {
	data, err := os.ReadFile(testkit.Corpus(b, "fact_extractor/uboot__fit.itb"))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		testkit.Run(FormatFIT, data, 64<<20)
	}
}

func BenchmarkDTB(b *testing.B) {
	data, err := os.ReadFile(testkit.Corpus(b, "fact_extractor/uboot__uboot.dtb"))
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		testkit.Run(Format, data, 64<<20)
	}
}
