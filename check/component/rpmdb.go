package component

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/wardein/wardein"
)

// Kinds of rpm databases, by their first bytes. Each holds the packages'
// headers under numbers.
//
//	Packages       Berkeley DB, a hash table; up to rpm 4.15
//	Packages.db    rpm's own ndb
//	rpmdb.sqlite   SQLite, from rpm 4.16 on
//
// References: Berkeley DB 5.3 src/dbinc/db_page.h; rpm lib/backend/ndb/rpmpkg.c;
// "Database File Format" of SQLite, sections 1.3, 1.6 and 2.1.
const (
	rpmBerkeley = "Berkeley DB"
	rpmNative   = "ndb"
	rpmSQLite   = "SQLite"
)

// maxHeader bounds what is read of one package's header: that of a kernel's
// sources has 8 MB, and what is wanted stands before its end.
const maxHeader = 16 << 20

// rpmDatabaseOf tells an rpm database of each kind; "" for other files.
func rpmDatabaseOf(b wardein.Blob) string {
	var head [32]byte
	if n, _ := b.ReadAt(head[:], 0); n < len(head) {
		return ""
	}
	const hash, hashMeta = 0x061561, 8
	le, be := binary.LittleEndian.Uint32(head[12:]), binary.BigEndian.Uint32(head[12:])
	switch {
	case (le == hash || be == hash) && head[25] == hashMeta:
		return rpmBerkeley
	case string(head[:4]) == "RpmP":
		return rpmNative
	case string(head[:16]) == "SQLite format 3\x00" && len(b.Hits(markRPM)) > 0:
		return rpmSQLite
	}
	return ""
}

// rpmDatabase reads the values of one database file. Each byte is read a
// bounded number of times, whatever the tables say.
type rpmDatabase struct {
	blob   wardein.Blob
	each   func(value []byte, off int64, whole int) // whole bytes of value stand at off in one piece
	page   []byte
	value  []byte
	budget int64 // bytes that may still be read
}

func readRPM(b wardein.Blob, kind string, each func(value []byte, off int64, whole int)) error {
	d := &rpmDatabase{blob: b, each: each, budget: 4*b.Size + 1<<16}
	switch kind {
	case rpmBerkeley:
		return d.berkeley()
	case rpmNative:
		return d.native()
	}
	return d.sqlite()
}

// at reads p at off.
func (d *rpmDatabase) at(p []byte, off int64) error {
	if d.budget -= int64(len(p)); d.budget < 0 {
		return fmt.Errorf("rpm database: more than four times its %d bytes are named", d.blob.Size)
	}
	n, err := d.blob.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if err == nil || err == io.EOF {
		return fmt.Errorf("rpm database: %d bytes at %#x, the file ends at %d", len(p), off, d.blob.Size)
	}
	return err
}

// take appends n bytes of the file to the value, as far as it may grow.
func (d *rpmDatabase) take(off, n int64) error {
	n = min(n, maxHeader-int64(len(d.value)))
	if n <= 0 {
		return nil
	}
	if off < 0 || off > d.blob.Size-n {
		return fmt.Errorf("rpm database: %d bytes at %#x, the file ends at %d", n, off, d.blob.Size)
	}
	at := len(d.value)
	d.value = append(d.value, make([]byte, n)...)
	return d.at(d.value[at:], off)
}

// berkeley goes over all pages: which bucket a value is in does not matter.
func (d *rpmDatabase) berkeley() error {
	const (
		hashUnsorted, overflow, hash = 2, 7, 13 // types of pages
		keyData, offPage             = 1, 3     // types of items
		pageHead                     = 26
	)
	var meta [72]byte
	if err := d.at(meta[:], 0); err != nil {
		return err
	}
	var order binary.ByteOrder = binary.LittleEndian
	if order.Uint32(meta[12:]) != 0x061561 {
		order = binary.BigEndian
	}
	size := int64(order.Uint32(meta[20:]))
	if size < 512 || size > 64<<10 || size&(size-1) != 0 {
		return fmt.Errorf("rpm database: page size %d, want a power of two from 512 to 65536", size)
	}
	d.page = make([]byte, size)
	var first error
	for off := size; off+size <= d.blob.Size; off += size {
		if err := d.at(d.page, off); err != nil {
			return err
		}
		p := d.page
		if p[25] != hash && p[25] != hashUnsorted {
			continue
		}
		items := min(int(order.Uint16(p[20:])), (int(size)-pageHead)/2)
		// Keys and values take turns; an item reaches to the one before it.
		for i := 1; i < items; i += 2 {
			at, end := int(order.Uint16(p[pageHead+2*i:])), int(order.Uint16(p[pageHead+2*i-2:]))
			if at >= int(size) || end > int(size) {
				continue
			}
			d.value = d.value[:0]
			switch {
			case p[at] == keyData && end > at+1:
				d.value = append(d.value, p[at+1:end]...)
				d.each(d.value, off+int64(at)+1, len(d.value))
			case p[at] == offPage && at+12 <= int(size):
				next, n := int64(order.Uint32(p[at+4:])), int64(order.Uint32(p[at+8:]))
				start := next*size + pageHead
				var err error
				for n > 0 && next > 0 && err == nil && len(d.value) < maxHeader {
					var head [pageHead]byte
					if err = d.at(head[:], next*size); err != nil {
						break
					}
					here := min(n, int64(order.Uint16(head[22:])), size-pageHead)
					if head[25] != overflow || here == 0 {
						err = fmt.Errorf("rpm database: page %d is of type %d and holds %d bytes, want part of a value", next, head[25], here)
						break
					}
					err = d.take(next*size+pageHead, here)
					n -= here
					next = int64(order.Uint32(head[16:]))
				}
				if err != nil {
					if first == nil {
						first = err
					}
					if d.budget < 0 {
						return err
					}
				}
				d.each(d.value, start, min(len(d.value), int(size)-pageHead))
			}
		}
	}
	return first
}

// native reads the slots of rpm's own format and the blobs that they name.
func (d *rpmDatabase) native() error {
	const slotSize, block, pageSize, blobHead, blobTail = 16, 16, 4096, 16, 12
	var head [32]byte
	if err := d.at(head[:], 0); err != nil {
		return err
	}
	le := binary.LittleEndian
	end := min(int64(le.Uint32(head[12:]))*pageSize, d.blob.Size)
	var first error
	slots := make([]byte, pageSize)
	for off := int64(len(head)); off+slotSize <= end; {
		b := slots[:min(int64(len(slots)), (end-off)/slotSize*slotSize)]
		if err := d.at(b, off); err != nil {
			return err
		}
		off += int64(len(b))
		for ; len(b) > 0; b = b[slotSize:] {
			index, at, n := le.Uint32(b[4:]), int64(le.Uint32(b[8:]))*block, int64(le.Uint32(b[12:]))*block
			if string(b[:4]) != "Slot" || index == 0 || at == 0 {
				continue
			}
			var blob [blobHead]byte
			err := d.at(blob[:], at)
			size := int64(le.Uint32(blob[12:]))
			if err == nil && (string(blob[:4]) != "BlbS" || le.Uint32(blob[4:]) != index || size > n-blobHead-blobTail) {
				err = fmt.Errorf("rpm database: no package %d of at most %d bytes at %#x", index, n, at)
			}
			if err == nil {
				d.value = d.value[:0]
				err = d.take(at+blobHead, size)
			}
			if err != nil {
				if first == nil {
					first = err
				}
				if d.budget < 0 {
					return err
				}
				continue
			}
			d.each(d.value, at+blobHead, len(d.value))
		}
	}
	return first
}
