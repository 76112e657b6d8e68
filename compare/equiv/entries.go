package equiv

import (
	"encoding/hex"
	"fmt"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/canon"
)

// entries compares what the containers say of two members: kind, mode, owner,
// time, device, target and extended attributes.
func (f *fileWork) entries(m, o *member) {
	if m.box == nil || m.Kind == wardein.Region && o.Kind == wardein.Region {
		return
	}
	if m.Kind != o.Kind {
		f.entry("kind", m.Kind.String(), o.Kind.String(), place{what: other})
	}
	if m.Mode != o.Mode {
		f.entry("mode", fmt.Sprintf("%04o", m.Mode), fmt.Sprintf("%04o", o.Mode), place{what: other})
	}
	if m.UID != o.UID || m.GID != o.GID {
		f.entry("owner", fmt.Sprintf("%d:%d", m.UID, m.GID), fmt.Sprintf("%d:%d", o.UID, o.GID),
			place{what: owner, field: [2]*field{{owner: Owner{m.UID, m.GID}}, {owner: Owner{o.UID, o.GID}}}})
	}
	if m.MTime != o.MTime {
		f.entry("time", moment(m.MTime), moment(o.MTime), place{what: stamp, field: [2]*field{{value: m.MTime}, {value: o.MTime}}})
	}
	if m.Major != o.Major || m.Minor != o.Minor {
		f.entry("device", fmt.Sprintf("%d,%d", m.Major, m.Minor), fmt.Sprintf("%d,%d", o.Major, o.Minor), place{what: other})
	}
	if m.Target != o.Target {
		f.target(m.Target, o.Target)
	}
	f.attributes(m.Xattrs, o.Xattrs)
}

func moment(t int64) string {
	if t == 0 {
		return "none"
	}
	return utc(t)
}

// entry takes a difference that stands in no bytes of the file.
func (f *fileWork) entry(where, before, after string, x place) {
	x.comparison, x.file, x.a, x.b = f.c, f.nodes[0].Path, []byte(before), []byte(after)
	_, rule := x.explain(0, 0, false)
	f.add(rule, Difference{Where: where, Before: canon.Escape(before), After: canon.Escape(after)}, 0)
}

// target compares targets of links, as text: all of what differs must be
// explained.
func (f *fileWork) target(was, is string) {
	t := &fileWork{c: &comparison{facts: f.c.facts, read: f.c.read, pairs: f.c.pairs, rules: map[string]*RuleCount{}, result: &Result{}}, nodes: f.nodes}
	t.c.ids.of = t.c
	t.align(&region{place: place{what: label, a: []byte(was), b: []byte(is)}, where: "target"})
	d := Difference{Where: "target", Before: canon.Escape(was), After: canon.Escape(is)}
	if t.open > 0 || len(t.plain) == 0 {
		f.add(nil, d, 0)
		return
	}
	d.Why = t.plain[0].Why
	f.add(ruleNamed(t.plain[0].Rule), d, 0)
}

// attributes compares extended attributes by name; their order says nothing.
func (f *fileWork) attributes(was, is []wardein.Xattr) {
	have := map[string]string{}
	for _, x := range is {
		have[x.Name] = x.Value
	}
	for _, x := range was {
		v, ok := have[x.Name]
		delete(have, x.Name)
		if ok && v == x.Value {
			continue
		}
		after := "none"
		if ok {
			after = hex.EncodeToString([]byte(v[:min(len(v), maxQuote)]))
		}
		f.entry("attribute "+canon.Escape(x.Name), hex.EncodeToString([]byte(x.Value[:min(len(x.Value), maxQuote)])), after, place{what: other})
	}
	for _, x := range is {
		if v, ok := have[x.Name]; ok {
			f.entry("attribute "+canon.Escape(x.Name), "none", hex.EncodeToString([]byte(v[:min(len(v), maxQuote)])), place{what: other})
		}
	}
}
