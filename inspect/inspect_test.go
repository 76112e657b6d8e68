package inspect

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math"
	"math/rand"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/wardein/wardein"
)

// noHits is for blobs without any literal.
func noHits(int) []int64 { return nil }

// text is a blob of these bytes.
func text(s string) wardein.Blob {
	return wardein.Blob{ReaderAt: strings.NewReader(s), Size: int64(len(s)), Class: "text"}
}

// states states one fact with the blob's size.
func states(_ context.Context, b wardein.Blob, out func(wardein.Fact)) error {
	out(wardein.Fact{Kind: "size", Len: b.Size})
	return nil
}

// Every way in which a check can end on a blob; each pair ends in one of the
// three states, in the order of the list.
func TestLook(t *testing.T) {
	var none map[string]int
	cases := []struct {
		check wardein.Check
		state wardein.State
		why   string
		facts int
	}{
		{wardein.Check{Name: "done", Node: states}, wardein.Done, "", 1},
		{wardein.Check{Name: "tree only"}, wardein.NotApplicable, whyTreeOnly, 0},
		{wardein.Check{Name: "not wanted", Node: states, Wants: func(b wardein.Blob) (bool, string) { return b.Class == "elf", "not ELF" }}, wardein.NotApplicable, "not ELF", 0},
		{wardein.Check{Name: "wanted", Node: states, Wants: func(wardein.Blob) (bool, string) { return true, "" }}, wardein.Done, "", 1},
		{wardein.Check{Name: "fails", Node: func(ctx context.Context, b wardein.Blob, out func(wardein.Fact)) error {
			states(ctx, b, out)
			return errors.New("record 7 at 0x40: bad length")
		}}, wardein.Failed, "record 7 at 0x40: bad length", 1},
		{wardein.Check{Name: "panics", Node: func(ctx context.Context, b wardein.Blob, out func(wardein.Fact)) error {
			states(ctx, b, out)
			none["x"] = 1
			return nil
		}}, wardein.Failed, "check failed: assignment to entry in nil map", 1},
		{wardein.Check{Name: "panics with nil error", Node: func(context.Context, wardein.Blob, func(wardein.Fact)) error { panic(error(nil)) }}, wardein.Failed, "check failed: ", 0},
		{wardein.Check{Name: "wants panics", Node: states, Wants: func(b wardein.Blob) (bool, string) { panic("in Wants") }}, wardein.Failed, "check failed: in Wants", 0},
		{wardein.Check{Name: "last", Node: states}, wardein.Done, "", 1},
	}
	var checks []wardein.Check
	for _, c := range cases {
		checks = append(checks, c.check)
	}
	got := New(checks).Look(context.Background(), text("some text"), noHits)
	if len(got) != len(cases) {
		t.Fatalf("%d outcomes of %d checks", len(got), len(cases))
	}
	for i, c := range cases {
		o := got[i]
		if o.Check != c.check.Name || o.State != c.state || len(o.Facts) != c.facts || !strings.HasPrefix(o.Why, c.why) || (o.Why == "") != (c.why == "") {
			t.Errorf("%s: %v %q with %d facts; want %v %q with %d", o.Check, o.State, o.Why, len(o.Facts), c.state, c.why, c.facts)
		}
	}
}

// A blob that was opened as a container is left to its members: no check sees
// its bytes.
func TestLookSkipsContainers(t *testing.T) {
	asked := false
	r := New([]wardein.Check{
		{Name: "node", Wants: func(wardein.Blob) (bool, string) { asked = true; return true, "" },
			Node: func(context.Context, wardein.Blob, func(wardein.Fact)) error { asked = true; return nil }},
		{Name: "tree", Tree: func(context.Context, wardein.Tree, func(wardein.Finding)) error { return nil }},
	})
	b := text("an archive")
	b.Members = true
	got := r.Look(context.Background(), b, noHits)
	if asked {
		t.Error("a check was asked about a container")
	}
	if got[0].State != wardein.NotApplicable || got[0].Why != whyMembers || got[1].Why != whyTreeOnly {
		t.Errorf("%+v", got)
	}
}

