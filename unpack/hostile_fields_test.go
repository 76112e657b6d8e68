package unpack_test

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"
	"time"
)

// Numbers near 2^31, 2^32, 2^63 and 2^64 in both byte orders, in place of each
// 4-byte step of the first and the last 256 bytes of every format's samples,
// where headers and trailers stand. All go through the engine and all formats.
func TestHugeFields(t *testing.T) {
	values := []uint64{math.MaxUint64, 1 << 63, math.MaxInt64, 1<<63 - 4096, 1 << 62, math.MaxUint32, math.MaxInt32, 1 << 31}
	order := []binary.ByteOrder{binary.LittleEndian, binary.BigEndian}
	l := newLab(t, allFormats)
	every := 1
	if testing.Short() {
		every = 16
	}
	runs := 0
	bounded(t, 10*time.Minute, 1<<30, func() {
		for k, s := range formatSamples(t) {
			if len(s.data) > 64<<10 {
				continue
			}
			for at := 0; at+8 <= len(s.data); at += 4 {
				if at >= 256 && at < len(s.data)-256 {
					at = (len(s.data) - 256) &^ 3
				}
				if runs++; runs%every != 0 {
					continue
				}
				data := bytes.Clone(s.data)
				i := at/4 + k // each sample begins with another number
				if v := values[i%len(values)]; v > math.MaxUint32 {
					order[i/len(values)%2].PutUint64(data[at:], v)
				} else {
					order[i/len(values)%2].PutUint32(data[at:], uint32(v))
				}
				start := cpuTime(t)
				l.unpack(t, data)
				if took := cpuTime(t) - start; took > 5*raceFactor*time.Second {
					t.Errorf("%s with %#x at %d takes %v", s.name, values[i%len(values)], at, took)
				}
			}
		}
	})
	t.Logf("%d inputs", runs/every)
}
