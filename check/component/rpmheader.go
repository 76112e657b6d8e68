package component

import (
	"encoding/binary"
	"strconv"
	"strings"

	"github.com/wardein/wardein"
)

// Tags and types of rpm's header structure, as it stands in databases: number
// of entries, length of the store, entries of tag, type, offset, count, store
// (RPM 4.18, docs/manual/format.md; LSB 5.0 Core, 22.2.3).
const (
	rpmName, rpmVersion, rpmRelease, rpmEpoch = 1000, 1001, 1002, 1003
	rpmLicense, rpmArch, rpmSource            = 1014, 1022, 1044
	rpmInt32, rpmString, rpmTexts             = 4, 6, 9
	rpmMaxEntries, rpmMaxStore                = 0xffff, 256 << 20
	rpmKey                                    = "gpg-pubkey" // keys of signatures are listed like packages
)

// rpmPackages states the packages of an rpm database. What could be read is
// stated before an error is returned.
func rpmPackages(b wardein.Blob, kind string, out func(wardein.Fact)) error {
	m := &reader{out: out}
	return readRPM(b, kind, func(value []byte, off int64, whole int) {
		h := rpmHeader(value)
		if h == nil || h.text(rpmName) == rpmKey {
			return
		}
		version := h.text(rpmVersion)
		if r := h.text(rpmRelease); r != "" {
			version += "-" + r
		}
		if e := h.number(rpmEpoch); e > 0 {
			version = strconv.FormatUint(uint64(e), 10) + ":" + version
		}
		m.off, m.n = off, int64(min(whole, 8))
		if at := h.at[rpmName]; at > 0 && at+len(h.text(rpmName)) <= whole {
			m.off, m.n = off+int64(at), int64(len(h.text(rpmName)))
		}
		m.fields = map[string]string{"License": h.text(rpmLicense), "Architecture": h.text(rpmArch)}
		m.declare("rpm", h.text(rpmName), rpmSourceName(h.text(rpmSource)), version)
	})
}

// rpmSourceName is the name in that of a source package:
// bash-5.1.8-9.el9.src.rpm.
func rpmSourceName(s string) string {
	s, ok := strings.CutSuffix(s, ".rpm")
	for range 2 {
		at := strings.LastIndexByte(s, '-')
		if at < 1 || !ok {
			return ""
		}
		s = s[:at]
	}
	return s
}

// rpmTags are the wanted entries of a header.
type rpmTags struct {
	kind map[uint32]uint32
	at   map[uint32]int // of the value, from the header's first byte
	all  []byte
}

// rpmHeader reads a header; nil for what is none. Its store may be cut off.
func rpmHeader(b []byte) *rpmTags {
	if len(b) < 8 {
		return nil
	}
	be := binary.BigEndian
	n, size := int64(be.Uint32(b)), int64(be.Uint32(b[4:]))
	end := 8 + 16*n
	if n == 0 || n > rpmMaxEntries || size > rpmMaxStore || end > int64(len(b)) || end+size < int64(len(b)) {
		return nil
	}
	h := &rpmTags{kind: map[uint32]uint32{}, at: map[uint32]int{}, all: b}
	for e := b[8:end]; len(e) > 0; e = e[16:] {
		tag, kind, off, count := be.Uint32(e), be.Uint32(e[4:]), int64(be.Uint32(e[8:])), be.Uint32(e[12:])
		switch tag {
		case rpmName, rpmVersion, rpmRelease, rpmEpoch, rpmLicense, rpmArch, rpmSource:
			if _, twice := h.at[tag]; !twice && count > 0 && off < size && end+off < int64(len(b)) {
				h.kind[tag], h.at[tag] = kind, int(end+off)
			}
		}
	}
	if h.text(rpmName) == "" || h.text(rpmVersion) == "" {
		return nil
	}
	return h
}

// text is the string of a tag, at most 1 KiB of it.
func (h *rpmTags) text(tag uint32) string {
	at := h.at[tag]
	if k := h.kind[tag]; at == 0 || k != rpmString && k != rpmTexts {
		return ""
	}
	s, _, ok := strings.Cut(string(h.all[at:min(len(h.all), at+1024)]), "\x00")
	if !ok {
		return ""
	}
	return s
}

func (h *rpmTags) number(tag uint32) uint32 {
	at := h.at[tag]
	if at == 0 || h.kind[tag] != rpmInt32 || at+4 > len(h.all) {
		return 0
	}
	return binary.BigEndian.Uint32(h.all[at:])
}
