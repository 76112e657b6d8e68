package place_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/wardein/wardein/place"
)

// lines are a network's gaps, one a line.
func lines(n *place.Network) (list []string) {
	for _, g := range n.Gaps {
		list = append(list, fmt.Sprintf("%s:%d %s: %s (%v)", g.File, g.Row, g.Column, g.Why, g.Dropped))
	}
	return list
}

func element(id string, at place.Origin, more ...func(*place.Element)) place.Element {
	e := place.NewElement(at)
	e.ID = id
	for _, set := range more {
		set(&e)
	}
	return e
}

func link(a, b string, at place.Origin) place.Link {
	l := place.NewLink(at)
	l.A, l.B = a, b
	return l
}

func same(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(want, "\n  "))
	}
}

func TestGaps(t *testing.T) {
	b := place.NewBuilder()
	src := b.Source(place.Source{Name: "f"})
	at := func(row int32) place.Origin { return place.Origin{Source: src, Row: row} }
	b.Vendor(place.Vendor{ID: "alder", At: at(1)})
	b.Site(place.Site{ID: "exchange", At: at(1)})
	b.Element(element("b", at(2), func(e *place.Element) { e.Vendor = "nobody" }))
	b.Element(element("a", at(3), func(e *place.Element) { e.Site = "nowhere"; e.Software = "noone" }))
	b.Element(element("a", at(4)))
	b.Element(element("", at(5)))
	b.Link(link("a", "b", at(6)))
	b.Link(link("a", "c", at(7)))
	b.Link(link("c", "d", at(8)))
	b.Link(link("a", "a", at(9)))
	b.Link(link("", "a", at(10)))
	b.Dependency(place.Dependency{From: "a", To: "z", Kind: place.RunsOn, At: at(11)})
	b.Overlay("element", "q", "nf", "UPF", at(12))
	b.Overlay("site", "a", "name", "x", at(13))
	b.Overlay("element", "a", "critical", "perhaps", at(14))
	b.Overlay("element", "a", "id", "x", at(15))
	n := b.Finish()
	same(t, lines(n), []string{
		`f:2 vendor: no such vendor: "nobody" (false)`,
		`f:3 site: no such site: "nowhere" (false)`,
		`f:3 software_vendor: no such vendor: "noone" (false)`,
		`f:4 id: element "a" stands already, from f row 3 (true)`,
		`f:5 id: the row names nothing (true)`,
		`f:7 b: no element "c" (true)`,
		`f:8 a: no element "c" (true)`,
		`f:8 b: no element "d" (true)`,
		`f:9 b: the link ends where it begins (true)`,
		`f:10 id: the row names nothing (true)`,
		`f:11 to: no element "z" (true)`,
		`f:12 id: no element "q" (true)`,
		`f:13 id: no site "a" (true)`,
		`f:14 critical: "perhaps": want yes or no (false)`,
		`f:15 id: an overlay can't set this field of a element (false)`,
	})
	if len(n.Elements) != 2 || len(n.Links) != 1 || len(n.Dependencies) != 0 {
		t.Errorf("%d elements, %d links, %d dependencies", len(n.Elements), len(n.Links), len(n.Dependencies))
	}
	// What an edited network lacked before is listed once.
	again := n.Edit(place.Source{Name: "plan"}, func(*place.Element, place.Origin) []place.Element { return nil }).Finish()
	same(t, lines(again), lines(n))
}

// Versions of one element stand one after the other; one day of both is a gap.
func TestVersions(t *testing.T) {
	b := place.NewBuilder()
	at := place.Origin{Source: b.Source(place.Source{Name: "f"})}
	span := func(id, from, to string, row int32) {
		e := element(id, place.Origin{Source: at.Source, Row: row})
		e.From, _ = place.ParseDate(from)
		e.To, _ = place.ParseDate(to)
		b.Element(e)
	}
	span("a", "2024-01-01", "", 4)
	span("a", "", "2020-01-01", 1)
	span("a", "2020-01-01", "2022-01-01", 2)
	span("a", "2021-12-31", "2023-01-01", 3)
	span("b", "2020-01-01", "", 5)
	b.Link(link("a", "b", at))
	n := b.Finish()
	same(t, lines(n), []string{`f:3 id: element "a" stands already, from f row 2 (true)`})
	for day, want := range map[string][2]int32{
		"2019-12-31": {1, 0}, "2020-01-01": {2, 5}, "2021-12-31": {2, 5}, "2022-01-01": {0, 5}, "2024-01-01": {4, 5},
	} {
		d, _ := place.ParseDate(day)
		s := n.At(d)
		for node, row := range want {
			got := int32(0)
			if e := s.Of(node); e != nil {
				got = e.At.Row
			}
			if got != row {
				t.Errorf("%s: node %d is of row %d, want %d", day, node, got, row)
			}
		}
		if got, want := len(s.Links) > 0, want[0]*want[1] > 0; got != want {
			t.Errorf("%s: link stands: %v, want %v", day, got, want)
		}
	}
}

