package cryptolib

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/stable"
)

// judge is the day that ends of life are judged at.
type judge string

// shown is how many places a finding quotes and a text names.
const shown = 10

// held is one copy by content; the same bytes at two paths are one.
type held struct {
	library                         *library
	completeness, version, released string
	nearest                         string
	quote                           wardein.Quote
}

// release is what stands for one version in a text.
func (h *held) release() string {
	switch {
	case h.version != "":
		return h.library.Title + " " + h.version
	case h.nearest != "":
		return h.library.Title + " (no version text; nearest to " + h.nearest + ")"
	}
	return h.library.Title + " (no version text)"
}

func (on judge) tree(_ context.Context, t wardein.Tree, out func(wardein.Finding)) error {
	var copies []*held
	seen := map[string]bool{}
	tables := &loose{}
	for n, f := range t.Facts("cryptolib") {
		tables.add(n, f)
		l, key := known().library(f.Attr("library")), n.Blob.String()+f.Attr("library")
		if f.Kind == "copy" && l != nil && !seen[key] {
			seen[key] = true
			copies = append(copies, &held{library: l, completeness: f.Attr("completeness"), version: f.Attr("version"), released: f.Attr("released"),
				nearest: f.Attr("nearest"), quote: f.Quote(n.Path, "quote")})
		}
	}
	if len(copies) > 0 {
		out(on.copies(copies))
	}
	on.byLibrary(copies, out)
	tables.finding(out)
	return nil
}

func finding(rule string, severity wardein.Severity, sure wardein.Confidence, fix, until string, args []wardein.Note, quotes []wardein.Quote, about ...string) wardein.Finding {
	return wardein.Finding{
		ID: stable.ID(rule, about...), Rule: rule, Node: quotes[0].Node, Severity: severity, Confidence: sure,
		Says: wardein.Text{ID: rule, Args: args}, Fix: wardein.Text{ID: fix, Args: args}, Meanwhile: wardein.Text{ID: until, Args: args}, Quotes: quotes[:min(len(quotes), shown)],
	}
}

func files(n int) string {
	if n == 1 {
		return "1 file"
	}
	return strconv.Itoa(n) + " files"
}

// copies is the one finding that counts them all.
func (on judge) copies(copies []*held) wardein.Finding {
	count := map[string]int{}
	versions, each := map[string]int{}, map[string]int{}
	var about, names []string
	var quotes []wardein.Quote
	nodes := map[string]bool{}
	var oldest *held
	for _, h := range copies {
		count[h.completeness]++
		versions[h.release()]++
		each[h.release()+", "+h.completeness]++
		about = append(about, h.library.Name+" "+h.version+" "+h.completeness)
		names = append(names, h.library.Title)
		quotes = append(quotes, h.quote)
		nodes[h.quote.Node] = true
		if h.released != "" && (oldest == nil || h.released < oldest.released) {
			oldest = h
		}
	}
	slices.Sort(about)
	slices.Sort(names)
	old := ""
	if oldest != nil {
		old = fmt.Sprintf(" Oldest release whose day is known: %s of %s.", oldest.release(), oldest.released)
	}
	return finding("cryptolib.copies", wardein.Info, wardein.Certain, "cryptolib.fix-copies", "cryptolib.until-copies", []wardein.Note{
		note("full", strconv.Itoa(count["full"])), note("partial", strconv.Itoa(count["partial"])), note("fragment", strconv.Itoa(count["fragment"])),
		note("versions", plural(len(versions), "version")), note("files", files(len(nodes))), note("list", listed(each)),
		note("oldest", old), note("names", strings.Join(slices.Compact(names), ", ")),
	}, quotes, about...)
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return strconv.Itoa(n) + " " + what + "s"
}

