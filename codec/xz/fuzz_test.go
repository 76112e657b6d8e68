package xz_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"hash/crc32"
	"io"
	"testing"

	"github.com/wardein/wardein/codec/xz"
)

// Both forms agree about what is a good stream, whatever comes, and also when
// the checksums of its headers are right.
func Fuzz(f *testing.F) {
	for _, s := range seeds {
		b, err := hex.DecodeString(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, src []byte) {
		agree(t, src)
		agree(t, seal(bytes.Clone(src)))
	})
}

// seal puts right the checksums of the stream header, of the first block's
// header, of the index and of the footer.
func seal(b []byte) []byte {
	le := binary.LittleEndian
	if len(b) < 32 {
		return b
	}
	sum := func(from, to, at int) {
		if 0 <= from && from <= to && to <= len(b) && at+4 <= len(b) {
			le.PutUint32(b[at:], crc32.ChecksumIEEE(b[from:to]))
		}
	}
	sum(6, 8, 8)
	head := (int(b[12]) + 1) * 4
	sum(12, 12+head-4, 12+head-4)
	foot := len(b) - 12
	sum(foot+4, foot+10, foot)
	index := (int64(le.Uint32(b[foot+4:])) + 1) * 4
	if index < int64(foot) {
		sum(foot-int(index), foot-4, foot-4)
	}
	return b
}

func agree(t *testing.T, src []byte) {
	dst := make([]byte, 64<<10)
	n, err := xz.Decode(dst, src)
	r := xz.NewReader(bytes.NewReader(src))
	got, rerr := io.ReadAll(io.LimitReader(r, 1<<20))
	if r.Consumed() > int64(len(src)) {
		t.Fatalf("consumed %d of %d", r.Consumed(), len(src))
	}
	if err == nil && (len(got) < n || !bytes.Equal(got[:n], dst[:n])) || rerr == nil && len(got) <= len(dst) && r.Streams() == 1 && err != nil {
		t.Fatalf("slice %d bytes, %v; reader %d bytes, %v", n, err, len(got), rerr)
	}
}

// seeds are made with xz: x86 and delta filters over "call" bytes, crc32; then
// two blocks with sha256.
var seeds = []string{
	"fd377a585a0000016922de360302040003010121010c0000634a6ff3e0001800175d0074013ef7303da81af78654500c3a4451b5704f2b8f30000000a8a4ce0a00013319db7886b09042990d010000000001595a",
	"fd377a585a00000ae1fb0ca10200210116000000742fe5a3e0001700095d00309888aaed9b6980000000000012f2874e73083568d40d20063914ccaf2f8e7ff04fddc965cb85d1976efa05570200210116000000742fe5a3e00013000e5d00309888a91b7048bbf44e17e5706f000000c47810723ab4ebb9eb42cc9c75b6ae734ad0ab529c011668e93372070ab38d7900023d18421400006a9dfb30b6e9df1c02000000000a595a",
}
