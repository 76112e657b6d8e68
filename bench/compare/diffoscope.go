package main

import (
	"bufio"
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

var patience = flag.Duration("patience", 15*time.Minute, "diffoscope: it is ended after this time")

// peer is what diffoscope says of a pair.
type peer struct {
	Kind, Program, Variant string
	// Lines are all that it prints, Marked those that begin with + or -.
	Lines, Marked int
	// CPU and Wall are seconds, with those of the programs it calls.
	CPU, Wall float64
	Ended     bool // after the patience, with no output
}

// diffoscope runs it on the stripped programs of x86-64 and AArch64, and of
// all processors for the first program, without its limits on output. It is
// Debian's diffoscope-minimal with binutils-multiarch, which has the
// disassemblers of all processors.
func diffoscope() error {
	for _, p := range pairs() {
		v := p.old.variant.name
		if p.kind == optionPair || v != "x86-64" && v != "aarch64" && (p.old.program.name != programs[0].name || v == "i386" || v == "mipsel") && *only == "" {
			continue
		}
		name := "diffoscope-" + p.name()
		if _, err := os.Stat(resultFile(name)); err == nil && !*fresh {
			continue
		}
		r, err := p.diffoscope()
		if err != nil {
			fmt.Printf("%-36s %v\n", p.name(), err)
			continue
		}
		fmt.Printf("%-36s %d lines, %d of them + or -, %.0f s, CPU %.0f s\n", p.name(), r.Lines, r.Marked, r.Wall, r.CPU)
		if err := keep(name, r); err != nil {
			return err
		}
	}
	return nil
}

func (p pair) diffoscope() (*peer, error) {
	old, new, err := p.files("stripped")
	if err != nil {
		return nil, err
	}
	out := filepath.Join(*work, fmt.Sprintf("diffoscope-%d.txt", os.Getpid()))
	defer os.Remove(out)
	ctx, stop := context.WithTimeout(context.Background(), *patience)
	defer stop()
	cmd := exec.CommandContext(ctx, "diffoscope", "--no-progress", "--no-default-limits", "--text", out, old, new)
	begin := time.Now()
	says, err := cmd.CombinedOutput()
	r := &peer{Kind: p.kind, Program: p.old.program.name, Variant: p.old.variant.name, Wall: time.Since(begin).Seconds()}
	r.CPU = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	if ctx.Err() != nil {
		r.Ended = true
		return r, nil
	}
	if code := cmd.ProcessState.ExitCode(); err != nil && code != 1 {
		return nil, fmt.Errorf("%v: %.300s", err, says)
	}
	f, err := os.Open(out)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	in := bufio.NewScanner(f)
	in.Buffer(nil, 1<<26)
	for in.Scan() {
		r.Lines++
		if t := strings.TrimLeft(in.Text(), "│ "); strings.HasPrefix(t, "+") || strings.HasPrefix(t, "-") {
			r.Marked++
		}
	}
	return r, in.Err()
}
