package unpack

import (
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	checks "github.com/wardein/wardein/check/all"
	"github.com/wardein/wardein/format/all"
)

// The matcher finds what a plain search finds, wherever the windows end.
func TestMatcher(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	word := func(n int) string {
		b := make([]byte, n)
		for i := range b {
			b[i] = "ab\x00\xff 1"[r.IntN(6)]
		}
		return string(b)
	}
	for range 200 {
		var literals []string
		for range 1 + r.IntN(40) {
			literals = append(literals, word(2+r.IntN(7)))
		}
		data := word(r.IntN(3000)) + strings.Repeat("x", r.IntN(2)*passWindow) + word(r.IntN(3000))
		ps := newPatterns(nil, literals)
		var whole, parts pass
		whole.reset(ps)
		a := whole.whole([]byte(data))
		parts.reset(ps)
		for rest := data; rest != ""; {
			n := min(len(rest), 1+r.IntN(5000))
			parts.write([]byte(rest[:n]))
			rest = rest[n:]
		}
		b := parts.end(nil)
		for i, s := range literals {
			var want []int64
			for from := 0; ; {
				k := strings.Index(data[from:], s)
				if k < 0 {
					break
				}
				want = append(want, int64(from+k))
				from += k + 1
			}
			want = want[:min(len(want), maxLiteralHits)]
			for what, got := range map[string][]int64{"whole": a.literals[i], "in parts": b.literals[i]} {
				if len(got) != len(want) {
					t.Fatalf("%q in %d bytes, %s: %d hits, want %d", s, len(data), what, len(got), len(want))
				}
				for k := range got {
					if got[k] != want[k] {
						t.Fatalf("%q, %s: hit %d at %d, want %d", s, what, k, got[k], want[k])
					}
				}
			}
		}
	}
}

// BenchmarkLiterals scans the file that WARDEIN_BENCH names for all formats'
// signatures, without and with all checks' literals.
func BenchmarkLiterals(b *testing.B) {
	data, err := os.ReadFile(os.Getenv("WARDEIN_BENCH"))
	if err != nil {
		b.Skip("WARDEIN_BENCH names no file")
	}
	var literals []string
	for _, c := range checks.Checks() {
		literals = append(literals, c.Literals...)
	}
	for what, list := range map[string][]string{"signatures": nil, "and literals": literals} {
		b.Run(what, func(b *testing.B) {
			ps := newPatterns(all.Formats(), list)
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				var p pass
				p.reset(ps)
				p.whole(data)
			}
		})
	}
}
