package netbox

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/wardein/wardein/internal/testkit"
	"github.com/wardein/wardein/internal/testkit/inventory"
	"github.com/wardein/wardein/place"
)

// columns say what the sample's roles are.
var columns = map[string]map[string]string{"role": {"Cell site": "eNB"}}

func TestGolden(t *testing.T) { inventory.Golden(t, Reader, columns) }

func Fuzz(f *testing.F) { inventory.Fuzz(f, Reader) }

// TestForms: a dump and the pages of the REST API of the same data give the
// same network.
func TestForms(t *testing.T) {
	row := regexp.MustCompile(`netbox\.json:\d+`)
	var texts []string
	for _, s := range inventory.Samples(t) {
		if s.Name != "dump" && s.Name != "rest" {
			continue
		}
		n := inventory.Read(t, Reader, columns, s.Files...)
		lines := strings.Split(row.ReplaceAllString(inventory.Text(t, n), "netbox.json"), "\n")
		gaps := slices.Index(lines, "# gaps")
		slices.Sort(lines[gaps:])
		texts = append(texts, strings.Join(lines, "\n"))
	}
	if len(texts) != 2 || texts[0] != texts[1] {
		t.Errorf("dump:\n%s\npages:\n%s", texts[0], texts[1])
	}
}

// TestPaths compares links with NetBox's own traces: each whole path from an
// interface to an interface is a link, and each link is one.
func TestPaths(t *testing.T) {
	path := testkit.Corpus(t, "netbox/netbox-demo-v3.6.json")
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := place.NewBuilder()
	if err := Reader.Read(context.Background(), b, place.Input{Name: "demo.json", Source: b.Source(place.Source{Name: "demo.json"}), Reader: f}); err != nil {
		t.Fatal(err)
	}
	n := b.Finish()
	got := map[string]bool{}
	for i := range n.Links {
		got[n.Links[i].ID] = true
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var dump []struct {
		Model  string
		PK     any
		Fields struct {
			Path                   [][]string
			Is_complete, Is_active bool
			X_path                 float64 `json:"_path"`
		}
	}
	if err := json.Unmarshal(data, &dump); err != nil {
		t.Fatal(err)
	}
	// The dump has no keys of content types: an interface that begins or ends
	// its own path says which one is its.
	begins := map[float64]string{}
	for _, o := range dump {
		if pk, ok := o.PK.(float64); ok && o.Model == "dcim.cablepath" && len(o.Fields.Path) > 0 {
			begins[pk] = o.Fields.Path[0][0]
		}
	}
	kind := ""
	for _, o := range dump {
		if k, id, ok := strings.Cut(begins[o.Fields.X_path], ":"); ok && o.Model == "dcim.interface" && id == fmt.Sprint(o.PK) {
			kind = k
		}
	}
	want := map[string]bool{}
	for _, o := range dump {
		if o.Model != "dcim.cablepath" || !o.Fields.Is_complete || !o.Fields.Is_active {
			continue
		}
		first, last := o.Fields.Path[0], o.Fields.Path[len(o.Fields.Path)-1]
		for _, x := range first {
			for _, y := range last {
				var k, l string
				var i, j int64
				if _, err := fmt.Sscanf(strings.ReplaceAll(x+" "+y, ":", " "), "%s %d %s %d", &k, &i, &l, &j); err != nil {
					t.Fatal(err)
				}
				if k == kind && l == kind {
					want[fmt.Sprintf("interfaces %d-%d", min(i, j), max(i, j))] = true
				}
			}
		}
	}
	if len(want) == 0 {
		t.Fatal("no paths")
	}
	for id := range want {
		if !got[id] {
			t.Errorf("NetBox's path %s is no link", id)
		}
	}
	for id := range got {
		if !want[id] {
			t.Errorf("link %s is no path of NetBox", id)
		}
	}
	t.Logf("%d links are %d paths; %d elements, %d sites, %d gaps", len(got), len(want), len(n.Elements), len(n.Sites), len(n.Gaps))
	for _, g := range n.Gaps {
		t.Log(g)
	}
}

// A dump without natural keys names content types by their keys.
func TestContentTypes(t *testing.T) {
	for _, s := range inventory.Samples(t) {
		if s.Name != "dump" {
			continue
		}
		natural := inventory.Text(t, inventory.Read(t, Reader, columns, s.Files...))
		data := string(s.Files[0].Data)
		types := ""
		for i, m := range []string{"interface", "frontport", "rearport"} {
			data = strings.ReplaceAll(data, fmt.Sprintf(`["dcim", "%s"]`, m), fmt.Sprint(i+30))
			types += fmt.Sprintf(",\n{\"model\": \"contenttypes.contenttype\", \"pk\": %d, \"fields\": {\"app_label\": \"dcim\", \"model\": \"%s\"}}", i+30, m)
		}
		s.Files[0].Data = []byte(data)
		if got := inventory.Text(t, inventory.Read(t, Reader, columns, s.Files...)); !strings.Contains(got, "24 ends of cables") && !strings.Contains(got, "ends of cables are at is not known") {
			t.Errorf("unknown types are not told:\n%s", got)
		}
		s.Files[0].Data = []byte(strings.TrimSuffix(strings.TrimSpace(data), "]") + types + "]")
		if got := inventory.Text(t, inventory.Read(t, Reader, columns, s.Files...)); got != natural {
			t.Errorf("got\n%s\nwant\n%s", got, natural)
		}
	}
}

// TestMaker: two manufacturers can be one vendor.
func TestMaker(t *testing.T) {
	for _, s := range inventory.Samples(t) {
		n := inventory.Read(t, Reader, map[string]map[string]string{"maker": {"Birch Systems": "alder"}}, s.Files...)
		if len(n.Vendors) != 1 || n.Vendors[0].ID != "alder" {
			t.Errorf("%s: %+v", s.Name, n.Vendors)
		}
		for _, e := range n.Elements {
			if e.Vendor != "alder" && e.Software != "alder" {
				t.Errorf("%s: %s is of %q, %q", s.Name, e.ID, e.Vendor, e.Software)
			}
		}
	}
}

// What is no object of NetBox is told, and what stands before damage is kept.
func TestDamage(t *testing.T) {
	for _, c := range [][2]string{
		{`[{"model":"dcim.device","pk":1,"fields":{"name":"a"}},{"model":"dcim.device","pk":2`, "what stands behind this object can't be read: unexpected EOF"},
		{`[{"model":"dcim.device","fields":{"name":"a"}},{"model":"dcim.device","pk":2,"fields":{}}]`, "1 objects have no key"},
		{`[{"model":"dcim.device","pk":2,"fields":{"name":"a"}},{"model":"dcim.device","pk":2,"fields":{}}]`, "stand in the file twice"},
		{`[7,{"model":"dcim.device","pk":2,"fields":{"name":"a"}}]`, "1 elements of lists"},
		{`{"results": 3}`, "results: found 3, want a list"},
		{`3`, "found 3: want a list of objects"},
		{`[]`, "no objects of NetBox in it"},
	} {
		n := inventory.Read(t, Reader, nil, inventory.File("x.json", c[0]))
		if got := inventory.Text(t, n); !strings.Contains(got, c[1]) {
			t.Errorf("%s:\n%s\nwant %q", c[0], got, c[1])
		}
	}
}

func Benchmark(b *testing.B) {
	data, err := os.ReadFile(testkit.Corpus(b, "netbox/netbox-demo-v3.6.json"))
	if err != nil {
		b.Fatal(err)
	}
	inventory.Bench(b, Reader, inventory.File("demo.json", string(data)))
}
