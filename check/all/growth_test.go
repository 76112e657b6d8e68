//go:build measure

package all

import (
	"testing"
	"time"

	"github.com/wardein/wardein/internal/testkit/checktest"
)

// Four times the bytes take less than ten times as long, and no input less
// than 1 MB/s. It depends on the machine: go test -tags measure -run Growth.
func TestGrowth(t *testing.T) {
	const size = 48 << 10
	for _, c := range Checks() {
		if c.Node == nil {
			continue
		}
		for _, in := range checktest.Inputs(t, c, "../"+c.Name) {
			// Twice, and the faster counts.
			few, many := time.Hour, time.Hour
			for range 2 {
				few = min(few, look(t, in.Name, c, in.At(size), "").Time)
				many = min(many, look(t, in.Name, c, in.At(4*size), "").Time)
			}
			if many > 20*time.Millisecond && many > 10*few || many > 4*size*time.Microsecond {
				t.Errorf("%s over %s: %v for %d bytes, %v for %d", c.Name, in.Name, few, size, many, 4*size)
			}
		}
	}
}
