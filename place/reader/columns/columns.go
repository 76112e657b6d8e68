// Package columns reads the mapping of an operator's own words to those of the
// network's vocabulary, a TOML file of tables:
//
//	form = 1
//
//	[element]             # columns of tables of elements: which field each is
//	"Host name" = "id"
//	"Ticket" = "x_ticket" # a further fact
//	"Notes" = ""          # left out on purpose
//
//	[role]                # roles, categories and classes: which function each is
//	"Cell site" = "eNB"
//
//	[maker]               # names of makers: which vendor's ID each is
//	"Alder Works, Ltd." = "alder"
//
//	[relation]            # types of relationships: which one each is
//	"uplinksTo" = "connects"
package columns

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/wardein/wardein/internal/tomlfile"
	"github.com/wardein/wardein/place"
)

// Form is the version of the form of the file.
const Form = 1

// file is the mapping as it is written.
type file struct {
	Form       int               `toml:"form"`
	Element    map[string]string `toml:"element"`
	Site       map[string]string `toml:"site"`
	Link       map[string]string `toml:"link"`
	Vendor     map[string]string `toml:"vendor"`
	Demand     map[string]string `toml:"demand"`
	Dependency map[string]string `toml:"dependency"`
	Access     map[string]string `toml:"access"`
	Role       map[string]string `toml:"role"`
	Maker      map[string]string `toml:"maker"`
	Relation   map[string]string `toml:"relation"`
}

// Relations are the words that a relationship can be mapped to; contains and
// hosts and their like are the other way round.
var Relations = []string{"connects", "part-of", "contains", place.RunsOn, "hosts", place.ManagedBy, "manages", place.AnchoredOn, place.TimedBy, place.PoweredBy}

// Read reads a mapping, as Input.Map has it. A field, function or relationship
// that there is none of is an error that names it.
func Read(b []byte) (map[string]map[string]string, error) {
	var f file
	if err := tomlfile.Read(b, &f); err != nil {
		return nil, err
	}
	var k tomlfile.Keys
	k.Form(f.Form, Form)
	out := map[string]map[string]string{}
	check := func(kind string, said map[string]string, what string, ok func(string) bool) {
		for _, name := range slices.Sorted(maps.Keys(said)) {
			if to := said[name]; to != "" && !ok(to) {
				k.Bad(fmt.Sprintf("%s.%q", kind, name), "%.60q is no %s", to, what)
			}
		}
		if len(said) > 0 {
			out[kind] = said
		}
	}
	check("element", f.Element, "field of an element", func(s string) bool {
		return has(place.ElementFields, s) || slices.Contains(place.Shorthands(), s) || strings.HasPrefix(s, "x_") && len(s) > 2
	})
	check("site", f.Site, "field of a site", func(s string) bool { return has(place.SiteFields, s) || s == "lat" || s == "lon" })
	check("link", f.Link, "field of a link", func(s string) bool { return has(place.LinkFields, s) })
	check("vendor", f.Vendor, "field of a vendor", func(s string) bool { return has(place.VendorFields, s) || s == "synthetic" })
	check("demand", f.Demand, "field of a demand", func(s string) bool { return has(place.DemandFields, s) })
	check("dependency", f.Dependency, "field of a dependency", func(s string) bool { return has(place.DependencyFields, s) })
	check("access", f.Access, "field of the access register", func(s string) bool { return has(place.AccessFields, s) })
	check("role", f.Role, "function of the vocabulary", func(s string) bool { _, ok := place.FunctionOf(s); return ok })
	check("maker", f.Maker, "ID", func(string) bool { return true })
	check("relation", f.Relation, "relationship; want one of "+strings.Join(Relations, ", "), func(s string) bool { return slices.Contains(Relations, s) })
	if err := k.Err(); err != nil {
		return nil, err
	}
	return out, nil
}

func has[T any](fields []place.Field[T], name string) bool { return place.FieldOf(fields, name) != nil }
