package all

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/wardein/wardein/place"
	"github.com/wardein/wardein/place/reader/columns"
)

var update = flag.Bool("update", false, "rewrite docs/place-inventories.md")

const handbook = "../../../docs/place-inventories.md"

// TestDetect: each sample is read by the reader whose sample it is.
func TestDetect(t *testing.T) {
	for _, r := range Readers() {
		if r.Name == "" || r.Doc.About == "" || r.Doc.How == "" || len(r.Doc.References) == 0 {
			t.Errorf("%q: name, About, How or References is missing", r.Name)
		}
		paths, _ := filepath.Glob("../" + r.Name + "/testdata/*.txt")
		for _, path := range paths {
			ar, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range ar.Files {
				if f.Name == "want" {
					continue
				}
				head := f.Data[:min(len(f.Data), 4096)]
				i := slices.IndexFunc(Readers(), func(r place.Reader) bool { return r.Detect(f.Name, head) })
				if i < 0 || Readers()[i].Name != r.Name {
					t.Errorf("%s in %s is not read by %s", f.Name, path, r.Name)
				}
			}
		}
	}
	for _, head := range []string{"", "{", "[]", "<html>", "hello\nworld", "\x7fELF", `{"name": "x"}`} {
		for _, r := range Readers() {
			if r.Detect("x.bin", []byte(head)) {
				t.Errorf("%s takes %q", r.Name, head)
			}
		}
	}
}

// The handbook's page is what readers, fields and vocabulary say.
func TestHandbook(t *testing.T) {
	var b bytes.Buffer
	b.WriteString(`# Inventories

Generated from readers, fields and vocabulary by ` + "`go test ./place/reader/all -update`" + `.

` + "`wardein place`" + ` reads files, and folders of them, and joins what they say. A file's format is told by its
name and first bytes. Nothing is dropped in silence: a row or value that can't be taken is listed with file, row, column
and reason, and what no file gives is unknown, never guessed. A rule that needs an unknown fact ends undetermined and names it.

## Formats

`)
	for _, r := range Readers() {
		fmt.Fprintf(&b, "### %s\n\n%s\n\n%s\n\n", r.Name, r.Doc.About, r.Doc.How)
		for _, limit := range r.Doc.Limits {
			fmt.Fprintf(&b, "- %s\n", limit)
		}
		fmt.Fprintf(&b, "\nAfter: %s.\n\n", strings.Join(r.Doc.References, "; "))
	}
	b.WriteString(`## Tables and their fields

A table is a CSV file whose name or columns say what its rows are. The first line names the columns. Empty cells are
unknown. Numbers are whole, from 0 to 2^53, and may end in k, M, G or T; dates are YYYY-MM-DD; yes and no may be true and
false, 1 and 0. An ID may have several rows that stand one after the other in time.

`)
	table(&b, "element", place.ElementFields)
	fmt.Fprintf(&b, "Columns %s name other elements, joined by `;`. A column `x_NAME` is a further fact NAME, which rules can ask for.\n\n", quoted(place.Shorthands()))
	table(&b, "site", place.SiteFields)
	b.WriteString("Columns `lat` and `lon` are degrees north and east.\n\n")
	table(&b, "link", place.LinkFields)
	table(&b, "vendor", place.VendorFields)
	b.WriteString("A column `synthetic` says yes for labels that a generator drew.\n\n")
	table(&b, "demand", place.DemandFields)
	table(&b, "dependency", place.DependencyFields)
	table(&b, "access", place.AccessFields)
	b.WriteString(`### operator

Rows of name and value: name, country, turnover (a year), currency, and further facts of the operator.

### overlay

Rows of kind (element, site, link, vendor), id, field and value: facts of rows that another file gives. This is how an
inventory from a format without such a field gets it: sensitivity of sites, who manages from which country, premises,
dates of procurement and removal, encryption. A later row goes before an earlier one; the fact's source is the overlay.
A field of elements that is none of the above is a further fact.

## Selectors

Demands and the access register name groups of elements: ` + "`element ID`, `site ID`, `region NAME`, `nf NAME`, `group NAME`, `tier NAME`, `vendor ID`, `generation 5G`, `access fttp`, `all`" + `, and several that all must hold, joined by ` + "` & `" + `.

## Mapping own words: --map

A TOML file says what an operator's own words mean. An empty text leaves something out on purpose.

` + "```toml" + `
form = 1

[element]               # also site, link, vendor, demand, dependency, access: columns of tables
"Host name" = "id"
"Ticket" = "x_ticket"   # a further fact
"Notes" = ""

[role]                  # roles (netbox), categories (tmf639), classes and types (nrm): which function
"Cell site" = "eNB"

[maker]                 # names of makers (netbox, nrm, tmf639): which vendor's ID
"Alder Works, Ltd." = "alder"

[relation]              # types of relationships (tmf639)
"uplinksTo" = "connects"
` + "```" + `

`)
	fmt.Fprintf(&b, "Relationships are %s.\n\n", quoted(columns.Relations))
	b.WriteString("## Functions\n\nCase, `-`, `_` and blanks do not count. The group is what rules speak of; a policy pack may map functions to groups of its own.\n\n| function | group | plane | name after |\n|---|---|---|---|\n")
	for _, f := range place.Functions() {
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", f.Name, f.Group, f.Plane, f.Source)
	}
	if *update {
		if err := os.WriteFile(handbook, b.Bytes(), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	if have, err := os.ReadFile(handbook); err != nil || !bytes.Equal(have, b.Bytes()) {
		t.Errorf("%s is not what readers, fields and vocabulary say: go test ./place/reader/all -update", handbook)
	}
}

func table[T any](b *bytes.Buffer, name string, fields []place.Field[T]) {
	fmt.Fprintf(b, "### %s\n\n| column | type | what it says |\n|---|---|---|\n", name)
	for _, f := range fields {
		about := f.About
		if f.Words != nil {
			about = strings.TrimPrefix(about+": "+strings.Join(f.Words, ", "), ": ")
		}
		about = strings.ReplaceAll(about, "|", "\\|")
		fmt.Fprintf(b, "| %s | %s | %s |\n", f.Name, [...]string{"text", "number", "date", "yes or no"}[f.Type], about)
	}
	b.WriteString("\n")
}

func quoted(list []string) string {
	return "`" + strings.Join(list, "`, `") + "`"
}
