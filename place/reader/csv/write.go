package csv

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/wardein/wardein/place"
)

// Write writes a network as tables, each to what create returns for its name.
// Read again, they give the same network; facts that overlays changed stand in
// their rows.
func Write(n *place.Network, create func(name string) (io.WriteCloser, error)) error {
	elements := append([]string(nil), factColumns(n)...)
	return firstErr(
		func() error {
			return write(create, "vendors.csv", n.Vendors, place.VendorFields, []string{"synthetic"}, func(v *place.Vendor, _ string) string {
				if v.Synthetic {
					return "yes"
				}
				return ""
			})
		},
		func() error {
			return write(create, "sites.csv", n.Sites, place.SiteFields, []string{"lat", "lon"}, func(s *place.Site, column string) string {
				if !s.Located {
					return ""
				}
				return millionths(map[string]int32{"lat": s.Lat, "lon": s.Lon}[column])
			})
		},
		func() error {
			return write(create, "elements.csv", n.Elements, place.ElementFields, elements, func(e *place.Element, column string) string {
				return place.FactOf(e.Facts, strings.TrimPrefix(column, "x_"))
			})
		},
		func() error { return write(create, "links.csv", n.Links, place.LinkFields, nil, nil) },
		func() error { return write(create, "demands.csv", n.Demands, place.DemandFields, nil, nil) },
		func() error {
			return write(create, "dependencies.csv", n.Dependencies, place.DependencyFields, nil, nil)
		},
		func() error { return write(create, "access.csv", n.Access, place.AccessFields, nil, nil) },
		func() error {
			type fact = place.Fact
			o := n.Operator
			list := []fact{{Name: "name", Value: o.Name}, {Name: "country", Value: o.Country}, {Name: "currency", Value: o.Currency}}
			if o.Turnover != place.Unknown {
				list = append(list, fact{Name: "turnover", Value: strconv.FormatInt(o.Turnover, 10)})
			}
			list = slices.DeleteFunc(append(list, o.Facts...), func(f fact) bool { return f.Value == "" })
			return write(create, "operator.csv", list, nil, []string{"name", "value"}, func(f *fact, column string) string {
				if column == "name" {
					return f.Name
				}
				return f.Value
			})
		},
	)
}

func firstErr(steps ...func() error) error {
	for _, do := range steps {
		if err := do(); err != nil {
			return err
		}
	}
	return nil
}

// factColumns are the columns of the further facts of elements.
func factColumns(n *place.Network) (list []string) {
	seen := map[string]bool{}
	for i := range n.Elements {
		for _, f := range n.Elements[i].Facts {
			if !seen[f.Name] {
				seen[f.Name] = true
				list = append(list, "x_"+f.Name)
			}
		}
	}
	slices.Sort(list)
	return list
}

// write writes one table: the fields that any row knows, and more columns.
func write[T any](create func(string) (io.WriteCloser, error), name string, list []T, fields []place.Field[T], more []string, of func(*T, string) string) (err error) {
	if len(list) == 0 {
		return nil
	}
	var used []*place.Field[T]
	var columns []string
	for i := range fields {
		if slices.ContainsFunc(list, func(t T) bool { return fields[i].Get(&t).Known() }) {
			used = append(used, &fields[i])
			columns = append(columns, fields[i].Name)
		}
	}
	f, err := create(name)
	if err != nil {
		return err
	}
	defer func() {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}()
	w := csv.NewWriter(f)
	columns = append(columns, more...)
	if err := w.Write(columns); err != nil {
		return err
	}
	cells := make([]string, len(columns))
	for i := range list {
		for k, field := range used {
			cells[k] = field.Get(&list[i]).String()
		}
		for k, column := range more {
			cells[len(used)+k] = of(&list[i], column)
		}
		if err := w.Write(cells); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// millionths prints millionths as a decimal number.
func millionths(n int32) string {
	sign := ""
	if n < 0 {
		sign, n = "-", -n
	}
	return fmt.Sprintf("%s%d.%06d", sign, n/1e6, n%1e6)
}
