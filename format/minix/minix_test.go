package minix

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/codec/xz"
	"github.com/wardein/wardein/internal/testkit"
)

func TestGolden(t *testing.T) { testkit.Golden(t, Format) }
func TestDamage(t *testing.T) { testkit.Damage(t, Format) }
func Fuzz(f *testing.F)       { testkit.Fuzz(f, Format) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// writer builds volumes, for no tool of Debian's fills one without the kernel.
type writer struct {
	super
	b    []byte
	next int64 // zone
	ino  int64
}

func newWriter(v variant, o binary.ByteOrder) *writer {
	w := &writer{super: super{variant: v, order: o, block: 1024, zone: 1024, inodes: 32, imap: 1, zmap: 1, zones: 1000}}
	w.first = (w.at(w.inodes+1) + 1023) / 1024
	w.next = w.first
	w.b = make([]byte, w.end())
	s := w.b[superAt:]
	u16 := func(at int, n int64) { o.PutUint16(s[at:], uint16(n)) }
	u32 := func(at int, n int64) { o.PutUint32(s[at:], uint32(n)) }
	if v.version == 3 {
		u32(0, w.inodes)
		u16(6, 1)
		u16(8, 1)
		u16(10, w.first)
		u32(20, w.zones)
		u16(24, int64(v.magic))
		u16(28, 1024)
		return w
	}
	u16(0, w.inodes)
	u16(4, 1)
	u16(6, 1)
	u16(8, w.first)
	u16(16, int64(v.magic))
	u16(18, 1)
	if u16(2, w.zones); v.version == 2 {
		u16(2, 0)
		u32(20, w.zones)
	}
	return w
}

// data stores content, a block of zeros as a hole, and returns its zones.
func (w *writer) data(p []byte) (zones []int64) {
	for len(p) > 0 {
		n := min(len(p), 1024)
		if bytes.Count(p[:n], []byte{0}) == 1024 {
			zones = append(zones, 0)
		} else {
			copy(w.b[w.next*1024:], p[:n])
			zones = append(zones, w.next)
			w.next++
		}
		p = p[n:]
	}
	return zones
}

func (w *writer) numbers(list []int64) (p []byte) {
	for _, z := range list {
		if w.version == 1 {
			p = w.order.(binary.AppendByteOrder).AppendUint16(p, uint16(z))
		} else {
			p = w.order.(binary.AppendByteOrder).AppendUint32(p, uint32(z))
		}
	}
	return append(p, make([]byte, -len(p)&1023)...)
}

// inode writes one and returns its number; number 0 takes the next.
func (w *writer) inode(number, mode int64, content []byte, device int64) int64 {
	if number == 0 {
		w.ino++
		number = w.ino + 1
	}
	zones := w.data(content)
	per := int(1024 / w.numberSize())
	top := append([]int64{device}, make([]int64, 9)...)
	if device == 0 {
		copy(top, zones[:min(7, len(zones))])
		if rest := zones[min(7, len(zones)):]; len(rest) > 0 {
			top[7] = w.data(w.numbers(rest[:min(per, len(rest))]))[0]
			var second []int64
			for rest = rest[min(per, len(rest)):]; len(rest) > 0; rest = rest[min(per, len(rest)):] {
				second = append(second, w.data(w.numbers(rest[:min(per, len(rest))]))[0])
			}
			if second != nil {
				top[8] = w.data(w.numbers(second))[0]
			}
		}
	}
	raw, o := w.b[w.at(number):], w.order
	o.PutUint16(raw, uint16(mode))
	if w.version == 1 {
		o.PutUint16(raw[2:], 1000)
		o.PutUint32(raw[4:], uint32(len(content)))
		o.PutUint32(raw[8:], 1_600_000_000)
		raw[12], raw[13] = 50, 1
		copy(raw[14:32], w.numbers(top[:9]))
		return number
	}
	o.PutUint16(raw[2:], 1)
	o.PutUint16(raw[4:], 1000)
	o.PutUint16(raw[6:], 50)
	o.PutUint32(raw[8:], uint32(len(content)))
	o.PutUint32(raw[16:], 1_600_000_000)
	copy(raw[24:64], w.numbers(top))
	return number
}

func (w *writer) entries(list ...any) (p []byte) {
	for i := 0; i < len(list); i += 2 {
		e := make([]byte, w.entrySize())
		if w.version == 3 {
			w.order.PutUint32(e, uint32(list[i].(int64)))
			copy(e[4:], list[i+1].(string))
		} else {
			w.order.PutUint16(e, uint16(list[i].(int64)))
			copy(e[2:], list[i+1].(string))
		}
		p = append(p, e...)
	}
	return p
}

func each(t *testing.T, f func(t *testing.T, w *writer)) {
	for _, v := range variants {
		for _, o := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
			t.Run(fmt.Sprintf("%#x %v", v.magic, o), func(t *testing.T) { f(t, newWriter(v, o)) })
		}
	}
}

