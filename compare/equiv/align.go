package equiv

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/exe"
	"github.com/wardein/wardein/internal/canon"
)

// Bounds on finding where two runs go on alike.
const (
	syncWindow = 4096   // bytes that are looked through on each side
	syncLength = 12     // bytes that must be the same
	syncNear   = 4      // where bytes have their place: that end a difference
	maxSyncs   = 4000   // of a run that may be shifted
	maxPlaced  = 50_000 // of one whose bytes have their place
	maxQuote   = 48     // bytes of a difference that are quoted
)

// region is a pair of runs of bytes that are compared.
type region struct {
	place
	where      string
	offA, offB int64 // of a[0] and b[0] in the file
	fixed      bool  // bytes have their place: nothing is shifted
	spansA     []wardein.Span
	spansB     []wardein.Span
	describe   func(d *Difference, i, j int) // says more of a difference
}

// common is the length of the common beginning.
func common(a, b []byte) int {
	n := min(len(a), len(b))
	i := 0
	for n-i >= 4096 && bytes.Equal(a[i:i+4096], b[i:i+4096]) {
		i += 4096
	}
	for n-i >= 32 && bytes.Equal(a[i:i+32], b[i:i+32]) {
		i += 32
	}
	for i < n && a[i] == b[i] {
		i++
	}
	return i
}

// align goes through two runs and takes each difference.
func (f *fileWork) align(r *region) {
	i, j, doneA, doneB, syncs := 0, 0, 0, 0, 0
	for {
		n := common(r.a[i:], r.b[j:])
		i, j = i+n, j+n
		if i == len(r.a) && j == len(r.b) {
			return
		}
		if e, ok := opaqueAt(r.spansA, r.offA+int64(i)); ok {
			if g, ok := opaqueAt(r.spansB, r.offB+int64(j)); ok {
				a1, b1 := int(min(e-r.offA, int64(len(r.a)))), int(min(g-r.offB, int64(len(r.b))))
				f.hidden(int64(a1-i), "bytes that were not opened differ")
				i, j = a1, b1
				doneA, doneB = i, j
				continue
			}
		}
		x := r.place
		x.comparison, x.i, x.j, x.file = f.c, i, j, f.nodes[0].Path
		if x.what == data && (codeAt(r.spansA, r.offA+int64(i)) || codeAt(r.spansB, r.offB+int64(j))) {
			x.what = code
		}
		m, rule := x.explain(doneA, doneB, r.fixed)
		if rule == nil {
			most := maxSyncs
			if r.fixed {
				most = maxPlaced
			}
			if syncs++; syncs > most {
				m = match{a0: i, a1: len(r.a), b0: j, b1: len(r.b), why: fmt.Sprintf("more than %d differences: what follows was not told apart", most)}
			} else {
				di, dj := resync(r.a[i:], r.b[j:], r.fixed)
				m = match{a0: i, a1: i + di, b0: j, b1: j + dj}
			}
		}
		if len(f.Differences) >= MaxDifferences { // it is only counted
			r.describe = nil
		}
		f.add(rule, r.difference(m, i, j), differing(r.a[m.a0:m.a1], r.b[m.b0:m.b1]))
		i, j = m.a1, m.b1
		doneA, doneB = i, j
	}
}

// explain asks the rules in order.
func (x *place) explain(doneA, doneB int, fixed bool) (match, *Rule) {
	for k := range rules {
		m, ok := rules[k].explain(x)
		if !ok || m.a0 < doneA || m.b0 < doneB || m.a1 > len(x.a) || m.b1 > len(x.b) || m.a1 <= x.i && m.b1 <= x.j ||
			fixed && (m.a1-m.a0 != m.b1-m.b0 || m.a0 != m.b0) {
			continue
		}
		return m, &rules[k]
	}
	return match{}, nil
}

// difference describes a run.
func (r *region) difference(m match, i, j int) Difference {
	d := Difference{Where: r.where, Why: canon.Escape(m.why),
		Shipped: Run{r.offA + int64(m.a0), int64(m.a1 - m.a0)}, Rebuilt: Run{r.offB + int64(m.b0), int64(m.b1 - m.b0)},
		Before: quote(r.a[m.a0:m.a1]), After: quote(r.b[m.b0:m.b1])}
	d.Bytes = max(differing(r.a[m.a0:m.a1], r.b[m.b0:m.b1]), differing(r.b[m.b0:m.b1], r.a[m.a0:m.a1]))
	if r.addr != 0 {
		d.Addr = fmt.Sprintf("%#x", r.addr+uint64(m.a0))
	}
	if r.describe != nil {
		r.describe(&d, i, j)
	}
	return d
}