// Each check sees its own literals, counted from 0, whatever stands before it
// in the list.
func TestHits(t *testing.T) {
	var seen []string
	check := func(name string, lits ...string) wardein.Check {
		return wardein.Check{Name: name, Literals: lits, Node: func(_ context.Context, b wardein.Blob, _ func(wardein.Fact)) error {
			for i := range lits {
				seen = append(seen, fmt.Sprintf("%s%d%v", name, i, b.Hits(i)))
			}
			return nil
		}}
	}
	r := New([]wardein.Check{check("a", "one", "two"), {Name: "none"}, check("b"), check("c", "three", "one")})
	if want := []string{"one", "two", "three", "one"}; !slices.Equal(r.Literals(), want) {
		t.Fatalf("literals %q, want %q", r.Literals(), want)
	}
	r.Look(context.Background(), text("x"), func(i int) []int64 { return []int64{int64(i)} })
	if want := []string{"a0[0]", "a1[1]", "c0[2]", "c1[3]"}; !slices.Equal(seen, want) {
		t.Errorf("saw %q, want %q", seen, want)
	}
}

// A check that states without end is stopped being listened to, and has
// failed: it was not read in full.
func TestTooManyFacts(t *testing.T) {
	for n, want := range map[int]wardein.State{maxFacts - 1: wardein.Done, maxFacts: wardein.Done, maxFacts + 1: wardein.Failed, 3 * maxFacts: wardein.Failed} {
		r := New([]wardein.Check{{Name: "talks", Node: func(_ context.Context, _ wardein.Blob, out func(wardein.Fact)) error {
			for i := range n {
				out(wardein.Fact{Off: int64(i)})
			}
			return nil
		}}})
		o := r.Look(context.Background(), text("x"), noHits)[0]
		if o.State != want || len(o.Facts) != min(n, maxFacts) {
			t.Errorf("%d facts: %v, %d kept", n, o.State, len(o.Facts))
		}
		if want == wardein.Failed && o.Why != fmt.Sprintf("limit: %d facts, the limit is %d", n, maxFacts) {
			t.Errorf("%d facts: %q names not both numbers", n, o.Why)
		}
	}
}

// A check that reads or states many times what a blob holds is stopped, keeps
// what it stated until then, and is a Gap of kind limit.
func TestBounds(t *testing.T) {
	reads := wardein.Check{Name: "reads", Node: func(_ context.Context, b wardein.Blob, out func(wardein.Fact)) error {
		out(wardein.Fact{Kind: "first"})
		buf := make([]byte, b.Size)
		for range 1 << 20 {
			if _, err := b.ReadAt(buf, 0); err != nil {
				return nil // whatever it makes of the error
			}
		}
		t.Error("read without end")
		return nil
	}}
	talks := wardein.Check{Name: "talks", Node: func(_ context.Context, b wardein.Blob, out func(wardein.Fact)) error {
		for range 9000 {
			out(wardein.Fact{Kind: "long", Attrs: []wardein.Note{{Name: "a", Value: strings.Repeat("a", 1000)}}})
		}
		return nil
	}}
	r := New([]wardein.Check{reads, talks})
	o := r.Look(context.Background(), text(strings.Repeat("x", 1000)), noHits)
	gaps := r.NewTally().Add(&wardein.Node{Path: "x", Entry: wardein.Entry{Kind: wardein.File}}, o)
	if len(gaps) != 2 || gaps[0].Kind != wardein.Limit || gaps[1].Kind != wardein.Limit || len(o[0].Facts) != 1 || len(o[1].Facts) > 1100 {
		t.Errorf("gaps %v", gaps)
	}
	for size, want := range map[int64]int64{0: leastRead, 1 << 20: leastRead + timesRead<<20, 1 << 62: math.MaxInt64} {
		if got := bound(size, leastRead, timesRead); got != want && (want != math.MaxInt64 || got < 1<<62) {
			t.Errorf("%d bytes: %d may be read, want %d", size, got, want)
		}
	}
}

