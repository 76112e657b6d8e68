package csv_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/wardein/wardein/internal/testkit/inventory"
	"github.com/wardein/wardein/place"
	"github.com/wardein/wardein/place/reader/csv"
)

func TestGolden(t *testing.T) { inventory.Golden(t, csv.Reader, nil) }

func Fuzz(f *testing.F) { inventory.Fuzz(f, csv.Reader) }

// An operator's own columns, named by a map.
func TestMap(t *testing.T) {
	columns := map[string]map[string]string{"element": {"Hostname": "id", "Typ": "nf", "Hersteller": "vendor", "Notiz": "", "Ticket": "x_ticket"}}
	n := inventory.Read(t, csv.Reader, columns, inventory.File("export 2026.csv", "Hostname\tTyp\tHersteller\tNotiz\tTicket\nr1\tUPF\t\tx\tT-1\n"))
	if len(n.Gaps) > 0 || len(n.Elements) != 1 || n.Elements[0].NF != "UPF" || place.FactOf(n.Elements[0].Facts, "ticket") != "T-1" {
		t.Errorf("%+v %v", n.Elements, n.Gaps)
	}
}

// TestNames: what a file holds is told by its name or its columns.
func TestNames(t *testing.T) {
	for name, want := range map[[2]string]string{
		{"elements.csv", "id"}:              "elements",
		{"Links-north.csv", "id,a"}:         "links",
		{"x.csv", "a,b"}:                    "links",
		{"access-points.csv", "id,nf"}:      "elements",
		{"x.csv", "id,lat,lon"}:             "sites",
		{"x.csv", "from,to"}:                "dependencies",
		{"x.csv", "kind,id,field,value"}:    "overlay",
		{"x.csv", "colour,taste"}:           "of no table",
		{"dependencies.csv", "colour"}:      "dependency",
		{"x.csv", "organisation,scope,way"}: "access",
	} {
		text := inventory.Text(t, inventory.Read(t, csv.Reader, nil, inventory.File(name[0], name[1]+",nonsense\n,,,,,\n")))
		kind := strings.TrimSuffix(strings.TrimSuffix(want, "s"), "ie")
		if !strings.Contains(text, "no such field of "+kind) && !strings.Contains(text, want) {
			t.Errorf("%v: %s", name, text)
		}
	}
}

// TestRows: each row is in the network or in the list of those that are not.
func TestRows(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pick := func(list ...string) string { return list[r.IntN(len(list))] }
	for range 200 {
		var elements, links strings.Builder
		elements.WriteString("id,nf,site,critical,valid_from,valid_to\n")
		rows := r.IntN(30)
		for range rows {
			fmt.Fprintf(&elements, "%s,%s,%s,%s,%s,%s\n", pick("a", "b", "c", "d", "", " "), pick("UPF", "toaster", ""), pick("", "s"), pick("yes", "perhaps"), pick("", "2020-01-01", "soon"), pick("", "2020-01-01", "2024-01-01"))
		}
		links.WriteString("a,b,layer\n")
		more := r.IntN(30)
		for range more {
			fmt.Fprintf(&links, "%s,%s,%s%s\n", pick("a", "b", "z", ""), pick("c", "d", "a", "y", ""), pick("L1", "L9", "\"L1\"", "x\"y"), pick("", ",", ",,"))
		}
		n := inventory.Read(t, csv.Reader, nil, inventory.File("elements.csv", elements.String()), inventory.File("links.csv", links.String()))
		for file, c := range map[string][2]int{"elements.csv": {rows, len(n.Elements)}, "links.csv": {more, len(n.Links)}} {
			dropped := map[int]bool{}
			for _, g := range n.Gaps {
				if g.File == file && g.Dropped {
					dropped[g.Row] = true
				}
			}
			if c[0] != c[1]+len(dropped) {
				t.Fatalf("%s: %d rows, %d in the network and %d listed:\n%s%s%v", file, c[0], c[1], len(dropped), elements.String(), links.String(), n.Gaps)
			}
		}
	}
}

// A row without an end does not fill the memory.
func TestBounds(t *testing.T) {
	n := inventory.Read(t, csv.Reader, nil, inventory.File("elements.csv", "id,nf\na,UPF\nb,\""+strings.Repeat("x\n", 9<<20)))
	if got := inventory.Text(t, n); !strings.Contains(got, "a row of more than 16 MiB") || len(n.Elements) != 1 {
		t.Errorf("%.500s", got)
	}
	n = inventory.Read(t, csv.Reader, nil, inventory.File("elements.csv", "id"+strings.Repeat(",x_y", 3000)+"\n"))
	if got := inventory.Text(t, n); !strings.Contains(got, "3001 columns: want at most 2000") {
		t.Errorf("%.500s", got)
	}
}

// What is written and read again is the same.
func TestRoundTrip(t *testing.T) {
	for _, s := range inventory.Samples(t) {
		n := inventory.Read(t, csv.Reader, nil, s.Files...)
		n.Gaps = nil
		text := inventory.Text(t, n)
		var files []inventory.Input
		for part := range strings.SplitSeq(text, "# ") {
			if name, data, ok := strings.Cut(part, "\n"); ok {
				files = append(files, inventory.File(name, data))
			}
		}
		again := inventory.Read(t, csv.Reader, nil, files...)
		again.Gaps = nil
		if got := inventory.Text(t, again); got != text {
			t.Errorf("%s: got\n%s\nwant\n%s", s.Name, got, text)
		}
	}
}
