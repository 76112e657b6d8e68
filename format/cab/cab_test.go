package cab

import (
	"bytes"
	"io"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
)

func TestGolden(t *testing.T) { testkit.Golden(t, Format) }
func TestDamage(t *testing.T) { testkit.Damage(t, Format) }
func Fuzz(f *testing.F)       { testkit.Fuzz(f, Format) }

func pack(t testing.TB, args ...string) (dir string, data []byte) {
	t.Helper()
	dir = t.TempDir()
	os.Mkdir(filepath.Join(dir, "etc"), 0o755)
	noise := make([]byte, 200000)
	rand.New(rand.NewSource(1)).Read(noise)
	for name, content := range map[string][]byte{
		"etc/board.txt": []byte("name=access-node-7\n"), "etc/text": bytes.Repeat([]byte("0123456789abcdef\n"), 60000),
		"etc/empty": nil, "etc/noise": noise, "etc/last": []byte("end"),
	} {
		os.WriteFile(filepath.Join(dir, name), content, 0o644)
	}
	args = append(args, "a.cab", "etc/board.txt", "etc/text", "etc/empty", "etc/noise", "etc/last")
	cmd := exec.Command(testkit.Tool(t, "gcab"), args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	data, err := os.ReadFile(filepath.Join(dir, "a.cab"))
	if err != nil {
		t.Fatal(err)
	}
	return dir, data
}

// TestTool reads what gcab packed, and what cabextract takes out of it.
func TestTool(t *testing.T) {
	for _, args := range [][]string{{"-c"}, {"-c", "-z"}} {
		dir, data := pack(t, args...)
		for _, tail := range []string{"", "behind the cabinet"} {
			res := testkit.Run(Format, append(bytes.Clone(data), tail...), 64<<20)
			if res.Err != nil || res.End != int64(len(data)) || len(res.Gaps) != 0 || len(res.Unreferenced()) != 0 || res.Claim.Confidence != wardein.Certain || len(res.Members) != 5 {
				t.Fatalf("%v: %v", args, res)
			}
			cmd := exec.Command(testkit.Tool(t, "cabextract"), "-q", "-d", "out", "a.cab")
			cmd.Dir, cmd.Env = dir, append(os.Environ(), "TZ=UTC")
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			for _, m := range res.Members {
				p := filepath.Join(dir, "out", m.Name)
				want, err := os.ReadFile(p)
				if err != nil || !bytes.Equal(want, m.Data) {
					t.Errorf("%v: %q: %d bytes, want %d, %v", args, m.Name, len(m.Data), len(want), err)
				}
				if fi, err := os.Stat(p); err == nil && fi.ModTime().Unix() != m.MTime {
					t.Errorf("%q: %d, want %d", m.Name, m.MTime, fi.ModTime().Unix())
				}
			}
		}
	}
}

// TestBroken changes a byte in the middle: what comes before is there, all
// names are, and a gap tells.
func TestBroken(t *testing.T) {
	for _, args := range [][]string{{"-c"}, {"-c", "-z"}} {
		_, data := pack(t, args...)
		data[len(data)-50000] ^= 0x10
		res := testkit.Run(Format, data, 64<<20)
		if m := res.Find("etc/text"); res.Err != nil || len(res.Gaps) == 0 || len(res.Members) != 5 || m == nil || len(m.Data) != 60000*17 {
			t.Errorf("%v: %v", args, res)
		}
	}
}

func TestCorpus(t *testing.T) {
	data, err := os.ReadFile(testkit.Corpus(t, "fact_extractor/patool__test.cab"))
	if err != nil {
		t.Fatal(err)
	}
	res := testkit.Run(Format, data, 64<<20)
	if res.Err != nil || len(res.Members) == 0 || len(res.Unreferenced()) != 0 {
		t.Fatal(res)
	}
	t.Log(res)
}

func Benchmark(b *testing.B) {
	_, data := pack(b, "-c", "-z")
	b.ReportAllocs()
	for b.Loop() {
		d := &testkit.Discard{R: bytes.NewReader(data)}
		if _, err := extract(b.Context(), io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data))), d); err != nil {
			b.Fatal(err)
		}
		b.SetBytes(d.Bytes)
	}
}

// BenchmarkReject measures what a chance hit costs.
func BenchmarkReject(b *testing.B) {
	data := append([]byte("MSCF\x00\x00\x00\x00"), bytes.Repeat([]byte{7}, 4096)...)
	r := io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		measure(r)
	}
}
