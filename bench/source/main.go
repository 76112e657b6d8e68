// Command source makes the data of check/source and measures the check against
// sources of Debian and against other tools.
package main

import (
	"flag"
	"fmt"
	"os"
)

var (
	work    = flag.String("work", "bench/work/source", "folder for what is downloaded and made")
	only    = flag.String("only", "", "measure this product alone")
	verbose = flag.Bool("v", false, "name what differs")
)

func main() {
	flag.Parse()
	verbs := map[string]func() error{"fetch": fetch, "make": makeData, "clones": clones, "functions": functions}
	run := verbs[flag.Arg(0)]
	if run == nil {
		fmt.Fprintln(os.Stderr, "usage: source fetch|make|clones|functions")
		os.Exit(2)
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
