package plan

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"io"
	"strconv"

	"github.com/wardein/wardein/place"
)

// change is what a step asks NetBox for: one device goes, another comes.
type change struct {
	Name         string `json:"name"`
	Site         string `json:"site"`
	Role         string `json:"role"`
	Manufacturer string `json:"manufacturer"`
	DeviceType   string `json:"device_type"`
	// Status is NetBox's "decommissioning" of what goes, "planned" of what comes.
	Status   string `json:"status"`
	Comments string `json:"comments"`
	Custom   struct {
		Date     string `json:"planned_date"`
		Replaces string `json:"replaces"`
		Wave     int    `json:"wave"`
	} `json:"custom_fields"`
}

// successor is what the device that comes is called: NetBox has no two devices of
// one name at a site, and both stand for a while.
const successor = " (new)"

func (p *Plan) changes(n *place.Network) (list []change) {
	for i := range p.Steps {
		s := &p.Steps[i]
		e := before(n, n.Node(s.Element), s.Date)
		if e == nil {
			continue
		}
		out := change{Name: cmp.Or(e.Name, e.ID), Site: e.Site, Role: e.NF, Manufacturer: e.Vendor, DeviceType: e.Product, Status: "decommissioning", Comments: s.Why}
		out.Custom.Date, out.Custom.Wave = s.Date.String(), s.Wave
		list = append(list, out)
		if s.Vendor == "" {
			continue
		}
		in := out
		in.Name, in.Manufacturer, in.DeviceType, in.Status = out.Name+successor, s.Vendor, s.Product, "planned"
		in.Custom.Replaces = out.Name
		list = append(list, in)
	}
	return list
}

// WriteNetBoxCSV writes a plan as rows for NetBox's bulk import of devices: what
// goes with the status "decommissioning", what comes with "planned". The fields
// planned_date, replaces and wave are custom fields, which have to be there.
func (p *Plan) WriteNetBoxCSV(w io.Writer, n *place.Network) error {
	c := csv.NewWriter(w)
	rows := [][]string{{"name", "site", "role", "manufacturer", "device_type", "status", "comments", "cf_planned_date", "cf_replaces", "cf_wave"}}
	for _, d := range p.changes(n) {
		rows = append(rows, []string{d.Name, d.Site, d.Role, d.Manufacturer, d.DeviceType, d.Status, d.Comments, d.Custom.Date, d.Custom.Replaces, strconv.Itoa(d.Custom.Wave)})
	}
	return c.WriteAll(rows)
}

// WriteNetBoxJSON writes the same as a list of objects, as NetBox's bulk import
// takes them.
func (p *Plan) WriteNetBoxJSON(w io.Writer, n *place.Network) error {
	list := p.changes(n)
	if list == nil {
		list = []change{}
	}
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(list)
}

// WriteMoney writes the money of each year as CSV, a row a year: whose model, who
// paid for it, and what was taken for due anyway and for higher prices stand in
// each row, since the sums say little without them.
func (a *Answer) WriteMoney(w io.Writer) error {
	c := csv.NewWriter(w)
	rows := [][]string{{"year", "currency", "low", "middle", "high", "model", "payer", "due_low_ppm", "due_high_ppm", "uplift_low_ppm", "uplift_high_ppm"}}
	text := func(n int64) string { return strconv.FormatInt(n, 10) }
	for _, y := range a.Years {
		rows = append(rows, []string{strconv.Itoa(y.Year), a.Model.Currency, text(y.Cost.Low), text(y.Cost.Mid), text(y.Cost.High), a.Model.ID, a.Model.Payer,
			text(a.Due.Low), text(a.Due.High), text(a.Uplift.Low), text(a.Uplift.High)})
	}
	return c.WriteAll(rows)
}
