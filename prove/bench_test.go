package prove

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/wardein/wardein"
)

// logSize is that of the logs that are measured with.
const logSize = 48_112

// BenchmarkLogged verifies the lab's signature, the log's proof and the
// cosignatures of two witnesses.
func BenchmarkLogged(b *testing.B) {
	s := makeSample(b, draft(b))
	for _, kind := range []struct {
		name, policy string
		by           []*testKey
	}{
		{"Ed25519", strings.Replace(policyText(classic), "quorum all-three", "quorum nations", 1), []*testKey{nationA, nationB}},
		{"ML-DSA-44", policyText(quantum), []*testKey{quantumA, quantumB}},
	} {
		b.Run(kind.name, func(b *testing.B) {
			p := parsePolicy(b, kind.policy)
			proof := logProof(b, s.Envelope, logSize, 7, kind.by...)
			b.ReportAllocs()
			for b.Loop() {
				if _, _, err := OpenSigned(s.Envelope, p.Labs); err != nil {
					b.Fatal(err)
				}
				if _, err := VerifyLogged(proof, s.Envelope, p); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(len(proof)), "proof-bytes")
		})
	}
}

// TestProofSize holds proofs to their size.
func TestProofSize(t *testing.T) {
	s := makeSample(t, draft(t))
	if n := len(logProof(t, s.Envelope, logSize, 7, nationA, nationB)); n >= 1229 { // 1.2 KiB
		t.Errorf("a proof with two Ed25519 cosignatures in a log of %d has %d bytes", logSize, n)
	}
}

// bigTree is a tree file of a number of lines like those of a release, which
// is made as it is read.
type bigTree struct {
	lines int64
	line  []byte // all have its length
}

const numberAt = 40 // where a line has its number

func newBigTree(lines int64) *bigTree {
	b := &bigTree{lines: lines}
	b.line = fmt.Appendf(nil, `{"blob":"%064d","extents":[["4096","65536"]],"format":"elf","gid":0,"kind":"file","mode":"0755","mtime":"1700000000","name":"libexample.so.1","path":"00010000.squashfs/usr/lib/libexample.so.1","size":"65536","spans":[["0","64","known","elf","file header"],["64","4096","known","elf","section","arm"],["4160","61376","unknown","","high entropy"]],"uid":0}`+"\n", 0)
	return b
}

func (t *bigTree) size() int64 { return t.lines * int64(len(t.line)) }

func (t *bigTree) ReadAt(p []byte, off int64) (n int, err error) {
	size := int64(len(t.line))
	line := make([]byte, size)
	copy(line, t.line)
	for n < len(p) {
		i := (off + int64(n)) / size
		if i >= t.lines {
			return n, io.EOF
		}
		for k, v := numberAt, i; k > numberAt-12; k-- {
			line[k] = '0' + byte(v%10)
			v /= 10
		}
		n += copy(p[n:], line[(off+int64(n))%size:])
	}
	return n, nil
}

// bigDraft is that of a bundle with a big tree file.
func bigDraft(t testing.TB, lines int64) *Draft {
	d := draft(t)
	tree := newBigTree(lines)
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(tree, 0, tree.size())); err != nil {
		t.Fatal(err)
	}
	var r struct{ Tree wardein.Digest }
	if err := json.Unmarshal(d.Report, &r); err != nil {
		t.Fatal(err)
	}
	d.Report = bytes.Replace(d.Report, []byte(r.Tree.String()), fmt.Appendf(nil, "%x", h.Sum(nil)), 1)
	d.Tree, d.TreeSize = tree, tree.size()
	return d
}

