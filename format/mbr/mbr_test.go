package mbr

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
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

type table1 struct {
	PartitionTable struct {
		Partitions []struct {
			Start, Size int64
			Type        string
		}
	}
}

func sfdisk(t *testing.T, img, script string) table1 {
	t.Helper()
	tool := testkit.Tool(t, "sfdisk")
	if script != "" {
		cmd := exec.Command(tool, "-q", img)
		cmd.Stdin = strings.NewReader(script)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("sfdisk: %v\n%s", err, out)
		}
	}
	out, err := exec.Command(tool, "-J", img).Output()
	if err != nil {
		t.Fatal(err)
	}
	var tab table1
	if err := json.Unmarshal(out, &tab); err != nil {
		t.Fatal(err)
	}
	return tab
}

// fill writes the number of every sector into it, so that content tells where
// it came from.
func fill(sectors int) []byte {
	var b bytes.Buffer
	for i := range sectors {
		b.Write(bytes.Repeat(binary.LittleEndian.AppendUint32(nil, uint32(i)), sector/4))
	}
	return b.Bytes()
}

func TestAgainstSfdisk(t *testing.T) {
	for _, script := range []string{
		"label: dos\nstart=64,size=100,type=83,bootable\n",
		"label: dos\nstart=2000,size=100,type=c\nstart=64,size=1000,type=83\nstart=4000,size=96,type=da\nstart=3000,size=10,type=82\n",
		"label: dos\nstart=64,size=100,type=83\nstart=1000,size=3000,type=5\nstart=1100,size=200,type=83\nstart=2000,size=300,type=82\nstart=3000,size=50,type=83\n",
	} {
		img := filepath.Join(t.TempDir(), "image")
		data := fill(4096)
		clear(data[:sector])
		if err := os.WriteFile(img, data, 0o600); err != nil {
			t.Fatal(err)
		}
		tab := sfdisk(t, img, script)
		data, err := os.ReadFile(img)
		if err != nil {
			t.Fatal(err)
		}
		res := testkit.Probe(t, Format, data)
		if len(res.Gaps) > 0 || res.Err != nil {
			t.Fatalf("%v %v", res.Err, res.Gaps)
		}
		i := 0
		for _, p := range tab.PartitionTable.Partitions {
			if p.Type == "5" || p.Type == "f" {
				continue
			}
			m := res.Members[i]
			i++
			if want := data[p.Start*sector : (p.Start+p.Size)*sector]; !bytes.Equal(m.Data, want) {
				t.Errorf("%s: %d bytes, sfdisk %+v", m.Name, len(m.Data), p)
			}
			if !strings.Contains(res.String(), fmt.Sprintf("note %s=\"type 0x%02s ", m.Name, p.Type)) {
				t.Errorf("%s: type %s\n%s", m.Name, p.Type, res)
			}
		}
		if i != len(res.Members) {
			t.Errorf("%d members, sfdisk %d", len(res.Members), i)
		}
	}
}

func TestNotMine(t *testing.T) {
	fat := filepath.Join(t.TempDir(), "fat")
	if out, err := exec.Command(testkit.Tool(t, "mkfs.fat"), "-C", fat, "512").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	data, err := os.ReadFile(fat)
	if err != nil {
		t.Fatal(err)
	}
	good := fill(64)
	copy(good[446:], make([]byte, 64))
	good[446+4], good[446+8], good[446+12] = 0x83, 1, 10
	good[510], good[511] = 0x55, 0xAA
	if _, err := measure(section(good)); err != nil {
		t.Fatal(err)
	}
	edit := func(f func(d []byte)) []byte {
		d := bytes.Clone(good)
		f(d)
		return d
	}
	for name, d := range map[string][]byte{
		"fat":      data,
		"empty":    edit(func(d []byte) { d[450] = 0; d[454] = 0; d[458] = 0 }),
		"status":   edit(func(d []byte) { d[446] = 1 }),
		"outside":  edit(func(d []byte) { d[454] = 100 }),
		"overlap":  edit(func(d []byte) { copy(d[462:], d[446:462]) }),
		"no count": edit(func(d []byte) { d[458] = 0 }),
		"leftover": edit(func(d []byte) { d[462+9] = 1 }),
	} {
		if c, err := measure(section(d)); err != wardein.ErrNotMine {
			t.Errorf("%s: %v %v", name, c, err)
		}
	}
}

func TestChainCycle(t *testing.T) {
	d := make([]byte, 64*sector)
	put := func(at, slot int, kind byte, first, count uint32) {
		e := d[at*sector+446+16*slot:]
		e[4] = kind
		binary.LittleEndian.PutUint32(e[8:], first)
		binary.LittleEndian.PutUint32(e[12:], count)
		d[at*sector+510], d[at*sector+511] = 0x55, 0xAA
	}
	put(0, 0, 5, 8, 40)
	put(8, 0, 0x83, 1, 5)
	put(8, 1, 5, 10, 10)
	put(18, 0, 0x83, 1, 5)
	put(18, 1, 5, 0, 10) // back to the first
	res := testkit.Probe(t, Format, d)
	if len(res.Members) != 2 || len(res.Gaps) != 1 || !strings.Contains(res.Gaps[0].Why, "again") {
		t.Error(res)
	}
}

func TestCorpus(t *testing.T) {
	path := testkit.Corpus(t, "fact_extractor/generic_fs__mbr.img.xz")
	data, err := exec.Command(testkit.Tool(t, "xz"), "-dc", path).Output()
	if err != nil {
		t.Fatal(err)
	}
	for name, d := range map[string][]byte{"fact_extractor": data, "binwalk": read(t, testkit.Corpus(t, "binwalk-v3-inputs/mbr.bin"))} {
		res := testkit.Run(Format, d, 1<<30)
		img := filepath.Join(t.TempDir(), "image")
		if err := os.WriteFile(img, d, 0o600); err != nil {
			t.Fatal(err)
		}
		t.Logf("%s: %d bytes\n%s", name, len(d), res)
		i := 0
		for _, p := range sfdisk(t, img, "").PartitionTable.Partitions {
			if p.Type == "5" || p.Type == "f" {
				continue
			}
			if i >= len(res.Members) || int64(len(res.Members[i].Data)) != min(p.Size*sector, max(0, int64(len(d))-p.Start*sector)) {
				t.Errorf("%s: sfdisk %+v", name, p)
			}
			i++
		}
		if i == 0 || i != len(res.Members) {
			t.Errorf("%s: %d members, sfdisk %d", name, len(res.Members), i)
		}
	}
}

func read(t *testing.T, path string) []byte {
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func section(d []byte) *io.SectionReader {
	return io.NewSectionReader(bytes.NewReader(d), 0, int64(len(d)))
}

func BenchmarkReject(b *testing.B) {
	d := fill(2)
	d[510], d[511] = 0x55, 0xAA
	d[446] = 3
	r := section(d)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := measure(r); err != wardein.ErrNotMine {
			b.Fatal(err)
		}
	}
}
