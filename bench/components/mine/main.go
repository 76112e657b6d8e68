// Command mine proposes rules for check/component/data. It takes a list of
// Debian's source packages, looks at their programs and libraries in several
// releases, and finds the strings in which the upstream version stands and
// whose rest stays the same from release to release.
//
//	mine fetch    downloads the packages and keeps the constants of their ELF files
//	mine propose  prints products as TOML, with snippets from the binaries
//	mine verify   tries all rules of check/component/data over what fetch kept:
//	              products whose rules hit in another's files, and wrong versions
//
// Packages come through apt-get with a private configuration; apt verifies
// them against the signed lists. README.md in this folder tells how to go on.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
)

type options struct {
	work    string
	sources string
	data    string
	suites  []string
	arch    string
	only    map[string]bool
	have    bool
	single  bool
	out     bool
}

func main() {
	var o options
	flag.StringVar(&o.work, "work", "bench/work/mine", "folder for lists and kept constants")
	flag.StringVar(&o.sources, "sources", "bench/components/mine/sources.txt", "products and their source packages")
	flag.StringVar(&o.data, "data", "check/component/data", "folder of the products' files")
	suites := flag.String("suites", "bullseye,bookworm,trixie", "releases of Debian")
	flag.StringVar(&o.arch, "arch", "amd64", "processor")
	only := flag.String("only", "", "products, separated by commas; all else")
	flag.BoolVar(&o.have, "have", false, "propose also for products that the data has")
	flag.BoolVar(&o.single, "single", false, "propose also what was seen of one version only: a second one must come from elsewhere")
	flag.BoolVar(&o.out, "add", false, "append what is proposed to the products' files by area")
	flag.Parse()
	o.suites = strings.Split(*suites, ",")
	if *only != "" {
		o.only = map[string]bool{}
		for _, s := range strings.Split(*only, ",") {
			o.only[s] = true
		}
	}
	if err := do(flag.Arg(0), o); err != nil {
		fmt.Fprintln(os.Stderr, "mine:", err)
		os.Exit(1)
	}
}

func do(verb string, o options) error {
	switch verb {
	case "fetch":
		return fetch(o)
	case "propose":
		return propose(o)
	case "verify":
		return verify(o)
	}
	return fmt.Errorf("verb %q: fetch, propose or verify", verb)
}

// wanted is one product and the source packages that hold it.
type wanted struct {
	name, area string
	sources    []string
}

// list reads the products: "= AREA" begins an area, "NAME" or
// "NAME=SOURCE,SOURCE" is a product.
func (o options) list() ([]wanted, error) {
	data, err := os.ReadFile(o.sources)
	if err != nil {
		return nil, err
	}
	var out []wanted
	area := ""
	for _, line := range strings.Split(string(data), "\n") {
		if a, ok := strings.CutPrefix(line, "= "); ok {
			area = a
			continue
		}
		if strings.HasPrefix(line, "#") {
			continue
		}
		for _, w := range strings.Fields(line) {
			name, sources, ok := strings.Cut(w, "=")
			if !ok {
				sources = name
			}
			if o.only == nil || o.only[name] {
				out = append(out, wanted{name: name, area: area, sources: strings.Split(sources, ",")})
			}
		}
	}
	return out, nil
}
