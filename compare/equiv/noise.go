package equiv

import "slices"

// Values of Difference.Noise.
const (
	insideNoise = "inside"
	outside     = "outside"
)

// noise is where two rebuilds differ.
type noise struct {
	second  *Second
	runs    map[string][]run // by path in the first rebuild, merged
	outside int64
	files   map[string]bool
}

// noise compares two rebuilds: p has the first as its shipped release. The
// facts of the rebuilt side are taken for both, so that what a rule sees as one
// thing is one here, too.
func (p *Pairs) noise(facts *Facts, first, second Contents) *noise {
	n := &noise{runs: map[string][]run{}, files: map[string]bool{}}
	if facts == nil {
		facts = &Facts{}
	}
	both := &Facts{Shipped: facts.Rebuilt, Rebuilt: facts.Rebuilt}
	bytes := int64(0)
	c := &comparison{facts: both, read: [2]Contents{first, second}, pairs: p, seen: func(path string, r Run) {
		n.runs[path] = append(n.runs[path], run{r.Off, r.Off + r.Len})
	}}
	r := c.run()
	for path, list := range n.runs {
		n.runs[path] = merge(list)
	}
	bytes = r.Bytes.Explained + r.Bytes.Unexplained
	n.second = &Second{Release: r.Rebuilt, Files: r.Files.Equivalent + r.Files.Different, Bytes: bytes, Unseen: r.Files.NotComparable}
	return n
}

// of says whether the rebuilds differ where a difference is.
func (n *noise) of(f *fileWork, d *Difference) string {
	if n == nil {
		return ""
	}
	path := f.Path
	if f.Counterpart != "" {
		path = f.Counterpart
	}
	if d.Shipped.Len+d.Rebuilt.Len == 0 {
		path += "\x00" + d.Where
	}
	from, to := d.Rebuilt.Off, d.Rebuilt.Off+d.Rebuilt.Len
	if slices.ContainsFunc(n.runs[path], func(r run) bool { return from <= r.to && r.from <= to }) {
		return insideNoise
	}
	return outside
}

// add counts bytes that differ outside the noise.
func (n *noise) add(path string, bytes int64) {
	n.outside += bytes
	n.files[path] = true
}