func TestWriter(t *testing.T) {
	each(t, func(t *testing.T, w *writer) {
		large := bytes.Repeat([]byte("0123456789 words "), 40_000)[:620_001]
		clear(large[300_000:310_000])
		file := w.inode(0, 0o100644, large, 0)
		small := w.inode(0, 0o104755, []byte("small"), 0)
		link := w.inode(0, 0o120777, []byte("../large"), 0)
		disk := w.inode(0, 0o060600, nil, 3<<8|65)
		pipe := w.inode(0, 0o010600, nil, 0)
		dir := w.ino + 2
		w.inode(0, 0o040755, w.entries(dir, ".", int64(1), "..", small, "small", link, "link", int64(0), "gone"), 0)
		w.inode(1, 0o040755, w.entries(int64(1), ".", int64(1), "..", file, "large", dir, "dir", disk, "disk", pipe, "fourteen-bytes", small, "hard", int64(99), "none", dir, "loop"), 0)
		res := testkit.Run(Format, w.b, 1<<30)
		if res.Err != nil || res.Claim.Confidence != wardein.Certain || res.Claim.End != w.end() || len(res.Gaps) != 2 {
			t.Fatalf("%+v %v %v", res.Claim, res.Err, res.Gaps)
		}
		e := func(kind wardein.Kind, name string, mode uint32) wardein.Entry {
			return wardein.Entry{Name: name, Kind: kind, Mode: mode, UID: 1000, GID: 50, MTime: 1_600_000_000}
		}
		device, symlink := e(wardein.BlockDevice, "disk", 0o600), e(wardein.Symlink, "dir/link", 0o777)
		device.Major, device.Minor = 3, 65
		symlink.Target = "../large"
		want := []testkit.Member{
			{Entry: e(wardein.File, "large", 0o644), Data: large}, {Entry: e(wardein.Directory, "dir", 0o755)},
			{Entry: e(wardein.File, "dir/small", 0o4755), Data: []byte("small")}, {Entry: symlink}, {Entry: device},
			{Entry: e(wardein.FIFO, "fourteen-bytes", 0o600)}, {Entry: wardein.Entry{Name: "hard", Kind: wardein.HardLink, Target: "dir/small"}},
		}
		if len(res.Members) != len(want) {
			t.Fatalf("%d members, want %d", len(res.Members), len(want))
		}
		for i, m := range res.Members {
			if fmt.Sprintf("%+v", m.Entry) != fmt.Sprintf("%+v", want[i].Entry) || !bytes.Equal(m.Data, want[i].Data) {
				t.Errorf("%+v, %d bytes; want %+v, %d bytes", m.Entry, len(m.Data), want[i].Entry, len(want[i].Data))
			}
		}
		for _, x := range res.Unreferenced() {
			if x.Off >= superAt && bytes.Trim(w.b[x.Off:x.Off+x.Len], "\x00") != nil && bytes.Count(w.b[x.Off:x.Off+x.Len], []byte{0}) != int(x.Len) {
				t.Errorf("unreferenced %#x+%#x is not zero", x.Off, x.Len)
			}
		}
	})
}

// TestMkfs reads what mkfs.minix makes.
func TestMkfs(t *testing.T) {
	for _, args := range [][]string{{"-1", "-n", "14"}, {"-1", "-n", "30"}, {"-2", "-n", "14"}, {"-2", "-n", "30"}, {"-3"}} {
		img := filepath.Join(t.TempDir(), "img")
		must(t, os.WriteFile(img, make([]byte, 2<<20), 0o644))
		if out, err := exec.Command(testkit.Tool(t, "mkfs.minix"), append(args, img)...).CombinedOutput(); err != nil {
			t.Fatalf("mkfs.minix: %v\n%s", err, out)
		}
		data, err := os.ReadFile(img)
		must(t, err)
		res := testkit.Run(Format, data, 1<<20)
		if res.Err != nil || res.Claim.End != 2<<20 || res.Claim.Confidence != wardein.Certain || len(res.Gaps) > 0 {
			t.Errorf("%q: %+v %v %v", args, res.Claim, res.Err, res.Gaps)
		}
	}
}

func TestCorpus(t *testing.T) {
	packed, err := os.ReadFile(testkit.Corpus(t, "fact_extractor/generic_fs__minix.img.xz"))
	must(t, err)
	data := make([]byte, 10<<20)
	n, err := xz.Decode(data, packed)
	must(t, err)
	res := testkit.Run(Format, data[:n], 1<<26)
	if res.Err != nil || res.Claim.Confidence != wardein.Certain || len(res.Gaps) > 0 || len(res.Members) == 0 {
		t.Errorf("%+v %v %v", res.Claim, res.Err, res.Gaps)
	}
	for _, m := range res.Members {
		t.Logf("%s %s %d", m.Kind, m.Name, len(m.Data))
	}
}
