package unpack

import (
	"sort"

	"github.com/wardein/wardein"
)

// Cover adds up coverage while the tree is walked.
type Cover struct {
	sum     wardein.Coverage
	unknown map[string]int64
	code    map[string]*wardein.CodeCount
}

// Add counts one node; bytes that members have as they are count with them.
// read tells that a check read the executable code in it.
func (c *Cover) Add(v *Visit, read bool) {
	n := v.Node
	if c.code == nil {
		c.unknown, c.code = map[string]int64{}, map[string]*wardein.CodeCount{}
	}
	c.sum.Known -= v.Verbatim + v.Padding
	c.sum.Padding += v.Padding
	for i := range n.Spans {
		s := &n.Spans[i]
		switch s.What {
		case wardein.Known:
			plus(&c.sum.Known, s.Len)
		case wardein.Opaque:
			plus(&c.sum.Opaque, s.Len)
		case wardein.Padding:
			plus(&c.sum.Padding, s.Len)
		default:
			plus(&c.sum.Unknown, s.Len)
			n := c.unknown[s.Is]
			plus(&n, s.Len)
			c.unknown[s.Is] = n
		}
		arch := s.Code
		if s.What == wardein.Unknown && s.Is == classCode {
			arch = "unknown"
		}
		if arch == "" {
			continue
		}
		k := c.code[arch]
		if k == nil {
			k = &wardein.CodeCount{Arch: arch}
			c.code[arch] = k
		}
		plus(&k.Bytes, s.Len)
		if read && s.What == wardein.Known {
			plus(&k.Read, s.Len)
		}
	}
}

// mostCounted is where a count of bytes ends: a node that was not read may say
// any size, and four counts together must fit in 63 bits.
const mostCounted = 1 << 60

func plus(sum *int64, n int64) { *sum += min(n, mostCounted-*sum) }

// Sum returns what was counted.
func (c *Cover) Sum() wardein.Coverage {
	out := c.sum
	for class, n := range c.unknown {
		out.UnknownBy = append(out.UnknownBy, wardein.ClassCount{Class: class, Bytes: n})
	}
	sort.Slice(out.UnknownBy, func(i, j int) bool { return out.UnknownBy[i].Class < out.UnknownBy[j].Class })
	for _, k := range c.code {
		out.Code = append(out.Code, *k)
	}
	sort.Slice(out.Code, func(i, j int) bool { return out.Code[i].Arch < out.Code[j].Arch })
	return out
}
