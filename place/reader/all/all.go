// Package all is the list of inventory readers, in the order of preference.
package all

import (
	"github.com/wardein/wardein/place"
	"github.com/wardein/wardein/place/reader/batfish"
	"github.com/wardein/wardein/place/reader/csv"
	"github.com/wardein/wardein/place/reader/netbox"
	"github.com/wardein/wardein/place/reader/nrm"
	"github.com/wardein/wardein/place/reader/tmf639"
	"github.com/wardein/wardein/place/reader/topology"
)

// Readers are all readers. A file is read by the first that knows it.
func Readers() []place.Reader {
	return []place.Reader{
		topology.Reader,
		netbox.Reader,
		nrm.Reader,
		batfish.Reader,
		tmf639.Reader,
		csv.Reader,
	}
}
