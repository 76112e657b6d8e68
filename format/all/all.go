// Package all is the list of formats, in the order in which equal claims are
// preferred. A new format is one folder and one line here.
package all

import (
	"slices"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/format/androidboot"
	"github.com/wardein/wardein/format/androidsparse"
	"github.com/wardein/wardein/format/cpio"
	"github.com/wardein/wardein/format/data"
	"github.com/wardein/wardein/format/dtb"
	"github.com/wardein/wardein/format/elf"
	"github.com/wardein/wardein/format/ext"
	"github.com/wardein/wardein/format/gzip"
	"github.com/wardein/wardein/format/hwnp"
	"github.com/wardein/wardein/format/lzip"
	"github.com/wardein/wardein/format/lzma"
	"github.com/wardein/wardein/format/squashfs"
	"github.com/wardein/wardein/format/tar"
	"github.com/wardein/wardein/format/trx"
	"github.com/wardein/wardein/format/ubi"
	"github.com/wardein/wardein/format/ubifs"
	"github.com/wardein/wardein/format/uimage"
	"github.com/wardein/wardein/format/updateapp"
	"github.com/wardein/wardein/format/vendor"
	"github.com/wardein/wardein/format/xz"
)

// Formats returns all formats: what frames others first, leaves last.
func Formats() []wardein.Format {
	return slices.Concat(
		vendor.Formats,
		[]wardein.Format{
			hwnp.Format,
			updateapp.Format,
			uimage.Format,
			trx.Format,
			androidboot.Format,
			androidsparse.Format,
			dtb.FormatFIT,
			dtb.Format,
			squashfs.Format,
			ext.Format,
			ubi.Format,
			ubifs.Format,
			tar.Format,
			cpio.Format,
			cpio.FormatStripped,
			xz.Format,
			gzip.Format,
			lzip.Format,
			lzma.Format,
			elf.Format,
		},
		data.Formats,
	)
}
