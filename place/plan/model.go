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

//go:embed data/*.yaml
var data embed.FS

// Range is a figure that is known within bounds: the least, the likeliest and
// the greatest value, in the unit that its parameter says.
type Range struct{ Low, Mid, High int64 }

// UnmarshalYAML reads [low, mid, high], or one number.
func (r *Range) UnmarshalYAML(n *yaml.Node) error {
	var one int64
	if n.Decode(&one) == nil {
		*r = Range{one, one, one}
		return nil
	}
	var list []int64
	if err := n.Decode(&list); err != nil || len(list) != 3 || list[0] > list[1] || list[1] > list[2] || list[0] < 0 {
		return fmt.Errorf("line %d: want a number, or [low, mid, high] in order", n.Line)
	}
	*r = Range{list[0], list[1], list[2]}
	return nil
}

// Figure is a parameter of a model with its source.
type Figure struct {
	Value  Range
	Source string
	// Status is "verified" or "unverified"; an assumption of ours is unverified
	// and says so in Source.
	Status string
}

// Kit is what one piece of equipment costs.
type Kit struct {
	// NF or Group, and Generation where it matters, say of what.
	NF, Group, Generation string
	Figure                `yaml:",inline"`
}

// Model is a set of parameters by one payer: what a publication took for
// granted.
type Model struct {
	ID, Title string
	// Payer is who paid for the publication.
	Payer  string
	Source struct {
		Title, Reference string
		Date             place.Date
	}
	Currency string
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
	// concentration (HHI, of 1,000,000) rises by 100,000.
	Uplift Figure
	// Crews work in a region at a time, Rate is sites a month for each, Lead and
	// Permit are months before the first, Supply is elements a month that the
	// new vendor delivers.
	Crews, Rate, Lead, Permit, Supply Figure
}

// Models are the models that the program brings along, by ID.
var Models = sync.OnceValues(func() (list []*Model, err error) {
	names, err := fs.Glob(data, "data/*.yaml")
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		f, err := data.Open(name)
		if err != nil {
			return nil, err
		}
		m, err := ReadModel(f)
		f.Close()
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path.Base(name), err)
		}
		list = append(list, m)
	}
	return list, nil
})

// ReadModel reads a model. A figure without a source is an error.
func ReadModel(r io.Reader) (*Model, error) {
	d := yaml.NewDecoder(io.LimitReader(r, 1<<20))
	d.KnownFields(true)
	m := &Model{}
	if err := d.Decode(m); err != nil {
		return nil, err
	}
	if m.ID == "" || m.Payer == "" || m.Source.Title == "" || m.Currency == "" {
		return nil, errors.New("want id, payer, source and currency")
	}
	if len(m.Kit) == 0 {
		return nil, errors.New("want kit prices")
	}
	for _, f := range m.Figures() {
		if f.Source == "" || !slices.Contains([]string{"verified", "unverified"}, f.Status) {
			return nil, fmt.Errorf("%s: want a source, and status verified or unverified", f.Name)
		}
	}
	return m, nil
}

// Named is a figure with its parameter's name.
type Named struct {
	Name string
	*Figure
}

// Figures are all parameters of a model, in the order of its file.
func (m *Model) Figures() (list []Named) {
	for i := range m.Kit {
		k := &m.Kit[i]
		list = append(list, Named{strings.TrimSpace("kit " + k.NF + k.Group + " " + k.Generation), &k.Figure})
	}
	list = append(list, Named{"labour", &m.Labour}, Named{"visit", &m.Visit}, Named{"anchor", &m.Anchor}, Named{"dual", &m.Dual}, Named{"dual_months", &m.DualMonths}, Named{"life", &m.Life})
	if m.Due != nil {
		list = append(list, Named{"due", m.Due})
	}
	return append(list, Named{"uplift", &m.Uplift}, Named{"crews", &m.Crews}, Named{"rate", &m.Rate}, Named{"lead", &m.Lead}, Named{"permit", &m.Permit}, Named{"supply", &m.Supply})
}

// kitOf is the place of the price that fits an element, −1 for none.
func (m *Model) kitOf(e *place.Element) int {
	f, _ := place.FunctionOf(e.NF)
	return slices.IndexFunc(m.Kit, func(k Kit) bool {
		return (k.NF == "" || k.NF == e.NF) && (k.Group == "" || k.Group == f.Group) && (k.Generation == "" || k.Generation == e.Generation)
	})
}
