package component

import (
	"context"
	"slices"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/lazy"
	"github.com/wardein/wardein/internal/stable"
)

// differs compares what is declared with what was found.
func differs(_ context.Context, t wardein.Tree, out func(wardein.Finding)) error {
	list := t.Components()
	for i := range list {
		c := &list[i]
		if c.Confidence < wardein.Likely || c.Version == "" || len(c.Seen) == 0 {
			continue
		}
		// A plug-in that is packaged apart has a version of its own.
		said := map[string]bool{}
		if slices.ContainsFunc(c.Declared, func(d wardein.Declaration) bool { return same(c.Version, upstream(d.System, d.Version)) }) {
			continue
		}
		for _, d := range c.Declared {
			v := upstream(d.System, d.Version)
			if notVersion(c, &d) || said[v] || c.Name == "linux" || foundToo(list, c.Name, v) {
				continue
			}
			said[v] = true
			seen := firstSeen(c)
			args := []wardein.Note{note("name", c.Name), note("found", c.Version), note("declared", d.Version), note("package", d.Package), note("system", systemName(d.System))}
			quotes := []wardein.Quote{d.Quote}
			if seen.Node != "" {
				quotes = append([]wardein.Quote{bare(seen)}, quotes...)
			}
			out(wardein.Finding{
				ID: stable.ID("component.differs", c.Name, c.Version, d.System, d.Package, d.Version), Rule: "component.differs", Node: quotes[0].Node,
				Severity: wardein.Info, Confidence: c.Confidence,
				Says:      wardein.Text{ID: "component.differs", Args: args},
				Fix:       wardein.Text{ID: "component.fix-differs", Args: args},
				Meanwhile: wardein.Text{ID: "component.until-differs", Args: args},
				Quotes:    quotes,
			})
		}
	}
	return nil
}

// day is the version of a package that was made from a commit.
var day = lazy.Regexp(`^\d{4}-\d{2}-\d{2}`)

// notVersion tells a declaration that is no other version of the product: the
// day of a commit, or one of several numbers that notices give it, which are of
// its parts.
func notVersion(c *wardein.Component, d *wardein.Declaration) bool {
	if day().MatchString(d.Version) {
		return true
	}
	return d.System == noticeFile && slices.ContainsFunc(c.Declared, func(o wardein.Declaration) bool {
		return o.System == noticeFile && o.Version != d.Version
	})
}

// bare is a quote without its text: what is shown of a match is not always
// what its bytes begin with.
func bare(q wardein.Quote) wardein.Quote {
	q.Bytes = ""
	return q
}

func foundToo(list []wardein.Component, name, version string) bool {
	for i := range list {
		if list[i].Name == name && same(list[i].Version, version) {
			return true
		}
	}
	return false
}

// firstSeen is the place that shows the version best.
func firstSeen(c *wardein.Component) (q wardein.Quote) {
	var sure wardein.Confidence
	for _, s := range c.Seen {
		if s.Version == c.Version && s.By != "package" && s.Quote.Len > 0 && (q.Node == "" || s.Confidence > sure) {
			q, sure = s.Quote, s.Confidence
		}
	}
	return q
}

func systemName(s string) string {
	if s == noticeFile {
		return "open-source notice"
	}
	return strings.TrimSpace(s + " package")
}

var messages = map[string]string{
	"component.differs":       "{name} is {found} by its binary, and {declared} by the {system} {package}: the declaration and the file do not agree.",
	"component.fix-differs":   "Correct the declaration of {package}, or ship the file that it declares.",
	"component.until-differs": "Take {found} for the version of {name} when looking up known vulnerabilities.",
}

var doc = wardein.Doc{
	About: "Names the products in a release and their versions, from bare binaries and from package databases, and reports where the two do not agree.",
	How: "Products are data files. A literal found in the engine's one pass is looked at with a regular expression over the bytes around it; soname, exported names and base name say which product a file is, and the one version line in its constants, or an exported function that returns it, which version. " +
		"A file that needs a library was built against it and does not hold it; package notes in programs (FDO) and packages of one source are one declaration. The version of a kernel is that of its banner, never that of a module; a boot loader's environment and a kernel's configuration say a version where no program shows one. dpkg, opkg, apk, rpm, Python, npm, Maven, Go and Cargo records and open-source notices are declarations. " +
		"A text in a file that reaches the product's own library through others is that of its headers, too. A set of exported names with the file's number that is a known release's shows that release, as possible: where the image says which release of Debian it is, or where every known release looks different. A program that holds several texts that only one library's object files have, and does not need that library, holds a copy: texts that came and went with releases show after and before which ones it is; that stands with the place, and the component has no version. Two ways that agree are certain, one is likely, a short version number that stands alone is possible.",
	FalsePositives: []string{
		"a program that carries another product's version text in its own constants",
		"a version line of a file format or protocol in a library that states no version of its own",
		"a product that was renamed to another's file names",
	},
	FalseNegatives: []string{
		"products that no data file names and whose binaries carry no version, in images without a package database",
		"code linked in from a library whose version text the linker left out",
		"programs that are packed, encrypted or interpreted",
		"libraries linked in that leave no text, or no text that other products do not have, too",
	},
	Limits: []string{
		"rules see ELF and PE files and unopened images of at least 64 KiB; texts only as package databases and notices",
		"of an rpm database in SQLite, rows that stand in rpmdb.sqlite-wal beside it are not read; of a package's header the first 16 MiB",
		"boot loaders and operating systems that put their version together at run time (OpenSBI, coreboot, EDK II, FreeRTOS, LiteOS) are named without one; QNX, INTEGRITY, LynxOS and eCos have no rule",
		"at most 64 hits of one literal, 12 lone and 48 named versions of one file are looked at; at most 64 places of one component are listed",
		"copies of libraries linked in are compared with the releases in Debian 11 to 14 alone; bounds of their versions are these releases",
		"back-ported corrections do not change the upstream version that is shown; the distribution's revision stands with the declaration",
	},
	References: []string{
		"deb-control(5), deb-version(7); opkg status; apk-installed(5)", "Go: debug/buildinfo; cargo-auditable: .dep-v0; Python core metadata 2.4; package.json(5); JAR file specification",
		"NIST IR 7695 (CPE), package-url specification", "System V ABI, chapter 5 (dynamic linking)",
	},
}
