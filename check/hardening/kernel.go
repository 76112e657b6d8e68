package hardening

import (
	"bufio"
	"context"
	_ "embed"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/stable"
	"github.com/wardein/wardein/internal/table"
)

//go:embed data/kernel.toml
var kernelTOML []byte

// option is a protection that a kernel is built with or without.
type option struct {
	// Names are what the versions of the kernel call it, the strongest first.
	Names  []string
	Want   string // "y", "n"
	What   string
	Source string
}

var options = table.TOML[struct {
	Date   string
	Option []option
}]("check/hardening/data/kernel.toml", kernelTOML)

const (
	// banner stands in the third line of every configuration since Linux 2.6.
	banner    = " Kernel Configuration"
	maxConfig = 4 << 20
)

// kernelConfig states which protections a kernel's configuration names, and
// how they are set.
func kernelConfig(_ context.Context, b wardein.Blob, out func(wardein.Fact)) error {
	type setting struct {
		off, n int64
		value  string
	}
	set := map[string]setting{}
	version := ""
	var at int64
	lines := bufio.NewScanner(io.NewSectionReader(b, 0, b.Size))
	lines.Buffer(make([]byte, 4096), 64<<10)
	for lines.Scan() {
		line := lines.Text()
		off := at
		at += int64(len(line)) + 1
		if v, ok := strings.CutSuffix(line, banner); ok && version == "" {
			version = strings.TrimSpace(strings.TrimPrefix(v, "#"))
			continue
		}
		name, value := "", ""
		if rest, ok := strings.CutPrefix(line, "# CONFIG_"); ok {
			name, ok = strings.CutSuffix(rest, " is not set")
			if value = "n"; !ok {
				continue
			}
		} else if rest, ok := strings.CutPrefix(line, "CONFIG_"); ok {
			name, value, _ = strings.Cut(rest, "=")
		} else {
			continue
		}
		if len(set) < 1<<16 {
			set[name] = setting{off, int64(len(line)), value}
		}
	}
	if err := lines.Err(); err != nil {
		return err
	}
	if version == "" || len(set) < 50 {
		return nil // a text that speaks of one
	}
	kernel := wardein.Fact{Kind: "kernel", Off: 0, Len: 0, Attrs: []wardein.Note{{Name: "version", Value: version}, {Name: "options", Value: strconv.Itoa(len(set))}}}
	out(kernel)
	for _, o := range options().Option {
		named := slices.IndexFunc(o.Names, func(n string) bool { _, ok := set[n]; return ok })
		if named < 0 {
			continue
		}
		name := o.Names[named]
		for _, n := range o.Names { // one that is set counts, whatever others say
			if s, ok := set[n]; ok && s.value == "y" {
				name = n
				break
			}
		}
		s := set[name]
		value := "y"
		if s.value == "n" {
			value = "n"
		}
		out(wardein.Fact{Kind: "option", Off: s.off, Len: s.n, Attrs: []wardein.Note{
			{Name: "name", Value: "CONFIG_" + name}, {Name: "value", Value: value}, {Name: "want", Value: o.Want}, {Name: "what", Value: o.What},
		}})
	}
	return nil
}

// kernels says of each kernel configuration what it is built without.
func kernels(t wardein.Tree, out func(wardein.Finding)) {
	var node *wardein.Node
	version := ""
	var weak []wardein.Fact
	judged := 0
	said := map[string]bool{}
	flush := func() {
		if node == nil || len(weak) == 0 {
			return
		}
		f := wardein.Finding{
			Rule: "hardening.kernel", Node: node.Path, Severity: wardein.Low, Confidence: wardein.Certain, Reach: wardein.Local,
			Fix:       wardein.Text{ID: "hardening.kernel-fix"},
			Meanwhile: wardein.Text{ID: "hardening.kernel-until"},
		}
		var what, set []string
		for _, w := range weak {
			name := w.Attr("name")
			if w.Attr("want") == "n" {
				name += "=y"
			} else {
				name += "=n"
			}
			set = append(set, name)
			what = append(what, name+" ("+w.Attr("what")+")")
			if len(f.Quotes) < shown {
				f.Quotes = append(f.Quotes, wardein.Quote{Node: node.Path, Off: w.Off, Len: w.Len, Bytes: line(w)})
			}
		}
		f.Says = wardein.Text{ID: "hardening.kernel", Args: []wardein.Note{
			{Name: "kernel", Value: version}, {Name: "n", Value: strconv.Itoa(len(weak))}, {Name: "of", Value: strconv.Itoa(judged)},
			{Name: "options", Value: strings.Join(what, "; ")},
		}}
		f.ID = stable.ID(f.Rule, append(set, arch(version))...)
		if !said[f.ID] {
			said[f.ID] = true
			out(f)
		}
	}
	for n, f := range t.Facts(name) {
		switch f.Kind {
		case "kernel":
			flush()
			node, version, weak, judged = n, f.Attr("version"), nil, 0
		case "option":
			judged++
			if f.Attr("value") != f.Attr("want") {
				weak = append(weak, f)
			}
		}
	}
	flush()
}

// arch is the processor in "Linux/mips 4.9.211": a finding stays the same from
// one version to the next.
func arch(version string) string {
	arch, _, _ := strings.Cut(version, " ")
	return arch
}

// line is an option's line as it stands in the configuration.
func line(f wardein.Fact) string {
	if f.Attr("value") == "n" {
		return "# " + f.Attr("name") + " is not set"
	}
	return f.Attr("name") + "=y"
}
