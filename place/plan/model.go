package plan

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync"

	"go.yaml.in/yaml/v3"

	"github.com/wardein/wardein/place"
)

//go:embed data
var data embed.FS

// Range is a figure that is known within bounds: the least, the likeliest and
// the greatest value, in the unit that its parameter says.
type Range struct{ Low, Mid, High int64 }

// most bounds every figure, so that sums of a million elements fit 64 bits.
const most = 1_000_000_000_000

// UnmarshalYAML reads [low, mid, high], or one number.
func (r *Range) UnmarshalYAML(n *yaml.Node) error {
	var one int64
	list := []int64{}
	if n.Decode(&one) == nil {
		list = []int64{one, one, one}
	} else if err := n.Decode(&list); err != nil || len(list) != 3 {
		return fmt.Errorf("line %d: want a number, or [low, mid, high]", n.Line)
	}
	if list[0] < 0 || list[0] > list[1] || list[1] > list[2] || list[2] > most {
		return fmt.Errorf("line %d: want 0 <= low <= mid <= high <= %d", n.Line, int64(most))
	}
	*r = Range{list[0], list[1], list[2]}
	return nil
}

// times is the range in another unit, ppm millionths of which are one of this.
func (r Range) times(ppm int64) Range {
	f := func(n int64) int64 { return min(int64(float64(n)*float64(ppm)/1e6), most) }
	return Range{f(r.Low), f(r.Mid), f(r.High)}
}

// Whose a figure is. What a publication states itself is Stated, and stands in
// its own model; General is from another, named source, and Ours an assumption
// of ours: both stand in the common model alone, the same for every payer.
const (
	Stated  = "stated"
	General = "general"
	Ours    = "ours"
)

// Figure is a parameter of a model with its source.
type Figure struct {
	Value  Range
	By     string // Stated, General or Ours
	Source string
	// Status is "verified", where the source was read, or "unverified".
	Status string
}

// Kit is what one piece of equipment costs.
type Kit struct {
	// NF or Group, and Generation where it matters, say of what.
	NF, Group, Generation string
	Figure                `yaml:",inline"`
}

// Model is a set of parameters by one payer: what a publication takes for
// granted. What it does not state is taken from the common model.
type Model struct {
	ID, Title string
	// Payer is who paid for the publication.
	Payer  string
	Source struct {
		Title, Reference string
		Date             place.Date
	}
	Currency string
	// Euro is how many millionths of the currency one euro was; the common
	// model's amounts are in euros.
	Euro Figure
	// Counts are the kinds of cost that the publication counts (see Parts); nil:
	// DefaultCounts. LeavesOut says in words what it does not.
	Counts    []string
	LeavesOut string `yaml:"leaves_out"`
	// Kit prices, in the currency's units for an element, the first that fits.
	Kit []Kit
	// Labour is work for an element, Visit for a site, in the currency's units.
	Labour, Visit Figure
	// Anchor is what replacing the 4G element below a 5G element costs beside
	// its own kit: integration and optimisation.
	Anchor Figure
	// Dual is what running old and new beside each other costs a month, in
	// thousandths of the kit's price; DualMonths how long.
	Dual       Figure
	DualMonths Figure `yaml:"dual_months"`
	// Life is after how many years equipment is replaced anyway.
	Life Figure
	// Due, where it is given, is the part that is due anyway, in parts per
	// million, in place of what the elements' ages say.
	Due *Figure
	// Uplift is by how much prices rise, in parts per million, when the index of
	// concentration (HHI, of 1,000,000) rises by 100,000; Rise, where it is
	// given, is by how much they rise, whatever the index does.
	Uplift Figure
	Rise   *Figure
	// Horizon is for how many years higher prices of what would have been bought
	// anyway are counted.
	Horizon Figure
	// Crews work in a region at a time, Rate is sites a month for each, Lead and
	// Permit are months before the first, Supply is elements a month that the
	// new vendor delivers.
	Crews, Rate, Lead, Permit, Supply Figure
	// Claims are the figures that the publication ends with.
	Claims []Claim
}

