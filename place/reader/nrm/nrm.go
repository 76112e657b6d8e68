// Package nrm reads configuration in the network resource model of 3GPP: objects
// of named classes that contain each other, each with attributes.
//
//	XML   <configData dnPrefix="…"><xn:SubNetwork id="1"><xn:ManagedElement id="7">
//	        <xn:attributes><xn:vendorName>…</xn:vendorName><xn:swVersion>…</xn:swVersion></xn:attributes>
//	        <nn:GNBDUFunction id="1"><nn:attributes>…</nn:attributes><nn:EP_F1C id="1">…
//	JSON  {"SubNetwork": [{"id": "1", "ManagedElement": [{"id": "7", "attributes": {…}, "GnbDuFunction": […]}]}]}
//	flat  [{"objectClass": "ManagedElement", "objectInstance": "SubNetwork=1,ManagedElement=7", "attributes": {…}}]
//
// A managed element is an element; where it holds functions, each function is
// one, and what the managed element says of maker, release and place counts for
// its functions. End points (EP_*) are the links.
package nrm

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/place"
)

// Reader reads the network resource model.
var Reader = place.Reader{
	Name: "nrm",
	Doc: wardein.Doc{
		About: "Configuration in the network resource model of 3GPP, as XML files of Bulk CM or as JSON of the provisioning service.",
		How:   "Each object of a function class (GNBDUFunction, AMFFunction, ENBFunction, …) is an element, and so is a managed element without one. vendorName, swVersion, locationName and managedBy are its managed element's. An end point (EP_N3, EP_F1C, …) is a link of that name to the function that farEndEntity names, or to the one whose end point has its remote address. Cells are counted. --map (kind role) names the function of a class, (kind maker) the maker that a vendorName is.",
		Limits: []string{
			"Not verified against files of a live network: layouts are those of the schemas named below, and of public samples that use the older Bulk CM schemas.",
			"Vendors' own containers (VsDataContainer) are read over: most live files keep what they have to say of interfaces there.",
			"Names are taken as they are written: the objects of two files are one element only where their distinguished names are the same.",
			"An end point whose far end is not in the file is listed, and is no link.",
		},
		References: []string{
			"3GPP TS 28.622, 28.623: generic network resource model; genericNrm.xsd, TS28623_GenericNrm.yaml 17.1.0 (Top, SubNetwork, ManagedElement, ManagedFunction, EP_RP)",
			"3GPP TS 28.541: NR and 5G core; nrNrm.xsd, ngcNrm.xsd, TS28541_NrNrm.yaml, TS28541_5GcNrm.yaml (functions, EP_*, LocalAddress, RemoteAddress)",
			"3GPP TS 32.615, 32.616: Bulk CM, bulkCmConfigDataFile; TS 28.659 E-UTRAN, TS 28.709 EPC, TS 28.653 UTRAN, TS 28.656 GERAN (class names)",
			"3GPP TS 32.300: distinguished names",
		},
	},
	Detect: func(_ string, head []byte) bool {
		head = bytes.TrimLeft(head, "\ufeff \t\r\n")
		switch {
		case bytes.HasPrefix(head, []byte("<")):
			return bytes.Contains(head, []byte("onfigDataFile")) || bytes.Contains(head, []byte("configData")) && bytes.Contains(head, []byte("genericNrm"))
		case bytes.HasPrefix(head, []byte("{")) || bytes.HasPrefix(head, []byte("[")):
			return bytes.Contains(head, []byte(`"ManagedElement"`)) || bytes.Contains(head, []byte(`"SubNetwork"`)) || bytes.Contains(head, []byte(`"objectInstance"`)) && bytes.Contains(head, []byte(`"objectClass"`))
		}
		return false
	},
	Read: read,
}

// classes are the functions of classes, in small letters: XML and JSON write
// them differently. AMFFunction and its like, whose name is the function's, need
// no row.
var classes = map[string][2]string{ // function, generation
	"gnbdufunction": {"DU", "5G"}, "gnbcucpfunction": {"CU-CP", "5G"}, "gnbcuupfunction": {"CU-UP", "5G"}, "gnbfunction": {"gNB", "5G"},
	"enbfunction": {"eNB", "4G"}, "enodebfunction": {"eNB", "4G"}, "ngenbfunction": {"ng-eNB", "4G"},
	"nodebfunction": {"NodeB", "3G"}, "rncfunction": {"RNC", "3G"}, "bssfunction": {"BSC", "2G"}, "btssitemgr": {"BTS", "2G"},
	"servinggwfunction": {"SGW", "4G"}, "pgwfunction": {"PGW", "4G"}, "mmefunction": {"MME", "4G"}, "pcrffunction": {"PCRF", "4G"},
	"smscfunction": {"SMSC", ""}, "mscserverfunction": {"MSC", ""}, "ngeirfunction": {"5G_EIR", ""},
	"managementnode": {"EMS", ""}, "managementsystem": {"EMS", ""},
}

