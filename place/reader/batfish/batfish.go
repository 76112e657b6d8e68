// Package batfish reads the layer-1 topology that Batfish is given beside
// configurations (layer1_topology.json):
//
//	{"edges": [{"node1": {"hostname": …, "interfaceName": …}, "node2": {…}}]}
//
// It names ends of cables and nothing else. An element that only this file names
// is made of which nothing is known; other files and overlays tell the rest.
package batfish

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/internal/jsonrows"
	"github.com/wardein/wardein/place"
)

// Reader reads layer-1 topologies.
var Reader = place.Reader{
	Name: "batfish",
	Doc: wardein.Doc{
		About: "The layer-1 topology that Batfish takes beside configurations: which interface is cabled to which.",
		How:   "Each pair of interfaces is one link, given once or in both directions. Host names are matched with elements of other files without regard to case, since Batfish writes them small; elements that no file gives are made, and nothing is known of them.",
		Limits: []string{
			"Only the form that users give Batfish is read, not the answers of its questions.",
			"Where two elements differ in case alone, a name written otherwise is an element of its own.",
		},
		References: []string{"Batfish documentation: formatting snapshots, layer1_topology.json"},
	},
	Detect: func(_ string, head []byte) bool {
		return bytes.HasPrefix(bytes.TrimLeft(head, "\ufeff \t\r\n"), []byte("{")) && bytes.Contains(head, []byte(`"edges"`)) && bytes.Contains(head, []byte(`"node1"`)) && bytes.Contains(head, []byte(`"hostname"`))
	},
	Read: read,
}

type end struct{ Hostname, InterfaceName string }

func (e end) String() string { return e.Hostname + "[" + e.InterfaceName + "]" }

func read(ctx context.Context, b *place.Builder, in place.Input) error {
	d := jsonrows.New(in.Reader)
	if t, err := d.Token(); err != nil {
		return err
	} else if t != json.Delim('{') {
		return fmt.Errorf("found %v, want an object with edges", t)
	}
	at := place.Origin{Source: in.Source}
	seen := map[[2]string]bool{}
	found := false
	err := d.Object(func(name string) error {
		if name != "edges" {
			return d.Skip()
		}
		if t, err := d.Token(); err != nil {
			return err
		} else if t != json.Delim('[') {
			return fmt.Errorf("edges: found %v, want a list", t)
		}
		found = true
		return d.List(func() error {
			if at.Row++; at.Row%4096 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			var edge struct{ Node1, Node2 end }
			var unfit *jsonrows.Unfit
			if err := d.Decode(&edge); errors.As(err, &unfit) {
				b.Gap(at, "", err.Error(), true)
				return nil
			} else if err != nil {
				return err
			}
			add(b, at, edge.Node1, edge.Node2, seen)
			return nil
		})
	})
	if err == nil && !found {
		err = errors.New("no edges in it")
	}
	return err
}

// add adds the link of an edge. An edge and the one of the other direction are
// one link.
func add(b *place.Builder, at place.Origin, x, y end, seen map[[2]string]bool) {
	if x.Hostname == "" || y.Hostname == "" {
		b.Gap(at, "hostname", "an end has no name", true)
		return
	}
	pair := [2]string{strings.ToLower(x.String()), strings.ToLower(y.String())}
	if pair[1] < pair[0] {
		pair[0], pair[1] = pair[1], pair[0]
	}
	if seen[pair] {
		return
	}
	seen[pair] = true
	l := place.NewLink(at)
	l.ID, l.Layer = pair[0]+" "+pair[1], "L1"
	l.A, l.B = b.Intern(x.Hostname), b.Intern(y.Hostname)
	b.Mention(l.A, at)
	b.Mention(l.B, at)
	b.Link(l)
}