// listed is the text of counted things.
func listed(count map[string]int) string {
	var all []string
	for what, n := range count {
		if n > 1 {
			what += " × " + strconv.Itoa(n)
		}
		all = append(all, what)
	}
	slices.Sort(all)
	if more := len(all) - shown; more > 0 {
		all = append(all[:shown], fmt.Sprintf("%d more", more))
	}
	return strings.Join(all, "; ")
}

// byLibrary reports branches past their end, and libraries in several
// versions.
func (on judge) byLibrary(copies []*held, out func(wardein.Finding)) {
	for _, l := range known().libraries {
		var order []string
		of := map[string][]*held{}
		for _, h := range copies {
			if h.library == l && h.version != "" {
				if of[h.version] == nil {
					order = append(order, h.version)
				}
				of[h.version] = append(of[h.version], h)
			}
		}
		slices.Sort(order)
		var quotes []wardein.Quote
		each := map[string]int{}
		for _, v := range order {
			quotes = append(quotes, of[v][0].quote)
			each[v] = len(of[v])
			e, ok := l.ended(v)
			if !ok || e.Date >= string(on) {
				continue
			}
			var at []wardein.Quote
			sure := wardein.Likely
			for _, h := range of[v] {
				at = append(at, h.quote)
				if h.completeness != "fragment" {
					sure = wardein.Certain
				}
			}
			released := ""
			if day := of[v][0].released; day != "" {
				released = " of " + day
			}
			out(finding("cryptolib.end-of-life", wardein.Medium, sure, "cryptolib.fix-end", "cryptolib.until-end", []wardein.Note{
				note("title", l.Title), note("version", v), note("released", released), note("files", files(len(at))),
				note("branch", e.Branch), note("end", e.Date), note("asof", string(on)), note("source", e.Source),
			}, at, l.Name, v))
		}
		if len(order) > 1 {
			out(finding("cryptolib.versions", wardein.Low, wardein.Certain, "cryptolib.fix-versions", "cryptolib.until-versions", []wardein.Note{
				note("title", l.Title), note("count", strconv.Itoa(len(order))), note("list", listed(each)),
			}, quotes, append([]string{l.Name}, order...)...))
		}
	}
}

// loose collects tables in files that hold no copy of a library. Facts come
// node by node.
type loose struct {
	node    string
	algos   []string
	quote   wardein.Quote
	named   bool // a copy, a user of a library, or the kernel's own
	all     []string
	quotes  []wardein.Quote
	digests map[wardein.Digest]bool
	digest  wardein.Digest
}

func (t *loose) add(n *wardein.Node, f wardein.Fact) {
	if n.Path != t.node {
		t.flush()
		t.node, t.digest, t.algos, t.named = n.Path, n.Blob, nil, false
	}
	switch {
	case f.Kind == "table" && f.Attr("of") != "" || f.Kind == "copy" || f.Kind == "uses" && f.Attr("texts") != "":
		t.named = true
	case f.Kind == "table" && f.Attr("plain") == "":
		if len(t.algos) == 0 {
			t.quote = wardein.Quote{Node: n.Path, Off: f.Off, Len: f.Len}
		}
		t.algos = append(t.algos, f.Attr("algorithm"))
	}
}

func (t *loose) flush() {
	if t.node == "" || t.named || len(t.algos) == 0 || t.digests[t.digest] {
		return
	}
	if t.digests == nil {
		t.digests = map[wardein.Digest]bool{}
	}
	t.digests[t.digest] = true
	t.all = append(t.all, t.algos...)
	t.quotes = append(t.quotes, t.quote)
}

func (t *loose) finding(out func(wardein.Finding)) {
	t.flush()
	if len(t.quotes) == 0 {
		return
	}
	slices.Sort(t.all)
	t.all = slices.Compact(t.all)
	out(finding("cryptolib.tables", wardein.Info, wardein.Certain, "cryptolib.fix-tables", "cryptolib.until-tables", []wardein.Note{
		note("algorithms", strings.Join(t.all, ", ")), note("files", files(len(t.quotes))),
	}, t.quotes, t.all...))
}
