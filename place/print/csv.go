package print

import (
	"encoding/csv"
	"io"
)

// CSV writes the elements that break a rule, of which it can't be told, or that a
// cap counts, a row each; the last rows say what this is not.
func CSV(w io.Writer, r *Result) error {
	c := csv.NewWriter(w)
	if err := c.Write([]string{"rule", "status", "outcome", "element", "site", "region", "nf", "vendor", "product", "release"}); err != nil {
		return err
	}
	for i := range r.Results {
		res := &r.Results[i]
		put := func(outcome string, nodes []int32) error {
			for _, n := range nodes {
				e := r.Network.Of(int(n))
				region := ""
				if at := r.Network.SiteOf(e); at >= 0 {
					region = r.Network.Sites[at].Region
				}
				if err := c.Write(plain([]string{res.Rule.ID, res.Rule.Status, outcome, e.ID, e.Site, region, e.NF, e.Vendor, e.Product, e.Release})); err != nil {
					return err
				}
			}
			return nil
		}
		if err := put("breaks", res.Broken); err != nil {
			return err
		}
		if err := put("undetermined", res.Open); err != nil {
			return err
		}
		for k := range res.Groups {
			if err := put("counted", res.Groups[k].Members); err != nil {
				return err
			}
			if err := put("may count", res.Groups[k].Uncertain); err != nil {
				return err
			}
		}
	}
	for _, l := range r.Foot() {
		if err := c.Write([]string{"# " + l, "", "", "", "", "", "", "", "", ""}); err != nil {
			return err
		}
	}
	c.Flush()
	return c.Error()
}

// plain keeps what a spreadsheet would take for a formula from being one.
func plain(row []string) []string {
	for i, s := range row {
		if s != "" && (s[0] == '=' || s[0] == '+' || s[0] == '-' || s[0] == '@') {
			row[i] = "'" + s
		}
	}
	return row
}
