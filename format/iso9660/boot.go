package iso9660

import (
	"fmt"
	"sort"

	"github.com/wardein/wardein"
)

// image is one boot image that the El Torito catalog names.
type image struct {
	at, sectors int64 // place in the volume; 512-byte sectors that are loaded
	media       byte
	platform    byte
	bootable    bool
}

// Lengths of the images that emulate a floppy disk, by media type.
var floppies = [...]int64{1: 1_228_800, 2: 1_474_560, 3: 2_949_120}

var (
	platforms = map[byte]string{0: "x86", 1: "PowerPC", 2: "Mac", 0xEF: "EFI"}
	medias    = [...]string{"no emulation", "1.2 MB floppy", "1.44 MB floppy", "2.88 MB floppy", "hard disk"}
)

// bootCatalog reads the El Torito boot catalog: 32-byte entries, first the
// validation entry, then the default entry, then sections.
func (v *volume) bootCatalog(at int64) (list []image) {
	if at == 0 {
		return nil
	}
	b := make([]byte, sector)
	if n, _ := v.r.ReadAt(b, at); n < 64 {
		v.gap("", wardein.Damaged, at, 0, "boot catalog at %#x: image ends at %#x", at, v.r.Size())
		return nil
	}
	sum := uint16(0)
	for i := 0; i < 32; i += 2 {
		sum += le.Uint16(b[i:])
	}
	if b[0] != 1 || sum != 0 || b[30] != 0x55 || b[31] != 0xAA {
		v.gap("", wardein.Damaged, at, 32, "boot catalog at %#x: validation entry begins with %d, its words add up to %#x, expected 1 and 0", at, b[0], sum)
		return nil
	}
	platform := b[1]
	add := func(e []byte) {
		m := image{at: int64(le.Uint32(e[8:])) * sector, sectors: int64(le.Uint16(e[6:])), media: e[1] & 15, platform: platform, bootable: e[0] == 0x88}
		if m.at > 0 && m.at < v.r.Size() {
			list = append(list, m)
			v.boot[m.at] = ""
		} else {
			v.gap("", wardein.Damaged, at, 0, "boot image %d at %#x: image ends at %#x", len(list)+1, m.at, v.r.Size())
		}
	}
	add(b[32:64])
	pos := 64
	for pos+32 <= len(b) {
		head := b[pos : pos+32]
		if head[0] != 0x90 && head[0] != 0x91 {
			break
		}
		platform = head[1]
		pos += 32
		for left := int(le.Uint16(head[2:])); left > 0 && pos+32 <= len(b); pos += 32 {
			if b[pos] != 0x44 { // 0x44: goes on with the entry before
				add(b[pos : pos+32])
				left--
			}
		}
		if head[0] == 0x91 {
			break
		}
	}
	v.boot[at] = ""
	v.catalog = int64(pos)
	return list
}

// bootImages hands out the boot images, when all files are known.
func (v *volume) bootImages(list []image, catalog int64) error {
	if catalog == 0 {
		return nil
	}
	if path := v.boot[catalog]; path != "" {
		v.out.Note("boot catalog", path)
	} else if v.catalog > 0 {
		v.mark(catalog, v.catalog, "boot catalog")
	}
	for i, m := range list {
		name := fmt.Sprintf("[boot]/image-%d", i+1)
		platform, ok := platforms[m.platform]
		if !ok {
			platform = fmt.Sprintf("platform %#x", m.platform)
		}
		media := fmt.Sprintf("media %d", m.media)
		if int(m.media) < len(medias) {
			media = medias[m.media]
		}
		text := platform + ", " + media
		if !m.bootable {
			text += ", not bootable"
		}
		v.out.Note(fmt.Sprintf("boot image %d", i+1), text)
		if path := v.boot[m.at]; path != "" {
			if err := v.out.Entry(wardein.Entry{Name: name, Kind: wardein.HardLink, Target: path}); err != nil {
				return err
			}
			continue
		}
		n := max(1, m.sectors) * 512
		if m.media > 0 && int(m.media) < len(floppies) {
			n = floppies[m.media]
		}
		if m.media == 4 {
			n = v.diskLength(m.at, n)
		}
		if m.sectors <= 1 && m.media == 0 && m.platform == 0xEF {
			// 0 or 1: too long to tell, or up to the end of the volume. It
			// ends at the latest where the next image begins.
			n = v.nextImage(list, m.at) - m.at
		}
		n = min(n, v.r.Size()-m.at)
		if err := v.out.Extents(wardein.Entry{Name: name}, []wardein.Extent{{Off: m.at, Len: n}}); err != nil {
			return err
		}
	}
	return nil
}

// diskLength reads the partition table of a hard disk's image.
func (v *volume) diskLength(at, n int64) int64 {
	b := make([]byte, 512)
	if k, _ := v.r.ReadAt(b, at); k < len(b) || b[510] != 0x55 || b[511] != 0xAA {
		return n
	}
	for i := 446; i < 510; i += 16 {
		n = max(n, (int64(le.Uint32(b[i+8:]))+int64(le.Uint32(b[i+12:])))*512)
	}
	return n
}

func (v *volume) nextImage(list []image, at int64) int64 {
	next := v.r.Size()
	sort.Slice(v.starts, func(i, j int) bool { return v.starts[i] < v.starts[j] })
	if i := sort.Search(len(v.starts), func(i int) bool { return v.starts[i] > at }); i < len(v.starts) {
		next = v.starts[i]
	}
	for _, m := range list {
		if m.at > at {
			next = min(next, m.at)
		}
	}
	return next
}
