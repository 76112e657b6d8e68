// Package component names the products in a release and their versions, from
// bare binaries as well as from what package databases declare.
//
//	rule         a literal of the product's and the version beside it
//	identity     soname, exports, base name, and the file's one version line
//	getter       an exported function that returns the version
//	symbols      the set of exported names against those of known releases
//	strings      texts that only one library has: copies linked into programs
//	package      dpkg, opkg, apk, rpm, Go, Cargo, Python, npm, Maven, notices
//
// Node states what stands in a file's bytes. File names are judged in
// Components, where paths are known; it weighs all ways against each other and
// makes one component of each product and version. Products are data: see
// data/README.md.
package component

import (
	"context"

	"github.com/wardein/wardein"
)

// Check names products. It reads the embedded data once.
func Check() wardein.Check {
	c := wardein.Check{
		Name:       "component",
		Version:    2,
		Doc:        doc,
		Wants:      wants,
		Node:       node,
		Components: components,
		Tree:       differs,
		Messages:   messages,
	}
	c.Literals = append(c.Literals, marks[:]...)
	for _, r := range known().rules {
		c.Literals = append(c.Literals, r.Literal)
	}
	return c
}

// The literals that are no rule's; a rule's stand behind them.
const (
	markGo = iota
	markCargo
	markNotice
	markNotice2
	markRPM
	markFirstRule
)

var marks = [markFirstRule]string{
	markGo: "\xff Go buildinf:", markCargo: ".dep-v0\x00", markNotice: "open source software", markNotice2: "Open Source Software",
	markRPM: "'Packages' (hnum INTEGER PRIMARY KEY",
}

const (
	maxText   = 32 << 20 // package databases of full distributions have 10 MB
	leastCode = 64 << 10 // smallest image without a format that rules are tried on
)

// programs are formats of code in which archives may lie.
var programs = map[string]bool{"elf": true, "pe": true, "linux-kernel": true, "linuximage": true, "bzimage": true}

func wants(b wardein.Blob) (bool, string) {
	switch {
	case b.Format == "elf" || rpmDatabaseOf(b) != "" || isEnvironment(b):
		return true, ""
	case b.Members && !programs[b.Format]:
		return false, "opened: its members are checked"
	case b.Class == "text" && b.Size > maxText:
		return false, "text larger than 32 MiB"
	case b.Class == "text":
		if manifestOf(b) == "" {
			return false, "text, and no package database"
		}
		return true, ""
	case b.Class == "high entropy" || b.Size < leastCode:
		return false, "no program"
	}
	for i := range known().rules {
		if len(b.Hits(markFirstRule+i)) > 0 {
			return true, ""
		}
	}
	return false, "no literal found"
}

func node(ctx context.Context, b wardein.Blob, out func(wardein.Fact)) error {
	if b.Class == "text" {
		return manifest(b, out)
	}
	if kind := rpmDatabaseOf(b); kind != "" {
		return rpmPackages(b, kind, out)
	}
	if isEnvironment(b) {
		return environment(b, out)
	}
	f := &file{blob: b, out: out, seen: map[string]bool{}}
	if b.Format == "elf" {
		if err := f.open(); err != nil {
			return err
		}
	}
	if err := f.rules(); err != nil {
		return err
	}
	if f.exe != nil && !f.module {
		if err := f.lines(); err != nil {
			return err
		}
		f.getters()
		if err := f.packaged(); err != nil {
			return err
		}
	}
	if b.Format == "elf" && !f.module || b.Format == "" {
		if err := f.copies(); err != nil {
			return err
		}
	}
	return f.built()
}
