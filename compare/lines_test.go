package compare

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// Whatever is put together from the lines that both have and those that one
// has alone is that text; the other way round, the same lines differ.
func TestDiff(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.SliceOfN(rapid.SampledFrom(strings.Split("abcdefgh}}}}", "")), 0, 40)
		a, b := text.Draw(t, "a"), text.Draw(t, "b")
		e := diff(a, b)
		common := func(lines []string, same []bool) (out []string) {
			for i := range lines {
				if same[i] {
					out = append(out, lines[i])
				}
			}
			return out
		}
		if x, y := common(a, e.a), common(b, e.b); !slices.Equal(x, y) {
			t.Fatalf("in common: %q and %q", x, y)
		}
		if x := diff(b, a); !slices.Equal(x.a, e.b) || !slices.Equal(x.b, e.a) {
			t.Fatalf("the other way round another difference: %v, %v", e, x)
		}
		// hunks turn one text into the other
		out, at := []string(nil), 0
		for _, h := range e.hunks(a, b) {
			out = append(out, a[at:h.Old-1]...)
			at = h.Old - 1
			if len(out) != h.New-1 {
				t.Fatalf("hunk at %d, %d: %d lines stand before it", h.Old, h.New, len(out))
			}
			for _, l := range h.Lines {
				switch l.Sign {
				case ' ':
					out = append(out, a[at])
					fallthrough
				case '-':
					if a[at] != l.Text {
						t.Fatalf("line %d is %q, the hunk says %q", at+1, a[at], l.Text)
					}
					at++
				case '+':
					out = append(out, l.Text)
				}
			}
		}
		if out = append(out, a[at:]...); !slices.Equal(out, b) {
			t.Fatalf("%q and the hunks give %q, want %q", a, out, b)
		}
	})
}

func TestDiffShort(t *testing.T) {
	for _, c := range []struct{ a, b, want string }{
		{"", "", ""},
		{"a b c", "a x c", "-b +x"},
		{"x x x y x x", "x x x x x", "-y"},
		{"a b c d", "d a b c", "+d -d"},
	} {
		a, b := strings.Fields(c.a), strings.Fields(c.b)
		e := diff(a, b)
		var got []string
		for _, h := range e.hunks(a, b) {
			for _, l := range h.Lines {
				if l.Sign != ' ' {
					got = append(got, string(l.Sign)+l.Text)
				}
			}
		}
		if g := strings.Join(got, " "); g != c.want {
			t.Errorf("%s → %s: %s, want %s", c.a, c.b, g, c.want)
		}
	}
}

// Two long texts of few lines that repeat cost no square.
func TestDiffBound(t *testing.T) {
	var a, b []string
	for i := range 200_000 {
		a = append(a, string(rune('a'+i%3)))
		b = append(b, string(rune('a'+i%5)))
	}
	diff(a, b)
}

func TestGeneral(t *testing.T) {
	for _, c := range [][2]string{
		{"libfoo-1.2.so", "libfoo-#.so"}, {"libfoo-1.2.1.so", "libfoo-#.so"}, {"libcrypto.so.1.0.2k", "libcrypto.so.#"},
		{"00010000.squashfs", "#.squashfs"}, {"0003a0f0.squashfs", "#.squashfs"}, {"lib/modules/5.4.115/kernel/x.ko", "lib/modules/#/kernel/x.ko"},
		{"app.3f2a9c1b.js", "app.#.js"}, {"passwd", "passwd"}, {"", ""}, {"e2fsck", "e#fsck"}, {"deadbeef", "deadbeef"},
	} {
		if got := general(c[0]); got != c[1] {
			t.Errorf("%s: %s, want %s", c[0], got, c[1])
		}
	}
}
