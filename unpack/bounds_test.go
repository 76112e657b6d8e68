package unpack_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/unpack"
)

// handing is a format that hands out whatever the test wants, so that the
// engine's own bounds are met without a crafted image.
func handing(f func(size int64, out wardein.Members) error) []wardein.Format {
	return []wardein.Format{{Name: "handing", Version: 1, Magic: []wardein.Magic{{Bytes: "HANDS-OUT-THINGS"}}, Measure: wholeClaim,
		Extract: func(_ context.Context, r *io.SectionReader, out wardein.Members) (int64, error) {
			return r.Size(), f(r.Size(), out)
		}}}
}

const hands = "HANDS-OUT-THINGS and some more bytes"

// Link targets and attributes are cut like names, each with a gap.
func TestLongTargetsAndXattrs(t *testing.T) {
	long := strings.Repeat("x", 4097)
	tr := newLab(t, handing(func(_ int64, out wardein.Members) error {
		return errors.Join(
			out.Entry(wardein.Entry{Name: "link", Kind: wardein.Symlink, Target: long}),
			out.Entry(wardein.Entry{Name: "fits", Kind: wardein.Symlink, Target: long[:4096]}),
			out.Entry(wardein.Entry{Name: "dir", Kind: wardein.Directory, Xattrs: []wardein.Xattr{
				{Name: "user.a", Value: "kept"}, {Name: "user.b", Value: strings.Repeat("y", 128<<10)}, {Name: "user.c", Value: "behind"}}}),
			out.Extents(wardein.Entry{Name: "last"}, []wardein.Extent{{Off: 0, Len: 5}}))
	})).unpack(t, []byte(hands))
	tr.wantGap(wardein.Limit, "link target of 4097 bytes", "the limit is 4096")
	tr.wantGap(wardein.Limit, "of 3 attributes take 131088 bytes", "the limit is 131072")
	tr.wantContent("HANDS")
	for _, n := range tr.nodes {
		if len(n.Target) > 4096 || n.Name == "fits" && len(n.Target) != 4096 || n.Name == "dir" && len(n.Xattrs) != 1 {
			t.Errorf("%s: target of %d bytes, %d attributes", n.Name, len(n.Target), len(n.Xattrs))
		}
	}
	if len(tr.nodes[0].Gaps) != 2 {
		t.Errorf("gaps %+v", tr.nodes[0].Gaps)
	}
}

// Many members that share one long attribute, or a long name, cost a
// bounded record.
func TestSharedText(t *testing.T) {
	value := strings.Repeat("v", 64<<10)
	for name, e := range map[string]wardein.Entry{
		"attribute": {Xattrs: []wardein.Xattr{{Name: "user.a", Value: value}}},
		"name":      {Name: value[:4000]},
		"target":    {Kind: wardein.Symlink, Target: value[:4000]},
	} {
		t.Run(name, func(t *testing.T) {
			if testing.Short() && name != "attribute" {
				t.Skip("one of three will do")
			}
			l := newLab(t, handing(func(_ int64, out wardein.Members) error {
				for range 300_000 {
					if err := out.Entry(e); err != nil {
						return err
					}
				}
				return nil
			}))
			bounded(t, 10*time.Second, 600<<20, func() {
				tr := l.unpack(t, []byte(hands))
				tr.wantGap(wardein.Limit, "names, link targets and attributes of", "there are more")
				if len(tr.nodes) < 1000 || len(tr.nodes) > 20_000 {
					t.Errorf("%d nodes", len(tr.nodes))
				}
			})
		})
	}
}

// Many members in many pieces of the same bytes.
func TestSharedRuns(t *testing.T) {
	l := newLab(t, handing(func(_ int64, out wardein.Members) error {
		runs := make([]wardein.Extent, 100_000)
		for i := range runs {
			runs[i] = wardein.Extent{Off: int64(i % 7), Len: 1}
		}
		for i := range 50 {
			if err := out.Extents(wardein.Entry{Name: fmt.Sprint(i)}, runs[i:]); err != nil {
				return err
			}
		}
		return nil
	}))
	bounded(t, 20*time.Second, 200<<20, func() {
		l.unpack(t, []byte(hands)).wantGap(wardein.Limit, "pieces, the limit for them in a container of 36 bytes is 10486")
	})
}

