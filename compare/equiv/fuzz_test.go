package equiv

import (
	"strings"
	"testing"

	"github.com/wardein/wardein"
)

// FuzzFields: headers of any bytes are read without harm, and their fields lie
// within the bytes and not over each other.
func FuzzFields(f *testing.F) {
	f.Add("gzip", "\x1f\x8b\x08\x08\x00\x00\x00\x00\x00\x03name\x00\x03\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	f.Add("cpio", "070701"+strings.Repeat("00000001", 13)+"\x00\x00")
	f.Add("ar", "!<arch>\nname            0           0     0     100644  4         `\nbody")
	f.Add("uimage", "\x27\x05\x19\x56"+strings.Repeat("\x00", 80))
	f.Add("trx", "HDR0\x40\x00\x00\x00"+strings.Repeat("\x00", 80))
	f.Add("squashfs", "hsqs"+strings.Repeat("\x00", 24)+"\x04\x00\x00\x00"+strings.Repeat("\x00", 80))
	f.Add("tar", strings.Repeat("a", 1024))
	f.Fuzz(func(t *testing.T, format, b string) {
		read := layouts[format]
		if read == nil {
			return
		}
		m := &member{Node: &wardein.Node{Size: int64(len(b)), Spans: []wardein.Span{{Len: int64(len(b)), What: wardein.Known}}}}
		var taken []run
		for _, g := range read(m, []byte(b)) {
			if g.off < 0 || g.len < 0 || g.off+g.len > int64(len(b)) {
				t.Fatalf("%+v of %d bytes", g, len(b))
			}
			taken = append(taken, run{g.off, g.off + g.len})
		}
		if n := length(taken); n > 2*int64(len(b)) {
			t.Fatalf("fields of %d bytes in %d", n, len(b))
		}
	})
}

// FuzzFiles: any two files are compared without harm, and both directions
// agree. Only the same bytes are identical.
func FuzzFiles(f *testing.F) {
	f.Add("built 2017-07-14 in /build/hello-2.10", "built 2023-11-14 in /srv/lab/src")
	f.Add("\x7fELF\x02\x01\x01", "\x7fELF\x01\x01\x01")
	f.Add("Jul 14 2017 02:40:00\x00buildd@builder-7.example", "Nov 14 2023 22:13:20\x00lab@bench")
	facts := *folders
	facts.Shipped.Times, facts.Rebuilt.Times = windows.Shipped.Times, windows.Rebuilt.Times
	facts.Numbers = []Number{{2022, 2026, nil}}
	f.Fuzz(func(t *testing.T, a, b string) {
		r := judge(t, one(a), one(b), &facts)
		if (r.Verdict == Identical) != (a == b) {
			t.Fatalf("%s", dump(r))
		}
		if n := r.Bytes; n.Total() > int64(len(a)) {
			t.Fatalf("%d bytes of %d", n.Total(), len(a))
		}
	})
}
