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
	variant := flag.String("variant", "root", "root, root-db (with package database), root-stripped (without section headers), root-unnamed (without os-release)")
	rest := flag.String("rest", "bullseye,trixie", "static: releases that the sets are made of for the second line")
	packages := flag.String("packages", "packages.txt", "lists of packages, separated by commas: packages.txt, packages-heldout.txt")
	wardein := flag.String("wardein", "", "binary to measure; built if empty")
	verbose := flag.Bool("v", false, "name every product that is wrong or missing")
	flag.CommandLine.Parse(os.Args[min(2, len(os.Args)):])
	verb := ""
	if len(os.Args) > 1 {
		verb = os.Args[1]
	}
	if verb == "strings" {
		if err := writeSets(strings.Split(*suite, ","), strings.Split(*arch, ",")); err != nil {
			fmt.Fprintln(os.Stderr, "components:", err)
			os.Exit(1)
		}
		return
	}
	if *wardein == "" && (verb == "measure" || verb == "static" || verb == "peers") {
		*wardein = work + "/wardein"
		if _, err := run(".", []string{"CGO_ENABLED=0"}, "go", "build", "-o", *wardein, "./cmd/wardein"); err != nil {
			fmt.Fprintln(os.Stderr, "components:", err)
			os.Exit(1)
		}
	}
	if verb == "static" {
		if err := static(strings.Split(*suite, ","), strings.Split(*arch, ","), strings.Split(*rest, ","), *wardein, *verbose); err != nil {
			fmt.Fprintln(os.Stderr, "components:", err)
			os.Exit(1)
		}
		return
	}
	err := do(verb, strings.Split(*suite, ","), strings.Split(*arch, ","), *packages, func(a *archive) error {
		for _, v := range strings.Split(*variant, ",") {
			do := func() error { return a.measure(v, *wardein, *verbose) }
			if verb == "peers" {
				do = func() error { return a.peer(v, *wardein, *verbose) }
			}
			if err := do(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		fmt.Fprintln(os.Stderr, "components:", err)
		os.Exit(1)
	}
}

func do(verb string, suites, archs []string, packages string, measure func(*archive) error) error {
	var all []*archive
	for _, s := range suites {
		for _, a := range archs {
			for _, p := range strings.Split(packages, ",") {
				x, err := openArchive(s, a, p)
				if err != nil {
					return err
				}
				all = append(all, x)
				switch verb {
				case "names", "symbols":
				case "root":
					if err := x.build(); err != nil {
						return err
					}
				case "measure", "peers":
					if err := measure(x); err != nil {
						return err
					}
				default:
					return fmt.Errorf("verb %q: root, measure, peers, names or symbols", verb)
				}
			}
		}
	}
	if verb == "names" {
		return names(all)
	}
	if verb == "symbols" {
		return symbols(all)
	}
	return nil
}