// cells are the classes of radio cells, in small letters. An NRCellCU is the
// NRCellDU of another function once more, and not counted.
var cells = []string{"nrcelldu", "eutrancellfdd", "eutrancelltdd", "eutrangenericcell", "utrancellfdd", "utrancelltddlcr", "utrancelltddhcr", "utrangenericcell", "gsmcell"}

// function is the function of a class, ok: whether it is an element.
func function(class string, mapped map[string]string) (nf, generation string, ok bool) {
	if to, ok := mapped[class]; ok {
		f, known := place.FunctionOf(to)
		return f.Name, "", known
	}
	low := strings.ToLower(class)
	if f, ok := classes[low]; ok {
		return f[0], f[1], true
	}
	if name, ok := strings.CutSuffix(low, "function"); ok && !strings.HasPrefix(name, "external") {
		if f, ok := place.FunctionOf(name); ok {
			return f.Name, "", true
		}
	}
	return "", "", false
}

// Bounds on a file.
const (
	maxObjects = 8 << 20
	maxDepth   = 100
	maxText    = 4 << 10 // of an attribute that is held
)

// held are the attributes that are held, in small letters; of nested ones the
// names are joined by '.'.
var held = map[string]bool{
	"vendorname": true, "swversion": true, "locationname": true, "userlabel": true, "managedby": true, "managedby.dn": true,
	"managedelementtypelist": true, "managedelementtypelist.managedelementtype": true, "managedelementtype": true,
	"farendentity": true, "farendneib": true,
	"localaddress": true, "localaddress.ipv4address": true, "localaddress.ipv6address": true, "localaddress.ipaddress": true,
	"remoteaddress": true, "remoteaddress.ipv4address": true, "remoteaddress.ipv6address": true, "remoteaddress.ipaddress": true,
	"peeparameterslist.siteidentification": true, "peeparameterslist.sitelatitude": true, "peeparameterslist.sitelongitude": true,
	"gnbduname": true, "gnbcuname": true, "enbname": true,
}

// object is one object of the model.
type object struct {
	class, id string
	dn        string // where the file says it whole
	parent    int32  // −1 for none
	row       int32
	attrs     [][2]string
}

func (o *object) attr(names ...string) string {
	for _, name := range names {
		for _, a := range o.attrs {
			if a[0] == name {
				return a[1]
			}
		}
	}
	return ""
}

// all are the values of an attribute that may be given more than once.
func (o *object) all(names ...string) (list []string) {
	for _, a := range o.attrs {
		if slices.Contains(names, a[0]) {
			list = append(list, a[1])
		}
	}
	return list
}

// reading collects objects; rows are made once all are read.
type reading struct {
	b       *place.Builder
	in      place.Input
	objects []object
	prefix  string // of all names
	long    int    // values beyond the bound
}

var errObjects = fmt.Errorf("more than %d objects", maxObjects)

// open adds an object and returns its index.
func (r *reading) open(class string, parent int32) (int32, error) {
	if len(r.objects) >= maxObjects {
		return 0, errObjects
	}
	r.objects = append(r.objects, object{class: r.b.Intern(class), parent: parent, row: int32(len(r.objects) + 1)})
	return int32(len(r.objects) - 1), nil
}

// attribute holds a value of an object, if it is one of those that are read.
func (r *reading) attribute(o int32, name, value string) {
	name = strings.ToLower(name)
	if value = strings.TrimSpace(value); value == "" || !held[name] {
		return
	}
	if len(value) > maxText || len(r.objects[o].attrs) >= 1000 {
		r.long++
		return
	}
	r.objects[o].attrs = append(r.objects[o].attrs, [2]string{r.b.Intern(name), r.b.Intern(value)})
}

func read(ctx context.Context, b *place.Builder, in place.Input) error {
	r := &reading{b: b, in: in}
	first, rest, err := peek(in.Reader)
	if err != nil {
		return err
	}
	if first == '<' {
		err = r.xml(ctx, rest)
	} else {
		err = r.json(ctx, rest)
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if len(r.objects) == 0 {
		return cmp.Or(err, errors.New("no objects of the model in it"))
	}
	at := place.Origin{Source: in.Source, Row: int32(len(r.objects))}
	if err != nil {
		b.Gap(at, "", fmt.Sprintf("what stands behind this object can't be read: %v", err), true)
	}
	if r.long > 0 {
		b.Gap(place.Origin{Source: in.Source}, "", fmt.Sprintf("%d values are longer than %d bytes, or one of more than 1000 of their object", r.long, maxText), false)
	}
	r.rows()
	return nil
}
