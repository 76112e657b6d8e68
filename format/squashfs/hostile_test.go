package squashfs

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/testkit"
)

// stored writes a tree without any compression, so that tests can change it.
func stored(root *member, long bool) []byte {
	w := writer{major: 4, magic: "hsqs", compressor: 1, block: 4096, fragments: true, long: long}
	return w.write(root)
}

func gapWith(res *testkit.Result, kind wardein.GapKind, text string) bool {
	for _, g := range res.Gaps {
		if g.Kind == kind && strings.Contains(g.Why, text) {
			return true
		}
	}
	return false
}

// TestCycle lets a directory hold its own root.
func TestCycle(t *testing.T) {
	root := &member{kind: wardein.Directory, mode: 0o755, kids: []*member{
		{name: "after", kind: wardein.File, data: "still here"},
		{name: "loop", kind: wardein.Directory},
		{name: "zlast", kind: wardein.File, data: "and here"},
	}}
	data := stored(root, false)
	at := bytes.LastIndex(data, []byte("loop")) - 8
	binary.LittleEndian.PutUint16(data[at:], uint16(root.ref))
	res := testkit.Run(Format, data, 1<<20)
	if !gapWith(res, wardein.Damaged, "listed before") || res.Find("zlast") == nil || len(res.Members) != 3 {
		t.Error(res)
	}
}

// TestHugeSparse declares 2^60 bytes with a block list of two blocks.
func TestHugeSparse(t *testing.T) {
	root := &member{kind: wardein.Directory, mode: 0o755, kids: []*member{{name: "huge", kind: wardein.File, data: strings.Repeat("\x00", 8192)}}}
	data := stored(root, true)
	size := binary.LittleEndian.AppendUint64(nil, 8192)
	at := bytes.Index(data, append(size, make([]byte, 8)...))
	binary.LittleEndian.PutUint64(data[at:], 1<<60)
	start := time.Now()
	res := testkit.Run(Format, data, 1<<30)
	if !gapWith(res, wardein.Damaged, "block list") || time.Since(start) > time.Second {
		t.Error(res)
	}
	binary.LittleEndian.PutUint64(data[at:], 1<<63)
	if res = testkit.Run(Format, data, 1<<30); !gapWith(res, wardein.Damaged, "bad size") {
		t.Error(res)
	}
}

// TestHidden puts bytes where nothing refers to them, and bytes behind the end.
func TestHidden(t *testing.T) {
	w := writer{major: 4, magic: "hsqs", compressor: 1, block: 4096, meta: deflate, data: deflate, hidden: "nobody points here"}
	data := append(w.write(tiny()), "behind the end"...)
	res := testkit.Run(Format, data, 1<<20)
	if res.Claim.End != int64(len(data)-len("behind the end")) {
		t.Errorf("claim end %d of %d", res.Claim.End, len(data))
	}
	if free := res.Unreferenced(); len(free) != 1 || free[0] != (wardein.Extent{Off: 96, Len: int64(len(w.hidden))}) {
		t.Errorf("unreferenced %v", free)
	}
}

// TestOrphan removes a name; the export table still has the inode.
func TestOrphan(t *testing.T) {
	root := &member{kind: wardein.Directory, mode: 0o755, kids: []*member{
		{name: "a", kind: wardein.File, data: "a"}, {name: "b", kind: wardein.File, data: "b"},
	}}
	data := stored(root, false)
	at := bytes.LastIndex(data, []byte("\x00\x00b"))
	copy(data[at-6:], data[at-15:at-7]) // b's entry now leads to a
	res := testkit.Run(Format, data, 1<<20)
	if !gapWith(res, wardein.Damaged, "no directory reaches") {
		t.Error(res)
	}
}

// TestTruncated cuts a volume in the middle of its data and of its tables.
func TestTruncated(t *testing.T) {
	data := stored(small(), false)
	for _, n := range []int{200, len(data) / 2, len(data) - 10} {
		res := testkit.Run(Format, data[:n], 1<<30)
		if res.Err == nil || res.Claim.End != int64(n) || res.Claim.Confidence < wardein.Likely {
			t.Errorf("%d bytes of %d: %+v, %v", n, len(data), res.Claim, res.Err)
		}
		if n == len(data)-10 && len(res.Members) < 300 {
			t.Errorf("%d members from a volume that lacks its last 10 bytes", len(res.Members))
		}
	}
}

// TestBadBlock damages one data block: the others still read.
func TestBadBlock(t *testing.T) {
	w := writer{major: 4, magic: "hsqs", compressor: 1, block: 4096, meta: deflate, data: deflate}
	data := w.write(small())
	data[2000] ^= 0xFF
	res := testkit.Run(Format, data, 1<<30)
	bad := 0
	for _, m := range res.Members {
		if m.Err != nil {
			bad++
		}
	}
	if bad != 1 || len(res.Members) < 300 {
		t.Errorf("%d bad of %d members", bad, len(res.Members))
	}
}

// TestXattrs compares with the attributes of the tree that mksquashfs read.
func TestXattrs(t *testing.T) {
	dir := t.TempDir()
	want := map[string][]string{}
	set := func(name, attr, value string) {
		p := filepath.Join(dir, name)
		if _, err := os.Lstat(p); err != nil {
			must(t, os.WriteFile(p, []byte(name), 0o644))
		}
		if err := syscall.Setxattr(p, attr, []byte(value), 0); err != nil {
			testkit.Skip(t, "file system or user cannot set "+attr+": "+err.Error())
		}
		want[name] = append(want[name], fmt.Sprintf("%s=%q", attr, value))
	}
	must(t, os.Mkdir(filepath.Join(dir, "d"), 0o755))
	set("d", "user.dir", "\x00binary\xff")
	set("one", "user.comment", "short")
	set("one", "user.empty", "")
	for i := range 600 { // more than one block of ids
		set(fmt.Sprintf("f%d", i), "user.number", fmt.Sprint(i))
	}
	for i := range 3 { // the same long value: stored once, out of line
		set(fmt.Sprintf("long%d", i), "user.long", strings.Repeat("v", 900))
		set(fmt.Sprintf("long%d", i), fmt.Sprintf("user.x%d", i), "x")
	}
	if os.Getuid() == 0 {
		set("cap", "security.capability", "\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00")
		set("cap", "trusted.t", "t")
	}
	for _, args := range [][]string{{}, {"-noX"}} {
		res := read(t, image(t, dir, append(args, "-xattrs")...))
		perfect(t, res)
		for _, m := range res.Members {
			var got []string
			for _, x := range m.Xattrs {
				got = append(got, fmt.Sprintf("%s=%q", x.Name, x.Value))
			}
			sort.Strings(got)
			sort.Strings(want[m.Name])
			if fmt.Sprint(got) != fmt.Sprint(want[m.Name]) {
				t.Errorf("%q: %v, want %v", m.Name, got, want[m.Name])
			}
		}
	}
}
