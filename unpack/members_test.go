package unpack

import (
	"bufio"
	"bytes"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/wardein/wardein"
)

// A record of many members reads back as it was written, across the chunks in
// which members are held.
func TestRecordRoundTrip(t *testing.T) {
	locs := map[wardein.Digest]Loc{}
	rec := &Record{Key: Key{Blob: wardein.Digest{1}, As: "test"}, Size: 9, members: &memberList{where: func(d wardein.Digest) (Loc, bool) { l, ok := locs[d]; return l, ok }}}
	var want []Member
	var at []int
	for i := range 3 << 12 {
		m := Member{Entry: wardein.Entry{Name: fmt.Sprintf("file %d%s", i, strings.Repeat("x", i%300)), Mode: 0o644, MTime: int64(-i)}}
		switch i % 4 {
		case 0:
			m.Kind, m.Target = wardein.Symlink, "to"
		case 1:
			m.Extents = []wardein.Extent{{Off: int64(i), Len: 5}, {Off: wardein.Zeros, Len: 3}}
			m.Size = 8
		case 2:
			m.Derived, m.Size = "zip", 1<<40
		case 3:
			m.Kind, m.Major = wardein.CharDevice, uint32(i)
		}
		at = append(at, rec.members.add(&m))
		want = append(want, m)
	}
	for i := range want {
		if m := &want[i]; hasContent(m.Kind) {
			m.Blob = wardein.Digest{2, byte(i), byte(i >> 8)}
			if m.Derived != "" {
				m.Loc = Loc{{Source: 7, Off: int64(i), Len: 4}}
				locs[m.Blob] = m.Loc
			}
			rec.members.settle(at[i], m.Blob)
		}
	}
	var b bytes.Buffer
	if err := encodeRecord(&b, rec); err != nil {
		t.Fatal(err)
	}
	r, err := ReadRecord(bufio.NewReader(&b))
	if err != nil {
		t.Fatal(err)
	}
	for i := range want {
		m, err := r.Next()
		if err != nil {
			t.Fatalf("member %d: %v", i, err)
		}
		if !reflect.DeepEqual(*m, want[i]) {
			t.Fatalf("member %d:\n got %+v\nwant %+v", i, *m, want[i])
		}
	}
}