// A check that can't read a kind of bytes is not applicable, for that reason,
// and keeps the facts that its Tree makes a Gap of. Code in a container is read.
func TestLookUnread(t *testing.T) {
	r := New([]wardein.Check{{Name: "calls", Code: true, Node: func(_ context.Context, _ wardein.Blob, out func(wardein.Fact)) error {
		out(wardein.Fact{Kind: "uncounted"})
		return &wardein.Gap{Kind: wardein.Unsupported, Why: "linked statically"}
	}}})
	b := text("x")
	b.Members = true
	o := r.Look(context.Background(), b, noHits)
	tally := r.NewTally()
	gaps := tally.Add(&wardein.Node{Path: "x", Entry: wardein.Entry{Kind: wardein.File}}, o)
	if o[0].State != wardein.NotApplicable || o[0].Why != "linked statically" || len(o[0].Facts) != 1 || len(gaps) != 0 || tally.ReadCode(o) {
		t.Errorf("%+v, gaps %v", o, gaps)
	}
}

// Law 2 on random nodes: done, failed and not applicable add up to the nodes,
// and each failure is a Gap that names the node and the check.
func TestTally(t *testing.T) {
	rnd := rand.New(rand.NewSource(1))
	fate := func(k int) wardein.Check {
		return wardein.Check{Name: fmt.Sprint("check ", k), Code: k == 1,
			Wants: func(b wardein.Blob) (bool, string) {
				return b.Size%5 != int64(k), fmt.Sprint("size is ", k, " modulo 5")
			},
			Node: func(_ context.Context, b wardein.Blob, out func(wardein.Fact)) error {
				switch (b.Size + int64(k)) % 7 {
				case 0:
					panic("seven")
				case 1:
					return errors.New("one more than seven")
				}
				return nil
			}}
	}
	r := New([]wardein.Check{fate(0), fate(1), fate(2), {Name: "tree only", Code: true}})
	tally := r.NewTally()
	want := make([]wardein.CheckCount, len(r.Checks))
	nodes, gaps := int64(0), 0
	for nodes < 2000 {
		nodes++
		n := &wardein.Node{Path: fmt.Sprint("node ", nodes), Entry: wardein.Entry{Kind: wardein.Kind(rnd.Intn(9))}}
		var outcomes []wardein.Outcome
		content := n.Kind == wardein.File || n.Kind == wardein.Region
		if content && rnd.Intn(4) > 0 {
			b := text(strings.Repeat("x", rnd.Intn(100)))
			b.Members = rnd.Intn(4) == 0
			outcomes = r.Look(context.Background(), b, noHits)
		}
		code := false
		for i := range outcomes {
			switch outcomes[i].State {
			case wardein.Done:
				want[i].Done++
				code = code || i == 1
			case wardein.Failed:
				want[i].Failed++
				gaps++
			}
		}
		for _, g := range tally.Add(n, outcomes) {
			gaps--
			kind := wardein.Damaged
			if strings.Contains(g.Why, "seven") && strings.HasPrefix(g.Why, "check failed") {
				kind = wardein.Crashed
			}
			if g.Node != n.Path || !strings.HasPrefix(g.Who, "check ") || g.Why == "" || g.Kind != kind {
				t.Fatalf("gap %+v", g)
			}
		}
		if tally.ReadCode(outcomes) != code {
			t.Fatalf("%s: read code is %v of %+v", n.Path, !code, outcomes)
		}
	}
	if gaps != 0 {
		t.Errorf("%d failures without a gap", gaps)
	}
	for i, c := range tally.Counts() {
		sum := c.Done + c.Failed
		for k, na := range c.NotApplicable {
			sum += na.Nodes
			if na.Why == "" || na.Nodes == 0 || k > 0 && c.NotApplicable[k-1].Why >= na.Why {
				t.Errorf("%s: reasons %+v", c.Check, c.NotApplicable)
			}
		}
		if c.Check != r.Checks[i].Name || c.Done != want[i].Done || c.Failed != want[i].Failed || sum != nodes {
			t.Errorf("%+v add up to %d of %d nodes; want %d done, %d failed", c, sum, nodes, want[i].Done, want[i].Failed)
		}
	}
	if !reflect.DeepEqual(tally.Counts(), tally.Counts()) {
		t.Error("the counts are not the same twice")
	}
}

