package main

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
)

// scoreOne prints how one pair of programs with symbols is compared, for looking
// at what is missed: OLD NEW [stripped] [misses]. A folder stands for the program
// "full" in it.
func scoreOne() error {
	args := flag.Args()
	if len(args) < 2 {
		return errors.New("want OLD NEW [stripped] [misses]")
	}
	for i := range 2 {
		if st, err := os.Stat(args[i]); err == nil && st.IsDir() {
			args[i] = filepath.Join(args[i], "full")
		}
	}
	s, err := scorePair(args[0], args[1], slices.Contains(args[2:], "stripped"))
	if err != nil {
		return err
	}
	fmt.Printf("recall %.1f precision %.1f strict %.1f: %d present, %d claimed, %d right, %d undecided; functions %d %d, bounds %v of %v; read %v match %v %v\n",
		s.recall(), s.precision(), s.strict(), s.Present, s.Claimed, s.Right, s.Undecided, s.Old, s.New, s.Bounds, s.Named, s.Reading, s.Time, s.Same)
	for _, key := range slices.Sorted(maps.Keys(s.Keys)) {
		fmt.Printf("  %v: %d claimed, %d right\n", key, s.Keys[key][0], s.Keys[key][1])
	}
	if slices.Contains(args[2:], "misses") {
		for _, w := range s.Wrong {
			fmt.Println("wrong", w.old, "=", w.new)
		}
		fmt.Println("missed", s.Missed)
	}
	return nil
}