// A named element is made where no file gives it; one that is written in
// another case is the one that is given.
func TestMention(t *testing.T) {
	b := place.NewBuilder()
	at := place.Origin{Source: b.Source(place.Source{Name: "f"}), Row: 7}
	for _, id := range []string{"core-1", "edge-1", "twin", "edge-1"} {
		b.Mention(id, at)
	}
	b.Link(link("core-1", "edge-1", at))
	b.Link(link("edge-1", "twin", at))
	b.Element(element("Core-1", place.Origin{}))
	b.Element(element("Twin", place.Origin{}))
	b.Element(element("TWIN", place.Origin{}))
	n := b.Finish()
	var ids []string
	for i := range n.Elements {
		ids = append(ids, fmt.Sprintf("%s %d", n.Elements[i].ID, n.Elements[i].At.Row))
	}
	same(t, ids, []string{"Core-1 0", "TWIN 0", "Twin 0", "edge-1 7", "twin 7"})
	same(t, lines(n), nil)
	if len(n.Links) != 2 || n.Links[0].A != "Core-1" {
		t.Errorf("links: %+v", n.Links)
	}
}

func TestMentionOthers(t *testing.T) {
	b := place.NewBuilder()
	b.MentionSite(place.Site{ID: "s", Name: "first"})
	b.MentionSite(place.Site{ID: "s", Name: "second"})
	b.MentionSite(place.Site{ID: "r", Name: "mentioned"})
	b.Site(place.Site{ID: "r", Name: "given"})
	b.MentionVendor(place.Vendor{ID: place.VendorID("Alder Works, Ltd."), Name: "Alder Works, Ltd."})
	n := b.Finish()
	same(t, []string{n.Sites[0].Name, n.Sites[1].Name, n.Vendors[0].ID}, []string{"given", "first", "alder-works-ltd"})
	same(t, lines(n), nil)
}

// A later overlay goes before an earlier one, and the fact's origin is its row.
func TestOverlay(t *testing.T) {
	b := place.NewBuilder()
	file, over := b.Source(place.Source{Name: "f"}), b.Source(place.Source{Name: "over"})
	row := place.Origin{Source: file, Row: 2}
	b.Overlay("element", "a", "nf", "SMF", place.Origin{Source: over, Row: 2})
	b.Overlay("element", "a", "nf", "UPF", place.Origin{Source: over, Row: 3})
	b.Overlay("element", "a", "ticket", "T-1", place.Origin{Source: over, Row: 4})
	b.Element(element("a", row))
	n := b.Finish()
	e := &n.Elements[0]
	if e.NF != "UPF" || place.FactOf(e.Facts, "ticket") != "T-1" || len(n.Gaps) > 0 {
		t.Errorf("%+v %v", e, n.Gaps)
	}
	if at := n.Origin("element", "a", "nf", row); at.Source != over || at.Row != 3 {
		t.Errorf("origin of nf: %+v", at)
	}
	if at := n.Origin("element", "a", "site", row); at != row {
		t.Errorf("origin of site: %+v", at)
	}
}

func TestFunctions(t *testing.T) {
	for _, f := range place.Functions() {
		for _, name := range []string{f.Name, strings.ToLower(f.Name), strings.ReplaceAll(f.Name, "-", " ")} {
			if got, ok := place.FunctionOf(name); !ok || got != f {
				t.Errorf("%q is %v", name, got)
			}
		}
	}
	if _, ok := place.FunctionOf("toaster"); ok {
		t.Error("a toaster is a function")
	}
}

// TestOnlyElements: without any table of vendors and sites, those that elements
// name are there, and nothing more is known of them.
func TestOnlyElements(t *testing.T) {
	b := place.NewBuilder()
	at := place.Origin{Source: b.Source(place.Source{Name: "f"})}
	b.Element(element("a", at, func(e *place.Element) { e.Vendor, e.Site = "alder", "exchange" }))
	b.Element(element("b", at, func(e *place.Element) { e.Vendor, e.Software = "alder", "birch" }))
	b.Element(element("c", at))
	n := b.Finish()
	if len(n.Gaps) > 0 || len(n.Vendors) != 2 || len(n.Sites) != 1 || n.Vendors[n.SoftwareOf(&n.Elements[1])].ID != "birch" || n.VendorOf(&n.Elements[2]) != -1 {
		t.Errorf("%v, vendors %v, sites %v", n.Gaps, n.Vendors, n.Sites)
	}
}