// Reasons tell a node without content from one whose content was not read.
func TestTallyReasons(t *testing.T) {
	tally := New([]wardein.Check{{Name: "c", Node: states}}).NewTally()
	for k := wardein.File; k <= wardein.Region; k++ {
		tally.Add(&wardein.Node{Entry: wardein.Entry{Kind: k}}, nil)
	}
	want := []wardein.ReasonCount{{Why: whyNotRead, Nodes: 2}, {Why: whyNoContent, Nodes: 7}}
	if got := tally.Counts()[0].NotApplicable; !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// forest is a tree of three nodes with one fact each.
type forest struct{}

var nodes = []*wardein.Node{{Path: "a"}, {Path: "b"}, {Path: "c"}}

func (forest) Nodes() iter.Seq[*wardein.Node] { return slices.Values(nodes) }
func (forest) Lookup(path string) *wardein.Node {
	i := slices.IndexFunc(nodes, func(n *wardein.Node) bool { return n.Path == path })
	if i < 0 {
		return nil
	}
	return nodes[i]
}
func (forest) Components() []wardein.Component { return nil }
func (forest) Facts(check string) iter.Seq2[*wardein.Node, wardein.Fact] {
	return func(yield func(*wardein.Node, wardein.Fact) bool) {
		for _, n := range nodes {
			if !yield(n, wardein.Fact{Kind: check}) {
				return
			}
		}
	}
}

// finds gives a finding for each node, the last first.
func finds(t wardein.Tree, out func(wardein.Finding), f wardein.Finding) {
	for n := range t.Nodes() {
		f.Node = n.Path
		defer out(f)
	}
}

// A check that fails or panics over the tree is a Gap; what it found before
// stays, and so does what the others find.
func TestJudge(t *testing.T) {
	r := New([]wardein.Check{
		{Name: "bytes only", Node: states},
		{Name: "panics", Tree: func(_ context.Context, tr wardein.Tree, out func(wardein.Finding)) error {
			finds(tr, out, wardein.Finding{ID: "p", Check: "somebody else"})
			panic("over the tree")
		}},
		{Name: "fails", Tree: func(_ context.Context, tr wardein.Tree, out func(wardein.Finding)) error {
			finds(tr, out, wardein.Finding{ID: "f"})
			return errors.New("no such table")
		}},
		{Name: "has none", Tree: func(context.Context, wardein.Tree, func(wardein.Finding)) error {
			return errors.Join(&wardein.Gap{Kind: wardein.NoData, Why: "no database"}, &wardein.Gap{Kind: wardein.NoData, Why: "old feed"})
		}},
		{Name: "good", Tree: func(_ context.Context, tr wardein.Tree, out func(wardein.Finding)) error {
			for n, f := range tr.Facts("bytes only") {
				out(wardein.Finding{ID: f.Kind, Node: n.Path})
			}
			return nil
		}},
	})
	findings, gaps, err := r.Judge(context.Background(), forest{})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range findings {
		got = append(got, f.Check+" "+f.ID+" "+f.Node)
	}
	want := []string{"good bytes only a", "good bytes only b", "good bytes only c", "fails f a", "fails f b", "fails f c", "panics p a", "panics p b", "panics p c"}
	if !slices.Equal(got, want) {
		t.Errorf("findings %q\nwant %q", got, want)
	}
	if len(gaps) != 4 || gaps[2] != (wardein.Gap{Who: "has none", Kind: wardein.NoData, Why: "no database"}) || gaps[3].Why != "old feed" || gaps[0].Who != "panics" || gaps[0].Kind != wardein.Crashed || gaps[0].Why != "check failed: over the tree" ||
		gaps[1].Who != "fails" || gaps[1].Why != "no such table" {
		t.Errorf("gaps %+v", gaps)
	}
}

// An interrupted run judges nothing.
func TestJudgeInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	after := false
	r := New([]wardein.Check{
		{Name: "first", Tree: func(_ context.Context, _ wardein.Tree, out func(wardein.Finding)) error {
			out(wardein.Finding{ID: "x"})
			cancel()
			return ctx.Err()
		}},
		{Name: "second", Tree: func(context.Context, wardein.Tree, func(wardein.Finding)) error { after = true; return nil }},
	})
	if f, g, err := r.Judge(ctx, forest{}); f != nil || g != nil || !errors.Is(err, context.Canceled) || after {
		t.Errorf("findings %v, gaps %v, error %v, went on: %v", f, g, err, after)
	}
}

