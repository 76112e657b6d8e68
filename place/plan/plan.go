// Package plan says what replacing equipment takes: when it has to begin for a
// rule's date, what stands in its way, what it costs whom in which year by which
// published model, and what the network is like on every date on the way.
//
// Figures are ranges. Each parameter of a model has a source and says who paid
// for it; two that shape the result most, how much would have been replaced
// anyway and how prices change with fewer vendors, stand beside the result.
package plan

import (
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/wardein/wardein/place"
)

// Plan is a list of replacements, sorted by date and element.
type Plan struct {
	Name  string
	Steps []Step
}

// Step replaces one element on a day: from it on, what stands in its place is
// of another vendor. A step without a vendor takes the element out.
type Step struct {
	Date                              place.Date
	Element, Vendor, Product, Release string
	// Region and Wave are where and with which others it is done.
	Region string
	Wave   int
	// Why are the rules that ask for it, separated by blanks.
	Why string
}

// Sort puts the steps into their order.
func (p *Plan) Sort() {
	slices.SortFunc(p.Steps, func(a, b Step) int {
		return cmp.Or(cmp.Compare(a.Date, b.Date), cmp.Compare(a.Element, b.Element))
	})
}

// Add puts another plan's steps into the plan. Of two for one element the earlier
// stays, and says what both are for.
func (p *Plan) Add(other *Plan) {
	at := make(map[string]int, len(p.Steps))
	for i := range p.Steps {
		at[p.Steps[i].Element] = i
	}
	for _, s := range other.Steps {
		i, ok := at[s.Element]
		if !ok {
			p.Steps = append(p.Steps, s)
			continue
		}
		first := &p.Steps[i]
		why := strings.TrimSpace(first.Why + " " + s.Why)
		if s.Date < first.Date {
			*first = s
		}
		first.Why = why
	}
	p.Sort()
}

// Apply is the network as the plan makes it: what a step replaces ends on its
// day, and what comes instead begins. Steps for elements that are not there on
// that day are gaps of the result.
func (p *Plan) Apply(n *place.Network) *place.Network {
	byElement := make(map[string][]*Step, len(p.Steps))
	for i := range p.Steps {
		s := &p.Steps[i]
		byElement[s.Element] = append(byElement[s.Element], s)
	}
	done := map[*Step]bool{}
	b := n.Edit(place.Source{Name: "plan " + p.Name}, func(e *place.Element, at place.Origin) (more []place.Element) {
		for _, s := range byElement[e.ID] {
			last := e
			if len(more) > 0 {
				last = &more[len(more)-1]
			}
			if s.is(last) { // applied before
				done[s] = true
				continue
			}
			if done[s] || !last.On(s.Date) {
				continue
			}
			done[s] = true
			next := *last
			if s.Vendor == "" || last.From < s.Date {
				last.To = s.Date
			}
			if s.Vendor == "" {
				break
			}
			next.From, next.At = s.Date, at
			next.Vendor, next.Software, next.Product, next.Release = s.Vendor, "", s.Product, s.Release
			next.Procured, next.Installed, next.Removal, next.EOL = 0, s.Date, 0, 0
			next.Book, next.Certificates = place.Unknown, ""
			next.Notified, next.Declared, next.Approved, next.Trusted, next.ExportRule = 0, 0, 0, 0, 0
			next.Facts = slices.DeleteFunc(slices.Clone(next.Facts), func(f place.Fact) bool { return ofTheOld[f.Name] })
			if last.From == s.Date { // it would have begun on this very day
				*last = next
				continue
			}
			more = append(more, next)
		}
		return more
	})
	known := map[string]bool{}
	for i := range n.Vendors {
		known[n.Vendors[i].ID] = true
	}
	at := place.Origin{Source: int32(len(n.Sources))}
	for i := range p.Steps {
		s := &p.Steps[i]
		at.Row = int32(i + 1)
		if !done[s] {
			b.Gap(at, "element", fmt.Sprintf("no element %q stands on %s", s.Element, s.Date), true)
		}
		if s.Vendor != "" && !known[s.Vendor] {
			known[s.Vendor] = true
			b.Vendor(place.Vendor{ID: s.Vendor, At: at})
		}
	}
	return b.Finish()
}

// ofTheOld are facts that say something of the equipment that goes, not of the
// place in the network.
var ofTheOld = map[string]bool{"release_digest": true, "serial": true, "spares": true, "permit_months": true}

// is tells whether an element is what the step left or leaves.
func (s *Step) is(e *place.Element) bool {
	if s.Vendor == "" {
		return e.To == s.Date
	}
	return e.From == s.Date && e.Installed == s.Date && e.Vendor == s.Vendor && e.Product == s.Product && e.Release == s.Release
}

var columns = []string{"wave", "date", "element", "vendor", "product", "release", "region", "why"}

// WriteCSV writes a plan as its waves, a step a row.
func (p *Plan) WriteCSV(w io.Writer) error {
	c := csv.NewWriter(w)
	if err := c.Write(columns); err != nil {
		return err
	}
	for i := range p.Steps {
		s := &p.Steps[i]
		if err := c.Write([]string{fmt.Sprint(s.Wave), s.Date.String(), s.Element, s.Vendor, s.Product, s.Release, s.Region, s.Why}); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

// ReadCSV reads what WriteCSV writes; date and element must be there, the other
// columns may be missing.
func ReadCSV(name string, r io.Reader) (*Plan, error) {
	c := csv.NewReader(r)
	head, err := c.Read()
	if err != nil {
		return nil, err
	}
	at := map[string]int{}
	for i, h := range head {
		h = strings.ToLower(strings.TrimSpace(strings.TrimPrefix(h, "\ufeff")))
		if !slices.Contains(columns, h) {
			return nil, fmt.Errorf("column %q: want some of %s", h, strings.Join(columns, ", "))
		}
		at[h] = i
	}
	if _, ok := at["element"]; !ok {
		return nil, errors.New("no column element")
	}
	p := &Plan{Name: name}
	for {
		row, err := c.Read()
		if err == io.EOF {
			p.Sort()
			return p, nil
		}
		if err != nil {
			return nil, err
		}
		line, _ := c.FieldPos(0)
		of := func(column string) string {
			if i, ok := at[column]; ok {
				return row[i]
			}
			return ""
		}
		s := Step{Element: of("element"), Vendor: of("vendor"), Product: of("product"), Release: of("release"), Region: of("region"), Why: of("why")}
		if s.Date, err = place.ParseDate(of("date")); err != nil || s.Date == 0 || s.Element == "" {
			return nil, fmt.Errorf("row %d: want a date and an element: %v", line, err)
		}
		if wave := of("wave"); wave != "" {
			if s.Wave, err = strconv.Atoi(wave); err != nil || s.Wave < 0 {
				return nil, fmt.Errorf("row %d: wave %q is no number", line, wave)
			}
		}
		p.Steps = append(p.Steps, s)
	}
}
