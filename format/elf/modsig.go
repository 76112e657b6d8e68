package elf

import (
	"encoding/binary"
	"io"
)

// moduleMagic ends a signed kernel module.
const moduleMagic = "~Module signature appended~\n"

// moduleSignature returns the length of the signature that stands behind a
// signed kernel module: a DER PKCS#7 message, struct module_signature (12
// bytes, the message's length in the last four, big-endian) and the magic
// (Linux, include/linux/module_signature.h and scripts/sign-file.c).
func moduleSignature(r io.ReaderAt, end int64) int64 {
	var der [4]byte
	if n, _ := r.ReadAt(der[:], end); n < len(der) || der[0] != 0x30 || der[1] != 0x82 {
		return 0
	}
	size := int64(binary.BigEndian.Uint16(der[2:])) + int64(len(der))
	var tail [12 + len(moduleMagic)]byte
	if n, _ := r.ReadAt(tail[:], end+size); n < len(tail) || string(tail[12:]) != moduleMagic {
		return 0
	}
	if int64(binary.BigEndian.Uint32(tail[8:])) != size {
		return 0
	}
	return size + int64(len(tail))
}