// The order of findings is reach, known exploited, severity, confidence, ID and node, whatever
// the order in which checks stand and speak.
func TestOrder(t *testing.T) {
	var all []wardein.Finding
	for i := range 3 * 3 * 3 * 2 * 2 * 2 {
		all = append(all, wardein.Finding{Reach: wardein.Reach(i % 3), Severity: wardein.Severity(i / 3 % 3), Confidence: wardein.Confidence(i / 9 % 3),
			ID: fmt.Sprint("id ", i/27%2), Node: fmt.Sprint("node ", i/54%2), Exploited: i/108 == 1})
	}
	judge := func(seed int64) []wardein.Finding {
		rnd := rand.New(rand.NewSource(seed))
		parts := make([][]wardein.Finding, 4)
		for _, i := range rnd.Perm(len(all)) {
			k := rnd.Intn(len(parts))
			parts[k] = append(parts[k], all[i])
		}
		var checks []wardein.Check
		for _, p := range parts {
			checks = append(checks, wardein.Check{Name: "same", Tree: func(_ context.Context, _ wardein.Tree, out func(wardein.Finding)) error {
				for _, f := range p {
					out(f)
				}
				return nil
			}})
		}
		f, gaps, err := New(checks).Judge(context.Background(), forest{})
		if err != nil || len(gaps) > 0 || len(f) != len(all) {
			t.Fatalf("%d findings, gaps %v, %v", len(f), gaps, err)
		}
		return f
	}
	first := judge(1)
	for i := 1; i < len(first); i++ {
		a, b := first[i-1], first[i]
		key := func(f wardein.Finding) string {
			return fmt.Sprint(9-int(f.Reach), map[bool]int{true: 0, false: 1}[f.Exploited], 9-int(f.Severity), 9-int(f.Confidence), f.ID, f.Node)
		}
		if key(a) >= key(b) {
			t.Errorf("%+v stands before %+v", a, b)
		}
	}
	for seed := range int64(20) {
		if !reflect.DeepEqual(judge(seed), first) {
			t.Errorf("seed %d: another order", seed)
		}
	}
}

// Two findings of different checks that agree in all else stand in one order,
// whatever the list's.
func TestOrderOfChecks(t *testing.T) {
	check := func(name, rule string) wardein.Check {
		return wardein.Check{Name: name, Tree: func(_ context.Context, _ wardein.Tree, out func(wardein.Finding)) error {
			out(wardein.Finding{ID: "id", Node: "a", Rule: rule})
			return nil
		}}
	}
	for _, checks := range [][]wardein.Check{{check("a", "1"), check("b", "2")}, {check("b", "2"), check("a", "1")}} {
		f, _, _ := New(checks).Judge(context.Background(), forest{})
		if f[0].Check != "a" || f[1].Check != "b" {
			t.Errorf("order %q, %q", f[0].Check, f[1].Check)
		}
	}
}

// Look is called by many goroutines at once.
func TestLookConcurrent(t *testing.T) {
	r := New([]wardein.Check{{Name: "a", Literals: []string{"x"}, Node: states}, {Name: "b", Literals: []string{"y"}, Node: func(_ context.Context, b wardein.Blob, out func(wardein.Fact)) error {
		out(wardein.Fact{Off: b.Hits(0)[0]})
		return nil
	}}})
	done := make(chan []wardein.Outcome)
	const n = 16
	for k := range int64(n) {
		go func() {
			done <- r.Look(context.Background(), text(strings.Repeat("x", int(k))), func(i int) []int64 { return []int64{k*10 + int64(i)} })
		}()
	}
	for range n {
		o := <-done
		if o[1].Facts[0].Off != o[0].Facts[0].Len*10+1 {
			t.Errorf("hits of another blob: %+v", o)
		}
	}
}
