package uefi

import (
	"testing"

	"github.com/wardein/wardein/internal/testkit"
)

// seal makes the headers of volumes and of the files in them add up to zero,
// so that damage gets past their sums.
func seal(d []byte) []byte {
	for at := 0; at+0x38 <= len(d); at += 8 {
		head := int(le.Uint16(d[at+0x30:]))
		if string(d[at+0x28:at+0x2C]) != "_FVH" || head > len(d)-at {
			continue
		}
		var sum uint16
		le.PutUint16(d[at+0x32:], 0)
		for i := 0; i+1 < head; i += 2 {
			sum += le.Uint16(d[at+i:])
		}
		le.PutUint16(d[at+0x32:], -sum)
		from := at + head
		if ext := at + int(le.Uint16(d[at+0x34:])); ext >= from && ext+20 <= len(d) {
			from = ext + int(min(le.Uint32(d[ext+16:]), uint32(len(d))))
		}
		sealFiles(d, from)
	}
	return d
}

func sealFiles(d []byte, at int) {
	for at = (at + 7) &^ 7; at+24 <= len(d); at = (at + 7) &^ 7 {
		head, size := 24, int(d[at+20])|int(d[at+21])<<8|int(d[at+22])<<16
		if d[at+19]&1 != 0 && at+32 <= len(d) {
			head, size = 32, int(min(le.Uint64(d[at+24:]), uint64(len(d))))
		}
		var sum byte
		for i, c := range d[at : at+head] {
			if i != 17 && i != 23 {
				sum += c
			}
		}
		d[at+16] -= sum
		if size < head || size == 0xFFFFFF {
			return
		}
		at += size
	}
}

func FuzzSealed(f *testing.F)       { testkit.FuzzSealed(f, Format, seal) }
func TestSealedDamage(t *testing.T) { testkit.Sealed(t, Format, seal) }