// differing is how many bytes of a have no equal in b: where the lengths are
// the same, at their place, else between the common beginning and end.
func differing(a, b []byte) (n int64) {
	if len(a) == len(b) {
		for i := range a {
			if a[i] != b[i] {
				n++
			}
		}
		return n
	}
	p := common(a, b)
	s := suffix(a[p:], b[p:])
	return int64(len(a) - p - s)
}

func suffix(a, b []byte) (n int) {
	for n < len(a) && n < len(b) && a[len(a)-1-n] == b[len(b)-1-n] {
		n++
	}
	return n
}

// resync finds where a and b, which begin differently, go on alike.
func resync(a, b []byte, fixed bool) (di, dj int) {
	if fixed {
		n := min(len(a), len(b))
		equal := 0
		for i := 1; i < n; i++ {
			if a[i] != b[i] {
				equal = 0
				continue
			}
			if equal++; equal == syncNear || i == n-1 && len(a) == len(b) {
				return i + 1 - equal, i + 1 - equal
			}
		}
		return len(a), len(b)
	}
	best := -1
	take := func(i, j int) {
		if s := i + j; best < 0 || s < best || s == best && abs(i-j) < abs(di-dj) {
			best, di, dj = s, i, j
		}
	}
	if len(a) == len(b) { // perhaps nothing is shifted
		if i, _ := resync(a[:min(len(a), syncWindow)], b[:min(len(b), syncWindow)], true); i < len(a) {
			take(i, i)
		}
	}
	wa, wb := a[:min(len(a), syncWindow)], b[:min(len(b), syncWindow)]
	at := map[[syncLength]byte]int{}
	for j := len(wb) - syncLength; j >= 0; j-- {
		at[[syncLength]byte(wb[j:])] = j
	}
	for i := 0; i+syncLength <= len(wa) && (best < 0 || i <= best); i++ {
		if j, ok := at[[syncLength]byte(wa[i:])]; ok {
			take(i, j)
		}
	}
	if s := suffix(a, b); s > 0 && (best < 0 || len(a)+len(b) <= 2*syncWindow) {
		take(len(a)-s, len(b)-s)
	}
	if best < 0 {
		return len(a), len(b)
	}
	return di, dj
}

func abs(n int) int { return max(n, -n) }

// opaqueAt tells whether an offset lies in bytes that were not opened, and
// where those end.
func opaqueAt(spans []wardein.Span, off int64) (end int64, ok bool) {
	s := spanAt(spans, off)
	return s.Off + s.Len, s.What == wardein.Opaque
}

func codeAt(spans []wardein.Span, off int64) bool { return spanAt(spans, off).Code != "" }

// spanAt is the span around an offset, an empty one where there is none.
func spanAt(spans []wardein.Span, off int64) wardein.Span {
	i, ok := slices.BinarySearchFunc(spans, off, func(s wardein.Span, at int64) int { return cmp.Compare(s.Off, at) })
	if !ok {
		i--
	}
	if i < 0 || off >= spans[i].Off+spans[i].Len {
		return wardein.Span{}
	}
	return spans[i]
}

// leaf compares files that have no members.
func (f *fileWork) leaf(a, b []byte) {
	m, o := f.nodes[0], f.nodes[1]
	if f.signature(a, b) {
		return
	}
	if begins(a, exe.Magic) && begins(b, exe.Magic) {
		f.elf(a, b)
		return
	}
	f.align(&region{place: place{what: data, a: a, b: b}, where: "content", spansA: busy(m.Spans), spansB: busy(o.Spans)})
}

// busy are the spans of code and of bytes that were not opened.
func busy(spans []wardein.Span) (out []wardein.Span) {
	for _, s := range spans {
		if s.What == wardein.Opaque || s.Code != "" {
			out = append(out, s)
		}
	}
	return out
}

// quote is the beginning of a run, as text where it is text.
func quote(b []byte) string {
	short := b[:min(len(b), maxQuote)]
	more := ""
	if len(short) < len(b) {
		more = "…"
	}
	printable := len(b) > 0
	for _, c := range short {
		if c < 0x20 && c != '\n' && c != '\t' || c >= 0x7f {
			printable = false
		}
	}
	if printable {
		return canon.Escape("“" + strings.NewReplacer("\n", "␊", "\t", "␉").Replace(string(short)) + more + "”")
	}
	if len(short) > maxQuote/2 {
		short, more = short[:maxQuote/2], "…"
	}
	return hex.EncodeToString(short) + more
}

// clean is a string of a section without what ends it.
func clean(b []byte) string {
	return canon.Escape(strings.ReplaceAll(strings.Trim(string(b[:min(len(b), 200)]), "\x00"), "\x00", ", "))
}

// utc is a moment as it is printed.
func utc(t int64) string { return time.Unix(t, 0).UTC().Format(time.RFC3339) }
