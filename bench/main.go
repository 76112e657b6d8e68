// Command bench builds a realistic firmware image from Debian packages and
// measures wardein, the C reference tools and the peers on it, one after
// another. See README.md. It is a development tool: it is no part of wardein.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// work is where everything goes that is not committed; results stand in
// bench/work/results.jsonl and, as a table, in bench/RESULTS.md.
var work = func() string {
	dir, err := filepath.Abs("bench/work")
	if err != nil {
		panic(err)
	}
	return dir
}()

var variants = []string{"xz", "gzip", "zstd"}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench: error:", err)
		os.Exit(2)
	}
}

func run(args []string) error {
	verb := ""
	if len(args) > 0 {
		verb, args = args[0], args[1:]
	}
	fs := flag.NewFlagSet("bench "+verb, flag.ContinueOnError)
	which := fs.String("variant", strings.Join(variants, ","), "variants of the image, separated by commas")
	only := fs.String("only", "", "run only the jobs whose name contains this")
	again := fs.Bool("again", false, "measure again what was measured before")
	binary := fs.String("wardein", "", "wardein binary to measure (default: built from this tree)")
	if err := fs.Parse(args); err != nil {
		return err
	}
	// two at a time would disturb each other's figures and files
	lock, err := os.Create(filepath.Join(work, "lock"))
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return fmt.Errorf("another bench/run is at work: %w", err)
	}
	variants = strings.Split(*which, ",")
	b := &bench{only: *only, again: *again, wardein: *binary}
	switch verb {
	case "image":
		return buildImages(variants)
	case "tools", "wardein", "peers":
		if err := buildImages(variants); err != nil {
			return err
		}
		return b.group(verb)
	case "table":
		return table()
	case "all":
		if err := buildImages(variants); err != nil {
			return err
		}
		for _, g := range []string{"tools", "wardein", "peers"} {
			if err := b.group(g); err != nil {
				return err
			}
		}
		return table()
	}
	return fmt.Errorf("usage: bench/run image|tools|wardein|peers|table|all [-variant LIST] [-only NAME] [-again] [-wardein FILE]")
}