// Many members that each use a byte of a large block: the work is bounded, and
// a block that neighbours share costs once.
func TestPartsOfBlocks(t *testing.T) {
	const size = 1 << 20
	decoded := atomic.Int64{}
	decode := func(dst, src []byte) (int, error) {
		decoded.Add(int64(len(dst)))
		return len(dst), nil
	}
	parts := func(apart int) *tree {
		decoded.Store(0)
		l := newLab(t, handing(func(_ int64, out wardein.Members) error {
			for i := range 5000 {
				src := wardein.Extent{Off: int64(i / 100 % 20), Len: 4}
				if apart > 0 {
					src.Off = int64(i % apart)
				}
				if err := out.Blocks(wardein.Entry{Name: fmt.Sprint(i)}, []wardein.Block{{Src: src, Size: size, From: int64(i), Len: 1, Decode: decode}}); err != nil {
					return err
				}
			}
			return nil
		}))
		l.cfg.Limits.StreamFloor = 16 << 20
		return l.unpack(t, []byte(hands))
	}
	tr := parts(0)
	if g := tr.nodes[0].Gaps; len(g) > 0 || decoded.Load() > 100*size { // 50 and a few that two workers take at once
		t.Errorf("neighbours: %d MB decoded, gaps %v", decoded.Load()/size, g)
	}
	tr = parts(30)
	tr.wantGap(wardein.Limit, "uses parts of blocks", "the limit is 134217728")
	if n := decoded.Load() / size; n < 100 || n > 160 {
		t.Errorf("far apart: %d MB decoded", n)
	}
}

// What a format says of a gap is bounded, too.
func TestLongGaps(t *testing.T) {
	long := strings.Repeat("w", 1<<20)
	l := newLab(t, handing(func(_ int64, out wardein.Members) error {
		for range 20_000 {
			out.Gap(wardein.Gap{Kind: wardein.Damaged, Node: long, Why: long})
			out.Note(long, long)
		}
		return nil
	}))
	bounded(t, 10*time.Second, 400<<20, func() {
		tr := l.unpack(t, []byte(hands))
		tr.wantGap(wardein.Limit, "more than 10000 gaps")
		for _, g := range tr.nodes[0].Gaps {
			if len(g.Why) > 1024 || len(g.Node) > 1024 {
				t.Fatalf("gap of %d bytes", len(g.Why))
			}
		}
	})
}

// Blocks that all fail, of one member and of many: the gaps that are listed are
// the same whoever decodes them, and the rest takes no memory.
func TestManyFailures(t *testing.T) {
	fail := func(dst, src []byte) (int, error) { return 0, errors.New("not what it should be") }
	l := newLab(t, handing(func(size int64, out wardein.Members) error {
		list := func(n, from int) (b []wardein.Block) {
			for i := range n {
				b = append(b, wardein.Block{Src: wardein.Extent{Off: int64((i + from) % 30), Len: 4}, Size: 16, Decode: fail})
			}
			return b
		}
		if err := out.Blocks(wardein.Entry{Name: "one"}, list(60_000, 0)); err != nil {
			return err
		}
		for i := range 2000 {
			if err := out.Blocks(wardein.Entry{Name: fmt.Sprint(i)}, list(40, i)); err != nil {
				return err
			}
		}
		return nil
	}))
	want := ""
	bounded(t, 30*time.Second, 200<<20, func() {
		for _, workers := range []int{1, 4, 4} {
			l.workers = workers
			tr := l.unpack(t, []byte(hands))
			tr.wantGap(wardein.Limit, "more than 10000 gaps")
			if len(tr.nodes[0].Gaps) != 10_000 {
				t.Errorf("%d gaps", len(tr.nodes[0].Gaps))
			}
			if want == "" {
				want = tr.text
			}
			if tr.text != want {
				t.Errorf("%d workers: %s", workers, firstDifference(want, tr.text))
			}
		}
	})
}

