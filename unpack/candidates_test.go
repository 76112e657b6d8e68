package unpack

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"sort"
	"testing"
	"time"

	"github.com/wardein/wardein/format/all"
)

// BenchmarkCandidates scans the file that WARDEIN_BENCH names and prints for
// each format how many candidates it was shown, how many it claimed, and what
// looking at them cost. A format that is slow to say no shows here.
func BenchmarkCandidates(b *testing.B) {
	path := os.Getenv("WARDEIN_BENCH")
	if path == "" {
		b.Skip("WARDEIN_BENCH names no file")
	}
	data, err := os.ReadFile(path)
	if err != nil {
		b.Fatal(err)
	}
	formats := all.Formats()
	ps := newPatterns(formats, nil)
	b.SetBytes(int64(len(data)))
	var found *hits
	for b.Loop() {
		var p pass
		p.reset(ps)
		found = p.whole(data)
	}
	type cost struct {
		name             string
		shown, claimed   int
		read             int64
		spent, worstTime time.Duration
	}
	costs := make([]cost, len(formats))
	for _, h := range found.magics {
		c := &costs[h.format()]
		c.name = formats[h.format()].Name
		r := &pageReader{r: bytes.NewReader(data), size: int64(len(data))}
		start := time.Now()
		m, err := formats[h.format()].Measure(io.NewSectionReader(r, h.start(), int64(len(data))-h.start()))
		d := time.Since(start)
		c.shown++
		if err == nil || m.End != 0 {
			c.claimed++
			fmt.Printf("claim %s at %#x end %d %s %q %v\n", c.name, h.start(), m.End, m.Confidence, m.Evidence, err)
		}
		c.read += r.read
		c.spent += d
		c.worstTime = max(c.worstTime, d)
	}
	sort.Slice(costs, func(i, j int) bool { return costs[i].spent > costs[j].spent })
	for _, c := range costs[:min(12, len(costs))] {
		if c.shown > 0 {
			fmt.Printf("%-16s shown %6d claimed %4d read %10d spent %12v each %8v worst %v\n", c.name, c.shown, c.claimed, c.read, c.spent, c.spent/time.Duration(c.shown), c.worstTime)
		}
	}
}
