// Package all is the list of formats, in the order in which equal claims are
// preferred. A new format is one folder and one line here.
package all

import (
	"slices"

	"github.com/wardein/wardein"
	"github.com/wardein/wardein/format/cpio"
	"github.com/wardein/wardein/format/ext"
	"github.com/wardein/wardein/format/gzip"
	"github.com/wardein/wardein/format/squashfs"
	"github.com/wardein/wardein/format/tar"
	"github.com/wardein/wardein/format/ubi"
	"github.com/wardein/wardein/format/ubifs"
	"github.com/wardein/wardein/format/uimage"
	"github.com/wardein/wardein/format/vendor"
)

// Formats returns all formats.
func Formats() []wardein.Format {
	return slices.Concat(
		[]wardein.Format{
			uimage.Format,
			squashfs.Format,
			ext.Format,
			ubi.Format,
			ubifs.Format,
			tar.Format,
			cpio.Format,
			gzip.Format,
		},
		vendor.Formats,
	)
}