// Claim is a published figure, and for which inventory it is set beside ours.
type Claim struct {
	ID, Text string
	// Kind is "replacement" (cost of replacing), "prices" (cost of higher prices
	// of what is bought anyway), both in the model's currency, "months" (time to
	// replace), or "other": a figure about something of which the model does not
	// speak, such as what an economy loses.
	Kind      string
	Low, High int64
	// Year tells that the figure is for a year on average.
	Year   bool
	Source string
	Status string
	// Inventory is the ID of one of Inventories, Keep the share of the vendors
	// that may stay, in parts per million.
	Inventory string
	Keep      int64
	// Decided and Deadline are between when the replacing happens.
	Decided, Deadline place.Date
	// Why says what makes the model's figure differ from this one.
	Why string
}

// Parts are the kinds of cost, in the order in which they are printed.
var Parts = []string{"kit", "due", "labour", "visits", "anchors", "dual", "prices", "avoided", "market"}

// partAbout says what a kind of cost is.
var partAbout = map[string]string{
	"kit": "new equipment", "due": "less equipment that was due anyway", "labour": "removal and installation",
	"visits": "site visits", "anchors": "4G anchors", "dual": "running both", "prices": "higher prices of the replacement",
	"avoided": "less work that was due anyway", "market": "higher prices of all that is bought within the horizon",
}

// DefaultCounts are the kinds of cost that count where a model says nothing: all
// but higher prices of what is not replaced.
var DefaultCounts = Parts[:8]

// Models are the models that the program brings along: the common one, then by ID.
var Models = sync.OnceValues(func() (list []*Model, err error) {
	base, err := common()
	if err != nil {
		return nil, err
	}
	names, err := fs.Glob(data, "data/models/*.yaml")
	if err != nil {
		return nil, err
	}
	list = []*Model{base}
	for _, name := range names {
		f, err := data.Open(name)
		if err != nil {
			return nil, err
		}
		m, err := readModel(f, base)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path.Base(name), err)
		}
		if m.ID+".yaml" != path.Base(name) {
			return nil, fmt.Errorf("%s holds the model %s", path.Base(name), m.ID)
		}
		list = append(list, m)
	}
	return list, nil
})

// common is the model of general sources and assumptions, in euros.
var common = sync.OnceValues(func() (*Model, error) {
	f, err := data.Open("data/common.yaml")
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readModel(f, nil)
})

// ReadModel reads a model. A figure without a source is an error; one that the
// file does not give is the common model's.
func ReadModel(r io.Reader) (*Model, error) {
	base, err := common()
	if err != nil {
		return nil, err
	}
	return readModel(r, base)
}

func readModel(r io.Reader, base *Model) (*Model, error) {
	d := yaml.NewDecoder(io.LimitReader(r, 1<<20))
	d.KnownFields(true)
	m := &Model{}
	if err := d.Decode(m); err != nil {
		return nil, err
	}
	if m.ID == "" || m.Payer == "" || m.Source.Title == "" || m.Currency == "" {
		return nil, errors.New("want id, payer, source and currency")
	}
	if base != nil {
		if err := m.fill(base); err != nil {
			return nil, err
		}
	}
	if len(m.Kit) == 0 {
		return nil, errors.New("want kit prices")
	}
	for _, f := range m.Figures() {
		if f.Source == "" || !slices.Contains([]string{"verified", "unverified"}, f.Status) || !slices.Contains([]string{Stated, General, Ours}, f.By) {
			return nil, fmt.Errorf("%s: want a source, by (stated, general or ours), and status (verified or unverified)", f.Name)
		}
	}
	for _, c := range m.Counts {
		if !slices.Contains(Parts, c) {
			return nil, fmt.Errorf("counts: %q is none of %s", c, strings.Join(Parts, ", "))
		}
	}
	for i := range m.Claims {
		if err := m.Claims[i].check(); err != nil {
			return nil, fmt.Errorf("claim %d: %w", i+1, err)
		}
	}
	return m, nil
}