// Members that say 2^63 bytes and more in every way: each is a gap.
func TestSizesBeyondAll(t *testing.T) {
	const most = math.MaxInt64
	same := func(dst, src []byte) (int, error) { return copy(dst, src), nil }
	tr := newLab(t, handing(func(size int64, out wardein.Members) error {
		e := func(name string) wardein.Entry { return wardein.Entry{Name: name} }
		for _, hole := range []int64{wardein.Zeros, wardein.Ones} {
			for _, n := range []int64{1 << 40, 1<<62 + 1, most} {
				if err := out.Extents(e("extents"), []wardein.Extent{{Off: hole, Len: n}}); err != nil {
					return fmt.Errorf("hole of %d: %w", n, err)
				}
				if err := out.Blocks(e("blocks"), []wardein.Block{{Src: wardein.Extent{Off: 0, Len: 4}, Size: 4, Decode: same}, {Src: wardein.Extent{Off: hole, Len: 0}, Size: n - 4}}); err != nil {
					return fmt.Errorf("block of %d: %w", n, err)
				}
			}
		}
		for _, x := range [][]wardein.Extent{{{Off: most, Len: 1}}, {{Off: 1, Len: most}}, {{Off: 0, Len: -1}}, {{Off: -3, Len: 1}}, {{Off: wardein.Zeros, Len: most}, {Off: wardein.Zeros, Len: most}}} {
			if out.Extents(e("bad"), x) == nil {
				return fmt.Errorf("extents %v are taken", x)
			}
		}
		for _, b := range []wardein.Block{{Src: wardein.Extent{Off: 0, Len: 4}, Size: most, Decode: same}, {Src: wardein.Extent{Off: 0, Len: 4}, Size: -1, Decode: same},
			{Src: wardein.Extent{Off: 0, Len: 4}, Size: 4, From: most, Decode: same}, {Src: wardein.Extent{Off: 0, Len: 4}, Size: 4, From: 2, Len: most, Decode: same}} {
			if out.Blocks(e("bad"), []wardein.Block{b}) == nil {
				return fmt.Errorf("block %+v is taken", b)
			}
		}
		out.Span(wardein.Span{Off: most, Len: most, What: wardein.Known, Is: "far"})
		out.Span(wardein.Span{Off: -5, Len: most, What: wardein.Known, Is: "before"})
		out.Span(wardein.Span{Off: 3, Len: most, What: wardein.Known, Is: "long"})
		out.Gap(wardein.Gap{Kind: wardein.Damaged, Off: most, Len: most, Why: "far"})
		return out.Extents(e("last"), []wardein.Extent{{Off: 0, Len: 5}})
	})).unpack(t, []byte(hands))
	tr.wantContent("HANDS")
	for _, n := range []int64{1 << 40, 1<<62 + 1, most} {
		tr.wantGap(wardein.Limit, fmt.Sprintf("holds %d bytes; the container may give", n))
	}
	if g, _ := tr.gap(wardein.Damaged, "taken"); g != nil {
		t.Error(g.Why)
	}
}

// Coverage of sizes that do not fit in 64 bits together stays in range.
func TestCoverHuge(t *testing.T) {
	var c unpack.Cover
	for range 5 {
		for w := wardein.Unknown; w <= wardein.Opaque; w++ {
			c.Add(&unpack.Visit{Node: &wardein.Node{Size: math.MaxInt64, Spans: []wardein.Span{{Len: math.MaxInt64 / 2, What: w, Is: "text", Code: "arm"}, {Off: math.MaxInt64 / 2, Len: math.MaxInt64/2 + 1, What: w, Is: "text", Code: "arm"}}}}, true)
		}
	}
	sum := c.Sum()
	for name, n := range map[string]int64{"known": sum.Known, "opaque": sum.Opaque, "padding": sum.Padding, "unknown": sum.Unknown,
		"by class": sum.UnknownBy[0].Bytes, "code": sum.Code[0].Bytes, "code read": sum.Code[0].Read, "all": sum.Known + sum.Opaque + sum.Unknown + sum.Padding} {
		if n <= 0 {
			t.Errorf("%s: %d bytes", name, n)
		}
	}
	if a, o := sum.Accounted(), sum.Opened(); a < 600_000 || a > 700_000 || o < 300_000 || o > 400_000 {
		t.Errorf("accounted %d, opened %d", a, o)
	}
	// What members have as they are is taken off, and only that.
	c = unpack.Cover{}
	c.Add(&unpack.Visit{Node: &wardein.Node{Spans: []wardein.Span{{Len: 100, What: wardein.Known}}}, Verbatim: 70}, false)
	if sum := c.Sum(); sum.Known != 30 {
		t.Errorf("%d bytes are known, want 30", sum.Known)
	}
}

// An input directory has a limit of entries, too.
func TestManyInputEntries(t *testing.T) {
	dir := t.TempDir()
	for i := range 30 {
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%02d", i)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "…"), 0o700); err != nil {
		t.Fatal(err)
	}
	in, err := unpack.OpenInput(context.Background(), dir, unpack.DefaultLimits)
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	l := newLab(t, allFormats)
	l.cfg.Limits.Entries = 20
	tr := l.run(t, in)
	tr.wantGap(wardein.Limit, "20 entries were listed, the limit is 20")
	if len(tr.nodes) != 22 || tr.nodes[21].Path != "……" { // the root, 20 files, and the rest
		t.Errorf("%d nodes in\n%s", len(tr.nodes), tr.text)
	}
}
