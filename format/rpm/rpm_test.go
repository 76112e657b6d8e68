package rpm

import (
	"bytes"
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

// build makes a package with rpmbuild.
func build(t testing.TB, payload string) []byte {
	t.Helper()
	tool := testkit.Tool(t, "rpmbuild")
	dir := t.TempDir()
	spec := `Name: accessd
Version: 1.2
Release: 3
Summary: Access daemon
License: Apache-2.0
Vendor: Example Works
BuildArch: noarch
%description
A sample.
%install
mkdir -p %{buildroot}/etc
echo access-node-7 > %{buildroot}/etc/hostname
%files
/etc/hostname
`
	os.WriteFile(filepath.Join(dir, "a.spec"), []byte(spec), 0o644)
	cmd := exec.Command(tool, "-bb", "--quiet", "--define", "_topdir "+dir, "--define", "_binary_payload "+payload, "a.spec")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	data, err := os.ReadFile(filepath.Join(dir, "RPMS/noarch/accessd-1.2-3.noarch.rpm"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestTool(t *testing.T) {
	for payload, unpack := range map[string]string{"w9.gzdio": "gzip -dc", "w6.xzdio": "xz -dc", "w19.zstdio": "zstd -dc", "w9.bzdio": "bzip2 -dc"} {
		data := build(t, payload)
		res := testkit.Run(Format, append(append([]byte(nil), data...), "behind"...), 64<<20)
		if res.Err != nil || res.End != int64(len(data)) || len(res.Gaps) != 0 || res.Claim.Confidence != wardein.Certain || len(res.Members) != 1 {
			t.Fatalf("%s: end %d of %d: %v", payload, res.End, len(data), res)
		}
		for _, x := range res.Unreferenced() {
			if len(bytes.Trim(data[x.Off:x.Off+x.Len], "\x00")) > 0 {
				t.Errorf("%s: unreferenced %v", payload, x)
			}
		}
		dir := t.TempDir()
		p := filepath.Join(dir, "a.rpm")
		os.WriteFile(p, data, 0o644)
		want, err := exec.Command(testkit.Tool(t, "rpm2cpio"), p).Output()
		if err != nil {
			t.Fatal(err)
		}
		words := strings.Fields(unpack)
		cmd := exec.Command(testkit.Tool(t, words[0]), words[1:]...)
		cmd.Stdin = bytes.NewReader(res.Members[0].Data)
		if got, err := cmd.Output(); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: payload %q differs from rpm2cpio's, %v", payload, res.Members[0].Name, err)
		}
		query, err := exec.Command(testkit.Tool(t, "rpm"), "-qp", "--nosignature", "--qf", "%{NAME}|%{VERSION}|%{RELEASE}|%{ARCH}|%{VENDOR}|%{LICENSE}|%{PAYLOADCOMPRESSOR}|%{PAYLOADDIGEST}", p).Output()
		if err != nil {
			t.Fatal(err)
		}
		notes := map[string]string{}
		for _, n := range res.Notes {
			notes[n.Name] = n.Value
		}
		var got []string
		for _, k := range []string{"name", "version", "release", "arch", "vendor", "license", "payload compressor", "payload digest"} {
			got = append(got, notes[k])
		}
		if strings.Join(got, "|") != string(query) {
			t.Errorf("%s: notes %q, rpm says %q", payload, got, query)
		}
		damaged := append([]byte(nil), data...)
		damaged[len(damaged)-20] ^= 1
		if res = testkit.Run(Format, damaged, 64<<20); len(res.Gaps) != 1 || len(res.Members) != 1 || res.Err != nil {
			t.Errorf("%s: damaged payload: %v", payload, res)
		}
		if res = testkit.Run(Format, data[:len(data)-20], 64<<20); res.Err == nil || len(res.Members) != 1 {
			t.Errorf("%s: cut off: %v", payload, res)
		}
	}
}

func BenchmarkMeasure(b *testing.B) {
	data := build(b, "w6.xzdio")
	r := io.NewSectionReader(bytes.NewReader(data), 0, int64(len(data)))
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		Format.Measure(r)
	}
}