// BenchmarkVerify verifies full bundles: all of it, from memory.
func BenchmarkVerify(b *testing.B) {
	p := parsePolicy(b, policyText(keysOnly))
	for _, lines := range []int64{10, 400_000} {
		bundle := makeSample(b, func() *Draft { d := bigDraft(b, lines); d.Contact = nil; return d }()).full
		b.Run(fmt.Sprintf("%dKB", len(bundle)/1000), func(b *testing.B) {
			b.SetBytes(int64(len(bundle)))
			for b.Loop() {
				if _, err := verify(bundle, p); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkMake makes a bundle.
func BenchmarkMake(b *testing.B) {
	d := bigDraft(b, 100_000)
	file := filepath.Join(b.TempDir(), "bundle")
	b.SetBytes(d.TreeSize)
	for b.Loop() {
		m, err := Make(d, labNorth)
		if err != nil {
			b.Fatal(err)
		}
		if err := m.Save(file, false); err != nil {
			b.Fatal(err)
		}
	}
}

// bundleAt is a bundle whose tree file is made as it is read.
type bundleAt struct {
	before, after []byte
	tree          *bigTree
}

func (b *bundleAt) size() int64 { return int64(len(b.before)+len(b.after)) + b.tree.size() }

func (b *bundleAt) ReadAt(p []byte, off int64) (n int, err error) {
	for _, part := range []struct {
		r    io.ReaderAt
		size int64
	}{{bytes.NewReader(b.before), int64(len(b.before))}, {b.tree, b.tree.size()}, {bytes.NewReader(b.after), int64(len(b.after))}} {
		if off < part.size && n < len(p) {
			k := min(int64(len(p)-n), part.size-off)
			if _, err := part.r.ReadAt(p[n:n+int(k)], off); err != nil && err != io.EOF {
				return n, err
			}
			n, off = n+int(k), off+k
		}
		off -= part.size
	}
	if n < len(p) {
		err = io.EOF
	}
	return n, err
}

// TestMemory verifies a bundle with a tree file of 1 GB in 50 MB.
func TestMemory(t *testing.T) {
	lines := int64(1<<30) / int64(len(newBigTree(0).line))
	if testing.Short() {
		lines /= 16
	}
	d := bigDraft(t, lines)
	d.Contact = nil
	m, err := Make(d, labNorth)
	if err != nil {
		t.Fatal(err)
	}
	b := &bundleAt{tree: d.Tree.(*bigTree)}
	var out tee
	if err := write(&out, m.parts); err != nil {
		t.Fatal(err)
	}
	i := bytes.Index(out.head, []byte(TreeName+`{"blob"`)) + len(TreeName)
	b.before, b.after = out.head[:i], out.tail[len(out.tail)-int(out.n-int64(i)-b.tree.size()):]
	if b.size() != out.n {
		t.Fatalf("%d bytes, expected %d", b.size(), out.n)
	}
	runtime.GC()
	var before, most runtime.MemStats
	runtime.ReadMemStats(&before)
	p := parsePolicy(t, policyText(keysOnly))
	peak := uint64(0)
	r := &watched{b, func() {
		runtime.ReadMemStats(&most)
		peak = max(peak, most.HeapInuse+most.StackInuse)
	}, 0}
	if _, err := Verify(r, b.size(), p); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d MB: at most %d kB in use, %d kB before", b.size()>>20, peak>>10, before.HeapInuse>>10)
	if peak > 50<<20 {
		t.Errorf("%d MB in use, at most 50", peak>>20)
	}
}

// watched calls f every hundredth read.
type watched struct {
	io.ReaderAt
	f func()
	n int
}

func (w *watched) ReadAt(p []byte, off int64) (int, error) {
	if w.n++; w.n%100 == 0 {
		w.f()
	}
	return w.ReaderAt.ReadAt(p, off)
}

// tee keeps the beginning and the end of what is written.
type tee struct {
	head, tail []byte
	n          int64
}

func (t *tee) Write(p []byte) (int, error) {
	if len(t.head) < 1<<20 {
		t.head = append(t.head, p...)
	}
	if t.tail = append(t.tail, p...); len(t.tail) > 1<<20 {
		t.tail = append([]byte(nil), t.tail[len(t.tail)-1<<19:]...)
	}
	t.n += int64(len(p))
	return len(p), nil
}
