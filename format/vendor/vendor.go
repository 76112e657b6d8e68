// Package vendor opens the firmware containers that are no more than a header
// over payloads: a magic, fields, a checksum, slices. Each is one description
// (a layout) in the table below; layout.go is the engine that reads them.
//
// Every layout follows a source that Doc.References names. Where no source
// gives the layout of a part, the part is Opaque and a Gap says so.
package vendor

import (
	"encoding/binary"

	"github.com/wardein/wardein"
)

// Formats lists the containers of this package, in the order in which they
// are tried.
var Formats = formats(
	tplinkV1,
	tplinkV2,
	tplinkSafe,
	netgearCHK,
	netgearDNI,
	sercomm,
	seama("seama", binary.BigEndian, "\x5e\xa3\xa4\x17\x00\x00"),
	seama("seama-le", binary.LittleEndian, "\x17\xa4\xa3\x5e\x00\x00"),
	wrgg,
	dlinkSHRS,
	dlinkEncrypted,
	jbootSCH2,
	jbootARM,
	bcmTag,
	zynos,
	edimax("edimax-csys", binary.LittleEndian),
	edimax("edimax-csys-be", binary.BigEndian),
	cybertan,
	fwtoolInfo,
	fwtoolTrailer,
	avmEVA,
	buffaloENC,
	ubnt,
	senao,
	npk,
	matterOTA,
	sao,
	maxlinear("2", 10),
	maxlinear("3", 20),
	ambarella,
	arcadyan,
)

func formats(ls ...layout) []wardein.Format {
	out := make([]wardein.Format, len(ls))
	for i, l := range ls {
		out[i] = l.format()
	}
	return out
}
