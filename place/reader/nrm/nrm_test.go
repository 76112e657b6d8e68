package nrm

import (
	"fmt"
	"strings"
	"testing"

	"github.com/wardein/wardein/internal/testkit/inventory"
)

func TestGolden(t *testing.T) { inventory.Golden(t, Reader, nil) }

func Fuzz(f *testing.F) { inventory.Fuzz(f, Reader) }

func TestFunction(t *testing.T) {
	for class, want := range map[string]string{
		"GNBDUFunction": "DU", "GnbCuCpFunction": "CU-CP", "ENBFunction": "eNB", "AMFFunction": "AMF", "AmfFunction": "AMF", "N3IWFFunction": "N3IWF",
		"ServingGWFunction": "SGW", "ManagementNode": "EMS", "ExternalUPFFunction": "", "DANRManagementFunction": "", "SubNetwork": "",
	} {
		if got, _, _ := function(class, nil); got != want {
			t.Errorf("%s is %q, want %q", class, got, want)
		}
	}
	if got, _, ok := function("ToasterFunction", map[string]string{"ToasterFunction": "upf"}); got != "UPF" || !ok {
		t.Errorf("mapped: %q", got)
	}
}

// What is too deep, cut off, or of another form is told; what stands before it
// is kept.
func TestDamage(t *testing.T) {
	head := `<bulkCmConfigDataFile><configData><xn:ManagedElement id="1"><xn:attributes><xn:vendorName>Alder</xn:vendorName></xn:attributes>`
	for name, c := range map[string][2]string{
		"cut":        {head + `<nn:GNBDUFunction id="`, "what stands behind this object can't be read: XML syntax error"},
		"kept":       {head + `<nn:GNBDUFunction id="`, "ManagedElement=1,alder"},
		"deep":       {head + strings.Repeat(`<x:A id="1">`, 200), "more than 100 deep"},
		"deep skip":  {head + strings.Repeat(`<x:A>`, 200), "more than 100 deep"},
		"deep attrs": {head + `<a:attributes>` + strings.Repeat(`<x:A>`, 200), "more than 100 deep"},
		"other":      {`<html><body/></html>`, "no configData in it"},
		"charset":    {`<?xml version="1.0" encoding="KOI8-R"?><configData/>`, "want UTF-8"},
		"json deep":  {strings.Repeat(`{"A":`, 200), "more than 100 deep"},
		"json cut":   {`{"ManagedElement":[{"id":"1"},{"id":`, "what stands behind this object can't be read"},
		"json id":    {`{"ManagedElement":[{"id":[]}]}`, "id: found [, want a text"},
		"names":      {`{"ManagedElement":[{"id":"` + strings.Repeat("x", 5000) + `"}]}`, "has no id"},
		"long names": {`{"A":{"id":"` + strings.Repeat("x", 3000) + `","ManagedElement":[{"id":"` + strings.Repeat("x", 3000) + `"}]}}`, "names longer than 4096 bytes"},
		"empty":      {` `, "EOF"},
	} {
		if got := inventory.Text(t, inventory.Read(t, Reader, nil, inventory.File("x", c[0]))); !strings.Contains(got, c[1]) {
			t.Errorf("%s:\n%s\nwant %q", name, got, c[1])
		}
	}
}

func Benchmark(b *testing.B) {
	var xml, json strings.Builder
	xml.WriteString(`<bulkCmConfigDataFile><configData dnPrefix="DC=example.net"><xn:SubNetwork id="1">`)
	json.WriteString(`{"SubNetwork":[{"id":"1","ManagedElement":[{"id":"0"}`)
	for i := range 5000 {
		fmt.Fprintf(&xml, `<xn:ManagedElement id="%d"><xn:attributes><xn:vendorName>Alder</xn:vendorName><xn:swVersion>22.4</xn:swVersion><xn:locationName>Mast %d</xn:locationName></xn:attributes>
<nn:GNBDUFunction id="1"><nn:attributes/><nn:NRCellDU id="1"><nn:attributes><nn:nRPCI>%d</nn:nRPCI></nn:attributes></nn:NRCellDU><nn:EP_F1C id="1"><nn:attributes><nn:farEndEntity>SubNetwork=1,ManagedElement=%d,GNBDUFunction=1</nn:farEndEntity></nn:attributes></nn:EP_F1C></nn:GNBDUFunction></xn:ManagedElement>`, i, i, i%504, (i+1)%5000)
		fmt.Fprintf(&json, `,{"id":"%d","attributes":{"vendorName":"Alder","swVersion":"22.4","locationName":"Mast %d"},"GnbDuFunction":[{"id":"1","attributes":{},"NrCellDu":[{"id":"1","attributes":{"nrPci":%d}}],"EP_F1C":[{"id":"1","attributes":{"farEndEntity":"SubNetwork=1,ManagedElement=%d,GnbDuFunction=1"}}]}]}`, i+1, i, i%504, (i+1)%5000+1)
	}
	xml.WriteString(`</xn:SubNetwork></configData></bulkCmConfigDataFile>`)
	json.WriteString(`]}]}`)
	b.Run("xml", func(b *testing.B) { inventory.Bench(b, Reader, inventory.File("x.xml", xml.String())) })
	b.Run("json", func(b *testing.B) { inventory.Bench(b, Reader, inventory.File("x.json", json.String())) })
}
