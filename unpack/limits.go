package unpack

import (
	"errors"
	"fmt"
)

// Limits are the bounds of a run. Each one that is hit becomes a Gap that
// names both numbers; none depends on time, memory or scheduling.
type Limits struct {
	Depth int `json:"depth"` // containers inside containers
	// Total is the most bytes that may be decoded in the whole run:
	// the smaller of MaxTotal and TotalRatio times the input, but never less
	// than MinTotal.
	MaxTotal   int64 `json:"max_total"`
	MinTotal   int64 `json:"min_total"`
	TotalRatio int64 `json:"total_ratio"`
	// One stream may expand to StreamRatio times its container, or to
	// StreamFloor where that is more.
	StreamRatio int64 `json:"stream_ratio"`
	StreamFloor int64 `json:"stream_floor"`
	Entries     int64 `json:"entries"` // nodes in the tree
	Name        int   `json:"name"`    // bytes in one member's name
}

// DefaultLimits are the limits of a run that asks for no others.
var DefaultLimits = Limits{
	Depth:       32,
	MaxTotal:    64 << 30,
	MinTotal:    1 << 30,
	TotalRatio:  200,
	StreamRatio: 1000,
	StreamFloor: 64 << 20,
	Entries:     5_000_000,
	Name:        4096,
}

// total is the run's budget of decoded bytes for an input of that size.
func (l Limits) total(input int64) int64 {
	if input > l.MaxTotal/l.TotalRatio {
		return l.MaxTotal
	}
	return max(l.MinTotal, min(l.MaxTotal, l.TotalRatio*input))
}

// stream is how many bytes one container of that size may decode to.
func (l Limits) stream(container int64) int64 {
	if container > l.MaxTotal/l.StreamRatio {
		return l.MaxTotal
	}
	return max(l.StreamFloor, l.StreamRatio*container)
}

// container is how many bytes one container of that size may give. It depends
// on the container alone, so that a record is the same in every run.
func (l Limits) container(size int64) int64 { return min(l.stream(size), l.total(size)) }

// errTooMuch ends the work on a blob that gives more than is left of the run's
// budget: it has no record then.
var errTooMuch = errors.New("more than is left of the run's decoded bytes")

var (
	errOutput  = errors.New("the container's limit of decoded bytes is reached")
	errEntries = errors.New("the limit of entries is reached")
	errStopped = errors.New("the run is ending")
)

// fatal is an error that ends the run: a full disk, a lost input.
type fatal struct{ err error }

func (f *fatal) Error() string { return f.err.Error() }
func (f *fatal) Unwrap() error { return f.err }

// crash is a panic in a format or a check, kept as an error.
type crash struct{ v any }

func (c *crash) Error() string { return fmt.Sprintf("reader failed: %v", c.v) }
