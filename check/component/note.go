package component

import (
	"bytes"
	"encoding/json"
	"io"

	"github.com/wardein/wardein/exe"
)

// maxNotes is how much of a segment of notes is read.
const maxNotes = 64 << 10

// A note of package metadata: owner "FDO", this type, JSON.
// https://systemd.io/PACKAGE_METADATA_FOR_EXECUTABLE_FILES
const packageNote = 0xcafe1a7e

// systems are the databases that a note's "type" stands for.
var systems = map[string]string{"deb": "dpkg", "rpm": "rpm", "apk": "apk", "ipk": "opkg", "opkg": "opkg"}

// packaged states the package that the program says it was built as: Fedora,
// Ubuntu and some of Debian's packages write it into each file.
func (f *file) packaged() error {
	for i := range f.exe.Segments {
		s := &f.exe.Segments[i]
		if s.Type != exe.SegmentNote || !s.InFile {
			continue
		}
		b := make([]byte, min(s.FileSize, maxNotes))
		if n, err := f.blob.ReadAt(b, int64(s.Off)); n < len(b) {
			if err == nil || err == io.EOF {
				continue
			}
			return err
		}
		align := uint64(4)
		if s.Aligned == 8 {
			align = 8
		}
		for at := uint64(0); uint64(len(b))-at >= 16; {
			u32 := func(k uint64) uint64 { return uint64(f.exe.Order.Uint32(b[at+k:])) }
			desc := at + (12+u32(0)+align-1)&^(align-1)
			end := desc + u32(4)
			if end > uint64(len(b)) {
				break
			}
			if u32(0) == 4 && u32(8) == packageNote && string(b[at+12:at+16]) == "FDO\x00" {
				var p struct{ Type, Name, Version string }
				text := bytes.TrimRight(b[desc:end], "\x00")
				if json.Unmarshal(text, &p) == nil && systems[p.Type] != "" {
					f.declare(systems[p.Type], p.Name, p.Version, int64(s.Off+desc), int64(len(text)))
				}
				return nil
			}
			at = min(uint64(len(b)), (end+align-1)&^(align-1))
		}
	}
	return nil
}
