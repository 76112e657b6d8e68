package gpt

import (
	"bytes"
	"encoding/json"
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

// disk512 is an image with three partitions, made by sfdisk; every sector
// holds its number.
func disk512(t testing.TB) (data []byte, img string) {
	t.Helper()
	img = filepath.Join(t.TempDir(), "image")
	for i := range 4096 {
		data = append(data, bytes.Repeat(le.AppendUint32(nil, uint32(i)), 128)...)
	}
	clear(data[:512])
	if err := os.WriteFile(img, data, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(testkit.Tool(t, "sfdisk"), "-q", img)
	cmd.Stdin = strings.NewReader("label: gpt\nstart=2048,size=100,name=boot_a,type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B\n" +
		"start=2200,size=1000,name=\"größe\"\nstart=3500,size=7,attrs=RequiredPartition\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("sfdisk: %v\n%s", err, out)
	}
	data, err := os.ReadFile(img)
	if err != nil {
		t.Fatal(err)
	}
	return data, img
}

func TestAgainstSfdisk(t *testing.T) {
	data, img := disk512(t)
	out, err := exec.Command(testkit.Tool(t, "sfdisk"), "-J", img).Output()
	if err != nil {
		t.Fatal(err)
	}
	var tab struct {
		PartitionTable struct {
			ID         string
			Partitions []struct {
				Start, Size      int64
				Type, UUID, Name string
			}
		}
	}
	if err := json.Unmarshal(out, &tab); err != nil {
		t.Fatal(err)
	}
	res := testkit.Probe(t, Format, data)
	if res.Err != nil || len(res.Gaps) > 0 || res.Claim.Confidence != wardein.Certain || res.End != int64(len(data)) {
		t.Fatal(res)
	}
	text := strings.ToUpper(res.String())
	if !strings.Contains(text, tab.PartitionTable.ID) {
		t.Errorf("disk %s", tab.PartitionTable.ID)
	}
	for i, p := range tab.PartitionTable.Partitions {
		m := res.Members[i]
		if p.Name == "" {
			p.Name = "partition3"
		}
		if m.Name != p.Name || !bytes.Equal(m.Data, data[p.Start*512:(p.Start+p.Size)*512]) || !strings.Contains(text, p.UUID) || !strings.Contains(text, p.Type) {
			t.Errorf("%q: sfdisk %+v\n%s", m.Name, p, text)
		}
	}
}

func TestDamaged(t *testing.T) {
	data, _ := disk512(t)
	for name, c := range map[string]struct {
		edit    func(d []byte) []byte
		members int
	}{
		"primary header":  {func(d []byte) []byte { d[512+0x30]++; return d }, 3},
		"primary entries": {func(d []byte) []byte { d[1024+0x38]++; return d }, 3},
		"backup header":   {func(d []byte) []byte { clear(d[len(d)-512:]); return d }, 3},
		"truncated":       {func(d []byte) []byte { return d[:2250*512] }, 3},
	} {
		res := testkit.Probe(t, Format, c.edit(bytes.Clone(data)))
		if len(res.Members) != c.members || len(res.Gaps) == 0 || res.Find("boot_a") == nil || len(res.Find("boot_a").Data) != 51200 {
			t.Errorf("%s: %s", name, res)
		}
	}
	both := bytes.Clone(data)
	both[512+0x30]++
	both[len(both)-512+0x30]++
	if res := testkit.Probe(t, Format, both); res.Claim.End != 0 {
		t.Error(res)
	}
}

func BenchmarkReject(b *testing.B) {
	d := bytes.Repeat([]byte(magic), 4096)
	r := io.NewSectionReader(bytes.NewReader(d), 0, int64(len(d)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := measure(r); err != wardein.ErrNotMine {
			b.Fatal(err)
		}
	}
}
