package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// dataSet is what check/component/data holds.
type dataSet struct {
	Product []struct {
		Name     string   `toml:"name"`
		Packages []string `toml:"packages"`
		Sonames  []string `toml:"sonames"`
		Files    []string `toml:"files"`
		Rules    []struct {
			Literal  string   `toml:"literal"`
			Version  string   `toml:"version"`
			Own      bool     `toml:"own"`
			NeedsNot []string `toml:"needs_not"`
		} `toml:"rule"`
	} `toml:"product"`
	name, alias map[string]bool
	cpe         map[string]string
}

func readData(dir string) (*dataSet, error) {
	all := &dataSet{name: map[string]bool{}, alias: map[string]bool{}}
	names, _ := filepath.Glob(filepath.Join(dir, "*.toml"))
	for _, n := range names {
		data, err := os.ReadFile(n)
		if err != nil {
			return nil, err
		}
		var d dataSet
		if err := toml.Unmarshal(data, &d); err != nil {
			return nil, fmt.Errorf("%s: %w", n, err)
		}
		all.Product = append(all.Product, d.Product...)
	}
	for _, p := range all.Product {
		all.name[p.Name], all.alias[p.Name] = true, true
		for _, s := range p.Packages {
			all.alias[s] = true
		}
	}
	return all, nil
}

// tried is a rule of the data with what it shows.
type tried struct {
	product, literal string
	own              bool
	not              map[string]bool
	re               *regexp.Regexp
	right            int
	wrong, others    map[string]int
}

func verify(o options) error {
	list, err := o.list()
	if err != nil {
		return err
	}
	productOf := map[string]string{}
	for _, w := range list {
		for _, s := range w.sources {
			productOf[s] = w.name
		}
	}
	data, err := readData(o.data)
	if err != nil {
		return err
	}
	var rules []*tried
	var text []string
	for _, p := range data.Product {
		if o.only != nil && !o.only[p.Name] {
			continue
		}
		for _, r := range p.Rules {
			if r.Version == "" {
				continue
			}
			re, err := regexp.Compile("(?s)" + r.Version)
			if err != nil {
				return fmt.Errorf("%s: %w", p.Name, err)
			}
			rules = append(rules, &tried{product: p.Name, literal: r.Literal, own: r.Own, not: toSet(r.NeedsNot), re: re, wrong: map[string]int{}, others: map[string]int{}})
			text = append(text, r.Literal)
		}
	}
	owner := map[string][]string{}
	for _, p := range data.Product {
		for _, s := range append(p.Sonames, p.Files...) {
			owner[s] = append(owner[s], p.Name)
		}
	}
	names := map[string]map[string]int{}
	scan := newLiterals(text)
	if err := o.each(func(k *kept) error {
		product := productOf[k.Source]
		if product == "" {
			product = k.Source
		}
		forms := upstream(k.Version)
		for i := range k.Files {
			p := &k.Files[i]
			for _, n := range []string{filepath.Base(p.Path), p.Soname} {
				if at := strings.Index(n, ".so"); at > 0 {
					n = n[:at+3]
				}
				if by := owner[n]; len(by) > 0 && !slices.Contains(by, product) {
					key := n + " of " + strings.Join(by, ", ")
					if names[key] == nil {
						names[key] = map[string]int{}
					}
					names[key][k.Package]++
				}
			}
			scan.find(p.Data, func(i, at int) {
				r := rules[i]
				if needs(p.Needed, r.not) != "" {
					return
				}
				w, off := window(p.Data, at)
				for _, x := range r.re.FindAllSubmatchIndex(w, 8) {
					if x[0] > off || x[1] < off+len(r.literal) {
						continue
					}
					v := string(w[x[2]:x[3]])
					switch {
					case product == r.product && slices.Contains(forms, v):
						r.right++
					case product == r.product:
						r.wrong[v+" in "+filepath.Base(p.Path)+" of "+k.Version]++
					case !r.own:
						r.others[k.Package+"/"+filepath.Base(p.Path)+": "+v]++
					}
					break
				}
			})
		}
		return nil
	}); err != nil {
		return err
	}
	showNames(names)
	for _, r := range rules {
		if len(r.wrong)+len(r.others) > 0 || r.right == 0 {
			fmt.Printf("%s %q: right %d\n", r.product, r.literal, r.right)
			show("wrong", r.wrong)
			show("others", r.others)
		}
	}
	return nil
}

// showNames prints names of files that the data gives to a product and that
// another product has too.
func showNames(names map[string]map[string]int) {
	for _, n := range slices.Sorted(maps.Keys(names)) {
		fmt.Printf("name %s: also in %s\n", n, strings.Join(slices.Sorted(maps.Keys(names[n])), " "))
	}
}

func show(name string, m map[string]int) {
	if len(m) > 0 {
		list := slices.Sorted(maps.Keys(m))
		fmt.Printf("\t%s %d: %s\n", name, len(list), strings.Join(list[:min(len(list), 8)], "; "))
	}
}
