// Command compare measures how well two versions of a program are compared:
// programs of Debian's source packages are built in two versions, and for
// speed and for size, for all processors; what the comparison says of their
// stripped twins is held against their symbols, and diffoscope is run beside
// it.
//
//	go run ./bench/compare fetch              sources of all programs, from Debian
//	go run ./bench/compare build              builds that are not there yet (hours)
//	go run ./bench/compare rebuild            Debian packages built again, for `wardein equiv`
//	go run ./bench/compare run                what the comparison says of all pairs, scored
//	go run ./bench/compare score OLD NEW      one pair, with what was missed
//	go run ./bench/compare diffoscope         diffoscope on some of the pairs
//	go run ./bench/compare releases           whole releases of about 100 MB compared
//	go run ./bench/compare inject             changes made to programs: is each listed
//	go run ./bench/compare injecttrees        the same in whole trees, by wardein compare
//	go run ./bench/compare table              write RESULTS.md
//
// Everything lives in bench/work/compare. README.md tells more.
package main

import (
	"flag"
	"fmt"
	"log"
	"os"
	"slices"
	"strings"
)

var (
	work  = flag.String("work", "bench/work/compare", "folder for sources, builds and results")
	only  = flag.String("only", "", "only builds and pairs whose name contains one of these words")
	fresh = flag.Bool("fresh", false, "make again what is there")
)

var commands = map[string]func() error{
	"fetch":       fetch,
	"build":       buildAll,
	"rebuild":     rebuildAll,
	"inject":      inject,
	"table":       table,
	"injecttrees": injectTrees,
	"releases":    releasesRun,
	"run":         run,
	"score":       scoreOne,
	"diffoscope":  diffoscope,
}

func main() {
	log.SetFlags(0)
	name := ""
	if len(os.Args) > 1 {
		name = os.Args[1]
	}
	run, ok := commands[name]
	if !ok {
		log.Fatalf("usage: compare %s [flags]", strings.Join(names(), "|"))
	}
	flag.CommandLine.Parse(os.Args[2:])
	if err := run(); err != nil {
		log.Fatal(fmt.Errorf("%s: %w", name, err))
	}
}

func names() []string {
	var list []string
	for n := range commands {
		list = append(list, n)
	}
	slices.Sort(list)
	return list
}

// wanted tells whether flag -only leaves a name in.
func wanted(name string) bool {
	for _, w := range strings.Fields(*only) {
		if strings.Contains(name, w) {
			return true
		}
	}
	return *only == ""
}
