// Package vendor opens the firmware containers that are no more than a header
// over payloads: a magic, fields, a checksum, slices. Each is one description
// (a layout) in the table below; layout.go is the engine that reads them.
//
// Every layout follows a source that Doc.References names. Where no source
// gives the layout of a part, the part is Opaque and a Gap says so.
package vendor

import "github.com/wardein/wardein"

// Formats lists the containers of this package, in the order in which they
// are tried.
var Formats = formats(
	tplinkV1,
)

func formats(ls ...layout) []wardein.Format {
	out := make([]wardein.Format, len(ls))
	for i, l := range ls {
		out[i] = l.format()
	}
	return out
}
