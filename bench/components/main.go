// Command components measures how many of a root file system's components
// wardein and its peers name with the right version. bench/components/run
// starts it; README.md says what is measured.
package main

import (
	"flag"
	"fmt"
	"os"
	"strings"
)

const work = "bench/work/components"

func main() {
	suite := flag.String("suite", "bookworm", "releases of Debian, separated by commas")
	arch := flag.String("arch", "armhf", "processors, separated by commas")
	flag.Parse()
	if err := do(flag.Arg(0), strings.Split(*suite, ","), strings.Split(*arch, ",")); err != nil {
		fmt.Fprintln(os.Stderr, "components:", err)
		os.Exit(1)
	}
}

func do(verb string, suites, archs []string) error {
	for _, s := range suites {
		for _, a := range archs {
			x, err := openArchive(s, a)
			if err != nil {
				return err
			}
			switch verb {
			case "root":
				if err := x.build(); err != nil {
					return err
				}
			default:
				return fmt.Errorf("verb %q: root, measure, symbols or mine", verb)
			}
		}
	}
	return nil
}
