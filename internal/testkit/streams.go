package testkit

import (
	"bytes"
	"fmt"
	"math/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wardein/wardein"
)

// Text is content that compresses, the same in every run.
func Text(n int) []byte {
	rnd := rand.New(rand.NewSource(1))
	var b bytes.Buffer
	for b.Len() < n {
		fmt.Fprintf(&b, "line %d of a configuration, value %x\n", b.Len(), rnd.Intn(1<<20))
	}
	return b.Bytes()[:n]
}

// Noise is content that does not compress, the same in every run.
func Noise(n int) []byte {
	b := make([]byte, n)
	rand.New(rand.NewSource(2)).Read(b)
	return b
}

// Contents are what compressors are tried with: none and little, size bytes of
// text (more than a window or a block), long runs, noise (which they store),
// both kinds in one, and a program where there is one.
func Contents(size int) [][]byte {
	list := [][]byte{
		nil, []byte("x"), Text(100), Text(size), make([]byte, size), Noise(100_000), append(Noise(70_000), Text(70_000)...),
	}
	if exe, err := os.ReadFile("/bin/ls"); err == nil {
		list = append(list, exe)
	}
	return list
}

// Packed is the name of the file that Pack has packed.
const Packed = "router.cfg"

// Pack runs a command over a file with this content and returns what it
// prints. The file's name is added as the last argument.
func Pack(t testing.TB, data []byte, command ...string) []byte {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, Packed), data, 0o640); err != nil {
		t.Fatal(err)
	}
	return output(t, dir, nil, append(command[1:len(command):len(command)], Packed), command[0])
}

// Filter runs a command over its standard input and returns what it prints.
func Filter(t testing.TB, stdin []byte, command ...string) []byte {
	t.Helper()
	return output(t, "", stdin, command[1:], command[0])
}

func output(t testing.TB, dir string, stdin []byte, args []string, tool string) []byte {
	t.Helper()
	cmd := exec.Command(Tool(t, tool), args...)
	cmd.Dir, cmd.Stdin = dir, bytes.NewReader(stdin)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %q: %v: %s", tool, args, err, stderr.Bytes())
	}
	return out
}

// A Packer is one way to make a stream.
type Packer struct {
	Name string
	Pack func(testing.TB, []byte) []byte
}

// Packers runs a command line over a file, once with each of the options.
func Packers(command string, options ...string) []Packer { return packers(Pack, command, options) }

// Filters runs a command line over its standard input, once with each of the options.
func Filters(command string, options ...string) []Packer { return packers(Filter, command, options) }

func packers(run func(testing.TB, []byte, ...string) []byte, command string, options []string) []Packer {
	var list []Packer
	for _, o := range options {
		args := strings.Fields(command + " " + o)
		list = append(list, Packer{strings.Join(args, " "), func(t testing.TB, data []byte) []byte { return run(t, data, args...) }})
	}
	return list
}

// Streams compares a format with what packers make of each content, and proves
// that the bytes behind the stream (tails) are neither needed nor swallowed.
// The stream has one member of that name.
func Streams(t *testing.T, f wardein.Format, member string, contents [][]byte, packers []Packer, tails ...string) {
	t.Helper()
	for _, data := range contents {
		for _, p := range packers {
			z := p.Pack(t, data)
			for _, tail := range append([]string{""}, tails...) {
				Whole(t, f, fmt.Sprintf("%s of %d bytes + %q", p.Name, len(data), tail[:min(8, len(tail))]), member, z, tail, data)
			}
		}
	}
}

// Whole fails unless z, with tail behind it, bears a magic and is a claim that
// ends with z, of which every byte is accounted for, and whose one member of
// that name has data as its content.
func Whole(t testing.TB, f wardein.Format, what, member string, z []byte, tail string, data []byte) {
	t.Helper()
	file := append(z[:len(z):len(z)], tail...)
	res := Probe(t, f, file)
	marked, free := Marked(f, bytes.NewReader(file)), res.Unreferenced()
	if !marked || res.Err != nil || res.End != int64(len(z)) || len(res.Members) != 1 || len(res.Gaps) != 0 || len(free) != 0 {
		t.Errorf("%s: magic %v, end %d of %d, %d members, gaps %v, unreferenced %v, %v", what, marked, res.End, len(z), len(res.Members), res.Gaps, free, res.Err)
		return
	}
	if m := res.Find(member); m == nil || !bytes.Equal(m.Data, data) {
		t.Errorf("%s: content differs", what)
	}
}

// Joined tests two streams one behind the other, which are one member: whole
// with tail behind them, cut off, and with a changed byte of the checksum that
// stands sum bytes before a stream's end, which is a gap and costs no content.
func Joined(t *testing.T, f wardein.Format, member string, pack Packer, sum int, tail string) {
	t.Helper()
	a, b := Text(5000), append(Noise(90_000), Text(200_000)...)
	both := append(a[:len(a):len(a)], b...)
	one := pack.Pack(t, a)
	z := append(one[:len(one):len(one)], pack.Pack(t, b)...)
	Whole(t, f, "two streams", member, z, tail, both)
	for _, cut := range []int{len(z) - 100, len(z) - 1} {
		res := Probe(t, f, z[:cut])
		if m := res.Find(member); res.Err == nil || m == nil || !bytes.HasPrefix(m.Data, a) || !bytes.HasPrefix(both, m.Data) {
			t.Errorf("cut off at %d of %d: %v", cut, len(z), res)
		}
	}
	for _, c := range []struct{ z, data []byte }{{one, a}, {z, both}} {
		bad := append([]byte(nil), c.z...)
		bad[len(bad)-sum] ^= 1
		res := Probe(t, f, append(bad, "behind it"...))
		if m := res.Find(member); res.Err != nil || len(res.Gaps) != 1 || res.End != int64(len(bad)) || m == nil || !bytes.Equal(m.Data, c.data) {
			t.Errorf("bad checksum at %d: %v", len(bad)-sum, res)
		}
	}
}

// CorpusStreams opens what stands behind the first magic in files of the
// shared corpus: one member with content and no gap.
func CorpusStreams(t *testing.T, f wardein.Format, magic string, names ...string) {
	t.Helper()
	for _, name := range names {
		data, err := os.ReadFile(Corpus(t, name))
		if err != nil {
			t.Fatal(err)
		}
		res := Run(f, data[bytes.Index(data, []byte(magic)):], outputLimit)
		if res.Err != nil || len(res.Members) != 1 || len(res.Gaps) != 0 || len(res.Members[0].Data) == 0 {
			t.Errorf("%s: %v", name, res)
		}
	}
}

// CorpusAgainst compares with what a command prints for each of the files of
// the shared corpus that match the pattern, and which are one stream.
func CorpusAgainst(t *testing.T, f wardein.Format, dir, pattern string, command ...string) {
	t.Helper()
	paths, _ := filepath.Glob(filepath.Join(Corpus(t, dir), pattern))
	if len(paths) == 0 {
		t.Errorf("no %s in the corpus's %s", pattern, dir)
	}
	for _, p := range paths {
		z, err := os.ReadFile(p)
		if err != nil {
			t.Fatal(err)
		}
		want := Filter(t, z, command...)
		res := Run(f, z, 256<<20)
		if m := res.Find("data"); res.Err != nil || len(res.Gaps) != 0 || res.End != int64(len(z)) || m == nil || !bytes.Equal(m.Data, want) {
			t.Errorf("%s: end %d of %d, gaps %v, %v", filepath.Base(p), res.End, len(z), res.Gaps, res.Err)
		}
	}
}
