package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestScorePair prints one pair for looking at misses, SCORE="old new [stripped] [misses]".
func TestScorePair(t *testing.T) {
	args := strings.Fields(os.Getenv("SCORE"))
	if len(args) < 2 {
		t.Skip("no pair is given")
	}
	rest := strings.Join(args[2:], " ")
	for i := range 2 {
		if st, err := os.Stat(args[i]); err == nil && st.IsDir() {
			args[i] = filepath.Join(args[i], "full")
		}
	}
	s, err := scorePair(args[0], args[1], strings.Contains(rest, "stripped"))
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("recall %.1f precision %.1f: %d present, %d claimed, %d right; functions %d %d, bounds %v of %v; read %v match %v %v\n", s.recall(), s.precision(), s.Present, s.Claimed, s.Right, s.Old, s.New, s.Bounds, s.Named, s.Reading, s.Time, s.Same)
	for k := range 10 {
		for key, v := range s.Keys {
			if int(key) == k {
				fmt.Printf("  %v: %d claimed, %d right\n", key, v[0], v[1])
			}
		}
	}
	if strings.Contains(rest, "misses") {
		for _, w := range s.Wrong {
			fmt.Println("wrong", w.old, "=", w.new)
		}
		fmt.Println("missed", s.Missed)
	}
}
