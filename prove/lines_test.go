package prove

import (
	"bytes"
	"crypto/sha256"
	"hash/crc32"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/transparency-dev/merkle/proof"
	"github.com/transparency-dev/merkle/rfc6962"
)

// sumPlainly is sumLines, all in memory.
func sumPlainly(text string, seed *[32]byte, label byte) (s sums, leaves [][32]byte) {
	for i, line := range strings.Split(strings.TrimSuffix(text, "\n"), "\n") {
		if text == "" {
			break
		}
		sl := salt(seed, label, uint64(i))
		leaf, _ := leafHash(nil, &sl, []byte(line))
		leaves = append(leaves, leaf)
	}
	return sums{sha256.Sum256([]byte(text)), crc32.ChecksumIEEE([]byte(text)), int64(len(text)), Root{treeHash(leaves), int64(len(leaves))}}, leaves
}

// Lines of all lengths, at the edges of chunks and longer than several.
func TestSumLines(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	seed := [32]byte{1}
	for round, lengths := range [][]int{
		{}, {0}, {0, 0, 0}, {1},
		{chunkSize - 1}, {chunkSize}, {chunkSize + 1}, {chunkSize - 1, 0, 5}, {chunkSize, 0, 5},
		{2*chunkSize - 1, 7}, {2 * chunkSize, 7}, {5*chunkSize + 3, 0, 5 * chunkSize, 9},
		{10, chunkSize - 11, 4}, {10, chunkSize - 12, 4}, {10, chunkSize - 10, 4}, nil, nil, nil,
	} {
		if lengths == nil {
			for range 500 {
				lengths = append(lengths, random.IntN(5000))
				if random.IntN(50) == 0 {
					lengths = append(lengths, random.IntN(3*chunkSize))
				}
			}
		}
		var text bytes.Buffer
		for _, n := range lengths {
			for range n {
				text.WriteByte('a' + byte(random.IntN(26)))
			}
			text.WriteByte('\n')
		}
		want, _ := sumPlainly(text.String(), &seed, treeLabel)
		got, err := sumLines(bytes.NewReader(text.Bytes()), &seed, treeLabel)
		if err != nil || got != want {
			t.Errorf("round %d: %+v, %v\nwant %+v", round, got, err, want)
		}
		if n := text.Len(); n > 1 && n < 1<<20 {
			if got, err = sumLines(iotest.HalfReader(bytes.NewReader(text.Bytes())), &seed, treeLabel); err != nil || got != want {
				t.Errorf("round %d, in halves: %+v, %v\nwant %+v", round, got, err, want)
			}
			if _, err := sumLines(bytes.NewReader(text.Bytes()[:n-1]), &seed, treeLabel); err == nil && text.Bytes()[n-2] != '\n' {
				t.Errorf("round %d: a last line without a line feed was accepted", round)
			}
			if _, err := sumLines(iotest.TimeoutReader(iotest.OneByteReader(bytes.NewReader(text.Bytes()))), &seed, treeLabel); err == nil {
				t.Errorf("round %d: a read error was lost", round)
			}
		}
	}
}

// Each path verifies with another implementation, whose root is the same.
func TestPath(t *testing.T) {
	for n := range 70 {
		var leaves [][32]byte
		for i := range n {
			leaves = append(leaves, sha256.Sum256([]byte{byte(i)}))
		}
		root := treeHash(leaves)
		for i := range n {
			var p [][]byte
			for _, h := range path(levels(leaves), i) {
				p = append(p, bytes.Clone(h[:]))
			}
			if err := proof.VerifyInclusion(rfc6962.DefaultHasher, uint64(i), uint64(n), leaves[i][:], p, root[:]); err != nil {
				t.Errorf("leaf %d of %d: %v", i, n, err)
			}
		}
	}
	if empty := treeHash(nil); !bytes.Equal(empty[:], rfc6962.DefaultHasher.EmptyRoot()) {
		t.Error("root of nothing")
	}
}

func BenchmarkSumLines(b *testing.B) {
	line := strings.Repeat("x", 511) + "\n"
	text := []byte(strings.Repeat(line, 64<<20/len(line)))
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		if _, err := sumLines(bytes.NewReader(text), &[32]byte{}, treeLabel); err != nil {
			b.Fatal(err)
		}
	}
}
