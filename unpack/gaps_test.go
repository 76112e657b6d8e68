package unpack_test

import (
	"strings"
	"testing"

	"github.com/wardein/wardein"
)

// One damage is one gap, whether its container is the whole blob or a region
// of it, and it stands at the innermost node.
func TestGapOnce(t *testing.T) {
	cut := tarOf(t, "first", "the first file", "second", strings.Repeat("some text\n", 500))
	cut = cut[:3000]
	l := newLab(t, allFormats)
	for name, c := range map[string]struct {
		data []byte
		node string
	}{
		"whole":  {cut, ""},
		"region": {append([]byte("\x01\x02\x03 bytes before the archive"), cut...), "0000001c.tar"},
	} {
		tr := l.unpack(t, c.data)
		var gaps []string
		for _, n := range tr.nodes {
			for _, g := range n.Gaps {
				if g.Kind == wardein.Damaged {
					gaps = append(gaps, n.Path+": "+g.Node+": "+g.Why)
				}
			}
		}
		if len(gaps) != 1 || !strings.HasPrefix(gaps[0], c.node+": second: content at ") {
			t.Errorf("%s: gaps %q in\n%s", name, gaps, tr.text)
		}
	}
}

// What every sample's nodes say of themselves is said once.
func TestGapsDiffer(t *testing.T) {
	l := newLab(t, allFormats)
	for _, s := range formatSamples(t) {
		if len(s.data) > 1<<20 {
			continue
		}
		tr := l.unpack(t, s.data)
		seen := map[string]string{}
		for _, n := range tr.nodes {
			for _, g := range n.Gaps {
				at := n.Path
				if g.Node != "" {
					at += "/" + g.Node
				}
				say := g.Who + ": " + string(g.Kind) + ": " + g.Why
				if up, ok := seen[say]; ok && (up == at || strings.HasPrefix(at, up+"/") || up == "") {
					t.Errorf("%s: %q says %q, and so does %q", s.name, at, say, up)
				}
				seen[say] = at
			}
		}
	}
}