func (c *Claim) check() error {
	switch {
	case c.ID == "" || c.Text == "" || c.Source == "" || c.Status != "verified" && c.Status != "unverified":
		return errors.New("want id, text, source and status (verified or unverified)")
	case !slices.Contains([]string{"replacement", "prices", "months", "other"}, c.Kind):
		return fmt.Errorf("kind %q: want replacement, prices, months or other", c.Kind)
	case c.Low < 0 || c.High < c.Low || c.High > 1000*most || c.Keep < 0 || c.Keep > 1_000_000:
		return errors.New("want 0 <= low <= high, and keep in parts per million")
	case c.Kind != "other" && (c.Low == 0 || c.Inventory == "" || c.Decided == 0 || c.Deadline <= c.Decided):
		return errors.New("want a figure, an inventory, and decided before deadline")
	}
	return nil
}

// fill takes from the common model what a model does not state, in its currency.
func (m *Model) fill(base *Model) error {
	if m.Euro.Source == "" && m.Currency != base.Currency {
		return fmt.Errorf("currency %s: want euro, how many millionths of it one euro was", m.Currency)
	}
	if m.Euro.Source == "" {
		m.Euro = base.Euro
	}
	euro := m.Euro.Value.Mid
	take := func(to *Figure, from Figure, money bool) {
		if to.Source == "" && to.Value == (Range{}) && to.Status == "" && to.By == "" {
			if *to = from; money {
				to.Value = from.Value.times(euro)
			}
		}
	}
	take(&m.Labour, base.Labour, true)
	take(&m.Visit, base.Visit, true)
	take(&m.Anchor, base.Anchor, true)
	take(&m.Dual, base.Dual, false)
	take(&m.DualMonths, base.DualMonths, false)
	take(&m.Life, base.Life, false)
	take(&m.Uplift, base.Uplift, false)
	take(&m.Horizon, base.Horizon, false)
	take(&m.Crews, base.Crews, false)
	take(&m.Rate, base.Rate, false)
	take(&m.Lead, base.Lead, false)
	take(&m.Permit, base.Permit, false)
	take(&m.Supply, base.Supply, false)
	// The model's own prices stand first, so that they fit before the common ones.
	for _, k := range base.Kit {
		k.Value = k.Value.times(euro)
		m.Kit = append(m.Kit, k)
	}
	return nil
}

// Named is a figure with its parameter's name and unit.
type Named struct {
	Name, Unit string
	*Figure
}

// Figures are all parameters of a model.
func (m *Model) Figures() (list []Named) {
	for i := range m.Kit {
		k := &m.Kit[i]
		name := strings.Join(strings.Fields("kit "+k.NF+" "+k.Group+" "+k.Generation), " ")
		list = append(list, Named{name, m.Currency + " an element", &k.Figure})
	}
	list = append(list,
		Named{"labour", m.Currency + " an element", &m.Labour}, Named{"visit", m.Currency + " a site", &m.Visit}, Named{"anchor", m.Currency + " an anchor", &m.Anchor},
		Named{"dual", "thousandths of kit a month", &m.Dual}, Named{"dual_months", "months", &m.DualMonths}, Named{"life", "years", &m.Life})
	if m.Due != nil {
		list = append(list, Named{"due", "parts per million", m.Due})
	}
	list = append(list, Named{"uplift", "parts per million for 100,000 of HHI", &m.Uplift})
	if m.Rise != nil {
		list = append(list, Named{"rise", "parts per million", m.Rise})
	}
	return append(list, Named{"horizon", "years", &m.Horizon},
		Named{"crews", "a region", &m.Crews}, Named{"rate", "sites a month and crew", &m.Rate}, Named{"lead", "months", &m.Lead}, Named{"permit", "months", &m.Permit},
		Named{"supply", "elements a month", &m.Supply}, Named{"euro", "millionths of " + m.Currency, &m.Euro})
}

// counts tells whether the model counts a kind of cost.
func (m *Model) counts(part string) bool {
	if m.Counts == nil {
		return slices.Contains(DefaultCounts, part)
	}
	return slices.Contains(m.Counts, part)
}

// kitOf is the place of the price that fits an element, −1 for none.
func (m *Model) kitOf(e *place.Element) int {
	f, _ := place.FunctionOf(e.NF)
	return slices.IndexFunc(m.Kit, func(k Kit) bool {
		return (k.NF == "" || k.NF == e.NF) && (k.Group == "" || k.Group == f.Group) && (k.Generation == "" || k.Generation == e.Generation)
	})
}
