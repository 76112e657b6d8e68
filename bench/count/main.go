// Command count reads `go test -json` and prints what `go test` would have
// printed, every skipped test with its reason, and a last line
//
//	N passed, N failed, N skipped
//
// Its exit code is 1 when a test or a build failed.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
)

type event struct {
	Action, Package, ImportPath, Test, Output string
}

func main() {
	var passed, failed, skipped, broken int
	output := map[string]*strings.Builder{} // of each test that is running
	var skips []string
	in := bufio.NewScanner(os.Stdin)
	in.Buffer(nil, 16<<20)
	for in.Scan() {
		var e event
		if json.Unmarshal(in.Bytes(), &e) != nil {
			fmt.Println(in.Text())
			continue
		}
		id := e.Package + " " + e.Test
		switch {
		case e.Action == "build-output":
			fmt.Print(e.Output)
		case e.Action == "build-fail":
			broken++
		case e.Test == "" && e.Action == "output":
			if e.Output != "PASS\n" {
				fmt.Print(e.Output)
			}
		case e.Test == "":
			if e.Action == "fail" {
				broken++
			}
		case e.Action == "output":
			if output[id] == nil {
				output[id] = new(strings.Builder)
			}
			output[id].WriteString(e.Output)
		case e.Action == "pass":
			passed++
			delete(output, id)
		case e.Action == "fail":
			failed++
			if output[id] != nil {
				fmt.Print(output[id])
			}
			delete(output, id)
		case e.Action == "skip":
			skipped++
			skips = append(skips, id+": "+reason(output[id]))
			delete(output, id)
		}
	}
	// a process that died leaves tests that never ended
	for id, text := range output {
		if broken > 0 && strings.Contains(text.String(), "panic:") {
			fmt.Printf("%s\n%s", id, text)
		}
	}
	for _, s := range skips {
		fmt.Println("skip", s)
	}
	fmt.Printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped)
	if err := in.Err(); err != nil {
		fmt.Fprintln(os.Stderr, "count: error:", err)
		os.Exit(2)
	}
	if failed+broken > 0 {
		os.Exit(1)
	}
}

// reason finds the line that t.Skip wrote.
func reason(text *strings.Builder) string {
	if text == nil {
		return "no reason given"
	}
	for _, line := range strings.Split(text.String(), "\n") {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "===") && !strings.HasPrefix(line, "---") {
			return line
		}
	}
	return "no reason given"
}
