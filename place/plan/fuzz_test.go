package plan

import (
	"bytes"
	"io/fs"
	"reflect"
	"testing"
)

func FuzzReadCSV(f *testing.F) {
	f.Add([]byte("wave,date,element,vendor,product,release,region,why\n1,2027-06-01,gnb-1,cedar,R4,2.1,north,UK-2020-7 UK-2020-4\n2,2027-07-01,olt-7,,,,,\n"))
	f.Add([]byte("\ufeffdate,element\n2027-06-01,\"a\nb\"\n"))
	f.Add([]byte("element\nx\n"))
	f.Fuzz(func(t *testing.T, in []byte) {
		p, err := ReadCSV("fuzz", bytes.NewReader(in))
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := p.WriteCSV(&b); err != nil {
			t.Fatal(err)
		}
		again, err := ReadCSV("fuzz", &b)
		if err != nil || !reflect.DeepEqual(p, again) {
			t.Fatalf("read again: %v", err)
		}
	})
}

func FuzzReadModel(f *testing.F) {
	names, _ := fs.Glob(data, "data/models/*.yaml")
	for _, name := range append(names, "data/common.yaml") {
		b, err := fs.ReadFile(data, name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		m, err := ReadModel(bytes.NewReader(in))
		if err != nil {
			return
		}
		for _, g := range m.Figures() {
			if v := g.Value; v.Low < 0 || v.Low > v.Mid || v.Mid > v.High || v.High > most || g.Source == "" {
				t.Fatalf("%s: %+v", g.Name, g.Figure)
			}
		}
	})
}
